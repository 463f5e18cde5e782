"""Make the conditions under which sharp frames are blurred (DBCGM): as the frames around them are blurred."""

import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import Flow
from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.blur.exposure_model import fit_exposure_model
from hvdbench.methods.blur.reblur import exposure_motion
from hvdbench.methods.rivals.dadeblur.settings import ConditionSettings
from hvdbench.methods.rivals.settings import Way

Condition = NDArray[np.float32]  # (H, W, 3): unit vector x, y, and length in px
_REACH = (-2, -1, 1, 2)
_STILL_PX = 1e-6  # a motion of less has no direction; the published code divides by 0 there


def condition_of(
    aligner: Aligner,
    lengths_px: NDArray[np.float32],
    index: int,
    settings: ConditionSettings,
    ends: Way = "meant",
) -> Condition:
    """Make the condition of a frame: the direction of its own motion, and the magnitude of its neighbours.

    The direction is that of ``(flow(t, t+1) - flow(t, t-1)) / 2``. The length is the frame's own divided by its
    largest, times the mean of those of the two frames before and the two after, plus a constant.

    Args:
        aligner: aligner of the clip's frames.
        lengths_px: (T, H, W) lengths by the estimator, px, 0 or more.
        index: number of the frame.
        settings: the constant.
        ends: what a frame gets that has fewer than four such neighbours in the list of all frames but the first and
            the last: the mean of those that the clip has, or, as published, its own length plus the constant.
    """
    count = len(lengths_px)
    motion = exposure_motion(aligner, index)
    own = lengths_px[index]
    extra = np.float32(settings.extra_px * own.shape[1] / settings.extra_width_px)
    if ends == "published" and not 3 <= index <= count - 4:
        return _joined(motion, own + extra)
    beside = [index + step for step in _REACH if 0 <= index + step < count]
    largest = float(own.max())
    share = own / np.float32(largest) if largest > 0 else np.ones_like(own)
    around = lengths_px[beside].mean(axis=0) if beside else own
    return _joined(motion, share * around + extra)


def own_condition(aligner: Aligner, lengths_px: NDArray[np.float32], index: int) -> Condition:
    """Return how a frame itself is blurred: the direction of its motion and its own lengths, nothing added."""
    return _joined(exposure_motion(aligner, index), lengths_px[index])


def motion_lengths(aligner: Aligner, is_sharp: NDArray[np.bool_], workers: int = 1) -> NDArray[np.float32]:
    """Measure how far each point travels during the exposure of each frame without a network, px.

    It is the length of the motion per frame interval, times the share of the exposure, one for the clip, at which sharp
    frames that are warped onto the others blur to them.

    Args:
        aligner: aligner of the clip's T frames.
        is_sharp: (T,) labels.
        workers: number of threads; the result does not depend on it.

    Returns:
        Lengths (T, H, W), float32.
    """
    share = np.float32(fit_exposure_model(aligner, is_sharp, workers, with_paths=False).tau)
    motions = (exposure_motion(aligner, index) for index in range(len(aligner.frames)))
    return np.stack([share * np.hypot(motion[..., 0], motion[..., 1]) for motion in motions])


def unit_vectors(motion: Flow) -> Flow:
    """Return the directions of a motion, (H, W, 2); 0 where nothing moves."""
    length = np.hypot(motion[..., 0], motion[..., 1])[..., None]
    return np.asarray(np.where(length > _STILL_PX, motion / np.maximum(length, _STILL_PX), 0), np.float32)


def turned_by_a_quarter(condition: Condition) -> Condition:
    """Turn the directions of a condition by 90 degrees."""
    return np.stack([-condition[..., 1], condition[..., 0], condition[..., 2]], axis=-1)


def _joined(motion: Flow, length_px: NDArray[np.float32]) -> Condition:
    return np.concatenate([unit_vectors(motion), length_px[..., None]], axis=-1).astype(np.float32)
