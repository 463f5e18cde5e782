"""What a user points at, a folder of frames or a video file, one frame after the other: memory holds a handful.

:mod:`hvdbench.video.input` reads the same frames as a whole clip.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal, cast

import cv2
import numpy as np

from hvdbench.errors import InputError
from hvdbench.frames import Frame, read_frame
from hvdbench.video.colour import Colour, Frame16
from hvdbench.video.input import check_same_size, check_side, frames_of
from hvdbench.video.reader import VideoFacts, VideoReader
from hvdbench.video.whole import Crop, Size, cut, cut_fault, hdr_note

BitDepth = Literal[8, 10]
_USUAL_FPS = Fraction(25)
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class StreamFrame:
    """A frame of a stream.

    Attributes:
        picture: RGB (H, W, 3): uint8, or uint16 with white at 65535 where 10 bits were asked for.
        name: a file name: its own in a folder (10 bits: with ``.png``), ``00000000.png`` … for a video.
        time_s: presentation time; None for a folder, which states none.
    """

    picture: Frame | Frame16
    name: str
    time_s: float | None = None


@dataclass(frozen=True)
class InputStream:
    """A clip to work on, frame by frame.

    Attributes:
        frames: can be gone through once.
        kind: where the frames come from.
        path: the folder or the video file.
        size: width and height of the frames.
        names: of a folder's frames; empty for a video, whose frames are numbered.
        frame_count: frames as the folder or the file's index states them; None where it does not.
        fps: average rate; None for a folder.
        colour: what a video states of its colours; None for a folder.
        notes: sentences that the user must see; complete when the frames have ended.
    """

    frames: Iterator[StreamFrame]
    kind: Literal["folder", "video"]
    path: Path
    size: Size
    names: tuple[str, ...] = ()
    frame_count: int | None = None
    fps: Fraction | None = None
    colour: Colour | None = None
    notes: list[str] = field(default_factory=list)


@contextmanager
def open_stream(
    path: Path, *, crop: Crop | None = None, size: Size | None = None, bit_depth: BitDepth = 8
) -> Iterator[InputStream]:
    """Open a folder of frames (in natural order) or a video file.

    In 8 bits HDR is tone-mapped, as :func:`hvdbench.video.input.read_input` does. In 10 bits nothing goes through 8:
    frames are uint16, and HDR stays the signal that the file holds.

    Args:
        path: the folder or the file.
        crop: x, y, width, height in pixels of the upright picture.
        size: width and height to resize to (area averaging), after the crop.
        bit_depth: 8 or 10.

    Raises:
        InputError: nothing there, no frames, two sizes, one that cannot be decoded, a crop that reaches outside the
            picture, or frames under 16 px a side; what comes later in the stream is raised there.
    """
    if path.is_dir():
        yield _open_folder(path, crop, size, bit_depth)
    elif path.exists():
        with VideoReader(path, crop=crop, size=size) as reader:
            yield _of_video(reader, crop, size, bit_depth)
    else:
        raise InputError(f"{path} does not exist: name a folder of frames or a video file")


def digest_stream(path: Path) -> str:
    """Hash a video file's bytes, or the names and bytes of a folder's frames, block by block.

    Raises:
        InputError: nothing there, or no frames.
    """
    total = hashlib.sha256()
    try:
        for file in frames_of(path) if path.is_dir() else [path]:
            total.update(f"{file.name}\0{file.stat().st_size}\0".encode())
            with file.open("rb") as opened:
                while block := opened.read(_BLOCK_BYTES):
                    total.update(block)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    return total.hexdigest()


def read_frame16(path: Path) -> Frame16:
    """Read one picture as uint16 RGB (H, W, 3); 8-bit files are scaled to 16, gray ones repeated, alpha dropped.

    Raises:
        InputError: the file is missing, empty, no picture, or holds floats.
    """
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    bgr = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH) if data.size else None
    if bgr is None:
        raise InputError(f"{path} is not a picture that can be decoded ({data.size} bytes)")
    if bgr.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{path} holds {bgr.dtype}: pictures of 8 or 16 bits are expected")
    rgb = np.ascontiguousarray(bgr[..., ::-1])
    return rgb.astype(np.uint16) * np.uint16(257) if rgb.dtype == np.uint8 else rgb.astype(np.uint16, copy=False)


def _open_folder(folder: Path, crop: Crop | None, size: Size | None, bit_depth: BitDepth) -> InputStream:
    files = frames_of(folder)
    names = [file.name if bit_depth == 8 else f"{file.stem}.png" for file in files]
    if len(set(names)) < len(names):
        raise InputError(f"{folder} holds two frames of one name with different suffixes: in 10 bits all become .png")
    first = read_frame(files[0])
    if fault := cut_fault(first, crop, size):
        raise InputError(f"{folder}: {fault}")
    height, width = cut(first, crop, size).shape[:2]
    check_side(folder, width, height)

    def read() -> Iterator[StreamFrame]:
        for file, name in zip(files, names, strict=True):
            picture: Frame | Frame16 = read_frame(file) if bit_depth == 8 else read_frame16(file)
            check_same_size(file, picture, first)
            yield StreamFrame(cast(Frame, cut(cast(Frame, picture), crop, size)), name)

    return InputStream(read(), "folder", folder, (width, height), tuple(names), len(files))


def _of_video(reader: VideoReader, crop: Crop | None, size: Size | None, bit_depth: BitDepth) -> InputStream:
    facts = reader.facts
    width, height = size or (crop[2:] if crop else reader.upright_size())
    check_side(reader.path, width, height)
    notes: list[str] = []

    def read() -> Iterator[StreamFrame]:
        shots: Iterator[tuple[float | None, Frame | Frame16]] = (
            ((shot.time_s, shot.picture) for shot in reader) if bit_depth == 8 else reader.signals()
        )
        for index, (time_s, picture) in enumerate(shots):
            yield StreamFrame(picture, f"{index:08d}.png", time_s)
        said = [*(hdr_note(facts) if bit_depth == 8 else _kept_note(facts)), *reader.notes]
        if said:
            notes.append(f"{reader.path.name}: {'; '.join(said)}")

    count = facts.frames_stated or None
    return InputStream(
        read(), "video", reader.path, (width, height), (), count, facts.fps or _USUAL_FPS, facts.colour, notes
    )


def _kept_note(facts: VideoFacts) -> list[str]:
    if not facts.colour.is_hdr:
        return []
    dolby = ", and Dolby Vision's own metadata are left out" if facts.dolby else ""
    return [
        f"the clip is HDR ({facts.colour.transfer.upper()}) and stays so: the network saw its signal values, which are "
        f"not what networks for SDR were trained on{dolby}"
    ]
