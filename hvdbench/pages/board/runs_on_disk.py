"""Find which runs and datasets on disk belong to a board's rows, and say in a sentence each which do not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hvdbench.recipe import digest_of
from hvdbench.store import Dataset
from hvdbench.workspace.parsing import read_json

if TYPE_CHECKING:
    import pandas as pd

Name = tuple[str, str]  # dataset and its digest


@dataclass(frozen=True)
class FoundRun:
    """A method's run on a dataset whose digest is that of the board's rows.

    Attributes:
        method: its name on the board.
        dataset: the dataset's name and digest.
        digest: of the run.
        folders: the clip's key ``<split>/<clip>`` → its folder.
    """

    method: str
    dataset: Name
    digest: str
    folders: Mapping[str, Path]


def find_runs(board: "pd.DataFrame", runs: Path) -> tuple[list[FoundRun], list[str]]:
    """Find the runs of a board's rows, ``<runs>/<method>/<dataset>``.

    Returns:
        The runs whose digest is that of a board's row, and a sentence for each that is absent, damaged or another one.
    """
    ours = board[board["origin"] != "published"]
    names = ["method", "dataset", "dataset_digest"]
    found: list[FoundRun] = []
    absent: list[str] = []
    said: list[str] = []
    for (method, dataset, data_digest), rows in ours.groupby(names, sort=True):
        folder = runs / str(method) / str(dataset)
        if not _is_below(folder, runs):
            said.append(f"the run of '{method}' on '{dataset}' was not read: its names lead out of {runs}")
            continue
        folders = {f"{path.parent.parent.name}/{path.parent.name}": path.parent for path in folder.glob("*/*/run.json")}
        if not folders:
            absent.append(f"{method} on {dataset}")
            continue
        wanted = set(rows["run_digest"]) - {""}
        digest = _run_digest(folders)
        if digest is None:
            said.append(f"{folder} contains a damaged run.json: restore the clips again")
        elif digest not in wanted:
            theirs = ", ".join(sorted(wanted)) or "no digest"
            said.append(f"{folder} is not the run that was scored (its digest is {digest}, and the board has {theirs})")
        else:
            found.append(FoundRun(str(method), (str(dataset), str(data_digest)), digest, dict(sorted(folders.items()))))
    if absent:
        said.insert(0, f"frames, curves and run.json of {_listed(absent)} are left out: {runs} contains no run of them")
    return found, said


def _is_below(folder: Path, root: Path) -> bool:
    """Return whether a folder lies under ``root``: a stranger may have chosen the names on a board."""
    return folder.resolve().is_relative_to(root.resolve()) and folder.resolve() != root.resolve()


def _run_digest(folders: Mapping[str, Path]) -> str | None:
    """Return a run's digest as boards have it; None where a manifest cannot be read."""
    digests = {}
    for key, folder in folders.items():
        try:
            manifest: dict[str, Any] = read_json(folder / "run.json")
            digests[key] = manifest["run_digest"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
    return digest_of(digests)


def find_datasets(board: "pd.DataFrame", folders: Sequence[Path]) -> tuple[dict[Name, Dataset], list[str]]:
    """Open datasets and keep those that a board's rows were scored on.

    Returns:
        The datasets by name and digest, and a sentence for each folder with another dataset and for each missing
        dataset.

    Raises:
        DatasetError: if a folder is not a dataset.
    """
    ours = board[board["origin"] != "published"]
    wanted = {(str(name), str(digest)) for name, digest in zip(ours["dataset"], ours["dataset_digest"], strict=True)}
    found: dict[Name, Dataset] = {}
    said = []
    for folder in folders:
        dataset = Dataset.open(folder)
        name = (dataset.name, dataset.digest)
        if name in wanted:
            found[name] = dataset
        else:
            named = ", ".join(f"'{one}' of digest {digest or '(none)'}" for one, digest in sorted(wanted))
            said.append(
                f"{folder} is '{name[0]}' of digest {name[1]}, and the board's rows are on {named}, so it was not used"
            )
    rest = sorted(name for name, digest in wanted - set(found))
    if rest:
        said.append(
            f"blurry input, truth, error maps and blur extent of {_listed(rest)} are left out: name the dataset's "
            "folder with --data"
        )
    return found, said


def _listed(names: Sequence[str], most: int = 8) -> str:
    shown = list(dict.fromkeys(names))
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")
