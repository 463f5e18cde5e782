"""Define a study on disk: its questions, the crops that they show, and the key that says which method made which.

``<study>/study.json`` is the key, ``<study>/crops/`` contains one PNG for each crop, called by a number, and
``<study>/votes.jsonl`` the votes.
"""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from hvdbench.errors import InputError
from hvdbench.frames import Frame, read_frame
from hvdbench.recipe import Settings, digest_of
from hvdbench.recipe.bounds import MOST_FRAMES, MOST_PX, MOST_SEED
from hvdbench.workspace.atomic import atomic_write_text
from hvdbench.workspace.parsing import read_json

STUDY_FILE, CROPS, VOTES_FILE = "study.json", "crops", "votes.jsonl"

Kind = Literal["pair", "clear", "same"]
"""Two methods; a crop against a strongly blurred copy of itself; a crop against itself."""
Choice = Literal["first", "second", "tie"]

_CROP = re.compile(r"\d{1,6}\.png")
_RIGHT: dict[Kind, Choice] = {"clear": "first", "same": "tie"}


class Question(Settings):
    """Two crops of the same place of the same frame."""

    kind: Kind
    """Whether two methods are compared, or the voter's attention is checked."""
    first: str
    """The method that restored the first crop."""
    second: str
    """The method that restored the second crop; of a check, the first's again."""
    crops: tuple[str, str]
    """Their files, in ``crops/``."""
    clip: str
    """The clip's name in the folders of the methods."""
    frame: int = Field(ge=0, le=MOST_FRAMES)
    """The frame, counted from 0."""
    left: int = Field(ge=0, le=MOST_PX)
    """Left edge of the crop in the frame, px."""
    top: int = Field(ge=0, le=MOST_PX)
    """Top edge of the crop in the frame, px."""

    @field_validator("crops")
    @classmethod
    def _named_by_numbers(cls, names: tuple[str, str]) -> tuple[str, str]:
        strange = next((name for name in names if not _CROP.fullmatch(name)), None)
        if strange is not None:
            raise ValueError(f"{strange!a} is not the name of a crop, which is a number and .png")
        return names

    @property
    def right(self) -> Choice | None:
        """The known answer of an attention check; None for a pair of methods."""
        return _RIGHT.get(self.kind)


class Study(Settings):
    """All that a study asks, and of what it was made."""

    version: Literal[1] = 1
    """Version of this file's format."""
    seed: int = Field(ge=0, le=MOST_SEED)
    """Seed of crops, order and sides."""
    methods: tuple[str, ...] = Field(min_length=2)
    """The methods, in the order in which they were named."""
    made_from: dict[str, str]
    """The folder of each method."""
    questions: tuple[Question, ...] = Field(min_length=1)
    """The questions, in no order that a voter sees."""


@dataclass(frozen=True)
class StudyFolder:
    """A study on disk.

    Attributes:
        folder: its folder.
        study: what it asks.
    """

    folder: Path
    study: Study

    @cached_property
    def digest(self) -> str:
        """The digest that votes state, so that votes of another study are not counted."""
        return digest_of(self.study.model_dump(mode="json"))

    @property
    def votes(self) -> Path:
        """The path of the votes."""
        return self.folder / VOTES_FILE

    def crops(self, question: Question) -> tuple[Frame, Frame]:
        """Read the two crops of a question, uint8 RGB (H, W, 3) of one size.

        Raises:
            InputError: if one is missing or damaged, or the sizes differ.
        """
        first, second = (read_frame(self.folder / CROPS / name) for name in question.crops)
        if first.shape != second.shape:
            raise InputError(
                f"{self.folder / CROPS}: {' and '.join(question.crops)} differ in size: make the study again"
            )
        return first, second


def write_study(folder: Path, study: Study) -> None:
    """Write the key of a study."""
    atomic_write_text(folder / STUDY_FILE, json.dumps(study.model_dump(mode="json"), indent=1) + "\n")


def read_study(folder: Path) -> StudyFolder:
    """Read a study.

    Raises:
        InputError: if there is none, or its key is damaged.
    """
    path = folder / STUDY_FILE
    if not path.is_file():
        raise InputError(f"{folder} contains no {STUDY_FILE}: name a folder that 'hvdbench study make' wrote")
    try:
        study = Study.model_validate(read_json(path))
    except (OSError, ValueError) as error:
        first = str(error).splitlines()
        detail = "; ".join(line.strip() for line in first[:3])
        raise InputError(f"{path} is damaged ({detail}): make the study again") from error
    strange = {name for one in study.questions for name in (one.first, one.second)} - set(study.methods)
    if strange:
        raise InputError(f"{path} asks about '{min(strange)}', which is not among its methods: make the study again")
    return StudyFolder(folder, study)
