"""The stabiliser against closed forms, and the camera path that it leaves."""

import time

import numpy as np
import pytest
from made_scene import PERFECT

from hvdbench.camera.hand import PRESETS
from hvdbench.camera.motion import simulate_motion
from hvdbench.camera.stabiliser.ois import highpass, simulate_ois, small_signal_residual
from hvdbench.camera.stabiliser.settings import OisSettings
from hvdbench.camera.trajectory import Trajectory

RATE_HZ = 2000.0


def angle_of(omega: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros((1, omega.shape[1])), np.cumsum(0.5 * (omega[1:] + omega[:-1]), axis=0)]) / RATE_HZ


@pytest.mark.parametrize("frequency_hz", [0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 20.0])
def test_a_small_sinusoid_leaves_the_closed_forms_residual(frequency_hz: float) -> None:
    ois = OisSettings(stroke_deg=45.0, leak_limit_hz=0.14, gyro_noise_mdps=0.0)
    t_s = np.arange(int(14 * RATE_HZ)) / RATE_HZ
    amplitude = np.radians(0.1)
    angle = amplitude * np.sin(2 * np.pi * frequency_hz * t_s)
    omega = (2 * np.pi * frequency_hz * amplitude * np.cos(2 * np.pi * frequency_hz * t_s))[:, None]
    residual = angle - simulate_ois(omega, RATE_HZ, ois)[:, 0]
    keep = t_s >= 10.0  # the 0.05 Hz high-pass forgets the start in 3 s
    wave = np.exp(-2j * np.pi * frequency_hz * t_s[keep])
    measured = 2 * np.abs(np.mean((residual[keep] - residual[keep].mean()) * wave)) / amplitude
    expected = np.abs(small_signal_residual(np.array([frequency_hz]), ois))[0]
    assert measured == pytest.approx(expected, rel=0.02)


def test_the_closed_form_gives_the_published_suppression() -> None:
    # 20 log10 |1 - G| of a good stabiliser: -15 dB at 1 Hz, -29 dB at 3 Hz, -22 dB at 10 Hz.
    good = OisSettings(natural_frequency_hz=250, delay_s=0.0005, gain=0.99)
    level = 20 * np.log10(np.abs(small_signal_residual(np.array([1.0, 3.0, 10.0]), good)))
    np.testing.assert_allclose(level, [-15, -29, -22], atol=0.6)


def test_a_perfect_stabiliser_leaves_nothing() -> None:
    omega = np.radians(np.random.default_rng(0).normal(0, 30, (4000, 2)))
    np.testing.assert_allclose(simulate_ois(omega, RATE_HZ, PERFECT), angle_of(omega), atol=1e-9)


def test_off_means_that_the_lens_rests() -> None:
    omega = np.ones((100, 2))
    assert not simulate_ois(omega, RATE_HZ, OisSettings(kind="off")).any()


@pytest.mark.parametrize(
    ("pan_deg_s", "stroke_deg", "saturates_s"), [(30.0, 1.0, 0.0338), (2.0, 1.0, 0.659), (0.5, 1.0, None)]
)
def test_a_constant_pan_saturates_when_the_closed_form_says(
    pan_deg_s: float, stroke_deg: float, saturates_s: float | None
) -> None:
    # t = -ln(1 - λ θmax / Ω) / λ with λ = 2π 0.14; 0.5 deg/s settles at Ω / λ = 0.568 deg instead.
    leaky = PERFECT.model_copy(update={"stroke_deg": stroke_deg, "leak_hz": 0.14, "leak_limit_hz": 0.14})
    omega = np.full((int(8 * RATE_HZ), 1), np.radians(pan_deg_s))
    lens_deg = np.degrees(simulate_ois(omega, RATE_HZ, leaky)[:, 0])
    if saturates_s is None:
        assert lens_deg[-1] == pytest.approx(pan_deg_s / (2 * np.pi * 0.14), rel=0.003)
    else:
        reached = np.argmax(lens_deg >= stroke_deg * (1 - 1e-9)) / RATE_HZ
        assert reached == pytest.approx(saturates_s, abs=1.5 / RATE_HZ)
        assert lens_deg.max() == pytest.approx(stroke_deg)


