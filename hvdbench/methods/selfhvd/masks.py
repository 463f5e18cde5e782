"""Warp a sharp frame onto another frame, and find where the warp can be trusted (Eqs. 3 to 5).

``docs/selfhvd.md`` explains how we read and correct these equations. Pictures are float (N, 3, H, W) in [0, 1], flows
are (N, 2, H, W) in px, x first, and masks and confidences are (N, 1, H, W) in [0, 1]. Frame i is restored, and frame j
is its sharp frame; all results lie on the grid of frame i. :mod:`hvdbench.flow` has the NumPy counterparts.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from hvdbench.methods.selfhvd.flows import FlowModel, FlowPair
from hvdbench.methods.selfhvd.settings import MaskSettings
from hvdbench.methods.stages import stage
from hvdbench.networks.layers.blocks import warp_by_flow

_BORDER_PX = 0.5  # a pixel of the border reaches half a pixel beyond its centre


@dataclass(frozen=True)
class Label:
    """Sharp frames warped onto the frames that they label, (N, ...), without gradient.

    Attributes:
        warped: warped sharp frame ``S_{j→i}``.
        occlusion: mask ``M_occ``, even where it is switched off, because Eq. 8 needs it.
        mask: mask ``M_i``, the product of the masks that are on.
    """

    warped: Tensor
    occlusion: Tensor
    mask: Tensor


@dataclass(frozen=True)
class AlignedLabel(Label):
    """A label together with the flow that it was warped along.

    Attributes:
        flow: flow ``Φ_{i→j}``, (N, 2, H, W) px.
    """

    flow: Tensor


def warp_sharp(sharp: Tensor, flow_ij: Tensor) -> Tensor:
    """Return ``S_{j→i} = W(S_j, Φ_{i→j})`` (Eq. 3), bilinear; the border is repeated outside the frame."""
    warped: Tensor = warp_by_flow(sharp, flow_ij, padding_mode="border")
    return warped


def round_trip_px(flow_ij: Tensor, flow_ji: Tensor) -> Tensor:
    """Return ``‖W(W(G; Φ_{j→i}); Φ_{i→j}) − G‖₂`` of Eq. 5, (N, 1, H, W) px: the error of a round trip along the flows.

    ``G`` holds the coordinates of the pixels. ``W(G; Φ)`` is ``G + Φ``, and a linear map is warped without error, so
    the double warp minus ``G`` is ``Φ_{i→j} + W(Φ_{j→i}; Φ_{i→j})``. The error is infinite where the match lies outside
    frame j and cannot be checked.
    """
    difference = flow_ij + warp_by_flow(flow_ji, flow_ij, padding_mode="border")
    error: Tensor = torch.linalg.vector_norm(difference, dim=1, keepdim=True)
    return error.masked_fill(~_lands_inside(flow_ij), torch.inf)


def occlusion_mask(flow_ij: Tensor, flow_ji: Tensor, scale: float) -> Tensor:
    """Return ``M_occ = 1 − min(s·‖·‖₂, 1)``, the corrected Eq. 5: 1 where the flows agree, 0 outside the frame."""
    return 1 - (scale * round_trip_px(flow_ij, flow_ji)).clamp(max=1)


def uncertainty_mask(confidence_ij: Tensor, confidence_ji: Tensor, flow_ij: Tensor) -> Tensor:
    """Return ``M_uncer = C_{i→j} ⊙ W(C_{j→i}, Φ_{i→j})``, the corrected Eq. 4: 1 where both flows are certain."""
    there: Tensor = warp_by_flow(confidence_ji, flow_ij, padding_mode="border")
    return confidence_ij * there * _lands_inside(flow_ij)


def _lands_inside(flow_ij: Tensor) -> Tensor:
    """Return whether each pixel's match lies inside the other frame, (N, 1, H, W) bool."""
    height, width = flow_ij.shape[-2:]
    x = torch.arange(width, device=flow_ij.device) + flow_ij[:, 0]  # (N, H, W)
    y = torch.arange(height, device=flow_ij.device)[:, None] + flow_ij[:, 1]  # (N, H, W)
    inside_x = (x >= -_BORDER_PX) & (x <= width - 1 + _BORDER_PX)
    inside_y = (y >= -_BORDER_PX) & (y <= height - 1 + _BORDER_PX)
    return (inside_x & inside_y).unsqueeze(1)


def mask_of(pair: FlowPair, occlusion: Tensor, settings: MaskSettings) -> Tensor:
    """Return ``M_i``, the product of the masks that are switched on."""
    mask = occlusion if settings.occlusion else torch.ones_like(occlusion)
    if settings.uncertainty:
        mask = mask * uncertainty_mask(pair.confidence_ij, pair.confidence_ji, pair.flow_ij)
    return mask


@torch.no_grad()
def align(
    reference: Tensor, sharp: Tensor, flows: FlowModel, settings: MaskSettings, in_place: Tensor | None = None
) -> AlignedLabel:
    """Warp each sharp frame onto its reference, without gradient.

    Args:
        reference: reference pictures R_i or B_i, (N, 3, H, W).
        sharp: sharp frames S_j, of the same shape.
        flows: model that estimates the flow.
        settings: settings that switch the masks on and off.
        in_place: (N,) bool, True for a sharp frame that is its own reference and is not warped; None if there is none.
    """
    reference, sharp = reference.detach().clamp(0, 1), sharp.clamp(0, 1)
    pair = still_pair(sharp)
    moving = torch.arange(len(sharp), device=sharp.device) if in_place is None else (~in_place).nonzero().flatten()
    if len(moving):
        with stage("flow"):
            found = flows(reference[moving], sharp[moving])
        pair = FlowPair(*(kept.index_copy(0, moving, new) for kept, new in zip(pair, found, strict=True)))
    occlusion = occlusion_mask(pair.flow_ij, pair.flow_ji, settings.scale)
    return AlignedLabel(warp_sharp(sharp, pair.flow_ij), occlusion, mask_of(pair, occlusion, settings), pair.flow_ij)


def still_pair(picture: Tensor) -> FlowPair:
    """Return the flow of pictures onto themselves: zero everywhere, with full confidence."""
    nothing = torch.zeros_like(picture[:, :2])
    sure = torch.ones_like(picture[:, :1])
    return FlowPair(nothing, nothing, sure, sure)
