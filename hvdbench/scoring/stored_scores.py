"""Measure additional scores a frame at a time, keep them beside the run, and continue a measurement that stopped.

A file ``frame_scores.<name>.csv`` holds one row per frame. Each row states what measured it, and a key over the run's
frames, the clip, the columns and the measure. A file that a stopped scoring left is continued; one that belongs to
anything else is measured anew.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hvdbench.metrics.measure import Measure
from hvdbench.scoring.frame_files import FrameFiles
from hvdbench.scoring.run_clip import RunClip
from hvdbench.workspace.atomic import atomic_write_text

SAVE_EVERY_S = 5.0
_ABOUT = ("identity", "versions", "key")

Rows = Callable[[int], Iterator[Mapping[str, float]]]
"""A function that yields a clip's rows from the frame of a given number on."""


@dataclass(frozen=True)
class Kept:
    """Scores that are kept beside a run.

    Attributes:
        table: ``frame`` and the scores' columns, one row for each frame from the first on.
        identity: the identity of the measure.
        versions: the versions of libraries, as in :attr:`hvdbench.metrics.measure.Measure.versions`.
        is_whole: whether every frame has its row.
    """

    table: pd.DataFrame
    identity: str
    versions: str
    is_whole: bool


def kept_path(folder: Path, name: str) -> Path:
    """Return the path of the file that keeps the scores of a measure."""
    return folder / f"frame_scores.{name}.csv"


def read_kept(place: RunClip, name: str) -> Kept | None:
    """Read the scores that belong to these frames and this clip; None where they are absent, damaged or others'."""
    path = kept_path(place.folder, name)
    if not path.is_file():
        return None
    try:
        raw = pd.read_csv(path, dtype=str, keep_default_na=False)
        columns = [column for column in raw.columns if column not in ("frame", *_ABOUT)]
        about = {column: set(raw[column]) for column in _ABOUT}
        if not len(raw) or any(len(values) != 1 for values in about.values()):
            return None
        identity, versions, key = (values.pop() for values in about.values())
        if key != place.key(name, ",".join(columns), identity, versions):
            return None
        frames = [int(cell) for cell in raw["frame"]]
        cells = {column: [float(cell or "nan") for cell in raw[column]] for column in columns}
    except (ValueError, KeyError, OSError):  # pandas' parser errors are ValueErrors
        return None
    if frames != list(range(len(frames))) or len(frames) > len(place.files):
        return None
    return Kept(_typed(cells, frames, columns), identity, versions, len(frames) == len(place.files))


def keep(place: RunClip, name: str, columns: Sequence[str], rows: Rows, *, identity: str, versions: str) -> Kept:
    """Read the scores that are kept and measure the remaining ones; results are written every 5 s.

    Args:
        place: the run's clip together with the dataset's.
        name: the name of the measure.
        columns: the columns of the scores.
        rows: the function that measures; it is called for the remaining rows only.
        identity: the identity of the measure; scores of another one are not continued.
        versions: the versions of libraries, as in :class:`Kept`.
    """
    kept = read_kept(place, name)
    if kept is None or kept.identity != identity or list(kept.table.columns[1:]) != list(columns):
        kept = None
    if kept is not None and kept.is_whole:
        return kept
    done: list[Mapping[str, float]] = []
    if kept is not None:
        done += [{column: row[column] for column in columns} for row in kept.table.to_dict("records")]
    saved = time.monotonic()
    for row in rows(len(done)):
        done.append({column: row.get(column, math.nan) for column in columns})
        if time.monotonic() - saved >= SAVE_EVERY_S:
            _write(place, name, columns, done, identity, versions)
            saved = time.monotonic()
    return Kept(_write(place, name, columns, done, identity, versions), identity, versions, True)


def measure_clip(place: RunClip, measure: Measure) -> Kept:
    """Measure one clip of a run, or read the scores that are kept of it.

    Returns:
        A column ``<metric>_<truth>`` for each metric and each truth that it was compared with; the truth is ``none``
        where it was compared with none, or with the input. The value is NaN where a frame has none.

    Raises:
        FitError: if sequences are measured, and the run has none, or the clip has no sub-frames.
        InputError: if frames or sequences do not fit the clip.
    """
    if measure.compares_with == "subframes":
        return _measure_sequences(place, measure)
    references = _references(place, measure)
    columns = [f"{metric}_{truth}" for truth in references for metric in measure.metrics]

    def rows(first: int) -> Iterator[Mapping[str, float]]:
        meters = {truth: measure.start() for truth in references}
        for index in range(max(first - measure.looks_back, 0), len(place.files)):
            row: dict[str, float] = {}
            frame = place.restored[index]
            for truth, reference in references.items():
                values = meters[truth](frame, None if reference is None else reference[index]) or {}
                row |= {f"{metric}_{truth}": values.get(metric, math.nan) for metric in measure.metrics}
            if index >= first:
                yield row

    return keep(place, measure.name, columns, rows, identity=measure.identity, versions=measure.versions)


def _measure_sequences(place: RunClip, measure: Measure) -> Kept:
    """Measure the sequences of one clip; the columns are those of the truth ``mid``, about which sub-frames lie."""
    columns = [f"{metric}_mid" for metric in measure.metrics]
    sequences = place.sequences

    def rows(first: int) -> Iterator[Mapping[str, float]]:
        meter = measure.start()
        for index in range(first, len(place.files)):
            values = meter(sequences.candidates(index), sequences.truth(index)) or {}
            yield {f"{metric}_mid": values.get(metric, math.nan) for metric in measure.metrics}

    return keep(place, measure.name, columns, rows, identity=measure.identity, versions=measure.versions)


def _references(place: RunClip, measure: Measure) -> Mapping[str, FrameFiles | None]:
    if measure.compares_with == "nothing":
        return {"none": None}
    if measure.compares_with == "truth or input" and not place.truths:
        return {"none": place.blurry}
    return {str(truth): frames for truth, frames in place.truths.items()}


def _write(
    place: RunClip, name: str, columns: Sequence[str], rows: Sequence[Mapping[str, float]], identity: str, versions: str
) -> pd.DataFrame:
    cells = {column: [row[column] for row in rows] for column in columns}
    table = _typed(cells, range(len(rows)), columns)
    about = {"identity": identity, "versions": versions, "key": place.key(name, ",".join(columns), identity, versions)}
    text = table.assign(**about).to_csv(index=False, lineterminator="\n")
    atomic_write_text(kept_path(place.folder, name), text)
    return table


def _typed(cells: Mapping[str, Sequence[float]], frames: Sequence[int], columns: Sequence[str]) -> pd.DataFrame:
    table = pd.DataFrame({"frame": list(frames), **cells}, columns=["frame", *columns])
    return table.astype({"frame": "int64", **dict.fromkeys(columns, "float64")})
