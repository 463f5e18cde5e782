"""A film on the clock of its camera's gyroscope: offset, drift, axes and units, and when nothing is sure."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_turning_clip import far_photograph, render
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hvdbench.camera.estimation import film_clock
from hvdbench.camera.estimation.clock import ClockFit, OtherAxesError, fit_clock
from hvdbench.camera.estimation.estimate import PairQuality
from hvdbench.camera.estimation.film_clock import find_clock
from hvdbench.camera.estimation.lags import letters_of, turns_of_axes
from hvdbench.camera.estimation.measure import MeasuredClip, measure_clip
from hvdbench.camera.formats.gyro import GYRO, integrate_rates
from hvdbench.camera.importing import ImportRequest, import_set
from hvdbench.camera.index import load_sets
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import TrajectoryError
from hvdbench.frames import write_clip

Array = NDArray[np.float64]

FPS, LOG_HZ = 30.0, 250.0
EXPOSURES = (np.arange(5) / 4 - 0.5) * 0.5 / FPS  # half of a frame's time, about its middle
BEGINS_S = 3.3137
"""When the film's first frame is taken, on the log's clock."""


def shaking(seed: int) -> Callable[[Array], Array]:
    """Return rotation vectors (N, 3) of a hand at times (N,): thirty swings of 0.4 to 5 Hz, about 15 deg/s."""
    generator = np.random.default_rng(seed)
    hz, phase = generator.uniform(0.4, 5.0, (30, 3)), generator.uniform(0, 2 * np.pi, (30, 3))
    size = np.radians(0.55) / hz

    def vectors(t_s: Array) -> Array:
        return np.asarray((size * np.sin(2 * np.pi * hz * t_s[:, None, None] + phase)).sum(axis=1))

    return vectors


def log_of(hand: Callable[[Array], Array], seconds: float, *, bias: float = 0.01) -> Trajectory:
    """Return what a gyroscope logs of a hand, with a bias and noise, integrated."""
    t_s = np.arange(int(seconds * LOG_HZ)) / LOG_HZ
    omega = body_rates(hand, t_s) + bias + 0.003 * np.random.default_rng(9).standard_normal((len(t_s), 3))
    return Trajectory(t_s, integrate_rates(t_s, omega), np.zeros((len(t_s), 3)), name="log.csv")


def body_rates(hand: Callable[[Array], Array], t_s: Array) -> Array:
    before, after = Rotation.from_rotvec(hand(t_s - 5e-4)), Rotation.from_rotvec(hand(t_s + 5e-4))
    return np.asarray((before.inv() * after).as_rotvec() / 1e-3)


def film_of(
    hand: Callable[[Array], Array],
    seconds: float,
    *,
    begins_s: float = BEGINS_S,
    drift_ppm: float = 0.0,
    scale: float = 1.0,
) -> tuple[Trajectory, list[PairQuality]]:
    """Return what a film's measured turns are: noise of 0.03 degrees a frame, and a focal length that is off."""
    t_s = np.arange(int(seconds * FPS)) / FPS
    true = Rotation.from_rotvec(hand(begins_s + (1 + 1e-6 * drift_ppm) * t_s))
    steps = (true[:-1].inv() * true[1:]).as_rotvec() * [scale, scale, 1.0]
    steps += np.radians(0.03) * np.random.default_rng(4).standard_normal(steps.shape)
    turned = [Rotation.identity()]
    for step in steps:
        turned.append(turned[-1] * Rotation.from_rotvec(step))
    quaternion = Rotation.concatenate(turned).as_quat()[:, [3, 0, 1, 2]]
    pairs = [PairQuality(i, 1 / FPS, 100, 90, 0.9, 0.3, 3.0, 0.1, 0.1, 0.0, 0.5, "") for i in range(len(steps))]
    return Trajectory(t_s, quaternion, np.zeros((len(t_s), 3)), name="film.mp4"), pairs


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two and a half seconds of film with motion blur and noise, rendered; its hand is ``shaking(1)``."""
    t_s = BEGINS_S + np.arange(75) / FPS
    exposures = shaking(1)((t_s[:, None] + EXPOSURES).ravel()).reshape(len(t_s), len(EXPOSURES), 3)
    folder = tmp_path_factory.mktemp("film") / "frames"
    write_clip(folder, render(far_photograph(), exposures))
    return folder


def write_log(file: Path, hand: Callable[[Array], Array], letters: str = "XYZ", factor: float = 1.0) -> Path:
    """Write twelve seconds of a phone's log whose axes are the device's in the order that ``--orientation`` undoes."""
    t_s = np.arange(int(12 * LOG_HZ)) / LOG_HZ
    device = body_rates(hand, t_s) * [1, -1, -1] + 0.01
    sensor = device @ turns_of_axes()[letters]
    rows = np.column_stack([t_s, factor * sensor])
    np.savetxt(file, rows, delimiter=",", header="t,gx,gy,gz", comments="", fmt="%.9f")
    return file


def reading(file: Path, *, force: bool = False) -> Callable[..., Trajectory]:
    return partial(GYRO.read, file, force=force)


@pytest.fixture(scope="module")
def measured(film: Path) -> MeasuredClip:
    return measure_clip(film, fps=FPS)


@pytest.fixture
def measured_once(measured: MeasuredClip, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all tests but one share a measurement."""

    def measure(source: Path, *, fps: float | None, most_frames: int) -> MeasuredClip:
        assert (source.name, fps) == ("frames", FPS)
        assert most_frames >= 1800
        return measured

    monkeypatch.setattr(film_clock, "measure_clip", measure)


