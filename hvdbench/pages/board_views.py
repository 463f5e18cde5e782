"""Make the tables of a board's page: one for each truth and subset."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hvdbench.boards.ranking.coverage import BLOCK, ENTRY
from hvdbench.boards.ranking.gains import gains
from hvdbench.boards.references import role_of
from hvdbench.boards.text.columns import column, shown_metrics
from hvdbench.boards.text.meanings import meaning
from hvdbench.boards.text.notes import caption, shown_subsets, subset_words
from hvdbench.boards.text.verdict import verdicts
from hvdbench.boards.text.wide import Standing, board_table, score_column
from hvdbench.pages.board.method_facts import method_facts
from hvdbench.tables.table import DASH, Cell, Column, Row, Table, cell, interval

if TYPE_CHECKING:
    import pandas as pd

Block = tuple[str, str, str]
ALWAYS, WIDE, CHOSEN = "always", "wide", "chosen"
"""Where a column is shown before somebody chooses: everywhere, not on a phone, nowhere."""
FIRST_SCORES = ("ssim", "worse_share")
"""Metrics that are shown beside the one that ranks."""


@dataclass(frozen=True)
class BoardView:
    """The table of the page for one truth and one subset of frames.

    Attributes:
        truth: the truth whose numbers are shown, in addition to those that need none.
        subset: which frames.
        words: the subset for a reader.
        metric: the metric that ranks.
        headline: the key of its column.
        table: the rows that have a place in the ranks, with all columns.
        order: the ranks of :func:`hvdbench.boards.ranking.order.ranked`.
        found: the gains of :func:`hvdbench.boards.ranking.gains.gains`.
        verdicts: sentences on each dataset and split, by (dataset, its digest, split).
        captions: what the numbers of each are about, by the same key.
    """

    truth: str
    subset: str
    words: str
    metric: str
    headline: str
    table: Table
    order: "pd.DataFrame" = field(repr=False)
    found: "pd.DataFrame" = field(repr=False)
    verdicts: Mapping[Block, Sequence[str]] = field(default_factory=dict)
    captions: Mapping[Block, str] = field(default_factory=dict)

    @property
    def blocks(self) -> list[Block]:
        """List the datasets and splits that have rows here, each with the dataset's digest."""
        return list(dict.fromkeys(block_of(row) for row in self.table.rows))

    @property
    def references(self) -> list[Row]:
        """List the rows that methods are compared with: the input and controls."""
        return [row for row in self.table.rows if role_of(row.facts["method"]) != "method"]

    @property
    def methods(self) -> list[Row]:
        """List all other rows."""
        return [row for row in self.table.rows if role_of(row.facts["method"]) == "method"]

    @property
    def drawn(self) -> str:
        """Return the key of the column whose intervals are drawn: the gain, or where there is none the headline's."""
        return next((one.key for one in self.table.columns if one.key in ("gain", "interval")), "")

    @property
    def span(self) -> dict[str, Any]:
        """Return where the intervals are drawn: ``key``, ``point`` (key of the mean), ``low`` end of all, ``width``."""
        key = self.drawn
        point = self.headline if key == "interval" else key
        cells = [row.cells[name] for row in self.table.rows for name in {key, point} if name in row.cells]
        every = [end for one in cells if one.value is not None for end in (float(one.value), one.low, one.high)]
        every = [] if key == "interval" else [0.0, *every]
        every += [end for one in cells if key == "interval" for end in (one.low, one.high)]
        finite = [end for end in every if math.isfinite(end)] or [0.0]
        return {"key": key, "point": point, "low": min(finite), "width": (max(finite) - min(finite)) or 1.0}

    def shown(self, one: Column) -> str:
        """Return where a column is shown before somebody chooses."""
        if one.key in ("method", self.headline, "gain") or (one.key == "dataset" and self._varies("dataset")):
            return ALWAYS
        beside = one.metric in FIRST_SCORES and one.truth == self.truth
        facts = ("dataset", "data", "split", "seed", "origin", "family", "clips")
        if one.key in ("rank", "interval") or beside or (one.key in facts and self._varies(one.key)):
            return WIDE
        others = [each.key for each in self.table.columns if each.metric and each.key != self.headline]
        has_first = any(each.metric in FIRST_SCORES for each in self.table.columns)
        return WIDE if not has_first and one.key in others[:2] else CHOSEN

    def _varies(self, key: str) -> bool:
        return len({row.cells[key].text for row in (self.methods or self.references)}) > 1


