"""High-speed frames stand for a moving world: exposures made from 240 fps against the exact average of 1920 fps."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hvdbench.camera.motion import CameraPath
from hvdbench.frames import write_frame
from hvdbench.response import open_response
from hvdbench.sources.frame_sequence import FileFrames
from hvdbench.sources.high_speed import VideoScene, open_video_scene
from hvdbench.sources.scene import SourceOptions
from hvdbench.synth.exposure.one_exposure import expose
from hvdbench.synth.exposure.view import View

Picture = NDArray[np.float32]
Waves = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

FPS, STEPS, INTERVALS = 240.0, 8, 5  # STEPS exact pictures to a source interval
WIDTH, HEIGHT, MARGIN = 160, 96, 8
RESPONSE = open_response("gamma2.2")


@dataclass(frozen=True)
class World:
    """A textured ellipse over a textured ground, both moving evenly; each pixel averages 3 x 3 points."""

    object_px_s: tuple[float, float]
    ground_px_s: tuple[float, float]
    seed: int
    centre_px: tuple[float, float] = (42.0, 52.0)
    radii_px: tuple[float, float] = (26.0, 20.0)
    points: int = 3
    waves: tuple[Waves, Waves] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        generator = np.random.default_rng(self.seed)
        object.__setattr__(self, "waves", (draw_waves(generator), draw_waves(generator)))

    def light(self, t_s: float) -> Picture:
        inside = (np.arange(self.points) + 0.5) / self.points - 0.5
        column, row = (np.arange(count)[:, None] + inside for count in (WIDTH, HEIGHT))
        x, y = np.meshgrid(column.ravel(), row.ravel())
        picture = 0.1 + 0.6 * texture(self.waves[0], x - self.ground_px_s[0] * t_s, y - self.ground_px_s[1] * t_s)
        dx = x - self.centre_px[0] - self.object_px_s[0] * t_s
        dy = y - self.centre_px[1] - self.object_px_s[1] * t_s
        own = (dx / self.radii_px[0]) ** 2 + (dy / self.radii_px[1]) ** 2 < 1
        picture[own] = 0.05 + 0.9 * texture(self.waves[1], dx[own], dy[own])
        return picture.reshape(HEIGHT, self.points, WIDTH, self.points, 3).mean(axis=(1, 3)).astype(np.float32)


def draw_waves(generator: np.random.Generator, count: int = 14) -> Waves:
    length = generator.uniform(6, 60, count)
    colour = generator.normal(0, 1.5, (count, 3)) * ((length / 60) ** 0.7)[:, None]
    return length, generator.uniform(0, 2 * np.pi, count), generator.uniform(0, 2 * np.pi, count), colour


def texture(waves: Waves, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros((*x.shape, 3))
    for length, angle, phase, colour in zip(*waves, strict=True):
        total += np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / length + phase)[..., None] * colour
    return 0.5 + 0.5 * np.tanh(total / 1.5)


@cache
def picture(world: World, step: int) -> Picture:
    """The world at a step of 1 / 1920 s after the first source frame."""
    return world.light(step / FPS / STEPS)


def exact_average(world: World, first: float, last: float) -> Picture:
    """Average the world between two source frames: trapezoids of 1 / 1920 s."""
    steps = range(round(first * STEPS), round(last * STEPS) + 1)
    total = sum(picture(world, step) for step in steps) - 0.5 * (picture(world, steps[0]) + picture(world, steps[-1]))
    return np.asarray(total / (len(steps) - 1), np.float32)


def psnr(a: Picture, b: Picture) -> float:
    """Of display values, unrounded."""
    difference = RESPONSE.encode(a.astype(np.float64)) - RESPONSE.encode(b.astype(np.float64))
    return float(-10 * np.log10(np.mean(np.square(difference))))


def recorded(world: World, folder: Path, *, interpolate: bool = True) -> VideoScene:
    """The world as PNG files at 240 fps; frame i shows it at i / 240 s and stands for (i + 1/2) / 240 s."""
    folder.mkdir(exist_ok=True)
    files = []
    for index in range(INTERVALS + 1):
        files.append(folder / f"{index:06d}.png")
        if not files[-1].is_file():
            write_frame(files[-1], RESPONSE.to_display(picture(world, index * STEPS)))
    options = SourceOptions(interpolate=interpolate)
    return open_video_scene(
        FileFrames(tuple(files)), options, name="w", split="test", fps=FPS, licence="made", source="made", where=folder
    )


def exposed(scene: VideoScene, first: float, last: float) -> Picture:
    """Average a scene's key pictures between two source frames, by trapezoids of the widths that they have."""
    times = scene.key_times((first + 0.5) / FPS, (last + 0.5) / FPS)
    light = np.stack([scene.layers(float(time))[0].texture for time in times])
    widths = np.diff(times)
    weights = 0.5 * (np.r_[widths, 0.0] + np.r_[0.0, widths])
    return np.asarray(np.tensordot(weights / weights.sum(), light, 1), np.float32)


