"""Apply the kinds of stabiliser to the picture, and import controllers from outside.

A kind defines how a compensated angle reaches the sensor; a controller decides which angle that is. Our own controller
is :mod:`hvdbench.camera.stabiliser.ois`.
"""

import inspect
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hvdbench.camera.stabiliser.log import LOG_ENDINGS, read_log
from hvdbench.catalog import resolve
from hvdbench.errors import InputError
from hvdbench.workspace.imports import import_thing, is_import_string

Array = NDArray[np.float64]


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
        """Compute the shift of the picture, (N, 2) px, for angles made up for about x and y, (N, 2) rad."""
        return np.zeros_like(lens_rad)

    def turn(self, hand: Rotation, lens_rad: Array) -> Rotation:
        """Compute the orientation of the optics, camera-to-world, from that of the hand and the angles made up for."""
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
        UnknownNameError: if there is no such kind.
        InputError: if the import string leads to something else.
    """
    return resolve("stabiliser", kind)()


def stabiliser_table(text: str, orientation: str = "") -> dict[str, str | None]:
    """Turn what a user calls a stabiliser into values of the table ``[ois]``.

    Args:
        text: a kind of the catalogue; an import string of a :class:`Stabiliser`, else of a controller, which moves a
            lens; or the path of a log (.csv, .tsv, .txt), which has a lens too.
        orientation: of a log, as in :func:`hvdbench.camera.stabiliser.log.read_log`.

    Returns:
        ``kind``, ``controller`` and ``log``, those that do not apply None; ``log_orientation`` beside a log.

    Raises:
        UnknownNameError: no such kind, or an import string that leads nowhere.
        InputError: a controller or log that cannot be used, or an orientation without a log.
    """
    table: dict[str, str | None] = {"kind": "lens_shift", "controller": None, "log": None}
    if text.lower().endswith(LOG_ENDINGS):
        read_log(Path(text), orientation)
        return table | {"log": text, "log_orientation": orientation}
    if orientation:
        raise InputError(f"'{text}' is no log and has no orientation: leave the orientation out")
    thing = import_thing("stabiliser", text) if is_import_string(text) else resolve("stabiliser", text)
    if isinstance(thing, type) and issubclass(thing, Stabiliser):
        return table | {"kind": text}
    open_controller(text)
    return table | {"controller": text}


class Controller(Protocol):
    """What turns gyro readings into lens angles."""

    def __call__(self, gyro_rad_s: Array, rate_hz: float) -> Array:
        """Compute the lens's angles about x and y, (N, 2) rad, for gyro rates (N, 2) rad/s at ``rate_hz``.

        The lens starts centred, and the angle at a row is the one reached at that row's time.
        """


def open_controller(name: str) -> Controller:
    """Import a controller ``package.module:Thing``; a class is made without arguments, a function is taken as it is.

    Raises:
        UnknownNameError: if the import string leads nowhere.
        InputError: if it leads to something that cannot be called, or to a class that needs arguments.
    """
    if ":" not in name:
        raise InputError(f"controller '{name}' is not an import string: expected package.module:Controller")
    found = resolve("controller", name)
    if isinstance(found, type):
        try:
            inspect.signature(found).bind()
        except TypeError as error:
            raise InputError(f"controller '{name}' cannot be made without arguments ({error})") from error
        found = found()
        if not callable(found):
            raise InputError(f"controller '{name}' returns {found!r}: expected a function of gyro rates and rate_hz")
    controller: Controller = found
    return controller


def run_controller(controller: Controller, name: str, gyro_rad_s: Array, rate_hz: float) -> Array:
    """Run a controller over one clip and check its answer: gyro (N, 2) rad/s to lens (N, 2) rad.

    Raises:
        InputError: if the result has another shape or is not finite.
    """
    lens = np.asarray(controller(gyro_rad_s.copy(), rate_hz), np.float64)
    if lens.shape != gyro_rad_s.shape or not np.isfinite(lens).all():
        fault = f"shape {lens.shape}" if lens.shape != gyro_rad_s.shape else "angles that are not finite"
        raise InputError(
            f"controller '{name}' returned {fault}: expected finite lens angles of shape {gyro_rad_s.shape}"
        )
    return lens
