"""Recognise what hvdbench made on disk: folders that may be replaced or removed, and names of what is not finished.

Only a folder with one of hvdbench's marks is ever replaced or removed. This is the one rule for every command that
overwrites: a run, a clip, a checkpoint, an estimate, a study, the frames of ``deblur``. A wrong name of a folder then
costs an error, and no files.
"""

from pathlib import Path

from hvdbench.workspace.parsing import read_json

MARKS = (
    "run.json",
    "train.json",
    "dataset.json",
    "tracks.h5",
    "state.json",
    "estimate.json",
    "study.json",
    "maps.json",
)
"""The files by which a run, a training, a dataset, its clip, a checkpoint, an estimated camera path, a study and a
clip's maps of temporal sharpness are known."""

PARTIAL = ".partial-"
"""The beginning of the name of what is being written."""
ASIDE = ".replaced-"
"""The beginning of the name of an old folder while a new one takes its place."""
LOCK_SUFFIX = ".lock"
"""The end of the name of a lock, which begins with a dot."""

_OF_SYSTEM = frozenset({".ds_store", ".localized", "thumbs.db", "desktop.ini"})


def is_partial(path: Path) -> bool:
    """Return whether a killed run may have left a file of this name, which is then not part of the folder's content."""
    return path.name.startswith((PARTIAL, ASIDE)) or (path.name.startswith(".") and path.name.endswith(LOCK_SUFFIX))


def is_of_system(path: Path) -> bool:
    """Return whether a file is one that macOS or Windows puts into any folder that is looked at."""
    return path.name.startswith("._") or path.name.lower() in _OF_SYSTEM


def is_ours(folder: Path) -> bool:
    """Return whether a folder may be replaced or removed.

    It may if it contains one of :data:`MARKS`, if it is empty, or if ``deblur`` wrote it, which means that the manifest
    of its frames, ``<folder>.json``, lies beside it.
    """
    return any((folder / mark).is_file() for mark in MARKS) or not stranger_in(folder) or _was_restored(folder)


def stranger_in(folder: Path) -> str:
    """Return the first name in a folder, by the alphabet; empty where our leftovers and a system's files are all."""
    return min((path.name for path in folder.iterdir() if not is_partial(path) and not is_of_system(path)), default="")


def is_restoration(manifest: Path) -> bool:
    """Return whether a file is the manifest that ``deblur`` writes beside its output."""
    try:
        found = read_json(manifest)
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and "digest" in found and found.get("state") in ("running", "done")


def _was_restored(folder: Path) -> bool:
    return is_restoration(folder.with_name(f"{folder.name}.json"))
