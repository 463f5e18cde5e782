"""Scenes made of high-speed frames."""

import pickle
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hvdbench.camera.motion import CameraPath
from hvdbench.errors import InputError, RecipeError
from hvdbench.frames import Frame, write_frame
from hvdbench.response import open_response
from hvdbench.sources.depth_planes import cut_slabs, measure_depth_scale
from hvdbench.sources.frame_sequence import FileFrames, FrameSequence
from hvdbench.sources.high_speed import VideoScene, open_video_scene
from hvdbench.sources.scene import Mode, SourceOptions
from hvdbench.synth.exposure.one_exposure import expose
from hvdbench.synth.exposure.view import View
from hvdbench.synth.exposure.warp import plane_homography, render

WIDTH, HEIGHT = 160, 96
HERE = Path("clip")


@dataclass(frozen=True)
class MadeFrames:
    """Textured frames of which each is the one before, shifted; ``reads`` counts how often one is decoded."""

    count: int = 6
    step_px: float = 0.0
    near_share: float = 0.0
    reads: list[int] = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return self.count

    @property
    def size(self) -> tuple[int, int]:
        return WIDTH, HEIGHT

    def read(self, index: int) -> Frame:
        if self.reads is not None:
            self.reads.append(index)
        noise = np.random.default_rng(0).normal(size=(HEIGHT, 2 * WIDTH, 3)).astype(np.float32)
        smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
        matrix = np.array([[1.0, 0.0, index * self.step_px - WIDTH / 2], [0.0, 1.0, 0.0]])
        moved = cv2.warpAffine(0.5 + 0.4 * np.tanh(smooth / smooth.std()), matrix, (WIDTH, HEIGHT))
        return np.rint(255 * moved).clip(0, 255).astype(np.uint8)

    def depth(self, index: int) -> NDArray[np.float32] | None:
        """A far wall with a near square that is larger from frame to frame, in a unit of its own."""
        if not self.near_share:
            return None
        depth = np.full((HEIGHT // 2, WIDTH // 2), 30.0, np.float32)
        depth[:, -10:] = 60.0
        half = round(self.near_share * HEIGHT / 4) + index
        depth[24 - half : 24 + half, 40 - half : 40 + half] = 10.0
        return depth


def scene_of(frames: FrameSequence, options: SourceOptions | None = None, fps: float = 240.0) -> VideoScene:
    return open_video_scene(
        frames,
        options or SourceOptions(),
        name="made",
        split="test",
        fps=fps,
        licence="made",
        source="made frames",
        where=HERE,
    )


def flat_frames(folder: Path, levels: list[int]) -> FileFrames:
    folder.mkdir(exist_ok=True)
    for index, level in enumerate(levels):
        write_frame(folder / f"{index:03d}.png", np.full((HEIGHT, WIDTH, 3), level, np.uint8))
    return FileFrames(tuple(sorted(folder.glob("*.png"))))


def level_at(scene: VideoScene, t_s: float) -> float:
    return float(scene.layers(t_s)[0].texture.mean())


def test_dynamic_mode_blends_neighbours_in_light(tmp_path: Path) -> None:
    scene = scene_of(flat_frames(tmp_path, [0, 20, 40, 60, 80]), fps=100.0)
    light = open_response("gamma2.2").to_light(np.array([40, 60, 80], np.uint8))
    assert level_at(scene, 0.035) == pytest.approx(light[1])  # frame 3 stands for 30 to 40 ms
    assert level_at(scene, 0.030) == pytest.approx(0.5 * (light[0] + light[1]))
    assert level_at(scene, 9.0) == pytest.approx(light[2])


def test_static_mode_holds_the_nearest_frame(tmp_path: Path) -> None:
    scene = scene_of(flat_frames(tmp_path, [0, 20, 40, 60, 80]), SourceOptions(mode="static"), fps=100.0)
    assert level_at(scene, 0.033) == level_at(scene, 0.035) == pytest.approx((60 / 255) ** 2.2)
    np.testing.assert_allclose(scene.key_times(0.02, 0.04), [0.03])
    assert scene.own_flow(0.03) is None


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (1.5, 3.5, [1.5, 2.5, 3.5]),
        (1.4, 3.6, [0.5, 1.5, 2.5, 3.5, 4.5]),
        (1.6, 2.4, [1.5, 2.5]),
        (1.7, 1.7, [1.5, 2.5]),
        (0.0, 1.0, [0.0, 0.5, 1.5]),
        (5.0, 6.0, [4.5, 5.5, 6.0]),
        (-1.0, 9.0, [-1.0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 9.0]),
        (0.0, 0.4, [0.2]),
        (5.5, 7.5, [6.5]),
        (2.5, 2.5, [2.5]),
    ],
)
def test_key_times_are_those_of_the_frames_that_cover_the_interval(
    start: float, end: float, expected: list[float]
) -> None:
    times = scene_of(MadeFrames(6)).key_times(start / 240, end / 240)
    np.testing.assert_allclose(times * 240, expected)
    if len(times) > 1:
        assert times[0] <= start / 240 <= end / 240 <= times[-1]
        assert (np.diff(times) > 0).all()


