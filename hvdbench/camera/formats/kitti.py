"""Read KITTI odometry paths: a 3x4 matrix per row, and the times in a file of their own."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hvdbench.camera.formats.rows import (
    Array,
    first_row,
    need_fps,
    read_lines,
    read_rows,
    rotations,
    seconds,
    table_text,
    to_wxyz,
)
from hvdbench.camera.formats.trajectory_format import POSSIBLE, UNLIKE, Likeness, TrajectoryFormat
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import TrajectoryError
from hvdbench.workspace.atomic import atomic_write_text

_ROW = "a 3x4 matrix, row by row"


def read_kitti(path: Path, *, fps: float | None = None) -> Trajectory:
    """Read a KITTI pose file.

    A row is the first three rows of a 4x4 matrix, row by row: camera-to-world, OpenCV axes, metres (KITTI odometry
    development kit). Times, in seconds, come from the times file beside it where there is one.

    Args:
        path: the text file.
        fps: rows per second where there is no times file beside it; with one, a rate that it must agree with.

    Returns:
        N poses; ``t_s`` is 0 at the first row.

    Raises:
        TrajectoryError: if a row does not have 12 numbers, a 3x3 part is not a rotation, there are neither times nor
            ``fps``, or the times file has another length.
    """
    rows = read_rows(path, columns=(12,), layout=_ROW)
    poses = rows.reshape(-1, 3, 4)
    times = times_file(path)
    if times is None:
        t_s = np.arange(len(rows)) / need_fps(fps, path)
    else:
        t_s = seconds(_read_times(times, len(rows)), unit="seconds", file=times, fps=fps)
    return Trajectory(
        t_s=t_s,
        quaternion_wxyz=to_wxyz(rotations(poses[:, :, :3], path)),
        position_w=poses[:, :, 3],
        name=str(path),
        scale_m=True,
    )


def times_file(path: Path) -> Path | None:
    """Find the times beside a pose file: its name with ``times`` for ``gt`` or ``poses``, else ``times.txt``."""
    return next((file for file in _times_names(path) if file.is_file() and file != path), None)


def _times_names(path: Path) -> list[Path]:
    names = [path.name.replace(word, "times") for word in ("gt", "poses") if word in path.name]
    return [path.with_name(name) for name in [*names, "times.txt"]]


def looks_like_kitti(head: Sequence[str]) -> Likeness:
    """Return whether the rows have 12 numbers, as in no other format."""
    return POSSIBLE if len(first_row(head)) == 12 else UNLIKE


def _beside(file: Path) -> list[Path]:
    times = times_file(file)
    return [] if times is None else [times]


def _read_times(file: Path, rows: int) -> Array:
    try:
        times = np.array([float(line) for line in read_lines(file) if line.strip()], np.float64)
    except ValueError as error:
        raise TrajectoryError(f"{file}: a line is not a single time in seconds: {error}") from error
    if len(times) != rows:
        raise TrajectoryError(
            f"{file} has {len(times)} times, and the pose file beside it has {rows} rows: they must be as many"
        )
    return times


def write_kitti(file: Path, path: Trajectory) -> list[Path]:
    """Write a path as KITTI's poses, with its times in the file beside them that :func:`times_file` looks for first.

    Returns:
        The poses and the times.

    Raises:
        TrajectoryError: a name of the times' own.
    """
    times = _times_names(file)[0]
    if times == file:
        raise TrajectoryError(f"{file} is the name of the times beside the poses: name the poses otherwise")
    matrices = np.concatenate([path.rotation_wc, path.position_w[:, :, None]], axis=2)
    atomic_write_text(times, table_text(path.t_s[:, None] - path.t_s[0]))
    atomic_write_text(file, table_text(matrices.reshape(-1, 12)))
    return [file, times]


KITTI = TrajectoryFormat(
    name="kitti",
    title="KITTI odometry path",
    row=_ROW,
    times="a file beside it",
    reader=read_kitti,
    looks_like=looks_like_kitti,
    endings=(".txt", ".csv"),
    companions=_beside,
    writer=write_kitti,
)
