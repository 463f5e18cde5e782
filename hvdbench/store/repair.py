"""Put right what a killed command or a person left wrong in a dataset's folder, and find what no manifest lists."""

from dataclasses import dataclass
from pathlib import Path

from hvdbench.store import ANNOTATIONS, Dataset, DatasetWriter
from hvdbench.store.journal import Journal
from hvdbench.store.manifest import MANIFEST
from hvdbench.workspace.atomic import recover_below, sweep
from hvdbench.workspace.locks import locked
from hvdbench.workspace.marks import is_of_system, is_partial


@dataclass(frozen=True)
class Repaired:
    """What a repair found.

    Attributes:
        done: sentences on what was put right.
        left: sentences on what a person has to decide or to make again.
    """

    done: tuple[str, ...]
    left: tuple[str, ...]


def unlisted(dataset: Dataset) -> list[str]:
    """List the clip folders, and other things at their places, that the dataset's manifest does not list.

    Leftovers of killed commands, labels made by hand and files of the operating system are no part of it.

    Returns:
        Paths, sorted.
    """
    known, found = set(dataset.manifest["clips"]), []
    splits = {key.partition("/")[0] for key in known} | {"train", "test"}
    for split in sorted(splits - {ANNOTATIONS}):
        folder = dataset.folder / split
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if f"{split}/{path.name}" not in known and not is_partial(path) and not is_of_system(path):
                found.append(str(path))
    return found


def repair(folder: Path) -> Repaired:
    """Repair a dataset's folder: no finished clip is removed, and no clip is called finished that differs.

    Folders that a killed command had moved aside are moved back; what dead processes left under temporary names is
    removed; the journal is laid over the manifest. A listed clip that is missing or differs from what was written is
    taken off the list, so that the command which made the dataset makes it again.

    Args:
        folder: the dataset's folder.

    Raises:
        DatasetError: if there is no manifest, or it cannot be read.
    """
    done: list[str] = []
    with locked(folder / MANIFEST):
        Dataset.open(folder)  # a damaged manifest is refused before anything is touched
        for place in (folder, *(path for path in sorted(folder.iterdir()) if path.is_dir() and not is_partial(path))):
            before = _hidden(place)
            recover_below(place)
            sweep(place, seldom=False)
            gone = before - _hidden(place)
            done += [f"{place / name}: what a killed command left there was moved back or removed" for name in gone]
    if Journal(folder).path.exists():
        done.append(f"{Journal(folder).path}: its clips were entered into {MANIFEST}")
    bad = Dataset.open(folder).faults()
    writer = DatasetWriter.reopened(folder)
    writer.drop(bad)
    dataset = writer.dataset()
    taken = {str(folder / key) for key in bad}
    left = [f"{fault}: taken off the list; run the command that made the dataset again" for fault in bad.values()]
    left += [
        f"{path} is not listed in {MANIFEST}: remove it if you do not need it"
        for path in unlisted(dataset)
        if path not in taken
    ]
    return Repaired(tuple(done), tuple(left))


def _hidden(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if is_partial(path) and not path.name.endswith(".lock")}
