"""Restore a clip by a fit to it alone: find its sharp frames, fit, write frames or a video and a page."""

import hashlib
from fractions import Fraction
from typing import Any

import numpy as np

from hvdbench.errors import InputError
from hvdbench.frames import Frames, write_clip
from hvdbench.labels.sharpness import SharpLabels, label_paper
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.training.one_clip import OneClip
from hvdbench.pages.pages import deblur_page
from hvdbench.pages.view import ClipView
from hvdbench.recipe import digest_of
from hvdbench.video.input import InputClip, read_input
from hvdbench.workflows.deblur.request import (
    DeblurRequest,
    DeblurResult,
    already_done,
    check_output,
    claimed,
    finish,
    is_done,
)
from hvdbench.workflows.deblur.self_check import advice, measure
from hvdbench.workflows.deblur.streaming import BY_MEMORY
from hvdbench.workspace.atomic import atomic_folder
from hvdbench.workspace.engine import usable_cores
from hvdbench.workspace.manifest import versions
from hvdbench.workspace.progress import Progress

STEPS_PER_MINUTE = 600
"""Steps that ``--minutes`` turns into; a fixed rate, so that the same command gives the same frames anywhere."""


def fit_clip(request: DeblurRequest, method: Method, *, overwrite: bool, progress: Progress) -> DeblurResult:
    """Restore a clip by a method that works on the clip alone.

    Raises:
        InputError: an input that is no clip, or an output that holds something else.
    """
    clip = read_input(request.source, crop=request.crop, size=request.size)
    check_output(request, has_rate=clip.fps is not None)
    digest = _digest(request, clip, method)
    if is_done(request, digest, clip.names, overwrite):
        return already_done(request)
    with claimed(request, digest):
        return _restore(request, clip, method, digest, progress)


def _restore(request: DeblurRequest, clip: InputClip, method: Method, digest: str, progress: Progress) -> DeblurResult:
    """Restore, write frames or video, page and, last, the manifest that says it is done."""
    progress(0, 1, "label")
    labels = label_paper(clip.frames)
    progress(1, 1, "label")
    warnings = [*clip.warnings, *advice(request.source, labels)]
    budget = Budget(
        seed=request.seed,
        workers=usable_cores(),
        device=request.device,
        progress=progress,
        inference=request.inference or BY_MEMORY,
    )
    restoration = method.scheme.restore(clip.frames, labels, budget)
    warnings += _write(request, clip, restoration.frames)
    measured = measure(clip.frames, restoration.frames, labels)
    _write_page(request, clip, labels, method, restoration, measured, warnings)
    told = {"measured": measured, "warnings": warnings}
    finish(request, digest, _manifest(request, clip, labels, method, restoration) | told)
    lines = (*_lines(measured, warnings), f"{request.output}  {request.page}  {request.manifest}")
    return DeblurResult(request.output, request.page, request.manifest, lines)


def with_budget(method: Method, minutes: float | None) -> Method:
    """Give the method with its steps scaled to about this many minutes on one core; None leaves them.

    Raises:
        InputError: the method has no steps to scale.
    """
    if minutes is None:
        return method
    if isinstance(method.scheme, OneClip):
        return with_scheme(method, method.scheme.for_minutes(minutes))
    settings = getattr(method.scheme, "settings", None)
    if settings is None or not hasattr(settings, "fit"):
        raise InputError(f"method '{method.name}' fits nothing, so --minutes has nothing to set")
    fit = settings.fit
    total = max(1, fit.stage1_steps + fit.stage2_steps)
    factor = minutes * STEPS_PER_MINUTE / total
    steps = {
        "stage1_steps": max(1, round(fit.stage1_steps * factor)),
        "stage2_steps": round(fit.stage2_steps * factor),
    }
    changed = settings.model_copy(update={"fit": fit.model_copy(update=steps)})
    return with_scheme(method, type(method.scheme)(changed))


