import cv2
import numpy as np
import pytest

from hvdbench.errors import InputError
from hvdbench.frames import to_gray
from hvdbench.metrics.sharpness import colour_sharpness, gray_sharpness, sharpness, shift_px


def texture(height=96, width=128, seed=0):
    smooth = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, (height, width)), (0, 0), 2.0)
    gray = np.clip(127 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=2)


def test_gray_sharpness_is_that_of_the_gray():
    frame = np.random.default_rng(3).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    expected = cv2.Laplacian(to_gray(frame), cv2.CV_64F, ksize=1).var()
    assert gray_sharpness(frame) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("shift", [(0, 0), (3, 4), (-5, 12), (8, -6)])
def test_a_rolled_frame_is_as_far_as_it_was_rolled(shift):
    frame = texture()
    rolled = np.roll(frame, shift, axis=(0, 1))
    assert shift_px(rolled, frame) == pytest.approx(np.hypot(*shift), abs=0.15)
    assert shift_px(frame, rolled) == pytest.approx(shift_px(rolled, frame), abs=0.05)


def test_symmetric_blur_moves_nothing():
    frame = texture()
    assert shift_px(np.asarray(cv2.GaussianBlur(frame, (0, 0), 1.5), np.uint8), frame) < 0.1


def test_a_flat_frame_has_no_place_but_equals_itself():
    flat = np.full((20, 20, 3), 9, np.uint8)
    assert shift_px(flat, flat) == 0
    assert np.isnan(shift_px(flat, texture(20, 20)))
    assert np.isnan(shift_px(texture(20, 20), flat))


def test_small_and_unequal_frames_are_refused():
    frame = texture()
    with pytest.raises(InputError, match="uint8 RGB"):
        gray_sharpness(frame[..., 0])
    with pytest.raises(InputError, match="at least 11 px"):
        shift_px(frame[:10], frame[:10])
    with pytest.raises(InputError, match="only frames of one size"):
        shift_px(frame, frame[:-1])


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1), (11, 11), (97, 61), (720, 1280), (301, 1999)])
def test_colour_and_gray_are_exact_however_a_frame_is_cut_into_strips(size):
    frame = np.random.default_rng(4).integers(0, 256, (*size, 3), dtype=np.uint8)
    whole = cv2.Laplacian(frame, cv2.CV_64F, ksize=1).astype(object)  # Python's integers: no rounding at all
    count, total = whole.size, int(whole.sum())
    assert colour_sharpness(frame) == (count * int((whole**2).sum()) - total * total) / (count * count)
    assert gray_sharpness(frame) == sharpness(to_gray(frame))
    slow = cv2.Laplacian(to_gray(frame), cv2.CV_64F, ksize=1).var()
    assert gray_sharpness(frame) == pytest.approx(slow, rel=1e-12, abs=1e-9)


def test_a_strided_view_measures_as_its_copy():
    frame = np.random.default_rng(5).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    view = frame[3:50, 5:70]
    assert colour_sharpness(view) == colour_sharpness(view.copy())
    assert sharpness(view[..., 1]) == sharpness(view[..., 1].copy())


def test_gray_frames_have_no_colour_sharpness():
    for measure in (colour_sharpness, gray_sharpness):
        with pytest.raises(InputError, match="uint8 RGB"):
            measure(np.zeros((8, 8), np.uint8))
