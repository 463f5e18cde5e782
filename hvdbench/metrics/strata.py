"""Split a method's gains by the distance to the nearest sharp frame, and by how far a frame is blurred.

Functions of tables with a row a frame; means are taken within a clip first, so that long clips weigh no more.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hvdbench.errors import InputError

DISTANCE_BINS = (0, 1, 2, 3, 5, 9)
"""First distances of the strata, frames: 0 (sharp itself), 1, 2, 3-4, 5-8, 9 and more."""
EXTENT_BINS_PX = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
"""First extents of the strata, px: below 1, 1-2, 2-4, 4-8, 8-16, 16 and more; each without its end."""
COLUMNS = ("stratum", "clip", "value", "n")
_KEYS = ("method", "split", "clip")


def distance_to_sharp(is_selected: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return each frame's distance to the nearest selected frame of its clip, frames; -1 where none is selected."""
    frames, chosen = np.arange(len(is_selected)), np.flatnonzero(is_selected)
    if not len(chosen):
        return np.full(len(is_selected), -1, np.int64)
    after = np.searchsorted(chosen, frames)
    right = np.abs(chosen[np.minimum(after, len(chosen) - 1)] - frames)
    left = np.abs(chosen[np.maximum(after - 1, 0)] - frames)
    return np.asarray(np.minimum(left, right), np.int64)


def by_distance(frames: pd.DataFrame, metric: str, bins: Sequence[int] = DISTANCE_BINS) -> pd.DataFrame:
    """Average a metric by the distance to the nearest selected frame.

    Args:
        frames: columns ``selected`` and ``metric``, in order of time, a row for every frame; ``clip`` (and ``method``,
            ``split``) where there are several.
        metric: e.g. ``psnr_gain_centroid``; NaN is left out.
        bins: first distances of the strata, rising.

    Returns:
        :data:`COLUMNS` (after ``method`` and ``split`` where given), a row for each clip and stratum that has frames,
        and under clip ``*`` the mean of the clips' values, where n counts clips.

    Raises:
        InputError: if a column is missing.
    """
    _require(frames, ("selected", metric))
    keys = _keys(frames)
    if keys:
        distance = frames.groupby(keys, sort=False)["selected"].transform(
            lambda selected: distance_to_sharp(selected.to_numpy(np.bool_))
        )
    else:
        distance = pd.Series(distance_to_sharp(frames["selected"].to_numpy(np.bool_)), index=frames.index)
    values = distance.to_numpy(np.float64)
    return _averaged(frames, metric, np.where(values < 0, np.nan, values), [*map(float, bins)], whole=True)


def by_extent(
    frames: pd.DataFrame, metric: str, extent: str = "extent_px", bins: Sequence[float] = EXTENT_BINS_PX
) -> pd.DataFrame:
    """Average a metric by the extent of the blur, e.g. the oracle's largest displacement or an estimate.

    Args:
        frames: as :func:`by_distance`, with the column ``extent`` in px in place of ``selected``.
        metric: as there.
        extent: the column; frames without a value are left out.
        bins: first extents of the strata, rising.

    Returns:
        As :func:`by_distance`.

    Raises:
        InputError: if a column is missing.
    """
    _require(frames, (extent, metric))
    return _averaged(frames, metric, frames[extent].to_numpy(np.float64), [*map(float, bins)], whole=False)


def stratum_names(bins: Sequence[float], *, whole: bool) -> list[str]:
    """List the names of strata: ``0, 1, 3-4, 5+`` of whole numbers, else ``[0, 1), [1, inf)``."""
    ends = [*bins[1:], math.inf]
    if not whole:
        return [f"[{first:g}, {end:g})" for first, end in zip(bins, ends, strict=True)]
    names = []
    for first, end in zip(bins, ends, strict=True):
        names.append(
            f"{first:g}+" if end == math.inf else f"{first:g}" if end == first + 1 else f"{first:g}-{end - 1:g}"
        )
    return names


def _averaged(
    frames: pd.DataFrame, metric: str, where: NDArray[np.float64], bins: list[float], *, whole: bool
) -> pd.DataFrame:
    names = stratum_names(bins, whole=whole)
    keys = _keys(frames)
    known = np.isfinite(where) & (where >= bins[0]) & frames[metric].notna().to_numpy(np.bool_)
    order = np.clip(np.searchsorted(bins, np.where(known, where, bins[0]), side="right") - 1, 0, len(bins) - 1)
    table = frames.assign(stratum=order)[known]
    if "clip" not in keys:
        table, keys = table.assign(clip=""), [*keys, "clip"]
    over = [key for key in keys if key != "clip"]
    clips = table.groupby([*keys, "stratum"], sort=True)[metric].agg(value="mean", n="count").reset_index()
    means = clips.groupby([*over, "stratum"], sort=True)["value"].agg(value="mean", n="count").reset_index()
    both = pd.concat([means.assign(clip="*"), clips], ignore_index=True)
    both["stratum"] = [names[index] for index in both["stratum"]]
    return both[[*over, *COLUMNS]]


def _keys(frames: pd.DataFrame) -> list[str]:
    return [key for key in _KEYS if key in frames.columns]


def _require(frames: pd.DataFrame, columns: tuple[str, ...]) -> None:
    missing = [name for name in columns if name not in frames.columns]
    if missing:
        raise InputError(f"the table of frames lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}")
