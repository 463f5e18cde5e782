"""Scoring what lies there: runs of ours, which give the rows that ``eval`` gave, and frames of others."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hvdbench.boards.entering import Entry, enter_rows, read_entry, remember, versions_text
from hvdbench.boards.files import board_path
from hvdbench.boards.rows import Stamp
from hvdbench.boards.settings import usual_board
from hvdbench.errors import DatasetError, InputError
from hvdbench.labels.stored import labels_of
from hvdbench.recipe import digest_of
from hvdbench.scoring.run import Run
from hvdbench.scoring.run_clip import RunClip, read_manifest
from hvdbench.scoring.run_metrics import Asked, score_all, usable
from hvdbench.store import Dataset
from hvdbench.synth.requests import find_dataset
from hvdbench.workflows.evaluate import Evaluation, evaluate
from hvdbench.workflows.train import made_from
from hvdbench.workspace.atomic import recover_below
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.fallback import Fallback
from hvdbench.workspace.manifest import file_sha256
from hvdbench.workspace.names import checked_name
from hvdbench.workspace.progress import Progress, silent

_CLIPS = "*/*/run.json"


def is_run(folder: Path) -> bool:
    """Return whether a folder is a run of ours, ``runs/<method>/<dataset>``, by the notes beside its frames."""
    for split in folder.glob("*/"):
        recover_below(split)
    return any(folder.glob(_CLIPS))


def score_folder(
    folder: Path,
    *,
    data: Path | None = None,
    fallback: Fallback,
    engine: Engine,
    runs: Path = Path("runs"),
    boards: Path = Path("leaderboards"),
    board: str | None = None,
    label: str | None = None,
    asked: Asked | None = None,
    device: str = "cpu",
    overwrite: bool = False,
    progress: Progress = silent,
) -> Evaluation:
    """Score a folder of frames and enter it on a board; nothing is restored.

    A run of ours is entered as ``eval`` entered it: with its seed, origin, source and, where nothing else is asked for,
    on the same board with the same metrics and strata, so that a board is rebuilt from runs to the byte. Frames of
    others are scored as ``eval --method folder:PATH`` does.

    Args:
        folder: ``runs/<method>/<dataset>``, or frames in a layout of
            :class:`hvdbench.methods.foreign.folder.FolderSettings`.
        data: the dataset's folder; None: found by the name that the run has, or, for others, the usual one.
        fallback: whether other metrics may stand in for one that cannot be measured, and the demo for a dataset.
        engine: one job a clip.
        runs: where frames of others are taken over to.
        boards: where boards lie.
        board: a board's name; None: the one that the run was entered on, else the dataset's.
        label: what the method is called there; None: as the run was, or by the folder.
        asked: metrics and strata; None, or none: those that the run was entered with.
        device: where pyiqa's networks run.
        overwrite: replace frames of others that were taken over from another folder.
        progress: called with (done, total, what).

    Raises:
        InputError: no frames, frames or labels that were changed since they were restored, or another dataset.
        DatasetError: the dataset was changed, or is not found.
        StrictError: something would stand in, in strict mode.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder} is not a folder of frames: name runs/<method>/<dataset>, or a folder that holds some"
        )
    if not is_run(folder):
        return evaluate(
            f"folder:{folder}",
            find_dataset(data, fallback=fallback, engine=engine, progress=progress),
            fallback=fallback,
            engine=engine,
            runs=runs,
            boards=boards,
            board=board,
            label=label,
            asked=asked,
            device=device,
            overwrite=overwrite,
            progress=progress,
        )
    stored = read_stored(folder, data)
    method = checked_name(label or stored.entry.method, "the method")
    name = board or stored.entry.stamp.board
    path = board_path(boards, name)
    asked = asked if asked is not None and (asked.metrics or asked.strata) else stored.entry.asked
    run = Run(method, stored.folders, stored.entry.stamp.run_digest)
    asked = usable(asked, stored.dataset, fallback=fallback, run=run)
    scores = score_all(run, stored.dataset, asked, fallback=fallback, engine=engine, device=device, progress=progress)
    stamp = replace(stored.entry.stamp, board=name)
    rows = enter_rows(scores, stamp, path)
    entry = Entry(method, stamp, Asked(tuple(metric.name for metric in scores.asked), scores.strata is not None))
    if not stored.was_entered or (method, name) == (stored.entry.method, stored.entry.stamp.board):
        remember(folder, entry)
    return Evaluation(run, method, scores, rows, path)


