"""Boards: tidy CSV with one number a row and what produced it; :mod:`hvdbench.boards.text` words them for people.

A board is a pure function of its rows: nothing here looks at weights. What an analysis in pandas needs::

    from hvdbench import leaderboard

    board = leaderboard.read_board("goproshake")               # rows, leaderboard.COLUMNS
    leaderboard.table(board)                                   # wide, as `hvdbench leaderboard show`
    leaderboard.ranked(board, metric="psnr", truth="mid")      # ranks, intervals, tie groups, what is incomplete
    leaderboard.compare(board, "selfhvd_fusion", "warp_average")
    leaderboard.borda([leaderboard.ranked(board), leaderboard.ranked(other)])
    leaderboard.published("goproshake")                        # what papers print, never in one rank with the above
"""
