"""Find the project's own read-only folders, the folders of sources and of weights, and those that are trusted.

No other module looks for them. Recipes and trajectories are packages below ``hvdbench`` in a wheel, and folders beside
it in a checkout or an editable install; those in ``HVDBENCH_HOME`` come first. The folders of sources and of weights
are named by environment variables, or else by the user's configuration file, which is the one that ``HVDBENCH_CONFIG``
names, or else ``~/.config/hvdbench/config.toml``::

    weights = "/data/weights"
    trusted = ["/data/our-recipes"]

    [roots]
    gopro = "/data/GOPRO_Large_all"
"""

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hvdbench.errors import InputError
from hvdbench.workspace.parsing import read_toml

ROOTED_SOURCES = ("folder", "gopro", "reds")  # those of the catalogue; a test compares the two
_WITH_ROOTS = (*ROOTED_SOURCES, "photos")  # of which the last can do without, if none of its files is asked for
CONFIG_VARIABLE = "HVDBENCH_CONFIG"
_FILES_TOO = frozenset({"folder", "photos"})  # sources whose root may also be a file, one video
_KEYS = ("roots", "trusted", "weights")
_LONGEST_NAME = 255
"""Bytes of a name on every common file system."""
_PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class UserConfig:
    """The contents of the user's configuration file.

    Attributes:
        file: the path of the file, or None if there is none.
        roots: folders of sources.
        weights: the folder of downloaded weights.
        trusted: folders whose recipes may run code that they name, also from the folders below them.
    """

    file: Path | None = None
    roots: Mapping[str, Path] = field(default_factory=dict)
    weights: Path | None = None
    trusted: tuple[Path, ...] = ()


def home() -> Path | None:
    """Return the folder that ``HVDBENCH_HOME`` names, or None if it is unset.

    Raises:
        InputError: if the variable is set but does not name a folder.
    """
    value = os.environ.get("HVDBENCH_HOME")
    if value and not Path(value).is_dir():
        raise InputError(f"HVDBENCH_HOME names {value}, which is not a folder: correct or unset it")
    return Path(value) if value else None


def home_folder(name: str) -> Path:
    """Find the folder ``name`` (``recipes`` or ``trajectories``) that this installation reads.

    Raises:
        InputError: if ``HVDBENCH_HOME`` is set but is not a folder, or the installation lacks the folder.
    """
    own = home()
    candidates = [own / name] if own else []
    candidates += [_PACKAGE / name, _PACKAGE.parent / name]
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise InputError(
        f"this installation has no folder '{name}' (looked for {', '.join(map(str, candidates))}): reinstall it"
    )


def configured_root(source: str) -> Path | None:
    """Return the folder of a source that ``HVDBENCH_<SOURCE>_ROOT`` or else the configuration file names, or None.

    Raises:
        InputError: if the variable or the file names something else than a folder, or the file is not valid.
    """
    found = root_setting(source)
    return found[0] if found else None


def root_setting(source: str) -> tuple[Path, str] | None:
    """Return the folder of a source and the setting that names it, e.g. ``HVDBENCH_GOPRO_ROOT``, or None.

    Raises:
        InputError: under the conditions of :func:`configured_root`.
    """
    variable = root_variable(source)
    value = os.environ.get(variable)
    if value:
        if not _is_root(Path(value), source):
            raise InputError(f"{variable} names {value}, which is not a folder: correct or unset it")
        return Path(value), variable
    config = read_config()
    root = config.roots.get(source)
    if root is None:
        return None
    if not _is_root(root, source):
        raise InputError(f"{config.file}: [roots] {source} names {root}, which is not a folder: correct or remove it")
    return root, f"{config.file}, [roots] {source}"


def root_variable(source: str) -> str:
    """Return the environment variable that names the root folder of a source, e.g. ``HVDBENCH_GOPRO_ROOT``."""
    return f"HVDBENCH_{source.upper()}_ROOT"


def how_to_set_root(source: str) -> str:
    """Return a phrase that explains where the user may name a source's folder, apart from ``--root``."""
    return f"{root_variable(source)}, or [roots] {source} in {config_path()}"


