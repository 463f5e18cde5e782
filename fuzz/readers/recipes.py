"""Recipes and other TOML files: of datasets, methods, boards, layouts, camera paths, devices, and the user's own."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from fuzz.target import Corpus, Target, words
from hvdbench.boards.settings import BoardSettings
from hvdbench.camera.index import read_index
from hvdbench.ingest.device import read_device_map
from hvdbench.methods.recipe import load_method
from hvdbench.recipe import load_recipe
from hvdbench.sources.layout import load_layout
from hvdbench.synth.settings import DatasetSettings
from hvdbench.workspace.paths import CONFIG_VARIABLE, home_folder, read_config

_TOKENS = words(
    "based_on as tiny provenance scheme settings source seed command kind name true false gopro reds sample x@tiny"
)
_DEVICES = b'[devices]\n"captures/p40" = "HVD-Huawei"\n"." = "phone-a"\n'
_CONFIG = b'weights = "/tmp/w"\ntrusted = ["/tmp/a", "b"]\n[roots]\ngopro = "/data/gopro"\nreds = "~/reds"\n'
_INDEX = b'[one]\norigin = "measured"\nformat = "tum"\nfps = 30.0\nfolder = "one"\nlicence = "x"\nsource = "y"\n'
_LONGEST_SEED = 6000


def _of_kind(kind: str, read: Callable[[Path], object]) -> Callable[[Path], Corpus]:
    """Return a harness over the small recipes of a kind that come with hvdbench."""

    def prepare(folder: Path) -> Corpus:
        files = sorted((home_folder("recipes") / kind).glob("[a-z]*.toml"))
        small = [file.read_bytes() for file in files if file.stat().st_size < _LONGEST_SEED]
        return Corpus(
            "recipe.toml", [data for data in small if _is_read(folder / "recipe.toml", data, read)], read, _TOKENS
        )

    return prepare


def _is_read(path: Path, data: bytes, read: Callable[[Path], object]) -> bool:
    """Return whether a recipe is read where it lies alone; one that names weights or paths beside it is not."""
    path.write_bytes(data)
    try:
        read(path)
    except ValueError:
        return False
    return True


def _dataset(path: Path) -> object:
    return [load_recipe("datasets", f"{path}{preset}", DatasetSettings).digest for preset in ("", "@tiny")]


def _method(path: Path) -> object:
    return load_method(str(path)).digest


def _board(path: Path) -> object:
    return load_recipe("boards", str(path), BoardSettings).digest


def _made(file: str, data: bytes, read: Callable[[Path], object], _: Path) -> Corpus:
    return Corpus(file, [data], read, _TOKENS)


def _config(path: Path) -> object:
    os.environ[CONFIG_VARIABLE] = str(path)
    return read_config()


TARGETS = (
    Target("recipes.datasets", _of_kind("datasets", _dataset), ("hvdbench.recipe", "hvdbench.synth.settings")),
    Target("recipes.methods", _of_kind("methods", _method), ("hvdbench.recipe", "hvdbench.methods.recipe")),
    Target("recipes.boards", _of_kind("boards", _board), ("hvdbench.recipe", "hvdbench.boards.settings")),
    Target("recipes.layouts", _of_kind("layouts", lambda path: load_layout(str(path))), ("hvdbench.sources.layout",)),
    Target(
        "recipes.paths",
        partial(_made, "index.toml", _INDEX, lambda path: read_index(path.parent)),
        ("hvdbench.camera.index",),
    ),
    Target("recipes.devices", partial(_made, "devices.toml", _DEVICES, read_device_map), ("hvdbench.ingest.device",)),
    Target("recipes.config", partial(_made, "config.toml", _CONFIG, _config), ("hvdbench.workspace.paths",)),
)
