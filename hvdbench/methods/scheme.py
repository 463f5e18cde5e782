"""Define what a method consists of: a class that restores clips, with its settings, its facts and its hooks.

:class:`Scheme` needs nothing but the clip, or files of its own; :class:`TrainedScheme` has a network that is trained
over clips first. Foreign code derives from one of them, writes ``restore``, and may leave every other hook as it is
here; ``docs/models.md`` has an example. Importing this module does not import torch.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, Self, TypeVar

from hvdbench.errors import InputError, WeightsError
from hvdbench.frames import Frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.labels.stored import DEFAULT_LABELLER
from hvdbench.methods.inference.options import Extents, InferenceOptions
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.known import DEFAULT
from hvdbench.recipe import Settings
from hvdbench.store import Truth
from hvdbench.weights.finding import shipped_weights

if TYPE_CHECKING:
    from torch import nn

    from hvdbench.methods.training.objective import Objective
    from hvdbench.methods.training.samples import WindowSettings
    from hvdbench.methods.training.settings import EngineSettings
    from hvdbench.networks.spec import VideoNetwork

SEGMENT_FRAMES = 20
"""Length, in frames, of the segments within which the stored labels were selected: the paper's."""


@dataclass(frozen=True)
class FitCost:
    """The cost of a fit to one clip, in seconds.

    Attributes:
        fixed: what it takes whatever the number of steps.
        per_step: what each step takes.
    """

    fixed: float
    per_step: float


SettingsT = TypeVar("SettingsT", bound=Settings, covariant=True)


