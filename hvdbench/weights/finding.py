"""Find a weight file by what a person calls it. Imports no torch."""

import difflib
from pathlib import Path

from hvdbench.errors import WeightsError
from hvdbench.weights.registry import KNOWN
from hvdbench.workspace.paths import at_home, weights_folder

_SHIPPED = Path(__file__).with_name("shipped")


def find_weights(named: str) -> Path:
    """Find a weight file: a path, else weights inside the package or known ones by name, else a file in the folder.

    Args:
        named: the text that the user wrote; ``~`` is the home folder.

    Raises:
        WeightsError: if there is no such file; the error says where it was looked for, and how to get it.
    """
    here = at_home(named)
    if here.is_file():
        return here
    if is_shipped(named):
        return shipped_weights(named)
    known = next((known for known in KNOWN if named == known.name), None)
    there = weights_folder() / (known.file_name if known else here)
    if there.is_file():
        return there
    raise WeightsError(missing_sentence(named))


def missing_sentence(named: str) -> str:
    """Return the sentence for missing weights: where they were looked for, and how to get them.

    Args:
        named: a path, or the name of known weights.
    """
    here = at_home(named)
    if here.is_dir():
        return f"the weights {named} are a folder: name a file in it"
    by_name = next((known for known in KNOWN if named == known.name), None)
    if by_name is not None:
        return f"the weights {named} are missing (no file {weights_folder() / by_name.file_name}): {by_name.how_to_get}"
    there = weights_folder() / here
    places = f"there is no file {here}" + (f" and no file {there}" if there != here else "")
    by_file = next((known for known in KNOWN if here.name == known.file_name), None)
    if by_file is not None:
        return f"the weights {named} are missing ({places}): {by_file.how_to_get}"
    near = difflib.get_close_matches(named, [known.name for known in KNOWN], n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return f"the weights {named} are missing: {places} ({hint}'hvdbench weights list' says which names are known)"


def is_shipped(name: str) -> bool:
    """Return whether weights of this name lie inside the package."""
    return (_SHIPPED / f"{name}.safetensors").is_file()


def shipped_weights(name: str) -> Path:
    """Return the weights of a name that lie inside the package.

    Raises:
        WeightsError: if the package has none of this name.
    """
    file = _SHIPPED / f"{name}.safetensors"
    if not is_shipped(name):
        there = ", ".join(sorted(path.stem for path in _SHIPPED.glob("*.safetensors"))) or "none"
        raise WeightsError(f"no weights '{name}' come with hvdbench (there are: {there}): name a file with --weights")
    return file
