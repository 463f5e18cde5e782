"""Who leads on a board, and how sure that is: ranks, tie groups, pairs of methods, and Borda points over boards.

Everything here is a pure function of a board's rows (:data:`hvdbench.leaderboard.COLUMNS`). A method that lacks clips
or frames which others on the board have is *incomplete*: it is named with what it lacks, and neither averaged nor
ranked, since the mean over easier clips is no score. Published rows are never ranked among others.
"""

from hvdbench.ranking.coverage import BLOCK, ENTRY, OVER_CLIPS, coverage, pools_frames
from hvdbench.ranking.order import LOWER_IS_BETTER, RANKED_COLUMNS, headline, is_lower_better, ranked
from hvdbench.ranking.pairs import COMPARISON_COLUMNS, clip_differences, compare
from hvdbench.ranking.points import borda

__all__ = [
    "BLOCK",
    "COMPARISON_COLUMNS",
    "ENTRY",
    "LOWER_IS_BETTER",
    "OVER_CLIPS",
    "RANKED_COLUMNS",
    "borda",
    "clip_differences",
    "compare",
    "coverage",
    "headline",
    "is_lower_better",
    "pools_frames",
    "ranked",
]
