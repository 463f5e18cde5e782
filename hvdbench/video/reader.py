"""Read a video: its frames in presentation order, with what the file states of them. The one door to videos.

Reading honours what phones write into a file: rotation and mirroring, presentation times of a variable frame rate,
edit lists, pixels that are not square, 10 bit, HDR, the colour matrix and the range. :class:`VideoReader` yields one
frame at a time and :func:`read_video` the whole video; :mod:`hvdbench.video.input` reads videos and folders alike.
"""

import logging
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import av
import numpy as np
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from hvdbench.errors import VideoError
from hvdbench.frames import Frame, Frame16, Frames, Gray
from hvdbench.video.clock import FrameClock, TimedFrame
from hvdbench.video.colour.pixels import luma, to_rgb, to_rgb16
from hvdbench.video.colour.stated import Colour, colour_of
from hvdbench.video.colour.tone import map_of, to_linear16, to_sdr
from hvdbench.video.container import moving_stream, open_video
from hvdbench.video.crop import Crop, Size, cut, size_fault
from hvdbench.video.deinterlace import deinterlaced
from hvdbench.video.facts import VideoFacts, facts_of, notes_on, stated_duration_s, stated_rate, tone_map_notes
from hvdbench.video.watch import FrameWatch

USUAL_FPS = Fraction(25)
"""The frame rate of a video that does not state one."""

_ROUNDED = 2.5  # frames by which a stated duration may be longer than what was found, since containers round it
_SAME_S = 1e-6  # a time that was asked for as a decimal may lie a rounding error away from the frame's own
_LOG = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Shot:
    """A frame of a video.

    Attributes:
        time_s: presentation time, s; None where none is known.
        picture: uint8 RGB (H, W, 3), upright, cropped and resized as requested.
        linear: the same as linear light, uint16 (H, W, 3), if it was requested.
        exposure_s: exposure time, s, where it is stated.
        starts_anew: whether the video's clock started again with it, as where two recordings were joined.
    """

    time_s: float | None
    picture: Frame
    linear: Frame16 | None = None
    exposure_s: float | None = None
    starts_anew: bool = False


