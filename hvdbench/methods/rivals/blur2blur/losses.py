"""The losses of Blur2Blur's generator and discriminator, and of MIMO-UNet as a deblurrer."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

_NO_ROOT_OF_ZERO = 1e-16  # the published code adds it to each gradient before the norm


def judge_loss(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Return the discriminator's hinge loss, half of ``mean max(0, 1 - D(real)) + mean max(0, 1 + D(fake))``.

    Args:
        real, fake: what it says of real and translated pictures, (N, 1, h, w) at each scale. The mean is over patches
            at each scale first, and then over the scales.
    """
    of_real = torch.stack([F.relu(1 - said).mean() for said in real]).mean()
    of_fake = torch.stack([F.relu(1 + said).mean() for said in fake]).mean()
    return 0.5 * (of_real + of_fake)


def fooling_loss(fake: Sequence[Tensor]) -> Tensor:
    """Return the generator's hinge loss, ``-mean D(fake)``, the mean over patches, then over scales."""
    return -torch.stack([said.mean() for said in fake]).mean()


def gradient_penalty(judge: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
    """Return ``mean (|gradient of D| - 1)²`` at mixtures of real and fake pictures (Gulrajani et al., NeurIPS 2017).

    The published code hands its discriminator a batch as if it were a list of scales, so that it works for a single
    picture alone; this is the same for one picture, and the mean over several.

    Args:
        judge: discriminator, whose patches are summed.
        real, fake: pictures (N, 3, H, W).
        share: share of the real picture in each mixture, (N,) in [0, 1].
    """
    mix = share.view(-1, 1, 1, 1)
    mixed = (mix * real + (1 - mix) * fake).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(judge(mixed).sum(), mixed, create_graph=True)
    lengths = torch.linalg.vector_norm(gradient.flatten(1) + _NO_ROOT_OF_ZERO, dim=1)
    penalty: Tensor = (lengths - 1).square().mean()
    return penalty


def at_scales(pictures: Tensor) -> list[Tensor]:
    """Return pictures (N, C, H, W) at a quarter and at half of each side, bilinearly, and as they are."""
    return [
        *(F.interpolate(pictures, scale_factor=share, mode="bilinear", align_corners=False) for share in (0.25, 0.5)),
        pictures,
    ]


def pixel_loss(made: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Return the sum over scales of the mean absolute difference."""
    return torch.stack([(a - b).abs().mean() for a, b in zip(made, wanted, strict=True)]).sum()


def frequency_loss(made: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Return the sum over scales of the mean absolute difference of Fourier transforms, real and imaginary parts."""
    differences = [torch.view_as_real(torch.fft.fft2(a - b)) for a, b in zip(made, wanted, strict=True)]
    return torch.stack([difference.abs().mean() for difference in differences]).sum()
