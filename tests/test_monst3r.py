"""Reading MonST3R's path files."""

from pathlib import Path

import numpy as np
import pytest

from hvdbench.camera.monst3r import read_monst3r
from hvdbench.errors import TrajectoryError


def test_the_scalar_comes_first(tmp_path: Path) -> None:
    # 90 degrees about z: cos 45, 0, 0, sin 45. Read scalar-last it would turn about x.
    half = np.sqrt(0.5)
    (tmp_path / "p.txt").write_text(f"0 0 0 0 1 0 0 0\n1 0 0 0 {half} 0 0 {half}\n", encoding="utf-8")
    path = read_monst3r(tmp_path / "p.txt", fps=30)
    np.testing.assert_allclose(path.rotation_wc[1] @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_the_first_column_counts_frames(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("0.0 0 0 0 1 0 0 0\n3.0 1 2 3 1 0 0 0\n", encoding="utf-8")
    path = read_monst3r(tmp_path / "p.txt", fps=24)
    np.testing.assert_allclose(path.t_s, [0.0, 0.125])
    np.testing.assert_allclose(path.position_w[1], [1, 2, 3])
    assert not path.scale_m


def test_the_genuine_excerpt_is_read(shared: Path) -> None:
    path = read_monst3r(shared / "trajectories" / "monst3r" / "issue73_excerpt", fps=30)
    np.testing.assert_allclose(path.t_s * 30, [0, 1, 16])
    angle_deg = np.degrees((path.rotation[0].inv() * path.rotation[2]).magnitude())
    assert angle_deg == pytest.approx(2.537, abs=0.01)  # 2 acos of the two quaternions' dot product
    with pytest.raises(TrajectoryError, match="too short"):
        path.check_regular()


def test_the_folder_brings_the_focal_length(shared: Path) -> None:
    path = read_monst3r(shared / "trajectories" / "monst3r" / "converted_from_tum_fr1_xyz", fps=30)
    assert len(path.t_s) == 240
    assert path.focal_per_width == pytest.approx(369.8 / 512)
    path.check_regular()
    assert np.degrees(np.abs(path.motion(np.linspace(0, 7, 3500))[0])).std() < 30.0


def test_depth_maps_beside_the_path_give_the_scene_depth(tmp_path: Path) -> None:
    (tmp_path / "pred_traj.txt").write_text("0 0 0 0 1 0 0 0\n1 0 0 0 1 0 0 0\n", encoding="utf-8")
    np.save(tmp_path / "frame_0000.npy", np.full((4, 4), 0.5, np.float32))
    assert read_monst3r(tmp_path, fps=30).scene_depth == 0.5


def test_a_tum_file_is_refused_and_told_apart(tmp_path: Path) -> None:
    rows = [f"{i} 0 0 0 0.001 0.002 {0.001 * i} 0.9999" for i in range(5)]
    (tmp_path / "pred_traj.txt").write_text("\n".join(rows), encoding="utf-8")
    with pytest.raises(TrajectoryError, match="looks like a TUM path"):
        read_monst3r(tmp_path, fps=30)


def test_a_real_tum_path_with_indices_is_refused(shared: Path, tmp_path: Path) -> None:
    source = shared / "trajectories" / "monst3r" / "converted_from_tum_fr1_xyz" / "pred_traj.txt"
    rows = np.loadtxt(source)
    np.savetxt(tmp_path / "p.txt", rows[:, [0, 1, 2, 3, 5, 6, 7, 4]])
    with pytest.raises(TrajectoryError, match="move the last column before qx"):
        read_monst3r(tmp_path / "p.txt", fps=30)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0 0 0 0 1 0 0 0\n1 0 0 1 0 0 0\n", "line 2 has 7 numbers, expected 8"),
        ("0 0 0 0 1 0 0 0\nframe two\n", "line 2 is not made of numbers"),
        ("0 0 0 0 1 0 0 0\n", "1 row"),
        ("", "0 row"),
        ("0 0 0 0 1 0 0 0\n1 0 0 0 2 0 0 0\n", "norm 2.0000"),
        ("0 0 0 0 1 0 0 0\n0 0 0 0 1 0 0 0\n", "time does not rise"),
    ],
)
def test_a_damaged_file_is_refused_with_its_fault(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "p.txt").write_text(text, encoding="utf-8")
    with pytest.raises(TrajectoryError, match=sentence):
        read_monst3r(tmp_path / "p.txt", fps=30)


def test_a_missing_file_and_a_frame_rate_of_0_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrajectoryError, match="cannot be read"):
        read_monst3r(tmp_path, fps=30)
    with pytest.raises(TrajectoryError, match="fps is 0"):
        read_monst3r(tmp_path, fps=0)
