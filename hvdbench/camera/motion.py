"""Compute the motion at the sensor: a camera path and a hand, stabilised, about a slow reference view."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from hvdbench.camera.hand import HandPreset, hand_motion, integrate
from hvdbench.camera.stabiliser.kinds import stabiliser_of
from hvdbench.camera.stabiliser.log import RecordedController, read_log
from hvdbench.camera.stabiliser.ois import simulate_ois
from hvdbench.camera.stabiliser.settings import OisSettings
from hvdbench.camera.trajectory import Array, Trajectory, lowpass

BURN_IN_S = 3.0  # the lens starts centred; its leak forgets that in about 1.1 s
TAIL_S = 1.0  # past the clip's end, so that filters see no edge inside it


@dataclass(frozen=True)
class CameraPath:
    """Camera motion on a fine, even time grid.

    Rotation and position are relative to a slow reference view (see :func:`simulate_motion`), in which scenes are
    placed, so they stay small and are interpolated component by component.

    Args:
        t_s: (S,) times, 0 at the clip's start.
        rotation_vector_wc: (S, 3) rad, camera-to-world, of the hand: what the phone's body does.
        position_w_m: (S, 3).
        lens_rad: (S, 2) the angle about x and about y that the lens, sensor or module makes up for.
        focal_px: of the output frame.
        kind: of the stabiliser.
        smooth_rotation_vector_wc: (S, 3) rad, the path that whole frames are turned onto; None: they are not.
        frame_hz: frames a second, the first from t = 0, where frames are turned as a whole; mid-exposures are in the
            middle of each frame's slot.
    """

    t_s: Array
    rotation_vector_wc: Array
    position_w_m: Array
    lens_rad: Array
    focal_px: float
    kind: str = "lens_shift"
    smooth_rotation_vector_wc: Array | None = None
    frame_hz: float = 30.0

    def rotation_at(self, t_s: Array, *, stabilised: bool = True) -> Array:
        """Interpolate the rotation vector of the view, (N, 3) rad; of the hand where not ``stabilised``.

        A module that tilts turns the view; a lens that shifts does not (see :meth:`lens_shift_at`). Frames that are
        turned as a whole afterwards have, at each of their instants, the view's turn since mid-exposure on top of the
        smoothed path at mid-exposure.
        """
        if not stabilised:
            return _columns(t_s, self.t_s, self.rotation_vector_wc)
        if self.smooth_rotation_vector_wc is None:
            return self._captured(t_s)
        middle = self._mid_exposure(t_s)
        start, smooth = Rotation.from_rotvec(self._captured(middle)), self._smooth(middle)
        return np.asarray((Rotation.from_rotvec(self._captured(t_s)) * start.inv() * smooth).as_rotvec())

    def position_at(self, t_s: Array) -> Array:
        """Interpolate the position, (N, 3) m."""
        return _columns(t_s, self.t_s, self.position_w_m)

    def lens_shift_at(self, t_s: Array) -> Array:
        """Compute the shift of the image by lens or sensor, (N, 2) px; 0 for kinds that shift nothing.

        Frames that are turned as a whole keep of it what moved since mid-exposure, turned with the frame: exact at the
        frame's centre.
        """
        shift = self._captured_shift(t_s)
        if self.smooth_rotation_vector_wc is None or not shift.any():
            return shift
        middle = self._mid_exposure(t_s)
        turn = (self._smooth(middle).inv() * Rotation.from_rotvec(self._captured(middle))).as_matrix()
        scale = turn[:, 2, 2, None, None]
        jacobian = (turn[:, :2, :2] - turn[:, :2, 2:] * turn[:, 2:, :2] / scale) / scale  # of the frame's turn, at 0
        return np.asarray(np.einsum("nij,nj->ni", jacobian, shift - self._captured_shift(middle)))

    def _captured(self, t_s: Array) -> Array:
        """Interpolate the view's rotation vector while the shutter is open, (N, 3) rad."""
        hand = _columns(t_s, self.t_s, self.rotation_vector_wc)
        stabiliser = stabiliser_of(self.kind)
        if not stabiliser.turns_view:
            return hand
        lens = _columns(t_s, self.t_s, self.lens_rad)
        return np.asarray(stabiliser.turn(Rotation.from_rotvec(hand), lens).as_rotvec())

    def _captured_shift(self, t_s: Array) -> Array:
        return stabiliser_of(self.kind).shift_px(_columns(t_s, self.t_s, self.lens_rad), self.focal_px)

    def _smooth(self, t_s: Array) -> Rotation:
        assert self.smooth_rotation_vector_wc is not None
        return Rotation.from_rotvec(_columns(t_s, self.t_s, self.smooth_rotation_vector_wc))

    def _mid_exposure(self, t_s: Array) -> Array:
        return np.asarray((np.floor(t_s * self.frame_hz + 1e-9) + 0.5) / self.frame_hz)

    @property
    def residual_rad(self) -> Array:
        """The angles that the stabiliser leaves on the axis, (S, 3); lens and sensor leave roll whole."""
        if self.smooth_rotation_vector_wc is not None:
            return self.rotation_at(self.t_s) - _angle_of_shift(self.lens_shift_at(self.t_s), self.focal_px)
        turned = self.rotation_at(self.t_s)
        if stabiliser_of(self.kind).turns_view:
            return turned
        return turned - np.pad(self.lens_rad, ((0, 0), (0, 1)))


