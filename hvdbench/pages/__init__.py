"""Make self-contained pages and pictures of a board or of one restored clip.

:mod:`~hvdbench.pages.leaderboard_page` writes the page of a leaderboard, and with a
:class:`~hvdbench.pages.leaderboard_page.Story` that of the demo; :mod:`~hvdbench.pages.pages` writes that of one
restored clip. :mod:`~hvdbench.pages.view` is what a page shows of a clip, :mod:`~hvdbench.pages.figures` draws a
leaderboard's figures. Tables on pages are those of :mod:`hvdbench.tables`, in ``table.html``.
"""
