"""Write video files through PyAV: 8-bit H.264 that plays everywhere, or 10 bits in the colours of a source.

What is written decodes to the same size, times and, within a few levels, colours; the same input becomes the same bytes
(of the same PyAV on the same kind of processor). Frames come one at a time: memory does not grow with their number.
"""

import dataclasses
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from hvdbench.errors import VideoError
from hvdbench.frames import Frame, Frame16, Frames
from hvdbench.video.colour.pixels import SCALER, for_scaler, scaler_matrix
from hvdbench.video.colour.stated import MATRICES, Colour, tags_of
from hvdbench.video.container import FILE_ERRORS
from hvdbench.video.sound import CONTAINERS, Sound
from hvdbench.workspace.atomic import atomic_path

_REPEATABLE = {"fflags": "+bitexact"}  # no time of day, version or random identifier
# A fixed number of threads, since the stream depends on it; no macroblock tree, since x264's AVX-512 code for it reads
# memory that it never set and gives other bytes from run to run.
# libswscale puts a chroma sample in the middle of its four pixels; unsaid, a reader takes it as sitting on the left.
_X264 = {"preset": "medium", "threads": "4", "mbtree": "0", "x264-params": "chromaloc=1"}
# Without B-frames, since x265 never sets the decoding times of a film that is shorter than their delay, and the muxer
# refused one such film in ten. That costs a fifth of the size (REDS 027: 410 kB instead of 336).
_X265 = {"preset": "medium", "x265-params": "log-level=error:info=0:frame-threads=1:chromaloc=1:bframes=0"}
_LEAST_HEVC_PX = 64  # x265 writes past its memory where a side is shorter and colours are not halved (48x34 px, 4:4:4)
_DEEP_CRF = 12  # at 16 the error of a phone's HLG clip is that of 8 bits
_TICKS_HZ = 90_000
_BT709 = 1  # the same number as matrix, primaries and transfer (ITU-T H.273)


@dataclass(frozen=True)
class Encoding:
    """How pictures are stored.

    Attributes:
        codec: the encoder's name.
        options: the encoder's.
        crf: constant quality, 0 (lossless but for 4:2:0 and the conversion) to 51.
        depth: bits of a component, 8 or 10.
        primaries, transfer, matrix: code points of ITU-T H.273; 2 is unstated.
        full_range: whether black is code 0.
    """

    codec: str = "libx264"
    options: tuple[tuple[str, str], ...] = tuple(_X264.items())
    crf: int = 16
    depth: int = 8
    primaries: int = _BT709
    transfer: int = _BT709
    matrix: int = _BT709
    full_range: bool = False


def ten_bit_encoding(colour: Colour | None) -> Encoding:
    """Keep the colours of a source in 10 bits, in HEVC where PyAV has an encoder for it, else in H.264.

    Args:
        colour: what the source states: its transfer, primaries and range are stated again, and primaries and transfer
            that it leaves open stay open. The matrix is the one by which it was read, where the scaler knows it, else
            that of its primaries. None stands for BT.709 of limited range.
    """
    codec, options = ("libx265", _X265) if "libx265" in av.codecs_available else ("libx264", _X264)
    encoding = Encoding(codec, tuple(options.items()), crf=_DEEP_CRF, depth=10)
    if colour is None:
        return encoding
    primaries, transfer, matrix = tags_of(colour)
    return dataclasses.replace(
        encoding,
        primaries=primaries,
        transfer=transfer,
        matrix=matrix,
        full_range=colour.full_range and colour.matrix != "rgb",
    )


