"""Represent a camera path in time: poses, and the motion that a body-fixed sensor would feel along it."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfiltfilt
from scipy.spatial.transform import Rotation, RotationSpline

from hvdbench.errors import TrajectoryError

Array = NDArray[np.float64]
Origin = Literal["simulated", "measured", "monst3r"]

NORM_TOLERANCE = 1e-3
SHORTEST_S = 1.0
WIDEST_GAP = 3.0  # median row spacings: over a wider gap an interpolated path is a guess


@dataclass(frozen=True)
class Trajectory:
    """A camera path: N poses, camera-to-world, OpenCV axes (x right, y down, z forward).

    Args:
        t_s: (N,) rising times.
        quaternion_wxyz: (N, 4) scalar first, camera-to-world; made unit and sign-aligned from row to row.
        position_w: (N, 3) camera centres, in metres where ``scale_m``, else in the estimator's own unit.
        name: the set and file that it came from.
        origin: ``simulated``, ``measured`` or ``monst3r`` (estimated by MonST3R from a clip).
        scale_m: whether ``position_w`` is in metres.
        focal_per_width: focal length over picture width of the camera that it was estimated for, where known.
        scene_depth: median depth of what the camera saw, in ``position_w``'s unit, where known.
        read_as: how its file was taken: units, order and axes, those that were stated and those that were assumed.

    Raises:
        TrajectoryError: under two rows, shapes that do not fit, a number that is not finite, times that do not rise,
            or a quaternion whose norm is off 1 by more than 1e-3.
    """

    t_s: Array
    quaternion_wxyz: Array
    position_w: Array
    name: str = "path"
    origin: Origin = "measured"
    scale_m: bool = False
    focal_per_width: float | None = None
    scene_depth: float | None = None
    read_as: str = ""

    def __post_init__(self) -> None:
        t_s = np.array(self.t_s, np.float64)
        quaternion = np.array(self.quaternion_wxyz, np.float64)
        position = np.array(self.position_w, np.float64)
        rows = len(t_s) if t_s.ndim == 1 else 0
        if rows < 2 or quaternion.shape != (rows, 4) or position.shape != (rows, 3):
            found = f"times {t_s.shape}, quaternions {quaternion.shape}, positions {position.shape}"
            raise TrajectoryError(
                f"{self.name}: a path needs at least two rows, and as many times as quaternions and positions, found "
                f"{found}"
            )
        if not all(np.isfinite(values).all() for values in (t_s, quaternion, position)):
            raise TrajectoryError(f"{self.name}: a row contains a number that is not finite: remove the row")
        late = np.flatnonzero(np.diff(t_s) <= 0)
        if late.size:
            raise TrajectoryError(f"{self.name}: the time does not rise from row {late[0] + 1} to row {late[0] + 2}")
        norm = np.linalg.norm(quaternion, axis=1)
        worst = int(np.argmax(np.abs(norm - 1.0)))
        if abs(norm[worst] - 1.0) > NORM_TOLERANCE:
            raise TrajectoryError(
                f"{self.name}: the quaternion of row {worst + 1} has norm {norm[worst]:.4f}, and a rotation's is 1: "
                "check the order of the columns"
            )
        for field, values in zip(
            ("t_s", "quaternion_wxyz", "position_w"),
            (t_s, align_signs(quaternion / norm[:, None]), position),
            strict=True,
        ):
            values.flags.writeable = False
            object.__setattr__(self, field, values)

    @property
    def duration_s(self) -> float:
        return float(self.t_s[-1] - self.t_s[0])

    @property
    def rotation(self) -> Rotation:
        """The N orientations, camera-to-world."""
        return Rotation.from_quat(self.quaternion_wxyz[:, [1, 2, 3, 0]])

    @property
    def rotation_wc(self) -> Array:
        """The N orientations as matrices (N, 3, 3), camera-to-world."""
        return np.asarray(self.rotation.as_matrix(), np.float64)

    def check_regular(self) -> None:
        """Refuse a path that motion cannot be taken from.

        Raises:
            TrajectoryError: under a second long, under eight rows, or with a gap over three median row spacings.
        """
        spacing = np.diff(self.t_s)
        if self.duration_s < SHORTEST_S or len(self.t_s) < 8:
            raise TrajectoryError(
                f"{self.name}: {len(self.t_s)} rows over {self.duration_s:.2f} s are too short: give at least 8 rows "
                f"over {SHORTEST_S:g} s"
            )
        widest = int(np.argmax(spacing))
        if spacing[widest] > WIDEST_GAP * np.median(spacing):
            raise TrajectoryError(
                f"{self.name}: there is a gap of {spacing[widest]:.3f} s after row {widest + 1}, where rows are "
                f"{np.median(spacing):.3f} s apart: split the path there"
            )

    def pose_at(self, t_s: Array) -> tuple[Rotation, Array]:
        """Interpolate: orientations by scipy's C2 rotation spline, positions (N, 3) by a cubic spline.

        Args:
            t_s: (N,) times, held at the path's ends.
        """
        where = np.clip(t_s, self.t_s[0], self.t_s[-1])
        return RotationSpline(self.t_s, self.rotation)(where), CubicSpline(self.t_s, self.position_w)(where)

    def resampled(self, rate_hz: float) -> "Trajectory":
        """Return the path at even times from its first row on, interpolated as :meth:`pose_at` does.

        Raises:
            TrajectoryError: if fewer than two rows fit at the rate.
        """
        count = int(np.floor(self.duration_s * rate_hz + 1e-6)) + 1
        if not rate_hz > 0 or count < 2:
            raise TrajectoryError(
                f"{self.name}: {self.duration_s:.3f} s at {rate_hz:g} rows a second are fewer than two rows: ask for "
                "more"
            )
        t_s = self.t_s[0] + np.arange(count) / rate_hz
        rotation, position = self.pose_at(t_s)
        return replace(self, t_s=t_s, quaternion_wxyz=_wxyz(rotation), position_w=position)

    def extended(self, duration_s: float) -> "Trajectory":
        """Return a path of at least ``duration_s`` that runs this one forwards and backwards by turns.

        It turns round at the calmest row (slowest turning) among the first and among the last fifth of the rows, and
        the rows beyond are left out, so that no kink is made where the hand was moving fast. A path that is long enough
        is returned unchanged. Played backwards, a hand's motion keeps its rates and its spectrum.

        Raises:
            TrajectoryError: as :meth:`check_regular`.
        """
        if self.duration_s >= duration_s:
            return self
        self.check_regular()
        first, last = self._calm_ends()
        there = np.arange(first, last + 1)
        rows, t_s = there, self.t_s[there]
        while t_s[-1] - t_s[0] < duration_s:
            ahead = there[:-1][::-1] if rows[-1] == last else there[1:]
            steps = np.abs(np.diff(self.t_s[np.concatenate([rows[-1:], ahead])]))
            t_s = np.concatenate([t_s, t_s[-1] + np.cumsum(steps)])
            rows = np.concatenate([rows, ahead])
        return replace(self, t_s=t_s, quaternion_wxyz=self.quaternion_wxyz[rows], position_w=self.position_w[rows])

    def _calm_ends(self) -> tuple[int, int]:
        """Find the rows with the slowest turning among the first and the last fifth; 80 % of a second stays between."""
        steps = (self.rotation[:-1].inv() * self.rotation[1:]).magnitude() / np.diff(self.t_s)
        speed = np.concatenate([steps[:1], 0.5 * (steps[1:] + steps[:-1]), steps[-1:]])
        fifth = max(1, len(speed) // 5)
        first, last = int(np.argmin(speed[:fifth])), len(speed) - fifth + int(np.argmin(speed[-fifth:]))
        if self.t_s[last] - self.t_s[first] < 0.8 * SHORTEST_S:
            return 0, len(speed) - 1
        return first, last

    def motion(self, t_s: Array, *, lowpass_hz: float | None = 6.0) -> tuple[Array, Array]:
        """Compute the motion that a sensor fixed to the camera would feel, at evenly spaced times.

        Past its ends the path runs back and forth (time is reflected), so a short path serves a long clip.

        Args:
            t_s: (N,) evenly spaced, 0 at the path's first row.
            lowpass_hz: corner of a zero-phase low-pass; estimated poses carry jitter above 6-8 Hz. None: no filter.

        Returns:
            omega (N, 3) rad/s and velocity (N, 3) in position units per s, both along the camera's own axes.

        Raises:
            TrajectoryError: as :meth:`check_regular`.
        """
        self.check_regular()
        phase = np.mod(t_s, 2.0 * self.duration_s)
        back = phase > self.duration_s
        where = self.t_s[0] + np.where(back, 2.0 * self.duration_s - phase, phase)
        sign = np.where(back, -1.0, 1.0)[:, None]
        spline = RotationSpline(self.t_s, self.rotation)
        omega = np.asarray(spline(where, 1)) * sign
        velocity_w = CubicSpline(self.t_s, self.position_w)(where, 1) * sign
        velocity = np.asarray(spline(where).inv().apply(velocity_w))
        if lowpass_hz is None:
            return omega, velocity
        rate_hz = (len(t_s) - 1) / float(t_s[-1] - t_s[0])
        return lowpass(omega, lowpass_hz, rate_hz), lowpass(velocity, lowpass_hz, rate_hz)


def _wxyz(rotation: Rotation) -> Array:
    return np.asarray(rotation.as_quat()[:, [3, 0, 1, 2]], np.float64)


def align_signs(quaternion: Array) -> Array:
    """Flip quaternions (N, 4) so that neighbours are on one half of the sphere; the rotations stay the same."""
    dots = np.einsum("ij,ij->i", quaternion[1:], quaternion[:-1])
    signs = np.cumprod(np.concatenate([[1.0], np.where(dots < 0, -1.0, 1.0)]))
    return np.asarray(quaternion * signs[:, None])


def lowpass(values: Array, corner_hz: float, rate_hz: float) -> Array:
    """Filter (N, C) along time without a phase: second-order Butterworth, forwards and backwards.

    Values come back as they are where the corner is not below the Nyquist rate.
    """
    if corner_hz >= 0.5 * rate_hz:
        return np.array(values)
    sections = butter(2, corner_hz, fs=rate_hz, output="sos")
    padding = min(len(values) - 1, int(3.0 * rate_hz / corner_hz))
    return np.asarray(sosfiltfilt(sections, values, axis=0, padlen=padding))
