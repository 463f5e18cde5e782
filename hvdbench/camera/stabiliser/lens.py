"""Simulate the lens step by step: the clamped, leaky integrator that commands it, and the position loop that follows.

Both are discretised exactly for a drive and a command that are linear between samples. One simulation runs on plain
floats, which is fastest for a few axes, the other on arrays; they give the same to rounding.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm

from hvdbench.camera.stabiliser.settings import OisSettings

Array = NDArray[np.float64]
Row = tuple[float, ...]
MOST_PLAIN = 16  # axes that plain floats simulate faster than arrays do


@dataclass(frozen=True)
class _Steps:
    """Constants of one step, rad and s.

    Args:
        step: of time.
        stroke: of the lens.
        leak, rise, start: the leak's rate is ``leak + rise * max(0, angle - start)``.
        loop: two rows of :func:`_loop`; None: the lens is where the command is.
    """

    step: float
    stroke: float
    leak: float
    rise: float
    start: float
    loop: tuple[Row, Row] | None

    @classmethod
    def of(cls, settings: OisSettings, rate_hz: float) -> "_Steps":
        stroke = math.radians(settings.stroke_deg)
        return cls(
            step=1.0 / rate_hz,
            stroke=stroke,
            leak=2.0 * math.pi * settings.leak_hz,
            rise=2.0 * math.pi * (settings.leak_limit_hz - settings.leak_hz) / (stroke * (1.0 - settings.leak_from)),
            start=settings.leak_from * stroke,
            loop=None if settings.natural_frequency_hz == 0 else _loop(settings, 1.0 / rate_hz),
        )


def follow(drive: Array, floor_hz: Array, rate_hz: float, settings: OisSettings) -> Array:
    """Run the lens over clips.

    Args:
        drive: (C, A, N) rad/s, the rate to follow about A axes.
        floor_hz: in the same shape, the least corner of the leak at each sample.
        rate_hz: samples per second.
        settings: stroke, limiter, leak and loop. With a radial limiter the leak grows with the angle of the axes
            together, and a lens at the stop keeps its speed along it.

    Returns:
        (C, A, N) rad, the lens's angles; it starts centred.
    """
    clips, axes, _ = drive.shape
    steps = _Steps.of(settings, rate_hz)
    if settings.limiter == "box" or axes == 1:
        rows, floors = drive.reshape(clips * axes, -1), floor_hz.reshape(clips * axes, -1)
        if len(rows) > MOST_PLAIN:
            return _follow_together(rows[:, None], floors[:, None], steps).reshape(drive.shape)
        pairs = zip(rows, floors, strict=True)
        return np.array([_follow_axis(row.tolist(), low.tolist(), steps) for row, low in pairs]).reshape(drive.shape)
    if axes == 2 and clips * axes <= MOST_PLAIN:
        pairs = zip(drive, floor_hz, strict=True)
        return np.array([_follow_pair(pair.T.tolist(), low.T.tolist(), steps) for pair, low in pairs]).swapaxes(1, 2)
    return _follow_together(drive, floor_hz, steps)


def _follow_axis(drive: list[float], floor_hz: list[float], steps: _Steps) -> list[float]:
    """Follow one axis."""
    stroke, step, start = steps.stroke, steps.step, steps.start
    (a, b, old_a, new_a), (c, d, old_b, new_b) = steps.loop or ((0.0,) * 4, (0.0,) * 4)
    exp, expm1 = math.exp, math.expm1
    command = lens = speed = 0.0
    angles = [0.0]
    for (before, now), floor in zip(pairwise(drive), floor_hz[1:], strict=True):
        level = abs(command) - start
        rate = steps.leak + steps.rise * level if level > 0.0 else steps.leak
        if rate < 2.0 * math.pi * floor:
            rate = 2.0 * math.pi * floor
        decay = rate * step
        held = -expm1(-decay) / rate if decay > 1e-12 else step
        target = command * exp(-decay) + 0.5 * (before + now) * held
        target = min(max(target, -stroke), stroke)
        if steps.loop is None:
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


def _follow_pair(drive: list[list[float]], floor_hz: list[list[float]], steps: _Steps) -> list[tuple[float, float]]:
    """Follow two axes whose stop is a circle: rows of two in, rows of two out."""
    stroke, step, start = steps.stroke, steps.step, steps.start
    (a, b, old_a, new_a), (c, d, old_b, new_b) = steps.loop or ((0.0,) * 4, (0.0,) * 4)
    exp, expm1, hypot = math.exp, math.expm1, math.hypot
    command = lens = speed = (0.0, 0.0)
    angles = [lens]
    for (before, now), floor in zip(pairwise(drive), floor_hz[1:], strict=True):
        level = hypot(*command) - start
        leak = steps.leak + steps.rise * level if level > 0.0 else steps.leak
        moved = []
        for at, was, is_now, low in zip(command, before, now, floor, strict=True):
            rate = max(leak, 2.0 * math.pi * low)
            decay = rate * step
            held = -expm1(-decay) / rate if decay > 1e-12 else step
            moved.append(at * exp(-decay) + 0.5 * (was + is_now) * held)
        x, y = moved
        reach = hypot(x, y)
        target = (x, y) if reach <= stroke else (x * stroke / reach, y * stroke / reach)
        if steps.loop is None:
            lens = target
        else:
            places, speeds = [], []
            for place, pace, old, new in zip(lens, speed, command, target, strict=True):
                places.append(a * place + b * pace + old_a * old + new_a * new)
                speeds.append(c * place + d * pace + old_b * old + new_b * new)
            lens, speed = _stop(places, speeds, stroke)
        command = target
        angles.append(lens)
    return angles


def _stop(place: list[float], speed: list[float], stroke: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Keep a lens within its circle: at the stop it loses the part of its speed that points away from the centre."""
    (x, y), (along_x, along_y) = place, speed
    reach = math.hypot(x, y)
    if reach <= stroke:
        return (x, y), (along_x, along_y)
    x, y = x / reach, y / reach
    outwards = along_x * x + along_y * y
    return (stroke * x, stroke * y), (along_x - outwards * x, along_y - outwards * y)


