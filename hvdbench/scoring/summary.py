"""From the scores of frames to the numbers of a board: one row a clip, one row over the clips."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.scoring.frame_scores import FRAME_COLUMNS
from hvdbench.scoring.run_clip import TRUTHS
from hvdbench.statistics.intervals import clip_interval

SUBSETS = ("all", "not_selected", "selected")
SUMMARY_COLUMNS = ("method", "split", "clip", "truth", "subset", "metric", "value", "ci_low", "ci_high", "n")

_FIDELITY = ("psnr", "ssim", "psnr_registered")


def clip_rows(frame_scores: pd.DataFrame) -> pd.DataFrame:
    """Average the frames of each clip.

    Args:
        frame_scores: :data:`FRAME_COLUMNS` with ``method``, ``split`` and ``clip`` beside them.

    Returns:
        :data:`SUMMARY_COLUMNS`: a row for each method, split, clip, subset, truth and metric that has a value. ``n``
        counts frames; the interval is NaN, since the frames of a clip are not independent. ``shift_px`` is a median,
        ``sharpness_ratio`` the mean sharpness over the input's, ``worse_share`` (0 to 1) the frames whose PSNR is
        below the input's, all else a mean.

    Raises:
        InputError: a column is missing.
    """
    _require(frame_scores, ("method", "split", "clip", *FRAME_COLUMNS))
    rows = []
    for (method, split, clip), frames in frame_scores.groupby(["method", "split", "clip"], sort=True):
        for subset in SUBSETS:
            chosen = frames[subset_mask(frames, subset)]
            for truth, metric, values in _clip_values(chosen):
                row = {"method": method, "split": split, "clip": clip, "truth": truth, "subset": subset}
                rows.append(row | {"metric": metric, "value": values[0], "n": values[1]})
    return summary_table(rows)


def summarise(frame_scores: pd.DataFrame) -> pd.DataFrame:
    """Give the rows of :func:`clip_rows` and, under clip ``*``, the mean of the clips' values.

    The ``*`` rows are per method and split; ``n`` counts clips and the interval is 95 % over clips, Student's under 20,
    BCa from there on (NaN for one clip). Every clip weighs the same, however long it is.

    Raises:
        InputError: a column is missing.
    """
    return with_means(clip_rows(frame_scores))


def with_means(clips: pd.DataFrame) -> pd.DataFrame:
    """Put the rows over all clips, ``*``, above the rows of clips."""
    rows = []
    for key, values in clips.groupby(["method", "split", "truth", "subset", "metric"], sort=True)["value"]:
        over = clip_interval(values.to_numpy(np.float64))
        row = dict(zip(("method", "split", "truth", "subset", "metric"), key, strict=True))
        rows.append(row | {"clip": "*", "value": over.mean, "ci_low": over.low, "ci_high": over.high, "n": over.n})
    return pd.concat([summary_table(rows), clips], ignore_index=True) if rows else clips


def subset_mask(frames: pd.DataFrame, subset: str) -> NDArray[np.bool_]:
    """Say which frames, by their column ``selected``, a subset holds."""
    selected = frames["selected"].to_numpy(np.bool_)
    return {"all": np.ones_like(selected), "not_selected": ~selected, "selected": selected}[subset]


def _clip_values(frames: pd.DataFrame) -> Iterator[tuple[str, str, tuple[float, int]]]:
    """Yield (truth, metric, (value, frames that count)) of one clip's subset; what has no value is left out."""
    for truth in TRUTHS:
        for metric in _FIDELITY:
            known = frames[f"{metric}_{truth}"].dropna()
            if len(known):
                yield truth, metric, (float(known.mean()), len(known))
        gain = frames[f"psnr_gain_{truth}"].dropna()
        if len(gain):
            yield truth, "worse_share", (float((gain < 0).mean()), len(gain))
    if len(frames):
        after, before = float(frames["sharpness"].mean()), float(frames["sharpness_input"].mean())
        yield "none", "sharpness", (after, len(frames))
        if before > 0:
            yield "none", "sharpness_ratio", (after / before, len(frames))
    shift = frames["shift_px"].dropna()
    if len(shift):
        yield "none", "shift_px", (float(shift.median()), len(shift))


def summary_table(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Give rows :data:`SUMMARY_COLUMNS` and their types; what is left out is NaN."""
    table = pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))
    return table.astype({"value": np.float64, "ci_low": np.float64, "ci_high": np.float64, "n": np.int64})


def _require(table: pd.DataFrame, columns: tuple[str, ...]) -> None:
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InputError(f"the frame scores lack the column{'s' * (len(missing) > 1)} {', '.join(missing)}")
