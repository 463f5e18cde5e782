"""What the text formats of camera paths share: rows of numbers, times, matrices, and telling layouts apart."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hvdbench.errors import TrajectoryError

Array = NDArray[np.float64]

OPENGL_TO_OPENCV = np.diag([1.0, -1.0, -1.0])
"""On the right of a camera-to-world rotation: from x right, y up, looking along -z to x right, y down, along +z."""

_FASTEST_HZ, _SLOWEST_S = 2e4, 1e3
_FPS_TOLERANCE = 0.2
_ROTATION_TOLERANCE = 1e-2


def read_lines(file: Path) -> list[str]:
    """Read a text file's lines.

    Raises:
        TrajectoryError: it cannot be read as UTF-8 text.
    """
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TrajectoryError(f"{file} cannot be read as text: {error}") from error


def read_rows(
    file: Path, *, format_name: str, columns: Sequence[int], layout: str, separator: str | None = None, skip: int = 0
) -> Array:
    """Read rows of numbers; blank lines and lines that begin with ``#`` are passed over.

    Args:
        file: the text file.
        format_name: the format that the file is read as.
        columns: how many numbers a row may have; all rows have as many.
        layout: the columns by name, for the sentence of an error.
        separator: between numbers; None: white space.
        skip: lines at the top that are not rows.

    Returns:
        (N, C) with N of at least 2.

    Raises:
        TrajectoryError: a line that is not made of as many numbers, with the format that the file looks like.
    """
    lines = read_lines(file)
    rows: list[list[float]] = []
    for number, line in enumerate(lines[skip:], start=skip + 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            values = [float(word) for word in line.strip().strip(separator).split(separator)]
        except ValueError as error:
            raise TrajectoryError(
                f"{file}: line {number} is not made of numbers ({layout}): {line[:50]!r}{_hint(lines, format_name)}"
            ) from error
        if len(values) not in columns or (rows and len(values) != len(rows[0])):
            wanted = str(len(rows[0])) if rows else " or ".join(map(str, columns))
            raise TrajectoryError(
                f"{file}: line {number} has {len(values)} numbers, expected {wanted} ({layout})"
                f"{_hint(lines, format_name)}"
            )
        rows.append(values)
    if len(rows) < 2:
        raise TrajectoryError(f"{file} holds {len(rows)} row(s): a path needs at least two ({layout})")
    return np.array(rows, np.float64)


def looks_like(lines: Sequence[str]) -> str | None:
    """Guess the format of a camera path from its first lines; None where nothing fits.

    TUM and MonST3R share a layout: rows that count 0, 1, 2 … and begin near qw = 1 are MonST3R's.
    """
    head = [line.strip() for line in lines[:40] if line.strip()]
    if not head:
        return None
    if head[0] in {"GYROFLOW IMU LOG", "CAMERA IMU LOG"} or head[0].lower().startswith(("t,gx", "t_s,gx")):
        return "gyro"
    if head[0].startswith("frame,t_s,loc_x"):
        return "shakify"
    rows = [line for line in head if not line.startswith("#")]
    if head[0].startswith("http"):
        return "re10k"
    if not rows:
        return None
    if "," in rows[0]:
        words = rows[0].split(",")
        return {4: "gyro", 7: "gyro"}.get(len(words), "euroc" if len(words) >= 8 and _numbers(words) else None)
    words = rows[0].split()
    if len(words) >= 10 and _numbers(words[:9]) and not _numbers(words[9:10]):
        return "colmap"
    if not _numbers(words):
        return None
    if len(words) == 8:
        few = [row.split() for row in rows[:3]]
        return "monst3r" if all(len(row) == 8 for row in few) and counts_frames(_table(few)) else "tum"
    return {12: "kitti", 13: "arkit", 19: "re10k"}.get(len(words))


def counts_frames(rows: Array) -> bool:
    """Tell whether rows of 8 begin as MonST3R's do: whole frame numbers from 0 and a first quaternion number near 1."""
    index = rows[:3, 0]
    whole = bool(index[0] == 0 and (index == np.rint(index)).all())
    return whole and bool((np.abs(rows[:3, 4]) > 0.99).all())


def seconds(stamps: Array, *, unit_s: float, unit: str, file: Path, fps: float | None) -> Array:
    """Turn stamps (N,) in ``unit`` into seconds since the first row, and check that they can be that.

    Raises:
        TrajectoryError: rows over 20 kHz or over 1000 s apart (another unit), or a rate 20 % off a stated ``fps``.
    """
    t_s = (stamps - stamps[0]) * unit_s
    spacing = float(np.median(np.diff(t_s)))
    if spacing > 0 and not 1.0 / _FASTEST_HZ < spacing < _SLOWEST_S:
        raise TrajectoryError(
            f"{file}: rows would be {spacing:.3g} s apart, so the times are not in {unit}: convert them, or "
            "check the format"
        )
    if fps is not None and spacing > 0 and abs(1.0 / spacing / fps - 1.0) > _FPS_TOLERANCE:
        raise TrajectoryError(
            f"{file}: its own times say {1.0 / spacing:.4g} rows a second, not {fps:g}: leave the frame rate out, or "
            "check the format"
        )
    return np.asarray(t_s, np.float64)


def need_fps(fps: float | None, file: Path) -> float:
    """Give the frame rate of a format that has no times.

    Raises:
        TrajectoryError: none was given, or it is not over 0.
    """
    if fps is None:
        raise TrajectoryError(f"{file} holds no times: say how many rows it has a second (--fps)")
    if not fps > 0:
        raise TrajectoryError(f"{file}: fps is {fps}, frames per second must be over 0")
    return fps


def rotations(matrices: Array, file: Path) -> Rotation:
    """Check that (N, 3, 3) are rotations, and make them exactly so.

    Raises:
        TrajectoryError: a matrix whose rows are not orthonormal within 1e-2, or a mirror (determinant -1).
    """
    error = np.abs(matrices @ matrices.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2))
    worst = int(np.argmax(np.where(np.isfinite(error), error, np.inf)))
    if not error[worst] < _ROTATION_TOLERANCE:
        raise TrajectoryError(
            f"{file}: the 3x3 part of row {worst + 1} is no rotation (off by {error[worst]:.3g}): check that the "
            "columns are a 3x4 matrix, row by row"
        )
    mirrored = np.flatnonzero(np.linalg.det(matrices) < 0)
    if mirrored.size:
        raise TrajectoryError(
            f"{file}: the matrix of row {mirrored[0] + 1} is a mirror (determinant -1), not a rotation: one "
            "axis is flipped"
        )
    return Rotation.from_matrix(matrices)


def to_wxyz(rotation: Rotation) -> Array:
    """Give quaternions (N, 4), scalar first."""
    return np.asarray(rotation.as_quat()[:, [3, 0, 1, 2]], np.float64)


def invert(rotation_cw: Rotation, position_c: Array) -> tuple[Rotation, Array]:
    """Turn world-to-camera poses into camera-to-world ones: ``R_wc = R_cw^T``, centre ``-R_cw^T t``."""
    rotation_wc = rotation_cw.inv()
    return rotation_wc, np.asarray(-rotation_wc.apply(position_c), np.float64)


def _hint(lines: Sequence[str], format_name: str) -> str:
    guess = looks_like(lines)
    return f"; it looks like format '{guess}'" if guess and guess != format_name else ""


def _numbers(words: Sequence[str]) -> bool:
    try:
        return bool([float(word) for word in words])
    except ValueError:
        return False


def _table(rows: Sequence[Sequence[str]]) -> Array:
    return np.array([[float(word) if _numbers([word]) else np.nan for word in row] for row in rows], np.float64)
