"""Find which network a state dict belongs to, by its keys and by the shapes of the networks of the catalogue."""

import inspect
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hvdbench import catalog
from hvdbench.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor, nn

logger = logging.getLogger(__name__)
T = TypeVar("T")
Shapes = Mapping[str, tuple[int, ...]]
_LISTED_KEYS = 5
_MOSTLY = 0.5
_MODULE = "module"
_BATCH_COUNTER = "num_batches_tracked"
# marks in weights, each of which makes a network that knows it take the form of its weights, and what it means
_FORMS = {
    "adds_frame": "a network whose result is added to its frame",  # hvdbench.networks.layers.identity
    "prior_as_meant": "a network that is given the paper's temporal sharpness prior",  # hvdbench.networks.cdvd_tsp
    "as_meant": "a HyperCUT that takes RGB and has activations",  # hvdbench.networks.hypercut
}
_AVERAGED = re.compile(r"(^|[._])ema([._]|$)")


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
    """Return the shapes of a state dict's tensors, without the marks that say which form a network has."""
    return {key: tuple(value.shape) for key, value in state_dict.items() if key.split(".")[-1] not in _FORMS}


@cache
def network_shapes(name: str) -> Shapes:
    """Return the keys and shapes of a network, without memory for its values.

    Args:
        name: of the catalogue, or an import string; a preset may follow it (``estrnn@tiny``).

    Raises:
        UnknownNameError: if there is no such network.
    """
    import torch

    asked = catalog.NamedPreset.parse(name)
    network = catalog.resolve("network", asked.name)
    with torch.device("meta"):
        return shapes_of(network.build(asked.preset).state_dict())


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
    """Describe which keys of a network are missing, left over, or of another shape; None where all fits.

    A counter of batches may be missing, because no result depends on it in evaluation.
    """
    missing = [key for key in own if key not in given and not key.endswith(_BATCH_COUNTER)]
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


def looks_like(state_dict: "Mapping[str, Tensor]") -> str:
    """Describe whose weights these seem to be: a network of the catalogue at one of its sizes, or by keys alone."""
    given = shapes_of(state_dict)
    guess = guess_network(given)
    if guess is None:
        near = next((fit for fit in find_fits(given) if fit.named > _MOSTLY * len(given)), None)
        return f"its keys look like those of {near.network if near else 'no known network'}"
    for size in (guess, *(f"{guess}@{preset}" for preset in catalog.resolve("network", guess).presets)):
        if network_shapes(size) == given:
            return f"it fits {size}"
    return f"its keys look like those of {guess}"


def load_into(network: "nn.Module", state_dict: "Mapping[str, Tensor]", source: Path) -> None:
    """Load every parameter and buffer of a network; nothing may be missing or of another shape.

    Where the keys stand under a prefix (``net.``, ``generator.``), the one under which all of them fit is taken off,
    and what else the file holds is left out with a warning. Counters of batches may be missing, as before torch 0.4.1.

    Args:
        network: changed in place, and only if all fits.
        state_dict: as :func:`hvdbench.weights.checkpoints.load_checkpoint` returns it.
        source: the file it came from, for the message.

    Raises:
        WeightsError: names or shapes differ, numbers are of another kind or not finite, or the network is there twice.
    """
    own = network.state_dict()
    fitting = pick(shapes_of(own), state_dict, source)
    wrong = misfit(shapes_of(own), shapes_of(fitting)) or _other_kind(own, fitting)
    if wrong:
        told = f"{source} does not fit {type(network).__name__}: {wrong}; {looks_like(state_dict)}"
        raise WeightsError(f"{told}{_size_hint(network, shapes_of(fitting))}")
    bad = not_finite({name: fitting[name] for name, _ in network.named_parameters() if name in fitting})
    if bad:
        raise WeightsError(
            f"{source} fits {type(network).__name__}, but {bad}: it is damaged, or its training diverged"
        )
    for form, meaning in _FORMS.items():
        if form in fitting and not hasattr(network, form):
            raise WeightsError(
                f"{source} belongs to {meaning}, and {type(network).__name__} is none: "
                "name the network that it was trained for"
            )
    kept = {key: value for key, value in own.items() if key not in _FORMS}
    network.load_state_dict({**kept, **fitting}, strict=True)


