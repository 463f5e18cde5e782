"""Boards as people read them: wide tables with titles and rounding, as Markdown, LaTeX or CSV.

A text is a pure function of a board's rows, whose columns are :data:`hvdbench.leaderboard.COLUMNS`.
"""

from hvdbench.board_text.columns import Column, column, shown_metrics
from hvdbench.board_text.standings import borda_text, clips_text, comparison_text, ranked_text
from hvdbench.board_text.texts import FORMATS, PAPERS, document, export, note_lines, shown_subsets, subset_words
from hvdbench.board_text.wide import formatted, published_table, stamp_lines, table

__all__ = [
    "FORMATS",
    "PAPERS",
    "Column",
    "borda_text",
    "clips_text",
    "column",
    "comparison_text",
    "document",
    "export",
    "formatted",
    "note_lines",
    "published_table",
    "ranked_text",
    "shown_metrics",
    "shown_subsets",
    "stamp_lines",
    "subset_words",
    "table",
]
