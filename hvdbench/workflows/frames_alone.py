"""Measuring frames by metrics that need no truth: a folder or film of anybody's, without a dataset or a board."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from hvdbench.boards.ranking.order import few_clips
from hvdbench.boards.text.columns import Column, column
from hvdbench.errors import InputError
from hvdbench.frames import Frame, to_gray
from hvdbench.methods.restoration import Budget
from hvdbench.metrics.opening import find_metric, measurable, open_measure, usual_names
from hvdbench.metrics.sharpness import sharpness
from hvdbench.scoring.frame_files import FrameFiles
from hvdbench.scoring.result_files import ResultFiles, list_results, own_pictures
from hvdbench.statistics.intervals import clip_interval
from hvdbench.tables.table import Cell, Kind, Table, cell, interval, table_of
from hvdbench.video.input import open_input
from hvdbench.workspace.fallback import Fallback

SHARPNESS = "sharpness"
OVER_CLIPS = "mean over clips"

logger = logging.getLogger(__name__)


def needs_no_truth(names: Sequence[str]) -> bool:
    """Return whether metrics were asked for and each of them can be measured on frames alone.

    Raises:
        UnknownNameError, InputError: as :func:`hvdbench.metrics.opening.find_metric`.
    """
    return bool(names) and all(name == SHARPNESS or _is_of_frames(name) for name in names)


def _is_of_frames(name: str) -> bool:
    if name in usual_names():
        return False
    metric = find_metric(name)
    return metric.needs == "nothing" and metric.per == "frame"


def measure_alone(folder: Path, names: Sequence[str], *, fallback: Fallback, budget: Budget) -> pd.DataFrame:
    """Measure the sharpness of frames and the metrics that were asked for; nothing is written.

    Args:
        folder: frames of one clip or of several, in a layout of
            :func:`hvdbench.scoring.result_files.list_results`, or a film.
        names: metrics that compare a frame with nothing.
        fallback: whether the other metrics may do where one cannot be measured.
        budget: the device of pyiqa's networks, and progress.

    Returns:
        A row for each clip: ``clip``, ``frames``, and the mean over its frames by each metric.

    Raises:
        InputError: there are no frames, or a file cannot be read.
        UnknownNameError: if there is no such metric.
        StrictError: if one cannot be measured, in strict mode.
    """
    clips = list_results(folder)
    if not clips:
        raise InputError(f"{folder} contains no frames and no video, neither in it nor in folders below it")
    asked = measurable([name for name in names if name != SHARPNESS], fallback=fallback, has_truth=False)
    measures = [open_measure(name, budget.device) for name in asked]
    rows = []
    for done, (name, place) in enumerate(clips.items()):
        budget.progress(done, len(clips), f"measure: {name}")
        meters = [measure.start() for measure in measures]
        found = []
        for frame in _frames(place):
            values = {SHARPNESS: sharpness(to_gray(frame))}
            for meter in meters:
                values |= meter(frame, None) or {}
            found.append(values)
        rows.append({"clip": name, "frames": len(found)} | pd.DataFrame(found).mean().to_dict())
    budget.progress(len(clips), len(clips), "measure")
    return pd.DataFrame(rows)


def _frames(place: ResultFiles) -> Iterator[Frame]:
    """Yield the frames of a clip, one in memory at a time; inputs and truths beside results are left out."""
    if place.is_film:
        with open_input(place.place) as film:
            for one in film.frames:
                yield cast(Frame, one.picture)
        for note in film.notes:
            logger.warning("%s: %s", place.place, note)
        return
    yield from FrameFiles(own_pictures(place), place.place)


def alone_table(scores: pd.DataFrame) -> Table:
    """Lay out what :func:`measure_alone` returned, with the mean over clips in the last row where there are several."""
    metrics = [str(name) for name in scores.columns if name not in ("clip", "frames")]
    shown = {metric: column(metric) for metric in metrics}
    rows = [
        [row["clip"], int(row["frames"]), *(_cell(shown[metric], float(row[metric])) for metric in metrics)]
        for row in scores.to_dict("records")
    ]
    notes = []
    if len(scores) > 1:
        over = {metric: clip_interval(scores[metric].dropna().to_numpy(np.float64)) for metric in metrics}
        means: list[object] = [_cell(shown[metric], over[metric].mean) for metric in metrics]
        rows.append([OVER_CLIPS, int(scores["frames"].sum()), *means])
        ends = [
            f"{shown[metric].label} {interval(one.low, one.high, shown[metric].decimals)}"
            for metric, one in over.items()
            if one.n > 1
        ]
        notes = [f"the 95 % intervals of the means are {', '.join(ends)}"] if ends else []
        notes += [note for note in dict.fromkeys(few_clips(one) for one in over.values()) if note]
    kinds: list[tuple[str, Kind]] = [("clip", "words"), ("frames", "count")]
    kinds += [(shown[metric].title("none"), "number") for metric in metrics]
    above = (
        f"all frames of {len(scores)} clip{'s' if len(scores) > 1 else ''}, compared with nothing; no board is written"
    )
    return table_of(kinds, rows, above=[above], below=notes)


def _cell(shown: Column, value: float) -> Cell:
    return cell(shown.factor * value, shown.decimals)
