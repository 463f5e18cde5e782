import cv2
import numpy as np
import pytest

from hvdbench.flow import Flow, finest_level, flow_dis, grid, occlusion_mask, round_trip_px, warp
from hvdbench.workspace.engine import thread_map

SHIFT = (3.0, -2.0)  # x, y: b shows at (x + 3, y - 2) what a shows at (x, y)
INNER = slice(12, -12)


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    noise = np.random.default_rng(0).integers(0, 256, (72, 96), dtype=np.uint8)
    a = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)
    return a, np.roll(a, (int(SHIFT[1]), int(SHIFT[0])), axis=(0, 1))


def constant(x: float, y: float, shape: tuple[int, int] = (72, 96)) -> Flow:
    return np.broadcast_to(np.array([x, y], np.float32), (*shape, 2)).copy()


@pytest.mark.parametrize("preset", ["ultrafast", "fast", "medium"])
def test_flow_ab_points_from_a_to_its_match_in_b(pair, preset):
    flow_ab = flow_dis(*pair, preset)
    assert flow_ab.shape == (72, 96, 2)
    assert flow_ab.dtype == np.float32
    np.testing.assert_allclose(np.median(flow_ab, axis=(0, 1)), SHIFT, atol=0.2)


def test_small_pictures_are_searched_by_size_as_by_the_medium_preset_and_large_ones_on_coarser_levels(pair):
    assert np.array_equal(flow_dis(*pair, "by_size"), flow_dis(*pair, "medium"))
    assert [finest_level(*size) for size in ((192, 320), (270, 480), (360, 640), (1280, 720), (2160, 3840))] == [
        1,
        1,
        2,
        3,
        4,
    ]
    large = tuple(cv2.resize(picture, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC) for picture in pair)
    flow = flow_dis(*large, "by_size")
    assert not np.array_equal(flow, flow_dis(*large, "medium"))
    np.testing.assert_allclose(np.median(flow, axis=(0, 1)), 6 * np.array(SHIFT), atol=0.5)


def test_b_warped_by_flow_ab_looks_like_a(pair):
    a, b = pair
    there, back = flow_dis(a, b), flow_dis(b, a)
    right = np.abs(warp(b, there) - a)[INNER, INNER].mean()
    wrong = np.abs(warp(b, back) - a)[INNER, INNER].mean()
    assert right < 2.0 < 10.0 < wrong


def test_warp_samples_b_at_the_grid_plus_flow():
    b = np.arange(20, dtype=np.float32).reshape(4, 5)
    flow_ab = constant(0.5, 1.0, (4, 5))
    warped = warp(b, flow_ab, "linear")
    assert warped[1, 2] == pytest.approx(b[2, 2:4].mean())
    assert warped[0, 0] == pytest.approx(b[1, 0:2].mean())


@pytest.mark.parametrize("interpolation", ["linear", "cubic", "nearest"])
def test_no_motion_changes_nothing(pair, interpolation):
    np.testing.assert_array_equal(warp(pair[0], constant(0, 0), interpolation), pair[0])


def test_warp_keeps_colours_apart():
    b = np.random.default_rng(1).random((9, 11, 3)).astype(np.float32)
    flow_ab = constant(1.25, -0.75, (9, 11))
    apart = np.stack([warp(b[..., channel], flow_ab) for channel in range(3)], axis=-1)
    np.testing.assert_allclose(warp(b, flow_ab), apart, atol=1e-6)


def test_the_grid_is_x_first():
    np.testing.assert_array_equal(grid(2, 3), [[[0, 0], [1, 0], [2, 0]], [[0, 1], [1, 1], [2, 1]]])


def test_flows_that_undo_each_other_have_no_round_trip():
    error = round_trip_px(constant(3, -2), constant(-3, 2))
    np.testing.assert_allclose(error[2:, :-3], 0, atol=1e-6)
    assert np.isinf(error[:, -3:]).all(), "what leaves b on the right cannot be checked"
    assert np.isinf(error[:2]).all(), "what leaves b at the top cannot be checked"


def test_the_mask_is_one_where_flows_agree_and_falls_with_their_difference():
    error_px = 0.6
    mask = occlusion_mask(constant(3, -2), constant(-3 + error_px, 2), scale=0.5)
    np.testing.assert_allclose(mask[2:, :-3], 1 - 0.5 * error_px, atol=1e-5)
    assert (occlusion_mask(constant(3, -2), constant(-3, 2))[2:, :-3] > 1 - 1e-6).all()
    assert (occlusion_mask(constant(3, -2), constant(3, -2))[2:, :-3] == 0).all()
    assert (mask[:, -3:] == 0).all()


def test_a_covered_part_is_masked():
    rng = np.random.default_rng(2)
    a = cv2.GaussianBlur(rng.integers(0, 256, (80, 112), dtype=np.uint8), (0, 0), 1.5)
    b = a.copy()
    b[20:60, 60:90] = cv2.GaussianBlur(rng.integers(0, 256, (40, 30), dtype=np.uint8), (0, 0), 1.5)
    mask = occlusion_mask(flow_dis(a, b), flow_dis(b, a))
    assert mask[25:55, 65:85].mean() < 0.7 < 0.99 < mask[2:-2, 2:40].mean()


def test_dis_does_not_hang_on_how_many_calls_run_side_by_side(pair):
    pairs = [(pair[0], pair[1]), (pair[1], pair[0]), (pair[1], pair[0][::-1])]
    alone = [flow_dis(a, b) for a, b in pairs]
    together = thread_map(lambda item: flow_dis(*item), pairs, workers=3)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 3), (11, 11), (12, 40), (24, 24), (25, 23)])
def test_tiny_pictures_work(shape):
    a = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    flow_aa = flow_dis(a, a)
    assert flow_aa.shape == (*shape, 2)
    np.testing.assert_allclose(flow_aa, 0, atol=1e-3)
    np.testing.assert_allclose(warp(a, constant(0, 0, shape)), a)
    assert np.isfinite(warp(a, constant(1.5, -0.5, shape))).all()
    assert occlusion_mask(flow_aa, flow_aa).shape == shape
