"""Restore a clip of any length through a network: decoded, restored and encoded as it goes.

Memory holds a window of frames and a few for the page, however long the clip.
"""

import dataclasses
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import FitError, HvdbenchError
from hvdbench.frames import Frame, write_frame
from hvdbench.methods.inference.network_restoration import (
    Announce,
    open_network,
    plan_stream,
    report_facts,
    tell_if_long,
)
from hvdbench.methods.inference.options import InferenceOptions
from hvdbench.methods.inference.restore import InferencePlan, InferenceReport, restore_stream
from hvdbench.methods.recipe import Method
from hvdbench.networks.spec import VideoNetwork
from hvdbench.pages.pages import deblur_page
from hvdbench.pages.view import ClipView
from hvdbench.recipe import digest_of
from hvdbench.video.input import InputFrame, InputFrames, digest_input, open_input
from hvdbench.video.writer import Encoding, VideoWriter, ten_bit_encoding
from hvdbench.workflows.deblur.request import (
    DeblurRequest,
    DeblurResult,
    already_done,
    check_output,
    claimed,
    finish,
    is_done,
)
from hvdbench.workflows.deblur.samples import FrameSamples
from hvdbench.workflows.deblur.self_check import measure_change
from hvdbench.workspace.atomic import atomic_folder
from hvdbench.workspace.manifest import file_sha256, versions
from hvdbench.workspace.progress import Progress

BY_MEMORY = InferenceOptions(window="auto", tile="auto")


def stream_clip(
    request: DeblurRequest, method: Method, *, overwrite: bool, progress: Progress, announce: Announce | None
) -> DeblurResult:
    """Restore a clip through a method's network; how long the clip is changes the time, not the memory.

    Raises:
        InputError: an input that is no clip, an output that holds something else, or windows or tiles that do not suit
            the network.
        WeightsError: weights that are missing, damaged, or of another network.
        FitError: the network fails, or the memory does not suffice.
    """
    with open_input(request.source, crop=request.crop, size=request.size, bit_depth=request.bit_depth) as stream:
        check_output(request, has_rate=stream.fps is not None)
        digest = _digest(request, method)
        if is_done(request, digest, stream.names or None, overwrite):
            return already_done(request)
        network = open_network(method, request.weights)
        width, height = stream.size
        plan = plan_stream(
            method,
            network,
            (height, width),
            request.inference or BY_MEMORY,
            frame_count=stream.frame_count,
            device=request.device,
        )
        tell_if_long(announce, request.source.name, [plan])
        with claimed(request, digest):
            run = _run(request, stream, network, plan, progress)
            return _tell(request, method, stream, run, digest)


@dataclass
class _Run:
    """What came of a run."""

    report: InferenceReport | None
    samples: FrameSamples
    seconds: float
    notes: list[str] = field(default_factory=list)

    @property
    def frame_count(self) -> int:
        return self.report.frame_count if self.report else 0


class _Sink(Protocol):
    def add(self, frame: InputFrame, restored: NDArray[Any]) -> None:
        """Take the next restored frame."""
        ...


def _run(
    request: DeblurRequest, stream: InputFrames, network: VideoNetwork, plan: InferencePlan, progress: Progress
) -> _Run:
    """Let all frames through, written as they come; what is written is whole or not there."""
    samples, reports = FrameSamples(stream.colour), list[InferenceReport]()
    waiting: deque[InputFrame] = deque()  # without their pictures
    notes: list[str] = []
    started = time.perf_counter()

    def read() -> Iterator[NDArray[Any]]:
        for index, frame in enumerate(stream.frames):
            samples.see(index, frame.picture)
            waiting.append(dataclasses.replace(frame, picture=_NO_PICTURE))
            yield frame.picture

    with _sink(request, stream, notes) as sink:
        restored = restore_stream(network, read(), plan, report=reports.append)
        for index, picture in enumerate(_worded(restored)):
            frame = waiting.popleft()
            samples.give(index, picture, frame.time_s)
            sink.add(frame, picture)
            progress(index + 1, max(stream.frame_count or 0, index + 2), "restore")
    report = reports[-1] if reports else None
    run = _Run(report, samples, time.perf_counter() - started, notes)
    progress(run.frame_count, run.frame_count, "restore")
    return run


_NO_PICTURE: Frame = np.empty((0, 0, 3), np.uint8)


