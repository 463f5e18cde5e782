"""Maker, model, exposure time and instant of a JPEG picture, from its EXIF block; nothing else is read from it."""

import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_MAKE, _MODEL, _EXIF_FOLDER, _EXPOSURE = 0x010F, 0x0110, 0x8769, 0x829A
_TAKEN, _TAKEN_PARTS = 0x9003, 0x9291  # DateTimeOriginal, and the digits of its seconds' fraction
_TEXTS = frozenset({_MAKE, _MODEL, _TAKEN, _TAKEN_PARTS})
_ASCII, _LONG, _RATIONAL = 2, 4, 5
_HEAD_BYTES = 1 << 17  # the block comes first and has at most 64 KiB


@dataclass(frozen=True)
class PictureFacts:
    """What a picture states; empty or None where it says nothing.

    Attributes:
        make, model: of the camera.
        exposure_s: exposure time, s.
        taken_s: when it was taken, s from any instant; only differences are used, and nothing keeps it.
    """

    make: str = ""
    model: str = ""
    exposure_s: float | None = None
    taken_s: float | None = None


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
        _seconds(str(values.get(_TAKEN, "")), str(values.get(_TAKEN_PARTS, ""))),
    )


def _seconds(taken: str, parts: str) -> float | None:
    try:
        whole = datetime.strptime(taken, "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
    return whole + (float(f"0.{parts}") if re.fullmatch(r"\d+", parts) else 0.0)


def _folder(block: bytes, order: str, start: int) -> dict[int, str | int | float]:
    values: dict[int, str | int | float] = {}
    for index in range(struct.unpack_from(f"{order}H", block, start)[0]):
        entry = start + 2 + 12 * index
        tag, kind, count, offset = struct.unpack_from(f"{order}HHII", block, entry)
        if tag in _TEXTS and kind == _ASCII:
            place = offset if count > 4 else entry + 8
            values[tag] = block[place : place + count].split(b"\x00")[0].decode("ascii", "replace").strip()
        elif tag == _EXIF_FOLDER and kind == _LONG:
            values[tag] = offset
        elif tag == _EXPOSURE and kind == _RATIONAL:
            above, below = struct.unpack_from(f"{order}II", block, offset)
            values[tag] = above / below
    return values
