"""Find when each decoded frame is shown, and put frames in that order.

Most files state a time for each frame. Some state none, some state times that only count packets, some state a few and
leave the others to be guessed, and some are recordings that were joined end to end, so that their clock starts again.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from av.video.frame import VideoFrame

_HELD = 4  # decoders of streams that state too small a delay hand frames on up to so many places early
_REORDERED = 8  # frames by which a time may lie before the latest one; a clock that goes further back started again
_COUNT_PACKETS = frozenset({"avi"})
# Containers that leave most times to be guessed, so that the decoder's own order is the better one.
_STATE_FEW_TIMES = frozenset({"mpeg", "mpegvideo", "m4v", "h264", "hevc", "vvc", "h261", "h263", "dv", "rawvideo"})
_JOINED_BY_CAT = frozenset({"mpegts", "mpeg"})


@dataclass(frozen=True, order=True)
class TimedFrame:
    """A decoded frame with its time.

    Attributes:
        time_s: presentation time, s, on one clock for the whole video.
        index: its place in the order of decoding, from 0.
        frame: as decoded.
        starts_anew: whether the video's clock started again with it.
    """

    time_s: float
    index: int
    frame: VideoFrame
    starts_anew: bool = False


class FrameClock:
    """Time decoded frames and hand them on in the order of presentation, a few frames late.

    Args:
        rate: frames per second, for frames that state no time.
        container: the name of the file's format, as FFmpeg has it.

    Attributes:
        count: frames so far.
        untimed: those of them that state no time and were spaced by the rate.
        frame_s: time between frames by the rate, s.
        restarts: how often the clock went back, so that what follows was put after what came before.
    """

    def __init__(self, rate: Fraction, container: str = "") -> None:
        self.count = self.untimed = self.restarts = 0
        self.frame_s = float(1 / rate)
        self._held: list[TimedFrame] = []
        self._size = (0, 0)
        self._first_s = float("inf")
        self._last_s = self._latest_s = self._handed_s = float("-inf")
        self._step_s = self.frame_s
        self._offset_s = 0.0
        self._packet_pts = float("-inf")
        self._packets_rise = True
        self._first: tuple[float, int] | None = None  # time, s, and packet time of the first frame
        self._by_packets = container in _COUNT_PACKETS
        self._by_decoder = self._by_packets or container in _STATE_FEW_TIMES
        self._may_be_joined = container in _JOINED_BY_CAT

    @property
    def covered_s(self) -> float:
        """The time from the first frame to the end of the last, s; 0 without frames."""
        return self._latest_s - self._first_s + self.shown_s if self.count else 0.0

    @property
    def shown_s(self) -> float:
        """How long a frame is shown, s.

        That is by the rate, or by the average time between frames where that is up to twice as long: some files state
        a rate of fields.
        """
        average_s = (self._latest_s - self._first_s) / (self.count - 1) if self.count > 1 else 0.0
        return min(max(self.frame_s, average_s), 2 * self.frame_s)

    def see_packet(self, pts: int | None) -> None:
        """Take the time of the next packet, in the order of decoding."""
        if pts is not None:
            self._packets_rise &= pts > self._packet_pts
            self._packet_pts = pts

    def put(self, frame: VideoFrame) -> Iterator[TimedFrame]:
        """Take the next decoded frame and yield those that are due."""
        if (frame.width, frame.height) != self._size:  # frames of two sizes are not sorted into each other
            yield from self.rest()
            self._size = frame.width, frame.height
        time_s, starts_anew = self._time_s(frame), False
        goes_back = time_s < self._latest_s
        if goes_back and self._packets_rise and not self._by_packets:
            # The decoder reorders, and yet packets are stated to be shown in the order in which they are stored: their
            # times count packets, and the decoder's own order is right.
            self._by_packets = self._by_decoder = True
            self._held = [
                replace(one, time_s=self._packet_time_s(one.frame))
                for one in sorted(self._held, key=lambda one: one.index)
            ]
            self._latest_s = max((one.time_s for one in self._held), default=self._latest_s)
            time_s = self._packet_time_s(frame)
        elif goes_back and (
            time_s < self._latest_s - _REORDERED * self.frame_s
            # Nothing that is decoded before a key frame is shown after it.
            or (self._may_be_joined and frame.key_frame)
        ):
            yield from self.rest()
            self.restarts, starts_anew = self.restarts + 1, True
            later_s = self._latest_s + self.frame_s - time_s
            self._offset_s += later_s
            time_s += later_s
        if time_s > self._last_s > float("-inf"):
            self._step_s = time_s - self._last_s
        self._first_s = min(time_s, self._first_s)
        self._last_s, self._latest_s = time_s, max(time_s, self._latest_s)
        self._hold(TimedFrame(time_s, self.count, frame, starts_anew))
        self.count += 1
        if len(self._held) > _HELD:
            yield self._hand_on()

    def rest(self) -> Iterator[TimedFrame]:
        """Yield the frames that are still held."""
        while self._held:
            yield self._hand_on()

    def _hold(self, timed: TimedFrame) -> None:
        if self._by_decoder:
            self._held.append(timed)
        else:
            heapq.heappush(self._held, timed)

    def _hand_on(self) -> TimedFrame:
        if not self._by_decoder:
            return heapq.heappop(self._held)
        timed = self._held.pop(0)
        next_s = min((one.time_s for one in self._held), default=float("inf"))
        if timed.time_s >= next_s:  # its time was guessed, and wrongly: one in between is right within a frame
            before_s = max(self._handed_s, next_s - 2 * self.frame_s)
            timed = replace(timed, time_s=(before_s + next_s) / 2)
        self._handed_s = timed.time_s
        return timed

    def _time_s(self, frame: VideoFrame) -> float:
        stated = frame.pts if frame.pts is not None else frame.dts
        if self._first is None and stated is not None and frame.dts is not None and frame.time_base:
            self._first = float(stated * frame.time_base), frame.dts
        if self._by_packets:
            return self._packet_time_s(frame)
        if frame.pts is None or not frame.time_base:
            self.untimed += 1
            return 0.0 if self.count == 0 else self._last_s + self.frame_s
        return float(frame.pts * frame.time_base) + self._offset_s

    def _packet_time_s(self, frame: VideoFrame) -> float:
        """Return the time of the packet that made the decoder hand this frame on, counted from the first frame's."""
        if self._first is None or frame.dts is None or not frame.time_base:
            return 0.0 if self.count == 0 else self._last_s + self._step_s
        first_s, first_dts = self._first
        return first_s + float((frame.dts - first_dts) * frame.time_base) + self._offset_s
