"""The blur of a clip read off its frames: exposure share, whose blur the flow explains, which frames stood still."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.blur.exposure_model import ExposureModel, fit_exposure_model, fits_better

T, H, W = 13, 72, 96
IS_SHARP = np.arange(T) % 4 == 0


def texture(height: int, width: int) -> NDArray[np.float32]:
    """Structure of all sizes, as pictures have it; flow needs the coarse ones."""
    random = np.random.default_rng(5)
    picture = np.full((height, width, 3), 128, np.float32)
    for grain in (4, 8, 16, 32):
        noise = random.normal(0, 28, (height // grain + 2, width // grain + 2, 3)).astype(np.float32)
        picture += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture, 0, 255)


def pan(share: float, *, bend_px: float = 0.0, velocity_px: float = 6.0, width: int = W) -> NDArray[np.uint8]:
    """A pan whose frames are exposed for ``share`` of the interval, every fourth one for an instant.

    Inside an exposure the path bends across the motion by ``bend_px`` from its middle to its ends.
    """
    scene = texture(H + 60, width + int(T * velocity_px) + 60)
    noise = np.random.default_rng(0)
    frames = []
    for index in range(T):
        views = []
        for time in np.linspace(-0.5, 0.5, 11) * (not IS_SHARP[index]):
            x = 30 + velocity_px * (T - index - share * time)
            y = 30 + bend_px * (4 * time**2 - 0.4) * (not IS_SHARP[index])
            move = np.array([[1, 0, x], [0, 1, y]], np.float32)
            views.append(cv2.warpAffine(scene, move, (width, H), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP))
        frames.append(np.mean(views, axis=0) + noise.normal(0, 1.5, (H, width, 3)))
    return np.rint(np.clip(frames, 0, 255)).astype(np.uint8)


@pytest.fixture(scope="module")
def even() -> ExposureModel:
    return fit_exposure_model(Aligner(pan(0.6)), IS_SHARP)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_the_share_of_the_exposure_is_found(share):
    assert fit_exposure_model(Aligner(pan(share)), IS_SHARP).tau == pytest.approx(share, abs=0.101)


class Astray(Aligner):
    """An aligner whose frames are warped 2 px away from where they belong."""

    def warped(self, target, source):
        return np.roll(super().warped(target, source), 2, axis=1)


def test_frames_that_are_warped_astray_do_not_re_blur_to_the_input(even):
    astray = Astray(even.aligner.frames)
    assert fits_better(even.aligner, fit_exposure_model(astray, IS_SHARP), IS_SHARP)
    assert not fits_better(astray, even, IS_SHARP)
    assert not fits_better(Aligner(even.aligner.frames), even, IS_SHARP)  # much better, or the model's own stays
    assert not fits_better(astray, even, np.ones(T, bool))


def test_frames_were_asked_that_are_not_selected(even):
    np.testing.assert_array_equal(np.isnan(even.gain), IS_SHARP)
    assert (even.gain[~IS_SHARP] > 0).all()
    assert (even.gain[~IS_SHARP] <= 1).all()
    assert not even.explained[IS_SHARP].any()


def test_the_flow_explains_an_even_pan_and_not_a_bent_one(even):
    bent = fit_exposure_model(Aligner(pan(0.6, bend_px=6.0)), IS_SHARP)
    assert np.nanmedian(even.gain) > 0.9
    assert even.explained[~IS_SHARP].mean() > 0.5
    assert np.nanmedian(bent.gain) < np.nanmedian(even.gain) - 0.1
    assert not bent.explained.any()


def test_the_extent_is_the_way_of_an_exposure_as_a_share_of_the_width(even):
    np.testing.assert_allclose(even.extent, even.tau * 6 / W, rtol=0.1)
    np.testing.assert_allclose(np.median(even.motion(6), axis=(0, 1)), [6, 0], atol=0.5)


def test_selected_frames_are_confirmed_by_standing_still(even):
    assert not even.confirmed_sharp(IS_SHARP).any()  # all frames of a pan move
    assert even.confirmed_sharp(IS_SHARP, limit=0.1).tolist() == IS_SHARP.tolist()
    still = fit_exposure_model(Aligner(pan(0.6, velocity_px=0.1)), IS_SHARP)
    assert still.confirmed_sharp(IS_SHARP).tolist() == IS_SHARP.tolist()
    assert not still.confirmed_sharp(np.zeros(T, bool)).any()


def test_the_model_does_not_hang_on_the_number_of_threads(even):
    threaded = fit_exposure_model(Aligner(pan(0.6)), IS_SHARP, workers=3)
    assert threaded.tau == even.tau
    for name in ("gain", "explained", "extent"):
        np.testing.assert_array_equal(getattr(threaded, name), getattr(even, name))


def test_wide_frames_are_fitted_on_a_smaller_copy_with_the_same_share():
    wide = fit_exposure_model(Aligner(pan(0.6, velocity_px=16.0, width=400)), IS_SHARP)
    assert wide.tau == pytest.approx(0.6, abs=0.101)
    np.testing.assert_allclose(wide.extent, wide.tau * 16 / 400, rtol=0.1)


@pytest.mark.parametrize("is_sharp", [np.zeros(T, bool), np.ones(T, bool)])
def test_where_nobody_can_be_asked_nothing_is_explained(is_sharp):
    model = fit_exposure_model(Aligner(pan(0.6)), is_sharp)
    assert 0 < model.tau < 1
    assert np.isnan(model.gain).all()
    assert not model.explained.any()
    assert np.isfinite(model.extent).all()


def test_two_frames_are_enough():
    model = fit_exposure_model(Aligner(pan(0.6)[:2]), IS_SHARP[:2])
    assert model.extent.shape == (2,)
    assert np.isfinite(model.gain[1])


def test_one_frame_stands_still():
    model = fit_exposure_model(Aligner(pan(0.6)[:1]), np.array([True]))
    assert model.extent.tolist() == [0.0]
