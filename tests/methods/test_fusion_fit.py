"""The fit of the fusion network to one clip: repeatable, learning, for any size of frame."""

import cv2
import numpy as np
import pytest
import torch

from hvdbench.methods.blur.reblur import reblur
from hvdbench.methods.fusion import fit as fusion_fit
from hvdbench.methods.fusion.apply import apply_fusion
from hvdbench.methods.fusion.batches import CropDrawer, Pairs, ReblurModel, labels_of_stack
from hvdbench.methods.fusion.candidates import CandidateStack
from hvdbench.methods.fusion.fit import FusionFit, FusionFitSettings
from hvdbench.methods.restoration import Budget
from hvdbench.networks.fusion import FusionNetwork

SMALL = {
    "channels": 8,
    "blocks": 1,
    "patch_px": 16,
    "batch": 4,
    "stage1_steps": 4,
    "stage2_steps": 4,
    "warm_up_steps": 1,
}
SHARP = np.array([False, False, False, True, True])


def settings(**changes: object) -> FusionFitSettings:
    return FusionFitSettings.model_validate(SMALL | changes)


def easy_stack(count: int = 3, height: int = 32, width: int = 40) -> CandidateStack:
    """Blurred frames whose four neighbours are sharp, aligned to the pixel and trusted."""
    random = np.random.default_rng(7)
    colours, masks = [], np.full((count, 5, height, width), 255, np.uint8)
    for _ in range(count):
        noise = random.integers(0, 256, (height // 3 + 1, width // 3 + 1, 3)).astype(np.uint8)
        sharp = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
        colours.append(np.stack([cv2.blur(sharp, (7, 1)), sharp, sharp, sharp, sharp]))
    return CandidateStack(np.arange(count), np.stack(colours), masks, np.tile(SHARP, (count, 1)))


def fitted(stack: CandidateStack, seed: int = 0, blur: ReblurModel | None = None, **changes: object) -> FusionFit:
    fit = FusionFit(stack, settings(**changes), Budget(seed=seed), blur)
    fit.run()
    return fit


def weights(fit: FusionFit) -> bytes:
    return b"".join(value.numpy().tobytes() for value in fit.network.state_dict().values())


def blur_of(stack: CandidateStack, explained: bool = True) -> ReblurModel:
    count, _, height, width, _ = stack.colours.shape
    motion = np.zeros((count, height, width, 2), np.float32)
    motion[..., 0] = 12
    return ReblurModel(motion, 0.5, np.full(count, explained))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    stack = easy_stack()
    torch.manual_seed(1)
    first = fitted(stack, seed=2)
    torch.manual_seed(9)  # what stands outside has no say
    again = fitted(stack, seed=2)
    assert weights(first) == weights(again)
    assert first.record == again.record
    assert weights(fitted(stack, seed=3)) != weights(first)


def test_a_fit_leaves_the_global_generator_alone():
    state = torch.get_rng_state()
    fitted(easy_stack())
    assert torch.equal(torch.get_rng_state(), state)


def test_the_loss_falls_where_there_is_something_to_learn():
    fit = fitted(easy_stack(), stage1_steps=101, stage2_steps=0, learning_rate=3e-3)
    assert fit.record.loss[-1] < 0.5 * fit.record.loss[0]


def test_a_fit_brings_the_blurry_frame_nearer_to_its_sharp_neighbours():
    stack = easy_stack()
    network = fitted(stack, stage1_steps=60, stage2_steps=30, learning_rate=3e-3).network
    restored = apply_fusion(network, stack, "cpu")
    sharp, blurry = stack.colours[:, 3].astype(float), stack.colours[:, 0].astype(float)
    assert np.abs(restored - sharp).mean() < 0.5 * np.abs(blurry - sharp).mean()


def test_both_stages_take_the_steps_that_were_set_and_tell_of_them():
    said = []
    budget = Budget(progress=lambda *what: said.append(what))
    fit = FusionFit(easy_stack(), settings(stage1_steps=12, stage2_steps=3), budget, None)
    fit.run()
    assert said == [(1, 15, "fit"), (11, 15, "fit"), (12, 15, "fit"), (13, 15, "fit"), (15, 15, "fit")]
    assert len(fit.record.loss) == 5
    assert len(fit.record.sharp_share) == 3
    assert all(0 <= share <= 1 for share in fit.record.sharp_share)


def test_without_steps_the_untrained_network_comes_back():
    fit = fitted(easy_stack(), stage1_steps=0, stage2_steps=0)
    assert fit.record.loss == []
    assert (fit.network.last.weight == 0).all()


@pytest.mark.parametrize(("height", "width"), [(33, 41), (32, 27), (16, 16), (17, 90)])
def test_frames_of_odd_size_and_frames_smaller_than_the_patch(height, width):
    stack = easy_stack(2, height, width)
    fit = fitted(stack, patch_px=64)
    restored = apply_fusion(fit.network, stack, "cpu")
    assert (restored.shape, restored.dtype) == ((2, height, width, 3), np.float32)
    assert restored.min() >= 0
    assert restored.max() <= 255


def test_one_frame_is_restored_as_among_others():
    stack = easy_stack()
    network = fitted(stack).network
    together = apply_fusion(network, stack, "cpu")
    alone = CandidateStack(stack.index[1:2], stack.colours[1:2], stack.masks[1:2], stack.is_sharp[1:2])
    np.testing.assert_array_equal(apply_fusion(network, alone, "cpu")[0], together[1])


def test_padding_of_odd_sizes_leaves_the_rest_as_it_was():
    stack = easy_stack(1, 32, 40)
    odd = CandidateStack(stack.index, stack.colours[:, :, :31, :39], stack.masks[:, :, :31, :39], stack.is_sharp)
    network = FusionNetwork(5, 8, 1)  # untrained: a blend pixel by pixel
    np.testing.assert_allclose(
        apply_fusion(network, odd, "cpu"), apply_fusion(network, stack, "cpu")[:, :31, :39], atol=1e-3
    )


def test_crops_hold_label_mask_and_motion_of_one_place():
    count, height, width = 2, 20, 24
    values = (np.arange(count * height * width).reshape(count, height, width) % 251).astype(np.uint8)
    colours = np.repeat(np.repeat(values[:, None, ..., None], 5, axis=1), 3, axis=-1)
    masks = np.repeat(values[:, None], 5, axis=1)
    motion = np.repeat(values[..., None], 2, axis=-1).astype(np.float32)
    stack = CandidateStack(np.arange(count), colours, masks, np.tile(SHARP, (count, 1)))
    blur = ReblurModel(motion, 0.5, np.ones(count, bool))
    batch = CropDrawer(stack, labels_of_stack(stack), 16, np.random.default_rng(0), "cpu", blur).draw(16)
    gray = batch.candidates[:, 0, 0]
    assert torch.equal(batch.label[:, 0], gray)
    assert torch.equal(batch.label_mask[:, 0], gray)
    torch.testing.assert_close(batch.motion.abs(), 255 * gray[:, None].expand(-1, 2, -1, -1))
    signs = {tuple(row.tolist()) for row in torch.sign(batch.motion.sum(dim=(2, 3)))}
    assert signs == {(1, 1), (1, -1), (-1, 1), (-1, -1)}  # a mirrored picture moves the other way


def test_labels_come_from_sharp_neighbours_that_are_there():
    stack = easy_stack(3)
    stack.colours[:, 3], stack.colours[:, 4] = 30, 40
    stack.masks[0, 4] = 0  # the first row has no next sharp frame
    stack.masks[1, 3:] = 0  # the second has none at all, and teaches nothing
    seen = set()
    drawer = CropDrawer(stack, labels_of_stack(stack), 16, np.random.default_rng(0), "cpu")
    for _ in range(4):
        batch = drawer.draw(16)
        seen |= {round(255 * float(value)) for value in batch.label.mean(dim=(1, 2, 3))}
        assert (batch.label_mask == 1).all()
    assert seen == {30, 40}


def test_removed_clues_are_sharp_ones_at_least_one_a_frame_and_leave_the_blurry_frame():
    fit = FusionFit(easy_stack(), settings(batch=32), Budget(), None)
    batch = CropDrawer(fit.stack, labels_of_stack(fit.stack), 16, np.random.default_rng(0), "cpu").draw(32)
    candidates, masks, is_sharp = fit._remove_clues(batch)
    gone = batch.is_sharp.bool() & ~is_sharp.bool()
    assert (gone.sum(dim=1) >= 1).all()
    assert set(gone.sum(dim=1).tolist()) == {1, 2}
    assert not (is_sharp.bool() & ~batch.is_sharp.bool()).any()
    for row in range(32):
        for slot in range(5):
            expected = batch.candidates[row, 0] if gone[row, slot] else batch.candidates[row, slot]
            assert torch.equal(candidates[row, slot], expected)
    assert (masks[gone] == 1).all()


def test_the_reblur_loss_pulls_only_where_the_flow_explains_the_blur():
    stack = easy_stack()
    for row in stack.colours:
        motion = np.zeros((*row.shape[1:3], 2), np.float32)
        motion[..., 0] = 12
        row[0] = np.clip(reblur(row[3].astype(np.float32), motion, 0.5), 0, 255)
    plain = weights(fitted(stack))
    assert weights(fitted(stack, reblur=1.0, blur=blur_of(stack, explained=False))) == plain
    assert weights(fitted(stack, reblur=0.0, blur=blur_of(stack))) == plain
    assert weights(fitted(stack, reblur=1.0)) == plain  # without a model of the blur there is nothing to ask
    assert weights(fitted(stack, reblur=1.0, blur=blur_of(stack))) != plain


def test_stage_two_switches_each_change_the_outcome_and_branches_leave_their_start_alone():
    start = FusionFit(easy_stack(), settings(stage1_steps=3), Budget())
    start.first_stage()
    before = weights(start)
    found = set()
    for self_enhanced in (False, True):
        for spatial_consistency in (0.0, 1.0):
            switches = {"self_enhanced": self_enhanced, "spatial_consistency": spatial_consistency}
            branch = start.branch(settings(stage1_steps=3, **switches))
            branch.second_stage()
            found.add(weights(branch))
            assert bool(branch.record.sharp_share) == self_enhanced
    assert len(found) == 4
    assert weights(start) == before


def test_a_branch_with_the_same_settings_is_what_the_whole_run_gives():
    start = FusionFit(easy_stack(), settings(), Budget(seed=4))
    start.first_stage()
    branch = start.branch(start.settings)
    branch.second_stage()
    assert weights(branch) == weights(fitted(easy_stack(), seed=4))


def test_known_sharp_pictures_alone_teach_where_all_of_the_batch_is_theirs():
    stack = easy_stack()
    pairs = Pairs(stack, stack.colours[:, 3].copy())
    unlabelled = easy_stack()
    unlabelled.masks[:, 1:] = 0
    fit = FusionFit(unlabelled, settings(exact_share=1.0, stage1_steps=40, learning_rate=3e-3), Budget(), pairs=pairs)
    network = fit.run()
    restored = apply_fusion(network, stack, "cpu")
    assert np.abs(restored - pairs.sharp).mean() < 0.5 * np.abs(stack.colours[:, 0].astype(float) - pairs.sharp).mean()
    assert fit.record.sharp_share == []


def test_half_a_batch_of_known_pictures_changes_the_fit_and_pairs_without_a_share_do_not():
    stack = easy_stack()
    pairs = Pairs(stack, stack.colours[:, 3].copy())

    def result(share: float) -> bytes:
        fit = FusionFit(stack, settings(exact_share=share), Budget(), pairs=pairs)
        fit.run()
        return weights(fit)

    assert result(0.0) == weights(fitted(stack))
    assert result(0.5) not in (result(0.0), result(1.0))


def test_labels_are_aligned_again_every_so_many_steps_to_the_output():
    stack, asked = easy_stack(), []

    def realign(restored):
        asked.append(restored.shape)
        return CandidateStack(stack.index, np.zeros_like(stack.colours), stack.masks, stack.is_sharp)

    fit = FusionFit(stack, settings(stage1_steps=5, stage2_steps=0, refresh_steps=2), Budget(), realign=realign)
    fit.run()
    assert asked == [(3, 32, 40, 3)] * 2
    assert weights(fit) != weights(fitted(stack, stage1_steps=5, stage2_steps=0))
    assert fit.stack is stack


def test_what_the_network_sees_is_aligned_again_where_that_is_asked_for():
    stack = easy_stack()
    other = CandidateStack(stack.index, np.zeros_like(stack.colours), stack.masks, stack.is_sharp)
    values = settings(stage1_steps=3, stage2_steps=0, refresh_steps=2, refresh_inputs=True)
    fit = FusionFit(stack, values, Budget(), realign=lambda restored: other)
    fit.run()
    assert fit.stack is other


def test_a_teacher_that_is_held_gives_another_fit_unless_it_is_taken_anew_every_step():
    always = {"distortion_threshold": 1.0, "learning_rate": 1e-2}  # Eq. 8 then takes the teacher
    live, held = fitted(easy_stack(), **always), fitted(easy_stack(), **always, teacher_steps=4)
    assert weights(live) != weights(held)
    assert weights(fitted(easy_stack(), **always, teacher_steps=1)) == weights(live)


def test_a_selected_frame_is_its_own_label():
    stack = easy_stack()
    stack.is_sharp[1, 0] = True
    for learn_blend in (False, True):
        labels = labels_of_stack(stack, learn_blend)
        for label in labels.colours[1]:
            np.testing.assert_array_equal(label, stack.colours[1, 0])
        assert (labels.masks[1] == 255).all()
        np.testing.assert_array_equal(labels.colours[0], stack.colours[0, 4:] if learn_blend else stack.colours[0, 3:5])


def test_a_second_stage_that_runs_away_is_discarded(monkeypatch):
    kept = fitted(easy_stack())
    assert not kept.record.stage2_discarded
    monkeypatch.setattr(fusion_fit, "_RUNAWAY", 0.0)
    fit = fitted(easy_stack())
    assert fit.record.stage2_discarded
    assert weights(fit) == weights(fitted(easy_stack(), stage2_steps=0))


def test_noise_beyond_any_candidate_is_running_away():
    fit = fitted(easy_stack())
    assert not fit.has_run_away()
    with torch.no_grad():
        fit.network.last.weight.normal_(0, 50, generator=torch.Generator().manual_seed(0))
    smooth = easy_stack()
    smooth.colours[:] = cv2.blur(smooth.colours.reshape(-1, 40, 3), (9, 9)).reshape(smooth.colours.shape)
    fit.stack = smooth
    assert fit.has_run_away()


def test_a_flat_output_is_running_away():
    fit = fitted(easy_stack())
    with torch.no_grad():
        fit.network.last.bias.fill_(50.0)
    assert fit.has_run_away()


def test_the_anchor_moves_on_where_the_output_is_aligned_and_sharper_and_each_decision_is_kept():
    allowing = {"shift_limit_px": 50.0, "sharpness_gain": 1.0}
    fit = fitted(easy_stack(), stage1_steps=0, stage2_steps=30, validate_steps=10, learning_rate=3e-3, anchor=allowing)
    assert [decision.updates for decision in fit.record.anchor] == [2, 2]
    assert fit.record.anchor[0].moved
    never = allowing | {"sharpness_gain": 100.0}
    fit = fitted(easy_stack(), stage1_steps=0, stage2_steps=30, validate_steps=10, learning_rate=3e-3, anchor=never)
    assert [decision.updates for decision in fit.record.anchor] == [1, 1]


def test_a_stack_without_any_label_leaves_the_network_untrained():
    stack = easy_stack()
    stack.masks[:, 1:] = 0
    fit = fitted(stack)
    assert np.abs(apply_fusion(fit.network, stack, "cpu") - stack.colours[:, 0]).mean() < 2
