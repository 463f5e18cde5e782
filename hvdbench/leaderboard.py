"""Boards: tidy CSV with one number a row and what produced it; :mod:`hvdbench.board_text` words them for people.

A board is a pure function of its rows: nothing here looks at frames, runs or weights.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from hvdbench.atomic import atomic_write_text
from hvdbench.board_text import document
from hvdbench.catalog import unknown
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.evaluation import PROTOCOL, SUMMARY_COLUMNS
from hvdbench.recipe import Recipe, Settings, load_recipe, recipe_names
from hvdbench.store import Truth

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
KEY = ("board", "protocol", "method", "dataset", "split", "clip", "truth", "subset", "metric", "seed", "origin")
ORIGINS = ("measured", "simulated", "demo", "published")

_NUMBERS = ("value", "ci_low", "ci_high")
_COUNTS = ("n", "seed")
_VALUES_IN_COLUMNS: dict[str, tuple[str, ...]] = {"origin": ORIGINS, "truth": ("mid", "centroid", "none")}


class BoardSettings(Settings):
    """What a board compares: ``recipes/boards/<name>.toml``."""

    title: str
    """One line above the table."""
    dataset: str
    """Name of the dataset recipe, or of the folder, that the board is about."""
    protocol: str = PROTOCOL
    """The only protocol whose numbers the board takes."""
    truths: tuple[Truth, ...] = ("centroid", "mid")
    """Which truth's columns come first; one that is left out is not shown."""
    note: str = ""
    """A sentence or two below the table."""


@dataclass(frozen=True)
class Stamp:
    """What produced a run's rows: the columns that its scores do not tell."""

    board: str
    dataset: str
    origin: Literal["measured", "simulated", "demo", "published"]
    seed: int | None = None
    source: str = ""
    dataset_digest: str = ""
    run_digest: str = ""
    versions: str = ""
    protocol: str = PROTOCOL


def board_settings(name: str) -> Recipe[BoardSettings]:
    """Load ``recipes/boards/<name>.toml``.

    Raises:
        UnknownNameError, RecipeError: as :func:`hvdbench.recipe.load_recipe`.
    """
    return load_recipe("boards", name, BoardSettings)


def board_rows(summary: pd.DataFrame, stamp: Stamp) -> pd.DataFrame:
    """Turn the rows of :func:`hvdbench.evaluation.summarise` into rows of a board.

    Raises:
        InputError: a column is missing.
    """
    missing = [name for name in SUMMARY_COLUMNS if name not in summary.columns]
    if missing:
        raise InputError(f"the summary lacks {', '.join(missing)}: give what evaluation.summarise returns")
    return _typed(summary[list(SUMMARY_COLUMNS)].assign(**vars(stamp)))


