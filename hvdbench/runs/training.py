"""Train a method over a dataset's clips and keep its weights on disk.

A stopped run continues where it stopped, and finished weights are used again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hvdbench.dataset.facts import ClipReader
from hvdbench.dataset.folder_reader import open_reader
from hvdbench.errors import DatasetError
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget
from hvdbench.methods.stages import measured
from hvdbench.recipe import digest_of
from hvdbench.store import Dataset
from hvdbench.workspace.atomic import atomic_write_text
from hvdbench.workspace.locks import locked
from hvdbench.workspace.manifest import file_sha256, versions
from hvdbench.workspace.names import checked_name
from hvdbench.workspace.objects.location import Place
from hvdbench.workspace.parsing import read_json
from hvdbench.workspace.workspace import Workspace

if TYPE_CHECKING:
    from torch import nn

_MANIFEST = "train.json"


@dataclass(frozen=True)
class Trained:
    """The outcome of a training.

    Attributes:
        folder: the run's folder.
        weights: the path of the weights; None where the run stopped before its end.
        step: the optimiser steps done.
        steps: the optimiser steps of the whole run.
    """

    folder: Path
    weights: Path | None
    step: int
    steps: int


def train_method(
    method: Method, dataset: Dataset, *, workspace: Workspace | None = None, budget: Budget | None = None
) -> Path:
    """Train a method on a dataset's clips to the end; finished weights of the same digest are used again.

    Args:
        method: a method that is trained over clips.
        dataset: the dataset that it is trained on.
        workspace: where runs lie, and whether weights from other settings are replaced.
        budget: seed, threads, device and progress; its limit of minutes does not end this training.

    Returns:
        ``runs/<method>/<dataset>/weights.safetensors``, with ``train.json`` beside it.

    Raises:
        DatasetError: if weights from other settings are there and may not be replaced.
        KeyboardInterrupt: if a signal stopped the run; the same call continues it.
    """
    workspace, whole = workspace or Workspace(), replace(budget or Budget(), minutes=None, announce=None)
    folder = training_folder(workspace.runs, method.name, dataset.name)
    with locked(folder / _MANIFEST):  # a second process waits, and uses the weights that the first one trained
        done = run_training(method, dataset.place, folder, workspace=workspace, budget=whole)
    assert done.weights is not None  # only a signal ends it earlier, and that is raised
    return done.weights


def run_training(
    method: Method,
    data: Place,
    folder: Path | None = None,
    *,
    workspace: Workspace | None = None,
    budget: Budget | None = None,
) -> Trained:
    """Train a method, or continue its training, in one process or those of ``torchrun`` and ``accelerate launch``.

    Args:
        method: a method that is trained over clips.
        data: a dataset's folder, or a pack of one, on the disk or at an address.
        folder: the run's folder; None means ``<runs>/<method>/<dataset>``.
        workspace: where runs lie, and whether to start again where something from other settings is there.
        budget: seed, device and progress; after its minutes the run stops at a checkpoint. Its listener is told before
            the run how long it is going to take.

    Raises:
        InputError: if the method is not trained over clips.
        DatasetError: if weights or checkpoints from other settings are there and may not be replaced.
        FitError: if the loss exploded, or a clip cannot be trained on.
        KeyboardInterrupt: if a signal stopped the run; a checkpoint is written.
    """
    from hvdbench.methods.training.checkpoints import run_digest
    from hvdbench.methods.training.processes import Processes
    from hvdbench.methods.training.scheme import train_scheme

    workspace, budget = workspace or Workspace(), budget or Budget()
    scheme = method.trained_scheme
    processes = Processes(budget.device)
    reader = open_reader(data)
    folder = folder or training_folder(workspace.runs, method.name, reader.name)
    steps = scheme.engine.steps
    digest = _digest(method, reader, budget.seed)
    weights = folder / "weights.safetensors"
    if _is_finished(folder, digest, workspace.overwrite):
        budget.progress(steps, steps, "train")
        return Trained(folder, weights, steps, steps)
    processes.wait()
    if processes.is_main and workspace.overwrite:
        _clear_others(folder, run_digest(digest, scheme.engine, budget.seed))
    processes.wait()
    with measured() as stages:
        network, result = train_scheme(scheme, reader, folder, budget, digest=digest, processes=processes)
    reader.close()
    if result.stopped_by == "signal" and not result.is_finished:
        raise KeyboardInterrupt
    if result.is_finished and processes.is_main:
        # of a training that was continued, the stages of the earlier calls are not known
        is_whole = float(result.facts.get("seconds", 0.0)) <= stages.total_s + 1
        _write(folder, network, method, reader, digest, budget, result.facts | (stages.facts if is_whole else {}))
    processes.wait()
    if not result.is_finished and budget.announce is not None and processes.is_main:
        budget.announce(
            f"the training in {folder} stopped after step {result.step} of {result.steps}: the same command "
            "continues it"
        )
    return Trained(folder, weights if result.is_finished else None, result.step, result.steps)


def training_folder(runs: Path, method: str, dataset: str) -> Path:
    """Return the folder of a method's training.

    Raises:
        InputError: if a name could be a path.
    """
    return runs / checked_name(method, "the method") / checked_name(dataset, "the dataset")


def _digest(method: Method, reader: ClipReader, seed: int) -> str:
    """Hash everything that changes the weights: the recipe's numbers, the data, their labels and the seed."""
    from hvdbench.methods.training.settings import MOVES_NOTHING

    values = method.recipe.values
    settings = dict(values.settings)
    if isinstance(engine := settings.get("engine"), dict):
        settings["engine"] = {key: value for key, value in engine.items() if key not in MOVES_NOTHING}
    labels = [clip.is_selected.tolist() for clip in reader.clips]
    return digest_of([values.scheme, settings, reader.digest, labels, seed])


