"""Films whose frames carry their number as black and white blocks, which survive any codec."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition
from av.video.frame import VideoFrame
from numpy.typing import NDArray

BITS, TICKS_HZ = 8, 90_000
WIDTH, HEIGHT = 176, 144


def numbered(number: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """A frame (H, W, 3) with bit b of its number in the b-th block of the upper half, and bars that move below."""
    frame = np.full((height, width, 3), 90, np.uint8)
    frame[height // 2 :] = (60 + (np.arange(width) + 3 * number) // 16 % 2 * 100).astype(np.uint8)[:, None]
    block = width // BITS
    for bit in range(BITS):
        frame[: height // 2, bit * block : (bit + 1) * block] = 235 if number >> bit & 1 else 20
    return frame


def number_of(frame: NDArray[np.uint8]) -> int:
    """Read the number back."""
    height, width = frame.shape[:2]
    block = width // BITS
    parts = [
        frame[height // 8 : 3 * height // 8, bit * block + block // 4 : bit * block + 3 * block // 4]
        for bit in range(BITS)
    ]
    return sum(int(part.mean() > 128) << bit for bit, part in enumerate(parts))


def write_numbers(
    path: Path,
    codec: str = "libx264",
    *tracks: Sequence[int],
    options: dict[str, str] | None = None,
    times_s: Sequence[float] | None = None,
    default: int = 0,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    form: str | None = None,
    muxer: dict[str, str] | None = None,
) -> Path:
    """Write numbered frames, 25 a second or at their own times, into one track or several."""
    with av.open(str(path), "w", format=form, options=muxer or {}) as container:
        streams = []
        for index, _ in enumerate(tracks):
            stream = container.add_stream(codec, rate=25, options=options or {})
            stream.width, stream.height = size
            formats = [one.name for one in stream.codec_context.codec.video_formats or []]
            stream.pix_fmt = "yuv420p" if not formats or "yuv420p" in formats else formats[0]
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else stream.pix_fmt
            stream.codec_context.thread_count = 1
            if times_s:
                stream.codec_context.time_base = Fraction(1, TICKS_HZ)
            if len(tracks) > 1:
                stream.disposition = Disposition.default if index == default else Disposition(0)
            streams.append(stream)
        for stream, numbers in zip(streams, tracks, strict=True):
            for index, number in enumerate(numbers):
                picture = VideoFrame.from_ndarray(numbered(number, *size), format="rgb24")
                picture.pts, picture.time_base = index, Fraction(1, 25)
                if times_s:
                    picture.pts, picture.time_base = round(times_s[index] * TICKS_HZ), Fraction(1, TICKS_HZ)
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
    return path
