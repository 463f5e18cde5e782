"""Reading Camera Shakify's shakes."""

from pathlib import Path

import numpy as np
import pytest

from hvdbench.camera.formats.shakify import HEADER, SHAKIFY
from hvdbench.errors import TrajectoryError

QUARTER = np.pi / 2
AHEAD, DOWN = [0, 0, 1], [0, 1, 0]


def write(tmp_path: Path, *turns: tuple[float, float, float]) -> Path:
    rows = [f"{frame},{frame / 24:.6f},0,0,0.1,{x},{y},{z}" for frame, (x, y, z) in enumerate(turns)]
    file = tmp_path / "shake.csv"
    file.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return file


def test_the_resting_camera_looks_along_minus_z_with_y_up(tmp_path: Path) -> None:
    path = SHAKIFY.read(write(tmp_path, (0, 0, 0), (0, QUARTER, 0)))
    np.testing.assert_allclose(path.t_s, [0, 1 / 24], atol=1e-6)
    # A quarter turn about y (up): from -z to -x.
    np.testing.assert_allclose(path.rotation_wc @ AHEAD, [[0, 0, -1], [-1, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(path.rotation_wc @ DOWN, [[0, -1, 0]] * 2, atol=1e-12)


def test_euler_angles_turn_about_the_fixed_x_first_then_z(tmp_path: Path) -> None:
    # About x: -z goes to +y; then about z: +y goes to -x. The other order would end at +y.
    path = SHAKIFY.read(write(tmp_path, (0, 0, 0), (QUARTER, 0, QUARTER)))
    np.testing.assert_allclose(path.rotation_wc[1] @ AHEAD, [-1, 0, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("name", "rows"),
    [("investigation", 372), ("out_car_window", 160), ("the_closeup", 438), ("walk_to_the_store", 124)],
)
def test_real_files_are_read(shared: Path, name: str, rows: int) -> None:
    path = SHAKIFY.read(shared / "trajectories" / "camera_shakify" / f"{name}_24fps.csv", fps=24)
    assert len(path.t_s) == rows
    assert (path.rotation_wc @ AHEAD)[:, 2].max() < -0.9  # a shake stays about its rest
    path.check_regular()


def test_degrees_and_other_headers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrajectoryError, match="looks like degrees"):
        SHAKIFY.read(write(tmp_path, (0, 0, 0), (12, 0, 0)))
    file = tmp_path / "gyro.csv"
    file.write_text("t,gx,gy,gz\n0,0,0,0\n", encoding="utf-8")
    with pytest.raises(TrajectoryError, match=r"looks like format 'gyro' \(t,gx,gy,gz\)"):
        SHAKIFY.read(file)
