"""Masked PSNR and the small registration before it."""

import math

import cv2
import numpy as np
import pytest

from hvdbench.errors import InputError
from hvdbench.metrics.fidelity import masked_psnr
from hvdbench.workflows.heldout.metric import register, taken_out


def made_picture() -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal((64, 80, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.asarray(127 + 400 * smooth, np.float32).clip(20, 235)


def test_only_pixels_of_the_mask_count() -> None:
    reference = np.full((20, 20, 3), 100, np.float32)
    restored = np.full((20, 20, 3), 200, np.uint8)
    restored[:10] = 110
    mask = np.zeros((20, 20), bool)
    mask[:10] = True
    # an error of 10 everywhere: 20 log10(255 / 10)
    assert masked_psnr(restored, reference, mask) == pytest.approx(28.1308, abs=1e-4)
    assert masked_psnr(np.full((20, 20, 3), 100, np.uint8), reference, mask) == 80.0


def test_sizes_that_differ_and_an_empty_mask_are_refused() -> None:
    picture = np.zeros((20, 20, 3), np.float32)
    for restored, mask in (((20, 21, 3), np.ones((20, 20), bool)), ((20, 20, 3), np.zeros((20, 20), bool))):
        with pytest.raises(InputError, match="cannot be compared"):
            masked_psnr(np.zeros(restored, np.uint8), picture, mask)


@pytest.mark.parametrize(("shift_px", "left_px"), [(0.3, 0.0), (0.75, 0.5), (1.4, 1.4)])
def test_a_small_shift_is_taken_out_a_large_one_is_not(shift_px: float, left_px: float) -> None:
    reference = made_picture()
    where = np.array([[1, 0, shift_px], [0, 1, 0]], np.float32)
    restored = np.rint(cv2.warpAffine(reference, where, (80, 64), flags=cv2.INTER_CUBIC, borderMode=4)).clip(0, 255)
    mask = np.zeros((64, 80), bool)
    mask[8:-8, 8:-8] = True
    moved, length = register(restored.astype(np.uint8), reference, mask, 0.5)
    assert length == pytest.approx(shift_px, abs=0.1)
    rest = np.array([[1, 0, left_px], [0, 1, 0]], np.float32)
    expected = cv2.warpAffine(reference, rest, (80, 64), flags=cv2.INTER_CUBIC, borderMode=4)
    assert masked_psnr(moved, expected, mask) > 40.0


def test_a_flat_frame_stays_where_it_is() -> None:
    flat = np.full((64, 80, 3), 90, np.uint8)
    moved, length = register(flat, made_picture(), np.ones((64, 80), bool), 0.5)
    assert math.isnan(length)
    np.testing.assert_array_equal(moved, flat.astype(np.float32))


def test_the_share_that_is_taken_out_falls_from_all_to_nothing() -> None:
    assert [taken_out(length, 0.5) for length in (0.0, 0.2, 0.5, 1.0, 3.0)] == [0.0, 1.0, 1.0, 0.0, 0.0]
    assert taken_out(0.8, 0.5) * 0.8 == pytest.approx(0.2)
