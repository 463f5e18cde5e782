"""Video files in: upright 8-bit RGB frames with their times, through PyAV.

Reading honours what phones write into a file: rotation and mirroring, presentation times of a variable frame rate,
10 bit, the colour matrix and the range. :mod:`hvdbench.video_writer` writes.
"""

import logging
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from hvdbench.errors import VideoError
from hvdbench.frames import Frame, Frames

Crop = tuple[int, int, int, int]
Size = tuple[int, int]

FILE_ERRORS = (av.FFmpegError, OSError, ValueError)  # what PyAV raises where a file cannot be opened or written

_LOG = logging.getLogger(__name__)
_LOCAL_ONLY = {"protocol_whitelist": "file"}  # a playlist in disguise must not reach out for other addresses
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
SCALER = _BICUBIC | _FULL_CHROMA_OUT | _FULL_CHROMA_IN | _ACCURATE | _BITEXACT  # libswscale's flags


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
    with open_video(path) as container:
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


def open_video(path: Path) -> InputContainer:
    """Open a local file for reading; what moves or sounds in it is not looked at yet.

    Raises:
        VideoError: no such file, an empty one, or one that is no video.
    """
    if path.is_dir():
        raise VideoError(f"{path} is a folder: name a video file")
    if not path.is_file():
        raise VideoError(f"{path} does not exist: name a video file")
    if path.stat().st_size == 0:
        raise VideoError(f"{path} is empty (0 bytes)")
    try:
        container = av.open(str(path), "r", options=_LOCAL_ONLY, metadata_errors="ignore")
    except FILE_ERRORS as error:
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
        rgb = reformatter.reformat(frame, format="rgb24", interpolation=SCALER)
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
        interpolation=SCALER,
    )
    return np.asarray(rgb.to_ndarray(), np.uint8)
