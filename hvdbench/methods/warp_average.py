"""Average the two neighbouring sharp frames, warped and masked: the control without learning.

A method that does not beat this control on a clip has learned nothing from the clip.
"""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from hvdbench.flow import Preset
from hvdbench.frames import Frames, Image
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.blur.alignment import Aligner, sharp_neighbours
from hvdbench.methods.blur.planes import Alignment
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.scheme import Scheme
from hvdbench.recipe import Settings
from hvdbench.recipe.bounds import MOST_WEIGHT
from hvdbench.recipe.trust import Part
from hvdbench.workspace.engine import thread_map


class WarpAverageSettings(Settings):
    """Settings of the neighbours' alignment."""

    flow: Preset = "medium"
    """OpenCV DIS preset of the flow."""
    labeller: Annotated[str, Part("labeller")] = "paper"
    """Labeller that selects the frames that are borrowed from."""
    mask_scale: float = Field(0.5, gt=0, le=MOST_WEIGHT)
    """Scale ``s`` of Eq. 5, per px."""
    alignment: Alignment = "dis"
    """What aligns frames: ``dis``, flow alone; ``planes``, with a homography over it where the scene follows one; or
    ``refined``, with one that is fitted to the pictures and is laid where only a part of the scene follows too."""


class WarpAverage(Scheme[WarpAverageSettings]):
    """A scheme that averages the previous and next sharp frames, and keeps the input where neither can be trusted."""

    Settings: ClassVar[type[Settings]] = WarpAverageSettings
    takes_16_bits: ClassVar[bool] = True

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Restore the frames that are not both selected and sharp; these stay as they are.

        A frame that is selected though it is not sharp is averaged with its neighbours, as one of them.
        """
        aligner = Aligner(blurry, self.settings.flow, self.settings.mask_scale, alignment=self.settings.alignment)
        restored = blurry.copy()
        todo = [int(i) for i in np.flatnonzero(~labels.is_passed) if budget.keeps(int(i))]

        def average(i: int) -> Image:
            own = [i] if labels.is_selected[i] else []
            return warp_average(aligner, i, [*sharp_neighbours(i, labels.selected), *own])

        for done, picture in enumerate(thread_map(average, todo, budget.workers)):
            restored[todo[done]] = aligner.stored(picture)
            budget.progress(done + 1, len(todo), "warp and average")
        return Restoration(restored)


def warp_average(aligner: Aligner, index: int, sources: list[int]) -> Image:
    """Average the warped ``sources`` by their masks onto frame ``index``; float32 (H, W, 3) in [0, 255].

    At each pixel the average gets the weight of the largest mask there, and the blurry frame gets the rest. The frame
    itself may be among the sources, and is trusted everywhere.
    """
    blurry = aligner.blurry(index)
    if not sources:
        return blurry
    whole = np.ones(blurry.shape[:2], np.float32)
    masks = np.stack([whole if j == index else aligner.mask(index, j) for j in sources])[..., None]  # (n, H, W, 1)
    warps = np.stack([blurry if j == index else aligner.warped(index, j) for j in sources])  # (n, H, W, 3)
    average = (masks * warps).sum(axis=0) / (masks.sum(axis=0) + 1e-6)
    covered = masks.max(axis=0)
    return np.asarray(covered * average + (1.0 - covered) * blurry, np.float32)
