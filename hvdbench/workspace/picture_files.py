"""Find faults in the bytes of a picture file that a decoder ignores in silence.

OpenCV reads only the first page of several, and fills the missing rest of a JPEG with gray.
"""

import struct
from collections.abc import Iterator

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_TIFF_ORDERS = {b"II": "<", b"MM": ">"}
_CLASSIC, _BIG = 42, 43  # TIFF 6.0, and BigTIFF with offsets of 8 bytes
_SUBFILE_TYPE, _THUMBNAIL_OR_MASK = 254, 0b101
_MOST_PAGES = 1000  # a limit, because a chain of pages may lead back to itself


def fault_of_bytes(data: bytes) -> str | None:
    """Return the end of a sentence about a picture of which only a part would be read, or None if nothing is wrong.

    Args:
        data: bytes of the whole file, of any format.
    """
    if data.startswith(_JPEG):
        return _fault_of_jpeg(data)
    pages = page_count(data)
    if pages > 1:
        return f"contains {pages} pages, but a frame is one: write each page to a file of its own"
    return None


def page_count(data: bytes) -> int:
    """Count the pages of a TIFF file, or the frames of an animated PNG or WebP; 1 for everything else.

    Thumbnails and masks within a TIFF file do not count as pages.
    """
    if data[:2] in _TIFF_ORDERS:
        return max(1, sum(1 for kind in _tiff_pages(data) if not kind & _THUMBNAIL_OR_MASK))
    if data.startswith(_PNG):
        at = data.find(b"acTL", 0, data.find(b"IDAT"))
        return max(1, int.from_bytes(data[at + 4 : at + 8], "big")) if at > 0 else 1
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return max(1, sum(1 for name in _riff_chunks(data) if name == b"ANMF"))
    return 1


def _tiff_pages(data: bytes) -> Iterator[int]:
    """Yield the subfile type of each page (TIFF 6.0, section 2; BigTIFF)."""
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
            start, kind = at + struct.calcsize(f"={count_code}"), 0
            for entry in range(start, start + count * entry_bytes, entry_bytes):
                (tag,) = struct.unpack_from(f"{order}H", data, entry)
                if tag == _SUBFILE_TYPE:
                    (kind,) = struct.unpack_from(f"{order}I", data, entry + entry_bytes - (8 if is_big else 4))
                if tag >= _SUBFILE_TYPE:  # tags are sorted, and this is the lowest one in use
                    break
            yield kind
            (at,) = struct.unpack_from(f"{order}{offset_code}", data, start + count * entry_bytes)
    except struct.error:  # the file is cut off, which the decoder reports itself
        return


def _riff_chunks(data: bytes) -> Iterator[bytes]:
    at = 12
    while at + 8 <= len(data):
        yield data[at : at + 4]
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2


def _fault_of_jpeg(data: bytes) -> str | None:
    """Look for the end mark after the head; a copy that broke off has none, or zeros in its place."""
    if data.find(b"\xff\xd9", _end_of_jpeg_head(data)) >= 0:
        return None
    count, zeros = len(data), len(data) - len(data.rstrip(b"\0"))
    tail = f"its last {zeros} of {count} bytes are zeros" if zeros > 1 else f"it has no end mark ({count} bytes)"
    return f"is a JPEG picture that breaks off: {tail}; copy the file again"


def _end_of_jpeg_head(data: bytes) -> int:
    """Return where the picture itself begins, after segments that may contain a thumbnail with its own end mark."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return at