@pytest.mark.usefixtures("measured_once")
@pytest.mark.parametrize("letters", ["XYZ", "yXZ", "zyx"])
def test_a_rendered_film_is_found_on_the_clock_to_two_milliseconds(film: Path, tmp_path: Path, letters: str) -> None:
    log = write_log(tmp_path / "log.csv", shaking(1), letters)
    found = find_clock(reading(log), film, fps=FPS, orientation=letters)
    assert found.fit.offset_s == pytest.approx(BEGINS_S, abs=0.002)
    assert abs(found.fit.offset_s - BEGINS_S) < 4 * found.fit.offset_error_s + 2e-4
    assert found.fit.sure
    assert found.fit.agreement > 0.98
    assert found.fit.next_agreement < 0.8
    assert abs(found.fit.drift_ppm or 0.0) < 50.0
    assert found.fit.scale == pytest.approx(1.0, abs=0.03)


@pytest.mark.usefixtures("measured_once")
@pytest.mark.parametrize(("letters", "given"), [("yXZ", ""), ("XYZ", "yXZ"), ("zyx", "XYZ")])
def test_axes_that_are_not_the_pictures_are_told_with_the_letters_that_are(
    film: Path, tmp_path: Path, letters: str, given: str
) -> None:
    log = write_log(tmp_path / "log.csv", shaking(1), letters)
    with pytest.raises(TrajectoryError, match=f"in other axes than it was read in .*: say --orientation {letters}$"):
        find_clock(reading(log), film, fps=FPS, orientation=given)


