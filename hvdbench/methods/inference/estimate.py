"""Estimate what a run of inference will take, in memory and time, before it starts."""

import math
from dataclasses import dataclass

from hvdbench.methods.inference.memory import Cost, blend_bytes
from hvdbench.methods.inference.tiling import tiled_px
from hvdbench.methods.inference.windows import plan_windows
from hvdbench.networks.spec import NetworkSpec

_MANY_WINDOWS = 100  # from here on the rate of a stream no longer depends on its length


@dataclass(frozen=True)
class Estimate:
    """An estimate of what a run will take, made from what a small clip took.

    Attributes:
        size: height and width of the frames.
        frame_count: T; None where it is not known, as with a stream.
        peak_bytes: peak memory, with a margin, on top of the weights and the frames that are read and written.
        allowed_bytes: memory that may be used: what is free, or a given limit.
        whole_bytes: memory that the whole clip in whole frames would take; None where its length is not known.
        seconds_frame: time for each frame, including what overlapping windows and tiles repeat.
    """

    size: tuple[int, int]
    frame_count: int | None
    peak_bytes: int
    allowed_bytes: int
    whole_bytes: int | None
    seconds_frame: float

    @property
    def seconds(self) -> float | None:
        """The time of the whole run, in seconds; None where the number of frames is not known."""
        return None if self.frame_count is None else self.frame_count * self.seconds_frame

    def describe(self) -> str:
        """Describe in one line what the run will take and what limits it."""
        height, width = self.size
        count = "a stream" if self.frame_count is None else f"{self.frame_count} frames"
        rate = f"about {_rate_text(1 / self.seconds_frame)} frames/s"
        duration = "" if self.seconds is None else f", {duration_text(self.seconds)}"
        used = f"{_mebibytes(self.peak_bytes)} of the {_mebibytes(self.allowed_bytes)} that may be used"
        line = f"{count} of {width}x{height} px: {rate}{duration}, {used}"
        if self.peak_bytes > self.allowed_bytes:
            return f"{line}; it may not fit: take a shorter window or a smaller tile"
        if self.whole_bytes is not None and self.whole_bytes > self.allowed_bytes:
            return f"{line} (the whole clip at once would take {_mebibytes(self.whole_bytes)})"
        return line


@dataclass(frozen=True)
class RunCost:
    """The cost of a network on frames of one size, for any way of cutting them up.

    Attributes:
        cost: measured cost of the network.
        spec: spec of the network.
        padded: height and width of the padded frames that go in.
        context_px: px of context at the inner sides of tiles.
        carries: whether each window continues from the state of the window before.
    """

    cost: Cost
    spec: NetworkSpec
    padded: tuple[int, int]
    context_px: int
    carries: bool

    def peak_bytes(self, frames: int, tile: tuple[int, int]) -> int:
        """Estimate the peak memory, in bytes, for windows of ``frames`` frames and tiles of a height and width."""
        height, width = (min(side, whole) for side, whole in zip(tile, self.padded, strict=True))
        peak = self.cost.peak_bytes(frames, height, width)
        if (height, width) != self.padded:
            peak += blend_bytes(frames, self.padded)
        if self.carries:
            peak += math.ceil(self.cost.state_bytes_px * self._tiled_px(tile))
        return peak

    def seconds_frame(self, frame_count: int | None, frames: int, overlap: int, tile: tuple[int, int]) -> float:
        """Estimate the time for each frame of the clip, in seconds.

        Args:
            frame_count: number of frames of the clip; None for a stream, which counts as long.
            frames: number of frames in a window.
            overlap: number of frames that windows share as context.
            tile: height and width of a tile.
        """
        count = _MANY_WINDOWS * frames if frame_count is None else max(frame_count, 1)
        run, windows = count, 1
        if not self.carries:
            cuts = plan_windows(max(count, self.spec.min_frames), frames, overlap)
            run, windows = sum(stop - start for start, stop, _, _ in cuts), len(cuts)
        seconds_px = windows * self.cost.seconds_px + run * self.cost.seconds_frame_px
        return self._tiled_px(tile) * seconds_px / count

    def _tiled_px(self, tile: tuple[int, int]) -> int:
        return tiled_px(*self.padded, tile, self.spec, self.context_px)


def duration_text(seconds: float) -> str:
    """Format a time for people: ``8 s``, ``4 min 10 s``, ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{max(whole, 1)} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def _rate_text(frames_per_s: float) -> str:
    return f"{frames_per_s:.0f}" if frames_per_s >= 10 else f"{frames_per_s:.2g}"


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:.0f} MiB"
