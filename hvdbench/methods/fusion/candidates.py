"""Build the input of the fusion network: each blurry frame with its neighbours warped onto it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hvdbench.frames import Image
from hvdbench.methods.blur.alignment import Aligner, sharp_neighbours
from hvdbench.workspace.engine import thread_map

SLOTS = ("blurry", "previous", "next", "previous_sharp", "next_sharp")
"""The candidates of a frame, in the network's order; one more, a blend, may follow."""
FIRST_SHARP_SLOT = 3


@dataclass(frozen=True)
class CandidateStack:
    """The candidates of N frames of one clip.

    Attributes:
        index: (N,) frame of the clip that each row belongs to.
        colours: (N, C, H, W, 3) RGB, warped; a slot without a frame holds the blurry frame. Rounded to uint8, or
            float32 in [0, 255].
        masks: (N, C, H, W) uint8, 255 where the warp can be trusted, 0 everywhere in a slot without a frame.
        is_sharp: (N, C) bool, whether the slot's frame is a selected one.
    """

    index: NDArray[np.intp]
    colours: NDArray[np.uint8] | NDArray[np.float32]
    masks: NDArray[np.uint8]
    is_sharp: NDArray[np.bool_]

    def rows(self, which: NDArray[np.intp]) -> "CandidateStack":
        """Return some of the rows as a stack of their own."""
        return CandidateStack(self.index[which], self.colours[which], self.masks[which], self.is_sharp[which])


def stack_candidates(
    aligner: Aligner,
    index: Sequence[int],
    is_sharp: NDArray[np.bool_],
    *,
    blend: Callable[[int], Image] | None = None,
    workers: int = 1,
    is_rounded: bool = True,
) -> CandidateStack:
    """Warp the neighbours of the frames ``index`` onto them.

    Args:
        aligner: aligner of the clip.
        index: frames to restore, at least one.
        is_sharp: (T,) labels.
        blend: function that returns one more candidate for a frame, float32 (H, W, 3) in [0, 255], which is trusted
            everywhere.
        workers: number of threads.
        is_rounded: round colours to 8 bits, a quarter of the memory.
    """
    count, selected = len(aligner.frames), np.flatnonzero(is_sharp)

    def stored(picture: Image) -> NDArray[Any]:
        return _levels(picture) if is_rounded else np.asarray(np.clip(picture, 0, 255), np.float32)

    def row(i: int) -> tuple[NDArray[Any], NDArray[np.uint8], list[bool]]:
        blurry = stored(aligner.blurry(i))
        full, empty = np.full(blurry.shape[:2], 255, np.uint8), np.zeros(blurry.shape[:2], np.uint8)
        colours, masks, flags = [blurry], [full], [bool(is_sharp[i])]
        for j in _neighbours(i, count, selected):
            colours.append(blurry if j is None else stored(aligner.warped(i, j)))
            masks.append(empty if j is None else _levels(255 * aligner.mask(i, j)))
            flags.append(j is not None and bool(is_sharp[j]))
        if blend is not None:
            colours.append(stored(blend(i)))
            masks.append(full)
            flags.append(True)
        return np.stack(colours), np.stack(masks), flags

    colours, masks, flags = np.empty(0, np.uint8), np.empty(0, np.uint8), list[list[bool]]()
    for place, (row_colours, row_masks, row_flags) in enumerate(thread_map(row, list(index), workers)):
        if not place:  # filled row by row: a list of rows beside its stack would take twice the memory
            colours = np.empty((len(index), *row_colours.shape), row_colours.dtype)
            masks = np.empty((len(index), *row_masks.shape), np.uint8)
        colours[place], masks[place] = row_colours, row_masks
        flags.append(row_flags)
    return CandidateStack(np.asarray(index, np.intp), colours, masks, np.array(flags, bool))


def _levels(picture: Image) -> NDArray[np.uint8]:
    return np.asarray(np.rint(np.clip(picture, 0, 255)), np.uint8)


def _neighbours(i: int, count: int, selected: NDArray[np.intp]) -> list[int | None]:
    """Return the frames of the slots after the first, or None where the clip has none."""
    near = sharp_neighbours(i, selected)
    before = next((j for j in near if j < i), None)
    after = next((j for j in near if j > i), None)
    return [i - 1 if i > 0 else None, i + 1 if i + 1 < count else None, before, after]
