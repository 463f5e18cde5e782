"""Gather the clips behind a board's rows: their files, the facts of their frames, and the scores of each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hvdbench.errors import DatasetError, InputError
from hvdbench.frames import list_frames, read_frame
from hvdbench.labels.stored import DEFAULT_LABELLER, labels_of, read_labels
from hvdbench.labels.temporal_sharpness import MAP_FOLDER
from hvdbench.metrics.protocols.known import DEFAULT, PROTOCOLS
from hvdbench.pages.board.runs_on_disk import FoundRun, Name
from hvdbench.pages.page_clip import PageClip
from hvdbench.scoring.run_scores import scores_file
from hvdbench.store import TRUTH_FOLDERS, ClipFolder, Dataset

if TYPE_CHECKING:
    from hvdbench.pages.view import Floats

_NEAR = 1e-6


def gather_clips(
    board: pd.DataFrame, runs: Sequence[FoundRun], datasets: Mapping[Name, Dataset], order: Sequence[str] = ()
) -> tuple[list[PageClip], list[str]]:
    """Gather every clip of a board of which there is something to see.

    Args:
        board: a board's rows.
        runs: of :func:`hvdbench.pages.board.runs_on_disk.find_runs`.
        datasets: of :func:`hvdbench.pages.board.runs_on_disk.find_datasets`.
        order: methods in the order in which they are to be offered; others follow.

    Returns:
        The clips, sorted by dataset, split and name, and a sentence for what does not fit.
    """
    ours = board[(board["origin"] != "published") & (board["clip"] != "*")]
    keys = ours[["dataset", "dataset_digest", "split", "clip"]].drop_duplicates().astype(str)
    clips, said = [], []
    places = {method: place for place, method in enumerate(order)}
    for dataset, digest, split, clip in sorted(keys.itertuples(index=False, name=None)):
        own = {
            run.method: run.folders[f"{split}/{clip}"]
            for run in sorted(runs, key=lambda run: (places.get(run.method, len(places)), run.method))
            if run.dataset == (dataset, digest) and f"{split}/{clip}" in run.folders
        }
        folder = _folder(datasets.get((dataset, digest)), f"{split}/{clip}")
        found, faults = _gather((dataset, digest, split, clip), own, folder, ours)
        said += faults
        clips += [] if found is None else [found]
    return clips, said


def _folder(dataset: Dataset | None, key: str) -> ClipFolder | None:
    if dataset is None or key not in dataset.manifest["clips"]:
        return None
    return dataset.clip(key)


def _gather(
    of: tuple[str, str, str, str], runs: Mapping[str, Path], folder: ClipFolder | None, board: pd.DataFrame
) -> tuple[PageClip | None, list[str]]:
    dataset, digest, split, name = of
    files: dict[str, list[Path]] = {}
    if folder is not None:
        streams = {"blurry": "blur", **{truth: truth for truth in TRUTH_FOLDERS.values()}}
        present = {key: folder.folder / one for key, one in streams.items() if (folder.folder / one).is_dir()}
        files = {key: list_frames(path) for key, path in present.items()}
    truths = {key: files.pop(key) for key in TRUTH_FOLDERS.values() if key in files}
    files |= {method: list_frames(path) for method, path in runs.items() if method not in files}
    maps = None if folder is None else folder.folder / MAP_FOLDER
    files |= ({MAP_FOLDER: list_frames(maps)} if maps is not None and maps.is_dir() else {}) | truths
    files = {key: listed for key, listed in files.items() if listed}
    if not files:
        return None, []
    count = len(next(iter(files.values())))
    said = [
        f"{listed[0].parent} contains {len(listed)} frames and '{next(iter(files))}' has {count}, so they are not shown"
        for listed in files.values()
        if len(listed) != count
    ]
    files = {key: listed for key, listed in files.items() if len(listed) == count}
    rows = board[(board["dataset"] == dataset) & (board["dataset_digest"] == digest)]
    rows = rows[(rows["split"] == split) & (rows["clip"] == name)]
    psnr, selected, faults = _scores(runs, count, rows)
    height, width = read_frame(next(iter(files.values()))[0]).shape[:2]
    known, unlabelled = _known(folder, count, selected)
    clip = PageClip(
        dataset=dataset,
        dataset_digest=digest,
        split=split,
        name=name,
        size=(width, height),
        files=files,
        manifests={method: path / "run.json" for method, path in runs.items()},
        psnr=psnr,
        **known,
    )
    return clip, [*said, *faults, *unlabelled]


def _known(
    folder: ClipFolder | None, count: int, selected: NDArray[np.bool_] | None
) -> tuple[dict[str, Any], list[str]]:
    """Read what a dataset knows of a clip's frames; labels are else those that scores were made with."""
    if folder is None:
        return {"is_selected": selected}, []
    said = []
    found: dict[str, Any] = {
        "oracle_class": folder.track("oracle/class"),
        "extent_px": folder.track("oracle/displacement_median_px"),
        "t_s": folder.track("t_s"),
    }
    try:
        labels = labels_of(folder) if selected is None else read_labels(folder, DEFAULT_LABELLER)
        if labels is None:
            found["is_selected"] = selected
        else:
            found |= {"is_selected": labels.is_selected, "sharpness": labels.sharpness}
    except (DatasetError, InputError) as error:
        said = [str(error)] if selected is None else []
        found["is_selected"] = selected
    return {key: value if value is not None and len(value) == count else None for key, value in found.items()}, said


