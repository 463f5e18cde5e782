"""SelfHVD over a dataset's clips: aligned labels, removed clues, targets that follow the frame, training."""

from collections import Counter

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hvdbench.errors import FitError, UnknownNameError
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.alignment import Aligner
from hvdbench.methods.restoration import Budget
from hvdbench.methods.selfhvd_dataset import (
    SelfHvdDataset,
    SelfHvdDatasetSettings,
    TrainingClip,
    _Window,
    align_clip,
    remove_clues,
)

SMALL = {
    "network": "basicvsrpp",
    "network_arguments": {"mid_channels": 4, "num_blocks": 1, "deform_groups": 2},
    "crop_px": 32,
    "clip_frames": 3,
    "stage1_steps": 2,
    "stage2_steps": 2,
    "zero_flow_start": True,
}


def scheme(**changes: object) -> SelfHvdDataset:
    return SelfHvdDataset(SelfHvdDatasetSettings.model_validate(SMALL | changes))


def labels(is_sharp: NDArray[np.bool_]) -> SharpLabels:
    return SharpLabels(is_sharp.astype(float), is_sharp, 0.5, ("",) * len(is_sharp), "made")


def pan(count: int = 6, height: int = 40, width: int = 56) -> NDArray[np.uint8]:
    noise = np.random.default_rng(8).integers(0, 256, (20, 60, 3)).astype(np.uint8)
    texture = cv2.resize(noise, (180, height), interpolation=cv2.INTER_CUBIC)
    return np.stack([texture[:, 2 * i : 2 * i + width] for i in range(count)])


def training_clip(count: int = 6) -> TrainingClip:
    return align_clip(pan(count), labels(np.arange(count) % 3 == 1), scheme().settings, workers=1)


def draws(is_sharp: list[int], count: int = 300) -> list[tuple[int, ...]]:
    random = np.random.default_rng(0)
    return [tuple(remove_clues(np.array(is_sharp, bool), random).tolist()) for _ in range(count)]


def test_only_sharp_frames_are_replaced_and_only_by_their_nearest_blurry_one():
    #           0  1  2  3  4  5  6
    is_sharp = [1, 0, 0, 1, 1, 1, 0]
    allowed = {0: {0, 1}, 1: {1}, 2: {2}, 3: {3, 2}, 4: {4, 2, 6}, 5: {5, 6}, 6: {6}}
    seen = draws(is_sharp)
    for slots in seen:
        assert all(frame in allowed[slot] for slot, frame in enumerate(slots))
    assert {slots[4] for slots in seen} == {4, 2}  # of two equally near, the earlier


def test_between_one_and_all_of_the_sharp_frames_go_each_number_as_often():
    replaced = Counter(sum(frame != slot for slot, frame in enumerate(slots)) for slots in draws([1, 0, 1, 0, 1], 900))
    assert set(replaced) == {1, 2, 3}
    assert all(240 < count < 360 for count in replaced.values())


def test_each_sharp_frame_goes_as_often_as_another():
    seen = draws([1, 0, 1, 0, 1], 900)
    shares = [np.mean([slots[slot] != slot for slots in seen]) for slot in (0, 2, 4)]
    np.testing.assert_allclose(shares, 2 / 3, atol=0.06)


@pytest.mark.parametrize("is_sharp", [[0, 0, 0], [1, 1, 1]])
def test_a_window_of_one_kind_stays_as_it_is(is_sharp):
    assert set(draws(is_sharp, 5)) == {(0, 1, 2)}


def test_clues_are_removed_by_the_generator_that_is_given():
    assert draws([1, 0, 1, 0, 1], 20) == draws([1, 0, 1, 0, 1], 20)


