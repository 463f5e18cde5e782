"""Decide in which order and on which sides one voter sees the questions of a study, and take the votes."""

import hashlib
import statistics
from threading import RLock
from typing import Any, Literal, get_args

import numpy as np

from hvdbench.annotate.people import checked_person
from hvdbench.annotate.study.design import Choice, StudyFolder
from hvdbench.annotate.study.votes import RefusedVoteError, Side, VoteFile
from hvdbench.frames import Frame

Answer = Literal["left", "right", "tie"]
_AHEAD = 1  # pairs sent ahead to the page, so that it can fetch their pictures


class Ballot:
    """Shows one voter the questions of a study; safe to use from several threads.

    Order and sides are drawn from the study's seed and the voter's name, so that they are the same after a restart and
    in another tab. Attention checks are spread evenly among the other questions.

    Args:
        stored: the study.
        votes: its votes.
        voter: a name.

    Raises:
        RefusedVoteError: if the text cannot be a name.
    """

    def __init__(self, stored: StudyFolder, votes: VoteFile, voter: str) -> None:
        self.voter = checked_person(voter, "a voter", RefusedVoteError)
        self._stored, self._votes = stored, votes
        own = int.from_bytes(hashlib.sha256(voter.encode()).digest()[:8], "big")
        chance = np.random.default_rng([stored.study.seed, own])
        self.order = _order(stored, chance)
        self.first_sides: list[Side] = ["left" if turn else "right" for turn in chance.random(len(self.order)) < 0.5]
        self._again: int | None = None
        self._lock = RLock()

    def state(self) -> dict[str, Any]:
        """Return what the page shows as JSON: progress and the next question, without a word of methods or clips."""
        with self._lock:
            votes = self._votes.of(self.voter)
            voted = {vote.question for vote in votes}
            left = [position for position, question in enumerate(self.order) if question not in voted]
            if self._again in left:  # what was taken back is asked first
                left.remove(self._again)
                left.insert(0, self._again)
            return {
                "voter": self.voter,
                "total": len(self.order),
                "done": len(voted),
                "median_s": statistics.median(vote.seconds for vote in votes) if votes else None,
                "question": left[0] if left else None,
                "next": left[1 : 1 + _AHEAD],
            }

    def pair(self, position: int) -> Frame:
        """Return the two crops of a question side by side, (H, 2 W, 3), as one picture.

        Two files would differ in size and in the time that they take, which could tell one method from another.

        Raises:
            InputError: if a crop is missing or damaged.
        """
        first, second = self._stored.crops(self._stored.study.questions[self.order[position]])
        crops = (first, second) if self.first_sides[position] == "left" else (second, first)
        return np.concatenate(crops, axis=1)

    def vote(self, position: int, answer: str, *, seconds: float) -> None:
        """Keep a vote: it is on disk when this returns.

        Raises:
            RefusedVoteError: if the study has no such question, the answer is not known, or the voter gave one before.
            InputError: if the votes cannot be read or written.
        """
        with self._lock:
            if not 0 <= position < len(self.order):
                raise RefusedVoteError(f"there is no pair {position + 1} among the {len(self.order)} of this page")
            if answer not in get_args(Answer):
                raise RefusedVoteError("an answer is left, right or tie")
            side = self.first_sides[position]
            choice: Choice = "tie" if answer == "tie" else "first" if answer == side else "second"
            self._votes.add(self.voter, self.order[position], choice, first_side=side, seconds=seconds)
            self._again = None

    def undo(self) -> None:
        """Take the voter's last vote back, and ask about that pair again; nothing happens where there is none."""
        with self._lock:
            question = self._votes.withdraw(self.voter)
            self._again = None if question is None else self.order.index(question)


def _order(stored: StudyFolder, chance: np.random.Generator) -> list[int]:
    """Shuffle the questions, and put one attention check at a random place of each equal part."""
    kinds = [question.right is None for question in stored.study.questions]
    asked = [int(index) for index in chance.permutation(np.flatnonzero(kinds))]
    checks = [int(index) for index in chance.permutation(np.flatnonzero(~np.array(kinds)))]
    order: list[int] = []
    for check, part in zip(checks, np.array_split(np.array(asked, int), max(1, len(checks))), strict=False):
        mixed = part.tolist()
        mixed.insert(int(chance.integers(len(mixed) + 1)), check)
        order += mixed
    return order or asked
