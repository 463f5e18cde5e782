"""Adapting pre-trained fusion to a clip: what it learns from, what is held out, and when it is kept."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hvdbench.labels.sharpness import label_paper
from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.blur.exposure_model import fit_exposure_model
from hvdbench.methods.fusion.pretrained import adaptation
from hvdbench.methods.fusion.pretrained.adaptation import AdaptationFit, adapt, adaptation_cost, gain_of, hold_out
from hvdbench.methods.fusion.pretrained.places import PlaceMaker
from hvdbench.methods.fusion.pretrained.scheme import PretrainedFusion
from hvdbench.methods.fusion.pretrained.settings import AdaptationSettings, FusionTrainingSettings
from hvdbench.methods.restoration import Budget
from hvdbench.networks.candidate_fusion import MASKS, PICTURES, CandidateFusion
from tests.made_clip import held_still

SMALL = FusionTrainingSettings(
    channels=8,
    blocks=1,
    adaptation=AdaptationSettings(steps=3, items=3, item_px=40, crop_px=16, batch=2, warm_up_steps=1),
)


@pytest.fixture(scope="module")
def clip():
    """Return 24 frames that swing, every fourth of them sharp, their labels, and the blur model."""
    frames = held_still()
    labels = label_paper(frames)
    return frames, labels, fit_exposure_model(Aligner(frames), labels.is_selected, with_paths=False)


def network() -> CandidateFusion:
    torch.manual_seed(0)
    return CandidateFusion(8, 1).eval()


def picture(place, name: str) -> np.ndarray:
    first = 3 * PICTURES.index(name)
    return place.planes[first : first + 3]


def test_an_exact_place_is_a_sharp_frame_that_was_blurred_again(clip):
    frames, labels, model = clip
    frame = int(labels.selected[2])
    (place,) = PlaceMaker(model, labels.is_selected, 1000, 0).exact([frame], 1, np.array([frame]))
    assert place.frame == frame
    assert np.array_equal(place.label, frames[frame].transpose(2, 0, 1))
    assert (place.mask == 255).all()
    blurry = picture(place, "blurry").astype(float)
    assert np.abs(blurry - place.label).mean() > 0.5  # it was blurred
    assert np.var(np.diff(blurry, axis=2)) < np.var(np.diff(place.label.astype(float), axis=2))


def test_the_label_of_a_warped_place_is_not_among_its_candidates(clip):
    """Every frame is of a brightness of its own, by which it is known again."""
    frames, labels, model = clip
    brighter = (frames // 2 + 5 * np.arange(len(frames))[:, None, None, None]).astype(np.uint8)
    model = replace(model, aligner=Aligner(brighter))
    held = labels.selected[1:2]
    places = PlaceMaker(model, labels.is_selected, 1000, 0).warped(12, held)
    assert held[0] not in {place.frame for place in places}
    known = 0
    for place in places:
        trusted = place.mask[0] > 250
        for number, name in enumerate(MASKS):
            if place.planes[3 * len(PICTURES) + number].any() and trusted.any():
                known += 1
                assert np.abs(picture(place, name).astype(float) - place.label)[:, trusted].mean() > 3
    assert known > 5


def test_a_place_is_the_same_for_any_number_of_threads(clip):
    _, labels, model = clip
    one, three = (
        PlaceMaker(model, labels.is_selected, 32, 5, workers).exact([4, 8], 4, np.array([12])) for workers in (1, 3)
    )
    assert all(np.array_equal(a.planes, b.planes) for a, b in zip(one, three, strict=True))
    assert one[0].planes.shape[1:] == (32, 32)


def test_no_frame_that_is_held_out_is_learned_from(clip, monkeypatch):
    _, labels, model = clip
    learned, used = list[int](), list[list[int]]()
    fit, exact = AdaptationFit.__init__, PlaceMaker.exact

    def noted(self, start, first, second, *more):
        learned.extend(place.frame for place in (*first, *second))
        fit(self, start, first, second, *more)

    def seen(self, frames, count, without):
        used.append(list(frames))
        return exact(self, frames, count, without)

    monkeypatch.setattr(AdaptationFit, "__init__", noted)
    monkeypatch.setattr(PlaceMaker, "exact", seen)
    facts = adapt(network(), model, labels, SMALL, Budget()).facts
    assert facts["held_out_frames"] == used[0]
    assert len(used[0]) >= 2
    assert not set(used[0]) & set(learned)
    assert len(learned) == 2 * SMALL.adaptation.items


@pytest.mark.parametrize(
    ("gain", "beside", "kept"), [(1.0, 0.5, True), (1.0, -0.5, False), (-1.0, 0.5, False), (0.0, 0.0, False)]
)
def test_adapted_weights_are_used_only_where_both_ways_to_judge_say_so(clip, monkeypatch, gain, beside, kept):
    """The measurements are two before and two after: of frames blurred again, and of the frames beside them."""
    _, labels, model = clip
    start, measured = network(), list[CandidateFusion]()

    def psnr(asked, places, device):
        measured.append(asked)
        more = {3: gain, 4: beside}.get(len(measured), 0.0)
        return np.array([30.0 + 0.01 * k + more for k in range(len(places))])

    monkeypatch.setattr(adaptation, "held_out_psnr", psnr)
    found = adapt(start, model, labels, SMALL, Budget())
    assert measured[0] is measured[1] is start
    assert found.facts["kept"] is kept
    assert (found.network is start) is not kept
    words = "held-out frames approve of the adaptation" if kept else "the adaptation to the clip did not surely help"
    assert found.facts["said"].startswith(words)
    assert found.facts["steps"] == 3
    assert found.facts["neighbours_gain_db"] == beside


def test_held_out_frames_judge_the_blurry_frames_beside_them(clip):
    frames, labels, model = clip
    held = labels.selected[2:4]
    places = PlaceMaker(model, labels.is_selected, 1000, 0).judging(held)
    assert [place.frame for place in places] == [int(frame) for frame in held for _ in range(4)]
    for place in places:
        trusted = place.mask[0] > 250
        assert np.abs(place.label - frames[place.frame].transpose(2, 0, 1).astype(float))[:, trusted].max() > 1


def test_a_gain_counts_only_beyond_its_noise_and_frames_are_the_measurements():
    before, frames = np.array([30.0, 30, 31, 31, 32, 32]), [1, 1, 5, 5, 9, 9]
    gain, low = gain_of(before, before + np.array([0.3, 0.1, 0.1, 0.3, 0.2, 0.2]), frames)
    assert (gain, low) == (pytest.approx(0.2), pytest.approx(0.2))
    gain, low = gain_of(before, before + np.array([0.6, 0.6, -0.4, -0.4, 0.4, 0.4]), frames)
    assert gain == pytest.approx(0.2)
    assert low == pytest.approx(0.2 - 2.920 * np.std([0.6, -0.4, 0.4], ddof=1) / 3**0.5, abs=1e-3)
    assert gain_of(before[:2], before[:2] + 1, [1, 1])[1] == -np.inf
    assert gain_of(np.array([]), np.array([]), []) == (0.0, -np.inf)


def test_a_third_of_the_sharp_frames_at_most_is_held_out():
    sharp = np.arange(0, 60, 2)
    assert len(hold_out(sharp, 6)) == 6
    assert hold_out(np.array([3, 5, 9, 12]), 6).tolist() == [5]


def test_more_steps_begin_as_fewer_do_and_exact_labels_are_learned(clip):
    _, labels, model = clip
    maker = PlaceMaker(model, labels.is_selected, 40, 0)
    places = maker.exact([int(labels.selected[0])], 2, np.array([], np.intp))
    how = SMALL.adaptation.model_copy(update={"learning_rate": 3e-3, "ema_decay": 0.5})
    settings = SMALL.model_copy(update={"adaptation": how})
    fit, again = (AdaptationFit(network(), places, (), settings, Budget()) for _ in range(2))
    losses = [fit.step() for _ in range(60)]
    assert [again.step() for _ in range(5)] == losses[:5]
    before, after = (adaptation.held_out_psnr(of, places, "cpu").mean() for of in (network(), fit.averaged))
    assert after > before + 0.2


def test_too_few_sharp_frames_leave_the_weights_as_they_are(clip):
    frames, labels, _ = clip
    few = fit_exposure_model(Aligner(frames[:12]), labels.is_selected[:12], with_paths=False)
    start = network()
    found = adapt(start, few, labels.of_frames(range(12)), SMALL, Budget())
    assert found.network is start
    assert "no adaptation was made: 2 frames are surely sharp" in found.facts["said"]


def test_what_a_step_and_the_preparation_take_is_measured(clip):
    _, labels, model = clip
    cost = adaptation_cost(network(), model, labels, SMALL, Budget())
    assert cost.per_step > 0
    more = SMALL.model_copy(update={"adaptation": SMALL.adaptation.model_copy(update={"items": 3000})})
    assert adaptation_cost(network(), model, labels, more, Budget()).fixed > 10 * cost.fixed


def test_a_restoration_records_its_adaptation_and_without_steps_makes_none(clip, tmp_path):
    frames, labels, _ = clip
    save_file(network().state_dict(), tmp_path / "tiny.safetensors")
    plain = replace_steps(0).with_weights(tmp_path / "tiny.safetensors")
    assert "adaptation" not in plain.restore(frames, labels, Budget()).facts
    adapted = plain.with_fit_steps(2)
    assert (adapted.fit_steps, adapted.weights) == (2, plain.weights)
    facts = adapted.restore(frames, labels, Budget()).facts["adaptation"]
    assert facts["steps"] == 2
    assert facts["held_out_psnr_before"] > 10
    assert plain.with_steps(7).engine.steps == 7  # steps of a training are others


def replace_steps(steps: int) -> PretrainedFusion:
    how = SMALL.adaptation.model_copy(update={"steps": steps})
    return PretrainedFusion(SMALL.model_copy(update={"adaptation": how}))


def test_a_clip_of_sharp_frames_alone_has_nothing_to_learn(clip):
    frames, labels, model = clip
    everything = replace(labels, is_sharp=np.ones(len(frames), bool))
    assert adapt(network(), model, everything, SMALL, Budget()).facts["kept"] is False
