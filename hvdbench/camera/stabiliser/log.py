"""Read recorded logs of a phone's turning and of its lens, with a controller that plays one back."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hvdbench.camera.formats.gyro import DEVICE_TO_OPENCV
from hvdbench.camera.formats.rows import read_lines
from hvdbench.camera.formats.sensor_log import DEVICE_AXES, TIME, check_rates, log_seconds, orient, read_log_table
from hvdbench.errors import InputError, TrajectoryError

Array = NDArray[np.float64]

LOG_ENDINGS = (".csv", ".tsv", ".txt")
GYRO_COLUMNS, LENS_COLUMNS, ROLL_COLUMN = ("gx", "gy"), ("lx", "ly"), "gz"
LOG_COLUMNS = (TIME, *GYRO_COLUMNS, *LENS_COLUMNS)
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
        read_as: how its columns were taken: units, rate and axes, those that were stated and those that were assumed.
    """

    name: str
    t_s: Array
    omega_rad_s: Array
    lens_rad: Array
    read_as: str = ""

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
def read_log(path: Path, orientation: str = "") -> GyroLensLog:
    """Read a log of gyro rates and lens angles.

    The first line names the columns: ``t`` (s), ``gx``, ``gy`` and perhaps ``gz`` (rad/s), ``lx``, ``ly`` (rad, the
    angle that the lens compensates about x and y); other columns are ignored. Commas, semicolons, tabs or spaces
    separate them, and a name may state another unit: ``t_ms``, ``t_ns``, ``gx_deg_s``, ``lx_deg``. The axes are the
    device's, as in a gyroscope's log (:func:`hvdbench.camera.formats.gyro.read_gyro`): x right, y *up*, z out of the
    front.

    Args:
        path: the file.
        orientation: three letters for the device's x, y and z, of gyroscope and lens alike, e.g. ``yXZ`` for a phone
            on its side; the third is z, since a lens moves across the picture.

    Returns:
        The log in OpenCV's axes (x right, y down, z forward).

    Raises:
        InputError: no such file, a column is missing, a value is no finite number, times do not rise, a gap, under 8
            rows, letters that are no axes, or times, rates or lens angles that look like another unit, axis or sign.
    """
    try:
        return _read(path, orientation or "XYZ")
    except TrajectoryError as error:
        raise InputError(str(error)) from error


def _read(path: Path, orientation: str) -> GyroLensLog:
    table = read_log_table(read_lines(path), path, names=LOG_COLUMNS, optional=(ROLL_COLUMN,))
    if len(table.values[TIME]) < FEWEST_ROWS:
        raise InputError(f"{path} contains {len(table.values[TIME])} rows of values: expected {FEWEST_ROWS} or more")
    if any(column.unit == "px" for column in table.columns.values()):
        raise InputError(f"{path}: lens shifts in px are not angles: divide them by the focal length in px, for rad")
    t_s, how = log_seconds(table.values[TIME], table.columns[TIME], path)
    gyro, lens = table.radians(GYRO_COLUMNS), table.radians(LENS_COLUMNS)
    hint = "name the columns gx_deg_s and gy_deg_s, or gx_rad_s and gy_rad_s where they are right"
    check_rates(gyro, path, stated=table.stated(GYRO_COLUMNS), hint=hint)
    _check_lens(t_s, gyro, lens, path, stated=table.stated((*GYRO_COLUMNS, *LENS_COLUMNS)))
    _check_times(table.values[TIME], path)
    roll = table.radians([ROLL_COLUMN]) if ROLL_COLUMN in table.columns else np.zeros((len(t_s), 1))
    if orientation[2:].upper() != "Z":
        raise InputError(
            f"{path}: orientation '{orientation}' puts x or y out of the front, but a lens moves across the picture: "
            "its third letter must be Z or z"
        )
    omega = orient(np.hstack([gyro, roll]), orientation, path)
    angle = orient(np.pad(lens, ((0, 0), (0, 1))), orientation, path)
    follows = f"lens angles in rad that follow {_slope(t_s, gyro, lens):.2g} of the turning"
    read_as = f"{how}; {table.describe_rates()}; {follows}; orientation {orientation} {DEVICE_AXES}"
    return GyroLensLog(path.name, t_s, omega * DEVICE_TO_OPENCV, (angle * DEVICE_TO_OPENCV)[:, :2], read_as)


