"""Find faults in the bytes of a picture file that a decoder ignores in silence.

OpenCV reads the first page of a file of several, fills the missing rest of a JPEG with gray, decodes zeros where a copy
left a hole, multiplies the colours of a TIFF with its alpha, and takes other colour spaces for RGB.
"""

import io
import struct
import warnings
from collections.abc import Iterator, Mapping

import numpy as np
import PIL.Image
from numpy.typing import NDArray

_PNG, _JPEG, _GIF = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8"
_TIFF_ORDERS = {b"II": "<", b"MM": ">"}
_CLASSIC, _BIG = 42, 43  # TIFF 6.0, and BigTIFF with offsets of 8 bytes
_SUBFILE_TYPE, _BITS, _COMPRESSION, _PHOTOMETRIC, _EXTRA_SAMPLES = 254, 258, 259, 262, 338
_TAGS = frozenset({_SUBFILE_TYPE, _BITS, _COMPRESSION, _PHOTOMETRIC, _EXTRA_SAMPLES})
_SHORT = 3
_THUMBNAIL_OR_MASK = 0b101
_UNCOMPRESSED = 1
_WHITE_IS_ZERO = 0
# Gray, RGB, a palette, and YCbCr; TIFF 6.0, and TIFF Technical Note 1 and DNG for the others.
_READ_COLOURS = frozenset({_WHITE_IS_ZERO, 1, 2, 3, 6})
_OTHER_COLOURS = {5: "CMYK", 8: "CIE Lab", 9: "ICC Lab", 10: "ITU Lab", 32803: "a raw mosaic", 34892: "raw colours"}
_MOST_PAGES = 1000  # a chain of pages that leads back to itself must end
_CMYK_CHANNELS = 4
_HOLE_BYTES = 512  # a sector; whole pictures of noise, ramps and flat halves have at most 64 zeros in a row
_BLOCK_PX = 8
_PNG_HEAD_BYTES = 33
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of its kinds of colours (PNG, section 11.2.1)
_MOST_TIMES = 1032  # of bytes to which deflate unpacks one (zlib's documentation)
_MOST_SIDE = 1 << 31
MOST_PIXELS = 100_000_000
"""The most pixels of a picture that is read; a frame of the largest cameras for films, 12288x6480, has 80 million."""


def fault_of_bytes(data: bytes) -> str | None:
    """Return the end of a sentence about a picture that would be read wrongly or in part, None where nothing is amiss.

    Args:
        data: bytes of the whole file, of any format.
    """
    if data.startswith(_JPEG):
        return _fault_of_jpeg(data)
    if data[4:8] == b"ftyp" or data.startswith(_GIF):
        kind = data[8:12].decode("ascii", "replace").strip() if data[4:8] == b"ftyp" else "GIF"
        return f"is a file of the kind '{kind}', whatever its name says, and is not read here: convert it to PNG"
    pages = page_count(data)
    if pages > 1:
        return f"contains {pages} pages, but a frame is one: write each page to a file of its own"
    return _fault_of_tiff(data) if data[:2] in _TIFF_ORDERS else None


def fault_of_size(data: bytes) -> str | None:
    """Return the end of a sentence about a picture that is too large to decode, by its header alone, else None.

    A file of some megabytes may hold a picture of gigabytes. What the header's reader does not know is left to the
    decoder.

    Args:
        data: bytes of the whole file, of any format.
    """
    if data.startswith(_PNG) and (most := max(_png_chunks(data), default=0)) > len(data):
        return f"is a PNG of {len(data)} bytes that breaks off before a part of {most} bytes: copy the file again"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damage, the decoder speaks, and of many pixels, the sentence below
        try:
            with PIL.Image.open(io.BytesIO(data)) as head:
                width, height = head.size
        except PIL.Image.DecompressionBombError:
            width, height = _MOST_SIDE, _MOST_SIDE
        except (OSError, ValueError, SyntaxError, OverflowError, struct.error):
            return None
    if width * height <= MOST_PIXELS:
        return _fault_of_declared(data, width, height)
    found = "far too many" if width == _MOST_SIDE else f"{width}x{height}"
    return f"has {found} pixels, and at most {MOST_PIXELS // 10**6} million are read: make the picture smaller"


