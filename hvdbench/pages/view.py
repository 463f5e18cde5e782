"""Hold what a page shows of one clip, and choose the frames that the page embeds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hvdbench.boards.references import CONTROLS
from hvdbench.errors import InputError
from hvdbench.frames import Frame, Frames
from hvdbench.labels.temporal_sharpness import MAP_FOLDER

BLURRY, TRUTH = "blurry", "sharp"
CLASS_NAMES = ("sharp", "mild", "blurry")
TRUTH_NAMES: Mapping[str, str] = {"mid": "mid-exposure", "centroid": "exposure centroid"}
MAP_LABEL = "temporal sharpness of the input"

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class PickedFrames:
    """Frames of a clip of which only those that a page embeds are in memory.

    Attributes:
        shape: of all frames, (T, H, W, 3).
        pictures: the frames at hand by their numbers, uint8 RGB (H, W, 3).
    """

    shape: tuple[int, ...]
    pictures: Mapping[int, Frame]

    def __getitem__(self, index: int) -> Frame:
        return self.pictures[index]


@dataclass(frozen=True, kw_only=True)
class ClipView:
    """One clip as a page shows it.

    It has T frames of H x W px, M samples of the path in each exposure, and S samples of the whole path.

    Raises:
        InputError: if there are no blurry frames, or the length or size of a field does not fit them.
    """

    name: str
    scene_kind: str
    source: str
    t_s: Floats
    """(T,) mid-exposure times."""
    has_times: bool = True
    """Whether ``t_s`` are times; for a folder of frames without a rate they are frame numbers."""
    frames: Mapping[str, Frames | PickedFrames]
    """The frames ``blurry``, those of each method, maps as ``temporal_sharpness`` if there are any, and ``sharp`` if
    there is a ground truth; uint8 (T, H, W, 3)."""
    truth: str | None = None
    """The ground truth in ``sharp`` and ``psnr``: ``mid`` or ``centroid`` of the exposure, or None."""
    is_selected: NDArray[np.bool_]
    """(T,) whether the labeller selected the frame as sharp."""
    oracle_class: NDArray[Any] | None = None
    """(T,) class by the oracle: 0 is sharp, 1 is mild, 2 is blurry."""
    sharpness: Floats
    """(T,) variance of the Laplacian of the blurry frame."""
    threshold: float
    psnr: Mapping[str, Floats] = field(default_factory=dict)
    """PSNR of each frame in dB, (T,), for ``blurry`` and each method; empty without a ground truth."""
    displacement_px: Floats | None = None
    """(T,) blur extent from the oracle."""
    exposure_residual_px: Floats | None = None
    """(T, M, 2) stabilised path of the image centre inside each exposure, x and y."""
    exposure_hand_px: Floats | None = None
    """(T, M, 2) the same path without the stabiliser."""
    path_t_s: Floats | None = None
    path_hand_deg: Floats | None = None
    """(S, 3) rotation by the hand about x, y and z."""
    path_lens_deg: Floats | None = None
    """(S, 2) angle by which the lens compensates about x and y."""
    path_residual_deg: Floats | None = None
    """(S, 3) rotation about x, y and z that the stabiliser leaves."""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if BLURRY not in self.frames:
            found = ", ".join(self.frames) or "none"
            raise InputError(f"clip '{self.name}': a page needs its blurry frames (found {found})")
        expected = self.frames[BLURRY].shape
        for key, frames in self.frames.items():
            if frames.shape != expected:
                what = f"the frames of '{key}' are {frames.shape}, but the blurry frames are {expected}"
                raise InputError(f"clip '{self.name}': {what}")
        per_frame: dict[str, NDArray[Any] | None] = {
            name: getattr(self, name) for name in ("t_s", "is_selected", "oracle_class", "sharpness", "displacement_px")
        }
        per_frame |= {name: getattr(self, name) for name in ("exposure_residual_px", "exposure_hand_px")}
        per_frame |= {f"psnr of {key}": values for key, values in self.psnr.items()}
        for name, values in per_frame.items():
            if values is not None and len(values) != expected[0]:
                raise InputError(f"clip '{self.name}': {name} has {len(values)} entries for {expected[0]} frames")

    @property
    def methods(self) -> list[str]:
        """List the methods in the order of their frames."""
        return [key for key in self.frames if key not in (BLURRY, MAP_FOLDER, TRUTH)]

    @property
    def keys(self) -> list[str]:
        """List the keys of all pictures of a frame: the blurry one, those of the methods, the map, and the truth."""
        return [BLURRY, *self.methods, *(key for key in (MAP_FOLDER, TRUTH) if key in self.frames)]

    def label(self, key: str) -> str:
        """Return the caption of a picture, which states the kind of ground truth or marks a control."""
        if key == BLURRY:
            return "blurry input"
        if key == TRUTH:
            return f"truth ({TRUTH_NAMES.get(self.truth or '', 'instant not named')})"
        if key == MAP_FOLDER:
            return MAP_LABEL
        return f"{key} ({CONTROLS[key]})" if key in CONTROLS else key


@dataclass(frozen=True)
class TellingFrame:
    """A frame that a page embeds, and the reason why it was chosen."""

    index: int
    why: str


def telling_frames(clip: ClipView, count: int = 8) -> tuple[TellingFrame, ...]:
    """Choose the most informative frames of a clip, in order of time.

    Half of them are the blurriest frames that were not selected as sharp, at least two frames apart. The others are the
    frame that a method harmed most, a selected frame that the oracle calls blurry, the sharpest selected frame, and
    frames with mild blur. Evenly spaced frames fill the places that are left.
    """
    total = len(clip.t_s)
    blurriest_first = _blurriest_first(clip)
    picks: dict[int, str] = {}

    def take(index: int | None, why: str) -> None:
        if index is not None and index not in picks and len(picks) < count:
            picks[index] = why

    def also(index: int | None, why: str) -> None:
        if index is not None and index in picks:
            picks[index] += f"; {why}"
        take(index, why)

    for index in [index for index in blurriest_first if not clip.is_selected[index]]:
        if len(picks) >= max(1, count // 2):
            break
        if all(abs(index - other) > 1 for other in picks):
            take(index, "among the blurriest" if picks else "the blurriest")
    also(*_most_harmed(clip))
    selected = np.flatnonzero(clip.is_selected)
    if clip.oracle_class is not None:
        wrong = [index for index in blurriest_first if clip.is_selected[index] and clip.oracle_class[index] == 2]
        also(wrong[0] if wrong else None, "selected, though the oracle calls it blurry")
    if selected.size:
        take(int(selected[np.argmax(clip.sharpness[selected])]), "the sharpest selected")
    for index in _mild(clip, blurriest_first):
        if all(abs(index - other) > 1 for other in picks):
            take(index, "mild blur")
    for index in np.linspace(0, total - 1, min(total, 2 * count)).round().astype(int):
        take(int(index), "evenly spaced")
    return tuple(TellingFrame(index, picks[index]) for index in sorted(picks))


def _blurriest_first(clip: ClipView) -> list[int]:
    extent = -clip.sharpness if clip.displacement_px is None else clip.displacement_px
    return [int(index) for index in np.argsort(-np.asarray(extent, np.float64), kind="stable")]


def _most_harmed(clip: ClipView) -> tuple[int | None, str]:
    if BLURRY not in clip.psnr:
        return None, ""
    losses = [
        (float(gain[index]), int(index), method)
        for method in clip.methods
        if method in clip.psnr
        for gain in [np.nan_to_num(clip.psnr[method] - clip.psnr[BLURRY], nan=0.0, posinf=0.0, neginf=0.0)]
        for index in [np.argmin(gain)]
    ]
    loss, index, method = min(losses, default=(0.0, 0, ""))
    return (index, f"most harmed: {method} −{-loss:.1f} dB") if loss < -0.05 else (None, "")


def _mild(clip: ClipView, blurriest_first: list[int]) -> list[int]:
    if clip.oracle_class is not None:
        return [index for index in blurriest_first if clip.oracle_class[index] == 1]
    rest = [index for index in blurriest_first if not clip.is_selected[index]]
    return rest[len(rest) // 2 :]


def detail_centre(clip: ClipView, index: int, size_px: int) -> tuple[int, int]:
    """Find the window of ``size_px`` that blur changed most, for a magnifier, and return its centre as x and y.

    The blurry frame is compared with the ground truth, or with the last method's frame if there is none.
    """
    return most_changed(clip.frames[clip.keys[-1]][index], clip.frames[BLURRY][index], size_px)


def most_changed(reference: Frame, frame: Frame, size_px: int) -> tuple[int, int]:
    """Find the window of ``size_px`` in which two frames (H, W, 3) differ most, and return its centre as x and y."""
    change = np.abs(reference.astype(np.float32).mean(axis=-1) - frame.astype(np.float32).mean(axis=-1)) + 1e-3
    height, width = change.shape
    window = min(size_px, height, width)
    total = np.pad(change.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    sums = total[window:, window:] - total[:-window, window:] - total[window:, :-window] + total[:-window, :-window]
    row, column = np.unravel_index(int(np.argmax(sums)), sums.shape)
    return int(column) + window // 2, int(row) + window // 2
