"""The losses of SelfHVD, one function for each equation (Xu et al., CVPR 2026, section 3).

``docs/selfhvd.md`` explains our readings. Eqs. 3 to 5 are in :mod:`hvdbench.methods.selfhvd.masks`. Pictures are float
(N, 3, H, W) in [0, 1], masks (N, 1, H, W) in [0, 1] with 1 where the warp can be trusted. Norms are means over pixels
and channels, so that a loss does not grow with the crop.

Where ``divided`` is true, a masked norm is divided by the mean of the picture's mask, which makes it a mean over the
trusted pixels. The paper only multiplies by the mask. Then an output that cannot be aligned has the smallest loss: the
truth has 0.0071, and uniform noise 0.0030.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_LEAST_MEAN = 1e-3  # four pixels of a 64 px crop; outputs that match nothing had means of 0.002 and more


def masked_distance(pictures: Tensor, wanted: Tensor, mask: Tensor, *, divided: bool) -> Tensor:
    """Return the masked L1 distance of each pixel, (N, C, H, W); divided, it is over the mean of each picture's mask.

    Means below 0.001 count as 0.001, so that a picture without a trusted pixel has no loss.
    """
    distance = (mask * (pictures - wanted)).abs()
    return distance / mask.mean(dim=(1, 2, 3), keepdim=True).clamp(min=_LEAST_MEAN) if divided else distance


def reconstruction_loss(restored: Tensor, warped_sharp: Tensor, mask: Tensor, *, divided: bool = False) -> Tensor:
    """Return ``L_rec`` (Eq. 6), the masked L1 distance of the output to the warped sharp frame."""
    return masked_distance(restored, warped_sharp, mask, divided=divided).mean()


def laplacian_variance(picture: Tensor) -> Tensor:
    """Return ``v_l`` (Eq. 1) of each picture's BT.601 luma, (N,), in squared 8-bit levels."""
    luma = picture.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    gray = 255.0 * (picture * luma).sum(dim=1, keepdim=True)  # (N, 1, H, W)
    kernel = picture.new_tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]).view(1, 1, 3, 3)
    return F.conv2d(gray, kernel).flatten(1).var(dim=1, unbiased=False)


def sharp_frame_is_better(warped_sharp: Tensor, mask: Tensor, teacher: Tensor, tau: float = 0.5) -> Tensor:
    """Decide ``c`` (Eq. 8) for each picture, (N,) bool: the warp is trusted enough and sharper than the teacher.

    Args:
        warped_sharp: warped sharp frame ``S_{j→i}``.
        mask: occlusion mask ``M_occ``; its mean is the share of unmasked regions.
        teacher: output ``R_k`` for the input with all its clues.
        tau: distortion threshold; 0.5 in the paper.
    """
    covered = mask.flatten(1).mean(dim=1) > tau
    return covered & (laplacian_variance(warped_sharp) > laplacian_variance(teacher))


def self_enhanced_loss(
    restored_without_clues: Tensor,
    warped_sharp: Tensor,
    mask: Tensor,
    teacher: Tensor,
    take_sharp: Tensor,
    *,
    divided: bool = False,
) -> Tensor:
    """Return ``L_sevd`` (Eq. 7), the loss of the output without clues against the target that Eq. 8 chose.

    No gradient flows into the teacher.
    """
    to_sharp = masked_distance(restored_without_clues, warped_sharp, mask, divided=divided)
    to_teacher = (restored_without_clues - teacher.detach()).abs()
    return torch.where(take_sharp.view(-1, 1, 1, 1), to_sharp, to_teacher).mean()


@torch.no_grad()
def earlier_output(earlier: nn.Module, blurry: Tensor) -> Tensor:
    """Return ``R^e`` (Eq. 9), the output of an earlier state of the model for all clues, without gradient."""
    restored: Tensor = earlier(blurry)
    return restored


def spatial_consistency_loss(restored_without_clues: Tensor, anchor: Tensor) -> Tensor:
    """Return ``L_scscm`` (Eq. 10), the L1 distance to the output of an earlier state of the model (Eq. 9)."""
    return (restored_without_clues - anchor.detach()).abs().mean()


