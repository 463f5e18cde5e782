"""Describe a network that has a name: how its module is built, what it takes, and its presets."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from hvdbench.errors import UnknownNameError
from hvdbench.networks.spec import NetworkSpec


@dataclass(frozen=True)
class Network:
    """The object that a name of the catalogue leads to; each network's file defines one.

    Attributes:
        module: class or function that builds the module, or a module that has already been built.
        spec: spec of the module at its default size; None if only the module itself declares it, or nothing does.
        presets: constructor arguments by the name of a preset: ``{"tiny": {"n_blocks": 1}}``.
        restores_clips: whether it maps a blurry clip to a sharp one; otherwise it serves other networks or one method.
        signature: names of parameters that together distinguish its weights from those of all others, at any size.
    """

    module: Callable[..., nn.Module] | nn.Module
    spec: NetworkSpec | None = None
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    restores_clips: bool = True
    signature: tuple[str, ...] = ()

    def build(self, preset: str | None = None, **arguments: Any) -> nn.Module:
        """Build the module, or copy one that has already been built.

        Args:
            preset: name of the preset; None for the default size.
            arguments: arguments of the class or function; they take precedence over those of the preset.

        Raises:
            UnknownNameError: if there is no such preset.
            TypeError: if it does not take the arguments, or the result is not a ``torch.nn.Module``.
        """
        given = {**self.arguments_of(preset), **arguments}
        if isinstance(self.module, nn.Module):
            if given:
                raise TypeError("it is a module that has already been built, so it takes no arguments")
            return copy.deepcopy(
                self.module
            )  # copied, because a training must not change what the next one starts from
        made: object = self.module(**given)
        if not isinstance(made, nn.Module):
            raise TypeError(f"it made an object of the type {type(made).__name__}, not a torch.nn.Module")
        return made

    def arguments_of(self, preset: str | None) -> Mapping[str, Any]:
        """Return the constructor arguments of a preset; there are none for the default size.

        Raises:
            UnknownNameError: if there is no such preset.
        """
        if preset is None:
            return {}
        if preset not in self.presets:
            name = getattr(self.module, "__name__", type(self.module).__name__)
            known = ", ".join(sorted(self.presets)) or "none"
            raise UnknownNameError(f"the network {name} has no preset '{preset}' (known: {known})")
        return self.presets[preset]


def as_network(thing: object) -> Network | None:
    """Return an imported object as a network if it is one, or a module, its class or a function; else return None."""
    if isinstance(thing, Network):
        return thing
    if isinstance(thing, nn.Module):
        return Network(thing)
    if isinstance(thing, type):
        return Network(thing, _declared(thing)) if issubclass(thing, nn.Module) else None
    return Network(thing) if callable(thing) else None


def _declared(module: type[nn.Module]) -> NetworkSpec | None:
    found = getattr(module, "spec", None)
    return found if isinstance(found, NetworkSpec) else None