def _png_chunks(data: bytes) -> Iterator[int]:
    """Yield the sizes that the chunks of a PNG state; OpenCV takes memory for each before it reads it."""
    at = len(_PNG)
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield size
        at += 12 + size


def _fault_of_declared(data: bytes, width: int, height: int) -> str | None:
    """Compare the rows that a PNG declares with what its bytes can hold, before memory is taken for them."""
    if not data.startswith(_PNG) or len(data) < _PNG_HEAD_BYTES:
        return None
    depth, channels = data[24], _PNG_CHANNELS.get(data[25], 1)
    if height * (1 + width * depth * channels // 8) <= _MOST_TIMES * len(data):
        return None
    return f"declares {width}x{height} pixels, which a PNG of {len(data)} bytes cannot hold: copy the file again"


def fault_of_hole(data: bytes, picture: NDArray[np.generic]) -> str | None:
    """Return the end of a sentence about a compressed picture in which a copy left a hole of zeros, else None.

    The shortest code of a picture that is one flat colour may be zeros too, so the hole is believed only if the picture
    has fewer flat blocks than the hole has bytes.

    Args:
        data: the whole file.
        picture: what was decoded of it, (H, W) or (H, W, C).
    """
    start, end = _compressed_part(data)
    at = data.find(bytes(_HOLE_BYTES), start, end)
    if at < 0:
        return None
    hole = data[at:end]
    zeros = len(hole) - len(hole.lstrip(b"\0"))
    if _flat_blocks(picture) >= zeros:
        return None
    return f"is damaged: {zeros} bytes from byte {at} on are zeros, as where a copy broke off; copy the file again"


def page_count(data: bytes) -> int:
    """Count the pages of a TIFF file, or the frames of an animated PNG or WebP; 1 for everything else.

    Thumbnails and masks within a TIFF file do not count as pages.
    """
    if data[:2] in _TIFF_ORDERS:
        return max(1, sum(1 for page in _tiff_pages(data) if not page.get(_SUBFILE_TYPE, 0) & _THUMBNAIL_OR_MASK))
    if data.startswith(_PNG):
        at = data.find(b"acTL", 0, data.find(b"IDAT"))
        return max(1, int.from_bytes(data[at + 4 : at + 8], "big")) if at > 0 else 1
    if _is_webp(data):
        return max(1, sum(1 for name in _riff_chunks(data) if name == b"ANMF"))
    return 1


def _is_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def _compressed_part(data: bytes) -> tuple[int, int]:
    """Return where the codes of a picture begin and end that its format does not check itself; PNG has checksums."""
    if data.startswith(_JPEG):
        start = _jpeg_head(data)[0]
        return start, data.find(b"\xff\xd9", start)
    if _is_webp(data):
        return 12, len(data)
    if data[:2] in _TIFF_ORDERS:
        compressed = any(page.get(_COMPRESSION, _UNCOMPRESSED) != _UNCOMPRESSED for page in _tiff_pages(data))
        return (8, len(data)) if compressed else (0, 0)
    return 0, 0


def _flat_blocks(picture: NDArray[np.generic]) -> int:
    height, width = (side // _BLOCK_PX for side in picture.shape[:2])
    cut = picture[: height * _BLOCK_PX, : width * _BLOCK_PX].reshape(height, _BLOCK_PX, width, _BLOCK_PX, -1)
    return int(np.count_nonzero((cut.max(axis=(1, 3)) == cut.min(axis=(1, 3))).all(axis=-1)))


def _fault_of_tiff(data: bytes) -> str | None:
    page: Mapping[int, int] = next(_tiff_pages(data), {})
    colours, bits = page.get(_PHOTOMETRIC, 1), page.get(_BITS, 1)
    if colours not in _READ_COLOURS or (colours == _WHITE_IS_ZERO and bits > 8):
        found = _OTHER_COLOURS.get(colours, f"colours of the kind {colours}")
        return f"is a TIFF picture of {found if colours else 'inverted gray'}, and RGB is expected: convert it to PNG"
    if _EXTRA_SAMPLES in page and bits <= 8:
        return "is a TIFF picture with a channel beside its colours, such as alpha: save it without, or as PNG"
    return None


def _tiff_pages(data: bytes) -> Iterator[dict[int, int]]:
    """Yield the first value of the tags of each page that matter here (TIFF 6.0, section 2; BigTIFF)."""
    order = _TIFF_ORDERS[data[:2]]
    try:
        (version,) = struct.unpack_from(f"{order}H", data, 2)
        if version not in (_CLASSIC, _BIG):
            return
        is_big = version == _BIG
        count_code, offset_code, entry_bytes = ("Q", "Q", 20) if is_big else ("H", "I", 12)
        (at,) = struct.unpack_from(f"{order}{offset_code}", data, 8 if is_big else 4)
        for _ in range(_MOST_PAGES):
            if at == 0:
                return
            (count,) = struct.unpack_from(f"{order}{count_code}", data, at)
            start = at + struct.calcsize(f"={count_code}")
            page = {}
            for entry in range(start, start + count * entry_bytes, entry_bytes):
                (tag,) = struct.unpack_from(f"{order}H", data, entry)
                if tag in _TAGS:
                    page[tag] = _tiff_value(data, entry, order, is_big)
                if tag >= _EXTRA_SAMPLES:  # tags rise, and this is the highest that matters
                    break
            yield page
            (at,) = struct.unpack_from(f"{order}{offset_code}", data, start + count * entry_bytes)
    except struct.error:  # the file is cut off, which the decoder reports itself
        return


def _tiff_value(data: bytes, entry: int, order: str, is_big: bool) -> int:
    """Read the first number of an entry, which lies elsewhere where all of them do not fit into it."""
    kind, count = struct.unpack_from(f"{order}H{'Q' if is_big else 'I'}", data, entry + 2)
    place, room = (entry + 12, 8) if is_big else (entry + 8, 4)
    size = 2 if kind == _SHORT else 4
    if count * size > room:
        (place,) = struct.unpack_from(f"{order}{'Q' if is_big else 'I'}", data, place)
    (value,) = struct.unpack_from(f"{order}{'H' if kind == _SHORT else 'I'}", data, place)
    return int(value)


def _riff_chunks(data: bytes) -> Iterator[bytes]:
    at = 12
    while at + 8 <= len(data):
        yield data[at : at + 4]
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2


def _fault_of_jpeg(data: bytes) -> str | None:
    """Look for the end mark after the head: a copy that broke off has none, or zeros in its place."""
    start, channels = _jpeg_head(data)
    if channels == _CMYK_CHANNELS:
        return "is a JPEG picture of CMYK, and RGB is expected: convert it to PNG"
    if data.find(b"\xff\xd9", start) >= 0:
        return None
    count, zeros = len(data), len(data) - len(data.rstrip(b"\0"))
    tail = f"its last {zeros} of {count} bytes are zeros" if zeros > 1 else f"it has no end mark ({count} bytes)"
    return f"is a JPEG picture that breaks off: {tail}; copy the file again"


def _jpeg_head(data: bytes) -> tuple[int, int]:
    """Return where the picture itself begins, past what may hold a thumbnail with an end mark of its own.

    Returns:
        The place, and the number of channels that the head states (0: none was found).
    """
    at, channels = 2, 0
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        if 0xC0 <= data[at + 1] <= 0xCF and data[at + 1] not in (0xC4, 0xC8, 0xCC):  # ITU-T T.81, table B.1
            channels = data[at + 9] if at + 9 < len(data) else 0
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return at, channels
