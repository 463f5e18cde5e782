"""Fit BluRef to one clip: its sharp frames are the references, and its blurry frames what is learned from."""

import time
from typing import ClassVar

import numpy as np

from hvdbench.errors import FitError
from hvdbench.frames import Frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.foreign.adapting import as_video_network
from hvdbench.methods.inference.network_restoration import restore_with
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.rivals.bluref.fit import BlurefFit
from hvdbench.methods.rivals.bluref.settings import BlurefSettings
from hvdbench.methods.rivals.starts import start_identity
from hvdbench.methods.scheme import Scheme
from hvdbench.methods.stages import measured, stage
from hvdbench.recipe import Settings
from hvdbench.weights.finding import find_weights


class Bluref(Scheme[BlurefSettings]):
    """A scheme that trains a network for pictures on a clip's matched sharp frames, and restores with one pass of it.

    The paper trains over a dataset of blurry pictures with sharp references near in time; here both come from the clip
    itself. References serve the training alone.
    """

    Settings: ClassVar[type[Settings]] = BlurefSettings
    takes_inference: ClassVar[bool] = True

    @property
    def identity(self) -> dict[str, object]:
        """All settings, and the content of the weights that the network starts from."""
        return super().identity | start_identity(self.settings.start_from)

    @property
    def fit_steps(self) -> int:
        """The number of steps of all rounds together."""
        return self.settings.steps

    def with_steps(self, steps: int) -> "Bluref":
        """Return the same scheme with this number of steps, spread evenly over its rounds."""
        return Bluref(self.settings.model_copy(update={"steps": steps}))

    def check(self) -> None:
        """Find the weights that the network starts from.

        Raises:
            WeightsError: if they are missing.
        """
        if self.settings.start_from:
            find_weights(self.settings.start_from)

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Fit to the clip and restore it.

        Raises:
            FitError: if no frame is selected, or nothing could be matched.
            WeightsError: if SEA-RAFT is asked for and its weights are missing.
        """
        if not labels.is_selected.any():
            raise FitError("no frame of the clip is sharper than the rest, so there is no reference to learn from")
        if labels.is_selected.all():
            return Restoration(blurry.copy(), {"passed_through": list(range(len(blurry)))})
        started = time.perf_counter()
        with measured() as stages:
            fit = BlurefFit(blurry, labels.is_selected, self.settings, budget)
            with stage("training"):
                network = as_video_network(fit.run())
            with stage("restoring"):
                restored = restore_with(network, blurry, budget)
        passed = np.flatnonzero(labels.is_passed) if self.settings.pass_through else np.array([], np.intp)
        frames = restored.frames
        frames[passed] = blurry[passed]
        facts: dict[str, object] = {
            "matcher": self.settings.matcher,
            "steps": self.settings.steps,
            "loss": fit.record.loss,
            "coverage": fit.record.coverage,
            "passed_through": passed.tolist(),
            "seconds": round(time.perf_counter() - started, 1),
        }
        return Restoration(frames, restored.facts | facts | stages.facts)
