"""Read recorded logs of a phone's turning and of its lens, with a controller that plays one back."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hvdbench.camera.formats.gyro import DEVICE_TO_OPENCV
from hvdbench.camera.formats.rows import read_lines
from hvdbench.camera.formats.sensor_log import check_rates, log_seconds, named_columns, split_words
from hvdbench.errors import InputError, TrajectoryError

Array = NDArray[np.float64]

LOG_ENDINGS = (".csv", ".tsv", ".txt")
LOG_COLUMNS = ("t", "gx", "gy", "lx", "ly")
ROLL_COLUMN = "gz"
WIDEST_GAP = 3.0  # median row spacings
FEWEST_ROWS = 8
LEAST_AGREEMENT = 0.7  # correlation: slow hands of one frequency correlate by chance up to a half over seconds
# A lens that follows a tenth of the hand would be no stabiliser; degrees for radians are a factor of 57 off.
LEAST_SLOPE, MOST_SLOPE = 0.03, 10.0
WIDEST_LENS_RAD = 0.35  # 20 deg; phones' modules reach 3 deg, lenses 1


@dataclass(frozen=True)
class GyroLensLog:
    """What a phone recorded of its turning and of its lens.

    Args:
        name: for messages.
        t_s: (N,) rising, 0 at the first row.
        omega_rad_s: (N, 3) about x, y and z in OpenCV's axes; z is 0 where the log has no ``gz``.
        lens_rad: (N, 2) angle that the lens makes up for about x and y.
    """

    name: str
    t_s: Array
    omega_rad_s: Array
    lens_rad: Array

    @property
    def duration_s(self) -> float:
        return float(self.t_s[-1])

    def motion(self, t_s: Array) -> tuple[Array, Array]:
        """Interpolate rates (N, 3) rad/s and lens angles (N, 2) rad at times from the first row.

        Past its ends the log runs back and forth (time is reflected: rates change sign, angles do not).
        """
        phase = np.mod(t_s, 2.0 * self.duration_s)
        back = phase > self.duration_s
        where = np.where(back, 2.0 * self.duration_s - phase, phase)
        omega = _columns(where, self.t_s, self.omega_rad_s) * np.where(back, -1.0, 1.0)[:, None]
        return omega, _columns(where, self.t_s, self.lens_rad)


def _columns(t_s: Array, grid_s: Array, values: Array) -> Array:
    return np.stack([np.interp(t_s, grid_s, column) for column in values.T], axis=-1)


@dataclass(frozen=True)
class RecordedController:
    """Replays a log's lens angles from ``start_s`` on, whatever the gyro measures."""

    log: GyroLensLog
    start_s: float = 0.0

    def __call__(self, gyro_rad_s: Array, rate_hz: float) -> Array:
        return self.log.motion(self.start_s + np.arange(len(gyro_rad_s)) / rate_hz)[1]


@lru_cache(maxsize=8)
def read_log(path: Path) -> GyroLensLog:
    """Read a log of gyro rates and lens angles.

    The first line names the columns: ``t`` (s), ``gx``, ``gy`` and perhaps ``gz`` (rad/s), ``lx``, ``ly`` (rad, the
    angle that the lens compensates about x and y); other columns are ignored. Commas, semicolons, tabs or spaces
    separate them, and a name may state another unit: ``t_ms``, ``t_ns``, ``gx_deg_s``, ``lx_deg``. The axes are the
    device's, as in a gyroscope's log (:func:`hvdbench.camera.formats.gyro.read_gyro`): x right, y *up*, z out of the
    front.

    Returns:
        The log in OpenCV's axes (x right, y down, z forward).

    Raises:
        InputError: if the file does not exist, a column is missing, a value is not a finite number, times do not rise
            or have a gap, there are fewer than 8 rows, or times, rates or lens angles look like another unit or sign.
    """
    try:
        lines = [line for line in read_lines(path) if line.strip()]
    except TrajectoryError as error:
        raise InputError(f"{path} cannot be read as a CSV log: {error.__cause__}") from error
    words = split_words(lines)
    columns = named_columns(words[0]) if words else {}
    missing = [name for name in LOG_COLUMNS if name not in columns]
    if missing:
        raise InputError(f"{path} has no column {', '.join(missing)}: its first line must name {','.join(LOG_COLUMNS)}")
    wanted = [columns[name] for name in (*LOG_COLUMNS, ROLL_COLUMN) if name in columns]
    places = [column.place for column in wanted]
    table = np.array([_numbers(path, line, row, places) for line, row in enumerate(words[1:], start=2)])
    _check_times(table, path)
    if any(column.unit == "px" for column in wanted):
        raise InputError(
            f"{path}: lens shifts in px are not angles: divide them by the focal length in px, which gives rad"
        )
    scales = np.array([1.0, *(column.scale for column in wanted[1:])])
    values = table * scales
    try:
        t_s = log_seconds(table[:, 0], wanted[0], path)
        hint = "name the columns gx_deg_s and gy_deg_s, or gx_rad_s and gy_rad_s where they are right"
        check_rates(values[:, 1:3], path, stated=bool(wanted[1].unit), hint=hint)
    except TrajectoryError as error:
        raise InputError(str(error)) from error
    _check_lens(t_s, values[:, 1:3], values[:, 3:5], path, stated=bool(wanted[1].unit and wanted[3].unit))
    roll = values[:, 5:] if len(wanted) > len(LOG_COLUMNS) else np.zeros((len(table), 1))
    omega = np.hstack([values[:, 1:3], roll]) * DEVICE_TO_OPENCV
    return GyroLensLog(path.name, t_s, omega, values[:, 3:5] * DEVICE_TO_OPENCV[:2])


