"""What kinds of stabiliser do to the picture, and controllers that come from outside: imported or recorded.

A kind says how an angle made up for reaches the sensor; a controller says which angle that is. The controller of our
own is :mod:`hvdbench.camera.stabiliser.ois`.
"""

import csv
import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hvdbench.catalog import import_thing, is_import_string, resolve
from hvdbench.errors import InputError

Array = NDArray[np.float64]

LOG_COLUMNS = ("t", "gx", "gy", "lx", "ly")
ROLL_COLUMN = "gz"
WIDEST_GAP = 3.0  # median row spacings
FEWEST_ROWS = 8


class Stabiliser:
    """A kind of stabiliser; the base leaves everything as it is.

    Kinds are listed in :data:`hvdbench.catalog.STABILISERS`; a subclass elsewhere is named by its import string.
    """

    follows_gyro: ClassVar[bool] = False
    """Whether something moves while the shutter is open, so that a controller is simulated."""
    turns_view: ClassVar[bool] = False
    """Whether the optics turn within the phone, see :meth:`turn`."""
    smooths_frames: ClassVar[bool] = False
    """Whether whole frames are turned onto a smoothed path afterwards."""

    def shift_px(self, lens_rad: Array, focal_px: float) -> Array:
        """Give the shift of the picture, (N, 2) px, for angles made up for about x and y, (N, 2) rad."""
        return np.zeros_like(lens_rad)

    def turn(self, hand: Rotation, lens_rad: Array) -> Rotation:
        """Give the orientation of the optics, camera-to-world, for that of the hand and the angles made up for."""
        return hand


class Off(Stabiliser):
    """Nothing moves."""


class LensShift(Stabiliser):
    """The lens moves across the sensor: ``f·(tan θ_y, −tan θ_x)``.

    A turn about y by θ moves the image by ``−f·tan θ`` in x; the lens moves it back. That is exact on the axis;
    ``f·θ·x²`` stays at normalised place x.
    """

    follows_gyro = True

    def shift_px(self, lens_rad: Array, focal_px: float) -> Array:
        return focal_px * np.stack([np.tan(lens_rad[:, 1]), -np.tan(lens_rad[:, 0])], axis=1)


class SensorShift(LensShift):
    """The sensor moves below the lens: to the picture the same as a lens that moves the other way."""


class ModuleTilt(Stabiliser):
    """Lens and sensor turn together within the phone: ``R_wc R_l⁻¹``, the same over the whole field; no shift."""

    follows_gyro = True
    turns_view = True

    def turn(self, hand: Rotation, lens_rad: Array) -> Rotation:
        return hand * Rotation.from_rotvec(np.pad(lens_rad, ((0, 0), (0, 1)))).inv()


class Eis(Stabiliser):
    """Frames are turned as a whole after the shutter has closed: motion between them shrinks, their blur does not."""

    smooths_frames = True


def stabiliser_of(kind: str) -> Stabiliser:
    """Make the stabiliser of a kind: a name of the catalogue or an import string of a :class:`Stabiliser`.

    Raises:
        UnknownNameError: no such kind.
        InputError: the import string leads to something else.
    """
    return resolve("stabiliser", kind)()


def stabiliser_table(text: str) -> dict[str, str | None]:
    """Turn what a user calls a stabiliser into values of the table ``[ois]``.

    Args:
        text: a kind of the catalogue; an import string of a :class:`Stabiliser`, else of a controller, which moves a
            lens; or the path of a CSV log, which has a lens too.

    Returns:
        ``kind``, ``controller`` and ``log``, those that do not apply None.

    Raises:
        UnknownNameError: no such kind, or an import string that leads nowhere.
        InputError: a controller or log that cannot be used.
    """
    table: dict[str, str | None] = {"kind": "lens_shift", "controller": None, "log": None}
    if text.lower().endswith(".csv"):
        read_log(Path(text))
        return table | {"log": text}
    thing = import_thing("stabiliser", text) if is_import_string(text) else resolve("stabiliser", text)
    if isinstance(thing, type) and issubclass(thing, Stabiliser):
        return table | {"kind": text}
    open_controller(text)
    return table | {"controller": text}


class Controller(Protocol):
    """What turns gyro readings into lens angles."""

    def __call__(self, gyro_rad_s: Array, rate_hz: float) -> Array:
        """Give the lens's angles about x and y, (N, 2) rad, for gyro rates (N, 2) rad/s at ``rate_hz``.

        The lens starts centred, and the angle at a row is the one reached at that row's time.
        """


