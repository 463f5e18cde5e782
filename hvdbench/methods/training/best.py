"""Keep the weights of the best validation of a run, and put them to use where the last ones are worse than the first.

What is compared is :meth:`hvdbench.methods.training.objective.Objective.distance`, which no truth enters. Weights that
are nearer to the labels than those that the run started from are used as the training left them, because the later
stages of a method may be meant to leave the labels behind.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

_NUMBERS = ("input", "start", "last", "least", "step")
_ALIKE = 1.001  # an output that equals the input differs from it by the rounding of the change of colours


@dataclass
class BestState:
    """The distances of a run, and the weights of the smallest one.

    Attributes:
        input: distance of the blurry input itself; NaN where the objective has no distance.
        start: distance of the weights that the run started from.
        last: distance at the latest validation.
        least: smallest distance so far, that of the start included.
        step: number of optimiser steps that the weights with the smallest distance have seen.
        weights: copies of those weights, by name.
    """

    input: float = math.nan
    start: float = math.nan
    last: float = math.nan
    least: float = math.inf
    step: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def begin(self, of_input: float, of_start: float, weights: Mapping[str, Tensor]) -> None:
        """Record the distances before the first step, and the weights that the run starts from."""
        self.input, self.start = of_input, of_start
        self.observe(0, of_start, weights)

    def observe(self, step: int, distance: float, weights: Mapping[str, Tensor]) -> None:
        """Record a validation, and copy the weights if none were nearer to the labels."""
        self.last = distance
        if distance < self.least:
            self.least, self.step = distance, step
            self.weights = {name: value.detach().clone() for name, value in weights.items()}

    @property
    def is_needed(self) -> bool:
        """Whether the latest weights are farther from the labels than those that the run started from."""
        return self.last > self.start

    def sentences(self) -> list[str]:
        """Return a warning if the last weights are not used, and one if no weights are nearer than the input."""
        found = []
        if self.is_needed:
            found.append(
                f"training made the output worse (its distance to the labels is {self.last:.5f}, and was "
                f"{self.start:.5f} at the start), so the weights of step {self.step} are used ({self.least:.5f})"
            )
        if (self.least if self.is_needed else self.last) > _ALIKE * self.input:
            found.append(
                f"the output is farther from the labels than the input is ({self.input:.5f}): train for more steps, "
                "or start from weights that restore already"
            )
        return found

    def facts(self) -> dict[str, Any]:
        """Return what the record of a run holds: the distances, and the step whose weights are used."""
        if math.isnan(self.last):
            return {}
        rounded = {name: round(getattr(self, name), 6) for name in ("input", "start", "last", "least")}
        return {"label_distance": rounded | ({"step_used": self.step} if self.is_needed else {})}

    def state(self) -> dict[str, float] | None:
        """Return the numbers as JSON values; None if nothing was recorded."""
        return None if math.isnan(self.last) else {name: getattr(self, name) for name in _NUMBERS}

    def load_state(self, numbers: Mapping[str, float], weights: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`state` returned, and the weights."""
        for name in _NUMBERS:
            setattr(self, name, numbers[name])
        self.weights = dict(weights)
