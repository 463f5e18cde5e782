"""Measuring a camera's rotation from a clip: rendered clips of a known path, and what cannot be measured."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_turning_clip import FOCAL_PX, HEIGHT, WIDTH, far_photograph, render
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from hvdbench.camera.breaks import find_gaps
from hvdbench.camera.estimation import measure
from hvdbench.camera.estimation.estimate import RotationEstimate, estimate_rotation
from hvdbench.camera.estimation.measure import REPORT_FILE, measure_clip, write_measured
from hvdbench.camera.estimation.pair_rotation import Pinhole, fit_rotation
from hvdbench.camera.estimation.rotation_graph import Edge, solve_rotations
from hvdbench.camera.estimation.tracks import find_corners, follow
from hvdbench.camera.formats.monst3r import write_monst3r
from hvdbench.camera.index import read_path
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import InputError, TrajectoryError
from hvdbench.frames import Frames, write_clip

Array = NDArray[np.float64]

FPS = 30.0
FRAMES = 40
CAMERA = Pinhole(FOCAL_PX, (WIDTH, HEIGHT))


def hand(t_s: Array) -> Array:
    """Rotation vectors (N, 3): swings of 2, 2.5 and 1 degrees at 1.7, 1.1 and 0.8 Hz, 3 px a frame in the median."""
    waves = [2.0 * np.sin(10.7 * t_s), 2.5 * np.sin(6.9 * t_s + 0.5), 1.0 * np.sin(5.0 * t_s + 1.0)]
    return np.radians(np.stack(waves, axis=-1))


@pytest.fixture(scope="module")
def photograph() -> NDArray[np.uint8]:
    return far_photograph()


def errors_deg(estimate: RotationEstimate, vectors: Array) -> tuple[float, float]:
    """Return the rms error of a step between frames, and the largest error of an orientation."""
    true = Rotation.from_rotvec(vectors)
    true = true[0].inv() * true
    got = estimate.path.rotation
    steps = (true[:-1].inv() * true[1:]).inv() * (got[:-1].inv() * got[1:])
    drift = (true.inv() * got).magnitude()
    return float(np.degrees(np.sqrt(np.mean(steps.magnitude() ** 2)))), float(np.degrees(drift.max()))


def test_a_known_turning_with_noise_is_measured_to_a_hundredth_of_a_degree(photograph: NDArray[np.uint8]) -> None:
    t_s = np.arange(FRAMES) / FPS
    vectors = hand(t_s)
    estimate = estimate_rotation(render(photograph, vectors[:, None]), t_s)
    step_deg, drift_deg = errors_deg(estimate, vectors)
    assert step_deg < 0.01  # found: 0.0046, 0.019 px
    assert drift_deg < 0.06  # found: 0.030
    assert estimate.trusted_share == 1.0
    assert estimate.path.focal_per_width == pytest.approx(0.751)
    assert not estimate.path.position_w.any()


def test_a_moving_thing_on_a_fifth_of_the_frame_does_not_turn_the_camera(photograph: NDArray[np.uint8]) -> None:
    t_s = np.arange(24) / FPS
    vectors = hand(t_s)
    estimate = estimate_rotation(render(photograph, vectors[:, None], thing=True), t_s)
    step_deg, drift_deg = errors_deg(estimate, vectors)
    assert step_deg < 0.02  # found: 0.0084
    assert drift_deg < 0.1  # found: 0.039
    assert estimate.trusted_share > 0.8


def test_motion_blur_leaves_the_turning_at_mid_exposure(photograph: NDArray[np.uint8]) -> None:
    t_s = np.arange(24) / FPS
    spline = CubicSpline(t_s, 2.0 * hand(t_s))  # 6 px a frame, exposed for 0.7 of it
    vectors = np.stack([spline(t_s + shift) for shift in np.linspace(-0.35, 0.35, 7) / FPS], axis=1)
    estimate = estimate_rotation(render(photograph, vectors), t_s)
    step_deg, drift_deg = errors_deg(estimate, vectors[:, 3])
    assert step_deg < 0.02
    assert drift_deg < 0.1
    assert estimate.trusted_share > 0.9


def slide(photograph: NDArray[np.uint8], nearer: float) -> Frames:
    """Slide sideways along a wall, its lower half ``nearer`` times as near."""
    frames = []
    for number in range(10):
        across, down = 4.4 * number - 20.0, 3.0 * np.sin(0.5 * number)
        halves = [
            cv2.warpAffine(
                photograph,
                np.array([[2.0, 0, 300 + 2.0 * times * across], [0, 2.0, 200 + 2.0 * times * down]]),
                (WIDTH, HEIGHT),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            )
            for times in (1.0, nearer)
        ]
        frames.append(np.concatenate([halves[0][: HEIGHT // 2], halves[1][HEIGHT // 2 :]]))
    return np.stack(frames)


@pytest.mark.parametrize("nearer", [1.0, 1.8])
def test_a_camera_that_only_slides_is_told_by_parallax(photograph: NDArray[np.uint8], nearer: float) -> None:
    estimate = estimate_rotation(slide(photograph, nearer), np.arange(10) / FPS)
    assert estimate.trusted_share < 0.2
    reasons = [pair.reason for pair in estimate.pairs]
    assert reasons.count("parallax") >= 8


def test_a_frame_too_blurred_to_follow_is_bridged_by_its_neighbours(photograph: NDArray[np.uint8]) -> None:
    t_s = np.arange(16) / FPS
    vectors = hand(t_s)
    frames = render(photograph, vectors[:, None])
    frames[8] = cv2.GaussianBlur(frames[8], (0, 0), 25)
    estimate = estimate_rotation(frames, t_s)
    lost = [pair.first for pair in estimate.pairs if pair.reason]
    assert set(lost) == {7, 8}
    assert {estimate.pairs[7].reason, estimate.pairs[8].reason} <= {"blur", "few points"}
    true = Rotation.from_rotvec(vectors[[6, 10]])
    got = estimate.path.rotation[[6, 10]]
    across = (true[0].inv() * true[1]).inv() * (got[0].inv() * got[1])
    assert np.degrees(across.magnitude()) < 0.1


def test_the_same_seed_gives_the_same_path(photograph: NDArray[np.uint8]) -> None:
    t_s = np.arange(6) / FPS
    frames = render(photograph, hand(t_s)[:, None])
    first, second = (estimate_rotation(frames, t_s, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.path.quaternion_wxyz, second.path.quaternion_wxyz)
    assert first.pairs == second.pairs


def test_a_pair_gives_the_turn_from_b_to_a() -> None:
    # Far points seen by a, then by b, which is turned by 3 degrees to the right (about y, OpenCV axes).
    generator = np.random.default_rng(0)
    points_a = generator.uniform([40, 20], [280, 170], (80, 2))
    rotation_ab = Rotation.from_euler("y", 3.0, degrees=True)
    points_b = CAMERA.project(CAMERA.rays(points_a) @ rotation_ab.as_matrix())  # rays of a in b: R_ab^T r
    fit = fit_rotation(points_a, points_b, CAMERA, generator)
    assert fit is not None
    np.testing.assert_allclose(fit.rotation_ab.as_rotvec(degrees=True), [0, 3.0, 0], atol=1e-6)
    assert (points_b - points_a)[:, 0].max() < 0  # what is seen moves to the left
    assert fit.share == pytest.approx(1.0)
    assert fit_rotation(points_a[:11], points_b[:11], CAMERA, generator) is None


def test_going_forward_is_an_expansion_and_no_turn() -> None:
    points = np.random.default_rng(0).uniform([10, 10], [310, 180], (150, 2))
    grown = CAMERA.centre_px + 1.02 * (points - CAMERA.centre_px)
    fit = fit_rotation(points, grown, CAMERA, np.random.default_rng(1))
    assert fit is not None
    assert fit.expansion == pytest.approx(0.02, abs=1e-4)
    assert np.degrees(fit.rotation_ab.magnitude()) < 1e-3


def test_points_are_followed_to_a_few_hundredths_of_a_pixel(photograph: NDArray[np.uint8]) -> None:
    gray = cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)
    moved = cv2.warpAffine(gray, np.array([[1, 0, 3.3], [0, 1, -1.6]]), gray.shape[::-1], flags=cv2.INTER_CUBIC)
    here, there = follow(find_corners(gray[100:400, 100:500]), find_corners(moved[100:400, 100:500]))
    assert len(here) > 100
    np.testing.assert_allclose(np.median(there - here, axis=0), [3.3, -1.6], atol=0.05)


def test_a_loop_of_turns_is_closed_by_their_weights() -> None:
    turn = Rotation.from_rotvec([0.0, 0.01, 0.0])
    sure, unsure = np.full(3, 1e8), np.full(3, 1e4)
    edges = [Edge(0, 1, turn, sure), Edge(1, 2, turn, sure), Edge(0, 2, Rotation.from_rotvec([0, 0.03, 0]), unsure)]
    path = solve_rotations(np.arange(4.0), edges)
    assert path[2].as_rotvec()[1] == pytest.approx(0.02, abs=1e-5)
    # The step that nothing measured goes on at the rate before it.
    assert (path[2].inv() * path[3]).as_rotvec()[1] == pytest.approx(0.01, abs=1e-5)


@pytest.fixture
def clip(photograph: NDArray[np.uint8]) -> Frames:
    return render(photograph, hand(np.arange(12) / FPS)[:, None])


def test_a_folder_is_measured_and_written_in_monst3rs_layout(clip: Frames, tmp_path: Path) -> None:
    write_clip(tmp_path / "frames", clip)
    measured = measure_clip(tmp_path / "frames", fps=30)
    write_measured(tmp_path / "out", measured)
    path = read_path(tmp_path / "out", format_name="monst3r", fps=30)
    np.testing.assert_allclose(path.quaternion_wxyz, measured.path.quaternion_wxyz, atol=1e-8)
    assert path.focal_per_width == pytest.approx(0.751)
    report = json.loads((tmp_path / "out" / REPORT_FILE).read_text(encoding="utf-8"))
    assert (report["verdict"], report["frames"], report["rows_hz"], report["frame_px"]) == ("good", 12, 30, [320, 192])
    assert len(report["pairs"]) == 11
    assert measured.lines()[-1].startswith("  verdict: good; positions are not measured (0); too short for synth")


def test_an_estimate_is_replaced_only_when_asked_and_other_things_never(clip: Frames, tmp_path: Path) -> None:
    write_clip(tmp_path / "frames", clip[:4])
    measured = measure_clip(tmp_path / "frames", fps=30)
    write_measured(tmp_path / "out", measured)
    with pytest.raises(InputError, match="contains an estimate already"):
        write_measured(tmp_path / "out", measured)
    write_measured(tmp_path / "out", measured, overwrite=True)
    with pytest.raises(InputError, match="contains other things"):
        write_measured(tmp_path / "frames", measured, overwrite=True)


def test_frames_at_uneven_times_are_put_on_an_even_clock(
    clip: Frames, tmp_path: Path, make_vfr: Callable[[Path, Frames, list[int]], Path]
) -> None:
    times_ms = [0, 33, 66, 133, 166, 200, 233, 300]
    measured = measure_clip(make_vfr(tmp_path / "vfr.mp4", clip[:8], times_ms))
    assert measured.rows_hz == pytest.approx(30.0, rel=0.02)
    assert len(measured.path.t_s) == 10
    assert any("from frames at uneven times" in note for note in measured.notes)
    stated = measure_clip(tmp_path / "vfr.mp4", fps=24, rows_hz=48)
    assert stated.path.duration_s == pytest.approx(7 / 24)
    assert any("taken as 24 frames a second" in note for note in stated.notes)


@pytest.fixture
def make_vfr() -> Callable[[Path, Frames, list[int]], Path]:
    import av

    def make(file: Path, frames: Frames, times_ms: list[int]) -> Path:
        from fractions import Fraction

        with av.open(str(file), "w") as container:
            stream = container.add_stream("libx264", rate=30, options={"crf": "12"})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
            for picture, time in zip(frames, times_ms, strict=True):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = time, Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return file

    return make


def test_what_cannot_be_measured_is_said_in_a_sentence(clip: Frames, tmp_path: Path) -> None:
    write_clip(tmp_path / "frames", clip[:3])
    write_clip(tmp_path / "gray", np.full((4, 64, 64, 3), 128, np.uint8))
    with pytest.raises(TrajectoryError, match="say how many a second"):
        measure_clip(tmp_path / "frames")
    with pytest.raises(TrajectoryError, match="too blurred, dark or smooth"):
        measure_clip(tmp_path / "gray", fps=30)
    with pytest.raises(InputError, match="does not lie inside"):
        measure_clip(tmp_path / "frames", fps=30, crop=(300, 0, 100, 100))
    with pytest.raises(InputError, match="cannot be frames a second"):
        measure_clip(tmp_path / "frames", fps=-1)
    with pytest.raises(InputError, match="does not exist"):
        measure_clip(tmp_path / "absent.mp4")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="contains no frames"):
        measure_clip(tmp_path / "empty", fps=30)


def test_a_pause_of_the_camera_stays_a_gap(shared: Path) -> None:
    # 30 frames at about 30 a second, with 39.5 s between the 15th and the 16th.
    measured = measure_clip(shared / "cases" / "inputs" / "pause_resume" / "pause.mp4")
    (gap,) = find_gaps(measured.path)
    assert gap.seconds == pytest.approx(39.5, abs=0.2)
    assert 28 <= len(measured.path.t_s) <= 30
    assert any("no frame for 39.5 s after frame 15: left as a gap" in note for note in measured.notes)


def test_a_gap_comes_back_from_the_file_that_is_written(tmp_path: Path) -> None:
    t_s = np.concatenate([np.arange(20), np.arange(40, 70), [200.0]]) / 30.0
    still = Trajectory(t_s, np.tile([1.0, 0, 0, 0], (len(t_s), 1)), np.zeros((len(t_s), 3)))
    path, rate_hz, notes = measure._even(still, None)
    assert rate_hz == pytest.approx(30.0)
    np.testing.assert_allclose(path.t_s * 30, np.concatenate([np.arange(20), np.arange(40, 70), [200.0]]), atol=1e-6)
    assert len(notes) == 3
    write_monst3r(tmp_path, path, fps=rate_hz)
    assert [gap.after_row for gap in find_gaps(read_path(tmp_path, format_name="monst3r", fps=30))] == [20, 50]


def test_times_that_jump_by_days_are_one_sentence(tmp_path: Path) -> None:
    t_s = np.concatenate([np.arange(20) / 30.0, 1e6 + np.arange(20) / 30.0])
    still = Trajectory(t_s, np.tile([1.0, 0, 0, 0], (40, 1)), np.zeros((40, 3)), name="film.mp4")
    with pytest.raises(TrajectoryError, match=r"film.mp4: its times jump by 1e\+06 s after row 20, which no recording"):
        measure._even(still, None)
