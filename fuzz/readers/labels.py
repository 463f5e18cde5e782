"""What people wrote: annotations, answers, studies with their votes, and camera responses."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from fuzz.readers.datasets import noise
from fuzz.target import Corpus, Target, words
from hvdbench.annotate.answers import AnswerFile
from hvdbench.annotate.study.design import StudyFolder, read_study
from hvdbench.annotate.study.drawing import StudyClip, StudyRequest, make_study
from hvdbench.annotate.study.results import count_votes, results_text
from hvdbench.annotate.study.votes import VoteFile
from hvdbench.labels.annotations import read_annotations
from hvdbench.response import open_response

_ANSWERS = (
    b"clip,frame,label,annotator,confidence,seconds\na,0,sharp,anna,1,1.25\na,1,blurry,anna,,\na,0,unsure,berta,3,2\n"
)
_LABELS = b"clip,frame,label,annotator\na,0,sharp,anna\na,1,blurry,anna\na,0,sharp,berta\na,1,sharp,berta\n"
_RESPONSE = b"value,light\n0,0\n64,0.05\n128,0.2\n255,1\n"


def _csv(data: bytes, read: Callable[[Path], object], _: Path) -> Corpus:
    return Corpus("a.csv", [data], read, words("clip frame label annotator sharp blurry unsure confidence value light"))


def _annotations(path: Path) -> object:
    found = read_annotations(path)
    return [found.classes((clip,), 2) for clip in found.clips()], found.agreements()


def made_study(folder: Path) -> StudyFolder:
    """Make a study of two methods over one clip of 3 frames of 36x28 px, with one crop and one check."""
    frames = {"m": noise(3, 0), "n": noise(3, 1)}
    request = StudyRequest(("m", "n"), {"m": "x", "n": "y"}, crops=2, checks=2, side_px=16, seed=0)
    make_study(folder, [StudyClip("one", lambda: frames)], request)
    return read_study(folder)


def _study(folder: Path) -> Corpus:
    made_study(folder)
    tokens = words("pair clear same first second crops clip frame left top methods questions made_from 000000.png")
    return Corpus("study.json", [(folder / "study.json").read_bytes()], _results, tokens)


def _votes(folder: Path) -> Corpus:
    stored = made_study(folder)
    lines = [
        {
            "study": stored.digest,
            "voter": voter,
            "question": number,
            "choice": "first",
            "first_side": "left",
            "seconds": 2.0,
        }
        for voter in ("anna", "berta")
        for number in range(len(stored.study.questions))
    ]
    data = "".join(json.dumps(line) + "\n" for line in lines).encode()
    tokens = words("withdrawn first second tie left right at")
    return Corpus("votes.jsonl", [data], _results, tokens)


def _results(path: Path) -> object:
    stored = read_study(path.parent)
    votes = VoteFile(stored).read()
    for question in stored.study.questions[:3]:
        stored.crops(question)
    return votes, [results_text(count_votes(stored), kind) for kind in ("text", "json") if votes]


TARGETS = (
    Target("labels.annotations", partial(_csv, _LABELS, _annotations), ("hvdbench.labels.annotations",)),
    Target(
        "labels.answers", partial(_csv, _ANSWERS, lambda path: AnswerFile(path).read()), ("hvdbench.annotate.answers",)
    ),
    Target("labels.study", _study, ("hvdbench.annotate.study.design",)),
    Target("labels.votes", _votes, ("hvdbench.annotate.study.votes", "hvdbench.annotate.study.results")),
    Target("labels.response", partial(_csv, _RESPONSE, lambda path: open_response(str(path))), ("hvdbench.response",)),
)
