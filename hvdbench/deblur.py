"""Restore a person's own clip: read it, find its sharp frames, fit to it alone, write frames or a video and a page."""

import hashlib
import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from hvdbench.atomic import atomic_folder, atomic_write_text, is_partial
from hvdbench.engine import usable_cores
from hvdbench.errors import HvdbenchError, InputError
from hvdbench.frames import FRAME_SUFFIXES, Frames, write_clip
from hvdbench.input import InputClip, read_input
from hvdbench.labels.sharpness import SharpLabels, label_paper
from hvdbench.methods.recipe import Method, load_method
from hvdbench.methods.restoration import Budget, Progress, Restoration, silent
from hvdbench.metrics.sharpness import laplacian_variance, shift_px
from hvdbench.recipe import digest_of
from hvdbench.report import ClipView, deblur_page
from hvdbench.runs import versions

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv"})
UNWRITTEN_SUFFIXES = frozenset({".avi", ".flv", ".gif", ".m4v", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"})
STEPS_PER_MINUTE = 600
"""Steps that ``--minutes`` turns into; a fixed rate, so that the same command gives the same frames anywhere."""
SHARPER_THAN_REST = 1.15
"""A clip whose sharpest frame has less than this times the median sharpness has nothing to borrow."""
SMALLEST_SCORED_PX = 27


@dataclass(frozen=True)
class DeblurRequest:
    """What a user asked ``deblur`` for.

    Attributes:
        source: a video file or a folder of frames.
        output: a folder, or a video file.
        crop: x, y, w, h of the part to restore.
        size: width and height to reduce to first.
        minutes: how long to fit, about; None leaves the recipe's steps.
        method: a method recipe that fits to a clip.
        seed: of the fit.
        device: ``cpu`` or ``cuda``.
    """

    source: Path
    output: Path
    crop: tuple[int, int, int, int] | None = None
    size: tuple[int, int] | None = None
    minutes: float | None = None
    method: str = "selfhvd_rc_fusion"
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True)
class DeblurResult:
    """What was written, and what a terminal says about it."""

    output: Path
    page: Path
    manifest: Path
    lines: tuple[str, ...]


def deblur_clip(request: DeblurRequest, *, overwrite: bool = False, progress: Progress = silent) -> DeblurResult:
    """Restore a clip; the same command again finishes a stopped run and leaves a finished one alone.

    Raises:
        InputError: an input that is no clip, or an output that holds something else.
        UnknownNameError: no such method.
    """
    if not request.output.name:
        raise InputError(f"'{request.output}' cannot be an output: name a new folder, or a video file")
    output, page, path = request.output, _beside(request.output, ".html"), _beside(request.output, ".json")
    method = load_method(request.method)
    if method.is_trained:
        raise InputError(
            f"method '{request.method}' must be trained over a dataset: deblur takes one that fits to a clip"
        )
    method = with_budget(method, request.minutes)
    clip = read_input(request.source, crop=request.crop, size=request.size)
    _check_output(request, clip)
    digest = digest_of([method.digest, _frames_digest(clip), request.output.suffix, request.seed])
    if _is_done(path, digest, output, page, clip, overwrite):
        return DeblurResult(output, page, path, (f"{output}: already restored by the same command, left as it is",))
    former = path.read_text(encoding="utf-8") if path.is_file() else None
    atomic_write_text(path, json.dumps({"state": "running", "digest": digest}) + "\n")
    try:
        return _restore(request, clip, method, digest, page, path, progress)
    except HvdbenchError:  # nothing was made
        if former is None:
            path.unlink()
        else:
            atomic_write_text(path, former)
        raise


def _restore(
    request: DeblurRequest, clip: InputClip, method: Method, digest: str, page: Path, path: Path, progress: Progress
) -> DeblurResult:
    """Restore, write frames or video, page and, last, the manifest that says it is done."""
    progress(0, 1, "label")
    labels = label_paper(clip.frames)
    progress(1, 1, "label")
    warnings = [*clip.warnings, *advice(request.source, labels)]
    budget = Budget(seed=request.seed, workers=usable_cores(), device=request.device, progress=progress)
    restoration = method.scheme.restore(clip.frames, labels, budget)
    warnings += _write(request, clip, restoration.frames)
    measured = measure(clip.frames, restoration.frames, labels)
    _write_page(page, request, clip, labels, method, restoration, measured, warnings)
    manifest = _manifest(request, clip, labels, method, restoration) | {
        "state": "done",
        "digest": digest,
        "measured": measured,
        "warnings": warnings,
    }
    atomic_write_text(path, json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    output = request.output
    return DeblurResult(output, page, path, (*_lines(labels, measured, warnings), f"{output}  {page}  {path}"))


def with_budget(method: Method, minutes: float | None) -> Method:
    """Give the method with its steps scaled to about this many minutes on one core; None leaves them.

    Raises:
        InputError: the method has no steps to scale.
    """
    if minutes is None:
        return method
    settings = method.scheme.settings
    if not hasattr(settings, "fit"):
        raise InputError(f"method '{method.name}' fits nothing, so --minutes has nothing to set")
    fit = settings.fit
    total = max(1, fit.stage1_steps + fit.stage2_steps)
    factor = minutes * STEPS_PER_MINUTE / total
    steps = {
        "stage1_steps": max(1, round(fit.stage1_steps * factor)),
        "stage2_steps": round(fit.stage2_steps * factor),
    }
    changed = settings.model_copy(update={"fit": fit.model_copy(update=steps)})
    values = method.recipe.values.model_copy(update={"settings": changed.model_dump(mode="json")})
    return Method(method.reference, type(method.recipe)(method.recipe.name, values), type(method.scheme)(changed))


def advice(source: Path, labels: SharpLabels) -> list[str]:
    """Advise where no frame of a clip is sharper than the rest."""
    median = float(np.median(labels.sharpness))
    best = float(labels.sharpness.max())
    if median <= 0 or best >= SHARPER_THAN_REST * median:
        return []
    return [
        f"no frame of {source} is sharper than the rest (the sharpest has {best / median:.2f} times the median "
        f"sharpness): there is little to borrow, so expect little; a longer piece of the clip, with a moment where the "
        f"camera held still, gives more"
    ]


def measure(blurry: Frames, restored: Frames, labels: SharpLabels) -> dict[str, float | int | None]:
    """Measure what needs no truth, over the frames that were not selected as sharp."""
    rest = np.flatnonzero(~labels.is_selected)
    found: dict[str, float | int | None] = {"frames": len(blurry), "selected": int(labels.is_selected.sum())}
    if not len(rest) or min(blurry.shape[1:3]) < SMALLEST_SCORED_PX:
        return found | {"sharpness_ratio": None, "shift_px_median": None}
    before = float(np.mean([laplacian_variance(blurry[i]) for i in rest]))
    after = float(np.mean([laplacian_variance(restored[i]) for i in rest]))
    shifts = np.array([shift_px(restored[i], blurry[i]) for i in rest])
    known = shifts[np.isfinite(shifts)]
    ratio = round(after / before, 3) if before > 0 else None
    shift = round(float(np.median(known)), 3) if len(known) else None
    return found | {"sharpness_ratio": ratio, "shift_px_median": shift}


def _beside(output: Path, suffix: str) -> Path:
    """Name a file beside the output: ``OUT.html`` for the folder ``OUT`` and for ``OUT.mp4``."""
    stem = output.stem if output.suffix.lower() in VIDEO_SUFFIXES else output.name
    return output.with_name(stem + suffix)


def _check_output(request: DeblurRequest, clip: InputClip) -> None:
    suffix = request.output.suffix.lower()
    output, source = request.output.resolve(), request.source.resolve()
    if output == source or output in source.parents:
        what = "is the input itself" if output == source else "holds the input"
        raise InputError(f"{request.output} {what}: name another output")
    blocked = next((folder for folder in output.parents if folder.exists() and not folder.is_dir()), None)
    if blocked is not None:
        raise InputError(f"{request.output} cannot be made, since {blocked} is a file: name another output")
    if suffix in UNWRITTEN_SUFFIXES:
        raise InputError(f"{request.output}: videos are written as {', '.join(sorted(VIDEO_SUFFIXES))}, not {suffix}")
    if suffix in FRAME_SUFFIXES or (suffix and suffix not in VIDEO_SUFFIXES and request.output.is_file()):
        raise InputError(
            f"{request.output} is one file: name a folder, or a video ({', '.join(sorted(VIDEO_SUFFIXES))})"
        )
    if suffix in VIDEO_SUFFIXES and clip.fps is None:
        raise InputError(f"{request.source} is a folder and tells no frame rate: name a folder for the output")


def _frames_digest(clip: InputClip) -> str:
    total = hashlib.sha256(repr((clip.frames.shape, clip.names)).encode())
    total.update(np.ascontiguousarray(clip.frames).data)
    return total.hexdigest()


def _is_done(path: Path, digest: str, output: Path, page: Path, clip: InputClip, overwrite: bool) -> bool:
    """Tell whether the same command finished before; a stopped run of it, or nothing, may be written over.

    Raises:
        InputError: the output is there and came from something else, or holds what no run of this writes.
    """
    found = _read_manifest(path)
    if found.get("digest") == digest:
        whole = output.is_file() or (output.is_dir() and {p.name for p in output.iterdir()} == set(clip.names))
        return found.get("state") == "done" and whole and page.is_file() and not overwrite
    taken = next((p for p in (output, path) if p.is_file() or (p.is_dir() and any(p.iterdir()))), None)
    if taken is not None and not overwrite and not (taken == path and found.get("state") == "running"):
        raise InputError(f"{taken} is there and came from something else: choose another output, or --overwrite it")
    strange = next((p for p in _entries(output) if p.is_dir() or p.suffix.lower() not in FRAME_SUFFIXES), None)
    if strange is not None:
        raise InputError(
            f"{output} holds {strange.name}, which is no frame, and is not replaced: choose another output"
        )
    return False


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not is_partial(path)) if folder.is_dir() else []


def _read_manifest(path: Path) -> dict[str, Any]:
    """Read what a run left beside its output; nothing where it is absent or no manifest."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(request: DeblurRequest, clip: InputClip, frames: Frames) -> list[str]:
    """Write the frames or the video, whole or not at all; give what a person should know of it."""
    if request.output.suffix.lower() not in VIDEO_SUFFIXES:
        with atomic_folder(request.output) as folder:
            write_clip(folder, frames, clip.names)
        return []
    from hvdbench.video_writer import write_video

    note = write_video(request.output, frames, fps=clip.fps or Fraction(30), t_s=clip.t_s, audio_from=request.source)
    return [note] if note else []


def _lines(labels: SharpLabels, measured: dict[str, float | int | None], warnings: list[str]) -> list[str]:
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
    page: Path,
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
        page,
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
