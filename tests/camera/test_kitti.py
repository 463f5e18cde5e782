"""Reading KITTI paths."""

from pathlib import Path

import numpy as np
import pytest

from hvdbench.camera.formats.kitti import KITTI, times_file
from hvdbench.errors import TrajectoryError

STILL = "1 0 0 0 0 1 0 0 0 0 1 0\n"
TURNED = "0 -1 0 4 1 0 0 5 0 0 1 6\n"  # 90 degrees about z: x becomes y
MIRROR = "1 0 0 0 0 1 0 0 0 0 -1 0\n"


def test_rows_are_camera_to_world_matrices_row_by_row(tmp_path: Path) -> None:
    (tmp_path / "00.txt").write_text(STILL + TURNED, encoding="utf-8")
    path = KITTI.read(tmp_path / "00.txt", fps=10)
    np.testing.assert_allclose(path.t_s, [0, 0.1])
    np.testing.assert_allclose(path.rotation_wc[1] @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(path.position_w[1], [4, 5, 6])
    assert path.scale_m


def test_the_real_file_takes_its_times_from_the_file_beside_it(shared: Path) -> None:
    path = KITTI.read(shared / "trajectories" / "kitti" / "00_gt_first300.txt")
    assert len(path.t_s) == 300
    assert path.t_s[1] == pytest.approx(0.1037359)
    # The car drives ahead: along the camera's own z.
    ahead = path.rotation[:-1].inv().apply(np.diff(path.position_w, axis=0))
    assert (ahead[:, 2] > 0.95 * np.linalg.norm(ahead, axis=1)).mean() > 0.95


def test_times_of_another_rate_or_length_are_refused(shared: Path, tmp_path: Path) -> None:
    with pytest.raises(TrajectoryError, match="not 30"):
        KITTI.read(shared / "trajectories" / "kitti" / "00_gt_first300.txt", fps=30)
    (tmp_path / "00.txt").write_text(STILL * 2, encoding="utf-8")
    (tmp_path / "times.txt").write_text("0\n0.1\n0.2\n", encoding="utf-8")
    with pytest.raises(TrajectoryError, match="3 times, and the pose file beside it has 2 rows"):
        KITTI.read(tmp_path / "00.txt")
    assert times_file(tmp_path / "times.txt") is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (STILL + MIRROR, r"row 2 is a mirror \(determinant -1\)"),
        (STILL + "2 0 0 0 0 1 0 0 0 0 1 0\n", "row 2 is not a rotation"),
        ("0.5 0 0 0 0 0 0 1\n" * 2, "looks like format 'tum'"),
        ("1 " + STILL + "2 " + STILL, "looks like format 'arkit'"),
    ],
)
def test_what_is_no_3x4_matrix_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "00.txt").write_text(text, encoding="utf-8")
    with pytest.raises(TrajectoryError, match=sentence):
        KITTI.read(tmp_path / "00.txt", fps=10)


def test_without_times_the_rate_must_be_told(tmp_path: Path) -> None:
    (tmp_path / "00.txt").write_text(STILL * 2, encoding="utf-8")
    with pytest.raises(TrajectoryError, match="has no times"):
        KITTI.read(tmp_path / "00.txt")
    with pytest.raises(TrajectoryError, match="fps is 0"):
        KITTI.read(tmp_path / "00.txt", fps=0)
