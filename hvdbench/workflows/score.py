"""Score existing frames: hvdbench's own runs, which yield the rows that ``eval`` entered, and foreign frames."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hvdbench.boards.entering import ENTRY_FILE, Entry, enter_rows, read_entry, remember, versions_text
from hvdbench.boards.rows import Stamp
from hvdbench.boards.settings import board_path, choose_place, usual_board
from hvdbench.errors import DatasetError, InputError, TrustError
from hvdbench.labels.stored import DEFAULT_LABELLER, labels_of
from hvdbench.methods.restoration import Budget
from hvdbench.metrics.opening import find_metric
from hvdbench.recipe import digest_of
from hvdbench.scoring.run import Run
from hvdbench.scoring.run_clip import RunClip, read_manifest
from hvdbench.scoring.run_metrics import check_protocol, score_all, usable
from hvdbench.scoring.run_tables import Asked
from hvdbench.store import Dataset
from hvdbench.workflows.evaluate import Evaluation, evaluate
from hvdbench.workflows.train import made_from
from hvdbench.workspace.atomic import recover_below
from hvdbench.workspace.imports import is_import_string
from hvdbench.workspace.manifest import file_sha256
from hvdbench.workspace.names import checked_name
from hvdbench.workspace.objects.location import Place
from hvdbench.workspace.workspace import Workspace

_CLIPS = "*/*/run.json"


def is_run(folder: Path) -> bool:
    """Return whether a folder is hvdbench's own run, ``runs/<method>/<dataset>``, by the notes beside its frames."""
    for split in folder.glob("*/"):
        recover_below(split)
    return any(folder.glob(_CLIPS))


def score_folder(
    folder: Path,
    *,
    data: Place | None = None,
    workspace: Workspace | None = None,
    budget: Budget | None = None,
    board: str | None = None,
    protocol: str | None = None,
    label: str | None = None,
    asked: Asked | None = None,
) -> Evaluation:
    """Score a folder of frames and enter it on a board; nothing is restored.

    An own run is entered as ``eval`` entered it: with its seed, origin and source and, where nothing else is asked for,
    on the same board with the same metrics and strata, so that a board can be rebuilt from runs byte for byte. Foreign
    frames are scored as ``eval --method folder:PATH`` scores them.

    Args:
        folder: ``runs/<method>/<dataset>``, or frames in a layout of
            :class:`hvdbench.methods.foreign.folder.FolderSettings`.
        data: the dataset's folder or address; None means the dataset that the run names, or ``datasets/goproshake``
            for foreign frames.
        workspace: where boards lie and foreign frames are copied to, whether copies from another folder are replaced,
            and whether other metrics may replace one that cannot be measured.
        budget: the engine that runs one job per clip, progress, and the device that pyiqa's networks run on.
        board: the board's name; None means the board that the run was entered on, or else the dataset's.
        protocol: the protocol under which frames are scored; None means the one that the run was entered under, or else
            the board's own. A run that changes its protocol goes to the dataset's board of that protocol.
        label: the method's name on the board; None means the run's, or one made from the folder's name.
        asked: metrics and strata; None, or none listed, means those that the run was entered with.

    Raises:
        InputError: if there are no frames, if frames or labels were changed since they were restored, or if they belong
            to another dataset.
        DatasetError: if the dataset was changed or is not found.
        StrictError: if a fallback would be needed, in strict mode.
    """
    if not folder.exists():
        raise InputError(
            f"{folder} is not a folder of frames: name runs/<method>/<dataset>, or a folder that contains frames"
        )
    workspace, budget = workspace or Workspace(), budget or Budget()
    if not is_run(folder):
        return evaluate(
            f"folder:{folder}",
            Dataset.open(data) if data is not None else _usual_dataset(folder, workspace, asked),
            workspace=workspace,
            budget=budget,
            board=board,
            protocol=protocol,
            label=label,
            asked=asked,
        )
    stored = read_stored(folder, data)
    method, stamp = checked_name(label or stored.entry.method, "the method"), stored.entry.stamp
    if protocol in (None, stamp.protocol) and board in (None, stamp.board):
        board, protocol = stamp.board, stamp.protocol  # used even if the board is gone: then it is being rebuilt
    where = choose_place(usual_board(stored.dataset.name), workspace.boards, board=board, protocol=protocol)
    check_protocol(stored.dataset, where.protocol)
    if asked is None or not (asked.metrics or asked.strata):
        asked = stored.entry.asked
        _refuse_code(folder, asked)
    run = Run(method, stored.folders, stamp.run_digest)
    asked = usable(asked, stored.dataset, fallback=workspace.fallback, run=run)
    scores = score_all(
        run,
        stored.dataset,
        asked,
        fallback=workspace.fallback,
        engine=budget.engine,
        protocol=where.protocol,
        device=budget.device,
        progress=budget.progress,
    )
    stamp = replace(stamp, board=where.board, protocol=where.protocol.name)
    path = board_path(workspace.boards, where.board)
    rows = enter_rows(scores, stamp, path)
    if not stored.was_entered or (method, where.board) == (stored.entry.method, stored.entry.stamp.board):
        remember(folder, Entry(method, stamp, scores.was_asked))
    return Evaluation(run, method, scores, rows, path)