def weights_folder() -> Path:
    """Return the folder of downloaded weights.

    ``HVDBENCH_WEIGHTS`` names it, or else the configuration file; without either, it lies below ``~/.cache``.

    Raises:
        InputError: if the configuration file is not valid.
    """
    value = os.environ.get("HVDBENCH_WEIGHTS")
    if value:
        return at_home(value)
    return read_config().weights or Path.home() / ".cache" / "hvdbench" / "weights"


def is_trusted(file: Path) -> bool:
    """Return whether a file may run code that it names, because it lies in a folder that the user trusts.

    Trusted folders are the folder of recipes, ``HVDBENCH_HOME``, and the folders that the configuration file lists as
    ``trusted``. A link is trusted if the file that it leads to is.

    Raises:
        InputError: under the conditions of :func:`home_folder` and :func:`read_config`.
    """
    place = file.resolve()
    own = home()
    folders = [home_folder("recipes"), *([own] if own else [])]
    if any(place.is_relative_to(folder.resolve()) for folder in folders):
        return True
    return any(place.is_relative_to(folder.resolve()) for folder in read_config().trusted)


def config_path() -> Path:
    """Return the path of the configuration file, which need not exist.

    ``HVDBENCH_CONFIG`` names it; otherwise it is ``hvdbench/config.toml`` in the XDG folder.
    """
    value = os.environ.get(CONFIG_VARIABLE)
    if value:
        return Path(value)
    base = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".config") / "hvdbench" / "config.toml"


def read_config() -> UserConfig:
    """Read the user's configuration file; without one, nothing is configured.

    Folders are relative to the file; ``~`` is the user's home. A folder need not exist until it is needed.

    Raises:
        InputError: if the file that ``HVDBENCH_CONFIG`` names does not exist, or if a file is not TOML, has an unknown
            key, or has a value of the wrong kind.
    """
    path = config_path()
    if not path.is_file():
        if os.environ.get(CONFIG_VARIABLE):
            raise InputError(f"{CONFIG_VARIABLE} names {path}, which is not a file: correct or unset it")
        return UserConfig()
    try:
        table = read_toml(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is not TOML: {error}") from error
    _check_keys(f"{path}", table, _KEYS)
    roots = table.get("roots", {})
    if not isinstance(roots, dict):
        raise InputError(
            f'{path}: roots must be a table: write [roots], and below it e.g. gopro = "/data/GOPRO_Large_all"'
        )
    _check_keys(f"{path}: [roots]", (name for name in roots if ":" not in name), _WITH_ROOTS)
    return UserConfig(
        file=path,
        roots={name: _folder(path, f"[roots] {name}", value) for name, value in roots.items()},
        weights=_folder(path, "weights", table["weights"]) if "weights" in table else None,
        trusted=_folders(path, "trusted", table.get("trusted", [])),
    )


def at_home(text: str) -> Path:
    """Return a path whose leading ``~`` or ``~user`` is that user's home.

    Raises:
        InputError: if there is no such user, the home is not known, or no file can have this name.
    """
    if "\0" in text or any(len(part.encode(errors="replace")) > _LONGEST_NAME for part in text.split("/")):
        raise InputError(
            f"no file can be called {text[:80]!a}: a name has at most {_LONGEST_NAME} bytes, and none of them is zero"
        )
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise InputError(
            f"the home folder that {text[:80]!a} begins with is not known: write the whole path"
        ) from error


def _check_keys(where: str, keys: Iterable[str], known: tuple[str, ...]) -> None:
    for key in keys:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise InputError(f"{where}: unknown key '{key}'{hint} (known: {', '.join(known)})")


def _folder(file: Path, key: str, value: object) -> Path:
    if not isinstance(value, str) or not value:
        raise InputError(f"{file}: {key} must be a folder's path in quotes, found {value!r}")
    return file.parent.absolute() / at_home(value)


def _folders(file: Path, key: str, value: object) -> tuple[Path, ...]:
    if not isinstance(value, list):
        raise InputError(f'{file}: {key} must be a list of folders, e.g. {key} = ["/data/recipes"], found {value!r}')
    return tuple(_folder(file, key, entry) for entry in value)


def _is_root(path: Path, source: str) -> bool:
    return path.is_dir() or (source in _FILES_TOO and path.is_file())
