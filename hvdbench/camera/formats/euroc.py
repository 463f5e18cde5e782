"""Read EuRoC ground truth: nanoseconds, position, quaternion with the scalar first, separated by commas."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hvdbench.camera.formats.rows import numbers_of, read_lines, read_rows, rotations, seconds, table_text, to_wxyz
from hvdbench.camera.formats.sensor_log import TIME_UNITS, Column, named_columns
from hvdbench.camera.formats.trajectory_format import POSSIBLE, UNLIKE, Likeness, TrajectoryFormat, certain
from hvdbench.camera.trajectory import NORM_TOLERANCE, Trajectory
from hvdbench.errors import TrajectoryError
from hvdbench.workspace.atomic import atomic_write_text

SENSOR_FILE = "sensor.yaml"
_ROW = "t_ns,px,py,pz,qw,qx,qy,qz,…"
_MATRIX = re.compile(r"T_BS:.*?data:\s*\[([^\]]*)\]", re.DOTALL)
_POSITION = re.compile(r"(?:t|p|pos|position)?_?(?:\w+_)?([xyz])")
_QUATERNION = re.compile(r"(?:q|quat|quaternion|orientation)_?(?:\w+_)?([wxyz])")
_HEADER = "#timestamp [ns],p_RS_R_x [m],p_RS_R_y [m],p_RS_R_z [m],q_RS_w [],q_RS_x [],q_RS_y [],q_RS_z []\n"
_USUAL = ((1, 2, 3), (4, 5, 6, 7))  # places of px py pz and of qw qx qy qz


def read_euroc(path: Path, *, fps: float | None = None) -> Trajectory:
    """Read a EuRoC ``data.csv`` of ground truth.

    A row is ``t_ns,px,py,pz,qw,qx,qy,qz`` and up to nine more numbers that are ignored: body-to-world, scalar *first*,
    metres, nanoseconds (Burri et al., 2016). Where the first line names the columns, they are taken as it names them,
    and times in the unit that it states: files with the scalar last are common. The body is the IMU: put the camera's
    ``sensor.yaml`` beside the file, and its ``T_BS`` (camera to body) turns the path into the camera's, with OpenCV
    axes. Without it the path stays the body's, and its axes are not the picture's.

    Args:
        path: the CSV file.
        fps: None, or a rate that the file's own times must agree with within 20 %.

    Returns:
        N poses; ``t_s`` is 0 at the first row.

    Raises:
        TrajectoryError: if the file is not a CSV of 8 to 17 numbers a row, times are not in nanoseconds, quaternions do
            not have norm 1, or ``sensor.yaml`` has no usable ``T_BS``.
    """
    lines = read_lines(path)
    header = _header(lines)
    skip = 1 if header and not lines[0].startswith("#") else 0
    rows = read_rows(path, columns=range(8, 18), layout=_ROW, separator=",", skip=skip)
    position, quaternion = _places(header)
    unit = _unit(lines) if header else "nanoseconds"
    body = Trajectory(
        t_s=seconds(rows[:, 0], unit=unit, file=path, fps=fps),
        quaternion_wxyz=rows[:, quaternion],
        position_w=rows[:, position],
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


def _header(lines: Sequence[str]) -> list[str]:
    """Return the names of the columns, units in brackets left out; none where the first line names none."""
    first = lines[0].lstrip("#").strip() if lines else ""
    if first.count(",") < 7 or numbers_of(first, ","):
        return []
    return [re.sub(r"[\[(].*", "", word).strip().lower() for word in first.split(",")]


def _unit(lines: Sequence[str]) -> str:
    """Return the unit of times that the header states; nanoseconds where it states none."""
    stamp = named_columns([lines[0].lstrip("#").split(",")[0]]).get("t", Column(0))
    return TIME_UNITS.get(stamp.unit, "nanoseconds")


def _places(header: Sequence[str]) -> tuple[list[int], list[int]]:
    """Return the places of x, y, z and of w, x, y, z among the columns: those that the header names, else EuRoC's."""
    position = _named(header, _POSITION, "xyz", until=8)
    quaternion = _named(header, _QUATERNION, "wxyz", until=len(header))
    return position or list(_USUAL[0]), quaternion or list(_USUAL[1])


def _named(header: Sequence[str], pattern: re.Pattern[str], letters: str, *, until: int) -> list[int]:
    found: dict[str, int] = {}
    for place, word in enumerate(header[1:until], start=1):
        match = pattern.fullmatch(word)
        if match:
            found.setdefault(match[1], place)
    return [found[letter] for letter in letters] if set(found) == set(letters) else []


def looks_like_euroc(head: Sequence[str]) -> Likeness:
    """Return whether rows of 8 to 17 numbers with commas have a unit quaternion where EuRoC has it, or name it so."""
    rows = [numbers_of(line, ",") for line in head if not line.startswith("#")]
    header = _header(head)
    if header and not head[0].startswith("#"):
        if not _named(header, _QUATERNION, "wxyz", until=len(header)):
            return UNLIKE
        rows = rows[1:]
    if not rows or not 8 <= len(rows[0]) <= 17:
        return UNLIKE
    _, quaternion = _places(header)
    norm = float(np.linalg.norm([rows[0][place] for place in quaternion]))
    return certain("its rows hold a unit quaternion") if abs(norm - 1.0) <= NORM_TOLERANCE else POSSIBLE


def _beside(file: Path) -> list[Path]:
    return [sensor for sensor in [file.with_name(SENSOR_FILE)] if sensor.is_file()]


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


def write_euroc(file: Path, path: Trajectory) -> list[Path]:
    """Write a path as EuRoC's ``data.csv``; the body is the camera. The file comes back."""
    values = np.column_stack([path.position_w, path.quaternion_wxyz])
    stamps = np.rint((path.t_s - path.t_s[0]) * 1e9).astype(np.int64)
    lines = table_text(values, separator=",").splitlines()
    text = "".join(f"{stamp},{line}\n" for stamp, line in zip(stamps.tolist(), lines, strict=True))
    atomic_write_text(file, _HEADER + text)
    return [file]


EUROC = TrajectoryFormat(
    name="euroc",
    title="EuRoC ground truth",
    row=_ROW,
    times="nanoseconds",
    direction="body-to-world (with the camera's sensor.yaml beside it, camera-to-world)",
    reader=read_euroc,
    looks_like=looks_like_euroc,
    endings=(".csv", ".txt"),
    companions=_beside,
    writer=write_euroc,
)
