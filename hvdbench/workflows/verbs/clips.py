"""Open a clip and restore it."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import overload

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frames, list_frames, write_clip
from hvdbench.labels.stored import labels_of, make_labels
from hvdbench.methods.restoration import Budget
from hvdbench.store import ClipFolder
from hvdbench.video.input import FEWEST_FRAMES, SMALLEST_SIDE_PX, InputClip, read_input
from hvdbench.workflows.deblur import deblur_clip, ready_method
from hvdbench.workflows.deblur.cost import FirstFrames
from hvdbench.workflows.deblur.job import inference_of
from hvdbench.workflows.deblur.request import DEFAULT_METHOD, DeblurRequest, DeblurResult
from hvdbench.workflows.deblur.timing import frames_timing
from hvdbench.workflows.verbs.arguments import (
    PathLike,
    budget_of,
    checked_frames,
    crop_of,
    optional_path,
    path_of,
    size_of,
)
from hvdbench.workspace.engine import usable_cores
from hvdbench.workspace.workspace import Workspace

Clip = PathLike | NDArray[np.uint8] | InputClip | ClipFolder
"""A video file or a folder of frames, an array of frames, an opened clip, or a clip of a dataset."""


def open_clip(
    path: PathLike, *, crop: tuple[int, int, int, int] | None = None, size: tuple[int, int] | None = None
) -> InputClip:
    """Read a video file or a folder of frames.

    Args:
        path: the video file or the folder.
        crop: left edge, top edge, width and height in px of the part of the upright picture to keep.
        size: width and height in px to resize the frames to by area averaging, after the crop.

    Returns:
        The clip: ``frames`` uint8 RGB (T, H, W, 3), HDR tone-mapped; ``names``, a file name for each; ``t_s`` (T,)
        seconds from 0 and ``fps``, both None for a folder; ``facts``, what a video states of its colours, camera and
        codec; and ``warnings``, sentences about what was found.

    Raises:
        InputError: if nothing is there, if it cannot be read as a clip of at least two frames of 16 px a side, or if
            the crop reaches outside the picture.

    Examples:
        >>> import hvdbench
        >>> clip = hvdbench.open_clip("frames", crop=(0, 0, 64, 48))
        >>> clip.frames.shape, clip.names[0]
        ((4, 48, 64, 3), '00000000.png')
    """
    return read_input(path_of(path, "the clip"), crop=crop_of(crop), size=size_of(size))


@overload
def deblur(
    clip: Clip,
    *,
    method: str = ...,
    weights: PathLike | None = ...,
    output: None = ...,
    minutes: float | None = ...,
    steps: int | None = ...,
    seed: int = ...,
    device: str = ...,
    overwrite: bool = ...,
    trust: bool = ...,
) -> Frames: ...


@overload
def deblur(
    clip: Clip,
    *,
    method: str = ...,
    weights: PathLike | None = ...,
    output: PathLike,
    minutes: float | None = ...,
    steps: int | None = ...,
    seed: int = ...,
    device: str = ...,
    overwrite: bool = ...,
    trust: bool = ...,
) -> DeblurResult: ...


def deblur(
    clip: Clip,
    *,
    method: str = DEFAULT_METHOD,
    weights: PathLike | None = None,
    output: PathLike | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    overwrite: bool = False,
    trust: bool = False,
) -> Frames | DeblurResult:
    """Restore a clip.

    The default method borrows from the clip's own sharp frames, and a small network, which was trained on other scenes
    and comes with hvdbench, corrects the result. Nothing is learned from the clip unless ``minutes`` or ``steps`` ask
    for it.

    Args:
        clip: a video file, a folder of frames, an array uint8 RGB (T, H, W, 3), an opened clip or a dataset's clip.
        method: a method recipe, a network, an import string or a model file, as ``hvdbench eval --method`` takes it.
        weights: the weights of a network, or of a method that is trained; without them a method that is trained is
            trained on this clip alone.
        output: a folder or a video file to write, with a page and a manifest beside it, as the command does. An array
            and a clip that was opened from a folder have no frame rate, so they are written to folders.
        minutes: how many minutes all of it may take: what is left after the restoration is spent on adapting the
            default method to the clip, or on the fit of another; None adapts nothing, and does the recipe's steps of a
            fit.
        steps: the number of steps of that adaptation or fit, in place of ``minutes``, which repeats a run exactly.
        seed: random seed of the fit.
        device: ``cpu``, ``cuda``, or ``auto``, which takes the GPU if there is one.
        overwrite: replace an output that came from something else.
        trust: let a recipe file name code to run.

    Returns:
        The restored frames, uint8 RGB (T, H, W, 3); with ``output`` the paths that were written (``output``, ``page``
        and ``manifest``) and the ``lines`` that the command prints.

    Raises:
        InputError: if the clip cannot be read, an array is not uint8 RGB, the output contains something else, or the
            method cannot restore the clip.
        UnknownNameError: if there is no such method.
        WeightsError: if weights are missing, damaged or of another network.

    Examples:
        >>> import hvdbench
        >>> hvdbench.deblur("frames", method="warp_average").shape
        (4, 64, 96, 3)
        >>> hvdbench.deblur("frames", method="warp_average", output="restored").page.name
        'restored.html'
    """
    workspace = Workspace.from_environment(overwrite=overwrite, trust=trust)
    budget = budget_of(seed=seed, device=device, minutes=minutes, steps=steps)
    asked = DeblurRequest(Path(), Path(), method=method, weights=optional_path(weights, "weights"))
    if output is None:
        return _in_memory(clip, asked, workspace, budget)
    asked = replace(asked, output=path_of(output, "the output"))
    if isinstance(clip, InputClip):
        asked = replace(asked, source=clip.path, crop=clip.crop, size=clip.size)
    elif isinstance(clip, ClipFolder):
        asked = replace(asked, source=clip.folder / "blur")
    elif isinstance(clip, np.ndarray):
        with TemporaryDirectory(prefix="hvdbench-") as folder:
            source = Path(folder) / "frames"
            write_clip(source, _checked_clip(clip))
            return deblur_clip(replace(asked, source=source), workspace=workspace, budget=budget)
    else:
        asked = replace(asked, source=path_of(clip, "the clip"))
    return deblur_clip(asked, workspace=workspace, budget=budget)


def _in_memory(clip: Clip, asked: DeblurRequest, workspace: Workspace, budget: Budget) -> Frames:
    """Restore a clip as the command does, and return its frames."""
    method = ready_method(asked, workspace=workspace, budget=budget)
    budget = replace(budget, workers=usable_cores(), inference=inference_of(budget))
    if isinstance(clip, ClipFolder):
        names = tuple(path.stem for path in list_frames(clip.folder / "blur"))
        frames, labels = clip.blurry(), labels_of(clip, method.scheme.labeller)
        budget = replace(budget, clip=f"{clip.split}/{clip.name}", frame_names=names)
    else:
        frames = frames_in_memory(clip, "the clip")
        labels = make_labels(method.scheme.labeller, _checked_clip(frames))
    if budget.minutes is not None:
        first = FirstFrames()
        for index, frame in enumerate(frames):
            first.see(index, frame)
        method = frames_timing(method, first, labels, budget).method
    return method.restore(frames, labels, budget).frames


def frames_in_memory(clip: PathLike | NDArray[np.uint8] | InputClip, what: str) -> Frames:
    """Return the frames of a clip that belongs to no dataset, uint8 RGB (T, H, W, 3).

    Args:
        clip: a video file, a folder of frames, an array of frames, or an opened clip.
        what: whose the frames are, for messages.

    Raises:
        InputError: if there is no such clip, or it is of another kind, type or shape.
    """
    if isinstance(clip, InputClip):
        return clip.frames
    if isinstance(clip, np.ndarray):
        return checked_frames(clip, what)
    return read_input(path_of(clip, what)).frames


def _checked_clip(frames: NDArray[np.uint8]) -> Frames:
    """Return frames that can be restored.

    Raises:
        InputError: if they are of another type or shape, too few, or too small.
    """
    frames = checked_frames(frames, "the clip")
    count, height, width, _ = frames.shape
    if count < FEWEST_FRAMES or min(height, width) < SMALLEST_SIDE_PX:
        raise InputError(
            f"the clip has {count} frames of {width}x{height}: at least {FEWEST_FRAMES} frames of {SMALLEST_SIDE_PX} "
            "pixels a side are needed"
        )
    return frames