def _scores(
    runs: Mapping[str, Path], count: int, rows: pd.DataFrame
) -> tuple[dict[str, dict[str, "Floats"]], NDArray[np.bool_] | None, list[str]]:
    """Read each method's PSNR per frame, where its mean is the board's; with it, which frames were selected."""
    psnr: dict[str, dict[str, Floats]] = {}
    selected, said = None, []
    name = _scores_file(rows)
    for method, folder in runs.items():
        table = _table(folder / name)
        if table is None or len(table) != count:
            said.append(
                f"the curves of '{method}', clip {folder.name}, are left out: {folder / name} is absent or damaged"
            )
            continue
        own = table["selected"].to_numpy(np.bool_)
        values = {truth: table[f"psnr_{truth}"].to_numpy(np.float64) for truth in TRUTH_FOLDERS}
        if not _agrees(values, own, rows[rows["method"] == method]):
            said.append(
                f"the curves of '{method}', clip {folder.name}, are left out: {folder / name} does not give the "
                "board's rows"
            )
            continue
        selected = own if selected is None else selected
        for truth, series in values.items():
            if np.isfinite(series).any():
                psnr.setdefault(truth, {})[method] = series
    return psnr, selected, said


def _scores_file(rows: pd.DataFrame) -> str:
    """Return the name of the file that keeps scores under the protocol of a board's rows."""
    found = [protocol for protocol in PROTOCOLS if protocol.name in set(rows["protocol"])]
    return scores_file(found[0] if found else DEFAULT)


def _table(path: Path) -> pd.DataFrame | None:
    """Read frame scores; None where they are absent or damaged."""
    try:
        table = pd.read_csv(path)
        words = table["selected"].astype(str)
        columns = {f"psnr_{truth}": table[f"psnr_{truth}"].astype(np.float64) for truth in TRUTH_FOLDERS}
        if not words.isin(["True", "False"]).all():
            return None
        return pd.DataFrame(columns | {"selected": words == "True"})
    except (OSError, ValueError, KeyError):  # pandas' parser errors are ValueErrors
        return None


def _agrees(values: Mapping[str, "Floats"], selected: NDArray[np.bool_], rows: pd.DataFrame) -> bool:
    """Return whether the scores agree with the board's PSNR of this clip; seeds beside it may differ."""
    masks = {"all": np.ones_like(selected), "not_selected": ~selected, "selected": selected}
    told = rows[(rows["metric"] == "psnr") & rows["subset"].isin(masks)]
    for (truth, subset), own in told.groupby(["truth", "subset"]):
        chosen = values.get(str(truth), np.full(selected.shape, np.nan))[masks[str(subset)]]
        chosen = chosen[np.isfinite(chosen)]
        theirs = own["value"].to_numpy(np.float64)
        if not chosen.size or not np.isclose(theirs, chosen.mean(), rtol=0, atol=_NEAR).any():
            return False
    return True
