"""Small studies of made frames, voters that answer by a rule, and a server in a thread."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from hvdbench.annotate.study.ballot import Ballot
from hvdbench.annotate.study.design import Question, StudyFolder, read_study
from hvdbench.annotate.study.drawing import StudyClip, StudyRequest, make_study
from hvdbench.annotate.study.server import StudyServer
from hvdbench.annotate.study.votes import VoteFile
from hvdbench.frames import Frames, write_clip

METHODS = ("selfhvd_of_ours", "dadeblur_of_theirs", "ren_of_others")
"""From the sharpest to the softest; long enough to be found in what is served."""
CLIPS = ("street", "square")


def made_frames(method: str, clip: str, *, height: int = 90, width: int = 160, count: int = 5) -> Frames:
    """Make a clip of noise, softer for a later method."""
    random = np.random.default_rng(CLIPS.index(clip))
    small = random.integers(0, 256, (count, height // 3, width // 3, 3), dtype=np.uint8)
    sharp = [cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC) for frame in small]
    sigma = (0, 1.0, 2.0)[METHODS.index(method)]
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) if sigma else frame for frame in sharp]).astype(np.uint8)


def write_methods(root: Path) -> list[Path]:
    """Write each method's frames, ``<method>/<clip>/``."""
    for method in METHODS:
        for clip in CLIPS:
            write_clip(root / method / clip, made_frames(method, clip))
    return [root / method for method in METHODS]


def made_study(
    folder: Path,
    *,
    crops: int = 4,
    checks: int = 3,
    seed: int = 0,
    side_px: int = 64,
    methods: tuple[str, ...] = METHODS,
) -> StudyFolder:
    """Make a study of the methods over both clips."""

    def opener(clip: str) -> StudyClip:
        return StudyClip(clip, lambda: {method: made_frames(method, clip) for method in methods})

    request = StudyRequest(methods, dict.fromkeys(methods, "x"), crops=crops, checks=checks, side_px=side_px, seed=seed)
    make_study(folder, [opener(clip) for clip in CLIPS], request)
    return read_study(folder)


def right_answer(question: Question) -> str:
    """Answer as somebody who prefers what is sharper: ``first``, ``second`` or ``tie``."""
    if question.right is not None:
        return question.right
    return "first" if METHODS.index(question.first) < METHODS.index(question.second) else "second"


def vote_all(stored: StudyFolder, voter: str, *, always: str | None = None) -> None:
    """Write votes on every question: always the same side, or by :func:`right_answer`."""
    ballot = Ballot(stored, VoteFile(stored), voter)
    lines = []
    for position, number in enumerate(ballot.order):
        question, side = stored.study.questions[number], ballot.first_sides[position]
        choice: str = right_answer(question)
        if always is not None:
            choice = "tie" if always == "tie" else "first" if always == side else "second"
        lines.append({"study": stored.digest, "voter": voter, "question": number, "choice": choice})
        lines[-1] |= {"first_side": side, "seconds": 2.0}
    with stored.votes.open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


@contextmanager
def serving(stored: StudyFolder) -> Iterator[StudyServer]:
    """Serve a study in a thread."""
    with StudyServer(stored) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
