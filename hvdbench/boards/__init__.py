"""Keep boards: tidy CSV with one number per row and its origin; :mod:`hvdbench.boards.text` writes them for people.

A board is a pure function of its rows and of its metrics' facts (:mod:`hvdbench.boards.facts`): nothing here looks at
weights. ``docs/leaderboards.md`` shows what an analysis in pandas needs: :func:`hvdbench.boards.files.read_board`,
:func:`hvdbench.boards.ranking.order.ranked`, :func:`hvdbench.boards.ranking.pairs.compare`.
"""
