"""Boards as people read them: wide tables with titles and rounding, as Markdown, LaTeX or CSV.

A text is a pure function of a board's rows, whose columns are :data:`hvdbench.boards.rows.COLUMNS`.
"""
