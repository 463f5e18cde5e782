"""What each command does, as one public function: synth, label, train, evaluate, with their fallbacks.

Where something was not configured a default stands in (see :mod:`hvdbench.fallback`): its output is stamped ``demo``
and lives under ``demo-…``. What the user named and is wrong is an error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hvdbench.camera.index import load_sets
from hvdbench.catalog import resolve
from hvdbench.engine import Engine
from hvdbench.errors import InputError
from hvdbench.fallback import Fallback
from hvdbench.labels.accuracy import LabelAccuracy, label_accuracy
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.recipe import Method, load_method
from hvdbench.methods.restoration import Progress, silent
from hvdbench.paths import configured_root, root_variable
from hvdbench.recipe import load_recipe
from hvdbench.runs import Run, do_jobs, labels_of, plan_run, versions
from hvdbench.store import ClipFolder, Dataset
from hvdbench.synth.goproshake import open_scenes, synthesise
from hvdbench.synth.settings import DatasetSettings

DEMO_SET = "handheld_simulated"
ROOTLESS = frozenset({"sample"})


@dataclass(frozen=True)
class SynthRequest:
    """What a user asked ``synth`` for; None where the user said nothing.

    Attributes:
        recipe: a dataset recipe's name.
        source: a source of the catalogue.
        trajectories: a set of camera paths, or ``monst3r``.
        root: the source's folder.
        out: the dataset's folder.
        overrides: values laid over the recipe's.
    """

    recipe: str = "goproshake"
    source: str | None = None
    trajectories: str | None = None
    root: Path | None = None
    out: Path | None = None
    overrides: Mapping[str, Any] | None = None


def synth(
    request: SynthRequest,
    *,
    fallback: Fallback,
    engine: Engine,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Dataset:
    """Make a dataset; without a root or paths that were not named, the embedded scenes and paths stand in.

    Returns:
        The dataset: under ``datasets/<recipe>``, or ``datasets/demo-<recipe>`` where anything stood in.

    Raises:
        InputError: a folder that the user named is missing or laid out otherwise.
        DatasetError: the folder holds another dataset.
        StrictError: something is not configured, in strict mode.
    """
    given = {"source": request.source, "trajectories": request.trajectories}
    overrides = {key: value for key, value in given.items() if value} | dict(request.overrides or {})
    recipe = load_recipe("datasets", request.recipe, DatasetSettings, overrides=overrides)
    settings, root = recipe.values, request.root
    resolve("source", settings.source)  # a typo is an error before anything stands in
    if root is not None and not root.is_dir():
        raise InputError(f"{root} is not a folder: --root names the folder of the source's frames")
    if settings.source not in ROOTLESS:
        root = root or configured_root(settings.source)
    paths = load_sets(settings.trajectories)
    missing, instead = [], []
    if settings.source not in ROOTLESS and root is None:
        missing.append(
            f"no folder is configured for source '{settings.source}' ({root_variable(settings.source)}, --root)"
        )
        instead.append("the embedded sample scenes")
        demo = load_recipe("datasets", "demo", DatasetSettings, overrides=request.overrides).values
        settings = demo.model_copy(update={"trajectories": settings.trajectories})
    if not paths:
        missing.append("no MonST3R paths are imported in trajectories/index.toml")
        instead.append(f"the bundled set '{DEMO_SET}', which is simulated")
        settings = settings.model_copy(update={"trajectories": DEMO_SET})
        paths = load_sets(DEMO_SET)
    if missing:
        fallback.take(" and ".join(missing), " and ".join(instead))
    stood_in = bool(missing) or settings.source in ROOTLESS
    name = f"demo-{recipe.name}" if stood_in and not recipe.name.startswith("demo") else recipe.name
    return synthesise(
        settings,
        name,
        request.out or Path("datasets") / name,
        scenes=open_scenes(settings, root),
        trajectories=paths,
        origin="demo" if stood_in else "simulated",
        engine=engine,
        overwrite=overwrite,
        progress=lambda done, total, clip: progress(done, total, f"synthesise {name}"),
    )


@dataclass(frozen=True)
class ClipLabels:
    """Labels of a clip, and how they compare with the oracle where the clip has one."""

    clip: ClipFolder
    labels: SharpLabels
    accuracy: LabelAccuracy | None


def label(dataset: Dataset, *, progress: Progress = silent) -> list[ClipLabels]:
    """Label every clip of a dataset by the paper's rule; stored labels are used again."""
    clips = dataset.clips()
    found = []
    for done, clip in enumerate(clips):
        labels, truth = labels_of(clip), clip.track("oracle/class")
        accuracy = None if truth is None else label_accuracy(labels.is_sharp, truth)
        found.append(ClipLabels(clip, labels, accuracy))
        progress(done + 1, len(clips), "label")
    return found


