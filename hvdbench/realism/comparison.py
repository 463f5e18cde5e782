"""Compare the clips of a dataset with real ones, all measured from frames by the same estimator."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hvdbench.errors import DatasetError, InputError
from hvdbench.frames import Frames
from hvdbench.realism.clip import COMMON_WIDTH_PX, LEAST_FLOOR_PX, ClipMeasure, measure_clip
from hvdbench.realism.series import path_extent
from hvdbench.store import ClipFolder, Dataset
from hvdbench.video.crop import Crop, Size, cut, parse_crop
from hvdbench.video.input import InputClip, open_input, read_input
from hvdbench.workspace.progress import Progress, silent

HALVES = ("left-half", "right-half")
SLOWEST_CAMERA_FPS = 20.0
UNLIKE_WIDTHS = 1.5
NARROW_PX = 640
"""Below, 0.003 of the width is less than 2 px and lies under the estimator's floor."""


@dataclass(frozen=True)
class RealityRequest:
    """The real clips to compare with.

    Attributes:
        against: video files or folders of frames.
        references: sharp pictures of the same frames, one clip for each of ``against``, or none at all.
        crop, reference_crop: part of the picture: ``left-half``, ``right-half`` or x:y:w:h in px.
        fps: true rate of the real clips; None takes the rate that the files state, which is wrong in slowed-down files.
        width_px: wider clips are reduced to this before anything is measured, simulated ones too.
        most_frames: of each clip; None measures all.
        most_clips: of the dataset, the first by name; None measures all.
    """

    against: tuple[Path, ...]
    references: tuple[Path, ...] = ()
    crop: str | None = None
    reference_crop: str | None = None
    fps: float | None = None
    width_px: int = COMMON_WIDTH_PX
    most_frames: int | None = None
    most_clips: int | None = None


@dataclass(frozen=True)
class Validation:
    """Measured extents of simulated frames against the true ones of their tracks, px at a width of 1920.

    Attributes:
        frames: with a known path.
        correlation, slope: of measured on true.
        floor_px: median measured extent of the tenth of the frames with the least true one.
    """

    frames: int
    correlation: float
    slope: float
    floor_px: float


@dataclass(frozen=True)
class Comparison:
    """Measured clips of both sides.

    Attributes:
        dataset, origin: of the simulated side.
        simulated, real: clips, neither empty.
        validation: of the estimator; None where the dataset knows no paths.
        notes: sentences that belong below the table.
    """

    dataset: str
    origin: str
    simulated: tuple[ClipMeasure, ...]
    real: tuple[ClipMeasure, ...]
    validation: Validation | None
    notes: tuple[str, ...]


def compare(dataset: Dataset, request: RealityRequest, *, progress: Progress = silent) -> Comparison:
    """Measure the dataset's blurry clips and the real ones.

    Blur is measured against given references on both sides (the truth at mid-exposure of simulated clips), or, where
    none are given, on both sides against each clip's own sharp frames.

    Raises:
        InputError: if there is no real clip, references are neither none nor one for each real clip, or a clip cannot
            be read.
        DatasetError: if references are given and a simulated clip has no truth.
    """
    if not request.against:
        raise InputError("there is nothing to compare with: name a real clip")
    if len(request.references) not in (0, len(request.against)):
        raise InputError(
            f"there are {len(request.references)} references for {len(request.against)} clips: give one for each clip, "
            "in the same order, or none"
        )
    if min(request.width_px, request.most_frames or 2, request.most_clips or 1) < 1 or request.most_frames == 1:
        raise InputError("width and clips must be 1 or more, frames 2 or more")
    notes: list[str] = []
    real = tuple(_real(request, index, notes, progress) for index in range(len(request.against)))
    chosen = dataset.clips()[: request.most_clips]
    simulated = tuple(_simulated(clip, request, progress) for clip in chosen)
    notes += _notes(simulated, real, request)
    return Comparison(dataset.name, dataset.origin, simulated, real, validate(simulated), tuple(notes))


