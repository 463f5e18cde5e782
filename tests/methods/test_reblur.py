"""Blurring a picture along the motion of its exposure, and using that to choose and to correct."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hvdbench.flow import warp
from hvdbench.frames import Image
from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.blur.reblur import blend_by_reblur, correct, exposure_motion, reblur

H, W = 48, 64
INSIDE = (slice(10, -10), slice(10, -10))


def texture(height: int = H, width: int = W, seed: int = 2) -> Image:
    noise = np.random.default_rng(seed).uniform(30, 225, (height // 3, width // 3, 3)).astype(np.float32)
    return np.clip(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), 0, 255)


def even(x_px: float, y_px: float) -> NDArray[np.float32]:
    return np.full((H, W, 2), (x_px, y_px), np.float32)


def distance(a: Image, b: Image) -> float:
    return float(np.abs(a - b)[INSIDE].mean())


def shift(picture: Image, x_px: float) -> Image:
    move = np.array([[1, 0, x_px], [0, 1, 0]], np.float32)
    return cv2.warpAffine(picture, move, (W, H), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)


def panning(velocity: tuple[int, int], count: int = 5) -> NDArray[np.uint8]:
    """A clip whose content moves by ``velocity`` px from frame to frame."""
    wide = texture(2 * H, 2 * W).astype(np.uint8)
    starts = [(30 - velocity[0] * i, 24 - velocity[1] * i) for i in range(count)]
    return np.stack([wide[y : y + H, x : x + W] for x, y in starts])


@pytest.mark.parametrize("velocity", [(4, 0), (-3, 2)])
@pytest.mark.parametrize("index", [0, 2, 4])
def test_the_motion_of_an_even_pan_is_its_velocity(velocity, index):
    motion = exposure_motion(Aligner(panning(velocity)), index)
    assert motion.shape == (H, W, 2)
    np.testing.assert_allclose(np.median(motion[INSIDE], axis=(0, 1)), velocity, atol=0.15)


def test_motion_between_two_velocities_is_their_mean():
    frames = np.concatenate([panning((1, 0), 2), panning((2, 0), 3)[2:]])  # 1 px, then 3 px
    motion = exposure_motion(Aligner(frames), 1)
    assert np.median(motion[INSIDE][..., 0]) == pytest.approx(2, abs=0.15)


def test_without_exposure_or_motion_the_picture_comes_back():
    picture = texture()
    np.testing.assert_allclose(reblur(picture, even(7, -3), 0.0), picture, atol=1e-3)
    np.testing.assert_allclose(reblur(picture, even(0, 0), 0.8), picture, atol=1e-3)


def test_without_motion_the_picture_comes_back_exactly():
    picture = texture()
    np.testing.assert_array_equal(reblur(picture, even(0, 0), 0.8), picture)
    np.testing.assert_array_equal(reblur(picture[..., 0], even(9, 5), 0.0), picture[..., 0])


def test_an_even_motion_is_the_mean_along_its_path():
    picture, motion = cv2.GaussianBlur(texture(), (0, 0), 1.5), even(14, -9)
    found = reblur(picture, motion, 0.7)
    views = [warp(picture, np.asarray(0.7 * time * motion, np.float32)) for time in (np.arange(99) + 0.5) / 99 - 0.5]
    np.testing.assert_allclose(found[INSIDE], np.mean(views, axis=0)[INSIDE], atol=1.0)
    assert distance(picture, found) > 10


@pytest.mark.parametrize("path_px", [(0.3, 0.1), (1.0, -2.0), (5.5, 5.5), (-9.0, 2.0), (0.0, 12.0)])
def test_a_parabola_is_averaged_as_the_integral_says(path_px):
    y, x = np.mgrid[:H, :W].astype(np.float32) / 10
    across, down = path_px[0] / 20, path_px[1] / 20  # half the path, in the parabola's units
    picture = x * x - 0.5 * x * y + 0.25 * y * y + 3
    more = (across * across - 0.5 * across * down + 0.25 * down * down) / 3
    np.testing.assert_allclose(reblur(picture, even(*path_px), 1.0)[INSIDE], (picture + more)[INSIDE], atol=2e-4)


def test_borders_are_reflected_however_far_a_path_reaches():
    picture = texture()
    wide = cv2.copyMakeBorder(picture, 40, 40, 40, 40, cv2.BORDER_REFLECT_101)
    motion = np.full((H + 80, W + 80, 2), (-60, 20), np.float32)
    inner = reblur(wide, motion, 1.0)[40:-40, 40:-40]
    np.testing.assert_allclose(reblur(picture, even(-60, 20), 1.0), inner, atol=1e-3)
    assert np.isfinite(reblur(picture[:1, :1].copy(), np.full((1, 1, 2), 30, np.float32), 1.0)).all()


def test_each_pixel_follows_its_own_path():
    picture, motion = texture(), even(0, 0)
    motion[:, W // 2 :] = (0, 10)
    found = reblur(picture, motion, 0.5)
    np.testing.assert_array_equal(found[:, : W // 2], picture[:, : W // 2])
    np.testing.assert_allclose(found[:, W // 2 :], reblur(picture, even(0, 10), 0.5)[:, W // 2 :])


def test_a_motion_that_is_not_finite_is_refused():
    motion = even(2, 1)
    motion[3, 4, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        reblur(texture(), motion, 0.5)


def test_a_gray_picture_is_blurred_as_a_channel_is():
    picture = texture()
    colours, gray = reblur(picture, even(5, 3), 0.6), reblur(picture[..., 1], even(5, 3), 0.6)
    np.testing.assert_allclose(gray, colours[..., 1], atol=1e-3)


def test_the_blend_takes_the_candidate_that_reblurs_to_the_input():
    sharp, motion, full = texture(), even(6, 0), np.ones((H, W), np.float32)
    blurry = reblur(sharp, motion, 0.6)
    wrong = shift(sharp, 3.0)
    for candidates in ([sharp, wrong], [wrong, sharp]):
        blended = blend_by_reblur(candidates, [full, full], blurry, motion, 0.6)
        assert blended.dtype == np.float32
        assert distance(blended, sharp) < 0.05 * distance(wrong, sharp)
        assert distance(blended, sharp) < 0.05 * distance(blurry, sharp)


def test_the_blend_chooses_anew_from_place_to_place():
    sharp, motion, full = texture(), even(6, 0), np.ones((H, W), np.float32)
    blurry = reblur(sharp, motion, 0.6)
    left_good, right_good = sharp.copy(), sharp.copy()
    left_good[:, W // 2 :] = shift(sharp, 4.0)[:, W // 2 :]
    right_good[:, : W // 2] = shift(sharp, 4.0)[:, : W // 2]
    blended = blend_by_reblur([left_good, right_good], [full, full], blurry, motion, 0.6)
    for part in (np.s_[10:-10, 10 : W // 2 - 8], np.s_[10:-10, W // 2 + 8 : -10]):
        assert np.abs(blended - sharp)[part].mean() < 1


def test_the_blurry_frame_stays_where_no_candidate_is_trusted():
    sharp, motion = texture(), even(6, 0)
    blurry = reblur(sharp, motion, 0.6)
    none = np.zeros((H, W), np.float32)
    np.testing.assert_allclose(blend_by_reblur([sharp], [none], blurry, motion, 0.6), blurry, atol=1e-3)
    np.testing.assert_allclose(blend_by_reblur([], [], blurry, motion, 0.6), blurry, atol=1e-3)
    half = none.copy()
    half[:, : W // 2] = 1
    blended = blend_by_reblur([sharp], [half], blurry, motion, 0.6)
    assert np.abs(blended - sharp)[10:-10, 10 : W // 2 - 8].mean() < 1
    np.testing.assert_allclose(blended[:, W // 2 :], blurry[:, W // 2 :], atol=1e-3)


def test_the_blurry_frame_wins_where_nothing_sharp_fits():
    motion = even(6, 0)
    blurry = reblur(texture(), motion, 0.6)
    stranger = 255 - texture(seed=9)
    blended = blend_by_reblur([stranger], [np.ones((H, W), np.float32)], blurry, motion, 0.6)
    assert distance(blended, blurry) < 0.05 * distance(blended, stranger)


def test_correction_brings_a_blurred_picture_nearer_to_the_sharp_one():
    sharp, motion = texture(), even(4, 2)
    blurry = reblur(sharp, motion, 0.6)
    distances = [distance(correct(blurry, blurry, motion, 0.6, steps=steps), sharp) for steps in (0, 1, 4, 16)]
    assert distances[0] == distance(blurry, sharp)
    assert distances == sorted(distances, reverse=True)
    assert distances[2] < 0.7 * distances[0]


def test_correction_brings_the_blur_nearer_to_the_input():
    sharp, motion = texture(), even(4, 2)
    blurry = reblur(sharp, motion, 0.6)
    start = shift(sharp, 0.5)
    before = distance(reblur(start, motion, 0.6), blurry)
    assert distance(reblur(correct(start, blurry, motion, 0.6), motion, 0.6), blurry) < 0.5 * before


def test_correction_leaves_what_agrees_with_the_input():
    sharp, motion = texture(), even(4, 2)
    blurry = reblur(sharp, motion, 0.6)
    np.testing.assert_allclose(correct(sharp, blurry, motion, 0.6, steps=8), sharp, atol=1e-3)
    start = shift(sharp, 1.0)
    np.testing.assert_array_equal(correct(start, blurry, motion, 0.6, steps=0), start)


def test_correction_stays_within_the_range_of_a_picture():
    blurry = np.where(np.indices((H, W)).sum(0)[..., None] % 16 < 8, 0.0, 255.0).repeat(3, axis=2).astype(np.float32)
    found = correct(cv2.blur(blurry, (5, 5)), blurry, even(4, 0), 0.6, steps=8)
    assert found.min() >= 0
    assert found.max() <= 255
