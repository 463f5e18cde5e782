"""What a method is made of: a class that restores clips, with its settings, its facts and its hooks.

:class:`Scheme` works on a clip alone, or with what it brought along; :class:`TrainedScheme` has a network that is
trained over clips first. A third party derives from one of them, writes ``restore``, and leaves every other hook as it
is here; ``docs/models.md`` has an example. Importing this imports no torch.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, Self, TypeVar

from hvdbench.errors import InputError, WeightsError
from hvdbench.frames import Frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.inference.options import Extents, InferenceOptions
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.known import DEFAULT
from hvdbench.recipe import Settings
from hvdbench.store import Truth

if TYPE_CHECKING:
    from torch import nn

    from hvdbench.methods.training.objective import Objective
    from hvdbench.methods.training.samples import WindowSettings
    from hvdbench.methods.training.settings import EngineSettings
    from hvdbench.networks.spec import VideoNetwork

STEPS_PER_MINUTE = 600
"""Steps that a minute of a fit to one clip stands for; fixed, so that the same command gives the same frames anywhere.
"""
SEGMENT_FRAMES = 20
"""Length of the segments within which the labels beside a clip were selected: the paper's."""

SettingsT = TypeVar("SettingsT", bound=Settings, covariant=True)


class Scheme(ABC, Generic[SettingsT]):
    """A way to restore clips.

    Attributes:
        Settings: the model of what a recipe may set.
        settings: its values.
        is_trained: whether its network is trained over clips before it restores any.
        reads_truth: whether it learns from the truth of clips.
        has_network: whether it runs a network with weights, which :meth:`open` returns, so that frames can go through
            it one after the other.
        takes_inference: whether precision, windows and tiles have something to set.
        restores_anew: whether it can restore a clip again with some of its frames left out.
    """

    Settings: ClassVar[type[Settings]]
    is_trained: ClassVar[bool] = False
    reads_truth: ClassVar[bool] = False
    has_network: ClassVar[bool] = False
    takes_inference: ClassVar[bool] = False
    restores_anew: ClassVar[bool] = True

    def __init__(self, settings: SettingsT) -> None:
        self.settings = settings

    @abstractmethod
    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Restore a clip; no truth is at hand here, nor its path.

        Args:
            blurry: uint8 RGB (T, H, W, 3).
            labels: which of its frames are sharp.
            budget: seed, threads, device, and how a network is run.
        """

    @property
    def identity(self) -> dict[str, object]:
        """What moves a number, JSON-able: all settings; files count by what they hold, not by where they lie."""
        return self.settings.model_dump(mode="json")

    @property
    def made_from(self) -> str | None:
        """What a board says of the frames' origin, where the scheme brings more than the clip; else None."""
        return None

    @property
    def weights(self) -> Path | None:
        """The weights of a training by hvdbench that it restores with; None where there are none."""
        return None

    def check(self) -> None:
        """Raise what would fail in a long run: a missing file, a network that cannot be made. It does nothing here.

        Raises:
            HvdbenchError: it cannot be used.
        """

    def check_clips(self, frame_names: Mapping[str, Sequence[str]], protocol: Protocol = DEFAULT) -> None:
        """Compare the scheme with a dataset before anything is restored. It does nothing here.

        Args:
            frame_names: the names of each clip's frames, without suffix, in order, by its key ``<split>/<clip>``.
            protocol: the protocol under which the frames will be scored; it may leave frames out.

        Raises:
            HvdbenchError: it cannot restore these clips.
        """

    def open(self) -> "VideoNetwork":
        """Make the network, with its weights, in evaluation, on the CPU.

        Raises:
            InputError: there is none.
        """
        raise InputError(f"{type(self).__name__} runs no network")

    def extents(self, network: "VideoNetwork", asked: InferenceOptions, *, is_stream: bool = False) -> Extents:
        """Return windows, tiles and precision of a run: here those that were asked for.

        A scheme that has settings for them takes these where nothing was asked for.

        Args:
            network: what :meth:`open` returned.
            asked: by a person.
            is_stream: whether frames come one after the other, so that the whole clip is never at hand.

        Raises:
            InputError: the network cannot be run so.
        """
        return Extents(window=asked.window, tile=asked.tile, precision=asked.precision)

    @property
    def fit_steps(self) -> int:
        """Steps of the fit to each clip, which ``--minutes`` scales; 0 where nothing is fitted."""
        return 0

    def with_steps(self, steps: int) -> "Scheme[SettingsT]":
        """Return the same scheme with as many steps of its fit; asked for only where :attr:`fit_steps` is over 0.

        Raises:
            InputError: it fits nothing.
        """
        raise InputError(f"{type(self).__name__} fits nothing, so there are no steps to set")

    def for_minutes(self, minutes: float) -> "Scheme[SettingsT]":
        """Return the same scheme with the steps that this many minutes, above 0, stand for."""
        return self.with_steps(max(1, round(minutes * STEPS_PER_MINUTE)))


