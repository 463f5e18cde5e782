"""Eqs. 3 to 5: warps and masks on made flows, and on a pair of pictures whose occlusion is known."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from hvdbench import flow as numpy_flow
from hvdbench.methods.selfhvd.flows import DisFlow, FlowPair
from hvdbench.methods.selfhvd.masks import (
    align,
    mask_of,
    occlusion_mask,
    round_trip_px,
    still_pair,
    uncertainty_mask,
    warp_sharp,
)
from hvdbench.methods.selfhvd.settings import MaskSettings
from hvdbench.networks.layers.blocks import warp_by_flow

UNCOVERED_STILL_MOVED = (slice(28, 35), slice(104, 124), slice(46, 82))


def even(x_px: float, y_px: float, height: int = 8, width: int = 10) -> Tensor:
    return torch.tensor([float(x_px), float(y_px)]).view(1, 2, 1, 1).expand(1, 2, height, width).clone()


def noise(height: int = 48, width: int = 64, seed: int = 0, blur_px: float = 1.5) -> np.ndarray:
    """Smooth noise of mean 0.5 and standard deviation 0.15."""
    random = np.random.default_rng(seed)
    soft = cv2.GaussianBlur(random.random((height, width, 3)).astype(np.float32), (0, 0), blur_px)
    return np.clip(0.5 + 0.15 * (soft - soft.mean()) / soft.std(), 0, 1).astype(np.float32)


def tensor(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None]


def test_a_sharp_frame_is_sampled_where_the_flow_points():
    ramp = torch.arange(10.0).expand(1, 3, 8, 10) / 10
    warped = warp_sharp(ramp, even(2.5, 0))
    # pixel x shows what lies at x + 2.5, half way between two pixels; past the border the last one is repeated
    expected = (torch.arange(10.0) + 2.5).clamp(max=9) / 10
    torch.testing.assert_close(warped, expected.expand(1, 3, 8, 10), atol=1e-6, rtol=0)


def test_flows_that_agree_leave_no_error_and_a_full_mask():
    error = round_trip_px(even(2, -1), even(-2, 1))
    inside = error[..., 1:, :-2]
    torch.testing.assert_close(inside, torch.zeros_like(inside), atol=1e-6, rtol=0)
    torch.testing.assert_close(occlusion_mask(even(2, -1), even(-2, 1), 0.5)[..., 1:, :-2], torch.ones_like(inside))


@pytest.mark.parametrize(("scale", "expected"), [(0.1, 0.5), (0.2, 0.0), (1.0, 0.0), (0.05, 0.75)])
def test_the_mask_falls_by_the_scale_for_each_pixel_of_error(scale, expected):
    # there by (4, 3), back by nothing: the round trip ends 5 px from the start
    mask = occlusion_mask(even(4, 3, 20, 20), even(0, 0, 20, 20), scale)
    torch.testing.assert_close(mask[..., :16, :15], torch.full((1, 1, 16, 15), expected), atol=1e-6, rtol=0)


def test_what_leaves_the_frame_is_masked():
    mask = occlusion_mask(even(3, 0), even(-3, 0), 0.5)
    assert (mask[..., :7] == 1).all()
    assert (mask[..., 7:] == 0).all()
    half = occlusion_mask(even(0.5, 0), even(-0.5, 0), 0.5)  # half a pixel outside still belongs to the last one
    assert (half == 1).all()
    assert (occlusion_mask(even(0.6, 0), even(-0.6, 0), 0.5)[..., -1] == 0).all()


def test_the_error_is_that_of_the_coordinate_map_warped_there_and_back():
    random = torch.Generator().manual_seed(1)
    flow_ij, flow_ji = (4 * torch.rand(1, 2, 16, 20, generator=random) - 2 for _ in range(2))
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(20.0), indexing="ij")
    G = torch.stack((x, y))[None]
    there_and_back = warp_by_flow(warp_by_flow(G, flow_ji, padding_mode="border"), flow_ij, padding_mode="border")
    literal = (there_and_back - G).norm(dim=1, keepdim=True)[..., 5:-5, 5:-5]  # the border's repetition stays outside
    torch.testing.assert_close(round_trip_px(flow_ij, flow_ji)[..., 5:-5, 5:-5], literal, atol=1e-4, rtol=0)


def test_the_error_is_that_of_the_numpy_side():
    random = np.random.default_rng(2)
    ij, ji = (random.normal(0, 2, (16, 20, 2)).astype(np.float32) for _ in range(2))
    found = round_trip_px(*(torch.from_numpy(flow).permute(2, 0, 1)[None] for flow in (ij, ji)))[0, 0].numpy()
    expected = numpy_flow.round_trip_px(ij, ji)
    assert (np.isinf(found) == np.isinf(expected)).all()
    here = np.isfinite(expected)
    np.testing.assert_allclose(found[here], expected[here], atol=0.15)  # OpenCV's weights are in steps of 1/32 px


def test_the_uncertainty_mask_is_a_product_on_the_grid_of_the_blurry_frame():
    own, other = torch.full((1, 1, 8, 10), 0.5), torch.zeros(1, 1, 8, 10)
    other[..., 4] = 0.8  # only this column of frame j is sure
    mask = uncertainty_mask(own, other, even(3, 0))
    expected = torch.zeros(1, 1, 8, 10)
    expected[..., 1] = 0.5 * 0.8  # column 1 of i matches column 4 of j
    torch.testing.assert_close(mask, expected, atol=1e-6, rtol=0)


def test_the_uncertainty_mask_is_one_where_both_are_sure_and_zero_outside():
    mask = uncertainty_mask(torch.ones(1, 1, 8, 10), torch.ones(1, 1, 8, 10), even(0, -2))
    assert (mask[..., :2, :] == 0).all()
    torch.testing.assert_close(mask[..., 2:, :], torch.ones(1, 1, 6, 10))


@pytest.mark.parametrize(
    ("occlusion", "uncertainty", "expected"),
    [(True, True, 0.1), (True, False, 0.2), (False, True, 0.5), (False, False, 1)],
)
def test_each_mask_can_be_switched_off(occlusion, uncertainty, expected):
    nothing = torch.zeros(1, 2, 4, 4)
    pair = FlowPair(nothing, nothing, torch.full((1, 1, 4, 4), 0.5), torch.ones(1, 1, 4, 4))
    settings = MaskSettings(occlusion=occlusion, uncertainty=uncertainty)
    mask = mask_of(pair, torch.full((1, 1, 4, 4), 0.2), settings)
    torch.testing.assert_close(mask, torch.full((1, 1, 4, 4), float(expected)))


def test_a_known_shift_is_undone_and_known_to_be():
    # frame i is frame j moved right by 5 px and down by 2: what i shows at x, j shows at x - 5
    world = noise(64, 96)
    i, j = world[10:58, 15:79], world[12:60, 20:84]
    found = align(tensor(i), tensor(j), DisFlow("medium"), MaskSettings())
    inner = (slice(None), slice(None), slice(8, -8), slice(12, -8))
    torch.testing.assert_close(found.flow[inner].mean(dim=(0, 2, 3)), torch.tensor([-5.0, -2.0]), atol=0.1, rtol=0)
    assert (found.warped - tensor(i))[inner].abs().mean() < 0.02
    assert (tensor(j) - tensor(i))[inner].abs().mean() > 0.1
    assert found.occlusion[inner].mean() > 0.95
    assert found.mask[inner].mean() > 0.9
    assert found.occlusion[..., :4].mean() < 0.1  # the left edge came into view: it has no match


def test_exactly_what_a_moving_object_uncovered_is_masked():
    # a square moves right by 6 px over a still ground: i shows ground at columns 10 to 15 that j does not have
    flow_ij, flow_ji = even(0, 0, 32, 40), even(0, 0, 32, 40)
    flow_ij[:, 0, 8:24, 16:28] = -6
    flow_ji[:, 0, 8:24, 10:22] = 6
    expected = torch.ones(1, 1, 32, 40)
    expected[..., 8:24, 10:16] = 0
    torch.testing.assert_close(occlusion_mask(flow_ij, flow_ji, 0.5), expected, atol=1e-5, rtol=0)


def test_an_estimated_mask_doubts_the_uncovered_area_most():
    ground, square = noise(96, 128, 3, blur_px=3), noise(56, 56, 4, blur_px=3)
    j, i = ground.copy(), ground.copy()
    j[20:76, 30:86] = square
    i[20:76, 36:92] = square  # 6 px further right
    found = align(tensor(i), tensor(j), DisFlow("medium"), MaskSettings())
    uncovered, still, moved = (found.mask[0, 0, 28:68, columns].mean() for columns in UNCOVERED_STILL_MOVED)
    assert uncovered < 0.45
    assert still > 0.95
    assert moved > 0.8
    flow = found.flow[0, :, 28:68, 46:82].mean((1, 2))
    torch.testing.assert_close(flow, torch.tensor([-6.0, 0.0]), atol=0.2, rtol=0)


class Remembering:
    """Says that everything moved by (1, 0) and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Tensor] = []

    def __call__(self, i: Tensor, j: Tensor) -> FlowPair:
        self.asked.append(i)
        pair = still_pair(i)
        return pair._replace(flow_ij=pair.flow_ij + torch.tensor([1.0, 0.0]).view(1, 2, 1, 1))


def test_frames_that_are_their_own_label_can_stay_in_place():
    flows = Remembering()
    sharp = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    found = align(torch.zeros(3, 3, 8, 8), sharp, flows, MaskSettings(), torch.tensor([False, True, False]))
    assert len(flows.asked[0]) == 2
    assert torch.equal(found.flow[1], torch.zeros(2, 8, 8))
    torch.testing.assert_close(found.warped[1], sharp[1])
    assert (found.mask[1] == 1).all()
    assert (found.flow[[0, 2], 0] == 1).all()
    everywhere = align(sharp, sharp, flows, MaskSettings(), torch.ones(3, dtype=torch.bool))
    assert len(flows.asked) == 1
    torch.testing.assert_close(everywhere.warped, sharp)


def test_nothing_of_an_alignment_has_a_gradient():
    restored = torch.rand(1, 3, 32, 32, requires_grad=True)
    found = align(restored, torch.rand(1, 3, 32, 32), DisFlow("fast"), MaskSettings())
    assert not any(part.requires_grad for part in (found.warped, found.occlusion, found.mask, found.flow))
