"""Define the losses of frame sequences: one that does not see which end comes first, and those that do."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from hvdbench.methods.supervised import charbonnier_loss


def order_invariant_loss(made: Tensor, truth: Tensor, *, middle: bool) -> Tensor:
    """Return the order-invariant loss (Eq. 3), which is the same for a sequence and for its reverse.

    As in the published code it compares the magnitudes of sum and difference of the frames of each pair, squared; Eq. 3
    as printed subtracts norms, which has no lower bound.

    Args:
        made, truth: (N, T, 3, H, W), T odd.
        middle: whether the middle frame, which has no partner, is compared too; the published code leaves it out, so
            that nothing trains it.

    Returns:
        The sum over the pairs, and the middle frame, of mean squared differences; a scalar.
    """
    last, total = made.shape[1] - 1, made.new_zeros(())
    for k in range(last // 2):
        for sign in (1, -1):
            found = (made[:, k] + sign * made[:, last - k]).abs()
            wanted = (truth[:, k] + sign * truth[:, last - k]).abs()
            total = total + F.mse_loss(found, wanted)
    return total + F.mse_loss(made[:, last // 2], truth[:, last // 2]) if middle else total


def sequence_loss(
    made: Tensor,
    truth: Tensor,
    kind: Literal["order_invariant", "l2", "charbonnier"],
    *,
    middle: bool = True,
    epsilon: float = 1e-3,
) -> Tensor:
    """Return the loss of a kind, a scalar.

    Args:
        made, truth: (N, T, 3, H, W), T odd.
        kind: ``order_invariant``, as :func:`order_invariant_loss`, or a distance of each frame to its own truth, as a
            sum over the frames of means over pixels (Eq. 4).
        middle: whether the middle frame counts.
        epsilon: constant of the Charbonnier distance.
    """
    if kind == "order_invariant":
        return order_invariant_loss(made, truth, middle=middle)
    difference, count = made - truth, made.shape[1]
    if not middle:
        kept = [k for k in range(count) if k != count // 2]
        difference = difference[:, kept]
    mean = difference.square().mean() if kind == "l2" else charbonnier_loss(difference, epsilon)
    return mean * difference.shape[1]
