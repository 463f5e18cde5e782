"""Read and write boards on disk: a CSV with every digit, and its Markdown beside it."""

from pathlib import Path

import pandas as pd

from hvdbench.boards.facts import read_facts, remember_facts, write_facts
from hvdbench.boards.published import published
from hvdbench.boards.rows import COLUMNS, check_names, check_rows, read_rows, sorted_rows, typed_rows
from hvdbench.boards.settings import BoardSettings, board_path, settings_of
from hvdbench.boards.text.texts import document
from hvdbench.catalog import unknown
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.tables.dataframes import frame_csv
from hvdbench.workspace.atomic import atomic_write_text


def write_board(path: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """Write a board as CSV and, beside it, as Markdown with the papers' numbers; each whole or not at all.

    The facts of metrics of others, which nothing else knows, lie beside both as JSON.

    Args:
        path: ``leaderboards/<board>.csv``.
        rows: :data:`COLUMNS`, in any order.

    Returns:
        The rows as they were written.

    Raises:
        InputError: if the path is not that of a CSV, there are no rows, columns differ, there are two boards or
            protocols (published rows have their own protocols), a key occurs twice, a value is not a number, an origin
            or truth is not known, or a name could be a path.
    """
    if path.suffix != ".csv":
        raise InputError(f"{path} cannot be a board: a board is a .csv file, and its Markdown is written beside it")
    board = typed_rows(rows)
    check_names(board)
    check_rows(board)
    board = sorted_rows(board)
    settings = settings_of(board)
    _check_protocol(board, settings)
    papers = published(str(board["board"].iloc[0]))
    text = document(
        board, title=settings.title, truths=settings.truths, rank=settings.rank, note=settings.words, papers=papers
    )
    atomic_write_text(path, frame_csv(board))
    atomic_write_text(path.with_suffix(".md"), text)
    write_facts(path, board["metric"])
    return board


def read_board(name_or_path: str | Path, root: Path = Path("leaderboards")) -> pd.DataFrame:
    """Read a board by its name below ``root``, or by the path of its CSV.

    Raises:
        UnknownNameError: if there is no board of that name.
        InputError: if the file does not exist, is not a CSV or not a board, or a name could be a path.
    """
    text = str(name_or_path)
    path = Path(text) if text.endswith(".csv") else board_path(root, text)
    if not path.is_file():
        if text.endswith(".csv"):
            raise InputError(f"{path} does not exist: name a board's CSV")
        raise UnknownNameError(unknown("board", text, board_names(root)))
    remember_facts(read_facts(path))
    return read_rows(path)


def read_beside(name_or_path: str | Path, root: Path = Path("leaderboards")) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read a board, and what papers print for it.

    Returns:
        The board's rows, none where only papers have numbers, and the published rows, perhaps none.

    Raises:
        UnknownNameError, InputError: as :func:`read_board`, where papers have none either.
    """
    try:
        board = read_board(name_or_path, root)
    except UnknownNameError:
        papers = published(str(name_or_path))
        if papers.empty:
            raise
        return typed_rows(pd.DataFrame(columns=list(COLUMNS))), papers
    return board, published(str(board["board"].iloc[0]))


def board_names(root: Path = Path("leaderboards")) -> list[str]:
    """List the boards in a folder, by name."""
    return sorted(path.stem for path in root.glob("*.csv") if not path.name.startswith("."))


def latest_board(root: Path = Path("leaderboards")) -> Path:
    """Return the CSV of the board that was written last.

    Raises:
        InputError: if the folder contains no board.
    """
    found = [path for path in root.glob("*.csv") if not path.name.startswith(".")]
    if not found:
        raise InputError(f"{root} contains no board: run 'hvdbench eval' first")
    return max(found, key=lambda path: (path.stat().st_mtime_ns, path.name))


def _check_protocol(board: pd.DataFrame, settings: BoardSettings) -> None:
    found = set(board.loc[board["origin"] != "published", "protocol"]) - {settings.protocol}
    if found:
        raise InputError(
            f"board '{board['board'].iloc[0]}' takes protocol {settings.protocol}, and its rows are of "
            f"{', '.join(sorted(found))}"
        )
