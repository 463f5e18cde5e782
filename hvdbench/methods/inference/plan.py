"""Plans of inference: how a clip is cut up, given or chosen by memory, and what that is going to take."""

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
    """How a clip is cut up; the same plan gives the same frames, whatever memory is free.

    Attributes:
        window: most frames that go into the network at once; None is the whole clip.
        overlap: frames of context at each inner end of a window; 0 where the state is carried.
        tile: largest height and width that go into the network at once; None is the whole frame.
        context_px: px of context at each inner side of a tile, besides those over which tiles are blended.
        precision: what is computed in.
        device: where.
        carry_state: whether windows go on from the state that those before left, as one long clip.
        estimate: what it takes; None where nothing was measured.
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
        """Peak memory; None where nothing was measured."""
        return None if self.estimate is None else self.estimate.peak_bytes

    @property
    def estimated_s(self) -> float | None:
        """Time of the run; None where nothing was measured or the length is not known."""
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
    """Decide how to cut up a clip, and estimate what it takes, before a long run.

    A small clip is restored first, once for a network, device and precision. Whole frames are preferred to tiles and
    the whole clip to windows; where the state is carried, windows of 8 frames at most are as good. A window or tile
    that is given stays as it is, even where it does not fit.

    Args:
        network: the module.
        size: height and width of the frames.
        frame_count: T; None where it is not known, as with a stream.
        device: where to run it.
        window: most frames at once; None is the whole clip.
        overlap: frames of context at each inner end of a window. Default: the network's own, or a quarter of
            the window.
        tile: largest side, or height and width, to hand over at once; None is the whole frame.
        context_px: px of context at each inner side of a tile. Default: the network's own, or 32 where that is the
            whole picture.
        precision: what to compute in.
        memory_bytes: what may be used; None asks the device, with a cap of 4 GiB on a CPU.
        carry_state: as in :func:`make_plan`.

    Raises:
        ValueError: the window or tile is too small, or the state cannot be carried.
        FitError: the memory does not suffice for any tile.
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
    """Return how many frames go in at once where the window is given, or is the whole clip."""
    whole = memory.frames_wanted(spec, frame_count, carry_state=False)[1]
    if window is None:
        return whole
    return window if frame_count is None else min(window, whole)


def _fit(
    run: RunCost, least: int, most: int, tile: int | tuple[int, int] | Auto | None, allowed: int
) -> tuple[int, tuple[int, int] | None]:
    """Return how many frames at once (``least`` to ``most``) and which tile fit into memory; given values stay."""
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
    """Make a plan from given extents, with the defaults of :func:`restore_clip` and nothing measured.

    Args:
        spec: of the network.
        device: where to run it.
        window: most frames at once; None is the whole clip.
        overlap: frames of context at each inner end of a window.
        tile: largest side, or height and width, to hand over at once; None is the whole frame.
        context_px: px of context at each inner side of a tile.
        precision: what to compute in.
        carry_state: whether windows go on from the state of those before. Default: where the network can and no
            overlap is given.

    Raises:
        ValueError: the window is too short for the network or the overlap, or the state cannot be carried.
    """
    carries = carries_on(spec, overlap, carry_state)
    window, overlap, carries = _cut_in_time(spec, window, overlap, carries=carries)
    tile = (tile, tile) if isinstance(tile, int) else tile
    return InferencePlan(window, overlap, tile, tile_context(spec, context_px), precision, str(device), carries)


def carries_on(spec: NetworkSpec, overlap: int | None, carry_state: bool | None) -> bool:
    """Decide whether windows go on from the state of those before.

    Raises:
        ValueError: it is asked for where the network has no state to carry, or together with an overlap.
    """
    if carry_state is None:
        return spec.carries_state and not overlap
    if carry_state and not spec.carries_state:
        raise ValueError("this network carries no state from one window to the next: leave carry_state out")
    if carry_state and overlap:
        raise ValueError(
            f"where the state is carried windows do not overlap: leave out the overlap of {overlap} frames"
        )
    return carry_state


def _cut_in_time(
    spec: NetworkSpec, window: int | None, overlap: int | None, *, carries: bool
) -> tuple[int | None, int, bool]:
    """Check a window and fill in its overlap; none where the state is carried, which a whole clip has no use for."""
    if window is None or not carries:
        return *fill_window(spec, window, overlap), False
    if window < 1:
        raise ValueError(f"a window must be 1 frame or more, not {window}")
    return window, 0, True


def padded_size(size: tuple[int, int], spec: NetworkSpec) -> tuple[int, int]:
    """Return the height and width that frames of a size are padded to."""
    multiple = spec.size_multiple
    height, width = (math.ceil(max(side, spec.min_size_px) / multiple) * multiple for side in size)
    return height, width


def tiles_of(size: tuple[int, int], tile: tuple[int, int] | None, spec: NetworkSpec, context_px: int) -> list[Tile]:
    """Cut padded frames of a size into tiles; a single one where ``tile`` is None."""
    return plan_tiles(*size, size if tile is None else tile, spec, context_px)
