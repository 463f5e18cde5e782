"""Every real camera path at hand: read in its format, and written and read back in the formats that are written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hvdbench.camera.estimation.measure import measure_clip
from hvdbench.camera.exporting import export_path
from hvdbench.camera.formats.monst3r import MONST3R, PATH_FILE, write_monst3r
from hvdbench.camera.formats.trajectory_format import all_formats
from hvdbench.camera.formats.tum import TUM
from hvdbench.camera.index import load_sets, read_path, read_sets
from hvdbench.camera.quality import assess
from hvdbench.camera.stabiliser.log import read_log
from hvdbench.camera.trajectory import Trajectory, align_signs, lowpass
from hvdbench.errors import InputError, TrajectoryError

FORMATS = {
    "arkit_iphone_xs/ARKit_camera_pose.txt": "arkit",
    "camera_shakify/investigation_24fps.csv": "shakify",
    "camera_shakify/out_car_window_24fps.csv": "shakify",
    "camera_shakify/the_closeup_24fps.csv": "shakify",
    "camera_shakify/walk_to_the_store_24fps.csv": "shakify",
    "euroc/V1_02_groundtruth_first1000.csv": "euroc",
    "kitti/00_gt_first300.txt": "kitti",
    "monst3r/converted_from_tum_fr1_xyz/pred_traj.txt": "monst3r",
    "monst3r/issue73_excerpt/pred_traj.txt": "monst3r",
    "phone_gyro_412hz/gyro.csv": "gyro",
    "re10k/0bf152ef84195293.txt": "re10k",
    "re10k/2f25826f0d0ef09a.txt": "re10k",
    "tum_rgbd/freiburg1_xyz-ORB_kf_mono.txt": "tum",
    "tum_rgbd/freiburg1_xyz-groundtruth.txt": "tum",
    "tum_rgbd/freiburg1_xyz-rgbdslam.txt": "tum",
    "tum_vi/dataset-room1_512_16_first60s.txt": "tum",
}
BESIDE = {"frames.csv", "00_times_first300.txt", "pred_intrinsics.txt", "README.md"}
"""What is no path: exposure times, KITTI's times, intrinsics."""


def read(shared: Path, name: str) -> Trajectory:
    format_name = FORMATS[name]
    return read_path(
        shared / "trajectories" / name, format_name=format_name, fps=30.0 if format_name == "monst3r" else None
    )


