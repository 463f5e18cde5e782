"""Find which network a state dict belongs to, by its keys and by the shapes of the networks of the catalogue."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hvdbench import catalog
from hvdbench.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor, nn

Shapes = Mapping[str, tuple[int, ...]]
_LISTED_KEYS = 5


@dataclass(frozen=True)
class Fit:
    """How a state dict compares with a network at its default size.

    Attributes:
        network: name in the catalogue.
        prefix: the prefix of the network's keys in the state dict; mostly empty.
        own: keys of the network.
        given: keys of the state dict under the prefix.
        outside: keys of the state dict elsewhere.
        named: keys that both have.
        shaped: those of the same shape, too.
    """

    network: str
    prefix: str
    own: int
    given: int
    outside: int
    named: int
    shaped: int

    @property
    def is_strict(self) -> bool:
        """Whether every key and shape is the same, and nothing is left over."""
        return not self.prefix and not self.outside and self.shaped == self.own == self.given

    @property
    def is_whole(self) -> bool:
        """Whether the whole network is there, maybe as a part of another."""
        return self.shaped == self.own == self.given

    @property
    def share(self) -> float:
        """Keys of equal name and shape, of all that either has; 0 to 1."""
        return self.shaped / (self.own + self.given + self.outside - self.shaped)

    @property
    def named_share(self) -> float:
        """Keys of equal name, of all that either has; 0 to 1."""
        return self.named / (self.own + self.given + self.outside - self.named)

    @property
    def sentence(self) -> str:
        """The comparison in words."""
        if self.is_strict:
            return f"fits, every key and shape ({self.own})"
        under = f" under the prefix '{self.prefix}'" if self.prefix else ""
        if self.is_whole:
            return f"is whole{under} ({self.own} keys), beside {self.outside or 'no'} other keys"
        has = f"{self.named} of its {self.own} keys are there{under}, {self.shaped} of the same shape"
        over = self.given + self.outside - self.named
        size = ": another size of it" if self.named == self.own and not over else ""
        return f"does not fit, {self.share:.0%}: {has}, {over or 'no'} other keys{size}"


def shapes_of(state_dict: "Mapping[str, Tensor]") -> Shapes:
    """Return the shapes of a state dict's tensors."""
    return {key: tuple(value.shape) for key, value in state_dict.items()}


@cache
def network_shapes(name: str) -> Shapes:
    """Return the keys and shapes of a network at its default size, without memory for its values.

    Args:
        name: of the catalogue, or an import string.

    Raises:
        UnknownNameError: if there is no such network.
    """
    import torch

    network = catalog.resolve("network", name)
    with torch.device("meta"):
        return shapes_of(network.build().state_dict())


def compare(name: str, own: Shapes, given: Shapes) -> Fit:
    """Compare a state dict's shapes with those of a network, under whichever prefix fits best."""
    longest = max(own, key=len)
    prefixes = {""} | {key.removesuffix(longest) for key in given if key.endswith(f".{longest}")}
    return max((_compare_under(name, prefix, own, given) for prefix in sorted(prefixes)), key=lambda fit: fit.shaped)


def _compare_under(name: str, prefix: str, own: Shapes, given: Shapes) -> Fit:
    under = {key.removeprefix(prefix): shape for key, shape in given.items() if key.startswith(prefix)}
    common = own.keys() & under.keys()
    return Fit(
        network=name,
        prefix=prefix,
        own=len(own),
        given=len(under),
        outside=len(given) - len(under),
        named=len(common),
        shaped=sum(own[key] == under[key] for key in common),
    )


def find_fits(given: Shapes, others: Mapping[str, str] | None = None) -> list[Fit]:
    """Compare a state dict's shapes with every network of the catalogue, best first.

    Args:
        given: as :func:`shapes_of` returns them.
        others: import strings of further networks, by name.

    Returns:
        One for each network that has a key in common with it.
    """
    networks = {name: name for name in catalog.names("network")} | dict(others or {})
    fits = [compare(name, network_shapes(made_by), given) for name, made_by in networks.items()]
    return sorted((fit for fit in fits if fit.named), key=lambda fit: (-fit.named_share, -fit.share, fit.network))


def misfit(own: Shapes, given: Shapes) -> str | None:
    """Describe which keys of a network are missing, left over, or of another shape; None where all fits."""
    missing = [key for key in own if key not in given]
    unexpected = [key for key in given if key not in own]
    reshaped = [
        f"{key} {given[key]} instead of {shape}" for key, shape in own.items() if key in given and given[key] != shape
    ]
    findings = [
        f"{len(found)} {what} ({', '.join(found[:_LISTED_KEYS])}{', ...' if len(found) > _LISTED_KEYS else ''})"
        for what, found in (("missing", missing), ("unexpected", unexpected), ("of another shape", reshaped))
        if found
    ]
    return "; ".join(findings) or None


def guess_network(keys: Iterable[str]) -> str | None:
    """Return the network whose parameters are called like this, None where no signature fits."""
    present = set(keys)
    for name in catalog.names("network"):
        signature = catalog.resolve("network", name).signature
        if signature and present.issuperset(signature):
            return name
    return None


def looks_like(keys: Iterable[str]) -> str:
    """Describe whose keys these seem to be."""
    guess = guess_network(keys)
    return f"its keys look like those of {guess or 'no known network'}"


def load_into(network: "nn.Module", state_dict: "Mapping[str, Tensor]", source: Path) -> None:
    """Load every parameter and buffer of a network; nothing may be missing or left over.

    Args:
        network: changed in place, and only if all fits.
        state_dict: as :func:`hvdbench.weights.checkpoints.load_checkpoint` returns it.
        source: the file it came from, for the message.

    Raises:
        WeightsError: if names or shapes differ.
    """
    wrong = misfit(shapes_of(network.state_dict()), shapes_of(state_dict))
    if wrong:
        raise WeightsError(f"{source} does not fit {type(network).__name__}: {wrong}; {looks_like(state_dict)}")
    network.load_state_dict(dict(state_dict), strict=True)
