"""The scheme ``dadeblur``: fit ESTRNN to a clip by its sharp regions, blurred like the frames around them."""

import time
from functools import cached_property
from typing import ClassVar

import numpy as np

from hvdbench.errors import FitError, InputError, WeightsError
from hvdbench.frames import Frame, Frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.building import build_network, load_start
from hvdbench.methods.foreign.adapting import NetworkInput, SpecSettings, as_video_network
from hvdbench.methods.inference.network_restoration import restore_with
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.rivals.dadeblur.conditions import Condition, motion_lengths
from hvdbench.methods.rivals.dadeblur.fine_tuning import Pair, fine_tune
from hvdbench.methods.rivals.dadeblur.networks import (
    Chosen,
    blur_along_lines,
    blur_picture,
    choose,
    estimate_lengths,
    published_or_none,
)
from hvdbench.methods.rivals.dadeblur.pairs import Blur, conditions_of, make_pairs, part_of
from hvdbench.methods.rivals.dadeblur.settings import DaDeblurSettings
from hvdbench.methods.rivals.dadeblur.sharp_regions import REACH_FRAMES, find_sharp_regions
from hvdbench.methods.scheme import Scheme
from hvdbench.methods.stages import measured, stage
from hvdbench.networks.estrnn import ESTRNN
from hvdbench.networks.rivals.bme import BlurMagnitude
from hvdbench.networks.rivals.id_blau import IdBlau
from hvdbench.recipe import Settings
from hvdbench.response import open_response
from hvdbench.weights.finding import find_weights
from hvdbench.weights.registry import KNOWN
from hvdbench.workspace.manifest import file_sha256

_SEARCH, _NOISE = 0, 1  # keep their draws apart


