"""Rank methods and group ties within each dataset and split."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from hvdbench.boards.facts import direction, within
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
from hvdbench.boards.seeds import over_seeds
from hvdbench.errors import InputError
from hvdbench.metrics.metric import Better
from hvdbench.scoring.summary import scores_over_clips
from hvdbench.statistics.comparison import detectable_difference, tie_groups
from hvdbench.statistics.intervals import FEWEST_FOR_BOOTSTRAP, Interval, clip_interval

RANKED_COLUMNS = (
    *BLOCK,
    "rank",
    "ties",
    "method",
    "origin",
    "seed",
    "value",
    "ci_low",
    "ci_high",
    "interval",
    "detectable",
    "clips",
    "of_clips",
    "frames",
    "of_frames",
    "complete",
    "note",
    "source",
)


def is_lower_better(metric: str) -> bool:
    """Return whether lower values of a metric are known to be better; see :func:`hvdbench.boards.facts.direction`."""
    return direction(metric) == "lower"


def headline(board: pd.DataFrame, metric: str = "psnr", truths: Sequence[str] = ("centroid", "mid")) -> tuple[str, str]:
    """Return the metric and truth by which a board is ranked.

    Args:
        board: a board's rows.
        metric: the board's own choice.
        truths: in the order of the board's choice.

    Returns:
        ``metric`` against the first truth that a row has it for; without one, ``("sharpness", "none")``.
    """
    found = set(board.loc[board["metric"] == metric, "truth"])
    first = next((truth for truth in (*truths, "none") if truth in found), None)
    return ("sharpness", "none") if first is None else (metric, first)


def ranked(
    board: pd.DataFrame,
    *,
    metric: str = "psnr",
    truth: str | None = None,
    subset: str = "not_selected",
    known: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Rank the methods of a board by one metric, within each dataset and split.

    Args:
        board: a board's rows.
        metric: what ranks.
        truth: ``mid``, ``centroid`` or ``none``; None: the first of centroid, mid, none that the metric has.
        subset: which frames.
        known: :func:`coverage` of the board's rows of that subset, seeds averaged, where it is at hand.

    Returns:
        :data:`RANKED_COLUMNS`, best first, then what is incomplete, then what is published. The mean and its interval
        (:func:`hvdbench.statistics.intervals.clip_interval`) are over clips; ``ties`` has the letters of
        :func:`hvdbench.statistics.comparison.tie_groups`, empty where one clip or one method cannot say;
        ``detectable`` is the least difference to the best that the clips would have shown. ``rank`` is empty where
        ``complete`` is false, as ``value`` is, and for published rows, whose ``value`` is kept. Of a metric whose
        direction is unknown nothing is ranked: rows are in the order of the methods, without ranks, ties and a best,
        and ``note`` says so. Several seeds of a method are averaged clip by clip and make one row without a seed.

    Raises:
        InputError: if the board has no such number.
    """
    board = over_seeds(board)
    truth = truth or headline(board, metric)[1]
    rows = board[(board["metric"] == metric) & (board["truth"] == truth)]
    ours = rows[(rows["subset"] == subset) & (rows["origin"] != "published")]
    papers = rows[(rows["origin"] == "published") & (rows["clip"] == OVER_CLIPS)]
    if ours.empty and papers.empty:
        raise InputError(f"the board has no {metric} of truth '{truth}' on the frames '{subset}': choose another")
    known = coverage(board[board["subset"] == subset]) if known is None else known
    known = known[(known["metric"] == metric) & (known["truth"] == truth) & (known["subset"] == subset)]
    parts = [_ranked_block(block, known, metric) for _, block in keyed(ours).groupby(list(BLOCK), sort=True)]
    parts += [_published(papers, direction(metric))] if len(papers) else []
    found = [row for part in parts for row in part]
    # Int64 at once: a seed beside an empty one would become a float, which is not exact above 2^53
    seeds = pd.Series([row.get("seed") for row in found], dtype="Int64")
    table = pd.DataFrame(found, columns=list(RANKED_COLUMNS)).assign(seed=seeds)
    counts = ("rank", "clips", "of_clips", "frames", "of_frames")
    return table.astype(
        dict.fromkeys(counts, "Int64") | dict.fromkeys(("value", "ci_low", "ci_high", "detectable"), "float64")
    )


def unranked_note(metric: str) -> str:
    """Write why nothing is ranked by a metric."""
    return f"not ranked: it is not stated whether higher or lower values of {metric} are better"