def validate(clips: Sequence[ClipMeasure]) -> Validation | None:
    """Compare measured with true extents, over all frames that have both; None where fewer than 3 have."""
    known = [clip for clip in clips if clip.true_extent_px is not None]
    if not known:
        return None
    seen = np.concatenate([clip.extent_px for clip in known])
    true = np.concatenate([clip.true_extent_px for clip in known if clip.true_extent_px is not None])
    seen, true = seen[np.isfinite(seen)], true[np.isfinite(seen)]
    if len(seen) < 3 or seen.std() == 0 or true.std() == 0:
        return None
    stillest = np.argsort(true, kind="stable")[: max(1, len(true) // 10)]
    correlation = float(np.corrcoef(true, seen)[0, 1])
    slope = correlation * float(seen.std() / true.std())
    return Validation(len(seen), correlation, slope, float(np.median(seen[stillest])))


def true_extent_px(clip: ClipFolder) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None:
    """Return the extent (T,) of the exposures' paths at the frame's centre, px; None where the tracks have none."""
    path = clip.track("exposure/residual_px")
    return None if path is None else path_extent(np.asarray(path, np.float64))


def _real(request: RealityRequest, index: int, notes: list[str], progress: Progress) -> ClipMeasure:
    path = request.against[index]
    clip = _read(path, request.crop, request)
    reference = _read(request.references[index], request.reference_crop, request) if request.references else None
    fps = request.fps or (float(clip.fps) if clip.fps is not None else None)
    name = path.stem if path.is_file() else path.resolve().name
    if sum((other.stem if other.is_file() else other.resolve().name) == name for other in request.against) > 1:
        name = f"{name} {index + 1}"
    if fps is None:
        notes.append(f"{name} is a folder and does not state a frame rate, so its spectrum is left out: give --fps")
    elif request.fps is None and fps < SLOWEST_CAMERA_FPS:
        notes.append(f"{name} plays at {fps:.4g} fps: where that is not the true rate, give it with --fps")
    notes += [f"{name}: {warning}" for warning in clip.warnings]
    return measure_clip(
        name,
        clip.frames[: request.most_frames],
        reference=None if reference is None else reference.frames[: request.most_frames],
        fps=fps,
        progress=progress,
    )


def _simulated(clip: ClipFolder, request: RealityRequest, progress: Progress) -> ClipMeasure:
    reference = clip.truth("mid") if request.references else None
    if request.references and reference is None:
        raise DatasetError(f"{clip.folder} has no sharp frames to measure blur against: leave out the references")
    fps = clip.attributes().get("fps")
    frames = clip.blurry()[: request.most_frames]
    width_px = min(request.width_px, frames.shape[2])
    true = true_extent_px(clip)
    return measure_clip(
        f"{clip.split}/{clip.name}",
        _reduced(frames, width_px),
        reference=None if reference is None else _reduced(reference[: request.most_frames], width_px),
        fps=None if fps is None else float(fps),
        true_extent_px=None if true is None else true[: len(frames)] * width_px / frames.shape[2],
        progress=progress,
    )


def _reduced(frames: Frames, width_px: int) -> Frames:
    height, width = frames.shape[1:3]
    if width == width_px:
        return frames
    return np.stack([cut(frame, None, _size(width, height, width_px)) for frame in frames])


def _size(width: int, height: int, width_px: int) -> Size:
    return width_px, max(1, round(height * width_px / width))


def _read(path: Path, crop: str | None, request: RealityRequest) -> InputClip:
    with open_input(path) as opened:
        width, height = opened.size
    found = None if crop is None else read_crop(crop, (height, width))
    width, height = (width, height) if found is None else found[2:]
    size = _size(width, height, request.width_px) if width > request.width_px else None
    return read_input(path, crop=found, size=size)


def read_crop(text: str, shape: tuple[int, int]) -> Crop:
    """Read ``left-half``, ``right-half``, ``x:y:w:h`` or ``x,y,w,h``; ``shape`` is the picture's height and width.

    Raises:
        InputError: if the text is anything else.
    """
    half = shape[1] // 2
    if text in HALVES:
        return (0 if text == HALVES[0] else shape[1] - half), 0, half, shape[0]
    if not re.fullmatch(r"[\d\s:,]+", text):
        raise InputError(f"crop '{text}' is neither one of {', '.join(HALVES)} nor x:y:w:h in px")
    return parse_crop(text.replace(",", ":"))


def _notes(simulated: Sequence[ClipMeasure], real: Sequence[ClipMeasure], request: RealityRequest) -> list[str]:
    if request.references:
        notes = ["blur was measured against the given references, of simulated clips against their truth"]
    else:
        notes = ["blur was measured on both sides against each clip's own sharp frames, so it reads low: sharp frames"]
        notes[0] += " have some blur too"
    widths = {name: sorted({clip.width_px for clip in clips}) for name, clips in _sides(simulated, real)}
    low, high = min(map(min, widths.values())), max(map(max, widths.values()))
    if high > UNLIKE_WIDTHS * low:
        floor = LEAST_FLOOR_PX * COMMON_WIDTH_PX / low
        notes.append(
            f"frames are {low} to {high} px wide and the estimator's floor is {LEAST_FLOOR_PX:g} px of them "
            f"({floor:.0f} px at {COMMON_WIDTH_PX} for the narrowest): --width {low} measures all alike"
        )
    if low < NARROW_PX:
        notes.append(
            f"in frames {low} px wide the extent that parts sharp from blurry lies under the estimator's floor: sharp "
            f"shares and runs of such clips are not to be trusted"
        )
    return notes


def _sides(
    simulated: Sequence[ClipMeasure], real: Sequence[ClipMeasure]
) -> tuple[tuple[str, Sequence[ClipMeasure]], tuple[str, Sequence[ClipMeasure]]]:
    return ("simulated", simulated), ("real", real)
