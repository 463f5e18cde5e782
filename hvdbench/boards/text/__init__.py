"""Write boards for people: tables with titles and rounding, as Markdown, LaTeX, CSV or padded text.

A text is a pure function of a board's rows, whose columns are :data:`hvdbench.boards.rows.COLUMNS`.
"""
