"""Find pairs whose folders of blurry and sharp frames are exchanged, by how sharp a few of the frames are."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import cv2

from hvdbench.dataset.release_pairs import Pair
from hvdbench.errors import InputError
from hvdbench.frames import read_frame, to_gray
from hvdbench.metrics.sharpness import sharpness

_CLIPS_LOOKED_AT, _FRAMES_LOOKED_AT = 6, 3
_SMALL_SIDE_PX = 240  # frames are reduced to at least this, which takes noise away before sharpness is measured
_SHARPER = 1.5  # a frame this much above the other is the sharper of the two
_FEWEST_VOTES, _SURE = 3, 0.9
_Thing = TypeVar("_Thing")


def refuse_swapped(pairs: Sequence[Pair]) -> None:
    """Refuse pairs whose blurry frames are clearly the sharper ones.

    A few frames of a few clips are reduced, so that noise counts little, and the variance of their Laplacian is
    compared. Nothing is said unless at least three frames differ clearly, and nearly all of these the wrong way round.

    Raises:
        InputError: if the folders are exchanged.
    """
    with_truth = [(blur, truth) for blur, truth in pairs if truth is not None]
    votes = [
        vote
        for blur, truth in _spread(with_truth, _CLIPS_LOOKED_AT)
        for ours, theirs in _spread(list(zip(blur.files, truth.files, strict=True)), _FRAMES_LOOKED_AT)
        if (vote := _sharper(ours, theirs)) is not None
    ]
    wrong = sum(votes)
    if wrong >= _FEWEST_VOTES and wrong >= _SURE * len(votes):
        blur, truth = with_truth[0]
        raise InputError(
            f"the frames of {blur.folder} are sharper than those of {truth.folder}, as in {wrong} of the {len(votes)} "
            "pairs that were compared: the folders of blurry and sharp frames seem to be exchanged; if they are right, "
            "name them with --blur and --sharp"
        )


def _sharper(ours: Path, theirs: Path) -> bool | None:
    """Return whether the first of two frames is clearly sharper; None where neither is."""
    one, other = _measured(ours), _measured(theirs)
    if max(one, other) < _SHARPER * min(one, other) or one == other:
        return None
    return one > other


def _measured(file: Path) -> float:
    gray = to_gray(read_frame(file))
    factor = max(min(gray.shape) // _SMALL_SIDE_PX, 1)
    size = (gray.shape[1] // factor, gray.shape[0] // factor)
    return sharpness(cv2.resize(gray, size, interpolation=cv2.INTER_AREA))  # type: ignore[arg-type]


def _spread(things: Sequence[_Thing], count: int) -> list[_Thing]:
    """Return at most so many things, evenly spread, the first and the last among them."""
    last = len(things) - 1
    if last < count:
        return list(things)
    return [things[round(index * last / (count - 1))] for index in range(count)]
