"""Plan inference: decide how a clip is cut up, as given or by memory, and estimate what that will take."""

import math
from dataclasses import dataclass
from typing import Literal

import torch

from hvdbench.methods.inference import memory
from hvdbench.methods.inference.estimate import Estimate, RunCost
from hvdbench.methods.inference.runner import Precision
from hvdbench.methods.inference.tiling import Tile, plan_tiles, tile_context
from hvdbench.methods.inference.windows import fill_window
from hvdbench.networks.spec import NetworkSpec, VideoNetwork

Auto = Literal["auto"]


@dataclass(frozen=True)
class InferencePlan:
    """A plan of how a clip is cut up; the same plan gives the same frames, however much memory is free.

    Attributes:
        window: most frames that go into the network at once; None for the whole clip.
        overlap: frames of context at each inner end of a window; 0 where the state is carried.
        tile: largest height and width that go into the network at once; None for the whole frame.
        context_px: px of context at each inner side of a tile, besides those over which tiles are blended.
        precision: number format to compute in.
        device: device to compute on.
        carry_state: whether each window continues from the state of the window before, as in one long clip.
        estimate: memory and time that the plan will take; None if nothing was measured.
    """

    window: int | None
    overlap: int
    tile: tuple[int, int] | None
    context_px: int
    precision: Precision
    device: str
    carry_state: bool = False
    estimate: Estimate | None = None

    @property
    def estimated_bytes(self) -> int | None:
        """The expected peak memory, in bytes; None if nothing was measured."""
        return None if self.estimate is None else self.estimate.peak_bytes

    @property
    def estimated_s(self) -> float | None:
        """The expected time of the run, in seconds; None if nothing was measured or the length is not known."""
        return None if self.estimate is None else self.estimate.seconds

    def describe(self) -> str:
        """Describe the plan in one line, followed by the expected time and memory where they were measured."""
        between = "the state carried on" if self.carry_state else f"{self.overlap} of overlap"
        windows = f"windows of {self.window} frames, {between}" if self.window else "the whole clip"
        tiles = f"tiles of {self.tile[1]}x{self.tile[0]} px" if self.tile else "whole frames"
        line = f"{windows}, {tiles}, {self.precision} on {self.device}"
        return line if self.estimate is None else f"{line}; {self.estimate.describe()}"


def plan_inference(
    network: VideoNetwork,
    size: tuple[int, int],
    *,
    frame_count: int | None = None,
    device: str | torch.device = "cpu",
    window: int | Auto | None = "auto",
    overlap: int | None = None,
    tile: int | tuple[int, int] | Auto | None = "auto",
    context_px: int | None = None,
    precision: Precision = "float32",
    memory_bytes: int | None = None,
    carry_state: bool | None = None,
) -> InferencePlan:
    """Decide how to cut up a clip, and estimate what that will take, before a long run.

    A small clip is restored first, once for a network, device and precision. Whole frames are preferred to tiles, and
    the whole clip is preferred to windows; where the state is carried, windows of at most 8 frames are as good. A
    window or tile that is given stays as it is, even if it does not fit.

    Args:
        network: network with its weights.
        size: height and width of the frames.
        frame_count: T; None if it is not known, as with a stream.
        device: device to run on.
        window: most frames at once; None for the whole clip, ``auto`` for what fits into memory.
        overlap: frames of context at each inner end of a window; None for the network's own, or for a quarter of the
            window if that is the whole clip.
        tile: largest side, or height and width, at once; None for the whole frame, ``auto`` for what fits into memory.
        context_px: px of context at each inner side of a tile; None for the network's own, or for 32 if that is the
            whole picture.
        precision: number format to compute in.
        memory_bytes: memory that may be used; None for what the device has free, with a cap of 4 GiB on a CPU.
        carry_state: whether windows carry the state on, as for :func:`make_plan`.

    Raises:
        ValueError: if the window or tile is too small, or the state cannot be carried.
        FitError: if the memory does not suffice for any tile.
    """
    spec = network.spec
    context_px = tile_context(spec, context_px)
    carries = carries_on(spec, overlap, carry_state) and window is not None
    cost = memory.measure_cost(network, torch.device(device), precision)
    allowed = memory.memory_to_use(torch.device(device)) if memory_bytes is None else memory_bytes
    run = RunCost(cost, spec, padded_size(size, spec), context_px, carries)
    if window == "auto":
        least, most = memory.frames_wanted(spec, frame_count, carry_state=carries)
        least = min(most, max(least, 4 * (overlap or 0)))
    else:
        least = most = _frames_at_once(spec, frame_count, window)
    frames, tile = _fit(run, least, most, tile, allowed)
    if window == "auto":
        window = None if frame_count is not None and frames >= frame_count else frames
    window, overlap, carries = _cut_in_time(spec, window, overlap, carries=carries)
    tile_size = tile or run.padded
    tiles_of(run.padded, tile, spec, context_px)  # refuses a tile that is too small
    estimate = Estimate(
        size,
        frame_count,
        run.peak_bytes(frames, tile_size),
        allowed,
        None if frame_count is None else cost.peak_bytes(max(frame_count, spec.min_frames), *run.padded),
        run.seconds_frame(frame_count, frames, overlap, tile_size),
    )
    return InferencePlan(window, overlap, tile, context_px, cost.precision, str(device), carries, estimate)


