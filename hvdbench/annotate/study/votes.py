"""Keep the votes of a study, one JSON line each, on disk before the page shows the next pair.

Lines are only added: a vote that is taken back gets a line that says so. Every change is read, made and written under a
lock, whole or not at all, so that several processes, voters and tabs may vote at a time.
"""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from hvdbench.annotate.people import is_person
from hvdbench.annotate.study.design import Choice, StudyFolder
from hvdbench.errors import InputError
from hvdbench.workspace.atomic import atomic_write_text
from hvdbench.workspace.locks import locked
from hvdbench.workspace.parsing import parse_json

Side = Literal["left", "right"]
WITHDRAWN: Literal["withdrawn"] = "withdrawn"
LONGEST_S = 86_400.0


class RefusedVoteError(InputError):
    """A vote that is not taken; its sentence names neither methods nor files, so that the page may show it."""


@dataclass(frozen=True)
class Vote:
    """The vote of one person about one question.

    Attributes:
        study: digest of the study.
        voter: the name of the person.
        question: the question, by its place in the study, from 0.
        choice: ``first``, ``second`` or ``tie``, or ``withdrawn`` where the person took the vote back.
        first_side: the side on which the first crop was shown.
        seconds: for how long the question was in view.
        at: when the vote was given, UTC.
    """

    study: str
    voter: str
    question: int
    choice: Choice | Literal["withdrawn"]
    first_side: Side
    seconds: float
    at: str = ""

    def __post_init__(self) -> None:
        if self.choice not in (*get_args(Choice), WITHDRAWN):
            raise InputError(f"choice {self.choice!a} is not one of first, second, tie and {WITHDRAWN}")
        if self.first_side not in get_args(Side):
            raise InputError(f"first_side {self.first_side!a} is not left or right")
        if not (math.isfinite(self.seconds) and 0 <= self.seconds <= LONGEST_S):
            raise InputError(f"{self.seconds} seconds is not a time from 0 to {LONGEST_S:.0f}")
        if not is_person(self.voter):
            raise InputError(f"voter {self.voter!a} is not a name")


class VoteFile:
    """Reads and adds to the votes of a study.

    Args:
        stored: the study.

    Raises:
        InputError: if the file is damaged, or has votes of another study; the error names the line.
    """

    def __init__(self, stored: StudyFolder) -> None:
        self.path, self._stored = stored.votes, stored
        self.read()

    def read(self) -> list[Vote]:
        """Return the votes that stand, in the order in which they were given."""
        standing: dict[tuple[str, int], Vote] = {}
        for vote in self._lines():
            standing.pop((vote.voter, vote.question), None)
            if vote.choice != WITHDRAWN:
                standing[vote.voter, vote.question] = vote
        return list(standing.values())

    def of(self, voter: str) -> list[Vote]:
        """Return one voter's votes that stand, in the order in which they were given."""
        return [vote for vote in self.read() if vote.voter == voter]

    def add(self, voter: str, question: int, choice: Choice, *, first_side: Side, seconds: float) -> None:
        """Add a vote: it is on disk when this returns.

        Raises:
            RefusedVoteError: if the person voted on the question before, perhaps in another tab.
            InputError: if the file was damaged in the meantime.
        """
        with self._changing():
            if any(vote.question == question for vote in self.of(voter)):
                raise RefusedVoteError("this pair was judged before, perhaps in another tab; here is the next one")
            self._append(Vote(self._stored.digest, voter, question, choice, first_side, seconds, _now()))

    def withdraw(self, voter: str) -> int | None:
        """Take a voter's last vote back, and return its question; None where there is no vote."""
        with self._changing():
            own = self.of(voter)
            if not own:
                return None
            last = own[-1]
            self._append(Vote(last.study, voter, last.question, WITHDRAWN, last.first_side, 0.0, _now()))
            return last.question

    def _append(self, vote: Vote) -> None:
        before = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        before += "\n" if before and not before.endswith("\n") else ""
        atomic_write_text(self.path, before + json.dumps(asdict(vote)) + "\n")

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the lock of the file."""
        try:
            with locked(self.path):
                yield
        except OSError as error:
            raise InputError(f"{self.path} cannot be written ({error.strerror}): make room, or allow it") from error

    def _lines(self) -> list[Vote]:
        if not self.path.exists():
            return []
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{self.path} cannot be read as votes: {error}") from error
        found = []
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip():
                continue
            try:
                found.append(self._vote(parse_json(line)))
            except (ValueError, TypeError, KeyError) as error:
                why = str(error) if isinstance(error, InputError) else "it is not a vote"
                raise InputError(f"{self.path}, line {number}: {why}; correct or remove the line") from error
        return found

    def _vote(self, said: Mapping[str, Any]) -> Vote:
        vote = Vote(**dict(said))
        if vote.study != self._stored.digest:
            raise InputError(f"it is a vote of another study ({vote.study!a}, and this one is {self._stored.digest})")
        if type(vote.question) is not int or not 0 <= vote.question < len(self._stored.study.questions):
            raise InputError(f"the study has no question {vote.question!a}")
        return vote


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
