"""Read what a user points at, a folder of frames or a video file, as one kind of clip.

:func:`open_input` hands frames on one after the other, so that memory holds a handful; :func:`read_input` reads the
same frames as a whole clip.
"""

import hashlib
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
from hvdbench.video.colour import Colour
from hvdbench.video.container import note_on_films
from hvdbench.video.crop import Crop, Size, cut, cut_fault
from hvdbench.video.facts import VideoFacts, tone_map_notes
from hvdbench.video.reader import USUAL_FPS, VideoReader, rate_by_times, stack

BitDepth = Literal[8, 10]
SMALLEST_SIDE_PX = 16
FEWEST_FRAMES = 2
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class InputFrame:
    """One frame of an input.

    Attributes:
        picture: RGB (H, W, 3): uint8, or uint16 with white at 65535 where 10 bits were asked for.
        name: a file name: its own in a folder (10 bits: with ``.png``), ``00000000.png`` … for a video.
        time_s: presentation time; None for a folder, which states none.
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
    path: Path, *, crop: Crop | None = None, size: Size | None = None, bit_depth: BitDepth = 8
) -> Iterator[InputFrames]:
    """Open a folder of frames (in the order of :func:`~hvdbench.frames.list_frames`) or a video file.

    In 8 bits HDR is tone-mapped. In 10 bits nothing goes through 8: frames are uint16, and HDR stays the signal that
    the file holds.

    Args:
        path: the folder or the file.
        crop: x, y, width, height in pixels of the upright picture.
        size: width and height to resize to (area averaging), after the crop.
        bit_depth: 8 or 10.

    Raises:
        InputError: nothing there, no frames, two sizes, one that cannot be decoded, a crop that reaches outside the
            picture, or frames under 16 px a side; what comes later among the frames is raised there.
    """
    if path.is_dir():
        yield _open_folder(path, crop, size, bit_depth)
    elif path.exists():
        with VideoReader(path, crop=crop, size=size) as reader:
            yield _open_video(reader, crop, size, bit_depth)
    else:
        raise InputError(f"{readable(path)} does not exist: name a folder of frames or a video file")


def read_input(path: Path, *, crop: Crop | None = None, size: Size | None = None) -> InputClip:
    """Read a folder of frames or a video file whole, as :func:`open_input` opens it in 8 bits.

    Args:
        path: the folder or the file.
        crop: x, y, width, height in pixels of the upright picture.
        size: width and height to resize to (area averaging), after the crop.

    Raises:
        InputError: as :func:`open_input`, or there are fewer than 2 frames.
    """
    pictures: list[Frame] = []
    names: list[str] = []
    times_s: list[float | None] = []
    with open_input(path, crop=crop, size=size) as opened:
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
        InputError: nothing there, or no frames.
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


def parse_crop(text: str) -> Crop:
    """Read ``x:y:w:h`` or ``x,y,w,h`` (pixels; the corner from 0, the size from 1).

    Raises:
        InputError: anything else.
    """
    found = re.fullmatch(r"(\d+)([:,])(\d+)\2([1-9]\d*)\2([1-9]\d*)", text.strip(), re.ASCII)
    if not found:
        raise InputError(f"crop '{text}' is not x:y:w:h in whole pixels, e.g. 100:0:640:480")
    x, y, width, height = (int(found[part]) for part in (1, 3, 4, 5))
    return x, y, width, height


def parse_size(text: str) -> Size:
    """Read ``WxH`` (pixels, both from 1).

    Raises:
        InputError: anything else.
    """
    found = re.fullmatch(r"([1-9]\d*)[xX]([1-9]\d*)", text.strip(), re.ASCII)
    if not found:
        raise InputError(f"size '{text}' is not WxH in whole pixels, e.g. 640x360")
    return int(found[1]), int(found[2])


def _open_folder(folder: Path, crop: Crop | None, size: Size | None, bit_depth: BitDepth) -> InputFrames:
    files = _frames_of(folder)
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
                raise InputError(f"{file} is {found}, the frames before it are {expected}: a clip has one size")
            yield InputFrame(cast(Frame, cut(cast(Frame, picture), crop, size)), name)

    notes = [note] if (note := note_on_films(folder)) else []
    return InputFrames(read(), "folder", folder, (width, height), tuple(names), len(files), notes=notes)


def _open_video(reader: VideoReader, crop: Crop | None, size: Size | None, bit_depth: BitDepth) -> InputFrames:
    facts = reader.facts
    width, height = size or (crop[2:] if crop else facts.upright_size)
    _check_side(reader.path, width, height)
    notes: list[str] = []

    def read() -> Iterator[InputFrame]:
        shots: Iterator[tuple[float | None, Frame | Frame16]] = (
            ((shot.time_s, shot.picture) for shot in reader) if bit_depth == 8 else reader.signals()
        )
        for index, (time_s, picture) in enumerate(shots):
            yield InputFrame(picture, f"{index:08d}.png", time_s)
        said = [*(tone_map_notes(facts) if bit_depth == 8 else _signal_notes(facts)), *reader.notes]
        if said:
            notes.append(f"{reader.path.name}: {'; '.join(said)}")

    return InputFrames(read(), "video", reader.path, (width, height), (), facts.frames_stated or None, facts, notes)


def _signal_notes(facts: VideoFacts) -> list[str]:
    if not facts.colour.is_hdr:
        return []
    dolby = ", and Dolby Vision's own metadata are left out" if facts.dolby else ""
    return [
        f"the clip is HDR ({facts.colour.transfer.upper()}) and stays so: the network saw its signal values, which are "
        f"not what networks for SDR were trained on{dolby}"
    ]


def _frames_of(folder: Path) -> list[Path]:
    """List a folder's frames; where there are none, what is there instead is part of the error."""
    files = list_frames(folder)
    if files:
        return files
    folders = list_folders(folder)
    if len(folders) == 1:
        raise InputError(f"{folder} holds no frames but a folder: name that one")
    if folders:
        raise InputError(f"{folder} holds no frames but {len(folders)} folders: name one of them")
    raise InputError(no_frames(folder))


def _check_side(path: Path, width: int, height: int) -> None:
    """Refuse frames that are too small to restore."""
    if min(height, width) < SMALLEST_SIDE_PX:
        raise InputError(f"{path} has frames of {width}x{height}: at least {SMALLEST_SIDE_PX} pixels a side are needed")