@pytest.mark.parametrize("swing_deg", [2.0, 4.0, 8.0])
def test_a_clamped_integrator_leaves_a_play_operator(swing_deg: float) -> None:
    stroke_deg = 1.0
    clamped = PERFECT.model_copy(update={"stroke_deg": stroke_deg})
    t_s = np.arange(int(4 * RATE_HZ)) / RATE_HZ
    omega = np.radians(swing_deg) * 2 * np.pi * np.cos(2 * np.pi * t_s)
    hand = np.degrees(angle_of(omega[:, None])[:, 0])
    residual = hand - np.degrees(simulate_ois(omega[:, None], RATE_HZ, clamped)[:, 0])
    play = np.zeros_like(hand)
    for index in range(1, len(hand)):
        play[index] = min(max(play[index - 1], hand[index] - stroke_deg), hand[index] + stroke_deg)
    np.testing.assert_allclose(residual, play, atol=1e-6)
    late = t_s >= 1.0
    assert np.ptp(residual[late]) / 2 == pytest.approx(swing_deg - stroke_deg, abs=1e-3)
    still_share = np.mean(np.abs(np.diff(residual[late])) < 1e-9)
    assert still_share == pytest.approx(np.arccos(1 - 2 * stroke_deg / swing_deg) / np.pi, abs=0.01)


def test_after_a_reversal_the_residual_rests_for_twice_the_stroke() -> None:
    # 25 deg/s and 0.7 deg: 56 ms in which a frame can be sharp.
    clamped = PERFECT.model_copy(update={"stroke_deg": 0.7})
    omega = np.full((2000, 1), np.radians(25.0))
    omega[1000:] *= -1
    residual = angle_of(omega) - simulate_ois(omega, RATE_HZ, clamped)
    resting = np.abs(np.diff(residual[1000:, 0])) < 1e-9
    assert resting.sum() / RATE_HZ == pytest.approx(2 * 0.7 / 25.0, abs=1.5 / RATE_HZ)


def test_the_lens_stays_within_its_stroke() -> None:
    omega = np.radians(np.random.default_rng(1).normal(0, 400, (4000, 2)))
    assert np.degrees(np.abs(simulate_ois(omega, RATE_HZ, OisSettings(stroke_deg=0.5)))).max() <= 0.5 + 1e-12


def test_the_highpass_is_exact_for_a_step() -> None:
    step = np.ones((2001, 1))
    decayed = highpass(step, 0.5, RATE_HZ)[1000:, 0]
    ratio = decayed[1:] / decayed[:-1]
    np.testing.assert_allclose(ratio, np.exp(-2 * np.pi * 0.5 / RATE_HZ), rtol=1e-9)


def test_gyro_noise_moves_the_lens_a_little() -> None:
    noisy = OisSettings(gyro_noise_mdps=3.8)
    lens = simulate_ois(np.zeros((6000, 2)), RATE_HZ, noisy, np.random.default_rng(0))
    assert 0 < np.degrees(np.abs(lens)).max() < 0.03


# The limiter ----------------------------------------------------------------------------------------------------------

SHAKES = np.radians(np.random.default_rng(3).normal(0, 60, (12, 900, 2)).cumsum(axis=1) / 15)
RADIAL = OisSettings(stroke_deg=0.5, limiter="radial", gyro_noise_mdps=0.0)


def turned(omega: np.ndarray, angle_deg: float) -> np.ndarray:
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return omega @ np.array([[c, s], [-s, c]])


@pytest.mark.parametrize("natural_frequency_hz", [0.0, 200.0])
def test_a_radial_stop_knows_no_direction(natural_frequency_hz: float) -> None:
    settings = RADIAL.model_copy(update={"natural_frequency_hz": natural_frequency_hz})
    lens = simulate_ois(SHAKES[0], RATE_HZ, settings)
    again = simulate_ois(turned(SHAKES[0], 30.0), RATE_HZ, settings)
    np.testing.assert_allclose(again, turned(lens, 30.0), atol=1e-12)
    assert np.degrees(np.linalg.norm(lens, axis=1).max()) == pytest.approx(0.5)
    box = settings.model_copy(update={"limiter": "box"})
    moved = simulate_ois(turned(SHAKES[0], 30.0), RATE_HZ, box) - turned(simulate_ois(SHAKES[0], RATE_HZ, box), 30.0)
    assert np.degrees(np.abs(moved).max()) > 0.05


def test_along_one_axis_a_radial_stop_is_the_box() -> None:
    omega = SHAKES[0] * [1.0, 0.0]
    lens = simulate_ois(omega, RATE_HZ, RADIAL)
    np.testing.assert_allclose(lens, simulate_ois(omega, RATE_HZ, RADIAL.model_copy(update={"limiter": "box"})))
    np.testing.assert_allclose(lens[:, :1], simulate_ois(omega[:, :1], RATE_HZ, RADIAL), atol=1e-15)


