"""Estimate, before anything is restored, whether a method will help on a clip and how long it will take."""

import time
from dataclasses import dataclass, replace

from hvdbench.errors import InputError
from hvdbench.frames import Frame, Gray
from hvdbench.labels.arriving import open_labeller
from hvdbench.labels.stored import DEFAULT_LABELLER
from hvdbench.methods.inference.windows import plan_windows
from hvdbench.methods.opening import open_method
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget
from hvdbench.workflows.deblur import ready_method
from hvdbench.workflows.deblur.clip_signs import ClipSigns, signs_of, small_gray
from hvdbench.workflows.deblur.cost import FirstFrames
from hvdbench.workflows.deblur.expected_gain import LEVEL, Expected, expected_gain, read_gains
from hvdbench.workflows.deblur.fitting import label_stream
from hvdbench.workflows.deblur.reach import read_size
from hvdbench.workflows.deblur.request import DeblurRequest
from hvdbench.workflows.deblur.self_check import advice
from hvdbench.workflows.deblur.timing import time_run
from hvdbench.workflows.deblur.window_size import window_size
from hvdbench.workspace.engine import usable_cores
from hvdbench.workspace.workspace import Workspace

WORTH_DB = 0.5
"""The smallest gain that people see, in dB; below it the answer is no."""
_LEARNED_AS = {"fusion_pretrained": "reblur_blend"}  # which it starts from; of its own gain nothing was learned yet


@dataclass(frozen=True)
class Estimate:
    """What to expect from restoring a clip.

    Attributes:
        frames: the number of frames of the clip.
        selected: the number of frames that are borrowed from.
        signs: what suggests a gain, by the paper's labels; None where these select all frames.
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
    """Estimate gain and time of a restoration; nothing is written.

    Args:
        request: what to restore and how, as for ``deblur``; the output is ignored.
        workspace: whether code named in a recipe's file may run.
        budget: device, and the minutes of a run or its steps.

    Raises:
        InputError: if the input is not a clip, or the method does not work on the clip alone.
        UnknownNameError: if there is no such method.
    """
    workspace, budget = workspace or Workspace(), budget or Budget()
    method = open_method(request.method, weights=request.weights, trust=workspace.trust)
    if method.has_network or (method.is_trained and method.weights is None):
        raise InputError(
            f"--estimate is for methods that work on the clip alone ({', '.join(sorted(read_gains()))}, and "
            f"fusion_pretrained with its weights), not for '{method.name}': networks say before a long run how long it "
            "is going to take"
        )
    method = ready_method(request, workspace=workspace, budget=budget)
    began = time.perf_counter()
    grays, first = list[Gray](), FirstFrames()
    by_paper = open_labeller(DEFAULT_LABELLER)  # what gains were learned with

    def see(index: int, frame: Frame) -> None:
        grays.append(small_gray(frame))
        by_paper.add(frame)
        first.see(index, frame)

    reach = request.reach()
    with request.open(bit_depth=8) as stream:
        windows = window_size(read_size(reach, stream.size), request.source)
        if budget.announce is not None:
            budget.announce(f"--estimate reads all frames of {request.source.name} once, a few at a time")
        labels = label_stream(stream, method.scheme.labeller, budget.progress, see=see).labels
    paper = by_paper.labels()
    signs = signs_of(grays, paper, usable_cores())
    named = _LEARNED_AS.get(method.name, method.name)
    learned = read_gains().get(named)
    expected = None if signs is None or learned is None else expected_gain(signs, learned)
    count, (width, height) = len(grays), stream.size
    first.size = read_size(reach, stream.size)
    timing = time_run(
        method,
        first,
        labels,
        plan_windows(count, windows.frames, windows.look_ahead),
        replace(budget, workers=windows.workers),
        began=began,
        per_read=(time.perf_counter() - began) / count,
    )
    lines = [
        *(f"note: {warning}" for warning in stream.notes),
        f"{request.source}: {count} frames of {width}x{height}, {int(labels.is_selected.sum())} of them are borrowed "
        f"from, and {int(labels.is_passed.sum())} of these are sharp",
        *_signs_lines(signs, int(paper.is_selected.sum())),
        *advice(request.source, labels),
        *_gain_lines(method, expected),
        *timing.notes,
        f"time: {timing.line}",
    ]
    return Estimate(count, int(labels.is_selected.sum()), signs, expected, timing.seconds, tuple(lines))


def _signs_lines(signs: ClipSigns | None, selected: int) -> list[str]:
    if signs is None:
        return ["no frame is left to restore, or none to learn from: there is nothing to expect"]
    return [
        f"the paper's rule selects {selected}; the others are {signs.distance_frames:.1f} frames from the nearest of "
        f"these on average, and these are {signs.contrast:.1f} times as sharp",
        f"flow finds its way between them on {100 * signs.flow_reliability:.0f} % of the picture; the picture moves by "
        f"{100 * signs.motion_share:.1f} % of its width a frame",
    ]


def _gain_lines(method: Method, expected: Expected | None) -> list[str]:
    if expected is None:
        known = ", ".join(sorted(read_gains()))
        return [f"gain: nothing was learned about '{method.name}', only about {known}"]
    learned = expected.learned
    from_other = "" if learned.method == method.name else f", which {method.name} starts from"
    lines = [
        f"gain of {learned.method}{from_other}: {expected.gain_db:+.1f} dB to expect, {expected.low_db:+.1f} to "
        f"{expected.high_db:+.1f} for {100 * LEVEL:.0f} of 100 clips (PSNR of the frames that the paper's rule does "
        "not select; learned "
        f"from {learned.clips} clips of {learned.scenes} scenes, most of them simulated, where it borrowed from the "
        "frames that this rule selects)",
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
