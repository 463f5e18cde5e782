"""Read what a decoded frame states of its colours, and decide by which matrix and range it is read.

What a frame states are code points of ITU-T H.273. What it leaves open is decided as players decide it, and every such
guess becomes a note.
"""

from dataclasses import dataclass
from functools import lru_cache

from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from hvdbench.video.colour.primaries import is_white_d65

# Code points of ITU-T H.273: transfer characteristics (table 3), colour primaries (table 2), matrices (table 4).
TRANSFERS = {
    1: "bt709",
    4: "gamma22",
    5: "gamma28",
    6: "bt601",
    7: "smpte240m",
    8: "linear",
    9: "log100",
    10: "log316",
    11: "xvycc",
    12: "bt1361",
    13: "srgb",
    14: "bt2020",
    15: "bt2020",
    16: "pq",
    17: "smpte428",
    18: "hlg",
}
PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt601-625",
    6: "bt601-525",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "xyz",
    11: "p3-dci",
    12: "p3-d65",
    22: "ebu3213",
}
MATRICES = {
    0: "rgb",
    1: "bt709",
    4: "fcc",
    5: "bt601",
    6: "bt601",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020",
    10: "bt2020-cl",
    11: "ydzdx",
    12: "derived",
    13: "derived-cl",
    14: "ictcp",
    15: "ipt-c2",
    16: "ycgco-re",
    17: "ycgco-ro",
}
UNSTATED, GRAY = "unstated", "gray"
HDR_TRANSFERS = ("pq", "hlg")
WIDE_PRIMARIES = frozenset({"bt470m", "film", "bt2020", "xyz", "p3-dci", "p3-d65"})

_UNNAMED = "h273-"
_UNREADABLE = {"ydzdx": "Y'D'zD'x (SMPTE ST 2085)", "ipt-c2": "Dolby's IPT colours"}
_DERIVED = ("derived", "derived-cl")
_ODD_TRANSFERS = frozenset({"gamma28", "log100", "log316", "bt1361", "smpte428"})
_BT709_WIDTH, _BT709_ABOVE_LINES = 1280, 576
# Codecs whose own definition is BT.601's matrix whatever the size, where a frame states none.
_BT601_CODECS = frozenset(
    {"theora", "vp3", "vp4", "vp5", "vp6", "vp6a", "vp6f", "vp7", "vp8", "wmv1", "wmv2", "msmpeg4v1", "msmpeg4v2"}
    | {"msmpeg4", "msmpeg4v3", "svq1", "svq3", "flv", "flv1", "h261", "h263", "h263i", "h263p", "rv10", "rv20"}
    | {"mpeg1video", "mjpeg"}
)
# Codecs whose definition makes an unstated range the limited one, gray pictures included.
_LIMITED_CODECS = frozenset({"h264", "hevc", "vvc", "mpeg1video", "mpeg2video", "mpeg4", "vp9", "libdav1d", "av1"})


@dataclass(frozen=True)
class Colour:
    """What a frame states of its colours, and how it is read.

    Attributes:
        pixel_format: as stored, e.g. ``yuv420p10le``.
        bit_depth: of its first component.
        transfer, primaries, matrix: names of H.273's code points; ``unstated`` where the file says nothing.
        full_range: whether black is 0 and white the highest code.
        matrix_read: the matrix by which it is read; ``rgb`` where there is none, ``gray`` without colours.
        guesses: notes on what was unstated and had to be guessed.
        fault: why it cannot be read; empty where it can.
    """

    pixel_format: str
    bit_depth: int
    transfer: str
    primaries: str
    matrix: str
    full_range: bool
    matrix_read: str = ""
    guesses: tuple[str, ...] = ()
    fault: str = ""

    @property
    def is_hdr(self) -> bool:
        """Whether the transfer is PQ or HLG."""
        return self.transfer in HDR_TRANSFERS

    @property
    def is_linear(self) -> bool:
        """Whether its values are linear light."""
        return self.transfer == "linear"


def colour_of(frame: VideoFrame, codec: str = "") -> Colour:
    """Read what a decoded frame states of its colours, and decide how it is read.

    A frame that states no matrix is read by the one that its codec defines (Theora, VP8, WMV 7 and 8, Sorenson … are
    BT.601), else as players do: by BT.709 from 1280 columns or above 576 lines, and by BT.601 below.

    Args:
        frame: as decoded.
        codec: the decoder's name; empty where it is not known.
    """
    codes = int(frame.color_trc), int(frame.color_primaries), int(frame.colorspace), int(frame.color_range)
    return _colour(frame.format.name, (frame.width, frame.height), codes, codec)