class TrainedScheme(Scheme[SettingsT]):
    """A scheme whose network is trained over clips, and which then restores clips with the weights.

    It is opened with its weights (:meth:`with_weights`), so that callers restore with it as with any other scheme.
    """

    is_trained: ClassVar[bool] = True
    has_network: ClassVar[bool] = True
    takes_inference: ClassVar[bool] = True
    _weights: Path | None = None

    @property
    def weights(self) -> Path | None:
        """The weights that it restores with; None before there are any."""
        return self._weights

    def with_weights(self, weights: Path) -> Self:
        """Return the same scheme, to restore with these weights."""
        bound = copy.copy(self)
        bound._weights = weights
        return bound

    @property
    @abstractmethod
    def window(self) -> "WindowSettings":
        """The windows that it is trained on."""

    @property
    @abstractmethod
    def engine(self) -> "EngineSettings":
        """The training loop."""

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits whose clips are trained on; empty: all of the dataset."""
        return ()

    @property
    def truth(self) -> Truth | None:
        """The truth that it learns from, where :attr:`reads_truth` says that it does."""
        return None

    @property
    def segment_frames(self) -> int:
        """Length of the segments within which frames are selected as sharp."""
        return SEGMENT_FRAMES

    @abstractmethod
    def build(self, seed: int = 0) -> "nn.Module":
        """Build the network, its random weights drawn from ``seed``, for weights to be loaded into."""

    def start(self, seed: int = 0) -> "nn.Module":
        """Build the network with the weights that a training starts from; random ones here."""
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
        """Make what the training strives for."""

    @abstractmethod
    def restore_with(self, network: "nn.Module", blurry: Frames, budget: Budget) -> Restoration:
        """Restore a clip with a trained network, uint8 RGB (T, H, W, 3)."""

    @abstractmethod
    def with_steps(self, steps: int) -> Self:
        """Return the same scheme, trained in as many steps."""

    def check(self) -> None:
        """Read the weights, where there are any, so that what is wrong with them shows before a long run.

        Raises:
            WeightsError: the file is missing or damaged.
        """
        if self.weights is not None:
            from hvdbench.weights.checkpoints import load_checkpoint

            load_checkpoint(self.weights)

    def open(self) -> "VideoNetwork":
        """Build the network and load its weights.

        Raises:
            WeightsError: there are none, or they are missing, damaged, or of another network.
        """
        return self.as_video(self._loaded())

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Restore a clip with the weights.

        Raises:
            WeightsError: as :meth:`open`.
        """
        return self.restore_with(self._loaded(), blurry, budget)

    def _loaded(self) -> "nn.Module":
        from hvdbench.weights.checkpoints import load_checkpoint
        from hvdbench.weights.fitting import load_into

        if self.weights is None:
            raise WeightsError(f"{type(self).__name__} needs weights and none were given")
        network = self.build()
        load_into(network, load_checkpoint(self.weights), self.weights)
        return network.eval()
