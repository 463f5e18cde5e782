"""The scheme ``ren_maml``: meta-trained over outside clips, then fitted to each clip in minutes (section III-C)."""

import copy
from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

from torch import nn

from hvdbench.errors import InputError, WeightsError
from hvdbench.frames import Frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.rivals.ren.fit import open_refined
from hvdbench.methods.rivals.ren.maml import MamlObjective
from hvdbench.methods.rivals.ren.objective import window_px
from hvdbench.methods.rivals.ren.scheme import check_parts, fit_and_restore, surroundings
from hvdbench.methods.rivals.ren.settings import RenMamlSettings
from hvdbench.methods.training.network_training import NetworkTraining
from hvdbench.methods.training.samples import WindowSettings
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.known import DEFAULT
from hvdbench.recipe import Settings


class RenMaml(NetworkTraining[RenMamlSettings]):
    """A scheme whose training finds weights that a short fit to a clip starts from."""

    Settings: ClassVar[type[Settings]] = RenMamlSettings
    has_network: ClassVar[bool] = False  # frames cannot go through it one by one, since it is fitted to them first
    takes_inference: ClassVar[bool] = True
    needs_other_clips: ClassVar[bool] = True

    @property
    def identity(self) -> dict[str, object]:
        """All settings, whether VGG19 is there, and what the refined method's frames depend on."""
        return super().identity | surroundings(self.settings)

    @property
    def made_from(self) -> str | None:
        """The origin of the frames, in words for a board, where the weights are those inside the package."""
        if self._weights is not None or not self.shipped:
            return None
        return f"a fit to each scored clip from weights '{self.shipped}' of hvdbench, no truth read"

    @property
    def window(self) -> WindowSettings:
        """The sharp crops: patches with the reach of the kernels around them."""
        return self.settings.window.model_copy(update={"crop_px": window_px(self.settings)})

    def objective(self, seed: int = 0) -> MamlObjective:
        """Make the objective of the meta-training.

        Raises:
            WeightsError: if named weights of VGG19 are missing, or its weights are damaged.
        """
        return MamlObjective(self.settings, seed)

    def check(self) -> None:
        """Read the weights, build the network and the losses, and open the method that is refined.

        Raises:
            HvdbenchError: if weights are missing or damaged, the network cannot be built, or there is no such method.
        """
        super().check()
        check_parts(self.settings)

    def check_clips(self, frame_names: Mapping[str, Sequence[str]], protocol: Protocol = DEFAULT) -> None:
        """Check that the method that is refined can restore a dataset's clips.

        Raises:
            HvdbenchError: if it cannot.
        """
        refined = open_refined(self.settings)
        if refined is not None:
            refined.scheme.check_clips(frame_names, protocol)

    @property
    def fit_steps(self) -> int:
        """The number of steps of the fit to each clip."""
        return self.settings.fine_tuning.steps

    def with_fit_steps(self, steps: int) -> Self:
        """Return the same scheme and weights with this number of steps of the fit to each clip."""
        tuning = self.settings.fine_tuning.model_copy(update={"steps": steps})
        changed = copy.copy(self)
        changed.settings = self.settings.model_copy(update={"fine_tuning": tuning})
        return changed

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Fit the network to the clip from the meta-trained weights, and restore it.

        Raises:
            FitError: if the clip is flat or too small, or the loss exploded.
            WeightsError: if there are no weights, or they are damaged or of another network.
            KeyboardInterrupt: if the fit was asked to stop.
        """
        if self.weights is None:
            raise WeightsError(
                "a fit from meta-trained weights needs weights: make them by 'hvdbench train ren2020_maml' over other "
                "clips and name them with --weights, or use ren2020, which starts from nothing"
            )
        start = {"start_from": str(self.weights), "engine": self.settings.fine_tuning}
        return fit_and_restore(self.settings.model_copy(update=start), blurry, labels, budget)

    def restore_with(self, network: nn.Module, blurry: Frames, budget: Budget) -> Restoration:
        """Refuse to restore without a fit, because the weights are made to be fitted from.

        Raises:
            InputError: always.
        """
        raise InputError(
            "meta-trained weights restore nothing before they are fitted to a clip: train them over other clips and "
            "name them with --weights, or use ren2020, which starts from nothing"
        )
