"""Which sharp frames of a clip are withheld, in which folds, and which blurry neighbours they judge."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.labels.sharpness import SharpLabels

FOLDS = 2
"""Restorations of a clip for each method; each misses every second of the frames that are withheld at all."""
FEWEST_WITHHELD = 4
REACH_FRAMES = 2
"""How far from a withheld frame a blurry one may be to be compared with it."""


@dataclass(frozen=True)
class Pair:
    """A withheld frame and a restored one that is compared with it, both by their place in the whole clip.

    Attributes:
        fold: the restoration that misses ``withheld``.
        withheld: a sharp frame.
        compared: a blurry neighbour.
    """

    fold: int
    withheld: int
    compared: int


@dataclass(frozen=True)
class HeldOutPlan:
    """What is withheld from a clip and what is compared.

    Attributes:
        count: frames of the whole clip.
        folds: the frames withheld in each restoration, ascending; no frame is in two of them.
        pairs: all comparisons, by fold, withheld and compared frame.
    """

    count: int
    folds: tuple[tuple[int, ...], ...]
    pairs: tuple[Pair, ...]

    def kept(self, fold: int) -> NDArray[np.intp]:
        """List the frames that a method is given in a fold, in ascending order."""
        return np.setdiff1d(np.arange(self.count), self.folds[fold])


def plan_held_out(labels: SharpLabels, is_confirmed: NDArray[np.bool_], clip: str) -> HeldOutPlan:
    """Choose what is withheld from a clip.

    A frame may be withheld that the labeller calls sharp on its own account (not as the sharpest of its segment), that
    is confirmed, and that has a frame which is not selected within :data:`REACH_FRAMES`. In order of time they go into
    the folds in turn, so that the next ones before and after a withheld frame stay as clues.

    Args:
        labels: of the whole clip.
        is_confirmed: (T,) whether a second criterion calls the frame sharp.
        clip: what the clip is called in the error.

    Raises:
        InputError: too few frames can be withheld.
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
            f"frames; a held-out score needs {FEWEST_WITHHELD}: give a longer or a steadier clip"
        )
    folds = tuple(tuple(list(judged)[fold::FOLDS]) for fold in range(FOLDS))
    pairs = [Pair(fold, k, i) for fold, withheld in enumerate(folds) for k in withheld for i in judged[k]]
    return HeldOutPlan(count, folds, tuple(pairs))
