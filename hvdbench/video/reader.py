"""The frames of a film in presentation order, one at a time, with what the file states of them."""

import heapq
import logging
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from hvdbench.errors import VideoError
from hvdbench.frames import Frame
from hvdbench.video.colour import Colour, Frame16, colour_of, to_rgb, to_rgb16
from hvdbench.video.container import moving_stream, moving_streams, open_video
from hvdbench.video.crop import Crop, Size, cut, size_fault
from hvdbench.video.metadata import CameraFacts, DolbyVision, camera_facts, dolby_vision
from hvdbench.video.tone import TONE_MAP, to_linear16, tone_map
from hvdbench.video.upright import Upright, upright_of

_LOG = logging.getLogger(__name__)
T = TypeVar("T")
_REORDERED = 4  # decoded frames held back, for files whose frames come out of order
_MOST_OBLONG = 4  # a pixel that is stated to be longer than this is taken as square
_SQUARE = Fraction(1)
_IPT_MATRIX = "h273-15"  # Dolby's own colours, which only its metadata turns into pictures
_Held = tuple[float, int, VideoFrame]  # time, s; place in decoding order; frame


@dataclass(frozen=True)
class VideoFacts:
    """What is known of a film once its first frame is decoded.

    Attributes:
        stored_size: width and height as coded, px.
        upright: the turn that frames are given.
        pixel_aspect: width of a stored pixel over its height; frames come with square ones.
        colour: as the first frame states it.
        tone_map: what made it SDR; empty for SDR.
        fps: average rate that the file states; None: it states none.
        frames_stated: packets of the track by the file's index; 0: it does not say.
        camera: what the container states of the camera.
        dolby: the Dolby Vision configuration, None without.
        codec: the decoder's name.
        video_tracks: tracks of moving pictures; the first is read.
        has_audio: whether there is a sound track.
    """

    stored_size: Size
    upright: Upright
    pixel_aspect: Fraction
    colour: Colour
    tone_map: str
    fps: Fraction | None
    frames_stated: int
    camera: CameraFacts
    dolby: DolbyVision | None
    codec: str
    video_tracks: int
    has_audio: bool


@dataclass(frozen=True)
class Shot:
    """A frame of a film.

    Attributes:
        time_s: presentation time, s; None where none is known.
        picture: uint8 RGB (H, W, 3), upright, cropped and resized as asked.
        linear: the same as linear light, uint16 (H, W, 3), where it was asked for.
        exposure_s: exposure time, s, where it is stated.
    """

    time_s: float | None
    picture: Frame
    linear: Frame16 | None = None
    exposure_s: float | None = None