# Worlds and what each reaches, dB: blends of neighbours, and interpolation, each at least; measured 1 to 2 dB above.
SLOW = World((200.0, -80.0), (20.0, 10.0), 0)  # 0.9 px a source interval
MOVING = {
    "1.3 px": (World((300.0, -100.0), (20.0, 20.0), 0), 54.0, 1.5),
    "2.5 px": (World((600.0, -100.0), (100.0, 20.0), 2), 54.0, 7.0),
    "3.8 px": (World((900.0, -100.0), (100.0, 20.0), 3), 52.5, 8.0),
    "5.0 px, against the ground": (World((1200.0, -100.0), (-100.0, 20.0), 7), 51.5, 8.5),
    "6.3 px": (World((1500.0, -100.0), (300.0, 20.0), 6), 50.0, 9.5),
}


@pytest.mark.slow
@pytest.mark.parametrize("speed", MOVING)
def test_interpolation_brings_exposures_close_to_the_exact_average(speed: str, tmp_path: Path) -> None:
    world, least_db, least_gain_db = MOVING[speed]
    exact = exact_average(world, 0, 4)
    followed = psnr(exposed(recorded(world, tmp_path), 0, 4), exact)
    blended = psnr(exposed(recorded(world, tmp_path, interpolate=False), 0, 4), exact)
    assert followed > least_db
    assert followed > blended + least_gain_db


@pytest.mark.slow
def test_an_instant_between_frames_is_sharp_where_a_blend_shows_two(tmp_path: Path) -> None:
    world = MOVING["3.8 px"][0]
    truth = picture(world, 2 * STEPS + STEPS // 2)
    t_s = 3.0 / FPS  # half-way from frame 2 to 3
    followed = recorded(world, tmp_path).layers(t_s)[0].texture
    blended = recorded(world, tmp_path, interpolate=False).layers(t_s)[0].texture
    assert psnr(followed, truth) > 40.0
    assert psnr(followed, truth) > psnr(blended, truth) + 7.0


@pytest.mark.slow
def test_a_still_camera_sees_that_average_through_the_whole_exposure(tmp_path: Path) -> None:
    world = MOVING["3.8 px"][0]
    scene = recorded(world, tmp_path)
    assert scene.size == (WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN)
    rest = np.zeros((2, 3))
    path = CameraPath(np.array([0.0, 0.1]), rest, rest, np.zeros((2, 2)), scene.focal_px)
    start, end = 0.75, 4.25  # in source frames
    exposure = expose(View(scene, path, 3.0), (0.5 * (start + end) + 0.5) / FPS, (end - start) / FPS)
    crop = np.s_[MARGIN : HEIGHT - MARGIN, MARGIN : WIDTH - MARGIN]
    exact = exact_average(world, start, end)
    assert psnr(exposure.blurry, exact[crop]) > 52.0
    truth = picture(world, round(0.5 * (start + end) * STEPS))
    assert psnr(exposure.mid, truth[crop]) > 40.0


def test_a_world_that_moves_under_a_pixel_is_blended_as_without_interpolation(tmp_path: Path) -> None:
    scene, plain = recorded(SLOW, tmp_path), recorded(SLOW, tmp_path, interpolate=False)
    times = scene.key_times(0.5 / FPS, 4.5 / FPS)
    np.testing.assert_allclose(times * FPS, [0.5, 1.5, 2.5, 3.5, 4.5])
    for time in (*times, 1.8 / FPS):
        np.testing.assert_array_equal(scene.layers(time)[0].texture, plain.layers(time)[0].texture)
    assert psnr(exposed(scene, 0, 4), exact_average(SLOW, 0, 4)) > 52.0


def test_key_times_leave_at_most_a_pixel_between_them(tmp_path: Path) -> None:
    world = World((900.0, 0.0), (100.0, 20.0), 3)  # 3.75 px a source interval
    scene = recorded(world, tmp_path)
    times = scene.key_times(1.0 / FPS, 2.6 / FPS)
    steps_px = np.diff(times) * 900.0
    assert times[0] <= 1.0 / FPS
    assert times[-1] >= 2.6 / FPS
    assert len(times) in range(8, 10)  # four parts to an interval of which 1.6 are covered
    assert steps_px.max() < 1.0
    assert len(recorded(world, tmp_path, interpolate=False).key_times(1.0 / FPS, 2.6 / FPS)) == 4


def test_own_motion_is_said_in_output_pixels_a_second(tmp_path: Path) -> None:
    world = World((600.0, -100.0), (100.0, 20.0), 2)
    scene = recorded(world, tmp_path)
    flow = scene.own_flow(2.5 / FPS)
    assert flow is not None
    assert flow.shape == (HEIGHT - 2 * MARGIN, WIDTH - 2 * MARGIN, 2)
    # Half-way between frames 2 and 3: the object is at its centre there, less the margin.
    x, y = (round(world.centre_px[axis] + world.object_px_s[axis] * 2.0 / FPS) - MARGIN for axis in (0, 1))
    np.testing.assert_allclose(np.median(flow[y - 8 : y + 9, x - 8 : x + 9], axis=(0, 1)), (600.0, -100.0), atol=25.0)
    np.testing.assert_allclose(np.median(flow[:, -30:], axis=(0, 1)), (100.0, 20.0), atol=15.0)
