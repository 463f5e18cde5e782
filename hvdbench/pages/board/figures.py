"""Make one figure for a paper from a board and folders."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from hvdbench.boards.settings import settings_of
from hvdbench.errors import InputError
from hvdbench.pages import figures
from hvdbench.pages.board.clips import gather_clips
from hvdbench.pages.board.runs_on_disk import find_datasets, find_runs
from hvdbench.pages.board_charts import clip_scores, extent_scores
from hvdbench.pages.board_views import BoardView, board_views
from hvdbench.pages.page_clip import PageClip


def write_figure(
    path: Path,
    board: pd.DataFrame,
    kind: str,
    *,
    runs: Path,
    data: Sequence[Path] = (),
    subset: str = "not_selected",
    truth: str | None = None,
    clips: Sequence[str] = (),
    frame: int | None = None,
    zoom: float = 2.0,
    width_in: float | None = None,
) -> list[str]:
    """Write one figure of a board as PDF, PNG or SVG.

    Args:
        path: the file; its suffix is the format.
        board: a board's rows.
        kind: ``bars`` (means with intervals), ``clips`` (a dot a clip and method), ``extent`` (PSNR against blur
            extent) or ``sheet`` (pictures); the last two need runs, and a dataset.
        runs: the folder ``runs``.
        data: folders of the datasets that the rows were scored on.
        subset: which frames, for bars and clips.
        truth: ``mid`` or ``centroid``; None: the board's first.
        clips: names of the clips of a sheet; none: all, at most six.
        frame: of a sheet; None: each clip's blurriest that was not selected.
        zoom: of a sheet.
        width_in: inches; None: one column of a paper, or two for clips and sheet.

    Returns:
        Sentences on what was not found.

    Raises:
        InputError: if the suffix is another one, or there are no rows or nothing to draw.
        DatasetError: if a folder in ``data`` is not a dataset.
    """
    width = {"width_in": width_in} if width_in is not None else {}
    if kind in ("bars", "clips"):
        view = _view(board, subset, truth)
        if kind == "clips":
            found = clip_scores(board, view)
            figures.write(path, lambda: figures.clips(found, view.metric, view.truth, **width))
        else:
            figures.write(path, lambda: figures.bars(view.order, view.metric, view.truth, **width))
        return []
    gathered, against, said = _clips(board, runs, data, truth)
    if kind == "extent":
        figures.write(path, lambda: figures.extent(extent_scores(gathered, against), against, **width))
    else:
        chosen = _chosen(gathered, clips)
        figures.write(path, lambda: figures.sheet(chosen, against, frame=frame, zoom=zoom, **width))
    return said


def _view(board: pd.DataFrame, subset: str, truth: str | None) -> BoardView:
    settings = settings_of(board)
    rows = board[board["subset"] == subset]
    views = board_views(rows, truths=settings.truths, rank=settings.rank)
    found = [view for view in views if truth in (None, view.truth)]
    if not found:
        known = ", ".join(sorted(set(board["subset"])))
        raise InputError(
            f"the board has no rows over all clips for the frames '{subset}' and the truth '{truth or 'any'}' "
            f"(frames: {known})"
        )
    return found[0]


def _clips(
    board: pd.DataFrame, runs: Path, data: Sequence[Path], truth: str | None
) -> tuple[list[PageClip], str, list[str]]:
    settings = settings_of(board)
    against = truth or (settings.truths[0] if settings.truths else "mid")
    found, missing = find_runs(board, runs)
    datasets, more = find_datasets(board, data)
    gathered, faults = gather_clips(board, found, datasets)
    return gathered, against, [*missing, *more, *faults]


def _chosen(gathered: Sequence[PageClip], names: Sequence[str], most: int = 6) -> list[PageClip]:
    if not names:
        return list(gathered[:most])
    known = {clip.name for clip in gathered}
    missing = sorted(set(names) - known)
    if missing:
        raise InputError(f"no frames of clip '{missing[0]}' were found (known: {', '.join(sorted(known)) or 'none'})")
    return [clip for clip in gathered if clip.name in names]
