"""Read a folder of frames or a video file as one kind of clip.

:func:`open_input` yields frames one after the other, so that memory holds a handful; :func:`read_input` reads the same
frames as a whole clip.
"""

import hashlib
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import (
    Frame,
    Frame16,
    Frames,
    list_folders,
    list_frames,
    no_frames,
    read_frame,
    read_frame16,
    readable,
)
from hvdbench.video.colour.stated import Colour
from hvdbench.video.container import note_on_films
from hvdbench.video.crop import Crop, Size, cut, cut_fault
from hvdbench.video.facts import VideoFacts, tone_map_notes
from hvdbench.video.reader import USUAL_FPS, VideoReader, rate_by_times, stack

BitDepth = Literal[8, 10]
SMALLEST_SIDE_PX = 16
FEWEST_FRAMES = 2
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Part:
    """The part of an input that is read.

    Attributes:
        start: where it begins: seconds after the first frame of a video, the number of a frame of a folder, from 0.
        end: where it has ended, in the same unit; None for the end of the input.
    """

    start: float = 0.0
    end: float | None = None

    def __post_init__(self) -> None:
        if self.start < 0 or (self.end is not None and self.end <= self.start):
            raise InputError(f"a part from {self.start:g} to {self.end:g} is empty: its end must lie after its start")

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the input."""
        return self.start == 0 and self.end is None


WHOLE = Part()


@dataclass(frozen=True)
class InputFrame:
    """One frame of an input.

    Attributes:
        picture: RGB (H, W, 3): uint8, or uint16 with white at 65535 where 10 bits were asked for.
        name: a file name: its own in a folder (10 bits: with ``.png``), ``00000000.png`` … for a video, by its number
            in the whole video.
        time_s: seconds after the video's first frame; None for a folder, which states no times.
    """

    picture: Frame | Frame16
    name: str
    time_s: float | None = None


@dataclass(frozen=True)
class InputFrames:
    """An opened input, whose frames come one after the other.

    Attributes:
        frames: can be gone through once.
        kind: where the frames come from.
        path: the folder or the video file.
        size: width and height of the frames.
        names: of a folder's frames; empty for a video, whose frames are numbered.
        frame_count: frames as the folder or the file's index states them; None where it does not.
        facts: what a video states; None for a folder.
        notes: sentences that the user must see; complete when the frames have ended.
    """

    frames: Iterator[InputFrame]
    kind: Literal["folder", "video"]
    path: Path
    size: Size
    names: tuple[str, ...] = ()
    frame_count: int | None = None
    facts: VideoFacts | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def fps(self) -> Fraction | None:
        """The average rate, the usual one where a video states none; None for a folder."""
        return None if self.facts is None else self.facts.fps or USUAL_FPS

    @property
    def colour(self) -> Colour | None:
        """What a video states of its colours; None for a folder."""
        return None if self.facts is None else self.facts.colour


@dataclass(frozen=True)
class InputClip:
    """An input read whole.

    Attributes:
        frames: uint8 RGB (T, H, W, 3), T >= 2, no side under 16 px.
        names: a file name for each frame: the file's own in a folder, ``00000000.png`` … for a video.
        kind: where the frames came from.
        path: the folder or the video file.
        t_s: presentation times (T,) from 0; None for a folder, which states none.
        fps: average rate; None for a folder.
        warnings: sentences that the user must see.
        facts: what a video states; None for a folder.
        crop: x, y, width, height in px of the part of the upright picture that was read; None: all of it.
        size: width and height in px that the frames were resized to; None: they were not.
    """

    frames: Frames
    names: tuple[str, ...]
    kind: Literal["folder", "video"]
    path: Path
    t_s: NDArray[np.float64] | None = None
    fps: Fraction | None = None
    warnings: tuple[str, ...] = ()
    facts: VideoFacts | None = None
    crop: Crop | None = None
    size: Size | None = None


@contextmanager
def open_input(
    path: Path,
    *,
    crop: Crop | None = None,
    size: Size | None = None,
    bit_depth: BitDepth = 8,
    part: Part = WHOLE,
    deinterlace: bool = False,
) -> Iterator[InputFrames]:
    """Open a folder of frames (in the order of :func:`~hvdbench.frames.list_frames`) or a video file.

    In 8 bits HDR is tone-mapped. In 10 bits nothing is reduced to 8: frames are uint16, and HDR stays the signal that
    is in the file.

    Args:
        path: the folder or the file.
        crop: x, y, width, height in pixels of the upright picture.
        size: width and height to resize to (area averaging), after the crop.
        bit_depth: 8 or 10.
        part: the part to read; what lies before it in a video is decoded, but neither converted nor kept.
        deinterlace: make whole pictures of a video's interlaced frames.

    Raises:
        InputError: if nothing is there, there are no frames, two frames differ in size, a frame cannot be decoded, a
            crop reaches outside the picture, or frames are under 16 px a side; errors of later frames are raised when
            those are read.
    """
    if path.is_dir():
        yield _open_folder(path, crop, size, bit_depth, part)
    elif path.exists():
        with VideoReader(
            path, crop=crop, size=size, start_s=part.start, end_s=part.end, deinterlace=deinterlace
        ) as reader:
            yield _open_video(reader, crop, size, bit_depth, part)
    else:
        raise InputError(f"{readable(path)} does not exist: name a folder of frames or a video file")


def read_input(
    path: Path,
    *,
    crop: Crop | None = None,
    size: Size | None = None,
    deinterlace: bool = False,
) -> InputClip:
    """Read a folder of frames or a video file whole, as :func:`open_input` opens it in 8 bits.

    Args:
        path: the folder or the file.
        crop: x, y, width, height in pixels of the upright picture.
        size: width and height to resize to (area averaging), after the crop.
        deinterlace: make whole pictures of a video's interlaced frames.

    Raises:
        InputError: as :func:`open_input`, or there are fewer than 2 frames.
    """
    pictures: list[Frame] = []
    names: list[str] = []
    times_s: list[float | None] = []
    with open_input(path, crop=crop, size=size, deinterlace=deinterlace) as opened:
        for frame in opened.frames:
            pictures.append(cast(Frame, frame.picture))
            names.append(frame.name)
            times_s.append(frame.time_s)
    if len(pictures) < FEWEST_FRAMES:
        raise InputError(f"{path} has {len(pictures)} frame: at least {FEWEST_FRAMES} are needed")
    t_s, fps = None, None
    if opened.facts is not None:
        t_s = np.array(times_s, np.float64)
        t_s -= t_s[0]
        fps = opened.facts.fps or rate_by_times(t_s)
    return InputClip(
        stack(pictures), tuple(names), opened.kind, path, t_s, fps, tuple(opened.notes), opened.facts, crop, size
    )


def digest_input(path: Path) -> str:
    """Hash a video file's bytes, or the names and bytes of a folder's frames, block by block.

    Returns:
        SHA-256, 64 hex digits.

    Raises:
        InputError: if nothing is there, or there are no frames.
    """
    total = hashlib.sha256()
    try:
        for file in _frames_of(path) if path.is_dir() else [path]:
            total.update(os.fsencode(file.name) + f"\0{file.stat().st_size}\0".encode())
            with file.open("rb") as opened:
                while block := opened.read(_BLOCK_BYTES):
                    total.update(block)
    except OSError as error:
        raise InputError(f"{readable(path)} cannot be read: {error.strerror or error}") from error
    return total.hexdigest()


def parse_time(text: str) -> float:
    """Read a time as seconds (``12.5``), ``m:ss`` or ``h:mm:ss``, each with decimals of a second where needed.

    Raises:
        InputError: anything else.
    """
    found = re.fullmatch(r"(?:(?:(\d{1,4}):)?(\d{1,4}):)?(\d{1,9}(?:\.\d{1,9})?)", text.strip(), re.ASCII)
    if not found:
        raise InputError(f"time '{text}' is neither seconds nor m:ss, e.g. 12.5 or 1:05")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return 3600 * hours + 60 * minutes + seconds


def _open_folder(folder: Path, crop: Crop | None, size: Size | None, bit_depth: BitDepth, part: Part) -> InputFrames:
    every = _frames_of(folder)
    files = every[math.ceil(part.start) : None if part.end is None else math.ceil(part.end)]
    if not files:
        raise InputError(
            f"{folder} has {len(every)} frames, so none from number {part.start:g} on: name an earlier start"
        )
    names = [file.name if bit_depth == 8 else f"{file.stem}.png" for file in files]
    first = read_frame(files[0])
    if fault := cut_fault(first, crop, size):
        raise InputError(f"{folder}: {fault}")
    height, width = cut(first, crop, size).shape[:2]
    _check_side(folder, width, height)

    def read() -> Iterator[InputFrame]:
        for file, name in zip(files, names, strict=True):
            picture: Frame | Frame16 = read_frame(file) if bit_depth == 8 else read_frame16(file)
            if picture.shape != first.shape:
                found, expected = f"{picture.shape[1]}x{picture.shape[0]}", f"{first.shape[1]}x{first.shape[0]}"
                raise InputError(
                    f"{file} is {found}, and the frames before it are {expected}: all frames of a clip must have one "
                    "size"
                )
            yield InputFrame(cast(Frame, cut(cast(Frame, picture), crop, size)), name)

    notes = [note] if (note := note_on_films(folder)) else []
    return InputFrames(read(), "folder", folder, (width, height), tuple(names), len(files), notes=notes)


def _open_video(
    reader: VideoReader, crop: Crop | None, size: Size | None, bit_depth: BitDepth, part: Part
) -> InputFrames:
    facts = reader.facts
    width, height = size or (crop[2:] if crop else facts.upright_size)
    _check_side(reader.path, width, height)
    notes: list[str] = []

    def read() -> Iterator[InputFrame]:
        shots: Iterator[tuple[float | None, Frame | Frame16]] = (
            ((shot.time_s, shot.picture) for shot in reader) if bit_depth == 8 else reader.signals()
        )
        index = None
        for index, (time_s, picture) in enumerate(shots):
            since_first = None if time_s is None else time_s - reader.first_s
            yield InputFrame(picture, f"{reader.passed + index:08d}.png", since_first)
        if index is None:
            until = "its end" if part.end is None else f"{part.end:g} s"
            raise InputError(f"{reader.path} has no frame from {part.start:g} s to {until}: name another part")
        said = [*(tone_map_notes(facts) if bit_depth == 8 else _signal_notes(facts)), *reader.notes]
        if said:
            notes.append(f"{reader.path.name}: {'; '.join(said)}")

    expected = _expected_frames(facts, part)
    return InputFrames(read(), "video", reader.path, (width, height), (), expected, facts, notes)


def _expected_frames(facts: VideoFacts, part: Part) -> int | None:
    """Return how many frames of a part the file's index leads one to expect; None where it states none."""
    if part.is_whole or not facts.frames_stated:
        return facts.frames_stated or None
    fps = facts.fps or USUAL_FPS
    last = facts.frames_stated if part.end is None else min(facts.frames_stated, math.ceil(part.end * fps))
    return max(1, last - math.ceil(part.start * fps))


def _signal_notes(facts: VideoFacts) -> list[str]:
    if facts.colour.is_linear:
        return ["the clip is linear light and stays so, which is not what networks were trained on"]
    if not facts.colour.is_hdr:
        return []
    dolby = ", and Dolby Vision's own metadata are left out" if facts.dolby else ""
    return [
        f"the clip is HDR ({facts.colour.transfer.upper()}) and stays so: the network saw its signal values, which are "
        f"not what networks for SDR were trained on{dolby}"
    ]


def _frames_of(folder: Path) -> list[Path]:
    """List a folder's frames; where there are none, the error states what is there instead."""
    files = list_frames(folder)
    if files:
        return files
    folders = list_folders(folder)
    if len(folders) == 1:
        raise InputError(f"{folder} contains no frames, only a folder: name that folder")
    if folders:
        raise InputError(f"{folder} contains no frames, only {len(folders)} folders: name one of them")
    raise InputError(no_frames(folder))


def _check_side(path: Path, width: int, height: int) -> None:
    """Refuse frames that are too small to restore."""
    if min(height, width) < SMALLEST_SIDE_PX:
        raise InputError(f"{path} has frames of {width}x{height}: at least {SMALLEST_SIDE_PX} pixels a side are needed")