def _follow_together(drive: Array, floor_hz: Array, steps: _Steps) -> Array:
    """Follow many clips at once, (C, A, N) to (C, A, N): the stop limits the A axes of a clip together."""
    stroke, alone = steps.stroke, drive.shape[1] == 1
    loop = None if steps.loop is None else np.array(steps.loop)
    state = np.zeros((4, *drive.shape[:2]))  # lens, its speed, old command, new command
    flat = state.reshape(4, -1)  # the same memory
    mean = np.moveaxis(0.5 * (drive[..., 1:] + drive[..., :-1]), -1, 0)
    floor = np.maximum(2.0 * math.pi * np.moveaxis(floor_hz, -1, 0)[1:], 1e-9)  # a leak this small is none
    angles = np.zeros((drive.shape[2], *drive.shape[:2]))
    for index in range(len(mean)):
        level = np.abs(state[2]) if alone else _length(state[2])
        rate = np.maximum(steps.leak + steps.rise * np.maximum(level - steps.start, 0.0), floor[index])
        lost = np.expm1(-rate * steps.step)
        target = state[2] * (1.0 + lost) - mean[index] * lost / rate
        if alone:
            state[3] = np.minimum(np.maximum(target, -stroke), stroke)
        else:
            state[3] = target * np.minimum(1.0, stroke / np.maximum(_length(target), 1e-30))
        if loop is None:
            state[0] = state[3]
        else:
            flat[:2] = loop @ flat
            reach = np.abs(state[0]) if alone else _length(state[0])
            if (reach > stroke).any():
                state[:2] = _stop_together(state[:2], reach, stroke)
        state[2] = state[3]
        angles[index + 1] = state[0]
    return np.moveaxis(angles, 0, -1)


def _length(values: Array) -> Array:
    """Compute the length over the axes of (C, A), (C, 1)."""
    return np.asarray(np.sqrt((values**2).sum(axis=1, keepdims=True)))


def _stop_together(state: Array, reach: Array, stroke: float) -> Array:
    """Do what :func:`_stop` does for the places and speeds (2, C, A) of many clips."""
    outside = reach > stroke
    unit = np.where(outside, state[0] / np.where(outside, reach, 1.0), 0.0)
    outwards = (state[1] * unit).sum(axis=1, keepdims=True)
    return np.stack([np.where(outside, stroke * unit, state[0]), state[1] - outwards * unit])


def _loop(settings: OisSettings, step: float) -> tuple[Row, Row]:
    """Compute the position loop's exact step for a command that is linear between samples.

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
