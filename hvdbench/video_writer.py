"""Video files out: H.264 that plays everywhere, through PyAV.

What is written decodes to the same size, times and, within a few levels, colours; the same input gives the same bytes
(of the same PyAV on the same kind of processor).
"""

import io
import math
from collections import deque
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from hvdbench.atomic import atomic_path
from hvdbench.errors import VideoError
from hvdbench.frames import Frame, Frames
from hvdbench.video import FILE_ERRORS, SCALER, open_video

_CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
_REPEATABLE = {"fflags": "+bitexact"}  # no time of day, version or random identifier
# A fixed number of threads, since the stream depends on it; no macroblock tree, since x264's AVX-512 code for it reads
# memory that it never set and gives other bytes from run to run.
_X264 = {"preset": "medium", "threads": "4", "mbtree": "0"}
_TICKS_HZ = 90_000
_BT709 = 1  # the same number as matrix, primaries and transfer (ITU-T H.273)


def write_video(
    path: Path,
    frames: Frames,
    *,
    fps: Fraction | float,
    t_s: NDArray[np.float64] | None = None,
    audio_from: Path | None = None,
    crf: int = 16,
) -> str | None:
    """Write H.264 that plays everywhere, whole or not at all; the same input gives the same bytes.

    Colours are BT.709, limited range, and tagged so. 4:2:0, but 4:4:4 where width or height is odd, since nothing is
    padded. The sound of ``audio_from`` is copied packet by packet, not encoded again: what starts after the last frame
    has ended is left out.

    Args:
        path: ``.mp4``, ``.mov`` or ``.mkv``.
        frames: uint8 RGB (T, H, W, 3), T >= 1.
        fps: frames per second; with ``t_s`` only the stated average.
        t_s: presentation times (T,), rising; kept to 1/90000 s (Matroska: 1 ms). None spaces frames by ``fps``.
        audio_from: a file with a sound track; one without gives a silent clip.
        crf: x264's constant quality, 0 (lossless but for 4:2:0 and the conversion) to 51.

    Returns:
        None, or a sentence that says why the sound was left out.

    Raises:
        VideoError: an unknown suffix, no frames, times that do not rise or do not match, an unreadable ``audio_from``.
    """
    if path.suffix.lower() not in _CONTAINERS:
        raise VideoError(f"{path}: no video format '{path.suffix}' to write (known: {', '.join(_CONTAINERS)})")
    if len(frames) == 0 or not 0 < fps < math.inf:
        raise VideoError(f"{path}: {len(frames)} frames at {fps} a second cannot be written: both must be positive")
    rate = Fraction(fps).limit_denominator(100_000)
    pts, time_base = _ticks(path, len(frames), rate, t_s)
    end_s = float((pts[-1] + 1) * time_base) if t_s is None else float(pts[-1] * time_base + 1 / rate)
    sound = _Sound(audio_from, end_s) if audio_from is not None else None
    options = _REPEATABLE if path.suffix.lower() == ".mkv" else {**_REPEATABLE, "movflags": "+faststart"}
    try:
        with atomic_path(path) as temporary, av.open(str(temporary), "w", options=options) as container:
            stream = _h264_stream(container, frames, rate, time_base, crf)
            warning = sound.add_to(container, path) if sound else None
            reformatter = VideoReformatter()
            for index, frame in enumerate(frames):
                if sound:
                    sound.mux_until(container, float(pts[index] * time_base))
                picture = _to_yuv(frame, str(stream.pix_fmt), reformatter)
                picture.pts, picture.time_base = pts[index], time_base
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
            if sound:
                sound.mux_until(container, math.inf)
    except FILE_ERRORS as error:
        raise VideoError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}") from error
    finally:
        if sound:
            sound.close()
    return warning


def _ticks(path: Path, count: int, rate: Fraction, t_s: NDArray[np.float64] | None) -> tuple[list[int], Fraction]:
    """Give each frame's time in ticks, and the tick in seconds."""
    if t_s is None:
        return list(range(count)), 1 / rate
    if len(t_s) != count or not np.isfinite(t_s).all() or (np.diff(t_s) < 0).any():
        raise VideoError(f"{path}: {len(t_s)} times for {count} frames: one each, rising, is expected")
    ticks: list[int] = []
    for time_s in t_s - t_s[0]:
        tick = round(float(time_s) * _TICKS_HZ)
        ticks.append(max(tick, ticks[-1] + 1) if ticks else tick)
    return ticks, Fraction(1, _TICKS_HZ)


