"""EuRoC ground truth: nanoseconds, position, quaternion with the scalar first, separated by commas."""

import re
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hvdbench.camera.formats.rows import read_lines, read_rows, rotations, seconds, to_wxyz
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import TrajectoryError

SENSOR_FILE = "sensor.yaml"
_MATRIX = re.compile(r"T_BS:.*?data:\s*\[([^\]]*)\]", re.DOTALL)


def read_euroc(path: Path, *, fps: float | None = None) -> Trajectory:
    """Read a EuRoC ``data.csv`` of ground truth.

    A row is ``t_ns,px,py,pz,qw,qx,qy,qz`` and up to nine more numbers that are passed over: body-to-world, scalar
    *first*, metres, nanoseconds (Burri et al., 2016). The body is the IMU: put the camera's ``sensor.yaml`` beside
    the file, and its ``T_BS`` (camera to body) turns the path into the camera's, with OpenCV axes. Without it the
    path stays the body's, and its axes are not the picture's.

    Args:
        path: the CSV file.
        fps: None, or a rate that the file's own times must agree with within 20 %.

    Returns:
        N poses; ``t_s`` is 0 at the first row.

    Raises:
        TrajectoryError: no CSV of 8 to 17 numbers a row, times that are not nanoseconds, no unit quaternions, or a
            ``sensor.yaml`` without a usable ``T_BS``.
    """
    layout = "t_ns,px,py,pz,qw,qx,qy,qz,…"
    rows = read_rows(path, format_name="euroc", columns=range(8, 18), layout=layout, separator=",")
    body = Trajectory(
        t_s=seconds(rows[:, 0], unit_s=1e-9, unit="nanoseconds", file=path, fps=fps),
        quaternion_wxyz=rows[:, 4:8],
        position_w=rows[:, 1:4],
        name=str(path),
        scale_m=True,
    )
    sensor = path.with_name(SENSOR_FILE)
    if not sensor.is_file():
        return body
    rotation_bc, offset_b = _read_extrinsics(sensor)
    return Trajectory(
        t_s=body.t_s,
        quaternion_wxyz=to_wxyz(body.rotation * rotation_bc),
        position_w=body.position_w + body.rotation.apply(offset_b),
        name=str(path),
        scale_m=True,
    )


def _read_extrinsics(file: Path) -> tuple[Rotation, np.ndarray]:
    found = _MATRIX.search("\n".join(read_lines(file)))
    try:
        matrix = np.array([float(word) for word in found.group(1).split(",")]) if found else np.empty(0)
    except ValueError as error:
        raise TrajectoryError(f"{file}: T_BS is not made of numbers: {error}") from error
    if matrix.size != 16:
        raise TrajectoryError(f"{file}: expected T_BS with 'data: [16 numbers]', found {matrix.size}")
    pose = matrix.reshape(4, 4)
    return rotations(pose[None, :3, :3], file)[0], pose[:3, 3]
