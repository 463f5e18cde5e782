"""Read how releases of others are laid out: one TOML file per layout in ``recipes/layouts``, or a file of your own.

A layout states where frames lie, what each stream of them is, and which facts a dataset made of them gets. What it does
not state stays unknown: no licence, rate or origin is invented.
"""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from hvdbench.catalog import unknown
from hvdbench.errors import InputError, RecipeError, UnknownNameError
from hvdbench.recipe import Settings, check
from hvdbench.recipe.bounds import MOST_CLIPS, MOST_FPS
from hvdbench.workspace.parsing import read_toml
from hvdbench.workspace.paths import home_folder

UNKNOWN = "unknown"


class Pattern(Settings):
    """Where the frames of one arrangement lie, relative to the release, such as ``{split}/{clip}/blur/*.png``."""

    blurry: str | tuple[str, ...] | None = None
    """Of blurry frames, or several for the several places of one release; left out: the release has none, as high-speed
    footage."""
    sharp: str | None = None
    """Of sharp frames; without ``{clip}``, one folder of all of them, in which a frame's truth has the frame's name;
    left out: the release has no truth."""

    @model_validator(mode="after")
    def _holds_something(self) -> "Pattern":
        if self.blurry is None and self.sharp is None:
            raise ValueError("a pattern needs 'blurry', 'sharp' or both")
        for text in self.places:
            if not is_pattern(text):
                raise ValueError(f"'{text}' is not a pattern of frames: {PATTERN_HELP}")
        if self.sharp is not None and not is_pattern(self.sharp) and not (self.blurry and is_pool(self.sharp)):
            raise ValueError(f"'{self.sharp}' is not a pattern of frames: {PATTERN_HELP}")
        return self

    @property
    def places(self) -> tuple[str, ...]:
        """The patterns of blurry frames."""
        return (self.blurry,) if isinstance(self.blurry, str) else self.blurry or ()


class Part(Settings):
    """What a whole split of the release holds. What is left out is unknown and not checked."""

    clips: tuple[str, ...] | dict[str, Annotated[int, Field(ge=0, le=MOST_CLIPS)]] = ()
    """The names of its clips, in which ``000..239`` stands for all numbers between; or a table of names with the number
    of frames of each."""
    count: int | None = Field(default=None, gt=0, le=MOST_CLIPS)
    """The number of clips, where their names are unknown."""
    frames: int | None = Field(default=None, gt=0, le=MOST_CLIPS)
    """The number of blurry frames of each clip."""
    total: int | None = Field(default=None, gt=0, le=10**10)
    """The number of blurry frames of all clips."""
    stated_by: str = UNKNOWN
    """Where these names and numbers are published."""

    @field_validator("clips")
    @classmethod
    def _spelt_out(cls, clips: tuple[str, ...] | dict[str, int]) -> tuple[str, ...] | dict[str, int]:
        return clips if isinstance(clips, dict) else tuple(name for text in clips for name in _names_of(text))

    @property
    def clip_count(self) -> int | None:
        """The number of clips; None where it is unknown."""
        return len(self.clips) or self.count

    def frames_of(self, clip: str) -> int | None:
        """Return the number of a clip's blurry frames; None where it is unknown."""
        return self.clips.get(clip, self.frames) if isinstance(self.clips, dict) else self.frames


class Metadata(Settings):
    """A JSON file in which the release lists its blurry frames one by one, in a table called ``data``."""

    file: str
    """Relative to the release."""
    blurry: str
    """The key of a frame's path, relative to the file."""
    split: str
    """The key of a frame's split."""
    tracks: dict[str, str] = Field(default_factory=dict)
    """Keys whose words are kept, and the fields of ``tracks.h5`` that they become."""


