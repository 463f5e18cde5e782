"""Pictures between two frames."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hvdbench.sources.interpolation import FlowPair, between, estimate_pair, motion_of, shrink_gray

Picture = NDArray[np.float32]


def texture(seed: int, width: int = 160, height: int = 96) -> Picture:
    """Smooth noise in [0.1, 0.9]."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return np.asarray(0.5 + 0.4 * np.tanh(smooth / smooth.std()), np.float32)


def shifted(picture: Picture, dx: float, dy: float = 0.0) -> Picture:
    matrix = np.array([[1.0, 0.0, dx], [0.0, 1.0, dy]])
    size = (picture.shape[1], picture.shape[0])
    return np.asarray(cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101))


def gray(picture: Picture) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(np.rint(255 * picture).clip(0, 255).astype(np.uint8), cv2.COLOR_RGB2GRAY))


def constant_flow(dx: float, dy: float, shape: tuple[int, ...]) -> FlowPair:
    flow = np.zeros((*shape[:2], 2), np.float32)
    flow[...] = dx, dy
    return FlowPair(flow, -flow)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.8])
def test_a_shift_is_shown_partly_done(share: float) -> None:
    a = texture(0)
    b = shifted(a, 4.0, -2.0)
    picture = between(a, b, constant_flow(4.0, -2.0, a.shape), share)
    expected = shifted(a, 4.0 * share, -2.0 * share)
    assert np.abs(picture - expected)[6:-6, 6:-6].max() < 0.02
    plain = (1 - share) * a + share * b
    assert np.abs(plain - expected)[6:-6, 6:-6].max() > 0.1


def test_estimated_flows_do_as_well_as_the_true_ones() -> None:
    a = texture(1)
    b = shifted(a, 3.0, 1.0)
    flows = estimate_pair(gray(a), gray(b))
    assert motion_of(flows.flow_ab) == pytest.approx(np.hypot(3.0, 1.0), abs=0.3)
    error = (between(a, b, flows, 0.5) - shifted(a, 1.5, 0.5))[6:-6, 6:-6]
    assert np.sqrt(np.mean(np.square(error))) < 0.006


def test_both_ends_are_the_frames_themselves() -> None:
    a = texture(2)
    b = shifted(a, 3.0)
    flows = estimate_pair(gray(a), gray(b))
    np.testing.assert_allclose(between(a, b, flows, 0.0), a, atol=1e-4)
    np.testing.assert_allclose(between(a, b, flows, 1.0), b, atol=1e-4)


def test_frames_at_rest_stay_what_they_are() -> None:
    a = texture(3)
    np.testing.assert_allclose(between(a, a, constant_flow(0.0, 0.0, a.shape), 0.3), a, atol=1e-4)


def test_flows_that_contradict_each_other_give_the_plain_blend() -> None:
    a, b = texture(4), texture(5)
    forward = constant_flow(20.0, 0.0, a.shape).flow_ab
    picture = between(a, b, FlowPair(forward, forward), 0.4)
    np.testing.assert_allclose(picture, 0.6 * a + 0.4 * b, atol=2e-3)


def test_what_only_one_frame_shows_is_taken_from_that_one() -> None:
    background, thing = texture(6), texture(7)
    a, b = background.copy(), background.copy()
    a[30:60, 40:80] = thing[30:60, 40:80]
    b[30:60, 48:88] = thing[30:60, 40:80]
    forward = np.zeros((*a.shape[:2], 2), np.float32)
    backward = forward.copy()
    forward[30:60, 40:80, 0] = 8.0
    backward[30:60, 48:88, 0] = -8.0
    truth = background.copy()
    truth[30:60, 44:84] = thing[30:60, 40:80]
    picture = between(a, b, FlowPair(forward, backward), 0.5)
    inside = np.s_[31:59, 36:92]  # uncovered on the left, covered on the right
    assert np.percentile(np.abs(picture - truth)[inside], 95) < 0.01
    assert np.percentile(np.abs(0.5 * (a + b) - truth)[inside], 95) > 0.15
    # Uncovered background is in b alone, background about to be covered in a alone.
    np.testing.assert_allclose(picture[35:55, 41:43], b[35:55, 41:43], atol=0.01)
    np.testing.assert_allclose(picture[35:55, 85:87], a[35:55, 85:87], atol=0.01)


def test_flows_of_half_the_resolution_serve_as_well() -> None:
    a = texture(8, 320, 192)
    b = shifted(a, 6.0, 2.0)
    picture = between(a, b, constant_flow(3.0, 1.0, (96, 160)), 0.5)
    assert np.abs(picture - shifted(a, 3.0, 1.0))[8:-8, 8:-8].max() < 0.02


def test_a_fourth_channel_moves_along_and_no_channel_leaves_its_range() -> None:
    depth = np.zeros((96, 160, 1), np.float32)
    depth[:, 60:90] = 5.0
    a = np.dstack([texture(9), depth])
    b = shifted(a, 4.0)
    picture = between(a, b, constant_flow(4.0, 0.0, a.shape), 0.5)
    assert picture.shape == (96, 160, 4)
    assert picture[48, 66, 3] == pytest.approx(5.0, abs=1e-3)
    assert picture.min() >= 0.0
    assert picture.max() <= max(a.max(), b.max())


def test_flows_are_estimated_at_640_px_at_most() -> None:
    wide = np.zeros((40, 1280), np.uint8)
    assert estimate_pair(wide, wide).flow_ab.shape == (20, 640, 2)
    assert shrink_gray(wide, 2000) is wide


def test_a_speck_of_motion_does_not_count_and_a_patch_does() -> None:
    flow = np.zeros((100, 100, 2), np.float32)
    flow[:5, :10] = 9.0
    assert motion_of(flow) == 0.0
    flow[:20, :10] = 3.0, 4.0
    assert motion_of(flow) == pytest.approx(5.0)
