"""Frames as arrays: reading, writing, gray, light.

One convention: uint8 RGB ``(T, H, W, 3)``, pixel centres at integers. Tensors are made from them in
:mod:`hvdbench.methods.inference.runner` and in the fits, nowhere else.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.response import gamma_response
from hvdbench.workspace.atomic import atomic_write_bytes

Frame = NDArray[np.uint8]  # (H, W, 3)
Frames = NDArray[np.uint8]  # (T, H, W, 3)
Gray = NDArray[np.uint8]  # (H, W)
Image = NDArray[np.float32]  # (H, W) or (H, W, C)

FRAME_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})


def list_frames(folder: Path) -> list[Path]:
    """List a folder's picture files in the order a person counts: ``2.png`` before ``10.png``.

    Raises:
        InputError: the folder is missing or is no folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder of frames: name a folder that holds them")
    files = [path for path in folder.iterdir() if path.suffix.lower() in FRAME_SUFFIXES and path.is_file()]
    return sorted(files, key=lambda path: (_natural(path.name), path.name))


def _natural(name: str) -> tuple[tuple[int, int, str], ...]:
    parts = re.split(r"(\d+)", name)
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part)


def read_frame(path: Path) -> Frame:
    """Read one picture as uint8 RGB (H, W, 3); 16-bit files are scaled to 8, gray ones repeated, alpha dropped.

    Raises:
        InputError: the file is missing, empty or no picture.
    """
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if bgr is None:
        raise InputError(f"{path} is not a picture that can be decoded ({data.size} bytes)")
    return np.ascontiguousarray(bgr[..., ::-1])


def write_frame(path: Path, frame: Frame) -> None:
    """Write one uint8 RGB picture, whole or not at all; the suffix decides the format (PNG is lossless).

    Raises:
        InputError: no encoder for the suffix.
    """
    if path.suffix.lower() not in FRAME_SUFFIXES:
        raise InputError(f"{path}: no picture format '{path.suffix}' (known: {', '.join(sorted(FRAME_SUFFIXES))})")
    quality = [cv2.IMWRITE_JPEG_QUALITY, 98] if path.suffix.lower() in {".jpg", ".jpeg"} else []
    _, encoded = cv2.imencode(path.suffix, np.ascontiguousarray(frame[..., ::-1]), quality)
    atomic_write_bytes(path, encoded.tobytes(), force=False)  # a frame is forced to the disk with its clip


def read_clip(folder: Path) -> Frames:
    """Read a folder of equally sized pictures as uint8 RGB (T, H, W, 3), in natural order.

    Raises:
        InputError: no folder, no picture in it, one that cannot be decoded, or two sizes.
    """
    return read_frames(list_frames(folder), folder)


def read_frames(files: Sequence[Path], folder: Path) -> Frames:
    """Read the named pictures of ``folder`` as uint8 RGB (T, H, W, 3).

    Raises:
        InputError: no file is named, one cannot be decoded, or two differ in size.
    """
    if not files:
        raise InputError(f"{folder} holds no frames (looked for {', '.join(sorted(FRAME_SUFFIXES))})")
    frames: list[Frame] = []
    for path in files:
        frame = read_frame(path)
        if frames and frame.shape != frames[0].shape:
            found, expected = _size(frame), _size(frames[0])
            raise InputError(f"{path} is {found}, the frames before it are {expected}: a clip has one size")
        frames.append(frame)
    return np.stack(frames)


def _size(frame: Frame) -> str:
    return f"{frame.shape[1]}x{frame.shape[0]}"


def write_clip(folder: Path, frames: Frames, names: Sequence[str] | None = None) -> None:
    """Write frames as ``00000000.png``, ``00000001.png`` … or under the given file names."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, frame in enumerate(frames):
        write_frame(folder / (names[index] if names else f"{index:08d}.png"), frame)


def to_gray(frame: Frame) -> Gray:
    """Give the 8-bit BT.601 luma of an RGB frame, (H, W): 0.299 R + 0.587 G + 0.114 B, rounded."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)


def to_linear(frame: NDArray[np.uint8], gamma: float = 2.2) -> Image:
    """Undo the display gamma: uint8 of any shape to float32 linear light in [0, 1]."""
    return gamma_response(gamma).to_light(frame)


def to_display(light: Image, gamma: float = 2.2) -> NDArray[np.uint8]:
    """Apply the display gamma: float32 linear light (clipped to [0, 1]) to uint8, rounded half up."""
    return gamma_response(gamma).to_display(light)
