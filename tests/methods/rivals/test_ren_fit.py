"""Ren et al.'s method as a whole: chosen frames, the fit to a clip, its start from meta-trained weights, refinement."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from made_dataset import make_dataset
from made_training import MadeReader

from hvdbench.dataset.memory_reader import FramesReader
from hvdbench.errors import FitError, InputError, RecipeError, UnknownNameError, WeightsError
from hvdbench.frames import write_clip
from hvdbench.labels.sharpness import BELOW, SharpLabels, label_paper
from hvdbench.methods.opening import open_method
from hvdbench.methods.recipe import Method, load_method
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.rivals.ren.objective import RenObjective
from hvdbench.methods.rivals.ren.selection import (
    as_sharp_as_chosen,
    label_by_mvl,
    only_chosen_frames,
    sharpest_of_segments,
)
from hvdbench.methods.training.one_clip import on_one_clip
from hvdbench.methods.training.scheme import train_scheme
from hvdbench.metrics.fidelity import psnr
from hvdbench.metrics.sharpness import gray_sharpness
from hvdbench.weights.finding import find_weights
from hvdbench.workflows.train import open_with_weights
from hvdbench.workspace.workspace import Workspace

QUICK = {
    "network": "ren_unet@tiny",
    "window": {"crop_px": 16, "clip_frames": 1},
    "kernels": {"size_px": 7},
    "engine": {"steps": 3, "batch": 2, "learning_rate": 1e-2},
    "critic": {"weight": 1e-3, "channels": 4, "steps": 2},
}

STILL = {"steps": 1, "learning_rate": 1e-9, "final_learning_rate": 1e-9}


@pytest.fixture(autouse=True)
def no_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("HVDBENCH_WEIGHTS", str(tmp_path))


def made_clips(count: int = 5, side: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """A texture that moves, and the same blurred along lines of 5 px in light; the third frame stays sharp."""
    noise = np.random.default_rng(1).integers(0, 256, (side // 2, side // 2, 3)).astype(np.uint8)
    texture = cv2.resize(noise, (2 * side, 2 * side), interpolation=cv2.INTER_CUBIC)
    sharp = np.stack([texture[2 * i : 2 * i + side, 3 * i : 3 * i + side] for i in range(count)])
    light = (sharp / 255.0) ** 2.2
    blurry = [cv2.blur(frame, (5, 1) if i % 2 else (1, 5)) for i, frame in enumerate(light)]
    frames = np.rint(255 * np.stack(blurry) ** (1 / 2.2)).astype(np.uint8)
    frames[2] = sharp[2]
    return frames, sharp


def restored(method: Method, frames: np.ndarray, seed: int = 0, **how: object) -> Restoration:
    return method.restore(frames, label_paper(frames), Budget(seed=seed, **how))


def quick(name: str = "ren2020@tiny", **changed: object) -> Method:
    return load_method(name, overrides=QUICK | changed)


def test_the_sharpest_of_every_twenty_frames_is_chosen_and_no_other():
    sharpness = np.arange(45.0) % 20
    sharpness[[3, 27]] = 100.0
    assert sharpest_of_segments(sharpness, 20).tolist() == [3, 27, 44]
    frames, _ = made_clips()
    assert label_by_mvl(frames, 20).selected.tolist() == [2]
    assert label_by_mvl(frames, 3).selected.tolist() == [2, int(np.argmax([*map(gray_sharpness, frames[3:])])) + 3]


def test_windows_begin_at_chosen_frames_alone():
    reader = only_chosen_frames(MadeReader(), 4)
    assert [clip.starts.tolist() for clip in reader.clips] == [[0, 4], [0, 4]]
    assert all((np.flatnonzero(clip.is_selected) == clip.starts).all() for clip in reader.clips)
    np.testing.assert_array_equal(reader.read("train/0", "blur", [1]), MadeReader().read("train/0", "blur", [1]))


def test_a_fit_sharpens_what_lines_blurred():
    frames, sharp = made_clips()
    method = quick(
        window={"crop_px": 24, "clip_frames": 1},
        network_arguments={"width": 8},
        engine={"steps": 60, "batch": 4, "learning_rate": 3e-3},
        critic={"weight": 0.0},
    )
    result = restored(method, frames)
    blurred = [0, 1, 3, 4]
    gains = [psnr(result.frames[i], sharp[i]) - psnr(frames[i], sharp[i]) for i in blurred]
    assert min(gains) > 0.2
    assert result.facts["learned_from"] == [2]
    assert result.facts["steps"] == 60
    assert set(result.facts["seconds_by_stage"]) >= {"training", "restoring"}
    assert result.facts["off"] == []
    untrained = restored(quick(engine=STILL), frames)
    np.testing.assert_array_equal(untrained.frames, frames)  # the network starts at the identity


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not():
    frames, _ = made_clips()
    first, again, other = (restored(quick(), frames, seed).frames for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_only_frames_that_are_kept_are_restored():
    frames, _ = made_clips()
    whole, part = restored(quick(), frames).frames, restored(quick(), frames, keep=(1, 3)).frames
    np.testing.assert_array_equal(part[1:3], whole[1:3])
    np.testing.assert_array_equal(part[[0, 3, 4]], frames[[0, 3, 4]])
    np.testing.assert_array_equal(restored(quick(), frames, keep=(0, 0)).frames, frames)


def test_frames_as_sharp_as_the_chosen_one_stay_as_they_are_on_request():
    frames, _ = made_clips()
    every, some = restored(quick(), frames), restored(quick(keep_above=0.9), frames)
    np.testing.assert_array_equal(some.frames[2], frames[2])
    assert not np.array_equal(every.frames[2], frames[2])
    np.testing.assert_array_equal(some.frames[[0, 1, 3, 4]], every.frames[[0, 1, 3, 4]])
    assert some.facts["kept_as_they_are"] == [2]


def test_how_sharp_a_frame_is_is_compared_within_its_segment():
    sharpness = np.array([4.0, 3.0, 2.0, 1.0, 0.9, 0.4])
    labels = SharpLabels(sharpness, np.zeros(6, np.bool_), np.inf, (BELOW,) * 6, "mvl")
    assert np.flatnonzero(as_sharp_as_chosen(labels, 3, 0.7)).tolist() == [0, 1, 3, 4]
    assert np.flatnonzero(as_sharp_as_chosen(labels, 4, 0.7)).tolist() == [0, 1, 4]
    assert np.flatnonzero(as_sharp_as_chosen(labels, 20, 1.0)).tolist() == [0]


def test_the_steps_can_be_set():
    method = quick()
    assert method.scheme.fit_steps == 3
    assert restored(method.with_fit_steps(2), made_clips()[0]).facts["steps"] == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"kernels": {"kind": "asymmetric", "size_px": 7}},
        {"kernels": {"kind": "simulated", "size_px": 7}},
        {"kernels": {"size_px": 7, "gamma": 1.0}},
        {"loss": {"perceptual": 0.0, "reweighting": False}},
        {"kernels": {"size_px": 7, "length_power": 3.0}},
        {"kernels": {"size_px": 7, "noise": 4.0}},
        {"critic": {"weight": 0.0}},
    ],
)
def test_every_switch_changes_the_fit(changed):
    frames, _ = made_clips()
    plain = restored(quick(engine={"steps": 6, "batch": 2, "learning_rate": 2e-2}), frames)
    switched = restored(quick(engine={"steps": 6, "batch": 2, "learning_rate": 2e-2}, **changed), frames)
    assert not np.array_equal(plain.frames, switched.frames)


def test_the_record_says_that_the_perceptual_loss_is_off_without_vgg19():
    result = restored(quick(loss={"perceptual": 1.0}), made_clips()[0])
    assert result.facts["off"][0].startswith("perceptual loss of VGG19 (the weights vgg19 are missing")
    assert quick(loss={"perceptual": 1.0}).scheme.identity["vgg19"] is False


def test_with_random_weights_of_vgg19_the_perceptual_loss_is_on():
    frames, _ = made_clips()
    asked = {"perceptual": 1.0, "weights": "random"}
    result = restored(quick(loss=asked), frames)
    assert result.facts["off"] == []
    assert not np.array_equal(result.frames, restored(quick(), frames).frames)


def test_a_critic_goes_on_from_its_state():
    settings, frames = quick().scheme.settings, made_clips()[0]
    reader = FramesReader(frames, label_by_mvl(frames, 20))
    batch = {"blurry": torch.from_numpy(frames[2][None, None] / np.float32(255)).permute(0, 1, 4, 2, 3)}

    def made() -> RenObjective:
        objective = RenObjective(settings, 0)
        objective.prepare(reader, None, device=torch.device("cpu"), folder=None, progress=lambda *_: None)
        return objective

    first, network = made(), torch.nn.Identity()
    for number in range(3):
        if number == 2:
            second = made()
            second.load_state({name: value.clone() for name, value in first.state().items()})
        first.loss(network, batch | {"index": torch.tensor([number])}, number)
    second.loss(network, batch | {"index": torch.tensor([2])}, 2)
    assert first.state().keys() == second.state().keys()
    for name, value in first.state().items():
        torch.testing.assert_close(second.state()[name], value, rtol=0, atol=0)


def test_a_validation_leaves_the_critic_alone():
    objective = RenObjective(quick().scheme.settings, 0)
    before = {name: value.clone() for name, value in objective.state().items()}
    batch = {"blurry": torch.rand(1, 1, 3, 24, 24), "index": torch.tensor([0])}
    with torch.no_grad():
        objective.loss(torch.nn.Identity(), batch, 0)
    assert all(torch.equal(value, objective.state()[name]) for name, value in before.items())
    assert objective.panel(torch.nn.Identity(), batch, 0).dtype == np.uint8


# --- refinement of another method's frames


def test_refining_the_input_itself_is_the_plain_fit():
    frames, _ = made_clips()
    refined = restored(quick(refines="blurry"), frames)
    np.testing.assert_array_equal(refined.frames, restored(quick(), frames).frames)
    assert refined.facts["refined"]["method"] == "blurry"


def test_a_folder_of_results_is_fitted_to_in_place_of_the_clip(tmp_path):
    frames, sharp = made_clips()
    write_clip(tmp_path / "results" / "test" / "clip", sharp)
    method = quick(refines=str(tmp_path / "results"))
    refined = restored(method, frames, clip="test/clip")
    plain = restored(quick(), sharp)
    np.testing.assert_array_equal(refined.frames, plain.frames)
    assert method.made_from == "frames restored elsewhere"
    before = method.digest
    write_clip(tmp_path / "results" / "test" / "clip", frames)
    assert quick(refines=str(tmp_path / "results")).digest != before


def test_what_cannot_be_refined_is_refused_before_the_run():
    with pytest.raises(UnknownNameError, match="there is no method 'reblurblend'"):
        quick(refines="reblurblend").scheme.check()
    with pytest.raises(WeightsError, match="whose frames are to be refined, needs weights: name them with refines_wei"):
        quick(refines="selfhvd_estrnn@tiny").scheme.check()
    with pytest.raises(InputError, match="nowhere is not a folder"):
        open_method("ren2020_after_fusion_pretrained", settings={"refines": "folder:nowhere"})


# --- the fit from meta-trained weights


def meta_trained(folder: Path, **changed: object) -> Method:
    from safetensors.torch import save_file

    method = quick("ren2020_maml@tiny", fine_tuning={"steps": 2, "batch": 2}, **changed)
    network, result = train_scheme(method.trained_scheme, MadeReader(side=64), None, Budget())
    assert result.is_finished
    save_file(network.state_dict(), folder / "meta.safetensors")
    return method.with_weights(folder / "meta.safetensors")


def test_a_meta_training_is_run_by_the_common_loop_and_fitted_from(tmp_path):
    frames, _ = made_clips()
    method = meta_trained(tmp_path)
    method.scheme.check()
    result = restored(method, frames)
    assert result.facts["steps"] == 2
    longer = restored(method.with_fit_steps(4), frames)
    assert longer.facts["steps"] == 4
    assert method.with_fit_steps(4).weights == method.weights
    np.testing.assert_array_equal(result.frames, restored(method, frames).frames)
    from_nothing = restored(quick(engine=method.scheme.settings.fine_tuning.model_dump()), frames)
    assert not np.array_equal(result.frames, from_nothing.frames)


def test_without_meta_trained_weights_it_is_said_how_to_get_them():
    method, frames = quick("ren2020_maml@tiny"), made_clips()[0]
    with pytest.raises(WeightsError, match="needs weights, but none were given"):
        restored(method, frames)
    with pytest.raises(WeightsError, match="make them by 'hvdbench train ren2020_maml' over other clips"):
        method.scheme.restore(frames, label_paper(frames), Budget())
    with pytest.raises(InputError, match="learns from other clips than the one that it restores, and has no weights"):
        on_one_clip(method)


def test_without_weights_an_evaluation_takes_the_small_size_whose_start_comes_with_hvdbench(tmp_path):
    dataset = make_dataset(tmp_path / "made", labelled=False)
    workspace = Workspace(runs=tmp_path / "runs")
    method = open_with_weights("ren2020_maml", dataset, workspace=workspace, budget=Budget())
    assert method.name == "ren2020_maml_small"
    assert method.weights == find_weights("ren2020_maml_small")
    assert not (tmp_path / "runs").exists()  # nothing was trained
    assert method.scheme.made_from == (
        "a fit to each scored clip from weights 'ren2020_maml_small' of hvdbench, no truth read"
    )


# --- what is refused


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"kernels": {"size_px": 8}}, "a kernel of 8 px has no middle pixel: choose an odd number"),
        ({"window": {"clip_frames": 2}}, "window.clip_frames is 2: the network restores single frames"),
        ({"loss": {"layers": {"relu9_1": 1.0}}}, "VGG19 has no layer 'relu9_1'"),
        ({"loss": {"perceptual": 0.0, "pixel": 0.0}}, "pixel is 0 and no layer of VGG19 has a weight"),
        ({"refines_weights": "a.pth"}, "refines names no method that they belong to"),
        ({"kernels": {"kind": "round"}}, r"\[kernels\]: 'kind': Input should be 'symmetric', 'asymm"),
        ({"critic": {"layers": 0}}, r"\[critic\]: 'layers': Input should be greater than or equal to 1"),
    ],
)
def test_a_setting_that_no_fit_can_use_is_answered_in_a_sentence(changed, words):
    with pytest.raises(RecipeError, match=words):
        quick(**changed)


def test_a_clip_without_texture_is_refused():
    flat = np.full((3, 48, 48, 3), 90, np.uint8)
    with pytest.raises(FitError, match="the sharpest frames have no texture at all"):
        restored(quick(), flat)


def test_a_network_that_makes_the_whole_frame_starts_from_its_random_weights():
    frames, _ = made_clips()
    result = restored(quick(network_arguments={"residual": False}, engine=STILL), frames)
    assert np.abs(result.frames.astype(int) - frames).mean() > 20
