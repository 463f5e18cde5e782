"""How much memory and time a network takes, measured on a small clip, and how much of a clip fits at once."""

import math
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hvdbench.errors import FitError
from hvdbench.methods.runner import Precision, Runner, running
from hvdbench.methods.tiling import smallest_tile
from hvdbench.networks.spec import NetworkSpec, VideoNetwork

_PROBE_SIDE_PX = 128
_PROBE_FRAMES = 2
_PROBE_FRAMES_MORE = 4
_CPU_MARGIN = 2.5  # of the process over its tensors: copies that convolutions make, fragments; 1.5 to 2.3 measured
_CUDA_MARGIN = 1.25  # there PyTorch counts those copies itself
_CPU_SHARE = 0.5  # of what is free
_CPU_CAP_BYTES = 4 << 30
_CUDA_SHARE = 0.9
_GLOBAL_WINDOW = 16  # frames; where a result depends on the whole clip, shorter windows lose what it is good for
_STREAM_WINDOW = 64  # frames at most, where nobody knows how many will come
_BLEND_BYTES = 3 * 4  # a pixel and frame of what tiles are blended into
_PROC_STATUS = Path("/proc/self/status")
_PROC_MEMORY = Path("/proc/meminfo")


@dataclass(frozen=True)
class Cost:
    """What restoring takes.

    Attributes:
        bytes_px: of memory a pixel of the picture, however many frames.
        bytes_frame_px: further memory a pixel and frame.
        seconds_frame_px: time a pixel and frame.
        precision: what it was measured in.
        margin: factor on the measured memory.
    """

    bytes_px: float
    bytes_frame_px: float
    seconds_frame_px: float
    precision: Precision
    margin: float = 1.0

    def peak_bytes(self, frame_count: int, height: int, width: int) -> int:
        """Estimate the peak, with a margin, beyond weights and frames."""
        return math.ceil(self.margin * height * width * (self.bytes_px + frame_count * self.bytes_frame_px))


_measured: weakref.WeakKeyDictionary[VideoNetwork, dict[tuple[str, str], Cost]] = weakref.WeakKeyDictionary()


def measure_cost(network: VideoNetwork, device: torch.device, precision: Precision) -> Cost:
    """Restore two small clips of different length; measured once a process for a network, device and precision."""
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
        runner.run(noise[:short])  # warms up, and settles the precision
        least = _peak_of(runner, noise[:short])
        started = time.perf_counter()
        most = _peak_of(runner, noise)
        seconds = time.perf_counter() - started
    a_frame = max(0.0, (most - least) / (long - short))
    rest = max(0.0, least - short * a_frame)
    return Cost(
        bytes_px=rest / side**2,
        bytes_frame_px=a_frame / side**2,
        seconds_frame_px=seconds / (long * side**2),
        precision=runner.precision,
        margin=_CUDA_MARGIN if device.type == "cuda" else _CPU_MARGIN,
    )


def _peak_of(runner: Runner, frames: np.ndarray[Any, np.dtype[np.uint8]]) -> int:
    """Give the memory in bytes that tensors take at most while frames are restored."""
    if runner.device.type == "cuda":
        torch.cuda.synchronize(runner.device)
        torch.cuda.reset_peak_memory_stats(runner.device)
        before = torch.cuda.memory_allocated(runner.device)
        runner.run(frames)
        torch.cuda.synchronize(runner.device)
        return int(torch.cuda.max_memory_allocated(runner.device) - before)
    with _LiveTensors() as live:
        runner.run(frames)
    return int(live.peak_bytes)


class _LiveTensors(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of the tensors that operators make while it is on."""

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
    """Give the bytes that a run may take: most of what is free on a GPU; in main memory half of it, 4 GiB at most."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(_CUDA_SHARE * (free + held))
    available = _proc_bytes(_PROC_MEMORY, "MemAvailable")
    return _CPU_CAP_BYTES if available is None else min(_CPU_CAP_BYTES, int(_CPU_SHARE * available))


def peak_memory(device: torch.device) -> int | None:
    """Give the peak in bytes: of tensors on a GPU since it was reset, else of the process since it began, if known."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return _proc_bytes(_PROC_STATUS, "VmHWM")


def frames_wanted(spec: NetworkSpec, frame_count: int | None) -> tuple[int, int]:
    """Give the shortest window that does a clip justice, and the longest that is of use.

    Shortest: 16 frames where a result depends on the whole clip, else as many as keep no fewer than serve as context.

    Args:
        spec: of the network.
        frame_count: T; None, where it is not known, counts as 64.
    """
    context = spec.context_frames
    enough = _GLOBAL_WINDOW if context is None else 2 * context + max(4, 2 * context)
    longest = max(spec.min_frames, _STREAM_WINDOW if frame_count is None else frame_count)
    return min(longest, max(spec.min_frames, enough)), longest


def longest_window(cost: Cost, size: tuple[int, int], least: int, most: int, memory_bytes: int) -> int | None:
    """Give the most frames of a size (height, width) that fit into memory, from ``least`` on; None if too few do."""
    return _largest(least, most, 1, lambda count: cost.peak_bytes(count, *size) <= memory_bytes)


def largest_tile(
    cost: Cost, spec: NetworkSpec, size: tuple[int, int], *, frame_count: int, context_px: int, memory_bytes: int
) -> int:
    """Give the side of the largest square tile of ``frame_count`` frames that fits into memory, in px.

    Args:
        cost: of the network.
        spec: of the network.
        size: height and width of the padded frames.
        frame_count: frames in a window.
        context_px: of the tiles.
        memory_bytes: what may be used.

    Raises:
        FitError: the smallest one does not fit.
    """
    least = smallest_tile(spec, context_px)
    blend = blend_bytes(frame_count, size)

    def needed(side: int) -> int:
        return blend + cost.peak_bytes(frame_count, min(side, size[0]), min(side, size[1]))

    side = _largest(least, max(least, *size), spec.size_multiple, lambda side: needed(side) <= memory_bytes)
    if side is None:
        raise FitError(
            f"{frame_count} frames in tiles of {least} px need about {needed(least) / 2**20:.0f} MiB, and "
            f"{memory_bytes / 2**20:.0f} MiB may be used: give a shorter window"
        )
    return side


def blend_bytes(frame_count: int, size: tuple[int, int]) -> int:
    """Give what the picture takes that tiles are blended into."""
    return frame_count * size[0] * size[1] * _BLEND_BYTES


def _largest(low: int, high: int, step: int, fits: Callable[[int], bool]) -> int | None:
    """Give the largest of low, low + step … up to high that fits, where smaller ones fit too."""
    if not fits(low):
        return None
    few, many = 0, (high - low) // step
    while few < many:
        half = (few + many + 1) // 2
        few, many = (half, many) if fits(low + half * step) else (few, half - 1)
    return low + few * step


def _proc_bytes(file: Path, field: str) -> int | None:
    """Read a field in kB of a file under /proc; None where there is none."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(f"{field}:")]
    return 1024 * int(found[0]) if found else None
