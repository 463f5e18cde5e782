"""What a network costs: parameters, multiplications, frames a second, memory.

Importing this imports no torch.
"""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hvdbench.errors import InputError
from hvdbench.metrics.measure import Measure
from hvdbench.metrics.metric import Facts, Metric

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Speed:
    """How fast frames come out.

    Attributes:
        frames_per_s: by the clock, of the median repeat.
        peak_mib: the most memory at once: of CUDA what torch had allocated; of a CPU the process's resident size, all
            that it had before included.
    """

    frames_per_s: float
    peak_mib: float


def count_parameters(network: "nn.Module") -> int:
    """Count the numbers that a network learns, shared ones once; buffers do not count."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_macs(network: "nn.Module", *inputs: Any) -> int:
    """Count the multiplications with addition of one pass over the inputs.

    Half of what torch's ``FlopCounterMode`` counts: convolutions, matrix products and attention. Element-wise
    operations, samplings (``grid_sample``, deformable convolution) and kernels of Numba are not in it, so the count is
    a lower bound for networks that align by them.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network(*inputs)
    return int(counter.get_total_flops()) // 2


def measure_speed(restore: Callable[[], Any], frames: int, device: str = "cpu", repeats: int = 3) -> Speed:
    """Time a call that restores ``frames`` frames, after one call that does not count.

    Args:
        restore: does the work; its result is thrown away.
        frames: that it restores.
        device: where it runs; a GPU is waited for.
        repeats: the median counts.
    """
    import torch

    on_gpu = device.startswith("cuda")
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    restore()
    spent = []
    for _ in range(repeats):
        if on_gpu:
            torch.cuda.synchronize(device)
        start = time.perf_counter()
        restore()
        if on_gpu:
            torch.cuda.synchronize(device)
        spent.append(time.perf_counter() - start)
    if on_gpu:
        peak = torch.cuda.max_memory_allocated(device) / 2**20
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return Speed(frames / sorted(spent)[len(spent) // 2], peak)


def _open(device: str) -> Measure:
    raise InputError("efficiency is read from a run's own notes, not measured on its frames")


FRAMES_PER_S = Metric(
    "frames_per_s",
    "speed",
    "fps",
    "higher",
    decimals=2,
    per="run",
    asked_as="efficiency",
    opener=_open,
    needs="nothing",
    beside=(
        Facts("params", "parameters", "M", "lower", decimals=2, factor=1e-6, per="run"),
        Facts("macs", "MACs a frame", "G", "lower", decimals=2, factor=1e-9, per="run"),
        Facts("peak_bytes", "peak memory", "MiB", "lower", decimals=0, factor=1 / 2**20, per="run"),
    ),
)
COSTS = tuple(facts.name for facts in FRAMES_PER_S.shown)
EFFICIENCY = FRAMES_PER_S.asked