def test_both_axes_share_a_radial_stroke() -> None:
    steady = np.full((2000, 2), np.radians(30.0))
    end_deg = np.degrees(simulate_ois(steady, RATE_HZ, PERFECT.model_copy(update={"stroke_deg": 0.5})))[-1]
    np.testing.assert_allclose(end_deg, [0.5, 0.5])
    radial = PERFECT.model_copy(update={"stroke_deg": 0.5, "limiter": "radial"})
    np.testing.assert_allclose(np.degrees(simulate_ois(steady, RATE_HZ, radial))[-1], [0.5 / np.sqrt(2)] * 2)


def test_a_lens_at_a_radial_stop_slides_as_the_closed_form_says() -> None:
    # Pushed to the stop along x, then driven along y at Ω: φ' = −(Ω / stroke) sin φ from the drive's direction, so
    # tan(φ / 2) = exp(−Ω t / stroke).
    radial = PERFECT.model_copy(update={"stroke_deg": 0.5, "limiter": "radial"})
    rate_hz = 20000.0
    omega = np.zeros((5000, 2))
    omega[:1000, 0] = omega[1000:, 1] = np.radians(20.0)
    lens = simulate_ois(omega, rate_hz, radial)[1000:]
    t_s = np.arange(len(lens)) / rate_hz
    angle = np.arctan2(lens[:, 0], lens[:, 1])
    np.testing.assert_allclose(np.tan(angle / 2), np.exp(-20.0 / 0.5 * t_s), atol=2e-3)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"natural_frequency_hz": 0.0},
        {"leak_from": 0.4},
        {"pan_deg_s": 30.0},
        {"leak_hz": 0.0, "leak_limit_hz": 0.0},
    ],
)
def test_radial_clips_simulated_together_are_those_simulated_alone(changes: dict[str, float]) -> None:
    settings = RADIAL.model_copy(update=changes)
    together = simulate_ois(SHAKES, RATE_HZ, settings)
    alone = np.stack([simulate_ois(clip, RATE_HZ, settings) for clip in SHAKES])
    np.testing.assert_allclose(together, alone, atol=1e-12)


def test_a_radial_limiter_stops_a_foreign_controller_too() -> None:
    def follow_all(gyro_rad_s: np.ndarray, rate_hz: float) -> np.ndarray:
        return np.cumsum(gyro_rad_s, axis=0) / rate_hz

    lens = simulate_ois(np.tile([3.0, 4.0], (2000, 1)), RATE_HZ, RADIAL, controller=follow_all)
    np.testing.assert_allclose(np.degrees(lens[-1]), [0.3, 0.4])


# The leak's start and the gyro's bias ---------------------------------------------------------------------------------


@pytest.mark.parametrize("limiter", ["box", "radial"])
def test_a_leak_rises_from_its_start_to_the_stop(limiter: str) -> None:
    # At rest gΩ = λ(c)·c with λ = 2π (0.14 + 0.96 max(0, c/stroke − ½)/½): a root of a quadratic above the start.
    ois = PERFECT.model_copy(
        update={"stroke_deg": 1.0, "leak_hz": 0.14, "leak_limit_hz": 1.1, "leak_from": 0.5, "limiter": limiter}
    )
    pan = np.zeros((int(8 * RATE_HZ), 2))
    for rate_deg_s, expected_deg in ((0.4, 0.4 / (2 * np.pi * 0.14)), (3.0, None)):
        pan[:, 0] = np.radians(rate_deg_s)
        end_deg = np.degrees(simulate_ois(pan, RATE_HZ, ois)[-1, 0])
        if expected_deg is None:
            expected_deg = max(np.roots([2 * 0.96, 0.14 - 0.96, -rate_deg_s / (2 * np.pi)]))
            assert 0.5 < expected_deg < 1.0
        assert end_deg == pytest.approx(expected_deg, rel=0.003)


@pytest.mark.parametrize("leak_from", [0.0, 0.3, 0.6])
def test_a_late_leak_is_the_same_for_many_clips(leak_from: float) -> None:
    settings = OisSettings(stroke_deg=0.5, leak_limit_hz=1.8, leak_from=leak_from)
    together = simulate_ois(SHAKES, RATE_HZ, settings)
    np.testing.assert_allclose(
        together, np.stack([simulate_ois(clip, RATE_HZ, settings) for clip in SHAKES]), atol=1e-12
    )


def test_without_a_highpass_a_bias_offsets_the_lens_by_gain_bias_over_leak() -> None:
    ois = PERFECT.model_copy(
        update={
            "gain": 0.98,
            "leak_hz": 0.2,
            "leak_limit_hz": 0.2,
            "gyro_bias_deg_s": 0.5,
            "natural_frequency_hz": 200.0,
        }
    )
    lens = np.degrees(simulate_ois(np.zeros((int(12 * RATE_HZ), 2)), RATE_HZ, ois))
    np.testing.assert_allclose(lens[-1], 0.98 * 0.5 / (2 * np.pi * 0.2), rtol=1e-5)


