"""Boards as people read them: wide tables with titles and rounding, as Markdown, LaTeX or CSV.

A text is a pure function of a board's rows, whose columns are :data:`hvdbench.leaderboard.COLUMNS`.
"""

from hvdbench.board_text.standings import borda_text, clips_text, comparison_text, ranked_text
from hvdbench.board_text.texts import FORMATS, document, export
from hvdbench.board_text.wide import formatted, published_table, stamp_lines, table

__all__ = [
    "FORMATS",
    "borda_text",
    "clips_text",
    "comparison_text",
    "document",
    "export",
    "formatted",
    "published_table",
    "ranked_text",
    "stamp_lines",
    "table",
]