def _refuse_code(folder: Path, asked: Asked) -> None:
    """Refuse notes beside a run that name code as a metric; the run may come from a stranger.

    Raises:
        TrustError: the notes do.
    """
    code = next((name for name in asked.metrics if is_import_string(name)), None)
    if code is not None:
        raise TrustError(
            f"{folder / ENTRY_FILE}: metrics = '{code}' would import the module '{code.partition(':')[0]}', and "
            "the notes of a run may not name code: name the metrics yourself with --metric"
        )


def _usual_dataset(folder: Path, workspace: Workspace, asked: Asked | None) -> Dataset:
    """Open the dataset that foreign frames are scored on where none is named.

    Raises:
        InputError: if it is not there; the demo's cannot replace it, since the frames were restored from something
            else.
    """
    usual = workspace.datasets / "goproshake"
    if not (usual / "dataset.json").is_file():
        compared = [name for name in (asked.metrics if asked else ()) if find_metric(name).needs != "nothing"]
        alone = (
            f"metric '{compared[0]}' compares them with a truth or an input"
            if compared
            else "metrics that need no truth, such as niqe, are measured without a dataset"
        )
        raise InputError(
            f"{folder} contains frames but no run.json, which would state which dataset they were restored "
            f"from: "
            f"name it with --data ({alone})"
        )
    return Dataset.open(usual)


@dataclass(frozen=True)
class StoredRun:
    """One of hvdbench's runs, found to belong to a dataset in its present state.

    Attributes:
        dataset: the dataset that the run was restored from.
        folders: the folder of each clip, by the clip's key.
        entry: what the run was entered as, or what ``eval`` would enter it as.
        was_entered: whether the run was entered before.
    """

    dataset: Dataset
    folders: Mapping[str, Path]
    entry: Entry
    was_entered: bool


def read_stored(folder: Path, data: Place | None) -> StoredRun:
    """Read a run's notes and compare them with the dataset.

    Raises:
        InputError: if a note is damaged, if clips are missing, or if the run is of another dataset or of other labels.
        DatasetError: if the dataset is not found.
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
            f"{folder} lacks {len(missing)} of the {len(clips)} clips of '{dataset.name}', such as {missing[0]}: "
            "restore them first ('hvdbench eval')"
        )
    if set(manifests) != set(clips):
        raise InputError(
            f"{folder} has the clip {min(set(manifests) - set(clips))}, which is not in '{dataset.name}': name the "
            "dataset that it was restored from (--data)"
        )
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
                f"{folder} was scored on '{entry.stamp.dataset}' with the digest {entry.stamp.dataset_digest}, "
                f"but that of {dataset.place} is {dataset.digest}: name the dataset that it was scored on (--data)"
            )
        return StoredRun(dataset, folders, entry, was_entered=True)
    usual = usual_board(dataset.name)
    stamp = Stamp(
        board=usual,
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
    """Refuse a run that was made with other labels than the clip has by the same labeller.

    A run's note may be a stranger's, so that no import string in it is followed.
    """
    labeller = str(place.manifest.get("labeller", DEFAULT_LABELLER))
    if is_import_string(labeller):
        return
    selected = labels_of(place.clip, labeller).selected.tolist()
    if place.manifest.get("selected", selected) != selected:
        raise InputError(
            f"{place.folder} was restored with other labels than {place.clip.folder} has now: restore it again "
            "('hvdbench eval --overwrite')"
        )


def _dataset_of(folder: Path, name: str) -> Dataset:
    """Find the dataset that a run names, below ``datasets`` here or beside the run's ``runs``."""
    places = [root / "datasets" for root in (Path(), *folder.resolve().parents[2:3])]
    for path in (path for place in places for path in sorted(place.glob("*/dataset.json"))):
        try:
            found = Dataset.open(path.parent)
        except DatasetError:  # a broken neighbour may not hide the dataset that is looked for
            continue
        if found.name == name:
            return found
    raise DatasetError(
        f"{folder} was restored from the dataset '{name}', which is not below datasets: name it with --data"
    )


def _source_of(folder: Path, manifest: Mapping[str, Any], dataset: Dataset) -> str:
    """Return what a run's frames were made from, in the words that ``eval`` uses."""
    if manifest.get("made_from"):
        return str(manifest["made_from"])
    sha256 = manifest.get("weights_sha256")
    if sha256 is None:
        return made_from(dataset, None)
    near = [*folder.glob("weights.safetensors"), *sorted(folder.parent.glob("*/weights.safetensors"))]
    weights = next((path for path in near if file_sha256(path) == sha256), None)
    return f"weights of SHA-256 {sha256[:12]}, trained elsewhere" if weights is None else made_from(dataset, weights)
