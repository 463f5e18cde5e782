"""Decide what one annotator is asked and in which order, and keep the answers given so far."""

import getpass
import hashlib
import os
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any, Literal

import numpy as np

from hvdbench.annotate.answers import CONFIDENCES, Answer, AnswerFile, answers_csv
from hvdbench.annotate.people import checked_person, is_person
from hvdbench.catalog import unknown
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.frames import list_frames
from hvdbench.labels.clips import LabelSource, find_clips

Order = Literal["clip", "random"]
Question = tuple[int, int]  # position of the clip in Session.clips, frame
_AHEAD = 3  # questions sent ahead to the page, so that it can fetch their frames


@dataclass(frozen=True)
class AnnotateRequest:
    """What is to be labelled, and by whom.

    Attributes:
        path: a dataset, a folder of clip folders, or one folder of frames.
        annotator: letters, digits, '.', '-' and '_'; empty: the name that the user is logged in by.
        clips: names of clips, with or without their split; empty: all.
        sample: the number of frames to draw; the draw depends only on ``seed``, so all annotators get the same; None:
            all frames.
        seed: of the sample, and with the annotator's name of the order.
        order: frames of a clip in their order (``clip``) or shuffled (``random``); clips are always shuffled.
        labels: the CSV; None: ``<path>/annotations/<annotator>.csv``.
    """

    path: Path
    annotator: str = ""
    clips: tuple[str, ...] = ()
    sample: int | None = None
    seed: int = 0
    order: Order = "clip"
    labels: Path | None = None


@dataclass(frozen=True)
class AskedClip:
    """A clip with the files of its frames."""

    name: str
    files: tuple[Path, ...]


class Session:
    """Asks one annotator of one frame after the other; safe to use from several threads.

    Args:
        clips: in the order in which they are asked.
        questions: clip and frame, in the order in which they are asked.
        annotator: whose answers these are.
        file: where answers are kept.

    Raises:
        InputError: if the CSV of answers is damaged.
    """

    def __init__(
        self, clips: Sequence[AskedClip], questions: Sequence[Question], *, annotator: str, file: AnswerFile
    ) -> None:
        self.clips, self.questions, self.annotator, self.file = tuple(clips), tuple(questions), annotator, file
        self._asked = {(self.clips[clip].name, frame): (clip, frame) for clip, frame in questions}
        self._again: Question | None = None
        self._lock = RLock()
        self._own = self._read()

    def state(self) -> dict[str, Any]:
        """Return what the page shows as JSON: progress and the next question, without names and others' labels."""
        with self._lock:
            done = self._done()
            left = [question for question in self.questions if question not in done]
            if self._again in left:  # what was taken back is asked first
                left.remove(self._again)
                left.insert(0, self._again)
            seconds = [answer.seconds for answer in done.values() if answer.seconds is not None]
            return {
                "annotator": self.annotator,
                "frames": [len(clip.files) for clip in self.clips],
                "total": len(self.questions),
                "done": len(done),
                "counts": dict(Counter(answer.label for answer in done.values())),
                "median_s": statistics.median(seconds) if seconds else None,
                "question": left[0] if left else None,
                "next": left[1 : 1 + _AHEAD],
            }

    def answer(self, clip: int, frame: int, label: str, *, confidence: int, seconds: float) -> None:
        """Keep an answer: it is on disk when this returns.

        Raises:
            InputError: if the page does not ask about the frame, the word or the number is not known, or the CSV cannot
                be changed.
        """
        with self._lock:
            if (clip, frame) not in self._asked.values():
                raise InputError(f"frame {frame} of clip {clip + 1} is not among the frames that this page asks about")
            if confidence not in CONFIDENCES:
                raise InputError(f"confidence {confidence} is not one of 1, 2 and 3")
            self._change(Answer(self.clips[clip].name, frame, label, self.annotator, confidence, seconds), keep=True)
            self._again = None

    def undo(self) -> Question | None:
        """Take the last answer back and ask about that frame again; None where there is no answer.

        Raises:
            InputError: if the CSV cannot be changed.
        """
        with self._lock:
            done = self._done()
            if not done:
                return None
            question, last = list(done.items())[-1]
            self._change(last, keep=False)
            self._again = question
            return question

    def export(self) -> str:
        """Return all of this annotator's answers as CSV text."""
        with self._lock:
            return answers_csv(self._own)

    def _change(self, answer: Answer, *, keep: bool) -> None:
        try:
            if keep:
                self.file.put(answer)
            else:
                self.file.remove(answer)
        except OSError as error:
            raise InputError(
                f"{self.file.path} cannot be written ({error.strerror}): name a file elsewhere with --labels"
            ) from error
        self._own = self._read()

    def _read(self) -> list[Answer]:
        return [answer for answer in self.file.read() if answer.annotator == self.annotator]

    def _done(self) -> dict[Question, Answer]:
        """Return the answers to what is asked, in the order in which they were given."""
        asked = self._asked
        return {asked[one.clip, one.frame]: one for one in self._own if (one.clip, one.frame) in asked}


