"""Deblur by physics without learning: blend the candidates that re-blur best to the input, then correct the rest."""

from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hvdbench.flow import Preset
from hvdbench.frames import Frames, Image
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.blur.alignment import Aligner, sharp_neighbours
from hvdbench.methods.blur.exposure_model import ExposureModel, fit_exposure_model
from hvdbench.methods.blur.planes import Alignment
from hvdbench.methods.blur.reblur import AS_EQUAL, KEEP_BLURRY, blend_by_reblur, correct
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.scheme import Scheme
from hvdbench.recipe import Settings
from hvdbench.recipe.bounds import MOST_STEPS, MOST_WEIGHT
from hvdbench.recipe.trust import Part
from hvdbench.workspace.engine import thread_map


class ReblurBlendSettings(Settings):
    """Settings of alignment, blending and correction."""

    flow: Preset = "medium"
    """OpenCV DIS preset of the flow."""
    labeller: Annotated[str, Part("labeller")] = "paper"
    """Labeller that selects the frames that are borrowed from."""
    mask_scale: float = Field(0.5, gt=0, le=MOST_WEIGHT)
    """Scale ``s`` of Eq. 5, per px."""
    alignment: Alignment = "dis"
    """What aligns frames: ``dis``, flow alone; ``planes``, with a homography over it where the scene follows one; or
    ``refined``, with one that is fitted to the pictures and is laid where only a part of the scene follows too."""
    correction_steps: int = Field(4, ge=0, le=MOST_STEPS)
    """Number of correction steps on frames whose blur the flow explains; 0 leaves the blend as it is."""


class ReblurBlend(Scheme[ReblurBlendSettings]):
    """A scheme that blends by re-blur and corrects where the flow explains the blur."""

    Settings: ClassVar[type[Settings]] = ReblurBlendSettings
    takes_16_bits: ClassVar[bool] = True

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Restore the frames that are not both selected and sharp; these stay as they are.

        A frame that is selected though it is not sharp is blended with its neighbours, as one of them.
        """
        budget.progress(0, 1, "flow and exposure")
        aligner = Aligner(blurry, self.settings.flow, self.settings.mask_scale, alignment=self.settings.alignment)
        model = fit_exposure_model(aligner, labels.is_selected, budget.workers)
        todo = [int(i) for i in np.flatnonzero(~labels.is_passed) if budget.keeps(int(i))]
        restored = blurry.copy()

        def one(i: int) -> Image:
            picture = blend(model, i, labels.selected, is_candidate=bool(labels.is_selected[i]))
            return corrected(picture, i, model, self.settings.correction_steps)

        for done, picture in enumerate(thread_map(one, todo, budget.workers)):
            restored[todo[done]] = aligner.stored(picture)
            budget.progress(done + 1, len(todo), "blend by re-blur")
        facts: dict[str, object] = {
            "exposure_share": model.tau,
            "explained_by_flow": np.flatnonzero(model.explained).tolist(),
        }
        return Restoration(restored, facts)


def blend(
    model: ExposureModel, index: int, selected: NDArray[np.intp], each_side: int = 2, *, is_candidate: bool = False
) -> Image:
    """Blend the ``2 * each_side`` nearest selected frames onto frame ``index``; float32 (H, W, 3) in [0, 255].

    The frame itself wins only where none of these fits, or, with ``is_candidate``, competes with them as an equal.
    """
    aligner = model.aligner
    sources = sharp_neighbours(index, selected, each_side)
    return blend_by_reblur(
        [aligner.warped(index, j) for j in sources],
        [aligner.mask(index, j) for j in sources],
        aligner.blurry(index),
        model.motion(index),
        model.tau,
        keep_blurry=AS_EQUAL if is_candidate else KEEP_BLURRY,
    )


def corrected(picture: Image, index: int, model: ExposureModel, steps: int) -> Image:
    """Correct a picture of frame ``index`` if the flow explains its blur, else return it unchanged."""
    if steps <= 0 or not model.explained[index]:
        return picture
    return correct(picture, model.aligner.blurry(index), model.motion(index), model.tau, steps=steps)
