"""Estimate, before anything is restored, whether a method will help on a clip and how long it will take."""

import math
import time
from dataclasses import dataclass

import numpy as np

from hvdbench.errors import InputError
from hvdbench.frames import Frame, Frames, Gray
from hvdbench.labels.sharpness import SharpLabels, select_sharp
from hvdbench.methods.inference.estimate import duration_text
from hvdbench.methods.inference.windows import plan_windows
from hvdbench.methods.opening import open_method
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget
from hvdbench.workflows.deblur.clip_signs import ClipSigns, signs_of, small_gray
from hvdbench.workflows.deblur.expected_gain import LEVEL, Expected, expected_gain, read_gains
from hvdbench.workflows.deblur.fitting import label_stream
from hvdbench.workflows.deblur.reach import read_size
from hvdbench.workflows.deblur.request import DeblurRequest
from hvdbench.workflows.deblur.self_check import advice, reduced
from hvdbench.workflows.deblur.window_size import window_size
from hvdbench.workspace.engine import usable_cores
from hvdbench.workspace.workspace import Workspace

WORTH_DB = 0.5
"""The smallest gain that people see, in dB; below it the answer is no."""
_WINDOWS = (3, 6)
_STEPS = (2, 8)
_TIMED_PX = 1280  # larger frames are timed reduced, and the time per frame grows with the pixels
_LOOKED_AT_SHARE = 0.25  # of a frame's time for one that is only looked at: its flow and its blur are estimated


@dataclass(frozen=True)
class Estimate:
    """What to expect from restoring a clip.

    Attributes:
        frames: the number of frames of the clip.
        selected: the number of frames that were selected as sharp.
        signs: what suggests a gain; None where all frames were selected.
        expected: the expected gain; None where nothing was learned about the method, or there are no signs.
        seconds: about how many seconds the restoration is going to take here.
        lines: all of this in sentences.
    """

    frames: int
    selected: int
    signs: ClipSigns | None
    expected: Expected | None
    seconds: float
    lines: tuple[str, ...]


def estimate_clip(
    request: DeblurRequest, *, workspace: Workspace | None = None, budget: Budget | None = None
) -> Estimate:
    """Estimate gain and time of a restoration by a fit to the clip; nothing is written.

    Args:
        request: what to restore and how, as for ``deblur``; the output is ignored.
        workspace: whether code named in a recipe's file may run.
        budget: device, and about how many minutes to fit.

    Raises:
        InputError: if the input is not a clip, or the method is not a fit to the clip alone.
        UnknownNameError: if there is no such method.
    """
    workspace, budget = workspace or Workspace(), budget or Budget()
    method = open_method(request.method, weights=request.weights, trust=workspace.trust)
    if method.has_network or method.is_trained:
        raise InputError(
            f"--estimate is for methods that are fitted to the clip alone ({', '.join(sorted(read_gains()))}), not for "
            f"'{method.name}': networks say before a long run how long it is going to take"
        )
    method = method.for_minutes(budget.minutes)
    grays, sample = list[Gray](), list[Frame]()

    def see(index: int, frame: Frame) -> None:
        grays.append(small_gray(frame))
        if index < _WINDOWS[-1]:
            sample.append(reduced(frame, _TIMED_PX))

    reach = request.reach()
    with request.open(bit_depth=8) as stream:
        windows = window_size(read_size(reach, stream.size), request.source)
        if budget.announce is not None:
            budget.announce(f"--estimate reads all frames of {request.source.name} once, a few at a time")
        labels = label_stream(stream, budget.progress, see=see).labels
    signs = signs_of(grays, labels, usable_cores())
    learned = read_gains().get(method.name)
    expected = None if signs is None or learned is None else expected_gain(signs, learned)
    count, (width, height) = len(grays), stream.size
    timed = time_parts(method, np.stack(sample), labels, budget.device)
    pixels = math.prod(read_size(reach, stream.size)) / math.prod(sample[0].shape[:2])
    plan = plan_windows(count, windows.frames, windows.look_ahead)
    steps = method.scheme.fit_steps // (1 if budget.minutes is None else len(plan))
    seconds = timed.seconds(plan, pixels, steps)
    lines = [
        *(f"note: {warning}" for warning in stream.notes),
        f"{request.source}: {count} frames of {width}x{height}, {int(labels.is_selected.sum())} of them "
        "selected as sharp",
        *_signs_lines(signs),
        *advice(request.source, labels),
        *_gain_lines(method, expected),
        f"time: about {duration_text(seconds)} on this machine, measured on {len(sample)} frames",
    ]
    return Estimate(count, int(labels.is_selected.sum()), signs, expected, seconds, tuple(lines))


