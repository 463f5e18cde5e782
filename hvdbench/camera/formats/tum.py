"""Read TUM RGB-D paths: ``t tx ty tz qx qy qz qw``."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hvdbench.camera.formats.rows import Array, eight_columns, read_lines, read_rows, seconds, table_text
from hvdbench.camera.formats.trajectory_format import POSSIBLE, UNLIKE, Likeness, TrajectoryFormat, certain
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import TrajectoryError
from hvdbench.workspace.atomic import atomic_write_text

_ROW = "t tx ty tz qx qy qz qw"
_FIRST_ROWS = 3
# Frame numbers stay far below; seconds since 1970, as TUM's cameras stamp them, are above 1e9.
_MOST_FRAMES = 1e7
_USUAL = ([1, 2, 3], [7, 4, 5, 6])  # places of tx ty tz and of qw qx qy qz
_NAMES = (("tx", "ty", "tz"), ("qw", "qx", "qy", "qz"))
_AT_REST = 1e-6  # of a quaternion: estimators begin exactly so, and no hand does


def read_tum(path: Path, *, fps: float | None = None, force: bool = False) -> Trajectory:
    """Read a TUM file.

    A row is ``t tx ty tz qx qy qz qw``, or as a comment names the columns: seconds, camera-to-world, OpenCV axes,
    scalar *last* (https://cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats). Whether the translation is in
    metres depends on the estimator. A body other than a camera (TUM-VI's ground truth is its IMU's) is read as it
    stands. A MonST3R file looks the same but counts frames and has the scalar first.

    Args:
        path: the text file.
        fps: None, or a rate that the file's own times must agree with within 20 %.
        force: take times that look like another unit for seconds all the same, and rows that look like another order.

    Returns:
        N poses; ``t_s`` is 0 at the first row.

    Raises:
        TrajectoryError: not 8 numbers a row, times that are not seconds, rows that seem to have the scalar first, or no
            unit quaternions.
    """
    rows = read_rows(path, columns=(8,), layout=_ROW)
    stated = _stated_places(read_lines(path))
    t_s = rows[:, 0] - rows[0, 0] if force else seconds(rows[:, 0], unit="seconds", file=path, fps=fps)
    if stated is None and not force:
        _refuse_another_order(rows, path)
    position, quaternion = stated or _USUAL
    return Trajectory(
        t_s=t_s,
        quaternion_wxyz=rows[:, quaternion],
        position_w=rows[:, position],
        name=str(path),
    )


def _stated_places(lines: Sequence[str]) -> tuple[list[int], list[int]] | None:
    """Return the places of x, y, z and of w, x, y, z as a comment names eight columns; None where none does."""
    for line in lines:
        words = line.lstrip("# ").replace(",", " ").lower().split() if line.startswith("#") else []
        position, quaternion = ([words.index(word) for word in names if word in words] for names in _NAMES)
        if len(words) == 8 and len(position) == 3 and len(quaternion) == 4:
            return position, quaternion
    return None


def _refuse_another_order(rows: Array, path: Path) -> None:
    """Refuse rows that begin at rest if their scalar is first, and turned by 180 degrees if it is last."""
    if np.abs(np.abs(rows[0, 4:]) - [1, 0, 0, 0]).max() < _AT_REST:
        ending = " ".join(f"{value:g}" for value in rows[0, 4:])
        raise TrajectoryError(
            f"{path}: its first row ends in {ending}, which is a camera at rest "
            "if the scalar is first, and one on its head as TUM's qx qy qz qw: move that column to the end, or --force"
        )


def looks_like_tum(head: Sequence[str]) -> Likeness:
    """Return whether rows of 8 numbers have times, or end in the scalar that MonST3R puts before its vector.

    Rows whose first cameras are upside down if read scalar-first and upright if read scalar-last are TUM's in all but
    the first column. A path that begins far from both and counts its rows could be of either format.
    """
    rows = eight_columns(head)
    if rows is not None and _stated_places(head) is not None:
        return certain("a comment names its columns")
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


def write_tum(file: Path, path: Trajectory) -> list[Path]:
    """Write a path as a TUM file, its columns named in a comment; the file comes back."""
    rows = np.column_stack([path.t_s, path.position_w, path.quaternion_wxyz[:, [1, 2, 3, 0]]])
    atomic_write_text(file, table_text(rows, head="# timestamp tx ty tz qx qy qz qw\n"))
    return [file]


TUM = TrajectoryFormat(
    name="tum",
    title="TUM RGB-D path",
    row=_ROW,
    times="seconds",
    reader=read_tum,
    looks_like=looks_like_tum,
    endings=(".txt", ".csv", ".tum"),
    writer=write_tum,
)
