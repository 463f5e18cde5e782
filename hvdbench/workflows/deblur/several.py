"""Restore several inputs by one command, and restore a second of a clip to see what to expect."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from hvdbench.errors import HvdbenchError, InputError
from hvdbench.methods.restoration import Budget
from hvdbench.video.input import Part, open_input
from hvdbench.workflows.deblur import deblur_clip
from hvdbench.workflows.deblur.request import VIDEO_SUFFIXES, DeblurRequest, DeblurResult
from hvdbench.workspace.progress import Progress
from hvdbench.workspace.workspace import Workspace

_PREVIEW_S, _PREVIEW_FRAMES = 1.0, 25


def requests_for(request: DeblurRequest, sources: Sequence[Path]) -> list[DeblurRequest]:
    """Return the request of each source; the results of several go into the folder that the request names.

    A video is written under its own name, as .mp4 where its kind is not written; a folder under its name.

    Raises:
        InputError: if several results are to go into one video, or two of them would have one name.
    """
    if len(sources) == 1:
        return [replace(request, source=sources[0])]
    if request.is_video:
        raise InputError(f"{request.output} is one video, and there are {len(sources)} inputs: name a folder with -o")
    outputs: dict[Path, Path] = {}
    for source in sources:
        output = request.output / (source.resolve().name if source.is_dir() else _video_name(source))
        other = outputs.setdefault(output, source)
        if other is not source:
            raise InputError(f"{other} and {source} would both be written to {output}: restore them one by one")
    return [replace(request, source=source, output=output) for output, source in outputs.items()]


def deblur_clips(
    requests: Sequence[DeblurRequest], *, workspace: Workspace | None = None, budget: Budget | None = None
) -> Iterator[DeblurResult]:
    """Restore clips one after the other, and go on where one cannot be restored.

    Raises:
        HvdbenchError: the fault of the only clip; of several, after the last one, how many were left out and why.
    """
    faults: list[str] = []
    budget = budget or Budget()
    for request in requests:
        own = budget if len(requests) == 1 else replace(budget, progress=_of_input(budget.progress, request.source))
        try:
            yield deblur_clip(request, workspace=workspace, budget=own)
        except HvdbenchError as error:
            if len(requests) == 1:
                raise
            faults.append(str(error))
    if faults:
        raise InputError(f"{len(faults)} of {len(requests)} inputs were not restored: {'; '.join(faults)}")


def _of_input(progress: Progress, source: Path) -> Progress:
    return lambda done, total, what: progress(done, total, f"{source.name}: {what}")


def preview_part(source: Path, start: float | None) -> Part:
    """Return the part that a preview restores: a second, or 25 frames of a folder.

    Args:
        source: the video file or the folder of frames.
        start: where it begins; None for the middle of the clip.

    Raises:
        InputError: if the input cannot be read.
    """
    with open_input(source) as stream:
        count, fps = stream.frame_count or 0, stream.fps
    length = float(_PREVIEW_FRAMES) if fps is None else _PREVIEW_S
    whole = float(count) if fps is None else count / float(fps)
    begin = max(0.0, (whole - length) / 2) if start is None else start
    return Part(begin, begin + length)


def _video_name(source: Path) -> str:
    return source.name if source.suffix.lower() in VIDEO_SUFFIXES else f"{source.stem}.mp4"
