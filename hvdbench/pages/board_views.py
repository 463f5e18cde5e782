"""Make the tables of a board's page: one for each truth and subset."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hvdbench.boards.text.columns import shown_metrics
from hvdbench.boards.text.notes import shown_subsets, subset_words
from hvdbench.boards.text.wide import Standing, board_table, score_column
from hvdbench.tables.table import DASH, Cell, Column, Row, Table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class BoardView:
    """The table of the page for one truth and one subset of frames.

    Attributes:
        truth: the truth whose numbers are shown, in addition to those that need none.
        subset: which frames.
        words: the subset for a reader.
        metric: the metric that ranks.
        headline: the key of its column.
        table: the rows that have a place in the ranks.
        order: the ranks of :func:`hvdbench.boards.ranking.order.ranked`.
    """

    truth: str
    subset: str
    words: str
    metric: str
    headline: str
    table: Table
    order: "pd.DataFrame" = field(repr=False)

    @property
    def span(self) -> dict[str, Any]:
        """Return where the headline's intervals are drawn: its ``key``, the ``low`` end of all, and their ``width``."""
        cells = [row.cells[self.headline] for row in self.table.rows]
        every = [end for one in cells if one.value is not None for end in (float(one.value), one.low, one.high)]
        finite = [end for end in every if math.isfinite(end)] or [0.0]
        return {"key": self.headline, "low": min(finite), "width": (max(finite) - min(finite)) or 1.0}


def truths_of(board: "pd.DataFrame", truths: Sequence[str]) -> list[str]:
    """List the truths that have numbers of their own, in the board's order; ``none`` where no other has."""
    found = set(board["truth"])
    return [truth for truth in truths if truth in found] or ["none"]


def board_views(board: "pd.DataFrame", *, truths: Sequence[str], rank: str) -> list[BoardView]:
    """Lay out a board's table for each truth and subset that has rows over all clips.

    Args:
        board: a board's rows; published ones are passed over.
        truths: in the order of the board's choice.
        rank: the metric that ranks, where a view has it.
    """
    ours = board[board["origin"] != "published"]
    found = []
    for subset in shown_subsets(ours["subset"]):
        rows = ours[ours["subset"] == subset]
        for truth in truths_of(ours, truths):
            chosen = rows[rows["truth"].isin([truth, "none"])]
            over = chosen[chosen["clip"] == "*"]
            if len(over) and (truth == "none" or truth in set(over["truth"])):
                found.append(_view(rows, chosen, truth, rank))
    return [view for view in found if view is not None and view.table.rows]


def _view(rows: "pd.DataFrame", chosen: "pd.DataFrame", truth: str, rank: str) -> BoardView | None:
    subset, truths = str(rows["subset"].iloc[0]), () if truth == "none" else (truth,)
    metric, against = _headline(chosen[chosen["clip"] == "*"], truth, rank)
    stands = Standing.of(rows, subset, metric, truths)
    if stands.order is None:
        return None
    table = board_table(chosen, subset=subset, truths=truths, rank=metric, stands=stands)
    headline = score_column(metric, against)
    listed = tuple(_with_interval(row, headline.key) for row in table.rows if "is_ranked" in row.facts)
    shown = replace(table, columns=_columns(table, headline), rows=listed)
    return BoardView(truth, subset, subset_words(subset), metric, headline.key, shown, stands.order)


def _headline(over: "pd.DataFrame", truth: str, rank: str) -> tuple[str, str]:
    """Return the metric and truth that rank a view: the board's, else the first that it has."""
    found = {(str(t), str(m)) for t, m in zip(over["truth"], over["metric"], strict=True)}
    sides = [(metric, side) for metric in (rank, *shown_metrics(over["metric"])) for side in (truth, "none")]
    return next((metric, side) for metric, side in sides if (side, metric) in found)


def _columns(table: Table, headline: Column) -> tuple[Column, ...]:
    """Return the columns in the order of the page: ranks, the headline with its interval, facts, other metrics."""
    by_key = {column.key: column for column in table.columns}
    facts = [by_key[name] for name in ("dataset", "data", "split", "seed") if name in by_key]
    facts += [by_key["origin"]] if len({row.facts["origin"] for row in table.rows}) > 1 else []
    scores = [column for column in table.columns if column.metric and column.key != headline.key]
    first = [Column("rank", "rank", "count"), by_key["method"], headline]
    first += [Column("interval", "95\u00a0%\u00a0interval", "number", "low"), Column("ties", "ties", "words")]
    return (*first, *facts, Column("clips", "clips", "count"), *scores, Column("run", "run", "words"))


def _with_interval(row: Row, headline: str) -> Row:
    """Return a row with a cell for the interval of its headline, sorted by its width."""
    own = row.cells[headline]
    width = Cell(own.interval or DASH, own.high - own.low if own.interval else None, own.low, own.high)
    return replace(row, cells={**row.cells, "interval": width})