class VideoReader:
    """Read a video's frames in presentation order, one at a time; a context manager that is iterated once.

    Memory holds a handful of frames, however long the video. A video that breaks part-way ends there, with a note.

    Args:
        path: the video file.
        crop: x, y, width, height in pixels of the upright picture.
        size: width and height to resize to (area averaging), after the crop.
        linear: whether to read linear light too, in the file's primaries, cropped but not resized.
        start_s: pass over the frames before this time, in seconds after the first frame, without converting them.
        end_s: end before this time; None for the end of the file.
        deinterlace: whether to make whole pictures of interlaced frames, one for each.

    Attributes:
        facts: known once the block is entered.
        first_s: the time of the file's first frame, s.
        passed: frames that were passed over because they lie before ``start_s``, counted so far.
        notes: what a user must know, without the file's name; complete when the frames have ended.
        outside_edit_list: stored frames that the file's edit list leaves out, counted so far.

    Raises:
        VideoError: on entering, if the file does not exist or is not a video, no frame can be decoded, the crop lies
            outside the picture, Dolby Vision has no base layer, or its colours are not read; on iterating, if the
            picture changes its size.
    """

    facts: VideoFacts
    notes: list[str]
    outside_edit_list: int
    first_s: float
    passed: int

    def __init__(
        self,
        path: Path,
        *,
        crop: Crop | None = None,
        size: Size | None = None,
        linear: bool = False,
        start_s: float = 0.0,
        end_s: float | None = None,
        deinterlace: bool = False,
    ) -> None:
        self.path, self._crop, self._size, self._linear = path, crop, size, linear
        self._start_s, self._end_s, self._deinterlace = start_s, end_s, deinterlace
        self.notes, self.outside_edit_list, self.passed = [], 0, 0
        self._reformatter = VideoReformatter()

    def __enter__(self) -> "VideoReader":
        self._container = open_video(self.path)
        try:
            stream = moving_stream(self._container, self.path)
            self._clock = FrameClock(stated_rate(stream) or USUAL_FPS, self._container.format.name)
            self._watch = FrameWatch(stream.codec_context.name, deinterlace=self._deinterlace)
            self._decoding = self._decode(self._container, stream)
            first = next(self._decoding, None)
            if first is None:
                raise VideoError(f"{self.path}: no frame can be decoded, so the file is damaged")
            self.first_s = first.time_s
            frames = chain([first], self._decoding)
            self._frames = deinterlaced(frames, self.path) if self._deinterlace else frames
            self.facts = facts_of(self.path, self._container, stream, first.frame)
            if fault := size_fault(self.facts.upright_size, self._crop, self._size):
                raise VideoError(f"{self.path}: {fault}")
            self.notes += notes_on(self.facts)
        except BaseException:
            self._container.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was read stays."""
        self._decoding.close()
        self._container.close()

    def __iter__(self) -> Iterator[Shot]:
        return self._each(self._shot)

    def signals(self) -> Iterator[tuple[float, Frame16]]:
        """Yield times and uint16 RGB (H, W, 3) signal values in place of shots: 10 bit stays whole, HDR stays HDR."""
        return self._each(self._signal)

    def lumas(self) -> Iterator[Gray]:
        """Yield each frame's luma (H, W) as stored, uint8, in place of shots: no colours, no turn, crop nor size."""
        return self._each(lambda timed: luma(timed.frame))

    def skip(self, count: int | None = None) -> int:
        """Pass over frames without converting them, all that are left for None; return how many there were."""
        return sum(1 for timed in islice(self._frames, count) if self._check_size(timed))

    def _each(self, convert: Callable[[TimedFrame], T]) -> Iterator[T]:
        for timed in self._frames:
            self._check_size(timed)
            since_first_s = timed.time_s - self.first_s
            if since_first_s < self._start_s - _SAME_S:
                self.passed += 1
            elif self._end_s is not None and since_first_s >= self._end_s - _SAME_S:
                return
            else:
                yield convert(timed)

    def _decode(self, container: InputContainer, stream: VideoStream) -> Generator[TimedFrame, None, None]:
        """Decode until the end or the first error, then note what went wrong on the way."""
        packets, clock, found = 0, self._clock, list[str]()
        try:
            for packet in container.demux(stream):
                packets += packet.size > 0
                self.outside_edit_list += packet.is_discard
                clock.see_packet(packet.pts)
                for frame in packet.decode():
                    self._watch.see(frame, stream.codec_context.sample_aspect_ratio)
                    yield from clock.put(frame)
        except av.FFmpegError as error:
            _LOG.debug("%s: %s", self.path, error)
            found.append(self._note_break("decoding broke", stream.frames))
        else:
            found += self._notes_on_end(packets, stream)
        yield from clock.rest()
        found += self._watch.notes()
        if clock.untimed:
            found.append(
                f"{clock.untimed} of {clock.count} frames do not state a time and were spaced by the frame rate"
            )
        if clock.restarts:
            found.append(
                f"its clock starts again {clock.restarts} times, as in recordings joined end to end: what follows was "
                "put after what came before"
            )
        self.notes[:0] = found  # before what was guessed, which weighs less

    def _check_size(self, timed: TimedFrame) -> bool:
        """Refuse a frame of another size than the first; True for any other."""
        found, (width, height) = timed.frame, self.facts.stored_size
        if (found.width, found.height) != (width, height):
            raise VideoError(
                f"{self.path}: the picture changes from {width}x{height} to {found.width}x{found.height} at frame "
                f"{timed.index}: cut the clip there first"
            )
        return True

    def _colour(self, timed: TimedFrame) -> Colour:
        """Return how a frame is read; what it states may differ from the first one's."""
        colour = colour_of(timed.frame, self.facts.codec)
        if colour.fault:
            raise VideoError(f"{self.path}: from frame {timed.index} on {colour.fault}")
        return colour

    def _shot(self, timed: TimedFrame) -> Shot:
        """Convert, turn, crop and resize one decoded frame."""
        facts, square, colour, linear = self.facts, self.facts.square_size, self._colour(timed), None
        if map_of(colour) or self._linear:
            deep = facts.upright.apply(to_rgb16(timed.frame, self._reformatter, square, colour))
            if self._crop:
                x, y, width, height = self._crop
                deep = deep[y : y + height, x : x + width]
            linear = to_linear16(deep, colour.transfer) if self._linear else None
        if map_of(colour):
            picture = cut(to_sdr(deep, colour), None, self._size)
        else:
            whole = facts.upright.apply(to_rgb(timed.frame, self._reformatter, square, colour))
            picture = cut(whole, self._crop, self._size)
        return Shot(timed.time_s, picture, linear, starts_anew=timed.starts_anew)

    def _signal(self, timed: TimedFrame) -> tuple[float, Frame16]:
        facts, colour = self.facts, self._colour(timed)
        if (colour.transfer, colour.primaries) != (facts.colour.transfer, facts.colour.primaries):
            raise VideoError(
                f"{self.path}: its transfer or primaries change at frame {timed.index}, and one video of 10 bits has "
                "one of each: cut the clip there first"
            )
        picture = facts.upright.apply(to_rgb16(timed.frame, self._reformatter, facts.square_size, colour))
        return timed.time_s, cut(picture, self._crop, self._size)

    def _notes_on_end(self, packets: int, stream: VideoStream) -> list[str]:
        """Compare what was found with what the file states of its length."""
        covered_s, stated_s = self._clock.covered_s, stated_duration_s(stream)
        is_short = stated_s is None or covered_s < stated_s - _ROUNDED * self._clock.shown_s
        if packets < stream.frames and is_short:
            return [self._note_break("the file ends early,", stream.frames)]
        if packets < stream.frames:
            return [f"{stream.frames - packets} of {stream.frames} frames were dropped when it was recorded"]
        if stated_s is not None and stream.frames == 0 and is_short:
            count = self._clock.count
            return [
                f"the file states {stated_s:.3g} s and ends after {covered_s:.3g} s, with {count} frames; those "
                f"{count} were used"
            ]
        return []

    def _note_break(self, what: str, stated: int) -> str:
        count = self._clock.count
        of = f" of {stated}" if stated >= count else ""
        return f"{what} after {count}{of} frames; those {count} were used"


