"""Run a network over a clip of any length and size: windows, tiles, precision, and streams of frames."""

import dataclasses
import logging
import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hvdbench.methods.inference import memory
from hvdbench.methods.inference.plan import Auto, InferencePlan, make_plan, padded_size, plan_inference, tiles_of
from hvdbench.methods.inference.runner import Precision, Runner, from_network, running
from hvdbench.methods.inference.tiling import Tile, blend_tiles
from hvdbench.methods.inference.windows import Level, Window, is_clip, stream_parts, stream_windows
from hvdbench.networks.spec import NetworkSpec, NetworkState, VideoNetwork

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class InferenceReport:
    """A report on a run.

    Attributes:
        plan: plan of the run, with the precision that was really used.
        frame_count: number of frames that were restored.
        seconds: time spent on the frames, without the time for reading and writing them.
        peak_bytes: peak memory, of tensors on a GPU, else of the whole process; None if it is not known.
    """

    plan: InferencePlan
    frame_count: int
    seconds: float
    peak_bytes: int | None

    @property
    def frames_per_s(self) -> float:
        """The number of frames restored per second."""
        return self.frame_count / self.seconds if self.seconds else math.inf


def restore_clip(
    network: VideoNetwork,
    frames: NDArray[Level],
    *,
    device: str | torch.device = "cpu",
    window: int | Auto | None = None,
    overlap: int | None = None,
    tile: int | tuple[int, int] | Auto | None = None,
    context_px: int | None = None,
    precision: Precision = "float32",
    carry_state: bool | None = None,
    progress: Callable[[int, int], None] | None = None,
    report: Callable[[InferenceReport], None] | None = None,
) -> NDArray[Level]:
    """Restore a clip of any size and length with a network.

    Frames are padded at the bottom and to the right to what ``network.spec`` asks for (by mirroring, or by repeated
    edges if the frame is too small to mirror), the last frame is repeated if there are too few, and all of this is cut
    off again. The result is clamped and rounded half up to the 8 or 16 bits of the frames. Afterwards the network is on
    the device and in the training mode that it had before.

    Windows and tiles bound memory. They do not change the result if the network declares how far it looks, and windows
    do not if it carries its state; otherwise the result differs a little. "auto" chooses by free memory
    (:func:`plan_inference`); the plan is logged and reported.

    Args:
        network: network with its weights; its ``spec`` describes its input.
        frames: (T, H, W, 3) uint8 or uint16 RGB; the largest value of the type is white.
        device: device to run on.
        window: most frames at once; None for the whole clip.
        overlap: frames at each inner end of a window that serve only as context; None for the context that the network
            declares, or for a quarter of the window if that is the whole clip.
        tile: largest side, or height and width, at once; None for the whole frame.
        context_px: px at each inner side of a tile that serve only as context; None for the context that the network
            declares, or for 32 if that is the whole picture.
        precision: number format to compute in. If the network or an operator has no 16-bit form on the device, one
            warning is logged and float32 is used.
        carry_state: whether each window continues from the state of the window before; None to do so if the network
            can and no overlap is given.
        progress: function called with the number of frames done and T after each window.
        report: function called at the end with the plan, the speed and the peak memory.

    Returns:
        (T, H, W, 3) RGB, of the type that the frames have.

    Raises:
        ValueError: if the frames have another shape or type, the window or tile is too small, or the state cannot be
            carried.
        FitError: if the network returned a value that is not finite, or the memory does not suffice.
    """
    if not is_clip(frames):
        raise ValueError(f"frames must be a non-empty (T, H, W, 3) uint8 or uint16, not {frames.shape} {frames.dtype}")
    frame_count, height, width = frames.shape[:3]
    if "auto" in (window, tile):
        plan = plan_inference(
            network,
            (height, width),
            frame_count=frame_count,
            device=device,
            window=window,
            overlap=overlap,
            tile=tile,
            context_px=context_px,
            precision=precision,
            carry_state=carry_state,
        )
    else:
        plan = make_plan(
            network.spec,
            device=device,
            window=window,  # type: ignore[arg-type]
            overlap=overlap,
            tile=tile,  # type: ignore[arg-type]
            context_px=context_px,
            precision=precision,
            carry_state=carry_state,
        )
    restored = np.empty_like(frames)
    done = 0
    with closing(_restore_windows(network, frames, plan, report)) as parts:
        for part in parts:
            restored[done : done + len(part)] = part
            done += len(part)
            if progress is not None:
                progress(done, frame_count)
    return restored


