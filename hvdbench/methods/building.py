"""Build the network that a method runs or trains, and load the weights that it has or starts from."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hvdbench.catalog import NamedPreset, resolve
from hvdbench.errors import HvdbenchError, InputError, RecipeError, WeightsError
from hvdbench.flow import flow_dis
from hvdbench.methods.foreign.calling import reason
from hvdbench.networks.basicvsrpp import BasicVSRPlusPlus
from hvdbench.networks.cdvd_tsp import CDVDTSP
from hvdbench.networks.estrnn import ESTRNN
from hvdbench.networks.layers.identity import can_start_at_identity
from hvdbench.networks.pwc_net import PWCNet
from hvdbench.networks.spynet import SPyNet
from hvdbench.weights.checkpoints import load_checkpoint
from hvdbench.weights.finding import find_weights
from hvdbench.weights.fitting import load_into

logger = logging.getLogger(__name__)


def build_network(
    name: str, arguments: Mapping[str, Any], seed: int = 0, *, zero_flow_start: bool = False
) -> nn.Module:
    """Build a network on the CPU, its weights drawn from ``seed``; the global generator stays as it is.

    Args:
        name: a name of the catalogue, perhaps with a preset (``estrnn@tiny``), or an import string of a class, a
            function that makes the module, the module itself, or a :class:`hvdbench.networks.network.Network`.
        arguments: arguments of the class or function; they take precedence over those of the preset.
        seed: random seed of the weights.
        zero_flow_start: whether an untrained SPyNet or PWC-Net inside it starts at zero flow.

    Raises:
        UnknownNameError: if there is no such network or preset.
        InputError: if the network cannot be made with these arguments, or does not restore clips.
    """
    asked = NamedPreset.parse(name)
    found = resolve("network", asked.name)
    if not found.restores_clips:
        raise InputError(
            f"network '{name}' does not restore clips by itself, but serves other networks or one method: name a "
            "network that restores clips"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = found.build(asked.preset, **arguments)
        except HvdbenchError:
            raise
        except (Exception, SystemExit) as error:  # foreign code can fail in any way, and may even call sys.exit
            given = ", ".join(f"{key} = {value}" for key, value in arguments.items()) or "no arguments"
            raise InputError(f"network '{name}' cannot be made with {given}: {reason(error)}") from error
    for part in network.modules():
        if zero_flow_start and isinstance(part, SPyNet | PWCNet):
            part.start_at_zero_flow()
        if isinstance(part, BasicVSRPlusPlus | ESTRNN | CDVDTSP):
            part.given_flow = flow_of_pictures
    return network


def flow_of_pictures(a: Tensor, b: Tensor) -> Tensor:
    """Estimate the flow from a to b by DIS for a network that has none of its own.

    Args:
        a, b: (N, 3, H, W), RGB in [0, 1].

    Returns:
        The flow (N, 2, H, W), float32, x first, in px, on the device of ``a``.
    """
    gray_a, gray_b = (_gray(pictures) for pictures in (a, b))
    flows = np.stack([flow_dis(one, other) for one, other in zip(gray_a, gray_b, strict=True)])
    return torch.from_numpy(flows).permute(0, 3, 1, 2).to(a.device)


def _gray(pictures: Tensor) -> NDArray[np.uint8]:
    """Return the luma of pictures, (N, H, W) uint8."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=pictures.device)
    gray = (pictures.float().permute(0, 2, 3, 1) @ weights).clamp(0, 1)
    return np.asarray((255 * gray).round().byte().cpu().numpy(), np.uint8)


def ready_network(
    name: str, arguments: Mapping[str, Any], weights: Path | None, *, own_weights: bool = False
) -> nn.Module:
    """Build a network that is used as it is, and switch it to evaluation.

    Args:
        name: name or import string, as :func:`build_network` takes it.
        arguments: arguments of the class or function.
        weights: path of a checkpoint, which is read without running anything in it; every key must fit.
        own_weights: whether the network that is named has its weights already.

    Raises:
        UnknownNameError, InputError: under the conditions of :func:`build_network`.
        WeightsError: if it has parameters but no weights, or if the weights belong to another network.
    """
    network = build_network(name, arguments)
    if weights is not None:
        load_into(network, load_checkpoint(weights), weights)
    elif not own_weights and any(True for _ in network.parameters()):
        raise WeightsError(
            f"network '{name}' has no weights, so its output would be random: name a checkpoint (--weights)"
        )
    return network.eval()


def start_at_identity(network: nn.Module) -> None:
    """Make an untrained network return its frames; one that does not know how keeps its weights, with a warning.

    Args:
        network: network, which is changed in place if it has a method ``start_at_identity``.
    """
    if can_start_at_identity(network):
        network.start_at_identity()
    else:
        logger.warning(
            "%s has no method start_at_identity, so its training starts from random weights", type(network).__name__
        )


def load_start(network: nn.Module, start_from: str | None, start_parts: Mapping[str, str]) -> None:
    """Load the weights that a training starts from: those of the whole network, then those of parts of it.

    Args:
        network: network, which is changed in place.
        start_from: weight file or name of known weights.
        start_parts: the same for parts, by the part's name, ``{"spynet" = "spynet"}``; an empty text leaves the part as
            it is.

    Raises:
        WeightsError: if a file is missing, damaged, or belongs to another network.
        RecipeError: if the network has no such part.
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
            raise RecipeError(
                f"start_parts names '{part}', which is no part of the network (its parts: {known})"
            ) from error
        path = find_weights(named)
        load_into(module, load_checkpoint(path), path)
