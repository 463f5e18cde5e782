"""Sub-frames that a dataset keeps of each exposure: which they are, when, and that they make the blurry frame."""

from pathlib import Path

import numpy as np
import pytest
from made_scene import MadeScene, constant_path
from test_averaging import film, write_film

from hvdbench.dataset.facts import read_subframes
from hvdbench.dataset.folder_reader import open_reader
from hvdbench.errors import InputError, RecipeError
from hvdbench.recipe import check, load_recipe
from hvdbench.response import open_response
from hvdbench.store import Dataset
from hvdbench.synth.exposure.one_exposure import expose
from hvdbench.synth.exposure.shutter import Shutter, count_in_parts
from hvdbench.synth.exposure.view import View
from hvdbench.synth.goproshake import open_scenes, synthesise
from hvdbench.synth.settings import DatasetSettings
from hvdbench.workspace.engine import Engine

KINDS = ("planar", "parallax", "moving_object")
SHAKEN = {
    "title": "kept",
    "source": "photos",
    "clips": ["skimage_camera"],
    "views": 3,
    "trajectories": "none",
    "size": [64, 48],
    "frames_per_clip": 3,
    "fps": 30,
    "hand": "walk",
    "ois": {"kind": "off"},
    "step_px": 1.0,
    "sub_frame_hz": 300,
    "noise": {"read": 0.0},
    "response": "gamma2.2",
}
AVERAGED = {"title": "kept", "source": "gopro", "blur": "average", "noise": {"read": 0.0}, "response": "gamma2.2"}
LIGHT = open_response("gamma2.2")


def made(out: Path, values: dict[str, object], root: Path | None = None) -> Dataset:
    settings = check("kept.toml", values, DatasetSettings)
    scenes = open_scenes(settings, root)
    return synthesise(settings, "kept", out, scenes=scenes, trajectories=[], origin="simulated", engine=Engine(1))


def test_where_all_subframes_are_kept_their_mean_light_is_the_blurry_frame(tmp_path: Path) -> None:
    dataset = made(tmp_path / "d", SHAKEN | {"subframes": 41})
    reader, seen = open_reader(dataset.folder), []
    for facts, clip in zip(reader.clips, dataset.clips(), strict=True):
        seen.append(clip.attributes()["scene_kind"])
        assert clip.track("exposure/sub_frames").tolist() == [41] * 3  # all that the frame was made of
        kept = read_subframes(reader, facts, range(3))
        assert kept.shape == (3, 41, 48, 64, 3)
        mean = LIGHT.to_display(LIGHT.to_light(kept).mean(axis=1)).astype(int)
        assert np.abs(mean - clip.blurry()).max() <= 1
        assert np.abs(kept[:, 20].astype(int) - clip.blurry()).max() > 20  # so that the mean is one of moving pictures
        np.testing.assert_array_equal(kept[:, 20], clip.truth("mid"))
    assert sorted(seen) == sorted(KINDS)


