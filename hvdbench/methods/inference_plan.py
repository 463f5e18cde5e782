"""Plans of inference: how a clip is cut up, given or chosen by memory, and what that is going to take."""

import math
from dataclasses import dataclass
from typing import Literal

import torch

from hvdbench.methods import memory
from hvdbench.methods.runner import Precision
from hvdbench.methods.tiling import Tile, plan_tiles, tile_context
from hvdbench.methods.windows import fill_window, plan_windows
from hvdbench.networks.spec import NetworkSpec, VideoNetwork

Auto = Literal["auto"]


@dataclass(frozen=True)
class InferencePlan:
    """How a clip is cut up; the same plan gives the same frames, whatever memory is free.

    Attributes:
        window: most frames that go into the network at once; None is the whole clip.
        overlap: frames of context at each inner end of a window.
        tile: largest height and width that go into the network at once; None is the whole frame.
        context_px: px of context at each inner side of a tile, besides those over which tiles are blended.
        precision: what is computed in.
        device: where.
        estimated_bytes: peak memory, as measured on a small clip; None where nothing was.
        estimated_s: time in seconds, by the same; None where nothing was or the length is not known.
    """

    window: int | None
    overlap: int
    tile: tuple[int, int] | None
    context_px: int
    precision: Precision
    device: str
    estimated_bytes: int | None = None
    estimated_s: float | None = None

    def describe(self) -> str:
        """Say it in one line."""
        windows = f"windows of {self.window} frames, {self.overlap} of overlap" if self.window else "the whole clip"
        tiles = f"tiles of {self.tile[1]}x{self.tile[0]} px" if self.tile else "whole frames"
        parts = [windows, tiles, f"{self.precision} on {self.device}"]
        if self.estimated_bytes is not None:
            parts.append(f"about {self.estimated_bytes / 2**20:.0f} MiB")
        if self.estimated_s is not None:
            parts.append(f"about {self.estimated_s:.0f} s")
        return ", ".join(parts)


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
) -> InferencePlan:
    """Decide how to cut up a clip, and estimate what it takes, before a long run.

    A small clip is restored first, once for a network, device and precision. Whole frames are preferred to tiles and
    the whole clip to windows. A window or tile that is given stays as it is, even where it does not fit.

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

    Raises:
        ValueError: the window or tile is too small.
        FitError: the memory does not suffice for the smallest tile.
    """
    spec = network.spec
    padded = padded_size(size, spec)
    context_px = tile_context(spec, context_px)
    cost = memory.measure_cost(network, torch.device(device), precision)
    allowed = memory.memory_to_use(torch.device(device)) if memory_bytes is None else memory_bytes
    least, most = memory.frames_wanted(spec, frame_count)
    if window == "auto":
        least = min(most, max(least, 4 * (overlap or 0)))
    elif window is not None:
        least = most = window if frame_count is None else min(window, most)
    else:
        least = most
    given = (tile, tile) if isinstance(tile, int) else tile
    part = padded if given is None or given == "auto" else (min(given[0], padded[0]), min(given[1], padded[1]))
    frames = memory.longest_window(cost, part, least, most, allowed)
    if frames is None and given == "auto":
        frames = least
        side = memory.largest_tile(cost, spec, padded, frame_count=frames, context_px=context_px, memory_bytes=allowed)
        given = part = (side, side)
    elif given == "auto":
        given = None
    frames = frames or least  # a window and tile that are given stay, whatever they need
    if window == "auto":
        window = None if frame_count is not None and frames >= frame_count else frames
    window, overlap = fill_window(spec, window, overlap)
    tiles = tiles_of(padded, given, spec, context_px)
    tile_px = sum((tile.bottom - tile.top) * (tile.right - tile.left) for tile in tiles)
    seconds = None
    if frame_count is not None:
        seconds = cost.seconds_frame_px * tile_px * _frames_run(frame_count, frames, overlap, spec)
    blend = memory.blend_bytes(frames, padded) if len(tiles) > 1 else 0
    return InferencePlan(
        window,
        overlap,
        given,
        context_px,
        cost.precision,
        str(device),
        blend + cost.peak_bytes(frames, min(part[0], padded[0]), min(part[1], padded[1])),
        seconds,
    )


def make_plan(
    spec: NetworkSpec,
    *,
    device: str | torch.device = "cpu",
    window: int | None = None,
    overlap: int | None = None,
    tile: int | tuple[int, int] | None = None,
    context_px: int | None = None,
    precision: Precision = "float32",
) -> InferencePlan:
    """Make a plan from given extents, with the defaults of :func:`restore_clip` and nothing measured.

    Raises:
        ValueError: the window is too short for the network or the overlap.
    """
    window, overlap = fill_window(spec, window, overlap)
    tile = (tile, tile) if isinstance(tile, int) else tile
    return InferencePlan(window, overlap, tile, tile_context(spec, context_px), precision, str(device))


def padded_size(size: tuple[int, int], spec: NetworkSpec) -> tuple[int, int]:
    """Give the height and width that frames of a size are padded to."""
    multiple = spec.size_multiple
    height, width = (math.ceil(max(side, spec.min_size_px) / multiple) * multiple for side in size)
    return height, width


def tiles_of(size: tuple[int, int], tile: tuple[int, int] | None, spec: NetworkSpec, context_px: int) -> list[Tile]:
    """Cut padded frames of a size into tiles; a single one where ``tile`` is None."""
    return plan_tiles(*size, size if tile is None else tile, spec, context_px)


def _frames_run(frame_count: int, window: int, overlap: int, spec: NetworkSpec) -> int:
    """Count the frames that go into the network, those of overlaps each time."""
    windows = plan_windows(max(frame_count, spec.min_frames), window, overlap)
    return sum(stop - start for start, stop, _, _ in windows)
