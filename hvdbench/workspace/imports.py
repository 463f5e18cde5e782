"""Import what an import string names, ``package.module:Thing``, from installed modules or the current folder."""

import importlib
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

from hvdbench.errors import InputError, UnknownNameError

FILE_FORMS = ("torchscript", "onnx", "spandrel")
"""The formats that a network's file is read as, in ``onnx:FILE``; such a name is never an import string."""

_IMPORT_STRING = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
_LONGEST_REASON = 200


def is_import_string(name: str) -> bool:
    """Return whether a name is an import string, whose module would be imported."""
    return ":" in name and name.partition(":")[0] not in FILE_FORMS


def import_thing(what: str, name: str) -> object:
    """Import whatever an import string names.

    Args:
        what: the kind of part that is looked for, for error messages.
        name: the import string, ``package.module:Thing``.

    Raises:
        UnknownNameError: if it is not an import string, or if there is no such module or nothing of that name in it.
        InputError: if the module fails as it is imported.
    """
    if not _IMPORT_STRING.fullmatch(name):
        raise UnknownNameError(
            f"{what} '{name}' cannot be imported: an import string has the form package.module:Thing"
        )
    module_name, _, attribute = name.partition(":")
    try:
        module = _import_module(module_name)
    except (Exception, SystemExit) as error:  # foreign code can fail in any way, and may even call sys.exit
        if isinstance(error, ModuleNotFoundError) and _is_missing(error, module_name):
            raise UnknownNameError(f"{what} '{name}' cannot be imported: {error}") from error
        raise InputError(f"{what} '{name}' cannot be imported: {_reason(error)}") from error
    try:
        return getattr(module, attribute)
    except Exception as error:
        raise UnknownNameError(f"{what} '{name}' cannot be imported: {error}") from error


def source_file(name: str) -> Path | None:
    """Find the file of the module in an import string; return None for a name of the catalogue."""
    if not is_import_string(name):
        return None
    module = name.partition(":")[0]
    found = _find(module)
    if found is None and _look_here():
        found = _find(module)
        if found is None:
            _look_away()
    return found if found is not None and found.is_file() else None


def _import_module(name: str) -> ModuleType:
    """Import an installed module, or failing that one from the current folder."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not _is_missing(error, name):
            raise
    was_added = _look_here()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if was_added and _is_missing(error, name):
            _look_away()
        raise


def _look_here() -> bool:
    """Put the current folder last on Python's path, and return whether it was not there before.

    It comes last so that no file of this folder replaces an installed module. It is added only while a module is looked
    for here, so that an optional package that is not installed is never taken from whatever folder a command runs in.
    """
    importlib.invalidate_caches()  # the module may have been written a moment ago
    here = str(Path.cwd())
    if here in sys.path:
        return False
    sys.path.append(here)
    return True


def _look_away() -> None:
    """Take the current folder off Python's path again, since the module was not found there."""
    sys.path.remove(str(Path.cwd()))


def _find(module: str) -> Path | None:
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return None
    return Path(found.origin) if found and found.origin else None


def _is_missing(error: ModuleNotFoundError, name: str) -> bool:
    """Return whether the missing module is this one, or a package that it lies in."""
    return error.name is not None and (name == error.name or name.startswith(f"{error.name}."))


def _reason(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "its module calls sys.exit while it is imported"
    first = (str(error).strip().splitlines() or [""])[0][:_LONGEST_REASON]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
