"""Ranks and tie groups within each dataset and split."""

import math
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from hvdbench.boards.ranking.coverage import BLOCK, ENTRY, OVER_CLIPS, coverage, keyed, lacks, pools_frames
from hvdbench.errors import InputError
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
LOWER_IS_BETTER = frozenset(
    [
        *("worse_share", "shift_px", "edge_spread", "overshoot"),
        *("afine_all", "afine_fr", "afine_nr", "brisque", "deepdc", "dists", "fid", "gmsd", "ilniqe", "lpips", "mad"),
        *("msswd", "niqe", "nlpd", "pi", "pieapp", "piqe", "sfid", "stlpips"),
        *("warping_error", "warping_error_reference", "tof_px", "tlpips", "flicker"),
        *("seconds", "seconds_per_frame", "params", "macs", "peak_bytes"),
        *("plpips_mean", "landmark_error"),
    ]
)
"""Ours, pyiqa's (as it states them) and papers'; a variant such as ``lpips-vgg`` goes its metric's way."""


def is_lower_better(metric: str) -> bool:
    """Say which way a metric goes; one that is not known is better when higher."""
    stem = re.split(r"[-+]", metric.removesuffix("_matlab").removesuffix("_scale"))[0]
    return metric in LOWER_IS_BETTER or stem in LOWER_IS_BETTER


def headline(board: pd.DataFrame, metric: str = "psnr", truths: Sequence[str] = ("centroid", "mid")) -> tuple[str, str]:
    """Name the metric and truth by which a board is ranked.

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
        known: :func:`coverage` of the board's rows of that subset, where it is at hand.

    Returns:
        :data:`RANKED_COLUMNS`, best first, then what is incomplete, then what is published. The mean and its interval
        (:func:`hvdbench.statistics.intervals.clip_interval`) are over clips; ``ties`` has the letters of
        :func:`hvdbench.statistics.comparison.tie_groups`, empty where one clip or one method cannot say;
        ``detectable`` is the least difference to the best that the clips would have shown. ``rank`` is empty where
        ``complete`` is false, as ``value`` is, and for published rows, whose ``value`` stands.

    Raises:
        InputError: the board has no such number.
    """
    truth = truth or headline(board, metric)[1]
    rows = board[(board["metric"] == metric) & (board["truth"] == truth)]
    ours = rows[(rows["subset"] == subset) & (rows["origin"] != "published")]
    papers = rows[(rows["origin"] == "published") & (rows["clip"] == OVER_CLIPS)]
    if ours.empty and papers.empty:
        raise InputError(f"the board has no {metric} of truth '{truth}' on the frames '{subset}': choose another")
    known = coverage(board[board["subset"] == subset]) if known is None else known
    known = known[(known["metric"] == metric) & (known["truth"] == truth) & (known["subset"] == subset)]
    parts = [
        _ranked_block(block, known, is_lower_better(metric)) for _, block in keyed(ours).groupby(list(BLOCK), sort=True)
    ]
    parts += [_published(papers, is_lower_better(metric))] if len(papers) else []
    table = pd.DataFrame([row for part in parts for row in part], columns=list(RANKED_COLUMNS))
    counts = ("rank", "clips", "of_clips", "frames", "of_frames", "seed")
    return table.astype(
        dict.fromkeys(counts, "Int64") | dict.fromkeys(("value", "ci_low", "ci_high", "detectable"), "float64")
    )


def _ranked_block(block: pd.DataFrame, known: pd.DataFrame, lower: bool) -> list[dict[str, object]]:
    """Rank what was scored on the same clips."""
    counts = {tuple(row[name] for name in ENTRY): row for row in known.to_dict("records")}
    rows: list[dict[str, object]] = []
    scores: dict[str, np.ndarray] = {}
    for key, own in block.groupby(list(ENTRY), sort=True):
        count = counts.get(key)
        entry: dict[str, object] = dict(zip(ENTRY, key, strict=True))
        entry |= {"seed": _seed(key[-1]), "source": own["source"].iloc[0], "ties": "", "complete": True, "note": ""}
        clips = own[own["clip"] != OVER_CLIPS].sort_values("clip")
        if count is None:  # rows over all clips alone: nothing to judge completeness or ties by
            rows.append(entry | _told(own[own["clip"] == OVER_CLIPS].iloc[0]))
            continue
        entry |= {name: count[name] for name in ("clips", "of_clips", "frames", "of_frames", "complete")}
        if count["complete"] and pools_frames(own):
            entry |= _told(own[own["clip"] == OVER_CLIPS].iloc[0]) | {"clips": count["clips"]}
        elif count["complete"]:
            values = clips["value"].to_numpy(np.float64)
            scores[str(len(rows))] = values
            over = clip_interval(values)
            entry |= {"value": over.mean, "ci_low": over.low, "ci_high": over.high, "interval": over.kind}
            entry["note"] = few_clips(over)
        else:
            entry |= {"value": math.nan, "ci_low": math.nan, "ci_high": math.nan, "note": lacks(count)}
        rows.append(entry)
    if len(scores) > 1 and min(map(len, scores.values())) > 1:
        for name, letters in tie_groups(scores, lower_is_better=lower).items():
            rows[int(name)]["ties"] = letters
    ordered = _in_order(rows, lower)
    if scores:
        best = scores[str(next(index for index, row in enumerate(rows) if row is ordered[0]))]
        for index, values in scores.items():
            rows[int(index)]["detectable"] = math.nan if values is best else detectable_difference(best - values)
    return ordered


def _in_order(rows: list[dict[str, object]], lower: bool) -> list[dict[str, object]]:
    """Sort by value, what has none last, and number those that count; equal values share a rank."""
    way = 1 if lower else -1

    def place(row: dict[str, object]) -> tuple[bool, float, str, str]:
        value = float(row["value"])  # type: ignore[arg-type]
        return (math.isnan(value), 0.0 if math.isnan(value) else way * value, str(row["method"]), str(row["seed"]))

    ordered = sorted(rows, key=place)
    values = [row["value"] for row in ordered]
    for row in ordered:
        row["rank"] = values.index(row["value"]) + 1 if row["complete"] else None
    return ordered


def _told(row: pd.Series) -> dict[str, object]:
    """Take a mean over clips as a row gives it."""
    return {name: row[name] for name in ("value", "ci_low", "ci_high")} | {"interval": "", "clips": row["n"]}


def _published(rows: pd.DataFrame, lower: bool) -> list[dict[str, object]]:
    found: list[dict[str, object]] = [
        {name: row[name] for name in (*BLOCK, "method", "origin", "value", "ci_low", "ci_high", "source")}
        | {"rank": None, "ties": "", "complete": True, "interval": "", "note": row["protocol"]}
        for row in rows.to_dict("records")
    ]
    way = 1 if lower else -1
    return sorted(found, key=lambda row: (str(row["dataset"]), way * float(row["value"]), str(row["method"])))  # type: ignore[arg-type]


def few_clips(over: Interval) -> str:
    """Warn where an interval stands on few clips; empty where it does not."""
    if over.n == 1:
        return "one clip: no interval"
    return f"Student's t over {over.n} clips" if over.n < FEWEST_FOR_BOOTSTRAP else ""


def _seed(text: object) -> int | None:
    return int(str(text)) if text else None
