"""What the fusion network sees of a clip: each blurry frame with its neighbours warped onto it, made once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hvdbench.engine import thread_map
from hvdbench.methods.alignment import Aligner, sharp_neighbours

SLOTS = ("blurry", "previous", "next", "previous_sharp", "next_sharp")
"""The candidates of a frame, in the network's order."""
FIRST_SHARP_SLOT = 3


@dataclass(frozen=True)
class CandidateStack:
    """The candidates of N frames of one clip; C is ``len(SLOTS)`` plus what was added.

    Attributes:
        index: (N,) which frame of the clip each row is.
        colours: (N, C, H, W, 3) uint8 RGB, warped; a slot that has no frame holds the blurry frame.
        masks: (N, C, H, W) uint8, 255 where the warp can be trusted, 0 all over in a slot that has no frame.
        is_sharp: (N, C) bool, whether the slot's frame is a selected one.
    """

    index: NDArray[np.intp]
    colours: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    is_sharp: NDArray[np.bool_]

    def with_slot(self, colours: NDArray[np.uint8]) -> "CandidateStack":
        """Add a slot of fully trusted pictures (N, H, W, 3) that count as sharp."""
        count, _, height, width, _ = self.colours.shape
        full = np.full((count, 1, height, width), 255, np.uint8)
        return CandidateStack(
            self.index,
            np.concatenate((self.colours, colours[:, None]), axis=1),
            np.concatenate((self.masks, full), axis=1),
            np.concatenate((self.is_sharp, np.ones((count, 1), bool)), axis=1),
        )


def stack_candidates(
    aligner: Aligner, index: Sequence[int] | NDArray[np.intp], is_sharp: NDArray[np.bool_], workers: int = 1
) -> CandidateStack:
    """Warp the neighbours of the frames ``index`` onto them.

    Args:
        aligner: of the clip.
        index: frames to restore.
        is_sharp: (T,) the labels.
        workers: threads.
    """
    count = len(aligner.frames)
    selected = np.flatnonzero(is_sharp)
    slots = {int(i): _slots(int(i), count, selected) for i in index}
    aligner.prepare([(i, j) for i, found in slots.items() for j in found if j is not None and j != i])

    def row(i: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], list[bool]]:
        blurry = aligner.frames[i]
        colours, masks, flags = [], [], []
        for slot, j in enumerate(slots[i]):
            if j is None or slot == 0:
                colours.append(blurry)
                masks.append(np.full(blurry.shape[:2], 255 if slot == 0 else 0, np.uint8))
            else:
                colours.append(np.rint(aligner.warped(i, j)).astype(np.uint8))
                masks.append(np.rint(255 * aligner.mask(i, j)).astype(np.uint8))
            flags.append(j is not None and bool(is_sharp[j]))
        return np.stack(colours), np.stack(masks), flags

    rows = list(thread_map(row, [int(i) for i in index], workers))
    return CandidateStack(
        np.asarray(index, np.intp),
        np.stack([r[0] for r in rows]),
        np.stack([r[1] for r in rows]),
        np.array([r[2] for r in rows], bool),
    )


def _slots(i: int, count: int, selected: NDArray[np.intp]) -> list[int | None]:
    near = sharp_neighbours(i, selected)
    before = next((j for j in near if j < i), None)
    after = next((j for j in near if j > i), None)
    return [i, i - 1 if i > 0 else None, i + 1 if i + 1 < count else None, before, after]
