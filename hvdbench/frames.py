"""List, read and write picture files, and convert frames to gray and to light.

Everywhere frames are uint8 RGB ``(T, H, W, 3)``, with pixel centres at integers. They become tensors only in
:mod:`hvdbench.methods.inference.runner` and in the fits.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.response import gamma_response
from hvdbench.workspace.atomic import atomic_write_bytes
from hvdbench.workspace.natural_order import places_of
from hvdbench.workspace.picture_files import fault_of_bytes, fault_of_hole

Frame = NDArray[np.uint8]  # (H, W, 3)
Frame16 = NDArray[np.uint16]  # (H, W, 3), white at 65535
Frames = NDArray[np.uint8]  # (T, H, W, 3)
Gray = NDArray[np.uint8]  # (H, W)
Image = NDArray[np.float32]  # (H, W) or (H, W, C)

FRAME_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
LOSSY_SUFFIXES = frozenset({".jpg", ".jpeg"})
"""Of formats that change the picture that is written."""

_UNREAD_SUFFIXES = frozenset(
    {".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k", ".gif", ".apng", ".jfif", ".jpe", ".ppm", ".pgm", ".pnm"}
    | {".tga", ".exr", ".hdr", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".psd"}
)
# What macOS adds to ZIP archives, what network disks put beside pictures, and what the bins of disks are called.
_RUBBISH_FOLDERS = frozenset(
    {"__macosx", "@eadir", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "$recycle.bin", "recycler"}
    | {"system volume information", "lost+found", "network trash folder", "temporary items"}
)


def list_frames(folder: Path, names: str = "*") -> list[Path]:
    """List a folder's picture files in the order a person counts: ``2.png`` before ``10.png``, ``0.1`` after ``0.05``.

    Hidden files are left out, because macOS puts a ``._`` companion beside each file that it copies to a foreign disk:
    the companion has a picture's suffix but is not a picture.

    Args:
        folder: the folder to look in; folders below it are not searched.
        names: the pattern that file names must match in any case of letters, e.g. ``*.png``; others are ignored.

    Raises:
        InputError: if the folder is missing or is not a folder, if a frame is a link to nothing, is of a kind that is
            not read or has a name that is not UTF-8, or if two names have one place in the order.
    """
    if not folder.is_dir():
        raise InputError(f"{readable(folder)} is not a folder of frames: name a folder that contains them")
    files, unread = [], []
    for path in folder.iterdir():
        suffix = path.suffix.lower()
        if path.name.startswith(".") or not fnmatchcase(path.name.lower(), names.lower()):
            continue
        if suffix in _UNREAD_SUFFIXES:
            unread.append(path)
        elif suffix not in FRAME_SUFFIXES:
            continue
        elif path.is_file():
            files.append(path)
        elif not path.exists():
            raise InputError(
                f"{path} is a link to a file that is not there, so a frame would be missing: fetch the file (git-annex "
                "and DVC leave such links), or remove the link"
            )
    for path in files:
        check_utf8(path)
    _refuse_unread(files, unread)
    return _in_order(folder, files)


def list_series(folder: Path) -> list[list[Path]]:
    """List a folder's pictures of several instants of each frame, ``<frame>_<number>``, with numbers from 1 on.

    Args:
        folder: the folder to look in; it may be absent.

    Returns:
        N lists of T files, the n-th of which shows the n-th instant of every frame; none where the folder is absent.

    Raises:
        InputError: if a picture has another name, or the frames do not have the same numbers.
    """
    return series_of(list_frames(folder), readable(folder)) if folder.is_dir() else []


def series_of(files: Sequence[Path], where: str) -> list[list[Path]]:
    """Sort pictures of several instants of each frame by their instants, as :func:`list_series` does.

    Args:
        files: the pictures, in natural order.
        where: the folder, for sentences.

    Raises:
        InputError: under the conditions of :func:`list_series`.
    """
    found: dict[int, dict[str, Path]] = {}
    for path in files:
        frame, _, number = path.stem.rpartition("_")
        if not (frame and number.isdecimal() and number.isascii()):
            raise InputError(f"{path} is not named <frame>_<number>, as the pictures of one frame's instants are")
        found.setdefault(int(number), {})[frame] = path
    if sorted(found) != list(range(1, len(found) + 1)) or any(one.keys() != found[1].keys() for one in found.values()):
        raise InputError(
            f"{where} does not have the same pictures of every frame, numbered from 1: it has the numbers "
            f"{', '.join(map(str, sorted(found)))} of {len(set().union(*found.values()))} frames, and some are missing"
        )
    return [list(found[number].values()) for number in sorted(found)]


def list_folders(folder: Path) -> list[Path]:
    """List the folders directly below a folder, sorted by name, without those that :func:`is_wanted_folder` refuses."""
    return sorted(path for path in folder.iterdir() if is_wanted_folder(path))


def is_wanted_folder(path: Path) -> bool:
    """Return whether a path is a folder, and neither hidden nor one that a system made for itself."""
    return path.is_dir() and not path.name.startswith(".") and path.name.lower() not in _RUBBISH_FOLDERS


def is_picture(path: Path) -> bool:
    """Return whether a file is a picture by its suffix, of a kind that is read here or not, and is not hidden."""
    known = path.suffix.lower() in FRAME_SUFFIXES | _UNREAD_SUFFIXES
    return known and not path.name.startswith(".") and not path.is_dir()


def no_frames(folder: Path) -> str:
    """Return the sentence for a folder in which no frame was found; it counts the pictures that are not read."""
    unread = [kind for path in folder.iterdir() if (kind := path.suffix.lower()) in _UNREAD_SUFFIXES]
    kinds = ", ".join(sorted(set(unread)))
    instead = (
        f"; its {len(unread)} pictures of other kinds ({kinds}) are not read: convert them to PNG" if unread else ""
    )
    return f"{readable(folder)} contains no frames (looked for {', '.join(sorted(FRAME_SUFFIXES))}){instead}"


def readable(path: Path) -> str:
    r"""Return a path as printable text; bytes that are not UTF-8 become ``\xb2`` and the like."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def check_utf8(path: Path) -> None:
    """Refuse a path that is not UTF-8, since manifests, pages and videos store names as text.

    Raises:
        InputError: if the path is not UTF-8.
    """
    if readable(path) != str(path):
        raise InputError(f"{readable(path)} has a name that is not UTF-8 and cannot be stored: rename it")


