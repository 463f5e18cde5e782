"""Average the scores of frames to the numbers of a board: one row per clip, one row over the clips."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.metrics.metric import Facts
from hvdbench.metrics.opening import known_facts
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.known import DEFAULT
from hvdbench.scoring.frame_scores import frame_columns
from hvdbench.scoring.run_clip import TRUTHS
from hvdbench.statistics.intervals import clip_interval
from hvdbench.statistics.pooling import pooled_scores

SUBSETS = ("all", "not_selected", "selected")
SUMMARY_COLUMNS = ("method", "split", "clip", "truth", "subset", "metric", "value", "ci_low", "ci_high", "n")

Averaging = Literal["clips", "frames"]
Column = Sequence[float] | NDArray[np.floating] | pd.Series

_FIDELITY = ("psnr", "ssim", "psnr_registered")
_AVERAGED = (
    *(f"{metric}_{truth}" for metric in (*_FIDELITY, "psnr_gain", "registered") for truth in TRUTHS),
    *("sharpness", "sharpness_input", "shift_px"),
)


def clip_rows(frame_scores: pd.DataFrame, protocol: Protocol = DEFAULT) -> pd.DataFrame:
    """Average the frames of each clip.

    Args:
        frame_scores: the columns :func:`hvdbench.scoring.frame_scores.frame_columns` of the protocol, with ``method``,
            ``split`` and ``clip``.
        protocol: the protocol under which the frames were scored; frames that it does not count are left out.

    Returns:
        A table of :data:`SUMMARY_COLUMNS` with a row for each method, split, clip, subset, truth and metric that has a
        value. ``n`` counts frames; the interval is NaN, since the frames of a clip are not independent. ``shift_px`` is
        a median. ``sharpness_ratio`` is the mean sharpness over the input's, ``worse_share`` (0 to 1) the share of
        frames whose PSNR is below the input's, and ``unregistered_share`` the share of those for which a registering
        protocol found no motion. All other values are means.

    Raises:
        InputError: if a column is missing, or a frame equals its truth under a protocol that sets PSNR no cap.
    """
    _require(frame_scores, ("method", "split", "clip", *frame_columns(protocol)))
    columns = _Columns(frame_scores, protocol)
    rows = []
    for (method, split, clip), every in columns.clips():
        counted = every[protocol.counts(columns.frame[every], len(every))]
        columns.check_finite(counted, f"{split}/{clip}")
        for subset in SUBSETS:
            chosen = counted[columns.masks[subset][counted]]
            for truth, metric, values in columns.values(chosen):
                row = {"method": method, "split": split, "clip": clip, "truth": truth, "subset": subset}
                rows.append(row | {"metric": metric, "value": values[0], "n": values[1]})
    return summary_table(rows)


def summarise(frame_scores: pd.DataFrame, protocol: Protocol = DEFAULT) -> pd.DataFrame:
    """Return the rows of :func:`clip_rows` and, under clip ``*``, the mean of the clips' values.

    The ``*`` rows are per method and split. ``n`` counts clips, and the interval is 95 % over clips, Student's under
    20, BCa from there on (NaN for one clip). Every clip has the same weight, however long it is, unless the protocol
    takes its mean over frames; then a clip weighs as many frames as it has.

    Raises:
        InputError: under the conditions of :func:`clip_rows`.
    """
    return with_means(clip_rows(frame_scores, protocol), protocol.averaging)


def with_means(clips: pd.DataFrame, averaging: Averaging = "clips") -> pd.DataFrame:
    """Put the rows over all clips, ``*``, above the rows of clips."""
    rows = []
    for key, group in clips.groupby(["method", "split", "truth", "subset", "metric"], sort=True):
        over = clip_interval(scores_over_clips(group["value"], group["n"], averaging))
        row = dict(zip(("method", "split", "truth", "subset", "metric"), key, strict=True))
        rows.append(row | {"clip": "*", "value": over.mean, "ci_low": over.low, "ci_high": over.high, "n": over.n})
    return pd.concat([cut_intervals(summary_table(rows), known_facts), clips], ignore_index=True) if rows else clips


def cut_intervals(rows: pd.DataFrame, facts: Callable[[str], Facts | None]) -> pd.DataFrame:
    """Cut the intervals of rows at the ends of their metric's range, such as 0 and 1 of a share.

    Args:
        rows: with ``metric``, ``ci_low`` and ``ci_high``.
        facts: looks up what is known of a metric.
    """
    known = {name: found for name in rows["metric"].unique() if (found := facts(name)) is not None}
    least = rows["metric"].map({name: found.least for name, found in known.items()}).astype("float64")
    most = rows["metric"].map({name: found.most for name, found in known.items()}).astype("float64")
    low = rows["ci_low"].mask(rows["ci_low"] < least, least)
    return rows.assign(ci_low=low, ci_high=rows["ci_high"].mask(rows["ci_high"] > most, most))


def scores_over_clips(values: Column, counts: Column, averaging: Averaging) -> NDArray[np.float64]:
    """Turn the values of clips into scores whose plain mean is the protocol's value over clips.

    Args:
        values: the values of the clips.
        counts: the number of frames behind each value.
        averaging: ``clips`` or ``frames``.
    """
    scores = np.asarray(values, np.float64)
    return scores if averaging == "clips" else pooled_scores(scores, np.asarray(counts, np.float64))


def subset_mask(frames: pd.DataFrame, subset: str) -> NDArray[np.bool_]:
    """Return which frames belong to a subset, by their column ``selected``."""
    selected = frames["selected"].to_numpy(np.bool_)
    return {"all": np.ones_like(selected), "not_selected": ~selected, "selected": selected}[subset]


def summary_table(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Put rows into :data:`SUMMARY_COLUMNS` of the right types; missing values become NaN."""
    table = pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))
    return table.astype({"value": np.float64, "ci_low": np.float64, "ci_high": np.float64, "n": np.int64})


