import numpy as np
import pytest
from made_shake import make_texture

from hvdbench.realism.appearance import noise_level, saturated_share, smooth_sharpness


@pytest.mark.parametrize("level", [1.0, 3.0])
def test_noise_on_a_ramp_is_recovered(level: float):
    # The mask answers to neither the ramp nor its slope; rounding to 8 bit adds 1/12 of variance.
    ramp = np.linspace(60, 180, 320)[None].repeat(240, axis=0)
    noisy = np.rint(ramp + np.random.default_rng(0).normal(0, level, ramp.shape)).astype(np.uint8)
    assert noise_level(noisy) == pytest.approx(np.hypot(level, np.sqrt(1 / 12)), rel=0.1)


def test_frames_that_are_black_or_white_tell_no_noise():
    assert np.isnan(noise_level(np.zeros((64, 64), np.uint8)))
    assert np.isnan(noise_level(np.full((64, 64), 255, np.uint8)))


def test_frames_smaller_than_a_block_are_measured_whole():
    assert noise_level(np.full((8, 8), 100, np.uint8)) == pytest.approx(0.0, abs=1e-5)


def test_a_pixel_is_saturated_in_any_channel():
    frame = np.zeros((2, 2, 3), np.uint8)
    frame[0, 0, 2] = 255
    assert saturated_share(frame) == 0.25


def test_blur_lowers_sharpness():
    import cv2

    sharp = make_texture(64, 96).astype(np.uint8)
    assert smooth_sharpness(sharp) > 2 * smooth_sharpness(cv2.blur(sharp, (5, 5)))
