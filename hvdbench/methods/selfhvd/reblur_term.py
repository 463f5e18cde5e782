"""Compute the loss of re-blur consistency in a training window; this term is ours, not the paper's.

An output frame that is blurred again, along the motion during its exposure, must reproduce the blurry frame. The
motion, the exposure share and the test of which frames' blur the flow explains are those of
:mod:`hvdbench.methods.blur.exposure_model`, but they are computed from the input frames of the window alone, so that
none of them depends on the output.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from hvdbench.methods.blur.exposure_model import CLIP_GAIN, FRAME_GAIN
from hvdbench.methods.blur.path import free_path_gain
from hvdbench.methods.blur.reblur import SHARES
from hvdbench.methods.selfhvd.equations import reblur_loss, reblur_tensor
from hvdbench.methods.selfhvd.flows import FlowModel
from hvdbench.methods.selfhvd.masks import AlignedLabel, align
from hvdbench.methods.selfhvd.settings import MaskSettings
from hvdbench.methods.stages import stage
from hvdbench.workspace.engine import thread_map, usable_cores

_SMOOTHING_PX = 2.0
_SMOOTHING_TAPS = 13
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class WindowBlur:
    """The blur of the frames in each training window.

    Attributes:
        path: (N, T, 2, h, w), motion while the shutter was open, px, x first.
        explained: (N, T) bool, whether the path explains the blur of the frame.
    """

    path: Tensor
    explained: Tensor


@torch.no_grad()
def fit_blur(blurry: Tensor, sharp: Tensor, is_selected: Tensor, flows: FlowModel, masks: MaskSettings) -> WindowBlur:
    """Fit the blur of those frames in each window that are not selected as sharp.

    Args:
        blurry: blurry frames, (N, T, 3, h, w).
        sharp: the sharp frame that labels each blurry frame, not aligned, of the same shape.
        is_selected: (N, T) bool; selected frames are not tested, and count as not explained.
        flows: model that estimates the flow between frames.
        masks: settings of the masks for aligning the sharp frames to the blurry ones.
    """
    label = align(blurry.flatten(0, 1), sharp.flatten(0, 1), flows, masks)
    motion = _motion(blurry, flows)
    paths, explained = [], []
    for n, frames in enumerate(blurry):
        asked = torch.nonzero(~is_selected[n]).flatten()
        own = _at(label, n * len(frames) + asked)
        share = _share(own, frames[asked], motion[n][asked])
        gain = _gain(own, frames[asked], motion[n][asked], share)
        clip_is = bool(len(gain)) and float(np.median(gain)) >= CLIP_GAIN
        found = torch.zeros_like(is_selected[n])
        found[asked] = torch.from_numpy(clip_is & (gain >= FRAME_GAIN)).to(found.device)
        paths.append(share * motion[n])
        explained.append(found)
    return WindowBlur(torch.stack(paths), torch.stack(explained))


def reblur_term(restored: Tensor, blurry: Tensor, blur: WindowBlur) -> Tensor:
    """Return ``‖K R − B‖₁`` over the frames whose blur is explained; all inputs are (N, T, ...).

    ``K`` blurs the restored frames ``R`` along their paths, and ``B`` are the blurry frames.
    """
    path, explained = blur.path.flatten(0, 1), blur.explained.flatten()
    return reblur_loss(restored.flatten(0, 1), blurry.flatten(0, 1), path, 1.0, explained)


def _motion(blurry: Tensor, flows: FlowModel) -> Tensor:
    """Estimate each frame's motion, (N, T, 2, h, w) px per frame interval, from the flow to its neighbours."""
    count = blurry.shape[1]
    shape = (*blurry.shape[:2], 2, *blurry.shape[-2:])
    if count == 1:
        return blurry.new_zeros(shape)
    with stage("flow"):
        pair = flows(blurry[:, :-1].flatten(0, 1), blurry[:, 1:].flatten(0, 1))
    ahead, back = (flow.view(-1, count - 1, *flow.shape[1:]) for flow in pair[:2])  # (N, T - 1, 2, h, w)
    total, seen = blurry.new_zeros(shape), blurry.new_zeros(count, 1, 1, 1)
    total[:, :-1] += ahead
    total[:, 1:] -= back
    seen[:-1] += 1
    seen[1:] += 1
    mean = (total / seen).flatten(0, 1)
    taps = [min(_SMOOTHING_TAPS, 2 * ((side - 1) // 2) + 1) for side in (shape[-1], shape[-2])]
    smooth: Tensor = gaussian_blur(mean, taps, [_SMOOTHING_PX, _SMOOTHING_PX])
    return smooth.view(shape)


def _at(label: AlignedLabel, rows: Tensor) -> AlignedLabel:
    return AlignedLabel(label.warped[rows], label.occlusion[rows], label.mask[rows], label.flow[rows])


def _share(label: AlignedLabel, blurry: Tensor, motion: Tensor) -> float:
    """Choose the exposure share at which the warped sharp frames re-blur best to the window's frames."""

    def error(share: float) -> float:
        return float((label.mask * (reblur_tensor(label.warped, motion, share) - blurry).square()).sum())

    return min(SHARES, key=error)


def _gain(label: AlignedLabel, blurry: Tensor, motion: Tensor, share: float) -> NDArray[np.float64]:
    """Return for each frame the error of the best free path over that of the best path along the flow.

    A ratio near 1 means that the flow explains the blur.
    """
    luma = blurry.new_tensor(_LUMA).view(1, 3, 1, 1)
    sharp_gray, blurry_gray = (255 * (pictures * luma).sum(1).cpu().numpy() for pictures in (label.warped, blurry))
    masks, paths = label.mask[:, 0].cpu().numpy(), motion.permute(0, 2, 3, 1).cpu().numpy()

    def ask(i: int) -> float:
        return free_path_gain(sharp_gray[i], blurry_gray[i], masks[i], paths[i], share)

    return np.array(list(thread_map(ask, range(len(blurry)), usable_cores())), np.float64)
