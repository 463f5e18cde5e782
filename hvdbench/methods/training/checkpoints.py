"""Write and read checkpoints: each is a folder, written whole or not at all, with tensors as safetensors, else JSON.

``checkpoints/00001000/`` contains ``model.safetensors`` (the network's own keys), ``optimiser.safetensors``,
``objective.safetensors``, ``ema.safetensors`` if weights are averaged, and ``state.json``. Nothing in it is unpickled.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from hvdbench.errors import DatasetError, WeightsError
from hvdbench.methods.training.settings import MOVES_NOTHING, EngineSettings
from hvdbench.recipe import digest_of
from hvdbench.workspace.atomic import atomic_folder, atomic_path, atomic_write_text, recover_below
from hvdbench.workspace.names import checked_name
from hvdbench.workspace.parsing import read_json

FORMAT = 1
_FOLDER = "checkpoints"
_DIGITS = 8


@dataclass(frozen=True)
class TrainingState:
    """The state of a run.

    Attributes:
        step: number of optimiser steps done.
        digest: digest of everything that changes the weights: recipe, data, seed, settings.
        tensors: tensors by file: ``model``, ``optimiser``, ``objective`` and, if weights are averaged, ``ema``.
        notes: JSON values: the next window, sums of the log that are not written yet, seconds, the guards' memory.
    """

    step: int
    digest: str
    tensors: Mapping[str, Mapping[str, Tensor]]
    notes: dict[str, Any] = field(default_factory=dict)


def run_digest(digest: str, settings: EngineSettings, seed: int) -> str:
    """Hash everything that changes the weights: the caller's ``digest``, the loop's settings and the seed."""
    return digest_of([digest, settings.model_dump(mode="json", exclude=set(MOVES_NOTHING)), seed])


def checkpoint_folder(folder: Path, step: int) -> Path:
    """Return the path of a step's checkpoint in a run's folder."""
    return folder / _FOLDER / f"{step:0{_DIGITS}d}"


def list_checkpoints(folder: Path) -> list[Path]:
    """List a run's complete checkpoints, oldest first."""
    recover_below(folder / _FOLDER)
    found = (folder / _FOLDER).glob(f"{'[0-9]' * _DIGITS}/state.json")
    return sorted(path.parent for path in found)


def save_checkpoint(folder: Path, state: TrainingState, keep: int) -> Path:
    """Write a checkpoint and remove all but the ``keep`` latest."""
    target = checkpoint_folder(folder, state.step)
    with atomic_folder(target) as made:
        for name, tensors in state.tensors.items():
            write_tensors(made / f"{name}.safetensors", tensors)
        content = {
            "format": FORMAT,
            "step": state.step,
            "digest": state.digest,
            "files": sorted(state.tensors),
            "notes": state.notes,
        }
        atomic_write_text(made / "state.json", json.dumps(content, indent=1, sort_keys=True) + "\n")
    for old in list_checkpoints(folder)[:-keep]:
        shutil.rmtree(old)
    return target


def latest_digest(folder: Path) -> str | None:
    """Return the digest of the latest checkpoint; None if there is none, or it is damaged."""
    found = list_checkpoints(folder)
    try:
        digest = read_json(found[-1] / "state.json")["digest"] if found else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(digest) if digest else None


def load_latest(folder: Path, digest: str) -> TrainingState | None:
    """Read the latest checkpoint of a run's folder; return None if there is none.

    Raises:
        DatasetError: if it comes from other settings or data.
        WeightsError: if it is damaged.
    """
    found = list_checkpoints(folder)
    return load_checkpoint_folder(found[-1], digest) if found else None


def load_checkpoint_folder(path: Path, digest: str) -> TrainingState:
    """Read one checkpoint, with the errors of :func:`load_latest`."""
    try:
        content = read_json(path / "state.json")
        found, step, files, notes = (content[key] for key in ("digest", "step", "files", "notes"))
        known = content["format"] == FORMAT
        if not isinstance(files, list) or type(step) is not int or not isinstance(notes, dict):
            raise TypeError("a value is of another kind")
        for name in files:
            checked_name(name, "files", where=path / "state.json", error=WeightsError)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{path}/state.json is damaged: remove {path} to go on from the checkpoint before"
        ) from error
    if not known:
        raise WeightsError(f"{path} was written by another version of hvdbench: remove it, or train in another folder")
    if found != digest:
        raise DatasetError(
            f"{path} was made from other settings, other data or another seed (its digest is {found}, not {digest}): "
            "use --overwrite or train in another folder"
        )
    return TrainingState(step, digest, {name: read_tensors(path / f"{name}.safetensors") for name in files}, notes)


def remove_training(folder: Path) -> None:
    """Remove a run's checkpoints, log and pictures before it begins again; a folder of anything else is left alone."""
    checkpoints = list_checkpoints(folder)
    if not checkpoints and not any((folder / name).is_file() for name in ("train.json", "log.jsonl")):
        return
    for checkpoint in checkpoints:
        shutil.rmtree(checkpoint, ignore_errors=True)
    for name in ("tensorboard", "panels"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("log.jsonl", "training.png"):
        (folder / name).unlink(missing_ok=True)


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as safetensors, whole or not at all."""
    from safetensors.torch import save_file

    # cloned, because safetensors refuses tensors that share memory
    state = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(state, temporary)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read safetensors onto the CPU.

    Raises:
        WeightsError: if the file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"{path} is missing or damaged: remove {path.parent} to go on from the checkpoint before"
        ) from error
    return tensors
