"""DaDeblur as a method: which weights it finds, its windows, its fit, and the trainings of its two networks."""

import argparse

import numpy as np
import pytest
import torch
from made_training import MadeReader
from safetensors.torch import save_file

from hvdbench.catalog import resolve
from hvdbench.dataset.facts import Box
from hvdbench.errors import FitError, InputError, RecipeError, WeightsError
from hvdbench.labels.sharpness import label_paper
from hvdbench.methods.building import build_network
from hvdbench.methods.recipe import load_method
from hvdbench.methods.restoration import Budget
from hvdbench.methods.rivals.dadeblur.exposure_clips import STREAM, ExposureClips
from hvdbench.methods.rivals.dadeblur.exposure_training import BlurringTraining, EstimatorTraining
from hvdbench.methods.rivals.dadeblur.fine_tuning import MiddleFrame, Pair, PairReader
from hvdbench.methods.rivals.dadeblur.networks import blur_along_lines, blur_picture, estimate_lengths
from hvdbench.methods.rivals.dadeblur.scheme import DaDeblur
from hvdbench.methods.rivals.dadeblur.settings import FaultSettings
from hvdbench.methods.rivals.dadeblur.sharp_regions import Region
from hvdbench.methods.training.scheme import train_scheme


@pytest.fixture(scope="module")
def clip():
    return np.random.default_rng(1).integers(0, 256, (10, 48, 64, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Weights of both networks at their tiny size; to the estimator everything is sharp."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    for name in ("bme", "id_blau"):
        network = resolve("network", name).build("tiny")
        if name == "bme":
            torch.nn.init.constant_(network.classifier.bias, -9.0)
        else:
            torch.nn.init.normal_(network.model.last_layer[1].weight, std=0.1)
        save_file(network.state_dict(), folder / f"{name}.safetensors")
    return folder


@pytest.fixture
def scheme(made):
    overrides = {
        "network": "estrnn@tiny",
        "start_from": "",
        "without_estimator": "network",
        "without_blurring": "network",
        "estimator_stand_in": {"weights": str(made / "bme.safetensors")},
        "blurring_stand_in": {"weights": str(made / "id_blau.safetensors")},
        "diffusion": {"steps": 2},
        "fine_tuning": {"steps": 2, "crop_px": 32},
    }
    return load_method("dadeblur@tiny", overrides=overrides).scheme


def restored(scheme, clip, seed=0):
    return scheme.restore(clip, label_paper(clip), Budget(seed=seed))


def test_the_same_seed_gives_the_same_bytes_and_facts_say_what_was_done(scheme, clip):
    first, second, other = restored(scheme, clip), restored(scheme, clip), restored(scheme, clip, seed=1)
    assert first.frames.shape == clip.shape
    assert first.frames.dtype == np.uint8
    np.testing.assert_array_equal(first.frames, second.frames)
    assert not np.array_equal(first.frames, other.frames)
    assert len(first.facts["sharp_regions"]) == 1  # a tenth of ten frames
    assert first.facts["steps"] == 2
    assert (
        {"preprocessing", "flow", "training", "restoring"}
        >= set(first.facts["seconds_by_stage"])
        >= {
            "training",
            "restoring",
        }
    )
    assert first.facts["estimator"] == "bme@tiny with bme.safetensors"


def test_each_setting_of_the_fit_changes_the_frames(scheme, clip):
    usual = restored(scheme, clip).frames
    settings = scheme.settings
    for change in (
        {"condition": settings.condition.model_copy(update={"shuffled": True})},
        {"condition": settings.condition.model_copy(update={"extra_px": 400.0})},
        {"pairs": settings.pairs.model_copy(update={"twins": 2})},
        {"pairs": settings.pairs.model_copy(update={"keeps_sharp": not settings.pairs.keeps_sharp})},
        {"pairs": settings.pairs.model_copy(update={"adds_noise": not settings.pairs.adds_noise})},
        {"pairs": settings.pairs.model_copy(update={"blurs": "window"})},
        {"fine_tuning": settings.fine_tuning.model_copy(update={"ema_decay": None})},
        {"fine_tuning": settings.fine_tuning.model_copy(update={"flips_and_turns": False})},
        {"fine_tuning": settings.fine_tuning.model_copy(update={"precision": "float32"})},
        {"as_": FaultSettings(unit="published")},
        {"as_": FaultSettings(margin="published")},
    ):
        changed = DaDeblur(settings.model_copy(update=change))
        assert not np.array_equal(restored(changed, clip).frames, usual), change
    start = restored(scheme.with_steps(0), clip)
    assert "sharp_regions" not in start.facts
    assert not np.array_equal(start.frames, usual)
    assert (scheme.fit_steps, scheme.with_steps(7).fit_steps) == (2, 7)


def test_a_clip_that_is_too_short_is_refused(scheme, clip):
    with pytest.raises(FitError, match="the clip has 4 frames, and a window of DaDeblur needs 5"):
        restored(scheme, clip[:4])


def test_published_weights_are_used_where_they_are_and_rows_say_which(scheme, tmp_path, monkeypatch):
    monkeypatch.setenv("HVDBENCH_WEIGHTS", str(tmp_path))
    assert "of hvdbench, in place of the published weights" in scheme.made_from
    small = {"estimator": ("bme", "best_net.pth"), "blurring": ("id_blau", "ID_Blau.pth")}
    changes = {}
    for part, (name, file) in small.items():
        state = resolve("network", name).build("tiny").state_dict()
        if name == "id_blau":
            options = argparse.Namespace(channel_mults=(1, 2, 3))
            renamed = {key.replace("model.", "model.module.", 1): value for key, value in state.items()}
            torch.save({"model_state": renamed, "args": options}, tmp_path / file)
        else:
            torch.save(state, tmp_path / file)
        usual = load_method("dadeblur").scheme.settings
        changes[part] = getattr(usual, part).model_copy(update={"network": f"{name}@tiny"})
    found = DaDeblur(scheme.settings.model_copy(update=changes))
    found.check()
    assert found.made_from == (
        "blur measured by bme@tiny with best_net.pth, regions blurred by id_blau@tiny with ID_Blau.pth, estrnn@tiny "
        "from 'nothing'"
    )
    assert found.identity != scheme.identity


def test_an_estrnn_of_dadeblur_s_authors_takes_rgb(scheme, tmp_path, monkeypatch):
    monkeypatch.setenv("HVDBENCH_WEIGHTS", str(tmp_path))
    state = build_network("estrnn@tiny", {}).state_dict()
    torch.save({"model_state": state, "args": argparse.Namespace()}, tmp_path / "best_ESTRNN_baseline.pth")
    named = {"published_start": "estrnn_gopro_dadeblur", "published_network": "estrnn@tiny"}
    network = DaDeblur(scheme.settings.model_copy(update=named))._open()[2]
    assert network.spec.channel_order == "rgb"
    assert scheme._open()[2].spec.channel_order == "bgr"


def test_weights_that_are_nowhere_are_answered_with_where_to_get_them(scheme, tmp_path, monkeypatch):
    monkeypatch.setenv("HVDBENCH_WEIGHTS", str(tmp_path))
    usual = load_method("dadeblur").scheme.settings
    missing = usual.estimator_stand_in.model_copy(update={"weights": "nowhere"})
    changed = {"estimator_stand_in": missing, "without_estimator": "network"}
    with pytest.raises(WeightsError, match=r"bme_gopro are missing .*Jin-Ting-He/BME.*; in its place: .*nowhere"):
        DaDeblur(usual.model_copy(update=changed)).check()


def test_without_any_weights_the_motion_measures_and_lines_blur(scheme, clip):
    changed = {"without_estimator": "motion", "without_blurring": "line"}
    alone = DaDeblur(scheme.settings.model_copy(update=changed))
    found = restored(alone, clip)
    assert (found.facts["estimator"], found.facts["blurring"]) == ("the motion", "a mean along lines")
    assert alone.identity["files"] == {}
    assert "blur measured by the motion, regions blurred by a mean along lines" in alone.made_from
    assert not np.array_equal(found.frames, restored(alone.with_steps(0), clip).frames)


def test_another_network_than_estrnn_is_refused(scheme):
    other = DaDeblur(scheme.settings.model_copy(update={"network": "nafnet@tiny"}))
    with pytest.raises(InputError, match="DaDeblur fine-tunes ESTRNN, and 'nafnet@tiny' is another network"):
        other.check()


def test_a_response_that_is_none_is_refused_before_anything_is_fitted(scheme):
    with pytest.raises(RecipeError, match="'gama2'"):
        DaDeblur(scheme.settings.model_copy(update={"line_response": "gama2"})).check()


def test_a_fault_is_chosen_by_a_table_as(made, tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text('title = "a"\nscheme = "dadeblur"\n[settings.as]\nunit = "published"\n')
    assert load_method(str(recipe)).scheme.settings.as_ == FaultSettings(unit="published")
    recipe.write_text('title = "a"\nscheme = "dadeblur"\n[settings.as]\nunit = "as printed"\n')
    with pytest.raises(RecipeError, match=r"\[as\]: 'unit': Input should be 'meant' or 'published'"):
        load_method(str(recipe))


def test_a_window_holds_the_blurred_region_in_its_middle_and_the_clip_around_it(clip):
    blurred = np.full((32, 32, 3), 7, np.uint8)
    reader = PairReader(clip, [Pair(Region(4, Box(8, 16, 32, 32)), {4: blurred})], 2, 2)
    (facts,) = reader.clips
    assert (facts.frame_count, facts.height, facts.width) == (5, 32, 32)
    window = reader.read(facts.key, "blur", range(5), Box(4, 6, 8, 10))
    assert (window[2] == 7).all()
    np.testing.assert_array_equal(window[[0, 1, 3, 4]], clip[[2, 3, 5, 6], 12:20, 22:32])
    np.testing.assert_array_equal(reader.read(facts.key, "sharp", [2])[0], clip[4, 8:40, 16:48])


def test_the_middle_frame_is_restored_from_a_state_of_zeros():
    network = build_network("estrnn@tiny", {}).eval()
    window = torch.rand(1, 5, 3, 16, 16)
    found = MiddleFrame(network)(window)
    assert found.shape == (1, 1, 3, 16, 16)
    torch.testing.assert_close(found, network.restore_inner(window))


def test_magnitudes_are_estimated_from_bgr_and_odd_sizes_are_padded(clip):
    class Blue(torch.nn.Module):
        def forward(self, pictures):
            assert pictures.shape[2] % 16 == pictures.shape[3] % 16 == 0
            return pictures[:, :1]

    found = estimate_lengths(Blue(), clip[:2, :47, :49], "cpu")
    np.testing.assert_allclose(found, clip[:2, :47, :49, 2] / 255, rtol=1e-6)


def test_a_condition_of_any_length_is_divided_by_the_longest_and_cut(clip):
    class Seen(torch.nn.Module):
        size_multiple = 4

        def sample(self, condition, start, *, count, ends_at):
            self.condition, self.start = condition, start
            return condition[:, :3]

    seen = Seen()
    condition = np.zeros((10, 13, 3), np.float32)
    condition[..., 0], condition[..., 2] = 1, 5
    condition[0, 0, 2] = 500
    picture = clip[0, :10, :13]
    blurred = blur_picture(seen, picture, condition, 20.0, 3, [1, 2], FaultSettings(), "cpu")
    np.testing.assert_array_equal(blurred, picture)
    assert seen.condition.shape == (1, 6, 12, 16)
    assert seen.condition[0, 3:, 1, 1].tolist() == [1, 0, 0.25]
    assert seen.condition[0, 5, 0, 0] == 1


def test_a_line_of_a_condition_is_what_a_picture_is_averaged_along():
    column = np.zeros((9, 21, 3), np.uint8)
    column[:, 10] = 240
    condition = np.zeros((9, 21, 3), np.float32)
    condition[..., 0], condition[..., 2] = 1, 6
    across = blur_along_lines(column, condition)[4, :, 0].astype(int)
    assert across[6:15].tolist() == across[6:15][::-1].tolist()
    np.testing.assert_allclose(across[8:13], 40, atol=2)  # a sixth of 240 over six pixels
    in_light = blur_along_lines(column, condition, "gamma2.2")[4, :, 0]
    np.testing.assert_allclose(in_light[8:13], 240 * (1 / 6) ** (1 / 2.2), atol=2)
    condition[..., :2] = (0, 1)
    np.testing.assert_array_equal(blur_along_lines(column, condition), column)


@pytest.mark.parametrize(("name", "kind"), [("bme_tiny", EstimatorTraining), ("id_blau_tiny", BlurringTraining)])
@pytest.mark.parametrize("way", ["meant", "published"])
def test_both_networks_are_trained_with_the_usual_loop(name, kind, way, tmp_path):
    scheme = load_method(f"{name}@tiny", overrides={"as": way}).scheme
    assert type(scheme) is kind
    reader = MadeReader(side=48)
    network, result = train_scheme(scheme, reader, tmp_path / "one", Budget())
    assert result.is_finished
    again, _ = train_scheme(scheme, reader, tmp_path / "two", Budget())
    for key, value in network.state_dict().items():
        torch.testing.assert_close(again.state_dict()[key], value, rtol=0, atol=0)
    start = scheme.start(0).state_dict()
    assert any(not torch.equal(start[key], value) for key, value in network.state_dict().items())
    with pytest.raises(InputError, match="restores no frames: it is trained for the method 'dadeblur'"):
        scheme.restore_with(network, np.zeros((5, 48, 48, 3), np.uint8), Budget())


def test_exposures_are_measured_once_and_windows_begin_where_something_moves(tmp_path):
    settings = load_method("bme_tiny@tiny").scheme.settings
    clips = ExposureClips(MadeReader(side=48), settings=settings, folder=tmp_path)
    files = sorted((tmp_path / STREAM).iterdir())
    assert [clip.starts.tolist() for clip in clips.clips] == [[0, 5], [0, 5]]
    ExposureClips(MadeReader(side=48), settings=settings, folder=tmp_path)
    assert sorted((tmp_path / STREAM).iterdir()) == files
    far = settings.model_copy(update={"shortest_px": 1000.0})
    with pytest.raises(FitError, match="moved by 1000 px: lower 'shortest_px'"):
        ExposureClips(MadeReader(side=48), settings=far, folder=tmp_path)
