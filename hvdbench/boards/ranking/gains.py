"""Compare every method of a board with the blurry input, the control and the best, clip by clip."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hvdbench.boards.facts import difference_within, direction
from hvdbench.boards.ranking.coverage import (
    BLOCK,
    ENTRY,
    OVER_CLIPS,
    averaging_of,
    coverage,
    keyed,
    lacks,
    pools_frames,
)
from hvdbench.boards.ranking.order import headline
from hvdbench.boards.references import role_of
from hvdbench.boards.seeds import over_seeds
from hvdbench.scoring.summary import scores_over_clips
from hvdbench.statistics.comparison import ALPHA, corrected_pairs
from hvdbench.statistics.intervals import clip_interval

GAIN_COLUMNS = (
    *ENTRY,
    "role",
    "value",
    "gain",
    "ci_low",
    "ci_high",
    "interval",
    "clips",
    "against_input",
    "against_control",
    "behind",
    "behind_low",
    "behind_high",
    "tied",
    "note",
)

ABOVE, BELOW, OPEN, UNKNOWN = "above", "below", "open", ""
"""Verdicts on two rows: told apart either way, not told apart, and no test because there is one clip or no such row."""


@dataclass(frozen=True)
class _Scored:
    """An entry of one block: what it is, its scores, one a clip, and its mean."""

    key: tuple[str, ...]
    role: str
    scores: NDArray[np.float64] | None
    value: float
    note: str = ""

    @property
    def method(self) -> str:
        return self.key[ENTRY.index("method")]


def gains(
    board: pd.DataFrame,
    *,
    metric: str = "psnr",
    truth: str | None = None,
    subset: str = "not_selected",
    known: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Compute what each method changes of the blurry input, with the interval of the paired difference.

    Pairing by clip removes what clips differ by, so that these intervals are far narrower than those of two means.

    Args:
        board: a board's rows; published ones are passed over.
        metric: what is compared.
        truth: as in :func:`hvdbench.boards.ranking.order.ranked`.
        subset: which frames.
        known: :func:`hvdbench.boards.ranking.coverage.coverage` of these rows, seeds averaged, where it is at hand.

    Returns:
        :data:`GAIN_COLUMNS`, a row an entry, best first within dataset and split, what is incomplete last. ``role`` is
        ``method``, ``control`` or ``input``. ``gain`` is the mean of method less input in the metric's stored unit,
        with its 95 % interval over clips; NaN where the board has no input. ``against_input`` and ``against_control``
        are ``above`` where a method is better by the paired t-test, ``below`` where it is worse, ``open`` where the
        clips cannot tell, and empty where there is nothing to compare with or no direction. ``behind`` is the mean
        difference to the best method, with its interval; ``tied`` says whether the clips cannot tell the two apart,
        false where they say nothing. All tests are corrected by Holm over all pairs of the block, the family of the
        tie letters.
    """
    board = over_seeds(board)
    truth = truth or headline(board, metric)[1]
    rows = board[(board["metric"] == metric) & (board["truth"] == truth)]
    ours = rows[(rows["subset"] == subset) & (rows["origin"] != "published")]
    known = coverage(board[board["subset"] == subset]) if known is None else known
    known = known[(known["metric"] == metric) & (known["truth"] == truth) & (known["subset"] == subset)]
    counts = {tuple(row[name] for name in ENTRY): row for row in known.to_dict("records")}
    found: list[dict[str, object]] = []
    for _, block in keyed(ours).groupby(list(BLOCK), sort=True):
        found += _of_block([_scored(key, own, counts.get(key)) for key, own in block.groupby(list(ENTRY))], metric)
    return pd.DataFrame(found, columns=list(GAIN_COLUMNS))


def _scored(key: Any, own: pd.DataFrame, count: dict[Any, Any] | None) -> _Scored:
    """Collect an entry's scores, none where it lacks clips or its rows are about pooled frames."""
    role = role_of(key[ENTRY.index("method")])
    if count is not None and not count["complete"]:
        return _Scored(key, role, None, math.nan, lacks(count))
    if count is None or pools_frames(own):
        return _Scored(key, role, None, float(own.loc[own["clip"] == OVER_CLIPS, "value"].iloc[0]))
    clips = own[own["clip"] != OVER_CLIPS].sort_values("clip")
    scores = scores_over_clips(clips["value"], clips["n"], averaging_of(own))
    return _Scored(key, role, scores, float(scores.mean()))


def _of_block(entries: list[_Scored], metric: str) -> list[dict[str, object]]:
    way = {"higher": 1, "lower": -1, None: 0}[direction(metric)]

    def worth(one: _Scored) -> tuple[bool, float, tuple[str, ...]]:
        return (math.isnan(one.value), 0.0 if math.isnan(one.value) else -way * one.value, one.key)

    ordered = sorted(entries, key=worth)
    whole = [one for one in ordered if not math.isnan(one.value)]
    first = {role: next((one for one in whole if one.role == role), None) for role in ("input", "control", "method")}
    pairs = corrected_pairs({str(n): one.scores for n, one in enumerate(ordered) if one.scores is not None})
    place = {id(one): n for n, one in enumerate(ordered)}

    def p(one: _Scored, other: _Scored | None) -> float:
        if other is None:
            return math.nan
        a, b = sorted((place[id(one)], place[id(other)]))
        return pairs.get((str(a), str(b)), math.nan)

    def verdict(one: _Scored, other: _Scored | None) -> str:
        found = p(one, other)
        if other is None or math.isnan(found) or not way:
            return UNKNOWN
        return OPEN if found >= ALPHA else ABOVE if way * (one.value - other.value) > 0 else BELOW

    best = first["method"] if way else None
    told = []
    for one in ordered:
        gain, behind = _difference(one, first["input"], metric), _difference(one, best, metric)
        told.append(
            dict(zip(ENTRY, one.key, strict=True))
            | {"role": one.role, "value": one.value, "note": one.note}
            | dict(zip(("gain", "ci_low", "ci_high", "interval"), gain, strict=True))
            | dict(zip(("behind", "behind_low", "behind_high"), behind, strict=False))
            | {"clips": 0 if one.scores is None else len(one.scores)}
            | {"against_input": verdict(one, first["input"]), "against_control": verdict(one, first["control"])}
            | {"tied": verdict(one, best) == OPEN}
        )
    return told


def _difference(one: _Scored, other: _Scored | None, metric: str) -> tuple[float, float, float, str]:
    """Return the mean difference of two entries with its interval and the interval's kind; NaN where one is missing."""
    if other is None or other is one or math.isnan(one.value) or math.isnan(other.value):
        return math.nan, math.nan, math.nan, ""
    if one.scores is None or other.scores is None:
        return one.value - other.value, math.nan, math.nan, ""
    over = clip_interval(one.scores - other.scores)
    return over.mean, *difference_within(metric, over.low, over.high), over.kind
