"""Read ARKit camera poses as ARKit Data Logger writes them: nanoseconds and a 3x4 matrix."""

from collections.abc import Sequence
from pathlib import Path

from hvdbench.camera.formats.rows import OPENGL_TO_OPENCV, first_row, read_rows, rotations, seconds, to_wxyz
from hvdbench.camera.formats.trajectory_format import POSSIBLE, UNLIKE, Likeness, TrajectoryFormat
from hvdbench.camera.trajectory import Trajectory

_ROW = "t_ns and a 3x4 matrix, row by row"


def read_arkit(path: Path, *, fps: float | None = None) -> Trajectory:
    """Read an ``ARKit_camera_pose.txt``.

    A row is ``t_ns`` and a 3x4 matrix, row by row: camera-to-world, metres, nanoseconds, the camera with x right,
    y *up* and looking along *-z*, so each rotation is multiplied by diag(1, -1, -1) on its right. ARKit's camera is
    the sensor's, landscape with the home button on the right: a portrait video is turned by 90 degrees about z to it.

    Args:
        path: the text file.
        fps: None, or a rate that the file's own times must agree with within 20 %.

    Returns:
        N poses, OpenCV axes; ``t_s`` is 0 at the first row. The world stays ARKit's (y up).

    Raises:
        TrajectoryError: if a row does not have 13 numbers, a 3x3 part is not a rotation, or times are not in
            nanoseconds.
    """
    rows = read_rows(path, columns=(13,), layout=_ROW)
    poses = rows[:, 1:].reshape(-1, 3, 4)
    return Trajectory(
        t_s=seconds(rows[:, 0], unit="nanoseconds", file=path, fps=fps),
        quaternion_wxyz=to_wxyz(rotations(poses[:, :, :3] @ OPENGL_TO_OPENCV, path)),
        position_w=poses[:, :, 3],
        name=str(path),
        scale_m=True,
    )


def looks_like_arkit(head: Sequence[str]) -> Likeness:
    """Return whether the rows have 13 numbers, as in no other format."""
    return POSSIBLE if len(first_row(head)) == 13 else UNLIKE


ARKIT = TrajectoryFormat(
    name="arkit",
    title="ARKit Data Logger's camera path",
    row=_ROW,
    times="nanoseconds",
    reader=read_arkit,
    looks_like=looks_like_arkit,
    endings=(".txt", ".csv"),
)