def pick(own: Shapes, state_dict: "Mapping[str, Tensor]", source: Path) -> "dict[str, Tensor]":
    """Return the part of a state dict that a network fits, under the network's own keys; all of it where none does.

    Args:
        own: keys and shapes of the network.
        state_dict: of a file.
        source: the file, for messages.

    Raises:
        WeightsError: the network stands in it under several prefixes.
    """
    candidates = [dict(state_dict)]
    if not any(_MODULE in key.split(".") for key in own):  # where a part of a network was trained in parallel
        bare = {
            ".".join(part for part in key.split(".") if part != _MODULE): value for key, value in state_dict.items()
        }
        candidates.append(bare)
    for candidate in candidates:
        given = shapes_of(candidate)
        whole = [prefix for prefix in _prefixes(own, given) if misfit(own, _under(prefix, given)) is None]
        found = [prefix for prefix in whole if not _AVERAGED.search(prefix)] or whole
        if "" in found:  # beside it nothing is left over
            return candidate
        if len(found) > 1:
            listed = " and ".join(f"'{prefix}'" for prefix in found)
            raise WeightsError(f"{source} contains the network under {listed}: save the one that is meant alone")
        if found:
            outside = [key for key in candidate if not key.startswith(found[0])]
            if outside:
                logger.warning(
                    "%s: the keys under '%s' are taken, and those of %d other tensors left out",
                    source,
                    found[0],
                    len(outside),
                )
            return _under(found[0], candidate)
    return candidates[0]


def not_finite(state_dict: "Mapping[str, Tensor]") -> str | None:
    """Describe which tensors contain values that are not finite; None where there are none."""
    import torch

    dense = {
        key: value.float() if value.element_size() == 1 else value  # few functions take 8-bit floats
        for key, value in state_dict.items()
        if value.is_floating_point() and _has_numbers(value)
    }
    keys = [key for key, value in dense.items() if not torch.isfinite(value).all().item()]
    return f"{len(keys)} tensors contain values that are not finite ({keys[0]} ...)" if keys else None


def _prefixes(own: Shapes, given: Shapes) -> list[str]:
    """List the prefixes under which the longest key of a network stands."""
    longest = max((key for key in own if not key.endswith(_BATCH_COUNTER)), key=len, default="")
    return sorted({key.removesuffix(longest) for key in given if key == longest or key.endswith(f".{longest}")})


def _under(prefix: str, given: "Mapping[str, T]") -> "dict[str, T]":
    return {key.removeprefix(prefix): value for key, value in given.items() if key.startswith(prefix)}


def _other_kind(own: "Mapping[str, Tensor]", given: "Mapping[str, Tensor]") -> str | None:
    """Describe numbers that cannot be copied or would lose their meaning: whole numbers into floats, and so on."""
    wrong = [
        f"{key} {_kind(given[key])} instead of {_kind(value)}"
        for key, value in own.items()
        if key in given
        and (given[key].is_floating_point() != value.is_floating_point() or not _has_numbers(given[key]))
    ]
    more = ", ..." if len(wrong) > _LISTED_KEYS else ""
    return f"{len(wrong)} of another kind of numbers ({', '.join(wrong[:_LISTED_KEYS])}{more})" if wrong else None


def _has_numbers(value: "Tensor") -> bool:
    """Return whether a tensor holds a number for each of its places."""
    import torch

    return value.layout == torch.strided and not value.is_meta


def _kind(value: "Tensor") -> str:
    import torch

    if value.is_meta:
        return "without its numbers"
    return str(value.dtype if value.layout == torch.strided else value.layout).removeprefix("torch.")


def _size_hint(network: "nn.Module", given: Shapes) -> str:
    """Return advice where the weights are those of the same network at another size; else nothing."""
    own = shapes_of(network.state_dict())
    common = own.keys() & given.keys()
    if 2 * len(common) <= len(own) or all(own[key] == given[key] for key in common):
        return ""
    arguments = ", ".join(list(inspect.signature(type(network).__init__).parameters)[1:])
    return f"; it is of another size: set network_arguments ({arguments})" if arguments else "; it is of another size"
