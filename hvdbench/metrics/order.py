"""Measure how well an order network tells a sequence from its reverse: HyperCUT's hit and con (section 5.3).

An order network maps two frames to a point and a fixed hyperplane divides the points; here only the signed value
``<H(a, b), h>`` of each pair counts. A sequence of N frames has the symmetric pairs (0, N - 1), (1, N - 2) …
"""

from collections.abc import Callable, Iterable
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError

if TYPE_CHECKING:
    from hvdbench.networks.hypercut import HyperCUT

Order = Callable[[NDArray[np.uint8]], NDArray[np.float64]]
"""Takes a sequence, uint8 RGB (N, H, W, 3) with an odd N, and returns (P, 2): of each symmetric pair, the outer first,
the hyperplane's value forward and reversed; P is (N - 1) / 2."""
Colour = Literal["rgb", "bgr"]

_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, of RGB


def hit(values: NDArray[np.float64]) -> float:
    """Return the share of symmetric pairs that lie on another side of the hyperplane than their reverse (Eq. 5).

    Args:
        values: (M, P, 2) of M sequences, as an :data:`Order` gives them.

    Returns:
        From 0 to 1. A pair whose value is 0 in either order is on no side and is no hit.

    Raises:
        InputError: if there is no pair.
    """
    checked = _checked(values)
    return float((checked[..., 0] * checked[..., 1] < 0).mean())


def con(values: NDArray[np.float64], pairs: int = 3) -> float:
    """Return the share of sequences of which some number of symmetric pairs lie, forward, on one side: con@2, con@3.

    The paper does not say which two pairs con@2 is about, so it is the mean over all choices of them.

    Args:
        values: (M, P, 2) of M sequences, as an :data:`Order` gives them.
        pairs: the number of pairs that must agree, 2 or more and at most P.

    Returns:
        From 0 to 1. A value of 0 is on no side.

    Raises:
        InputError: if the sequences have fewer pairs, or there is none.
    """
    checked = _checked(values)
    count = checked.shape[1]
    if not 2 <= pairs <= count:
        raise InputError(f"con@{pairs} needs 2 to {count} pairs, since the sequences have {count}")
    sides = np.sign(checked[..., 0])  # (M, P)
    agree = [np.abs(sides[:, list(chosen)].sum(axis=1)) == pairs for chosen in combinations(range(count), pairs)]
    return float(np.mean(agree))


def order_values(order: Order, sequences: Iterable[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Run an order network over sequences of one length.

    Args:
        order: the network.
        sequences: M sequences, uint8 RGB (N, H, W, 3) each.

    Returns:
        The values, (M, P, 2).

    Raises:
        InputError: if there is no sequence, or the lengths differ or are even.
    """
    found: list[NDArray[np.float64]] = []
    for sequence in sequences:
        pairs = (len(sequence) - 1) // 2
        if len(sequence) < 3 or len(sequence) % 2 == 0:
            raise InputError(f"a sequence of {len(sequence)} frames has no order: 3, 5, 7 … frames are needed")
        values = np.asarray(order(sequence), np.float64)
        if values.shape != (pairs, 2) or (found and found[0].shape != values.shape):
            raise InputError(
                f"an order network returned {values.shape} of {len(sequence)} frames: it must return ({pairs}, 2), "
                "and all sequences must have one length"
            )
        found.append(values)
    if not found:
        raise InputError("there is no sequence to measure an order on")
    return np.stack(found)


class OrderNetwork:
    """The order network ``hypercut`` on sequences of 8-bit frames; an :data:`Order`.

    Args:
        network: with its weights.
        colour: the order of the colours that the weights were trained with; a network whose weights say that they are
            of the form that the paper means takes RGB whatever is asked for.
        device: where it runs.
    """

    def __init__(self, network: "HyperCUT", *, colour: Colour = "rgb", device: str = "cpu") -> None:
        self._network, self._device = network.to(device).eval(), device
        self._colour: Colour = colour if network.as_meant is None else "rgb"

    def __call__(self, sequence: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the hyperplane's values of a sequence's symmetric pairs, (P, 2), as an :data:`Order` does."""
        return self.measure(sequence)[1]

    def measure(self, sequence: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the vectors of a sequence's symmetric pairs, and the hyperplane's values of them.

        Args:
            sequence: uint8 RGB (N, H, W, 3), N odd, at least 33 px high and wide.

        Returns:
            The vectors, (P, 2, out_dim), forward and reversed, and the values, (P, 2).

        Raises:
            ValueError: if the frames are too small, or their number is even.
        """
        import torch

        picked = sequence if self._colour == "rgb" else sequence[..., ::-1]
        mean, spread = (torch.tensor(values, device=self._device)[:, None, None] for values in (_MEAN, _SPREAD))
        levels = torch.from_numpy(np.ascontiguousarray(picked)).to(self._device).permute(0, 3, 1, 2).float() / 255.0
        with torch.no_grad():
            vectors = self._network(((levels - mean) / spread)[None])  # (1, N - 1, out_dim)
            sides = self._network.hyperplane(vectors)
        pairs = vectors.shape[1] // 2
        found = vectors[0].reshape(pairs, 2, -1).double().cpu().numpy()
        return np.asarray(found, np.float64), np.asarray(sides.reshape(pairs, 2).double().cpu().numpy(), np.float64)


def open_order(weights: Path, *, colour: Colour = "rgb", device: str = "cpu") -> OrderNetwork:
    """Open the order network ``hypercut`` with weights; its size is that of the stored values.

    Args:
        weights: a checkpoint of :class:`hvdbench.networks.hypercut.HyperCUT`.
        colour: the order of the colours that the weights were trained with; the published ones need ``bgr``.
        device: where the network runs.

    Raises:
        WeightsError: if the file is missing, damaged, or another network's.
    """
    return OrderNetwork(load_order_network(weights), colour=colour, device=device)


def load_order_network(weights: Path) -> "HyperCUT":
    """Load the order network from a file through the one safe door for weights.

    Raises:
        WeightsError: if the file is missing, damaged, or another network's.
    """
    from hvdbench.networks.hypercut import HyperCUT
    from hvdbench.weights.checkpoints import load_checkpoint
    from hvdbench.weights.fitting import load_into

    state = load_checkpoint(weights)
    planes = [tensor for key, tensor in state.items() if key.endswith("hyperplane.hyperplane") and tensor.dim() == 1]
    first = [tensor for key, tensor in state.items() if key.endswith("f_func.model.1.weight") and tensor.dim() == 4]
    blocks = sum(key.endswith(".conv_block.1.weight") for key in state)
    is_known = planes and len(planes[0]) > 1 and first and blocks
    network = HyperCUT(len(planes[0]) - 1, len(first[0]), blocks) if is_known else HyperCUT()
    load_into(network, state, weights)
    return network


def _checked(values: NDArray[np.float64]) -> NDArray[np.float64]:
    if values.ndim != 3 or values.shape[2] != 2 or not values.size:
        raise InputError(f"order values must be (M, P, 2) of at least one pair, found {values.shape}")
    if not np.isfinite(values).all():
        raise InputError("an order network returned a value that is not a finite number")
    return values
