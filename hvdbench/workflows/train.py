"""What a trained method needs before it restores: its training, the weights that are at hand, and where they are from.

A method without trained weights is fitted at its ``@tiny`` size and keeps that name; see
:mod:`hvdbench.workspace.fallback`.
"""

import json
from dataclasses import replace
from pathlib import Path

from hvdbench.errors import InputError
from hvdbench.methods.opening import open_method, open_tiny
from hvdbench.methods.recipe import Method, load_method
from hvdbench.methods.restoration import Budget
from hvdbench.store import Dataset
from hvdbench.workflows.datasets import find_dataset
from hvdbench.workspace.manifest import file_sha256
from hvdbench.workspace.workspace import Workspace


def train(
    name: str,
    data: Path | None,
    *,
    workspace: Workspace | None = None,
    budget: Budget | None = None,
    out: Path | None = None,
    precision: str | None = None,
) -> Path | None:
    """Train a method on a dataset; where the embedded scenes stand in for one, its ``@tiny`` size is trained.

    Args:
        name: a method recipe.
        data: a dataset's folder or a pack of one; None: the usual one.
        workspace: where runs lie, and whether something may stand in.
        budget: seed, device, progress; steps in place of the recipe's; the minutes after which the run stops at a
            checkpoint, to go on with the same call; its listener hears what the run is going to take, and where it
            stopped.
        out: the run's folder; None: ``<runs>/<method>/<dataset>``.
        precision: what the network computes in, in place of the recipe's.

    Returns:
        The weights' file; None where time was up before the end.

    Raises:
        InputError: the method is fitted to each clip and has nothing to train.
        StrictError: no dataset is there, in strict mode.
    """
    from hvdbench.runs.training import run_training

    workspace, budget = workspace or Workspace(), budget or Budget()
    method = load_method(name, trust=workspace.trust)
    if not method.is_trained:
        raise InputError(f"method '{name}' is fitted to each clip as it restores: use 'hvdbench eval' or 'deblur'")
    if data is None or not data.is_file():
        dataset = find_dataset(data, workspace=workspace, budget=budget)
        if dataset.origin == "demo" and data is None and method.preset is None:
            workspace.fallback.take(f"'{name}' at full size needs a full dataset (--data)", f"'{name}@tiny'")
            method = open_tiny(method, trust=workspace.trust)
        data = dataset.folder
    asked = {key: value for key, value in (("steps", budget.steps), ("precision", precision)) if value is not None}
    if asked:
        method = load_method(method.reference, overrides={"engine": asked}, trust=workspace.trust)
    return run_training(method, data, out, workspace=workspace, budget=budget).weights


def open_with_weights(
    method: Method | str,
    dataset: Dataset,
    *,
    workspace: Workspace,
    budget: Budget,
    weights: Path | None = None,
    label: str | None = None,
) -> Method:
    """Open a method with what it needs to restore: nothing, named weights, its own training's, or a tiny fit's.

    Weights of its own training on this dataset come first, else those of its only other training. A model of others
    holds its weights itself.

    Args:
        method: a reference of :func:`hvdbench.methods.opening.open_method`, or what that returned.
        dataset: what is going to be restored, and what a tiny fit is trained on.
        workspace: where trainings lie, and whether a tiny fit may stand in.
        budget: seed, device and progress of the tiny fit.
        weights: named by a person.
        label: what the method is called on boards; None: its own name.

    Returns:
        The method with its weights; where the tiny fit stands in, ``<name>@tiny``, which knows what it stands in for.

    Raises:
        UnknownNameError: there is no such recipe, network, file or folder.
        InputError: it was trained on several other datasets, and none was named.
        WeightsError: the named weights are missing or damaged.
        StrictError: there are no weights, in strict mode.
    """
    from hvdbench.runs.training import train_method

    if isinstance(method, str):
        method = open_method(method, weights=weights, name=label, trust=workspace.trust)
    if not method.is_trained or method.weights is not None:
        return method
    if method.preset is None:
        asked = method.reference
        trained = sorted(workspace.runs.glob(f"{method.recipe.name}/*/weights.safetensors"))
        here = [path for path in trained if path.parent.name == dataset.name] or trained
        if len(here) == 1:
            return method.with_weights(here[0])
        if here:
            raise InputError(
                f"'{asked}' has weights in {', '.join(str(p.parent) for p in here)}: name one with --weights"
            )
        missing = f"no trained weights for '{asked}' (--weights, or 'hvdbench train {asked}')"
        workspace.fallback.take(missing, f"'{asked}@tiny'")
        method = open_tiny(method, trust=workspace.trust)
    workers = budget.engine.workers
    path = train_method(method, dataset, workspace=workspace, budget=replace(budget, workers=workers))
    return method.with_weights(path)


def made_from(dataset: Dataset, weights: Path | None) -> str:
    """Describe what a run's frames were made from, for the board: the clip alone, a training, or weights of others.

    Args:
        dataset: the one that is scored.
        weights: of a method that is trained first; ``train.json`` beside them, where it is theirs, records on what.
    """
    if weights is None:
        return "made from each scored clip alone, no truth read"
    try:
        training = json.loads((weights.parent / "train.json").read_text(encoding="utf-8"))
        ours = training["weights_sha256"] == file_sha256(weights)
    except (OSError, ValueError, KeyError, TypeError):
        ours = False
    if not ours:
        return f"weights {weights.name}, trained elsewhere"
    read = "with their truth" if training.get("truth_read") else "no truth read"
    if training["dataset_digest"] != dataset.digest:
        return f"trained on {training['dataset']}, {read}"
    every = set(dataset.manifest["clips"])
    learned = every & set(training.get("clips", every))
    if learned == every:
        return f"trained on the scored clips themselves, {read}"
    splits = ", ".join(sorted({key.partition("/")[0] for key in learned}))
    return f"trained on this dataset's clips of {splits}, {read}"