class VideoReader:
    """Gives a film's frames in presentation order, one at a time; a context manager that is iterated once.

    Memory holds a handful of frames, however long the film.

    Args:
        path: the video file.
        crop: x, y, width, height in pixels of the upright picture.
        size: width and height to resize to (area averaging), after the crop.
        linear: give linear light too, in the file's primaries, whole and cropped but not resized.

    Attributes:
        facts: known once the block is entered.
        notes: what a user must know, without the file's name; complete when the frames have ended.
        outside_edit_list: stored frames that the file's edit list leaves out, counted so far.

    Raises:
        VideoError: on entering: no such file, no video, no frame that decodes, a crop outside the picture, Dolby Vision
            without a base layer; on iterating: the picture changes its size.
    """

    facts: VideoFacts
    notes: list[str]
    outside_edit_list: int

    def __init__(self, path: Path, *, crop: Crop | None = None, size: Size | None = None, linear: bool = False) -> None:
        self.path, self._crop, self._size, self._linear = path, crop, size, linear
        self.notes, self.outside_edit_list = [], 0
        self._decoded = self._damaged = self._untimed = 0
        self._last_s: float | None = None
        self._reformatter = VideoReformatter()

    def __enter__(self) -> "VideoReader":
        self._container = open_video(self.path)
        try:
            self._stream = moving_stream(self._container, self.path)
            self._decoding = self._decode(self._container, self._stream)
            first = next(self._decoding, None)
            if first is None:
                raise VideoError(f"{self.path}: not one frame can be decoded; the file is damaged")
            self._frames = chain([first], self._decoding)
            self.facts = self._facts(first[2], dolby_vision(self.path))
            if fault := size_fault(self.upright_size(), self._crop, self._size):
                raise VideoError(f"{self.path}: {fault}")
            self._note_facts()
        except BaseException:
            self._container.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._decoding.close()
        self._container.close()

    def __iter__(self) -> Iterator[Shot]:
        return self._each(self._shot)

    def signals(self) -> Iterator[tuple[float, Frame16]]:
        """Give times and uint16 RGB (H, W, 3) signal values in place of shots: 10 bit stays whole, HDR stays HDR."""
        return self._each(self._signal)

    def _each(self, convert: Callable[[_Held], T]) -> Iterator[T]:
        for held in self._frames:
            yield convert(held)
        if self._damaged:
            self.notes.append(f"the decoder marks {self._damaged} of {self._decoded} frames as damaged")
        if self._untimed:
            self.notes.append(f"{self._untimed} of {self._decoded} frames state no time and were spaced by the rate")

    def skip(self, count: int) -> int:
        """Pass over frames without converting them; give how many there were."""
        return sum(1 for _ in islice(self._frames, count))

    def _decode(self, container: InputContainer, stream: VideoStream) -> Generator[_Held, None, None]:
        """Decode until the end or the first error; hold a few frames back to give them in order of time."""
        held: list[_Held] = []
        packets, size = 0, (0, 0)
        try:
            for packet in container.demux(stream):
                packets += packet.size > 0
                self.outside_edit_list += packet.is_discard
                for frame in packet.decode():
                    if (frame.width, frame.height) != size:  # frames of two sizes are not sorted into each other
                        while held:
                            yield heapq.heappop(held)
                        size = frame.width, frame.height
                    heapq.heappush(held, (self._time_s(frame), self._decoded, frame))
                    self._decoded += 1
                    self._damaged += frame.is_corrupt
                    if len(held) > _REORDERED:
                        yield heapq.heappop(held)
        except av.FFmpegError as error:
            _LOG.debug("%s: %s", self.path, error)
            self._note_break("decoding broke")
        else:
            if packets < stream.frames:
                self._note_break("the file ends early,")
        while held:
            yield heapq.heappop(held)

    def _time_s(self, frame: VideoFrame) -> float:
        if frame.pts is not None and frame.time_base:
            self._last_s = float(frame.pts * frame.time_base)
        else:
            rate = _positive(self._stream.average_rate) or _positive(self._stream.guessed_rate) or Fraction(25)
            self._untimed += 1
            self._last_s = 0.0 if self._last_s is None else self._last_s + float(1 / rate)
        return self._last_s

    def _facts(self, frame: VideoFrame, dolby: DolbyVision | None) -> VideoFacts:
        stream, colour = self._stream, colour_of(frame)
        if (dolby and dolby.base == 0) or colour.matrix == _IPT_MATRIX:
            what = f"Dolby Vision profile {dolby}" if dolby else "Dolby Vision in its own colours"
            raise VideoError(
                f"{self.path} is {what}, which has no base layer that can be shown without Dolby's decoder: "
                "export it as HLG, HDR10 or SDR first"
            )
        return VideoFacts(
            (frame.width, frame.height),
            upright_of(frame),
            self._pixel_aspect(),
            colour,
            TONE_MAP if colour.is_hdr else "",
            _positive(stream.average_rate) or _positive(stream.guessed_rate),
            stream.frames,
            camera_facts({**stream.metadata, **self._container.metadata}),
            dolby,
            stream.codec_context.name,
            len(moving_streams(self._container)),
            bool(self._container.streams.audio),
        )

    def _pixel_aspect(self) -> Fraction:
        aspect = _positive(self._stream.sample_aspect_ratio) or _SQUARE
        if not Fraction(1, _MOST_OBLONG) <= aspect <= _MOST_OBLONG:
            self.notes.append(f"pixels of {_ratio(aspect)} are stated, which cannot be, and were taken as square")
            return _SQUARE
        return aspect

    def _note_facts(self) -> None:
        facts = self.facts
        if facts.upright.askew:
            self.notes.append("the file asks for a turn by no right angle, which was rounded to one")
        if facts.pixel_aspect != _SQUARE:
            (width, height), (new_width, new_height) = facts.stored_size, self._square_size() or facts.stored_size
            self.notes.append(
                f"pixels of {_ratio(facts.pixel_aspect)} were made square: {width}x{height} became "
                f"{new_width}x{new_height}"
            )
        if not facts.tone_map and facts.colour.primaries in {"bt2020", "p3-d65", "p3-dci"}:
            self.notes.append(f"its primaries are {facts.colour.primaries} and were taken as BT.709's")

    def upright_size(self) -> Size:
        """Give the width and height of the upright picture, before it is cropped and resized."""
        width, height = self._square_size() or self.facts.stored_size
        return (height, width) if self.facts.upright.transpose else (width, height)

    def _square_size(self) -> Size | None:
        """Give the stored picture's size with square pixels: the shorter side of a pixel grows."""
        (width, height), aspect = self.facts.stored_size, self.facts.pixel_aspect
        if aspect == _SQUARE:
            return None
        return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))

    def _shot(self, held: _Held) -> Shot:
        """Convert, turn, crop and resize one decoded frame."""
        time_s, frame = self._checked(held)
        facts, square, linear = self.facts, self._square_size(), None
        if facts.tone_map or self._linear:
            deep = facts.upright.apply(to_rgb16(frame, self._reformatter, square))
            if self._crop:
                x, y, width, height = self._crop
                deep = deep[y : y + height, x : x + width]
            linear = to_linear16(deep, facts.colour.transfer) if self._linear else None
        if facts.tone_map:
            picture = cut(tone_map(facts.colour.transfer).apply(deep), None, self._size)
        else:
            picture = cut(facts.upright.apply(to_rgb(frame, self._reformatter, square)), self._crop, self._size)
        return Shot(time_s, picture, linear)

    def _signal(self, held: _Held) -> tuple[float, Frame16]:
        time_s, frame = self._checked(held)
        picture = self.facts.upright.apply(to_rgb16(frame, self._reformatter, self._square_size()))
        return time_s, cut(picture, self._crop, self._size)

    def _checked(self, held: _Held) -> tuple[float, VideoFrame]:
        time_s, index, frame = held
        if (frame.width, frame.height) != self.facts.stored_size:
            raise VideoError(
                f"{self.path}: the picture changes from {self.facts.stored_size[0]}x{self.facts.stored_size[1]} to "
                f"{frame.width}x{frame.height} at frame {index}: cut the clip there first"
            )
        return time_s, frame

    def _note_break(self, what: str) -> None:
        count, stated = self._decoded, self._stream.frames
        of = f" of {stated}" if stated >= count else ""
        self.notes.append(f"{what} after {count}{of} frames; went on with those {count}")


def _positive(rate: Fraction | None) -> Fraction | None:
    return rate if rate is not None and rate > 0 else None


def _ratio(aspect: Fraction) -> str:
    return f"{aspect.numerator}:{aspect.denominator}"
