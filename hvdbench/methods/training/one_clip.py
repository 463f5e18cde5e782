"""Train a method on one clip alone and then apply it to that clip: test-time training."""

import time
from dataclasses import replace
from typing import ClassVar

from hvdbench.dataset.memory_reader import FramesReader
from hvdbench.errors import FitError, InputError
from hvdbench.frames import Frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.scheme import Scheme, TrainedScheme
from hvdbench.methods.stages import measured, stage
from hvdbench.recipe import Settings


class OneClip(Scheme[Settings]):
    """A self-supervised scheme that is trained on each clip alone; :func:`on_one_clip` makes it.

    Args:
        scheme: trained scheme that does not read the truth.
    """

    takes_inference: ClassVar[bool] = True

    def __init__(self, scheme: TrainedScheme[Settings]) -> None:
        super().__init__(scheme.settings)
        self._scheme = scheme

    @property
    def fit_steps(self) -> int:
        """The number of steps of the training."""
        return self._scheme.engine.steps

    def with_steps(self, steps: int) -> "OneClip":
        """Return the same fit with this number of steps."""
        return OneClip(self._scheme.with_steps(steps))

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Train the network on the clip, without a folder, and restore the clip with it.

        Raises:
            FitError: if no frame is selected, the clip is too small, or the loss exploded.
            WeightsError: if weights are missing that the training starts from, or that its losses need.
            KeyboardInterrupt: if the training was asked to stop.
        """
        from hvdbench.methods.training.scheme import train_scheme

        if not labels.is_selected.any():
            raise FitError("no frame of the clip is sharper than the rest: there is nothing to learn from")
        started = time.perf_counter()
        # a recipe names splits of a dataset; the clip is put into the first of them, so that it is trained on
        split = next(iter(self._scheme.splits), "test")
        reader = FramesReader(blurry, labels, f"{split}/clip")
        # the minutes have set the steps; a limit of time would make the frames depend on the machine
        with measured() as stages:
            network, result = train_scheme(self._scheme, reader, None, replace(budget, minutes=None))
            if not result.is_finished:
                raise KeyboardInterrupt
            with stage("restoring"):
                restoration = self._scheme.restore_with(network, blurry, budget)
        training = {key: value for key, value in result.facts.items() if key != "seconds"}
        facts = {"training": training, "steps": result.steps, "seconds": round(time.perf_counter() - started, 1)}
        return Restoration(restoration.frames, restoration.facts | facts | stages.facts)


def on_one_clip(method: Method) -> Method:
    """Return a method that is trained over clips as one that is fitted to each clip alone.

    Raises:
        InputError: if the method learns from a truth, or from other clips.
    """
    if method.trained_scheme.needs_other_clips:
        raise InputError(
            f"method '{method.reference}' learns from other clips than the one that it restores, and has no weights: "
            f"train it with 'hvdbench train {method.reference}' and name its weights with --weights"
        )
    if method.scheme.reads_truth:
        raise InputError(
            f"method '{method.reference}' learns from a truth, and this clip has none: name its weights with "
            "--weights, or choose a method that is fitted to a clip without a truth"
        )
    return replace(method, scheme=OneClip(method.trained_scheme))
