"""Where the project's own read-only folders lie: recipes and trajectories.

Nothing else in the package looks for them. In a wheel they are packages below ``hvdbench``; in a checkout or an
editable install they stand beside it; ``HVDBENCH_HOME`` comes before both.
"""

import os
from pathlib import Path

from hvdbench.errors import InputError

_PACKAGE = Path(__file__).resolve().parent


def home_folder(name: str) -> Path:
    """Find the folder ``name`` (``recipes`` or ``trajectories``) that this installation reads.

    Raises:
        InputError: ``HVDBENCH_HOME`` is set but is no folder, or the installation lacks the folder.
    """
    home = os.environ.get("HVDBENCH_HOME")
    if home and not Path(home).is_dir():
        raise InputError(f"HVDBENCH_HOME names {home}, which is not a folder: correct or unset it")
    candidates = [Path(home) / name] if home else []
    candidates += [_PACKAGE / name, _PACKAGE.parent / name]
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise InputError(
        f"this installation has no folder '{name}' (looked at {', '.join(map(str, candidates))}): reinstall it"
    )


def configured_root(source: str) -> Path | None:
    """Give the folder that ``HVDBENCH_<SOURCE>_ROOT`` names, None where it is unset.

    Raises:
        InputError: the variable is set but names no folder.
    """
    variable = root_variable(source)
    value = os.environ.get(variable)
    if not value:
        return None
    if not Path(value).is_dir():
        raise InputError(f"{variable} names {value}, which is not a folder: correct or unset it")
    return Path(value)


def root_variable(source: str) -> str:
    """Name the environment variable that holds the root folder of a source, e.g. ``HVDBENCH_GOPRO_ROOT``."""
    return f"HVDBENCH_{source.upper()}_ROOT"


def weights_folder() -> Path:
    """Name the folder of downloaded weights: ``HVDBENCH_WEIGHTS``, else ``~/.cache/hvdbench/weights``."""
    return Path(os.environ.get("HVDBENCH_WEIGHTS") or Path.home() / ".cache" / "hvdbench" / "weights")
