"""A network that is there ready, its own or others': restores clips, learns nothing."""

import json
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import NonNegativeInt, PositiveInt

from hvdbench.catalog import FILE_FORMS, NamedPreset, source_file
from hvdbench.errors import InputError, WeightsError
from hvdbench.frames import Frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.building import ready_network
from hvdbench.methods.foreign.adapting import NetworkInput, as_video_network
from hvdbench.methods.foreign.onnx import fixed_frame_count, open_onnx, weight_files
from hvdbench.methods.foreign.single_image import FRAMES_AT_ONCE, FrameByFrame
from hvdbench.methods.foreign.spandrel import open_spandrel
from hvdbench.methods.foreign.torchscript import Scripted
from hvdbench.methods.inference.network_restoration import restore_with
from hvdbench.methods.inference.options import Auto, Extents, InferenceOptions
from hvdbench.methods.inference.runner import Precision
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.scheme import Scheme
from hvdbench.networks.spec import VideoNetwork
from hvdbench.recipe import Settings
from hvdbench.recipe.trust import Part
from hvdbench.weights.finding import find_weights
from hvdbench.workspace.manifest import file_sha256


class NetworkSettings(NetworkInput):
    """Which network, with which weights, and how it is run."""

    network: Annotated[str, Part("network")]
    """A name of the catalogue (``estrnn``, ``estrnn@tiny``), an import string (``their_pkg.net:Net``), or a file:
    ``torchscript:FILE``, ``onnx:FILE``, ``spandrel:FILE``."""
    network_arguments: dict[str, object] = {}
    """Of the class or function that an import string or a name stands for."""
    weights: str | None = None
    """A checkpoint: its path, the name of known weights, or a file in the folder of weights."""
    own_weights: bool = False
    """Whether what an import string names has its weights already."""
    window: PositiveInt | Literal["auto"] | None = None
    """Most frames at once; none: the whole clip."""
    overlap: NonNegativeInt | None = None
    """Frames of context at each inner end of a window; none: what the network declares, else a quarter."""
    tile: PositiveInt | tuple[PositiveInt, PositiveInt] | Literal["auto"] | None = None
    """Largest side, or height and width, at once, px; none: the whole frame."""
    context_px: NonNegativeInt | None = None
    """Px of context at each inner side of a tile; none: what the network declares, else 32."""
    precision: Precision = "float32"
    """What to compute in."""


