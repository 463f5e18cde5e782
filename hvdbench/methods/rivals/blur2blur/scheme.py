"""Fit Blur2Blur to one clip: its sharp frames make the known blur, to which that of its other frames is translated."""

import time
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import FitError
from hvdbench.frames import Frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.foreign.adapting import as_video_network
from hvdbench.methods.inference.network_restoration import restore_with
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.rivals.blur2blur.deblurrer import Deblurrer, train_deblurrer
from hvdbench.methods.rivals.blur2blur.known import make_pairs, suited
from hvdbench.methods.rivals.blur2blur.settings import Blur2blurSettings, KnownBlurSettings
from hvdbench.methods.rivals.blur2blur.translator import Translator, TranslatorFit, size_of_test, to_size
from hvdbench.methods.rivals.starts import start_identity
from hvdbench.methods.scheme import Scheme
from hvdbench.methods.stages import measured, stage
from hvdbench.networks.rivals.mimo_unet import MIMOUNet
from hvdbench.recipe import Settings
from hvdbench.weights.finding import find_weights
from hvdbench.workspace.progress import silent


class Blur2blur(Scheme[Blur2blurSettings]):
    """A scheme that translates a clip's blur to one that it knows, and removes that.

    In the paper the known blur is that of a dataset, with a deblurrer that was trained on it. Here the clip's sharp
    frames are blurred in a known way, and the deblurrer is trained on these pairs.
    """

    Settings: ClassVar[type[Settings]] = Blur2blurSettings
    takes_inference: ClassVar[bool] = True

    @property
    def identity(self) -> dict[str, object]:
        """All settings, and the content of the weights that the deblurrer starts from."""
        return super().identity | start_identity(self.settings.deblurrer.start_from)

    @property
    def fit_steps(self) -> int:
        """The number of steps of the deblurrer and the translator together."""
        return self.settings.deblurrer.steps + self.settings.translator.steps

    def with_steps(self, steps: int) -> "Blur2blur":
        """Return the same scheme with this number of steps, divided between its networks in the same ratio.

        A network that has no steps keeps none, and one that has some keeps one at least.
        """
        of_deblurrer, of_translator = self.settings.deblurrer.steps, self.settings.translator.steps
        if of_translator == 0:
            first, second = steps, 0
        elif of_deblurrer == 0:
            first, second = 0, steps
        else:
            first = min(max(1, steps - 1), max(1, round(steps * of_deblurrer / self.fit_steps)))
            second = max(1, steps - first)
        deblurrer = self.settings.deblurrer.model_copy(update={"steps": first})
        translator = self.settings.translator.model_copy(update={"steps": second})
        return Blur2blur(self.settings.model_copy(update={"deblurrer": deblurrer, "translator": translator}))

    def check(self) -> None:
        """Find the weights that the deblurrer starts from.

        Raises:
            WeightsError: if they are missing.
        """
        if self.settings.deblurrer.start_from:
            find_weights(self.settings.deblurrer.start_from)

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Fit to the clip and restore it.

        Raises:
            FitError: if no frame is selected.
            InputError: if the clip is too small for the networks.
            WeightsError: if weights are missing that the recipe names.
        """
        if not labels.is_selected.any():
            raise FitError("no frame of the clip is sharper than the rest, so there is nothing to make known blur of")
        if labels.is_selected.all():
            return Restoration(blurry.copy(), {"passed_through": list(range(len(blurry)))})
        started = time.perf_counter()
        with measured() as stages:
            known = self.known_blur(blurry, labels.is_selected, budget)
            deblurrer, translator = self.fit(blurry, labels.is_selected, known, budget)
            with stage("restoring"):
                translated, how = self.translated(translator.network, blurry, budget)
                moved = self._moved(translated, blurry, labels.is_selected)
                restored = restore_with(as_video_network(deblurrer.network), translated, budget).frames
        restored = restored if restored.shape == blurry.shape else to_size(restored, blurry.shape[1:3])
        passed = np.flatnonzero(labels.is_passed) if self.settings.pass_through else np.array([], np.intp)
        restored[passed] = blurry[passed]
        facts: dict[str, object] = {
            "steps": self.fit_steps,
            "deblurrer_loss": deblurrer.loss,
            "translator_loss": [list(losses) for losses in translator.loss],
            "translation_levels": moved,
            "known_px": [round(known.shortest_px, 2), round(known.longest_px, 2)],
            "kernel_weights": self.settings.kernel_weights or "none: the known pairs themselves are the real pictures",
            "passed_through": passed.tolist(),
            "seconds": round(time.perf_counter() - started, 1),
        }
        if self.settings.translator.perceptual == 0:
            facts["off"] = ["VGG16 loss (no weights): the mean absolute difference stands in for it"]
        return Restoration(restored, how | facts | stages.facts)

    def known_blur(self, blurry: Frames, is_selected: NDArray[np.bool_], budget: Budget) -> KnownBlurSettings:
        """Return the known blur of a clip: that of the settings, made weaker where it is to suit the clip."""
        known = self.settings.known
        if not known.suits_clip:
            return known
        with stage("preprocessing"):
            return suited(blurry[is_selected], blurry[~is_selected], known, budget.seed)

    def fit(
        self, blurry: Frames, is_selected: NDArray[np.bool_], known: KnownBlurSettings, budget: Budget
    ) -> tuple[Deblurrer, Translator]:
        """Train both networks on a clip.

        Args:
            blurry: uint8 RGB (T, H, W, 3).
            is_selected: (T,) the sharp frames; at least one frame is one, and one is not.
            known: the known blur of the clip.
            budget: seed, threads, device and progress.
        """
        sharp, unknown, settings = blurry[is_selected], blurry[~is_selected], self.settings
        with stage("preprocessing"):
            pairs = make_pairs(sharp, known, budget.seed, budget.workers)
            fit = TranslatorFit(unknown, sharp, pairs, settings, budget)  # first, so that errors come before long work
        with stage("training"):
            deblurrer = train_deblurrer(pairs, settings.deblurrer, settings.crop_px, budget, self.fit_steps)
            return deblurrer, fit.run(settings.deblurrer.steps, self.fit_steps)

    def translated(self, network: MIMOUNet, blurry: Frames, budget: Budget) -> tuple[Frames, dict[str, object]]:
        """Return the clip with its blur translated, and how the network was run.

        With ``test_size`` as published, frames are resized so that their sides are multiples of 256 before.
        """
        is_resized = self.settings.as_.test_size == "published"
        frames = to_size(blurry, size_of_test(blurry.shape[1:3])) if is_resized else blurry
        made = restore_with(as_video_network(network), frames, replace(budget, progress=silent))
        return made.frames, made.facts

    def _moved(self, translated: Frames, blurry: Frames, is_selected: NDArray[np.bool_]) -> float:
        """Return by how many levels of 8 bits the translation changes the frames that are not selected, on average."""
        same_size = translated if translated.shape == blurry.shape else to_size(translated, blurry.shape[1:3])
        change = np.abs(same_size[~is_selected].astype(np.int16) - blurry[~is_selected])
        return round(float(change.mean()), 4)
