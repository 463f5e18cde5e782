"""Read from a clip, without its truth, how much its sharp frames can help; gains are predicted from these signs."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import flow_dis, occlusion_mask
from hvdbench.frames import Frame, Gray, to_gray
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.metrics.strata import distance_to_sharp
from hvdbench.workspace.engine import thread_map

SIGNS = ("sharp_share", "distance_frames", "flow_reliability", "contrast", "motion_share")
"""The names of the signs, in the order of :attr:`ClipSigns.values`."""

_WIDTH_PX = 320  # frames are reduced to this width for flow, so that shares of the width are comparable
_FRAMES = 24
_MASK_SCALE = 0.5


@dataclass(frozen=True)
class ClipSigns:
    """What is known of a clip before it is restored.

    Attributes:
        sharp_share: the share of frames that the paper's rule selects, 0 to 1.
        distance_frames: the mean distance of the other frames to the nearest selected one, in frames.
        flow_reliability: the mean of ``M_occ`` (Eq. 5, s 0.5 per px at 320 px) from such frames to their nearest
            selected one, 0 to 1: the share of the picture for which the sharp frame can be borrowed.
        contrast: the median sharpness (Eq. 1) of the selected frames over that of the others.
        motion_share: the median motion of the other frames to their neighbour, as a share of the width.
    """

    sharp_share: float
    distance_frames: float
    flow_reliability: float
    contrast: float
    motion_share: float

    @property
    def values(self) -> list[float]:
        """The values of the signs, in the order of :data:`SIGNS`."""
        return [float(getattr(self, name)) for name in SIGNS]


def signs_of(grays: Sequence[Gray], labels: SharpLabels, workers: int = 1) -> ClipSigns | None:
    """Read the signs off a clip.

    The signs of the flow come from up to 24 frames, evenly spread over those that were not selected.

    Args:
        grays: the T frames as :func:`small_gray` returns them, T at least 2.
        labels: the labels that say which frames were selected as sharp.
        workers: number of threads; the result does not depend on it.

    Returns:
        The signs; None where every frame was selected, or no frame was.
    """
    selected, rest = labels.selected, np.flatnonzero(~labels.is_selected)
    if not len(selected) or not len(rest):
        return None
    asked = [int(i) for i in np.unique(rest[np.linspace(0, len(rest) - 1, _FRAMES).round().astype(int)])]
    found = np.array(list(thread_map(lambda i: _reliability_and_motion(grays, i, selected), asked, workers)))
    others = float(np.median(labels.sharpness[rest]))
    return ClipSigns(
        len(selected) / len(grays),
        float(distance_to_sharp(labels.is_selected)[rest].mean()),
        float(found[:, 0].mean()),
        float(np.median(labels.sharpness[selected])) / max(others, 1e-6),
        float(np.median(found[:, 1])),
    )


def _reliability_and_motion(grays: Sequence[Gray], index: int, selected: NDArray[np.intp]) -> tuple[float, float]:
    sharp = int(selected[np.argmin(np.abs(selected - index))])
    neighbour = index + 1 if index + 1 < len(grays) else index - 1
    here, there, beside = (grays[i] for i in (index, sharp, neighbour))
    mask = occlusion_mask(flow_dis(here, there), flow_dis(there, here), _MASK_SCALE)
    motion = flow_dis(here, beside)
    return float(mask.mean()), float(np.median(np.hypot(motion[..., 0], motion[..., 1]))) / here.shape[1]


def small_gray(frame: Frame) -> Gray:
    """Return the gray of a frame, uint8 RGB (H, W, 3), reduced to a width of 320 px at most, as the signs need it."""
    gray = to_gray(frame)
    height, width = gray.shape
    if width <= _WIDTH_PX:
        return gray
    size = (_WIDTH_PX, max(1, round(height * _WIDTH_PX / width)))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)