class SensorTable(Settings):
    """A file of comma-separated numbers without a header beside each clip, which becomes a field of ``tracks.h5``."""

    file: str
    """Relative to the folder of the clip's blurry frames, such as ``../meta_info/gyro.csv``."""
    track: str
    """The field of ``tracks.h5`` that holds the values."""
    columns: tuple[Annotated[int, Field(ge=-1000, le=1000)], ...] = Field(min_length=1)
    """The columns of the values, from 0; negative numbers count from the last."""
    time_ns: int | None = Field(default=None, ge=-1000, le=1000)
    """The column of times in nanoseconds, which become ``t_s`` beside the values on the clock of the frames; left out:
    the file has one row for each frame, or one of another length is not taken."""


class Boxes(Settings):
    """A pickled table beside each blurry frame, which is read without running anything in it."""

    folder: str
    """Relative to the folder of the clip's blurry frames; a frame's file has the frame's name and the suffix .pkl."""
    key: str
    """The key of the box: left, top, right, bottom in px, and whatever follows."""


class Averaged(Settings):
    """A rate that follows from the clips' names: each frame stands for as many high-speed frames as the name counts."""

    fps: float = Field(gt=0, le=MOST_FPS)
    """Of the high-speed frames."""
    in_name: str
    """A regular expression of a whole clip name; its one group is the number of frames averaged."""

    @field_validator("in_name")
    @classmethod
    def _has_one_group(cls, text: str) -> str:
        groups = _compiled(text).groups
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
    download: str = UNKNOWN
    """How much there is to download."""
    citation: str = ""
    """What its authors ask to be cited."""
    facts_from: str = ""
    """Where it is published how the release is laid out."""
    remark: str = ""
    """What whoever imports the release must know."""
    board: str = ""
    """The board of this installation that is about the release."""
    dataset: str = ""
    """The name of the dataset made of it; left out: the layout's."""
    fps: float | None = Field(default=None, gt=0, le=MOST_FPS)
    """Rate of the frames; left out: unknown, and then frames get no times."""
    averaged: Averaged | None = None
    """Rate by clip name, in place of ``fps``."""
    exposure_in_name: str = ""
    """A regular expression of a blurry frame's whole name, with the groups ``start_ns`` and ``end_ns``: when its
    exposure began and ended, in nanoseconds. It states the times in place of ``fps``."""
    clip_names: str = ""
    """A regular expression of the names that the release's clips have; frames of other names are not taken for its."""
    splits: dict[str, Literal["train", "test"]] = Field(default_factory=dict)
    """The release's splits and what they are here; left out: train, training, test, testing, and val, valid, validation
    as test."""
    parts: dict[str, Part] = Field(default_factory=dict)
    """What each whole split holds. Where the patterns have no ``{split}``, a clip is of the split that lists it."""
    lists: dict[str, str] = Field(default_factory=dict)
    """Files of the release that list the frames of a split, line by line, with paths that name the clip's folder."""
    metadata: Metadata | None = None
    """The file that lists every frame, where there is one."""
    sharp_per_blurry: int = Field(default=1, ge=1, le=1000)
    """How many sharp frames, called ``<frame>_<number>``, show the exposure of one blurry frame; the middle one is the
    truth, and all are kept."""
    tables: tuple[SensorTable, ...] = ()
    """What sensors measured."""
    boxes: Boxes | None = None
    """Boxes around what moves."""
    truth: Literal["mid", "centroid"] = "mid"
    """Which instant of the exposure the sharp frames show: its middle, or the centre of the light's path."""
    is_guess: bool = False
    """Whether the patterns are a guess, for a release whose layout is not known."""

    @field_validator("clip_names")
    @classmethod
    def _compiles(cls, text: str) -> str:
        _compiled(text)
        return text

    @field_validator("exposure_in_name")
    @classmethod
    def _states_both_ends(cls, text: str) -> str:
        if text and not {"start_ns", "end_ns"} <= set(_compiled(text).groupindex):
            raise ValueError(f"'{text}' needs the groups (?P<start_ns>…) and (?P<end_ns>…)")
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

    @property
    def has_own_folder(self) -> bool:
        """Whether all patterns begin with a folder that is called as the release is."""
        return all("{" not in place.partition("/")[0] for pattern in self.patterns for place in pattern.places)

    @property
    def names_are_known(self) -> bool:
        """Whether the layout states how the release's clips are called."""
        return bool(self.clip_names) or any(part.clips for part in self.parts.values())

    def split_of(self, clip: str) -> str | None:
        """Return the release's split that lists a clip; None where none does."""
        return next((split for split, part in self.parts.items() if clip in part.clips), None)

    def names_fit(self, clips: Iterable[str]) -> bool:
        """Return whether all clips are named as the release's; true where the layout does not state their names."""
        if self.clip_names:
            return all(re.fullmatch(self.clip_names, clip) for clip in clips)
        listed = [part.clips for part in self.parts.values()]
        return not all(listed) or not listed or all(self.split_of(clip) for clip in clips)

    def stranger(self, clips: Iterable[str]) -> str | None:
        """Return the first clip that is not named as the release's; None where all are."""
        return next((clip for clip in clips if not self.names_fit([clip])), None)


