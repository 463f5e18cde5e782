"""Provide a trained method with what it needs before it restores: a training, or weights that are already there.

The origin of the weights is recorded for the board. A method without trained weights is fitted at its ``@tiny`` size
and keeps that name; see :mod:`hvdbench.workspace.fallback`.
"""

from dataclasses import replace
from pathlib import Path

from hvdbench.dataset.folder_reader import is_pack
from hvdbench.errors import InputError, RecipeError, WeightsError
from hvdbench.methods.opening import is_small, open_method, open_small, open_tiny
from hvdbench.methods.recipe import Method, load_method
from hvdbench.methods.restoration import Budget
from hvdbench.store import Dataset
from hvdbench.weights.finding import is_shipped
from hvdbench.workflows.datasets import find_dataset
from hvdbench.workspace.manifest import file_sha256
from hvdbench.workspace.objects.location import Place
from hvdbench.workspace.parsing import read_json
from hvdbench.workspace.workspace import Workspace

_OF_NETWORK = ("network", "network_arguments", "takes", "frames", "output", "spec")
"""Settings of a training that say which network it is and how it is fed."""


def train(
    name: str,
    data: Place | None,
    *,
    workspace: Workspace | None = None,
    budget: Budget | None = None,
    out: Path | None = None,
    precision: str | None = None,
) -> Path | None:
    """Train a method on a dataset; where the embedded scenes replace the dataset, its ``@tiny`` size is trained.

    Args:
        name: the name of a method recipe.
        data: a dataset's folder or address, or a pack of one; None means the usual dataset.
        workspace: where runs lie, and whether fallbacks are allowed.
        budget: seed, device and progress; the steps, if they replace the recipe's; the minutes after which the run
            stops at a checkpoint, from which the same call continues. Its listener is told how long the run is going to
            take, and where it stopped.
        out: the run's folder; None means ``<runs>/<method>/<dataset>``.
        precision: the precision that the network computes in, if it replaces the recipe's.

    Returns:
        The path of the weights; None where time was up before the end.

    Raises:
        InputError: if the method is fitted to each clip and has nothing to train.
        StrictError: if there is no dataset, in strict mode.
    """
    from hvdbench.runs.training import run_training

    workspace, budget = workspace or Workspace(), budget or Budget()
    method = load_method(name, trust=workspace.trust)
    if not method.is_trained:
        raise InputError(f"method '{name}' is fitted to each clip, not trained: use 'hvdbench eval' or 'deblur'")
    if data is None or not is_pack(data):
        dataset = find_dataset(data, workspace=workspace, budget=budget)
        if dataset.origin == "demo" and data is None and method.preset is None:
            workspace.fallback.take(f"'{name}' at full size needs a full dataset (--data)", f"'{name}@tiny'")
            method = open_tiny(method, trust=workspace.trust)
        data = dataset.place
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
    from_scratch: bool = False,
) -> Method:
    """Open a method with the weights that it needs to restore: none, those named, those trained, or a tiny fit's.

    Weights from the method's own training on this dataset come first, then those from its only other training. A
    foreign model contains its weights itself.

    Args:
        method: a reference that :func:`hvdbench.methods.opening.open_method` takes, or a method that it returned.
        dataset: the dataset that is going to be restored, and that a tiny fit is trained on.
        workspace: where trainings lie, and whether a tiny fit is allowed.
        budget: seed, device and progress of the tiny fit.
        weights: the weights that the user named.
        label: the method's name on boards; None means its own name.
        from_scratch: whether a fit that replaces missing weights starts from random weights, even where weights inside
            the package could be its start.

    Returns:
        The method with its weights; where a fit was made instead, ``<name>_small`` or ``<name>@tiny``, which records
        what it replaces.

    Raises:
        UnknownNameError: if there is no such recipe, network, file or folder.
        InputError: if the method was trained on several other datasets, and none was named.
        WeightsError: if the named weights are missing or damaged.
        StrictError: if there are no weights, in strict mode.
    """
    from hvdbench.runs.training import train_method

    if isinstance(method, str):
        method = open_method(method, weights=weights, name=label, trust=workspace.trust)
    if not method.is_trained or method.weights is not None:
        return method
    if not is_small(method):
        asked = method.reference
        trained = sorted(workspace.runs.glob(f"{method.recipe.name}/*/weights.safetensors"))
        here = [path for path in trained if path.parent.name == dataset.name] or trained
        if len(here) == 1:
            _check_same_network(method, here[0])
            return method.with_weights(here[0])
        if here:
            raise InputError(
                f"'{asked}' has weights in {', '.join(str(p.parent) for p in here)}: name one with --weights"
            )
        missing = (
            f"there are no trained weights for '{asked}' (name some with --weights, or run 'hvdbench train {asked}')"
        )
        method = _stand_in(method, missing, from_scratch, workspace)
        if method.weights is not None:  # a small size whose own weights come with hvdbench
            return method
    workers = budget.engine.workers
    path = train_method(method, dataset, workspace=workspace, budget=replace(budget, workers=workers))
    return method.with_weights(path)


