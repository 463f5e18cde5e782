"""Keep the CSV of answers, one row per frame and annotator, on disk as soon as an answer is given.

:func:`hvdbench.labels.annotations.read_annotations` reads the same file to check labellers by. Rows of other annotators
in it are kept as they are and are not shown.
"""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hvdbench.errors import InputError
from hvdbench.labels.annotations import COLUMNS as NEEDED
from hvdbench.labels.annotations import WORDS
from hvdbench.tables.texts import csv_of, unguarded
from hvdbench.workspace.atomic import atomic_write_text
from hvdbench.workspace.locks import locked
from hvdbench.workspace.names import checked_name
from hvdbench.workspace.parsing import is_count

COLUMNS = (*NEEDED, "confidence", "seconds")
CONFIDENCES = (1, 2, 3)
"""A guess, fairly sure, certain."""
LONGEST_S = 86_400.0


@dataclass(frozen=True)
class Answer:
    """The answer of one annotator about one frame.

    Attributes:
        clip: its name in the dataset.
        frame: counted from 0.
        label: ``sharp``, ``blurry`` or ``unsure``.
        annotator: the name of the person who answered.
        confidence: 1 to 3; None where the file does not state it.
        seconds: for how long the question was on screen; None where the file does not state it.
    """

    clip: str
    frame: int
    label: str
    annotator: str
    confidence: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.label not in WORDS:
            raise InputError(f"label '{self.label}' is not one of {', '.join(WORDS)}")
        if self.frame < 0:
            raise InputError(f"frame {self.frame} is not a whole number of 0 or more")
        if self.confidence is not None and self.confidence not in CONFIDENCES:
            raise InputError(f"confidence {self.confidence} is not one of 1, 2 and 3")
        if self.seconds is not None and not 0 <= self.seconds <= LONGEST_S:
            raise InputError(f"{self.seconds} seconds is not a time from 0 to {LONGEST_S:.0f}")

    @property
    def key(self) -> tuple[str, str, int]:
        """Return what an answer is kept under: annotator, clip, frame."""
        return self.annotator, self.clip, self.frame


class AnswerFile:
    """Reads and changes a CSV of answers; every change is read, made and written under a lock, whole or not at all.

    Several processes may share a file: each change is made to what is on disk then.

    Args:
        path: the CSV; made with the first answer.

    Raises:
        InputError: if the file is not a CSV of answers; the error names the damaged line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read()

    def read(self) -> list[Answer]:
        """Return all answers in the order in which they were given; the later of two answers to one frame counts."""
        if not self.path.exists():
            return []
        try:
            text = self.path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{self.path} cannot be read as a CSV of labels: {error}") from error
        found: dict[tuple[str, str, int], Answer] = {}
        for answer in self._parse(text):
            found.pop(answer.key, None)
            found[answer.key] = answer
        return list(found.values())

    def put(self, answer: Answer) -> None:
        """Write an answer, in place of an earlier one by the same person to the same frame."""
        with locked(self.path):
            self._write([*(kept for kept in self.read() if kept.key != answer.key), answer])

    def remove(self, answer: Answer) -> None:
        """Take an answer back."""
        with locked(self.path):
            self._write([kept for kept in self.read() if kept.key != answer.key])

    def _write(self, answers: Sequence[Answer]) -> None:
        atomic_write_text(self.path, answers_csv(answers))

    def _parse(self, text: str) -> Iterator[Answer]:
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        columns: list[str] = []
        try:
            for row in rows:
                if not columns:
                    columns = self._columns(row)
                elif row:
                    yield _answer(columns, row)
        except (csv.Error, InputError) as error:
            raise InputError(
                f"{self.path}, line {max(rows.line_num, 1)}: {error}; correct the file, or name another with --labels"
            ) from error

    def _columns(self, row: list[str]) -> list[str]:
        columns = [name.strip() for name in row]
        missing, strange = [name for name in NEEDED if name not in columns], set(columns) - set(COLUMNS)
        if missing or strange or len(set(columns)) != len(columns):
            raise InputError(f"its columns are {','.join(columns)[:80]}, expected {','.join(COLUMNS)}")
        return columns


def answers_csv(answers: Sequence[Answer]) -> str:
    """Write answers as CSV text of :data:`COLUMNS`."""
    rows: list[Sequence[object]] = [COLUMNS]
    for one in answers:
        seconds = "" if one.seconds is None else f"{one.seconds:.2f}"
        rows.append([one.clip, one.frame, one.label, one.annotator, one.confidence or None, seconds])
    return csv_of(rows)


def _answer(columns: list[str], row: list[str]) -> Answer:
    if len(row) != len(columns):
        raise InputError(f"the row has {len(row)} values, expected {len(columns)}")
    values = {name: unguarded(value.strip()) for name, value in zip(columns, row, strict=True)}
    if values["annotator"]:
        checked_name(values["annotator"], "annotator")
    frame, confidence, seconds = values["frame"], values.get("confidence", ""), values.get("seconds", "")
    if not is_count(frame):
        raise InputError(f"frame '{frame[:40]}' is not a whole number of 0 or more")
    if confidence and not is_count(confidence):
        raise InputError(f"confidence '{confidence[:40]}' is not one of 1, 2 and 3")
    return Answer(
        values["clip"],
        int(frame),
        values["label"].lower(),
        values["annotator"],
        int(confidence) if confidence else None,
        _seconds(seconds) if seconds else None,
    )


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"'{text}' is not a number of seconds")
    return value
