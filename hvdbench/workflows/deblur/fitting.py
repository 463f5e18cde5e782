"""Restore a clip by a fit to it alone: find its sharp frames, fit, and write frames or a video."""

import hashlib
from dataclasses import replace
from fractions import Fraction

import numpy as np

from hvdbench.frames import Frames, write_clip
from hvdbench.labels.sharpness import SharpLabels, label_paper
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.recipe import digest_of
from hvdbench.video.input import InputClip, read_input
from hvdbench.workflows.deblur.job import DeblurJob, Done, Shown, inference_of
from hvdbench.workflows.deblur.request import (
    DeblurRequest,
    DeblurResult,
    check_output,
    format_notes,
    written_names,
)
from hvdbench.workflows.deblur.self_check import advice, measure
from hvdbench.workspace.atomic import atomic_folder
from hvdbench.workspace.engine import usable_cores


def fit_clip(request: DeblurRequest, method: Method, *, budget: Budget, overwrite: bool) -> DeblurResult:
    """Restore a clip by a method that works on the clip alone.

    Raises:
        InputError: if the input is not a clip, or the output holds something else.
    """
    clip = read_input(request.source, crop=request.crop, size=request.size)
    check_output(request, has_rate=clip.fps is not None)
    whole = replace(budget, workers=usable_cores(), inference=inference_of(budget))
    job = DeblurJob(request, method, whole, _digest(request, clip, method, whole), overwrite)
    if job.is_done(written_names(clip.names)):
        return job.already_done()
    with job.claimed():
        return job.finish(_restore(job, clip))


def _restore(job: DeblurJob, clip: InputClip) -> Done:
    """Restore a clip, and write its frames or the video."""
    request, budget = job.request, job.budget
    budget.progress(0, 1, "label")
    labels = label_paper(clip.frames)
    budget.progress(1, 1, "label")
    warnings = [*clip.warnings, *advice(request.source, labels)]
    restoration = job.method.restore(clip.frames, labels, budget)
    warnings += _write(request, clip, restoration.frames)
    measured = measure(clip.frames, restoration.frames, labels)
    count, height, width, _ = clip.frames.shape
    return Done(
        kind=clip.kind,
        size=(width, height),
        frames=f"{count} of {width}x{height}",
        shown=Shown(
            clip.frames, restoration.frames, labels.sharpness, clip.t_s, labels.is_selected, threshold=labels.threshold
        ),
        facts=restoration.facts,
        measured=measured,
        warnings=warnings,
        lines=_lines(measured),
        page_facts=_page_facts(restoration, measured),
        more=_manifest(clip, labels, budget),
    )


def _digest(request: DeblurRequest, clip: InputClip, method: Method, budget: Budget) -> str:
    """Hash the command and its input; how a network is run is included where there is a network."""
    how = [budget.inference.values()] if method.scheme.takes_inference else []
    return digest_of([method.digest, _frames_digest(clip), request.output.suffix, budget.seed, *how])


def _frames_digest(clip: InputClip) -> str:
    total = hashlib.sha256(repr((clip.frames.shape, clip.names)).encode())
    total.update(np.ascontiguousarray(clip.frames).data)
    return total.hexdigest()


def _write(request: DeblurRequest, clip: InputClip, frames: Frames) -> list[str]:
    """Write the frames or the video, whole or not at all, and return what the user should know about it."""
    if not request.is_video:
        with atomic_folder(request.output) as folder:
            write_clip(folder, frames, written_names(clip.names))
        return format_notes(request, clip.names)
    from hvdbench.video.writer import write_video

    note = write_video(request.output, frames, fps=clip.fps or Fraction(30), t_s=clip.t_s, audio_from=request.source)
    return [note] if note else []


def _lines(measured: dict[str, float | int | None]) -> list[str]:
    lines = [f"{measured['selected']} of {measured['frames']} frames selected as sharp"]
    if measured["sharpness_ratio"] is not None:
        lines.append(
            f"other frames: sharpness {measured['sharpness_ratio']} times the input's, median shift to the input "
            f"{measured['shift_px_median']} px (no truth here: neither is a score)"
        )
    return lines


def _manifest(clip: InputClip, labels: SharpLabels, budget: Budget) -> dict[str, object]:
    return {
        "frames": written_names(clip.names),
        "selected": labels.selected.tolist(),
        "threshold": labels.threshold,
        "seed": budget.seed,
    }


def _page_facts(restoration: Restoration, measured: dict[str, float | int | None]) -> dict[str, str]:
    passed = restoration.facts.get("passed_through")
    return {
        "Selected as sharp": f"{measured['selected']}",
        "Passed through unchanged": ", ".join(map(str, passed if isinstance(passed, list) else [])) or "none",
        "Sharpness to input": f"{measured['sharpness_ratio']}",
        "Median shift to input": f"{measured['shift_px_median']} px",
    }
