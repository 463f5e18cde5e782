"""Measure one clip, in the same way whether it is real or simulated."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.flow import flow_dis, warp
from hvdbench.frames import Frames, Gray, Image, to_gray
from hvdbench.labels.sharpness import label_paper
from hvdbench.realism.appearance import noise_level, saturated_share, smooth_sharpness
from hvdbench.realism.blur import FrameBlur, frame_blur
from hvdbench.realism.motion import view_motion
from hvdbench.workspace.progress import Progress, silent

Array = NDArray[np.float64]
Reference = Literal["given", "own sharp frames"]

COMMON_WIDTH_PX = 1920
SHARP_SHARE = 0.003
"""Of the width: a frame whose true extent is at most this is sharp, as for the oracle."""
FLOOR_PX = 4.0
"""At the common width: extent that optics, compression and the estimator give to a sharp frame."""
LEAST_FLOOR_PX = 2.5
"""In px of the frames measured: the estimator's own floor, which no reduction of the frames takes away."""


@dataclass(frozen=True)
class ClipMeasure:
    """What was measured of T frames. Lengths are in px at a width of 1920, NaN where nothing could be measured.

    Attributes:
        name: for the table.
        width_px: of the frames measured.
        fps: true rate; None where it is not known.
        reference: what the blur was measured against.
        shift_px: (T - 1, 2) motion of the view to the next frame.
        roll_deg, zoom: (T - 1,) turn, and growth less 1, to the next frame.
        extent_px, direction_deg, edge_over_centre: (T,) blur, see :class:`hvdbench.realism.blur.FrameBlur`.
        sharpness: (T,) variance of the Laplacian after a Gaussian of 1 px.
        saturated: (T,) share of pixels.
        noise: 8-bit levels.
        true_extent_px: (T,) from the tracks of a simulated clip; it enters no statistic, only the validation.
    """

    name: str
    width_px: int
    fps: float | None
    reference: Reference
    shift_px: Array
    roll_deg: Array
    zoom: Array
    extent_px: Array
    direction_deg: Array
    edge_over_centre: Array
    sharpness: Array
    saturated: Array
    noise: float
    true_extent_px: Array | None = None

    @property
    def sharp_below_px(self) -> float:
        """Return the measured extent up to which a frame counts as sharp: ``√((0.003·1920)² + floor²)``."""
        floor_px = max(FLOOR_PX, LEAST_FLOOR_PX * COMMON_WIDTH_PX / self.width_px)
        return float(np.hypot(SHARP_SHARE * COMMON_WIDTH_PX, floor_px))

    @property
    def is_sharp(self) -> NDArray[np.bool_]:
        """Return which of the T frames are sharp by measured extent, (T,)."""
        return np.asarray(self.extent_px <= self.sharp_below_px)

    @property
    def is_blurry(self) -> NDArray[np.bool_]:
        """Return which of the T frames are blurry, (T,); a frame that could not be measured is neither."""
        return np.asarray(self.extent_px > self.sharp_below_px)


def measure_clip(
    name: str,
    frames: Frames,
    *,
    reference: Frames | None = None,
    fps: float | None = None,
    true_extent_px: Array | None = None,
    progress: Progress = silent,
) -> ClipMeasure:
    """Measure a clip from its frames.

    Args:
        name: for the table.
        frames: uint8 RGB (T, H, W, 3), T >= 2.
        reference: sharp pictures of the same views, frame by frame; left out: for each frame the nearest other one
            that the paper's labeller selects, warped along optical flow.
        fps: true rate of the frames.
        true_extent_px: (T,) px of the frames, where it is known.
        progress: function called after every frame.

    Raises:
        InputError: under two frames, or a reference of another shape.
    """
    if len(frames) < 2:
        raise InputError(f"{name} has {len(frames)} frame: motion is measured between at least 2")
    if reference is not None and reference.shape != frames.shape:
        raise InputError(
            f"{name} has {_shape(frames)}, and its reference has {_shape(reference)}: a reference must show the same "
            "frames"
        )
    width_px = frames.shape[2]
    scale = COMMON_WIDTH_PX / width_px
    grays = [to_gray(frame) for frame in frames]
    sharp = _given(reference) if reference is not None else _own(frames, grays)
    blurs: list[FrameBlur] = []
    for index, gray in enumerate(grays):
        blurs.append(frame_blur(gray, sharp(index)))
        progress(index + 1, len(grays), f"measure {name}")
    motion = view_motion(frames)
    return ClipMeasure(
        name=name,
        width_px=width_px,
        fps=fps,
        reference="own sharp frames" if reference is None else "given",
        shift_px=motion.shift_px * scale,
        roll_deg=motion.roll_deg,
        zoom=motion.zoom,
        extent_px=np.array([blur.extent_px for blur in blurs]) * scale,
        direction_deg=np.array([blur.direction_deg for blur in blurs]),
        edge_over_centre=np.array([blur.edge_over_centre for blur in blurs]),
        sharpness=np.array([smooth_sharpness(gray) for gray in grays]),
        saturated=np.array([saturated_share(frame) for frame in frames]),
        noise=float(np.nanmedian([noise_level(gray) for gray in grays])),
        true_extent_px=None if true_extent_px is None else true_extent_px * scale,
    )


def _shape(frames: Frames) -> str:
    return f"{len(frames)} frames of {frames.shape[2]}x{frames.shape[1]}"


def _given(reference: Frames) -> Callable[[int], Gray | Image]:
    return lambda index: to_gray(reference[index])


def _own(frames: Frames, grays: list[Gray]) -> Callable[[int], Gray | Image]:
    """Warp onto each frame the nearest other selected one; where there is none, the frame itself is used."""
    selected = label_paper(frames).selected

    def nearest(index: int) -> Gray | Image:
        others = selected[selected != index]
        if not len(others):
            return grays[index]
        other = int(others[np.argmin(abs(others - index))])
        return warp(grays[other], flow_dis(grays[index], grays[other]))

    return nearest