def _in_order(folder: Path, files: Sequence[Path]) -> list[Path]:
    """Sort files by their names and refuse two that have one place."""
    try:
        places = places_of([path.stem for path in files])
    except InputError as error:
        raise InputError(f"{folder}: {error}") from error
    ordered = sorted(zip(places, files, strict=True), key=lambda one: (one[0], one[1].name))
    for (place, path), (next_place, next_path) in pairwise(ordered):
        if place == next_place and path.stem == next_path.stem:
            raise InputError(
                f"{folder} contains {path.name} and {next_path.name}, which would be the same frame twice: keep the "
                f"frames of "
                "one suffix"
            )
        if place == next_place:
            raise InputError(
                f"{folder} contains {path.name!a} and {next_path.name!a}, whose numbers and letters are the same, so "
                "which comes first is not known: rename or remove one of them"
            )
    return [path for _, path in ordered]


def _refuse_unread(files: Sequence[Path], unread: Sequence[Path]) -> None:
    """Refuse a picture of a kind that is not read where its name is one of the frames' row, such as ``0002.heic``."""
    rows = {_row(path) for path in files} if unread else set()
    stems = {path.stem for path in files}
    for path in sorted(unread):
        if _row(path) in rows and path.stem not in stems:
            raise InputError(
                f"{readable(path)} is a picture of a kind that is not read here, so a frame would be missing: convert "
                "it to PNG, or move it elsewhere"
            )


def _row(path: Path) -> str:
    return re.sub(r"\d+", "0", path.stem).casefold()


def read_frame(path: Path) -> Frame:
    """Read one picture as uint8 RGB (H, W, 3).

    16-bit values are rounded to 8 bits, gray is repeated, and alpha is dropped.

    Raises:
        InputError: if the file is missing, empty, truncated or not a picture, has several pages, or contains floats.
    """
    picture = _decoded(path)
    return to_8_bits(picture)


def read_frame16(path: Path) -> Frame16:
    """Read one picture as uint16 RGB (H, W, 3), white at 65535.

    8-bit values are scaled to 16 bits, gray is repeated, and alpha is dropped.

    Raises:
        InputError: under the same conditions as :func:`read_frame`.
    """
    picture = _decoded(path)
    return picture.astype(np.uint16) * np.uint16(257) if picture.dtype == np.uint8 else np.asarray(picture, np.uint16)


