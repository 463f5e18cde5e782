"""One door for ``--method``: recipes, networks, files, folders and commands, ours or anybody's.

Importing this imports no torch; recipes, folders and commands are opened without it.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hvdbench.catalog import FILE_FORMS, NETWORKS, NamedPreset, import_thing, resolve
from hvdbench.errors import InputError, RecipeError, UnknownNameError
from hvdbench.methods.foreign.command import split_command
from hvdbench.methods.recipe import Method, MethodSettings, build_method, load_method
from hvdbench.recipe import Recipe, recipe_names

FORMS = (
    "a recipe's name or .toml file",
    "a network's name",
    "their_pkg.net:Net",
    "torchscript:FILE",
    "onnx:FILE",
    "spandrel:FILE",
    "folder:PATH",
    "'command:WORDS with {input} and {output}'",
)
"""What ``--method`` takes, for help texts and messages."""

_SUFFIXES = {".ts": "torchscript", ".torchscript": "torchscript", ".onnx": "onnx"}
_CHECKPOINTS = (".pth", ".pt", ".tar", ".ckpt", ".safetensors")
_IMPORT = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]*")
_SCRIPTS = (".py", ".sh", ".exe")
_INTERPRETERS = re.compile(r"(python|bash|sh|env|uv|run|conda|time)[\d.]*")


@dataclass(frozen=True)
class _Found:
    """What a reference stands for: a scheme with settings, and words for a board."""

    scheme: str
    settings: dict[str, Any]
    name: str
    title: str


def open_method(
    reference: str,
    *,
    weights: Path | None = None,
    name: str | None = None,
    settings: Mapping[str, Any] | None = None,
    trust: bool = False,
) -> Method:
    """Open whatever restores clips.

    Looked for in this order: a form that is written out (``onnx:FILE`` …), a recipe, an import string, an existing
    folder, an existing file, a network of the catalogue. What is opened is tried at once, so that a mistake is said
    before a long run.

    Args:
        reference: one of :data:`FORMS`, or the path of a folder of result frames, or of a ``.ts``, ``.pt``
            (TorchScript) or ``.onnx`` file.
        weights: a checkpoint of a network, the name of known weights, or a file for a command's ``{weights}``. Those
            of a method that is trained by hvdbench are only checked when they are loaded.
        name: on boards and of the folder of runs; default: the recipe's, else made from what is opened.
        settings: of the scheme, laid over the recipe's or the usual ones (``{"spec": {"size_multiple": 8}}``).
        trust: let a recipe's file name code to run, wherever it lies; what the caller names needs no trust.

    Returns:
        The method; its digest covers files by what they hold.

    Raises:
        UnknownNameError: nothing goes by this name.
        RecipeError: an unknown key or a value out of range.
        InputError: it is there and cannot be used, or the name can be none.
        WeightsError: weights are missing, damaged, or of another network.
        TrustError: a recipe's file names code to run and is not trusted.
    """
    over = dict(settings or {})
    if _is_recipe(reference):
        method = _open_recipe(reference, weights, over, trust)
    else:
        method = _build(reference, _read(reference), weights, over)
    if name is not None:
        method = _renamed(method, name)
    if hasattr(method.scheme, "check"):
        method.scheme.check()
    return method


def parse_settings(texts: Iterable[str]) -> dict[str, Any]:
    """Read ``key=value`` or ``table.key=value``: the value as TOML, else as plain text.

    Raises:
        RecipeError: there is no ``=``, or a key is given twice.
    """
    table: dict[str, Any] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        *parents, last = [part.strip() for part in key.split(".")]
        if not separator or not last or not all(parents):
            raise RecipeError(f"setting '{text}' is not of the form key=value")
        place = table
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise RecipeError(f"setting '{text}': '{parent}' has a value already")
        if last in place:
            raise RecipeError(f"setting '{key.strip()}' is given twice")
        place[last] = _value(value.strip())
    return table


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _is_recipe(reference: str) -> bool:
    bare = NamedPreset.parse(reference).name
    return bare.endswith(".toml") or bare in recipe_names("methods")


def _open_recipe(reference: str, weights: Path | None, over: dict[str, Any], trust: bool) -> Method:
    method = load_method(reference, overrides=over, trust=trust)
    if weights is None or not _takes_weights(reference, type(method.scheme)):
        return method
    return load_method(reference, overrides=over | {"weights": str(weights)}, trust=trust)


def _build(reference: str, found: _Found, weights: Path | None, over: dict[str, Any]) -> Method:
    settings = found.settings | over
    bare, title = found.name, found.title
    if weights is not None and _takes_weights(reference, resolve("scheme", found.scheme)):
        settings["weights"] = str(weights)
    if settings.get("weights"):
        file = Path(str(settings["weights"]))
        stem = _clean(file.stem)
        bare = stem if stem.startswith(bare) else f"{bare}-{stem}"
        title = f"{title}, weights {file.name}"
    if bare in recipe_names("methods"):  # a recipe's rows on a board stay its own
        bare = f"{bare}-{_clean(found.scheme)}"
    values = MethodSettings(title=title, scheme=found.scheme, settings=settings, note="A model of others, as it is.")
    return build_method(reference, Recipe(bare, values))


def _takes_weights(reference: str, scheme_class: Any) -> bool:
    """Tell whether weights are one of a scheme's settings; not where they come from a training by hvdbench.

    Raises:
        InputError: it takes none at all.
    """
    if hasattr(scheme_class, "objective"):
        return False
    if "weights" in scheme_class.Settings.model_fields:
        return True
    raise InputError(f"method '{reference}' takes no weights: leave them out")


def _read(reference: str) -> _Found:
    """Tell which form a reference has."""
    form, separator, rest = reference.partition(":")
    if separator and form == "command":
        return _Found("command", {"command": rest}, _command_name(rest), f"The command {rest}")
    if separator and form == "folder":
        return _folder(Path(rest))
    if separator and form in FILE_FORMS:
        return _file(form, Path(rest))
    if separator and _IMPORT.fullmatch(NamedPreset.parse(reference).name):
        return _imported(reference)
    path = Path(reference)
    if path.is_dir():
        return _folder(path)
    if path.suffix in _SUFFIXES:
        return _file(_SUFFIXES[path.suffix], path)
    if path.is_file():
        return _unsaid(path)
    if NamedPreset.parse(reference).name in NETWORKS:
        return _Found("network", {"network": reference}, reference, f"The network {reference}")
    raise UnknownNameError(_unknown(reference))


def _folder(path: Path) -> _Found:
    name = _clean(path.resolve().name)
    return _Found("folder", {"folder": str(path)}, name, f"The frames of the folder {path.name or path}")


def _file(form: str, path: Path) -> _Found:
    return _Found("network", {"network": f"{form}:{path}"}, _clean(path.stem), f"The {form} file {path.name}")


def _imported(reference: str) -> _Found:
    """Take an import string for a scheme where it names one, else for a network."""
    name = _clean(reference.partition(":")[2])
    thing = import_thing("method", NamedPreset.parse(reference).name)
    if isinstance(thing, type) and hasattr(thing, "restore") and hasattr(thing, "Settings"):
        return _Found(reference, {}, name, f"The method {reference}")
    return _Found("network", {"network": reference}, name, f"The network {reference}")


def _unsaid(path: Path) -> _Found:
    """Open a file whose name does not say what it is, or say how it could be meant.

    Raises:
        InputError: it is a checkpoint, which does not say of which network, or no file of a model.
    """
    if path.suffix in _CHECKPOINTS:
        from hvdbench.methods.foreign.torchscript import is_torchscript
        from hvdbench.weights.checkpoints import read_checkpoint
        from hvdbench.weights.fitting import guess_network

        if is_torchscript(path):
            return _file("torchscript", path)
        guess = guess_network(read_checkpoint(path).state_dict) or "NETWORK"
        raise InputError(
            f"{path} is a checkpoint, which holds no network: give --method {guess} --weights {path}, or "
            f"--method spandrel:{path}"
        )
    raise InputError(f"{path} is no model: {_forms()}")


def _renamed(method: Method, name: str) -> Method:
    """Give a method another name.

    Raises:
        InputError: it cannot be a folder's, or belongs to a recipe.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"'{name}' cannot be a method's name: letters, digits and . _ - + @ make one")
    if name != method.name and name in recipe_names("methods"):
        raise InputError(f"'{name}' is the name of a recipe, whose rows are its own: choose another")
    return Method(method.reference, Recipe(name, method.recipe.values), method.scheme)


def _clean(text: str) -> str:
    """Turn any text into a name that can be a folder's."""
    return re.sub(r"[^A-Za-z0-9._@+-]+", "_", text).strip("._-@+") or "model"


def _command_name(template: str) -> str:
    """Name a command by its script: the first word that is no interpreter, option or placeholder."""
    for word in split_command(template):
        path = Path(word)
        if path.suffix in _SCRIPTS:
            return _clean(path.stem)
        if not (_INTERPRETERS.fullmatch(path.name) or word.startswith("-") or "{" in word or "=" in word):
            return _clean(path.name)
    return "command"


def _unknown(reference: str) -> str:
    known = [*recipe_names("methods"), *NETWORKS]
    near = difflib.get_close_matches(NamedPreset.parse(reference).name, known, n=2)
    hint = "; did you mean " + " or ".join(f"'{name}'" for name in near) + "?" if near else ""
    there = f"; there is no file or folder {reference}" if os.sep in reference or Path(reference).suffix else ""
    return f"no method '{reference}'{hint}{there} ({_forms()})"


def _forms() -> str:
    return f"--method takes {', '.join(FORMS[:-1])} or {FORMS[-1]}"
