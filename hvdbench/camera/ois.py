"""The controller of a stabiliser: leaky integrator with a clamp inside, then the lens's position loop.

Per axis, with hand rate w, lens command c and lens angle θ::

    w_g = w(t − delay) + noise,   w_f = highpass(w_g)
    c'  = gain·w_f − 2π·leak(|c| / stroke)·c,   |c| ≤ stroke
    θ'' = ω_n²(c − θ) − 2ζω_n θ',   |θ| ≤ stroke

While a pan is detected (see :func:`detect_pan`) the gain is 0 and the leak's corner 15 Hz. Structure and ranges are
those of phone drivers in GPL kernels (``docs/decisions/0003-ois-model.md``). What the angle does to the picture is the
kind's business: :mod:`hvdbench.camera.stabilisers`.
"""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator
from scipy.linalg import expm
from scipy.signal import lfilter

from hvdbench.camera.stabilisers import (
    Controller,
    RecordedController,
    open_controller,
    read_log,
    run_controller,
    stabiliser_of,
)
from hvdbench.catalog import names, unknown
from hvdbench.recipe import Settings

Array = NDArray[np.float64]
MOST_PLAIN = 16  # columns that plain floats simulate faster than arrays do


class OisSettings(Settings):
    """A two-axis image stabiliser."""

    kind: str = "lens_shift"
    """``off``, ``lens_shift``, ``sensor_shift``, ``module_tilt``, ``eis``, or an import string of a kind."""
    controller: str | None = None
    """Import string of a controller that stands in for ours: gyro rates in, lens angles out; left out: ours."""
    log: str | None = None
    """A CSV of recorded gyro rates and lens angles (``t,gx,gy,lx,ly``) that stands in for hand and controller."""
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
    pan_deg_s: float | None = Field(default=None, gt=0)
    """Rate above which a hand that keeps turning is taken to pan, per axis; left out: never."""
    pan_hold_s: float = Field(default=0.075, ge=0)
    """How long the rate must stay above."""
    pan_centring_hz: float = Field(default=15.0, ge=0)
    """Least corner of the leak during a pan: the lens goes back to its centre."""
    pan_return_s: float = Field(default=0.4, ge=0)
    """After a pan the gain rises from 0 to its full value over this time."""
    smoothing_s: float = Field(default=0.4, gt=0)
    """``eis``: standard deviation of the Gaussian that smooths the path, 0.3-0.5 in phones."""
    frame_hz: float = Field(default=30.0, gt=0)
    """``eis``: frames a second that are turned as a whole; a dataset's ``fps``."""

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if ":" not in kind and kind not in names("stabiliser"):
            raise ValueError(unknown("stabiliser", kind, names("stabiliser")))
        return kind


def simulate_ois(
    omega: Array,
    rate_hz: float,
    settings: OisSettings,
    generator: np.random.Generator | None = None,
    *,
    controller: Controller | None = None,
) -> Array:
    """Simulate the lens: the angle that it makes up for at each sample.

    Every stage is discretised exactly for a rate that is linear between samples. The lens starts centred; give a run-in
    of about 3 s and drop it. Clips of one length are simulated together.

    Args:
        omega: (N, A) or (C, N, A) rad/s of the hand about A axes (x and y) in C clips.
        rate_hz: samples per second, 1000 or more.
        settings: the stabiliser.
        generator: draws the gyro's noise; None: no noise.
        controller: stands in for ours and for the one that ``settings`` name; wants A = 2. It reads the gyro after
            delay and noise; the stroke stops its angles, but not those of a log.

    Returns:
        rad, in the shape of ``omega``; the residual is the hand's angle less this.

    Raises:
        UnknownNameError: no such kind or controller.
        InputError: a controller or log that cannot be used.
    """
    if not stabiliser_of(settings.kind).follows_gyro:
        return np.zeros_like(omega)
    if controller is None and settings.log is not None:
        controller = RecordedController(read_log(Path(settings.log)))
    elif controller is None and settings.controller is not None:
        controller = open_controller(settings.controller)
    measured = measure_gyro(omega, rate_hz, settings, generator)
    if controller is not None:
        return _run_foreign(controller, measured, rate_hz, settings)
    drive = settings.gain * highpass(measured, settings.highpass_hz, rate_hz)
    centring = np.zeros_like(drive)
    if settings.pan_deg_s is not None:
        share, centring = detect_pan(measured, rate_hz, settings)
        drive = share * drive
    columns = np.moveaxis(drive, -1, -2).reshape(-1, drive.shape[-2])
    floors = np.moveaxis(centring, -1, -2).reshape(columns.shape)
    if len(columns) <= MOST_PLAIN:
        pairs = zip(columns, floors, strict=True)
        lens = np.array([_follow(axis.tolist(), floor.tolist(), rate_hz, settings) for axis, floor in pairs])
    else:
        lens = _follow_together(columns, floors, rate_hz, settings)
    return np.moveaxis(lens.reshape(*drive.shape[:-2], drive.shape[-1], drive.shape[-2]), -1, -2)


