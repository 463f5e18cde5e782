"""Keep the terms of the latest steps on the device until they are needed, then check and average them for the log."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hvdbench.methods.training.guards import LossGuard
from hvdbench.methods.training.processes import Processes
from hvdbench.methods.training.records import Means
from hvdbench.methods.training.settings import EngineSettings


class Terms:
    """The terms of the latest steps, over all processes.

    Args:
        settings: settings of the loop, which define an explosion.
        processes: processes over which the mean is taken.
        skips_infinite: whether a gradient that is not finite is allowed, since the scaler of float16 skips such steps.
    """

    def __init__(self, settings: EngineSettings, processes: Processes, *, skips_infinite: bool) -> None:
        self.guard, self.processes, self.skips_infinite = LossGuard(settings), processes, skips_infinite
        self._waiting: list[dict[str, Tensor]] = []
        self._means = Means()

    @property
    def is_calm(self) -> bool:
        """Whether the latest loss was not too large, so that a checkpoint may be written."""
        return self.guard.is_calm

    def add(self, terms: dict[str, Tensor]) -> None:
        """Keep one step's terms, without waiting for the device."""
        self._waiting.append(terms)

    def look(self, step: int) -> tuple[int, str] | None:
        """Fetch what was added up to step ``step``; return the first step with a fault and its description, or None."""
        first = step - len(self._waiting)
        names = [sorted(terms) for terms in self._waiting]
        flat = [terms[name] for terms, own in zip(self._waiting, names, strict=True) for name in own]
        values = iter(self.processes.mean(torch.stack(flat)).tolist() if flat else [])
        self._waiting = []
        for offset, own in enumerate(names):
            found = {name: next(values) for name in own}
            fault = self.guard.fault(found["loss"])
            if fault is None and not np.isfinite(found["gradient_norm"]) and not self.skips_infinite:
                fault = "has a gradient that is not finite"
            if fault is not None:
                return first + offset + 1, f"the loss {fault}"
            self._means.add(found)
        return None

    def take(self) -> dict[str, float]:
        """Return the means since the last call."""
        return self._means.take()

    def state(self) -> dict[str, Any]:
        """Return the state that a resumed run needs, as JSON values."""
        return {"guard": self.guard.state(), "means": self._means.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore the state that :meth:`state` returned."""
        self.guard.load_state(state["guard"])
        self._means.load_state(state["means"])
