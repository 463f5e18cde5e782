"""Reading TUM paths."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hvdbench.camera.formats.tum import TUM
from hvdbench.camera.quality import assess
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import TrajectoryError

HALF = np.sqrt(0.5)


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "path.txt"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_scalar_comes_last_and_time_begins_at_0(tmp_path: Path) -> None:
    # 90 degrees about z: 0, 0, sin 45, cos 45. Read scalar-first it would turn about y.
    path = TUM.read(write(tmp_path, f"# a comment\n100.5 1 2 3 0 0 0 1\n100.75 0 0 0 0 0 {HALF} {HALF}\n"))
    np.testing.assert_allclose(path.t_s, [0.0, 0.25])
    np.testing.assert_allclose(path.position_w[0], [1, 2, 3])
    np.testing.assert_allclose(path.rotation_wc[1] @ [1, 0, 0], [0, 1, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("name", "rows", "seconds"),
    [
        ("tum_rgbd/freiburg1_xyz-groundtruth.txt", 3000, 30.09),
        ("tum_rgbd/freiburg1_xyz-rgbdslam.txt", 788, 26.56),
        ("tum_rgbd/freiburg1_xyz-ORB_kf_mono.txt", 32, 18.64),
        ("tum_vi/dataset-room1_512_16_first60s.txt", 7200, 60.85),
    ],
)
def test_real_files_are_read(shared: Path, name: str, rows: int, seconds: float) -> None:
    path = TUM.read(shared / "trajectories" / name)
    assert len(path.t_s) == rows
    assert path.duration_s == pytest.approx(seconds, abs=0.01)


def test_a_monst3r_path_is_refused_unless_forced(shared: Path, tmp_path: Path) -> None:
    for name in ("converted_from_tum_fr1_xyz", "issue73_excerpt"):
        with pytest.raises(TrajectoryError, match="looks like format 'monst3r'"):
            TUM.read(shared / "trajectories" / "monst3r" / name / "pred_traj.txt")
    file = shared / "trajectories" / "monst3r" / "issue73_excerpt" / "pred_traj.txt"
    assert len(TUM.read(file, force=True).t_s) == 3


def test_monst3r_rows_are_known_by_their_count_and_their_first_quaternion_number(tmp_path: Path) -> None:
    # 0, 1, 2 … and over 0.99 in the first three rows, not in later ones.
    rows = [f"{row} 0 0 0 {np.cos(0.02 * row**2):.6f} {np.sin(0.02 * row**2):.6f} 0 0" for row in range(12)]
    text = "\n".join(rows)
    with pytest.raises(TrajectoryError, match="say --format monst3r, or --force"):
        TUM.read(write(tmp_path, text))
    assert len(TUM.read(write(tmp_path, text), force=True).t_s) == 12


def test_seconds_that_happen_to_be_whole_are_still_seconds(tmp_path: Path) -> None:
    rows = [f"{row} 0 0 0 {np.sin(0.01 * row):.6f} 0 0 {np.cos(0.01 * row):.6f}" for row in range(5)]
    assert TUM.read(write(tmp_path, "\n".join(rows))).duration_s == 4.0


def test_a_path_comes_back_from_its_own_rows(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    rotation = Rotation.random(20, rng=generator)
    path = Trajectory(np.arange(20) / 30, rotation.as_quat()[:, [3, 0, 1, 2]], generator.normal(size=(20, 3)))
    rows = np.column_stack([path.t_s, path.position_w, path.quaternion_wxyz[:, [1, 2, 3, 0]]])
    np.savetxt(tmp_path / "path.txt", rows, fmt="%.9f")
    back = TUM.read(tmp_path / "path.txt")
    np.testing.assert_allclose(back.t_s, path.t_s, atol=1e-8)
    np.testing.assert_allclose(back.position_w, path.position_w, atol=1e-8)
    np.testing.assert_allclose(back.rotation_wc, path.rotation_wc, atol=1e-8)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0 1 0 0 0 0 1 0 0 0 0 1\n" * 2, "looks like format 'kitti'"),
        ("1,2,3,4,5,6,7,8\n" * 2, "looks like format 'euroc'"),
        ("1403715524907143168 0 0 0 0 0 0 1\n1403715524912143104 0 0 0 0 0 0 1\n", "times are not in seconds"),
        ("0.5 0 0 0 0 0 0 1\n", r"1 row\(s\)"),
        ("0.5 0 0 0 0 0 0 1\n0.6 0 0 0 0 0 0 2\n", "norm 2.0000"),
    ],
)
def test_another_layout_is_refused_and_named(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(TrajectoryError, match=sentence):
        TUM.read(write(tmp_path, text))


def test_a_stated_rate_must_fit_the_files_own_times(shared: Path) -> None:
    file = shared / "trajectories" / "tum_rgbd" / "freiburg1_xyz-groundtruth.txt"
    assert len(TUM.read(file, fps=100).t_s) == 3000
    with pytest.raises(TrajectoryError, match="100 rows a second, not 30"):
        TUM.read(file, fps=30)


@pytest.mark.parametrize("factor", [1e3, 1e6, 1e9])
def test_another_unit_of_time_is_named(tmp_path: Path, factor: float) -> None:
    unit = {1e3: "milliseconds", 1e6: "microseconds", 1e9: "nanoseconds"}[factor]
    rows = [f"{(row + 0.5) * factor / 30:.0f} 0 0 0 0 0 0 1" for row in range(40)]
    with pytest.raises(TrajectoryError, match=f"times are not in seconds \\(they look like {unit}\\)"):
        TUM.read(write(tmp_path, "\n".join(rows)))
    assert len(TUM.read(write(tmp_path, "\n".join(rows)), force=True).t_s) == 40


def test_rows_far_apart_have_no_spectrum_and_no_traceback(tmp_path: Path) -> None:
    rows = [f"{2.5 * row + 0.5} 0 0 0 0 0 0 1" for row in range(40)]
    assert assess(TUM.read(write(tmp_path, "\n".join(rows)))).bands_deg_s == ()


def test_a_comment_that_names_another_order_is_obeyed(tmp_path: Path) -> None:
    half = np.sqrt(0.5)  # a quarter turn about z
    rows = "".join(f"{row / 30:.6f} {half} 0 0 {half} 1 2 3\n" for row in range(30))
    (tmp_path / "path.txt").write_text("# t qw qx qy qz tx ty tz\n" + rows, encoding="utf-8")
    path = TUM.read(tmp_path / "path.txt")
    np.testing.assert_allclose(path.rotation_wc[0] @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(path.position_w[0], [1, 2, 3])


def test_a_first_row_at_rest_with_the_scalar_first_is_told(tmp_path: Path) -> None:
    file = tmp_path / "path.txt"
    file.write_text("".join(f"{row / 30 + 0.01:.6f} 0 0 0 1 0 0 0\n" for row in range(30)), encoding="utf-8")
    with pytest.raises(TrajectoryError, match="ends in 1 0 0 0, which is a camera at rest if the scalar is first"):
        TUM.read(file)
    assert len(TUM.read(file, force=True).t_s) == 30
