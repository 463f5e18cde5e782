"""BluRef's pseudo-sharp targets and its masked loss, by cases worked out by hand."""

import cv2
import numpy as np
import pytest
import torch

from hvdbench.errors import RecipeError, WeightsError
from hvdbench.methods.recipe import load_method
from hvdbench.methods.rivals.bluref.fit import masked_psnr_loss
from hvdbench.methods.rivals.bluref.settings import BlurefFaults, BlurefSettings
from hvdbench.methods.rivals.bluref.targets import FlowMatcher, make_matcher, make_targets, merge
from hvdbench.methods.selfhvd.flows import FlowPair


def picture(level):
    return np.full((2, 2, 3), level, np.float32)


def sure(value):
    return np.full((2, 2), value, np.float32)


def test_references_are_averaged_by_confidence():
    colours, mask = merge([picture(100), picture(200)], [sure(0.6), sure(0.9)], 0.53)
    assert (colours == 160).all()  # (0.6 * 100 + 0.9 * 200) / 1.5
    assert (mask == 230).all()  # 0.9 * 255, rounded half to even
    assert mask.shape == (2, 2, 1)


def test_a_match_at_the_least_confidence_counts_for_nothing():
    colours, mask = merge([picture(100), picture(200)], [sure(0.5), sure(0.9)], 0.5)
    assert (colours == 200).all()
    colours, mask = merge([picture(100)], [sure(0.5)], 0.5)
    assert not mask.any()
    assert not colours.any()


def test_as_published_matches_are_sure_and_the_contrast_is_stretched_to_white():
    warped = [picture(100), picture(200)]
    warped[1][0, 0] = 0
    colours, mask = merge(warped, [sure(0.6), sure(0.9)], 0.53, BlurefFaults(trust="published", stretch="published"))
    assert (mask == 255).all()
    assert colours[1, 1].tolist() == [255, 255, 255]  # (100 + 200) / 2 = 150, the brightest, becomes white
    assert colours[0, 0].tolist() == [85, 85, 85]  # 50 * 255 / 150


def test_targets_come_from_the_nearest_references_on_both_sides():
    asked = []

    class Recorder:
        def match(self, target, reference):
            asked.append((target, reference))
            return picture(reference), sure(1.0)

    settings = BlurefSettings(references_each_side=2)
    targets = make_targets(Recorder(), [5, 9], np.array([0, 2, 4, 6, 8]), settings)
    assert asked == [(5, 4), (5, 2), (5, 6), (5, 8), (9, 8), (9, 6)]
    assert targets.colours[:, 0, 0, 0].tolist() == [5, 7]
    assert targets.coverage == 1.0


def test_a_moved_reference_is_matched_and_warped_back():
    noise = np.random.default_rng(0).integers(0, 256, (12, 20, 3)).astype(np.uint8)
    texture = cv2.resize(noise, (160, 96), interpolation=cv2.INTER_CUBIC)
    frames = np.stack([texture[16:80, 8 : 8 + 96], texture[16:80, 12 : 12 + 96]])
    settings = BlurefSettings()
    warped, confidence = make_matcher(frames, frames, settings, "cpu").match(0, 1)
    inside = (slice(8, -8), slice(8, -8))
    assert np.abs(warped[inside] - frames[0][inside]).mean() < 3
    assert np.abs(frames[1][inside].astype(float) - frames[0][inside]).mean() > 20
    assert confidence[inside].mean() > 0.8


def test_another_matcher_brings_its_own_flow_and_confidence():
    def shifted(i, j):
        flow = torch.zeros(1, 2, *i.shape[-2:])
        flow[:, 0] = 1.0
        return FlowPair(flow, -flow, torch.full_like(flow[:, :1], 0.75), torch.ones_like(flow[:, :1]))

    frames = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    warped, confidence = FlowMatcher(frames, frames, shifted, "cpu").match(0, 1)
    np.testing.assert_allclose(warped[:, :-1], frames[1][:, 1:], atol=1e-3)
    assert (confidence == 0.75).all()


def test_without_the_weights_of_sea_raft_the_sentence_says_where_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("HVDBENCH_WEIGHTS", str(tmp_path))
    frames = np.zeros((2, 32, 32, 3), np.uint8)
    with pytest.raises(WeightsError, match="sea_raft_spring_m are missing"):
        make_matcher(frames, frames, BlurefSettings(matcher="sea_raft"), "cpu")


def test_the_loss_is_minus_the_psnr_where_the_mask_is_one():
    restored, target, mask = torch.full((1, 3, 4, 4), 0.6), torch.full((1, 3, 4, 4), 0.5), torch.ones(1, 1, 4, 4)
    assert masked_psnr_loss(restored, target, mask).item() == pytest.approx(-20, abs=1e-3)  # 10 log10(0.1²)


def test_what_the_mask_leaves_out_changes_the_loss_by_a_constant_and_the_gradient_not_at_all():
    restored = torch.full((1, 3, 4, 4), 0.6, requires_grad=True)
    target, mask = torch.full((1, 3, 4, 4), 0.5), torch.ones(1, 1, 4, 4)
    mask[..., 2:] = 0
    target[..., 2:] = 0.0  # a great error that does not count
    loss = masked_psnr_loss(restored, target, mask)
    assert loss.item() == pytest.approx(-20 - 3.0103, abs=1e-3)
    loss.backward()
    assert not restored.grad[..., 2:].any()
    # of 24 values that count: d/dx 10 log10(sum d² / 48) = 10 / ln 10 * 2 d / (24 d²)
    assert restored.grad[0, 0, 0, 0].item() == pytest.approx(10 / np.log(10) * 2 / (24 * 0.1), rel=1e-3)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('as.trust = "right"', "'trust': Input should be 'meant' or 'published'"),
        ('matcher = "pdc_net"', "'matcher': Input should be 'dis' or 'sea_raft'"),
        ("rounds = 0", "'rounds': Input should be greater than or equal to 1"),
        ("as_of = 1", "unknown key 'as_of' .known: as, batch"),
    ],
)
def test_a_wrong_setting_is_answered_in_a_sentence(tmp_path, line, words):
    (tmp_path / "mine.toml").write_text(f'title = "a"\nscheme = "bluref"\n[settings]\n{line}\n')
    with pytest.raises(RecipeError, match=words):
        load_method(str(tmp_path / "mine.toml"))
