"""One exposure against closed forms: kernels, truths, displacement, borders; and what synthesis must not look at."""

import ast
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from made_scene import WIDE, constant_path, smooth_picture
from made_scene import MadeScene as Video
from numpy.typing import NDArray

import hvdbench
from hvdbench.camera.motion import CameraPath
from hvdbench.frames import to_display
from hvdbench.sources.scene import Layer, SceneKind, centred_K
from hvdbench.synth.exposure.displacement import grid_points, measure_displacement
from hvdbench.synth.exposure.layered import Layered
from hvdbench.synth.exposure.one_exposure import expose
from hvdbench.synth.exposure.one_plane import hat_weights
from hvdbench.synth.exposure.shutter import Shutter, count_sub_frames
from hvdbench.synth.exposure.view import View
from hvdbench.synth.margin import border_by_frame_px

SIZE = (96, 64)
F = 90.0
TAU_S = 0.02
T_MID_S = 0.05


def texture(seed: int = 0) -> NDArray[np.float32]:
    import cv2

    coarse = np.random.default_rng(seed).uniform(0.05, 0.9, (24, 36, 3)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (144, 96), interpolation=cv2.INTER_CUBIC), np.float32)


@dataclass(frozen=True)
class MadeScene:
    """A flat picture, or a flat picture with a white square that moves to the right."""

    picture: NDArray[np.float32]
    kind: SceneKind = "planar"
    object_px_s: float = 0.0
    flow_px_s: float = 0.0

    name = "made"
    split = "test"
    size = SIZE
    focal_px = F
    duration_s = None
    licence = "made"
    provenance = "made"

    def key_times(self, start_s: float, end_s: float) -> NDArray[np.float64] | None:
        return None if self.kind == "moving_object" else np.array([0.5 * (start_s + end_s)])

    def own_flow(self, t_s: float) -> NDArray[np.float32] | None:
        if not self.flow_px_s:
            return None
        return np.full((8, 12, 2), (self.flow_px_s, 0), np.float32)

    def layers(self, t_s: float) -> tuple[Layer, ...]:
        ground = Layer(self.picture, centred_K(F, self.picture.shape[1], self.picture.shape[0]))
        if self.kind != "moving_object":
            return (ground,)
        square = np.zeros((20, 20, 4), np.float32)
        square[4:16, 4:16] = 1.0
        offset = (self.object_px_s * (t_s - T_MID_S), 0.0)
        return (ground, Layer(square, centred_K(F, 20, 20), offset_px=offset, is_object=True))


def path(rotation_rate: tuple[float, float, float] = (0, 0, 0), lens_rate: tuple[float, float] = (0, 0)) -> CameraPath:
    t_s = np.linspace(0, 0.1, 401)
    since = (t_s - T_MID_S)[:, None]
    return CameraPath(t_s, since * np.radians(rotation_rate), since * np.zeros(3), since * np.radians(lens_rate), F)


def view(camera: CameraPath, **scene: object) -> View:
    return View(MadeScene(texture(), **scene), camera, 2.0)


def test_without_motion_blurry_equals_both_truths() -> None:
    exposure = expose(view(path()), T_MID_S, TAU_S)
    np.testing.assert_allclose(exposure.blurry, exposure.mid, atol=1e-6)
    np.testing.assert_array_equal(exposure.mid, exposure.centroid)
    assert exposure.displacement.extent_px.max() < 1e-9
    assert exposure.displacement.label(SIZE[0]) == 0


