"""Whether a frame's blur follows its flow: near 1 where it does, far below where the path was another."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hvdbench.flow import warp
from hvdbench.frames import Image
from hvdbench.methods.blur.averaging import average_along_path
from hvdbench.methods.blur.path import fit_free_path, free_path_gain, path_offsets

H, W = 60, 80
EVEN = np.linspace(-0.5, 0.5, 11)
FULL = np.ones((H, W), np.float32)


def texture() -> Image:
    noise = np.random.default_rng(4).uniform(20, 235, (H // 3, W // 3)).astype(np.float32)
    return np.clip(cv2.resize(noise, (W, H), interpolation=cv2.INTER_CUBIC), 0, 255)


def exposed(sharp: Image, path: NDArray[np.float64]) -> Image:
    """Blur along a path (M, 2) px and add a sensor's noise."""
    views = [warp(sharp, np.full((H, W, 2), point, np.float32), "linear") for point in path]
    return np.mean(views, axis=0).astype(np.float32) + np.random.default_rng(0).normal(0, 1, (H, W)).astype(np.float32)


def motion(x_px: float, y_px: float) -> NDArray[np.float32]:
    return np.full((H, W, 2), (x_px, y_px), np.float32)


def line(x_px: float, y_px: float, tau: float = 0.6) -> NDArray[np.float64]:
    return tau * EVEN[:, None] * np.array([x_px, y_px])


@pytest.mark.parametrize("velocity", [(8.0, 0.0), (4.0, -6.0)])
def test_an_even_path_along_the_flow_gains_nothing(velocity):
    sharp = texture()
    gain = free_path_gain(sharp, exposed(sharp, line(*velocity)), FULL, motion(*velocity), 0.6)
    assert 0.9 < gain <= 1


def test_a_bent_path_gains_much():
    sharp = texture()
    bent = line(8, 0) + 24 * (EVEN**2 - np.mean(EVEN**2))[:, None] * np.array([0, 1.0])
    assert free_path_gain(sharp, exposed(sharp, bent), FULL, motion(8, 0), 0.6) < 0.6


def test_a_path_across_the_flow_gains_much():
    sharp = texture()
    assert free_path_gain(sharp, exposed(sharp, line(0, 8)), FULL, motion(8, 0), 0.6) < 0.6


def test_a_camera_that_stood_still_inside_the_exposure_gains_much():
    sharp = texture()
    assert free_path_gain(sharp, exposed(sharp, line(0, 0)), FULL, motion(12, 0), 0.6) < 0.6


def test_more_steps_gain_no_less():
    sharp = texture()
    blurry = exposed(sharp, line(2, 7))
    gains = [free_path_gain(sharp, blurry, FULL, motion(8, 0), 0.6, iterations=count) for count in (0, 1, 3)]
    assert gains[0] == 1
    assert gains == sorted(gains, reverse=True)


def test_what_is_masked_has_no_say():
    sharp = texture()
    blurry = exposed(sharp, line(8, 0))
    blurry[:, : W // 2] = exposed(sharp, line(0, 12))[:, : W // 2]
    mask = FULL.copy()
    assert free_path_gain(sharp, blurry, mask, motion(8, 0), 0.6) < 0.9
    mask[:, : W // 2 + 4] = 0
    assert free_path_gain(sharp, blurry, mask, motion(8, 0), 0.6) > 0.9


def test_nothing_to_explain_is_no_gain():
    flat = np.full((H, W), 90, np.float32)
    assert free_path_gain(flat, flat, FULL, motion(8, 0), 0.6) == 1
    sharp = texture()
    assert free_path_gain(sharp, exposed(sharp, line(8, 0)), 0 * FULL, motion(8, 0), 0.6) == 1


def test_the_free_path_finds_a_line_that_the_flow_does_not_show():
    sharp = texture()
    path, _ = fit_free_path(sharp, exposed(sharp, line(7.0, 0.0, tau=1.0)), FULL, motion(0.0, 0.0), 0.6, iterations=4)
    assert abs(path[1]) == pytest.approx(7.0, abs=1.0)  # forwards or backwards: the blur is the same
    assert abs(path[2]) < 1


def test_offsets_have_a_mean_of_zero_and_follow_gain_line_and_bend():
    path = np.array([2.0, 1.0, 0.0, 0.0, 12.0])
    offsets = np.stack(list(path_offsets(path, motion(3.0, 0.0), 0.5, 5)))[:, 0, 0]
    np.testing.assert_allclose(offsets.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(offsets[:, 0], [-2, -1, 0, 1, 2], atol=1e-6)  # (2 * 0.5 * 3 + 1) s
    np.testing.assert_allclose(offsets[:, 1], 12 * (np.array([4, 1, 0, 1, 4]) / 16 - 0.125), atol=1e-6)


def test_the_average_along_a_path_is_the_mean_of_its_warps():
    sharp, moves = texture(), motion(5.0, -3.0)
    moves[: H // 2] *= -2
    path = np.array([1.2, 2.0, -1.0, 6.0, 3.0])
    warps = [warp(sharp, offsets, "linear") for offsets in path_offsets(path, moves, 0.6, 7)]
    times = np.linspace(-0.5, 0.5, 7)
    shifts = times[:, None] * path[1:3] + (times**2 - np.mean(times**2))[:, None] * path[3:]
    found = average_along_path(sharp, moves, 1.2 * 0.6 * times, shifts)
    np.testing.assert_allclose(found, np.mean(warps, axis=0), atol=0.01)