def smooth_frames(path: CameraPath, smoothing_s: float) -> CameraPath:
    """Turn whole frames onto the Gaussian average of what lens or module leave of the hand's turning.

    A stabiliser that leaves nothing therefore keeps its still view.

    Args:
        path: without a smoothed path.
        smoothing_s: standard deviation of the Gaussian.
    """
    left = path.rotation_at(path.t_s) - _angle_of_shift(path.lens_shift_at(path.t_s), path.focal_px)
    rate_hz = (len(path.t_s) - 1) / path.t_s[-1]
    smooth = gaussian_filter1d(left, smoothing_s * rate_hz, axis=0, mode="nearest")
    return replace(path, smooth_rotation_vector_wc=smooth)


def _angle_of_shift(shift_px: Array, focal_px: float) -> Array:
    """Compute the turn about x, y and z that a shift of the image makes up for on the axis, (N, 3) rad."""
    x, y = np.arctan(shift_px / focal_px).T
    return np.stack([-y, x, np.zeros_like(x)], axis=1)


def _columns(t_s: Array, grid_s: Array, values: Array) -> Array:
    return np.stack([np.interp(t_s, grid_s, column) for column in values.T], axis=-1)


def simulate_motion(
    *,
    duration_s: float,
    focal_px: float,
    hand: HandPreset,
    ois: OisSettings,
    generator: np.random.Generator,
    trajectory: Trajectory | None = None,
    trajectory_gain: float = 1.0,
    scene_depth_m: float | None = None,
    lowpass_hz: float = 6.0,
    reference_hz: float = 0.3,
    speed_without_scale_m_s: float = 0.3,
    rate_hz: float = 2000.0,
    fps: float = 30.0,
) -> CameraPath:
    """Shake a camera and stabilise it.

    The hand is ``gain · lowpass(path) + what the path lacks of the preset``, or the recorded turning of a stabiliser's
    log; the stabiliser follows its turns about x and y. Then the slow part of what the lens leaves, below
    ``reference_hz``, is taken out (the virtual camera that follows it is the reference view), so a clip stays within
    the scene's margin while shake and blur remain.

    Args:
        duration_s: of the clip; 3 s of run-in before it and 1 s after it are simulated and dropped.
        focal_px: focal length of the output frame.
        hand: how the phone is held.
        ois: the stabiliser.
        generator: draws where in the path the clip begins, the hand's phases and the gyro's noise.
        trajectory: a camera path; None: the hand alone.
        trajectory_gain: scales the path's turning rates. Paths estimated from stabilised video are residuals, too
            small by what the lens took out.
        scene_depth_m: distance of the scene; a path without metres that knows its scene's depth is scaled by it.
        lowpass_hz: zero-phase corner for the path.
        reference_hz: corner of the slow reference view.
        speed_without_scale_m_s: median speed that any other path without metres is scaled to.
        rate_hz: of the simulation.
        fps: frames a second, for a stabiliser that turns them as a whole.

    Raises:
        TrajectoryError: if the path is too short or has gaps.
    """
    samples = int(np.ceil((BURN_IN_S + duration_s + TAIL_S) * rate_hz)) + 1
    time = np.arange(samples) / rate_hz
    replay = None
    if ois.log is not None:
        log = read_log(Path(ois.log), ois.log_orientation)
        replay = RecordedController(log, generator.uniform(0.0, 1.0) * max(0.0, log.duration_s - time[-1]))
        omega, velocity = log.motion(time + replay.start_s)[0], np.zeros((samples, 3))
    elif trajectory is None:
        omega, velocity = hand_motion(hand, samples=samples, rate_hz=rate_hz, generator=generator)
    else:
        spare_s = max(0.0, trajectory.duration_s - time[-1])
        omega, velocity = trajectory.motion(time + generator.uniform(0.0, 1.0) * spare_s, lowpass_hz=lowpass_hz)
        omega = trajectory_gain * omega
        velocity = _metric_scale(trajectory, velocity, scene_depth_m, speed_without_scale_m_s) * velocity
        more_omega, more_velocity = hand_motion(
            hand, samples=samples, rate_hz=rate_hz, generator=generator, path_omega=omega
        )
        omega, velocity = omega + more_omega, velocity + more_velocity
    lens = simulate_ois(omega[:, :2], rate_hz, ois, generator, controller=replay)
    rotation, position = integrate(omega, velocity, rate_hz)
    vector, offset = _about_slow_view(rotation, position, lens, rate_hz, reference_hz)
    path = CameraPath(time, vector, offset, lens, focal_px, kind=ois.kind, frame_hz=fps)
    if ois.smoothing_s is not None:
        path = smooth_frames(path, ois.smoothing_s)
    return _from(path, int(BURN_IN_S * rate_hz))


