"""Ranks, pairs of methods and Borda points as Markdown."""

import math

import pandas as pd

from hvdbench.boards.text.columns import Column, column
from hvdbench.boards.text.texts import PAPERS, markdown, note_lines
from hvdbench.boards.text.wide import published_table


def ranked_text(order: pd.DataFrame, metric: str, truth: str, papers: pd.DataFrame | None = None) -> str:
    """Word what :func:`hvdbench.boards.ranking.order.ranked` gave: rank, tie letters, mean with interval.

    Args:
        order: the ranks; published rows are left to ``papers``.
        metric: by which.
        truth: against which.
        papers: published rows, for a table of their own below.
    """
    ours, shown = order[order["origin"] != "published"], column(metric)
    several = [name for name in ("dataset", "split") if len(set(ours[name])) > 1]
    several += ["seed"] if ours["seed"].astype("string").fillna("").drop_duplicates().size > 1 else []
    rows = [
        {name: row[name] for name in several}
        | {
            "rank": "–" if pd.isna(row["rank"]) else str(row["rank"]),
            "ties": row["ties"],
            "method": row["method"],
            "origin": row["origin"],
            shown.title(truth): _number(shown, row["value"]),
            "95 % interval": _interval(shown, row["ci_low"], row["ci_high"]),
            "clips": _counts(row["clips"], row["of_clips"]),
            "would show": _number(shown, row["detectable"]),
            "note": row["note"],
        }
        for row in ours.to_dict("records")
    ]
    parts = [markdown(pd.DataFrame(rows), (), note_lines(ours, metric))] if rows else []
    parts += [markdown(published_table(papers), [PAPERS], ())] if papers is not None and len(papers) else []
    return "\n".join(parts)


def comparison_text(found: pd.DataFrame, a: str, b: str) -> str:
    """Word what :func:`hvdbench.boards.ranking.pairs.compare` gave: a less b by every metric."""
    several = [name for name in ("dataset", "split") if len(set(found[name])) > 1]
    rows = []
    for row in found.to_dict("records"):
        shown = column(row["metric"])
        rows.append(
            {name: row[name] for name in several}
            | {
                "metric": shown.title(row["truth"]),
                a: _number(shown, row["value_a"]),
                b if b != a else f"{b} again": _number(shown, row["value_b"]),
                "difference": _number(shown, row["difference"], signed=True),
                "95 % interval": _interval(shown, row["ci_low"], row["ci_high"], signed=True),
                "p (Holm)": "–" if math.isnan(row["p_holm"]) else f"{row['p_holm']:.3g}",
                "would show": _number(shown, row["detectable"]),
                "clips": _counts(row["clips"], row["of_clips"]),
                "won, lost, even": f"{row['wins_a']}, {row['wins_b']}, {row['equal']}",
                "better": {"a": a, "b": b}.get(row["better"], "not told apart"),
            }
        )
    few = sorted({note for cell in found["note"] for note in cell.split("; ") if note})
    notes = [
        f"differences are {a} less {b}, clip by clip; p is the paired t-test's after Holm's correction "
        "over all pairs of methods on the board, metric by metric, as tie letters are; "
        "a true difference under 'would show' is likelier missed than one in five times"
    ]
    return markdown(pd.DataFrame(rows), (), [*notes, *few])


def clips_text(pairs: pd.DataFrame, a: str, b: str, metric: str, truth: str) -> str:
    """Word what :func:`hvdbench.boards.ranking.pairs.clip_differences` gave: one row a clip."""
    shown = column(metric)
    rows = [
        {
            "clip": f"{row['split']}/{row['clip']}",
            f"{a}: {shown.title(truth)}": _number(shown, row["value_a"]),
            f"{b}: {shown.title(truth)}": _number(shown, row["value_b"]),
            "difference": _number(shown, row["difference"], signed=True),
            "better": {"a": a, "b": b}.get(row["better"], ""),
        }
        for row in pairs.to_dict("records")
    ]
    return markdown(pd.DataFrame(rows), (), ())


def borda_text(points: pd.DataFrame) -> str:
    """Word what :func:`hvdbench.boards.ranking.points.borda` gave."""
    shares = [name for name in points.columns if name not in ("rank", "method", "boards", "of_boards")]
    text = points.assign(boards=[_counts(*pair) for pair in zip(points["boards"], points["of_boards"], strict=True)])
    text = text.assign(**{name: [_number(Column(name), value) for value in points[name]] for name in shares})
    notes = ["points: the share of the other methods that one is above, averaged over the columns that follow"]
    notes += ["a method that is not on all boards has no points"] if points["points"].isna().any() else []
    return markdown(text.drop(columns="of_boards"), (), notes)


def _number(shown: Column, value: float, *, signed: bool = False) -> str:
    if math.isnan(value):
        return "–"
    return ("+" if signed and value > 0 else "") + shown.number(value)


def _interval(shown: Column, low: float, high: float, *, signed: bool = False) -> str:
    if math.isnan(low) or math.isnan(high):
        return "–"
    return f"{_number(shown, low, signed=signed)} to {_number(shown, high, signed=signed)}"


def _counts(found: object, whole: object) -> str:
    """Word a number out of another: ``3 of 5``, or the one where they are the same."""
    if pd.isna(found):  # type: ignore[call-overload]
        return "–"
    return f"{found}" if pd.isna(whole) or found == whole else f"{found} of {whole}"  # type: ignore[call-overload]
