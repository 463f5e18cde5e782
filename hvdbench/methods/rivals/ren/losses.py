"""The losses of Ren et al. (arXiv 2012.05228, section III-B4): MVL, perceptual loss, reweighting, and WGAN-GP."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hvdbench.errors import WeightsError
from hvdbench.methods.rivals.ren.settings import LossSettings
from hvdbench.methods.selfhvd.equations import laplacian_variance
from hvdbench.methods.selfhvd.perceptual import VggFeatures, make_features
from hvdbench.methods.selfhvd.settings import PerceptualSettings
from hvdbench.weights.finding import find_weights

_VGG19 = "vgg19"


def mvl(pictures: Tensor) -> Tensor:
    """Return MVL, Eq. 1: the sum over a picture's pixels of the squared distance of its Laplacian from the mean.

    The pixels at the border are left out, because a patch does not know their neighbours.

    Args:
        pictures: RGB in [0, 1], (N, 3, H, W).

    Returns:
        (N,), squared levels of BT.601 gray in [0, 255].
    """
    return laplacian_variance(pictures) * inner_px(pictures)


def inner_px(pictures: Tensor) -> int:
    """Return the number of pixels of a picture (..., H, W) that do not lie at its border."""
    return (pictures.shape[-2] - 2) * (pictures.shape[-1] - 2)


def reweighted(losses: Tensor, sharp: Tensor, normaliser: float) -> Tensor:
    """Return Eq. 3, the mean over patches of ``MVL / N * L_P``.

    Args:
        losses: loss ``L_P`` of each patch, (N,).
        sharp: sharp patches, (N, 3, H, W), whose MVL counts.
        normaliser: constant ``N``, above 0.
    """
    return (mvl(sharp) / normaliser * losses).mean()


@dataclass
class PerceptualLoss:
    """The loss ``L_P`` of Eq. 2: weighted mean absolute differences of VGG19's features, and of the pictures.

    Attributes:
        settings: weights of the layers.
        features: VGG19, frozen; None where its weights are missing or no layer counts.
    """

    settings: LossSettings
    features: VggFeatures | None

    def to(self, device: torch.device) -> None:
        """Move VGG19 to a device."""
        if self.features is not None:
            self.features.to(device)

    def __call__(self, restored: Tensor, sharp: Tensor) -> Tensor:
        """Return the loss of each patch, (N,), of two (N, 3, H, W) in [0, 1]."""
        total = self.settings.pixel * _distance(restored, sharp)
        if self.features is None:
            return total
        layers = self.settings.compared_layers
        names, weights = list(layers), list(layers.values())
        with torch.no_grad():
            wanted = self.features.of_layers(sharp, names)
        for weight, found, of_sharp in zip(weights, self.features.of_layers(restored, names), wanted, strict=True):
            total = total + weight * _distance(found, of_sharp)
        return total


def make_perceptual_loss(settings: LossSettings) -> PerceptualLoss:
    """Build the loss; where no weights are named and VGG19's are missing, it is that of the pictures alone.

    Raises:
        WeightsError: if named weights are missing, weights are damaged or another network's, or nothing is left to
            learn from without VGG19.
    """
    missing = missing_vgg(settings)
    if missing is not None and settings.pixel == 0:
        raise WeightsError(f"{missing}, or set loss.pixel above 0 in the recipe")
    if not settings.compared_layers or missing is not None:
        return PerceptualLoss(settings, None)
    deepest = max(settings.compared_layers, key=_depth)
    return PerceptualLoss(settings, make_features(PerceptualSettings(layer=deepest, weights=settings.weights)))


def missing_vgg(settings: LossSettings) -> str | None:
    """Return why the perceptual loss is off although the settings ask for it; None where it is on or not asked for.

    Named weights that are missing are no reason, since a loss that was asked for by name must not be left out.
    """
    if not settings.compared_layers or settings.weights:
        return None
    try:
        find_weights(_VGG19)
    except WeightsError as error:
        return str(error)
    return None


def critic_loss(critic: nn.Module, sharp: Tensor, restored: Tensor, share: Tensor, penalty: float) -> Tensor:
    """Return the critic's loss of WGAN-GP (Gulrajani et al., NeurIPS 2017, Eq. 3).

    ``E[D(restored)] - E[D(sharp)] + penalty * E[(‖∇D(between)‖ - 1)²]``, where the judgement of a picture is the mean
    of those of its patches.

    Args:
        critic: ``D``, from (N, 3, H, W) to one judgement for each pixel.
        sharp: real pictures, (N, 3, H, W).
        restored: made pictures of the same shape, without gradient.
        share: share of each real picture in the one between it and the made one, (N,) in [0, 1].
        penalty: weight of the gradient penalty.
    """
    mixed = share.view(-1, 1, 1, 1)
    between = (mixed * sharp + (1 - mixed) * restored).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(judgement(critic, between).sum(), between, create_graph=True)
    norms = gradient.flatten(1).norm(dim=1)
    apart = judgement(critic, restored).mean() - judgement(critic, sharp).mean()
    loss: Tensor = apart + penalty * (norms - 1).square().mean()
    return loss


def judgement(critic: nn.Module, pictures: Tensor) -> Tensor:
    """Return the mean of a critic's judgements of each picture's patches, (N,)."""
    judged: Tensor = critic(pictures).mean(dim=(1, 2, 3))
    return judged


def _distance(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean absolute difference of each sample, (N,)."""
    return (a - b).abs().mean(dim=(1, 2, 3))


def _depth(layer: str) -> tuple[str, int]:
    """Return a key by which layers are ordered from the picture inward: ``relu1_2`` is behind ``conv1_2``."""
    return layer[4:], layer.startswith("relu")
