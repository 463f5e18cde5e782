"""Sharp frames blurred again: exact truth, the donor's blur, the donor's place."""

import cv2
import numpy as np
import pytest

from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.blur.exposure_model import ExposureModel, fit_exposure_model
from hvdbench.methods.fusion.candidates import SLOTS
from hvdbench.methods.fusion.resynthesis import blur_again, noise_levels, resynthesise

T, H, W = 12, 48, 64
REST = np.arange(T) % 5 == 1


@pytest.fixture(scope="module")
def model() -> ExposureModel:
    noise = np.random.default_rng(6).uniform(30, 225, (20, 40, 3)).astype(np.float32)
    texture = cv2.resize(noise, (160, 80), interpolation=cv2.INTER_CUBIC)

    def view(time: float):
        x = 40 + 8 * np.cos(2 * np.pi * (time - 1) / 10)  # at rest at 1, 6, 11
        move = np.array([[1, 0, x], [0, 1, 16]], np.float32)
        return cv2.warpAffine(texture, move, (W, H), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)

    frames = [np.mean([view(i + share) for share in np.linspace(-0.3, 0.3, 11)], axis=0) for i in range(T)]
    return fit_exposure_model(Aligner(np.rint(np.clip(frames, 0, 255)).astype(np.uint8)), REST)


def test_the_pictures_are_selected_frames_and_the_first_candidate_is_softer(model):
    pairs = resynthesise(model, REST, np.random.default_rng(0), count=6)
    for j, sharp, stack in zip(pairs.stack.index, pairs.sharp, pairs.stack.colours, strict=True):
        assert REST[j]
        np.testing.assert_array_equal(sharp, model.aligner.frames[j])
        assert cv2.Laplacian(stack[0], cv2.CV_64F).std() < cv2.Laplacian(sharp, cv2.CV_64F).std()
    assert pairs.stack.colours.shape == (6, len(SLOTS), H, W, 3)
    assert not pairs.stack.is_sharp[:, 0].any()


def test_the_frame_itself_is_never_among_its_sharp_candidates(model):
    pairs = resynthesise(model, REST, np.random.default_rng(1), count=6)
    for sharp, stack in zip(pairs.sharp, pairs.stack.colours, strict=True):
        assert all(not np.array_equal(candidate, sharp) for candidate in stack)


def test_the_blend_comes_last_where_it_is_asked_for(model):
    pairs = resynthesise(model, REST, np.random.default_rng(0), count=2, with_blend=True)
    assert pairs.stack.colours.shape[1] == len(SLOTS) + 1


def test_the_same_generator_gives_the_same_bytes_for_any_number_of_threads(model):
    one = resynthesise(model, REST, np.random.default_rng(3), count=4)
    three = resynthesise(model, REST, np.random.default_rng(3), count=4, workers=3)
    np.testing.assert_array_equal(one.stack.colours, three.stack.colours)
    np.testing.assert_array_equal(one.stack.masks, three.stack.masks)
    other = resynthesise(model, REST, np.random.default_rng(4), count=4)
    assert not np.array_equal(one.stack.colours, other.stack.colours)


def test_a_clip_without_a_selected_frame_or_without_a_blurry_one_gives_no_pairs(model):
    assert resynthesise(model, np.zeros(T, bool), np.random.default_rng(0)) is None
    still = fit_exposure_model(model.aligner, np.ones(T, bool))
    assert resynthesise(still, np.ones(T, bool), np.random.default_rng(0)) is None


def test_a_line_of_five_px_smears_a_point_over_five_px_and_keeps_its_light():
    frame = np.zeros((15, 31, 3), np.uint8)
    frame[7, 15] = 255
    motion = np.zeros((15, 31, 2), np.float32)
    light = blur_again(frame, motion, np.array([1.0, 4.0, 0.0, 0.0, 0.0]), 0.5)
    assert light[7, :, 0].sum() == pytest.approx(1.0, abs=0.04)
    assert light[7, 13:18, 0].min() > 0.1
    assert np.abs(light[7, :12]).max() < 0.02


def test_the_donor_s_own_motion_counts_by_the_exposure_share():
    frame = np.zeros((15, 31, 3), np.uint8)
    frame[7, 15] = 255
    motion = np.zeros((15, 31, 2), np.float32)
    motion[..., 1] = 8
    light = blur_again(frame, motion, np.array([1.0, 0.0, 0.0, 0.0, 0.0]), 0.5)
    assert light[5:10, 15, 0].min() > 0.1
    assert light[:, 15, 0].sum() == pytest.approx(1.0, abs=0.04)


@pytest.mark.parametrize("sigma", [2.0, 6.0])
def test_noise_is_measured_beside_edges_and_shading(sigma):
    x = np.linspace(40, 180, 120)
    picture = np.broadcast_to(x[None, :, None], (90, 120, 3)).copy()
    picture[30:60, 40:80] += 40
    noisy = picture + np.random.default_rng(0).normal(0, sigma, picture.shape)
    assert noise_levels(np.rint(noisy).astype(np.uint8)) == pytest.approx(sigma, rel=0.1)
    assert noise_levels(np.full((20, 20, 3), 7, np.uint8)) == 0
