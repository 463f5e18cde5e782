"""Check the global heaps of an HDF5 file, where texts of any length lie, before HDF5 reads them.

HDF5 believes what a heap says of itself: it takes the memory that one declares before it looks whether the file has it,
and it goes round for ever over an object whose length leads back to it. The layout is that of the HDF5 File Format
Specification 3.0, section III.E.
"""

import mmap
import struct
from pathlib import Path

_SIGNATURE = b"GCOL"
_HEAD = struct.Struct("<4sB3xQ")  # signature, version, length of the whole collection
_OBJECT = struct.Struct("<HH4xQ")  # index, references, length of what follows
_VERSION = 1
_LOOKED_AT = 64 << 20


def check_heaps(path: Path) -> None:
    """Walk through the global heaps of a file, of a large one (a pack of many clips) through those in its first 64 MiB.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if one is longer than the file, or its objects do not fill it one after the other.
    """
    if not path.stat().st_size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = data.find(_SIGNATURE, 0, _LOOKED_AT)
        while start >= 0:
            _check(data, start)
            start = data.find(_SIGNATURE, start + 1, _LOOKED_AT)


def _check(data: mmap.mmap, start: int) -> None:
    if len(data) - start < _HEAD.size:
        return
    _, version, length = _HEAD.unpack_from(data, start)
    if version != _VERSION:
        return  # HDF5 refuses it by itself
    end = start + length
    if end > len(data):
        raise ValueError(f"a heap of texts declares {length} bytes, and the file ends before")
    at = start + _HEAD.size
    while end - at >= _OBJECT.size:
        index, _, size = _OBJECT.unpack_from(data, at)
        if index == 0:  # the rest is free, and its length counts this head, too
            if size != end - at:  # HDF5 goes round for ever over a length of 0
                raise ValueError(f"a heap of texts declares {size} free bytes, and {end - at} are left")
            return
        at += _OBJECT.size + (size + 7) // 8 * 8
        if at > end:
            raise ValueError(f"a heap of texts holds one of {size} bytes, more than is left")