def _decoded(path: Path) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Decode a picture file to RGB (H, W, 3) at the file's own bit depth."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{readable(path)} cannot be read: {error.strerror}") from error
    if fault := fault_of_bytes(data):
        raise InputError(f"{readable(path)} {fault}")
    with _own_words():
        try:
            bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH) if data else None
        except cv2.error:  # e.g. more pixels than OpenCV accepts
            bgr = None
    if bgr is None:
        raise InputError(f"{readable(path)} is not a picture that can be decoded ({len(data)} bytes)")
    if fault := fault_of_hole(data, bgr):
        raise InputError(f"{readable(path)} {fault}")
    if bgr.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{readable(path)} is a picture of {bgr.dtype}: pictures of 8 or 16 bits are expected")
    rgb = np.ascontiguousarray(bgr[..., ::-1])
    return np.asarray(rgb, np.uint8) if rgb.dtype == np.uint8 else np.asarray(rgb, np.uint16)


@contextmanager
def _own_words() -> Iterator[None]:
    """Keep OpenCV's log of a damaged picture from the terminal, since a sentence of ours follows."""
    log = cv2.utils.logging
    level = log.getLogLevel()
    log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        log.setLogLevel(level)


def write_frame(path: Path, frame: Frame) -> None:
    """Write one uint8 RGB picture, whole or not at all.

    The suffix selects the format; PNG is lossless, JPEG is written at quality 98.

    Raises:
        InputError: if there is no encoder for the suffix.
    """
    if path.suffix.lower() not in FRAME_SUFFIXES:
        raise InputError(
            f"{path}: '{path.suffix}' is not a picture format that can be written (known: "
            f"{', '.join(sorted(FRAME_SUFFIXES))})"
        )
    quality = [cv2.IMWRITE_JPEG_QUALITY, 98] if path.suffix.lower() in LOSSY_SUFFIXES else []
    _, encoded = cv2.imencode(path.suffix, np.ascontiguousarray(frame[..., ::-1]), quality)
    atomic_write_bytes(path, encoded.tobytes(), force=False)  # the clip is flushed to the disk as a whole


def read_clip(folder: Path) -> Frames:
    """Read a folder of equally sized pictures as uint8 RGB (T, H, W, 3), in the order of :func:`list_frames`.

    Raises:
        InputError: under the conditions of :func:`list_frames` and :func:`read_frame`, and if the folder contains no
            picture or pictures of different sizes.
    """
    return read_frames(list_frames(folder), folder)


def read_frames(files: Sequence[Path], folder: Path) -> Frames:
    """Read the listed pictures of ``folder`` as uint8 RGB (T, H, W, 3).

    Raises:
        InputError: if no file is listed, if one cannot be decoded, or if two differ in size.
    """
    if not files:
        raise InputError(no_frames(folder))
    frames: list[Frame] = []
    for path in files:
        frame = read_frame(path)
        if frames and frame.shape != frames[0].shape:
            found, expected = _size(frame), _size(frames[0])
            raise InputError(
                f"{path} is {found}, and the frames before it are {expected}: all frames of a clip must have one size"
            )
        frames.append(frame)
    return np.stack(frames)


def _size(frame: Frame) -> str:
    return f"{frame.shape[1]}x{frame.shape[0]}"


def write_clip(folder: Path, frames: Frames, names: Sequence[str] | None = None) -> None:
    """Write frames as ``00000000.png``, ``00000001.png`` … or under the given file names."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, frame in enumerate(frames):
        write_frame(folder / (names[index] if names else f"{index:08d}.png"), frame)


def to_8_bits(picture: Frame | Frame16) -> Frame:
    """Round 16-bit RGB, white at 65535, to 8 bits; 8-bit RGB is returned as it is."""
    if picture.dtype == np.uint8:
        return np.asarray(picture, np.uint8)
    return np.asarray((picture.astype(np.uint32) + 128) // 257, np.uint8)


def to_gray(frame: Frame) -> Gray:
    """Return the 8-bit BT.601 luma of an RGB frame, (H, W): 0.299 R + 0.587 G + 0.114 B, rounded."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)


def to_linear(frame: NDArray[np.uint8], gamma: float = 2.2) -> Image:
    """Undo the display gamma: uint8 of any shape to float32 linear light in [0, 1]."""
    return gamma_response(gamma).to_light(frame)


def to_display(light: Image, gamma: float = 2.2) -> NDArray[np.uint8]:
    """Apply the display gamma: float32 linear light (clipped to [0, 1]) to uint8, rounded half up."""
    return gamma_response(gamma).to_display(light)