def _h264_stream(
    container: OutputContainer, frames: Frames, rate: Fraction, time_base: Fraction, crf: int
) -> VideoStream:
    stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf), **_X264})
    height, width = frames.shape[1:3]
    stream.width, stream.height = width, height
    stream.pix_fmt = "yuv444p" if width % 2 or height % 2 else "yuv420p"
    context = stream.codec_context
    context.time_base = time_base
    context.flags |= int(Flags.bitexact)
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = int(ColorRange.MPEG)
    return stream


def _to_yuv(frame: Frame, pixel_format: str, reformatter: VideoReformatter) -> VideoFrame:
    """Convert RGB (H, W, 3) to tagged BT.709 of limited range."""
    picture = reformatter.reformat(
        VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24"),
        format=pixel_format,
        src_color_range=int(ColorRange.JPEG),
        dst_colorspace=int(Colorspace.ITU709),
        dst_color_range=int(ColorRange.MPEG),
        interpolation=SCALER,
    )
    picture.colorspace = picture.color_primaries = picture.color_trc = _BT709
    picture.color_range = int(ColorRange.MPEG)
    return picture


class _Sound:
    """The packets of a file's first sound track, timed from its first video frame."""

    def __init__(self, path: Path, end_s: float) -> None:
        self.path = path
        self.source = open_video(path)
        self.packets: deque[tuple[float, Packet[Any]]] = deque()
        self.target: AudioStream | None = None
        self.warning: str | None = None
        if self.source.streams.audio:
            try:
                self._collect(self.source.streams.audio[0], end_s)
            except av.FFmpegError:
                self.warning = f"{path.name}: the sound breaks off part-way and was copied up to there"

    def _collect(self, stream: AudioStream, end_s: float) -> None:
        offset = _start(self.source.streams.video[0]) if self.source.streams.video else Fraction(0)
        for packet in self.source.demux(stream):
            if packet.pts is None or packet.size == 0:
                continue
            shift = round(offset / packet.time_base)
            packet.pts -= shift
            packet.dts = None if packet.dts is None else packet.dts - shift
            if (time_s := float(packet.pts * packet.time_base)) < end_s:
                self.packets.append((time_s, packet))

    def add_to(self, container: OutputContainer, path: Path) -> str | None:
        """Add the track to a file that is being made; say so where it does not fit in."""
        if not self.packets:
            return self.warning
        stream = self.source.streams.audio[0]
        if not _fits(stream, self.packets[0][1], path.suffix.lower()):
            codec = f"{self.path.name} ({stream.name})"
            return f"{path.name}: the sound of {codec} does not fit {path.suffix} and was left out"
        self.target = container.add_stream_from_template(stream)
        return self.warning

    def mux_until(self, container: OutputContainer, time_s: float) -> None:
        """Write the packets that start by this time."""
        while self.target is not None and self.packets and self.packets[0][0] <= time_s:
            packet = self.packets.popleft()[1]
            packet.stream = self.target
            container.mux(packet)

    def close(self) -> None:
        """Close the source."""
        self.source.close()


def _fits(stream: AudioStream, first: "Packet[Any]", suffix: str) -> bool:
    """Tell whether a container takes the track: some refuse only in the header or at the end, so write a small file."""
    try:
        with av.open(io.BytesIO(), "w", format=_CONTAINERS[suffix]) as trial:
            packet: Packet[Any] = Packet(bytes(first))
            packet.time_base, packet.duration = first.time_base, first.duration or 0
            packet.pts = packet.dts = 0
            packet.stream = trial.add_stream_from_template(stream)
            trial.mux(packet)
    except (ValueError, av.FFmpegError):
        return False
    return True


def _start(stream: VideoStream) -> Fraction:
    return stream.start_time * stream.time_base if stream.start_time and stream.time_base else Fraction(0)
