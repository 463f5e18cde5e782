import math

import cv2
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from hvdbench.errors import InputError
from hvdbench.frames import read_clip
from hvdbench.metrics.fidelity import psnr, psnr_registered, ssim
from hvdbench.metrics.ssim import mean_ssim, ssim_map


def scikit_ssim(a, b):
    return structural_similarity(
        a, b, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )


def texture(height=60, width=80, seed=0, sigma=2.0):
    rng = np.random.default_rng(seed)
    smooth = cv2.GaussianBlur(rng.normal(0, 1, (height, width, 3)), (0, 0), sigma)
    return np.clip(127 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def noisy(frame, level, seed=1):
    noise = np.random.default_rng(seed).normal(0, level, frame.shape)
    return np.clip(np.rint(frame + noise), 0, 255).astype(np.uint8)


def test_an_error_of_one_level_everywhere_is_48_13_db():
    truth = texture() // 2
    assert psnr(truth + np.uint8(1), truth) == pytest.approx(20 * math.log10(255), abs=1e-12)


def test_black_against_white_is_0_db_and_equal_frames_are_infinite():
    black, white = np.zeros((11, 11, 3), np.uint8), np.full((11, 11, 3), 255, np.uint8)
    assert psnr(black, white) == 0
    assert psnr(white, white) == math.inf


@pytest.mark.parametrize("level", [1, 8, 60])
def test_psnr_agrees_with_scikit_image(level):
    truth = texture(97, 61)
    restored = noisy(truth, level)
    assert psnr(restored, truth) == pytest.approx(peak_signal_noise_ratio(truth, restored), abs=1e-9)
    assert psnr(restored, truth) == psnr(truth, restored)


@pytest.mark.parametrize("size", [(11, 11), (11, 40), (43, 12), (42, 42), (74, 75), (97, 131)])
@pytest.mark.parametrize("level", [3, 40])
def test_ssim_agrees_with_scikit_image_at_odd_sizes(size, level):
    truth = texture(*size)
    restored = noisy(truth, level)
    assert ssim(restored, truth) == pytest.approx(scikit_ssim(restored, truth), abs=1e-7)


@pytest.mark.parametrize("seed", range(6))
def test_ssim_agrees_with_scikit_image_on_flat_patches(seed):
    # Large flat areas of different brightness: sums of squares in single precision are off by up to 7e-5 here.
    rng = np.random.default_rng(seed)
    a, b = (np.kron(rng.integers(0, 256, (3, 3, 3)), np.ones((30, 30, 1))).astype(np.uint8) for _ in range(2))
    assert ssim(a, b) == pytest.approx(scikit_ssim(a, b), abs=1e-7)


def test_ssim_of_equal_frames_is_1_and_of_flat_ones_what_the_formula_says():
    frame = texture()
    assert ssim(frame, frame) == 1
    a, b = np.full((20, 20, 3), 100, np.uint8), np.full((20, 20, 3), 50, np.uint8)
    c1 = 2.55**2
    assert ssim(a, b) == pytest.approx((2 * 100 * 50 + c1) / (100**2 + 50**2 + c1), abs=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_ssim_agrees_with_scikit_image_on_noise_and_on_single_bright_pixels(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 256, (2, 75, 401, 3)).astype(np.uint8)  # wider than a tile of the kernel
    assert ssim(a, b) == pytest.approx(scikit_ssim(a, b), abs=1e-7)
    a[...], b[...] = 3, 250
    a[::7, ::9], b[::8, ::5] = 255, 0
    assert ssim(a, b) == pytest.approx(scikit_ssim(a, b), abs=1e-7)


def test_ssim_of_one_plane_in_float_agrees_with_scikit_image():
    rng = np.random.default_rng(0)
    a, b = (texture(70, 90, seed)[..., 0].astype(np.float32) * 0.7 + 16.4 for seed in (1, 2))
    b = b + rng.normal(0, 3, b.shape).astype(np.float32)
    expected = structural_similarity(
        a.astype(float), b.astype(float), gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert mean_ssim(a, b) == pytest.approx(expected, abs=1e-7)
    assert ssim_map(a, b).mean() == pytest.approx(expected, abs=1e-12)


def test_metrics_take_frames_that_are_not_contiguous():
    wide = texture(60, 80)
    mirrored, part = wide[:, ::-1], wide[10:50, 5:70]
    assert ssim(mirrored, wide[:, ::-1].copy()) == pytest.approx(1, abs=1e-12)
    assert psnr(part, noisy(part, 5)) == psnr(part.copy(), noisy(part, 5))
    assert psnr_registered(part, noisy(part, 5)) == psnr_registered(part.copy(), noisy(part, 5))


def moved(frame, x, y):
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
    out = cv2.warpAffine(frame, matrix, frame.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(out, np.uint8)


@pytest.mark.parametrize("shift", [(0.4, -0.3), (1.5, 0.5), (-2.25, 1.75)])
def test_registration_undoes_a_translation(shift):
    truth = texture(90, 120, sigma=3.0)
    restored = moved(truth, *shift)
    assert psnr_registered(restored, truth) > max(45, psnr(restored, truth) + 8)


def test_registration_leaves_noise_alone():
    truth = texture(90, 120, sigma=3.0)
    restored = noisy(truth, 10)
    inside = np.s_[8:-8, 8:-8]
    assert psnr_registered(restored, truth) == pytest.approx(psnr(restored[inside], truth[inside]), abs=0.1)


def test_registration_of_equal_frames_is_infinite():
    assert psnr_registered(texture(), texture()) == math.inf


@pytest.mark.parametrize("far", [np.zeros((60, 80, 3), np.uint8), texture(seed=5)[::-1, ::-1]])
def test_without_a_translation_the_border_is_still_cut(far):
    # A flat frame has none; two unrelated ones have none within 8 px or none that lifts the PSNR much.
    truth, inside = texture(), np.s_[8:-8, 8:-8]
    assert psnr_registered(far, truth) == pytest.approx(psnr(far[inside], truth[inside]), abs=1.5)
    assert math.isfinite(psnr_registered(truth, far))


def test_a_shift_beyond_the_cut_border_is_not_registered():
    truth = texture(90, 200, sigma=12.0)
    restored, inside = np.roll(truth, 14, axis=1), np.s_[8:-8, 8:-8]
    assert psnr_registered(restored, truth) == pytest.approx(psnr(restored[inside], truth[inside]), abs=1e-4)


@pytest.mark.parametrize("metric", [psnr, ssim, psnr_registered])
def test_what_cannot_be_compared_is_refused(metric):
    frame = texture()
    with pytest.raises(InputError, match="10x20 px: this metric needs at least"):
        metric(frame[:20, :10], frame[:20, :10])
    with pytest.raises(InputError, match="80x60 px and 79x60 px"):
        metric(frame, frame[:, 1:])
    with pytest.raises(InputError, match="uint8 RGB"):
        metric(frame.astype(np.float32), frame)
    with pytest.raises(InputError, match="uint8 RGB"):
        metric(frame[..., 0], frame[..., 0])


def test_reds_027_input_scores_what_was_measured_before(shared):
    folder = shared / "data/paired/reds_027_x4_f000-039"
    blurry, sharp = read_clip(folder / "blur"), read_clip(folder / "sharp")
    rest = [index for index in range(40) if index not in {3, 4, 5, 6, 13, 17, 22, 23, 32}]
    means = [np.mean([metric(blurry[i], sharp[i]) for i in rest]) for metric in (psnr, ssim, psnr_registered)]
    assert means == pytest.approx([29.55, 0.8920, 29.67], abs=0.01)
    assert ssim(blurry[0], sharp[0]) == pytest.approx(scikit_ssim(blurry[0], sharp[0]), abs=1e-7)
