"""Write ranks, pairs of methods and Borda points as text for a terminal."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from hvdbench.boards.text.columns import Column, column
from hvdbench.boards.text.notes import note_lines
from hvdbench.boards.text.wide import counts, papers_table, whole
from hvdbench.tables.table import DASH, Cell, Kind, cell, interval, table_of
from hvdbench.tables.texts import padded

ALONE = "by this metric alone"


def ranked_text(order: pd.DataFrame, metric: str, truth: str, papers: pd.DataFrame | None = None) -> str:
    """Write the ranks of :func:`hvdbench.boards.ranking.order.ranked`: rank, tie letters, mean with interval.

    Args:
        order: the ranks; published rows are left to ``papers``.
        metric: the metric that ranks.
        truth: the truth that it is against.
        papers: published rows, for a table of their own below.
    """
    ours, shown = order[order["origin"] != "published"], column(metric)
    several = [name for name in ("dataset", "split") if len(set(ours[name])) > 1]
    seeds = ["seed"] if ours["seed"].astype("string").fillna("").drop_duplicates().size > 1 else []
    rows = [
        [
            *(row[name] for name in several),
            *(whole(row[name]) for name in (*seeds, "rank")),
            *(row[name] for name in ("ties", "method", "origin")),
            _number(shown, row["value"]),
            _interval(shown, row["ci_low"], row["ci_high"]),
            counts(row["clips"], row["of_clips"]),
            _number(shown, row["detectable"]),
            row["note"],
        ]
        for row in ours.to_dict("records")
    ]
    heads = [
        *_heads("words", several),
        *_heads("number", (*seeds, "rank")),
        *_heads("words", ("ties", "method", "origin")),
        *_heads("number", (shown.title(truth), "95 % interval", "clips", "would show")),
        *_heads("words", ("note",)),
    ]
    parts = [padded(table_of(heads, rows, below=note_lines(ours, metric)))] if rows else []
    parts += [padded(papers_table(papers))] if papers is not None and len(papers) else []
    return "\n".join(parts)


def comparison_text(found: pd.DataFrame, a: str, b: str, *, caption: str = "") -> str:
    """Write the rows of :func:`hvdbench.boards.ranking.pairs.compare`: a less b by every metric.

    Args:
        found: the rows.
        a: the first method.
        b: the second.
        caption: what the numbers are about, for a line above.
    """
    several = [name for name in ("dataset", "split") if len(set(found[name])) > 1]
    rows = []
    for row in found.to_dict("records"):
        shown = column(row["metric"])
        rows.append(
            [
                row["role"],
                *(row[name] for name in several),
                shown.title(row["truth"]),
                _number(shown, row["value_a"]),
                _number(shown, row["value_b"]),
                _number(shown, row["difference"], signed=True),
                _interval(shown, row["ci_low"], row["ci_high"], signed=True),
                *(DASH if math.isnan(row[name]) else f"{row[name]:.3g}" for name in ("p", "p_holm")),
                _number(shown, row["detectable"]),
                counts(row["clips"], row["of_clips"]),
                f"{row['wins_a']}, {row['wins_b']}, {row['equal']}",
                _verdict(row, {"a": a, "b": b}),
            ]
        )
    numbers = ("difference", "95 % interval", "p", "p (Holm)", "would show", "clips", "won, lost, even")
    heads = _heads("words", ("role", *several, "metric"))
    heads += _heads("number", (a, b if b != a else f"{b} again", *numbers))
    few = sorted({note for cell in found["note"] for note in cell.split("; ") if note})
    notes = [
        f"differences are {a} less {b}, clip by clip; p is the paired t-test's. p (Holm) is corrected over all pairs "
        "of methods on the board, as tie letters are: that of the headline for nothing else, those of secondary "
        "metrics for the number of metrics, too",
        "a true difference under 'would show' is likelier missed than one in five times",
    ]
    notes += [f"{ALONE}: told apart as tie letters do it, but not after the correction for so many metrics"] * any(
        row[-1].endswith(ALONE) for row in rows
    )
    above = [caption] if caption else []
    return padded(table_of([*heads, ("better", "words")], rows, above=above, below=[*notes, *few]))


def _verdict(row: Mapping[Hashable, Any], names: Mapping[str, str]) -> str:
    if row["better"]:
        return names[row["better"]]
    return f"{names[row['better_alone']]}, {ALONE}" if row["better_alone"] else "not told apart"


def clips_text(pairs: pd.DataFrame, a: str, b: str, metric: str, truth: str) -> str:
    """Write the rows of :func:`hvdbench.boards.ranking.pairs.clip_differences`, one a clip."""
    shown = column(metric)
    rows = [
        [
            f"{row['split']}/{row['clip']}",
            _number(shown, row["value_a"]),
            _number(shown, row["value_b"]),
            _number(shown, row["difference"], signed=True),
            {"a": a, "b": b}.get(row["better"], ""),
        ]
        for row in pairs.to_dict("records")
    ]
    numbers = _heads("number", (*(f"{one}: {shown.title(truth)}" for one in (a, b)), "difference"))
    return padded(table_of([("clip", "words"), *numbers, ("better", "words")], rows))


def borda_text(points: pd.DataFrame) -> str:
    """Write the points of :func:`hvdbench.boards.ranking.points.borda`."""
    blocks = [name for name in points.columns if name not in ("rank", "method", "points", "boards", "of_boards")]
    rows = [
        [
            whole(row["rank"]),
            row["method"],
            cell(row["points"]),
            counts(row["boards"], row["of_boards"]),
            *(cell(row[name]) for name in blocks),
        ]
        for row in points.to_dict("records")
    ]
    notes = ["points: the share of the other methods that one is above, averaged over the columns that follow"]
    notes += ["a method that is not on all boards has no points"] if points["points"].isna().any() else []
    heads = _heads("count", ("rank",)) + _heads("words", ("method",)) + _heads("number", ("points", "boards", *blocks))
    return padded(table_of(heads, rows, below=notes))


def _heads(kind: Kind, titles: Sequence[str]) -> list[tuple[str, Kind]]:
    return [(title, kind) for title in titles]


def _number(shown: Column, value: float, *, signed: bool = False) -> Cell:
    return cell(shown.factor * value, shown.decimals, signed=signed)


def _interval(shown: Column, low: float, high: float, *, signed: bool = False) -> Cell:
    return Cell(interval(shown.factor * low, shown.factor * high, shown.decimals, signed=signed) or DASH)
