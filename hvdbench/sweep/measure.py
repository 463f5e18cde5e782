"""Compare stabilisers: how much of a sinusoid they leave, and how often a frame of a shaking hand stays sharp."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from hvdbench.camera.hand import PRESETS, HandPreset, PresetName, hand_motion
from hvdbench.camera.motion import BURN_IN_S, TAIL_S
from hvdbench.camera.stabiliser.kinds import stabiliser_of
from hvdbench.camera.stabiliser.log import read_log
from hvdbench.camera.stabiliser.ois import simulate_ois, small_signal_residual
from hvdbench.camera.stabiliser.settings import OisSettings
from hvdbench.errors import InputError
from hvdbench.sweep.rows import SharpRow, SuppressionRow
from hvdbench.synth.settings import DatasetSettings

Array = NDArray[np.float64]

DEFAULT_SET: Mapping[str, OisSettings] = {
    "off": OisSettings(kind="off"),
    "lens shift 0.5 deg": OisSettings(stroke_deg=0.5, leak_limit_hz=1.8),
    "lens shift 1 deg": OisSettings(stroke_deg=1.0),
    "lens shift 1 deg, radial": OisSettings(stroke_deg=1.0, limiter="radial"),
    "lens shift 1 deg, pan at 30 deg/s": OisSettings(stroke_deg=1.0, pan_deg_s=30.0),
    "slow lens 0.7 deg": OisSettings(natural_frequency_hz=60.0, damping=0.7, delay_s=0.002, gain=0.95),
    "sensor shift 0.7 deg": OisSettings(kind="sensor_shift", natural_frequency_hz=250.0, delay_s=0.0005, gain=0.99),
    "module tilt 3 deg": OisSettings(kind="module_tilt", stroke_deg=3.0),
    "eis": OisSettings(kind="eis"),
    "lens shift 1 deg and eis": OisSettings(stroke_deg=1.0, eis_smoothing_s=0.4),
}
"""What is compared where nothing is requested; ``docs/stabiliser.md`` says where the constants come from."""

AMPLITUDES_DEG = (0.001, 0.1, 0.5, 1.0, 2.0)
SINE_RATE_HZ = 2000.0  # Euler steps would be wrong by 14 % at 10 Hz there, so stages are discretised exactly
SINE_SETTLE_S = 10.0  # three time constants of the 0.05 Hz high-pass
SINE_S = 20.0  # contains whole periods of multiples of 0.05 Hz
FREQUENCIES_HZ = (
    *(0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0),
    *(10.0, 12.0, 15.0, 20.0, 30.0),
)
SAMPLES = 33  # of the path inside an exposure, ends included
WIDTH_PX, FLOOR_PX = 1920, 4.0
EXPOSURES = 1  # sets the draw of exposures apart from that of the gyro's noise
ROWS = 5  # of a frame whose shutter rolls, first and last included


@dataclass(frozen=True)
class Camera:
    """What the sharp share is measured with: a 26 mm-equivalent lens on 1920 px, 30 fps, indoors at night.

    Attributes:
        width_px: width of the frame, px.
        focal_px: focal length, px.
        fps: frames per second.
        exposure_share: range from which each clip's exposure over frame time is drawn evenly.
        readout_s: readout of the rolling shutter, from the first row to the one after the last; 0: none.
        floor_px: extent that optics and compression give to a sharp frame, added in quadrature to what is reported.
        sharp_share: share of the width; a frame whose extent, without the floor, is below is sharp.
    """

    width_px: int = WIDTH_PX
    focal_px: float = 1387.0
    fps: float = 30.0
    exposure_share: tuple[float, float] = (0.7, 0.7)
    readout_s: float = 0.0
    floor_px: float = FLOOR_PX
    sharp_share: float = 0.003

    def __str__(self) -> str:
        """Describe the camera in a phrase: ``1920 px wide, focal length 1387 px, 30 fps, …``."""
        low, high = self.exposure_share
        exposure = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        readout = f", readout {1e3 * self.readout_s:g} ms" if self.readout_s else ""
        return (
            f"{self.width_px} px wide, focal length {self.focal_px:.0f} px, {self.fps:g} fps, exposure {exposure} of "
            f"the frame time{readout}"
        )


def camera_of(settings: DatasetSettings) -> Camera:
    """Return the camera of a dataset recipe; one that states no size is taken to be 1920 px wide.

    The floor is the same share of the width as at 1920 px.
    """
    width_px = settings.size[0] if settings.size else WIDTH_PX
    return Camera(
        width_px=width_px,
        focal_px=settings.focal_per_width * width_px,
        fps=settings.fps,
        exposure_share=settings.exposure_share,
        readout_s=settings.readout_s,
        floor_px=FLOOR_PX * width_px / WIDTH_PX,
        sharp_share=settings.oracle.sharp_share,
    )


def measure_suppression(
    name: str,
    settings: OisSettings,
    *,
    amplitudes_deg: Sequence[float] = AMPLITUDES_DEG,
    frequencies_hz: Sequence[float] = FREQUENCIES_HZ,
) -> list[SuppressionRow]:
    """Shake a stabiliser by sinusoids, all together, and compare what is left with the closed form.

    The gyro's noise is left out. After 10 s to settle, 20 s are measured: frequencies that are multiples of 0.05 Hz
    fill them with whole periods.

    Args:
        name: of the stabiliser, for the rows.
        settings: the stabiliser.
        amplitudes_deg: of the hand's angle.
        frequencies_hz: of the sinusoid.
    """
    time = np.arange(int((SINE_SETTLE_S + SINE_S) * SINE_RATE_HZ)) / SINE_RATE_HZ
    kept = time >= SINE_SETTLE_S
    amplitude, frequency = (
        grid.ravel() for grid in np.meshgrid(np.radians(amplitudes_deg), frequencies_hz, indexing="ij")
    )
    wave = 2.0 * np.pi * frequency[:, None]
    omega = amplitude[:, None] * wave * np.cos(wave * time)
    axes = 1 if settings.controller is None else 2
    lens = simulate_ois(np.repeat(omega[..., None], axes, axis=2), SINE_RATE_HZ, settings)[..., 0]
    left = amplitude[:, None] * np.sin(wave * time[kept]) - lens[:, kept]
    level = _decibel(left.std(axis=1) / (amplitude / np.sqrt(2.0)))
    closed = _decibel(np.abs(small_signal_residual(frequency, settings)))
    if axes == 2 and stabiliser_of(settings.kind).follows_gyro:
        closed = np.full_like(closed, np.nan)
    columns = (np.degrees(amplitude).round(9), frequency, level, closed)
    return [SuppressionRow(name, *map(float, row)) for row in zip(*columns, strict=True)]


def _decibel(ratio: Array) -> Array:
    return np.asarray(20.0 * np.log10(np.maximum(ratio, 1e-9)))


def draw_hands(
    hands: Mapping[str, HandPreset], *, clips: int, duration_s: float, rate_hz: float, seed: int
) -> dict[str, Array]:
    """Draw the turning of every hand about x and y, run-in and tail included: (clips, N, 2) rad/s each."""
    samples = int(np.ceil((BURN_IN_S + duration_s + TAIL_S) * rate_hz)) + 1
    drawn = {}
    for name, preset in hands.items():
        generator = np.random.default_rng([seed, *name.encode()])
        motions = [
            hand_motion(preset, samples=samples, rate_hz=rate_hz, generator=generator)[0][:, :2] for _ in range(clips)
        ]
        drawn[name] = np.stack(motions)
    return drawn


def compare_stabilisers(
    stabilisers: Mapping[str, OisSettings],
    hands: Mapping[str, Array],
    *,
    camera: Camera | None = None,
    rate_hz: float = 2000.0,
    seed: int = 0,
) -> list[SharpRow]:
    """Apply every hand to every stabiliser and measure blur and motion at the frame's centre.

    Angles about x and y are added up each on its own: turns about the optical axis, translation and what lies off the
    axis are left out, so kinds are not distinguished by their field.

    Args:
        stabilisers: by name; all meet the same hands.
        hands: (C, N, 2) rad/s by name, all of one N; 3 s of run-in and 1 s of tail are dropped.
        camera: what the motion is seen with.
        rate_hz: of the hands.
        seed: of the gyro's noise and of the clips' exposures, which are the same for every hand and stabiliser.

    Returns:
        Rows by hand, then by stabiliser.
    """
    camera = camera or Camera()
    omega = np.concatenate(list(hands.values()))
    angle = _angle(omega, rate_hz)
    ends = np.cumsum([len(clips) for clips in hands.values()])[:-1]
    low, high = camera.exposure_share
    shares = low + (high - low) * np.random.default_rng([seed, EXPOSURES]).random(max(map(len, hands.values())))
    rows = {}
    for name, settings in stabilisers.items():
        residual = angle - simulate_ois(omega, rate_hz, settings, np.random.default_rng(seed))
        view = residual
        if settings.smoothing_s is not None:
            view = gaussian_filter1d(residual, settings.smoothing_s * rate_hz, axis=1, mode="nearest")
        for hand, left, seen in zip(hands, np.split(residual, ends), np.split(view, ends), strict=True):
            rows[hand, name] = _measure(hand, name, left, seen, camera, rate_hz, shares[: len(left)])
    return [rows[hand, name] for hand in hands for name in stabilisers]


def _angle(omega: Array, rate_hz: float) -> Array:
    steps = 0.5 * (omega[:, 1:] + omega[:, :-1]) / rate_hz
    return np.concatenate([np.zeros_like(omega[:, :1]), np.cumsum(steps, axis=1)], axis=1)


def _measure(
    hand: str, name: str, residual: Array, view: Array, camera: Camera, rate_hz: float, shares: Array
) -> SharpRow:
    """Measure (C, N, 2) residual angles inside exposures, and from frame to frame those of the view.

    Where the shutter rolls, a frame's extent is the median over its rows, as the oracle's is over points of the frame.
    """
    duration_s = (residual.shape[1] - 1) / rate_hz - BURN_IN_S - TAIL_S
    frames = int(duration_s * camera.fps + 1e-6)
    middle = BURN_IN_S + (np.arange(frames) + 0.5) / camera.fps
    rows = middle[:, None] + camera.readout_s * np.linspace(-0.5, 0.5, ROWS if camera.readout_s else 1)  # (T, R)
    blur = np.stack([_blur(clip, rows, share, camera, rate_hz) for clip, share in zip(residual, shares, strict=True)])
    skew = camera.focal_px * np.diff(_at(residual, rows[:, [0, -1]] * rate_hz), axis=2)[:, :, 0]  # (C, T, 2)
    motion = camera.focal_px * np.diff(_at(view, np.asarray(middle * rate_hz, np.float64)), axis=1)  # (C, T - 1, 2)
    speed, shear = np.linalg.norm(motion, axis=2), np.linalg.norm(skew, axis=2)
    seen = np.hypot(blur, camera.floor_px)
    is_sharp = blur < camera.sharp_share * camera.width_px
    swing = motion - motion.mean(axis=1, keepdims=True)
    later, sooner = swing[:, 1:], swing[:, :-1]
    power = np.sqrt((later**2).sum() * (sooner**2).sum())
    low, middling, high = np.percentile(seen, (10, 50, 90)).tolist()
    slow, usual, fast = np.percentile(speed, (10, 50, 90)).tolist()
    return SharpRow(
        hand=hand,
        stabiliser=name,
        frames=is_sharp.size,
        blur_p10_px=low,
        blur_p50_px=middling,
        blur_p90_px=high,
        motion_p10_px=slow,
        motion_p50_px=usual,
        motion_p90_px=fast,
        sharp_share=float(is_sharp.mean()),
        sharp_run=_mean_run(is_sharp),
        blurry_run=_mean_run(~is_sharp),
        motion_acf1=float((later * sooner).sum() / power) if power > 0 else float("nan"),
        blur_per_motion=float((seen[:, 1:] * speed).sum() / (speed**2).sum()) if speed.any() else float("nan"),
        skew_p50_px=float(np.percentile(shear, 50)),
        skew_p90_px=float(np.percentile(shear, 90)),
    )


def _blur(clip: Array, rows: Array, share: float, camera: Camera, rate_hz: float) -> Array:
    """Measure the extent of each frame of a clip (N, 2), (T,) px, from the mid-exposure times (T, R) of its rows."""
    opening = share / camera.fps * np.linspace(-0.5, 0.5, SAMPLES)
    inside = np.asarray((rows[:, :, None] + opening) * rate_hz, np.float64)
    return np.asarray(np.median(_extent(camera.focal_px * _at(clip[None], inside)[0]), axis=1))  # of (T, R, M, 2)


def _at(values: Array, where: Array) -> Array:
    """Interpolate (C, N, 2) along its second axis at fractional samples of any shape."""
    low = np.minimum(where.astype(np.int64), values.shape[1] - 2)
    share = (where - low)[..., None]
    return np.asarray((1.0 - share) * values[:, low] + share * values[:, low + 1])


def _extent(path: Array) -> Array:
    """Compute ``sqrt(12 λmax)`` of the covariance of paths (..., M, 2): the length, for an even motion along a line."""
    centred = path - path.mean(axis=-2, keepdims=True)
    xx, yy = (centred**2).mean(axis=-2)[..., 0], (centred**2).mean(axis=-2)[..., 1]
    xy = (centred[..., 0] * centred[..., 1]).mean(axis=-1)
    largest = 0.5 * (xx + yy) + np.hypot(0.5 * (xx - yy), xy)
    return np.asarray(np.sqrt(12.0 * largest))


def _mean_run(flags: NDArray[np.bool_]) -> float:
    """Compute the mean length of runs of True within rows; NaN where there is none."""
    padded = np.pad(flags, ((0, 0), (1, 0)))
    runs = int((padded[:, 1:] & ~padded[:, :-1]).sum())
    return float(flags.sum()) / runs if runs else float("nan")


def hands_of_log(path: Path, rate_hz: float, orientation: str = "") -> dict[str, Array]:
    """Return a log's turning about x and y as one hand, from its first row to its last: (1, N, 2) rad/s.

    Raises:
        InputError: if the log cannot be read, or is too short to measure in.
    """
    log = read_log(path, orientation)
    shortest_s = BURN_IN_S + 1.0 + TAIL_S
    if log.duration_s < shortest_s:
        raise InputError(
            f"{path} lasts {log.duration_s:.1f} s: give {shortest_s:g} s or more, of which the first {BURN_IN_S:g} and "
            f"the last {TAIL_S:g} are not measured"
        )
    time = np.arange(int(log.duration_s * rate_hz) + 1) / rate_hz
    return {log.name: log.motion(time)[0][None, :, :2]}


def default_hands() -> dict[str, HandPreset]:
    """Return the presets that were set to real hands, shakiest first."""
    chosen: tuple[PresetName, ...] = ("hvd", "shaky", "walk", "scan", "hold", "still")
    return {name: PRESETS[name] for name in chosen}
