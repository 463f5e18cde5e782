"""Trainings: the log, the state beside checkpoints, and weights of every container."""

import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from fuzz.structure import changed_tensors
from fuzz.target import FEW, Corpus, Target, words
from hvdbench.methods.training.checkpoints import TrainingState, load_checkpoint_folder, save_checkpoint
from hvdbench.methods.training.records import cut_log, read_log
from hvdbench.methods.training.run_plot import draw_run
from hvdbench.weights.checking import identify_lines
from hvdbench.weights.checkpoints import check_whole, read_checkpoint

_KEYS = words(
    "state_dict params params_ema model module. epoch weight cos\nsystem collections OrderedDict torch FloatStorage"
)

_FEWEST = 200
"""Inputs of what draws a picture of each, which takes a third of a second; ``trainings.log`` reads the same files."""


def _log_seed() -> bytes:
    steps = [{"kind": "step", "step": n, "loss": 1.0 / n, "learning_rate": 1e-4, "seconds": 0.1} for n in (1, 2, 3)]
    checks = [{"kind": "validation", "step": n, "psnr": 30.0, "shift_px": 0.1, "sharpness": 2.0} for n in (1, 3)]
    return "".join(json.dumps(line) + "\n" for line in steps + checks).encode()


def _log(_: Path) -> Corpus:
    def read(path: Path) -> object:
        found = read_log(path)
        cut_log(path, 2)
        return found

    return Corpus("log.jsonl", [_log_seed()], read, words("kind step loss validation learning_rate shift_px"))


def _plot(_: Path) -> Corpus:
    tokens = words("kind step loss validation learning_rate shift_px")
    return Corpus("log.jsonl", [_log_seed()], lambda path: draw_run(path, path.with_name("a.png")), tokens)


def _state(name: str, folder: Path) -> Corpus:
    state = TrainingState(3, "ab", {"network": {"w": torch.arange(6.0).reshape(2, 3)}}, {"best": 1.0})
    made = save_checkpoint(folder, state, 1)
    file = str((made / name).relative_to(folder))
    return Corpus(
        file,
        [(made / name).read_bytes()],
        lambda path: load_checkpoint_folder(path.parent, "ab"),
        words("format step digest files notes network"),
        change=changed_tensors if name.endswith(".safetensors") else None,
    )


def _tensors() -> dict[str, Any]:
    return {"conv.weight": torch.arange(12.0).reshape(2, 2, 3, 1), "conv.bias": torch.ones(2, dtype=torch.float16)}


def _saved(content: object, **more: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **more)
    return file.getvalue()


def _contents() -> list[object]:
    return [_tensors(), {"state_dict": {f"module.{name}": value for name, value in _tensors().items()}, "epoch": 3}]


def _read(path: Path) -> object:
    check_whole(path)
    found = read_checkpoint(path)
    return found.steps, identify_lines(path)


def _safetensors(_: Path) -> Corpus:
    return Corpus(
        "a.safetensors",
        [save(_tensors())],
        _read,
        words("dtype F32 F16 BF16 I64 BOOL shape data_offsets __metadata__"),
        change=changed_tensors,
    )


def _old(_: Path) -> Corpus:
    return Corpus("a.pth", [_saved(one, _use_new_zipfile_serialization=False) for one in _contents()], _read, _KEYS)


def _zip(_: Path) -> Corpus:
    return Corpus("a.pth", [_saved(one) for one in _contents()], _read, _KEYS)


def _inner(_: Path) -> Corpus:
    """Damage the pickle within the archive, whose checksum is made to fit."""
    archive = zipfile.ZipFile(io.BytesIO(_saved(_contents()[1])))
    names = archive.namelist()
    held = {name: archive.read(name) for name in names}
    (inner,) = (name for name in names if name.endswith("data.pkl"))

    def wrap(data: bytes) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as made:
            for name in names:
                made.writestr(name, data if name == inner else held[name])
        return file.getvalue()

    return Corpus("a.pth", [held[inner]], _read, _KEYS, wrap)


def _packed(_: Path) -> Corpus:
    """Damage archives in which weights are published."""
    inside = save(_tensors())
    tar, packed = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as made:
        entry = tarfile.TarInfo("a.safetensors")
        entry.size = len(inside)
        made.addfile(entry, io.BytesIO(inside))
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.safetensors", inside)
    return Corpus("a.tar", [tar.getvalue(), packed.getvalue()], _read, (b"PK\x03\x04", b"ustar", pickle.dumps({})))


_READERS: tuple[tuple[str, Callable[[Path], Corpus]], ...] = (
    ("safetensors", _safetensors), ("old", _old), ("zip", _zip), ("pickle", _inner), ("archives", _packed),
)  # fmt: skip
TARGETS = (
    Target("trainings.log", _log, ("hvdbench.methods.training.records",)),
    Target("trainings.plot", _plot, ("hvdbench.methods.training.run_plot",), _FEWEST),
    Target("trainings.state", partial(_state, "state.json"), ("hvdbench.methods.training.checkpoints",), FEW),
    Target(
        "trainings.tensors", partial(_state, "network.safetensors"), ("hvdbench.methods.training.checkpoints",), FEW
    ),
    *(Target(f"weights.{name}", prepare, ("hvdbench.weights",), FEW) for name, prepare in _READERS),
)
