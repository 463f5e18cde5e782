"""Define a board's rows: their columns, types and order, and the conditions under which rows make one board."""

import math
import operator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype

from hvdbench.boards.facts import metric_facts
from hvdbench.errors import InputError
from hvdbench.metrics.protocols.known import DEFAULT
from hvdbench.scoring.run_tables import RunScores
from hvdbench.scoring.summary import SUMMARY_COLUMNS, cut_intervals
from hvdbench.tables.dataframes import with_formulas
from hvdbench.workspace.names import DRIVE, REFUSED_BY_OTHERS, checked_name

COLUMNS = (
    "board",
    "protocol",
    "method",
    "dataset",
    "split",
    "clip",
    "truth",
    "subset",
    "metric",
    "value",
    "ci_low",
    "ci_high",
    "n",
    "seed",
    "origin",
    "source",
    "dataset_digest",
    "run_digest",
    "versions",
)
NAMED = ("board", "method", "dataset", "split", "clip")
"""The columns whose values become folders and files."""
KEY = ("board", "protocol", "method", "dataset", "split", "clip", "truth", "subset", "metric", "seed", "origin")
ORIGINS = ("measured", "simulated", "demo", "published")

_ROWS_AT_ONCE = 40_000  # of a CSV, whose text takes several times the memory of a board
_NUMBERS = ("value", "ci_low", "ci_high")
_COUNTS = ("n", "seed")
_VALUES_IN_COLUMNS: dict[str, tuple[str, ...]] = {"origin": ORIGINS, "truth": ("mid", "centroid", "none")}


@dataclass(frozen=True)
class Stamp:
    """What produced a run's rows: the columns that do not follow from its scores."""

    board: str
    dataset: str
    origin: Literal["measured", "simulated", "demo", "published"]
    seed: int | None = None
    source: str = ""
    dataset_digest: str = ""
    run_digest: str = ""
    versions: str = ""
    protocol: str = DEFAULT.name


def board_rows(summary: pd.DataFrame, stamp: Stamp) -> pd.DataFrame:
    """Turn the rows of :func:`hvdbench.scoring.summary.summarise` into rows of a board.

    Raises:
        InputError: if a column is missing.
    """
    missing = [name for name in SUMMARY_COLUMNS if name not in summary.columns]
    if missing:
        raise InputError(
            f"the summary lacks {', '.join(missing)}: it is what hvdbench.scoring.summary.summarise returns"
        )
    return typed_rows(summary[list(SUMMARY_COLUMNS)].assign(**vars(stamp)))


def run_rows(scores: RunScores, stamp: Stamp) -> pd.DataFrame:
    """Make all rows of a run, in a board's order: the metrics of every board, and those requested in addition.

    Args:
        scores: of the run.
        stamp: what produced it; rows of a metric that depends on further libraries name their versions too.

    Raises:
        InputError: if the stamp names another protocol than the scores, or no frame of any clip counts under it.
    """
    if stamp.protocol != scores.protocol.name:
        raise InputError(
            f"the scores are of protocol {scores.protocol.name}, and rows of {stamp.protocol} were asked for: score "
            "the run under that protocol"
        )
    parts = [
        board_rows(summary, replace(stamp, versions=f"{stamp.versions} {more}".strip()))
        for summary, more in scores.summaries()
        if len(summary)
    ]
    if not parts:
        raise InputError(
            f"no frame of any clip is scored under protocol {stamp.protocol}, which leaves out the first "
            f"{scores.protocol.skip_first} and the last {scores.protocol.skip_last}: score longer clips"
        )
    return sorted_rows(pd.concat(parts, ignore_index=True))


