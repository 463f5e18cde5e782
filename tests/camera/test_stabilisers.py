"""Kinds of stabiliser, controllers from outside and recorded logs, against closed forms."""

from pathlib import Path

import numpy as np
import pytest
from made_scene import PERFECT
from scipy.spatial.transform import Rotation

from hvdbench import catalog
from hvdbench.camera.hand import PRESETS
from hvdbench.camera.motion import CameraPath, simulate_motion
from hvdbench.camera.stabiliser.kinds import (
    LensShift,
    Stabiliser,
    open_controller,
    stabiliser_table,
)
from hvdbench.camera.stabiliser.log import RecordedController, read_log
from hvdbench.camera.stabiliser.ois import simulate_ois, small_signal_residual
from hvdbench.camera.stabiliser.pan import detect_pan
from hvdbench.camera.stabiliser.settings import OisSettings
from hvdbench.errors import InputError, RecipeError, UnknownNameError
from hvdbench.recipe import check
from hvdbench.synth.exposure.warp import apply_homography, plane_homography

RATE_HZ = 2000.0
FOCAL_PX = 1387.0


def integral(omega: np.ndarray) -> np.ndarray:
    steps = 0.5 * (omega[..., 1:, :] + omega[..., :-1, :]) / RATE_HZ
    return np.concatenate([np.zeros_like(omega[..., :1, :]), np.cumsum(steps, axis=-2)], axis=-2)


class PerfectController:
    def __call__(self, gyro_rad_s: np.ndarray, rate_hz: float) -> np.ndarray:
        assert rate_hz == RATE_HZ
        return integral(gyro_rad_s)


def lazy_controller(gyro_rad_s: np.ndarray, rate_hz: float) -> np.ndarray:
    return np.zeros_like(gyro_rad_s)


def short_controller(gyro_rad_s: np.ndarray, rate_hz: float) -> np.ndarray:
    return np.zeros((3, 2))


def lost_controller(gyro_rad_s: np.ndarray, rate_hz: float) -> np.ndarray:
    return np.full_like(gyro_rad_s, np.nan)


class NeedyController:
    def __init__(self, stroke: float) -> None: ...


class HalfShift(LensShift):
    def shift_px(self, lens_rad: np.ndarray, focal_px: float) -> np.ndarray:
        return 0.5 * super().shift_px(lens_rad, focal_px)


NOT_CALLABLE = 3.0


def yawed(kind: str, angle_deg: float, lens_deg: float) -> CameraPath:
    """A camera that has turned about y by one angle and made up for another, for a second."""
    angle, lens = np.radians([[0.0, angle_deg, 0.0]] * 2), np.radians([[0.0, lens_deg]] * 2)
    return CameraPath(np.array([0.0, 1.0]), angle, np.zeros((2, 3)), lens, FOCAL_PX, kind=kind)


def seen(path: CameraPath, points: np.ndarray) -> np.ndarray:
    """Where distant points of the reference view appear, at t = 0."""
    t_s = np.array([0.0])
    K = np.array([[FOCAL_PX, 0, 960], [0, FOCAL_PX, 540], [0, 0, 1.0]])
    H = plane_homography(
        path.rotation_at(t_s), path.position_at(t_s), path.lens_shift_at(t_s), K=K, K_texture=K, inverse_depth_1_m=0.0
    )
    return apply_homography(H, points)[0]


# Geometry ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["lens_shift", "sensor_shift"])
def test_a_shift_is_exact_on_the_axis_and_leaves_f_theta_x2_off_it(kind: str) -> None:
    points = np.array([[960.0, 540.0], [960.0 + 0.69 * FOCAL_PX, 540.0]])
    left = np.abs(seen(yawed(kind, 0.3, 0.3), points) - points)
    theta, phi = np.radians(0.3), np.arctan(0.69)
    assert left[0].max() < 1e-9
    assert left[1, 0] == pytest.approx(abs(FOCAL_PX * (np.tan(phi - theta) - np.tan(phi) + np.tan(theta))), rel=1e-9)
    assert left[1, 0] == pytest.approx(FOCAL_PX * theta * 0.69**2, rel=0.012)


