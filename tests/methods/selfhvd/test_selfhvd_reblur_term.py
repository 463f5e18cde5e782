"""Re-blur consistency in a window: motion, exposure share, whose blur the flow explains, and the loss."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from hvdbench.methods.blur.reblur import reblur
from hvdbench.methods.selfhvd.flows import DisFlow, FlowPair
from hvdbench.methods.selfhvd.masks import still_pair
from hvdbench.methods.selfhvd.reblur_term import WindowBlur, fit_blur, reblur_term
from hvdbench.methods.selfhvd.settings import MaskSettings

SPEED_PX = 6


def window(share: float, *, along: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """A pan to the right whose middle frames are blurred along it, or across it: blurry, sharp, is_selected."""
    noise = np.random.default_rng(0).random((96, 160, 3)).astype(np.float32)
    scales = [cv2.GaussianBlur(noise, (0, 0), sigma) for sigma in (1.5, 4, 10)]
    world = np.sum([soft / soft.std() for soft in scales], axis=0)
    world = (world - world.min()) / (world.max() - world.min())
    frames = [world[16:80, 20 + SPEED_PX * i : 84 + SPEED_PX * i] for i in range(5)]
    motion = np.zeros((64, 64, 2), np.float32)
    motion[..., 0 if along else 1] = -SPEED_PX
    blurry = [frame if i in (0, 4) else reblur(frame, motion, share) for i, frame in enumerate(frames)]
    sharp = [frames[0], frames[0], frames[0], frames[4], frames[4]]
    tensors = (torch.from_numpy(np.stack(part)).permute(0, 3, 1, 2)[None] for part in (blurry, sharp))
    return (*tensors, torch.tensor([[True, False, False, False, True]]))


def test_a_pan_blurred_along_itself_is_explained_with_its_share():
    blurry, sharp, is_selected = window(0.8)
    blur = fit_blur(blurry, sharp, is_selected, DisFlow("medium"), MaskSettings())
    assert blur.explained.tolist() == [[False, True, True, True, False]]
    path = blur.path[0, 1:4, :, 16:-16, 16:-16].mean((0, 2, 3))
    torch.testing.assert_close(path, torch.tensor([-0.8 * SPEED_PX, 0.0]), atol=1.0, rtol=0)


def test_a_blur_across_the_motion_is_not_explained():
    blurry, sharp, is_selected = window(0.8, along=False)
    assert not fit_blur(blurry, sharp, is_selected, DisFlow("medium"), MaskSettings()).explained.any()


def test_a_window_of_sharp_frames_explains_nothing():
    blurry, sharp, _ = window(0.5)
    assert not fit_blur(
        blurry, sharp, torch.ones(1, 5, dtype=torch.bool), DisFlow("fast"), MaskSettings()
    ).explained.any()


class Moving:
    """Says that from i to j all moved by (6, 0), and back by (-6, 0)."""

    def __call__(self, i: Tensor, j: Tensor) -> FlowPair:
        pair, step = still_pair(i), torch.tensor([6.0, 0.0]).view(1, 2, 1, 1)
        return pair._replace(flow_ij=pair.flow_ij + step, flow_ji=pair.flow_ji - step)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_motion_is_the_mean_of_the_flow_to_both_neighbours(count):
    blurry = torch.rand(2, count, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    blur = fit_blur(blurry, blurry, torch.ones(2, count, dtype=torch.bool), Moving(), MaskSettings())
    assert blur.path.shape == (2, count, 2, 24, 24)
    # nothing was asked, so the share is the least one: 0.2
    expected = torch.tensor([0.2 * 6.0 if count > 1 else 0.0, 0.0]).view(1, 1, 2, 1, 1)
    torch.testing.assert_close(blur.path, expected.expand_as(blur.path), atol=1e-5, rtol=0)


def test_the_term_counts_explained_frames_alone():
    restored = torch.full((1, 2, 3, 8, 8), 0.5, requires_grad=True)
    blurry = torch.stack([torch.full((3, 8, 8), 0.4), torch.full((3, 8, 8), 0.1)])[None]
    blur = WindowBlur(torch.zeros(1, 2, 2, 8, 8), torch.tensor([[True, False]]))
    loss = reblur_term(restored, blurry, blur)
    assert loss.item() == pytest.approx(0.1 / 2)
    loss.backward()
    assert (restored.grad[0, 1] == 0).all()
    assert (restored.grad[0, 0] != 0).all()