@dataclass(frozen=True)
class TimedParts:
    """What a restoration takes, in seconds: a part that each fit has, a part per frame, and a part per step."""

    fixed: float
    per_frame: float
    per_step: float

    def seconds(self, windows: list[tuple[int, int, int, int]], pixels: float, steps: int) -> float:
        """Return how long a whole clip takes.

        Args:
            windows: the windows, as :func:`~hvdbench.methods.inference.windows.plan_windows` cuts them.
            pixels: how many times as many pixels its frames have as the timed ones.
            steps: the steps of each fit.
        """
        kept = sum(last - first for _, _, first, last in windows)
        looked_at = sum(stop - start for start, stop, _, _ in windows) - kept
        frames = kept + _LOOKED_AT_SHARE * looked_at
        return len(windows) * (self.fixed + steps * self.per_step) + frames * pixels * self.per_frame


def time_parts(method: Method, frames: Frames, labels: SharpLabels, device: str) -> TimedParts:
    """Time a method on a few frames and in a few steps.

    Args:
        method: a method that works on the clip alone.
        frames: the first frames of the clip, uint8 RGB (T, H, W, 3).
        labels: the labels of the clip.
        device: the device on which the restoration is going to run.
    """
    steps = method.scheme.fit_steps
    counts = sorted({min(count, len(frames)) for count in _WINDOWS})
    few, many = _STEPS if steps else (0, 0)
    _seconds(method, frames, labels, device, counts[0], few)  # warm up: what is loaded once is no part of a rate
    short = _seconds(method, frames, labels, device, counts[0], few)
    long = _seconds(method, frames, labels, device, counts[-1], few)
    per_frame = max(0.0, long - short) / max(1, counts[-1] - counts[0])
    per_step = 0.0
    if steps:
        per_step = max(0.0, _seconds(method, frames, labels, device, counts[0], many) - short) / (many - few)
    fixed = max(0.0, short - counts[0] * per_frame - few * per_step)
    return TimedParts(fixed, per_frame, per_step)


def _seconds(method: Method, frames: Frames, labels: SharpLabels, device: str, count: int, steps: int) -> float:
    """Time a restoration of the first frames, at least one of them selected, in the given number of steps."""
    sharpness = np.where(labels.is_selected, labels.sharpness, 0.0)[:count]
    some = select_sharp(sharpness if sharpness.any() else labels.sharpness[:count])
    budget = Budget(seed=0, workers=usable_cores(), device=device)
    timed = method.with_scheme(method.scheme.with_steps(steps)) if steps else method
    started = time.perf_counter()
    timed.restore(frames[:count], some, budget)
    return time.perf_counter() - started


def _signs_lines(signs: ClipSigns | None) -> list[str]:
    if signs is None:
        return ["no frame is left to restore, or none to learn from: there is nothing to expect"]
    return [
        f"the others are {signs.distance_frames:.1f} frames from the nearest of these on average; these are "
        f"{signs.contrast:.1f} times as sharp",
        f"flow finds its way between them on {100 * signs.flow_reliability:.0f} % of the picture; the picture moves by "
        f"{100 * signs.motion_share:.1f} % of its width a frame",
    ]


def _gain_lines(method: Method, expected: Expected | None) -> list[str]:
    if expected is None:
        known = ", ".join(sorted(read_gains()))
        return [f"gain: nothing was learned about '{method.name}', only about {known}"]
    learned = expected.learned
    lines = [
        f"gain of {method.name}: {expected.gain_db:+.1f} dB to expect, {expected.low_db:+.1f} to "
        f"{expected.high_db:+.1f} for {100 * LEVEL:.0f} of 100 clips (PSNR of the frames not selected; learned from "
        f"{learned.clips} clips of {learned.scenes} scenes, most of them simulated)",
        verdict(expected),
    ]
    if expected.outside:
        words = ", ".join(name.replace("_", " ") for name in expected.outside)
        lines.append(f"note: {words} of this clip lies outside of what this was learned from: trust it less")
    return lines


def verdict(expected: Expected) -> str:
    """Answer in a sentence whether the restoration is going to help."""
    if expected.low_db >= WORTH_DB:
        return "it is going to help"
    if expected.high_db <= WORTH_DB:
        return "it is not going to help: there is little in this clip to borrow"
    return "it is likely to help" if expected.gain_db >= WORTH_DB else "it may help, but do not count on it"
