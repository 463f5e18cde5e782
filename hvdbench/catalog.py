"""Every part of hvdbench that has a name, as import strings: one line a part.

Listing names imports nothing. An import string (``their_package.module:Thing``) works wherever a name does, so a
third party needs no hook here. Methods, datasets and boards are not listed: each is a TOML file in ``recipes/``.
"""

import difflib
import functools
import importlib
from collections.abc import Iterable, Mapping
from typing import Any

from hvdbench.errors import UnknownNameError

SOURCES: Mapping[str, str] = {
    "sample": "hvdbench.sources.sample:SampleSource",
    "gopro": "hvdbench.sources.gopro:GoProSource",
    "reds": "hvdbench.sources.reds:RedsSource",
    "folder": "hvdbench.sources.folder:FolderSource",
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
}
NETWORKS: Mapping[str, str] = {
    "spynet": "hvdbench.networks.spynet:SPyNet",
    "sea_raft": "hvdbench.networks.sea_raft:SeaRaft",
    "basicvsrpp": "hvdbench.networks.basicvsrpp:BasicVSRPlusPlus",
    "estrnn": "hvdbench.networks.estrnn:ESTRNN",
    "ifirnn": "hvdbench.networks.ifirnn:IFIRNN",
    "rvrt": "hvdbench.networks.rvrt:RVRT",
    "cdvd_tsp": "hvdbench.networks.cdvd_tsp:CDVDTSP",
    "pwc_net": "hvdbench.networks.pwc_net:PWCNet",
    "nafnet": "hvdbench.networks.nafnet:NAFNet",
    "hypercut": "hvdbench.networks.hypercut:HyperCUT",
    "fusion": "hvdbench.networks.fusion:FusionNetwork",
}
SCHEMES: Mapping[str, str] = {
    "blurry": "hvdbench.methods.blurry:Blurry",
    "warp_average": "hvdbench.methods.warp_average:WarpAverage",
    "reblur_blend": "hvdbench.methods.reblur_blend:ReblurBlend",
    "selfhvd_clip": "hvdbench.methods.fusion.scheme:SelfHvdClip",
    "selfhvd": "hvdbench.methods.selfhvd.scheme:SelfHvd",
    "supervised": "hvdbench.methods.supervised:Supervised",
    "network": "hvdbench.methods.foreign.network_scheme:NetworkScheme",
    "folder": "hvdbench.methods.foreign.folder:FolderScheme",
    "command": "hvdbench.methods.foreign.command:CommandScheme",
}
METRICS: Mapping[str, str] = {
    "psnr": "hvdbench.metrics.fidelity:psnr",
    "ssim": "hvdbench.metrics.fidelity:ssim",
    "psnr_registered": "hvdbench.metrics.fidelity:psnr_registered",
    "sharpness": "hvdbench.metrics.sharpness:laplacian_variance",
    "shift": "hvdbench.metrics.sharpness:shift_px",
    "edge_spread": "hvdbench.metrics.edge_spread:median_edge_spread",
}

_KINDS: Mapping[str, Mapping[str, str]] = {
    "source": SOURCES,
    "trajectory format": TRAJECTORY_FORMATS,
    "stabiliser": STABILISERS,
    "labeller": LABELLERS,
    "network": NETWORKS,
    "scheme": SCHEMES,
    "metric": METRICS,
}


def names(kind: str) -> list[str]:
    """List the names of a kind of part, sorted."""
    return sorted(_KINDS[kind])


def resolve(kind: str, name: str) -> Any:
    """Import the part ``name`` of a kind; an import string ``package.module:Thing`` is taken as it is.

    A network's name may end in ``@tiny``: the class with the arguments of that preset.

    Raises:
        UnknownNameError: the catalogue has no such name or preset, or the import string leads nowhere.
    """
    if kind == "network" and "@" in name:
        presets = importlib.import_module("hvdbench.networks.presets")
        try:
            bare, arguments = presets.preset_arguments(name)
        except KeyError as error:
            raise UnknownNameError(error.args[0]) from error
        return functools.partial(resolve(kind, bare), **arguments)
    table = _KINDS[kind]
    target = name if ":" in name else table.get(name)
    if target is None:
        raise UnknownNameError(unknown(kind, name, table))
    module_name, _, attribute = target.partition(":")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except (ModuleNotFoundError, AttributeError, TypeError, ValueError) as error:
        if name in table:  # ours: a missing dependency or a bug, not the user's typing
            raise
        raise UnknownNameError(f"{kind} '{name}' cannot be imported: {error}") from error


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Word the sentence for a name that is not known, with the nearest one that is."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"no {kind} named '{name}'{hint} (known: {', '.join(known)})"
