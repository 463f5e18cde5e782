"""Share what all trainings of a video network need: the network, its start, its windows and loop, its restorations."""

from typing import Annotated, Self, TypeVar

from torch import nn

from hvdbench.frames import Frames
from hvdbench.methods.building import build_network, load_start, start_at_identity
from hvdbench.methods.foreign.adapting import NetworkInput, as_video_network
from hvdbench.methods.inference.network_restoration import restore_with
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.scheme import TrainedScheme
from hvdbench.methods.training.samples import WindowSettings
from hvdbench.methods.training.settings import EngineSettings
from hvdbench.networks.spec import VideoNetwork
from hvdbench.recipe.trust import Part


class NetworkTrainingSettings(NetworkInput):
    """Which network is trained, from what it starts, on which windows, and how."""

    network: Annotated[str, Part("network")]
    """Video network of the catalogue, or import string."""
    network_arguments: dict[str, object] = {}
    """Constructor arguments of the network."""
    start_from: str = ""
    """Weights that a training starts from: a file, or the name of registered weights or of those inside the package;
    empty for random ones."""
    shipped: str = ""
    """Weights inside the package, by their name, that are used where the user names none; empty for none."""
    start_parts: dict[str, str] = {}
    """Weights of parts of the network, by the part's name: ``{spynet = "spynet"}``; loaded after ``start_from``."""
    identity_start: bool = False
    """Whether a network that starts from random weights starts as the identity: its last layer is zero, and each frame
    is added to the result of a network that is published without that sum. The weights record the sum, so they are
    always applied as they were trained; with ``start_from`` the setting does nothing."""
    zero_flow_start: bool = False
    """Whether an untrained SPyNet or PWC-Net starts at zero flow; for fits without its pre-trained weights."""
    splits: tuple[str, ...] = ()
    """Splits whose clips are trained on; empty for all of the dataset."""
    window: WindowSettings = WindowSettings()
    """What a training window is."""
    engine: EngineSettings = EngineSettings()
    """The training loop."""


TrainingT = TypeVar("TrainingT", bound=NetworkTrainingSettings, covariant=True)


class NetworkTraining(TrainedScheme[TrainingT]):
    """A training of any video network over windows of clips; subclasses define the objective."""

    @property
    def window(self) -> WindowSettings:
        """The settings of the windows that the network is trained on."""
        return self.settings.window

    @property
    def engine(self) -> EngineSettings:
        """The settings of the training loop."""
        return self.settings.engine

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits whose clips are trained on; empty for all of the dataset."""
        return self.settings.splits

    def build(self, seed: int = 0) -> nn.Module:
        """Build the network with random weights drawn from ``seed``.

        Raises:
            UnknownNameError: if there is no such network.
            InputError: if the network does not take its arguments.
        """
        settings = self.settings
        return build_network(
            settings.network, settings.network_arguments, seed, zero_flow_start=settings.zero_flow_start
        )

    def start(self, seed: int = 0) -> nn.Module:
        """Build the network that a training starts from: with the recipe's weights, else those drawn from ``seed``.

        With ``identity_start``, drawn weights are changed so that the network returns its frames.

        Raises:
            WeightsError: if a weight file is missing, damaged, or belongs to another network.
        """
        network = self.build(seed)
        if self.settings.identity_start and not self.settings.start_from:
            start_at_identity(network)
        load_start(network, self.settings.start_from or None, self.settings.start_parts)
        return network

    def as_video(self, network: nn.Module) -> VideoNetwork:
        """Return the network as one for clips, by the settings, what it declares, or what works on a tiny input.

        Raises:
            InputError: it takes neither pictures nor clips.
        """
        return as_video_network(network, self.settings)

    def restore_with(self, network: nn.Module, blurry: Frames, budget: Budget) -> Restoration:
        """Restore a clip with trained weights, (T, H, W, 3) uint8 RGB."""
        return restore_with(self.as_video(network), blurry, budget)

    def with_steps(self, steps: int) -> Self:
        """Return the same training with this number of steps."""
        engine = self.settings.engine.model_copy(update={"steps": steps})
        return type(self)(self.settings.model_copy(update={"engine": engine}))
