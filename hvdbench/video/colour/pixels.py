"""Convert decoded frames of any pixel format to RGB of 8 or 16 bits by their matrix and range."""

from functools import cache

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from hvdbench.frames import Frame, Frame16, Gray, to_8_bits
from hvdbench.video.colour.matrices import to_signal
from hvdbench.video.colour.stated import GRAY, Colour, colour_of, has_no_matrix

WHITE16 = 65535

_SCALED = {
    "bt709": Colorspace.ITU709,
    "fcc": Colorspace.FCC,
    "bt601": Colorspace.ITU601,
    "smpte240m": Colorspace.SMPTE240M,
    "bt2020": Colorspace.BT2020,
}
_SCALER_BLACK, _SCALER_WHITE = 16 << 8, 255 << 8  # libswscale's: limited grays in 16 bits, and white of limited range
_LIMITED_WHITE = 235 << 8
_BICUBIC, _FULL_CHROMA_OUT, _FULL_CHROMA_IN, _ACCURATE, _BITEXACT = 0x4, 0x2000, 0x4000, 0x40000, 0x80000
SCALER = _BICUBIC | _FULL_CHROMA_OUT | _FULL_CHROMA_IN | _ACCURATE | _BITEXACT  # libswscale's flags


def to_rgb(
    frame: VideoFrame, reformatter: VideoReformatter, size: tuple[int, int] | None = None, colour: Colour | None = None
) -> Frame:
    """Convert a decoded frame of any pixel format to 8-bit RGB (H, W, 3) by its matrix and range.

    Args:
        frame: as decoded.
        reformatter: kept from frame to frame, since it keeps its tables.
        size: width and height to scale the stored picture to (bicubic); None: as stored.
        colour: how the frame is read; None: as :func:`~hvdbench.video.colour.stated.colour_of` says without a codec.
    """
    colour = colour or colour_of(frame)
    is_odd_gray = colour.matrix_read == GRAY and not colour.full_range
    is_deep_and_full = colour.full_range and colour.bit_depth > 8  # where libswscale's own 8 bits are 1.4 levels off
    if is_odd_gray or is_deep_and_full or _is_ours(frame, colour):
        return to_8_bits(to_rgb16(frame, reformatter, size, colour))
    return np.asarray(_reformat(frame, reformatter, "rgb24", size, colour).to_ndarray(), np.uint8)


def to_rgb16(
    frame: VideoFrame, reformatter: VideoReformatter, size: tuple[int, int] | None = None, colour: Colour | None = None
) -> Frame16:
    """Convert as :func:`to_rgb` does, to 16 bits a component: 0 is black, ``WHITE16`` is white, more is clipped."""
    colour = colour or colour_of(frame)
    if _is_ours(frame, colour):
        return _by_own_matrix(frame, reformatter, size, colour)
    if frame.format.is_rgb and colour.bit_depth <= 8:
        return to_rgb(frame, reformatter, size, colour).astype(np.uint16) * np.uint16(257)
    picture = np.asarray(_reformat(frame, reformatter, "rgb48le", size, colour).to_ndarray(), np.uint16)
    black, white = _levels_read(frame, colour)
    return picture if (black, white) == (0, WHITE16) else np.asarray(_stretched(black, white)[picture], np.uint16)


def luma(frame: VideoFrame) -> Gray:
    """Return a decoded frame's luma (H, W), uint8: the plane itself where it has 8 bits, else the decoder's gray."""
    name = frame.format.name
    planar = name.startswith(("yuv", "nv", "gray")) and frame.format.components[0].bits == 8
    if not planar or frame.format.is_bit_stream or name.startswith(("yuyv", "yuv4mpeg")):
        return np.ascontiguousarray(frame.to_ndarray(format="gray"), np.uint8)
    return np.asarray(_plane(frame, 0, np.dtype(np.uint8)), np.uint8)


def for_scaler(picture: Frame16) -> Frame16:
    """Bring 16-bit RGB, white at ``WHITE16``, to the scale that libswscale takes as an encoder's input."""
    return np.asarray(picture - (picture.astype(np.uint32) + 128) // 257, np.uint16)


def scaler_matrix(name: str) -> int:
    """Return libswscale's matrix for a name; BT.601's for one that it does not know."""
    return int(_SCALED.get(name, Colorspace.ITU601))


def _is_ours(frame: VideoFrame, colour: Colour) -> bool:
    """Return whether libswscale cannot convert by the matrix: a YUV format, and none of its own matrices."""
    if colour.matrix_read == "rgb":
        return not has_no_matrix(frame.format)
    return colour.matrix_read != GRAY and colour.matrix_read not in _SCALED


def _by_own_matrix(
    frame: VideoFrame, reformatter: VideoReformatter, size: tuple[int, int] | None, colour: Colour
) -> Frame16:
    width, height = size or (frame.width, frame.height)
    depth = colour.bit_depth
    stored = int(ColorRange.JPEG if colour.full_range else ColorRange.MPEG)
    whole = reformatter.reformat(
        frame,
        width,
        height,
        format="yuv444p" if depth == 8 else f"yuv444p{depth}le",
        src_colorspace=Colorspace.ITU601,  # the same on both sides: nothing but size and sampling changes
        dst_colorspace=Colorspace.ITU601,
        src_color_range=stored,
        dst_color_range=stored,
        interpolation=SCALER,
    )
    kind = np.dtype(np.uint8 if depth == 8 else "<u2")
    codes = [_plane(whole, plane, kind) for plane in range(3)]
    return np.rint(to_signal(codes[0], codes[1], codes[2], colour) * WHITE16).astype(np.uint16)


def _plane(frame: VideoFrame, index: int, kind: np.dtype[np.generic]) -> NDArray[np.generic]:
    plane = frame.planes[index]
    rows = np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind.itemsize)  # type: ignore[call-overload]
    return np.asarray(rows[: plane.height, : plane.width])


def _levels_read(frame: VideoFrame, colour: Colour) -> tuple[int, int]:
    """Return what libswscale makes of black and white in ``rgb48``: a full range keeps its codes, moved to 16 bits."""
    if frame.format.is_rgb:
        return 0, WHITE16
    depth = min(colour.bit_depth, 16)
    if colour.full_range:
        return 0, ((1 << depth) - 1) << (16 - depth)
    return (_SCALER_BLACK, _LIMITED_WHITE) if colour.matrix_read == GRAY else (0, _SCALER_WHITE)


@cache
def _stretched(black: int, white: int) -> NDArray[np.uint16]:
    """Map codes so that ``black`` becomes 0 and ``white`` becomes ``WHITE16``, rounded half up: (65536,)."""
    codes = np.clip(np.arange(WHITE16 + 1, dtype=np.int64), black, white) - black
    span = white - black
    return ((codes * WHITE16 + span // 2) // span).astype(np.uint16)


def _reformat(
    frame: VideoFrame,
    reformatter: VideoReformatter,
    pixel_format: str,
    size: tuple[int, int] | None,
    colour: Colour,
) -> VideoFrame:
    width, height = size or (frame.width, frame.height)
    if frame.format.is_rgb:
        return reformatter.reformat(frame, width, height, format=pixel_format, interpolation=SCALER)
    return reformatter.reformat(
        frame,
        width,
        height,
        format=pixel_format,
        src_colorspace=scaler_matrix(colour.matrix_read),
        src_color_range=int(ColorRange.JPEG if colour.full_range else ColorRange.MPEG),
        dst_color_range=int(ColorRange.JPEG),
        interpolation=SCALER,
    )
