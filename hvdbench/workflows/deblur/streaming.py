"""Restore a clip of any length through a network, which decodes, restores and encodes as it goes.

Only a window of frames and a few more for the page are in memory, however long the clip is.
"""

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import FitError, HvdbenchError
from hvdbench.frames import Frame
from hvdbench.methods.inference.network_restoration import plan_stream, report_facts, tell_if_long
from hvdbench.methods.inference.plan import InferencePlan
from hvdbench.methods.inference.restore import InferenceReport, restore_stream
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget
from hvdbench.networks.spec import VideoNetwork
from hvdbench.recipe import digest_of
from hvdbench.video.input import InputFrame, InputFrames, digest_input
from hvdbench.workflows.deblur.job import DeblurJob, Done, Shown, inference_of
from hvdbench.workflows.deblur.output import open_sink
from hvdbench.workflows.deblur.reach import Reach
from hvdbench.workflows.deblur.request import DeblurRequest, DeblurResult, check_output, format_notes, written_names
from hvdbench.workflows.deblur.samples import FrameSamples, screen_picture
from hvdbench.workflows.deblur.self_check import Change, Steadiness, reduced, steadiness_lines
from hvdbench.workspace.manifest import file_sha256


def stream_clip(request: DeblurRequest, method: Method, *, budget: Budget, overwrite: bool) -> DeblurResult:
    """Restore a clip through a method's network; a longer clip takes more time but not more memory.

    Raises:
        InputError: if the input is not a clip, the output contains something else, or windows or tiles do not suit the
            network.
        WeightsError: if weights are missing, damaged, or made for another network.
        FitError: if the network fails, or the memory does not suffice.
    """
    asked = replace(budget, inference=inference_of(budget))
    reach = request.reach()
    with request.open(reach) as stream:
        check_output(request, has_rate=stream.fps is not None)
        job = DeblurJob(request, method, asked, _digest(request, method, asked), overwrite)
        if job.is_done():
            return job.already_done()
        network = method.open()
        width, height = stream.size
        plan = plan_stream(
            method,
            network,
            (height, width),
            asked.inference,
            frame_count=stream.frame_count,
            device=budget.device,
        )
        tell_if_long(budget.announce, request.source.name, [plan])
        with job.claimed():
            run = _run(request, stream, reach, network, plan, budget)
            return job.finish(_done(job, stream, run))


@dataclass
class _Run:
    """What a run has read and written so far."""

    report: InferenceReport | None
    samples: FrameSamples
    seconds: float
    steadiness: Steadiness
    names: list[str]
    size: tuple[int, int]
    notes: list[str] = field(default_factory=list)

    @property
    def frame_count(self) -> int:
        return self.report.frame_count if self.report else 0


def _run(
    request: DeblurRequest,
    stream: InputFrames,
    reach: Reach,
    network: VideoNetwork,
    plan: InferencePlan,
    budget: Budget,
) -> _Run:
    """Pass all frames through the network and write them as they come; output is whole or not there."""
    samples, reports = FrameSamples(stream.colour), list[InferenceReport]()
    waiting: deque[tuple[InputFrame, Frame]] = deque()  # with a small picture each, so that memory does not grow
    steadiness, notes, names = Steadiness(), list[str](), list[str]()
    size = (0, 0)
    started = time.perf_counter()

    def read() -> Iterator[NDArray[Any]]:
        for index, frame in enumerate(stream.frames if first is None else chain([first], stream.frames)):
            asked = np.ascontiguousarray(reach.cut(frame.picture))
            picture = screen_picture(asked, stream.colour)
            samples.see(index, picture)
            waiting.append((replace(frame, picture=_NO_PICTURE), reduced(picture)))
            yield frame.picture

    first = next(stream.frames, None)
    with open_sink(request, stream, notes, first_s=(first and first.time_s) or 0.0) as sink:
        restored = restore_stream(network, read(), plan, seed=budget.seed, report=reports.append)
        for index, picture in enumerate(_in_one_sentence(restored)):
            frame, small = waiting.popleft()
            kept = np.ascontiguousarray(reach.cut(picture))
            samples.give(index, kept, frame.time_s)
            steadiness.add(small, reduced(screen_picture(kept, stream.colour)))
            names.append(frame.name)
            size = kept.shape[1], kept.shape[0]
            sink.add(frame, kept)
            budget.progress(index + 1, max(stream.frame_count or 0, index + 2), "restore")
    report = reports[-1] if reports else None
    run = _Run(report, samples, time.perf_counter() - started, steadiness, names, size, notes)
    budget.progress(run.frame_count, run.frame_count, "restore")
    return run


_NO_PICTURE: Frame = np.empty((0, 0, 3), np.uint8)


def _in_one_sentence(restored: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Turn any failure of a network into an error of one sentence."""
    try:
        yield from restored
    except HvdbenchError:
        raise
    except ValueError as error:
        raise FitError(f"the network cannot restore this clip: {error}") from error


def _digest(request: DeblurRequest, method: Method, budget: Budget) -> str:
    what = [*request.choices, budget.inference.values()]
    seed = [budget.seed] if budget.seed else []  # seed 0 and no seed have one digest, since most networks draw nothing
    return digest_of(["stream", method.digest, file_sha256(method.weights), digest_input(request.source), what, *seed])


def _done(job: DeblurJob, stream: InputFrames, run: _Run) -> Done:
    """Gather what page, manifest and terminal show; the frames are few and no larger than a screen."""
    if run.report is None:
        raise FitError(f"the network returned no frame of {job.request.source}")
    samples, (width, height) = run.samples, run.size
    change = Change()
    for pair in zip(samples.blurry, samples.restored, strict=True):
        change.add(*pair)
    measured = change.measured | run.steadiness.measured
    line = _speed(run, run.report)
    return Done(
        kind=stream.kind,
        size=run.size,
        frames=f"{run.frame_count} of {width}x{height}, {len(samples.indices)} of them shown",
        shown=Shown(samples.blurry, samples.restored, samples.sharpness(), samples.t_s, agreement=samples.agreement),
        facts=report_facts(run.report)
        | {
            "seconds": round(run.seconds, 2),
            "frames_per_s_with_reading_and_writing": round(run.frame_count / run.seconds, 3),
        },
        measured=measured | {"frames_measured": samples.indices},
        warnings=[*stream.notes, *run.notes, *format_notes(job.request, stream.names)],
        lines=[line, *steadiness_lines(measured)],
        page_facts={
            "Numbers of the frames shown": ", ".join(map(str, samples.indices)),
            "Sharpness to input, frames shown": f"{measured['sharpness_ratio']}",
        },
        notes=[_UNLABELLED, line],
        more={
            "frame_count": run.frame_count,
            "frames": written_names(run.names),
            "bit_depth": job.request.bit_depth,
            "made_from": job.method.made_from,
            "weights_sha256": file_sha256(job.method.weights),
        },
    )


def _speed(run: _Run, report: InferenceReport) -> str:
    whose = "of tensors on the GPU" if report.plan.device.startswith("cuda") else "of the process"
    peak = "" if report.peak_bytes is None else f", peak memory {whose} {report.peak_bytes / 2**20:.0f} MiB"
    overall = f"{run.frame_count / run.seconds:.3g} frames/s with reading and writing"
    return (
        f"{run.frame_count} frames in {run.seconds:.1f} s: {overall}, {report.frames_per_s:.3g} in the network{peak}; "
        f"{replace(report.plan, estimate=None).describe()}"
    )


_UNLABELLED = "Frames were not labelled as they went by, so none is marked as sharp."