@pytest.mark.parametrize(("step_px", "parts"), [(0.8, 1), (1.7, 2), (3.5, 4)])
def test_faster_motion_gets_instants_in_between(step_px: float, parts: int) -> None:
    scene = scene_of(MadeFrames(6, step_px))
    times = scene.key_times(1.5 / 240, 3.5 / 240)
    np.testing.assert_allclose(times * 240, 1.5 + np.arange(2 * parts + 1) / parts, atol=1e-9)
    plain = replace(scene, interpolate=False)
    assert len(plain.key_times(1.5 / 240, 3.5 / 240)) == 3


def test_an_instant_between_shifted_frames_is_shifted_partly() -> None:
    scene = scene_of(MadeFrames(6, 4.0))
    light = open_response("gamma2.2")
    halfway = scene.layers(3.0 / 240)[0].texture  # between frames 2 and 3
    expected = light.to_light(MadeFrames(6, 2.0).read(5))
    plain = replace(scene, interpolate=False).layers(3.0 / 240)[0].texture
    inside = np.s_[8:-8, 12:-12]
    assert np.abs(halfway - expected)[inside].mean() < 0.1 * np.abs(plain - expected)[inside].mean()


def test_own_motion_is_in_output_pixels_a_second_at_any_size() -> None:
    frames = MadeFrames(6, 2.0)
    for size, factor in ((None, 1.0), ((72, 40), 72 * 1.1 / WIDTH)):
        flow = scene_of(frames, SourceOptions(size=size)).own_flow(3.0 / 240)
        assert flow is not None
        assert np.median(flow[..., 0]) == pytest.approx(480.0 * factor, rel=0.05)
    assert scene_of(MadeFrames(1)).own_flow(0.0) is None


