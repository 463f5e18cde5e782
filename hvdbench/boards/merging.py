"""Merge result files of others into boards, after checking each."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pandas as pd

from hvdbench.boards.facts import remember_facts
from hvdbench.boards.files import read_board, write_board
from hvdbench.boards.rows import COLUMNS, KEY, merge_rows, typed_rows
from hvdbench.boards.settings import board_path
from hvdbench.boards.submission import Submission, read_submission
from hvdbench.errors import InputError
from hvdbench.scoring.run_clip import frames_sha256
from hvdbench.store import Dataset
from hvdbench.workspace.locks import locked
from hvdbench.workspace.objects.location import Place


def merge_submissions(
    files: list[Path],
    boards: Path,
    *,
    data: Place | None = None,
    runs: Path | None = None,
    overwrite: bool = False,
) -> dict[str, Path]:
    """Lay result files over the boards that they name; all of them, or, where one is refused, none.

    Args:
        files: result files.
        boards: the folder of boards; one that is absent is made.
        data: the dataset itself; its digest must be theirs.
        runs: the frames, as ``<runs>/<method>/<dataset>/<split>/<clip>``; their hashes must be theirs.
        overwrite: replace rows of the same method that another run made.

    Returns:
        The boards written, by name. The same files again change no byte.

    Raises:
        InputError: if the file was changed, its dataset or protocol is not the board's, its frames are not those that
            were scored, the board has the method from another run, or a name could be a path.
        DatasetError: if ``data`` cannot be read.
    """
    submissions = []
    for path in files:
        found = read_submission(path)
        if data is not None:
            _check_dataset(found, data)
        if runs is not None:
            _check_frames(found, runs)
        submissions.append(found)
    places = {found.board: board_path(boards, found.board) for found in submissions}
    with ExitStack() as held:
        for place in sorted(places.values()):  # in one order, so that two merges never wait for each other
            held.enter_context(locked(place))
        _lay_over(submissions, places, overwrite)
    return places


def _lay_over(submissions: Sequence[Submission], places: dict[str, Path], overwrite: bool) -> None:
    """Lay result files over boards whose locks are held, and write all of them at the end."""
    merged: dict[str, pd.DataFrame] = {}
    for found in submissions:
        name, place = found.board, places[found.board]
        if name not in merged:
            merged[name] = (
                read_board(str(place)) if place.is_file() else typed_rows(pd.DataFrame(columns=list(COLUMNS)))
            )
        _check_against(found, merged[name], place, overwrite)
        merged[name] = merge_rows(_without(merged[name], found) if overwrite else merged[name], found.rows)
        remember_facts(found.facts)
    for name, rows in merged.items():
        write_board(places[name], rows)


def _check_dataset(found: Submission, data: Place) -> None:
    digest = Dataset.open(data).digest
    if digest != found.dataset_digest:
        raise InputError(
            f"{found.path} was scored on a dataset '{found.dataset}' of digest {found.dataset_digest}, and {data} has "
            f"digest {digest}: name the dataset that it was scored on"
        )


def _check_frames(found: Submission, runs: Path) -> None:
    for key, expected in found.frames_sha256.items():
        folder = runs / found.method / found.dataset / key
        if not folder.is_dir():
            raise InputError(f"{folder} is missing, and {found.path} has scores of its frames")
        if frames_sha256(folder) != expected:
            raise InputError(f"the frames in {folder} differ from those that {found.path} has scores of")


def _check_against(found: Submission, board: pd.DataFrame, place: Path, overwrite: bool) -> None:
    """Refuse another version of the board's dataset, and another run under the same name."""
    ours = board[(board["origin"] != "published") & (board["dataset"] == found.dataset)]
    others = sorted(set(ours["dataset_digest"]) - {found.dataset_digest})
    if others:
        raise InputError(
            f"{found.path} was scored on a dataset '{found.dataset}' of digest {found.dataset_digest}, and {place} has "
            f"rows of digest {others[0]}: rows of two versions of a dataset cannot be on one board"
        )
    keys = set(ours.loc[ours["run_digest"] != found.rows["run_digest"].iloc[0], list(KEY)].itertuples(index=False))
    if not overwrite and keys & set(found.rows[list(KEY)].itertuples(index=False)):
        raise InputError(
            f"{place} has '{found.method}' from another run than {found.path}: --overwrite it or rename one"
        )


def _without(board: pd.DataFrame, found: Submission) -> pd.DataFrame:
    """Leave out the rows that a result file replaces."""
    same = (board["method"] == found.method) & (board["dataset"] == found.dataset) & (board["origin"] != "published")
    same &= board["seed"].astype("string").fillna("") == str(found.rows["seed"].astype("string").fillna("").iloc[0])
    return board[~same]
