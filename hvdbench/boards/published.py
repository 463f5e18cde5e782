"""Read the numbers that papers print: ``leaderboards/published/*.csv``, rows of the origin ``published``."""

from pathlib import Path

import pandas as pd

from hvdbench.boards.rows import COLUMNS, read_rows, sorted_rows, typed_rows
from hvdbench.errors import InputError
from hvdbench.workspace.paths import home_folder

FOLDER = "leaderboards/published"


def published(board: str | None = None, folder: Path | None = None) -> pd.DataFrame:
    """Return the rows that papers print, with source and table, under the official datasets' names.

    They were scored by their authors' own code, so they are shown beside measured rows and never ranked with them.

    Args:
        board: the board that they belong to; None: all boards.
        folder: of the CSVs; None: this installation's own, or nothing where it has none.

    Returns:
        Rows with :data:`hvdbench.boards.rows.COLUMNS`, perhaps none; ``source`` names paper and table.

    Raises:
        InputError: if a file is not a board, or a row has another origin.
    """
    found = pd.concat(
        [typed_rows(pd.DataFrame(columns=list(COLUMNS))), *map(_read, _files(folder, board))], ignore_index=True
    )
    return sorted_rows(typed_rows(found if board is None else found[found["board"] == board]))


def published_boards(folder: Path | None = None) -> list[str]:
    """List the boards that papers have numbers for."""
    return sorted(set(published(folder=folder)["board"]))


def _files(folder: Path | None, board: str | None) -> list[Path]:
    """List the files that have a row, of a board where one is named."""
    if folder is None:
        try:
            folder = home_folder(FOLDER)
        except InputError:  # a wheel without the papers' numbers: boards do without them
            return []
    start = "\n" if board is None else f"\n{board},"
    return sorted(path for path in folder.glob("*.csv") if start in path.read_text(encoding="utf-8").rstrip())


def _read(path: Path) -> pd.DataFrame:
    """Read one paper's rows, of several boards."""
    rows = read_rows(path, one_board=False)
    if set(rows["origin"]) != {"published"}:
        raise InputError(f"{path} contains rows that are not published ones: they belong on a board of their own")
    return rows