class Scheme(ABC, Generic[SettingsT]):
    """A way to restore clips.

    Attributes:
        Settings: model of the settings that a recipe may set.
        settings: values of the settings.
        is_trained: whether its network is trained over clips before it restores any.
        reads_truth: whether it learns from the truth of clips.
        has_network: whether it runs a network with weights, which :meth:`open` returns, so that frames can go through
            it one after the other.
        takes_inference: whether precision, windows and tiles have something to set.
        takes_16_bits: whether it restores uint16 frames, white at 65535, to uint16 frames.
        restores_anew: whether it can restore a clip again with some of its frames left out.
        adapts: whether it can be adapted to a clip from its weights, which :meth:`with_fit_steps` asks for.
    """

    Settings: ClassVar[type[Settings]]
    is_trained: ClassVar[bool] = False
    reads_truth: ClassVar[bool] = False
    has_network: ClassVar[bool] = False
    takes_inference: ClassVar[bool] = False
    takes_16_bits: ClassVar[bool] = False
    restores_anew: ClassVar[bool] = True
    adapts: ClassVar[bool] = False

    def __init__(self, settings: SettingsT) -> None:
        self.settings = settings

    @abstractmethod
    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Restore a clip; neither the truth nor the clip's path is available here.

        Args:
            blurry: uint8 RGB (T, H, W, 3); uint16 too where the scheme takes 16 bits.
            labels: which of its frames are sharp, and which are selected to be borrowed from, by :attr:`labeller`.
            budget: seed, threads, device, and how a network is run.
        """

    @property
    def identity(self) -> dict[str, object]:
        """Everything that changes the frames, as JSON values: all settings, and the content of files.

        The usual labeller is left out, so that runs from before there was a choice keep their digest.
        """
        values: dict[str, object] = self.settings.model_dump(mode="json")
        return {name: value for name, value in values.items() if (name, value) != ("labeller", DEFAULT_LABELLER)}

    @property
    def labeller(self) -> str:
        """The labeller that selects what is borrowed from: the setting ``labeller``, or else the paper's."""
        return str(getattr(self.settings, "labeller", DEFAULT_LABELLER))

    @property
    def made_from(self) -> str | None:
        """The origin of the frames, in words for a board, if they come from more than the clip; else None."""
        return None

    @property
    def remark(self) -> str | None:
        """What a board's rows must say of the method besides where its frames come from; None for nothing, as here."""
        return None

    @property
    def weights(self) -> Path | None:
        """The weights, trained by hvdbench, that the scheme restores with; None if there are none."""
        return None

    def check(self) -> None:
        """Raise an error early that a long run would meet: a missing file, or a network that cannot be built.

        This base class checks nothing.

        Raises:
            HvdbenchError: if the scheme cannot be used.
        """

    def check_clips(self, frame_names: Mapping[str, Sequence[str]], protocol: Protocol = DEFAULT) -> None:
        """Check that the scheme can restore a dataset's clips, before anything is restored; the base class does not.

        Args:
            frame_names: names of each clip's frames, without suffix and in order, by its key ``<split>/<clip>``.
            protocol: protocol that the frames will be scored under; it may leave frames out.

        Raises:
            HvdbenchError: if the scheme cannot restore these clips.
        """

    def open(self) -> "VideoNetwork":
        """Build the network with its weights, in evaluation, on the CPU.

        Raises:
            InputError: if there is no network.
        """
        raise InputError(f"{type(self).__name__} does not run a network")

    def extents(self, network: "VideoNetwork", asked: InferenceOptions, *, is_stream: bool = False) -> Extents:
        """Return windows, tiles and precision of a run; in this base class, those that were asked for.

        A scheme that has settings for them uses its settings for what was not asked for.

        Args:
            network: network that :meth:`open` returned.
            asked: options that the user asked for.
            is_stream: whether frames arrive one after the other, so that the whole clip is never in memory.

        Raises:
            InputError: if the network cannot be run in this way.
        """
        return Extents(window=asked.window, tile=asked.tile, precision=asked.precision)

    @property
    def fit_steps(self) -> int:
        """The number of steps of the fit to each clip, which ``--minutes`` and ``--steps`` set; 0 without a fit."""
        return 0

    def with_steps(self, steps: int) -> "Scheme[SettingsT]":
        """Return the same scheme with this number of steps of its fit; called only if :attr:`fit_steps` is above 0.

        Raises:
            InputError: if nothing is fitted.
        """
        raise InputError(f"{type(self).__name__} is not fitted to a clip, so it has no steps to set")

    def with_fit_steps(self, steps: int) -> "Scheme[SettingsT]":
        """Return the same scheme with this number of steps on each clip; in this base class, :meth:`with_steps`.

        Raises:
            InputError: if nothing is fitted to a clip.
        """
        return self.with_steps(steps)

    def fit_cost(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> FitCost:
        """Time a few steps of the fit on a few frames; called only if :attr:`adapts` is True.

        Args:
            blurry: frames of the clip, uint8 RGB (T, H, W, 3).
            labels: labels of these frames, of which at least one is selected and one is not.
            budget: seed, threads and device.

        Raises:
            InputError: if nothing is adapted to a clip.
        """
        raise InputError(f"{type(self).__name__} is not adapted to a clip")


class TrainedScheme(Scheme[SettingsT]):
    """A scheme whose network is trained over clips, and which then restores clips with the weights.

    It gets its weights from :meth:`with_weights`, so that callers restore with it as with any other scheme.
    """

    is_trained: ClassVar[bool] = True
    has_network: ClassVar[bool] = True
    takes_inference: ClassVar[bool] = True
    needs_other_clips: ClassVar[bool] = False
    """Whether its training is of use only over other clips than the one that is restored."""
    reads_subframes: ClassVar[bool] = False
    """Whether it learns from the sharp sub-frames of each exposure, which few datasets have."""
    _weights: Path | None = None

    @property
    def shipped(self) -> str:
        """The name of the weights inside the package that it uses where none are named; empty for none."""
        return str(getattr(self.settings, "shipped", ""))

    @property
    def weights(self) -> Path | None:
        """The weights that were named, or else those inside the package; None if there are neither."""
        return self._weights or (shipped_weights(self.shipped) if self.shipped else None)

    @property
    def made_from(self) -> str | None:
        """The origin of the frames, in words for a board, where the weights are those inside the package."""
        if self._weights is not None or not self.shipped:
            return None
        return f"weights '{self.shipped}' of hvdbench, trained on clips of other scenes with their truth"

    def with_weights(self, weights: Path) -> Self:
        """Return the same scheme with these weights to restore with."""
        bound = copy.copy(self)
        bound._weights = weights
        return bound

    @property
    @abstractmethod
    def window(self) -> "WindowSettings":
        """The settings of the windows that the network is trained on."""

    @property
    @abstractmethod
    def engine(self) -> "EngineSettings":
        """The settings of the training loop."""

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits whose clips are trained on; empty for all of the dataset."""
        return ()

    @property
    def truth(self) -> Truth | None:
        """The truth that the scheme learns from; None if :attr:`reads_truth` is False."""
        return None

    @property
    def segment_frames(self) -> int:
        """The length of the segments within which frames are selected as sharp, in frames."""
        return SEGMENT_FRAMES

    @abstractmethod
    def build(self, seed: int = 0) -> "nn.Module":
        """Build the network with random weights drawn from ``seed``, into which other weights can be loaded."""

    def start(self, seed: int = 0) -> "nn.Module":
        """Build the network with the weights that a training starts from; in this base class, random ones."""
        return self.build(seed)

    def as_video(self, network: "nn.Module") -> "VideoNetwork":
        """Return the network as one for clips, which training and restoring call; its weights stay its own.

        Here it is what the module declares in its ``spec``, else what works on a tiny input.

        Args:
            network: what :meth:`build` or :meth:`start` returned.

        Raises:
            InputError: it takes neither pictures nor clips.
        """
        from hvdbench.methods.foreign.adapting import as_video_network

        return as_video_network(network)

    @abstractmethod
    def objective(self, seed: int = 0) -> "Objective":
        """Make the objective of the training."""

    @abstractmethod
    def restore_with(self, network: "nn.Module", blurry: Frames, budget: Budget) -> Restoration:
        """Restore a clip with a trained network, uint8 RGB (T, H, W, 3)."""

    @abstractmethod
    def with_steps(self, steps: int) -> Self:
        """Return the same scheme with this number of training steps."""

    def check(self) -> None:
        """Read the weights, if there are any, so that a fault in them shows before a long run.

        Raises:
            WeightsError: if the file is missing or damaged.
        """
        if self.weights is not None:
            from hvdbench.weights.checkpoints import load_checkpoint

            load_checkpoint(self.weights)

    def open(self) -> "VideoNetwork":
        """Build the network and load its weights.

        Raises:
            WeightsError: if no weights were given, or they are missing, damaged, or of another network.
        """
        return self.as_video(self._loaded())

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Restore a clip with the weights.

        Raises:
            WeightsError: under the conditions of :meth:`open`.
        """
        return self.restore_with(self._loaded(), blurry, budget)

    def _loaded(self) -> "nn.Module":
        from hvdbench.weights.checkpoints import load_checkpoint
        from hvdbench.weights.fitting import load_into

        if self.weights is None:
            raise WeightsError(f"{type(self).__name__} needs weights, but none were given")
        network = self.build()
        load_into(network, load_checkpoint(self.weights), self.weights)
        return network.eval()
