"""Remove sharp clues from the input of stage 2 (RSCR, section 3.2): which frame k of a window is put into slot i."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hvdbench.methods.selfhvd.settings import Clues

_DRAW = 1  # keeps this draw apart from the draw of the window itself, which has the same seed and index


def draw_slots(
    is_sharp: NDArray[np.bool_], clues: Clues, segment_frames: int, *, seed: int, index: int
) -> NDArray[np.intp]:
    """Choose which frame k of a window is put into each of its slots i, by the window's own draw.

    Args:
        is_sharp: (T,) selected frames of the window.
        clues: clues to remove; ``off`` leaves all frames where they are.
        segment_frames: length of a segment, counted from the window's first frame.
        seed: random seed of the run.
        index: index of the window.

    Returns:
        The frame in each slot, (T,).
    """
    random = np.random.default_rng([seed, index, _DRAW])
    if clues == "sharp":
        return remove_sharp_clues(is_sharp, segment_frames, random)
    if clues == "random":
        return remove_any_frames(is_sharp, segment_frames, random)
    return np.arange(len(is_sharp))


def remove_sharp_clues(
    is_sharp: NDArray[np.bool_], segment_frames: int, random: np.random.Generator
) -> NDArray[np.intp]:
    """Replace ``l`` of the ``L`` sharp frames of each segment, 0 < l ≤ L, by their temporally closest blurry frame.

    ``l`` is drawn with equal chances. The closest frame comes from the whole window, the earlier one of two equally
    close ones. A window without a blurry frame stays as it is.
    """
    slots, blurry = np.arange(len(is_sharp)), np.flatnonzero(~is_sharp)
    if len(blurry) == 0:
        return slots
    for segment in _segments(len(is_sharp), segment_frames):
        sharp = segment[is_sharp[segment]]
        if len(sharp):
            for i in random.choice(sharp, random.integers(1, len(sharp) + 1), replace=False):
                slots[i] = _closest(blurry, i)
    return slots


def remove_any_frames(
    is_sharp: NDArray[np.bool_], segment_frames: int, random: np.random.Generator
) -> NDArray[np.intp]:
    """Replace as many frames as :func:`remove_sharp_clues` would, drawn from all, by their closest frame that stays.

    This is the paper's ablation of RSCR.
    """
    count = len(is_sharp)
    slots, goes = np.arange(count), np.zeros(count, bool)
    if is_sharp.all():
        return slots
    for segment in _segments(count, segment_frames):
        sharp_count = int(is_sharp[segment].sum())
        if sharp_count:
            goes[random.choice(segment, random.integers(1, sharp_count + 1), replace=False)] = True
    staying = np.flatnonzero(~goes)
    for i in np.flatnonzero(goes):
        slots[i] = _closest(staying, i)
    return slots


def _segments(count: int, length: int) -> list[NDArray[np.intp]]:
    return [np.arange(first, min(first + length, count)) for first in range(0, count, length)]


def _closest(frames: NDArray[np.intp], i: np.intp) -> int:
    return int(frames[np.argmin(np.abs(frames - i))])


def own_slots(clip: Tensor) -> Tensor:
    """Return the slots (N, T) of windows (N, T, ...) in which every frame is in its own place."""
    return torch.arange(clip.shape[1], device=clip.device).expand(len(clip), -1)


def gather(clip: Tensor, slots: Tensor) -> Tensor:
    """Put frame k into each slot i that shows it; (N, T, ...) to the same shape."""
    return clip[torch.arange(len(slots), device=slots.device).unsqueeze(1), slots]


def at_slots(clip: Tensor, slots: Tensor) -> Tensor:
    """Gather frames by slot and flatten them to (N * T, ...)."""
    return gather(clip, slots).flatten(0, 1)