PATTERN_HELP = (
    "expected one like {split}/{clip}/blur/*.png, relative to the release, with {clip} and if need be {split} and "
    "{group} among its folders"
)


def is_pattern(text: str) -> bool:
    """Return whether a text is a relative pattern that has ``{clip}`` among its folders.

    It may have ``{split}``, and ``{group}`` for a folder above the clip whose name becomes part of the clip's.
    """
    return _is_relative(text, {"split", "clip", "group"}) and "{clip}" in PurePosixPath(text).parent.as_posix()


def is_pool(text: str) -> bool:
    """Return whether a text is the relative pattern of one folder of truth, without ``{clip}``."""
    return _is_relative(text, set()) and "/" in text


def _is_relative(text: str, placeholders: set[str]) -> bool:
    path = PurePosixPath(text)
    others = set(re.findall(r"\{(\w*)\}", text)) - placeholders
    return not (path.is_absolute() or ".." in path.parts or others) and "{" not in path.name


def _compiled(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:  # too many repeats, brackets too deep
        raise ValueError(f"'{text}' is not a regular expression: {error}") from error


def _names_of(text: str) -> list[str]:
    """Return the names that ``000..239`` stands for, or the name itself."""
    found = re.fullmatch(r"(\d+)\.\.(\d+)", text)
    if not found:
        return [text]
    return [f"{number:0{len(found[1])}d}" for number in range(int(found[1]), int(found[2]) + 1)]


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
        table = read_toml(file)
    except (OSError, ValueError) as error:
        raise RecipeError(f"{file} is not TOML: {error}") from error
    return file.stem, check(file.name, table, Layout)


def split_pattern(pattern: str) -> tuple[str, str]:
    """Split a pattern into folders and files.

    Raises:
        InputError: if the pattern is not relative, has another placeholder, or does not contain the clip's name.
    """
    if not is_pattern(pattern):
        raise InputError(f"'{pattern}' is not a pattern of frames: {PATTERN_HELP}")
    path = PurePosixPath(pattern)
    return path.parent.as_posix(), path.name


def pattern_expression(folders: str, splits: Iterable[str]) -> re.Pattern[str]:
    """Return the expression of the folders of a pattern; a placeholder that stands twice means the same each time."""
    known = {
        "{split}": "|".join(map(re.escape, sorted(splits, key=len, reverse=True))),
        "{clip}": "[^/]+",
        "{group}": "[^/]+",
        "*": "[^/]*",
        "?": "[^/]",
    }
    parts, seen = [], set[str]()
    for part in re.split(r"(\{\w+\}|[*?])", folders):
        name = part.strip("{}")
        if part not in known:
            parts.append(re.escape(part))
        elif part in "*?":
            parts.append(known[part])
        else:
            parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>{known[part]})")
            seen.add(name)
    return re.compile("".join(parts))
