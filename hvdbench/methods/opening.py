"""Open what ``--method`` names: recipes, networks, files, folders and commands, hvdbench's own and foreign ones.

A method is opened once. The resulting object knows its name, its scheme and its weights, and is passed on in place of
the name. Importing this module does not import torch; recipes, folders and commands are opened without it.
"""

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hvdbench.catalog import NETWORKS, NamedPreset
from hvdbench.errors import InputError, UnknownNameError, WeightsError
from hvdbench.methods.foreign.command import split_command
from hvdbench.methods.recipe import Method, MethodSettings, build_method, load_method
from hvdbench.methods.scheme_check import AnyScheme, looks_like_scheme, scheme_class
from hvdbench.recipe import Recipe, recipe_names
from hvdbench.video.container import FILM_SUFFIXES
from hvdbench.weights.finding import find_weights
from hvdbench.workspace.imports import FILE_FORMS, import_thing

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
"""The forms that ``--method`` takes, for help texts and messages."""

_SMALL = "_small"
_SUFFIXES = {".ts": "torchscript", ".torchscript": "torchscript", ".onnx": "onnx"}
_IMPORT = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]*")
_SCRIPTS = (".py", ".sh", ".exe")
_INTERPRETERS = re.compile(r"(python|bash|sh|env|uv|run|conda|time)[\d.]*")


@dataclass(frozen=True)
class _Found:
    """The meaning of a reference: a scheme with its settings, and its name and title on a board."""

    scheme: str
    settings: dict[str, object]
    name: str
    title: str


def open_method(
    reference: str,
    *,
    weights: Path | None = None,
    name: str | None = None,
    settings: Mapping[str, object] | None = None,
    trust: bool = False,
) -> Method:
    """Open a method: anything that restores clips.

    The reference is tried in this order: a form that is written out (``onnx:FILE`` …), a recipe, an import string, an
    existing folder, an existing file, a network of the catalogue. The method is checked at once, so that a mistake
    shows before a long run.

    Args:
        reference: one of :data:`FORMS`, or the path of a folder of result frames, or of a ``.ts``, ``.pt``
            (TorchScript) or ``.onnx`` file.
        weights: checkpoint of a network or of a method that is trained by hvdbench, name of known weights, or file
            for a command's ``{weights}``.
        name: name on boards and of the folder of runs; None for the recipe's, or for one made from the reference.
        settings: settings of the scheme that replace the recipe's or the usual ones
            (``{"spec": {"size_multiple": 8}}``).
        trust: whether import strings and commands inside a recipe's file may run.

    Returns:
        The method; its digest covers the content of files.

    Raises:
        UnknownNameError: if there is nothing of this name.
        RecipeError: if a key is unknown, or a value is out of range.
        InputError: if the method exists but cannot be used, a hook of its scheme is misspelt or missing, or ``name``
            cannot be a method's name.
        WeightsError: if weights are missing, damaged, or of another network.
        TrustError: if a recipe's file names code to run and is not trusted.
    """
    over = dict(settings or {})
    if _is_recipe(reference):
        method = _open_recipe(reference, weights, over, trust)
    else:
        method = _build(reference, _read(reference), weights, over)
    if name is not None:
        method = _renamed(method, name)
    method.scheme.check()
    return method


def open_tiny(method: Method, *, trust: bool = False) -> Method:
    """Open a method's tiny size, which replaces it where it has no weights; its name ends in ``@tiny``.

    Args:
        method: method at its full size.
        trust: whether import strings and commands inside a recipe's file may run.

    Raises:
        HvdbenchError: under the conditions of :func:`open_method`, or if the method has no tiny size.
    """
    name = None if method.label is None else str(NamedPreset.parse(method.label).tiny)
    tiny = open_method(str(NamedPreset.parse(method.reference).tiny), name=name, trust=trust)
    return replace(tiny, stands_in_for=method.reference)


def is_small(method: Method) -> bool:
    """Return whether a method is the tiny size of another, or its recipe for a small network."""
    return method.preset is not None or method.recipe.name.endswith(_SMALL)


def open_small(method: Method, *, trust: bool = False) -> Method | None:
    """Open the recipe ``<name>_small``, which replaces a method that has no weights; return None if there is none.

    Such a recipe fits a small network to the clips from weights inside the package.

    Args:
        method: method at its full size.
        trust: whether import strings and commands inside a recipe's file may run.

    Raises:
        HvdbenchError: under the conditions of :func:`open_method`.
    """
    small = f"{method.recipe.name}{_SMALL}"
    if method.reference != method.recipe.name or small not in recipe_names("methods"):
        return None
    name = None if method.label is None else f"{method.label}{_SMALL}"
    return replace(open_method(small, name=name, trust=trust), stands_in_for=method.reference)


def _is_recipe(reference: str) -> bool:
    bare = NamedPreset.parse(reference).name
    return bare.endswith(".toml") or bare in recipe_names("methods")