def mask_at(mask: Tensor, features: Tensor) -> Tensor:
    """Shrink a mask to the size of features; each cell is the mean of the pixels that it covers."""
    return F.adaptive_avg_pool2d(mask, (features.shape[-2], features.shape[-1]))


def perceptual_loss(features: Tensor, warped_sharp_features: Tensor, mask: Tensor, *, divided: bool = False) -> Tensor:
    """Return ``L_vgg1`` (Eq. 11), which is Eq. 6 between features, (N, C, h, w), under the mask shrunk to their size.

    No gradient flows into the sharp frame's features.
    """
    return reconstruction_loss(features, warped_sharp_features.detach(), mask_at(mask, features), divided=divided)


def self_enhanced_perceptual_loss(
    features_without_clues: Tensor,
    warped_sharp_features: Tensor,
    mask: Tensor,
    teacher_features: Tensor,
    take_sharp: Tensor,
    *,
    divided: bool = False,
) -> Tensor:
    """Return ``L_vgg2`` (Eq. 12), which is Eq. 7 between features, with the choice that Eq. 8 made on the pictures."""
    return self_enhanced_loss(
        features_without_clues,
        warped_sharp_features.detach(),
        mask_at(mask, features_without_clues),
        teacher_features,
        take_sharp,
        divided=divided,
    )


def stage1_loss(reconstruction: Tensor, perceptual: Tensor, beta: float) -> Tensor:
    """Return ``L_s1 = L_rec + β L_vgg1`` (Eq. 13)."""
    return reconstruction + beta * perceptual


def stage2_loss(self_enhanced: Tensor, consistency: Tensor, perceptual: Tensor, lambda_: float, beta: float) -> Tensor:
    """Return ``L_s2 = L_sevd + λ L_scscm + β L_vgg2`` (Eq. 14)."""
    return self_enhanced + lambda_ * consistency + beta * perceptual


def reblur_tensor(picture: Tensor, motion: Tensor, tau: float, samples: int = 11) -> Tensor:
    """Blur pictures along the motion of their exposure.

    This is the differentiable counterpart of :func:`hvdbench.methods.blur.reblur.reblur`.

    Args:
        picture: pictures to blur, (N, 3, H, W).
        motion: (N, 2, H, W), x first, px per frame interval.
        tau: exposure share of the frame interval.
        samples: number of points on the path, each sampled bilinearly.
    """
    _, _, height, width = picture.shape
    y, x = torch.meshgrid(
        torch.arange(height, dtype=picture.dtype, device=picture.device),
        torch.arange(width, dtype=picture.dtype, device=picture.device),
        indexing="ij",
    )
    scale = picture.new_tensor([2.0 / max(width - 1, 1), 2.0 / max(height - 1, 1)])
    base = torch.stack((x, y), dim=-1)  # (H, W, 2)
    path = motion.permute(0, 2, 3, 1)  # (N, H, W, 2)
    total = torch.zeros_like(picture)
    for share in torch.linspace(-0.5, 0.5, samples).tolist():
        where = (base + share * tau * path) * scale - 1.0
        total = total + F.grid_sample(picture, where, mode="bilinear", padding_mode="border", align_corners=True)
    return total / samples


def reblur_loss(restored: Tensor, blurry: Tensor, motion: Tensor, tau: float, trusted: Tensor) -> Tensor:
    """Return our re-blur consistency loss, ``‖K R − B‖₁`` on the pictures whose blur the flow explains.

    Args:
        restored: output R, (N, 3, H, W).
        blurry: blurry input B, (N, 3, H, W).
        motion: (N, 2, H, W), x first, px per frame interval.
        tau: exposure share of the frame interval.
        trusted: (N,) bool; the other pictures add nothing to the loss.
    """
    difference = (reblur_tensor(restored, motion, tau) - blurry).abs()
    return (difference * trusted.view(-1, 1, 1, 1).to(difference.dtype)).mean()
