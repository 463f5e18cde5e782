"""Read RealEstate10K camera files: microseconds, normalised intrinsics, a 3x4 world-to-camera matrix."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hvdbench.camera.formats.rows import first_row, invert, read_lines, read_rows, rotations, seconds, to_wxyz
from hvdbench.camera.formats.trajectory_format import POSSIBLE, UNLIKE, Likeness, TrajectoryFormat, certain
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import TrajectoryError

_ROW = "t_us fx fy cx cy k1 k2 and a 3x4 matrix"


def read_re10k(path: Path, *, fps: float | None = None) -> Trajectory:
    """Read a RealEstate10K file.

    Line 1 is the video's address. A row is ``t_us fx fy cx cy 0 0`` and a 3x4 matrix, row by row: *world-to-camera*,
    OpenCV axes, the scale arbitrary, ``fx`` and ``cx`` over the picture's width, ``fy`` and ``cy`` over its height,
    microseconds (https://google.github.io/realestate10k/download.html).

    Args:
        path: the text file.
        fps: None, or a rate that the file's own times must agree with within 20 %.

    Returns:
        N poses, camera-to-world; ``t_s`` is 0 at the first row.

    Raises:
        TrajectoryError: if a row does not have 19 numbers, intrinsics are in pixels, a 3x3 part is not a rotation, or
            times are not in microseconds.
    """
    lines = read_lines(path)
    skip = 1 if lines and lines[0].startswith("http") else 0
    rows = read_rows(path, columns=(19,), layout=_ROW, skip=skip)
    focal = float(np.median(rows[:, 1]))
    if not 0 < focal < 10 or not (np.abs(rows[:, 3:5] - 0.5) <= 0.5).all():
        raise TrajectoryError(
            f"{path}: fx is {focal:g}: RealEstate10K's intrinsics are fractions of the picture's size, not px"
        )
    poses_cw = rows[:, 7:].reshape(-1, 3, 4)
    rotation, position = invert(rotations(poses_cw[:, :, :3], path), poses_cw[:, :, 3])
    return Trajectory(
        t_s=seconds(rows[:, 0], unit="microseconds", file=path, fps=fps),
        quaternion_wxyz=to_wxyz(rotation),
        position_w=position,
        name=str(path),
        focal_per_width=focal,
    )


def looks_like_re10k(head: Sequence[str]) -> Likeness:
    """Return whether the file begins with a video's address, or its rows have 19 numbers."""
    if head and head[0].startswith("http"):
        return certain("its first line is the address of a video")
    return POSSIBLE if len(first_row(head)) == 19 else UNLIKE


RE10K = TrajectoryFormat(
    name="re10k",
    title="RealEstate10K camera file",
    row=_ROW,
    times="microseconds",
    direction="world-to-camera",
    reader=read_re10k,
    looks_like=looks_like_re10k,
    endings=(".txt", ".csv"),
)
