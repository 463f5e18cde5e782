"""Closed forms of stabilised camera motion, through the stabiliser, the camera path and the exposure.

Which test holds which closed form:

- small sinusoid, residual A·|1 − G|: ``test_ois`` (2 % up to 20 Hz), here (0.4 % up to 1 Hz, half a sample above);
- perfect stabiliser, nothing is left: ``test_ois`` (angle), here (picture: blurry is both truths);
- no stabiliser, constant yaw: box of f·Ω·τ·(1 + x²): ``test_exposure`` (kernel and extent), here (exactly);
- constant pan against a leak: ``test_ois`` (when it saturates, where it settles), here (image velocity before, after);
- clamped integrator: ``test_ois`` (play operator, amplitude), here (share of still time, in the image);
- field residual f·θ·x²: ``test_warp`` (exact), here (extent at the edge);
- roll 2·r·sin(α/2), stabilised or not: ``test_warp`` (map), here (extent);
- lateral and forward move f·T/Z, r·dz/(Z − dz): ``test_warp`` (map), here (extent, planes at several depths);
- two-level average 186 (gamma 2.2) and 188 (sRGB): here, from an exposure;
- constant motion at 0.5 px against 0.125 px steps: ``test_exposure``, here (rolling shutter);
- reversal, residual at rest for 2 θ_max of travel: ``test_ois`` (angle), here (run of exposures without blur).
"""

import numpy as np
import pytest
from made_scene import PERFECT, RATE_HZ, SIZE, WIDE, F, MadeScene, constant_path, smooth_picture, stabilised_path
from numpy.typing import NDArray

from hvdbench.camera.stabiliser.ois import small_signal_residual
from hvdbench.camera.stabiliser.settings import OisSettings
from hvdbench.frames import to_display
from hvdbench.response import open_response
from hvdbench.sources.scene import Layer, centred_K
from hvdbench.synth.exposure.displacement import grid_points, measure_displacement
from hvdbench.synth.exposure.one_exposure import expose
from hvdbench.synth.exposure.view import View
from hvdbench.synth.exposure.warp import Array, project

TAU_S = 0.02
T_MID_S = 0.05
CENTRE = np.array([(SIZE[0] - 1) / 2, (SIZE[1] - 1) / 2])


def turning(rate_deg_s: NDArray[np.float64], axis: int = 1) -> Array:
    omega = np.zeros((len(rate_deg_s), 3))
    omega[:, axis] = np.radians(rate_deg_s)
    return omega


def seen_centre_px(view: View, t_s: Array) -> Array:
    """Follow the world's point that is in the frame's centre where there is no motion: (N,) px along x."""
    (H,) = view.homographies(view.scene.layers(0.0), t_s)
    middle = np.array([(WIDE[0] - 1) / 2, (WIDE[1] - 1) / 2])
    return project(H, middle)[:, 0] - CENTRE[0]


@pytest.mark.parametrize("frequency_hz", [0.3, 1.0, 4.0, 12.0])
def test_a_small_sinusoid_leaves_a_times_1_less_g_in_the_image(frequency_hz: float) -> None:
    ois = OisSettings(stroke_deg=45.0, leak_limit_hz=0.14, gyro_noise_mdps=0.0)
    amplitude_deg = 0.1
    t_s = np.arange(int(20 * RATE_HZ)) / RATE_HZ
    omega = turning(amplitude_deg * 2 * np.pi * frequency_hz * np.cos(2 * np.pi * frequency_hz * t_s))
    view = View(MadeScene(), stabilised_path(omega, ois), 2.0)
    late = t_s[t_s >= 10.0]
    place = seen_centre_px(view, late)
    wave = np.exp(-2j * np.pi * frequency_hz * late)
    found = 2j * np.mean((place - place.mean()) * wave) / (F * np.radians(amplitude_deg))
    expected = small_signal_residual(np.array([frequency_hz]), ois)[0]
    half_a_sample = 2 * np.pi * frequency_hz * 0.5 / RATE_HZ
    assert abs(found) == pytest.approx(abs(expected), rel=0.004 if frequency_hz <= 1 else 0, abs=half_a_sample)


def test_a_perfect_stabiliser_leaves_no_blur() -> None:
    t_s = np.arange(int(0.1 * RATE_HZ)) / RATE_HZ
    tilting = stabilised_path(turning(200 * np.sin(60 * t_s)), PERFECT.model_copy(update={"kind": "module_tilt"}))
    exposure = expose(View(MadeScene(), tilting, 2.0), T_MID_S, TAU_S)
    assert exposure.displacement.extent_px.max() < 1e-9
    np.testing.assert_allclose(exposure.blurry, exposure.mid, atol=1e-6)
    np.testing.assert_allclose(exposure.centroid, exposure.mid, atol=1e-6)
    shifting = View(MadeScene(), stabilised_path(turning(20 * np.sin(60 * t_s)), PERFECT), 2.0)
    assert np.abs(seen_centre_px(shifting, t_s)).max() < 1e-9  # a lens that shifts follows exactly on its axis


