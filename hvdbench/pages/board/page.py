"""Make a board's page from the board and folders."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from hvdbench.boards.settings import settings_of
from hvdbench.pages.board.clips import gather_clips
from hvdbench.pages.board.runs_on_disk import find_datasets, find_runs
from hvdbench.pages.leaderboard_page import RunFiles, Story, leaderboard_page


def write_page(
    path: Path,
    board: pd.DataFrame,
    papers: pd.DataFrame,
    *,
    runs: Path,
    data: Sequence[Path] = (),
    subset: str = "not_selected",
    story: Story | None = None,
) -> list[str]:
    """Write a board's page.

    Args:
        path: the HTML file. Frames and ``run.json`` are linked relative to its folder.
        board: a board's rows, none where only papers have numbers.
        papers: what papers print for it.
        runs: the folder ``runs``; may be absent.
        data: folders of the datasets that the rows were scored on.
        subset: which frames' table is shown first.
        story: what the page shows in addition to its board.

    Returns:
        Sentences on what the page does not show, and why. They name folders, so the page does not have them.

    Raises:
        DatasetError: if a folder in ``data`` is not a dataset.
        InputError: if frames cannot be read.
    """
    settings = settings_of(board if len(board) else papers)
    found, missing = find_runs(board, runs)
    datasets, more = find_datasets(board, data)
    clips, faults = gather_clips(board, found, datasets)
    said = [*missing, *more, *faults]
    leaderboard_page(
        path,
        title=settings.title,
        note=settings.words,
        board=board,
        papers=papers,
        truths=settings.truths,
        rank=settings.rank,
        subset=subset,
        clips=clips,
        runs=[
            RunFiles(run.method, run.dataset[0], run.digest, {k: f / "run.json" for k, f in run.folders.items()})
            for run in found
        ],
        story=story,
    )
    return said
