"""Define the facts of a format of camera paths, and the one door through which a file of any format is read."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from hvdbench.camera.formats.rows import read_lines
from hvdbench.camera.trajectory import Origin, Trajectory
from hvdbench.catalog import names, resolve
from hvdbench.errors import TrajectoryError

Times = Literal[
    "seconds",
    "milliseconds",
    "microseconds",
    "nanoseconds",
    "frame numbers",
    "a file beside it",
    "names of pictures",
]
ENDINGS = (".txt", ".csv", ".gcsv")

_HEAD_LINES = 40  # enough for COLMAP's and gcsv's comments above their first rows


@dataclass(frozen=True)
class Likeness:
    """How much a file looks like one of a format.

    Args:
        level: 0 where it cannot be one, 1 where it could be, 2 where something in it shows that it is.
        because: what shows it, as the end of "… looks like it: ".
    """

    level: Literal[0, 1, 2]
    because: str = ""


UNLIKE, POSSIBLE = Likeness(0), Likeness(1)


def certain(because: str) -> Likeness:
    """Return the likeness of a file in which something shows its format."""
    return Likeness(2, because)


def nothing_beside(file: Path) -> tuple[Path, ...]:
    """Return no companions: the format keeps everything in one file."""
    return ()


def never_guessed(head: Sequence[str]) -> Likeness:
    """Return that a file could be of the format: a reader without a test of its own is taken at its word."""
    return POSSIBLE


@dataclass(frozen=True)
class TrajectoryFormat:
    """A format of camera paths with all that its callers must know.

    A new format is one file with one such object, and one line in :data:`hvdbench.catalog.TRAJECTORY_FORMATS`; the
    import string of your own object works wherever a format's name does.

    Args:
        name: what ``--format`` takes.
        title: what people call it, e.g. ``TUM RGB-D path``.
        row: the columns of a row by name.
        times: the unit of the file's own times, or where times come from.
        direction: which way its poses go, for those who read what was assumed.
        reader: called as ``reader(file, fps=…)`` with every keyword of :data:`OPTIONS` that it declares, it returns the
            path, camera-to-world with OpenCV axes. An ``fps`` without a default is one that the format needs.
        looks_like: takes the first lines of a file and returns how much it looks like one of this format.
        has_positions: whether rows state where the camera is; if not, positions are 0.
        origin: the origin of a path read from it, unless another is stated.
        file_name: the name of the path's file where a path is a folder; empty where a path is any file of the endings.
        endings: the suffixes of path files in a folder.
        companions: lists the files beside a path's file that the reader looks into, those that exist.
        writer: called as ``writer(target, path)`` with a file, or a folder where ``file_name`` is one, it writes a path
            in the format and returns its files, the path's first; None where hvdbench does not write the format.

    Raises:
        TypeError: if the reader does not take ``fps``, or takes a keyword that it is never given.
    """

    name: str
    title: str
    row: str
    times: Times
    reader: Callable[..., Trajectory]
    looks_like: Callable[[Sequence[str]], Likeness] = never_guessed
    has_positions: bool = True
    direction: str = "camera-to-world"
    origin: Origin = "measured"
    file_name: str = ""
    endings: tuple[str, ...] = ENDINGS
    companions: Callable[[Path], Iterable[Path]] = nothing_beside
    writer: Callable[[Path, Trajectory], list[Path]] | None = None

    def __post_init__(self) -> None:
        if not {"fps"} <= self._keywords() <= OPTIONS:
            found = ", ".join(sorted(self._keywords())) or "nothing"
            raise TypeError(
                f"the reader of trajectory format '{self.name}' takes {found} besides the file: it must take fps, and "
                f"may take {', '.join(sorted(OPTIONS - {'fps'}))}"
            )

    @property
    def needs_fps(self) -> bool:
        """Whether a file can only be read with a stated rate."""
        return inspect.signature(self.reader).parameters["fps"].default is inspect.Parameter.empty

    def _keywords(self) -> frozenset[str]:
        return frozenset(list(inspect.signature(self.reader).parameters)[1:])

    def file_in(self, path: Path) -> Path:
        """Return the path's file: ``path`` itself, or the file of the format's name in the folder ``path``."""
        return path / self.file_name if self.file_name and path.is_dir() else path

    def read(self, path: Path, *, fps: float | None = None, orientation: str = "", force: bool = False) -> Trajectory:
        """Read one path.

        Args:
            path: the file, or the folder with the format's file.
            fps: rows per second where the file has no times; else a rate that its times must agree with within 20 %.
            orientation: the axes of a gyroscope, for a format that has one.
            force: whether to read a file although it looks like another format, or its numbers like another unit.

        Raises:
            TrajectoryError: if the file cannot be read, looks like another format or needs ``fps``, or the format has
                no such option.
        """
        file = self.file_in(path)
        if orientation and "orientation" not in self._keywords():
            raise TrajectoryError(f"{file}: format '{self.name}' has no option 'orientation': leave it out")
        if fps is None and self.needs_fps:
            raise TrajectoryError(
                f"{file}: format '{self.name}' has no times: say how many rows it has a second (--fps)"
            )
        if fps is not None and not fps > 0:
            raise TrajectoryError(f"{file}: fps is {fps}, and must be over 0")
        if not force:
            self._refuse_another(file)
        given = {"fps": fps, "orientation": orientation, "force": force}
        found = self.reader(file, **{key: value for key, value in given.items() if key in self._keywords()})
        shown = found.read_as or f"{self.row}, {self.direction}; times: {self.times}"
        return replace(found, read_as=f"{self.title}: {shown}")

    def _refuse_another(self, file: Path) -> None:
        """Refuse a file that cannot be of this format and looks like another one."""
        head = first_lines(read_lines(file))
        if self.looks_like(head).level:
            return
        likely = guess_formats(head)
        if not likely:
            return
        other, because = likely[0], likely[0].looks_like(head).because
        shown = f": {because}" if because else ""
        raise TrajectoryError(
            f"{file} looks like {_either(likely)} ({other.row}) and not like '{self.name}' ({self.row}){shown}; say "
            f"--format {other.name}, or --force to read it as '{self.name}' anyway"
        )

    def files_in(self, folder: Path) -> list[Path]:
        """List the path files in a folder, sorted.

        A format whose paths are folders has its file in the folder itself or in those directly below; else, and for all
        other formats, every file with one of the endings is a path but for companions of another.
        """
        if self.file_name:
            here = folder / self.file_name
            named = [here] if here.is_file() else sorted(folder.glob(f"*/{self.file_name}"))
            if named:
                return named
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() in self.endings and file.is_file())
        files = [file for file in files if not file.name.startswith(".")]
        beside = {companion for file in files for companion in self.companions(file)}
        return [file for file in files if file not in beside]

    def label_of(self, file: Path) -> str:
        """Return a path's name by its file: that of the folder where a path is a folder, else the file's stem."""
        return file.parent.name if self.file_name and file.name == self.file_name else file.stem


OPTIONS = frozenset({"fps", "orientation", "force"})
"""The keywords that a reader may declare."""


def open_format(name: str) -> TrajectoryFormat:
    """Return the format of a name of the catalogue, or of an import string.

    An import string may also lead to a plain function ``read(file, *, fps)``, as sets of earlier releases name it.

    Raises:
        UnknownNameError: if there is no such format.
        TrajectoryError: if the import string leads to something else.
    """
    found = resolve("trajectory format", name)
    if isinstance(found, TrajectoryFormat):
        return found
    try:
        return TrajectoryFormat(name, name, "rows of its own", "seconds", found)
    except (TypeError, ValueError) as error:
        raise TrajectoryError(
            f"trajectory format '{name}' is {found!r}: expected a TrajectoryFormat, or a function (file, *, fps) "
            f"({error})"
        ) from error


def all_formats() -> list[TrajectoryFormat]:
    """Return the formats of the catalogue, sorted by name."""
    return [open_format(name) for name in names("trajectory format")]


def first_lines(lines: Sequence[str]) -> list[str]:
    """Return the beginning of a file, by which formats are distinguished, without blank lines."""
    return [line.strip() for line in lines[:_HEAD_LINES] if line.strip()]


def guess_formats(lines: Sequence[str]) -> list[TrajectoryFormat]:
    """Return the formats of the catalogue that a file looks like most; several where they cannot be distinguished.

    Args:
        lines: the file's, or its first ones.
    """
    head = first_lines(lines)
    levels = {one.name: (one, one.looks_like(head).level) for one in all_formats()} if head else {}
    highest = max((level for _, level in levels.values()), default=0)
    return [one for one, level in levels.values() if level == highest and highest > 0]


def describe_guess(lines: Sequence[str]) -> str:
    """Return the end of a sentence that says what a file looks like, or which formats there are."""
    likely = guess_formats(lines)
    return f"it looks like {_either(likely)}" if likely else f"one of {', '.join(names('trajectory format'))}"


def _either(likely: Sequence[TrajectoryFormat]) -> str:
    return " or ".join(f"format '{one.name}'" if not index else f"'{one.name}'" for index, one in enumerate(likely))
