import cv2
import numpy as np
import pytest
from made_shake import make_shake, make_texture

from hvdbench.realism.blur import estimate_kernel, frame_blur, kernel_covariance, patch_side


def _line(length: int, angle_deg: float) -> np.ndarray:
    kernel = np.zeros((length + 8, length + 8), np.float32)
    middle = np.array(kernel.shape[::-1]) / 2 - 0.5
    reach = (length - 1) / 2 * np.array([np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))])
    for share in np.linspace(-1, 1, 16 * length):
        column, row = middle + share * reach
        kernel[round(row), round(column)] += 1
    return kernel / kernel.sum()


def test_covariance_of_two_points_is_worked_out_by_hand():
    kernel = np.zeros((3, 5))
    kernel[1, 0] = kernel[1, 4] = 0.5  # 2 px left and right of the middle
    np.testing.assert_allclose(kernel_covariance(kernel), [[4.0, 0.0], [0.0, 0.0]], atol=1e-12)


@pytest.mark.parametrize(("length", "angle_deg"), [(9, 0.0), (15, 30.0), (21, 90.0), (15, 150.0)])
def test_extent_and_direction_of_a_line_are_measured(length: int, angle_deg: float):
    sharp = make_texture(160, 240)
    blurry = cv2.filter2D(sharp, cv2.CV_32F, cv2.flip(_line(length, angle_deg), -1))
    found = frame_blur(np.rint(blurry).astype(np.uint8), np.rint(sharp).astype(np.uint8))
    assert found.extent_px == pytest.approx(length, rel=0.15)
    assert abs((found.direction_deg - angle_deg + 90) % 180 - 90) < 6.0


def test_a_sharp_frame_measures_the_floor():
    sharp = make_texture(160, 240).astype(np.uint8)
    assert 1.0 < frame_blur(sharp, sharp).extent_px < 4.0


def test_a_shift_of_the_reference_does_not_lengthen_the_blur():
    sharp = make_texture(160, 240)
    blurry = cv2.filter2D(sharp, cv2.CV_32F, _line(11, 0.0))
    aligned, shifted = frame_blur(blurry, sharp), frame_blur(np.roll(blurry, 5, axis=1), sharp)
    assert shifted.extent_px == pytest.approx(aligned.extent_px, rel=0.1)


def test_a_flat_frame_tells_nothing():
    flat = np.full((128, 192), 90, np.uint8)
    assert np.isnan(frame_blur(flat, flat).extent_px)


def test_patches_without_a_match_give_no_kernel():
    zero = np.zeros((2, 32, 32), np.float32)
    assert estimate_kernel(zero, zero).tolist() == [[1.0]]


def test_patches_never_outgrow_the_frame():
    assert patch_side(64, 96) == 64
    assert patch_side(1008, 1792) == 288


def test_measured_extents_follow_the_true_ones_over_a_shaken_clip():
    shake = make_shake(frames=20, size=(256, 160))
    seen = np.array(
        [frame_blur(b[..., 0], s[..., 0]).extent_px for b, s in zip(shake.blurry, shake.sharp, strict=True)]
    )
    true = shake.extent_px
    assert true.max() > 10 > 3 > true.min()
    assert np.corrcoef(true, seen)[0, 1] > 0.9
    assert np.polyfit(true, seen, 1)[0] == pytest.approx(1.0, abs=0.2)