def test_own_motion_is_that_of_the_two_frames_beside_the_time() -> None:
    @dataclass(frozen=True)
    class Jump(MadeFrames):
        def read(self, index: int) -> Frame:
            return MadeFrames(self.count, 2.0).read(index // 3)

    scene = scene_of(Jump(6))  # moves between frames 2 and 3 alone
    speed = [np.median(np.asarray(scene.own_flow(place / 240))[..., 0]) for place in (2.4, 2.6, 3.4, 3.6)]
    np.testing.assert_allclose(speed, [0.0, 480.0, 480.0, 0.0], atol=25.0)


def test_frames_are_decoded_once_for_an_exposure() -> None:
    frames = MadeFrames(10, 2.0, reads=[])
    scene = scene_of(frames)
    scene.own_flow(5.0 / 240)
    scene.layers(5.0 / 240)
    for time in scene.key_times(2.5 / 240, 7.5 / 240):
        scene.layers(time)
    assert sorted(frames.reads) == [2, 3, 4, 5, 6, 7]


def test_the_same_time_gives_the_same_picture_object() -> None:
    scene = scene_of(MadeFrames(6, 4.0))
    assert scene.layers(3.0 / 240)[0] is scene.layers(3.0 / 240)[0]


def test_a_scene_in_another_process_gives_the_same_bytes() -> None:
    scene = scene_of(MadeFrames(6, 4.0))
    here = scene.layers(3.1 / 240)[0].texture
    there = pickle.loads(pickle.dumps(scene))
    assert there == scene
    there.layers(0.5 / 240)  # whatever was asked before
    np.testing.assert_array_equal(there.layers(3.1 / 240)[0].texture, here)
    assert len(pickle.dumps(scene)) < 5000


def test_the_camera_response_turns_frames_into_light(tmp_path: Path) -> None:
    frames = flat_frames(tmp_path, [128, 128])
    for response in ("linear", "srgb", "gamma2.2"):
        scene = scene_of(frames, SourceOptions(response=response))
        assert level_at(scene, 0.0) == pytest.approx(open_response(response).to_light(np.uint8([128]))[0])
    with pytest.raises(RecipeError, match="no camera response"):
        scene_of(frames, SourceOptions(response="log"))


def test_slow_footage_is_said_to_stand_in() -> None:
    assert scene_of(MadeFrames(), fps=240.0).provenance == "made frames"
    assert scene_of(MadeFrames(), fps=29.97).provenance == (
        "made frames; 29.97 fps footage stands in for high-speed frames"
    )


def test_what_cannot_be_a_scene_is_refused_in_one_sentence() -> None:
    with pytest.raises(InputError, match="clip: frames are 160x96, too small for 160x96 with a margin of 5% a side"):
        scene_of(MadeFrames(), SourceOptions(size=(160, 96)))
    for fps in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match=r"clip: .* is not a number of frames per second"):
            scene_of(MadeFrames(), fps=fps)


# Depth


def test_depth_maps_make_planes_relative_to_the_clips_median() -> None:
    scene = scene_of(MadeFrames(6, near_share=0.5))
    layers = scene.layers(2.5 / 240)
    assert scene.kind == "parallax"
    assert len(layers) == 8
    depths = [layer.relative_inverse_depth for layer in layers]
    assert depths == sorted(depths)
    np.testing.assert_allclose((depths[0], depths[-1]), (0.5, 3.0), atol=1e-2)  # 30 / 60 and 30 / 10
    assert all(layer.inverse_depth_1_m is None for layer in layers)
    assert layers[0].texture.shape == (HEIGHT, WIDTH, 3)
    covered = layers[-1].texture[..., 3] > 0.5
    assert covered[48, 80]
    assert not covered[10, 20]


def test_planes_stay_where_they_are_while_the_world_changes() -> None:
    scene = scene_of(MadeFrames(6, step_px=1.6, near_share=0.3))
    found = [scene.layers(place / 240) for place in (0.5, 2.5, 2.75, 3.0, 3.1, 5.5)]
    assert len({tuple(layer.relative_inverse_depth for layer in layers) for layers in found}) == 1
    assert [layers[-1].texture[..., 3].sum() for layers in found] == sorted(
        layers[-1].texture[..., 3].sum() for layers in found
    )


def test_planes_composited_where_they_stand_give_the_frame_back() -> None:
    scene = scene_of(MadeFrames(6, near_share=0.5))
    layers = scene.layers(2.5 / 240)
    error = np.abs(render(layers, [np.eye(3)] * len(layers), (WIDTH, HEIGHT)) - scene_light(2))
    assert error.max() < 0.15  # along the soft edges
    assert error.mean() < 1e-3


def scene_light(index: int) -> NDArray[np.float32]:
    return open_response("gamma2.2").to_light(MadeFrames().read(index))


