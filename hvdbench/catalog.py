"""Open every named part of hvdbench: the catalogue contains one import string per part.

Listing names imports nothing. An import string (``their_package.module:Thing``) works wherever a name does, also for a
module in the current folder, so that other packages can add parts without being registered here. Methods, datasets and
boards are not listed: each is a TOML file in ``recipes/``.
"""

import difflib
import importlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, overload

from hvdbench.errors import InputError, UnknownNameError
from hvdbench.workspace.imports import import_thing, is_import_string

if TYPE_CHECKING:
    from hvdbench.camera.stabiliser.kinds import Stabiliser
    from hvdbench.networks.network import Network

SOURCES: Mapping[str, str] = {
    "sample": "hvdbench.sources.sample:SampleSource",
    "gopro": "hvdbench.sources.gopro:GoProSource",
    "reds": "hvdbench.sources.reds:RedsSource",
    "folder": "hvdbench.sources.folder:FolderSource",
    "photos": "hvdbench.sources.photos:PhotoSource",
}
TRAJECTORY_FORMATS: Mapping[str, str] = {
    "monst3r": "hvdbench.camera.formats.monst3r:MONST3R",
    "tum": "hvdbench.camera.formats.tum:TUM",
    "kitti": "hvdbench.camera.formats.kitti:KITTI",
    "euroc": "hvdbench.camera.formats.euroc:EUROC",
    "colmap": "hvdbench.camera.formats.colmap:COLMAP",
    "re10k": "hvdbench.camera.formats.re10k:RE10K",
    "arkit": "hvdbench.camera.formats.arkit:ARKIT",
    "shakify": "hvdbench.camera.formats.shakify:SHAKIFY",
    "gyro": "hvdbench.camera.formats.gyro:GYRO",
}
STABILISERS: Mapping[str, str] = {
    "off": "hvdbench.camera.stabiliser.kinds:Off",
    "lens_shift": "hvdbench.camera.stabiliser.kinds:LensShift",
    "sensor_shift": "hvdbench.camera.stabiliser.kinds:SensorShift",
    "module_tilt": "hvdbench.camera.stabiliser.kinds:ModuleTilt",
    "eis": "hvdbench.camera.stabiliser.kinds:Eis",
}
LABELLERS: Mapping[str, str] = {
    "paper": "hvdbench.labels.sharpness:label_paper",
    "extent": "hvdbench.labels.extent:label_extent",
    "clues": "hvdbench.labels.clues:label_clues",
    "temporal_sharpness": "hvdbench.labels.temporal_sharpness:label_temporal_sharpness",
}
NETWORKS: Mapping[str, str] = {
    "spynet": "hvdbench.networks.spynet:NETWORK",
    "sea_raft": "hvdbench.networks.sea_raft:NETWORK",
    "basicvsrpp": "hvdbench.networks.basicvsrpp:NETWORK",
    "estrnn": "hvdbench.networks.estrnn:NETWORK",
    "ifirnn": "hvdbench.networks.ifirnn:NETWORK",
    "rvrt": "hvdbench.networks.rvrt:NETWORK",
    "cdvd_tsp": "hvdbench.networks.cdvd_tsp:NETWORK",
    "pwc_net": "hvdbench.networks.pwc_net:NETWORK",
    "nafnet": "hvdbench.networks.nafnet:NETWORK",
    "hypercut": "hvdbench.networks.hypercut:NETWORK",
    "fusion": "hvdbench.networks.fusion:NETWORK",
    "candidate_fusion": "hvdbench.networks.candidate_fusion:NETWORK",
    "ren_unet": "hvdbench.networks.rivals.ren_unet:NETWORK",
    "mimo_unet": "hvdbench.networks.rivals.mimo_unet:NETWORK",
    "patch_gan": "hvdbench.networks.rivals.patch_gan:NETWORK",
    "kernel_wizard": "hvdbench.networks.rivals.kernel_wizard:NETWORK",
    "bme": "hvdbench.networks.rivals.bme:NETWORK",
    "id_blau": "hvdbench.networks.rivals.id_blau:NETWORK",
    "jin_sequence": "hvdbench.networks.related.jin:NETWORK",
    "purohit_sequence": "hvdbench.networks.related.purohit:NETWORK",
    "zhong_sequence": "hvdbench.networks.related.zhong:NETWORK",
}
SCHEMES: Mapping[str, str] = {
    "blurry": "hvdbench.methods.blurry:Blurry",
    "warp_average": "hvdbench.methods.warp_average:WarpAverage",
    "reblur_blend": "hvdbench.methods.reblur_blend:ReblurBlend",
    "selfhvd_clip": "hvdbench.methods.fusion.scheme:SelfHvdClip",
    "fusion_pretrained": "hvdbench.methods.fusion.pretrained.scheme:PretrainedFusion",
    "selfhvd": "hvdbench.methods.selfhvd.scheme:SelfHvd",
    "supervised": "hvdbench.methods.supervised:Supervised",
    "ren": "hvdbench.methods.rivals.ren.scheme:Ren",
    "ren_maml": "hvdbench.methods.rivals.ren.maml_scheme:RenMaml",
    "bluref": "hvdbench.methods.rivals.bluref.scheme:Bluref",
    "blur2blur": "hvdbench.methods.rivals.blur2blur.scheme:Blur2blur",
    "kernel_wizard": "hvdbench.methods.rivals.blur2blur.kernel_training:KernelTraining",
    "dadeblur": "hvdbench.methods.rivals.dadeblur.scheme:DaDeblur",
    "bme": "hvdbench.methods.rivals.dadeblur.exposure_training:EstimatorTraining",
    "id_blau": "hvdbench.methods.rivals.dadeblur.exposure_training:BlurringTraining",
    "hypercut_order": "hvdbench.methods.related.hypercut.order_training:OrderTraining",
    "blur2vid_jin": "hvdbench.methods.related.hypercut.sequence_training:JinTraining",
    "blur2vid_purohit": "hvdbench.methods.related.hypercut.sequence_training:PurohitTraining",
    "blur2vid_zhong": "hvdbench.methods.related.hypercut.sequence_training:ZhongTraining",
    "cdvd_tsp": "hvdbench.methods.related.cdvd_tsp.scheme:CdvdTsp",
    "network": "hvdbench.methods.foreign.network_scheme:NetworkScheme",
    "folder": "hvdbench.methods.foreign.folder:FolderScheme",
    "command": "hvdbench.methods.foreign.command:CommandScheme",
}
METRICS: Mapping[str, str] = {
    "psnr": "hvdbench.metrics.fidelity:PSNR",
    "ssim": "hvdbench.metrics.fidelity:SSIM",
    "psnr_registered": "hvdbench.metrics.fidelity:PSNR_REGISTERED",
    "psnr_gain": "hvdbench.metrics.fidelity:PSNR_GAIN",
    "worse_share": "hvdbench.metrics.fidelity:WORSE_SHARE",
    "unregistered_share": "hvdbench.metrics.fidelity:UNREGISTERED_SHARE",
    "sharpness": "hvdbench.metrics.sharpness:SHARPNESS",
    "sharpness_ratio": "hvdbench.metrics.sharpness:SHARPNESS_RATIO",
    "shift_px": "hvdbench.metrics.sharpness:SHIFT_PX",
    "edge_spread": "hvdbench.metrics.edge_spread:EDGE_SPREAD",
    "warping_error": "hvdbench.metrics.temporal:WARPING_ERROR",
    "tof_px": "hvdbench.metrics.temporal:TOF_PX",
    "flicker": "hvdbench.metrics.temporal:FLICKER",
    "tlpips": "hvdbench.metrics.temporal:TLPIPS",
    "ppsnr": "hvdbench.metrics.sequence:PPSNR",
    "ppsnr_pair": "hvdbench.metrics.sequence:PPSNR_PAIR",
    "pssim": "hvdbench.metrics.sequence:PSSIM",
    "pssim_pair": "hvdbench.metrics.sequence:PSSIM_PAIR",
    "plpips": "hvdbench.metrics.sequence:PLPIPS",
    "plpips_pair": "hvdbench.metrics.sequence:PLPIPS_PAIR",
    "landmark_error": "hvdbench.metrics.trajectories:LANDMARK_ERROR",
    "fingertip_error": "hvdbench.metrics.trajectories:FINGERTIP_ERROR",
    "efficiency": "hvdbench.metrics.efficiency:FRAMES_PER_S",
}

