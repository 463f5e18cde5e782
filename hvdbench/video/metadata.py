"""Read what a video file's container states of the camera, and its Dolby Vision configuration."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_MAKE = ("com.apple.quicktime.make", "com.android.manufacturer", "make")
_MODEL = ("com.apple.quicktime.model", "com.android.model", "com.xiaomi.product.marketname", "model")
_MARKET_NAME = ("com.xiaomi.product.marketname",)
_CAPTURE_FPS = ("com.android.capture.fps",)
_LOCATION = ("com.apple.quicktime.location.ISO6709", "location")
_DOLBY_BOXES = (b"dvcC", b"dvvC", b"dvwC")
_LARGEST_MOOV_BYTES = 256 * 2**20


@dataclass(frozen=True)
class CameraFacts:
    """What a container states of the camera; empty or None where it states nothing.

    Attributes:
        make, model: as written, e.g. ``Apple`` and ``iPhone 14 Pro``.
        market_name: where the maker writes one beside the model number.
        capture_fps: frames per second at the sensor, of slow motion.
        location: ISO 6709 text. It is personal, so it must only be kept on request.
    """

    make: str = ""
    model: str = ""
    market_name: str = ""
    capture_fps: float | None = None
    location: str = ""


def camera_facts(metadata: Mapping[str, str]) -> CameraFacts:
    """Read the keys that phones write; all else (dates, software, names, serial numbers) is left where it is."""
    try:
        rate = float(_first(metadata, _CAPTURE_FPS) or "nan")
    except ValueError:
        rate = float("nan")
    return CameraFacts(
        _first(metadata, _MAKE),
        _first(metadata, _MODEL),
        _first(metadata, _MARKET_NAME),
        rate if 0 < rate < 1e5 else None,
        _first(metadata, _LOCATION),
    )


def _first(metadata: Mapping[str, str], keys: tuple[str, ...]) -> str:
    return next((metadata[key].strip() for key in keys if metadata.get(key, "").strip()), "")


@dataclass(frozen=True)
class DolbyVision:
    """A track's Dolby Vision configuration.

    Attributes:
        profile: 5, 7, 8 …
        base: what its base layer is without Dolby's metadata: 0 nothing that others can show, 1 PQ, 2 SDR, 4 HLG.
    """

    profile: int
    base: int

    def __str__(self) -> str:
        return f"{self.profile}.{self.base}"


def dolby_vision(path: Path) -> DolbyVision | None:
    """Read the configuration from an MP4 or MOV file; None where there is none, or the file is of another kind."""
    with path.open("rb") as file:
        for start, size, name in _boxes(file, path.stat().st_size):
            if name == b"moov" and size <= _LARGEST_MOOV_BYTES:
                file.seek(start)
                return _dolby_box(file.read(size))
    return None


def _boxes(file: BinaryIO, end: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield start, size and name of each box at the top of a file (ISO/IEC 14496-12, 4.2)."""
    start = 0
    while start + 8 <= end:
        file.seek(start)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        if size == 1 and len(head) == 16:
            size = int.from_bytes(head[8:], "big")
        elif size == 0:
            size = end - start
        if size < 8:
            return
        yield start, size, head[4:8]
        start += size


def _dolby_box(moov: bytes) -> DolbyVision | None:
    """Find the box: 4 bytes of size, its name, two of version, then 7 bits of profile; the base in bits 32 to 35."""
    for name in _DOLBY_BOXES:
        at = moov.find(name)
        if at >= 4 and int.from_bytes(moov[at - 4 : at], "big") == 32 and at + 9 <= len(moov):
            body = moov[at + 4 : at + 9]
            return DolbyVision(body[2] >> 1, body[4] >> 4)
    return None
