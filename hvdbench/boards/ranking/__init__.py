"""Rank the methods of a board and state how sure that is: ranks, ties, pairs of methods, and Borda points over boards.

Everything here is a pure function of a board's rows (:data:`hvdbench.boards.rows.COLUMNS`). A method that lacks clips
or frames which others on the board have is *incomplete*: it is named with what it lacks, and neither averaged nor
ranked, since the mean over easier clips is no score. Published rows are never ranked among others.
"""
