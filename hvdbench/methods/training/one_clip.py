"""A method that is trained over clips, trained on one clip alone and then applied to it: test-time training."""

import time
from collections.abc import Callable
from typing import Any

from hvdbench.dataset.memory_reader import FramesReader
from hvdbench.errors import FitError, InputError
from hvdbench.frames import Frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget, Restoration

PIXELS_PER_MINUTE = 2_000_000
"""Pixels of windows that a minute of training stands for; a fixed rate, so that the same command gives the same frames
anywhere. One core does 8 million with ESTRNN, 3 with IFIRNN, 2 with BasicVSR++ and 1.3 with RVRT at their ``@tiny``
sizes; full networks take longer than a minute for it on a CPU, and far less on a GPU."""


class OneClip:
    """A trained, self-supervised scheme as one that is fitted to each clip; made by :func:`on_one_clip`.

    Args:
        scheme: a :class:`hvdbench.methods.training.scheme.TrainedScheme` that reads no truth.
        say: told in one line what the training is going to take.
    """

    def __init__(self, scheme: Any, say: Callable[[str], None] | None = None) -> None:
        self.settings = scheme.settings
        self._scheme, self._say = scheme, say

    def for_minutes(self, minutes: float) -> "OneClip":
        """Give the same with as many steps as the minutes stand for."""
        engine = self.settings.engine.model_copy(update={"steps": steps_of(self.settings, minutes)})
        return OneClip(type(self._scheme)(self.settings.model_copy(update={"engine": engine})), self._say)

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Train the network on the clip, without a folder, and restore the clip with it.

        Raises:
            FitError: no frame is selected, the clip is too small, or the loss exploded.
            WeightsError: weights that the recipe starts from, or looks through, are missing.
            KeyboardInterrupt: somebody asked the training to stop.
        """
        from hvdbench.methods.training.scheme import train_scheme

        if not labels.is_selected.any():
            raise FitError("no frame of the clip is sharper than the rest: there is nothing to learn from")
        started = time.perf_counter()
        split = next(
            iter(self.settings.splits), "test"
        )  # a recipe's splits are of a dataset; this clip is all there is
        reader = FramesReader(blurry, labels, f"{split}/clip")
        network, result = train_scheme(self._scheme, reader, None, budget, say=self._say)
        if not result.is_finished:
            raise KeyboardInterrupt
        restoration = self._scheme.restore(network, blurry, budget)
        training = {key: value for key, value in result.facts.items() if key != "seconds"}
        facts = {"training": training, "steps": result.steps, "seconds": round(time.perf_counter() - started, 1)}
        return Restoration(restoration.frames, restoration.facts | facts)


def on_one_clip(method: Method, say: Callable[[str], None] | None = None) -> Method:
    """Give a method that is trained over clips as one that is fitted to each clip alone.

    Raises:
        InputError: it learns from a truth.
    """
    if method.scheme.reads_truth:
        raise InputError(
            f"method '{method.reference}' learns from a truth, which this clip has not: name its weights with "
            "--weights, or a method that fits to a clip without one"
        )
    return Method(method.reference, method.recipe, OneClip(method.scheme, say))


def steps_of(settings: Any, minutes: float) -> int:
    """Turn minutes into steps, at the fixed rate, by the pixels of a step's windows.

    Args:
        settings: of a trained scheme.
        minutes: above 0.
    """
    pixels: int = settings.engine.batch * settings.window.clip_frames * settings.window.crop_px**2
    return max(1, round(minutes * PIXELS_PER_MINUTE / pixels))