def test_every_file_has_a_format_here(shared: Path) -> None:
    files = [file for file in (shared / "trajectories").rglob("*") if file.is_file() and file.name not in BESIDE]
    assert {file.relative_to(shared / "trajectories").as_posix() for file in files} == set(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_a_real_file_is_read_and_reported_on(shared: Path, name: str) -> None:
    path = read(shared, name)
    assert path.t_s[0] == 0.0
    assert np.isfinite(path.position_w).all()
    np.testing.assert_allclose(np.linalg.det(path.rotation_wc), 1.0, atol=1e-9)
    assert assess(path).lines()[0].startswith(f"{path.name}: {len(path.t_s)} rows")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("written", ["tum", "kitti", "euroc", "colmap"])
def test_a_real_path_comes_back_from_what_is_exported(shared: Path, tmp_path: Path, name: str, written: str) -> None:
    path = read(shared, name)
    file, *_ = export_path(path, written, tmp_path / "out")
    assert_same(read_path(file, format_name=written), path)


@pytest.mark.parametrize("name", FORMATS)
def test_a_real_file_is_refused_by_every_other_reader(shared: Path, name: str) -> None:
    for form in all_formats():
        if form.name != FORMATS[name]:
            with pytest.raises(TrajectoryError, match=f"looks like format '{FORMATS[name]}'"):
                form.read(shared / "trajectories" / name, fps=30.0)
    with pytest.raises(InputError, match=r"has no (column|header)"):
        read_log(shared / "trajectories" / name)


@pytest.mark.parametrize("name", FORMATS)
def test_a_real_path_comes_back_from_monst3rs_layout(shared: Path, tmp_path: Path, name: str) -> None:
    path = read(shared, name)
    rate_hz = 1.0 / float(np.median(np.diff(path.t_s)))
    even = path if FORMATS[name] == "monst3r" else path.resampled(rate_hz)
    rate_hz = 30.0 if FORMATS[name] == "monst3r" else rate_hz
    even = replace(even, focal_per_width=even.focal_per_width or 0.8)
    write_monst3r(tmp_path, even, fps=rate_hz, width_px=512, height_px=288)
    assert (tmp_path / PATH_FILE).read_text(encoding="utf-8").startswith("0 ")
    back = MONST3R.read(tmp_path, fps=rate_hz, force=True)
    assert_same(back, even)
    assert back.focal_per_width == pytest.approx(even.focal_per_width, abs=1e-6)


def assert_same(back: Trajectory, path: Trajectory) -> None:
    np.testing.assert_allclose(back.t_s, path.t_s, atol=1e-6)
    np.testing.assert_allclose(back.position_w, path.position_w, atol=1e-6)
    np.testing.assert_allclose(back.quaternion_wxyz, path.quaternion_wxyz, atol=1e-6)


def test_the_converted_path_is_its_tum_original(shared: Path) -> None:
    # The original from 1 s on, 8 Hz low-pass, 30 rows a second, its first pose the identity, translation times 0.13.
    folder = shared / "trajectories"
    original = TUM.read(folder / "tum_rgbd" / "freiburg1_xyz-groundtruth.txt")
    converted = MONST3R.read(folder / "monst3r" / "converted_from_tum_fr1_xyz", fps=30)
    even_s = np.arange(0, original.duration_s, 0.01)
    rotation, position = original.pose_at(even_s)
    smooth, place = lowpass(align_signs(rotation.as_quat()), 8.0, 100.0), lowpass(position, 8.0, 100.0)
    wanted = 1.0 + converted.t_s
    rotation = Rotation.from_quat(np.stack([np.interp(wanted, even_s, column) for column in smooth.T], axis=1))
    place = np.stack([np.interp(wanted, even_s, column) for column in place.T], axis=1)
    relative = rotation[0].inv() * rotation
    off_m = rotation[0].inv().apply(place - place[0]) - converted.position_w / 0.13
    off_deg = np.degrees((relative.inv() * converted.rotation).magnitude())
    assert np.linalg.norm(off_m, axis=1).max() < 0.002
    assert off_deg.max() < 0.1


MEASURED = {"apple_pan", "hvd_002", "hvd_004", "hvd_008", "reds_027"}


def test_the_measured_set_reads_with_good_quality() -> None:
    paths = read_sets("handheld_measured")
    assert {path.name.removeprefix("handheld_measured/") for path in paths} == MEASURED
    for path in paths:
        quality = assess(path)
        assert path.origin == "measured"
        assert not path.scale_m
        assert not path.position_w.any()
        assert path.focal_per_width is not None
        assert (quality.gaps, quality.seams, quality.stretches) == ((), (), 1)
        assert quality.rate_hz == pytest.approx(30.0)
        assert 5.0 < np.linalg.norm(quality.rate_rms_deg_s) < 60.0


def test_the_measured_set_lasts_long_enough_for_clips_and_says_how() -> None:
    for path in load_sets("handheld_measured"):
        assert path.name.endswith(" (back and forth)")
        assert path.duration_s >= 12.0
        path.check_regular()


@pytest.mark.slow
def test_a_shipped_path_is_measured_again_as_it_is(shared: Path) -> None:
    source = shared / "data" / "handheld" / "hvd_002_side_by_side.mp4"
    measured = measure_clip(source, crop=(0, 0, 1792, 1008), fps=24, rows_hz=30)
    shipped = next(path for path in read_sets("handheld_measured") if path.name.endswith("hvd_002"))
    np.testing.assert_allclose(measured.path.t_s, shipped.t_s, atol=1e-9)
    off = (measured.path.rotation.inv() * shipped.rotation).magnitude()
    assert np.degrees(off.max()) < 0.1  # another build of OpenCV may follow points a little differently
    assert (measured.verdict, len(measured.estimate.pairs)) == ("fair", 29)