def _check_times(table: Array, path: Path) -> None:
    """Refuse a log of few rows, or whose times fall back or have gaps."""
    if len(table) < FEWEST_ROWS:
        raise InputError(f"{path} has {len(table)} rows of values: expected {FEWEST_ROWS} or more")
    spacing = np.diff(table[:, 0])
    if spacing.min() <= 0 or spacing.max() > WIDEST_GAP * np.median(spacing):
        worst = int(np.argmin(spacing) if spacing.min() <= 0 else np.argmax(spacing))
        raise InputError(
            f"{path}: from value row {worst + 1} to the next t moves by {spacing[worst]:.4f}, where rows are "
            f"{np.median(spacing):.4f} apart: t must rise and have no gaps"
        )


def _check_lens(t_s: Array, gyro_rad_s: Array, lens_rad: Array, path: Path, *, stated: bool) -> None:
    """Refuse lens angles whose size or sign cannot be those of a lens that compensates the hand.

    A lens that follows moves as fast as the hand turns, so the slope of its speed on the gyro's rate is near 1 where
    the two belong together; other units and signs change the slope and not the correlation. A lens that does not
    follow, as at its stops, has no such slope, and only the size of its angles is looked at.

    Args:
        t_s: (N,).
        gyro_rad_s: (N, 2).
        lens_rad: (N, 2).
        path: for messages.
        stated: whether the columns state their units, so that only the sign is checked.
    """
    speed = np.diff(lens_rad, axis=0) / np.diff(t_s)[:, None]
    rate = 0.5 * (gyro_rad_s[1:] + gyro_rad_s[:-1])
    both, power = float((speed * rate).sum()), float((rate**2).sum())
    agreement = both / max(np.sqrt(power * float((speed**2).sum())), 1e-30)
    slope = both / max(power, 1e-30)
    if agreement < -LEAST_AGREEMENT:
        raise InputError(
            f"{path}: its lens adds to what the hand does to the picture (it moves by {slope:.2g} of the turning): "
            "change the sign of lx and ly, which are the angle that the lens compensates"
        )
    if stated:
        return
    follows = agreement > LEAST_AGREEMENT
    if follows and slope < LEAST_SLOPE:
        raise InputError(
            f"{path}: its lens follows {slope:.2g} of the turning, as happens where gx and gy are in degrees per "
            "second and lx and ly in radians: name the columns gx_deg_s and gy_deg_s, or gx_rad_s, gy_rad_s, lx_rad "
            "and ly_rad where they are right"
        )
    widest = float(np.abs(lens_rad).max())
    if (follows and slope > MOST_SLOPE) or widest > WIDEST_LENS_RAD:
        raise InputError(
            f"{path}: lens angles up to {widest:.3g} cannot be radians: name the columns lx_deg and ly_deg where they "
            "are in degrees, or divide px by the focal length in px"
        )


def _numbers(path: Path, line: int, row: Sequence[str], places: Sequence[int]) -> list[float]:
    try:
        values = [float(row[place]) for place in places]
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}, row {line}: expected {len(places)} numbers, found {','.join(row)}") from error
    if not all(map(math.isfinite, values)):
        raise InputError(f"{path}, row {line}: expected finite numbers, found {','.join(row)}")
    return values