def with_scheme(method: Method, scheme: Any) -> Method:
    """Give the method with another scheme of its kind, its recipe the same but for the settings."""
    values = method.recipe.values.model_copy(update={"settings": scheme.settings.model_dump(mode="json")})
    return Method(method.reference, type(method.recipe)(method.recipe.name, values), scheme)


def _digest(request: DeblurRequest, clip: InputClip, method: Method) -> str:
    """Name the command and what it was given; how a network is run belongs to it where there is one."""
    run = [(request.inference or BY_MEMORY).values()] if isinstance(method.scheme, OneClip) else []
    return digest_of([method.digest, _frames_digest(clip), request.output.suffix, request.seed, *run])


def _frames_digest(clip: InputClip) -> str:
    total = hashlib.sha256(repr((clip.frames.shape, clip.names)).encode())
    total.update(np.ascontiguousarray(clip.frames).data)
    return total.hexdigest()


def _write(request: DeblurRequest, clip: InputClip, frames: Frames) -> list[str]:
    """Write the frames or the video, whole or not at all; give what a person should know of it."""
    if not request.is_video:
        with atomic_folder(request.output) as folder:
            write_clip(folder, frames, clip.names)
        return []
    from hvdbench.video.writer import write_video

    note = write_video(request.output, frames, fps=clip.fps or Fraction(30), t_s=clip.t_s, audio_from=request.source)
    return [note] if note else []


def _lines(measured: dict[str, float | int | None], warnings: list[str]) -> list[str]:
    lines = [f"note: {warning}" for warning in warnings]
    lines.append(f"{measured['selected']} of {measured['frames']} frames selected as sharp")
    if measured["sharpness_ratio"] is not None:
        lines.append(
            f"other frames: sharpness {measured['sharpness_ratio']} times the input's, median shift to the input "
            f"{measured['shift_px_median']} px (no truth here: neither is a score)"
        )
    return lines


def _manifest(
    request: DeblurRequest, clip: InputClip, labels: SharpLabels, method: Method, restoration: Restoration
) -> dict[str, Any]:
    return {
        "input": request.source.name,
        "kind": clip.kind,
        "crop": request.crop,
        "size": list(clip.frames.shape[2:0:-1]),
        "frames": list(clip.names),
        "selected": labels.selected.tolist(),
        "threshold": labels.threshold,
        "method": method.name,
        "recipe": method.recipe.values.model_dump(mode="json"),
        "recipe_digest": method.digest,
        "seed": request.seed,
        "device": request.device,
        "facts": restoration.facts,
        "versions": versions(),
    }


def _write_page(
    request: DeblurRequest,
    clip: InputClip,
    labels: SharpLabels,
    method: Method,
    restoration: Restoration,
    measured: dict[str, float | int | None],
    warnings: list[str],
) -> None:
    facts = {
        "Frames": f"{len(clip.frames)} of {clip.frames.shape[2]}x{clip.frames.shape[1]}",
        "Method": method.name,
        "Selected as sharp": f"{measured['selected']}",
        "Passed through unchanged": ", ".join(map(str, restoration.facts.get("passed_through", []))) or "none",
        "Sharpness to input": f"{measured['sharpness_ratio']}",
        "Median shift to input": f"{measured['shift_px_median']} px",
    }
    count = len(clip.frames)
    deblur_page(
        request.page,
        title=f"{request.source.name}, restored",
        clip=ClipView(
            name=request.source.name,
            scene_kind="video",
            source=request.source.name,
            t_s=np.arange(count, dtype=np.float64) if clip.t_s is None else clip.t_s,
            frames={"blurry": clip.frames, method.name: restoration.frames},
            is_selected=labels.is_selected,
            sharpness=labels.sharpness,
            threshold=labels.threshold,
        ),
        facts=facts,
        notes=[f"{method.recipe.values.title}. {method.recipe.values.note}", *warnings],
    )