@dataclass(frozen=True)
class StoredRun:
    """A run of ours that was found to belong to a dataset as it is.

    Attributes:
        dataset: that it was restored from.
        folders: the clip's key → its folder.
        entry: as what it was entered, or what ``eval`` would enter it as.
        was_entered: which of the two.
    """

    dataset: Dataset
    folders: Mapping[str, Path]
    entry: Entry
    was_entered: bool


def read_stored(folder: Path, data: Path | None) -> StoredRun:
    """Read a run's notes and compare them with the dataset.

    Raises:
        InputError: a note is damaged, clips are missing, or the run is of another dataset or of other labels.
        DatasetError: the dataset is not found.
    """
    manifests = {
        f"{path.parent.parent.name}/{path.parent.name}": read_manifest(path) for path in sorted(folder.glob(_CLIPS))
    }
    first = next(iter(manifests.values()))
    dataset = Dataset.open(data) if data is not None else _dataset_of(folder, str(first.get("dataset")))
    clips = dict(dataset.manifest["clips"])
    missing = sorted(set(clips) - set(manifests))
    if missing:
        raise InputError(
            f"{folder} lacks {len(missing)} of the {len(clips)} clips of '{dataset.name}', first {missing[0]}: restore "
            "them first ('hvdbench eval')"
        )
    if set(manifests) != set(clips):
        raise InputError(f"{folder} has the clip {min(set(manifests) - set(clips))}, '{dataset.name}' does not")
    for clip in dataset.clips():
        key = f"{clip.split}/{clip.name}"
        place = RunClip(folder / key, clip)
        place.check_origin(str(clips[key]))
        _check_labels(place)
    digest = digest_of({key: str(manifest.get("run_digest")) for key, manifest in manifests.items()})
    folders = {key: folder / key for key in manifests}
    entry = read_entry(folder)
    if entry is not None and entry.stamp.run_digest == digest:
        if entry.stamp.dataset_digest != dataset.digest:
            raise InputError(
                f"{folder} was scored on a dataset '{entry.stamp.dataset}' of digest {entry.stamp.dataset_digest}, "
                f"{dataset.folder} has {dataset.digest}: name the dataset that it was scored on (--data)"
            )
        return StoredRun(dataset, folders, entry, was_entered=True)
    stamp = Stamp(
        board=usual_board(dataset.name),
        dataset=dataset.name,
        origin=dataset.origin,  # type: ignore[arg-type]
        seed=int(first.get("seed", 0)),
        source=_source_of(folder, first, dataset),
        dataset_digest=dataset.digest,
        run_digest=digest,
        versions=versions_text(),
    )
    method = checked_name(first.get("method") or folder.resolve().parent.name, "method", where=folder)
    return StoredRun(dataset, folders, Entry(method, stamp), was_entered=False)


def _check_labels(place: RunClip) -> None:
    """Refuse a run that was made with other labels than the clip has."""
    selected = labels_of(place.clip).is_selected.nonzero()[0].tolist()
    if place.manifest.get("selected", selected) != selected:
        raise InputError(
            f"{place.folder} was restored with other labels than {place.clip.folder} has now: restore it again "
            "('hvdbench eval --overwrite')"
        )


def _dataset_of(folder: Path, name: str) -> Dataset:
    """Find the dataset that a run names: below ``datasets`` here, or beside the run's ``runs``."""
    places = [root / "datasets" for root in (Path(), *folder.resolve().parents[2:3])]
    for path in (path for place in places for path in sorted(place.glob("*/dataset.json"))):
        try:
            found = Dataset.open(path.parent)
        except DatasetError:  # of no concern here
            continue
        if found.name == name:
            return found
    raise DatasetError(
        f"no dataset '{name}', which {folder} was restored from, lies below datasets: name it with --data"
    )


def _source_of(folder: Path, manifest: Mapping[str, Any], dataset: Dataset) -> str:
    """Word what a run's frames were made from, as ``eval`` does."""
    if manifest.get("made_from"):
        return str(manifest["made_from"])
    sha256 = manifest.get("weights_sha256")
    if sha256 is None:
        return made_from(dataset, None)
    near = [*folder.glob("weights.safetensors"), *sorted(folder.parent.glob("*/weights.safetensors"))]
    weights = next((path for path in near if file_sha256(path) == sha256), None)
    return f"weights of SHA-256 {sha256[:12]}, trained elsewhere" if weights is None else made_from(dataset, weights)
