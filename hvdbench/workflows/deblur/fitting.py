"""Restore a clip by a fit to it alone: find the frames to borrow from, fit, and write frames or a video.

The clip is read twice. The first time only its frames are labelled, so that the labels are those of the whole clip;
the second time it is restored in windows, so that memory does not grow with its length. A clip of up to 100 frames at
1080p is a single window.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frame, Frames, to_8_bits
from hvdbench.labels.arriving import open_labeller
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.inference.windows import plan_windows
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.pages.pages import DEBLUR_FRAMES
from hvdbench.pages.view import BLURRY, ClipView, PickedFrames, telling_frames
from hvdbench.recipe import digest_of
from hvdbench.video.input import FEWEST_FRAMES, InputFrame, InputFrames, digest_input
from hvdbench.workflows.deblur.cost import FirstFrames
from hvdbench.workflows.deblur.job import DeblurJob, Done, Shown, inference_of
from hvdbench.workflows.deblur.output import open_sink
from hvdbench.workflows.deblur.reach import Reach, read_size
from hvdbench.workflows.deblur.request import DeblurRequest, DeblurResult, check_output, format_notes, written_names
from hvdbench.workflows.deblur.samples import ShownMaps, screen_picture
from hvdbench.workflows.deblur.self_check import Change, Measured, Steadiness, advice, reduced, steadiness_lines
from hvdbench.workflows.deblur.timing import Timing, time_run, with_announcement
from hvdbench.workflows.deblur.window_size import WindowSize, window_size
from hvdbench.workspace.manifest import file_sha256
from hvdbench.workspace.memory import return_freed_blocks, return_freed_pages
from hvdbench.workspace.progress import Progress

_LARGE_PX = 2560 * 1440
_LONG_PX = 10_000_000  # 44 frames of 640x360, 11 of 1280x720: half a minute on two cores


def fit_clip(request: DeblurRequest, method: Method, *, budget: Budget, overwrite: bool) -> DeblurResult:
    """Restore a clip by a method that works on the clip alone.

    Raises:
        InputError: if the input is not a clip, the output holds something else, or the memory does not suffice.
    """
    began = time.perf_counter()
    whole = replace(budget, inference=inference_of(budget))
    reach = request.reach()
    with request.open(bit_depth=8) as stream:
        check_output(request, has_rate=stream.fps is not None)
        size = read_size(reach, stream.size)
        windows = window_size(size, request.source)
        if math.prod(size) > _LARGE_PX:
            return_freed_blocks()
        if budget.announce is not None and _is_long(stream):  # before a large file is hashed, which takes a while
            budget.announce(windows.describe(request.source.name, method.name, stream.size, stream.frame_count))
        job = DeblurJob(request, method, whole, _digest(request, method, whole), overwrite)
        if job.is_done():
            return job.already_done()
        with job.claimed():
            first, begun = FirstFrames(), time.perf_counter()
            labelled = label_stream(stream, method.scheme.labeller, budget.progress, see=first.see)
            timing = None
            if budget.announce is not None or budget.minutes is not None:
                count = len(labelled.names)
                first.size = size
                timing = time_run(
                    method,
                    first,
                    labelled.labels,
                    plan_windows(count, windows.frames, windows.look_ahead),
                    replace(whole, workers=windows.workers),
                    began=began,
                    per_read=(time.perf_counter() - begun) / count,
                )
                timing = with_announcement(timing, request.source.name, budget)
                job = replace(job, method=timing.method)
            first.frames.clear()
            return job.finish(_restore(job, labelled, reach, windows, timing))


def _is_long(stream: InputFrames) -> bool:
    """Return whether a clip is so long or so large that a person should know beforehand what is going to be done."""
    return stream.frame_count is None or stream.frame_count * math.prod(stream.size) >= _LONG_PX


@dataclass(frozen=True)
class LabelledInput:
    """What the first reading of a clip found.

    Attributes:
        labels: the labels of its T frames.
        names: a file name for each.
        t_s: presentation times (T,) from 0 in seconds; None for a folder.
        first_s: the time of the first of these frames after the first frame of the input, s.
        stream: the input, read to its end.
    """

    labels: SharpLabels
    names: tuple[str, ...]
    t_s: NDArray[np.float64] | None
    first_s: float
    stream: InputFrames


def label_stream(
    stream: InputFrames, labeller: str, progress: Progress, *, see: Callable[[int, Frame], None] | None = None
) -> LabelledInput:
    """Label the frames of an opened 8-bit input as they come.

    Args:
        stream: the input.
        labeller: the labeller of the method.
        progress: told how many frames are labelled.
        see: called with the number of each frame and the frame.

    Raises:
        InputError: if there are fewer than 2 frames, or one cannot be read.
        UnknownNameError: if there is no such labeller.
    """
    labelling = open_labeller(labeller)
    names: list[str] = []
    times_s: list[float | None] = []
    for index, frame in enumerate(stream.frames):
        picture = np.asarray(frame.picture, np.uint8)
        labelling.add(picture)
        names.append(frame.name)
        times_s.append(frame.time_s)
        if see is not None:
            see(index, picture)
        progress(index + 1, max(stream.frame_count or 0, index + 2), "label")
    count = len(names)
    if count < FEWEST_FRAMES:
        raise InputError(f"{stream.path} has {count} frame: at least {FEWEST_FRAMES} are needed")
    progress(count, count, "label")
    t_s = None if stream.facts is None else np.array(times_s, np.float64)
    first_s = 0.0 if t_s is None else float(t_s[0])
    return LabelledInput(labelling.labels(), tuple(names), None if t_s is None else t_s - first_s, first_s, stream)


@dataclass
class _Made:
    """What the second reading restored and measured, frame after frame."""

    stream: InputFrames
    shown: frozenset[int]
    change: Change = field(default_factory=Change)
    steadiness: Steadiness = field(default_factory=Steadiness)
    blurry: dict[int, Frame] = field(default_factory=dict)
    restored: dict[int, Frame] = field(default_factory=dict)
    facts: list[dict[str, object]] = field(default_factory=list)
    passed: list[int] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    maps: ShownMaps = field(init=False)

    def __post_init__(self) -> None:
        self.maps = ShownMaps(self.shown.__contains__)

    def take(self, index: int, blurry: NDArray[Any], restored: NDArray[Any], *, is_passed: bool) -> None:
        """Measure a frame before and after, and keep both where the page shows them."""
        colour = self.stream.colour
        self.size = restored.shape[1], restored.shape[0]
        if not is_passed:
            self.change.add(to_8_bits(blurry), to_8_bits(restored))
        before, after = screen_picture(blurry, colour), screen_picture(restored, colour)
        self.steadiness.add(reduced(before), reduced(after))
        self.maps.add(before)
        if index in self.shown:
            self.blurry[index], self.restored[index] = before, after


def _restore(job: DeblurJob, labelled: LabelledInput, reach: Reach, windows: WindowSize, timing: Timing | None) -> Done:
    """Restore a clip window by window, and write its frames or the video as they come."""
    request, notes = job.request, list[str]()
    with request.open(reach) as stream:
        made = _Made(stream, _frames_to_show(labelled))
        with open_sink(request, stream, notes, first_s=labelled.first_s) as sink:
            for index, frame, picture in _restored(job, labelled.labels, windows, made):
                blurry, restored = reach.cut(frame.picture), np.ascontiguousarray(reach.cut(picture))
                made.take(index, blurry, restored, is_passed=bool(labelled.labels.is_passed[index]))
                sink.add(frame, restored)
        made.maps.finish()
        next(stream.frames, None)  # what is to be said of an input is complete when its frames have ended
    decided = () if timing is None else timing.notes
    done = _done(
        job,
        labelled,
        made,
        [
            *stream.notes,
            *advice(request.source, labelled.labels),
            *notes,
            *decided,
            *format_notes(request, stream.names),
        ],
    )
    return done if timing is None else replace(done, more={**done.more, "time": timing.facts()})


def _restored(
    job: DeblurJob, labels: SharpLabels, windows: WindowSize, made: _Made
) -> Iterator[tuple[int, InputFrame, NDArray[Any]]]:
    """Yield the number, the frame and the restored picture of each frame in turn."""
    plan = plan_windows(len(labels.sharpness), windows.frames, windows.look_ahead)
    held: list[InputFrame] = []
    first_held = 0
    for number, (start, stop, first, last) in enumerate(plan):
        held = [*held[start - first_held :], *islice(made.stream.frames, stop - first_held - len(held))]
        first_held = start
        frames = np.stack([frame.picture for frame in held])
        held = [replace(frame, picture=frames[place]) for place, frame in enumerate(held)]  # one copy in memory
        stage = f", window {number + 1} of {len(plan)}" if len(plan) > 1 else ""
        budget = replace(
            job.budget,
            workers=windows.workers,
            progress=_named(job.budget.progress, stage),
            keep=(first - start, last - start),
        )
        restoration = job.method.restore(cast(Frames, frames), labels.of_frames(range(start, stop)), budget)
        _note_facts(made, restoration, start, (first, last), is_whole=len(plan) == 1)
        for index in range(first, last):
            yield index, held[index - start], restoration.frames[index - start]
        del frames, restoration
        return_freed_pages()


def _named(progress: Progress, stage: str) -> Progress:
    return lambda done, total, what: progress(done, total, what + stage)


def _note_facts(made: _Made, restoration: Restoration, start: int, kept: tuple[int, int], *, is_whole: bool) -> None:
    """Keep what a method noted, and the numbers of the frames in the clip that it passed through unchanged."""
    passed = restoration.facts.get("passed_through")
    for index in passed if isinstance(passed, list) else []:
        if kept[0] <= start + index < kept[1]:
            made.passed.append(start + index)
    where: dict[str, object] = {} if is_whole else {"frames": [start, start + len(restoration.frames)], "kept": kept}
    made.facts.append(where | restoration.facts)


def _frames_to_show(labelled: LabelledInput) -> frozenset[int]:
    """Choose the frames that the page will show, which depends on the labels alone."""
    labels, count = labelled.labels, len(labelled.names)
    view = ClipView(
        name="",
        scene_kind="",
        source="",
        frames={BLURRY: PickedFrames((count, 0, 0, 3), {})},
        t_s=np.arange(count, dtype=np.float64),
        is_selected=labels.is_selected,
        sharpness=labels.sharpness,
        threshold=labels.threshold,
    )
    return frozenset(pick.index for pick in telling_frames(view, DEBLUR_FRAMES))


def _done(job: DeblurJob, labelled: LabelledInput, made: _Made, warnings: list[str]) -> Done:
    """Gather what page, manifest and terminal show."""
    labels, count = labelled.labels, len(labelled.names)
    chosen = {"selected": int(labels.is_selected.sum()), "sharp": int(labels.is_passed.sum())}
    found = {"frames": count} | chosen | made.change.measured
    found |= made.steadiness.measured
    shape = (count, *next(iter(made.blurry.values())).shape)
    return Done(
        kind=labelled.stream.kind,
        size=made.size,
        frames=f"{count} of {made.size[0]}x{made.size[1]}",
        shown=Shown(
            PickedFrames(shape, made.blurry),
            PickedFrames(shape, made.restored),
            labels.sharpness,
            labelled.t_s,
            labels.is_selected,
            threshold=labels.threshold,
            agreement=PickedFrames(shape, made.maps.pictures),
        ),
        facts=made.facts[0] if len(made.facts) == 1 else {"windows": made.facts},
        measured=found,
        warnings=warnings,
        lines=[*_lines(found), *_adaptation_lines(made)],
        page_facts=_page_facts(made, found),
        more={
            "frames": written_names(labelled.names),
            "labeller": job.method.scheme.labeller,
            "selected": labels.selected.tolist(),
            "selected_and_sharp": np.flatnonzero(labels.is_passed).tolist(),
            "threshold": labels.threshold,
            "seed": job.budget.seed,
            "bit_depth": job.request.bit_depth,
        },
    )


def _digest(request: DeblurRequest, method: Method, budget: Budget) -> str:
    """Hash the command and its input; weights and how a network is run are included where there is a network."""
    how: list[object] = [budget.inference.values()] if method.scheme.takes_inference else []
    how += [{"weights": file_sha256(method.weights)}] if method.weights is not None else []
    how += [{"minutes": budget.minutes}] if budget.minutes is not None else []  # the steps are not known yet
    return digest_of(["fit", method.digest, digest_input(request.source), request.choices, budget.seed, *how])


def _lines(measured: Measured) -> list[str]:
    lines = [
        f"{measured['selected']} of {measured['frames']} frames are borrowed from, {measured['sharp']} of them sharp"
    ]
    if measured["sharpness_ratio"] is not None:
        lines.append(
            f"other frames: sharpness {measured['sharpness_ratio']} times the input's, median shift to the input "
            f"{measured['shift_px_median']} px (no truth here: neither is a score)"
        )
    return lines + steadiness_lines(measured)


def _adaptation_lines(made: _Made) -> list[str]:
    """Return what became of the adaptation to each window, a sentence each."""
    told = [(facts.get("frames"), facts["adaptation"]) for facts in made.facts if "adaptation" in facts]
    return [
        (f"frames {frames[0]} to {frames[1] - 1}: " if isinstance(frames, list) else "") + str(found["said"])
        for frames, found in told
        if isinstance(found, dict)
    ]


def _page_facts(made: _Made, measured: Measured) -> dict[str, str]:
    passed = sorted(made.passed)
    numbers = ", ".join(map(str, passed))
    facts = {
        "Borrowed from": f"{measured['selected']} frames, {measured['sharp']} of them sharp",
        "Passed through unchanged": f"{len(passed)} (frames {numbers})" if passed else "none",
        "Sharpness to input": f"{measured['sharpness_ratio']}",
        "Median shift to input": f"{measured['shift_px_median']} px",
    }
    if measured["warping_error_before"] is not None:
        facts["Warping error, before → after"] = (
            f"{measured['warping_error_before']} → {measured['warping_error_after']}"
        )
        facts["Flicker in levels, before → after"] = f"{measured['flicker_before']} → {measured['flicker_after']}"
    adapted = _adaptation_lines(made)
    return facts | ({"Adaptation to the clip": "; ".join(adapted)} if adapted else {})