def test_a_tilting_module_leaves_no_field_residual() -> None:
    grid = np.stack(np.meshgrid([0.0, 480, 960, 1919], [0.0, 540, 1079]), axis=-1).reshape(-1, 2)
    tilted = yawed("module_tilt", 2.5, 2.5)
    np.testing.assert_allclose(seen(tilted, grid), grid, atol=1e-9)
    assert not tilted.lens_shift_at(np.array([0.0])).any()


def test_a_tilting_module_leaves_the_rotation_less_its_own() -> None:
    partly = yawed("module_tilt", 2.0, 1.5)
    np.testing.assert_allclose(np.degrees(partly.rotation_at(np.array([0.5]))), [[0, 0.5, 0]], atol=1e-9)
    np.testing.assert_allclose(np.degrees(partly.residual_rad), [[0, 0.5, 0]] * 2, atol=1e-9)
    np.testing.assert_allclose(np.degrees(partly.rotation_at(np.array([0.5]), stabilised=False)), [[0, 2, 0]])


@pytest.mark.parametrize("kind", catalog.names("stabiliser"))
def test_roll_is_left_whole_by_every_kind(kind: str) -> None:
    roll = np.radians(5.0)
    path = CameraPath(
        np.array([0.0, 1.0]), np.array([[0, 0, roll]] * 2), np.zeros((2, 3)), np.zeros((2, 2)), FOCAL_PX, kind=kind
    )
    point = np.array([[960.0 + 500, 540.0]])
    assert np.linalg.norm(seen(path, point) - point) == pytest.approx(2 * 500 * np.sin(roll / 2), rel=1e-9)


@pytest.mark.parametrize("kind", ["off", "eis"])
def test_kinds_that_leave_the_exposure_alone_move_no_lens(kind: str) -> None:
    settings = OisSettings(kind=kind)
    assert not simulate_ois(np.ones((50, 2)), RATE_HZ, settings).any()
    np.testing.assert_array_equal(small_signal_residual(np.array([1.0, 5.0]), settings), [1.0, 1.0])


def test_a_kind_of_ones_own_is_named_by_its_import_string() -> None:
    full = yawed("lens_shift", 1.0, 1.0).lens_shift_at(np.array([0.0]))
    half = yawed("test_stabilisers:HalfShift", 1.0, 1.0).lens_shift_at(np.array([0.0]))
    np.testing.assert_allclose(half, 0.5 * full)


def test_an_import_string_to_something_else_than_a_kind_is_refused() -> None:
    with pytest.raises(InputError, match=r"expected a subclass of hvdbench\.camera\.stabiliser\.kinds\.Stabiliser"):
        simulate_ois(np.zeros((10, 2)), RATE_HZ, OisSettings(kind="json:dumps"))


def test_a_misspelt_kind_gets_the_nearest_one() -> None:
    with pytest.raises(RecipeError, match="did you mean 'lens_shift'"):
        check("mine.toml", {"kind": "lens_shft"}, OisSettings)


@pytest.mark.parametrize("name", catalog.names("stabiliser"))
def test_every_kind_of_the_catalogue_is_a_stabiliser(name: str) -> None:
    assert issubclass(catalog.resolve("stabiliser", name), Stabiliser)


# Electronic stabilisation --------------------------------------------------------------------------------------------


def shaken(ois: OisSettings) -> CameraPath:
    generator = np.random.default_rng(4)
    return simulate_motion(duration_s=3.0, focal_px=FOCAL_PX, hand=PRESETS["shaky"], ois=ois, generator=generator)


def test_electronic_stabilisation_leaves_the_blur_and_shrinks_the_motion_between_frames() -> None:
    off, eis = shaken(OisSettings(kind="off")), shaken(OisSettings(kind="eis"))
    middle = (np.arange(80) + 0.5) / 30.0
    inside = middle[:, None] + 0.7 / 30.0 * np.linspace(-0.5, 0.5, 9)
    blur = []
    for path in (off, eis):
        moved = Rotation.from_rotvec(path.rotation_at(middle).repeat(9, axis=0)).inv() * Rotation.from_rotvec(
            path.rotation_at(inside.ravel())
        )
        blur.append(np.ptp(moved.as_rotvec().reshape(80, 9, 3), axis=1).max(axis=1))
    # The turn within an exposure keeps its angle; its axis alone is seen from another place.
    np.testing.assert_allclose(blur[1], blur[0], rtol=0.06, atol=2e-5)
    between = [np.linalg.norm(np.diff(path.rotation_at(middle), axis=0), axis=1).mean() for path in (off, eis)]
    assert between[1] < 0.1 * between[0]