@dataclass(frozen=True)
class Video:
    """A whole video in memory.

    Attributes:
        frames: uint8 RGB (T, H, W, 3), upright, cropped and resized as requested.
        t_s: presentation times (T,), float64, the first is 0; equal where the file repeats a time.
        fps: average rate that the file states, else the one its times give.
        facts: what else it states.
        warning: what a user must know about these frames, None where there is nothing to know.
    """

    frames: Frames
    t_s: NDArray[np.float64]
    fps: Fraction
    facts: VideoFacts
    warning: str | None = None


def read_video(
    path: Path, *, crop: Crop | None = None, size: Size | None = None, max_frames: int | None = None
) -> Video:
    """Read a whole video, as :class:`VideoReader` reads it frame by frame.

    PQ and HLG clips are tone-mapped, which the warning says. A file that breaks part-way comes as the frames before the
    break and a warning.

    Args:
        path: the video file.
        crop: x, y, width, height in pixels of the upright picture.
        size: width and height to resize to (area averaging), after the crop.
        max_frames: stop after so many.

    Raises:
        VideoError: as :class:`VideoReader`.
    """
    pictures: list[Frame] = []
    times_s: list[float | None] = []
    with VideoReader(path, crop=crop, size=size) as reader:
        for shot in islice(reader, max_frames):
            pictures.append(shot.picture)
            times_s.append(shot.time_s)
        facts, notes = reader.facts, "; ".join([*tone_map_notes(reader.facts), *reader.notes])
    t_s = np.array(times_s, np.float64)
    t_s -= t_s[0]
    fps = facts.fps or rate_by_times(t_s)
    return Video(stack(pictures), t_s, fps, facts, f"{path.name}: {notes}" if notes else None)


def rate_by_times(t_s: NDArray[np.float64]) -> Fraction:
    """Return the average frames per second of times (T,), s; the usual rate where none follows from them."""
    return Fraction((len(t_s) - 1) / t_s[-1]).limit_denominator(1001) if t_s[-1] > 0 else USUAL_FPS


def stack(pictures: list[Frame]) -> Frames:
    """Stack equal pictures to (T, H, W, 3) and empty the list on the way, so that memory holds the clip once."""
    frames = np.empty((len(pictures), *pictures[0].shape), np.uint8)
    for index in reversed(range(len(pictures))):
        frames[index] = pictures.pop()
    return frames