def measure_gyro(
    omega: Array, rate_hz: float, settings: OisSettings, generator: np.random.Generator | None = None
) -> Array:
    """Give what the gyro says, late and with noise, in the shape of ``omega`` (..., N, A) rad/s."""
    time = np.arange(omega.shape[-2]) / rate_hz
    rows = np.moveaxis(omega, -1, -2).reshape(-1, len(time))
    late = np.stack([np.interp(time - settings.delay_s, time, axis) for axis in rows])
    measured = np.moveaxis(late.reshape(*omega.shape[:-2], omega.shape[-1], len(time)), -1, -2)
    if generator is not None and settings.gyro_noise_mdps:
        density = math.radians(settings.gyro_noise_mdps * 1e-3)
        measured = measured + density * math.sqrt(0.5 * rate_hz) * generator.standard_normal(measured.shape)
    return measured


def _run_foreign(controller: Controller, measured: Array, rate_hz: float, settings: OisSettings) -> Array:
    name = settings.controller or type(controller).__name__
    clips = measured.reshape(-1, *measured.shape[-2:])
    lens = np.stack([run_controller(controller, name, clip, rate_hz) for clip in clips]).reshape(measured.shape)
    if isinstance(controller, RecordedController):
        return lens
    stroke = math.radians(settings.stroke_deg)
    return np.clip(lens, -stroke, stroke)


def detect_pan(measured: Array, rate_hz: float, settings: OisSettings) -> tuple[Array, Array]:
    """Tell where a hand pans: each axis's rate above ``pan_deg_s`` without a break for longer than ``pan_hold_s``.

    Args:
        measured: (..., N, A) rad/s, what the gyro says.
        rate_hz: samples per second.
        settings: with ``pan_deg_s``.

    Returns:
        The share of the gain, 0 during a pan and back to 1 over ``pan_return_s`` after it, and the least corner of the
        leak in Hz, ``pan_centring_hz`` during a pan and else 0; both in the shape of ``measured``.
    """
    threshold = math.inf if settings.pan_deg_s is None else math.radians(settings.pan_deg_s)
    index = np.broadcast_to(np.arange(measured.shape[-2])[:, None], measured.shape)
    above = np.abs(measured) > threshold
    lasted = index - np.maximum.accumulate(np.where(above, -1, index), axis=-2)
    pans = above & (lasted > settings.pan_hold_s * rate_hz)
    long_ago = -(10**9)
    since = (index - np.maximum.accumulate(np.where(pans, index, long_ago), axis=-2)) / rate_hz
    share = np.clip(since / max(settings.pan_return_s, 1.0 / rate_hz), 0.0, 1.0)
    return share, np.where(pans, settings.pan_centring_hz, 0.0)


def highpass(values: Array, corner_hz: float, rate_hz: float) -> Array:
    """Filter (..., N, A) by a first-order high-pass, exact for an input linear between samples; starts at rest."""
    if corner_hz <= 0:
        return values
    step = 2.0 * math.pi * corner_hz / rate_hz
    keep = math.exp(-step)
    mean = -math.expm1(-step) / step
    low = lfilter([1.0 - mean, mean - keep], [1.0, -keep], values, axis=-2)
    return np.asarray(values - low)


