"""Restore clips with a network that is ready, hvdbench's own or a foreign one, without learning anything."""

import json
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from hvdbench.catalog import NamedPreset
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
from hvdbench.recipe.bounds import MOST_FRAMES, MOST_PX
from hvdbench.recipe.trust import Part
from hvdbench.weights.finding import find_weights
from hvdbench.workspace.imports import FILE_FORMS, source_file
from hvdbench.workspace.manifest import file_sha256
from hvdbench.workspace.parsing import parse_json

Side = Annotated[int, Field(ge=1, le=MOST_PX)]


class NetworkSettings(NetworkInput):
    """Which network, with which weights, and how it is run."""

    network: Annotated[str, Part("network")]
    """Network to run: a name of the catalogue (``estrnn``, ``estrnn@tiny``), an import string (``their_pkg.net:Net``),
    or a file: ``torchscript:FILE``, ``onnx:FILE``, ``spandrel:FILE``."""
    network_arguments: dict[str, object] = {}
    """Arguments of the class or function that a name or an import string stands for."""
    weights: str | None = None
    """Checkpoint: a path, the name of known weights, or a file in the folder of weights."""
    own_weights: bool = False
    """Whether what an import string names has its weights already."""
    window: Annotated[int, Field(ge=1, le=MOST_FRAMES)] | Literal["auto"] | None = None
    """Most frames at once; without it, the whole clip."""
    overlap: int | None = Field(None, ge=0, le=MOST_FRAMES)
    """Frames of context at each inner end of a window; without it, what the network declares, else a quarter."""
    tile: Side | tuple[Side, Side] | Literal["auto"] | None = None
    """Largest side, or height and width, at once, in px; without it, the whole frame."""
    context_px: int | None = Field(None, ge=0, le=MOST_PX)
    """Px of context at each inner side of a tile; without it, what the network declares, else 32."""
    precision: Precision = "float32"
    """Number format to compute in."""


class NetworkScheme(Scheme[NetworkSettings]):
    """A scheme that restores clips with a network that is ready."""

    Settings: ClassVar[type[Settings]] = NetworkSettings
    has_network: ClassVar[bool] = True
    takes_inference: ClassVar[bool] = True

    @cached_property
    def files(self) -> dict[str, str]:
        """The SHA-256 of each file that the network is read from, by the part of the network and not by the path.

        Raises:
            WeightsError: if a file is missing.
        """
        return {part: _sha256(path) for part, path in _files_of(self.settings).items()}

    @property
    def identity(self) -> dict[str, object]:
        """Everything that changes the frames: the settings, and the content of the files."""
        values = self.settings.model_dump(mode="json", exclude={"weights"})
        form = _form(self.settings.network)
        return values | {"network": form or self.settings.network, "files": self.files}

    @property
    def made_from(self) -> str:
        """The origin of the frames, in words for a board."""
        settings = self.settings
        path = _file_of(settings.network) or (Path(settings.weights) if settings.weights else None)
        return f"weights {path.name}, trained elsewhere" if path else f"network {settings.network} as it is"

    def check(self) -> None:
        """Open the network, so that a mistake shows before a long run.

        Raises:
            HvdbenchError: under the conditions of :meth:`open`.
        """
        self.open()

    def open(self) -> VideoNetwork:
        """Build the network and load its weights; the last network that was opened is kept in memory.

        Raises:
            UnknownNameError: if there is no such network.
            InputError: if the network cannot be built or used.
            WeightsError: if its file or weights are missing, damaged, of another network, or changed since.
        """
        return _open(self.settings.model_dump_json(), json.dumps(self.files))

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Restore a clip; windows, tiles and precision of the budget take precedence over those of the settings.

        Raises:
            InputError: if a window or tile does not suit the network.
            FitError: if the network fails, or the memory does not suffice.
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
        """Return windows, tiles and precision: those that were asked for, or else those of the settings.

        In a stream, ``auto`` counts as not asked for, since a window that the settings name bounds memory as well.

        Raises:
            InputError: if the network cannot take such a window.
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
                raise InputError(
                    f"network '{self.settings.network}' takes {fixed} frames at once, not {asked}: correct the window"
                )
            return fixed
        one_by_one = asked is None and not is_stream and isinstance(network, FrameByFrame)
        return FRAMES_AT_ONCE if one_by_one else asked


@lru_cache(maxsize=1)
def _open(settings_json: str, files_json: str) -> VideoNetwork:
    """Open a network; the content of its files is part of the cache's key, and must not have changed since."""
    settings = NetworkSettings.model_validate_json(settings_json)
    expected = parse_json(files_json)
    for part, path in _files_of(settings).items():
        if _sha256(path) != expected.get(part):
            raise WeightsError(f"{path} has changed since it was opened: run the same command again")
    form, path_or_none = _form(settings.network), _file_of(settings.network)
    if form is None or path_or_none is None:
        weights = None if settings.weights is None else find_weights(settings.weights)
        network = ready_network(settings.network, settings.network_arguments, weights, own_weights=settings.own_weights)
        return as_video_network(network, settings)
    path = path_or_none
    if settings.weights or settings.network_arguments:
        raise InputError(
            f"{path} contains its own weights and takes no arguments: leave out weights and network_arguments"
        )
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
    """List the files that decide on the result: the model's file and those beside it, or source and weights."""
    path = _file_of(settings.network)
    if path is not None:
        beside = weight_files(path) if _form(settings.network) == "onnx" and path.is_file() else []
        return {"model": path} | {f"model data {number}": file for number, file in enumerate(beside)}
    source = source_file(NamedPreset.parse(settings.network).name)
    found = {"source": source} if source else {}
    return found | ({"weights": find_weights(settings.weights)} if settings.weights else {})


def _sha256(path: Path) -> str:
    if not path.is_file():
        raise WeightsError(f"{path} is a folder: name the file in it" if path.is_dir() else f"{path} does not exist")
    return file_sha256(path)
