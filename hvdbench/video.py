"""Video files in and out: upright 8-bit RGB frames with their times, through PyAV.

Reading honours what phones write into a file: rotation and mirroring, presentation times of a variable frame rate,
10 bit, the colour matrix and the range. Writing makes H.264 that decodes to the same size, times and, within a few
levels, colours; the same input gives the same bytes (of the same PyAV on the same kind of processor).
"""

import io
import logging
import math
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from hvdbench.atomic import atomic_path
from hvdbench.errors import VideoError
from hvdbench.frames import Frame, Frames

Crop = tuple[int, int, int, int]
Size = tuple[int, int]

_LOG = logging.getLogger(__name__)
_LOCAL_ONLY = {"protocol_whitelist": "file"}  # a playlist in disguise must not reach out for other addresses
_READ_ERRORS = (av.FFmpegError, OSError, ValueError)
_HDR_TRANSFERS = {16: "PQ", 18: "HLG"}  # transfer characteristics of ITU-T H.273, table 3
_MATRIX_BT709, _MATRIX_UNSPECIFIED = 1, 2  # matrix coefficients of ITU-T H.273, table 4
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
_BICUBIC, _FULL_CHROMA_OUT, _FULL_CHROMA_IN, _ACCURATE, _BITEXACT = 0x4, 0x2000, 0x4000, 0x40000, 0x80000
_SCALER = _BICUBIC | _FULL_CHROMA_OUT | _FULL_CHROMA_IN | _ACCURATE | _BITEXACT  # libswscale's flags
_CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
_REPEATABLE = {"fflags": "+bitexact"}  # no time of day, version or random identifier
# A fixed number of threads, since the stream depends on it; no macroblock tree, since x264's AVX-512 code for it reads
# memory that it never set and gives other bytes from run to run.
_X264 = {"preset": "medium", "threads": "4", "mbtree": "0"}
_TICKS_HZ = 90_000
_BT709 = 1  # the same number as matrix, primaries and transfer (ITU-T H.273)


@dataclass(frozen=True)
class Video:
    """A decoded clip.

    Attributes:
        frames: uint8 RGB (T, H, W, 3), upright, cropped and resized as asked.
        t_s: presentation times (T,), float64, the first is 0; never decreasing, equal where the file repeats a time.
        fps: average rate that the file states, else the one its times give.
        rotation_deg: the clockwise turn that was applied: 0, 90, 180 or 270; where the file mirrors the picture,
            the turn after its left and right were swapped.
        pixel_format: as stored, e.g. ``yuv420p10le``.
        has_audio: whether the file has a sound track.
        warning: what a user must know about these frames, None where nothing is amiss.
    """

    frames: Frames
    t_s: NDArray[np.float64]
    fps: Fraction
    rotation_deg: int
    pixel_format: str
    has_audio: bool
    warning: str | None = None


