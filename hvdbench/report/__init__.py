"""Self-contained pages and pictures of a board or of one restored clip.

:mod:`~hvdbench.report.view` is what a page shows, :mod:`~hvdbench.report.pages` writes the pages of a demo and of one
clip, :mod:`~hvdbench.report.leaderboard_page` that of a leaderboard, :mod:`~hvdbench.report.figures` a leaderboard's
figures and :mod:`~hvdbench.report.sheet` contact sheets.
"""

from hvdbench.report.leaderboard_page import RunFiles, leaderboard_page
from hvdbench.report.page_clip import PageClip
from hvdbench.report.pages import board_page, deblur_page
from hvdbench.report.sheet import contact_sheet
from hvdbench.report.view import ClipView

__all__ = ["ClipView", "PageClip", "RunFiles", "board_page", "contact_sheet", "deblur_page", "leaderboard_page"]
