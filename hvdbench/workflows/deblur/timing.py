"""Choose the steps of a run and predict its time, before anything is restored."""

import time
from dataclasses import dataclass, replace

from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.inference.estimate import duration_text
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget
from hvdbench.workflows.deblur.cost import ClipCost, FirstFrames, Windows, measure_cost, steps_for_minutes


@dataclass(frozen=True)
class Timing:
    """A run that was timed on a few frames.

    Attributes:
        method: the method, with the steps that it is going to make on each window.
        cost: what the clip takes.
        seconds: predicted time from now to the end, in seconds.
        begun: time of the prediction, as ``time.perf_counter`` counts.
        minutes: minutes that were asked for; None for none.
        notes: sentences for the user.
    """

    method: Method
    cost: ClipCost
    seconds: float
    begun: float
    minutes: float | None
    notes: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """What a person should know before the run starts, in a sentence without a beginning."""
        steps = self.method.scheme.fit_steps
        what = "an adaptation to the clip" if self.method.scheme.adapts else "a fit to the clip"
        part = f", with {steps} steps of {what}" if steps else ""
        return (
            f"about {duration_text(self.seconds)} from now on this machine, measured on {self.cost.measured_on} of "
            f"its frames{part}"
        )

    def facts(self) -> dict[str, object]:
        """Return what a manifest records: prediction, time since, and the steps in each window."""
        fit = self.cost.fit
        return {
            "minutes": self.minutes,
            "steps": self.method.scheme.fit_steps,
            "predicted_s": round(self.seconds, 1),
            "took_s": round(time.perf_counter() - self.begun, 1),
            "measured_on_frames": self.cost.measured_on,
            "per_step_s": None if fit is None else round(fit.per_step, 4),
        }


def time_run(
    method: Method,
    first: FirstFrames,
    labels: SharpLabels,
    windows: Windows,
    budget: Budget,
    *,
    began: float,
    per_read: float = 0.0,
) -> Timing:
    """Measure what a run takes, and choose its steps where minutes were asked for.

    Args:
        method: a method that works on the clip alone.
        first: the first frames of the clip.
        labels: the labels of the clip.
        windows: its windows.
        budget: seed, device, the threads of a window, and the minutes of the whole run.
        began: when the run began, as ``time.perf_counter`` counts.
        per_read: what it takes to read a frame again, in seconds.
    """
    cost = measure_cost(method, first, labels, budget, per_read=per_read)
    notes: tuple[str, ...] = ()
    begun = time.perf_counter()
    if budget.minutes is not None:
        steps, note = steps_for_minutes(method, cost, windows, budget.minutes, begun - began)
        method, notes = method.with_fit_steps(steps), () if note is None else (note,)
    return Timing(method, cost, cost.seconds(windows, method.scheme.fit_steps), begun, budget.minutes, notes)


def frames_timing(method: Method, first: FirstFrames, labels: SharpLabels, budget: Budget) -> Timing:
    """Return what :func:`time_run` finds for a clip that is in memory, a single window."""
    count = len(labels.sharpness)
    return time_run(method, first, labels, [(0, count, 0, count)], budget, began=time.perf_counter())


def with_announcement(timing: Timing, name: str, budget: Budget) -> Timing:
    """Announce how long a run is going to take, and what was decided about it."""
    if budget.announce is not None:
        for line in (*timing.notes, timing.line):
            budget.announce(f"{name}: {line}")
    return replace(timing, begun=time.perf_counter())
