"""Make a leaderboard's page and figures, with the frames behind its rows where runs and datasets are available.

:mod:`~hvdbench.pages.board.runs_on_disk` finds the runs and datasets that belong to a board's rows, and says which do
not, :mod:`~hvdbench.pages.board.clips` gathers their clips; :mod:`hvdbench.pages` draws.
"""