def open_controller(name: str) -> Controller:
    """Import a controller ``package.module:Thing``; a class is made without arguments, a function is taken as it is.

    Raises:
        UnknownNameError: the import string leads nowhere.
        InputError: it leads to something that cannot be called, or to a class that wants arguments.
    """
    if ":" not in name:
        raise InputError(f"controller '{name}' is no import string: expected package.module:Controller")
    found = resolve("controller", name)
    if isinstance(found, type):
        try:
            inspect.signature(found).bind()
        except TypeError as error:
            raise InputError(f"controller '{name}' cannot be made without arguments ({error})") from error
        found = found()
        if not callable(found):
            raise InputError(f"controller '{name}' makes {found!r}: expected a function of gyro rates and rate_hz")
    controller: Controller = found
    return controller


def run_controller(controller: Controller, name: str, gyro_rad_s: Array, rate_hz: float) -> Array:
    """Run a controller over one clip and check its answer: gyro (N, 2) rad/s to lens (N, 2) rad.

    Raises:
        InputError: the answer has another shape or is not finite.
    """
    lens = np.asarray(controller(gyro_rad_s.copy(), rate_hz), np.float64)
    if lens.shape != gyro_rad_s.shape or not np.isfinite(lens).all():
        fault = f"shape {lens.shape}" if lens.shape != gyro_rad_s.shape else "angles that are not finite"
        raise InputError(f"controller '{name}' gave {fault}: expected finite lens angles of shape {gyro_rad_s.shape}")
    return lens


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
    """Replays a log's lens angles from ``start_s`` on, whatever the gyro says."""

    log: GyroLensLog
    start_s: float = 0.0

    def __call__(self, gyro_rad_s: Array, rate_hz: float) -> Array:
        return self.log.motion(self.start_s + np.arange(len(gyro_rad_s)) / rate_hz)[1]


@lru_cache(maxsize=8)
def read_log(path: Path) -> GyroLensLog:
    """Read a CSV of gyro rates and lens angles.

    The first line names the columns: ``t`` (s), ``gx``, ``gy`` and perhaps ``gz`` (rad/s about x right, y down,
    z forward), ``lx``, ``ly`` (rad, the angle that the lens makes up for about x and y); others are left alone.

    Raises:
        InputError: no such file, a column is missing, a value is no finite number, times do not rise, a gap, or under
            8 rows.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a CSV log: {error}") from error
    header = [name.strip() for name in rows[0]] if rows else []
    missing = [name for name in LOG_COLUMNS if name not in header]
    if missing:
        raise InputError(f"{path} has no column {', '.join(missing)}: its first line must name {','.join(LOG_COLUMNS)}")
    wanted = (*LOG_COLUMNS, ROLL_COLUMN) if ROLL_COLUMN in header else LOG_COLUMNS
    places = [header.index(name) for name in wanted]
    table = np.array([_numbers(path, line, row, places) for line, row in enumerate(rows[1:], start=2)])
    if len(table) < FEWEST_ROWS:
        raise InputError(f"{path} holds {len(table)} rows of values: expected {FEWEST_ROWS} or more")
    spacing = np.diff(table[:, 0])
    if spacing.min() <= 0 or spacing.max() > WIDEST_GAP * np.median(spacing):
        worst = int(np.argmin(spacing) if spacing.min() <= 0 else np.argmax(spacing))
        raise InputError(
            f"{path}: from value row {worst + 1} to the next t moves by {spacing[worst]:.4f} s, where rows are "
            f"{np.median(spacing):.4f} s apart: t must rise in seconds without gaps"
        )
    roll = table[:, 5:] if len(wanted) > len(LOG_COLUMNS) else np.zeros((len(table), 1))
    return GyroLensLog(path.name, table[:, 0] - table[0, 0], np.hstack([table[:, 1:3], roll]), table[:, 3:5])


def _numbers(path: Path, line: int, row: Sequence[str], places: Sequence[int]) -> list[float]:
    try:
        values = [float(row[place]) for place in places]
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}, row {line}: expected {len(places)} numbers, found {','.join(row)}") from error
    if not all(map(math.isfinite, values)):
        raise InputError(f"{path}, row {line}: expected finite numbers, found {','.join(row)}")
    return values