PROGRAM_SCHEMES = frozenset({"command"})
"""The schemes that run a program of the user's choice."""
TINY = "tiny"
"""The preset for tests and dry runs: every part is there once, at its smallest width."""

_WITH_PRESET = re.compile(r"(.+)@([^\W\d]\w*)", re.DOTALL)


@dataclass(frozen=True)
class NamedPreset:
    """A name and the preset after its ``@``, as in ``estrnn@tiny``.

    Attributes:
        name: the name of a network or recipe, or the path of a recipe's file.
        preset: the preset, or None if the name has none.
    """

    name: str
    preset: str | None = None

    @classmethod
    def parse(cls, text: str) -> "NamedPreset":
        """Split ``name@preset``; the text after the last ``@`` is a preset if it is one word without dots."""
        found = _WITH_PRESET.fullmatch(text)
        return cls(found[1], found[2]) if found else cls(text)

    def __str__(self) -> str:
        return self.name if self.preset is None else f"{self.name}@{self.preset}"

    @property
    def is_tiny(self) -> bool:
        """Whether the preset is ``tiny``."""
        return self.preset == TINY

    @property
    def tiny(self) -> "NamedPreset":
        """The same name with the tiny preset."""
        return replace(self, preset=TINY)


@dataclass(frozen=True)
class _Kind:
    """A kind of part.

    Attributes:
        parts: the import strings by name.
        expected: what a part of this kind must be, worded for the error about a thing that is not.
        take: the function that returns the part which an imported thing is or stands for, or None where it is none.
    """

    parts: Mapping[str, str]
    expected: str
    take: Callable[[object], object]


