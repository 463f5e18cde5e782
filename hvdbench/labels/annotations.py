"""Read labels made by hand from a CSV with the columns ``clip,frame,label,annotator`` and optionally ``confidence``.

``label`` is ``sharp``, ``blurry`` or ``unsure``; ``clip`` is ``<split>/<clip>`` or the clip's name alone.
"""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.labels.accuracy import BLURRY, MILD, SHARP, cohens_kappa
from hvdbench.tables.texts import unguarded
from hvdbench.workspace.names import checked_name
from hvdbench.workspace.parsing import is_count

COLUMNS = ("clip", "frame", "label", "annotator")
OPTIONAL_COLUMNS = ("confidence",)
WORDS: Mapping[str, int] = {"sharp": SHARP, "unsure": MILD, "blurry": BLURRY}
UNSEEN = -1


@dataclass(frozen=True)
class Agreement:
    """How far two annotators agree on the frames that both called sharp or blurry."""

    first: str
    second: str
    n: int
    agreed: int
    kappa: float


@dataclass(frozen=True)
class Annotations:
    """The labels that people gave to frames.

    Attributes:
        path: the path of the CSV.
        words: annotator → (clip, frame) → 0 sharp, 1 unsure, 2 blurry.
    """

    path: Path
    words: Mapping[str, Mapping[tuple[str, int], int]]

    def clips(self) -> list[str]:
        """List the clips that anyone labelled."""
        return sorted({clip for one in self.words.values() for clip, _ in one})

    def classes(self, names: tuple[str, ...], count: int) -> NDArray[np.int64]:
        """Return the label that most annotators give to each frame of a clip; a tie counts as unsure.

        Args:
            names: the names that the clip may have in the file.
            count: the number of frames T.

        Returns:
            The classes (T,): 0 sharp, 1 unsure, 2 blurry, -1 where there is no label.

        Raises:
            InputError: if the file labels a frame that the clip does not have.
        """
        found = np.full(count, UNSEEN, np.int64)
        votes: dict[int, Counter[int]] = {}
        for one in self.words.values():
            for (clip, frame), word in one.items():
                if clip in names:
                    votes.setdefault(frame, Counter())[word] += 1
        for frame, counter in votes.items():
            if frame >= count:
                raise InputError(
                    f"{self.path}: clip '{names[0]}' has frames 0 to {count - 1}, and frame {frame} was labelled: "
                    "correct the file"
                )
            sharp, blurry = counter[SHARP], counter[BLURRY]
            found[frame] = MILD if sharp == blurry else SHARP if sharp > blurry else BLURRY
        return found

    def agreements(self) -> list[Agreement]:
        """Compare each pair of annotators."""
        found = []
        for first, second in combinations(sorted(self.words), 2):
            a, b = self.words[first], self.words[second]
            both = [key for key in sorted(a.keys() & b.keys()) if MILD not in (a[key], b[key])]
            one, other = (np.array([words[key] == SHARP for key in both], np.bool_) for words in (a, b))
            found.append(Agreement(first, second, len(both), int((one == other).sum()), cohens_kappa(one, other)))
        return found


def read_annotations(path: Path) -> Annotations:
    """Read a CSV of labels made by hand.

    Raises:
        InputError: if there is no such file, it is not UTF-8 CSV, columns are missing, a label is unknown, a frame is
            not a whole number from 0 up, a name cannot be an annotator's, or one person gave two different labels to a
            frame.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a CSV of labels: {error}") from error
    if not rows:
        raise InputError(f"{path} contains no labels: a row is {','.join(COLUMNS)}[,{OPTIONAL_COLUMNS[0]}]")
    missing = [name for name in COLUMNS if name not in rows[0]]
    if missing:
        raise InputError(f"{path} lacks column {', '.join(missing)}: a row is {','.join(COLUMNS)}")
    words: dict[str, dict[tuple[str, int], int]] = {}
    for line, row in enumerate(rows, start=2):
        word, frame = (row["label"] or "").strip().lower(), (row["frame"] or "").strip()
        if word not in WORDS:
            raise InputError(f"{path}, line {line}: label '{word}' is not one of {', '.join(WORDS)}")
        if not is_count(frame):
            raise InputError(f"{path}, line {line}: frame '{frame[:80]}' is not a whole number of 0 or more")
        key = (unguarded((row["clip"] or "").strip()), int(frame))
        annotator = unguarded((row["annotator"] or "").strip())
        if annotator:
            checked_name(annotator, f"line {line}, annotator", where=path)
        said = words.setdefault(annotator, {})
        if said.setdefault(key, WORDS[word]) != WORDS[word]:
            raise InputError(f"{path}, line {line}: {row['annotator']} labels frame {frame} of {key[0]} twice")
    return Annotations(path, words)