def merge_rows(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Lay new rows over old ones; a row with the same :data:`KEY` is replaced.

    Raises:
        InputError: if the two together are not a board; see :func:`write_board`.
    """
    both = [typed_rows(rows) for rows in (old, new) if len(rows)]
    if not both:
        return typed_rows(new)
    merged = pd.concat(both, ignore_index=True).drop_duplicates(list(KEY), keep="last")
    check_rows(merged)
    return sorted_rows(merged)


def read_rows(path: Path, *, one_board: bool = True) -> pd.DataFrame:
    """Read a board's CSV.

    Args:
        path: the file.
        one_board: refuse rows of several boards.

    Raises:
        InputError: if the file is not a CSV, or not a board.
    """
    try:
        with pd.read_csv(path, dtype=str, keep_default_na=False, chunksize=_ROWS_AT_ONCE) as parts:
            board = pd.concat([typed_rows(with_formulas(part)) for part in parts], ignore_index=True)
    except InputError as error:
        raise InputError(f"{path} is not a board: {error}") from error
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read as a CSV: {error}") from error
    try:
        check_names(board)
        check_rows(board, one_board=one_board)
    except InputError as error:
        raise InputError(f"{path} is not a board: {error}") from error
    return board


def typed_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Put the columns in order and set their types: text, float64, and Int64 for what may be empty.

    Intervals of shares are cut at 0 and 1; rows of older versions hold longer ones.
    """
    missing, surplus = ([c for c in a if c not in b] for a, b in ((COLUMNS, rows.columns), (rows.columns, COLUMNS)))
    if missing or surplus:
        found = [
            f"{word} {', '.join(map(str, names))}" for word, names in (("lacks", missing), ("has", surplus)) if names
        ]
        raise InputError(f"it {' and '.join(found)}; a board's columns are {', '.join(COLUMNS)}")
    typed = {}
    for name in COLUMNS:
        column = rows[name].reset_index(drop=True)
        try:
            typed[name] = (
                _numbers(column) if name in _NUMBERS else _wholes(column) if name in _COUNTS else _texts(column)
            )
        except (ValueError, TypeError, OverflowError) as error:
            raise InputError(f"column '{name}' contains a value that is not a number: {error}") from error
    return cut_intervals(pd.DataFrame(typed, columns=list(COLUMNS)), metric_facts)


def _texts(column: pd.Series) -> pd.Series:
    """Turn cells into Python's text, of which equal ones are one object, so that a million rows fit into memory."""
    if column.dtype == object and infer_dtype(column, skipna=False) == "string":
        return column
    if not isinstance(column.dtype, pd.StringDtype | pd.CategoricalDtype):  # 1 and True are equal, and not as text
        return column.where(column.notna(), "").astype(str).astype(object)
    places, cells = pd.factorize(column, use_na_sentinel=False)
    texts = np.array(["" if pd.isna(cell) else str(cell) for cell in cells], object)
    return pd.Series(texts[places] if len(texts) else texts, dtype=object)


def _numbers(column: pd.Series) -> pd.Series:
    """Turn cells into float64 by ``float()``, which reads every bit; empty ones become NaN."""
    if column.dtype == np.float64:
        return column
    cells = column.to_numpy(object)
    filled = column.notna().to_numpy(bool, copy=True)
    filled[filled] = cells[filled] != ""
    numbers = np.full(len(cells), math.nan)
    numbers[filled] = cells[filled].astype(np.float64)
    return pd.Series(numbers)


def _wholes(column: pd.Series) -> pd.Series:
    """Turn cells into Int64, each different one once."""
    if column.dtype == "Int64":
        return column
    places, cells = pd.factorize(column.to_numpy(object), use_na_sentinel=False)
    wholes = pd.Series([_whole(cell) for cell in cells], dtype="Int64")
    return wholes.take(places).reset_index(drop=True)


def _whole(cell: object) -> int | None:
    """Read a whole number without converting it to a float, which is not exact above 2^53."""
    if cell is None or cell is pd.NA or cell == "" or (isinstance(cell, float) and math.isnan(cell)):
        return None
    try:
        return int(cell) if isinstance(cell, str) else operator.index(cell)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        number = float(cell)  # type: ignore[arg-type]
        if not number.is_integer():
            raise ValueError(f"{cell} is not a whole number") from None
        return int(number)


def check_rows(board: pd.DataFrame, *, one_board: bool = True) -> None:
    """Refuse rows that do not make one board."""
    if board.empty:
        raise InputError("a board needs at least one row, and there is none")
    for name, known in _VALUES_IN_COLUMNS.items():
        strange = sorted(set(board[name].unique()) - set(known))
        if strange:
            raise InputError(f"{name} '{strange[0]}' is not known (known: {', '.join(known)})")
    ours = board[board["origin"] != "published"]
    for name, among in (("board", board), ("protocol", ours)) if one_board else ():
        found = sorted(among[name].unique())
        if len(found) > 1:
            raise InputError(
                f"the rows are of {len(found)} {name}s ({', '.join(found)}): a board never mixes them, so each needs a "
                "board of its own"
            )
    finite = np.isfinite(board["value"].to_numpy(np.float64))
    if not finite.all():
        row = board[~finite].iloc[0]
        raise InputError(
            f"{row['metric']} of '{row['method']}', clip {row['clip']}, is not a finite number: leave the row out"
        )
    twice = board[board.duplicated(list(KEY))]
    if len(twice):
        row = twice.iloc[0]
        raise InputError(f"{row['metric']} of '{row['method']}', clip {row['clip']}, {row['subset']}, is on it twice")


def check_names(board: pd.DataFrame) -> None:
    """Refuse names that could be paths; papers' methods have no folder here, so their names may contain a colon."""
    is_published = board["origin"] == "published"
    for rows, also in (
        (board[is_published], REFUSED_BY_OTHERS),
        (board[~is_published], REFUSED_BY_OTHERS.replace(DRIVE, "")),
    ):
        for column in NAMED:
            for value in sorted(rows[column].unique()):
                checked_name(value, column, also=also)


def sorted_rows(board: pd.DataFrame) -> pd.DataFrame:
    """Sort rows into the order that boards are written in."""
    return board.sort_values(list(KEY), kind="stable", na_position="first").reset_index(drop=True)
