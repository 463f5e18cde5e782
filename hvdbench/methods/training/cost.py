"""Estimate what a training will take before it runs, from one step measured on copies."""

import copy
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from hvdbench.methods.inference import memory
from hvdbench.methods.training.objective import Objective
from hvdbench.methods.training.settings import EngineSettings

logger = logging.getLogger(__name__)
_QUICK_S = 2.0
_ALIKE = 1.2


@dataclass(frozen=True)
class StepCost:
    """The cost of one step.

    Attributes:
        seconds: time of one optimiser step, without validation.
        bytes: peak memory, of tensors on a GPU, else of the whole process; None where it is not known.
    """

    seconds: float
    bytes: int | None


def measure_step(
    network: nn.Module, objective: Objective, batch: Mapping[str, Any], parts: int, step: int
) -> StepCost | None:
    """Run a step on copies of network and objective, so that nothing in the run changes.

    A step that takes less than 2 s is run twice, and the second one counts.

    Args:
        network: network without wrapper, on its device.
        objective: objective of the run.
        batch: one part of a batch, with floats on the device.
        parts: number of parts of a batch.
        step: number of optimiser steps done; later stages may cost more.

    Returns:
        The cost; None if the objective cannot be copied.
    """
    device = next(network.parameters()).device
    with _peak(device) as peak:
        before = _allocated(device)
        try:
            # copied together, so that a network inside the objective stays the one that is trained
            trial_network, trial = copy.deepcopy((network, objective))
        except (TypeError, RuntimeError, NotImplementedError) as error:
            logger.info("there is no estimate, since the objective cannot be copied (%s)", error)
            return None
        copies = _allocated(device) - before
        adam = torch.optim.Adam(trial_network.parameters())
        seconds = _timed_step(trial_network, trial, batch, adam, step, device)
        if seconds < _QUICK_S:
            seconds = _timed_step(trial_network, trial, batch, adam, step, device)
    total = parts * seconds  # counts Adam's update once for each part, which adds little
    return StepCost(total, None if peak["bytes"] is None else peak["bytes"] - copies)


def estimate_cost(
    network: nn.Module, objective: Objective, batch: Mapping[str, Any], settings: EngineSettings, step: int
) -> str | None:
    """Describe what the rest of a run will take, from its next and its last step; None where neither can be measured.

    Args:
        network: network without wrapper, on its device.
        objective: objective of the run.
        batch: one part of a batch, with floats on the device.
        settings: settings of the loop.
        step: number of optimiser steps done.
    """
    now = measure_step(network, objective, batch, settings.accumulate, step)
    late = measure_step(network, objective, batch, settings.accumulate, settings.steps - 1)
    if now is None or late is None:
        return None
    return describe_cost(now, late, settings.steps - step, str(next(network.parameters()).device))


def describe_cost(first: StepCost, last: StepCost, steps: int, device: str) -> str:
    """Format the time of ``steps`` steps, as a range where the first and the last step differ by over a fifth."""
    low, high = sorted((first.seconds, last.seconds))
    times = duration(steps * high)
    if high > _ALIKE * low:
        times = f"{duration(steps * low)} to {times}"
    found = [cost.bytes for cost in (first, last) if cost.bytes is not None]
    held = f", {max(found) / 2**30:.1f} GiB" if found else ""
    return f"about {times} on {device}{held}: {steps} steps of {high:.2g} s, validation not counted"


def duration(seconds: float) -> str:
    """Format a time: ``40 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def _timed_step(
    network: nn.Module,
    objective: Objective,
    batch: Mapping[str, Any],
    adam: torch.optim.Adam,
    step: int,
    device: torch.device,
) -> float:
    started = time.perf_counter()
    loss = objective.loss(network, batch, step)
    torch.autograd.backward(loss.total)
    adam.step()
    adam.zero_grad(set_to_none=True)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def _allocated(device: torch.device) -> int:
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0


@contextmanager
def _peak(device: torch.device) -> Iterator[dict[str, int | None]]:
    """Measure the peak memory of a block; the value is known when the block ends."""
    found: dict[str, int | None] = {"bytes": None}
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    yield found
    found["bytes"] = memory.peak_memory(device)
