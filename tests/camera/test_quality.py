"""Reports on camera paths: gaps, jumps, window seams, bands."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hvdbench.camera.breaks import find_jumps, find_seams, split_at_gaps
from hvdbench.camera.formats.gyro import GYRO
from hvdbench.camera.formats.tum import TUM
from hvdbench.camera.index import load_sets
from hvdbench.camera.quality import assess, rate_spectrum
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import TrajectoryError

RATE_HZ = 30.0


def handheld(rows: int = 300, *, steps: dict[int, float] | None = None, noise_deg: float = 0.0) -> Trajectory:
    """A smooth motion about x and y; ``steps`` turns all rows after one by so many degrees about y."""
    t_s = np.arange(rows) / RATE_HZ
    vector = np.zeros((rows, 3))
    vector[:, 0] = np.radians(2.0 * np.sin(2 * np.pi * 0.9 * t_s) + 0.4 * np.sin(2 * np.pi * 3.1 * t_s))
    vector[:, 1] = np.radians(3.0 * np.sin(2 * np.pi * 0.6 * t_s + 1.0))
    vector += np.radians(np.random.default_rng(7).normal(0, 1, (rows, 3)) * noise_deg)
    for row, angle_deg in (steps or {}).items():
        vector[row:, 1] += np.radians(angle_deg)
    quaternion = Rotation.from_rotvec(vector).as_quat()[:, [3, 0, 1, 2]]
    return Trajectory(t_s, quaternion, np.outer(t_s, [0.5, 0, 0]), name="made", scale_m=True)


def without(path: Trajectory, first: int, last: int) -> Trajectory:
    keep = np.r_[0:first, last : len(path.t_s)]
    return replace(
        path, t_s=path.t_s[keep], quaternion_wxyz=path.quaternion_wxyz[keep], position_w=path.position_w[keep]
    )


def test_a_smooth_path_has_nothing_to_report() -> None:
    report = assess(handheld())
    assert (report.gaps, report.jumps, report.seams) == ((), (), ())
    assert report.rate_hz == pytest.approx(RATE_HZ)
    assert report.speed_median == pytest.approx(0.5)
    assert report.stretches == 1
    assert report.lines()[-1] == "  usable"


def test_a_gap_is_found_and_the_path_splits_there() -> None:
    path = without(handheld(), 100, 120)
    report = assess(path)
    assert [(gap.after_row, round(gap.seconds, 3)) for gap in report.gaps] == [(100, 0.7)]
    parts = split_at_gaps(path)
    assert [(part.name, len(part.t_s)) for part in parts] == [("made+1", 100), ("made+2", 180)]
    assert "usable in 2 part(s)" in report.lines()[-1]
    assert report.jumps == ()


def test_a_stretch_too_short_to_use_is_left_out_and_nothing_usable_is_an_error() -> None:
    assert [len(part.t_s) for part in split_at_gaps(without(handheld(), 10, 60))] == [240]
    with pytest.raises(TrajectoryError, match="too short"):
        split_at_gaps(handheld(rows=12))
    with pytest.raises(TrajectoryError, match=r"gap of .* after row 15"):
        split_at_gaps(without(handheld(rows=50), 15, 30))


def test_a_jump_is_found_at_its_row_and_size() -> None:
    jumps = find_jumps(handheld(steps={140: 1.5}, noise_deg=0.02))
    assert [jump.after_row for jump in jumps] == [140]
    assert jumps[0].turn_deg == pytest.approx(1.5, abs=0.5)  # the motion itself turns by up to 0.4 degrees there


def test_noise_alone_makes_no_jump_and_no_seam() -> None:
    for noise_deg in (0.01, 0.05, 0.3):
        path = handheld(rows=600, noise_deg=noise_deg)
        assert find_jumps(path) == ()
        assert find_seams(path) == ((), 0.0)


def test_seams_below_a_jump_are_found_because_they_come_back() -> None:
    seams = dict.fromkeys(range(63, 400, 50), 0.3)
    path = handheld(rows=400, steps=seams, noise_deg=0.02)
    rows, ratio = find_seams(path)
    assert rows == (63, 113, 163, 213, 263, 313, 363)
    assert ratio > 3.0


def test_windows_of_another_length_are_found_only_when_told() -> None:
    path = handheld(rows=400, steps=dict.fromkeys(range(40, 400, 40), 0.4), noise_deg=0.02)
    assert find_seams(path, window_rows=50) == ((), 0.0)
    assert find_seams(path, window_rows=40)[0][:3] == (40, 80, 120)
    with pytest.raises(TrajectoryError, match="cannot meet at seams"):
        assess(path, window_rows=1)


def test_the_bands_hold_the_rms_of_a_sinusoid() -> None:
    # 1 degree at 2 Hz about x: a rate of 4 pi / sqrt 2 deg/s rms, averaged over x and a still y.
    t_s = np.arange(3000) / 100.0
    angle = np.radians(np.sin(2 * np.pi * 2.0 * t_s))
    quaternion = np.stack([np.cos(angle / 2), np.sin(angle / 2), 0 * angle, 0 * angle], axis=1)
    report = assess(Trajectory(t_s, quaternion, np.zeros((3000, 3))))
    bands = {low: rms for low, _, rms in report.bands_deg_s}
    assert report.rate_rms_deg_s[0] == pytest.approx(4 * np.pi / np.sqrt(2), rel=0.01)
    assert bands[1.0] == pytest.approx(4 * np.pi / np.sqrt(2) / np.sqrt(2), rel=0.02)
    assert bands[8.0] < 0.01


def test_a_real_phone_matches_its_known_bands(shared: Path) -> None:
    report = assess(GYRO.read(shared / "trajectories" / "phone_gyro_412hz" / "gyro.csv"))
    known = [1.1, 2.3, 2.6, 1.2, 0.87, 0.60]  # deg/s rms per axis, of the 72 s recording that these 40 s are from
    np.testing.assert_allclose([rms for _, _, rms in report.bands_deg_s], known, rtol=0.4)
    assert not report.noisy
    assert report.gaps == ()


def test_the_noise_of_markers_is_told_from_a_hand(shared: Path) -> None:
    path = TUM.read(shared / "trajectories" / "tum_rgbd" / "freiburg1_xyz-groundtruth.txt")
    report = assess(path)
    assert report.noisy
    assert "mostly noise" in "\n".join(report.lines())
    assert [gap.after_row for gap in report.gaps] == [1018]


def test_the_shipped_paths_are_clean() -> None:
    for path in load_sets("handheld_simulated"):
        report = assess(path)
        assert (report.gaps, report.jumps, report.seams, report.noisy) == ((), (), (), False)


def test_three_rows_can_be_reported_on() -> None:
    report = assess(handheld(rows=3))
    assert report.stretches == 0
    assert report.bands_deg_s == ()
    assert "not usable" in report.lines()[-1]
    assert len(rate_spectrum(handheld(rows=3))[0]) == 0
