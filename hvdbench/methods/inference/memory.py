"""Measure on a small clip how much memory and time a network takes, and find out how much of a clip fits at once."""

import math
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hvdbench.errors import FitError
from hvdbench.frames import Frames
from hvdbench.methods.inference.runner import Precision, Runner, running
from hvdbench.methods.inference.tiling import smallest_tile
from hvdbench.networks.spec import NetworkSpec, NetworkState, VideoNetwork, goes_on_from_a_state
from hvdbench.workspace.memory import free_memory
from hvdbench.workspace.memory import peak_memory as process_peak

_PROBE_SIDE_PX = 128
_PROBE_FRAMES = 2
_PROBE_FRAMES_MORE = 4
_CPU_MARGIN = 2.5  # the process takes 1.1 to 2.3 times its tensors: convolutions make copies that nobody counts
_CUDA_MARGIN = 1.25  # smaller, because PyTorch counts those copies on a GPU
_CPU_SHARE = 0.5  # of the free memory, since other programs need some too
_CPU_CAP_BYTES = 4 << 30
_CUDA_SHARE = 0.9
_GLOBAL_WINDOW = 16  # frames; shorter windows lose the benefit of a network that uses the whole clip
_CARRIED_WINDOW = 8  # frames; where the state is carried on, longer windows are no better and hardly faster
_STREAM_WINDOW = 64  # frames at most, since the number of frames to come is not known
_LEAST_SLOPE = 0.5  # least time of a further frame over the mean of all, because smaller measured values are noise
_BLEND_BYTES = 3 * 4  # per pixel and frame of the float32 picture that tiles are blended into


@dataclass(frozen=True)
class Cost:
    """The cost of a restoration.

    Attributes:
        bytes_px: bytes per pixel of the picture, however many frames there are.
        bytes_frame_px: further bytes per pixel and frame.
        seconds_px: seconds per pixel of the picture, however many frames there are.
        seconds_frame_px: further seconds per pixel and frame.
        precision: number format that the cost was measured in.
        margin: factor on the measured memory.
        state_bytes_px: bytes per pixel of the picture for the state that windows carry on; 0 if there is none.
    """

    bytes_px: float
    bytes_frame_px: float
    seconds_px: float
    seconds_frame_px: float
    precision: Precision
    margin: float = 1.0
    state_bytes_px: float = 0.0

    def peak_bytes(self, frame_count: int, height: int, width: int) -> int:
        """Estimate the peak memory, in bytes and with a margin, on top of weights and frames."""
        return math.ceil(self.margin * height * width * (self.bytes_px + frame_count * self.bytes_frame_px))


_measured: weakref.WeakKeyDictionary[VideoNetwork, dict[tuple[str, str], Cost]] = weakref.WeakKeyDictionary()


def measure_cost(network: VideoNetwork, device: torch.device, precision: Precision) -> Cost:
    """Measure the cost on two small clips of different length, once per process for a network, device and precision."""
    known = _measured.setdefault(network, {})
    key = (str(device), precision)
    if key not in known:
        known[key] = _measure(network, device, precision)
    return known[key]


def _measure(network: VideoNetwork, device: torch.device, precision: Precision) -> Cost:
    spec = network.spec
    side = math.ceil(max(spec.min_size_px, _PROBE_SIDE_PX) / spec.size_multiple) * spec.size_multiple
    short = max(spec.min_frames, _PROBE_FRAMES)
    long = short + _PROBE_FRAMES_MORE
    noise = np.random.default_rng(0).integers(0, 256, (long, side, side, 3), dtype=np.uint8)
    with running(network, device):
        runner = Runner(network, device, precision)
        runner.run(noise[:short])  # warms up, and decides on the precision
        least, few_s = _peak_of(runner, noise[:short])
        most, many_s = _peak_of(runner, noise)
        state: NetworkState = ()
        if goes_on_from_a_state(network):
            _, state = runner.run_from(noise[:short], None, is_end=False)
    a_frame = max(0.0, (most - least) / (long - short))
    rest = max(0.0, least - short * a_frame)
    mean_s = many_s / long
    a_frame_s = min(mean_s, max(_LEAST_SLOPE * mean_s, (many_s - few_s) / (long - short)))
    return Cost(
        bytes_px=rest / side**2,
        bytes_frame_px=a_frame / side**2,
        seconds_px=long * (mean_s - a_frame_s) / side**2,
        seconds_frame_px=a_frame_s / side**2,
        precision=runner.precision,
        margin=_CUDA_MARGIN if device.type == "cuda" else _CPU_MARGIN,
        state_bytes_px=sum(part.untyped_storage().nbytes() for part in state) / side**2,
    )