def _check_times(stamps: Array, path: Path) -> None:
    """Refuse a log whose times fall back or have gaps."""
    spacing = np.diff(stamps)
    if spacing.min() <= 0 or spacing.max() > WIDEST_GAP * np.median(spacing):
        worst = int(np.argmin(spacing) if spacing.min() <= 0 else np.argmax(spacing))
        raise InputError(
            f"{path}: from value row {worst + 1} to the next t moves by {spacing[worst]:.4f}, where rows are "
            f"{np.median(spacing):.4f} apart: t must rise and have no gaps"
        )


def _speeds(t_s: Array, gyro_rad_s: Array, lens_rad: Array) -> tuple[Array, Array]:
    """Return the lens's speed and the hand's rate between rows whose times rise without a gap, (M, 2) rad/s each."""
    spacing = np.diff(t_s)
    even = (spacing > 0) & (spacing <= WIDEST_GAP * np.median(spacing))
    speed = np.diff(lens_rad, axis=0)[even] / spacing[even, None]
    return speed, 0.5 * (gyro_rad_s[1:] + gyro_rad_s[:-1])[even]


def _slope(t_s: Array, gyro_rad_s: Array, lens_rad: Array) -> float:
    """Return how far the lens moves for a turn of the hand: 1 where it makes up for all of it."""
    speed, rate = _speeds(t_s, gyro_rad_s, lens_rad)
    return float((speed * rate).sum()) / max(float((rate**2).sum()), 1e-30)


def _check_lens(t_s: Array, gyro_rad_s: Array, lens_rad: Array, path: Path, *, stated: bool) -> None:
    """Refuse lens angles whose size, sign or axes cannot be those of a lens that makes up for the hand.

    A lens that follows moves as fast as the hand turns, so the slope of its speed on the gyro's rate is near 1 where
    the two belong together; other units and signs change the slope and not the correlation. A lens that does not
    follow, as at its stops, has no such slope, and only the size of its angles is looked at.

    Args:
        t_s: (N,).
        gyro_rad_s: (N, 2).
        lens_rad: (N, 2).
        path: for messages.
        stated: whether the columns state their units, so that only signs and axes are checked.
    """
    speed, rate = _speeds(t_s, gyro_rad_s, lens_rad)
    length = np.outer(np.linalg.norm(speed, axis=0), np.linalg.norm(rate, axis=0))
    agreement = speed.T @ rate / np.maximum(length, 1e-30)  # of the lens's axes (rows) with the hand's (columns)
    own, crossed = np.diag(agreement), np.abs(np.diag(agreement[:, ::-1]))
    if crossed.min() > LEAST_AGREEMENT and np.abs(own).max() < 0.5 * LEAST_AGREEMENT:
        raise InputError(
            f"{path}: its lx follows gy and its ly follows gx: exchange the columns lx and ly, which are the angles "
            "that the lens makes up for about x and y"
        )
    slope = _slope(t_s, gyro_rad_s, lens_rad)
    against = [name for name, value in zip(LENS_COLUMNS, own, strict=True) if value < -LEAST_AGREEMENT]
    if against:
        raise InputError(
            f"{path}: its lens adds to what the hand does to the picture ({' and '.join(against)} move against the "
            f"turning; together by {slope:.2g} of it): change the sign of {' and '.join(against)}, the angle that the "
            "lens makes up for"
        )
    if stated:
        return
    total = np.sqrt(float((speed**2).sum()) * float((rate**2).sum()))
    follows = float((speed * rate).sum()) > LEAST_AGREEMENT * max(total, 1e-30)
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
