"""Read what a decoded frame states of its colours, and convert it to RGB by that matrix and range."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from hvdbench.frames import Frame, Frame16, Gray

# Code points of ITU-T H.273: transfer characteristics (table 3), colour primaries (table 2), matrices (table 4).
TRANSFERS = {
    1: "bt709",
    4: "gamma22",
    5: "gamma28",
    6: "bt601",
    7: "smpte240m",
    8: "linear",
    13: "srgb",
    14: "bt2020",
    15: "bt2020",
    16: "pq",
    18: "hlg",
}
PRIMARIES = {1: "bt709", 5: "bt601-625", 6: "bt601-525", 7: "smpte240m", 9: "bt2020", 11: "p3-dci", 12: "p3-d65"}
MATRICES = {0: "rgb", 1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
UNSTATED = "unstated"
WHITE16 = 65535
HDR_TRANSFERS = ("pq", "hlg")

_MATRIX_BT709, _MATRIX_UNSPECIFIED = 1, 2
_BT709_FROM_LINES = 720
_SCALER_WHITE = 255 << 8  # libswscale's white in 16 bits, of limited range
_UNNAMED = "h273-"
_SCALED = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
_BICUBIC, _FULL_CHROMA_OUT, _FULL_CHROMA_IN, _ACCURATE, _BITEXACT = 0x4, 0x2000, 0x4000, 0x40000, 0x80000
SCALER = _BICUBIC | _FULL_CHROMA_OUT | _FULL_CHROMA_IN | _ACCURATE | _BITEXACT  # libswscale's flags


@dataclass(frozen=True)
class Colour:
    """What a frame states of its colours.

    Attributes:
        pixel_format: as stored, e.g. ``yuv420p10le``.
        bit_depth: of its first component.
        transfer, primaries, matrix: names of H.273's code points; ``unstated`` where the file does not state them.
        full_range: whether black is 0 and white the highest code.
    """

    pixel_format: str
    bit_depth: int
    transfer: str
    primaries: str
    matrix: str
    full_range: bool

    @property
    def is_hdr(self) -> bool:
        """Whether the transfer is PQ or HLG."""
        return self.transfer in HDR_TRANSFERS


def colour_of(frame: VideoFrame) -> Colour:
    """Read what a decoded frame states of its colours."""
    return Colour(
        frame.format.name,
        _depth(frame),
        _name(TRANSFERS, int(frame.color_trc)),
        _name(PRIMARIES, int(frame.color_primaries)),
        "rgb" if frame.format.is_rgb else _name(MATRICES, int(frame.colorspace)),
        _is_full_range(frame),
    )


def _name(table: dict[int, str], code: int) -> str:
    return table.get(code, UNSTATED if code in {0, 2} else f"{_UNNAMED}{code}")


def to_rgb(frame: VideoFrame, reformatter: VideoReformatter, size: tuple[int, int] | None = None) -> Frame:
    """Convert a decoded frame of any pixel format to 8-bit RGB (H, W, 3) by its matrix and range.

    A frame that does not state its matrix is taken as BT.709 from 720 lines up and as BT.601 below, as players do.

    Args:
        frame: as decoded.
        reformatter: kept from frame to frame, since it keeps its tables.
        size: width and height to scale the stored picture to (bicubic); None: as stored.
    """
    return np.asarray(_reformat(frame, reformatter, "rgb24", size).to_ndarray(), np.uint8)


def to_rgb16(frame: VideoFrame, reformatter: VideoReformatter, size: tuple[int, int] | None = None) -> Frame16:
    """Convert as :func:`to_rgb` does, to 16 bits a component: 0 is black, ``WHITE16`` is white, more is clipped."""
    if frame.format.is_rgb and _depth(frame) <= 8:
        return to_rgb(frame, reformatter, size).astype(np.uint16) * np.uint16(257)
    picture = np.asarray(_reformat(frame, reformatter, "rgb48le", size).to_ndarray(), np.uint16)
    white = _white_read(frame)
    return picture if white == WHITE16 else np.asarray(_stretched(white)[picture], np.uint16)


def luma(frame: VideoFrame) -> Gray:
    """Return a decoded frame's luma (H, W), uint8: the plane itself where it has 8 bits, else the decoder's gray."""
    name = frame.format.name
    planar = name.startswith(("yuv", "nv", "gray")) and frame.format.components[0].bits == 8
    if not planar or frame.format.is_bit_stream or name.startswith(("yuyv", "yuv4mpeg")):
        return np.ascontiguousarray(frame.to_ndarray(format="gray"), np.uint8)
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
    return np.asarray(rows[: frame.height, : frame.width], np.uint8)


def for_scaler(picture: Frame16) -> Frame16:
    """Bring 16-bit RGB, white at ``WHITE16``, to the scale that libswscale takes as an encoder's input."""
    return np.asarray(picture - (picture.astype(np.uint32) + 128) // 257, np.uint16)


def tags_of(colour: Colour) -> tuple[int, int, int]:
    """Return the H.273 code points (primaries, transfer, matrix) of a colour's names; 2 for what is unstated."""
    matrix = 5 if (colour.matrix, colour.primaries) == ("bt601", "bt601-625") else _code(MATRICES, colour.matrix)
    return _code(PRIMARIES, colour.primaries), _code(TRANSFERS, colour.transfer), matrix


def scaler_matrix(matrix: int, width: int, height: int) -> int:
    """Return libswscale's matrix for a code point; an unstated one follows from the picture's size, as in players."""
    if matrix == _MATRIX_UNSPECIFIED and min(width, height) >= _BT709_FROM_LINES:
        matrix = _MATRIX_BT709
    return int(_SCALED.get(matrix, Colorspace.ITU601))


def _white_read(frame: VideoFrame) -> int:
    """Return what libswscale makes of a frame's white in ``rgb48``: a full range keeps its code, moved to 16 bits."""
    if frame.format.is_rgb:
        return WHITE16
    depth = min(_depth(frame), 16)
    return ((1 << depth) - 1) << (16 - depth) if _is_full_range(frame) else _SCALER_WHITE


@cache
def _stretched(white: int) -> NDArray[np.uint16]:
    """Map codes so that ``white`` becomes ``WHITE16``, rounded half up: (65536,)."""
    codes = np.minimum(np.arange(WHITE16 + 1, dtype=np.int64), white)
    return ((codes * WHITE16 + white // 2) // white).astype(np.uint16)


def _depth(frame: VideoFrame) -> int:
    return int(frame.format.components[0].bits)


def _code(table: dict[int, str], name: str) -> int:
    if name.startswith(_UNNAMED):
        return int(name.removeprefix(_UNNAMED))
    codes = [code for code, known in table.items() if known == name and name != "rgb"]
    return max(codes) if name == "bt601" else min(codes, default=_MATRIX_UNSPECIFIED)


def _reformat(
    frame: VideoFrame, reformatter: VideoReformatter, pixel_format: str, size: tuple[int, int] | None
) -> VideoFrame:
    width, height = size or (frame.width, frame.height)
    if frame.format.is_rgb:
        return reformatter.reformat(frame, width, height, format=pixel_format, interpolation=SCALER)
    return reformatter.reformat(
        frame,
        width,
        height,
        format=pixel_format,
        src_colorspace=scaler_matrix(int(frame.colorspace), frame.width, frame.height),
        src_color_range=int(ColorRange.JPEG if _is_full_range(frame) else ColorRange.MPEG),
        dst_color_range=int(ColorRange.JPEG),
        interpolation=SCALER,
    )


def _is_full_range(frame: VideoFrame) -> bool:
    if frame.format.is_rgb:
        return True
    return int(frame.color_range) == ColorRange.JPEG or frame.format.name.startswith(("yuvj", "gray"))