def _ranked_block(block: pd.DataFrame, known: pd.DataFrame, metric: str) -> list[dict[str, object]]:
    """Rank what was scored on the same clips."""
    better = direction(metric)
    counts = {tuple(row[name] for name in ENTRY): row for row in known.to_dict("records")}
    rows: list[dict[str, object]] = []
    scores: dict[str, np.ndarray] = {}
    for key, own in block.groupby(list(ENTRY), sort=True):
        count = counts.get(key)
        entry: dict[str, object] = dict(zip(ENTRY, key, strict=True))
        entry |= {"seed": _seed(key[-1]), "source": own["source"].iloc[0], "ties": "", "complete": True, "note": ""}
        clips = own[own["clip"] != OVER_CLIPS].sort_values("clip")
        if count is None:  # only rows over all clips: they do not show completeness or ties
            rows.append(entry | _told(own[own["clip"] == OVER_CLIPS].iloc[0], metric))
            continue
        entry |= {name: count[name] for name in ("clips", "of_clips", "frames", "of_frames", "complete")}
        if count["complete"] and pools_frames(own):
            entry |= _told(own[own["clip"] == OVER_CLIPS].iloc[0], metric) | {"clips": count["clips"]}
        elif count["complete"]:
            values = scores_over_clips(clips["value"], clips["n"], averaging_of(own))
            scores[str(len(rows))] = values
            over = clip_interval(values)
            low, high = within(metric, over.low, over.high)
            entry |= {"value": over.mean, "ci_low": low, "ci_high": high, "interval": over.kind}
            entry["note"] = few_clips(over)
        else:
            entry |= {"value": math.nan, "ci_low": math.nan, "ci_high": math.nan, "note": lacks(count)}
        rows.append(entry)
    if better is None:
        return _unranked(rows, metric)
    if len(scores) > 1 and min(map(len, scores.values())) > 1:
        for name, letters in tie_groups(scores, lower_is_better=better == "lower").items():
            rows[int(name)]["ties"] = letters
    ordered = _in_order(rows, better)
    if scores:
        best = scores[str(next(index for index, row in enumerate(rows) if row is ordered[0]))]
        for index, values in scores.items():
            rows[int(index)]["detectable"] = math.nan if values is best else detectable_difference(best - values)
    return ordered


def _unranked(rows: list[dict[str, object]], metric: str) -> list[dict[str, object]]:
    """Sort by method, and note in each row that nothing is ranked."""
    for row in rows:
        row["rank"] = None
        row["note"] = "; ".join(filter(None, (unranked_note(metric), str(row["note"]))))
    return sorted(rows, key=lambda row: (not row["complete"], str(row["method"]), str(row["seed"])))


def _in_order(rows: list[dict[str, object]], better: Better) -> list[dict[str, object]]:
    """Sort by value, what has none last, and number those that count; equal values share a rank."""
    way = 1 if better == "lower" else -1

    def place(row: dict[str, object]) -> tuple[bool, float, str, str]:
        value = float(row["value"])  # type: ignore[arg-type]
        return (math.isnan(value), 0.0 if math.isnan(value) else way * value, str(row["method"]), str(row["seed"]))

    ordered = sorted(rows, key=place)
    values = [row["value"] for row in ordered]
    for row in ordered:
        row["rank"] = values.index(row["value"]) + 1 if row["complete"] else None
    return ordered


def _told(row: pd.Series, metric: str) -> dict[str, object]:
    """Take a mean over clips as a row has it."""
    low, high = within(metric, row["ci_low"], row["ci_high"])
    return {"value": row["value"], "ci_low": low, "ci_high": high, "interval": "", "clips": row["n"]}


def _published(rows: pd.DataFrame, better: Better | None) -> list[dict[str, object]]:
    found: list[dict[str, object]] = [
        {name: row[name] for name in (*BLOCK, "method", "origin", "value", "ci_low", "ci_high", "source")}
        | {"rank": None, "ties": "", "complete": True, "interval": "", "note": row["protocol"]}
        for row in rows.to_dict("records")
    ]
    way = {"lower": 1, "higher": -1, None: 0}[better]
    return sorted(found, key=lambda row: (str(row["dataset"]), way * float(row["value"]), str(row["method"])))  # type: ignore[arg-type]


def few_clips(over: Interval) -> str:
    """Write a warning where an interval is computed from few clips; empty where it is not."""
    if over.n == 1:
        return "one clip: no interval"
    return f"Student's t over {over.n} clips" if over.n < FEWEST_FOR_BOOTSTRAP else ""


def _seed(text: object) -> int | None:
    return int(str(text)) if text else None