def names(kind: str) -> list[str]:
    """List the names of a kind of part, sorted."""
    return sorted(_KINDS[kind].parts)


@overload
def resolve(kind: Literal["network"], name: str) -> "Network": ...


@overload
def resolve(kind: Literal["stabiliser"], name: str) -> "type[Stabiliser]": ...


@overload
def resolve(kind: str, name: str) -> Any: ...


def resolve(kind: str, name: str) -> Any:
    """Import a part by its name in the catalogue or by an import string.

    Args:
        kind: ``source``, ``trajectory format``, ``stabiliser``, ``controller``, ``labeller``, ``network``, ``scheme``
            or ``metric``.
        name: a name of the catalogue, or ``package.module:Thing``. The current folder is searched last, so that it
            never replaces an installed module.

    Raises:
        UnknownNameError: if the catalogue has no such name, or the import string leads nowhere.
        InputError: if a module from outside hvdbench fails as it is imported, or the imported object is not a part of
            this kind.
    """
    known = _KINDS[kind]
    if name in known.parts:  # ours: a failure here is a missing dependency or a bug, not a mistyped name
        module, _, attribute = known.parts[name].partition(":")
        thing = getattr(importlib.import_module(module), attribute)
    elif is_import_string(name):
        thing = import_thing(kind, name)
    else:
        raise UnknownNameError(unknown(kind, name, known.parts))
    part = known.take(thing)
    if part is None:
        raise InputError(f"{kind} '{name}' is {_described(thing)}: expected {known.expected}")
    return part


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the sentence for an unknown name, with the nearest known one."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"there is no {kind} named '{name}'{hint} (known: {', '.join(known)})"


def _described(thing: object) -> str:
    if isinstance(thing, ModuleType):
        return f"the module {thing.__name__}"
    name = getattr(thing, "__name__", None)
    if isinstance(thing, type):
        return f"the class {name}"
    return (
        f"the function {name}" if callable(thing) and isinstance(name, str) else f"of the type {type(thing).__name__}"
    )


def _function(thing: object) -> object | None:
    return thing if callable(thing) and not isinstance(thing, type) else None


def _class(thing: object) -> object | None:
    return thing if isinstance(thing, type) else None  # methods.scheme_check names a misspelt hook


def _class_with(*members: str) -> Callable[[object], object]:
    def take(thing: object) -> object | None:
        return thing if isinstance(thing, type) and all(hasattr(thing, member) for member in members) else None

    return take


def _subclass_of(base: str) -> Callable[[object], object]:
    """Return a function that accepts the subclasses of a class; the class is imported only when a part is opened."""

    def take(thing: object) -> object | None:
        module, _, name = base.partition(":")
        wanted = getattr(importlib.import_module(module), name)
        return thing if isinstance(thing, type) and issubclass(thing, wanted) else None

    return take


def _controller(thing: object) -> object | None:
    return thing if callable(thing) else None


def _function_or(kind: str) -> Callable[[object], object]:
    """Return a function that accepts functions and a class's objects; it is imported only when a part is opened."""

    def take(thing: object) -> object | None:
        module, _, name = kind.partition(":")
        return thing if isinstance(thing, getattr(importlib.import_module(module), name)) else _function(thing)

    return take


def _network(thing: object) -> object | None:
    part: object | None = importlib.import_module("hvdbench.networks.network").as_network(thing)
    return part


_KINDS: Mapping[str, _Kind] = {
    "source": _Kind(SOURCES, "a class with a method scenes()", _class_with("scenes")),
    "trajectory format": _Kind(
        TRAJECTORY_FORMATS,
        "a TrajectoryFormat, or a function that reads a file into a Trajectory",
        _function_or("hvdbench.camera.formats.trajectory_format:TrajectoryFormat"),
    ),
    "stabiliser": _Kind(
        STABILISERS,
        "a subclass of hvdbench.camera.stabiliser.kinds.Stabiliser",
        _subclass_of("hvdbench.camera.stabiliser.kinds:Stabiliser"),
    ),
    "controller": _Kind({}, "a function of gyro rates and rate_hz, or a class that makes one", _controller),
    "labeller": _Kind(LABELLERS, "a function that takes frames and returns SharpLabels", _function),
    "network": _Kind(NETWORKS, "a Network, a torch.nn.Module, its class, or a function that makes one", _network),
    "scheme": _Kind(SCHEMES, "a class derived from hvdbench.methods.scheme.Scheme", _class),
    "metric": _Kind(
        METRICS,
        "a Metric, or a function of restored and true frames that returns a number",
        _function_or("hvdbench.metrics.metric:Metric"),
    ),
}
