"""Rank the methods of a leaderboard in a table."""

import logging

import pandas as pd

from hvdbench.boards.facts import direction
from hvdbench.boards.files import latest_board, read_beside
from hvdbench.boards.ranking.order import headline, ranked, unranked_note
from hvdbench.boards.settings import settings_of
from hvdbench.workflows.verbs.arguments import PathLike, path_of

logger = logging.getLogger(__name__)


def leaderboard(
    board: PathLike | None = None,
    *,
    boards: PathLike = "leaderboards",
    metric: str | None = None,
    truth: str | None = None,
    subset: str = "not_selected",
) -> pd.DataFrame:
    """Rank the methods of a leaderboard, as ``hvdbench leaderboard show`` does.

    Args:
        board: the name of a board or the path of its CSV file; None takes the one that was written last.
        boards: the folder of the boards.
        metric: the metric to rank by, such as ``ssim``; None takes the board's own.
        truth: ``mid``, ``centroid`` or ``none``; None takes the board's first.
        subset: the frames: ``not_selected``, ``selected``, ``all``, or a stratum that the board has.

    Returns:
        One row for each method, best first, then methods that lack clips, then the numbers of papers. ``rank`` counts
        within each dataset and split; ``value`` is the mean over clips in the metric's unit, with its 95 % interval
        from ``ci_low`` to ``ci_high``; the clips do not tell apart methods that share a letter in ``ties``. ``rank`` is
        empty for papers and for what is incomplete. Where nobody says whether higher or lower values of a metric are
        better, nothing is ranked: a warning is logged, and ``note`` says so too.

    Raises:
        UnknownNameError: if there is no board of that name.
        InputError: if the file is not a board, or the board has no such number.

    Examples:
        >>> import hvdbench
        >>> for method in ("blurry", "warp_average"):
        ...     rows = hvdbench.evaluate(method, "datasets/scored", board="mine")
        >>> table = hvdbench.leaderboard("mine", metric="ssim")
        >>> table[["rank", "method"]].values.tolist()
        [[1, 'warp_average'], [2, 'blurry']]
    """
    folder = path_of(boards, "boards")
    name = latest_board(folder) if board is None else path_of(board, "the board")
    rows, papers = read_beside(str(name), folder)
    settings = settings_of(rows if len(rows) else papers)
    usual, against = headline(rows if len(rows) else papers, metric or settings.rank, settings.truths)
    metric, truth = metric or usual, truth or against
    if direction(metric) is None:
        logger.warning("%s", unranked_note(metric))
    return ranked(pd.concat([part for part in (rows, papers) if len(part)]), metric=metric, truth=truth, subset=subset)