class DaDeblur(Scheme[DaDeblurSettings]):
    """A scheme that finds a clip's sharp regions, blurs them anew, and fine-tunes a network on these pairs.

    The networks are those that the authors published where their weights are there, and else small ones that hvdbench
    trained on synthesised clips of other scenes; the motion takes the estimator's place. Labels of sharp frames serve
    to find the exposure's share of that motion, and nothing else.
    """

    Settings: ClassVar[type[Settings]] = DaDeblurSettings
    takes_inference: ClassVar[bool] = True

    @cached_property
    def _estimator(self) -> Chosen | None:
        """The estimator; None where the motion takes its place."""
        if self.settings.without_estimator == "motion":
            return published_or_none(self.settings.estimator)
        return choose(self.settings.estimator, self.settings.estimator_stand_in)

    @property
    def _longest_px(self) -> float:
        """The unit of the magnitudes, in px."""
        return (self.settings.estimator_stand_in if self._estimator is None else self._estimator.settings).longest_px

    @property
    def _measured_by(self) -> str:
        """What measures the blur, in words."""
        return "the motion" if self._estimator is None else self._estimator.fact

    @cached_property
    def _blurring(self) -> Chosen | None:
        """The blurring network; None where a line takes its place."""
        if self.settings.without_blurring == "line":
            return published_or_none(self.settings.blurring)
        return choose(self.settings.blurring, self.settings.blurring_stand_in)

    @property
    def _blurred_by(self) -> str:
        """What blurs regions, in words."""
        return "a mean along lines" if self._blurring is None else self._blurring.fact

    @cached_property
    def _begin(self) -> tuple[str, str]:
        """The network that is fine-tuned, and the weights that it starts from."""
        settings = self.settings
        if settings.published_start:
            try:
                find_weights(settings.published_start)
            except WeightsError:
                return settings.network, settings.start_from
            return settings.published_network or settings.network, settings.published_start
        return settings.network, settings.start_from

    @property
    def identity(self) -> dict[str, object]:
        """Everything that changes the frames: the settings, and the content of the files that were found."""
        chosen = {"estimator": self._estimator, "blurring": self._blurring}
        files = {name: found.path for name, found in chosen.items() if found is not None}
        files |= {"start": find_weights(self._begin[1])} if self._begin[1] else {}
        return super().identity | {"files": {part: file_sha256(path) for part, path in files.items()}}

    @property
    def made_from(self) -> str:
        """The origin of the frames, in words for a board."""
        parts = [f"blur measured by {self._measured_by}", f"regions blurred by {self._blurred_by}"]
        parts.append(f"{self._begin[0]} from '{self._begin[1] or 'nothing'}'")
        stands_in = any(found is None or found.is_stand_in for found in (self._estimator, self._blurring))
        why = " (of hvdbench, in place of the published weights)" if stands_in else ""
        return f"{', '.join(parts)}{why}"

    @property
    def fit_steps(self) -> int:
        """The number of steps of the fine-tuning."""
        return self.settings.fine_tuning.steps

    def with_steps(self, steps: int) -> "DaDeblur":
        """Return the same scheme with this number of steps of its fine-tuning."""
        tuning = self.settings.fine_tuning.model_copy(update={"steps": steps})
        return DaDeblur(self.settings.model_copy(update={"fine_tuning": tuning}))

    def check(self) -> None:
        """Build all networks and load their weights.

        Raises:
            WeightsError: if weights are missing, damaged, or of another network.
            InputError: if a network is of another kind.
            RecipeError: if there is no such camera response.
        """
        open_response(self.settings.line_response)
        self._open()

    def _open(self, device: str = "cpu", seed: int = 0) -> tuple[BlurMagnitude | None, IdBlau | None, ESTRNN]:
        estimator = self._estimator.open(device) if self._estimator else None
        blurring = self._blurring.open(device) if self._blurring else None
        name, weights = self._begin
        network = build_network(name, {}, seed)
        if not isinstance(estimator, BlurMagnitude | None) or not isinstance(blurring, IdBlau | None):
            raise InputError("DaDeblur's estimator must be 'bme' and its blurring network 'id_blau', at any size")
        if not isinstance(network, ESTRNN):
            raise InputError(f"DaDeblur fine-tunes ESTRNN, and '{name}' is another network: name 'estrnn' at any size")
        if min(network.past_frames, network.future_frames) != REACH_FRAMES or (
            network.past_frames != network.future_frames
        ):
            raise InputError(
                "DaDeblur fine-tunes ESTRNN with two frames before and two after: leave these arguments out"
            )
        load_start(network, weights or None, {})
        order = next((known.channel_order for known in KNOWN if known.name == weights), None)
        if order == "rgb":  # DaDeblur's own ESTRNN takes RGB, that of ESTRNN's authors BGR
            as_video_network(network, NetworkInput(spec=SpecSettings(channel_order="rgb")))
        return estimator, blurring, network

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Fit to the clip and restore all its frames.

        Raises:
            FitError: if the clip has too few frames or no sharp region, or the loss exploded.
            WeightsError: if weights are missing, damaged, or of another network.
        """
        started = time.perf_counter()
        if len(blurry) < 2 * REACH_FRAMES + 1:
            raise FitError(f"the clip has {len(blurry)} frames, and a window of DaDeblur needs {2 * REACH_FRAMES + 1}")
        estimator, blurring, network = self._open(budget.device, budget.seed)
        facts: dict[str, object] = {"estimator": self._measured_by, "blurring": self._blurred_by}
        facts |= {"start": f"{self._begin[0]} from {self._begin[1] or 'random weights'}", "steps": self.fit_steps}
        with measured() as stages:
            if self.fit_steps:
                with stage("preprocessing"):
                    facts |= self._fit(estimator, blurring, network, blurry, labels, budget)
            with stage("restoring"):
                restoration = restore_with(as_video_network(network.eval()), blurry, budget)
        facts |= {"seconds": round(time.perf_counter() - started, 1)} | stages.facts
        return Restoration(restoration.frames, restoration.facts | facts)

    def _fit(
        self,
        estimator: BlurMagnitude | None,
        blurring: IdBlau | None,
        network: ESTRNN,
        blurry: Frames,
        labels: SharpLabels,
        budget: Budget,
    ) -> dict[str, object]:
        """Find regions, blur them and fine-tune the network, in place; return the facts."""
        settings = self.settings
        budget.progress(0, 1, "estimate the blur")
        aligner = Aligner(blurry, settings.condition.flow)
        if estimator is None:
            with stage("flow"):
                lengths_px = motion_lengths(aligner, labels.is_selected, budget.workers)
            magnitudes = lengths_px / np.float32(self._longest_px)
        else:
            magnitudes = estimate_lengths(estimator, blurry, budget.device)
        random = np.random.default_rng([budget.seed, _SEARCH])
        found = find_sharp_regions(magnitudes, settings.search, settings.as_, random)
        lengths = np.clip(magnitudes, 0, 1) * np.float32(self._longest_px)
        conditions = conditions_of(aligner, lengths, found.regions, settings)
        blur, pairs = self._blur(blurring, budget), list[Pair]()
        total = len(found.regions) * (settings.pairs.twins + settings.pairs.keeps_sharp)
        for pair in make_pairs(blurry, lengths, found.regions, conditions, settings, blur, budget.seed):
            pairs.append(pair)
            budget.progress(len(pairs), total, "blur sharp regions")
        with stage("training"):
            result = fine_tune(network, blurry, pairs, settings.fine_tuning, budget)
        if not result.is_finished:
            raise KeyboardInterrupt
        means_px = [
            part_of(condition[..., 2], region.box).mean()
            for of_region, region in zip(conditions, found.regions, strict=True)
            for condition in of_region
        ]
        return {
            "sharp_regions": [[region.frame, *vars(region.box).values()] for region in found.regions],
            "threshold": found.threshold,
            "halvings": found.halvings,
            "pairs": len(pairs),
            "length_px": round(float(np.mean(means_px)), 3),
            "training": {key: value for key, value in result.facts.items() if key != "seconds"},
        }

    def _blur(self, blurring: IdBlau | None, budget: Budget) -> Blur:
        """Return what blurs a picture under a condition in px."""
        settings = self.settings
        own_unit = (settings.blurring_stand_in if self._blurring is None else self._blurring.settings).longest_px

        def blur(picture: Frame, condition: Condition, draw: int) -> Frame:
            if settings.as_.unit == "published":
                condition = condition * np.array([1, 1, own_unit / self._longest_px], np.float32)
            if blurring is None:
                return blur_along_lines(picture, condition, settings.line_response)
            seed = [budget.seed, _NOISE, draw]
            steps = settings.diffusion.steps
            return blur_picture(blurring, picture, condition, own_unit, steps, seed, settings.as_, budget.device)

        return blur
