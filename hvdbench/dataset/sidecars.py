"""Read what lies beside a release's frames: times in names, tables of sensors, boxes, words of the metadata.

Each becomes fields of ``tracks.h5``. What is not there stays unknown; what is there and cannot be read is an error.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hvdbench.dataset.pickled import read_pickled
from hvdbench.errors import InputError
from hvdbench.sources.layout import Boxes, Layout, SensorTable
from hvdbench.sources.release import ReleaseClip

_NS = 1e-9
_BOX_SIDES = 4


def read_tracks(clip: ReleaseClip, layout: Layout) -> dict[str, NDArray[Any]]:
    """Read all that the layout knows of beside a clip's blurry frames.

    Returns:
        Fields of ``tracks.h5`` and their values. ``t_s`` is 0 in the middle of the first exposure where the frames'
        names state their exposures, and ``clock_zero_ns`` is that instant on the release's clock.

    Raises:
        InputError: if a name, a table or a box is not as the layout states.
    """
    tracks: dict[str, NDArray[Any]] = {}
    fps = layout.fps_of(clip.name)
    if layout.exposure_in_name:
        start_ns, end_ns = _exposures(clip, layout.exposure_in_name)
        middle_ns = start_ns + (end_ns - start_ns) // 2
        tracks["clock_zero_ns"] = middle_ns[0]
        tracks["t_s"] = (middle_ns - middle_ns[0]) * _NS
        tracks["exposure_s"] = (end_ns - start_ns) * _NS
    elif fps:
        tracks["t_s"] = np.arange(len(clip.files), dtype=np.float64) / fps
    for table in layout.tables:
        tracks |= _table(clip, table, tracks)
    if layout.boxes:
        tracks |= _boxes(clip, layout.boxes)
    for field in clip.facts[0].words if clip.facts else ():
        tracks[field] = np.array([facts.words[field].encode() for facts in clip.facts])
    return tracks


def _exposures(clip: ReleaseClip, pattern: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return when each exposure began and ended, ns, (T,) each."""
    found = []
    for file in clip.files:
        named = re.fullmatch(pattern, file.stem)
        if not named:
            raise InputError(f"{file} does not state its exposure: expected a name like {pattern}")
        found.append((int(named["start_ns"]), int(named["end_ns"])))
        if not found[-1][0] < found[-1][1] or (len(found) > 1 and found[-1][0] <= found[-2][0]):
            raise InputError(f"{file} states an exposure from {named['start_ns']} to {named['end_ns']} ns, which is "
                             "not after the one before it")  # fmt: skip
    times = np.array(found, np.int64)
    return times[:, 0], times[:, 1]


def _table(clip: ReleaseClip, table: SensorTable, tracks: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    file = clip.folder / table.file
    if not file.is_file():
        return {}
    try:
        rows = [line.split(",") for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        values = np.array([[float(row[column]) for column in table.columns] for row in rows], np.float64)
        times = None if table.time_ns is None else np.array([int(row[table.time_ns]) for row in rows], np.int64)
    except (OSError, ValueError, IndexError, OverflowError) as error:
        raise InputError(f"{file} is not a table of numbers as the layout states it: {error}") from error
    if times is None:
        return {table.track: values} if len(values) == len(clip.files) else {}
    if "clock_zero_ns" not in tracks:
        raise InputError(f"{file} has times, and no frame of {clip.folder} states one on the same clock")
    beside = table.track.rpartition("/")[0]
    return {table.track: values, f"{beside}/t_s": (times - tracks["clock_zero_ns"]) * _NS}


def _boxes(clip: ReleaseClip, boxes: Boxes) -> dict[str, NDArray[Any]]:
    folder = clip.folder / boxes.folder
    if not folder.is_dir():
        return {}
    found = np.full((len(clip.files), _BOX_SIDES), np.nan)
    for index, frame in enumerate(clip.files):
        file = folder / f"{frame.stem}.pkl"
        if file.is_file():
            found[index] = _box(file, boxes.key)
    return {"box_px": found}


def _box(file: Path, key: str) -> NDArray[np.float64]:
    content = read_pickled(file)
    try:
        box = np.asarray(content[key], np.float64).reshape(-1)[:_BOX_SIDES]
    except (LookupError, TypeError, ValueError) as error:
        raise InputError(f"{file} has no box '{key}': {error}") from error
    if len(box) < _BOX_SIDES or not np.isfinite(box).all():
        raise InputError(f"{file} has the box {box.tolist()}, expected left, top, right and bottom in px")
    return box
