"""Plan which sharp frames of a clip are withheld, in which folds, and which blurry neighbours they judge."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.labels.sharpness import SharpLabels

FOLDS = 2
"""The restorations of a clip by each method; each lacks every second one of the frames that are withheld at all."""
FEWEST_WITHHELD = 4
REACH_FRAMES = 2
"""The largest distance, in frames, between a withheld frame and a blurry one that is compared with it."""


@dataclass(frozen=True)
class Pair:
    """A withheld frame and a restored frame that is compared with it, by their numbers in the whole clip.

    Attributes:
        fold: the restoration that lacks ``withheld``.
        withheld: the number of a sharp frame.
        compared: the number of a blurry neighbour.
    """

    fold: int
    withheld: int
    compared: int


@dataclass(frozen=True)
class HeldOutPlan:
    """Which frames of a clip are withheld, and which are compared.

    Attributes:
        count: the number of frames of the whole clip.
        folds: the frames withheld in each restoration, ascending; no frame is in two of them.
        pairs: all comparisons, sorted by fold, withheld and compared frame.
    """

    count: int
    folds: tuple[tuple[int, ...], ...]
    pairs: tuple[Pair, ...]

    def kept(self, fold: int) -> NDArray[np.intp]:
        """Return the numbers of the frames that a method is given in a fold, ascending."""
        return np.setdiff1d(np.arange(self.count), self.folds[fold])


def plan_held_out(labels: SharpLabels, is_confirmed: NDArray[np.bool_], clip: str) -> HeldOutPlan:
    """Choose which frames of a clip are withheld.

    A frame may be withheld if the labeller calls it sharp on its own account (not as the sharpest of its segment), if
    it is confirmed, and if a frame that is not selected lies within :data:`REACH_FRAMES`. In order of time the frames
    are dealt to the folds in turn, so that the next ones before and after a withheld frame remain as clues.

    Args:
        labels: the labels of the whole clip.
        is_confirmed: (T,), whether a second criterion calls the frame sharp.
        clip: the clip's name in the error.

    Raises:
        InputError: if too few frames can be withheld.
    """
    count = len(labels.is_sharp)
    may_go = labels.is_sharp & ~labels.from_segment & is_confirmed
    judged: dict[int, list[int]] = {}
    for withheld in map(int, np.flatnonzero(may_go)):
        near = range(max(0, withheld - REACH_FRAMES), min(count, withheld + REACH_FRAMES + 1))
        blurry = [i for i in near if not labels.is_selected[i]]
        if blurry:
            judged[withheld] = blurry
    if len(judged) < FEWEST_WITHHELD:
        raise InputError(
            f"{clip} has {len(judged)} frames that are surely sharp and have a blurry one within {REACH_FRAMES} "
            f"frames; a held-out score needs {FEWEST_WITHHELD}: choose a longer or a steadier clip"
        )
    folds = tuple(tuple(list(judged)[fold::FOLDS]) for fold in range(FOLDS))
    pairs = [Pair(fold, k, i) for fold, withheld in enumerate(folds) for k in withheld for i in judged[k]]
    return HeldOutPlan(count, folds, tuple(pairs))