@pytest.mark.usefixtures("measured_once")
def test_degrees_per_second_read_as_radians_are_told(film: Path, tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.csv", shaking(1), factor=180 / np.pi)
    with pytest.raises(TrajectoryError, match=r"the video's turns are 0\.017 of the log's, .* another unit"):
        find_clock(reading(log, force=True), film, fps=FPS)


@pytest.mark.usefixtures("measured_once")
def test_a_film_of_another_recording_is_refused_and_nothing_is_written(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HVDBENCH_HOME", str(tmp_path))
    log = write_log(tmp_path / "log.csv", shaking(2))
    request = partial(ImportRequest, (log,), format_name="gyro", licence="mine", source="x", video=film, video_fps=FPS)
    with pytest.raises(
        TrajectoryError, match=r"shows no sure place on the clock of .*: they are of different recordings"
    ):
        import_set(request(name="other"))
    assert not (tmp_path / "trajectories").exists()
    added = import_set(request(name="other", force=True))
    assert any("note: not sure: their turning agrees to" in line for line in added.lines())


@pytest.mark.usefixtures("measured_once")
def test_an_import_with_a_film_keeps_what_was_found_beside_the_log(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HVDBENCH_HOME", str(tmp_path))
    log = write_log(tmp_path / "walk.csv", shaking(1))
    request = ImportRequest((log,), "mine", "gyro", "mine", "phone", video=film, video_fps=FPS)
    added = import_set(request)
    report = json.loads((added.folder / "walk" / "clock.json").read_text(encoding="utf-8"))
    assert report["offset_s"] == pytest.approx(BEGINS_S, abs=0.002)
    assert (report["film"], report["sure"], report["pairs"]) == ("frames", True, 74)
    picture = cv2.imread(str(added.folder / "walk" / "clock.png"))
    assert picture is not None
    assert picture.shape == (900, 1300, 3)
    assert any(line.startswith("  clocks: the first frame of frames is at 3.31") for line in added.lines())
    (path,) = load_sets("mine")
    assert path.duration_s == pytest.approx(12.0, abs=0.01)
    with pytest.raises(TrajectoryError, match="30 frames a second are those of a video: name it"):
        import_set(ImportRequest((log,), "two", "gyro", "mine", "phone", video_fps=FPS))
    other = write_log(tmp_path / "other.csv", shaking(2))
    with pytest.raises(TrajectoryError, match="is one video for 2 paths"):
        import_set(ImportRequest((log, other), "two", "gyro", "mine", "phone", video=film, video_fps=FPS))


@pytest.mark.parametrize("drift_ppm", [0.0, 80.0, -150.0])
def test_a_minute_of_film_shows_the_drift_of_the_clocks(drift_ppm: float) -> None:
    hand = shaking(5)
    found = fit_clock(*film_of(hand, 60.0, drift_ppm=drift_ppm, scale=1.3), log_of(hand, 70.0))
    assert found.offset_s == pytest.approx(BEGINS_S, abs=0.001)
    assert found.drift_ppm == pytest.approx(drift_ppm, abs=10.0)
    assert found.drift_error_ppm is not None
    assert found.drift_error_ppm < 10.0
    assert found.scale == pytest.approx(1.3, abs=0.01)
    np.testing.assert_allclose(found.film_rad_s, found.log_rad_s, atol=0.12)


def test_a_film_may_begin_before_its_log_and_outlast_it() -> None:
    hand = shaking(6)
    early = fit_clock(*film_of(hand, 8.0, begins_s=-2.5), log_of(hand, 30.0))
    assert early.sure
    assert early.offset_s == pytest.approx(-2.5, abs=0.002)
    late = fit_clock(*film_of(hand, 8.0, begins_s=26.0), log_of(hand, 30.0))
    assert late.offset_s == pytest.approx(26.0, abs=0.002)


def test_what_lies_in_a_gap_of_the_log_is_not_compared() -> None:
    hand = shaking(7)
    log = log_of(hand, 20.0)
    kept = (log.t_s < 6.0) | (log.t_s > 8.0)
    gappy = Trajectory(log.t_s[kept], log.quaternion_wxyz[kept], log.position_w[kept])
    found = fit_clock(*film_of(hand, 12.0), gappy)
    assert found.offset_s == pytest.approx(BEGINS_S, abs=0.002)
    assert not ((found.t_s + found.offset_s > 5.99) & (found.t_s + found.offset_s < 8.01)).any()
    assert found.pairs == pytest.approx(10.0 * FPS, abs=4)


def test_an_even_shaking_leaves_its_period_open() -> None:
    def even(t_s: Array) -> Array:
        return np.outer(np.sin(2 * np.pi * 2.0 * t_s), np.radians([1.0, 2.0, 0.5]))

    assert not fit_clock(*film_of(even, 5.0), log_of(even, 30.0)).sure


def test_other_hands_are_not_taken_for_one() -> None:
    for seed in range(3):
        log = log_of(shaking(20 + seed), 25.0)
        try:
            found: ClockFit | None = fit_clock(*film_of(shaking(10 + seed), 6.0), log)
        except OtherAxesError:  # chance among 24 turns of the axes: refused as well
            found = None
        assert found is None or not found.sure


def test_pairs_without_points_are_left_out_and_too_few_are_refused() -> None:
    hand = shaking(8)
    film, pairs = film_of(hand, 4.0)
    blurred = [PairQuality(**{**pair.__dict__, "reason": "blur" if pair.first % 2 else ""}) for pair in pairs]
    found = fit_clock(film, blurred, log_of(hand, 20.0))
    assert found.pairs == (len(pairs) + 1) // 2
    assert found.offset_s == pytest.approx(BEGINS_S, abs=0.002)
    lost = [PairQuality(**{**pair.__dict__, "reason": "few points"}) for pair in pairs]
    with pytest.raises(TrajectoryError, match="0 pairs of frames show how the camera turned, and a clock needs 24"):
        fit_clock(film, lost, log_of(hand, 20.0))


def test_there_are_24_turns_of_axes_and_their_letters_come_back() -> None:
    turns = turns_of_axes()
    assert len(turns) == 24
    assert all(letters_of(matrix) == letters for letters, matrix in turns.items())
    np.testing.assert_array_equal(turns["yXZ"] @ [1.0, 2.0, 3.0], [-2.0, 1.0, 3.0])


def test_a_phones_clip_and_log_agree_where_its_camera_says_that_frames_began(shared: Path) -> None:
    """The log of lhaippp/gyro-video-stabilization; its frames are not at hand, so its turns stand for a film's."""
    folder = shared / "trajectories" / "phone_gyro_412hz"
    log = GYRO.read(folder / "gyro.csv", orientation="yXZ")
    begins = np.loadtxt(folder / "frames.csv", delimiter=",", skiprows=1)[98:200, 1]
    rotation, _ = log.pose_at(begins)
    quaternion = rotation.as_quat()[:, [3, 0, 1, 2]]
    film = Trajectory(begins - begins[0], quaternion, np.zeros((len(begins), 3)), name="film.mp4")
    pairs = [PairQuality(i, 0.033, 100, 90, 0.9, 0.3, 3.0, 0.1, 0.1, 0.0, 0.5, "") for i in range(len(begins) - 1)]
    found = fit_clock(film, pairs, log)
    assert found.sure
    assert found.offset_s == pytest.approx(begins[0], abs=1e-4)
