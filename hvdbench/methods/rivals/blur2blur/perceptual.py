"""Blur2Blur's perceptual loss, on features of VGG16 with torchvision's parameter names."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hvdbench.methods.rivals.blur2blur.settings import TranslatorSettings
from hvdbench.methods.selfhvd.perceptual import MEAN, STD, load_features, vgg_layers
from hvdbench.methods.selfhvd.weights import weights_path

_VGG16 = (2, 2, 3, 3, 3)
# The published code cuts after layers 7, 14, 17, 21 and 24; its ReLUs work in place, so that of the first four
# convolutions what is compared went through the ReLU that follows.
_TAPS = (8, 15, 18, 22, 24)
_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)


class PerceptualLoss(nn.Module):
    """The weighted sum over five layers of the mean absolute difference of features, summed over scales.

    Args:
        normalises: whether pictures are normalised by ImageNet's mean and deviation, which VGG16 was trained with; the
            published code leaves that out.
    """

    def __init__(self, *, normalises: bool = True) -> None:
        super().__init__()
        self.features = nn.Sequential(*vgg_layers("conv5_1", _VGG16))
        mean, std = (MEAN, STD) if normalises else ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.eval().requires_grad_(False)

    def of(self, pictures: Tensor) -> list[Tensor]:
        """Return the five features of pictures (N, 3, H, W), RGB in [0, 1]."""
        x = (pictures - self.get_buffer("mean")) / self.get_buffer("std")
        found = []
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in _TAPS:
                found.append(x)
        return found

    def forward(self, made: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
        """Return the loss of pictures at some scales, (N, 3, h, w) each."""
        total = []
        for a, b in zip(made, wanted, strict=True):
            with torch.no_grad():
                targets = self.of(b)
            for weight, x, y in zip(_WEIGHTS, self.of(a), targets, strict=True):
                total.append(weight * (x - y).abs().mean())
        return torch.stack(total).sum()


def make_perceptual(settings: TranslatorSettings, *, is_published: bool) -> PerceptualLoss | None:
    """Build the loss with its weights, or return None where it is off.

    Raises:
        WeightsError: if VGG16's weights are missing, damaged or another network's.
    """
    if settings.perceptual == 0:
        return None
    otherwise = "or set translator.perceptual to 0 and translator.pixel above 0 in the recipe"
    path = weights_path(settings.perceptual_weights, "vgg16", otherwise)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        loss = PerceptualLoss(normalises=not is_published)
    if path is not None:
        load_features(loss, path, "vgg16")
    return loss
