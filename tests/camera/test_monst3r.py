"""Reading MonST3R's path files."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from hvdbench.camera.formats.monst3r import MONST3R, write_monst3r
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import TrajectoryError


def test_the_scalar_comes_first(tmp_path: Path) -> None:
    # 90 degrees about z: cos 45, 0, 0, sin 45. Read scalar-last it would turn about x.
    half = np.sqrt(0.5)
    (tmp_path / "p.txt").write_text(f"0 0 0 0 1 0 0 0\n1 0 0 0 {half} 0 0 {half}\n", encoding="utf-8")
    path = MONST3R.read(tmp_path / "p.txt", fps=30)
    np.testing.assert_allclose(path.rotation_wc[1] @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_the_first_column_counts_frames(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("0.0 0 0 0 1 0 0 0\n3.0 1 2 3 1 0 0 0\n", encoding="utf-8")
    path = MONST3R.read(tmp_path / "p.txt", fps=24)
    np.testing.assert_allclose(path.t_s, [0.0, 0.125])
    np.testing.assert_allclose(path.position_w[1], [1, 2, 3])
    assert not path.scale_m


def test_the_genuine_excerpt_is_read(shared: Path) -> None:
    path = MONST3R.read(shared / "trajectories" / "monst3r" / "issue73_excerpt", fps=30)
    np.testing.assert_allclose(path.t_s * 30, [0, 1, 16])
    angle_deg = np.degrees((path.rotation[0].inv() * path.rotation[2]).magnitude())
    assert angle_deg == pytest.approx(2.537, abs=0.01)  # 2 acos of the two quaternions' dot product
    with pytest.raises(TrajectoryError, match="too short"):
        path.check_regular()


def test_the_folder_brings_the_focal_length(shared: Path) -> None:
    path = MONST3R.read(shared / "trajectories" / "monst3r" / "converted_from_tum_fr1_xyz", fps=30)
    assert len(path.t_s) == 240
    assert path.focal_per_width == pytest.approx(369.8 / 512)
    path.check_regular()
    assert np.degrees(np.abs(path.motion(np.linspace(0, 7, 3500))[0])).std() < 30.0


def test_depth_maps_beside_the_path_give_the_scene_depth(tmp_path: Path) -> None:
    (tmp_path / "pred_traj.txt").write_text("0 0 0 0 1 0 0 0\n1 0 0 0 1 0 0 0\n", encoding="utf-8")
    for row in range(2):
        np.save(tmp_path / f"frame_{row:04d}.npy", np.full((4, 4), 0.5, np.float32))
    assert MONST3R.read(tmp_path, fps=30).scene_depth == 0.5


def test_a_tum_file_is_refused_and_told_apart(tmp_path: Path) -> None:
    rows = [f"{i} 0 0 0 0.001 0.002 {0.001 * i} 0.9999" for i in range(5)]
    (tmp_path / "pred_traj.txt").write_text("\n".join(rows), encoding="utf-8")
    with pytest.raises(TrajectoryError, match="looks like format 'tum'"):
        MONST3R.read(tmp_path, fps=30)


def test_a_real_tum_path_with_indices_is_refused(shared: Path, tmp_path: Path) -> None:
    source = shared / "trajectories" / "monst3r" / "converted_from_tum_fr1_xyz" / "pred_traj.txt"
    rows = np.loadtxt(source)
    np.savetxt(tmp_path / "p.txt", rows[:, [0, 1, 2, 3, 5, 6, 7, 4]])
    with pytest.raises(TrajectoryError, match="move the last column before qx"):
        MONST3R.read(tmp_path / "p.txt", fps=30)


def write_run(folder: Path, rows: int = 12, *, masks: bool = True, confidences: bool = True) -> None:
    """Write what MonST3R writes: row i at depth i, but for things at 100 that move, or that it is not sure of."""
    folder.mkdir(exist_ok=True)
    (folder / "pred_traj.txt").write_text("".join(f"{i}.0 0 0 0 1 0 0 0\n" for i in range(rows)), encoding="utf-8")
    line = "400 0 256 0 400 144 0 0 1\n"
    (folder / "pred_intrinsics.txt").write_text(line * rows, encoding="utf-8")
    for i in range(rows):
        depth = np.full((6, 8), 1.0 + i, np.float32)
        moving, conf = np.zeros((6, 8), np.uint8), np.full((6, 8), np.log(3.0), np.float32)
        depth[:2], moving[:2] = 100.0, 255
        depth[2:4], conf[2:4] = 100.0, np.log(1.05)
        conf[4, 0] = -np.inf
        np.save(folder / f"frame_{i:04d}.npy", depth)
        if masks:
            write_mask(folder / f"dynamic_mask_{i}.png", moving)
            write_mask(folder / f"enlarged_dynamic_mask_{i}.png", moving)
        if confidences:
            np.save(folder / f"conf_{i}.npy", conf)
            np.save(folder / f"init_conf_{i}.npy", conf)


def write_mask(file: Path, mask: np.ndarray) -> None:
    file.write_bytes(cv2.imencode(".png", mask)[1].tobytes())


def test_the_scene_is_as_far_as_what_stands_still_and_is_sure(tmp_path: Path) -> None:
    write_run(tmp_path)
    # Frames 0, 1, 2 … 11 at depths 1 to 12 (a row // 8 of 1 takes all): the median is 6.5.
    assert MONST3R.read(tmp_path, fps=30).scene_depth == 6.5


def test_maps_count_by_number_not_by_name(tmp_path: Path) -> None:
    # In the order of names, 10 and 11 come before 2. Frame 11 alone is hidden by its mask.
    write_run(tmp_path, confidences=False, masks=False)
    for i in range(12):
        write_mask(tmp_path / f"dynamic_mask_{i}.png", np.full((6, 8), 255 if i != 11 else 0, np.uint8))
        np.save(tmp_path / f"frame_{i:04d}.npy", np.full((6, 8), 1.0 + i, np.float32))
    assert MONST3R.read(tmp_path, fps=30).scene_depth == 12.0


def test_an_enlarged_mask_comes_before_the_plain_one_and_conf_before_init_conf(tmp_path: Path) -> None:
    write_run(tmp_path)
    for i in range(12):
        write_mask(tmp_path / f"dynamic_mask_{i}.png", np.full((6, 8), 255, np.uint8))
        np.save(tmp_path / f"init_conf_{i}.npy", np.zeros((6, 8), np.float32))
    assert MONST3R.read(tmp_path, fps=30).scene_depth == 6.5
    for i in range(12):
        (tmp_path / f"conf_{i}.npy").unlink()
    assert MONST3R.read(tmp_path, fps=30).scene_depth is None  # of init_conf, nothing is sure


@pytest.mark.parametrize("name", ["frame_0007.npy", "dynamic_mask_11.png", "conf_0.npy", "pred_intrinsics.txt"])
def test_maps_and_cameras_that_are_not_as_many_as_the_rows_are_refused(tmp_path: Path, name: str) -> None:
    write_run(tmp_path)
    for file in (tmp_path / name, tmp_path / f"enlarged_{name}"):
        file.unlink(missing_ok=True)
    if name.endswith(".txt"):
        (tmp_path / name).write_text("400 0 256 0 400 144 0 0 1\n" * 11, encoding="utf-8")
    with pytest.raises(TrajectoryError, match=r"(has|contains) 11 .* for the 12 rows .* of two runs"):
        MONST3R.read(tmp_path, fps=30)


def test_maps_of_an_earlier_longer_run_are_refused(tmp_path: Path) -> None:
    write_run(tmp_path, 14)
    write_run(tmp_path, 12)
    with pytest.raises(TrajectoryError, match=r"contains 14 depth maps .*0 to 13.* for the 12 rows"):
        MONST3R.read(tmp_path, fps=30)


@pytest.mark.parametrize("name", ["frame_0003.npy", "enlarged_dynamic_mask_3.png", "conf_3.npy"])
def test_a_damaged_or_odd_sized_map_is_named(tmp_path: Path, name: str) -> None:
    write_run(tmp_path)
    (tmp_path / name).write_bytes(b"no map")
    with pytest.raises(TrajectoryError, match=name):
        MONST3R.read(tmp_path, fps=30)
    if name.endswith(".png"):
        write_mask(tmp_path / name, np.zeros((3, 4), np.uint8))
    else:
        np.save(tmp_path / name, np.zeros((3, 4), np.float32))
    with pytest.raises(TrajectoryError, match="of two runs"):
        MONST3R.read(tmp_path, fps=30)


def test_seconds_in_the_first_column_are_refused_wherever_the_camera_looks(tmp_path: Path) -> None:
    # TUM's rows of a camera turned by 120 degrees: no quaternion number tells it, the times do.
    rows = [f"{1305031102.1 + 0.01 * i:.4f} 1 1 1 0.5 0.5 0.5 0.5" for i in range(9)]
    (tmp_path / "p.txt").write_text("\n".join(rows), encoding="utf-8")
    with pytest.raises(TrajectoryError, match="is not the number of a frame; say --format tum, or --force"):
        MONST3R.read(tmp_path / "p.txt", fps=30)
    assert len(MONST3R.read(tmp_path / "p.txt", fps=30, force=True).t_s) == 9


def test_nanoseconds_are_no_frame_numbers(tmp_path: Path) -> None:
    rows = [f"{1403715524907143168 + i * 5000192} 0 0 0 1 0 0 0" for i in range(9)]
    (tmp_path / "p.txt").write_text("\n".join(rows), encoding="utf-8")
    with pytest.raises(TrajectoryError, match="is not the number of a frame"):
        MONST3R.read(tmp_path / "p.txt", fps=30)


def test_real_tum_files_are_refused(shared: Path) -> None:
    for name in ("freiburg1_xyz-groundtruth.txt", "freiburg1_xyz-rgbdslam.txt", "freiburg1_xyz-ORB_kf_mono.txt"):
        with pytest.raises(TrajectoryError, match="looks like format 'tum'"):
            MONST3R.read(shared / "trajectories" / "tum_rgbd" / name, fps=30)


def test_a_path_off_its_clock_is_not_written(tmp_path: Path) -> None:
    path = Trajectory(np.array([0.0, 0.03, 0.07]), np.tile([1.0, 0, 0, 0], (3, 1)), np.zeros((3, 3)))
    with pytest.raises(TrajectoryError, match="not 1/30 s apart"):
        write_monst3r(tmp_path, path, fps=30)


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
        MONST3R.read(tmp_path / "p.txt", fps=30)


def test_a_missing_file_and_a_frame_rate_of_0_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrajectoryError, match="cannot be read"):
        MONST3R.read(tmp_path, fps=30)
    with pytest.raises(TrajectoryError, match="fps is 0"):
        MONST3R.read(tmp_path, fps=0)