def find_dataset(
    data: Path | None, *, fallback: Fallback, engine: Engine, progress: Progress = silent, recipe: str = "goproshake"
) -> Dataset:
    """Open the dataset that was named, else ``datasets/<recipe>``, else make the demo's.

    Raises:
        DatasetError: the folder that was named is no dataset.
    """
    if data is not None:
        return Dataset.open(data)
    usual = Path("datasets") / recipe
    if (usual / "dataset.json").is_file():
        return Dataset.open(usual)
    return synth(SynthRequest(recipe=recipe), fallback=fallback, engine=engine, progress=progress)


def train(
    name: str,
    data: Path | None,
    *,
    fallback: Fallback,
    engine: Engine,
    runs: Path = Path("runs"),
    seed: int = 0,
    device: str = "cpu",
    overwrite: bool = False,
    progress: Progress = silent,
) -> Path:
    """Train a method on a dataset; where the embedded scenes stand in for one, its ``@tiny`` size is trained.

    Returns:
        The weights' file.

    Raises:
        InputError: the method is fitted to each clip and has nothing to train.
        StrictError: no dataset is there, in strict mode.
    """
    from hvdbench.training import train_method

    method = load_method(name)
    if not method.is_trained:
        raise InputError(f"method '{name}' is fitted to each clip as it restores: use 'hvdbench eval' or 'deblur'")
    dataset = find_dataset(data, fallback=fallback, engine=engine, progress=progress)
    if dataset.origin == "demo" and data is None and not name.endswith("@tiny"):
        fallback.take(f"'{name}' at full size needs a full dataset (--data)", f"'{name}@tiny'")
        method = load_method(f"{name}@tiny")
    return train_method(
        method,
        dataset,
        runs=runs,
        seed=seed,
        device=device,
        workers=engine.workers,
        overwrite=overwrite,
        progress=progress,
    )


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
) -> tuple[Method, Path | None]:
    """Find what a method needs to restore: nothing, named weights, its own training's, or a tiny fit that stands in.

    Weights of its own training on this dataset come first, else those of its only other training.

    Returns:
        The method, ``<name>@tiny`` where the tiny fit stands in, and its weights.

    Raises:
        InputError: it was trained on several other datasets, and none was named.
        WeightsError: the named weights are missing or damaged.
        StrictError: there are no weights, in strict mode.
    """
    from hvdbench.training import train_method
    from hvdbench.weights import load_checkpoint

    method = load_method(name)
    if not method.is_trained:
        return method, None
    if weights is not None:
        load_checkpoint(weights)  # a sentence now rather than after an hour
        return method, weights
    if not name.endswith("@tiny"):
        trained = sorted(runs.glob(f"{method.name}/*/weights.safetensors"))
        here = [path for path in trained if path.parent.name == dataset.name] or trained
        if len(here) == 1:
            return method, here[0]
        if here:
            raise InputError(
                f"'{name}' has weights in {', '.join(str(p.parent) for p in here)}: name one with --weights"
            )
        fallback.take(f"no trained weights for '{name}' (--weights, or 'hvdbench train {name}')", f"'{name}@tiny'")
        method = load_method(f"{name}@tiny")
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


@dataclass(frozen=True)
class Evaluation:
    """A scored run.

    Attributes:
        run: the frames.
        method: its name on the board.
        frame_scores: per frame, with ``method``, ``split`` and ``clip``: a DataFrame.
        rows: board rows: a DataFrame.
        board: the board's CSV.
    """

    run: Run
    method: str
    frame_scores: Any
    rows: Any
    board: Path


