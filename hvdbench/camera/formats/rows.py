"""Read what the text formats of camera paths share: rows of numbers, times, matrices and first lines."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hvdbench.errors import TrajectoryError

Array = NDArray[np.float64]

OPENGL_TO_OPENCV = np.diag([1.0, -1.0, -1.0])
"""On the right of a camera-to-world rotation: from x right, y up, looking along -z to x right, y down, along +z."""

UNITS_S = {"seconds": 1.0, "milliseconds": 1e-3, "microseconds": 1e-6, "nanoseconds": 1e-9}

_FASTEST_HZ = 2e4
# Rows further apart cannot show a hand's motion; milliseconds read as seconds lie above it up to 330 rows a second.
_SLOWEST_S = 3.0
_FPS_TOLERANCE = 0.2  # stated rates are rounded, and clips of phones run up to a tenth off their nominal rate
_ROTATION_TOLERANCE = 1e-2
_MOST_BYTES = 2**28  # an hour of a 1 kHz log with three sensors; beyond it a file is none, or fills the memory


def read_lines(file: Path) -> list[str]:
    """Read a text file's lines.

    Raises:
        TrajectoryError: it cannot be read as UTF-8 text, or is larger than 256 MiB.
    """
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise TrajectoryError(
                f"{file} has {file.stat().st_size / 2**20:.0f} MiB, and a path or log is read up to "
                f"{_MOST_BYTES / 2**20:.0f} MiB: cut out the part that is of use"
            )
        return file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TrajectoryError(f"{file} cannot be read as text: {error}") from error


def read_rows(file: Path, *, columns: Sequence[int], layout: str, separator: str | None = None, skip: int = 0) -> Array:
    """Read rows of numbers; blank lines and lines that begin with ``#`` are passed over.

    Args:
        file: the text file.
        columns: how many numbers a row may have; all rows have as many.
        layout: the columns by name, for the sentence of an error.
        separator: between numbers; None: white space.
        skip: lines at the top that are not rows.

    Returns:
        (N, C) with N of at least 2.

    Raises:
        TrajectoryError: if a line is not made of as many numbers.
    """
    lines = read_lines(file)
    rows: list[list[float]] = []
    for number, line in enumerate(lines[skip:], start=skip + 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            values = [float(word) for word in line.strip().strip(separator).split(separator)]
        except ValueError as error:
            raise TrajectoryError(f"{file}: line {number} is not made of numbers ({layout}): {line[:50]!r}") from error
        if len(values) not in columns or (rows and len(values) != len(rows[0])):
            wanted = str(len(rows[0])) if rows else " or ".join(map(str, columns))
            raise TrajectoryError(f"{file}: line {number} has {len(values)} numbers, expected {wanted} ({layout})")
        rows.append(values)
    if len(rows) < 2:
        raise TrajectoryError(f"{file} has {len(rows)} row(s): a path needs at least two ({layout})")
    return np.array(rows, np.float64)


def table_text(rows: Array, *, separator: str = " ", head: str = "") -> str:
    """Return rows (N, C) as text: nine decimals, which hold a nanosecond and a ten-thousandth of an arc second."""
    body = "".join(separator.join(f"{value:.9f}" for value in row) + "\n" for row in rows.tolist())
    return head + body


def first_row(head: Sequence[str], separator: str | None = None) -> list[float]:
    """Return the numbers of the first row of a file's first lines; none where a word of it is not a number."""
    rows = [line for line in head if not line.startswith("#")]
    return numbers_of(rows[0], separator) if rows else []


def numbers_of(line: str, separator: str | None = None) -> list[float]:
    """Return a line's numbers, or none where a word of it is not a number."""
    try:
        return [float(word) for word in line.strip().split(separator)]
    except ValueError:
        return []


def eight_columns(head: Sequence[str]) -> Array | None:
    """Return the first rows (N, 8) of a layout that TUM and MonST3R share; None where the rows are others."""
    rows = [numbers_of(line) for line in head if not line.startswith("#")]
    return np.array(rows, np.float64) if rows and all(len(row) == 8 for row in rows) else None