def _open_recipe(reference: str, weights: Path | None, over: dict[str, object], trust: bool) -> Method:
    method = load_method(reference, overrides=over, trust=trust)
    if weights is None:
        return method
    if method.is_trained:
        return method.with_weights(find_weights(str(weights)))
    _check_takes_weights(reference, type(method.scheme))
    return load_method(reference, overrides=over | {"weights": str(weights)}, trust=trust)


def _build(reference: str, found: _Found, weights: Path | None, over: dict[str, object]) -> Method:
    settings = found.settings | over
    bare, title = found.name, found.title
    kind = scheme_class(found.scheme)
    if weights is not None and not kind.is_trained:
        _check_takes_weights(reference, kind)
        settings["weights"] = str(weights)
    if settings.get("weights"):
        file = Path(str(settings["weights"]))
        stem = _clean(file.stem)
        bare = stem if stem.startswith(bare) else f"{bare}-{stem}"
        title = f"{title}, weights {file.name}"
    if bare in recipe_names("methods"):  # keeps the rows of this method and of the recipe apart on boards
        bare = f"{bare}-{_clean(found.scheme)}"
    values = MethodSettings(title=title, scheme=found.scheme, settings=settings, note="A model of others, as it is.")
    method = build_method(reference, Recipe(bare, values))
    if weights is None or not kind.is_trained:
        return method
    return method.with_weights(find_weights(str(weights)))


def _check_takes_weights(reference: str, kind: type[AnyScheme]) -> None:
    """Raise an InputError if a scheme has no setting for weights."""
    if "weights" not in kind.Settings.model_fields:
        raise InputError(f"method '{reference}' takes no weights: leave them out")


def _read(reference: str) -> _Found:
    """Find out which form a reference has, and what it stands for."""
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
    if path.suffix.lower() in _SUFFIXES:  # .ts is TorchScript here; folder:FILE takes one that is a video
        return _file(_SUFFIXES[path.suffix.lower()], path)
    if path.suffix.lower() in FILM_SUFFIXES:
        return _folder(path)
    if path.is_file():
        return _unnamed_form(path)
    if NamedPreset.parse(reference).name in NETWORKS:
        return _Found("network", {"network": reference}, reference, f"The network {reference}")
    raise UnknownNameError(_unknown(reference))


def _folder(path: Path) -> _Found:
    name = _clean(path.resolve().stem if path.suffix.lower() in FILM_SUFFIXES else path.resolve().name)
    return _Found("folder", {"folder": str(path)}, name, f"The frames of {path.name or path}")


def _file(form: str, path: Path) -> _Found:
    return _Found("network", {"network": f"{form}:{path}"}, _clean(path.stem), f"The {form} file {path.name}")


def _imported(reference: str) -> _Found:
    """Take an import string as a scheme if it names one, else as a network."""
    name = _clean(reference.partition(":")[2])
    thing = import_thing("method", NamedPreset.parse(reference).name)
    if looks_like_scheme(thing):
        return _Found(reference, {}, name, f"The method {reference}")
    return _Found("network", {"network": reference}, name, f"The network {reference}")


def _unnamed_form(path: Path) -> _Found:
    """Open a file whose name does not show what it is, or refuse it with a hint at what to write instead.

    Raises:
        InputError: if it is a checkpoint, which does not state its network, or not a file of a model.
    """
    from hvdbench.methods.foreign.torchscript import is_torchscript
    from hvdbench.weights.checkpoints import read_checkpoint
    from hvdbench.weights.fitting import guess_network

    if is_torchscript(path):
        return _file("torchscript", path)
    try:
        guess = guess_network(read_checkpoint(path).state_dict) or "NETWORK"
    except WeightsError as error:
        raise InputError(f"{path} is not a model: {_forms()} ({error})") from error
    raise InputError(
        f"{path} is a checkpoint, which contains weights but no network: use --method {guess} --weights {path}, or "
        f"--method spandrel:{path}"
    )


def _renamed(method: Method, name: str) -> Method:
    """Return a method under another name.

    Raises:
        InputError: if it cannot be a folder's name, or belongs to a recipe.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"'{name}' cannot be a method's name: a name consists of letters, digits and . _ - + @")
    if name != method.name and name in recipe_names("methods"):
        raise InputError(f"'{name}' is the name of a recipe, which alone enters rows under it: choose another name")
    return replace(method, label=name)


def _clean(text: str) -> str:
    """Turn any text into a name that a folder can have."""
    return re.sub(r"[^A-Za-z0-9._@+-]+", "_", text).strip("._-@+") or "model"


def _command_name(template: str) -> str:
    """Return the name of a command's script: its first word that is not an interpreter, option or placeholder."""
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
    there = f", and no file or folder {reference}" if os.sep in reference or Path(reference).suffix else ""
    return f"there is no method '{reference}'{there}{hint} ({_forms()})"


def _forms() -> str:
    return f"--method takes {', '.join(FORMS[:-1])} or {FORMS[-1]}"