def test_the_angle_turned_within_an_exposure_is_exactly_the_hands() -> None:
    eis = shaken(OisSettings(kind="eis"))
    begin, end = np.array([10.2 / 30.0]), np.array([10.8 / 30.0])
    angles = []
    for stabilised in (True, False):
        first = Rotation.from_rotvec(eis.rotation_at(begin, stabilised=stabilised))
        last = Rotation.from_rotvec(eis.rotation_at(end, stabilised=stabilised))
        angles.append((first.inv() * last).magnitude())
    np.testing.assert_allclose(angles[0], angles[1], rtol=1e-9)


def test_mid_exposures_lie_on_the_gaussian_smoothed_path() -> None:
    # A Gaussian of σ passes a sinusoid of f by exp(-(2πfσ)² / 2).
    t_s = np.arange(int(6 * RATE_HZ)) / RATE_HZ
    wave = np.zeros((len(t_s), 3))
    wave[:, 1] = np.radians(1.0) * np.sin(2 * np.pi * 0.5 * t_s)
    passed = np.exp(-0.5 * (2 * np.pi * 0.5 * 0.4) ** 2)
    path = CameraPath(t_s, wave, np.zeros_like(wave), np.zeros((len(t_s), 2)), FOCAL_PX, "eis", passed * wave)
    middle = (np.arange(100) + 0.5) / 30.0
    np.testing.assert_allclose(
        path.rotation_at(middle)[:, 1], passed * np.radians(1.0) * np.sin(2 * np.pi * 0.5 * middle), atol=1e-6
    )


def test_the_smoothed_path_is_the_gaussian_average_of_the_hands() -> None:
    path = shaken(OisSettings(kind="eis", eis_smoothing_s=0.3))
    assert path.smooth_rotation_vector_wc is not None
    middle = len(path.t_s) // 2
    weight = np.exp(-0.5 * ((path.t_s - path.t_s[middle]) / 0.3) ** 2)
    expected = (weight[:, None] * path.rotation_vector_wc).sum(axis=0) / weight.sum()
    np.testing.assert_allclose(path.smooth_rotation_vector_wc[middle], expected, atol=2e-5)


@pytest.mark.parametrize(
    ("table", "smoothing_s"),
    [
        ({"kind": "eis"}, 0.4),
        ({"kind": "eis", "eis_smoothing_s": 0.3}, 0.3),
        ({"kind": "lens_shift"}, None),
        ({"kind": "lens_shift", "eis_smoothing_s": 0.5}, 0.5),
        ({"kind": "off", "eis_smoothing_s": 0.4}, 0.4),
    ],
)
def test_any_kind_may_have_its_frames_turned(table: dict[str, object], smoothing_s: float | None) -> None:
    assert check("mine.toml", table, OisSettings).smoothing_s == smoothing_s


# Pans ----------------------------------------------------------------------------------------------------------------

PANNING = PERFECT.model_copy(update={"stroke_deg": 1.0, "pan_deg_s": 20.0})


def test_a_detected_pan_centres_the_lens_at_15_hz() -> None:
    # 40 deg/s reach the stop of 1 deg in 25 ms; after 75 ms the lens returns with a time constant of 1 / (2π 15) s.
    omega = np.full((int(0.4 * RATE_HZ), 2), np.radians(40.0))
    lens = np.degrees(simulate_ois(omega, RATE_HZ, PANNING))[:, 0]
    t_s = np.arange(len(lens)) / RATE_HZ
    assert lens[t_s < 0.074].max() == pytest.approx(1.0)
    falling = (t_s > 0.08) & (t_s < 0.2)
    rate = -np.gradient(np.log(lens[falling]), 1 / RATE_HZ)
    np.testing.assert_allclose(rate, 2 * np.pi * 15.0, rtol=1e-3)
    assert lens[-1] < 1e-6


