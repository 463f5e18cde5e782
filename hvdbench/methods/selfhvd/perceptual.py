"""Features of VGG19 (Simonyan & Zisserman, 2014): the ``φ`` of Eqs. 11 and 12, with torchvision's parameter names.

VGG16, which a rival's loss needs, is the same network with fewer convolutions.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from hvdbench.errors import WeightsError
from hvdbench.methods.selfhvd.settings import PerceptualSettings
from hvdbench.methods.selfhvd.weights import weights_path
from hvdbench.weights.checkpoints import load_checkpoint
from hvdbench.weights.fitting import load_into

_KNOWN_WEIGHTS = "vgg19"
_WIDTHS = (64, 128, 256, 512, 512)
VGG16, VGG19 = (2, 2, 3, 3, 3), (2, 2, 4, 4, 4)
"""The numbers of convolutions of the five blocks."""
LAYERS = tuple(
    f"{kind}{block}_{n}"
    for kind in ("relu", "conv")
    for block, count in enumerate(VGG19, start=1)
    for n in range(1, count + 1)
)
"""The names of the ReLUs, as in the paper on VGG, then those of the convolutions before them."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, for RGB in [0, 1]: VGG19 was trained with them
_PREFIX = "features."


class VggFeatures(nn.Module):
    """A VGG up to one of its ReLUs or convolutions, frozen; it takes RGB in [0, 1] and normalises it itself.

    Its parameters are named as in torchvision; its random weights are Kaiming's, as there.
    """

    def __init__(
        self, layer: str = "relu5_4", convolutions_of_blocks: Sequence[int] = VGG19, *, normalises: bool = True
    ) -> None:
        """Build the network with random weights.

        Args:
            layer: name of the last layer, one of :data:`LAYERS`.
            convolutions_of_blocks: number of convolutions of each of the five blocks: ``VGG19`` or ``VGG16``.
            normalises: whether pictures are normalised by ImageNet's mean and deviation, which it was trained with.

        Raises:
            ValueError: if there is no such layer.
        """
        super().__init__()
        self.blocks = tuple(convolutions_of_blocks)
        self.features = nn.Sequential(*vgg_layers(layer, self.blocks))
        mean, std = (MEAN, STD) if normalises else ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.eval().requires_grad_(False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the features of (N, 3, H, W): (N, C, H / 2^b, W / 2^b) with b poolings before the layer."""
        mean, std = self.get_buffer("mean"), self.get_buffer("std")
        features: Tensor = self.features((pictures - mean) / std)
        return features

    def of_layers(self, pictures: Tensor, wanted: Sequence[str]) -> list[Tensor]:
        """Return the features of (N, 3, H, W) after several layers, in the order in which they are named.

        Args:
            pictures: RGB in [0, 1].
            wanted: names of :data:`LAYERS` up to the one that the network ends with.
        """
        found: dict[str, Tensor] = {}
        x = (pictures - self.get_buffer("mean")) / self.get_buffer("std")
        for name, module in zip(_names(self.blocks), self.features, strict=False):
            x = module(x)
            if name in wanted:
                # the ReLU after a convolution works in place, so what it would overwrite is copied
                found[name] = x.clone() if name.startswith("conv") else x
        return [found[name] for name in wanted]


def _names(convolutions_of_blocks: Sequence[int]) -> Iterator[str]:
    """Yield the names of a VGG's modules in order, those of the poolings too."""
    for block, count in enumerate(convolutions_of_blocks, start=1):
        for number in range(1, count + 1):
            yield from (f"conv{block}_{number}", f"relu{block}_{number}")
        yield f"pool{block}"


def vgg_layers(last: str, convolutions_of_blocks: Sequence[int] = VGG19) -> list[nn.Module]:
    """Build the layers of a VGG up to the one named, with random weights, in the order of torchvision's ``features``.

    Args:
        last: name of the last layer, one of :data:`LAYERS`.
        convolutions_of_blocks: number of convolutions of each of the five blocks.

    Raises:
        ValueError: if there is no such layer.
    """
    layers: list[nn.Module] = []
    channels = 3
    if last not in LAYERS:
        raise ValueError(f"VGG19 has no layer '{last}' (known: {', '.join(LAYERS)})")
    for block, (width, convolutions) in enumerate(zip(_WIDTHS, convolutions_of_blocks, strict=True), start=1):
        for number in range(1, convolutions + 1):
            convolution = nn.Conv2d(channels, width, 3, padding=1)
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
            channels = width
            layers.append(convolution)
            if last == f"conv{block}_{number}":
                return layers
            layers.append(nn.ReLU(inplace=True))
            if last == f"relu{block}_{number}":
                return layers
        layers.append(nn.MaxPool2d(2, 2))
    return layers


def load_features(network: nn.Module, path: Path, whose: str = "vgg19") -> None:
    """Load torchvision's weights into the features of a VGG; its layers above them, and its classifier, are left out.

    Args:
        network: network with a part ``features``, changed in place.
        path: torchvision's weight file.
        whose: torchvision's name of the network, for the message.

    Raises:
        WeightsError: if the weights are missing, damaged or another network's.
    """
    found = {key: value for key, value in load_checkpoint(path).items() if key.startswith(_PREFIX)}
    if not found:
        raise WeightsError(
            f"{path} contains no parameter under '{_PREFIX}': the weights of torchvision's {whose} are needed"
        )
    wanted = network.state_dict().keys()
    load_into(network, {key: value for key, value in found.items() if key in wanted}, path)


def make_features(settings: PerceptualSettings) -> VggFeatures | None:
    """Build the feature network that the settings choose, or return None where the losses that need it are off.

    Raises:
        WeightsError: if VGG19's weights are missing, damaged or another network's.
    """
    if settings.weight == 0:
        return None
    otherwise = "or set perceptual.weight to 0 in the recipe, which leaves the VGG losses out"
    path = weights_path(settings.weights, _KNOWN_WEIGHTS, otherwise)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = VggFeatures(settings.layer)
    if path is not None:
        load_features(network, path)
    return network
