"""Measure how well the neighbours of a frame agree with it, pixel by pixel: CDVD-TSP's temporal sharpness prior.

Eqs. 10 and 11 of Pan et al. (CVPR 2020). The published code computes something else, which its weights were trained
with, so both forms are here.
"""

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from hvdbench.networks.layers.blocks import warp_by_flow

PriorForm = Literal["meant", "published"]

_PATCH_PX = 5
_INSIDE = 0.999


def inside_picture(flow: Tensor) -> Tensor:
    """Return where a flow in float32 points into the picture; (N, 2, H, W) to (N, 1, H, W), 1 or 0."""
    return (warp_by_flow(torch.ones_like(flow[:, :1]), flow) > _INSIDE).to(flow.dtype)


def sharpness_prior(
    middle: Tensor, neighbours: tuple[Tensor, Tensor], masks: tuple[Tensor, Tensor], form: PriorForm = "published"
) -> Tensor:
    """Return the temporal sharpness prior of a frame, without gradient.

    Both forms are ``exp(-d)``. For ``meant``, ``d`` is half the sum, over both neighbours, over the colours and over
    the 5x5 px around a pixel, of the squared differences (Eqs. 10 and 11); a place outside the frame or without a
    warped pixel adds nothing. For ``published``, each frame is first replaced by its mean over 5x5 px, in which places
    outside count as zero, and ``d`` is the root of half the sum of squared differences, so that noise and shifts
    within a patch cancel before they are squared.

    Args:
        middle: the frame, (N, 3, H, W), RGB in [0, 1].
        neighbours: two frames of the same shape, warped to it.
        masks: for each, (N, 1, H, W), 1 where the warped neighbour has a pixel and 0 where it has none.
        form: formula of the paper, or of the published code.

    Returns:
        The prior, (N, 1, H, W) in [0, 1]: 1 where all agree, towards 0 where they do not, and 0 where a mask is 0.
    """
    with torch.no_grad():
        if form == "meant":
            pairs = zip(neighbours, masks, strict=True)
            squares = [(neighbour - middle).square().sum(dim=1, keepdim=True) * mask for neighbour, mask in pairs]
            distance = _patch_sum(torch.cat(squares, dim=1).sum(dim=1, keepdim=True)) / 2  # (N, 1, H, W)
        else:
            centre = _patch_mean(middle)
            differences = torch.cat([_patch_mean(neighbour) - centre for neighbour in neighbours], dim=1)
            distance = (differences.square().sum(dim=1, keepdim=True) / 2).sqrt()  # (N, 1, H, W)
        return torch.exp(-distance) * masks[0] * masks[1]


def sharpness_map(
    frames: NDArray[np.uint8], flows: tuple[NDArray[np.float32], NDArray[np.float32]], form: PriorForm = "meant"
) -> NDArray[np.float32]:
    """Return the prior of the middle one of three frames, for callers without torch.

    Args:
        frames: uint8 RGB (3, H, W, 3), in the order of time.
        flows: flows (H, W, 2) in px, x first, from the middle frame to the one before and to the one after.
        form: formula of the paper, or of the published code.

    Returns:
        The prior, (H, W) float32 in [0, 1], as :func:`sharpness_prior` computes it.
    """
    before, middle, after = torch.from_numpy(frames).permute(0, 3, 1, 2).float().div(255).split(1)  # (1, 3, H, W)
    found = [torch.from_numpy(flow).permute(2, 0, 1)[None] for flow in flows]  # (1, 2, H, W)
    masks = inside_picture(found[0]), inside_picture(found[1])
    neighbours = (
        warp_by_flow(before, found[0], padding_mode="border") * masks[0],
        warp_by_flow(after, found[1], padding_mode="border") * masks[1],
    )
    prior: NDArray[np.float32] = sharpness_prior(middle, neighbours, masks, form)[0, 0].numpy()
    return prior


def _patch_sum(values: Tensor) -> Tensor:
    """Return the sum over 5x5 px, to which places outside add nothing."""
    return _patch_mean(values) * _PATCH_PX**2


def _patch_mean(values: Tensor) -> Tensor:
    """Return the mean over 5x5 px, in which places outside count as zero."""
    return F.avg_pool2d(values, _PATCH_PX, stride=1, padding=_PATCH_PX // 2)