def test_after_a_pan_the_gain_comes_back_over_its_time() -> None:
    measured = np.full((4000, 1), np.radians(5.0))
    measured[200:1000] = np.radians(30.0)
    share, centring_hz = detect_pan(measured, RATE_HZ, PANNING)
    assert (share[:350] == 1.0).all()
    assert (share[352:1000] == 0.0).all()
    assert (centring_hz[352:1000] == 15.0).all()
    assert not centring_hz[1000:].any()
    assert share[999 + 400, 0] == pytest.approx(0.5)  # 0.2 s of 0.4 s
    assert (share[999 + 800 :] == 1.0).all()


def test_a_swing_that_turns_back_in_time_is_no_pan() -> None:
    t_s = np.arange(4000) / RATE_HZ
    swing = np.radians(60.0) * np.sin(2 * np.pi * 6.0 * t_s)[:, None]  # above 20 deg/s for 65 ms at a time
    assert (detect_pan(swing, RATE_HZ, PANNING)[0] == 1.0).all()
    np.testing.assert_array_equal(
        simulate_ois(swing, RATE_HZ, PANNING),
        simulate_ois(swing, RATE_HZ, PANNING.model_copy(update={"pan_deg_s": None})),
    )


def test_a_pan_about_one_axis_leaves_the_other_followed() -> None:
    omega = np.tile(np.radians([[40.0, 0.5]]), (1000, 1))
    lens = np.degrees(simulate_ois(omega, RATE_HZ, PANNING))
    assert lens[-1, 0] < 1e-6
    assert lens[-1, 1] == pytest.approx(0.5 * 999 / RATE_HZ)


# Many clips at once --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, {"pan_deg_s": 30.0}, {"natural_frequency_hz": 0.0}, {"leak_hz": 0.0}])
def test_clips_simulated_together_are_those_simulated_alone(changes: dict[str, float]) -> None:
    settings = OisSettings(stroke_deg=0.5, **changes)
    omega = np.radians(np.random.default_rng(0).normal(0, 60, (12, 600, 2)).cumsum(axis=1) / 15)
    together = simulate_ois(omega, RATE_HZ, settings)
    alone = np.stack([simulate_ois(clip, RATE_HZ, settings) for clip in omega])
    np.testing.assert_allclose(together, alone, atol=1e-12)
    assert np.degrees(np.abs(together).max()) == pytest.approx(0.5)


# Controllers from outside --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["lens_shift", "sensor_shift", "module_tilt"])
def test_a_perfect_controller_by_import_string_leaves_nothing(kind: str) -> None:
    ois = PERFECT.model_copy(update={"kind": kind, "controller": "test_stabilisers:PerfectController"})
    omega = np.radians(np.random.default_rng(0).normal(0, 30, (3, 2000, 2)))
    np.testing.assert_allclose(simulate_ois(omega, RATE_HZ, ois), integral(omega), atol=1e-12)


def test_a_function_is_a_controller_too() -> None:
    ois = PERFECT.model_copy(update={"controller": "test_stabilisers:lazy_controller"})
    assert not simulate_ois(np.ones((100, 2)), RATE_HZ, ois).any()


