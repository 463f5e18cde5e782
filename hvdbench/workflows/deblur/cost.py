"""Measure on a few frames of the very clip what a restoration takes, and predict from that what the whole takes.

One model serves the announcement before a run, ``--estimate``, and the steps that ``--minutes`` leaves time for.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from hvdbench.frames import Frame, Frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.blur.alignment import sharp_neighbours
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget
from hvdbench.methods.scheme import FitCost
from hvdbench.workflows.deblur.self_check import Change, Steadiness, reduced

Windows = Sequence[tuple[int, int, int, int]]
"""Windows of a clip, as :func:`hvdbench.methods.inference.windows.plan_windows` cuts them."""

_HELD_FRAMES = 40  # two of the labeller's segments, so that sharp frames lie among them
_FEWEST_HELD, _HELD_BYTES = 8, 300_000_000
_MEASURED, _MEASURED_LARGE = 4, 2  # frames that are restored to measure a rate; of large ones fewer
_LARGE_PX = 1920 * 1088
_WIDTH_PX, _HEIGHT_PX = 640, 360
_STEPS = (1, 5)
_EACH_SIDE = 2
_FEWEST_STEPS, _MOST_STEPS = 20, 1000


@dataclass
class FirstFrames:
    """The first frames of a clip, to measure on: up to 40, or as many as fit in 300 MB."""

    frames: list[Frame] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    """Width and height of the frames that are going to be restored."""

    def see(self, index: int, frame: Frame) -> None:
        """Take the next frame, uint8 (H, W, 3)."""
        self.size = frame.shape[1], frame.shape[0]
        if index < max(_FEWEST_HELD, min(_HELD_FRAMES, _HELD_BYTES // frame.nbytes)):
            self.frames.append(frame.copy())

    def shown(self, chosen: Sequence[int], *, are_parts: bool) -> Frames:
        """Return some of the frames, whole or at most 640x360 px of their middle, (T, H, W, 3).

        Parts are cut and not reduced, because the time of a pixel depends on how far it moves.
        """
        height, width = self.frames[0].shape[:2]
        top, left = max(0, height - _HEIGHT_PX) // 2, max(0, width - _WIDTH_PX) // 2
        part = np.s_[top : top + _HEIGHT_PX, left : left + _WIDTH_PX] if are_parts else np.s_[:, :]
        return np.stack([self.frames[k][part] for k in chosen])


@dataclass(frozen=True)
class ClipCost:
    """What a clip takes, in seconds.

    Attributes:
        per_seen: for each frame of a window, whether it is restored or only looked at.
        per_restored: in addition for each frame that is restored.
        per_written: for each frame that is read again, measured and written.
        unchanged: share of the frames that are not restored because they are selected and sharp.
        fit: the fit or the adaptation to each window; None for a method without steps.
        measured_on: number of frames that were restored to measure this.
    """

    per_seen: float
    per_restored: float
    per_written: float
    unchanged: float
    fit: FitCost | None
    measured_on: int

    def seconds(self, windows: Windows, steps: int) -> float:
        """Return how long a restoration takes with this number of steps in each window."""
        seen = sum(stop - start for start, stop, _, _ in windows)
        kept = sum(last - first for _, _, first, last in windows)
        restoring = self.per_seen * seen + kept * (self.per_written + self.per_restored * (1 - self.unchanged))
        fitting = 0.0 if self.fit is None or not steps else self.fit.fixed + steps * self.fit.per_step
        return restoring + len(windows) * fitting

    def steps_within(self, windows: Windows, seconds: float) -> int:
        """Return the steps in each window that this time leaves after the restoration; 0 if it leaves none."""
        if self.fit is None:
            return 0
        left = (seconds - self.seconds(windows, 0)) / len(windows) - self.fit.fixed
        return max(0, int(left / max(self.fit.per_step, 1e-6)))


def measure_cost(
    method: Method, first: FirstFrames, labels: SharpLabels, budget: Budget, *, per_read: float = 0.0
) -> ClipCost:
    """Restore a few frames of a clip, and make a few steps, to know what the whole clip takes.

    A method with a fit is measured on parts of the frames, since what a step takes does not depend on their size.
    Everything is done once before it is timed, because what is loaded, compiled or reserved for frames of a size at the
    first time is no part of a rate.

    Args:
        method: a method that works on the clip alone.
        first: the first frames of the clip, at least one.
        labels: the labels of the whole clip.
        budget: seed, device and the threads that are going to restore it.
        per_read: what it takes to read a frame again, in seconds.
    """
    wanted = _MEASURED if math.prod(first.size) <= _LARGE_PX else _MEASURED_LARGE
    chosen, kept = _chosen(labels, len(first.frames), max(wanted, budget.workers))
    some, quiet = labels.of_frames(chosen), Budget(seed=budget.seed, workers=budget.workers, device=budget.device)
    few, many = _STEPS if method.scheme.fit_steps and not method.scheme.adapts else (0, 0)
    start = method.with_fit_steps(few) if method.takes_fit_steps else method
    frames = first.shown(chosen, are_parts=few > 0)

    def seconds(timed: Method, keep: tuple[int, int]) -> float:
        begun = time.perf_counter()
        timed.restore(frames, some, replace(quiet, keep=keep))
        return time.perf_counter() - begun

    seconds(start, (kept[0], kept[0] + 1))
    looking, restoring = seconds(start, (0, 0)), seconds(start, kept)
    fit = None
    if method.scheme.adapts and (budget.minutes is not None or method.scheme.fit_steps):
        fit = method.scheme.fit_cost(frames, some, quiet)
    elif few:
        per_step = max(0.0, seconds(method.with_fit_steps(many), kept) - restoring) / (many - few)
        fit, restoring = FitCost(0.0, per_step), max(looking, restoring - few * per_step)
    counted = max(1, int((~some.is_passed[kept[0] : kept[1]]).sum()))
    larger = math.prod(first.size) / math.prod(frames.shape[1:3])
    return ClipCost(
        per_seen=larger * looking / len(chosen),
        per_restored=larger * max(0.0, restoring - looking) / counted,
        per_written=per_read + _per_written(frames, larger),
        unchanged=float(labels.is_passed.mean()),
        fit=fit,
        measured_on=counted,
    )


def steps_for_minutes(
    method: Method, cost: ClipCost, windows: Windows, minutes: float, elapsed: float
) -> tuple[int, str | None]:
    """Choose the steps in each window so that the whole run takes this many minutes.

    Args:
        method: a method that is fitted or adapted to the clip.
        cost: what the clip takes.
        windows: the windows of the clip.
        minutes: minutes of the whole run.
        elapsed: seconds that are over.

    Returns:
        The steps, and a sentence where they are others than the minutes would give: 0 where an adaptation of so few
        steps would change nothing, at least 1 of a fit, and at most 1000 of an adaptation.
    """
    left = 60 * minutes - elapsed
    steps, alone = cost.steps_within(windows, left), cost.seconds(windows, 0)
    if not method.scheme.adapts:
        return max(1, steps), None
    if alone > left:
        return 0, (
            f"restoring alone takes about {alone:.0f} s and --minutes {minutes:g} leaves {max(0.0, left):.0f} s, so "
            "that nothing is adapted to the clip"
        )
    if steps < _FEWEST_STEPS:
        return 0, f"--minutes {minutes:g} leaves time for {steps} steps of an adaptation, too few to make it"
    if steps > _MOST_STEPS:
        return _MOST_STEPS, f"an adaptation of more than {_MOST_STEPS} steps is not made, so that the run ends earlier"
    return steps, None


def _chosen(labels: SharpLabels, held: int, wanted: int) -> tuple[list[int], tuple[int, int]]:
    """Choose the frames to measure on, and the range among them that is restored.

    They are blurry frames in the middle of what is held, the frames beside them, and two sharp ones on each side, so
    that each is restored from as many frames as most frames of a clip.
    """
    blurry, selected = (np.flatnonzero(some[:held]) for some in (~labels.is_selected, labels.is_selected))
    if not len(blurry):
        return list(range(min(held, 2 * _EACH_SIDE + wanted))), (0, wanted)
    middle = np.argsort(np.abs(blurry - held / 2), kind="stable")[:wanted]
    asked = np.sort(blurry[middle])
    found = {k for i in asked for k in (int(i) - 1, int(i), int(i) + 1) if 0 <= k < held}
    found |= {k for i in (asked[0], asked[-1]) for k in sharp_neighbours(int(i), selected, _EACH_SIDE)}
    chosen = sorted(found)
    return chosen, (chosen.index(int(asked[0])), chosen.index(int(asked[-1])) + 1)


def _per_written(frames: Frames, larger: float) -> float:
    """Time what is measured and written of each frame besides its restoration."""
    steadiness = Steadiness()
    grows = reduces = 0.0
    for frame, other in ((frames[0], frames[-1]), (frames[-1], frames[0])):  # the first time is no part of a rate
        change, begun = Change(), time.perf_counter()
        change.add(frame, other)
        cv2.imencode(".png", frame)
        grows = time.perf_counter() - begun
        begun = time.perf_counter()
        steadiness.add(reduced(frame), reduced(other))
        reduces = time.perf_counter() - begun
    return larger * grows + reduces
