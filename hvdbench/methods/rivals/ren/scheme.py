"""The scheme ``ren``: a network fitted to blurred patches of the clip's own sharpest frames (arXiv 2012.05228)."""

import time
from collections.abc import Mapping, Sequence
from typing import ClassVar

from hvdbench.frames import Frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.building import build_network
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.rivals.ren.fit import fit_to_clip, open_refined, refined_frames, restore_kept
from hvdbench.methods.rivals.ren.losses import make_perceptual_loss, missing_vgg
from hvdbench.methods.rivals.ren.settings import RenSettings
from hvdbench.methods.rivals.starts import start_identity
from hvdbench.methods.scheme import Scheme
from hvdbench.methods.stages import measured, stage
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.known import DEFAULT
from hvdbench.recipe import Settings
from hvdbench.weights.finding import find_weights


class Ren(Scheme[RenSettings]):
    """A scheme that fits a network to each clip alone."""

    Settings: ClassVar[type[Settings]] = RenSettings
    takes_inference: ClassVar[bool] = True

    @property
    def identity(self) -> dict[str, object]:
        """All settings, whether VGG19 is there, and what the refined method's frames depend on."""
        return super().identity | surroundings(self.settings)

    @property
    def made_from(self) -> str | None:
        """The origin of the refined frames, where they come from more than the clip."""
        refined = open_refined(self.settings)
        return None if refined is None else refined.made_from

    @property
    def fit_steps(self) -> int:
        """The number of steps of the fit."""
        return self.settings.engine.steps

    def with_steps(self, steps: int) -> "Ren":
        """Return the same fit with this number of steps."""
        engine = self.settings.engine.model_copy(update={"steps": steps})
        return Ren(self.settings.model_copy(update={"engine": engine}))

    def check(self) -> None:
        """Build the network and the losses, and open the method that is refined.

        Raises:
            HvdbenchError: if the network cannot be built, named weights are missing, or there is no such method.
        """
        check_parts(self.settings)

    def check_clips(self, frame_names: Mapping[str, Sequence[str]], protocol: Protocol = DEFAULT) -> None:
        """Check that the method that is refined can restore a dataset's clips.

        Raises:
            HvdbenchError: if it cannot.
        """
        refined = open_refined(self.settings)
        if refined is not None:
            refined.scheme.check_clips(frame_names, protocol)

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Fit the network to the clip and restore it.

        Raises:
            FitError: if the clip is flat or too small, or the loss exploded.
            WeightsError: if weights are missing that the settings name.
            KeyboardInterrupt: if the fit was asked to stop.
        """
        return fit_and_restore(self.settings, blurry, labels, budget)


def fit_and_restore(settings: RenSettings, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
    """Fit a network to a clip, or to another method's frames of it, and restore these frames.

    Raises:
        HvdbenchError: under the conditions of :meth:`Ren.restore`.
    """
    started = time.perf_counter()
    with measured() as stages:
        with stage("preprocessing"):
            clip, before = refined_frames(settings, blurry, labels, budget)
        network, fitted = fit_to_clip(settings, clip, budget)
        with stage("restoring"):
            frames, run = restore_kept(settings, network, clip, budget)
    spent = {"seconds": round(time.perf_counter() - started, 1)} | stages.facts
    return Restoration(frames, before | fitted | run | spent)


def surroundings(settings: RenSettings) -> dict[str, object]:
    """Return what the frames depend on besides the settings: whether VGG19 is there, the start, the refined method."""
    found: dict[str, object] = {"vgg19": missing_vgg(settings.loss) is None} | start_identity(settings.start_from)
    refined = open_refined(settings)
    return found if refined is None else found | {"refined": refined.digest}


def check_parts(settings: RenSettings) -> None:
    """Build the network and the losses of a recipe, and open the method that is refined.

    Raises:
        HvdbenchError: if the network cannot be built, named weights are missing, or there is no such method.
    """
    build_network(settings.network, settings.network_arguments)
    if settings.start_from:
        find_weights(settings.start_from)
    make_perceptual_loss(settings.loss)
    open_refined(settings)