def test_the_subframes_kept_are_the_middles_of_equal_parts_and_among_those_averaged(tmp_path: Path) -> None:
    assert [count_in_parts(count, 7) for count in (1, 7, 8, 21, 22, 35)] == [7, 7, 21, 21, 35, 35]
    assert count_in_parts(30, 0) == 30
    shutter = Shutter(0.5, 0.07, 10)
    middles = shutter.parts(35, 7)
    np.testing.assert_allclose(middles - 0.5, np.arange(-3, 4) * 0.01, atol=1e-12)
    assert set(middles) <= set(shutter.times(35))
    dataset = made(tmp_path / "d", SHAKEN | {"subframes": 7, "views": 1, "sub_frame_hz": 960})
    (clip,) = dataset.clips()
    assert all(count % 7 == 0 and count // 7 % 2 for count in clip.track("exposure/sub_frames"))
    offsets, exposure_s = clip.track("series/offset_s"), clip.track("exposure_s")
    np.testing.assert_allclose(offsets, np.arange(-3, 4) / 7 * exposure_s[:, None], atol=1e-12)
    kept = read_subframes(reader := open_reader(dataset.folder), reader.clips[0], range(3)).astype(int)
    steps = np.abs(np.diff(kept, axis=1)).mean(axis=(0, 2, 3, 4))
    assert (np.abs(kept[:, 6] - kept[:, 0]).mean() > 1.5 * steps).all()  # in the order of time


@pytest.mark.parametrize("readout_s", [0.0, 0.01])
def test_a_video_keeps_its_own_pictures_at_the_instants_too(readout_s: float) -> None:
    view = View(MadeScene(), constant_path((0.0, 300.0, 0.0)), 2.0)
    exposure = expose(view, 0.05, 0.02, readout_s=readout_s, kept=21, step_px=1.0, sub_frame_hz=1)
    assert exposure.sub_frames == 21
    np.testing.assert_allclose(np.mean(exposure.kept, axis=0), exposure.blurry, atol=1 / 255)
    np.testing.assert_allclose(exposure.kept[10], exposure.mid, atol=1e-6)
    assert np.abs(exposure.kept[0] - exposure.kept[20]).max() > 0.1


@pytest.mark.parametrize(
    ("window", "between", "count", "step"), [(7, 0, 7, 1), (4, 1, 7, 1), (7, 2, 7, 3), (13, 0, 7, 2)]
)
def test_averaged_frames_keep_the_first_the_last_and_those_evenly_between(
    tmp_path: Path, window: int, between: int, count: int, step: int
) -> None:
    frames = film(2 * window)
    root = write_film(tmp_path / "all", frames)
    average = {"window": window, "stride": window, "between": between}
    dataset = made(tmp_path / "d", AVERAGED | {"average": average, "subframes": count}, root)
    reader = open_reader(dataset.folder)
    kept = read_subframes(reader, reader.clips[0], range(2))
    film_places = np.linspace(0, window - 1, (window - 1) * (between + 1) + 1)[::step]
    assert len(film_places) == count
    for number, place in enumerate(film_places):
        if place == int(place):
            np.testing.assert_array_equal(kept[0, number], frames[int(place)])
            np.testing.assert_array_equal(kept[1, number], frames[window + int(place)])
    if step == 1:  # all pictures of the window are kept
        mean = LIGHT.to_display(LIGHT.to_light(kept).mean(axis=1)).astype(int)
        assert np.abs(mean - dataset.clips()[0].blurry()).max() <= 1
    offsets = dataset.clips()[0].track("series/offset_s")
    np.testing.assert_allclose(offsets, np.tile((film_places - (window - 1) / 2) / 240, (2, 1)), atol=1e-9)


def test_numbers_that_cannot_be_kept_are_refused_in_one_sentence() -> None:
    with pytest.raises(RecipeError, match="subframes must be odd, so that one of them is the middle, found 8"):
        check("kept.toml", SHAKEN | {"subframes": 8}, DatasetSettings)
    with pytest.raises(RecipeError, match="of the 11 pictures of a window, 7 cannot be kept evenly"):
        check("kept.toml", AVERAGED | {"subframes": 7}, DatasetSettings)


def test_photographs_of_the_two_splits_share_nothing(tmp_path: Path) -> None:
    values = SHAKEN | {"clips": ["skimage_camera", "skimage_text"], "test_clips": ["skimage_coins"], "split": "train"}
    scenes = open_scenes(check("kept.toml", values, DatasetSettings))
    assert [scene.split for scene in scenes] == ["train"] * 6 + ["test"] * 3
    for scene in scenes:
        wanted = ("coins",) if scene.split == "test" else ("camera", "text")
        assert all(any(word in text for word in wanted) for text in scene.provenance.split("; in front"))
    for twice in ({"test_clips": ["skimage_text"]}, {"clips": [], "test_clips": ["skimage_text"]}):
        with pytest.raises(InputError, match="must be of one split"):
            open_scenes(check("kept.toml", values | twice, DatasetSettings))
    with pytest.raises(RecipeError, match="test_clips names photographs, and the source is 'gopro'"):
        check("kept.toml", AVERAGED | {"test_clips": ["a"]}, DatasetSettings)


def test_the_recipes_keep_seven_and_old_recipes_keep_their_digests() -> None:
    handheld = load_recipe("datasets", "blur2vid_handheld", DatasetSettings).values
    pretrain = load_recipe("datasets", "pretrain", DatasetSettings).values
    validation = load_recipe("datasets", "pretrain_validation", DatasetSettings).values
    assert handheld.subframes == 7
    assert set(handheld.clips) < set(pretrain.clips)
    assert set(handheld.test_clips) == set(validation.clips)
    assert not {"subframes", "test_clips"} & set(pretrain.model_dump(mode="json"))
    gopro = load_recipe("datasets", "blur2vid_gopro", DatasetSettings).values
    assert (gopro.subframes, gopro.average.window, gopro.average.stride) == (7, 7, 7)
