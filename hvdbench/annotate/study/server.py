"""Serve the page of a study; :mod:`hvdbench.annotate.local_server` says who can reach it.

Nothing that is sent says which method made which crop: no name of a method, a clip, a file or the study, and both crops
of a pair lie in one picture without compression, whose bytes have the same number whatever it shows.
"""

import logging
import math
import re
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import unquote

import cv2

from hvdbench.annotate.local_server import CSS, HTML, JAVASCRIPT, SHARED, SVG, LocalHandler, LocalServer, whole_numbers
from hvdbench.annotate.study.ballot import Ballot
from hvdbench.annotate.study.design import StudyFolder
from hvdbench.annotate.study.votes import LONGEST_S, RefusedVoteError, VoteFile
from hvdbench.errors import HvdbenchError

_FOLDER = Path(__file__).resolve().parent
_OF_VOTER = re.compile(r"voter/([^/]{1,200})/(state|vote|undo|pair/(\d{1,7}))")
_MOST_VOTERS = 1_000  # whose order is kept in memory

logger = logging.getLogger(__name__)


class StudyServer(LocalServer):
    """Serves one study's page at :attr:`url`, to any number of voters.

    Args:
        stored: the study.
        port: 0 takes a free one.

    Raises:
        InputError: if the votes are damaged, or the port is taken or not allowed.
    """

    def __init__(self, stored: StudyFolder, *, port: int = 0) -> None:
        self.stored, self.votes = stored, VoteFile(stored)
        self._ballots: dict[str, Ballot] = {}
        self._ballots_lock = Lock()
        super().__init__(_Handler, port=port)

    def ballot(self, voter: str) -> Ballot:
        """Return the questions of a voter.

        Raises:
            RefusedVoteError: if the text cannot be a name.
        """
        with self._ballots_lock:
            found = self._ballots.get(voter)
            if found is None:
                found = Ballot(self.stored, self.votes, voter)
                if len(self._ballots) < _MOST_VOTERS:
                    self._ballots[voter] = found
            return found


class _Handler(LocalHandler):
    """Answers one connection."""

    server: StudyServer
    files = {
        "": (_FOLDER / "study.html", HTML),
        "study.css": (_FOLDER / "study.css", CSS),
        "study.js": (_FOLDER / "study.js", JAVASCRIPT),
        "local.css": (SHARED / "local.css", CSS),
        "local.js": (SHARED / "local.js", JAVASCRIPT),
        "study.svg": (_FOLDER / "study.svg", SVG),
    }
    answer_fields = "question, answer and seconds"

    def get(self, name: str) -> bool:
        """Serve a voter's state, or a pair of crops as one picture."""
        found = _OF_VOTER.fullmatch(name)
        if found is None or found[2] in ("vote", "undo"):
            return False
        ballot = self.server.ballot(unquote(found[1]))
        if found[2] == "state":
            self.send_json(ballot.state())
            return True
        if int(found[3]) >= len(ballot.order):
            return False
        picture = cv2.imencode(".bmp", ballot.pair(int(found[3]))[..., ::-1])[1].tobytes()
        self.send("image/bmp", picture)
        return True

    def posted(self, name: str) -> Callable[[Any], object] | None:
        """Return what keeps a voter's vote, or takes the last one back."""
        found = _OF_VOTER.fullmatch(name)
        if found is None or found[2] not in ("vote", "undo"):
            return None
        ballot = self.server.ballot(unquote(found[1]))

        def vote(said: dict[str, Any]) -> object:
            (question,) = whole_numbers(said, "question")
            answer, seconds = said["answer"], float(said["seconds"])
            if not isinstance(answer, str):
                raise TypeError
            if not (math.isfinite(seconds) and 0 <= seconds <= LONGEST_S):
                raise ValueError
            ballot.vote(question, answer, seconds=seconds)
            return ballot.state()

        def undo(said: object) -> object:
            ballot.undo()
            return ballot.state()

        return vote if found[2] == "vote" else undo

    def told(self, error: HvdbenchError) -> str:
        """Return what the page shows for an error; one that may name a file or a method goes to the terminal alone."""
        if isinstance(error, RefusedVoteError):
            return str(error)
        logger.error("%s", error)
        return "the study cannot go on here; the terminal in which it was started says why"


def serve(stored: StudyFolder, *, port: int = 0, ready: Callable[[str], None] = lambda url: None) -> None:
    """Serve the page until Ctrl-C; every vote is on disk before the page shows the next pair.

    Args:
        stored: the study.
        port: 0 takes a free one.
        ready: function called with the page's address, including the token, once it can be opened.

    Raises:
        InputError: if the votes are damaged, or the port is taken or not allowed.
    """
    with StudyServer(stored, port=port) as server:
        server.serve_until_stopped(ready)