def has_no_matrix(form: VideoFormat) -> bool:
    """Return whether a pixel format holds no luma and colour differences: RGB, a palette, black and white, or XYZ."""
    return form.is_rgb or form.has_palette or form.is_bit_stream or form.name.startswith("xyz")


def tags_of(colour: Colour) -> tuple[int, int, int]:
    """Return the H.273 code points (primaries, transfer, matrix) by which a colour's RGB is best stored again.

    The matrix is the one by which the frame was read, where an encoder's scaler knows it, else that of its primaries.
    """
    matrix = colour.matrix_read or colour.matrix
    if matrix not in {"bt709", "fcc", "bt601", "smpte240m", "bt2020"}:
        matrix = "bt2020" if colour.primaries == "bt2020" else "bt709"
    code = 5 if (matrix, colour.primaries) == ("bt601", "bt601-625") else _code(MATRICES, matrix)
    return _code(PRIMARIES, colour.primaries), _code(TRANSFERS, colour.transfer), code


@lru_cache(maxsize=64)
def _colour(pixel_format: str, size: tuple[int, int], codes: tuple[int, int, int, int], codec: str) -> Colour:
    form = VideoFormat(pixel_format, *size)
    depth = int(form.components[0].bits)
    transfer, primaries = _name(TRANSFERS, codes[0]), _name(PRIMARIES, codes[1])
    stated, is_full, no_range = _name(MATRICES, codes[2]), codes[3] == ColorRange.JPEG, codes[3] == 0
    is_gray = pixel_format.startswith(("gray", "ya8", "ya16"))
    guesses: list[str] = []
    if has_no_matrix(form):
        stated, read, is_full = "rgb", "rgb", True
    elif is_gray:
        read = GRAY
        if no_range:
            is_full = codec not in _LIMITED_CODECS
            black = 0 if is_full else 16
            guesses.append(f"it states no range of its grays, and black was taken as {black} of 255")
    else:
        is_full |= pixel_format.startswith("yuvj")
        read = _matrix(stated, form, size, codec, guesses)
    if read in _DERIVED and primaries == UNSTATED:
        guesses.append("its matrix follows from primaries that it does not state, and BT.709's were taken")
    if transfer in HDR_TRANSFERS and primaries == UNSTATED:
        guesses.append("it is HDR and states no primaries, and BT.2020's were taken")
    elif transfer in HDR_TRANSFERS and not is_white_d65(primaries):
        guesses.append(f"it is HDR of {primaries} primaries, and BT.2020's were taken")
    if transfer in _ODD_TRANSFERS or transfer.startswith(_UNNAMED):
        guesses.append(f"its transfer is {transfer}, which was not undone: its values were taken as those of a screen")
    fault = ""
    if read in _UNREADABLE:
        fault = f"its colours are {_UNREADABLE[read]}, which is not read: export it in BT.709 or BT.2020 first"
    return Colour(pixel_format, depth, transfer, primaries, stated, is_full, read, tuple(guesses), fault)


def _matrix(stated: str, form: VideoFormat, size: tuple[int, int], codec: str, guesses: list[str]) -> str:
    """Return the matrix to read by, with a note in ``guesses`` where it is not the stated one."""
    width, height = size
    is_whole = form.chroma_width(width) == width and form.chroma_height(height) == height
    if stated != UNSTATED and not stated.startswith(_UNNAMED) and (stated != "rgb" or is_whole):
        return stated
    if stated == UNSTATED:
        why = "it states no colour matrix"
    elif stated == "rgb":
        why = "it is stated to be RGB, which its pixel format cannot hold,"
    else:
        why = f"it states the colour matrix {stated.removeprefix(_UNNAMED)}, which nobody has defined,"
    if codec in _BT601_CODECS:
        guesses.append(f"{why} and was read by BT.601's, which its codec ({codec}) is defined by")
        return "bt601"
    read = "bt709" if width >= _BT709_WIDTH or height > _BT709_ABOVE_LINES else "bt601"
    guesses.append(f"{why} and was read by {read.upper().replace('BT', 'BT.')}'s, as players do at {width}x{height}")
    return read


def _name(table: dict[int, str], code: int) -> str:
    return table.get(code, UNSTATED if code in {0, 2, 3} else f"{_UNNAMED}{code}")


def _code(table: dict[int, str], name: str) -> int:
    if name.startswith(_UNNAMED):
        return int(name.removeprefix(_UNNAMED))
    codes = [code for code, known in table.items() if known == name and name != "rgb"]
    return max(codes) if name == "bt601" else min(codes, default=2)
