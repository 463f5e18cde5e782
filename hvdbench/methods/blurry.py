"""The blurry input as a method: the row that every other row is compared with."""

from typing import ClassVar

from hvdbench.frames import Frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.scheme import Scheme
from hvdbench.recipe import Settings


class BlurrySettings(Settings):
    """Settings of the blurry input; it has none."""


class Blurry(Scheme[BlurrySettings]):
    """A scheme that returns the blurry frames as they are."""

    Settings: ClassVar[type[Settings]] = BlurrySettings
    takes_16_bits: ClassVar[bool] = True

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Return a copy of the input."""
        return Restoration(blurry.copy())