def test_each_frame_is_labelled_by_its_nearest_sharp_one_and_a_sharp_one_by_itself():
    frames, is_sharp = pan(), np.isin(np.arange(6), [1, 5])
    clip = align_clip(frames, labels(is_sharp), scheme().settings, workers=2)
    aligner = Aligner(frames)
    for index, source in {0: 1, 2: 1, 3: 1, 4: 5}.items():
        np.testing.assert_array_equal(clip.warped[index], np.rint(aligner.warped(index, source)))
        np.testing.assert_array_equal(clip.masks[index], np.rint(255 * aligner.mask(index, source)))
    np.testing.assert_array_equal(clip.warped[is_sharp], frames[is_sharp])
    assert (clip.masks[is_sharp] == 255).all()
    np.testing.assert_array_equal(clip.frames, frames)
    assert clip.is_sharp.tolist() == is_sharp.tolist()


def test_a_clip_without_a_sharp_frame_is_refused():
    with pytest.raises(FitError, match="there is nothing to learn from"):
        align_clip(pan(), labels(np.zeros(6, bool)), scheme().settings, workers=1)


class Remembering(nn.Module):
    """Gives its input back, scaled by its one weight, and remembers what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.seen: list[Tensor] = []

    def forward(self, clip: Tensor) -> Tensor:
        self.seen.append(clip.detach().clone())
        return self.scale * clip


def window(is_sharp: list[int], off: float = 0.0) -> _Window:
    """A window whose frame i is flat at 0.1 (i + 1), its label ``off`` brighter."""
    levels = 0.1 * (torch.arange(len(is_sharp)) + 1.0)
    frames = levels.view(1, -1, 1, 1, 1).expand(1, -1, 3, 8, 8).clone()
    return _Window(frames, frames + off, torch.ones(1, len(is_sharp), 1, 8, 8), np.array([is_sharp], bool))


def test_targets_follow_the_frame_in_the_slot():
    network, anchor = Remembering(), Remembering()
    loss = scheme()._stage2_loss(network, anchor, window([1, 0, 1, 1, 0]), np.random.default_rng(1))
    whole, without_clues = network.seen
    assert not torch.equal(whole, without_clues)
    assert torch.equal(whole, anchor.seen[0])
    assert loss.item() == pytest.approx(0, abs=1e-6)  # a slot's target is that of the frame in it, everywhere


def test_stage_two_pulls_to_the_teacher_where_the_label_is_not_sharper_and_to_the_anchor():
    network, anchor = Remembering(), Remembering()
    with torch.no_grad():
        anchor.scale.fill_(0.5)
    # flat labels are no sharper than the teacher: they pull at nothing, however far off
    only_anchor = scheme(spatial_consistency=2.0)._stage2_loss(
        network, anchor, window([0, 0, 0], off=0.3), np.random.default_rng(1)
    )
    assert only_anchor.item() == pytest.approx(2.0 * 0.5 * (0.1 + 0.2 + 0.3) / 3, rel=1e-5)
    off = scheme(spatial_consistency=0.0)._stage2_loss(
        network, anchor, window([0, 0, 0], 0.3), np.random.default_rng(1)
    )
    assert off.item() == pytest.approx(0, abs=1e-6)


def test_the_anchor_is_the_network_as_stage_two_found_it_and_never_learns(monkeypatch):
    anchors = []
    original = SelfHvdDataset._stage2_loss

    def watched(self, network, anchor, window, random):
        anchors.append({key: value.clone() for key, value in anchor.state_dict().items()})
        assert not any(parameter.requires_grad for parameter in anchor.parameters())
        return original(self, network, anchor, window, random)

    monkeypatch.setattr(SelfHvdDataset, "_stage2_loss", watched)
    network, _ = scheme(stage1_steps=1, stage2_steps=3, learning_rate=1e-2).train([training_clip()], Budget())
    assert len(anchors) == 3
    found = network.state_dict()
    assert all(torch.equal(anchors[0][key], anchors[2][key]) for key in found)
    assert any(not torch.equal(anchors[0][key], found[key]) for key in found)


def test_the_same_seed_gives_the_same_weights_and_another_does_not():
    clips = [training_clip(), training_clip(5)]
    torch.manual_seed(1)
    a, _ = scheme().train(clips, Budget(seed=3))
    torch.manual_seed(2)  # what stands outside has no say
    b, _ = scheme().train(clips, Budget(seed=3))
    c, _ = scheme().train(clips, Budget(seed=4))
    first = {key: value.numpy().tobytes() for key, value in a.state_dict().items()}
    assert {key: value.numpy().tobytes() for key, value in b.state_dict().items()} == first
    assert {key: value.numpy().tobytes() for key, value in c.state_dict().items()} != first


def test_training_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    scheme(stage1_steps=1, stage2_steps=1).train([training_clip()], Budget())
    assert torch.equal(torch.get_rng_state(), state)


def test_training_tells_its_losses_and_progress():
    said = []
    budget = Budget(progress=lambda *what: said.append(what))
    network, facts = scheme(stage1_steps=11, stage2_steps=1, network=f"{__name__}:Bare", network_arguments={}).train(
        [training_clip()], budget
    )
    assert facts["steps"] == 12
    assert len(facts["loss"]) == 3  # steps 0, 10 and the last
    assert np.isfinite(facts["loss"]).all()
    assert said == [(1, 12, "train"), (11, 12, "train"), (12, 12, "train")]
    assert not network.training


class Bare(nn.Module):
    """One convolution over all frames."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, clip: Tensor) -> Tensor:
        return self.conv(clip.flatten(0, 1)).view_as(clip)