def open_session(request: AnnotateRequest) -> Session:
    """Find the frames, draw sample and order, and take up the answers given so far.

    Raises:
        InputError: if there are no frames, the name cannot be an annotator's, or the CSV is damaged or cannot be
            written.
        UnknownNameError: if there is no such clip.
        DatasetError: if the dataset cannot be read.
    """
    annotator = annotator_name(request.annotator)
    if not request.path.is_dir():
        raise InputError(f"{request.path} is not a folder: name a dataset, a folder of frames, or a folder of those")
    clips = [AskedClip(source.name, tuple(list_frames(source.path))) for source in _chosen(request)]
    empty = next((clip for clip in clips if not clip.files), None)
    if empty:
        raise InputError(f"{request.path}: clip '{empty.name}' contains no frames: make the dataset again")
    path = request.labels or request.path / "annotations" / f"{annotator}.csv"
    _check_writable(path)
    clips, questions = _ordered(clips, _drawn(clips, request), request, annotator)
    return Session(clips, questions, annotator=annotator, file=AnswerFile(path))


def annotator_name(name: str) -> str:
    """Check an annotator's name, or take the one that the user is logged in by.

    Raises:
        InputError: if the name has a sign other than letters, digits, '.', '-' and '_', or more than 40 signs.
    """
    if not name:
        try:
            name = getpass.getuser()
        except (OSError, KeyError, ImportError):
            name = "annotator"
        if not is_person(name):
            raise InputError(f"the login name '{name}' cannot name an annotator: name one with --annotator")
    return checked_person(name, "an annotator")


def _chosen(request: AnnotateRequest) -> list[LabelSource]:
    found = find_clips(request.path)
    if not request.clips:
        return found
    by_name: dict[str, list[LabelSource]] = {}
    for source in found:
        for name in {source.name, source.name.rpartition("/")[2]}:
            by_name.setdefault(name, []).append(source)
    strange = next((name for name in request.clips if name not in by_name), None)
    if strange is not None:
        raise UnknownNameError(unknown("clip", strange, (source.name for source in found)))
    wanted = {source.name for name in request.clips for source in by_name[name]}
    return [source for source in found if source.name in wanted]


def _drawn(clips: Sequence[AskedClip], request: AnnotateRequest) -> list[Question]:
    """Draw the frames to ask about, which are the same for all annotators."""
    every = [(clip, frame) for clip, one in enumerate(clips) for frame in range(len(one.files))]
    if request.sample is None or request.sample >= len(every):
        return every
    chance = np.random.default_rng(request.seed)
    return [every[index] for index in sorted(chance.choice(len(every), request.sample, replace=False).tolist())]


def _ordered(
    clips: Sequence[AskedClip], drawn: Sequence[Question], request: AnnotateRequest, annotator: str
) -> tuple[list[AskedClip], list[Question]]:
    """Shuffle clips, and frames within each clip if requested, by seed and annotator."""
    own = int.from_bytes(hashlib.sha256(annotator.encode()).digest()[:8], "big")
    chance = np.random.default_rng([request.seed, own])
    asked = sorted({clip for clip, _ in drawn})
    order = [asked[index] for index in chance.permutation(len(asked))]
    questions: list[Question] = []
    for place, clip in enumerate(order):
        frames = [frame for which, frame in drawn if which == clip]
        if request.order == "random":
            frames = [frames[index] for index in chance.permutation(len(frames))]
        questions += [(place, frame) for frame in frames]
    return [clips[clip] for clip in order], questions


def _check_writable(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path} is a folder: name a CSV file with --labels")
    there = path.parent
    while not there.exists():
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise InputError(f"{path} cannot be written: name a file elsewhere with --labels")