def restore_stream(
    network: VideoNetwork,
    frames: Iterable[NDArray[Level]],
    plan: InferencePlan,
    *,
    report: Callable[[InferenceReport], None] | None = None,
) -> Iterator[NDArray[Level]]:
    """Restore frames as they arrive, one window after the other; memory does not grow with their number.

    The results are those of :func:`restore_clip`. Until the stream is read to its end or closed, the network stays on
    the plan's device and in evaluation.

    Args:
        network: network with its weights.
        frames: frames (H, W, 3), uint8 or uint16 RGB, of one size and type.
        plan: plan from :func:`plan_inference` or :func:`make_plan`; with a window of None the whole clip is in memory.
        report: function called at the end with the report.

    Yields:
        Restored frames (H, W, 3), RGB of the same type, one for each frame.

    Raises:
        InputError: if a frame has another size or type than those before it.
        ValueError: if a frame is not (H, W, 3) uint8 or uint16, or the window or tile is too small.
        FitError: if the network returned a value that is not finite, or the memory does not suffice.
    """
    with closing(_restore_windows(network, frames, plan, report)) as parts:
        for part in parts:
            yield from part


def _restore_windows(
    network: VideoNetwork,
    frames: Iterable[NDArray[Level]],
    plan: InferencePlan,
    report: Callable[[InferenceReport], None] | None,
) -> Generator[NDArray[Level], None, None]:
    """Restore window by window, and yield the frames that each window adds."""
    device = torch.device(plan.device)
    logger.info("restoring: %s", plan.describe())
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    seconds, done, read = 0.0, 0, 0
    with running(network, device):
        cutter = _Cutter(Runner(network, device, plan.precision), plan)
        windows = stream_windows(frames, plan.window, plan.overlap)
        for window in stream_parts(frames, plan.window) if plan.carry_state else windows:
            started = time.perf_counter()
            restored = cutter.restore(window)
            seconds += time.perf_counter() - started
            read = window.last
            done += len(restored)
            if len(restored):
                yield restored
    if done != read:
        raise ValueError(f"the network returned {done} frames for {read}: it must return one for each")
    if report is not None:
        used = dataclasses.replace(plan, precision=cutter.precision)
        report(InferenceReport(used, done, seconds, memory.peak_memory(device)))


class _Cutter:
    """A restorer of one window after the other in tiles, which keeps the state of each tile if the state is carried."""

    def __init__(self, runner: Runner, plan: InferencePlan) -> None:
        self._runner = runner
        self._plan = plan
        self._states: dict[tuple[int, int], NetworkState] = {}  # by the corner of the tile

    @property
    def precision(self) -> Precision:
        """The number format that the network computes in."""
        return self._runner.precision

    def restore(self, window: Window[Level]) -> NDArray[Level]:
        """Restore the frames that a window adds; where a state is carried, they may be fewer or more than its own."""
        spec = self._runner.network.spec
        padded = _pad(window.frames, spec)
        height, width = padded.shape[1:3]
        kept = slice(window.first - window.start, window.last - window.start)

        def restore(tile: Tile) -> Tensor:
            part = padded[:, tile.top : tile.bottom, tile.left : tile.right]
            if not self._plan.carry_state:
                return self._runner.run(part)[:, kept]  # (1, T, 3, h, w)
            corner = (tile.top, tile.left)
            restored, self._states[corner] = self._runner.run_from(part, self._states.get(corner), is_end=window.is_end)
            return restored

        tiles = tiles_of((height, width), self._plan.tile, spec, self._plan.context_px)
        whole = blend_tiles(tiles, restore, height, width)
        whole = whole[..., : window.frames.shape[1], : window.frames.shape[2]]
        return from_network(whole, spec, window.frames.dtype.type)


def _pad(frames: NDArray[Level], spec: NetworkSpec) -> NDArray[Level]:
    """Extend a clip at the bottom, to the right and at its end to what the spec asks for."""
    if len(frames) < spec.min_frames:
        frames = np.concatenate((frames, np.repeat(frames[-1:], spec.min_frames - len(frames), axis=0)))
    size = (frames.shape[1], frames.shape[2])
    for axis, side, wanted in zip((1, 2), size, padded_size(size, spec), strict=True):
        if wanted > side:
            widths = [(0, 0)] * 4
            widths[axis] = (0, wanted - side)
            frames = np.pad(frames, widths, mode="reflect" if wanted < 2 * side else "edge")
    return frames
