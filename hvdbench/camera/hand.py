"""Simulate the motion of a hand that holds a phone: four kinds of shake as random-phase spectra.

Angular rate per axis is drift + walk + arm + tremor, each a stationary process with a spectrum of its own; the
spectra and sizes were set by hand to real gyro logs and to the motion seen in three phone clips
(``docs/decisions/0003-ois-model.md``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hvdbench.camera.trajectory import Array

PresetName = Literal["still", "hold", "scan", "walk", "shaky", "hvd", "tense"]

WALK_LINES = ((0.5, 0.5), (1.0, 1.0), (2.0, 0.35), (3.0, 0.1))  # of the step rate: place, weight
LINE_WIDTH = 0.12
TREMOR_WIDTH_HZ = 1.8
ROLL_OFF_HZ = 12.0
RATE_SPREAD = 0.15  # of step, arm and tremor rates from hand to hand
BAND_EDGES_HZ = (1.0, 6.0)  # drift | walk and arm | tremor
SWAY_HZ = 0.7
TREMOR_POSITION_M = 0.3e-3
TREMOR_POSITION_BAND_HZ = (4.0, 12.0)


@dataclass(frozen=True)
class HandPreset:
    """Rates and sizes of one way to hold a phone.

    Args:
        drift_hz, step_hz, arm_hz, tremor_hz: corner, step rate, resonance and tremor peak.
        arm_quality: how sharp the arm's resonance is.
        drift_deg_s, walk_deg_s, arm_deg_s, tremor_deg_s: rms of the angular rate about x and about y.
        sway_m_s: rms of the translation's speed per axis.
        roll_share: rates about the optical axis over those about x and y.
    """

    drift_hz: float
    step_hz: float
    arm_hz: float
    arm_quality: float
    tremor_hz: float
    drift_deg_s: float
    walk_deg_s: float
    arm_deg_s: float
    tremor_deg_s: float
    sway_m_s: float
    roll_share: float = 0.7


PRESETS: Mapping[PresetName, HandPreset] = {
    "still": HandPreset(0.3, 1.8, 3.5, 1.0, 9.0, 1.0, 0.3, 1.2, 1.0, 0.004),
    "hold": HandPreset(0.4, 1.8, 3.5, 1.0, 9.0, 4.0, 1.0, 3.0, 1.8, 0.015),
    "scan": HandPreset(0.4, 1.8, 3.5, 1.0, 9.0, 10.0, 3.0, 4.0, 2.0, 0.03),
    "walk": HandPreset(0.5, 1.8, 3.8, 1.2, 9.0, 8.0, 10.0, 8.0, 2.5, 0.05),
    "shaky": HandPreset(0.6, 1.9, 4.0, 1.5, 9.0, 10.0, 16.0, 18.0, 4.0, 0.04, roll_share=0.25),
    "hvd": HandPreset(0.6, 1.8, 4.8, 1.3, 9.0, 11.0, 16.0, 21.0, 3.5, 0.04, roll_share=0.25),
    "tense": HandPreset(0.4, 1.8, 4.5, 2.5, 9.0, 2.0, 2.0, 24.0, 2.0, 0.03, roll_share=0.25),
}


def hand_motion(
    preset: HandPreset,
    *,
    samples: int,
    rate_hz: float,
    generator: np.random.Generator,
    path_omega: Array | None = None,
) -> tuple[Array, Array]:
    """Draw the motion of a hand, or what a camera path lacks of it.

    Args:
        preset: how the phone is held; its step, arm and tremor rates are varied by up to 15 %.
        samples: length of the result.
        rate_hz: samples per second.
        generator: the only source of chance.
        path_omega: (samples, 3) rad/s, the motion that a path already has. Per axis and band the rms added is
            ``sqrt(max(0, preset² − path²))``, so that the sum has the preset's power; no sway is added then, since the
            path brings its own.

    Returns:
        omega (samples, 3) rad/s and velocity (samples, 3) m/s along the camera's axes.
    """
    frequency = _frequencies(samples, rate_hz)
    power = _turning_power(preset, frequency, generator)[:, None] * np.array([1.0, 1.0, preset.roll_share]) ** 2
    if path_omega is not None:
        power = power * _lacking_share(power, frequency, np.degrees(band_rms(path_omega, rate_hz)))
    omega = np.radians(random_phase(power, samples, generator))
    velocity = _tremor_velocity(frequency, samples, rate_hz, generator)
    if path_omega is None:
        sway = preset.sway_m_s**2 * _unit(1.0 / (1.0 + (frequency / SWAY_HZ) ** 2) ** 2)
        velocity = velocity + random_phase(np.repeat(sway[:, None], 3, axis=1), samples, generator)
    return omega, velocity


def _turning_power(preset: HandPreset, frequency: Array, generator: np.random.Generator) -> Array:
    """Compute the variance of the angular rate about x at each frequency, (deg/s)²."""
    step, arm, tremor = generator.uniform(1 - RATE_SPREAD, 1 + RATE_SPREAD, 3) * (
        preset.step_hz,
        preset.arm_hz,
        preset.tremor_hz,
    )
    tremor_line = np.exp(-0.5 * ((frequency - tremor) / TREMOR_WIDTH_HZ) ** 2)
    return np.asarray(
        preset.drift_deg_s**2 * _unit(1.0 / (1.0 + (frequency / preset.drift_hz) ** 2) ** 2)
        + preset.walk_deg_s**2 * _unit(_walk_spectrum(frequency, step))
        + preset.arm_deg_s**2 * _unit(_arm_spectrum(frequency, arm, preset.arm_quality))
        + preset.tremor_deg_s**2 * _unit(tremor_line + 0.15 / (1.0 + (frequency / ROLL_OFF_HZ) ** 4))
    )


def _unit(spectrum: Array) -> Array:
    """Scale a spectrum to a variance of 1 without its mean."""
    spectrum = np.concatenate([[0.0], spectrum[1:]])
    return np.asarray(spectrum / spectrum.sum())


def random_phase(power: Array, samples: int, generator: np.random.Generator) -> Array:
    """Draw a process with given power and a random phase at each frequency.

    Args:
        power: (samples // 2 + 1, A) variance of each axis at ``rfftfreq``'s frequencies.
        samples: length.
        generator: draws the phases.

    Returns:
        (samples, A), its variance the sum of ``power``.
    """
    phase = generator.uniform(0.0, 2.0 * np.pi, power.shape)
    spectrum = 0.5 * samples * np.sqrt(2.0 * power) * np.exp(1j * phase)
    return np.asarray(np.fft.irfft(spectrum, samples, axis=0))


def band_rms(omega: Array, rate_hz: float) -> Array:
    """Measure (3 bands, 3 axes) rms of rates (N, 3) below 1 Hz, from 1 to 6 Hz and above (Hann window)."""
    window = np.hanning(len(omega))[:, None]
    power = np.abs(np.fft.rfft(omega * window, axis=0)) ** 2
    power[1:] *= 2.0  # the negative frequencies
    power /= len(omega) * float((window**2).sum())
    band = _bands(_frequencies(len(omega), rate_hz))
    return np.asarray(np.sqrt(np.stack([power[band == index].sum(axis=0) for index in range(3)])))


def _frequencies(samples: int, rate_hz: float) -> Array:
    return np.asarray(np.fft.rfftfreq(samples, 1.0 / rate_hz), np.float64)


def _bands(frequency: Array) -> NDArray[np.int64]:
    return np.asarray(np.searchsorted(BAND_EDGES_HZ, frequency, side="right"), np.int64)


def _lacking_share(power: Array, frequency: Array, present: Array) -> Array:
    """Compute, for each frequency and axis, the share of the power (F, 3) that a path with band rms (3, 3) lacks."""
    band = _bands(frequency)
    wanted = np.stack([power[band == index].sum(axis=0) for index in range(3)])
    share = np.where(wanted > 0, np.maximum(0.0, 1.0 - present**2 / np.where(wanted > 0, wanted, 1.0)), 0.0)
    return np.asarray(share[band])


def _walk_spectrum(frequency: Array, step_hz: float) -> Array:
    width = LINE_WIDTH * step_hz
    lines = [weight * np.exp(-0.5 * ((frequency - place * step_hz) / width) ** 2) for place, weight in WALK_LINES]
    return np.asarray(np.sum(lines, axis=0))


def _arm_spectrum(frequency: Array, arm_hz: float, quality: float) -> Array:
    ratio = frequency / arm_hz
    resonance = ratio**2 / ((1.0 - ratio**2) ** 2 + (ratio / quality) ** 2)
    return np.asarray(resonance / (1.0 + (frequency / ROLL_OFF_HZ) ** 4))


def _tremor_velocity(frequency: Array, samples: int, rate_hz: float, generator: np.random.Generator) -> Array:
    low, high = TREMOR_POSITION_BAND_HZ
    inside = ((frequency >= low) & (frequency <= high)).astype(np.float64)
    if not inside.any():
        return np.zeros((samples, 3))
    power = TREMOR_POSITION_M**2 * _unit(inside)
    position = random_phase(np.repeat(power[:, None], 3, axis=1), samples, generator)
    return np.asarray(np.gradient(position, 1.0 / rate_hz, axis=0))


def integrate(omega: Array, velocity: Array, rate_hz: float) -> tuple[Rotation, Array]:
    """Add up body-fixed motion from a camera at rest at the origin.

    Rotations are multiplied in pairs, then pairs of pairs (a parallel prefix), so N steps cost log2 N array products.

    Args:
        omega: (N, 3) rad/s about the camera's axes.
        velocity: (N, 3) m/s along them.
        rate_hz: samples per second.

    Returns:
        N orientations, camera-to-world, and N positions (N, 3) m; the first are identity and 0.
    """
    turns = np.concatenate([np.zeros((1, 3)), 0.5 * (omega[1:] + omega[:-1]) / rate_hz])
    rotation = Rotation.from_rotvec(turns)
    reach = 1
    while reach < len(turns):
        rotation = Rotation.concatenate([rotation[:reach], rotation[:-reach] * rotation[reach:]])
        reach *= 2
    velocity_w = rotation.apply(velocity)
    steps = 0.5 * (velocity_w[1:] + velocity_w[:-1]) / rate_hz
    return rotation, np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])


SIMULATED_PRESETS: tuple[PresetName, ...] = ("shaky", "shaky", "shaky", "walk", "walk", "scan")
SIMULATED_SEED = 20250811  # the shipped paths were drawn from it: another seed is another set
SIMULATED_S = 10.0
SIMULATED_FPS = 60.0
_FINE = 8  # drawn at 480 Hz, every eighth sample written


def simulated_path(index: int) -> NDArray[np.float64]:
    """Compute path ``index`` of the set ``handheld_simulated``: (600, 8) rows in MonST3R's column order, metres."""
    generator = np.random.default_rng([SIMULATED_SEED, index])
    rate_hz = SIMULATED_FPS * _FINE
    samples = int(SIMULATED_S * rate_hz)
    omega, velocity = hand_motion(
        PRESETS[SIMULATED_PRESETS[index]], samples=samples, rate_hz=rate_hz, generator=generator
    )
    rotation, position = integrate(omega, velocity, rate_hz)
    quaternion = rotation.as_quat()[::_FINE]
    quaternion *= np.where(quaternion[:, 3:] < 0, -1.0, 1.0)
    frames = np.arange(len(quaternion), dtype=np.float64)[:, None]
    return np.hstack([frames, position[::_FINE], quaternion[:, 3:], quaternion[:, :3]])
