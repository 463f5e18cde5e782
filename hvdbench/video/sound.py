"""Copy the sound track of one video into another, packet by packet, without encoding it again."""

import io
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from hvdbench.video.container import moving_stream, moving_streams, open_video

CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}


class Sound:
    """Read the packets of a file's first sound track as they are needed, timed from its first video frame.

    Attributes:
        warning: why sound is missing, where it is.

    Raises:
        VideoError: if the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = open_video(path)
        self.target: AudioStream | None = None
        self.warning: str | None = None
        self._begin_s = 0.0
        self._packets = self._read()
        self._ahead = next(self._packets, None)

    def _read(self) -> "Iterator[tuple[float, Packet[Any]]]":
        """Yield (time in s, packet) to the end, or to where the track breaks."""
        if not self.source.streams.audio:
            return
        stream: AudioStream = self.source.streams.audio[0]
        offset = _start(moving_stream(self.source, self.path)) if moving_streams(self.source) else Fraction(0)
        try:
            for packet in self.source.demux(stream):
                if packet.pts is None or packet.size == 0:
                    continue
                shift = round(offset / packet.time_base)
                packet.pts -= shift
                packet.dts = None if packet.dts is None else packet.dts - shift
                yield float(packet.pts * packet.time_base), packet
        except av.FFmpegError:
            self.warning = f"{self.path.name}: the sound breaks off part-way and was copied up to there"

    def add_to(self, container: OutputContainer, path: Path) -> None:
        """Add the track to a file that is being made; a warning states where it does not fit in."""
        if self._ahead is None:
            return
        stream = self.source.streams.audio[0]
        if not _fits(stream, self._ahead[1], path.suffix.lower()):
            codec = f"{self.path.name} ({stream.name})"
            self.warning = f"{path.name}: the sound of {codec} does not fit {path.suffix} and was left out"
            return
        self.target = container.add_stream_from_template(stream)

    def begin(self, time_s: float) -> None:
        """Leave out what starts before this time, and count times from it."""
        while self._ahead is not None and self._ahead[0] < time_s:
            self._ahead = next(self._packets, None)
        self._begin_s = time_s

    def mux_until(self, container: OutputContainer, time_s: float = math.inf, *, inclusive: bool = True) -> None:
        """Write the packets that start by this time, or before it."""
        while self.target is not None and self._ahead is not None:
            starts_s, packet = self._ahead
            starts_s -= self._begin_s
            if starts_s > time_s or (starts_s == time_s and not inclusive):
                return
            self._ahead = next(self._packets, None)
            late = round(Fraction(self._begin_s) / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - late
            packet.dts = None if packet.dts is None else packet.dts - late
            packet.stream = self.target
            container.mux(packet)

    def close(self) -> None:
        """Close the source."""
        self.source.close()


def _fits(stream: AudioStream, first: "Packet[Any]", suffix: str) -> bool:
    """Return whether a container takes the track: some refuse only at the end, so a small file is written in memory."""
    try:
        with av.open(io.BytesIO(), "w", format=CONTAINERS[suffix]) as trial:
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
