"""What a user points at, a folder of frames or a video file, as one kind of clip."""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import FRAME_SUFFIXES, Frame, Frames, list_frames, read_frame
from hvdbench.video.whole import Crop, Size, cut, cut_fault, read_video, stack

SMALLEST_SIDE_PX = 16
FEWEST_FRAMES = 2


@dataclass(frozen=True)
class InputClip:
    """A clip to work on.

    Attributes:
        frames: uint8 RGB (T, H, W, 3), T >= 2, no side under 16 px.
        names: a file name for each frame: the file's own in a folder, ``00000000.png`` … for a video.
        kind: where the frames came from.
        path: the folder or the video file.
        t_s: presentation times (T,) from 0; None for a folder, which states none.
        fps: average rate; None for a folder.
        warnings: sentences that the user must see.
    """

    frames: Frames
    names: tuple[str, ...]
    kind: Literal["folder", "video"]
    path: Path
    t_s: NDArray[np.float64] | None = None
    fps: Fraction | None = None
    warnings: tuple[str, ...] = ()


def read_input(path: Path, *, crop: Crop | None = None, size: Size | None = None) -> InputClip:
    """Read a folder of frames (in natural order) or a video file.

    Args:
        path: the folder or the file.
        crop: x, y, width, height in pixels of the upright picture.
        size: width and height to resize to (area averaging), after the crop.

    Raises:
        InputError: nothing there, no frames, fewer than 2, two sizes, one that cannot be decoded, a crop that reaches
            outside the picture, or frames under 16 px a side.
    """
    if path.is_dir():
        clip = _read_folder(path, crop, size)
    elif path.exists():
        video = read_video(path, crop=crop, size=size)
        names = tuple(f"{index:08d}.png" for index in range(len(video.frames)))
        warnings = (video.warning,) if video.warning else ()
        clip = InputClip(video.frames, names, "video", path, video.t_s, video.fps, warnings)
    else:
        raise InputError(f"{path} does not exist: name a folder of frames or a video file")
    count, height, width = clip.frames.shape[:3]
    if count < FEWEST_FRAMES:
        raise InputError(f"{path} has {count} frame: at least {FEWEST_FRAMES} are needed")
    check_side(path, width, height)
    return clip


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


def _read_folder(folder: Path, crop: Crop | None, size: Size | None) -> InputClip:
    files = frames_of(folder)
    pictures: list[Frame] = []
    first: Frame | None = None
    for file in files:
        picture = read_frame(file)
        first = picture if first is None else first
        check_same_size(file, picture, first)
        if not pictures and (fault := cut_fault(picture, crop, size)):
            raise InputError(f"{folder}: {fault}")
        pictures.append(cut(picture, crop, size))
    return InputClip(stack(pictures), tuple(file.name for file in files), "folder", folder)


def frames_of(folder: Path) -> list[Path]:
    """List a folder's frames in natural order.

    Raises:
        InputError: there are none; what is there instead is told.
    """
    files = list_frames(folder)
    if not files:
        raise InputError(_no_frames(folder))
    return files


def check_same_size(file: Path, picture: NDArray[np.uint8] | NDArray[np.uint16], first: NDArray[np.generic]) -> None:
    """Refuse a picture of another size than the first of its folder."""
    if picture.shape != first.shape:
        found, expected = f"{picture.shape[1]}x{picture.shape[0]}", f"{first.shape[1]}x{first.shape[0]}"
        raise InputError(f"{file} is {found}, the frames before it are {expected}: a clip has one size")


def check_side(path: Path, width: int, height: int) -> None:
    """Refuse frames that are too small to restore."""
    if min(height, width) < SMALLEST_SIDE_PX:
        raise InputError(f"{path} has frames of {width}x{height}: at least {SMALLEST_SIDE_PX} pixels a side are needed")


def _no_frames(folder: Path) -> str:
    folders = sum(1 for entry in folder.iterdir() if entry.is_dir())
    if folders == 1:
        return f"{folder} holds no frames but a folder: name that one"
    if folders:
        return f"{folder} holds no frames but {folders} folders: name one of them"
    return f"{folder} holds no frames (looked for {', '.join(sorted(FRAME_SUFFIXES))})"
