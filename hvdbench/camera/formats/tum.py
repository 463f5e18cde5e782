"""TUM RGB-D paths: ``t tx ty tz qx qy qz qw``."""

from pathlib import Path

import numpy as np

from hvdbench.camera.formats.rows import counts_frames, read_rows, seconds
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import TrajectoryError
from hvdbench.workspace.atomic import atomic_write_text


def read_tum(path: Path, *, fps: float | None = None, force: bool = False) -> Trajectory:
    """Read a TUM file.

    A row is ``t tx ty tz qx qy qz qw``: seconds, camera-to-world, OpenCV axes, scalar *last*
    (https://cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats). Whether the translation is in metres depends on
    the estimator. A body other than a camera (TUM-VI's ground truth is its IMU's) is read as it stands. A MonST3R
    file looks the same but counts frames and has the scalar first.

    Args:
        path: the text file.
        fps: None, or a rate that the file's own times must agree with within 20 %.
        force: read a file that looks like MonST3R's all the same.

    Returns:
        N poses; ``t_s`` is 0 at the first row.

    Raises:
        TrajectoryError: not 8 numbers a row, MonST3R's rows, times that are not seconds, or no unit quaternions.
    """
    rows = read_rows(path, format_name="tum", columns=(8,), layout="t tx ty tz qx qy qz qw")
    if not force and counts_frames(rows):
        raise TrajectoryError(
            f"{path} looks like a MonST3R path (index tx ty tz qw qx qy qz): its first column counts 0, 1, 2 … and "
            f"its rows begin with {abs(rows[0, 4]):.3f} where TUM has qx: use format 'monst3r', or --force"
        )
    return Trajectory(
        t_s=seconds(rows[:, 0], unit_s=1.0, unit="seconds", file=path, fps=fps),
        quaternion_wxyz=rows[:, [7, 4, 5, 6]],
        position_w=rows[:, 1:4],
        name=str(path),
    )


def write_tum(file: Path, path: Trajectory) -> None:
    """Write a path as TUM's rows ``t tx ty tz qx qy qz qw``, seconds from the path's own clock."""
    rows = np.column_stack([path.t_s, path.position_w, path.quaternion_wxyz[:, [1, 2, 3, 0]]])
    lines = [" ".join(f"{value:.9f}" for value in row) for row in rows]
    atomic_write_text(file, "\n".join(["# t tx ty tz qx qy qz qw", *lines]) + "\n")