def _worded(restored: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Turn what a network does wrong into one sentence."""
    try:
        yield from restored
    except HvdbenchError:
        raise
    except ValueError as error:
        raise FitError(f"the network cannot restore this clip: {error}") from error


class _Folder:
    """Writes frames as pictures."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, frame: InputFrame, restored: NDArray[Any]) -> None:
        write_frame(self._folder / frame.name, cast(Frame, restored))


class _Video:
    """Writes frames as a video."""

    def __init__(self, writer: VideoWriter) -> None:
        self._writer = writer

    def add(self, frame: InputFrame, restored: NDArray[Any]) -> None:
        self._writer.add(restored, frame.time_s)


@contextmanager
def _sink(request: DeblurRequest, stream: InputFrames, notes: list[str]) -> Iterator[_Sink]:
    """Open the output; what a person should know of it is added to the notes at its end."""
    if not request.is_video or stream.fps is None:
        with atomic_folder(request.output) as folder:
            yield _Folder(folder)
        return
    encoding = ten_bit_encoding(stream.colour) if request.bit_depth == 10 else Encoding()
    writer = VideoWriter(request.output, fps=stream.fps, has_times=True, encoding=encoding, audio_from=request.source)
    with writer:
        yield _Video(writer)
    if writer.warning:
        notes.append(writer.warning)


def _digest(request: DeblurRequest, method: Method) -> str:
    asked = request.inference or BY_MEMORY
    what = [request.crop, request.size, request.bit_depth, request.output.suffix, asked.values()]
    weights = file_sha256(request.weights) if method.is_trained else None
    return digest_of(["stream", method.digest, weights, digest_input(request.source), what])


def _tell(request: DeblurRequest, method: Method, stream: InputFrames, run: _Run, digest: str) -> DeblurResult:
    """Write the page and, last, the manifest that says it is done."""
    if run.report is None:
        raise FitError(f"{request.source}: no frame came out of the network")
    warnings = [*stream.notes, *run.notes]
    facts = report_facts(run.report) | {
        "seconds": round(run.seconds, 2),
        "frames_per_s_with_reading_and_writing": round(run.frame_count / run.seconds, 3),
    }
    measured = measure_change(run.samples.blurry, run.samples.restored)
    line = _speed(run, run.report)
    _write_page(request, method, stream, run, [line, *warnings])
    finish(
        request,
        digest,
        {
            "input": request.source.name,
            "kind": stream.kind,
            "crop": request.crop,
            "size": list(stream.size),
            "frame_count": run.frame_count,
            "bit_depth": request.bit_depth,
            "method": method.name,
            "recipe": method.recipe.values.model_dump(mode="json"),
            "recipe_digest": method.digest,
            "made_from": method.made_from,
            "weights_sha256": file_sha256(request.weights) if method.is_trained else None,
            "device": request.device,
            "facts": facts,
            "measured": measured | {"frames_measured": run.samples.indices},
            "warnings": warnings,
            "versions": versions(),
        },
    )
    lines = [f"note: {warning}" for warning in warnings] + [line]
    lines.append(f"{request.output}  {request.page}  {request.manifest}")
    return DeblurResult(request.output, request.page, request.manifest, tuple(lines))


def _speed(run: _Run, report: InferenceReport) -> str:
    whose = "of tensors on the GPU" if report.plan.device.startswith("cuda") else "of the process"
    peak = "" if report.peak_bytes is None else f", peak memory {whose} {report.peak_bytes / 2**20:.0f} MiB"
    overall = f"{run.frame_count / run.seconds:.3g} frames/s with reading and writing"
    return (
        f"{run.frame_count} frames in {run.seconds:.1f} s: {overall}, {report.frames_per_s:.3g} in the network{peak}; "
        f"{dataclasses.replace(report.plan, estimate=None).describe()}"
    )


def _write_page(request: DeblurRequest, method: Method, stream: InputFrames, run: _Run, notes: list[str]) -> None:
    """Show a few frames, before and after, as 8-bit SDR and no larger than a screen."""
    samples, (width, height) = run.samples, stream.size
    measured = measure_change(samples.blurry, samples.restored)
    facts = {
        "Frames": f"{run.frame_count} of {width}x{height}, {len(samples.indices)} of them shown",
        "Method": method.name,
        "Numbers of the frames shown": ", ".join(map(str, samples.indices)),
        "Sharpness to input, frames shown": f"{measured['sharpness_ratio']}",
    }
    count = len(samples.indices)
    deblur_page(
        request.page,
        title=f"{request.source.name}, restored",
        clip=ClipView(
            name=request.source.name,
            scene_kind="video",
            source=request.source.name,
            t_s=samples.t_s,
            frames={"blurry": samples.blurry, method.name: samples.restored},
            is_selected=np.zeros(count, bool),
            sharpness=samples.sharpness(),
            threshold=0.0,
        ),
        facts=facts,
        notes=[f"{method.recipe.values.title}. {method.recipe.values.note}", _UNLABELLED, *notes],
    )


_UNLABELLED = "Frames were not labelled as they went by, so none is marked as sharp."
