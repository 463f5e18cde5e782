"""Compute with orders: open a trained network, the regulariser of Eq. 7, and truths that are put into one order."""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from hvdbench.catalog import NamedPreset, resolve
from hvdbench.errors import InputError, WeightsError
from hvdbench.methods.foreign.calling import reason
from hvdbench.methods.related.hypercut.settings import OrderSettings
from hvdbench.metrics.order import con, hit, load_order_network
from hvdbench.networks.hypercut import HyperCUT
from hvdbench.weights.finding import find_weights


def build_order(name: str, arguments: dict[str, object], seed: int = 0) -> HyperCUT:
    """Build a HyperCUT on the CPU, its weights and its plane drawn from ``seed``.

    Raises:
        UnknownNameError: if there is no such network or preset.
        InputError: if the network does not take its arguments, or is another one.
    """
    asked = NamedPreset.parse(name)
    found = resolve("network", asked.name)
    if found.module is not HyperCUT:
        raise InputError(f"network '{name}' orders no frames: name 'hypercut', at one of its sizes")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = found.build(asked.preset, **arguments)
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"network '{name}' cannot be made with {arguments}: {reason(error)}") from error
    assert isinstance(network, HyperCUT)
    return network


def open_order(settings: OrderSettings) -> HyperCUT | None:
    """Open the network of a regulariser, frozen and in evaluation, at the size of its weights; None without weights.

    Raises:
        WeightsError: if the weights are missing, damaged, or of another network.
    """
    if not settings.weights:
        return None
    try:
        path = find_weights(settings.weights)
    except WeightsError as error:
        raise WeightsError(f"{error}; 'hvdbench train hypercut_order' makes weights of an order") from error
    return load_order_network(path).eval().requires_grad_(requires_grad=False)


def regulariser(ahead: Tensor, form: Literal["softplus", "linear"] = "softplus") -> Tensor:
    """Return Eq. 7: the sum over the pairs of each exposure, a mean over exposures.

    The printed sum also has the middle frame paired with itself, which is its own reverse and thus has no order; it is
    left out, as in the published code.

    Args:
        ahead: (N, (T - 1) / 2), :meth:`HyperCUT.ahead` of the frames.
        form: function of each inner product.
    """
    return (F.softplus(ahead) if form == "softplus" else ahead).sum(dim=1).mean()


def ordered(frames: Tensor, ahead: Tensor) -> Tensor:
    """Reverse the exposures that lie on the positive side of the plane, so that all lie on the negative one.

    Args:
        frames: (N, T, 3, H, W), true frames.
        ahead: (N, (T - 1) / 2), :meth:`HyperCUT.ahead` of these frames; the sum over the pairs decides.

    Returns:
        Frames of the same shape.
    """
    is_behind = ahead.sum(dim=1) > 0
    return torch.where(is_behind[:, None, None, None, None], frames.flip(1), frames)


def hit_share(sides: Tensor) -> Tensor:
    """Return the share of pairs that lie on another side than their reverses (Eq. 5), a scalar.

    Args:
        sides: (N, T - 1) of :meth:`HyperCUT.sides`, pairs and reverses in turn.
    """
    return _share_of(sides, hit)


def consistent_share(sides: Tensor) -> Tensor:
    """Return the share of exposures whose pairs all lie on one side (``con@3`` for seven frames), a scalar.

    Args:
        sides: (N, T - 1) of :meth:`HyperCUT.sides`; an exposure of one pair agrees with itself.
    """
    pairs = sides.shape[1] // 2
    return _share_of(sides, lambda values: con(values, pairs) if pairs > 1 else 1.0)


def _share_of(sides: Tensor, metric: Callable[[NDArray[np.float64]], float]) -> Tensor:
    """Return a metric of ``metrics.order``; NaN where a side is none, since a training says itself that it failed."""
    values = sides.detach().double().cpu().reshape(len(sides), -1, 2).numpy()  # (N, P, 2): forward, reversed
    share = metric(values) if np.isfinite(values).all() else math.nan
    return torch.tensor(share, dtype=torch.float32, device=sides.device)
