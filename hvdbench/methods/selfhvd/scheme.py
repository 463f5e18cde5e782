"""The scheme ``selfhvd``: SelfHVD over the clips of a dataset, without truth, for any video network."""

from typing import ClassVar

from hvdbench.methods.selfhvd.objective import SelfHvdObjective
from hvdbench.methods.selfhvd.settings import SelfHvdSettings
from hvdbench.methods.training.network_training import NetworkTraining
from hvdbench.recipe import Settings


class SelfHvd(NetworkTraining[SelfHvdSettings]):
    """A scheme that trains a network by SelfHVD, without truth, and restores clips with it."""

    Settings: ClassVar[type[Settings]] = SelfHvdSettings

    @property
    def segment_frames(self) -> int:
        """The length of the segments within which frames are selected as sharp, in frames."""
        return self.settings.segment_frames

    def objective(self, seed: int = 0) -> SelfHvdObjective:
        """Build the objective of the training, with its frozen networks.

        Raises:
            WeightsError: if the weights of SEA-RAFT or VGG19 are missing.
        """
        return SelfHvdObjective(self.settings, self.settings.stage1_steps, seed)
