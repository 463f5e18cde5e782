"""SelfHVD fitted to one clip: what is left alone, what is restored, and that nothing hangs on threads."""

import json

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hvdbench.errors import FitError, RecipeError
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.blur.exposure_model import fit_exposure_model
from hvdbench.methods.fusion import scheme as selfhvd_clip
from hvdbench.methods.fusion.candidates import stack_candidates
from hvdbench.methods.fusion.scheme import SelfHvdClip, SelfHvdClipSettings
from hvdbench.methods.restoration import Budget, Restoration

T, H, W = 16, 48, 64
REST = np.arange(T) % 5 == 1
"""The frames in which the camera rests."""
ONE_THREAD = Budget()
FIT = {"channels": 4, "blocks": 1, "patch_px": 16, "batch": 2, "stage1_steps": 2, "stage2_steps": 2}
FULL = {"reblur_candidate": True, "correction_steps": 2, "fit": FIT | {"reblur": 1.0}}


def shaken() -> NDArray[np.uint8]:
    """A swing of the camera: it rests in every fifth frame, which is sharp, and is blurred by its motion between."""
    noise = np.random.default_rng(6).uniform(30, 225, (20, 40, 3)).astype(np.float32)
    texture = cv2.resize(noise, (160, 80), interpolation=cv2.INTER_CUBIC)

    def view(time: float) -> NDArray[np.float32]:
        x = 40 + 8 * np.cos(2 * np.pi * (time - 1) / 10)  # at rest at 1, 6, 11
        move = np.array([[1, 0, x], [0, 1, 16]], np.float32)
        return cv2.warpAffine(texture, move, (W, H), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)

    frames = [np.mean([view(i + share) for share in np.linspace(-0.3, 0.3, 11)], axis=0) for i in range(T)]
    return np.rint(np.clip(frames, 0, 255)).astype(np.uint8)


def labels(is_sharp: NDArray[np.bool_]) -> SharpLabels:
    return SharpLabels(is_sharp.astype(float), is_sharp, 0.5, ("",) * len(is_sharp), "made")


def restore(
    blurry: NDArray[np.uint8], is_sharp: NDArray[np.bool_], budget: Budget = ONE_THREAD, **changes
) -> Restoration:
    settings = SelfHvdClipSettings.model_validate(FULL | changes)
    return SelfHvdClip(settings).restore(blurry, labels(is_sharp), budget)


@pytest.fixture(scope="module")
def clip() -> NDArray[np.uint8]:
    return shaken()


@pytest.fixture(scope="module")
def restored(clip) -> Restoration:
    return restore(clip, REST)


def test_shape_and_kind_are_kept_and_the_input_is_not_touched(clip, restored):
    assert (restored.frames.shape, restored.frames.dtype) == ((T, H, W, 3), np.uint8)
    np.testing.assert_array_equal(clip, shaken())


def test_selected_frames_that_stood_still_pass_through_to_the_bit(clip, restored):
    assert restored.facts["passed_through"] == [1, 6, 11]
    np.testing.assert_array_equal(restored.frames[REST], clip[REST])
    assert all(not np.array_equal(restored.frames[i], clip[i]) for i in np.flatnonzero(~REST))


def test_a_selected_frame_that_moved_is_restored_all_the_same(clip):
    selected = REST | (np.arange(T) == 8)  # 8 and 9 are in full swing
    found = restore(clip, selected)
    assert found.facts["selected_but_restored"] == [8]
    assert 8 not in found.facts["passed_through"]
    assert not np.array_equal(found.frames[8], clip[8])


def test_without_pass_through_every_frame_is_restored(clip):
    found = restore(clip, REST, pass_through=False)
    assert found.facts["passed_through"] == []
    assert found.facts["selected_but_restored"] == [1, 6, 11]


def test_the_facts_are_plain_and_tell_what_happened(restored):
    facts = json.loads(json.dumps(restored.facts, allow_nan=False))
    assert facts == restored.facts
    assert 0 < facts["exposure_share"] < 1
    assert facts["steps"] == 4
    assert len(facts["loss"]) == 4
    assert 0 <= facts["sharp_chosen_share"] <= 1
    assert not set(facts["explained_by_flow"]) & {1, 6, 11}
    assert any("VGG" in text for text in facts["off"])


def test_the_same_seed_gives_the_same_frames_whatever_the_number_of_threads(clip, restored):
    threaded = restore(clip, REST, Budget(workers=3))
    np.testing.assert_array_equal(threaded.frames, restored.frames)
    times = {"seconds": 0, "seconds_by_stage": {}}
    assert threaded.facts | times == restored.facts | times
    other = restore(clip, REST, Budget(seed=1))
    assert not np.array_equal(other.frames, restored.frames)
    np.testing.assert_array_equal(other.frames[REST], clip[REST])


@pytest.mark.parametrize("is_sharp", [[True, False], [False, True], [True, True]])
def test_a_clip_of_two_frames_is_restored(clip, is_sharp):
    found = restore(clip[:2], np.array(is_sharp))
    assert found.frames.shape == (2, H, W, 3)
    json.dumps(found.facts, allow_nan=False)


def test_a_still_clip_whose_frames_are_all_selected_comes_back_without_a_fit(clip):
    still = np.repeat(clip[1:2], 4, axis=0)
    found = restore(still, np.ones(4, bool))
    np.testing.assert_array_equal(found.frames, still)
    assert found.facts["passed_through"] == [0, 1, 2, 3]
    assert "loss" not in found.facts


