"""Let a network that is trained from nothing start at the identity, so that its result is the frame itself."""

from typing import Any, Protocol, TypeGuard

import torch
from torch import Tensor, nn


class StartsAtIdentity(Protocol):
    """A network that can start at the identity; one from outside the package can have the method, too."""

    def start_at_identity(self) -> None:
        """Change the random weights so that the result is the frame that is restored, up to rounding."""
        ...


def can_start_at_identity(network: object) -> TypeGuard[StartsAtIdentity]:
    """Return whether a network has the method :meth:`StartsAtIdentity.start_at_identity`."""
    return callable(getattr(network, "start_at_identity", None))


def zero_layer(layer: nn.Module) -> None:
    """Set all parameters of a layer to zero, so that it returns zero until it is trained."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


def lively_layers(network: nn.Module) -> None:
    """Enlarge random convolutions of a network without normalisations to Kaiming's spread for ReLU; biases become zero.

    By PyTorch's own rule the spread of the values falls to 0.4 of itself with every convolution and ReLU, so that after
    ten of them all pixels look alike and a training hardly begins. Nothing is drawn, so that the seed decides all.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            # a transposed convolution of stride s adds up only 1 in s² of its weights at each pixel
            shrinkage = layer.stride[0] if isinstance(layer, nn.ConvTranspose2d) else 1
            inputs = layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1] / shrinkage**2
            with torch.no_grad():
                layer.weight.mul_((2 / inputs) ** 0.5 / layer.weight.std())
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class FrameAdding(nn.Module):
    """Base class of published networks that compute the whole picture, and can be told to compute only its change.

    Attributes:
        adds_frame: None for the published network. True in a network that was started at the identity: its result is
            added to the frame. The value is a buffer, so that a weight file contains it, and loading weights of either
            kind makes the network one of that kind.
    """

    adds_frame: Tensor | None

    def __init__(self) -> None:
        """Build the published form."""
        super().__init__()
        self.register_buffer("adds_frame", None)

    def add_frame(self, layer: nn.Module) -> None:
        """Start at the identity: add each frame to the result of the last layer, which becomes zero."""
        zero_layer(layer)
        self.adds_frame = torch.ones((), dtype=torch.bool)

    def completed(self, result: Tensor, frame: Tensor) -> Tensor:
        """Return the restored frame, (N, 3, H, W), from the result of the last layer and the frame."""
        return result if self.adds_frame is None else result + frame

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        marked = f"{prefix}adds_frame" in state_dict
        device = next(self.parameters()).device
        self.adds_frame = torch.ones((), dtype=torch.bool, device=device) if marked else None
        super()._load_from_state_dict(state_dict, prefix, *rest)