class VideoWriter:
    """Write a video frame by frame, whole or not at all; a context manager.

    Colours are those of the encoding. 4:2:0, but 4:4:4 where width or height is odd, since nothing is padded. The sound
    of ``audio_from`` is copied packet by packet, not encoded again: what starts after the last frame has ended is left
    out.

    Args:
        path: ``.mp4``, ``.mov`` or ``.mkv``.
        fps: frames per second; where frames come with times only the stated average.
        has_times: whether frames come with times; they are kept to 1/90000 s (Matroska: 1 ms).
        encoding: how pictures are stored.
        audio_from: a file with a sound track; one without leads to a silent clip.
        audio_start_s: how long after the first frame of ``audio_from`` the first frame written here was taken.

    Attributes:
        warning: once the block has ended, why sound was left out; None where nothing is amiss.

    Raises:
        VideoError: if the suffix is unknown, the rate is not positive, ``audio_from`` cannot be read, there are no
            frames, or the encoder or the disk refuses.
    """

    def __init__(
        self,
        path: Path,
        *,
        fps: Fraction | float,
        has_times: bool = False,
        encoding: Encoding | None = None,
        audio_from: Path | None = None,
        audio_start_s: float = 0.0,
    ) -> None:
        if path.suffix.lower() not in CONTAINERS:
            raise VideoError(
                f"{path}: '{path.suffix}' is not a video format that can be written (known: {', '.join(CONTAINERS)})"
            )
        if not 0 < fps < math.inf:
            raise VideoError(f"{path}: {fps} frames a second cannot be written: the rate must be positive")
        self.path, self.warning = path, None
        self._rate = Fraction(fps).limit_denominator(100_000)
        self._has_times = has_times
        self._time_base = Fraction(1, _TICKS_HZ) if has_times else 1 / self._rate
        self._encoding, self._audio_from = encoding or Encoding(), audio_from
        self._audio_start_s = audio_start_s
        self._reformatter = VideoReformatter()
        self._stream: VideoStream | None = None
        self._last_tick, self._first_s = -1, 0.0

    warning: str | None

    def __enter__(self) -> "VideoWriter":
        self._sound = Sound(self._audio_from) if self._audio_from is not None else None
        with ExitStack() as stack, self._told():
            if self._sound:
                stack.callback(self._sound.close)
                if self._audio_start_s > 0:
                    self._sound.begin(self._audio_start_s)
            temporary = stack.enter_context(atomic_path(self.path))
            options = _REPEATABLE if self.path.suffix.lower() == ".mkv" else {**_REPEATABLE, "movflags": "+faststart"}
            self._container: OutputContainer = stack.enter_context(av.open(f"file:{temporary}", "w", options=options))
            self._open = stack.pop_all()
        return self

    def add(self, frame: Frame | Frame16, time_s: float | None = None) -> None:
        """Write the next frame, (H, W, 3) RGB: uint8 into 8 bits, uint16 with white at 65535 into 10.

        A time that does not rise is put one tick after the one before.
        """
        with self._told():
            stream = self._stream or self._start(frame)
            if not self._has_times:
                tick = self._last_tick + 1
            else:
                time_s = time_s or 0.0
                self._first_s = time_s if self._last_tick < 0 else self._first_s
                tick = max(round((time_s - self._first_s) * _TICKS_HZ), self._last_tick + 1)
            if self._sound:
                self._sound.mux_until(self._container, float(tick * self._time_base))
            picture = self._to_yuv(frame, str(stream.pix_fmt))
            picture.pts, picture.time_base = tick, self._time_base
            self._container.mux(stream.encode(picture))
            self._last_tick = tick

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self._open.__exit__(kind, error, traceback)
            return
        with self._open as stack, self._told():  # an error here removes what was written
            if self._stream is None:
                raise VideoError(f"{self.path}: there are no frames to write")
            self._container.mux(self._stream.encode(None))
            if self._sound:
                last_s = float(self._last_tick * self._time_base + 1 / self._rate)
                self._sound.mux_until(self._container, last_s, inclusive=False)
                self.warning = self._sound.warning
            self._open = stack.pop_all()
        with self._told():
            self._open.close()

    def _start(self, frame: Frame | Frame16) -> VideoStream:
        """Add the tracks, once the size is known."""
        encoding, (height, width) = self._encoding, frame.shape[:2]
        if encoding.codec == "libx265" and min(height, width) < _LEAST_HEVC_PX:
            encoding = dataclasses.replace(encoding, codec="libx264", options=tuple(_X264.items()))
        options = {"crf": str(encoding.crf), **dict(encoding.options)}
        stream = self._container.add_stream(encoding.codec, rate=self._rate, options=options)
        if not isinstance(stream, VideoStream):
            raise VideoError(f"{self.path}: {encoding.codec} is not an encoder of pictures")
        stream.width, stream.height = width, height
        stream.pix_fmt = f"yuv{'444' if width % 2 or height % 2 else '420'}p{'10le' if encoding.depth == 10 else ''}"
        context = stream.codec_context
        context.time_base = self._time_base
        context.flags |= int(Flags.bitexact)
        context.colorspace, context.color_primaries = encoding.matrix, encoding.primaries
        context.color_trc = encoding.transfer
        context.color_range = int(ColorRange.JPEG if encoding.full_range else ColorRange.MPEG)
        if encoding.codec == "libx265" and self.path.suffix.lower() != ".mkv":
            context.codec_tag = "hvc1"  # the one of both that Apple's players take
        if self._sound:
            self._sound.add_to(self._container, self.path)
        self._stream = stream
        return stream

    def _to_yuv(self, frame: Frame | Frame16, pixel_format: str) -> VideoFrame:
        """Convert RGB (H, W, 3) to the encoding's matrix and range, tagged so."""
        encoding = self._encoding
        if (encoding.depth == 10) != (frame.dtype == np.uint16):
            raise ValueError(f"frames of {frame.dtype} do not fit into {encoding.depth} bits")
        picture = self._reformatter.reformat(
            _to_frame(frame),
            format=pixel_format,
            src_color_range=int(ColorRange.JPEG),
            dst_colorspace=scaler_matrix(MATRICES[encoding.matrix]),
            dst_color_range=int(ColorRange.JPEG if encoding.full_range else ColorRange.MPEG),
            interpolation=SCALER,
        )
        picture.colorspace, picture.color_primaries = encoding.matrix, encoding.primaries
        picture.color_trc = encoding.transfer
        picture.color_range = int(ColorRange.JPEG if encoding.full_range else ColorRange.MPEG)
        return picture

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the encoder or the disk refuses into one sentence."""
        try:
            yield
        except VideoError:
            raise
        except FILE_ERRORS as error:
            reason = getattr(error, "strerror", None) or error
            raise VideoError(f"{self.path} cannot be written: {reason}") from error


def _to_frame(frame: Frame | Frame16) -> VideoFrame:
    if frame.dtype == np.uint8:
        return VideoFrame.from_ndarray(np.ascontiguousarray(frame, np.uint8), format="rgb24")
    return VideoFrame.from_ndarray(for_scaler(frame.astype(np.uint16, copy=False)), format="rgb48le")


def write_video(
    path: Path,
    frames: Frames,
    *,
    fps: Fraction | float,
    t_s: NDArray[np.float64] | None = None,
    audio_from: Path | None = None,
    crf: int = 16,
) -> str | None:
    """Write a clip as 8-bit H.264 in BT.709 of limited range, as :class:`VideoWriter` does.

    Args:
        path: ``.mp4``, ``.mov`` or ``.mkv``.
        frames: uint8 RGB (T, H, W, 3), T >= 1.
        fps: frames per second; with ``t_s`` only the stated average.
        t_s: presentation times (T,), rising; None spaces frames by ``fps``.
        audio_from: a file with a sound track; one without leads to a silent clip.
        crf: x264's constant quality, 0 (lossless but for 4:2:0 and the conversion) to 51.

    Returns:
        None, or a sentence that says why the sound was left out.

    Raises:
        VideoError: as :class:`VideoWriter`, or times that do not rise or do not match.
    """
    count = len(frames)
    if t_s is not None and (len(t_s) != count or not np.isfinite(t_s).all() or (np.diff(t_s) < 0).any()):
        raise VideoError(
            f"{path}: there are {len(t_s)} times for {count} frames: each frame needs one time, and times must rise"
        )
    encoding = Encoding(crf=crf)
    with VideoWriter(path, fps=fps, has_times=t_s is not None, encoding=encoding, audio_from=audio_from) as writer:
        for index, frame in enumerate(frames):
            writer.add(frame, None if t_s is None else float(t_s[index]))
    return writer.warning