def _stand_in(method: Method, missing: str, from_scratch: bool, workspace: Workspace) -> Method:
    """Open the small or tiny size that replaces a method without weights, and warn of what is missing.

    Raises:
        WeightsError: if there is no such size.
        StrictError: if the mode is strict.
    """
    small = None if from_scratch else open_small(method, trust=workspace.trust)
    if small is not None:
        workspace.fallback.take(missing, f"'{small.reference}', a small network that starts from weights of hvdbench,")
        return small
    try:
        tiny = open_tiny(method, trust=workspace.trust)
    except RecipeError as error:
        raise WeightsError(f"{missing}, and no tiny size can be used instead: {error}") from error
    workspace.fallback.take(missing, f"'{tiny.reference}'")
    return tiny


def _check_same_network(method: Method, weights: Path) -> None:
    """Refuse weights of a training of the same name whose network was another one, or was fed in another way.

    Raises:
        WeightsError: ``train.json`` beside the weights says so.
    """
    try:
        trained = read_json(weights.parent / "train.json")["recipe"]["settings"]
        before = {key: trained.get(key) for key in _OF_NETWORK}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return  # nobody knows what they were trained as; whether they fit shows when they are loaded
    settings = method.recipe.values.model_dump(mode="json")["settings"]
    changed = [f"{key} = {before[key]!r}" for key in _OF_NETWORK if before[key] != settings.get(key)]
    if changed:
        raise WeightsError(
            f"{weights} was trained with {', '.join(changed)}, which '{method.reference}' no longer says: train it "
            "again (--overwrite), or name weights with --weights"
        )


def made_from(dataset: Dataset, weights: Path | None) -> str:
    """Describe what a run's frames were made from, for the board: the clip alone, a training, or foreign weights.

    Args:
        dataset: the dataset that is scored.
        weights: the weights of a method that is trained first; if hvdbench trained them, ``train.json`` beside them
            records the data.
    """
    if weights is None:
        return "made from each scored clip alone, no truth read"
    try:
        training = read_json(weights.parent / "train.json")
        ours = training["weights_sha256"] == file_sha256(weights)
    except (OSError, ValueError, KeyError, TypeError):
        ours = False
    if not ours:
        return f"weights {weights.name}, trained elsewhere"
    read = "with their truth" if training.get("truth_read") else "no truth read"
    start = training.get("recipe", {}).get("settings", {}).get("start_from")
    if start:
        read += f", from the weights '{start}'" + (" of hvdbench" if is_shipped(start) else "")
    if training["dataset_digest"] != dataset.digest:
        return f"trained on {training['dataset']}, {read}"
    every = set(dataset.manifest["clips"])
    learned = every & set(training.get("clips", every))
    if learned == every:
        return f"trained on the scored clips themselves, {read}"
    splits = ", ".join(sorted({key.partition("/")[0] for key in learned}))
    return f"trained on this dataset's clips of {splits}, {read}"
