"""The methods without learning: what they leave alone, what they average, what they tell."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hvdbench.labels.sharpness import SharpLabels, select_sharp
from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.blur.exposure_model import fit_exposure_model
from hvdbench.methods.blurry import Blurry, BlurrySettings
from hvdbench.methods.reblur_blend import ReblurBlend, ReblurBlendSettings, corrected
from hvdbench.methods.restoration import Budget
from hvdbench.methods.warp_average import WarpAverage, WarpAverageSettings, warp_average
from hvdbench.metrics.fidelity import psnr

T, H, W = 16, 72, 96
IS_SHARP = np.arange(T) % 3 == 1
METHODS = {
    "blurry": lambda: Blurry(BlurrySettings()),
    "warp_average": lambda: WarpAverage(WarpAverageSettings()),
    "reblur_blend": lambda: ReblurBlend(ReblurBlendSettings()),
}


def texture(height: int, width: int) -> NDArray[np.float32]:
    """Structure of all sizes, as pictures have it; flow needs the coarse ones."""
    random = np.random.default_rng(5)
    picture = np.full((height, width, 3), 128, np.float32)
    for grain in (4, 8, 16, 32):
        noise = random.normal(0, 28, (height // grain + 2, width // grain + 2, 3)).astype(np.float32)
        picture += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture, 0, 255)


def pan(count: int = T, height: int = H, width: int = W) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A pan of 6 px a frame and its truth; all but every third frame are blurred over 0.6 of the interval."""
    scene = texture(height + 16, width + 6 * count + 16)

    def exposed(index: int, share: float) -> NDArray[np.uint8]:
        views = []
        for time in np.linspace(-share / 2, share / 2, 11):
            move = np.array([[1, 0, 8 + 6 * (count - index - time)], [0, 1, 8]], np.float32)
            views.append(cv2.warpAffine(scene, move, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP))
        return np.rint(np.clip(np.mean(views, axis=0), 0, 255)).astype(np.uint8)

    sharp = np.stack([exposed(index, 0.0) for index in range(count)])
    return np.stack([sharp[i] if i % 3 == 1 else exposed(i, 0.6) for i in range(count)]), sharp


def labels(is_sharp: NDArray[np.bool_]) -> SharpLabels:
    return SharpLabels(is_sharp.astype(float), is_sharp, 0.5, ("",) * len(is_sharp), "made")


@pytest.mark.parametrize("name", METHODS)
def test_a_restored_clip_has_the_shape_and_the_selected_frames_of_the_input(name):
    blurry, _ = pan()
    before = blurry.copy()
    restoration = METHODS[name]().restore(blurry, labels(IS_SHARP), Budget())
    assert (restoration.frames.shape, restoration.frames.dtype) == ((T, H, W, 3), np.uint8)
    np.testing.assert_array_equal(restoration.frames[IS_SHARP], blurry[IS_SHARP])
    assert restoration.frames is not blurry
    np.testing.assert_array_equal(blurry, before)
    json.dumps(restoration.facts, allow_nan=False)


@pytest.mark.parametrize("name", ["warp_average", "reblur_blend"])
def test_the_result_does_not_hang_on_the_number_of_threads(name):
    blurry, _ = pan()
    one, three = (METHODS[name]().restore(blurry, labels(IS_SHARP), Budget(workers=count)) for count in (1, 3))
    np.testing.assert_array_equal(one.frames, three.frames)
    assert one.facts == three.facts


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("is_sharp", [[True, False], [False, True], [True, True]])
def test_a_clip_of_two_frames_is_restored(name, is_sharp):
    blurry = pan(2)[0]
    restored = METHODS[name]().restore(blurry, labels(np.array(is_sharp)), Budget()).frames
    assert restored.shape == blurry.shape
    np.testing.assert_array_equal(restored[is_sharp], blurry[is_sharp])


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("selected", [True, False])
def test_where_all_frames_or_none_are_selected_the_input_comes_back(name, selected):
    blurry = pan(4)[0]
    restored = METHODS[name]().restore(blurry, labels(np.full(4, selected)), Budget()).frames
    if selected or name != "reblur_blend":
        np.testing.assert_array_equal(restored, blurry)
    assert np.abs(restored.astype(int) - blurry).max() <= 1


@pytest.mark.parametrize("name", METHODS)
def test_frames_of_odd_and_least_size_are_restored(name):
    blurry = pan(6, 33, 45)[0]
    frames = METHODS[name]().restore(blurry, labels(IS_SHARP[:6]), Budget()).frames
    assert frames.shape == (6, 33, 45, 3)
    least = METHODS[name]().restore(blurry[:, :16, :16].copy(), labels(IS_SHARP[:6]), Budget()).frames
    assert least.shape == (6, 16, 16, 3)


@pytest.mark.parametrize("name", ["warp_average", "reblur_blend"])
def test_blurred_frames_come_nearer_to_the_truth(name):
    blurry, sharp = pan()
    restored = METHODS[name]().restore(blurry, labels(IS_SHARP), Budget()).frames
    inner = np.s_[8:-8, 12:-12]
    gains = [
        psnr(restored[i][inner], sharp[i][inner]) - psnr(blurry[i][inner], sharp[i][inner])
        for i in range(2, 12)
        if not IS_SHARP[i]
    ]
    assert np.mean(gains) > 1


