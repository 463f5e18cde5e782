"""Convert DataFrames to tables and back, and to CSV in which no cell is a formula."""

from collections.abc import Callable, Iterable

import pandas as pd
from pandas.api.types import is_numeric_dtype

from hvdbench.tables.table import Table, table_of
from hvdbench.tables.texts import guarded, unguarded


def frame_table(rows: pd.DataFrame) -> Table:
    """Lay a DataFrame of words out as a table, its columns' names as titles."""
    return table_of([(str(name), "words") for name in rows.columns], [list(map(str, one)) for one in rows.values])


def as_dataframe(table: Table) -> pd.DataFrame:
    """Return a table's values with every digit, NaN where there is none, under the columns' titles."""
    kinds = {"words": "object", "count": "Int64", "number": "float64"}
    lines = list(table.lines())
    return pd.DataFrame(
        {
            one.title: pd.Series([line[place].value for line in lines], dtype=kinds[one.kind])
            for place, one in enumerate(table.columns)
        }
    )


def frame_csv(rows: pd.DataFrame, float_format: str | None = None) -> str:
    """Write a DataFrame as CSV; words that a spreadsheet would run get an apostrophe before them.

    :func:`with_formulas` takes the apostrophes away from what is read back.

    Args:
        rows: what is written, without its index.
        float_format: as pandas has it, e.g. ``%.4f``; None writes every digit.
    """
    safe = _changed(rows, guarded).rename(columns=guarded)
    return safe.to_csv(index=False, lineterminator="\n", float_format=float_format)


def with_formulas(rows: pd.DataFrame) -> pd.DataFrame:
    """Return cells as they were before :func:`frame_csv` made them harmless."""
    return _changed(rows, unguarded, [name for name in rows.columns if _has_quotes(rows[name])])


def _has_quotes(column: pd.Series) -> bool:
    """Return whether a cell may begin with an apostrophe, which is quick to see in a column that holds only text."""
    return not is_numeric_dtype(column) and (
        not isinstance(column.dtype, pd.StringDtype) or bool(column.str.startswith("'").any())
    )


def _changed(rows: pd.DataFrame, change: Callable[[str], str], columns: Iterable[str] | None = None) -> pd.DataFrame:
    """Apply a change to the words of these columns, or of all; columns in which nothing changes stay as they are."""
    changed = {}
    for name in rows.columns if columns is None else columns:
        column = rows[name]
        words = [] if is_numeric_dtype(column) else [one for one in column.unique() if isinstance(one, str)]
        if any(change(one) != one for one in words):
            changed[name] = column.map(lambda one: change(one) if isinstance(one, str) else one)
    return rows.assign(**changed)
