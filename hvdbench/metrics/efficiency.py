"""Define the costs of a network and a run: parameters, multiplications, frames a second, memory, time by stage.

Importing this imports no torch.
"""

from typing import TYPE_CHECKING, Any, Literal, get_args

from hvdbench.errors import InputError
from hvdbench.metrics.measure import Measure
from hvdbench.metrics.metric import Facts, Metric

if TYPE_CHECKING:
    from torch import nn

Stage = Literal["preprocessing", "flow", "labels", "training", "restoring"]
STAGES: tuple[Stage, ...] = get_args(Stage)
"""The parts of a method's time, in the order in which boards show them."""
SECONDS_BY_STAGE = "seconds_by_stage"
"""The fact of a run that holds the seconds of each stage."""


def stage_seconds(stage: str) -> str:
    """Return the name on boards of the time that a stage takes for a clip."""
    return f"seconds_{stage}"


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
        *(Facts(stage_seconds(name), name, "s a clip", "lower", decimals=1, per="run") for name in STAGES),
    ),
)
COSTS = tuple(facts.name for facts in FRAMES_PER_S.shown)
EFFICIENCY = FRAMES_PER_S.asked
