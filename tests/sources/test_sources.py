"""Scenes: the embedded photographs, GoPro's layout, and any folder of frames."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from hvdbench.catalog import names, resolve
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.frames import to_display, write_frame
from hvdbench.sources.depth_planes import cut_planes, fill_disparity
from hvdbench.sources.folder import FolderSource
from hvdbench.sources.sample import SampleSource
from hvdbench.sources.scene import Layer, SourceOptions, centred_K, enlarge
from hvdbench.synth.exposure.warp import plane_homography, render

SMALL = SourceOptions(size=(64, 48), names=("coffee", "motorcycle", "cup"))


def write_frames(folder: Path, count: int, size: tuple[int, int] = (96, 72)) -> None:
    folder.mkdir(parents=True)
    for index in range(count):
        level = np.full((size[1], size[0], 3), 20 * index, np.uint8)
        level[:, : size[0] // 2] = 255
        write_frame(folder / f"{index + 1:06d}.png", level)


def test_every_source_of_the_catalogue_lists_scenes_that_say_all(tmp_path: Path) -> None:
    clips = {"gopro": "GOPR0372_07_00", "reds": "000"}
    for name in names("source"):
        root = tmp_path / name
        write_frames(root / "train" / clips.get(name, "clip_a"), 3)
        for scene in resolve("source", name)(SourceOptions(root=root, size=(64, 48))).scenes():
            assert scene.name
            assert scene.licence
            assert scene.provenance
            assert scene.split in {"train", "test"}
            assert scene.size == (64, 48)
            assert scene.focal_px == pytest.approx(0.751 * 64)
            copy = pickle.loads(pickle.dumps(scene))
            first = copy.layers(0.001)[0]
            assert first.texture.dtype == np.float32
            assert first.texture.shape[1] > 64


def test_the_sample_needs_no_folder_and_has_several_kinds_of_work_in_both_splits() -> None:
    scenes = SampleSource(SourceOptions()).scenes()
    kinds = {scene.name: scene.kind for scene in scenes if scene.split == "test"}
    assert kinds == {"coffee": "planar", "astronaut": "planar", "motorcycle": "parallax", "cup": "moving_object"}
    assert {scene.name: scene.kind for scene in scenes if scene.split == "train"} == {
        "chelsea": "planar",
        "rocket": "planar",
    }
    assert all(scene.size == (320, 192) for scene in SampleSource(SourceOptions()).scenes())


def test_frames_larger_than_the_embedded_photographs_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    SampleSource(SourceOptions()).scenes()
    assert caplog.messages == []
    SampleSource(SourceOptions(size=(1280, 720), names=("astronaut", "motorcycle"))).scenes()
    (warning,) = caplog.messages  # they lie 1.5 and 1.65 frames wide, on 512 and 741 px
    assert warning.startswith(
        "frames of 1280x720 enlarge the embedded photographs (astronaut 3.8 times, motorcycle 2.9"
    )
    caplog.clear()
    SampleSource(SourceOptions(size=(340, 192), names=("coffee",))).scenes()
    assert caplog.messages == []


def test_textures_have_the_photographs_own_size_at_most() -> None:
    for scene in SampleSource(SourceOptions(size=(480, 270))).scenes():
        height, width = scene.layers(0.0)[0].texture.shape[:2]
        assert (width, height) == tuple(2 * side for side in scene.texture_size()[0])


def test_an_unknown_sample_scene_gets_a_hint() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'coffee'"):
        SampleSource(SourceOptions(names=("cofee",)))


def test_the_motorcycles_planes_lie_back_to_front_between_1_and_3_metres() -> None:
    scene = SampleSource(SMALL).scenes()[1]
    depths = [1.0 / layer.inverse_depth_1_m for layer in scene.layers(0.0) if layer.inverse_depth_1_m]
    assert 6 <= len(depths) <= 12
    assert depths == sorted(depths, reverse=True)
    assert 0.9 < depths[-1] < depths[0] < 3.0


def test_the_cups_layer_moves_and_stays_within_the_frame() -> None:
    scene = SampleSource(SourceOptions(names=("cup",))).scenes()[0]
    places = []
    for t_s in np.arange(60) / 30:
        cup = scene.layers(float(t_s))[1]
        scale = cup.K[0, 0] / scene.focal_px
        places.append(np.array(cup.offset_px) / scale)
        assert cup.is_object
    step_px = np.linalg.norm(np.diff(places, axis=0), axis=1)
    assert 2.4 < step_px.min() < step_px.max() < 6.0
    assert np.abs(places).max(axis=0)[0] < 160 - 48


def gradient_picture(width: int, height: int) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(0.1, 0.9, width), np.linspace(0, 1, height))
    return np.stack([x, y, 0.5 + 0.3 * np.sin(20 * x)], axis=2).astype(np.float32)


def test_planes_composited_where_they_stand_give_the_photograph_back() -> None:
    light = gradient_picture(120, 90)
    inverse_depth = np.full((90, 120), 0.25, np.float32)
    inverse_depth[30:60, 40:80] = 1.0
    inverse_depth[60:, :] = 0.5
    planes = cut_planes(light, inverse_depth, 8)
    assert [round(depth, 2) for _, depth in planes] == [0.25, 0.5, 1.0]
    K = centred_K(100.0, 120, 90)
    layers = [Layer(texture, K, depth) for texture, depth in planes]
    H = [np.eye(3)] * len(layers)
    error = np.abs(render(layers, H, (120, 90)) - light)
    assert error.max() < 0.06  # only along the soft edges
    assert error.mean() < 1e-3


def test_no_hole_opens_behind_a_near_plane_that_shifts() -> None:
    light = np.ones((90, 120, 3), np.float32)
    inverse_depth = np.full((90, 120), 0.25, np.float32)
    inverse_depth[30:60, 40:80] = 1.0
    K = centred_K(100.0, 120, 90)
    layers = [Layer(texture, K, depth) for texture, depth in cut_planes(light, inverse_depth, 8)]
    position = np.array([[0.05, 0.0, 0.0]])  # near 5 px, far 1.25 px
    H = [
        plane_homography(np.zeros((1, 3)), position, np.zeros((1, 2)), K=K, K_texture=K, inverse_depth_1_m=depth)[0]
        for depth in (0.25, 1.0)
    ]
    np.testing.assert_allclose(render(layers, H, (120, 90)), 1.0, atol=1e-3)


def test_missing_disparity_becomes_the_farther_neighbours() -> None:
    disparity = np.full((9, 20), 40.0, np.float32)
    disparity[:, 10:] = 10.0
    disparity[:, 8:12] = np.inf
    filled = fill_disparity(disparity)
    np.testing.assert_array_equal(filled[4, 6:], [40.0, 40.0] + [10.0] * 12)


def test_a_doubled_texture_shows_the_same_picture() -> None:
    light = gradient_picture(60, 40)
    K = centred_K(50.0, 60, 40)
    larger, larger_K = enlarge(light, K)
    maps = [K @ np.linalg.inv(which) for which in (K, larger_K)]
    one = render([Layer(light, K)], [maps[0]], (60, 40))
    two = render([Layer(larger, larger_K, sampling="linear")], [maps[1]], (60, 40))
    assert np.abs(one - two)[4:-4, 4:-4].max() < 0.01


def test_frames_smaller_than_asked_are_refused(tmp_path: Path) -> None:
    write_frames(tmp_path / "clip", 2)
    with pytest.raises(InputError, match="frames are 96x72, too small for 96x72"):
        FolderSource(SourceOptions(root=tmp_path, size=(96, 72))).scenes()


def test_a_folder_of_frames_is_one_clip_at_the_given_rate(tmp_path: Path) -> None:
    write_frames(tmp_path / "mine", 5)
    (scene,) = FolderSource(SourceOptions(root=tmp_path / "mine", fps=100.0)).scenes()
    assert scene.name == "mine"
    assert scene.duration_s == pytest.approx(0.05)


def shown(scene: object, t_s: float) -> int:
    texture = scene.layers(t_s)[0].texture  # type: ignore[attr-defined]
    return int(to_display(texture)[36, -1, 0])


def test_dynamic_mode_blends_neighbours_in_light_and_static_holds_one(tmp_path: Path) -> None:
    write_frames(tmp_path / "clip", 5)
    (dynamic,) = FolderSource(SourceOptions(root=tmp_path, fps=100.0)).scenes()
    (static,) = FolderSource(SourceOptions(root=tmp_path, fps=100.0, mode="static")).scenes()
    # Frame i stands for (i + 1/2) / fps: 35 ms is frame 3, 30 ms lies halfway between 2 and 3.
    assert shown(dynamic, 0.035) == 60
    halfway = 255 * (0.5 * ((40 / 255) ** 2.2 + (60 / 255) ** 2.2)) ** (1 / 2.2)
    assert shown(dynamic, 0.030) == round(halfway)
    assert shown(static, 0.033) == 60
    assert shown(dynamic, 9.0) == 80
    assert len(static.key_times(0.0, 0.03)) == 1  # held
    assert len(dynamic.key_times(0.0, 0.03)) > 1


def test_motion_in_the_frames_themselves_is_measured(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    coarse = generator.uniform(0, 255, (20, 40, 3)).astype(np.float32)
    import cv2

    wide = cv2.resize(coarse, (200, 100), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)
    (tmp_path / "clip").mkdir()
    for index in range(4):
        write_frame(tmp_path / "clip" / f"{index}.png", wide[:, 10 + 2 * index : 170 + 2 * index])
    (scene,) = FolderSource(SourceOptions(root=tmp_path, fps=100.0)).scenes()
    flow = scene.own_flow(0.02)
    assert flow is not None
    assert np.median(flow[..., 0]) == pytest.approx(-200.0, abs=10.0)  # 2 px to the left in 10 ms
    assert abs(np.median(flow[..., 1])) < 10.0
    (held,) = FolderSource(SourceOptions(root=tmp_path, fps=100.0, mode="static")).scenes()
    assert held.own_flow(0.02) is None
