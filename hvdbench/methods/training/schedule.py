"""Run Adam with learning rates that depend on the step and the parameter, and parameters that are frozen at first."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from hvdbench.errors import RecipeError
from hvdbench.methods.training.settings import EngineSettings
from hvdbench.networks.spec import trainable_parameters


def learning_rate(settings: EngineSettings, step: int) -> float:
    """Return the learning rate of a step, counted from 0: a cosine to the final rate, halvings, or a constant."""
    rate = settings.learning_rate
    if settings.halve_every is not None:
        rate *= 0.5 ** (step // settings.halve_every)
    if settings.schedule == "cosine":
        turn = 0.5 * (1 + math.cos(math.pi * step / settings.steps))
        rate = settings.final_learning_rate + (rate - settings.final_learning_rate) * turn
    if settings.warm_up_steps:
        rate *= min(1.0, (step + 1) / settings.warm_up_steps)
    return rate


class Optimiser:
    """Adam over the parameters that a network's spec does not freeze; rates go by the beginning of parameter names.

    Args:
        network: inner network, whose parameter names the settings use.
        settings: betas, rates, schedule.

    Raises:
        RecipeError: if a name in the settings fits no parameter, unless its rate is 1 or it is frozen for 0 steps.
    """

    def __init__(self, network: nn.Module, settings: EngineSettings) -> None:
        self.settings = settings
        found = [(name, parameter) for name, parameter in trainable_parameters(network) if parameter.requires_grad]
        self.names = [name for name, _ in found]
        self.parameters = [parameter for _, parameter in found]
        trained = {id(parameter) for parameter in self.parameters}
        for parameter in network.parameters():
            parameter.requires_grad_(id(parameter) in trained)
        asked = [("rates", prefix) for prefix, factor in settings.rates.items() if factor != 1]
        asked += [("frozen_steps", prefix) for prefix, steps in settings.frozen_steps.items() if steps]
        for table, prefix in asked:
            if not any(_begins(name, prefix) for name in self.names):
                raise RecipeError(f"[engine.{table}]: no parameter of the network begins with '{prefix}'")
        factors = [_longest(settings.rates, name, 1.0) for name in self.names]
        self._frozen_until = [int(_longest(settings.frozen_steps, name, 0)) for name in self.names]
        groups = [
            {"params": [p for p, f in zip(self.parameters, factors, strict=True) if f == factor], "factor": factor}
            for factor in sorted(set(factors))
        ]
        self.adam = torch.optim.Adam(groups, lr=settings.learning_rate, betas=settings.betas)

    def set_rate(self, step: int) -> float:
        """Set the rate of every group for a step, and return the rate without a factor."""
        rate = learning_rate(self.settings, step)
        for group in self.adam.param_groups:
            group["lr"] = rate * group["factor"]
        return rate

    def freeze(self, step: int) -> None:
        """Drop the gradients of parameters that are still frozen, so that neither values nor moments change."""
        for parameter, until in zip(self.parameters, self._frozen_until, strict=True):
            if step < until:
                parameter.grad = None

    def state(self) -> dict[str, Tensor]:
        """Return Adam's moments and counts as ``<parameter>|<what>``."""
        return {
            f"{name}|{what}": value.detach()
            for name, parameter in zip(self.names, self.parameters, strict=True)
            for what, value in self.adam.state.get(parameter, {}).items()
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Restore the state that :meth:`state` returned."""
        self.adam.state.clear()
        by_name = dict(zip(self.names, self.parameters, strict=True))
        for key, value in state.items():
            name, _, what = key.rpartition("|")
            parameter = by_name[name]
            on_device = value.clone() if what == "step" else value.to(parameter.device, copy=True)
            self.adam.state[parameter][what] = on_device


class AveragedWeights:
    """An exponential average of a network's weights; whole-number buffers are copied."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move the average towards the current weights."""
        for name, value in network.state_dict().items():
            mean = self.values[name]
            if mean.is_floating_point():
                mean.lerp_(value, 1 - self.decay)
            else:
                mean.copy_(value)

    @contextmanager
    def lent_to(self, network: nn.Module) -> Iterator[None]:
        """Put the averages in place of a network's weights while the block runs."""
        own = {name: value.detach().clone() for name, value in network.state_dict().items()}
        network.load_state_dict(self.values)
        try:
            yield
        finally:
            network.load_state_dict(own)

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Restore averages that were saved."""
        for name, value in state.items():
            self.values[name].copy_(value)


def _begins(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix if prefix.endswith(".") else f"{prefix}.")


def _longest(table: dict[str, float] | dict[str, int], name: str, default: float) -> float:
    """Return the value of the longest key that a name begins with, or a default."""
    fitting: Iterable[str] = (prefix for prefix in table if _begins(name, prefix))
    found = max(fitting, key=len, default=None)
    return default if found is None else table[found]