def test_no_hole_opens_behind_a_slab_that_shifts() -> None:
    light = np.ones((HEIGHT, WIDTH, 3), np.float32)
    inverse_depth = np.full((HEIGHT, WIDTH), 0.5, np.float32)
    inverse_depth[30:60, 40:80] = 2.0
    slabs = cut_slabs(light, inverse_depth, np.linspace(0.4, 2.1, 9))
    scene = scene_of(MadeFrames())
    layers = [replace(scene.layers(0.0)[0], texture=texture) for texture in slabs]
    K = layers[0].K
    still, position = np.zeros((1, 3)), np.array([[0.05, 0.0, 0.0]])
    H = [
        plane_homography(still, position, np.zeros((1, 2)), K=K, K_texture=K, inverse_depth_1_m=depth)[0]
        for depth in np.linspace(0.5, 2.0, 8)
    ]
    np.testing.assert_allclose(render(layers, H, (WIDTH, HEIGHT)), 1.0, atol=1e-3)


@pytest.mark.parametrize("mode", ["static", "dynamic"])
def test_an_exposure_of_planes_under_a_moving_camera_has_no_holes_and_shows_parallax(mode: Mode) -> None:
    @dataclass(frozen=True)
    class White(MadeFrames):
        def read(self, index: int) -> Frame:
            return np.full((HEIGHT, WIDTH, 3), 255, np.uint8)

    moving = np.array([[-0.05, 0.0, 0.0], [0.05, 0.0, 0.0]])
    for frames, moves in ((White(8, near_share=0.4), False), (MadeFrames(8, near_share=0.4), True)):
        scene = scene_of(frames, SourceOptions(mode=mode))
        path = CameraPath(np.array([0.0, 8 / 240]), np.zeros((2, 3)), moving, np.zeros((2, 2)), scene.focal_px)
        exposure = expose(View(scene, path, 2.0), 4 / 240, 5 / 240)
        if not moves:
            np.testing.assert_allclose(exposure.blurry, 1.0, atol=2e-3)
        else:  # near things, at 2 m / 3, move six times as far as the farthest, at 4 m
            travel = np.linalg.norm(np.diff(exposure.displacement.track_px[[0, -1]], axis=0)[0], axis=1)
            assert travel.max() == pytest.approx(6 * travel.min(), rel=0.02)


def test_a_frame_without_far_things_still_has_an_opaque_first_slab() -> None:
    light = scene_light(0)
    slabs = cut_slabs(light, np.full((HEIGHT, WIDTH), 2.0, np.float32), np.linspace(0.4, 2.1, 9))
    assert len(slabs) == 8
    np.testing.assert_array_equal(slabs[0], light)
    assert not any(texture.any() for texture in slabs[1:-1])


def test_a_flat_world_is_one_plane() -> None:
    @dataclass(frozen=True)
    class Wall(MadeFrames):
        def depth(self, index: int) -> NDArray[np.float32]:
            return np.full((10, 16), 3.0, np.float32)

    (layer,) = scene_of(Wall()).layers(0.01)
    assert layer.relative_inverse_depth == pytest.approx(1.0)


def test_a_missing_depth_map_is_refused() -> None:
    @dataclass(frozen=True)
    class Some(MadeFrames):
        def depth(self, index: int) -> NDArray[np.float32] | None:
            return np.full((10, 16), 3.0, np.float32) if index < 3 else None

    with pytest.raises(InputError, match="frame 3 has no depth map, and other frames have one"):
        measure_depth_scale(Some())


def test_metres_or_not_planes_are_the_same() -> None:
    @dataclass(frozen=True)
    class Scaled(MadeFrames):
        def depth(self, index: int) -> NDArray[np.float32] | None:
            depth = super().depth(index)
            return None if depth is None else np.asarray(7.0 * depth, np.float32)

    one, two = (scene_of(kind(6, near_share=0.4)).layers(2.5 / 240) for kind in (MadeFrames, Scaled))
    for a, b in zip(one, two, strict=True):
        assert a.relative_inverse_depth == pytest.approx(b.relative_inverse_depth, rel=1e-5)
        np.testing.assert_allclose(a.texture, b.texture, atol=1e-6)
