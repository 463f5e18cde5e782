"""Read Camera Shakify's shakes as CSV: Blender locations and Euler angles per frame."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hvdbench.camera.formats.rows import OPENGL_TO_OPENCV, read_lines, read_rows, rotations, seconds, to_wxyz
from hvdbench.camera.formats.trajectory_format import UNLIKE, Likeness, TrajectoryFormat, certain
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import TrajectoryError

HEADER = "frame,t_s,loc_x_m,loc_y_m,loc_z_m,rot_x_rad,rot_y_rad,rot_z_rad"
_LARGEST_RAD = 2.0 * np.pi


def read_shakify(path: Path, *, fps: float | None = None) -> Trajectory:
    """Read a shake of Camera Shakify (https://github.com/EatTheFuture/camera_shakify), laid out as CSV.

    The header is ``frame,t_s,loc_x_m,loc_y_m,loc_z_m,rot_x_rad,rot_y_rad,rot_z_rad``. Angles are Blender's Euler XYZ:
    about the fixed x first, then y, then z, ``R = Rz Ry Rx``; camera-to-rest, the camera with x right, y *up* and
    looking along *-z*, so each rotation is multiplied by diag(1, -1, -1) on its right. A shake is made to loop; here
    it is one round, and what runs past its end runs back, as with every path.

    Args:
        path: the CSV file.
        fps: None, or a rate that the file's own times must agree with within 20 %.

    Returns:
        N poses, OpenCV axes, the resting camera's axes (y up) as the world; ``t_s`` is 0 at the first row.

    Raises:
        TrajectoryError: if the header differs, a row does not have 8 numbers, or angles are over 2 pi (degrees).
    """
    lines = read_lines(path)
    if not lines or lines[0].strip() != HEADER:
        raise TrajectoryError(f"{path}: its first line is {(lines or [''])[0][:60]!r}, expected {HEADER}")
    rows = read_rows(path, columns=(8,), layout=HEADER, separator=",", skip=1)
    widest = float(np.abs(rows[:, 5:8]).max())
    if widest > _LARGEST_RAD:
        raise TrajectoryError(f"{path}: an angle of {widest:g} looks like degrees: give the Euler angles in radians")
    turned = Rotation.from_euler("xyz", rows[:, 5:8]).as_matrix() @ OPENGL_TO_OPENCV
    return Trajectory(
        t_s=seconds(rows[:, 1], unit="seconds", file=path, fps=fps),
        quaternion_wxyz=to_wxyz(rotations(turned, path)),
        position_w=rows[:, 2:5],
        name=str(path),
        scale_m=True,
    )


def looks_like_shakify(head: Sequence[str]) -> Likeness:
    """Return whether the file begins with the header of a shake."""
    return certain("its first line names the columns of a shake") if head and head[0] == HEADER else UNLIKE


SHAKIFY = TrajectoryFormat(
    name="shakify",
    title="Camera Shakify's shake",
    row=HEADER,
    times="seconds",
    reader=read_shakify,
    looks_like=looks_like_shakify,
    endings=(".csv", ".txt"),
)
