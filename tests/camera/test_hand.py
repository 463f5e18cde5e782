"""The hand model: sizes, bands, integration, and the set of paths that it ships."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hvdbench.camera.hand import (
    PRESETS,
    SIMULATED_PRESETS,
    HandPreset,
    PresetName,
    band_rms,
    hand_motion,
    integrate,
    simulated_path,
)
from hvdbench.camera.index import load_sets
from hvdbench.workspace.paths import home_folder

RATE_HZ = 500.0


def draw(preset: HandPreset, seed: int = 0, path_omega: np.ndarray | None = None, samples: int = 10000) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return hand_motion(preset, samples=samples, rate_hz=RATE_HZ, generator=generator, path_omega=path_omega)[0]


@pytest.mark.parametrize(
    ("name", "rms_xy"), [("still", 1.9), ("hold", 5.4), ("scan", 11.4), ("walk", 15.4), ("shaky", 26.4), ("hvd", 28.8)]
)
def test_a_preset_turns_at_its_stated_rate(name: str, rms_xy: float) -> None:
    # sqrt of the sum of the four squares; the last column of the table that the presets come from.
    omega = np.degrees(draw(PRESETS[name]))
    np.testing.assert_allclose(omega[:, :2].std(axis=0), rms_xy, rtol=0.06)
    np.testing.assert_allclose(omega[:, 2].std(), PRESETS[name].roll_share * rms_xy, rtol=0.06)


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_presets_bands_hold_the_power_of_their_processes(name: PresetName) -> None:
    # Below 1 Hz drift and half-step lines, above 6 Hz tremor and the arm's tail: the sum over bands is the whole.
    preset = PRESETS[name]
    bands = np.degrees(band_rms(draw(preset, samples=80000), RATE_HZ))[:, :2]
    whole = preset.drift_deg_s**2 + preset.walk_deg_s**2 + preset.arm_deg_s**2 + preset.tremor_deg_s**2
    np.testing.assert_allclose((bands**2).sum(axis=0), whole, rtol=0.12)
    assert (bands[2] > 0.9 * preset.tremor_deg_s).all()


def test_tremor_peaks_near_9_hz() -> None:
    omega = draw(HandPreset(0.4, 1.8, 3.5, 1.0, 9.0, 0, 0, 0, 2.0, 0.0))
    power = np.abs(np.fft.rfft(omega, axis=0)) ** 2
    frequency = np.fft.rfftfreq(len(omega), 1 / RATE_HZ)
    smooth = np.convolve(power.sum(axis=1), np.ones(41) / 41, mode="same")
    assert 7.0 < frequency[np.argmax(smooth)] < 11.0


def test_band_rms_of_sines_is_their_amplitude_over_root_2() -> None:
    t_s = np.arange(8000) / RATE_HZ
    omega = np.stack([np.sin(2 * np.pi * f * t_s) * a for f, a in ((0.5, 1.0), (3.0, 2.0), (10.0, 4.0))], axis=1)
    np.testing.assert_allclose(np.diag(band_rms(omega, RATE_HZ)), np.array([1, 2, 4]) / np.sqrt(2), rtol=0.01)


def test_only_what_a_path_lacks_is_added() -> None:
    path = draw(PRESETS["walk"], seed=1)
    whole, added = draw(PRESETS["shaky"], seed=2), draw(PRESETS["shaky"], seed=2, path_omega=path)
    had, wanted, more = (band_rms(omega, RATE_HZ) for omega in (path, whole, added))
    np.testing.assert_allclose(np.hypot(had, more)[1], np.maximum(had, wanted)[1], rtol=0.03)
    nothing = draw(PRESETS["still"], seed=2, path_omega=path)
    assert np.degrees(nothing).std() < 1e-9


def test_tremor_comes_back_where_a_path_is_smooth() -> None:
    t_s = np.arange(10000) / RATE_HZ
    smooth = np.radians(40.0) * np.stack([np.sin(2 * np.pi * 2 * t_s)] * 3, axis=1)
    whole, added = draw(PRESETS["shaky"]), draw(PRESETS["shaky"], path_omega=smooth)
    assert np.degrees(band_rms(added, RATE_HZ))[1].max() < 2.0  # of 24: the swing is there already
    np.testing.assert_allclose(band_rms(added, RATE_HZ)[2], band_rms(whole, RATE_HZ)[2], rtol=0.05)


def test_one_generator_state_gives_one_motion() -> None:
    np.testing.assert_array_equal(draw(PRESETS["walk"], 5), draw(PRESETS["walk"], 5))
    assert np.abs(draw(PRESETS["walk"], 5) - draw(PRESETS["walk"], 6)).max() > 0.01


def test_constant_motion_integrates_to_its_closed_form() -> None:
    # A quarter turn about y in 1 s while moving 1 m/s along the camera's own z: a quarter circle of radius 2/pi.
    omega = np.tile([0.0, np.pi / 2, 0.0], (1001, 1))
    velocity = np.tile([0.0, 0.0, 1.0], (1001, 1))
    rotation, position = integrate(omega, velocity, 1000.0)
    np.testing.assert_allclose(rotation[-1].as_matrix() @ [0, 0, 1], [1, 0, 0], atol=1e-9)
    np.testing.assert_allclose(position[-1], [2 / np.pi, 0, 2 / np.pi], atol=1e-5)


def test_pairwise_products_equal_one_by_one() -> None:
    omega = np.random.default_rng(0).normal(0, 3.0, (37, 3))
    rotation, _ = integrate(omega, np.zeros((37, 3)), 100.0)
    turned = Rotation.identity()
    for index in range(36):
        turned = turned * Rotation.from_rotvec(0.5 * (omega[index] + omega[index + 1]) / 100.0)
    assert (turned.inv() * rotation[36]).magnitude() < 1e-12


def test_the_shipped_paths_are_what_the_model_gives() -> None:
    for index in range(len(SIMULATED_PRESETS)):
        name = f"{index:02d}/pred_traj.txt"
        shipped = np.loadtxt(home_folder("trajectories") / "handheld_simulated" / name)
        assert shipped.shape == (600, 8)
        np.testing.assert_allclose(simulated_path(index), shipped, atol=1e-6)


def test_the_shipped_paths_are_small_and_named_simulated() -> None:
    folder = home_folder("trajectories") / "handheld_simulated"
    assert sum(file.stat().st_size for file in folder.rglob("*.txt")) < 600_000
    assert {path.origin for path in load_sets("handheld_simulated")} == {"simulated"}