def evaluate(
    name: str,
    dataset: Dataset,
    *,
    fallback: Fallback,
    engine: Engine,
    weights: Path | None = None,
    runs: Path = Path("runs"),
    boards: Path = Path("leaderboards"),
    board: str | None = None,
    seed: int = 0,
    device: str = "cpu",
    overwrite: bool = False,
    progress: Progress = silent,
) -> Evaluation:
    """Restore a dataset with a method, score it and enter it on the dataset's board.

    Args:
        name: a method recipe.
        dataset: with or without truth.
        fallback: whether a tiny fit may stand in for missing weights.
        engine: one job a clip.
        weights: of a method that is trained first.
        runs: where frames go.
        boards: where the board lies.
        board: its name; the dataset's by default.
        seed: of fits.
        device: ``cpu`` or ``cuda``.
        overwrite: replace runs and weights from other settings.
        progress: called with (done, total, what).

    Raises:
        HvdbenchError: as :func:`find_weights` and :func:`hvdbench.runs.plan_run`.
    """
    method, found = find_weights(
        name,
        dataset,
        weights=weights,
        runs=runs,
        fallback=fallback,
        workers=engine.workers,
        device=device,
        seed=seed,
        overwrite=overwrite,
        progress=progress,
    )
    threads = max(1, engine.workers // len(dataset.clips()))
    run, jobs = plan_run(
        method, dataset, runs=runs, workers=threads, seed=seed, device=device, weights=found, overwrite=overwrite
    )
    do_jobs(jobs, engine, what=f"restore and score: {method.name}", progress=progress)
    scores = score(run, dataset)
    stood_in = method.name != load_method(name).name
    origin = "demo" if stood_in else dataset.origin
    usual = f"demo-{dataset.name}" if stood_in and not dataset.name.startswith("demo") else dataset.name
    rows, path = enter(scores, run, dataset, boards / f"{board or usual}.csv", origin=origin, seed=seed)
    return Evaluation(run, method.name, scores, rows, path)


def score(run: Run, dataset: Dataset) -> Any:
    """Score every frame of a run against whatever truth the dataset has, or read the scores kept: a DataFrame."""
    import pandas as pd

    from hvdbench.evaluation import score_run

    tables = []
    for clip in dataset.clips():
        table = score_run(run.folders[f"{clip.split}/{clip.name}"], clip, labels_of(clip))
        tables.append(table.assign(method=run.method, split=clip.split, clip=clip.name))
    return pd.concat(tables, ignore_index=True)


def enter(
    scores: Any, run: Run, dataset: Dataset, path: Path, *, origin: str, seed: int, source: str = ""
) -> tuple[Any, Path]:
    """Lay a run's rows over the board's, write it, and give the new rows and the board's path."""
    from hvdbench.evaluation import summarise
    from hvdbench.leaderboard import Stamp, board_rows, merge_rows, read_board, write_board

    stamp = Stamp(
        board=path.stem,
        dataset=dataset.name,
        origin=origin,  # type: ignore[arg-type]
        seed=seed,
        source=source or "fitted to the scored clips, no truth read",
        dataset_digest=dataset.digest,
        run_digest=run.digest,
        versions=" ".join(f"{package}={number}" for package, number in versions().items()),
    )
    rows = board_rows(summarise(scores), stamp)
    write_board(path, merge_rows(read_board(str(path)), rows) if path.is_file() else rows)
    return rows, path


def accuracy_rows(found: Sequence[ClipLabels]) -> list[str]:
    """Word each clip's label accuracy against the oracle in a line."""
    lines = []
    for entry in found:
        count = int(entry.labels.is_sharp.sum())
        line = f"{entry.clip.name}: {count} of {len(entry.labels.is_sharp)} frames selected"
        if entry.accuracy is not None:
            a = entry.accuracy
            line += (
                f"; against the oracle accuracy {a.accuracy:.3f}, precision {a.precision:.3f}, recall {a.recall:.3f} "
                f"({a.n} sharp or blurry frames, {a.n_mild} mild ones apart)"
            )
        lines.append(line)
    return lines