def test_a_moving_clip_whose_frames_are_all_selected_is_restored(clip):
    found = restore(clip[7:11], np.ones(4, bool))
    assert found.facts["passed_through"] == []
    assert found.facts["selected_but_restored"] == [0, 1, 2, 3]
    assert found.frames.shape == (4, H, W, 3)


def test_a_clip_without_a_selected_frame_is_refused(clip):
    with pytest.raises(FitError, match="there is nothing to learn from"):
        restore(clip, np.zeros(T, bool))


@pytest.mark.parametrize(("height", "width"), [(37, 53), (16, 16)])
def test_frames_of_odd_size_and_of_the_least_are_restored(clip, height, width):
    found = restore(clip[:6, :height, :width].copy(), REST[:6])
    assert found.frames.shape == (6, height, width, 3)


def test_the_paper_s_two_stages_run_without_blend_loss_or_correction(clip):
    found = restore(clip, REST, reblur_candidate=False, correction_steps=0, fit=FIT)
    assert found.facts["steps"] == 4
    np.testing.assert_array_equal(found.frames[REST], clip[REST])


def test_the_blend_can_be_label_and_starting_point(clip):
    found = restore(clip, REST, fit=FIT | {"learn_blend": True})
    np.testing.assert_array_equal(found.frames[REST], clip[REST])


def test_sharp_frames_blurred_again_take_part_where_the_recipe_gives_them_a_share(clip):
    plain = {"reblur_candidate": False, "correction_steps": 0}
    without = restore(clip, REST, **plain, fit=FIT)
    half = FIT | {"exact_share": 0.5}
    pairs = restore(clip, REST, **plain, fit=half, pairs=4)
    assert not np.array_equal(without.frames, pairs.frames)
    np.testing.assert_array_equal(
        pairs.frames, restore(clip, REST, **plain, fit=FIT | {"exact_share": 0.5}, pairs=4).frames
    )
    blended = restore(clip, REST, fit=FIT | {"exact_share": 1.0, "learn_blend": True}, pairs=2)
    np.testing.assert_array_equal(blended.frames[REST], clip[REST])


def test_labels_can_be_aligned_to_the_output_but_not_with_the_blend(clip):
    plain = {"reblur_candidate": False, "correction_steps": 0}
    moved = FIT | {"stage1_steps": 4, "refresh_steps": 1, "learning_rate": 1e-2}
    found = restore(clip, REST, **plain, fit=moved)
    assert not np.array_equal(found.frames, restore(clip, REST, **plain, fit=moved | {"refresh_steps": 0}).frames)
    with pytest.raises(RecipeError, match="set either refresh_steps or reblur_candidate, not both"):
        restore(clip, REST, fit=FIT | {"refresh_steps": 5})


def test_flow_on_restored_frames_warps_the_clip_s_own_frames(clip):
    model = fit_exposure_model(Aligner(clip), REST)
    same = selfhvd_clip.realigned(model, [3, 8], clip[[3, 8]].astype(np.float32), REST)
    usual = stack_candidates(Aligner(clip), [3, 8], REST)
    np.testing.assert_array_equal(same.colours, usual.colours)
    np.testing.assert_array_equal(same.masks, usual.masks)
    shifted = np.roll(clip[[3, 8]], 2, axis=2).astype(np.float32)
    other = selfhvd_clip.realigned(model, [3, 8], shifted, REST)
    np.testing.assert_array_equal(other.colours[:, 0], clip[[3, 8]])
    assert not np.array_equal(other.colours[:, 3], usual.colours[:, 3])


def test_where_memory_is_short_the_fit_draws_from_frames_spread_over_the_clip(clip, monkeypatch):
    asked = []
    original = selfhvd_clip.stack_candidates

    def watched(aligner, index, *arguments, **options):
        asked.append(list(index))
        return original(aligner, index, *arguments, **options)

    monkeypatch.setattr(selfhvd_clip, "stack_candidates", watched)
    monkeypatch.setattr(selfhvd_clip, "_STACK_BYTES", 5 * 8 * clip[0].size)
    found = restore(clip, REST)
    todo = np.flatnonzero(~REST).tolist()
    assert asked[0] == [0, 4, 8, 12, 15]
    assert sorted(index for (index,) in asked[1:]) == todo
    assert all(not np.array_equal(found.frames[i], clip[i]) for i in todo)


def test_progress_comes_to_its_end(clip):
    said = []
    restore(clip[:6], REST[:6], Budget(progress=lambda *what: said.append(what)))
    last = {what: (done, total) for done, total, what in said}
    assert last["fit"] == (4, 4)
    assert last["restore"][0] in (4, 5)
    assert all(done == total for done, total in last.values())


@pytest.mark.parametrize("seed", range(3))
def test_a_clip_of_unrelated_frames_does_not_break(seed):
    noise = np.random.default_rng(seed).integers(0, 256, (4, 20, 20, 3)).astype(np.uint8)
    found = restore(noise, np.array([True, False, False, False]))
    assert found.frames.shape == noise.shape


def test_a_flat_clip_comes_back_flat():
    flat = np.full((4, 32, 32, 3), 90, np.uint8)
    found = restore(flat, np.array([True, False, False, False]), fit=FIT | {"stage1_steps": 1, "stage2_steps": 0})
    assert np.abs(found.frames.astype(int) - 90).max() <= 2
