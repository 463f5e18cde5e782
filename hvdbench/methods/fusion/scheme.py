"""Fit SelfHVD to one clip at test time, with the small fusion network and without truth.

Two recipes use it: the paper's two stages alone, and the same with re-blur consistency, which means the re-blur blend
as one more candidate, the re-blur error as a loss, and correction steps after the network.
"""

import time
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hvdbench.errors import FitError, RecipeError
from hvdbench.flow import Preset
from hvdbench.frames import Frames, Image
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.blur.exposure_model import ExposureModel, fit_exposure_model
from hvdbench.methods.fusion.apply import apply_fusion
from hvdbench.methods.fusion.batches import ReblurModel
from hvdbench.methods.fusion.candidates import CandidateStack, stack_candidates
from hvdbench.methods.fusion.fit import FusionFit, FusionFitSettings
from hvdbench.methods.fusion.resynthesis import resynthesise
from hvdbench.methods.reblur_blend import blend, corrected
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.scheme import Scheme
from hvdbench.methods.stages import measured, stage
from hvdbench.recipe import Settings
from hvdbench.recipe.bounds import MOST_CLIPS, MOST_STEPS, MOST_WEIGHT
from hvdbench.workspace.engine import thread_map

_LARGE_BYTES = 12_000_000  # of a frame: more than 2560x1440
_STACK_BYTES = 800_000_000
"""The fit draws its crops from as many evenly spread frames as fit in this."""


class SelfHvdClipSettings(Settings):
    """Settings of a fit to one clip."""

    flow: Preset = "medium"
    """OpenCV DIS preset of the flow on the blurry input."""
    mask_scale: float = Field(0.5, gt=0, le=MOST_WEIGHT)
    """Scale ``s`` of Eq. 5, per px."""
    fit: FusionFitSettings = FusionFitSettings()
    """Steps, rates and weights of the fit."""
    reblur_candidate: bool = False
    """Whether the re-blur blend is one more candidate of the network."""
    correction_steps: int = Field(0, ge=0, le=MOST_STEPS)
    """Number of correction steps after the network, on frames whose blur the flow explains."""
    pairs: int = Field(32, ge=1, le=MOST_CLIPS)
    """Number of sharp frames that are blurred again, if ``fit.exact_share`` is above 0."""
    pass_through: bool = True
    """Whether selected frames stay as they are if their motion confirms that they are sharp."""


