"""Camera paths written in the formats of others, and read back."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hvdbench.camera.breaks import find_gaps, resample, stretches
from hvdbench.camera.exporting import export_formats, export_path
from hvdbench.camera.formats.trajectory_format import open_format
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import InputError, TrajectoryError

FPS = 25.0
FOLDERS = ("colmap", "monst3r")


def hand(*, pause_s: float = 0.0) -> Trajectory:
    """Four seconds of a hand that turns at up to 30 deg/s while it walks; a pause after two."""
    t_s = np.arange(100) / FPS
    waves = [4.0 * np.sin(7.0 * t_s), 3.0 * np.cos(9.0 * t_s), 2.0 * np.sin(4.0 * t_s + 0.3)]
    turned = Rotation.from_euler("xyz", [20, -35, 50], degrees=True) * Rotation.from_rotvec(np.radians(waves).T)
    return Trajectory(
        t_s=t_s + np.where(t_s >= 2.0, pause_s, 0.0),
        quaternion_wxyz=turned.as_quat()[:, [3, 0, 1, 2]],
        position_w=np.column_stack([0.3 * t_s, 0.1 * np.sin(t_s), 1.2 * t_s + 5.0]),
    )


def there_and_back(path: Trajectory, name: str, folder: Path) -> Trajectory:
    target = folder / ("out" if name in FOLDERS else f"walk.{name}")
    export_path(path, name, target)
    form = open_format("gyro" if name == "gcsv" else name)
    return form.read(target, fps=FPS if form.needs_fps else None)


def off_deg(path: Trajectory, other: Trajectory) -> NDArray[np.float64]:
    return np.asarray(np.degrees((path.rotation.inv() * other.rotation).magnitude()))


def test_six_formats_are_written() -> None:
    assert export_formats() == ("colmap", "euroc", "gcsv", "kitti", "monst3r", "tum")


@pytest.mark.parametrize("pause_s", [0.0, 7.4])
@pytest.mark.parametrize("name", sorted(set(export_formats()) - {"gcsv"}))
def test_a_path_comes_back_with_its_gap(tmp_path: Path, name: str, pause_s: float) -> None:
    path = hand(pause_s=pause_s)
    back = there_and_back(path, name, tmp_path)
    np.testing.assert_allclose(back.t_s, path.t_s, atol=1e-6)
    np.testing.assert_allclose(back.position_w, path.position_w, atol=1e-7)
    assert off_deg(path, back).max() < 1e-5
    assert len(find_gaps(back)) == (1 if pause_s else 0)


@pytest.mark.parametrize("pause_s", [0.0, 7.4])
def test_rates_of_a_gcsv_file_turn_as_the_path_does(tmp_path: Path, pause_s: float) -> None:
    path = hand(pause_s=pause_s)
    back = there_and_back(path, "gcsv", tmp_path)
    assert len(find_gaps(back)) == (1 if pause_s else 0)
    for part in stretches(path):
        here = np.searchsorted(back.t_s, part.t_s - 1e-6)
        np.testing.assert_allclose(back.t_s[here], part.t_s, atol=1e-6)
        turned = back.rotation[here]
        off = (part.rotation[0].inv() * part.rotation).inv() * (turned[0].inv() * turned)
        assert np.degrees(off.magnitude()).max() < 1e-3


def test_a_gcsv_file_says_what_gyroflow_calls_its_axes(tmp_path: Path) -> None:
    # To the right about OpenCV's y, which points down: about the picture's top, the first letter, the other way round.
    t_s = np.arange(50) / FPS
    yaw = Rotation.from_rotvec(np.outer(t_s, [0.0, 0.5, 0.0])).as_quat()[:, [3, 0, 1, 2]]
    (file,) = export_path(Trajectory(t_s, yaw, np.zeros((50, 3))), "gcsv", tmp_path / "yaw.gcsv")
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[:7] == [
        "GYROFLOW IMU LOG", "version,1.3", "id,hvdbench", "orientation,XYZ", "tscale,1", "gscale,1", "t,gx,gy,gz"
    ]  # fmt: skip
    np.testing.assert_allclose([float(word) for word in lines[300].split(",")[1:]], [-0.5, 0, 0], atol=1e-6)


def test_a_path_without_even_rows_is_resampled_for_monst3r(tmp_path: Path) -> None:
    path = hand()
    uneven = Trajectory(path.t_s**1.01, path.quaternion_wxyz, path.position_w)
    with pytest.raises(TrajectoryError, match="MonST3R's layout has no times: resample it"):
        export_path(uneven, "monst3r", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (file,) = export_path(uneven, "monst3r", tmp_path / "out", rows_hz=30.0)
    back = open_format("monst3r").read(file, fps=30.0)
    assert np.diff(back.t_s) == pytest.approx(1 / 30)
    assert off_deg(back, resample(uneven, 30.0)).max() < 1e-5


def test_what_is_there_is_kept_unless_it_may_be_replaced(tmp_path: Path) -> None:
    file = tmp_path / "walk.txt"
    file.write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="is there already: name another file, or --overwrite"):
        export_path(hand(), "tum", file)
    assert file.read_text(encoding="utf-8") == "mine"
    export_path(hand(), "tum", file, overwrite=True)
    assert file.read_text(encoding="utf-8").startswith("# timestamp tx ty tz qx qy qz qw\n")
    with pytest.raises(InputError, match="is there already: name a new folder for format 'colmap'"):
        export_path(hand(), "colmap", tmp_path)
    with pytest.raises(InputError, match="is a folder: name a file for format 'tum'"):
        export_path(hand(), "tum", tmp_path)


def test_a_format_that_is_only_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrajectoryError, match="'arkit' is only read: export one of colmap, euroc, gcsv, kitti"):
        export_path(hand(), "arkit", tmp_path / "out.txt")


def test_poses_are_never_written_where_their_times_go(tmp_path: Path) -> None:
    with pytest.raises(TrajectoryError, match="is the name of the times beside the poses"):
        export_path(hand(), "kitti", tmp_path / "times.txt")
    assert [file.name for file in export_path(hand(), "kitti", tmp_path / "00_gt.txt")] == ["00_gt.txt", "00_times.txt"]


@pytest.mark.parametrize("name", ["monst3r", "gcsv"])
def test_a_jump_of_a_clock_takes_neither_time_nor_memory(tmp_path: Path, name: str) -> None:
    with pytest.raises(TrajectoryError, match=r"its times jump by 1e\+06 s after row 50, which no"):
        export_path(hand(pause_s=1e6), name, tmp_path / "out", rows_hz=30.0)


def test_a_rate_beyond_reason_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrajectoryError, match=r"are over 1e\+07 rows: ask for fewer"):
        export_path(hand(), "tum", tmp_path / "walk.txt", rows_hz=1e9)