def test_a_lens_that_follows_a_small_turn_leaves_no_blur_at_the_centre() -> None:
    exposure = expose(view(path((0, 20, 0), (0, 20))), T_MID_S, TAU_S)
    centre = exposure.displacement.extent_px[len(grid_points(SIZE)) // 2]
    assert centre < 1e-3
    assert np.ptp(exposure.displacement.hand_px[:, 0]) == pytest.approx(2 * F * np.tan(np.radians(0.2)), rel=1e-3)


def test_a_constant_yaw_travels_f_omega_tau_times_1_plus_x_squared() -> None:
    omega_deg_s = 60.0
    points = grid_points(SIZE)
    extent = measure_displacement(view(path((0, omega_deg_s, 0))), T_MID_S, TAU_S).extent_px
    middle_row = np.abs(points[:, 1] - (SIZE[1] - 1) / 2) < 1e-9
    x = (points[middle_row, 0] - (SIZE[0] - 1) / 2) / F
    expected = F * np.radians(omega_deg_s) * TAU_S * (1 + x**2)
    np.testing.assert_allclose(extent[middle_row], expected, rtol=2e-3)


def test_a_constant_yaw_blurs_by_a_box_of_that_length() -> None:
    # A bright line far from everything: blurred it is a box f·Ω·τ wide with the same light.
    picture = np.zeros((96, 144, 3), np.float32)
    picture[:, 71:73] = 0.5
    length = F * np.radians(250.0) * TAU_S
    exposure = expose(View(MadeScene(picture), path((0, 250, 0)), 2.0), T_MID_S, TAU_S)
    row = exposure.blurry[SIZE[1] // 2, :, 0]
    sharp_row = exposure.mid[SIZE[1] // 2, :, 0]
    assert row.sum() == pytest.approx(sharp_row.sum(), rel=0.01)
    place = np.arange(SIZE[0])
    mean = (row * place).sum() / row.sum()
    variance = (row * (place - mean) ** 2).sum() / row.sum() - (2**2 / 12)
    assert mean == pytest.approx((SIZE[0] - 1) / 2, abs=0.05)
    assert np.sqrt(12 * variance) == pytest.approx(length, rel=0.05)
    inner = row[(np.abs(place - mean) < length / 2 - 2)]
    assert np.ptp(inner) < 0.1 * inner.mean()


def test_half_pixel_steps_are_as_good_as_eighth_pixel_steps() -> None:
    shaken = view(path((30, 200, 20)))
    coarse = to_display(expose(shaken, T_MID_S, TAU_S, step_px=0.5).blurry).astype(float)
    fine = to_display(expose(shaken, T_MID_S, TAU_S, step_px=0.125).blurry).astype(float)
    psnr = 10 * np.log10(255**2 / max(np.mean((coarse - fine) ** 2), 1e-12))
    assert psnr >= 60.0


def test_black_and_white_average_in_light() -> None:
    # Half the light of 255 is 186 after a gamma of 2.2, not 128.
    assert to_display(np.full((1, 1, 3), 0.5, np.float32))[0, 0, 0] == 186


def test_the_centroid_truth_lies_at_the_mean_of_the_exposure() -> None:
    # A turn by a·u², u from 0 to 1: its mean is a/3, at mid-exposure it is at a/4.
    camera = path()
    share = np.clip((camera.t_s - T_MID_S) / TAU_S + 0.5, 0, None)
    angle = 6.0 * share**2
    camera = replace(camera, rotation_vector_wc=np.stack([0 * angle, np.radians(angle), 0 * angle], axis=1))
    picture = np.zeros((96, 144, 3), np.float32)
    picture[:, 71:73] = 0.5
    exposure = expose(View(MadeScene(picture), camera, 2.0), T_MID_S, TAU_S)

    def place(light: NDArray[np.float32]) -> float:
        row = light[SIZE[1] // 2, :, 0]
        return float((row * np.arange(SIZE[0])).sum() / row.sum())

    assert place(exposure.blurry) == pytest.approx(place(exposure.centroid), abs=0.1)
    assert place(exposure.mid) - place(exposure.blurry) == pytest.approx(F * np.radians(6.0 / 12), rel=0.15)


def test_an_object_has_its_own_blur_mask_and_mean_place() -> None:
    exposure = expose(view(path(), kind="moving_object", object_px_s=400.0), T_MID_S, TAU_S)
    assert exposure.object_mask is not None
    assert exposure.object_mask.sum() == pytest.approx(12 * 12, abs=26)
    row = exposure.blurry[SIZE[1] // 2]
    assert np.abs(row - exposure.mid[SIZE[1] // 2]).max() > 0.1  # 8 px of its own motion
    np.testing.assert_allclose(exposure.blurry[:10], exposure.mid[:10], atol=1e-6)  # the ground is still
    np.testing.assert_allclose(exposure.centroid, exposure.mid, atol=1e-3)
    points = grid_points(SIZE)
    centre = len(points) // 2
    assert exposure.displacement.extent_px[centre] == pytest.approx(400 * TAU_S, rel=1e-6)
    assert np.median(exposure.displacement.extent_px) < 1e-9


def test_motion_in_a_videos_own_frames_counts() -> None:
    extent = measure_displacement(view(path(), flow_px_s=200.0), T_MID_S, TAU_S).extent_px
    np.testing.assert_allclose(extent, 4.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("path_px", "exposure_s", "count"), [(0.0, 0.001, 9), (0.0, 0.02, 20), (30.0, 0.02, 60), (500.0, 0.02, 1000)]
)
def test_sub_frames_follow_path_and_time(path_px: float, exposure_s: float, count: int) -> None:
    assert count_sub_frames(path_px, exposure_s, step_px=0.5, sub_frame_hz=960) == count


def test_the_count_of_sub_frames_has_a_stated_limit() -> None:
    assert count_sub_frames(1e9, 0.02, step_px=0.5, sub_frame_hz=960) == 4096


@pytest.mark.parametrize("readout_s", [0.0, 0.01])
def test_without_motion_a_turned_view_gives_one_picture_three_times(readout_s: float) -> None:
    for pictures in ((smooth_picture(),), (smooth_picture(),) * 30):
        view = View(Video(pictures), constant_path(at_deg=(1.0, 2.0, 5.0)), 2.0)
        exposure = expose(view, T_MID_S, TAU_S, readout_s=readout_s)
        np.testing.assert_allclose(exposure.blurry, exposure.mid, atol=1e-5)
        np.testing.assert_allclose(exposure.centroid, exposure.mid, atol=1e-5)


def test_a_changing_video_is_averaged_as_if_each_sub_frame_were_made() -> None:
    pictures = tuple(smooth_picture(seed) for seed in range(25))
    view = View(Video(pictures), constant_path((30, 150, 40), at_deg=(0.2, 0.5, 1.0)), 2.0)
    exposure = expose(view, T_MID_S, TAU_S)
    shutter = Shutter(T_MID_S, TAU_S, SIZE[1])
    one_by_one = Layered(view, shutter, view.scene.layers(T_MID_S), False, shutter.bands(0.0))
    times = shutter.times(exposure.sub_frames)
    for name, slow in (
        ("blurry", one_by_one.average(times)),
        ("mid", one_by_one.average(np.array([T_MID_S]))),
        ("centroid", one_by_one.centroid(times)),
    ):
        difference = np.abs(getattr(exposure, name) - slow)
        assert difference.max() < 0.01, name
        assert difference.mean() < 0.001, name


def test_hats_sum_to_one_and_are_held_past_their_ends() -> None:
    keys = np.array([0.0, 0.1, 0.4])
    times = np.array([[-1.0, 0.0], [0.05, 0.25], [0.4, 2.0]])
    weights = hat_weights(keys, times)
    np.testing.assert_allclose(weights.sum(axis=0), 1.0)
    np.testing.assert_allclose(weights[:, 1, 1], [0.0, 0.5, 0.5])
    np.testing.assert_allclose(weights[:, :, 1][:, 2], [0.0, 0.0, 1.0])


def test_the_border_is_told_before_it_shows() -> None:
    # The frame has 32 px to spare at the sides: a yaw by θ at the end of the exposure uses f (tan(φ + θ) − tan φ).
    corner_x, corner_y = np.arctan((SIZE[0] - 1) / 2 / F), (SIZE[1] - 1) / 2
    for rate_deg_s in (0.0, 500.0, 1500.0, 3000.0):
        view_of = View(Video(), constant_path((0, rate_deg_s, 0)), 2.0)
        exposure = expose(view_of, T_MID_S, TAU_S)
        turned = corner_x + np.radians(rate_deg_s) * TAU_S / 2
        sideways = F * np.tan(turned) - (WIDE[0] - 1) / 2
        upwards = corner_y * np.cos(corner_x) / np.cos(turned) - (WIDE[1] - 1) / 2
        assert exposure.border_px == pytest.approx(max(sideways, upwards), abs=1e-6)
        by_frame = border_by_frame_px(view_of, np.array([0.04, T_MID_S, 0.06]), TAU_S)
        assert by_frame.shape == (3,)
        assert by_frame[1] == pytest.approx(exposure.border_px, abs=1e-9)
        assert (by_frame[[0, 2]] >= by_frame[1] - 1e-9).all()
    assert expose(View(Video(), constant_path(), 2.0), T_MID_S, TAU_S).border_px == pytest.approx(
        -28.0
    )  # (120 − 64) / 2


def test_a_rolling_shutter_reaches_further_past_the_border() -> None:
    view_of = View(Video(), constant_path((0, 1500.0, 0)), 2.0)
    middle = np.array([T_MID_S])
    still = border_by_frame_px(view_of, middle, TAU_S)[0]
    assert border_by_frame_px(view_of, middle, TAU_S, readout_s=0.02)[0] > still + 5.0


def test_nothing_that_makes_or_chooses_clips_reads_the_image_sharpness_measure() -> None:
    # Truth labels come from motion alone: labels and the sharpness measure are for those who look at pictures.
    root = Path(hvdbench.__file__).parent
    seen = []
    for stage in ("synth", "camera", "sources"):
        for file in sorted((root / stage).rglob("*.py")):
            seen.append(file)
            for imported in imports_of(file):
                assert not imported.startswith(("hvdbench.labels", "hvdbench.metrics")), (
                    f"{file.relative_to(root)} imports {imported}"
                )
    assert len(seen) > 20


def imports_of(file: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names += [node.value] if node.value.startswith("hvdbench.") else []  # import strings
    return names
