"""Self-contained pages and pictures of a board or of one restored clip.

:mod:`~hvdbench.report.view` is what a page shows, :mod:`~hvdbench.report.pages` writes the pages and
:mod:`~hvdbench.report.sheet` the contact sheet.
"""

from hvdbench.report.pages import board_page, deblur_page
from hvdbench.report.sheet import contact_sheet
from hvdbench.report.view import ClipView

__all__ = ["ClipView", "board_page", "contact_sheet", "deblur_page"]
