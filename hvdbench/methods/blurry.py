"""The input itself: the row that every other row is read against."""

from typing import ClassVar

from hvdbench.frames import Frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.recipe import Settings


class BlurrySettings(Settings):
    """Nothing to set."""


class Blurry:
    """Gives the blurry frames back."""

    Settings: ClassVar[type[Settings]] = BlurrySettings

    def __init__(self, settings: BlurrySettings) -> None:
        self.settings = settings

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Return a copy of the input."""
        return Restoration(blurry.copy())