def test_without_a_stabiliser_a_yaw_travels_what_the_projection_says() -> None:
    view = View(MadeScene(), constant_path((0, 60.0, 0)), 2.0)
    points = grid_points(SIZE)
    extent = measure_displacement(view, T_MID_S, TAU_S).extent_px
    middle_row = np.abs(points[:, 1] - CENTRE[1]) < 1e-9
    field = np.arctan((points[middle_row, 0] - CENTRE[0]) / F)
    half = np.radians(60.0) * TAU_S / 2
    np.testing.assert_allclose(extent[middle_row], F * (np.tan(field + half) - np.tan(field - half)), rtol=1e-9)


@pytest.mark.parametrize("after", [False, True])
def test_a_pan_against_the_leak_moves_the_image_as_the_closed_form_says(after: bool) -> None:
    # Ω (1 − e^(−λt)) while the lens follows, Ω once it is at its stop.
    leak = 2 * np.pi * 0.14
    ois = PERFECT.model_copy(update={"stroke_deg": 1.0, "leak_hz": 0.14, "leak_limit_hz": 0.14})
    pan = np.radians(2.0)
    view = View(MadeScene(), stabilised_path(turning(np.full(int(1.2 * RATE_HZ), 2.0)), ois), 2.0)
    t_mid = 0.9 if after else 0.45
    found = np.ptp(measure_displacement(view, t_mid, TAU_S).centre_px[:, 0])
    half = TAU_S / 2
    lost = 0.0 if after else (np.exp(-leak * (t_mid - half)) - np.exp(-leak * (t_mid + half))) / leak
    assert found == pytest.approx(F * pan * (TAU_S - lost), rel=0.003)


@pytest.mark.parametrize("swing_deg", [2.0, 4.0, 8.0])
def test_a_clamped_stabiliser_holds_the_image_still_for_its_share_of_a_swing(swing_deg: float) -> None:
    stroke_deg = 1.0
    t_s = np.arange(int(3 * RATE_HZ)) / RATE_HZ
    omega = turning(swing_deg * 2 * np.pi * np.cos(2 * np.pi * t_s))
    path = stabilised_path(omega, PERFECT.model_copy(update={"stroke_deg": stroke_deg}))
    left = np.degrees(path.residual_rad[t_s >= 1.0, 1])
    assert np.ptp(left) / 2 == pytest.approx(swing_deg - stroke_deg, abs=1e-3)
    still = np.mean(np.abs(np.diff(left)) < 1e-9)
    assert still == pytest.approx(np.arccos(1 - 2 * stroke_deg / swing_deg) / np.pi, abs=0.007)


def test_a_lens_that_shifts_leaves_f_theta_x_squared_at_the_edge() -> None:
    # A swing of 0.3 degrees in one exposure, followed by the lens.
    omega = turning(np.full(int(0.1 * RATE_HZ) + 1, 0.3 / TAU_S))
    path = stabilised_path(omega, PERFECT)
    displacement = measure_displacement(View(MadeScene(), path, 2.0), T_MID_S, TAU_S)
    points = grid_points(SIZE)
    edge = np.flatnonzero((points[:, 0] == 0) & (np.abs(points[:, 1] - CENTRE[1]) < 1e-9))[0]
    x = CENTRE[0] / F
    middle = np.radians(0.3 / TAU_S * T_MID_S)
    low, high = middle - np.radians(0.15), middle + np.radians(0.15)
    field = np.arctan(-x)

    def left(angle: float) -> float:
        seen = np.arctan(np.tan(field) - np.tan(middle)) + middle  # the direction that the edge shows at mid-exposure
        return float(F * (np.tan(seen - angle) + np.tan(angle)))

    assert displacement.extent_px[edge] == pytest.approx(abs(left(high) - left(low)), rel=1e-6)
    centred = constant_path((0, 0.3 / TAU_S, 0), lens_deg_s=(0, 0.3 / TAU_S))
    extent = measure_displacement(View(MadeScene(), centred, 2.0), T_MID_S, TAU_S).extent_px
    assert extent[edge] == pytest.approx(F * np.radians(0.3) * x**2, rel=0.01)