def test_a_network_learns_to_reach_its_labels():
    clip = training_clip()
    _, facts = scheme(
        network=f"{__name__}:Bare", network_arguments={}, stage1_steps=150, stage2_steps=0, learning_rate=3e-2
    ).train([clip], Budget())
    assert np.mean(facts["loss"][-3:]) < 0.4 * facts["loss"][0]


def test_clips_smaller_than_the_crop_and_shorter_than_the_window_are_used_whole():
    small = TrainingClip(
        *(array[:2, :22, :30] for array in (training_clip().frames, training_clip().warped)),
        training_clip().masks[:2, :22, :30],
        np.array([True, False]),
    )
    drawn = scheme(crop_px=256, clip_frames=10)._draw([small, training_clip()], np.random.default_rng(0), "cpu")
    assert drawn.blurry.shape == (1, 2, 3, 20, 20)  # a multiple of 4 that fits every clip
    assert drawn.masks.shape == (1, 2, 1, 20, 20)
    assert drawn.is_sharp.shape == (1, 2)


def test_crops_keep_frame_label_and_mask_together():
    values = np.arange(6 * 40 * 56).reshape(6, 40, 56) % 251
    frames = np.repeat(values[..., None], 3, axis=-1).astype(np.uint8)
    clip = TrainingClip(frames, frames, frames[..., 0], np.arange(6) % 2 == 0)
    random = np.random.default_rng(0)
    for _ in range(8):
        drawn = scheme(batch=2)._draw([clip], random, "cpu")
        assert drawn.blurry.shape == (2, 3, 3, 32, 32)
        assert torch.equal(drawn.blurry, drawn.warped)
        assert torch.equal(drawn.blurry[:, :, :1], drawn.masks)
        assert 0 <= drawn.blurry.min() <= drawn.blurry.max() <= 1


def test_a_clip_is_restored_at_its_size():
    frames = pan(4, 37, 53)
    network = scheme().build()
    restored = scheme().restore(network, frames, Budget()).frames
    assert (restored.shape, restored.dtype) == (frames.shape, np.uint8)


def test_the_weights_drawn_hang_on_the_seed_alone():
    first, again, other = (scheme().build(seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_a_network_that_is_not_known_is_named():
    with pytest.raises(UnknownNameError, match="did you mean 'basicvsrpp'"):
        scheme(network="basicvsrp").build()
