"""Fusion with weights from other scenes: what its network sees, how it is trained, and what it does without weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hvdbench.errors import FitError, WeightsError
from hvdbench.labels.sharpness import label_paper
from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.blur.exposure_model import fit_exposure_model
from hvdbench.methods.blur.reblur import reblur
from hvdbench.methods.blur.reduction import reduced, reduction
from hvdbench.methods.fusion.pretrained.objective import FusionObjective
from hvdbench.methods.fusion.pretrained.planes import FramePlanes, frame_planes
from hvdbench.methods.fusion.pretrained.scheme import PretrainedFusion, apply_network, within_range
from hvdbench.methods.fusion.pretrained.settings import FusionTrainingSettings
from hvdbench.methods.reblur_blend import blend
from hvdbench.methods.restoration import Budget
from hvdbench.networks.candidate_fusion import (
    ERROR_PLANE,
    LACKING_PLANE,
    MASK_PLANE,
    MIDDLE,
    PATH_PLANE,
    PLANES,
    CandidateFusion,
)
from tests.made_clip import shaken

PATH = slice(PATH_PLANE, PATH_PLANE + 2)


@pytest.fixture(scope="module")
def clip():
    """Return 8 frames that move, every fourth of them sharp, and their labels."""
    frames = shaken()
    return frames, label_paper(frames)


def _model(clip):
    frames, labels = clip
    return fit_exposure_model(Aligner(frames), labels.is_selected, with_paths=False)


def test_an_untrained_network_returns_the_re_blur_blend(clip):
    model, labels = _model(clip), clip[1]
    index = int(np.flatnonzero(~labels.is_selected)[2])
    seen = frame_planes(model, index, labels.selected)
    assert seen.planes.shape == (PLANES, *clip[0].shape[1:3])
    assert np.array_equal(seen.blend, blend(model, index, labels.selected))
    restored = apply_network(CandidateFusion(8, 1), seen, "cpu")
    assert np.abs(restored - np.clip(seen.blend, 0, 255)).max() < 1e-3


def test_what_the_clip_does_not_have_is_not_trusted(clip):
    model, labels = _model(clip), clip[1]
    seen = frame_planes(model, 0, labels.selected[:1][labels.selected[:1] > 0])
    masks, errors = seen.planes[MASK_PLANE:ERROR_PLANE], seen.planes[ERROR_PLANE:LACKING_PLANE]
    assert not masks[0].any()  # there is no frame before the first
    assert not masks[2:4].any()
    assert (errors[:2] == 255).all()


def test_the_corrected_blend_re_blurs_nearer_to_the_input_than_the_blend(clip):
    model, labels = _model(clip), clip[1]
    index = int(np.flatnonzero(~labels.is_selected)[2])
    pictures = frame_planes(model, index, labels.selected).pictures
    blurry, picture, corrected = pictures[:3]
    assert not np.array_equal(picture, corrected)
    far, near = (
        np.abs(reblur(shown, model.motion(index), model.tau) - blurry).mean() for shown in (picture, corrected)
    )
    assert near < far


def _repeated(seen: FramePlanes, across: int, down: int) -> FramePlanes:
    """Return the planes of a larger frame of odd sides, which shows a frame several times."""

    def larger(part):
        ways = (down, across, 1)[: part.ndim]
        return None if part is None else np.tile(part, ways)[:-1, :-1]

    pictures, lacking = tuple(map(larger, seen.pictures)), larger(seen.lacking)
    masks, errors = ([None if part is None else larger(part) for part in parts] for parts in (seen.masks, seen.errors))
    return replace(
        seen, pictures=pictures, masks=tuple(masks), errors=tuple(errors), lacking=lacking, path=larger(seen.path)
    )


def _chosen_at_random():
    torch.manual_seed(0)
    network = CandidateFusion(8, 1)
    torch.nn.init.normal_(network.last.weight, std=0.05)
    return network


@pytest.mark.parametrize("factor", [1, 3])
def test_bands_give_what_the_whole_frame_gives(clip, monkeypatch, factor):
    model, labels = _model(clip), clip[1]
    large = _repeated(frame_planes(model, 1, labels.selected), 2, 4)
    errors = tuple(None if error is None else reduced(error, factor, multiple=2) for error in large.errors)
    large = replace(large, factor=factor, errors=errors)
    network = _chosen_at_random()
    whole = apply_network(network, large, "cpu")
    assert whole.shape == large.blend.shape
    assert np.abs(whole - large.blend).max() > 1
    monkeypatch.setattr("hvdbench.methods.fusion.pretrained.scheme._BAND_ROWS", 12)
    assert np.abs(apply_network(network, large, "cpu") - whole).max() < 1e-3


def test_a_large_frame_is_seen_as_the_small_frame_that_it_enlarges(clip):
    """Blur of a large frame is as many px on the network's copy as it was trained on, and so is its path."""
    small = frame_planes(_model(clip), 1, clip[1].selected)

    def enlarged(part):
        return None if part is None else part.repeat(3, axis=0).repeat(3, axis=1)

    large = replace(
        small,
        pictures=tuple(map(enlarged, small.pictures)),
        masks=tuple(map(enlarged, small.masks)),
        lacking=enlarged(small.lacking),
        path=3 * enlarged(small.path),
        factor=3,
    )
    assert np.abs(large.planes - small.planes).max() < 1e-3
    network = _chosen_at_random()
    restored = apply_network(network, large, "cpu")
    assert np.abs(restored[1::3, 1::3] - apply_network(network, small, "cpu")).max() < 1e-3