def test_a_controller_reads_the_gyro_late_and_meets_the_stop() -> None:
    ois = PERFECT.model_copy(
        update={"controller": "test_stabilisers:PerfectController", "delay_s": 0.01, "stroke_deg": 0.5}
    )
    omega = np.zeros((1000, 2))
    omega[100:] = np.radians(10.0)
    lens = np.degrees(simulate_ois(omega, RATE_HZ, ois))
    assert not lens[:119].any()
    assert lens[121, 0] == pytest.approx(10.0 * 1.5 / RATE_HZ)
    assert lens.max() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("PerfectController", InputError, "not an import string"),
        ("no_such_package:Controller", UnknownNameError, "cannot be imported"),
        ("test_stabilisers:NOT_CALLABLE", InputError, "expected a function"),
        ("test_stabilisers:NeedyController", InputError, "without arguments"),
        ("test_stabilisers:short_controller", InputError, r"shape \(3, 2\)"),
        ("test_stabilisers:lost_controller", InputError, "not finite"),
    ],
)
def test_a_controller_that_cannot_be_used_is_one_sentence(name: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        simulate_ois(np.zeros((20, 2)), RATE_HZ, OisSettings(controller=name))


def test_an_imported_class_is_made_into_a_controller() -> None:
    assert isinstance(open_controller("test_stabilisers:PerfectController"), PerfectController)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("eis", {"kind": "eis"}),
        ("test_stabilisers:HalfShift", {"kind": "test_stabilisers:HalfShift"}),
        ("test_stabilisers:PerfectController", {"controller": "test_stabilisers:PerfectController"}),
        ("test_stabilisers:lazy_controller", {"controller": "test_stabilisers:lazy_controller"}),
    ],
)
def test_a_stabiliser_is_named_by_kind_or_controller(text: str, expected: dict[str, str]) -> None:
    assert stabiliser_table(text) == {"kind": "lens_shift", "controller": None, "log": None} | expected


def test_a_stabiliser_is_named_by_a_log(tmp_path: Path) -> None:
    write_log(tmp_path / "phone.csv")
    name = str(tmp_path / "phone.csv")
    assert stabiliser_table(name) == {
        "kind": "lens_shift",
        "controller": None,
        "log": name,
        "log_orientation": "",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [("lens_shft", "did you mean 'lens_shift'"), ("json:nothing", "nothing"), ("no/such.csv", "cannot be read")],
)
def test_what_names_no_stabiliser_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises((UnknownNameError, InputError), match=words):
        stabiliser_table(text)


# Logs ----------------------------------------------------------------------------------------------------------------


def write_log(path: Path, *, seconds: float = 8.0, header: str = "t,gx,gy,lx,ly") -> tuple[np.ndarray, np.ndarray]:
    t_s = 3.0 + np.arange(int(seconds * 500)) / 500.0
    omega = np.radians(20.0) * np.stack([np.sin(12 * t_s), np.cos(9 * t_s)], axis=1)
    lens = np.radians(0.4) * np.stack([np.sin(5 * t_s), np.cos(4 * t_s)], axis=1)
    rows = [",".join(f"{value:.9f}" for value in row) for row in np.hstack([t_s[:, None], omega, lens])]
    path.write_text("\n".join([header, *rows]) + "\n")
    return omega, lens


def test_a_log_is_replayed_as_it_was_recorded(tmp_path: Path) -> None:
    omega, lens = write_log(tmp_path / "phone.csv")
    log = read_log(tmp_path / "phone.csv")
    assert log.t_s[0] == 0.0
    # The file's axes are the device's, y up; ours have y down.
    np.testing.assert_allclose(log.omega_rad_s, np.pad(omega * [1, -1], ((0, 0), (0, 1))), atol=1e-8)
    replayed = RecordedController(log, start_s=0.5)(np.zeros((1000, 2)), 500.0)
    np.testing.assert_allclose(replayed, lens[250:1250] * [1, -1], atol=1e-8)


def test_a_logs_lens_is_not_stopped_by_a_stroke_that_is_not_its_own(tmp_path: Path) -> None:
    write_log(tmp_path / "phone.csv")
    lens = simulate_ois(np.zeros((2000, 2)), 500.0, OisSettings(log=str(tmp_path / "phone.csv"), stroke_deg=0.1))
    assert np.degrees(np.abs(lens).max()) == pytest.approx(0.4, rel=1e-3)


def test_a_log_runs_back_and_forth_past_its_ends(tmp_path: Path) -> None:
    write_log(tmp_path / "phone.csv")
    log = read_log(tmp_path / "phone.csv")
    around = log.duration_s + np.array([-0.25, 0.25])
    omega, lens = log.motion(around)
    np.testing.assert_allclose(omega[0], -omega[1], atol=1e-12)
    np.testing.assert_allclose(lens[0], lens[1], atol=1e-12)