def _is_finished(folder: Path, digest: str, overwrite: bool) -> bool:
    """Return whether finished weights of this digest lie in a folder.

    Raises:
        DatasetError: if other weights are there and may not be replaced.
    """
    from hvdbench.methods.training.checkpoints import list_checkpoints

    weights, manifest = folder / "weights.safetensors", folder / _MANIFEST
    if weights.is_file() and not manifest.is_file() and not list_checkpoints(folder):
        raise DatasetError(
            f"{weights} was not trained by hvdbench, so it is not replaced: move it, or name another --out"
        )
    if not (weights.is_file() and manifest.is_file()):
        return False
    try:
        found = read_json(manifest)
        if found["digest"] == digest and found["weights_sha256"] == file_sha256(weights):
            return True
    except (ValueError, KeyError, TypeError):
        pass  # damaged, so its origin is not known
    if not overwrite:
        raise DatasetError(f"{folder} contains weights from other settings: use --overwrite or choose another folder")
    return False


def _clear_others(folder: Path, digest: str) -> None:
    """Remove another digest's run, finished or not; a stopped run of this digest stays, to be continued."""
    from hvdbench.methods.training.checkpoints import latest_digest, remove_training

    if latest_digest(folder) != digest:
        remove_training(folder)
    for name in (_MANIFEST, "weights.safetensors"):
        (folder / name).unlink(missing_ok=True)


def _write(
    folder: Path,
    network: "nn.Module",
    method: Method,
    reader: ClipReader,
    digest: str,
    budget: Budget,
    facts: Mapping[str, object],
) -> None:
    """Write the weights and the record of what they came from."""
    from hvdbench.methods.training.checkpoints import write_tensors

    weights = folder / "weights.safetensors"
    write_tensors(weights, network.state_dict())
    scheme = method.trained_scheme
    manifest = {
        "method": method.name,
        "recipe": method.recipe.values.model_dump(mode="json"),
        "digest": digest,
        "dataset": reader.name,
        "dataset_digest": reader.digest,
        "clips": [
            clip.key for clip in reader.clips if not scheme.splits or clip.key.partition("/")[0] in scheme.splits
        ],
        "truth_read": scheme.reads_truth,
        "truth_measured": scheme.reads_truth or scheme.engine.validation.truth is not None,
        "seed": budget.seed,
        "device": budget.device,
        "weights_sha256": file_sha256(weights),
        "versions": versions(),
        "facts": facts,
    }
    atomic_write_text(folder / _MANIFEST, json.dumps(manifest, indent=1, sort_keys=True) + "\n")