def _follow(drive: list[float], floor_hz: list[float], rate_hz: float, settings: OisSettings) -> list[float]:
    """Run the clamped integrator and the position loop over one axis; plain floats, since each step needs the last.

    ``floor_hz`` is the least corner of the leak at each sample.
    """
    stroke = math.radians(settings.stroke_deg)
    step = 1.0 / rate_hz
    leak = 2.0 * math.pi * settings.leak_hz
    leak_rise = 2.0 * math.pi * (settings.leak_limit_hz - settings.leak_hz) / stroke
    at_once = settings.natural_frequency_hz == 0
    (a, b, old_a, new_a), (c, d, old_b, new_b) = _loop(settings, step) if not at_once else ((0.0,) * 4, (0.0,) * 4)
    exp, expm1 = math.exp, math.expm1
    command = lens = speed = 0.0
    angles = [0.0]
    for (before, now), floor in zip(pairwise(drive), floor_hz[1:], strict=True):
        rate = leak + leak_rise * abs(command)
        if rate < 2.0 * math.pi * floor:
            rate = 2.0 * math.pi * floor
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


def _follow_together(drive: Array, floor_hz: Array, rate_hz: float, settings: OisSettings) -> Array:
    """Do what :func:`_follow` does for many axes at once: (axes, N) to (axes, N)."""
    stroke = math.radians(settings.stroke_deg)
    step = 1.0 / rate_hz
    leak = 2.0 * math.pi * settings.leak_hz
    leak_rise = 2.0 * math.pi * (settings.leak_limit_hz - settings.leak_hz) / stroke
    at_once = settings.natural_frequency_hz == 0
    loop = np.zeros((2, 4)) if at_once else np.array(_loop(settings, step))
    state = np.zeros((4, len(drive)))  # lens, its speed, old command, new command
    mean = 0.5 * (drive[:, 1:] + drive[:, :-1]).T
    floor = np.maximum(2.0 * math.pi * floor_hz.T[1:], 1e-9)  # a leak this small is none
    angles = np.zeros((drive.shape[1], len(drive)))
    for index in range(len(mean)):
        rate = np.maximum(leak + leak_rise * np.abs(state[2]), floor[index])
        lost = np.expm1(-rate * step)
        state[3] = np.minimum(np.maximum(state[2] * (1.0 + lost) - mean[index] * lost / rate, -stroke), stroke)
        if at_once:
            state[0] = state[3]
        else:
            state[:2] = loop @ state
            over = np.abs(state[0]) > stroke
            if over.any():
                state[0] = np.where(over, np.copysign(stroke, state[0]), state[0])
                state[1] = np.where(over, 0.0, state[1])
        state[2] = state[3]
        angles[index + 1] = state[0]
    return angles.T


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
    """Give ``1 − G(2πif)``: residual per unit of hand motion while stop, pan and the leak's growth play no part.

    1 for kinds that leave the exposure alone. Else
    ``G(s) = gain · s/(s + 2π leak) · s/(s + 2π highpass) · exp(−s delay) · ω_n²/(s² + 2ζω_n s + ω_n²)``.
    """
    s = 2j * np.pi * np.asarray(frequency_hz, np.float64)
    if not stabiliser_of(settings.kind).follows_gyro:
        return np.ones_like(s)
    G = settings.gain * s / (s + 2.0 * np.pi * settings.leak_hz) * np.exp(-s * settings.delay_s)
    if settings.highpass_hz > 0:
        G = G * s / (s + 2.0 * np.pi * settings.highpass_hz)
    if settings.natural_frequency_hz > 0:
        natural = 2.0 * np.pi * settings.natural_frequency_hz
        G = G * natural**2 / (s**2 + 2.0 * settings.damping * natural * s + natural**2)
    return np.asarray(1.0 - G)