class NetworkScheme(Scheme[NetworkSettings]):
    """Restores clips with a network that is ready."""

    Settings: ClassVar[type[Settings]] = NetworkSettings
    has_network: ClassVar[bool] = True
    takes_inference: ClassVar[bool] = True

    @cached_property
    def files(self) -> dict[str, str]:
        """The SHA-256 of each file that the network is read from, by part, not by path.

        Raises:
            WeightsError: one is missing.
        """
        return {part: _sha256(path) for part, path in _files_of(self.settings).items()}

    @property
    def identity(self) -> dict[str, object]:
        """What moves a number: settings, and files by what they hold."""
        values = self.settings.model_dump(mode="json", exclude={"weights"})
        form = _form(self.settings.network)
        return values | {"network": form or self.settings.network, "files": self.files}

    @property
    def made_from(self) -> str:
        """What a board says of the frames' origin."""
        settings = self.settings
        path = _file_of(settings.network) or (Path(settings.weights) if settings.weights else None)
        return f"weights {path.name}, trained elsewhere" if path else f"network {settings.network} as it is"

    def check(self) -> None:
        """Open the network, so that what is wrong with it shows before a long run.

        Raises:
            HvdbenchError: as :meth:`open`.
        """
        self.open()

    def open(self) -> VideoNetwork:
        """Make the network and load its weights; the last one that was opened is kept.

        Raises:
            UnknownNameError: there is no such network.
            InputError: it cannot be made or used.
            WeightsError: its file or weights are missing, damaged, of another network, or changed since.
        """
        return _open(self.settings.model_dump_json(), json.dumps(self.files))

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Restore a clip; windows, tiles and precision of the budget come before those of the settings.

        Raises:
            InputError: the windows or tiles do not suit the network.
            FitError: the network fails, or memory does not suffice.
        """
        network, name = self.open(), self.settings.network
        extents = self.extents(network, budget.inference)
        restoration = restore_with(network, blurry, budget, extents=extents, whose=f"network '{name}': ")
        facts: dict[str, object] = {
            "files_sha256": self.files,
            "frame_by_frame": isinstance(network, FrameByFrame),
            "channel_order": network.spec.channel_order,
        }
        return Restoration(restoration.frames, facts | restoration.facts)

    def extents(self, network: VideoNetwork, asked: InferenceOptions, *, is_stream: bool = False) -> Extents:
        """Return windows, tiles and precision: what was asked for, and the settings where nothing was.

        In a stream ``auto`` counts as nothing: a window that the settings name bounds memory as well.

        Raises:
            InputError: a window that the network cannot take.
        """
        settings = self.settings
        unasked = (None, "auto") if is_stream else (None,)
        window, tile = asked.window, asked.tile
        if window in unasked:
            window = settings.window or asked.window
        if tile in unasked:
            tile = settings.tile or asked.tile
        return Extents(
            window=self._window(network, window, is_stream),
            overlap=settings.overlap,
            tile=tile,
            context_px=settings.context_px,
            precision=settings.precision if asked.precision == "float32" else asked.precision,
        )

    def _window(self, network: VideoNetwork, asked: int | Auto | None, is_stream: bool) -> int | Auto | None:
        fixed = fixed_frame_count(network)
        if fixed is not None:
            if asked not in (None, "auto", fixed):
                raise InputError(f"network '{self.settings.network}' takes {fixed} frames at once, not {asked}")
            return fixed
        one_by_one = asked is None and not is_stream and isinstance(network, FrameByFrame)
        return FRAMES_AT_ONCE if one_by_one else asked


@lru_cache(maxsize=1)
def _open(settings_json: str, files_json: str) -> VideoNetwork:
    """Open a network; what its files hold is part of the key, and must still be so."""
    settings = NetworkSettings.model_validate_json(settings_json)
    expected = json.loads(files_json)
    for part, path in _files_of(settings).items():
        if _sha256(path) != expected.get(part):
            raise WeightsError(f"{path} has changed since it was opened: give the same command again")
    form, path_or_none = _form(settings.network), _file_of(settings.network)
    if form is None or path_or_none is None:
        weights = None if settings.weights is None else find_weights(settings.weights)
        network = ready_network(settings.network, settings.network_arguments, weights, own_weights=settings.own_weights)
        return as_video_network(network, settings)
    path = path_or_none
    if settings.weights or settings.network_arguments:
        raise InputError(f"{path} holds its weights and takes no arguments: leave out weights and network_arguments")
    if form == "onnx":
        return open_onnx(path, settings)
    if form == "spandrel":
        return open_spandrel(path, settings.spec)
    return as_video_network(Scripted(path), settings)


def _form(network: str) -> str | None:
    form, separator, _ = network.partition(":")
    return form if separator and form in FILE_FORMS else None


def _file_of(network: str) -> Path | None:
    return Path(network.partition(":")[2]) if _form(network) else None


def _files_of(settings: NetworkSettings) -> dict[str, Path]:
    """List what decides about results: the model's file and those beside it, or source and weights."""
    path = _file_of(settings.network)
    if path is not None:
        beside = weight_files(path) if _form(settings.network) == "onnx" and path.is_file() else []
        return {"model": path} | {f"model data {number}": file for number, file in enumerate(beside)}
    source = source_file(NamedPreset.parse(settings.network).name)
    found = {"source": source} if source else {}
    return found | ({"weights": find_weights(settings.weights)} if settings.weights else {})


def _sha256(path: Path) -> str:
    if not path.is_file():
        raise WeightsError(f"{path} is a folder: name the file in it" if path.is_dir() else f"{path} is missing")
    return file_sha256(path)
