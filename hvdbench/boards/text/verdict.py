"""Write in sentences who leads a board, by how much over the input, who ties, and who learns nothing."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from hvdbench.boards.facts import direction
from hvdbench.boards.ranking.coverage import BLOCK
from hvdbench.boards.ranking.gains import ABOVE
from hvdbench.boards.text.columns import Column, column
from hvdbench.metrics.metric import Better
from hvdbench.tables.table import interval, rounded

MOST_NAMES = 4
"""Methods that a sentence names; of more it says how many there are."""

Block = tuple[str, str, str]


def verdicts(found: pd.DataFrame, metric: str) -> dict[Block, list[str]]:
    """Write a few sentences on each dataset and split of a board.

    Args:
        found: of :func:`hvdbench.boards.ranking.gains.gains`.
        metric: by which it was made.

    Returns:
        (dataset, its digest, split) → whole sentences, the best method first. They follow from the numbers alone.
    """
    told: dict[Block, list[str]] = {}
    for block, rows in found.groupby(list(BLOCK), sort=True):
        told[str(block[0]), str(block[1]), str(block[2])] = _of_block(rows.to_dict("records"), str(block[0]), metric)
    return told


def _of_block(rows: Sequence[dict[Any, Any]], dataset: str, metric: str) -> list[str]:
    shown, way = column(metric), direction(metric)
    methods = [row for row in rows if row["role"] == "method" and not math.isnan(row["value"])]
    if way is None:
        return [f"Nothing is ranked by {shown.label}: whether more or less of it is better is not stated."]
    if not methods:
        return [f"No method was scored on every clip of {dataset}, so there is no best one."]
    best, rest = methods[0], methods[1:]
    lines = [_leader(best, dataset, shown)]
    tied = [row["method"] for row in rest if row["tied"]]
    if tied:
        lines.append(
            f"{_names(tied)} {'tie' if len(tied) > 1 else 'ties'} with it: these clips cannot tell them apart."
        )
    apart = next((place for place, row in enumerate(rest) if not row["tied"]), len(rest))
    odd = [row["method"] for row in rest[apart:] if row["tied"]]
    if odd:
        vary, they = ("vary", "they") if len(odd) > 1 else ("varies", "it")
        lines.append(
            f"Of these, {_names(odd)} {vary} so much from clip to clip that {they} cannot be told from the best, "
            f"though {rest[apart]['method']}, which stands above, can."
        )
    if max(row["clips"] for row in rows) == 1:
        lines.append("One clip cannot tell methods apart, so this order may be chance.")
    control = next((row for row in rows if row["role"] == "control" and not math.isnan(row["value"])), None)
    if control is not None:
        behind = _not_above(methods, control, "against_control", way)
        said = f"{control['method']}, the control that learns nothing"
        lines += [f"Not shown to be better than {said}: {_names(behind)}."] if behind else []
    source = next((row for row in rows if row["role"] == "input" and not math.isnan(row["value"])), None)
    if source is not None:
        behind = _not_above(methods, source, "against_input", way)
        lines += [f"Not shown to be better than the blurry input: {_names(behind)}."] if behind else []
    return lines


def _leader(best: dict[Any, Any], dataset: str, shown: Column) -> str:
    unit = f" {shown.unit}" if shown.unit else ""
    if math.isnan(best["gain"]):
        return f"Best: {best['method']}, {shown.number(best['value'])}{unit} {shown.label} on {dataset}."
    ends = interval(shown.factor * best["ci_low"], shown.factor * best["ci_high"], shown.decimals, signed=True)
    sure = f" (95 % interval {ends}, paired over {best['clips']} clips)" if ends else ""
    gain = rounded(shown.factor * best["gain"], shown.decimals, signed=True)
    return f"Best: {best['method']}, {gain}{unit} {shown.label} over the blurry input on {dataset}{sure}."


def _not_above(methods: Sequence[dict[Any, Any]], other: dict[Any, Any], verdict: str, way: Better) -> list[str]:
    """List the methods that are not better than a reference: by the test, or where there is none by the mean."""
    sign = -1 if way == "lower" else 1
    return [
        row["method"]
        for row in methods
        if (row[verdict] != ABOVE if row[verdict] else sign * (row["value"] - other["value"]) <= 0)
    ]


def _names(found: Sequence[str]) -> str:
    methods = [f"“{name}”" if "," in name else name for name in found]
    more = len(methods) - MOST_NAMES
    if more > 0:
        return f"{', '.join(methods[:MOST_NAMES])} and {more} more"
    return " and ".join(filter(None, (", ".join(methods[:-1]), methods[-1])))
