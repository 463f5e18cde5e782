"""Compare restored neighbours with withheld sharp frames, per pair, per clip and over the clips."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from hvdbench.frames import Frames
from hvdbench.metrics.fidelity import masked_psnr
from hvdbench.statistics.intervals import clip_interval, mean_interval
from hvdbench.workflows.heldout.clip import HeldOutClip
from hvdbench.workflows.heldout.metric import register
from hvdbench.workflows.heldout.restoring import Restore, restore_fold
from hvdbench.workspace.progress import Progress, silent

REACH_PX = 0.5
"""The reach of registration in px: a shift up to it is removed whole, from twice that on not at all."""
PAIR_COLUMNS = ("method", "clip", "withheld", "compared", "score_db", "input_db", "gain_db", "shift_px", "coverage")
SUMMARY_COLUMNS = (
    "method",
    "clip",
    "score_db",
    "gain_db",
    "gain_low_db",
    "gain_high_db",
    "shift_px",
    "coverage",
    "withheld",
    "compared",
)


def score_methods(clip: HeldOutClip, methods: Mapping[str, Restore], progress: Progress = silent) -> pd.DataFrame:
    """Restore a clip fold by fold with its sharp frames withheld, and compare the results with these frames.

    Args:
        clip: the clip.
        methods: the methods by name.
        progress: function called with (done, total, what).

    Returns:
        A row for each method and pair, with the columns :data:`PAIR_COLUMNS`.

    Raises:
        InputError: if a method changed the number or size of frames.
    """
    total, done = len(methods) * len(clip.plan.folds), 0
    tables = []
    for name, restore in methods.items():
        folds = []
        for fold in range(len(clip.plan.folds)):
            progress(done, total, f"{clip.name}: restore without")
            folds.append(restore_fold(restore, clip.frames, clip.plan, fold))
            done += 1
            progress(done, total, f"{clip.name}: restore without")
        tables.append(compare(clip, name, folds))
    return pd.concat(tables, ignore_index=True)


def compare(clip: HeldOutClip, method: str, folds: Sequence[Frames]) -> pd.DataFrame:
    """Compare what was restored in each fold with the frames that were withheld from it.

    Args:
        clip: the clip.
        method: the method's name.
        folds: the restored frames of each fold, (T, H, W, 3) uint8, by their numbers in the whole clip.

    Returns:
        A table with the columns :data:`PAIR_COLUMNS`: ``score_db`` is the PSNR after registration, and ``gain_db`` is
        that minus the input's own.
    """
    rows = []
    for pair in clip.plan.pairs:
        reference = clip.reference(pair)
        scores = []
        for frame in (folds[pair.fold][pair.compared], clip.frames[pair.compared]):
            moved, shift = register(frame, reference.picture, reference.mask, REACH_PX)
            scores.append((masked_psnr(moved, reference.picture, reference.mask), shift))
        (score, shift), (before, _) = scores
        found = (pair.withheld, pair.compared, score, before, score - before, shift, reference.coverage)
        rows.append((method, clip.name, *found))
    return pd.DataFrame(rows, columns=list(PAIR_COLUMNS))


def summarise(pairs: pd.DataFrame) -> pd.DataFrame:
    """Average over pairs, then over withheld frames, then over clips.

    Args:
        pairs: the tables of :func:`compare`, of any number of methods and clips.

    Returns:
        A table with the columns :data:`SUMMARY_COLUMNS`, methods in the given order. A clip's interval (95 %, of the
        gain) is over withheld frames, which are not independent of each other, so it is too narrow. Where there are
        several clips, clip ``*`` has an interval over clips. ``withheld`` counts frames, ``compared`` counts pairs,
        ``shift_px`` is a median.
    """
    rows = []
    for method, own in pairs.groupby("method", sort=False):
        clips = [_clip_row(str(method), str(clip), table) for clip, table in own.groupby("clip", sort=False)]
        rows += clips
        if len(clips) > 1:
            rows.append(_mean_row(str(method), clips))
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def _clip_row(method: str, clip: str, pairs: pd.DataFrame) -> dict[str, object]:
    by_withheld = pairs.groupby("withheld")[["score_db", "gain_db", "coverage"]].mean()
    interval = mean_interval(by_withheld["gain_db"].to_numpy(np.float64))
    return {
        "method": method,
        "clip": clip,
        "score_db": float(by_withheld["score_db"].mean()),
        "gain_db": interval.mean,
        "gain_low_db": interval.low,
        "gain_high_db": interval.high,
        "shift_px": _median(pairs["shift_px"]),
        "coverage": float(by_withheld["coverage"].mean()),
        "withheld": len(by_withheld),
        "compared": len(pairs),
    }


def _mean_row(method: str, clips: Sequence[Mapping[str, object]]) -> dict[str, object]:
    table = pd.DataFrame(clips)
    interval = clip_interval(table["gain_db"].to_numpy(np.float64))
    return {
        "method": method,
        "clip": "*",
        "score_db": float(table["score_db"].mean()),
        "gain_db": interval.mean,
        "gain_low_db": interval.low,
        "gain_high_db": interval.high,
        "shift_px": _median(table["shift_px"]),
        "coverage": float(table["coverage"].mean()),
        "withheld": int(table["withheld"].sum()),
        "compared": int(table["compared"].sum()),
    }


def _median(values: "pd.Series[float]") -> float:
    known = values.dropna()
    return float(known.median()) if len(known) else math.nan
