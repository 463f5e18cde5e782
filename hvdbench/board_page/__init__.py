"""A leaderboard's page and figures, with the frames behind its rows where runs and datasets are at hand.

:mod:`~hvdbench.board_page.found` finds the runs and datasets that belong to a board's rows, and says which do not,
:mod:`~hvdbench.board_page.clips` gathers their clips; :mod:`hvdbench.report` draws.
"""

from hvdbench.board_page.figures import KINDS, write_figure
from hvdbench.board_page.page import write_page

__all__ = ["KINDS", "write_figure", "write_page"]
