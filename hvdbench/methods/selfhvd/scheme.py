"""SelfHVD over the clips of a dataset, without truth, for any video network: the scheme ``selfhvd``."""

from typing import ClassVar, cast

from torch import nn

from hvdbench.frames import Frames
from hvdbench.methods.building import build_network, load_start
from hvdbench.methods.inference.network_restoration import restore_with
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.selfhvd.objective import SelfHvdObjective
from hvdbench.methods.selfhvd.settings import SelfHvdSettings
from hvdbench.networks.spec import VideoNetwork
from hvdbench.recipe import Settings


class SelfHvd:
    """Makes what a training of SelfHVD needs, and restores clips with what it gave.

    Attributes:
        reads_truth: no truth is needed, nor asked for.
    """

    Settings: ClassVar[type[Settings]] = SelfHvdSettings
    reads_truth: ClassVar[bool] = False

    def __init__(self, settings: SelfHvdSettings) -> None:
        self.settings = settings

    def build(self, seed: int = 0) -> nn.Module:
        """Build the network, its random weights drawn from ``seed``.

        Raises:
            UnknownNameError: no such network.
            InputError: it does not take its arguments.
        """
        settings = self.settings
        return build_network(
            settings.network, settings.network_arguments, seed, zero_flow_start=settings.zero_flow_start
        )

    def start(self, seed: int = 0) -> nn.Module:
        """Build the network with the weights that a training starts from: the recipe's, else those of ``seed``.

        Raises:
            WeightsError: a weight file is missing, damaged, or belongs to another network.
        """
        network = self.build(seed)
        load_start(network, self.settings.start_from or None, self.settings.start_parts)
        return network

    def objective(self, seed: int = 0) -> SelfHvdObjective:
        """Make what the training strives for, with its frozen networks.

        Raises:
            WeightsError: the weights of SEA-RAFT or VGG19 are missing.
        """
        return SelfHvdObjective(self.settings, self.settings.stage1_steps, seed)

    def restore(self, network: nn.Module, blurry: Frames, budget: Budget) -> Restoration:
        """Restore a clip with trained weights, (T, H, W, 3) uint8 RGB."""
        return restore_with(cast(VideoNetwork, network), blurry, budget)
