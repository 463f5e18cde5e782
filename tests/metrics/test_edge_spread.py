import cv2
import numpy as np
import pytest
from scipy.special import erf

from hvdbench.errors import InputError
from hvdbench.metrics.edge_spread import edge_spread, find_edges, median_edge_spread, overshoot

ANGLE_DEG = 17.0


def _distance(shift: float = 0.0) -> np.ndarray:
    y, x = np.mgrid[0:96, 0:128].astype(np.float64)
    angle = np.radians(ANGLE_DEG)
    return (x - 63.3) * np.cos(angle) + (y - 47.6) * np.sin(angle) - shift


def _frame(level: np.ndarray, low: float = 60, high: float = 180) -> np.ndarray:
    return np.repeat(np.rint(low + (high - low) * level).astype(np.uint8)[..., None], 3, axis=2)


def _gaussian(sigma: float, shift: float = 0.0) -> np.ndarray:
    return 0.5 * (1 + erf(_distance(shift) / (sigma * np.sqrt(2))))


def _box(length: float) -> np.ndarray:
    return np.clip(_distance() / length + 0.5, 0, 1)


SHARP = _frame(_gaussian(0.6))


@pytest.mark.parametrize("sigma", [0.9, 1.5, 2.5])
def test_an_edge_behind_a_gaussian_is_2_563_sigma_wide(sigma):
    width = np.median(edge_spread(_frame(_gaussian(sigma)), find_edges(SHARP)))
    assert width == pytest.approx(2.563 * sigma, rel=0.04)


@pytest.mark.parametrize("length", [4.0, 8.0])
def test_an_edge_moved_evenly_across_itself_is_0_8_of_the_way_wide(length):
    width = np.median(edge_spread(_frame(_box(length)), find_edges(SHARP)))
    assert width == pytest.approx(0.8 * length, rel=0.03)


def test_a_shift_of_two_pixels_leaves_the_width():
    edges = find_edges(SHARP)
    moved = edge_spread(_frame(_gaussian(1.5, shift=2.0)), edges)
    assert np.median(moved) == pytest.approx(2.563 * 1.5, rel=0.04)


def test_edges_point_from_dark_to_bright_and_know_both_levels():
    edges = find_edges(SHARP)
    assert len(edges) >= 20
    expected = np.array([np.cos(np.radians(ANGLE_DEG)), np.sin(np.radians(ANGLE_DEG))])
    np.testing.assert_allclose(edges.normal, np.tile(expected, (len(edges), 1)), atol=0.03)
    np.testing.assert_allclose(edges.low, 60, atol=0.5)
    np.testing.assert_allclose(edges.high, 180, atol=0.5)


def test_edges_beside_each_other_are_left_out():
    stripe = _gaussian(0.6) - _gaussian(0.6, shift=5.0)
    assert len(find_edges(_frame(stripe))) == 0


def test_noise_of_two_levels_moves_the_median_by_under_a_tenth():
    noise = np.random.default_rng(0).normal(0, 2, SHARP.shape[:2])
    noisy = np.clip(_frame(_gaussian(2.0)) + np.rint(noise)[..., None], 0, 255).astype(np.uint8)
    assert np.median(edge_spread(noisy, find_edges(SHARP))) == pytest.approx(2.563 * 2.0, rel=0.1)


def test_an_unsharp_mask_narrows_an_edge_and_shows_as_overshoot():
    edges, soft = find_edges(SHARP), _frame(_gaussian(2.0))
    halo = cv2.addWeighted(soft, 2.0, cv2.GaussianBlur(soft, (0, 0), 2.5), -1.0, 0)
    assert np.median(edge_spread(halo, edges)) < 0.8 * np.median(edge_spread(soft, edges))
    assert np.median(overshoot(soft, edges)) < 0.02
    assert np.median(overshoot(halo, edges)) > 0.05


def test_an_edge_that_blur_has_dissolved_counts_as_16_px():
    assert np.median(edge_spread(_frame(_box(40.0)), find_edges(SHARP))) == 16.0


def test_a_frame_without_edges_has_no_spread():
    flat = np.full((64, 64, 3), 90, np.uint8)
    assert np.isnan(median_edge_spread(flat, flat))
    assert len(overshoot(flat, find_edges(flat))) == 0


def test_the_median_is_over_the_references_edges():
    assert median_edge_spread(_frame(_gaussian(1.5)), SHARP) == pytest.approx(2.563 * 1.5, rel=0.04)


def test_what_is_no_picture_or_of_another_size_is_refused():
    with pytest.raises(InputError, match="uint8 RGB"):
        find_edges(np.zeros((20, 20, 3), np.float32))
    with pytest.raises(InputError, match="one size"):
        median_edge_spread(SHARP, SHARP[:50])
