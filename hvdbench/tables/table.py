"""Define the content of a table: columns, rows, and cells that know more than the text they show."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

DASH = "–"
"""The text of a cell without a value."""

Kind = Literal["words", "count", "number"]
Better = Literal["high", "low", ""]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        key: the name of the column's cells in rows.
        title: the heading, with truth and unit.
        kind: words are aligned left, counts (whole numbers) and numbers right.
        better: which values are good; empty where neither high nor low ones are.
        metric: the metric of a column of scores, else empty.
        truth: the truth that those scores are against.
        words: what the column means, in a sentence or two; empty where nobody needs it.
    """

    key: str
    title: str
    kind: Kind = "number"
    better: Better = ""
    metric: str = ""
    truth: str = "none"
    words: str = ""


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: what is shown; rounded where it is a number.
        value: what the text was rounded from, in the column's unit; None where there is none.
        low: lower end of the 95 % interval in the column's unit, NaN where there is none.
        high: its upper end.
        interval: both ends as they are shown, or empty.
        place: 1 for the best of its column, 2 for the second best, 0 for all others.
        is_incomplete: the value is withheld because it comes from fewer clips or frames than others.
    """

    text: str = DASH
    value: str | int | float | None = None
    low: float = math.nan
    high: float = math.nan
    interval: str = ""
    place: int = 0
    is_incomplete: bool = False

    @property
    def is_best(self) -> bool:
        """Return whether this is the best value of its column."""
        return self.place == 1


@dataclass(frozen=True)
class Row:
    """One row: its cells by the key of their column, shown or not, and what filters ask about it."""

    cells: Mapping[str, Cell]
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A table with sentences above and below it.

    Attributes:
        columns: those that are shown, in order; rows may have cells of others.
        rows: in order.
        above: what the rows are not, one line each.
        below: notes, each without its full stop.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()

    def lines(self) -> Iterator[list[Cell]]:
        """Yield each row's cells in the order of the columns."""
        for row in self.rows:
            yield [row.cells.get(column.key, Cell()) for column in self.columns]


def cell(value: object, decimals: int = 2, *, signed: bool = False) -> Cell:
    """Return the cell that shows a value.

    Args:
        value: words, a whole number, a float in the column's unit, or None; NaN and None are shown as a dash.
        decimals: of a float.
        signed: write a plus sign before a float above zero.
    """
    if isinstance(value, bool) or value is None:
        return Cell() if value is None else Cell(str(value), str(value))
    if isinstance(value, int):
        return Cell(str(value), value)
    if isinstance(value, float):
        return Cell() if math.isnan(value) else Cell(rounded(value, decimals, signed=signed), float(value) + 0.0)
    return Cell(str(value), str(value))


def rounded(value: float, decimals: int, *, signed: bool = False) -> str:
    """Round a number for print, NaN to a dash; what rounds to zero has no sign."""
    if math.isnan(value):
        return DASH
    text = f"{value:+.{decimals}f}" if signed else f"{value:.{decimals}f}"
    return text if float(text) else text.lstrip("+-")


def interval(low: float, high: float, decimals: int, *, signed: bool = False) -> str:
    """Write both ends of an interval; empty where one is not known."""
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"{rounded(low, decimals, signed=signed)} to {rounded(high, decimals, signed=signed)}"


def table_of(
    heads: Sequence[tuple[str, Kind]],
    rows: Iterable[Sequence[object]],
    *,
    above: Sequence[str] = (),
    below: Sequence[str] = (),
) -> Table:
    """Lay plain values out as a table.

    Args:
        heads: the columns' titles, each with its kind.
        rows: each with a value (see :func:`cell`) or a :class:`Cell` for every column.
        above: lines above the table.
        below: notes below it.
    """
    columns = tuple(Column(str(place), title, kind) for place, (title, kind) in enumerate(heads))
    cells = [[one if isinstance(one, Cell) else cell(one) for one in values] for values in rows]
    laid = tuple(Row({one.key: each for one, each in zip(columns, line, strict=True)}) for line in cells)
    return Table(columns, laid, tuple(above), tuple(below))


def joined(first: Table, second: Table) -> Table:
    """Return the rows of two tables under one heading; what one of them lacks is empty."""
    known = {column.key for column in first.columns}
    more = tuple(column for column in second.columns if column.key not in known)
    return replace(first, columns=first.columns + more, rows=first.rows + second.rows)