def test_a_log_moves_camera_and_lens_together(tmp_path: Path) -> None:
    write_log(tmp_path / "phone.csv", seconds=6.0)  # a clip of 2 s with run-in and tail fits exactly
    ois = OisSettings(log=str(tmp_path / "phone.csv"))
    path = simulate_motion(
        duration_s=1.9,
        focal_px=FOCAL_PX,
        hand=PRESETS["shaky"],
        ois=ois,
        generator=np.random.default_rng(0),
        reference_hz=0.01,
    )
    log = read_log(tmp_path / "phone.csv")
    # Find where the clip begins by its lens, then the hand's turning must be the log's there.
    starts = np.arange(2.9, 3.2, 0.0005)
    errors = [np.abs(log.motion(start + path.t_s[::50])[1] - path.lens_rad[::50]).max() for start in starts]
    begin = starts[int(np.argmin(errors))]
    assert min(errors) < 1e-5
    rate = np.gradient(path.rotation_vector_wc[:, 1], 1 / RATE_HZ)[50:-50:50]
    expected = log.motion(begin + path.t_s)[0][50:-50:50, 1]
    np.testing.assert_allclose(rate, expected, atol=0.02 * np.abs(expected).max())
    assert not path.position_w_m.any()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column t, gx, gy, lx, ly"),
        ("t,gx,gy,lx\n0,1,1,1\n", "no column ly"),
        ("t,gx,gy,lx,ly\n0,1,1,1\n", "line 2 is not made of numbers in 5 columns"),
        ("t,gx,gy,lx,ly\n0,1,1,1,up\n", "line 2 is not made of numbers in 5 columns"),
        ("t,gx,gy,lx,ly\n0,1,1,1,nan\n", "line 2 contains a number that is not finite"),
        ("t,gx,gy,lx,ly\n0,1,1,1,1\n", "contains 1 row"),
        ("t,gx,gy,lx,ly\n" + "".join(f"{t / 100},0,0,0,0\n" for t in (0, 1, 2, 2, 3, 4, 5, 6, 7)), "must rise"),
        ("t,gx,gy,lx,ly\n" + "".join(f"{t / 100},0,0,0,0\n" for t in (0, 1, 2, 3, 4, 5, 6, 16, 17)), "have no gaps"),
    ],
)
def test_a_log_that_cannot_be_used_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        read_log(tmp_path / "bad.csv")


def test_a_log_may_bring_roll(tmp_path: Path) -> None:
    rows = "".join(f"{i / 100},0.1,0.2,0.3,0,0,7\n" for i in range(20))
    (tmp_path / "roll.csv").write_text("t,gx,gy,gz,lx,ly,temperature\n" + rows)
    np.testing.assert_allclose(read_log(tmp_path / "roll.csv").omega_rad_s[0], [0.1, -0.2, -0.3])


def test_a_missing_log_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv cannot be read"):
        read_log(tmp_path / "none.csv")


def test_a_recipe_without_a_log_keeps_its_digest_and_one_with_its_side_says_so(tmp_path: Path) -> None:
    assert "log_orientation" not in OisSettings().model_dump(mode="json")
    turned = OisSettings(log="phone.csv", log_orientation="yXZ")
    assert turned.model_dump(mode="json")["log_orientation"] == "yXZ"
    assert OisSettings.model_validate(turned.model_dump(mode="json")) == turned


def test_the_axes_of_a_log_reach_the_motion_that_is_simulated_with_it(tmp_path: Path) -> None:
    write_log(tmp_path / "phone.csv")
    name = str(tmp_path / "phone.csv")
    upright, turned = (read_log(Path(name), letters) for letters in ("", "yXZ"))
    np.testing.assert_allclose(turned.omega_rad_s[:, :2], -upright.omega_rad_s[:, 1::-1] * [-1, 1], atol=1e-12)
    table = stabiliser_table(name, "yXZ")
    assert (table["log"], table["log_orientation"]) == (name, "yXZ")
    omega = np.zeros((4000, 2))
    lens = simulate_ois(omega, 1000.0, OisSettings(log=name, log_orientation="yXZ"))
    np.testing.assert_allclose(lens, turned.motion(np.arange(4000) / 1000.0)[1])
    with pytest.raises(InputError, match="'eis' is no log and has no orientation"):
        stabiliser_table("eis", "yXZ")