class _Columns:
    """The columns of frame scores as arrays (frames,): a board of 10,000 clips asks for a million means of them."""

    def __init__(self, scores: pd.DataFrame, protocol: Protocol) -> None:
        self._keys = scores.groupby(["method", "split", "clip"], sort=True)
        self._protocol = protocol
        self._scores = {
            str(name): scores[name].to_numpy(np.float64, na_value=np.nan) for name in scores if name in _AVERAGED
        }
        self.frame = scores["frame"].to_numpy(np.int64)
        self.masks = {subset: subset_mask(scores, subset) for subset in SUBSETS}

    def clips(self) -> Iterator[tuple[tuple[str, str, str], NDArray[np.intp]]]:
        """Yield method, split and clip in their order, with the places of the clip's rows."""
        places = self._keys.indices
        yield from ((key, np.asarray(places[key])) for key in self._keys.size().index)

    def check_finite(self, rows: NDArray[np.intp], clip: str) -> None:
        """Refuse an infinite PSNR, which no board can hold.

        Raises:
            InputError: if a frame's PSNR is infinite.
        """
        for truth in TRUTHS:
            equal = rows[np.isposinf(self._scores[f"psnr_{truth}"][rows])]
            if len(equal):
                raise InputError(
                    f"frame {self.frame[equal[0]]} of {clip} equals its truth '{truth}', and protocol "
                    f"{self._protocol.name} sets PSNR no cap, so that its mean is infinite: score the run under a "
                    f"protocol with a cap, for example {DEFAULT.name}"
                )

    def values(self, rows: NDArray[np.intp]) -> Iterator[tuple[str, str, tuple[float, int]]]:
        """Yield (truth, metric, (value, frames that count)) of one clip's subset, but no metric without a value."""
        for truth in TRUTHS:
            for metric in _FIDELITY:
                if len(known := self._known(f"{metric}_{truth}", rows)):
                    yield truth, metric, (float(known.mean()), len(known))
            if len(gain := self._known(f"psnr_gain_{truth}", rows)):
                yield truth, "worse_share", (float((gain < 0).mean()), len(gain))
            if len(found := self._known(f"registered_{truth}", rows)):
                yield truth, "unregistered_share", (float((found == 0).mean()), len(found))
        if len(rows):
            after, before = (self._mean(name, rows) for name in ("sharpness", "sharpness_input"))
            yield "none", "sharpness", (after, len(rows))
            if before > 0:
                yield "none", "sharpness_ratio", (after / before, len(rows))
        if len(shift := self._known("shift_px", rows)):
            yield "none", "shift_px", (float(np.median(shift)), len(shift))

    def _known(self, name: str, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return a column's values in these rows without the missing ones; none where there is no such column."""
        if name not in self._scores:
            return np.empty(0)
        found: NDArray[np.float64] = self._scores[name][rows]
        known: NDArray[np.float64] = found[~np.isnan(found)]
        return known

    def _mean(self, name: str, rows: NDArray[np.intp]) -> float:
        known = self._known(name, rows)
        return float(known.mean()) if len(known) else math.nan


def _require(table: pd.DataFrame, columns: tuple[str, ...]) -> None:
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InputError(f"the frame scores lack the column{'s' * (len(missing) > 1)} {', '.join(missing)}")
