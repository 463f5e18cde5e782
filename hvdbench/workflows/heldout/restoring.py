"""Restore a clip without its withheld frames; neither the input nor the labels hold anything of them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hvdbench.errors import InputError
from hvdbench.frames import Frames
from hvdbench.labels.stored import make_labels
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget
from hvdbench.methods.training.one_clip import on_one_clip
from hvdbench.workflows.heldout.plan import HeldOutPlan

Restore = Callable[[Frames], Frames]
"""A function from frames of a clip to as many restored frames, (T, H, W, 3) uint8."""


def restorer(method: Method, budget: Budget) -> Restore:
    """Return a method as a function of frames alone, which labels the frames that it is given anew.

    A method that is trained over clips without truth is trained on the given frames if it has no weights.

    Args:
        method: the method, open and with its weights if it has some.
        budget: the budget of each restoration.

    Raises:
        InputError: if the method cannot be run again, or if it learns from a truth and has no weights.
    """
    if not method.scheme.restores_anew:
        raise InputError(
            f"method '{method.name}' is a folder of results, which saw every frame: a held-out score needs a method "
            "that can restore the clip again without some of them"
        )
    alone = replace(budget, clip=None)
    ready = on_one_clip(method) if method.is_trained and method.weights is None else method
    return lambda frames: ready.restore(frames, make_labels(ready.scheme.labeller, frames), alone).frames


def restore_fold(restore: Restore, frames: Frames, plan: HeldOutPlan, fold: int) -> Frames:
    """Restore a clip without a fold's withheld frames.

    Returns:
        The whole clip, (T, H, W, 3); zeros where a frame was withheld.

    Raises:
        InputError: if the method returned another number or size of frames.
    """
    kept = plan.kept(fold)
    given = frames[kept]
    found = restore(given)
    if found.shape != given.shape:
        raise InputError(f"the method turned frames of {given.shape} into {found.shape}: they cannot be compared")
    whole = np.zeros_like(frames)
    whole[kept] = found
    return whole