def _peak_of(runner: Runner, frames: Frames) -> tuple[int, float]:
    """Restore frames, and return the peak memory of the tensors in bytes and the time in seconds."""
    started = time.perf_counter()
    if runner.device.type == "cuda":
        torch.cuda.synchronize(runner.device)
        torch.cuda.reset_peak_memory_stats(runner.device)
        before = torch.cuda.memory_allocated(runner.device)
        runner.run(frames)
        torch.cuda.synchronize(runner.device)
        return torch.cuda.max_memory_allocated(runner.device) - before, time.perf_counter() - started
    with _LiveTensors() as live:
        runner.run(frames)
    return live.peak_bytes, time.perf_counter() - started


class _LiveTensors(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A mode that counts the bytes of the tensors that operators make while it is on."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0
        self.peak_bytes = 0
        self._seen: weakref.WeakSet[Any] = weakref.WeakSet()

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and (storage := leaf.untyped_storage()) not in self._seen:
                self._seen.add(storage)
                self.bytes += storage.nbytes()
                weakref.finalize(storage, self._forget, storage.nbytes())
        self.peak_bytes = max(self.peak_bytes, self.bytes)
        return result

    def _forget(self, size: int) -> None:
        self.bytes -= size


def memory_to_use(device: torch.device) -> int:
    """Return the bytes that a run may take: 90 % of what is free on a GPU; half of the free RAM, at most 4 GiB."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(_CUDA_SHARE * (free + held))
    available = free_memory()
    return _CPU_CAP_BYTES if available is None else min(_CPU_CAP_BYTES, int(_CPU_SHARE * available))


def peak_memory(device: torch.device) -> int | None:
    """Return the peak memory in bytes: of tensors on a GPU since it was reset, else of the process since it began."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return process_peak()


def frames_wanted(spec: NetworkSpec, frame_count: int | None, *, carry_state: bool) -> tuple[int, int]:
    """Return the shortest window that keeps a clip's quality, and the longest one that is of any use.

    The shortest has 16 frames if a result depends on the whole clip, and otherwise so many that at least as many frames
    are kept as serve as context. Where a state is carried on, the window has 1 to 8 frames.

    Args:
        spec: spec of the network.
        frame_count: T; None, if it is not known, counts as 64.
        carry_state: whether each window continues from the state of the window before.
    """
    longest = max(spec.min_frames, _STREAM_WINDOW if frame_count is None else frame_count)
    if carry_state:
        return 1, min(longest, _CARRIED_WINDOW)
    context = spec.context_frames
    enough = _GLOBAL_WINDOW if context is None else 2 * context + max(4, 2 * context)
    return min(longest, max(spec.min_frames, enough)), longest


def largest_tile(
    needed: Callable[[int], int], spec: NetworkSpec, size: tuple[int, int], *, context_px: int, allowed_bytes: int
) -> int:
    """Return the side of the largest square tile that fits into memory, in px.

    Args:
        needed: function that returns the bytes that a run takes with tiles of the given side.
        spec: spec of the network.
        size: height and width of the padded frames.
        context_px: px of context at the inner sides of tiles.
        allowed_bytes: memory that may be used.

    Raises:
        FitError: if no tile fits.
    """
    least = smallest_tile(spec, context_px)
    sides = range(least, max(least, *size) + 1, spec.size_multiple)
    largest = next((side for side in reversed(sides) if needed(side) <= allowed_bytes), None)
    if largest is None:
        thriftiest = min(sides, key=needed)
        raise FitError(
            f"frames of {size[1]}x{size[0]} px need about {needed(thriftiest) / 2**20:.0f} MiB even in tiles of "
            f"{thriftiest} px, but only {allowed_bytes / 2**20:.0f} MiB may be used: choose a shorter window"
        )
    return largest


def blend_bytes(frame_count: int, size: tuple[int, int]) -> int:
    """Return the bytes of the pictures that tiles are blended into."""
    return frame_count * size[0] * size[1] * _BLEND_BYTES
