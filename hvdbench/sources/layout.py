"""Read how releases of others are laid out: one TOML file per layout in ``recipes/layouts``, or a file of your own.

A layout states where frames lie, what each stream of them is, and which facts a dataset made of them gets. What it does
not state stays unknown: no licence, rate or origin is invented.
"""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import Field, field_validator, model_validator

from hvdbench.catalog import unknown
from hvdbench.errors import RecipeError, UnknownNameError
from hvdbench.recipe import Settings, check
from hvdbench.workspace.paths import home_folder

UNKNOWN = "unknown"


class Pattern(Settings):
    """Where the frames of one arrangement lie, relative to the release, such as ``{split}/{clip}/blur/*.png``."""

    blurry: str | None = None
    """Of blurry frames; left out: the release has none, as high-speed footage."""
    sharp: str | None = None
    """Of sharp frames at mid-exposure; left out: the release has no truth."""

    @model_validator(mode="after")
    def _holds_something(self) -> "Pattern":
        if self.blurry is None and self.sharp is None:
            raise ValueError("a pattern needs 'blurry', 'sharp' or both")
        return self

    @field_validator("blurry", "sharp")
    @classmethod
    def _well_formed(cls, text: str | None) -> str | None:
        if text is not None and not is_pattern(text):
            raise ValueError(f"'{text}' is not a pattern of frames: {PATTERN_HELP}")
        return text


class Averaged(Settings):
    """A rate that follows from the clips' names: each frame stands for as many high-speed frames as the name counts."""

    fps: float = Field(gt=0)
    """Of the high-speed frames."""
    in_name: str
    """A regular expression of a whole clip name; its one group is the number of frames averaged."""

    @field_validator("in_name")
    @classmethod
    def _has_one_group(cls, text: str) -> str:
        try:
            groups = re.compile(text).groups
        except re.error as error:
            raise ValueError(f"'{text}' is not a regular expression: {error}") from error
        if groups != 1:
            raise ValueError(f"'{text}' has {groups} groups in brackets, expected one: the number of frames averaged")
        return text


class Layout(Settings):
    """How a release is laid out, and what is known of it."""

    title: str
    """What its authors call it."""
    patterns: tuple[Pattern, ...] = Field(min_length=1)
    """Tried in this order; the first that finds pairs is taken."""
    licence: str = UNKNOWN
    """Of the frames, as their authors state it."""
    source: str = ""
    """Where the release can be had."""
    citation: str = ""
    """What its authors ask to be cited."""
    fps: float | None = Field(default=None, gt=0)
    """Rate of the frames; left out: unknown, and then frames get no times."""
    averaged: Averaged | None = None
    """Rate by clip name, in place of ``fps``."""
    clip_names: str = ""
    """A regular expression of the names that the release's clips have; frames of other names are not taken for its."""
    splits: dict[str, Literal["train", "test"]] = Field(default_factory=dict)
    """The release's splits and what they are here; left out: train, training, test, testing, and val, valid, validation
    as test."""
    truth: Literal["mid", "centroid"] = "mid"
    """Which instant of the exposure the sharp frames show: its middle, or the centre of the light's path."""
    is_guess: bool = False
    """Whether the patterns are a guess, for a release whose layout is not known."""

    @field_validator("clip_names")
    @classmethod
    def _compiles(cls, text: str) -> str:
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(f"'{text}' is not a regular expression: {error}") from error
        return text

    @property
    def is_blurry(self) -> bool:
        """Whether the release has blurry frames, so that it can be taken over as a dataset."""
        return all(pattern.blurry is not None for pattern in self.patterns)

    def fps_of(self, clip: str) -> float | None:
        """Return the rate of a clip's frames by its name; None where it is unknown."""
        if self.averaged is None:
            return self.fps
        named = re.fullmatch(self.averaged.in_name, clip)
        count = int(named[1]) if named else 0
        return self.averaged.fps / count if count else self.fps

    def names_fit(self, clips: Iterable[str]) -> bool:
        """Return whether all clips are named as the release's; true where the layout does not state their names."""
        return not self.clip_names or all(re.fullmatch(self.clip_names, clip) for clip in clips)

    def stranger(self, clips: Iterable[str]) -> str | None:
        """Return the first clip that is not named as the release's; None where all are."""
        return next((clip for clip in clips if not self.names_fit([clip])), None)


PATTERN_HELP = (
    "expected one like {split}/{clip}/blur/*.png, relative to the release, with {clip} and if need be {split} among "
    "its folders"
)


def is_pattern(text: str) -> bool:
    """Return whether a text is a relative pattern that has ``{clip}`` among its folders and may have ``{split}``."""
    path = PurePosixPath(text)
    others = set(re.findall(r"\{(\w*)\}", text)) - {"split", "clip"}
    outside = path.is_absolute() or ".." in path.parts
    return not outside and not others and "{clip}" in path.parent.as_posix() and "{" not in path.name


def layout_names() -> list[str]:
    """List the layouts of this installation by name."""
    return sorted(path.stem for path in home_folder("recipes/layouts").glob("*.toml"))


def load_layout(name: str) -> tuple[str, Layout]:
    """Read a layout.

    Args:
        name: of this installation's, or the path of a ``.toml`` file.

    Returns:
        Its name, a file's stem, and the content of the file.

    Raises:
        UnknownNameError: if there is no such layout.
        RecipeError: if the file is not TOML, has an unknown key, or has a value that is not allowed.
    """
    file = Path(name) if name.endswith(".toml") else home_folder("recipes/layouts") / f"{name}.toml"
    if not file.is_file() or (not name.endswith(".toml") and name not in layout_names()):
        raise UnknownNameError(unknown("layout", name, layout_names()) + "; a file of your own ends in .toml")
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{file} is not TOML: {error}") from error
    return file.stem, check(file.name, table, Layout)
