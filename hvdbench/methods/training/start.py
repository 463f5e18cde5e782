"""What a training starts from: a network of the catalogue, drawn from a seed or warm from weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hvdbench.catalog import resolve
from hvdbench.errors import RecipeError
from hvdbench.weights.checkpoints import load_checkpoint
from hvdbench.weights.fitting import load_into
from hvdbench.weights.registry import KNOWN, known_weights
from hvdbench.workspace.paths import weights_folder


def build_network(
    name: str, arguments: Mapping[str, Any], seed: int = 0, *, zero_flow_start: bool = False
) -> nn.Module:
    """Build a network of the catalogue, its weights drawn from ``seed``; the global generator stays as it is.

    Args:
        name: of the catalogue, with a preset (``estrnn@tiny``) or an import string.
        arguments: of its constructor.
        seed: of the weights.
        zero_flow_start: let an untrained SPyNet inside it start at zero flow.

    Raises:
        UnknownNameError: no such network.
        RecipeError: it does not take the arguments.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network_class = resolve("network", name)
        try:
            network: nn.Module = network_class(**arguments)
        except (TypeError, ValueError) as error:
            given = ", ".join(f"{key} = {value}" for key, value in arguments.items())
            raise RecipeError(f"network '{name}' does not take {given}: {error}") from error
    if zero_flow_start and hasattr(network, "spynet"):
        network.spynet.start_at_zero_flow()  # type: ignore[union-attr, operator]
    return network


def load_start(network: nn.Module, start_from: str | None, start_parts: Mapping[str, str]) -> None:
    """Load weights to start from: of the whole network, then of parts of it.

    Args:
        network: changed in place.
        start_from: a weight file or a name of the registry.
        start_parts: the same by the name of a part, ``{"spynet" = "spynet"}``; an empty name leaves the part.

    Raises:
        WeightsError: a file is missing, damaged, or belongs to another network.
        RecipeError: the network has no such part.
    """
    if start_from:
        path = find_weights(start_from)
        load_into(network, load_checkpoint(path), path)
    for part, named in start_parts.items():
        if not named:
            continue
        try:
            module = network.get_submodule(part)
        except AttributeError as error:
            known = ", ".join(name for name, _ in network.named_children())
            raise RecipeError(f"start_parts: the network has no part '{part}' (it has {known})") from error
        path = find_weights(named)
        load_into(module, load_checkpoint(path), path)


def find_weights(named: str) -> Path:
    """Give the path of weights that a recipe names: by the registry's name, else a file's."""
    if any(known.name == named for known in KNOWN):
        return weights_folder() / known_weights(named).file_name
    return Path(named).expanduser()
