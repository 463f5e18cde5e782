"""Represent a table, and write it as Markdown, LaTeX, CSV, padded text, or a page's HTML.

:mod:`~hvdbench.tables.table` defines the content of a table. Every fact that a writer shows is in its cells: which
value is the best, how wide its interval is, what is incomplete. :mod:`~hvdbench.tables.texts` and
:mod:`~hvdbench.tables.latex` write it, and make names that strangers chose harmless in their format.
"""
