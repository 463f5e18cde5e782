"""A clip restored without the frames that are withheld: neither the input nor the labels hold anything of them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hvdbench.errors import InputError
from hvdbench.frames import Frames
from hvdbench.labels.sharpness import label_paper
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget
from hvdbench.methods.training.one_clip import on_one_clip
from hvdbench.workflows.heldout.plan import HeldOutPlan

Restore = Callable[[Frames], Frames]
"""Frames of a clip to as many restored frames, (T, H, W, 3) uint8."""


def restorer(method: Method, budget: Budget) -> Restore:
    """Return a method as a function of frames alone; labels are made anew from what it is given.

    A method that is trained over clips without truth is trained on the given frames where it has no weights.

    Args:
        method: opened with its weights, where there are some.
        budget: of each restoration.

    Raises:
        InputError: it cannot be run again, or it learns from a truth and has no weights.
    """
    if not method.scheme.restores_anew:
        raise InputError(
            f"method '{method.name}' is a folder of results, which saw every frame: a held-out score needs a method "
            "that can restore the clip again without some of them"
        )
    alone = replace(budget, clip=None)
    ready = on_one_clip(method) if method.is_trained and method.weights is None else method
    return lambda frames: ready.restore(frames, label_paper(frames), alone).frames


def restore_fold(restore: Restore, frames: Frames, plan: HeldOutPlan, fold: int) -> Frames:
    """Restore a clip without a fold's withheld frames.

    Returns:
        (T, H, W, 3) of the whole clip; zeros where a frame was withheld.

    Raises:
        InputError: the method gave frames of another number or size.
    """
    kept = plan.kept(fold)
    given = frames[kept]
    found = restore(given)
    if found.shape != given.shape:
        raise InputError(f"the method turned frames of {given.shape} into {found.shape}: they cannot be compared")
    whole = np.zeros_like(frames)
    whole[kept] = found
    return whole