def test_progress_counts_the_frames_that_are_restored():
    said = []
    budget = Budget(progress=lambda *what: said.append(what))
    WarpAverage(WarpAverageSettings()).restore(pan(6)[0], labels(IS_SHARP[:6]), budget)
    assert said == [(done, 4, "warp and average") for done in range(1, 5)]


def test_the_average_is_weighed_by_the_masks():
    class Fixed(Aligner):
        """Says what each neighbour looks like and how far it is trusted."""

        def warped(self, target, source):
            return np.full((H, W, 3), {1: 40.0, 3: 100.0}[source], np.float32)

        def mask(self, target, source):
            mask = np.zeros((H, W), np.float32)
            mask[:20] = {1: 1.0, 3: 0.5}[source]
            mask[20:30] = {1: 0.0, 3: 0.5}[source]
            return mask

    aligner = Fixed(np.full((5, H, W, 3), 10, np.uint8))
    average = warp_average(aligner, 2, [1, 3])
    np.testing.assert_allclose(average[:20], (40 + 0.5 * 100) / 1.5, rtol=1e-4)  # covered in full
    np.testing.assert_allclose(average[20:30], 0.5 * 100 + 0.5 * 10, rtol=1e-4)  # covered by half
    np.testing.assert_allclose(average[30:], 10)  # nobody is trusted
    np.testing.assert_array_equal(warp_average(aligner, 2, []), aligner.blurry(2))


def test_only_explained_frames_are_corrected():
    blurry, _ = pan()
    model = fit_exposure_model(Aligner(blurry), IS_SHARP)
    picture = model.aligner.blurry(3)
    model.explained[:] = False
    assert corrected(picture, 3, model, 4) is picture
    model.explained[3] = True
    assert corrected(picture, 3, model, 0) is picture
    assert not np.array_equal(corrected(picture, 3, model, 4), picture)


def test_the_facts_tell_the_exposure_share_and_the_explained_frames():
    facts = ReblurBlend(ReblurBlendSettings()).restore(pan()[0], labels(IS_SHARP), Budget()).facts
    assert facts["exposure_share"] == pytest.approx(0.6, abs=0.101)
    assert not set(facts["explained_by_flow"]) & set(np.flatnonzero(IS_SHARP))


def test_labels_by_sharpness_lead_to_the_same_frames():
    blurry, _ = pan()
    chosen = select_sharp(IS_SHARP.astype(float))
    a = WarpAverage(WarpAverageSettings()).restore(blurry, chosen, Budget()).frames
    b = WarpAverage(WarpAverageSettings()).restore(blurry, labels(IS_SHARP), Budget()).frames
    np.testing.assert_array_equal(a, b)


def clues(is_clue: NDArray[np.bool_], is_sharp: NDArray[np.bool_]) -> SharpLabels:
    return replace(labels(is_sharp), is_clue=is_clue)


def mild() -> tuple[NDArray[np.uint8], NDArray[np.uint8], SharpLabels]:
    """The pan with noise, whose least blurred frames are blurred still: its labels choose them and call none sharp."""
    blurry, sharp = pan()
    noise = np.random.default_rng(2).normal(0, 6, blurry.shape)
    soft = [cv2.blur(frame, (3, 1)) if IS_SHARP[i] else frame for i, frame in enumerate(blurry)]
    return np.rint(np.clip(np.stack(soft) + noise, 0, 255)).astype(np.uint8), sharp, clues(IS_SHARP, np.zeros(T, bool))


@pytest.mark.parametrize("name", ["warp_average", "reblur_blend"])
def test_a_clue_that_is_not_sharp_is_restored_and_one_that_is_sharp_stays(name):
    blurry, sharp, chosen = mild()
    restored = METHODS[name]().restore(blurry, chosen, Budget()).frames
    inner = np.s_[8:-8, 12:-12]
    before, after = (np.mean([psnr(of[i][inner], sharp[i][inner]) for i in range(T)]) for of in (blurry, restored))
    assert after > before + 0.5
    is_changed = (restored[IS_SHARP] != blurry[IS_SHARP]).any(axis=(1, 2, 3))
    assert is_changed[:-1].all()  # the last one has neighbours on one side alone
    passed = METHODS[name]().restore(blurry, replace(chosen, is_sharp=IS_SHARP), Budget()).frames
    np.testing.assert_array_equal(passed[IS_SHARP], blurry[IS_SHARP])
    np.testing.assert_array_equal(passed[~IS_SHARP], restored[~IS_SHARP])


@pytest.mark.parametrize("name", ["warp_average", "reblur_blend"])
def test_a_sharp_frame_that_is_not_chosen_is_restored_and_lends_nothing(name):
    blurry, _ = pan()
    every = METHODS[name]().restore(blurry, clues(IS_SHARP, np.ones(T, bool)), Budget()).frames
    chosen = METHODS[name]().restore(blurry, labels(IS_SHARP), Budget()).frames
    np.testing.assert_array_equal(every, chosen)


def test_a_frame_among_its_own_sources_is_one_of_those_averaged():
    blurry, _ = pan()
    aligner = Aligner(blurry)
    trust = [aligner.mask(4, j)[..., None] for j in (1, 7)]
    warps = [aligner.warped(4, j) for j in (1, 7)]
    expected = (trust[0] * warps[0] + trust[1] * warps[1] + aligner.blurry(4)) / (trust[0] + trust[1] + 1)
    np.testing.assert_allclose(warp_average(aligner, 4, [1, 7, 4]), expected, atol=1e-3)
    np.testing.assert_allclose(warp_average(aligner, 4, [4]), aligner.blurry(4), atol=1e-3)