@dataclass(frozen=True)
class _Upright:
    """A turn of the picture by a right angle, perhaps mirrored: transpose first, then flip."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False
    askew: bool = False

    @property
    def rotation_deg(self) -> int:
        """Give the clockwise turn (after the left-right swap where the picture is mirrored)."""
        if not self.transpose:
            return 180 if self.flip_y else 0
        return 90 if self.flip_x else 270

    def apply(self, picture: Frame) -> Frame:
        """Turn an (H, W, 3) picture; the result is a view."""
        if self.transpose:
            picture = picture.transpose(1, 0, 2)
        return picture[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]


def read_video(
    path: Path, *, crop: Crop | None = None, size: Size | None = None, max_frames: int | None = None
) -> Video:
    """Decode the first moving-picture stream of a video file (never an attached cover picture).

    A stream that says nothing about its colour matrix is taken as BT.709 from 720 lines up and as BT.601 below, as
    players do. PQ and HLG clips are converted without tone mapping, which the warning says. Pixels are taken as square.
    A file that breaks part-way gives the frames before the break and a warning.

    Args:
        path: the video file.
        crop: x, y, width, height in pixels of the upright picture.
        size: width and height to resize to (area averaging), after the crop.
        max_frames: stop after so many.

    Raises:
        VideoError: no such file, an empty one, one that is no video, no frame that decodes, a picture size that
            changes part-way, or a crop that reaches outside the picture.
    """
    with _open(path) as container:
        stream = _moving_stream(container, path)
        reader = _Reader(path, stream, crop, size)
        reader.read(container, max_frames)
        return reader.video(has_audio=bool(container.streams.audio))


def cut_fault(picture: Frame, crop: Crop | None, size: Size | None) -> str | None:
    """Say why an (H, W, 3) picture cannot be cropped and resized so, None where it can."""
    height_px, width_px = picture.shape[:2]
    if crop is not None:
        x, y, width, height = crop
        if min(x, y) < 0 or min(width, height) < 1 or x + width > width_px or y + height > height_px:
            asked = f"{x}:{y}:{width}:{height}"
            return f"the crop {asked} (x:y:w:h) does not lie inside the picture, which is {width_px}x{height_px}"
    if size is not None and min(size) < 1:
        return f"the size {size[0]}x{size[1]} is no size: both must be at least 1"
    return None


def cut(picture: Frame, crop: Crop | None, size: Size | None) -> Frame:
    """Crop (x, y, width, height), then resize (width, height) by area averaging; always a new contiguous array."""
    if crop is not None:
        x, y, width, height = crop
        picture = picture[y : y + height, x : x + width]
    if size is not None and size != (picture.shape[1], picture.shape[0]):
        return np.asarray(cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA), np.uint8)
    return picture.copy()


def stack(pictures: list[Frame]) -> Frames:
    """Stack equal pictures to (T, H, W, 3) and empty the list on the way, so that memory holds the clip once."""
    frames = np.empty((len(pictures), *pictures[0].shape), np.uint8)
    for index in reversed(range(len(pictures))):
        frames[index] = pictures.pop()
    return frames


class _Reader:
    """Collects the frames of one stream."""

    def __init__(self, path: Path, stream: VideoStream, crop: Crop | None, size: Size | None) -> None:
        self.path, self.stream, self.crop, self.size = path, stream, crop, size
        self.pictures: list[Frame] = []
        self.times_s: list[float] = []
        self.upright: _Upright | None = None
        self.stored_size: Size = (0, 0)
        self.pixel_format = ""
        self.notes: list[str] = []
        self.rate = _positive(stream.average_rate) or _positive(stream.guessed_rate)
        self.reformatter = VideoReformatter()

    def read(self, container: InputContainer, max_frames: int | None) -> None:
        """Decode until the end, ``max_frames`` or the first error."""
        packets = 0
        try:
            for packet in container.demux(self.stream):
                packets += packet.size > 0
                for frame in packet.decode():
                    self.add(frame)
                    if max_frames is not None and len(self.pictures) >= max_frames:
                        return
        except av.FFmpegError as error:
            _LOG.debug("%s: %s", self.path, error)
            self._note_break("decoding broke")
        else:
            if packets < self.stream.frames:
                self._note_break("the file ends early,")

    def add(self, frame: VideoFrame) -> None:
        """Convert, turn, crop and resize one decoded frame."""
        if self.upright is None:
            self._begin(frame)
        if (frame.width, frame.height) != self.stored_size:
            raise VideoError(
                f"{self.path}: the picture changes from {self.stored_size[0]}x{self.stored_size[1]} to "
                f"{frame.width}x{frame.height} at frame {len(self.pictures)}: cut the clip there first"
            )
        picture = (self.upright or _Upright()).apply(_to_rgb(frame, self.reformatter))
        if not self.pictures and (fault := cut_fault(picture, self.crop, self.size)):
            raise VideoError(f"{self.path}: {fault}")
        self.times_s.append(self._time_s(frame))
        self.pictures.append(cut(picture, self.crop, self.size))

    def video(self, *, has_audio: bool) -> Video:
        """Put the frames into presentation order."""
        if not self.pictures:
            raise VideoError(f"{self.path}: not one frame can be decoded; the file is damaged")
        times_s = np.asarray(self.times_s, np.float64)
        order = np.argsort(times_s, kind="stable")
        t_s = times_s[order] - times_s[order[0]]
        self.pictures = [self.pictures[index] for index in order]
        frames = stack(self.pictures)
        rate = self.rate or (
            Fraction((len(t_s) - 1) / t_s[-1]).limit_denominator(1001) if t_s[-1] > 0 else Fraction(25)
        )
        rotation_deg = self.upright.rotation_deg if self.upright else 0
        warning = "; ".join(self.notes)
        return Video(
            frames,
            t_s,
            rate,
            rotation_deg,
            self.pixel_format,
            has_audio,
            f"{self.path.name}: {warning}" if warning else None,
        )

    def _begin(self, frame: VideoFrame) -> None:
        self.stored_size = (frame.width, frame.height)
        self.pixel_format = frame.format.name
        self.upright = _upright(frame)
        if self.upright.askew:
            self.notes.append("the file asks for a turn by no right angle, which was rounded to one")
        if transfer := _HDR_TRANSFERS.get(int(frame.color_trc)):
            self.notes.append(f"the clip is HDR ({transfer}) and was converted without tone mapping")

    def _time_s(self, frame: VideoFrame) -> float:
        if frame.pts is not None and frame.time_base:
            return float(frame.pts * frame.time_base)
        return self.times_s[-1] + float(1 / (self.rate or Fraction(25))) if self.times_s else 0.0

    def _note_break(self, what: str) -> None:
        count, stated = len(self.pictures), self.stream.frames
        of = f" of {stated}" if stated >= count else ""
        self.notes.append(f"{what} after {count}{of} frames; went on with those {count}")


def _open(path: Path) -> InputContainer:
    if path.is_dir():
        raise VideoError(f"{path} is a folder: name a video file")
    if not path.is_file():
        raise VideoError(f"{path} does not exist: name a video file")
    if path.stat().st_size == 0:
        raise VideoError(f"{path} is empty (0 bytes)")
    try:
        container = av.open(str(path), "r", options=_LOCAL_ONLY, metadata_errors="ignore")
    except _READ_ERRORS as error:
        raise VideoError(
            f"{path} cannot be opened as a video ({path.stat().st_size} bytes): it is damaged or of another kind"
        ) from error
    name = container.format.name
    if name in {"image2", "gif", "apng"} or name.endswith("_pipe"):
        container.close()
        raise VideoError(f"{path} is a picture, not a video: name a video file or a folder of frames")
    return container


def _moving_stream(container: InputContainer, path: Path) -> VideoStream:
    for stream in container.streams.video:
        if not int(stream.disposition) & int(Disposition.attached_pic):
            return stream
    raise VideoError(f"{path} has no video stream ({len(container.streams.audio)} of sound): name a video file")


def _positive(rate: Fraction | None) -> Fraction | None:
    return rate if rate is not None and rate > 0 else None


def _upright(frame: VideoFrame) -> _Upright:
    """Read the display matrix: x' = a x + c y, y' = b x + d y for stored x, y (ISO/IEC 14496-12, 8.3.2)."""
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return _Upright()
    a, b, _, c, d = (int(value) for value in np.frombuffer(data, np.int32)[:5])
    straight, turned = min(abs(a), abs(d)), min(abs(b), abs(c))
    askew = min(straight, turned) > max(straight, turned) // 100
    if turned > straight:
        return _Upright(transpose=True, flip_x=c < 0, flip_y=b < 0, askew=askew)
    return _Upright(flip_x=a < 0, flip_y=d < 0, askew=askew)


def _to_rgb(frame: VideoFrame, reformatter: VideoReformatter) -> Frame:
    """Convert a decoded frame of any pixel format to 8-bit RGB (H, W, 3) by its matrix and range."""
    if frame.format.is_rgb:
        rgb = reformatter.reformat(frame, format="rgb24", interpolation=_SCALER)
        return np.asarray(rgb.to_ndarray(), np.uint8)
    matrix = int(frame.colorspace)
    if matrix == _MATRIX_UNSPECIFIED and min(frame.width, frame.height) >= 720:
        matrix = _MATRIX_BT709
    full_range = int(frame.color_range) == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    rgb = reformatter.reformat(
        frame,
        format="rgb24",
        src_colorspace=int(_MATRICES.get(matrix, Colorspace.ITU601)),
        src_color_range=int(ColorRange.JPEG if full_range else ColorRange.MPEG),
        dst_color_range=int(ColorRange.JPEG),
        interpolation=_SCALER,
    )
    return np.asarray(rgb.to_ndarray(), np.uint8)


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
    except _READ_ERRORS as error:
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
        interpolation=_SCALER,
    )
    picture.colorspace = picture.color_primaries = picture.color_trc = _BT709
    picture.color_range = int(ColorRange.MPEG)
    return picture


class _Sound:
    """The packets of a file's first sound track, timed from its first video frame."""

    def __init__(self, path: Path, end_s: float) -> None:
        self.path = path
        self.source = _open(path)
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
