"""SelfHVD over the clips of a dataset, without truth, for any video network: the scheme ``selfhvd``."""

from typing import ClassVar

from hvdbench.methods.selfhvd.objective import SelfHvdObjective
from hvdbench.methods.selfhvd.settings import SelfHvdSettings
from hvdbench.methods.training.network_training import NetworkTraining
from hvdbench.recipe import Settings


class SelfHvd(NetworkTraining[SelfHvdSettings]):
    """Makes what a training of SelfHVD needs, and restores clips with what it gave; no truth is asked for."""

    Settings: ClassVar[type[Settings]] = SelfHvdSettings

    @property
    def segment_frames(self) -> int:
        """Length of the segments within which frames are selected as sharp."""
        return self.settings.segment_frames

    def objective(self, seed: int = 0) -> SelfHvdObjective:
        """Make what the training strives for, with its frozen networks.

        Raises:
            WeightsError: the weights of SEA-RAFT or VGG19 are missing.
        """
        return SelfHvdObjective(self.settings, self.settings.stage1_steps, seed)
