"""Self-contained pages and pictures of a board or of one restored clip.

:mod:`~hvdbench.pages.view` is what a page shows, :mod:`~hvdbench.pages.pages` writes the pages of a demo and of one
clip, :mod:`~hvdbench.pages.leaderboard_page` that of a leaderboard, :mod:`~hvdbench.pages.figures` a leaderboard's
figures and :mod:`~hvdbench.pages.sheet` contact sheets.
"""