def merge_rows(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Lay new rows over old ones; a row with the same :data:`KEY` is replaced.

    Raises:
        InputError: the two together are no board: see :func:`write_board`.
    """
    both = [_typed(rows) for rows in (old, new) if len(rows)]
    if not both:
        return _typed(new)
    merged = pd.concat(both, ignore_index=True).drop_duplicates(list(KEY), keep="last")
    _check(merged)
    return _sorted(merged)


def write_board(path: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """Write a board as CSV and, beside it, as Markdown; each whole or not at all.

    Args:
        path: ``leaderboards/<board>.csv``.
        rows: :data:`COLUMNS`, in any order.

    Returns:
        The rows as they were written.

    Raises:
        InputError: not a CSV path, no rows, other columns, two boards or protocols (published rows stand under their
            own), a key twice, a value that is not a number, or an origin or truth that is not known.
    """
    if path.suffix != ".csv":
        raise InputError(f"{path}: a board is written as .csv, its Markdown beside it")
    board = _typed(rows)
    _check(board)
    board = _sorted(board)
    settings = settings_of(board)
    _check_protocol(board, settings)
    text = document(board, title=settings.title, truths=settings.truths, note=settings.note)
    atomic_write_text(path, board.to_csv(index=False, lineterminator="\n"))
    atomic_write_text(path.with_suffix(".md"), text)
    return board


def read_board(name_or_path: str | Path, root: Path = Path("leaderboards")) -> pd.DataFrame:
    """Read a board by its name below ``root``, or by the path of its CSV.

    Raises:
        UnknownNameError: no board of that name.
        InputError: no such file, not a CSV, or not a board.
    """
    text = str(name_or_path)
    path = Path(text) if text.endswith(".csv") else root / f"{text}.csv"
    if not path.is_file():
        if text.endswith(".csv"):
            raise InputError(f"{path} is missing: name a board's CSV")
        raise UnknownNameError(unknown("board", text, board_names(root)))
    try:
        raw = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, OSError) as error:
        raise InputError(f"{path} is no CSV that can be read: {error}") from error
    try:
        board = _typed(raw)
        _check(board)
    except InputError as error:
        raise InputError(f"{path} is no board: {error}") from error
    return board


def board_names(root: Path = Path("leaderboards")) -> list[str]:
    """List the boards that lie in a folder, by name."""
    return sorted(path.stem for path in root.glob("*.csv"))


def latest_board(root: Path = Path("leaderboards")) -> Path:
    """Name the CSV of the board that was written last.

    Raises:
        InputError: the folder holds no board.
    """
    found = [path for path in root.glob("*.csv") if not path.name.startswith(".")]
    if not found:
        raise InputError(f"{root} holds no board: run 'hvdbench eval' first")
    return max(found, key=lambda path: (path.stat().st_mtime_ns, path.name))


def settings_of(board: pd.DataFrame) -> BoardSettings:
    """Find the recipe of the board's name; without one, what its rows tell."""
    name = str(board["board"].iloc[0])
    if name in recipe_names("boards"):
        return board_settings(name).values
    ours = board[board["origin"] != "published"]
    protocol = str((ours if len(ours) else board)["protocol"].iloc[0])
    return BoardSettings(title=name, dataset=str(board["dataset"].iloc[0]), protocol=protocol)


def usual_board(dataset: str) -> str:
    """Name the board that a dataset's rows go to: the recipe that is about it, else one of the dataset's own name."""
    about = [name for name in recipe_names("boards") if board_settings(name).values.dataset == dataset]
    return about[0] if about else dataset


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    """Give the columns their order and types: text, float64, and Int64 for what may be empty."""
    missing, surplus = ([c for c in a if c not in b] for a, b in ((COLUMNS, rows.columns), (rows.columns, COLUMNS)))
    if missing or surplus:
        found = [
            f"{word} {', '.join(map(str, names))}" for word, names in (("lacks", missing), ("has", surplus)) if names
        ]
        raise InputError(f"it {' and '.join(found)}; a board's columns are {', '.join(COLUMNS)}")
    typed = {}
    for name in COLUMNS:
        column = rows[name].reset_index(drop=True)
        if name not in (*_NUMBERS, *_COUNTS):
            typed[name] = column.where(column.notna(), "").astype(str).astype(object)
            continue
        try:
            numbers = pd.Series([_number(cell) for cell in column], dtype="float64")  # float() reads back every bit
            typed[name] = numbers if name in _NUMBERS else numbers.astype("Int64")
        except (ValueError, TypeError) as error:
            raise InputError(f"column '{name}' holds what is no number: {error}") from error
    return pd.DataFrame(typed, columns=list(COLUMNS))


def _number(cell: object) -> float:
    empty = cell is None or cell is pd.NA or cell == ""
    return math.nan if empty else float(cell)  # type: ignore[arg-type]


def _check(board: pd.DataFrame) -> None:
    """Refuse rows that do not make one board."""
    if board.empty:
        raise InputError("a board has at least one row, found none")
    for name, known in _VALUES_IN_COLUMNS.items():
        strange = sorted(set(board[name]) - set(known))
        if strange:
            raise InputError(f"no {name} '{strange[0]}' (known: {', '.join(known)})")
    ours = board[board["origin"] != "published"]
    for name, among in (("board", board), ("protocol", ours)):
        found = sorted(set(among[name]))
        if len(found) > 1:
            raise InputError(f"the rows are of {len(found)} {name}s ({', '.join(found)}): a board never mixes them")
    if not board["value"].map(math.isfinite).all():
        row = board[~board["value"].map(math.isfinite)].iloc[0]
        raise InputError(
            f"{row['metric']} of '{row['method']}', clip {row['clip']}, is no finite number: leave the row out"
        )
    twice = board[board.duplicated(list(KEY))]
    if len(twice):
        row = twice.iloc[0]
        raise InputError(
            f"{row['metric']} of '{row['method']}', clip {row['clip']}, {row['subset']}, stands on it twice"
        )


def _check_protocol(board: pd.DataFrame, settings: BoardSettings) -> None:
    found = set(board.loc[board["origin"] != "published", "protocol"]) - {settings.protocol}
    if found:
        raise InputError(
            f"board '{board['board'].iloc[0]}' takes protocol {settings.protocol}, found {', '.join(sorted(found))}"
        )


def _sorted(board: pd.DataFrame) -> pd.DataFrame:
    return board.sort_values(list(KEY), kind="stable", na_position="first").reset_index(drop=True)