def test_a_restored_pixel_is_no_darker_than_what_is_seen_around_it(clip):
    """A mask says what is seen: a black candidate that cannot be trusted lets no ringing through."""
    seen = frame_planes(_model(clip), 1, clip[1].selected)
    gray = tuple(np.full_like(picture, 100.0) for picture in seen.pictures)
    black = np.zeros_like(gray[0])
    trusted, not_trusted = np.ones(black.shape[:2], np.float32), np.zeros(black.shape[:2], np.float32)
    shown = replace(seen, pictures=(*gray[:-1], black), masks=(trusted,) * 5 + (not_trusted,))
    assert np.unique(within_range(black, shown)).tolist() == [96.0]
    assert np.unique(within_range(black + 255, shown)).tolist() == [104.0]
    assert np.unique(within_range(black, replace(shown, masks=(trusted,) * 6))).tolist() == [0.0]


def test_odd_sides_are_continued_and_cut_again():
    picture = np.arange(35, dtype=np.float32).reshape(5, 7)
    assert reduced(picture, 1, multiple=2).shape == (6, 8)
    assert reduced(picture, 2).tolist()[0] == [picture[:2, k : k + 2].mean() for k in (0, 2, 4)] + [(6 + 13) / 2]
    assert [reduction(*size) for size in ((180, 320), (720, 1280), (1080, 1920), (2160, 3840))] == [1, 2, 3, 6]


def test_mirroring_and_turning_a_window_mirrors_and_turns_its_path():
    """A path that points along the picture's own gradient must go on doing so, however the window is drawn."""
    objective = FusionObjective(FusionTrainingSettings(mix_colours=False), seed=0)
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    planes = torch.full((1, 2, PLANES, 16, 16), MIDDLE)
    planes[:, :, 0] = (3 * x + y) / 100
    planes[:, :, PATH.start], planes[:, :, PATH.start + 1] = MIDDLE + 0.3, MIDDLE + 0.1
    ways = set()
    for index in range(40):
        batch = {"planes": planes, "truth": planes[:, :, :3], "index": torch.tensor([index])}
        drawn, truth = objective._drawn(batch)
        assert torch.equal(drawn[:, :, :3], truth)
        picture = drawn[0, 0, 0]
        slope = torch.stack([picture[8, 9] - picture[8, 8], picture[9, 8] - picture[8, 8]])
        path = drawn[0, 0, PATH, 8, 8] - MIDDLE
        assert torch.allclose(10 * slope, path, atol=1e-5)
        ways.add(tuple(np.round(path.numpy(), 3)))
    assert len(ways) == 8


def test_flicker_costs_and_a_constant_error_does_not():
    settings = FusionTrainingSettings(flicker=1.0, mix_colours=False, selected_weight=1.0)
    objective = FusionObjective(settings, seed=0)
    truth = torch.full((1, 2, 3, 8, 8), 0.5)
    same, apart = torch.zeros(1, 2, PLANES, 8, 8), torch.zeros(1, 2, PLANES, 8, 8)
    same[:, :, :3] = 0.6
    apart[:, 0, :3], apart[:, 1, :3] = 0.6, 0.4

    def first_picture(clip):
        return clip[:, :3, 0].unsqueeze(1)

    common = {"truth": truth, "index": torch.tensor([0]), "is_selected": torch.zeros(1, 2)}
    steady, unsteady = (objective.loss(first_picture, common | {"planes": planes}, 0).terms for planes in (same, apart))
    assert steady["distance"] == pytest.approx(float(unsteady["distance"]))
    assert float(steady["flicker"]) < 0.01
    assert float(unsteady["flicker"]) == pytest.approx(0.2, abs=0.01)


def test_weights_are_asked_for_where_neither_the_user_nor_the_package_has_any(clip):
    scheme = PretrainedFusion(FusionTrainingSettings(channels=8, blocks=1))
    assert scheme.weights is None
    with pytest.raises(WeightsError):
        scheme.restore(*clip, Budget())
    with pytest.raises(WeightsError, match="no weights 'nothing' come with hvdbench"):
        _ = PretrainedFusion(FusionTrainingSettings(shipped="nothing")).weights


def test_a_clip_without_a_sharp_frame_is_refused(clip):
    frames, labels = clip
    none = replace(labels, is_sharp=np.zeros(len(frames), bool), reason=("",) * len(frames))
    with pytest.raises(FitError, match="nothing to borrow from"):
        PretrainedFusion(FusionTrainingSettings()).restore(frames, none, Budget())


def test_a_clue_that_is_not_sharp_is_restored_though_its_motion_is_small(clip, tmp_path):
    frames, labels = clip
    save_file(CandidateFusion(8, 1).state_dict(), tmp_path / "tiny.safetensors")
    scheme = PretrainedFusion(FusionTrainingSettings(channels=8, blocks=1)).with_weights(tmp_path / "tiny.safetensors")
    still = np.concatenate([frames[:2]] * 4)  # to and fro, so that the centre of each exposure stands still
    sharp = replace(labels, is_clue=labels.is_selected)
    passed = scheme.restore(still, sharp, Budget()).facts["passed_through"]
    assert passed
    facts = scheme.restore(still, replace(sharp, is_sharp=np.zeros(len(still), bool)), Budget()).facts
    assert facts["passed_through"] == []
    assert facts["selected_but_restored"] == labels.selected.tolist()
