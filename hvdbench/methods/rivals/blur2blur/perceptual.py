"""Blur2Blur's perceptual loss, on features of VGG16 with torchvision's parameter names."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hvdbench.methods.rivals.blur2blur.settings import TranslatorSettings
from hvdbench.methods.selfhvd.perceptual import VGG16, VggFeatures, load_features
from hvdbench.methods.selfhvd.weights import weights_path

# The published code cuts behind five convolutions; its ReLUs work in place, so that of the first four what is compared
# went through the ReLU that follows.
_WEIGHTS = {"relu2_2": 1 / 32, "relu3_3": 1 / 16, "relu4_1": 1 / 8, "relu4_3": 1 / 4, "conv5_1": 1.0}


class MultiScalePerceptualLoss(nn.Module):
    """The weighted sum over five layers of the mean absolute difference of features, summed over scales.

    Args:
        normalises: whether pictures are normalised by ImageNet's mean and deviation, which VGG16 was trained with; the
            published code leaves that out.
    """

    def __init__(self, *, normalises: bool = True) -> None:
        super().__init__()
        self.vgg = VggFeatures("conv5_1", VGG16, normalises=normalises)

    def of(self, pictures: Tensor) -> list[Tensor]:
        """Return the five features of pictures (N, 3, H, W), RGB in [0, 1]."""
        return self.vgg.of_layers(pictures, list(_WEIGHTS))

    def forward(self, made: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
        """Return the loss of pictures at some scales, (N, 3, h, w) each."""
        total = []
        for a, b in zip(made, wanted, strict=True):
            with torch.no_grad():
                targets = self.of(b)
            for weight, x, y in zip(_WEIGHTS.values(), self.of(a), targets, strict=True):
                total.append(weight * (x - y).abs().mean())
        return torch.stack(total).sum()


def make_perceptual(settings: TranslatorSettings, *, normalises: bool = True) -> MultiScalePerceptualLoss | None:
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
        loss = MultiScalePerceptualLoss(normalises=normalises)
    if path is not None:
        load_features(loss.vgg, path, "vgg16")
    return loss
