"""What a trained method needs before it restores: its training, the weights that are at hand, and where they are from.

A method without trained weights is fitted at its ``@tiny`` size and keeps that name; see
:mod:`hvdbench.workspace.fallback`.
"""

import json
from collections.abc import Callable
from pathlib import Path

from hvdbench.catalog import NamedPreset
from hvdbench.errors import InputError
from hvdbench.methods.opening import open_method
from hvdbench.methods.recipe import Method, load_method
from hvdbench.methods.restoration import Budget
from hvdbench.store import Dataset
from hvdbench.synth.requests import find_dataset
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.fallback import Fallback
from hvdbench.workspace.manifest import file_sha256
from hvdbench.workspace.progress import Progress, silent


def train(
    name: str,
    data: Path | None,
    *,
    fallback: Fallback,
    engine: Engine,
    runs: Path = Path("runs"),
    out: Path | None = None,
    steps: int | None = None,
    max_minutes: float | None = None,
    precision: str | None = None,
    say: Callable[[str], None] | None = None,
    seed: int = 0,
    device: str = "cpu",
    overwrite: bool = False,
    progress: Progress = silent,
    trust: bool = False,
) -> Path | None:
    """Train a method on a dataset; where the embedded scenes stand in for one, its ``@tiny`` size is trained.

    Args:
        name: a method recipe.
        data: a dataset's folder or a pack of one; None: the usual one.
        fallback: whether something may stand in.
        engine: workers, for what is made first.
        runs: where runs lie.
        out: the run's folder; None: ``<runs>/<method>/<dataset>``.
        steps: in place of the recipe's.
        max_minutes: time after which the run stops at a checkpoint, to go on with the same call.
        precision: in place of the recipe's.
        say: told what the run is going to take, and where it stopped.
        seed: of all chance.
        device: ``cpu`` or ``cuda``.
        overwrite: begin anew where a run from other settings lies.
        progress: called with (done, total, what).
        trust: let a recipe's file name code to run, wherever it lies.

    Returns:
        The weights' file; None where time was up before the end.

    Raises:
        InputError: the method is fitted to each clip and has nothing to train.
        StrictError: no dataset is there, in strict mode.
    """
    from hvdbench.runs.training import run_training

    asked = {key: value for key, value in (("steps", steps), ("precision", precision)) if value is not None}
    method = load_method(name, trust=trust)
    if not method.is_trained:
        raise InputError(f"method '{name}' is fitted to each clip as it restores: use 'hvdbench eval' or 'deblur'")
    if data is None or not data.is_file():
        dataset = find_dataset(data, fallback=fallback, engine=engine, progress=progress)
        if dataset.origin == "demo" and data is None and not NamedPreset.parse(name).is_tiny:
            tiny = str(NamedPreset.parse(name).tiny)
            fallback.take(f"'{name}' at full size needs a full dataset (--data)", f"'{tiny}'")
            name = tiny
        data = dataset.folder
    done = run_training(
        load_method(name, overrides={"engine": asked} if asked else None, trust=trust),
        data,
        out,
        Budget(seed=seed, workers=engine.workers, device=device, progress=progress),
        runs=runs,
        overwrite=overwrite,
        max_minutes=max_minutes,
        say=say,
    )
    return done.weights


def find_weights(
    name: str,
    dataset: Dataset,
    *,
    weights: Path | None,
    runs: Path,
    fallback: Fallback,
    workers: int,
    device: str,
    seed: int,
    overwrite: bool,
    progress: Progress,
    label: str | None = None,
    trust: bool = False,
) -> tuple[Method, Path | None]:
    """Find what a method needs to restore: nothing, named weights, its own training's, or a tiny fit that stands in.

    Weights of its own training on this dataset come first, else those of its only other training. A model of others
    holds its weights itself.

    Returns:
        The method, ``<name>@tiny`` where the tiny fit stands in, and the weights of a training.

    Raises:
        UnknownNameError: there is no such recipe, network, file or folder.
        InputError: it was trained on several other datasets, and none was named.
        WeightsError: the named weights are missing or damaged.
        StrictError: there are no weights, in strict mode.
    """
    from hvdbench.runs.training import train_method
    from hvdbench.weights import finding
    from hvdbench.weights.checkpoints import load_checkpoint

    method = open_method(name, weights=weights, name=label, trust=trust)
    if not method.is_trained:
        return method, None
    if weights is not None:
        weights = finding.find_weights(str(weights))
        load_checkpoint(weights)  # a sentence now rather than after an hour
        return method, weights
    asked = NamedPreset.parse(name)
    if not asked.is_tiny:
        trained = sorted(runs.glob(f"{load_method(name, trust=trust).name}/*/weights.safetensors"))
        here = [path for path in trained if path.parent.name == dataset.name] or trained
        if len(here) == 1:
            return method, here[0]
        if here:
            raise InputError(
                f"'{name}' has weights in {', '.join(str(p.parent) for p in here)}: name one with --weights"
            )
        fallback.take(f"no trained weights for '{name}' (--weights, or 'hvdbench train {name}')", f"'{asked.tiny}'")
        method = open_method(str(asked.tiny), name=label and str(NamedPreset.parse(label).tiny), trust=trust)
    path = train_method(
        method,
        dataset,
        runs=runs,
        seed=seed,
        device=device,
        workers=workers,
        overwrite=overwrite,
        progress=progress,
    )
    return method, path


def made_from(dataset: Dataset, weights: Path | None) -> str:
    """Word what a run's frames were made from, for the board: the clip alone, a training, or weights of others.

    Args:
        dataset: the one that is scored.
        weights: of a method that is trained first; ``train.json`` beside them, where it is theirs, says on what.
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