def _frames_at_once(spec: NetworkSpec, frame_count: int | None, window: int | None) -> int:
    """Return how many frames go in at once if the window is given or is the whole clip."""
    whole = memory.frames_wanted(spec, frame_count, carry_state=False)[1]
    if window is None:
        return whole
    return window if frame_count is None else min(window, whole)


def _fit(
    run: RunCost, least: int, most: int, tile: int | tuple[int, int] | Auto | None, allowed: int
) -> tuple[int, tuple[int, int] | None]:
    """Return how many frames at once, ``least`` to ``most``, and which tile fit into memory; given values stay."""
    given = None if tile == "auto" else (tile, tile) if isinstance(tile, int) else tile
    fitting = (count for count in range(most, least - 1, -1) if run.peak_bytes(count, given or run.padded) <= allowed)
    frames = next(fitting, None)
    if frames is not None or tile != "auto":
        return frames or least, given
    side = memory.largest_tile(
        lambda side: run.peak_bytes(least, (side, side)),
        run.spec,
        run.padded,
        context_px=run.context_px,
        allowed_bytes=allowed,
    )
    return least, (side, side)


def make_plan(
    spec: NetworkSpec,
    *,
    device: str | torch.device = "cpu",
    window: int | None = None,
    overlap: int | None = None,
    tile: int | tuple[int, int] | None = None,
    context_px: int | None = None,
    precision: Precision = "float32",
    carry_state: bool | None = None,
) -> InferencePlan:
    """Make a plan from given extents, with the defaults of :func:`restore_clip`, without measuring anything.

    Args:
        spec: spec of the network.
        device: device to run on.
        window: most frames at once; None for the whole clip.
        overlap: frames of context at each inner end of a window.
        tile: largest side, or height and width, at once; None for the whole frame.
        context_px: px of context at each inner side of a tile.
        precision: number format to compute in.
        carry_state: whether each window continues from the state of the window before; None to do so if the network
            can and no overlap is given.

    Raises:
        ValueError: if the window is too short for the network or the overlap, or the state cannot be carried.
    """
    carries = carries_on(spec, overlap, carry_state)
    window, overlap, carries = _cut_in_time(spec, window, overlap, carries=carries)
    tile = (tile, tile) if isinstance(tile, int) else tile
    return InferencePlan(window, overlap, tile, tile_context(spec, context_px), precision, str(device), carries)


def carries_on(spec: NetworkSpec, overlap: int | None, carry_state: bool | None) -> bool:
    """Decide whether each window continues from the state of the window before.

    Raises:
        ValueError: if this is asked for, but the network has no state to carry, or an overlap is given too.
    """
    if carry_state is None:
        return spec.carries_state and not overlap
    if carry_state and not spec.carries_state:
        raise ValueError("this network does not carry a state from one window to the next: leave carry_state out")
    if carry_state and overlap:
        raise ValueError(
            f"windows that carry a state do not overlap: leave out carry_state or the overlap of {overlap} frames"
        )
    return carry_state


def _cut_in_time(
    spec: NetworkSpec, window: int | None, overlap: int | None, *, carries: bool
) -> tuple[int | None, int, bool]:
    """Check a window and fill in its overlap, which is 0 where the state is carried; a whole clip carries no state."""
    if window is None or not carries:
        return *fill_window(spec, window, overlap), False
    if window < 1:
        raise ValueError(f"a window must be 1 frame or more, not {window}")
    return window, 0, True


def padded_size(size: tuple[int, int], spec: NetworkSpec) -> tuple[int, int]:
    """Return the height and width to which frames of a size are padded."""
    multiple = spec.size_multiple
    height, width = (math.ceil(max(side, spec.min_size_px) / multiple) * multiple for side in size)
    return height, width


def tiles_of(size: tuple[int, int], tile: tuple[int, int] | None, spec: NetworkSpec, context_px: int) -> list[Tile]:
    """Cut padded frames of a size into tiles; a single one where ``tile`` is None."""
    return plan_tiles(*size, size if tile is None else tile, spec, context_px)