def test_with_a_highpass_a_bias_dies_away_as_the_closed_form_says() -> None:
    # c = g b (exp(−a t) − exp(−λ t)) / (λ − a), with a and λ of the high-pass and the leak.
    ois = PERFECT.model_copy(
        update={"leak_hz": 0.14, "leak_limit_hz": 0.14, "highpass_hz": 0.05, "gyro_bias_deg_s": -0.3}
    )
    lens = np.degrees(simulate_ois(np.zeros((int(20 * RATE_HZ), 2)), RATE_HZ, ois))[:, 1]
    t_s = np.arange(len(lens)) / RATE_HZ
    a, leak = 2 * np.pi * 0.05, 2 * np.pi * 0.14
    expected = -0.3 * (np.exp(-a * t_s) - np.exp(-leak * t_s)) / (leak - a)
    np.testing.assert_allclose(lens, expected, atol=2e-4)
    assert abs(lens[-1]) < 0.01 * np.abs(lens).max()


def test_six_seconds_take_under_half_a_second() -> None:
    omega = np.radians(np.random.default_rng(1).normal(0, 30, (12000, 2)))
    begin = time.process_time()
    simulate_ois(omega, RATE_HZ, OisSettings())
    assert time.process_time() - begin < 0.5


def path_of(ois: OisSettings, **values: object) -> np.ndarray:
    path = simulate_motion(
        duration_s=2.0, focal_px=300.0, hand=PRESETS["shaky"], ois=ois, generator=np.random.default_rng(4), **values
    )
    return path.residual_rad


def test_a_stabiliser_leaves_less_motion_than_none() -> None:
    with_it = np.gradient(path_of(OisSettings(stroke_deg=1.5)), axis=0)[:, :2].std()
    without = np.gradient(path_of(OisSettings(kind="off")), axis=0)[:, :2].std()
    assert with_it < 0.8 * without


def test_a_stabiliser_that_follows_everything_leaves_a_still_view() -> None:
    residual = path_of(PERFECT)[:, :2]
    # Only what components of a rotation vector do not share with body angles is left, under half a degree.
    assert np.degrees(np.abs(residual)).max() < 0.5
    assert np.degrees(np.abs(path_of(OisSettings(kind="off"))[:, :2])).max() > 2.0


def test_a_path_without_motion_gets_the_whole_hand() -> None:
    t_s = np.arange(300) / 60.0
    rest = Trajectory(t_s, np.tile([1.0, 0, 0, 0], (300, 1)), np.zeros((300, 3)), scale_m=True)
    rate = np.degrees(np.gradient(path_of(OisSettings(kind="off"), trajectory=rest), 1 / RATE_HZ, axis=0))
    assert rate[:, :2].std() == pytest.approx(26.4, rel=0.25)


def test_unknown_scale_becomes_the_stated_speed() -> None:
    t_s = np.arange(480) / 60.0
    position = 0.01 * np.stack([np.sin(2 * np.pi * 1.5 * t_s), np.cos(2 * np.pi * 1.5 * t_s), 0 * t_s], axis=1)
    circling = Trajectory(t_s, np.tile([1.0, 0, 0, 0], (480, 1)), position)
    path = simulate_motion(
        duration_s=2.0,
        focal_px=300.0,
        hand=PRESETS["still"],
        ois=OisSettings(kind="off"),
        generator=np.random.default_rng(0),
        trajectory=circling,
        speed_without_scale_m_s=0.3,
    )
    speed = np.linalg.norm(np.gradient(path.position_w_m, 1 / RATE_HZ, axis=0), axis=1)
    assert np.median(speed) == pytest.approx(0.3, rel=0.15)


def test_a_scenes_known_depth_scales_the_path() -> None:
    t_s = np.arange(480) / 60.0
    position = 0.01 * np.stack([np.sin(2 * np.pi * 1.5 * t_s), np.cos(2 * np.pi * 1.5 * t_s), 0 * t_s], axis=1)
    swaying = Trajectory(t_s, np.tile([1.0, 0, 0, 0], (480, 1)), position, scene_depth=0.5)
    reach = []
    for depth_m in (2.0, 8.0):
        path = simulate_motion(
            duration_s=2.0,
            focal_px=300.0,
            hand=PRESETS["still"],
            ois=OisSettings(kind="off"),
            generator=np.random.default_rng(0),
            trajectory=swaying,
            scene_depth_m=depth_m,
        )
        reach.append(np.ptp(path.position_w_m[:, 0]) / depth_m)
    np.testing.assert_allclose(reach, 2 * 0.01 / 0.5, rtol=0.2)  # a circle's width over the depth
