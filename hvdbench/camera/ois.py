"""A lens-shift stabiliser: leaky integrator with a clamp inside, then the lens's position loop.

Per axis, with hand rate w, lens command c and lens angle θ::

    w_g = w(t − delay) + noise,   w_f = highpass(w_g)
    c'  = gain·w_f − 2π·leak(|c| / stroke)·c,   |c| ≤ stroke
    θ'' = ω_n²(c − θ) − 2ζω_n θ',   |θ| ≤ stroke

Structure and ranges are those of phone drivers in GPL kernels (``docs/decisions/0003-ois-model.md``).
"""

import math
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.linalg import expm
from scipy.signal import lfilter

from hvdbench.recipe import Settings

Array = NDArray[np.float64]


class OisSettings(Settings):
    """A two-axis optical image stabiliser."""

    kind: Literal["off", "lens_shift"] = "lens_shift"
    """``off``: the lens stays at its centre."""
    stroke_deg: float = Field(default=0.7, gt=0)
    """Largest angle that the lens can make up for, per axis; it hits a stop there."""
    leak_hz: float = Field(default=0.14, ge=0)
    """Corner of the integrator's leak at the centre: what draws the lens back."""
    leak_limit_hz: float = Field(default=1.1, ge=0)
    """Corner of the leak at the stop; between, it grows in proportion to the angle."""
    highpass_hz: float = Field(default=0.05, ge=0)
    """Corner of the filter that removes the gyro's bias; 0: none."""
    gain: float = Field(default=0.98, ge=0, le=1.5)
    """Share of the measured rate that is followed (calibration error)."""
    delay_s: float = Field(default=0.0007, ge=0, le=0.1)
    """From motion to command: gyro filter, bus and processing."""
    natural_frequency_hz: float = Field(default=200.0, ge=0)
    """Of the closed position loop: shake well above it is followed too late to cancel. 0: the lens follows at once."""
    damping: float = Field(default=0.8, gt=0)
    """Of the closed position loop, as a share of critical damping."""
    gyro_noise_mdps: float = Field(default=3.8, ge=0)
    """Density of the gyro's white noise, mdps per sqrt(Hz)."""


def simulate_ois(
    omega: Array, rate_hz: float, settings: OisSettings, generator: np.random.Generator | None = None
) -> Array:
    """Simulate the lens: the angle that it makes up for at each sample.

    Every stage is discretised exactly for a rate that is linear between samples. The lens starts centred; give a run-in
    of about 3 s and drop it.

    Args:
        omega: (N, A) rad/s of the hand about A axes (x and y).
        rate_hz: samples per second, 1000 or more.
        settings: the stabiliser.
        generator: draws the gyro's noise; None: no noise.

    Returns:
        (N, A) rad; the residual is the hand's angle less this.
    """
    if settings.kind == "off":
        return np.zeros_like(omega)
    time = np.arange(len(omega)) / rate_hz
    measured = np.stack([np.interp(time - settings.delay_s, time, axis) for axis in omega.T], axis=1)
    if generator is not None and settings.gyro_noise_mdps:
        density = math.radians(settings.gyro_noise_mdps * 1e-3)
        measured = measured + density * math.sqrt(0.5 * rate_hz) * generator.standard_normal(measured.shape)
    drive = settings.gain * highpass(measured, settings.highpass_hz, rate_hz)
    columns = [_follow(axis.tolist(), rate_hz, settings) for axis in drive.T]
    return np.array(columns, np.float64).T


def highpass(values: Array, corner_hz: float, rate_hz: float) -> Array:
    """Filter (N, A) by a first-order high-pass, exact for an input that is linear between samples; starts at rest."""
    if corner_hz <= 0:
        return values
    step = 2.0 * math.pi * corner_hz / rate_hz
    keep = math.exp(-step)
    mean = -math.expm1(-step) / step
    low = lfilter([1.0 - mean, mean - keep], [1.0, -keep], values, axis=0)
    return np.asarray(values - low)


def _follow(drive: list[float], rate_hz: float, settings: OisSettings) -> list[float]:
    """Run the clamped integrator and the position loop over one axis; plain floats, since each step needs the last."""
    stroke = math.radians(settings.stroke_deg)
    step = 1.0 / rate_hz
    leak = 2.0 * math.pi * settings.leak_hz
    leak_rise = 2.0 * math.pi * (settings.leak_limit_hz - settings.leak_hz) / stroke
    at_once = settings.natural_frequency_hz == 0
    (a, b, old_a, new_a), (c, d, old_b, new_b) = _loop(settings, step) if not at_once else ((0.0,) * 4, (0.0,) * 4)
    exp, expm1 = math.exp, math.expm1
    command = lens = speed = 0.0
    angles = [0.0]
    for before, now in pairwise(drive):
        rate = leak + leak_rise * abs(command)
        decay = rate * step
        held = -expm1(-decay) / rate if decay > 1e-12 else step
        target = command * exp(-decay) + 0.5 * (before + now) * held
        target = min(max(target, -stroke), stroke)
        if at_once:
            lens = target
        else:
            lens, speed = (
                a * lens + b * speed + old_a * command + new_a * target,
                c * lens + d * speed + old_b * command + new_b * target,
            )
            if abs(lens) > stroke:
                lens, speed = math.copysign(stroke, lens), 0.0
        command = target
        angles.append(lens)
    return angles


def _loop(settings: OisSettings, step: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Give the position loop's exact step for a command that is linear between samples.

    Two rows of (from angle, from speed, from the old command, from the new command), by the matrix exponential of the
    system extended by the command and its slope.
    """
    natural = 2.0 * math.pi * settings.natural_frequency_hz
    system = np.zeros((4, 4))
    system[0, 1] = 1.0
    system[1, :3] = [-(natural**2), -2.0 * settings.damping * natural, natural**2]
    system[2, 3] = 1.0 / step
    moved = expm(system * step)
    rows = [(moved[i, 0], moved[i, 1], moved[i, 2] - moved[i, 3], moved[i, 3]) for i in (0, 1)]
    first, second = (tuple(float(value) for value in row) for row in rows)
    return first, second


def small_signal_residual(frequency_hz: Array, settings: OisSettings) -> NDArray[np.complex128]:
    """Give ``1 − G(2πif)``: residual per unit of hand motion while neither the stop nor the leak's growth plays a part.

    ``G(s) = gain · s/(s + 2π leak) · s/(s + 2π highpass) · exp(−s delay) · ω_n²/(s² + 2ζω_n s + ω_n²)``.
    """
    s = 2j * np.pi * np.asarray(frequency_hz, np.float64)
    G = settings.gain * s / (s + 2.0 * np.pi * settings.leak_hz) * np.exp(-s * settings.delay_s)
    if settings.highpass_hz > 0:
        G = G * s / (s + 2.0 * np.pi * settings.highpass_hz)
    if settings.natural_frequency_hz > 0:
        natural = 2.0 * np.pi * settings.natural_frequency_hz
        G = G * natural**2 / (s**2 + 2.0 * settings.damping * natural * s + natural**2)
    return np.asarray(1.0 - G)
