"""Read maker, model and exposure time of a JPEG picture from its EXIF block, and nothing else."""

import struct
from dataclasses import dataclass
from pathlib import Path

_MAKE, _MODEL, _EXIF_FOLDER, _EXPOSURE = 0x010F, 0x0110, 0x8769, 0x829A
_ASCII, _LONG, _RATIONAL = 2, 4, 5
_HEAD_BYTES = 1 << 17  # the block comes first and has at most 64 KiB


@dataclass(frozen=True)
class PictureFacts:
    """What a picture states; empty or None where it states nothing."""

    make: str = ""
    model: str = ""
    exposure_s: float | None = None


def read_exif(path: Path) -> PictureFacts:
    """Read a JPEG file's block; what has none, or a damaged one, states nothing."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return PictureFacts()
    at = head.find(b"Exif\x00\x00")
    if not head.startswith(b"\xff\xd8") or at < 0:
        return PictureFacts()
    try:
        return _read_block(head[at + 6 :])
    except (struct.error, ZeroDivisionError):
        return PictureFacts()


def _read_block(block: bytes) -> PictureFacts:
    """Read the folders of a TIFF block (TIFF 6.0, section 2; EXIF 2.32, 4.6.3)."""
    order = "<" if block.startswith(b"II") else ">"
    values = _folder(block, order, struct.unpack_from(f"{order}I", block, 4)[0])
    deeper = values.get(_EXIF_FOLDER)
    if isinstance(deeper, int):
        values |= _folder(block, order, deeper)
    exposure = values.get(_EXPOSURE)
    return PictureFacts(
        str(values.get(_MAKE, "")),
        str(values.get(_MODEL, "")),
        exposure if isinstance(exposure, float) and 0 < exposure < 3600 else None,
    )


def _folder(block: bytes, order: str, start: int) -> dict[int, str | int | float]:
    values: dict[int, str | int | float] = {}
    for index in range(struct.unpack_from(f"{order}H", block, start)[0]):
        entry = start + 2 + 12 * index
        tag, kind, count, offset = struct.unpack_from(f"{order}HHII", block, entry)
        if tag in {_MAKE, _MODEL} and kind == _ASCII:
            place = offset if count > 4 else entry + 8
            values[tag] = block[place : place + count].split(b"\x00")[0].decode("ascii", "replace").strip()
        elif tag == _EXIF_FOLDER and kind == _LONG:
            values[tag] = offset
        elif tag == _EXPOSURE and kind == _RATIONAL:
            above, below = struct.unpack_from(f"{order}II", block, offset)
            values[tag] = above / below
    return values