class SelfHvdClip(Scheme[SelfHvdClipSettings]):
    """A scheme that runs stages 1 and 2 of SelfHVD on one clip."""

    Settings: ClassVar[type[Settings]] = SelfHvdClipSettings
    takes_16_bits: ClassVar[bool] = True

    def __init__(self, settings: SelfHvdClipSettings) -> None:
        if settings.reblur_candidate and settings.fit.refresh_steps:
            raise RecipeError(
                "the re-blur blend needs flow on the input: set either refresh_steps or reblur_candidate, not both"
            )
        super().__init__(settings)

    @property
    def fit_steps(self) -> int:
        """The number of steps of both stages together."""
        return self.settings.fit.stage1_steps + self.settings.fit.stage2_steps

    def with_steps(self, steps: int) -> "SelfHvdClip":
        """Return the same scheme with this number of steps, divided between its stages in the same ratio."""
        first = round(steps * self.settings.fit.stage1_steps / max(1, self.fit_steps))
        return self._with_stages(first, steps - first)

    def _with_stages(self, first: int, second: int) -> "SelfHvdClip":
        fit = self.settings.fit.model_copy(update={"stage1_steps": first, "stage2_steps": second})
        return SelfHvdClip(self.settings.model_copy(update={"fit": fit}))

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Fit to the clip and restore it.

        Raises:
            FitError: if no frame is selected.
        """
        if not labels.is_selected.any():
            raise FitError("no frame of the clip is sharper than the rest: there is nothing to learn from")
        with measured() as stages:
            found = self._fitted(blurry, labels, budget)
        return Restoration(found.frames, found.facts | stages.facts)

    def _fitted(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Fit to a clip of which a frame is selected, and restore it."""
        started = time.perf_counter()
        budget.progress(0, 1, "flow and exposure")
        with stage("flow"):
            aligner = Aligner(blurry, self.settings.flow, self.settings.mask_scale)
            model = fit_exposure_model(aligner, labels.is_selected, budget.workers)
        budget.progress(1, 1, "flow and exposure")
        confirmed = model.confirmed_sharp(labels.is_selected)
        passed = confirmed if self.settings.pass_through else np.zeros(len(blurry), bool)
        todo = [int(i) for i in np.flatnonzero(~passed) if budget.keeps(int(i))]
        restored, record = blurry, dict[str, object]()
        if todo:
            restored, record = self._restore_frames(model, todo, labels, budget)
        facts: dict[str, object] = {
            "exposure_share": model.tau,
            "explained_by_flow": np.flatnonzero(model.explained).tolist(),
            "passed_through": np.flatnonzero(passed).tolist(),
            "selected_but_restored": np.flatnonzero(labels.is_selected & ~passed).tolist(),
            "off": ["VGG losses (no weights)", "uncertainty mask (needs SEA-RAFT; the occlusion mask is on)"],
            "seconds": round(time.perf_counter() - started, 1),
        }
        return Restoration(restored.copy() if restored is blurry else restored, facts | record)

    def _restore_frames(
        self, model: ExposureModel, todo: list[int], labels: SharpLabels, budget: Budget
    ) -> tuple[Frames, dict[str, object]]:
        """Fit, then restore the frames ``todo``, one candidate stack at a time; the others stay as they are."""
        learn_from = _evenly_spread(todo, model.aligner.frames[0].size)
        with stage("preprocessing"):
            stack = self._stack(model, learn_from, labels, budget.workers)
            blur = None
            if self.settings.fit.reblur > 0 and model.explained[learn_from].any():
                motion = list(thread_map(model.motion, learn_from, budget.workers))
                blur = ReblurModel(motion, model.tau, model.explained[learn_from])
            pairs = None
            if self.settings.fit.exact_share > 0:
                random, with_blend = np.random.default_rng(budget.seed), self.settings.reblur_candidate
                pairs = resynthesise(
                    model,
                    labels.is_selected,
                    random,
                    count=self.settings.pairs,
                    with_blend=with_blend,
                    workers=budget.workers,
                )

        def realign(pictures: NDArray[np.float32]) -> CandidateStack:
            with stage("flow"):
                return realigned(model, learn_from, pictures, labels.is_selected, workers=budget.workers)

        if model.aligner.frames[0].size > _LARGE_BYTES:
            model.aligner.forget()  # beside the stack they would be the peak, and few of them are asked for again
        with stage("training"):
            fit = FusionFit(stack, self.settings.fit, budget, blur, pairs=pairs, realign=realign)
            network = fit.run()
        fit.release()
        del stack, pairs, blur
        restored = model.aligner.frames.copy()

        def one(i: int) -> Image:
            stack = self._stack(model, [i], labels, 1, is_rounded=model.aligner.frames.dtype == np.uint8)
            picture = apply_fusion(network, stack, budget.device)[0]
            return corrected(picture, i, model, self.settings.correction_steps)

        with stage("restoring"):
            for done, picture in enumerate(thread_map(one, todo, budget.workers)):
                restored[todo[done]] = model.aligner.stored(picture)
                budget.progress(done + 1, len(todo), "restore")
        chosen = fit.record.sharp_share
        moved = [decision.updates for decision in fit.record.anchor if decision.moved]
        return restored, {
            "loss": [round(value, 6) for value in fit.record.loss],
            "sharp_chosen_share": round(float(np.mean(chosen)), 4) if chosen else None,
            "stage2_discarded": fit.record.stage2_discarded,
            "anchor_updates": max(moved, default=1 if self.settings.fit.spatial_consistency > 0 else 0),
            "steps": self.settings.fit.stage1_steps + self.settings.fit.stage2_steps,
        }

    def _stack(
        self, model: ExposureModel, index: list[int], labels: SharpLabels, workers: int, *, is_rounded: bool = True
    ) -> CandidateStack:
        selected: NDArray[np.intp] = labels.selected
        extra = (lambda i: blend(model, i, selected)) if self.settings.reblur_candidate else None
        return stack_candidates(
            model.aligner, index, labels.is_selected, blend=extra, workers=workers, is_rounded=is_rounded
        )


def realigned(
    model: ExposureModel,
    index: list[int],
    pictures: NDArray[np.float32],
    is_sharp: NDArray[np.bool_],
    *,
    workers: int = 1,
) -> CandidateStack:
    """Stack the candidates of the frames ``index``, aligned by flow on their restored pictures, (N, H, W, 3), 0 to 255.

    The frames that are warped are still those of the clip. The blend, which needs flow on the input, is left out.
    """
    seen = model.aligner.frames.copy()
    for picture, i in zip(pictures, index, strict=True):
        seen[i] = model.aligner.stored(picture)
    aligner = Aligner(model.aligner.frames, model.aligner.preset, model.aligner.scale, seen)
    return stack_candidates(aligner, index, is_sharp, workers=workers)


def _evenly_spread(todo: list[int], frame_bytes: int) -> list[int]:
    """Choose the frames that the fit draws from: all, or as many evenly spread ones as the bound on memory allows."""
    most = max(2, _STACK_BYTES // (8 * frame_bytes))  # six candidates of three colours and a mask
    if len(todo) <= most:
        return todo
    return [todo[k] for k in np.linspace(0, len(todo) - 1, most).round().astype(int)]