def block_of(row: Row) -> Block:
    """Return the dataset, its digest and the split of a row."""
    return row.facts["dataset"], row.facts["dataset_digest"], row.facts["split"]


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
    found = gains(rows, metric=metric, truth=against, subset=subset, known=stands.known)
    told = {_entry(row): row for row in found.to_dict("records")}
    listed = [row for row in table.rows if "is_ranked" in row.facts]
    laid = tuple(_with_gain(row, told.get(_entry(_facts(row)), {}), headline) for row in listed)
    shown = replace(table, columns=_columns(replace(table, rows=laid), headline), rows=laid)
    blocks = list(dict.fromkeys(block_of(row) for row in laid))
    captions = {block: caption(_block_rows(rows, block), subset, truths) for block in blocks}
    known = {block: lines for block, lines in verdicts(found, metric).items() if block in captions}
    words = subset_words(subset)
    return BoardView(truth, subset, words, metric, headline.key, shown, stands.order, found, known, captions)


def _block_rows(rows: "pd.DataFrame", block: Block) -> "pd.DataFrame":
    chosen = rows
    for name, value in zip(BLOCK, block, strict=True):
        chosen = chosen[chosen[name] == value]
    return chosen


def _facts(row: Row) -> dict[str, str]:
    seed = row.cells["seed"].value
    return {**row.facts, "seed": "" if seed is None else str(seed)}


def _entry(row: Mapping[Any, Any]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in ENTRY)


def _headline(over: "pd.DataFrame", truth: str, rank: str) -> tuple[str, str]:
    """Return the metric and truth that rank a view: the board's, else the first that it has."""
    found = {(str(t), str(m)) for t, m in zip(over["truth"], over["metric"], strict=True)}
    sides = [(metric, side) for metric in (rank, *shown_metrics(over["metric"])) for side in (truth, "none")]
    return next((metric, side) for metric, side in sides if (side, metric) in found)


def _columns(table: Table, headline: Column) -> tuple[Column, ...]:
    """Return the columns in the order of the page: ranks, the headline with its gain, facts, other metrics."""
    by_key = {column.key: column for column in table.columns}
    facts = [by_key[name] for name in ("dataset", "data", "split", "seed") if name in by_key]
    facts += [by_key["origin"]] if len({row.facts["origin"] for row in table.rows}) > 1 else []
    scores = [column for column in table.columns if column.metric and column.key != headline.key]
    first = [_told("rank", "rank", "count"), by_key["method"], headline]
    if any(row.cells["gain"].value is not None for row in table.rows):
        shown = column(headline.metric)
        unit = f" ({shown.unit})" if shown.unit else ""
        first += [replace(headline, key="gain", title=f"over the input{unit}", metric="", words=meaning("gain"))]
        behind = [replace(headline, key="behind", title=f"behind the best{unit}", metric="", words=meaning("behind"))]
    else:
        first += [_told("interval", "95\u00a0%\u00a0interval", "number", "low")]
        behind = []
    more = [_told("family", "family", "words"), *facts, _told("clips", "clips", "count"), *scores]
    return (*first, *more, *behind, _told("ties", "ties", "words"), _told("run", "run", "words"))


def _told(key: str, title: str, kind: Any, better: Any = "") -> Column:
    return Column(key, title, kind, better, words=meaning(key))


def _with_gain(row: Row, found: Mapping[Any, Any], headline: Column) -> Row:
    """Return a row with cells for its gain and its distance to the best, and for the interval of its headline."""
    own = row.cells[headline.key]
    width = Cell(own.interval or DASH, own.high - own.low if own.interval else None, own.low, own.high)
    cells = {**row.cells, "interval": width, "family": cell(method_facts(row.facts["method"]).family)}
    cells["gain"] = _change(headline.metric, found, "gain", "ci")
    cells["behind"] = _change(headline.metric, found, "behind", "behind")
    return replace(row, cells=cells, facts={**row.facts, **({"tied": "yes"} if found.get("tied") else {})})


def _change(metric: str, found: Mapping[Any, Any], name: str, ends: str) -> Cell:
    """Return the cell of a difference with its interval, in the metric's printed unit."""
    shown = column(metric)
    numbers = (found.get(key, math.nan) for key in (name, f"{ends}_low", f"{ends}_high"))
    value, low, high = (shown.factor * float(number) for number in numbers)
    text = interval(low, high, shown.decimals, signed=True)
    return replace(cell(value, shown.decimals, signed=True), low=low, high=high, interval=text)
