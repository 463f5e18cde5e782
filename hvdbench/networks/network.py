"""A network as a part with a name: what makes the module, what it takes, and its presets."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from hvdbench.errors import UnknownNameError
from hvdbench.networks.spec import NetworkSpec


@dataclass(frozen=True)
class Network:
    """What a name of the catalogue leads to; an object of this type stands beside each network class.

    Attributes:
        module: the class or function that makes the module, or a module that is made already.
        spec: what the module takes at its default size; None where only the module itself declares it, or nobody does.
        presets: constructor arguments by the name of a preset: ``{"tiny": {"n_blocks": 1}}``.
        restores_clips: whether it maps a blurry clip to a sharp one; otherwise it serves other networks or one method.
        signature: names of parameters that together tell its weights from those of every other network, at any size.
    """

    module: Callable[..., nn.Module] | nn.Module
    spec: NetworkSpec | None = None
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    restores_clips: bool = True
    signature: tuple[str, ...] = ()

    def build(self, preset: str | None = None, **arguments: Any) -> nn.Module:
        """Make the module, or a copy of one that is made already.

        Args:
            preset: whose arguments are taken; None: the default size.
            arguments: of the class or function; they come before those of the preset.

        Raises:
            UnknownNameError: it has no such preset.
            TypeError: it takes no such arguments, or what was made is no ``torch.nn.Module``.
        """
        given = {**self.arguments_of(preset), **arguments}
        if isinstance(self.module, nn.Module):
            if given:
                raise TypeError("it is a module that has already been built, so it takes no arguments")
            return copy.deepcopy(self.module)  # a training must not change what the next one starts from
        made: object = self.module(**given)
        if not isinstance(made, nn.Module):
            raise TypeError(f"it made an object of the type {type(made).__name__}, not a torch.nn.Module")
        return made

    def arguments_of(self, preset: str | None) -> Mapping[str, Any]:
        """Return the constructor arguments of a preset, none for the default size.

        Raises:
            UnknownNameError: it has no such preset.
        """
        if preset is None:
            return {}
        if preset not in self.presets:
            name = getattr(self.module, "__name__", type(self.module).__name__)
            known = ", ".join(sorted(self.presets)) or "none"
            raise UnknownNameError(f"the network {name} has no preset '{preset}' (known: {known})")
        return self.presets[preset]


def as_network(thing: object) -> Network | None:
    """Return the network that an imported object is, or that its class, function or module stands for; else None."""
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