def _from(path: CameraPath, first: int) -> CameraPath:
    """Drop the samples before ``first``; time is 0 there."""
    smooth = path.smooth_rotation_vector_wc
    return replace(
        path,
        t_s=path.t_s[first:] - path.t_s[first],
        rotation_vector_wc=path.rotation_vector_wc[first:],
        position_w_m=path.position_w_m[first:],
        lens_rad=path.lens_rad[first:],
        smooth_rotation_vector_wc=None if smooth is None else smooth[first:],
    )


def _metric_scale(trajectory: Trajectory, velocity: Array, depth_m: float | None, speed_m_s: float) -> float:
    """Compute metres per position unit: 1 for metres, else by the scene's depth, else by a median speed.

    Motion in the picture hangs on translation over depth, and both of an estimate share one scale.
    """
    if trajectory.scale_m:
        return 1.0
    if trajectory.scene_depth is not None and depth_m is not None:
        return depth_m / trajectory.scene_depth
    median = float(np.median(np.linalg.norm(velocity, axis=1)))
    return speed_m_s / median if median > 0 else 1.0


def _about_slow_view(
    rotation: Rotation, position: Array, lens: Array, rate_hz: float, corner_hz: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Express a motion relative to the slow part of what the lens leaves of it.

    The slow view is the low-passed orientation, turned back by the low-passed lens angle: with a lens that follows
    everything, it does not move in the world.
    """
    quaternion = rotation.as_quat()
    signs = np.where(np.einsum("ij,ij->i", quaternion[1:], quaternion[:-1]) < 0, -1.0, 1.0)
    quaternion = quaternion * np.cumprod(np.concatenate([[1.0], signs]))[:, None]
    slow = Rotation.from_quat(lowpass(quaternion, corner_hz, rate_hz))
    slow_lens = Rotation.from_rotvec(np.pad(lowpass(lens, corner_hz, rate_hz), ((0, 0), (0, 1))))
    reference = slow * slow_lens.inv()
    offset = reference.inv().apply(position - lowpass(position, corner_hz, rate_hz))
    return (reference.inv() * rotation).as_rotvec(), offset
