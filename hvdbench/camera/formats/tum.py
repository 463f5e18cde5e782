"""Read TUM RGB-D paths: ``t tx ty tz qx qy qz qw``."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hvdbench.camera.formats.rows import Array, eight_columns, read_rows, seconds
from hvdbench.camera.formats.trajectory_format import POSSIBLE, UNLIKE, Likeness, TrajectoryFormat, certain
from hvdbench.camera.trajectory import Trajectory

_ROW = "t tx ty tz qx qy qz qw"
_FIRST_ROWS = 3
# Frame numbers stay far below; seconds since 1970, as TUM's cameras stamp them, are above 1e9.
_MOST_FRAMES = 1e7


def read_tum(path: Path, *, fps: float | None = None, force: bool = False) -> Trajectory:
    """Read a TUM file.

    A row is ``t tx ty tz qx qy qz qw``: seconds, camera-to-world, OpenCV axes, scalar *last*
    (https://cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats). Whether the translation is in metres depends on
    the estimator. The path of a body other than a camera (TUM-VI's ground truth is its IMU's) is read unchanged. A
    MonST3R file looks the same but counts frames and has the scalar first.

    Args:
        path: the text file.
        fps: None, or a rate that the file's own times must agree with within 20 %.
        force: whether to take times as seconds although they look like another unit.

    Returns:
        N poses; ``t_s`` is 0 at the first row.

    Raises:
        TrajectoryError: if a row does not have 8 numbers, times are not in seconds, or quaternions do not have norm 1.
    """
    rows = read_rows(path, columns=(8,), layout=_ROW)
    t_s = rows[:, 0] - rows[0, 0] if force else seconds(rows[:, 0], unit="seconds", file=path, fps=fps)
    return Trajectory(
        t_s=t_s,
        quaternion_wxyz=rows[:, [7, 4, 5, 6]],
        position_w=rows[:, 1:4],
        name=str(path),
    )


def looks_like_tum(head: Sequence[str]) -> Likeness:
    """Return whether rows of 8 numbers have times, or end in the scalar that MonST3R puts before its vector.

    Rows whose first cameras are upside down if read scalar-first and upright if read scalar-last are TUM's in all but
    the first column. A path that begins far from both and counts its rows could be of either format.
    """
    rows = eight_columns(head)
    if rows is None or begins_as_monst3r(rows):
        return UNLIKE
    index = rows[:, 0]
    odd = (index != np.rint(index)) | (index < 0) | (index > _MOST_FRAMES)
    if odd.any():
        return certain(f"its first column contains {index[np.argmax(odd)]:.15g}, which is not the number of a frame")
    scalar_first, scalar_last = np.median(np.abs(rows[:_FIRST_ROWS, [4, 7]]), axis=0)
    if scalar_last > 0.9 and scalar_first < 0.5:
        return certain(
            f"its first rows end in {scalar_last:.3f}, so in MonST3R's order (qw qx qy qz) the camera would begin "
            "turned by 180 degrees; if its first column counts frames, move the last column before qx"
        )
    return POSSIBLE


def begins_as_monst3r(rows: Array) -> bool:
    """Return whether rows (N, 8) begin as MonST3R's: whole frame numbers from 0, a first quaternion number near 1."""
    index = rows[:_FIRST_ROWS, 0]
    whole = bool(index[0] == 0 and (index == np.rint(index)).all())
    return whole and bool((np.abs(rows[:_FIRST_ROWS, 4]) > 0.99).all())


TUM = TrajectoryFormat(
    name="tum",
    title="TUM RGB-D path",
    row=_ROW,
    times="seconds",
    reader=read_tum,
    looks_like=looks_like_tum,
    endings=(".txt", ".csv", ".tum"),
)
