"""Restoring and scoring, what ``eval`` does, and scoring alone, what ``score`` does."""

from hvdbench.scoring.entering import Entry, enter, read_entry
from hvdbench.scoring.evaluating import Evaluation, evaluate
from hvdbench.scoring.measuring import Asked, score, score_all
from hvdbench.scoring.stored import is_run, score_folder

__all__ = [
    "Asked",
    "Entry",
    "Evaluation",
    "enter",
    "evaluate",
    "is_run",
    "read_entry",
    "score",
    "score_all",
    "score_folder",
]