def seconds(stamps: Array, *, unit: str, file: Path, fps: float | None) -> Array:
    """Convert stamps into seconds since the first row, and check that they can be that.

    Args:
        stamps: (N,) in ``unit``.
        unit: a key of :data:`UNITS_S`.
        file: for messages.
        fps: a stated rate, or None.

    Returns:
        (N,) s, 0 at the first row.

    Raises:
        TrajectoryError: if rows come at over 20 kHz or over 3 s apart, where the error names the unit in which they
            would be plausible, or if their rate is 20 % off a stated ``fps``.
    """
    t_s = (stamps - stamps[0]) * UNITS_S[unit]
    spacing = float(np.median(np.diff(t_s)))
    if spacing > 0 and not is_row_spacing(spacing):
        likely = likely_unit(spacing / UNITS_S[unit])
        shown = f"they look like {likely}" if likely else "no unit of time makes them plausible"
        raise TrajectoryError(
            f"{file}: rows would be {spacing:.3g} s apart, so the times are not in {unit} ({shown}): convert them to "
            f"{unit}, or check the format"
        )
    if fps is not None and spacing > 0 and abs(1.0 / spacing / fps - 1.0) > _FPS_TOLERANCE:
        raise TrajectoryError(
            f"{file}: its own times give {1.0 / spacing:.4g} rows a second, not {fps:g}: leave the frame rate out, or "
            "check the format"
        )
    return np.asarray(t_s, np.float64)


def is_row_spacing(spacing_s: float) -> bool:
    """Return whether rows of a camera path may be so far apart."""
    return 1.0 / _FASTEST_HZ < spacing_s < _SLOWEST_S


def likely_unit(spacing: float) -> str | None:
    """Return the unit in which a median spacing would be most like a camera's or a gyroscope's, 10 Hz to 1 kHz first.

    Args:
        spacing: between rows, without a unit.
    """
    usual = [unit for unit, scale in UNITS_S.items() if 1e-3 <= spacing * scale <= 0.1]
    return next(iter(usual or [unit for unit, scale in UNITS_S.items() if is_row_spacing(spacing * scale)]), None)


def need_fps(fps: float | None, file: Path) -> float:
    """Return the frame rate of a format that has no times, once it is known to be given.

    Raises:
        TrajectoryError: if no rate was given, or it is not over 0.
    """
    if fps is None:
        raise TrajectoryError(f"{file} has no times: say how many rows it has a second (--fps)")
    if not fps > 0:
        raise TrajectoryError(f"{file}: fps is {fps}, and must be over 0")
    return fps


def rotations(matrices: Array, file: Path) -> Rotation:
    """Check that (N, 3, 3) are rotations, and make them exactly so.

    Raises:
        TrajectoryError: if the rows of a matrix are not orthonormal within 1e-2, or it is a mirror (determinant -1).
    """
    error = np.abs(matrices @ matrices.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2))
    worst = int(np.argmax(np.where(np.isfinite(error), error, np.inf)))
    if not error[worst] < _ROTATION_TOLERANCE:
        raise TrajectoryError(
            f"{file}: the 3x3 part of row {worst + 1} is not a rotation (off by {error[worst]:.3g}): check that the "
            "columns are a 3x4 matrix, row by row"
        )
    mirrored = np.flatnonzero(np.linalg.det(matrices) < 0)
    if mirrored.size:
        raise TrajectoryError(
            f"{file}: the matrix of row {mirrored[0] + 1} is a mirror (determinant -1), not a rotation: change the "
            "sign of the axis that is flipped"
        )
    return Rotation.from_matrix(matrices)


def to_wxyz(rotation: Rotation) -> Array:
    """Convert rotations to quaternions (N, 4), scalar first."""
    return np.asarray(rotation.as_quat()[:, [3, 0, 1, 2]], np.float64)


def invert(rotation_cw: Rotation, position_c: Array) -> tuple[Rotation, Array]:
    """Turn world-to-camera poses into camera-to-world ones: ``R_wc = R_cw^T``, centre ``-R_cw^T t``."""
    rotation_wc = rotation_cw.inv()
    return rotation_wc, np.asarray(-rotation_wc.apply(position_c), np.float64)
