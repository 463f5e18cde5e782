"""Simulate the controller of a stabiliser: a leaky integrator with a clamp inside, then the lens's position loop.

Per axis, with hand rate w, lens command c and lens angle θ::

    w_g = w(t − delay) + bias + noise,   w_f = highpass(w_g)
    c'  = gain·w_f − 2π·leak(|c| / stroke)·c,   |c| ≤ stroke
    θ'' = ω_n²(c − θ) − 2ζω_n θ',   |θ| ≤ stroke

With a radial limiter |c| and |θ| are lengths over both axes. While a pan is detected (see
:mod:`hvdbench.camera.stabiliser.pan`) the gain is 0 and the leak's corner 15 Hz. Structure and ranges are those of
phone drivers in GPL kernels (``docs/decisions/0003-ois-model.md``). What the angle does to the picture is the kind's
business: :mod:`hvdbench.camera.stabiliser.kinds`; the steps of integrator and loop are in
:mod:`hvdbench.camera.stabiliser.lens`.
"""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from hvdbench.camera.stabiliser.kinds import (
    Controller,
    open_controller,
    run_controller,
    stabiliser_of,
)
from hvdbench.camera.stabiliser.lens import follow
from hvdbench.camera.stabiliser.log import RecordedController, read_log
from hvdbench.camera.stabiliser.pan import detect_pan
from hvdbench.camera.stabiliser.settings import OisSettings

Array = NDArray[np.float64]


def simulate_ois(
    omega: Array,
    rate_hz: float,
    settings: OisSettings,
    generator: np.random.Generator | None = None,
    *,
    controller: Controller | None = None,
) -> Array:
    """Simulate the lens: the angle that it compensates at each sample.

    Every stage is discretised exactly for a rate that is linear between samples. The lens starts centred; give a run-in
    of about 3 s and drop it. Clips of one length are simulated together.

    Args:
        omega: (N, A) or (C, N, A) rad/s of the hand about A axes (x and y) in C clips.
        rate_hz: samples per second, 1000 or more.
        settings: the stabiliser.
        generator: draws the gyro's noise; None: no noise.
        controller: replaces ours and the one that ``settings`` name; it needs A = 2. It reads the gyro after delay,
            bias and noise; the stroke stops its angles, but not those of a log.

    Returns:
        rad, in the shape of ``omega``; the residual is the hand's angle less this.

    Raises:
        UnknownNameError: if there is no such kind or controller.
        InputError: if a controller or log cannot be used.
    """
    if not stabiliser_of(settings.kind).follows_gyro:
        return np.zeros_like(omega)
    if controller is None and settings.log is not None:
        controller = RecordedController(read_log(Path(settings.log), settings.log_orientation))
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
    lens = follow(_axes_first(drive), _axes_first(centring), rate_hz, settings)
    return np.moveaxis(lens, -1, -2).reshape(omega.shape)


def _axes_first(values: Array) -> Array:
    """Turn (..., N, A) into (C, A, N)."""
    return np.moveaxis(values.reshape(-1, *values.shape[-2:]), -1, -2)


def measure_gyro(
    omega: Array, rate_hz: float, settings: OisSettings, generator: np.random.Generator | None = None
) -> Array:
    """Simulate what the gyro reads, late, biased and with noise, in the shape of ``omega`` (..., N, A) rad/s."""
    time = np.arange(omega.shape[-2]) / rate_hz
    rows = np.moveaxis(omega, -1, -2).reshape(-1, len(time))
    late = np.stack([np.interp(time - settings.delay_s, time, axis) for axis in rows])
    measured = np.moveaxis(late.reshape(*omega.shape[:-2], omega.shape[-1], len(time)), -1, -2)
    if settings.gyro_bias_deg_s:
        measured = measured + math.radians(settings.gyro_bias_deg_s)
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
    if settings.limiter == "radial":
        reach = np.linalg.norm(lens, axis=-1, keepdims=True)
        return np.asarray(lens * np.minimum(1.0, stroke / np.maximum(reach, stroke)))
    return np.clip(lens, -stroke, stroke)


def highpass(values: Array, corner_hz: float, rate_hz: float) -> Array:
    """Filter (..., N, A) by a first-order high-pass, exact for an input linear between samples; starts at rest."""
    if corner_hz <= 0:
        return values
    step = 2.0 * math.pi * corner_hz / rate_hz
    keep = math.exp(-step)
    mean = -math.expm1(-step) / step
    low = lfilter([1.0 - mean, mean - keep], [1.0, -keep], values, axis=-2)
    return np.asarray(values - low)


def small_signal_residual(frequency_hz: Array, settings: OisSettings) -> NDArray[np.complex128]:
    """Compute ``1 − G(2πif)``: residual per unit of hand motion where stop, pan, bias and the leak's growth play none.

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