@pytest.mark.parametrize("kind", ["off", "lens_shift"])
def test_roll_travels_2_r_sin_half_whatever_the_stabiliser(kind: str) -> None:
    alpha = np.radians(3.0)
    omega = turning(np.full(int(0.1 * RATE_HZ) + 1, 3.0 / TAU_S), axis=2)
    path = stabilised_path(omega, PERFECT.model_copy(update={"kind": kind}))
    extent = measure_displacement(View(MadeScene(), path, 2.0), T_MID_S, TAU_S).extent_px
    radius = np.linalg.norm(grid_points(SIZE) - CENTRE, axis=1)
    np.testing.assert_allclose(extent, 2 * radius * np.sin(alpha / 2), atol=1e-9)


def plane(depth_m: float, left: int = 0) -> Layer:
    """Make a layer of the scene's size that covers what is right of a column."""
    picture = np.dstack([smooth_picture(), np.ones(WIDE[::-1], np.float32)])
    picture[:, :left] = 0.0
    return Layer(picture, centred_K(F, *WIDE), inverse_depth_1_m=1.0 / depth_m)


def test_a_move_over_planes_travels_by_each_ones_depth() -> None:
    # Left third at 8 m, middle at 4 m, right at 1 m; the frame begins 32 px into the pictures.
    planes = (Layer(smooth_picture(), centred_K(F, *WIDE), inverse_depth_1_m=1 / 8), plane(4.0, 64), plane(1.0, 96))
    points = grid_points(SIZE)
    depth = np.where(points[:, 0] < 32, 8.0, np.where(points[:, 0] < 64, 4.0, 1.0))
    sideways = View(MadeScene(planes=planes), constant_path(velocity_m_s=(2.0, 0, 0)), 2.0)
    extent = measure_displacement(sideways, T_MID_S, TAU_S).extent_px
    np.testing.assert_allclose(extent, F * 2.0 * TAU_S / depth, rtol=1e-9)
    forward = View(MadeScene(planes=planes), constant_path(velocity_m_s=(0, 0, 2.0)), 2.0)
    extent = measure_displacement(forward, T_MID_S, TAU_S).extent_px
    radius, half = np.linalg.norm(points - CENTRE, axis=1), 2.0 * TAU_S / 2
    np.testing.assert_allclose(extent, radius * (half / (depth - half) + half / (depth + half)), rtol=1e-9)


def test_a_relative_depth_is_scaled_by_the_scenes() -> None:
    near = Layer(smooth_picture(), centred_K(F, *WIDE), relative_inverse_depth=2.0)
    view = View(MadeScene(planes=(near,)), constant_path(velocity_m_s=(2.0, 0, 0)), depth_m=3.0)
    extent = measure_displacement(view, T_MID_S, TAU_S).extent_px
    np.testing.assert_allclose(extent, F * 2.0 * TAU_S * 2.0 / 3.0, rtol=1e-9)


@pytest.mark.parametrize(("response", "level"), [("gamma2.2", 186), ("srgb", 188)])
def test_black_and_white_in_even_shares_average_in_light(response: str, level: int) -> None:
    # A video that turns from black to white, as much before mid-exposure as after.
    curve = open_response(response)
    levels = [curve.to_light(np.full((WIDE[1], WIDE[0], 3), value, np.uint8)) for value in (0, 255)]
    scene = MadeScene((levels[0], levels[1]), key_step_s=2 * T_MID_S)
    exposure = expose(View(scene, constant_path((0, 100.0, 0)), 2.0), T_MID_S, TAU_S)
    np.testing.assert_array_equal(curve.to_display(exposure.blurry), level)


@pytest.mark.parametrize("readout_s", [0.0, 0.015])
def test_half_pixel_steps_are_as_good_as_eighth_pixel_steps(readout_s: float) -> None:
    view = View(MadeScene(), constant_path((30, 200, 20)), 2.0)
    levels = [
        to_display(expose(view, T_MID_S, TAU_S, step_px=step, readout_s=readout_s).blurry).astype(float)
        for step in (0.5, 0.125)
    ]
    assert 10 * np.log10(255**2 / max(np.mean((levels[0] - levels[1]) ** 2), 1e-12)) >= 60.0


def test_after_a_reversal_frames_are_sharp_for_twice_the_stroke() -> None:
    # 25 degrees a second and 0.7 degrees: 56 ms, that is exposures of 4 ms without blur for 52 ms of middles.
    ois = PERFECT.model_copy(update={"stroke_deg": 0.7})
    rate = np.full(2000, 25.0)
    rate[1000:] = -25.0
    view = View(MadeScene(), stabilised_path(turning(rate), ois), 2.0)
    middles = np.arange(0.45, 0.65, 0.001)
    sharp = [np.ptp(measure_displacement(view, t, 0.004).centre_px[:, 0]) < 0.01 for t in middles]
    assert np.sum(sharp) * 0.001 == pytest.approx(2 * 0.7 / 25.0 - 0.004, abs=0.0025)
