"""Boards: tidy CSV with one number a row and what produced it; :mod:`hvdbench.board_text` words them for people.

A board is a pure function of its rows: nothing here looks at weights. What an analysis in pandas needs::

    from hvdbench import leaderboard

    board = leaderboard.read_board("goproshake")               # rows, leaderboard.COLUMNS
    leaderboard.table(board)                                   # wide, as `hvdbench leaderboard show`
    leaderboard.ranked(board, metric="psnr", truth="mid")      # ranks, intervals, tie groups, what is incomplete
    leaderboard.compare(board, "selfhvd_fusion", "warp_average")
    leaderboard.borda([leaderboard.ranked(board), leaderboard.ranked(other)])
    leaderboard.published("goproshake")                        # what papers print, never in one rank with the above
"""

from hvdbench.board_text import table
from hvdbench.leaderboard.files import board_names, latest_board, read_beside, read_board, write_board
from hvdbench.leaderboard.merging import merge_submissions
from hvdbench.leaderboard.published import published, published_boards
from hvdbench.leaderboard.rows import COLUMNS, KEY, ORIGINS, Stamp, board_rows, merge_rows, run_rows
from hvdbench.leaderboard.settings import BoardSettings, board_settings, settings_of, usual_board
from hvdbench.leaderboard.submission import Submission, read_submission, submit
from hvdbench.ranking import borda, clip_differences, compare, coverage, headline, ranked

__all__ = [
    "COLUMNS",
    "KEY",
    "ORIGINS",
    "BoardSettings",
    "Stamp",
    "Submission",
    "board_names",
    "board_rows",
    "board_settings",
    "borda",
    "clip_differences",
    "compare",
    "coverage",
    "headline",
    "latest_board",
    "merge_rows",
    "merge_submissions",
    "published",
    "published_boards",
    "ranked",
    "read_beside",
    "read_board",
    "read_submission",
    "run_rows",
    "settings_of",
    "submit",
    "table",
    "usual_board",
    "write_board",
]
