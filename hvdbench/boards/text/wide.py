"""Lay a board out as a table: a row for each method, a column for each metric, and the facts of each value."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from hvdbench.boards.facts import direction, within
from hvdbench.boards.ranking.coverage import BLOCK, ENTRY, coverage, pools_frames
from hvdbench.boards.ranking.order import headline, is_lower_better, ranked
from hvdbench.boards.references import role_of
from hvdbench.boards.seeds import over_seeds, seed_lines
from hvdbench.boards.text.columns import column, shown_metrics
from hvdbench.boards.text.meanings import meaning, metric_meaning
from hvdbench.boards.text.notes import PAPERS, caption, note_lines, stamp_lines
from hvdbench.errors import InputError
from hvdbench.store import Truth
from hvdbench.tables.dataframes import as_dataframe
from hvdbench.tables.table import Better, Cell, Column, Row, Table, cell, interval

NEUTRAL = frozenset({"sharpness", "sharpness_ratio", "majority_rate", "params"})
"""Metrics of which neither more nor less is better in itself."""
_WORDS = frozenset({"method", "origin", "dataset", "data", "split", "ties", "incomplete", "source"})
_GROUP = ("method", "origin", "dataset", "dataset_digest", "split", "seed")


def table(
    board: pd.DataFrame,
    *,
    subset: str = "not_selected",
    clip: str = "*",
    truths: Sequence[Truth] = ("centroid", "mid"),
    rank: str = "psnr",
) -> pd.DataFrame:
    """Lay a board out as a DataFrame: a row for each method, a column for each metric.

    Args:
        board: a board's rows.
        subset: ``not_selected`` (the frames that needed restoring), ``all`` or ``selected``.
        clip: ``*`` for the mean over the clips, or one clip's name.
        truths: whose columns are shown, in this order.
        rank: the metric that orders the rows.

    Returns:
        ``method``, ``origin``; ``dataset``, ``data`` (the dataset's digest), ``split`` and ``seed`` where the board has
        several; ``clips`` (``frames`` for one clip, and for scores of labels), the least number behind a row; ``ties``
        where clips can tell (:func:`hvdbench.statistics.comparison.tie_groups`); ``incomplete`` where a row lacks
        clips or frames, whose means are withheld; then titled metrics, unrounded, NaN where a row has none. Best
        first within dataset and split: by ``rank`` against the first truth that the row was scored against, else by
        sharpness; incomplete rows last. Several seeds of a method are averaged clip by clip and make one row. Published
        rows follow after all others: they were made under other protocols and rank only among themselves.
    """
    return as_dataframe(board_table(board, subset=subset, clip=clip, truths=truths, rank=rank))


def board_table(
    board: pd.DataFrame,
    *,
    subset: str = "not_selected",
    clip: str = "*",
    truths: Sequence[str] = ("centroid", "mid"),
    rank: str = "psnr",
    stands: "Standing | None" = None,
) -> Table:
    """Lay a board out as :func:`table` does, with all that its writers show.

    Args:
        board: a board's rows.
        subset: as in :func:`table`.
        clip: as there.
        truths: as there.
        rank: as there.
        stands: the ranks over all clips, where they are at hand.

    Returns:
        The table. Its rows also have cells that only some writers show: ``rank``, ``clips`` (as ``3 of 5``) and ``run``
        (the start of the run's digest). Their facts are ``method``, ``origin``, ``dataset``, ``dataset_digest``,
        ``split``, ``protocol``, ``run_digest``, and ``is_ranked`` where the row has a place in the ranks.
    """
    seeds = seed_lines(board, *headline(board, rank, truths), subset)
    board = over_seeds(board)
    if stands is None and clip == "*":
        stands = Standing.of(board, subset, rank, truths)
    rows = board[(board["subset"] == subset) & (board["clip"] == clip)]
    count = "frames" if clip != "*" or pools_frames(rows) else "clips"
    listed = shown_metrics({*board["metric"], "sharpness"})
    scores = [score_column(metric, truth) for truth in (*truths, "none") for metric in listed]
    entries = {} if stands is None else stands.entries()
    groups = rows.assign(seed=rows["seed"].astype("Int64")).groupby(list(_GROUP), sort=True, dropna=False)
    found = [_row(key, group, scores, entries) for key, group in groups]
    shown = [one for one in scores if any(row.cells[one.key].value is not None for row in found)]
    first = [one for one in shown if one.metric == rank] or [score_column("sharpness", "none")]
    by = first if first[0].metric != rank or direction(rank) is not None else []
    found.sort(key=lambda row: _place(row, by))
    columns = [_told(name) for name in ("method", "origin", *_several(board))] + [Column("count", count, "count")]
    columns += [_told(n) for n in ("ties", "incomplete") if any(row.cells[n].text for row in found)]
    columns += [each for one in shown for each in (one, *_half(one, found))]
    notes = [*seeds, *([] if stands is None else note_lines(stands.order, stands.metric))]
    about = caption(board, subset, truths, clip)
    above = (*([about] if about else []), *stamp_lines(rows))
    return Table(tuple(columns), tuple(placed(found, shown)), above, tuple(notes))


def papers_table(papers: pd.DataFrame) -> Table:
    """Lay papers' numbers out: ``method``, ``dataset`` where there are several, metrics, ``source``.

    In the order of the papers' tables, best first by the first metric. Nothing is ranked, nothing is marked best.
    """
    scores = [score_column(metric, "none") for metric in shown_metrics(papers["metric"])]
    found = []
    for key, group in papers.groupby(["source", "dataset", "method"], sort=True):
        told = {"origin": "published", **dict(zip(("source", "dataset", "method"), map(str, key), strict=True))}
        values = dict(zip(group["metric"], group["value"], strict=True))
        cells = {name: cell(value) for name, value in told.items()}
        cells |= {one.key: _score(one, values.get(one.metric, math.nan)) for one in scores}
        facts = {"protocol": str(group["protocol"].iloc[0]), "split": str(group["split"].iloc[0])}
        found.append(Row(cells, {**told, **facts}))
    found.sort(key=lambda row: (row.facts["source"], row.facts["dataset"], *(_worth(row, one) for one in scores)))
    several = ["dataset"] if len(set(papers["dataset"])) > 1 else []
    words = [Column(name, name, "words") for name in ("method", *several, "source")]
    return Table((*words[:-1], *scores, words[-1]), tuple(found), (PAPERS,))


@dataclass(frozen=True)
class Standing:
    """What is known of a board's subset before it is laid out.

    Attributes:
        known: the counts of :func:`hvdbench.boards.ranking.coverage.coverage`.
        order: the ranks of :func:`hvdbench.boards.ranking.order.ranked`; None where there is no number to rank by.
        metric: the metric that ranks.
    """

    known: pd.DataFrame
    order: pd.DataFrame | None
    metric: str

    @classmethod
    def of(cls, board: pd.DataFrame, subset: str, rank: str, truths: Sequence[str]) -> "Standing":
        """Count the clips and frames behind a board's rows, and rank them."""
        board = over_seeds(board)
        metric, truth = headline(board, rank, truths)
        known = coverage(board[board["subset"] == subset])
        try:
            return cls(known, ranked(board, metric=metric, truth=truth, subset=subset, known=known), metric)
        except InputError:
            return cls(known, None, metric)

    def entries(self) -> dict[tuple[str, ...], dict[str, Any]]:
        """Return each entry's ranks, and under ``hidden`` the scores that are no means of it."""
        found: dict[tuple[str, ...], dict[str, Any]] = {}
        for row in self.known[~self.known["complete"].astype(bool)].to_dict("records"):
            found.setdefault(_key(row), {}).setdefault("hidden", set()).add(score_key(row["metric"], row["truth"]))
        for row in [] if self.order is None else self.order.to_dict("records"):
            found.setdefault(_key(row), {}).update({str(name): value for name, value in row.items()})
        return found


def score_key(metric: str, truth: str) -> str:
    """Return the key of a column of scores."""
    return f"{truth}:{metric}"


def score_column(metric: str, truth: str) -> Column:
    """Return the column of a metric against a truth."""
    ways: Mapping[str | None, Better] = {"lower": "low", "higher": "high"}
    better: Better = "" if metric in NEUTRAL else ways.get(direction(metric), "")
    words = metric_meaning(metric, truth)
    return Column(score_key(metric, truth), column(metric).title(truth), "number", better, metric, truth, words)


def placed(rows: Sequence[Row], columns: Iterable[Column]) -> list[Row]:
    """Mark the best of each column among methods on the same clips, where they differ as shown.

    The second best is marked where there is a third. The input and controls are compared with, and never marked.
    """
    blocks: dict[tuple[str, ...], list[int]] = {}
    for index, row in enumerate(rows):
        if row.facts["origin"] != "published" and role_of(row.facts["method"]) == "method":
            blocks.setdefault(tuple(row.facts[name] for name in BLOCK), []).append(index)
    marked = [dict(row.cells) for row in rows]
    for one in columns:
        for indices in blocks.values() if one.better else ():
            order = sorted((n for n in indices if _has(rows[n], one)), key=lambda n: _worth(rows[n], one))
            texts = list(dict.fromkeys(rows[n].cells[one.key].text for n in order))
            for n in order if len(texts) > 1 else ():
                place = texts.index(rows[n].cells[one.key].text) + 1
                marked[n][one.key] = replace(rows[n].cells[one.key], place=place if place < min(3, len(texts)) else 0)
    return [replace(row, cells=cells) for row, cells in zip(rows, marked, strict=True)]


def _row(
    key: tuple[Any, ...], group: pd.DataFrame, scores: Sequence[Column], entries: Mapping[tuple[str, ...], Any]
) -> Row:
    record = dict(zip(_GROUP, key, strict=True))
    known = entries.get(_key(record), {})
    numbers = ("truth", "metric", "value", "ci_low", "ci_high")
    told = {score_key(m, t): v for t, m, *v in zip(*(group[name].tolist() for name in numbers), strict=True)}
    hidden = known.get("hidden", set())
    cells = {
        one.key: Cell(is_incomplete=True) if one.key in hidden else _score(one, *told.get(one.key, (math.nan,)))
        for one in scores
    }
    for one in scores:
        if one.metric == "psnr":
            psnr = cells[one.key]
            cells[f"{one.key}_half"] = cell((psnr.high - psnr.low) / 2, column(one.metric).decimals)
    words = {name: str(record[name]) for name in _GROUP if name != "seed"}
    listed = known if known.get("origin", "published") != "published" else {}
    incomplete = "" if listed.get("complete", True) else str(listed["note"]).removeprefix("incomplete: ")
    count = group["n"].max() if pools_frames(group) else group["n"].min()
    seed = record["seed"]
    cells |= {name: cell(words[name]) for name in ("method", "origin", "dataset", "split")}
    cells |= {
        "data": cell(words["dataset_digest"][:6]),
        "seed": cell(None if pd.isna(seed) else int(seed)),
        "count": cell(None if pd.isna(count) else int(count)),
        "ties": cell(listed.get("ties", "")),
        "incomplete": cell(incomplete),
        "rank": whole(listed.get("rank")),
        "clips": counts(listed.get("clips"), listed.get("of_clips")),
        "run": cell(str(group["run_digest"].iloc[0])[:7] or None),
    }
    facts = words | {name: str(group[name].iloc[0]) for name in ("protocol", "run_digest")}
    return Row(cells, facts | ({"is_ranked": "yes"} if listed else {}))


def _score(one: Column, value: float, low: float = math.nan, high: float = math.nan) -> Cell:
    shown = column(one.metric)
    low, high = (shown.factor * end for end in within(one.metric, low, high))
    found = cell(shown.factor * value, shown.decimals)
    return replace(found, low=low, high=high, interval=interval(low, high, shown.decimals))


def whole(value: object) -> Cell:
    """Return the cell of a whole number that may be missing."""
    return Cell() if value is None or pd.isna(value) else cell(int(value))  # type: ignore[call-overload]


def counts(found: object, of: object) -> Cell:
    """Return the cell of a number out of another: ``3 of 5``, or the one alone where they are the same."""
    one = whole(found)
    return one if one.value is None or pd.isna(of) or found == of else replace(one, text=f"{found} of {of}")  # type: ignore[call-overload]


def _half(one: Column, rows: Sequence[Row]) -> list[Column]:
    """Return the column of PSNR's half intervals beside it, where there are intervals."""
    half = replace(one, key=f"{one.key}_half", title=f"± {one.title}", better="", metric="")
    return [half] if any(half.key in row.cells and _has(row, half) for row in rows) else []


def _several(board: pd.DataFrame) -> list[str]:
    """List what a row must name because the board has several of it."""
    found = [name for name in ("dataset", "split", "seed") if len(board[name].drop_duplicates()) > 1]
    datas = board.loc[board["origin"] != "published", list(BLOCK[:2])].drop_duplicates()
    found[1:1] = ["data"] if datas["dataset"].duplicated().any() else []
    return found


def _told(name: str) -> Column:
    """Return the column of something that is no score."""
    return Column(name, name, "words" if name in _WORDS else "count", words=meaning(name))


def _has(row: Row, one: Column) -> bool:
    return row.cells[one.key].value is not None


def _worth(row: Row, one: Column) -> tuple[bool, float]:
    """Return what sorts a row by a column: the best first, what has no value last."""
    value = row.cells[one.key].value
    number = 0.0 if value is None else float(value)
    return (value is None, number if is_lower_better(one.metric) else -number)


def _place(row: Row, columns: Sequence[Column]) -> tuple[Any, ...]:
    """Return what sorts a row: published ones last, then by dataset and the first column in which it has a value.

    A dataset may lack the truth of the first column, as captured pairs lack the centroid. Without columns the method
    alone sorts.
    """
    seed = row.cells["seed"].value
    facts = (row.facts[name] for name in ("dataset", "dataset_digest", "split"))
    worth = [_worth(row, next((one for one in columns if _has(row, one)), columns[0]))] if columns else []
    return (
        row.facts["origin"] == "published",
        *facts,
        *worth,
        row.facts["method"],
        seed is None,
        seed or 0,
    )


def _key(row: Mapping[Any, object]) -> tuple[str, ...]:
    """Return an entry by text, an empty seed included."""
    texts = ("" if pd.isna(row[name]) else str(row[name]) for name in ENTRY)  # type: ignore[call-overload]
    return tuple(text.removesuffix(".0") if name == "seed" else text for name, text in zip(ENTRY, texts, strict=True))
