"""Optical and electronic stabilisation together: what reaches the sensor, then frames turned as a whole."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hvdbench.camera.hand import PRESETS
from hvdbench.camera.motion import CameraPath, simulate_motion, smooth_frames
from hvdbench.camera.stabiliser.settings import OisSettings
from hvdbench.sweep.measure import compare_stabilisers, draw_hands

RATE_HZ = 2000.0
FPS = 30.0
FOCAL_PX = 1387.0
K = np.array([[FOCAL_PX, 0, 960], [0, FOCAL_PX, 540], [0, 0, 1.0]])
FOLLOWS_ALL = {
    "stroke_deg": 45.0,
    "leak_hz": 0.0,
    "leak_limit_hz": 0.0,
    "highpass_hz": 0.0,
    "gain": 1.0,
    "delay_s": 0.0,
    "natural_frequency_hz": 0.0,
    "gyro_noise_mdps": 0.0,
}
MIDDLE_S = (np.arange(60) + 0.5) / FPS
INSIDE_S = MIDDLE_S[:, None] + 0.7 / FPS * np.linspace(-0.5, 0.5, 9)


def shaken(fps: float = FPS, **ois: object) -> CameraPath:
    return simulate_motion(
        duration_s=2.0,
        focal_px=FOCAL_PX,
        hand=PRESETS["shaky"],
        ois=OisSettings(**ois),
        generator=np.random.default_rng(4),
        fps=fps,
    )


def centre(path: CameraPath, t_s: np.ndarray) -> np.ndarray:
    """Where the far point before the reference view's centre appears, px about the frame's centre: (N, 2)."""
    ray = Rotation.from_rotvec(path.rotation_at(t_s)).inv().apply([0.0, 0.0, 1.0])
    return FOCAL_PX * ray[:, :2] / ray[:, 2:] + path.lens_shift_at(t_s)


def way(path: CameraPath) -> np.ndarray:
    """How far the centre goes in each exposure from its mid-exposure: (60, 9, 2)."""
    seen = centre(path, INSIDE_S.ravel()).reshape(60, 9, 2)
    return seen - seen[:, 4:5]


@pytest.mark.parametrize("kind", ["lens_shift", "module_tilt"])
def test_blur_is_what_the_lens_leaves_and_motion_what_the_smoothed_path_does(kind: str) -> None:
    alone, both, eis = shaken(kind=kind), shaken(kind=kind, eis_smoothing_s=0.4), shaken(kind="eis")
    length = [np.linalg.norm(np.ptp(way(path), axis=1), axis=1) for path in (alone, both, eis)]
    np.testing.assert_allclose(length[1], length[0], rtol=0.12, atol=0.3)
    assert np.median(length[1]) < 0.9 * np.median(length[2])
    speed = [np.linalg.norm(np.diff(centre(path, MIDDLE_S), axis=0), axis=1).mean() for path in (alone, both)]
    assert speed[1] < 0.1 * speed[0]


@pytest.mark.parametrize("kind", ["off", "lens_shift", "sensor_shift", "module_tilt"])
def test_mid_exposures_lie_on_the_smoothed_path_without_a_shift(kind: str) -> None:
    path = shaken(kind=kind, eis_smoothing_s=0.3)
    assert path.smooth_rotation_vector_wc is not None
    smooth = [np.interp(MIDDLE_S, path.t_s, column) for column in path.smooth_rotation_vector_wc.T]
    np.testing.assert_allclose(path.rotation_at(MIDDLE_S), np.transpose(smooth), atol=1e-9)
    np.testing.assert_allclose(path.lens_shift_at(MIDDLE_S), 0.0, atol=1e-9)


def test_turned_frames_are_the_captured_ones_under_one_homography_each() -> None:
    # Captured: (K + shift(t)) R(t)ᵀ; then each frame by K Rₛᵀ Rₘ (K + shiftₘ)⁻¹, the same for all of its instants.
    alone, both = shaken(kind="lens_shift"), shaken(kind="lens_shift", eis_smoothing_s=0.4)
    for frame in range(0, 60, 7):
        times = INSIDE_S[frame]
        shifted = np.tile(K, (9, 1, 1))
        shifted[:, :2, 2] += alone.lens_shift_at(times)
        captured = shifted @ Rotation.from_rotvec(alone.rotation_at(times)).inv().as_matrix()
        middle = Rotation.from_rotvec(alone.rotation_at(times[4:5]))[0]
        smooth = Rotation.from_rotvec(both.rotation_at(times[4:5]))[0]
        whole = K @ (smooth.inv() * middle).as_matrix() @ np.linalg.inv(shifted[4])
        # The ray that is at the centre of the turned frame at mid-exposure, and one at its edge.
        for point, within_px in (([0.0, 0.0, 1.0], 0.05), ([0.6, 0.2, 1.0], 0.5)):
            ray = smooth.apply(point)
            seen = whole @ captured @ ray
            seen = seen[:, :2] / seen[:, 2:]
            turned = K @ Rotation.from_rotvec(both.rotation_at(times)).inv().as_matrix() @ ray
            ours = turned[:, :2] / turned[:, 2:] + both.lens_shift_at(times)
            assert np.abs(seen - seen[4] - (ours - ours[4])).max() < within_px
            np.testing.assert_allclose(ours[4], seen[4], atol=1e-6)


def test_a_lens_that_leaves_nothing_keeps_its_still_view() -> None:
    both = shaken(kind="module_tilt", eis_smoothing_s=0.4, **FOLLOWS_ALL)
    alone = shaken(kind="module_tilt", **FOLLOWS_ALL)
    assert np.ptp(centre(both, MIDDLE_S), axis=0).max() < 1.1 * np.ptp(centre(alone, MIDDLE_S), axis=0).max()
    assert np.abs(way(both)).max() < 1.0


@pytest.mark.parametrize("fps", [24.0, 60.0])
def test_frames_are_those_of_the_rate_that_is_asked_for(fps: float) -> None:
    path = shaken(fps, kind="lens_shift", eis_smoothing_s=0.4)
    assert path.frame_hz == fps
    slots = np.floor(path.t_s[:-2000] * fps + 1e-9)
    jumps = np.linalg.norm(np.diff(path.rotation_at(path.t_s[:-2000]), axis=0), axis=1)
    between = np.diff(slots) > 0
    assert np.median(jumps[between]) > 3 * np.median(jumps[~between])


def test_what_is_left_of_turned_frames_is_measured_on_the_axis() -> None:
    both = shaken(kind="lens_shift", eis_smoothing_s=0.4)
    angle = both.residual_rad
    middle = np.rint(MIDDLE_S * RATE_HZ).astype(int)
    assert both.smooth_rotation_vector_wc is not None
    np.testing.assert_allclose(angle[middle], both.smooth_rotation_vector_wc[middle], atol=2e-4)


def test_smoothing_by_nothing_much_leaves_the_path() -> None:
    alone = shaken(kind="lens_shift")
    both = smooth_frames(alone, 0.1 / RATE_HZ)
    assert both.smooth_rotation_vector_wc is not None
    np.testing.assert_allclose(both.smooth_rotation_vector_wc, alone.residual_rad, atol=1e-12)


def test_the_sweep_gives_both_the_lenss_blur_and_the_smoothed_motion() -> None:
    hands = draw_hands({"shaky": PRESETS["shaky"]}, clips=2, duration_s=6.0, rate_hz=RATE_HZ, seed=1)
    lens = OisSettings(stroke_deg=1.0)
    chosen = {"lens": lens, "both": lens.model_copy(update={"eis_smoothing_s": 0.4}), "eis": OisSettings(kind="eis")}
    alone, both, eis = compare_stabilisers(chosen, hands)
    for name in ("blur_p10_px", "blur_p50_px", "blur_p90_px", "sharp_share", "sharp_run", "blurry_run"):
        assert getattr(both, name) == getattr(alone, name)
    assert both.motion_p50_px < 0.5 * alone.motion_p50_px
    assert both.blur_p50_px < 0.8 * eis.blur_p50_px
