"""Making datasets, with the fallbacks of ``synth``, and the labels that methods read from them.

Where something was not configured a default stands in (see :mod:`hvdbench.workspace.fallback`): its output is stamped
``demo`` and lives under ``demo-…``. What the user named and is wrong is an error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hvdbench.camera.index import load_sets
from hvdbench.catalog import resolve
from hvdbench.errors import InputError
from hvdbench.labels.accuracy import LabelAccuracy, label_accuracy
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.labels.stored import ensure_labels
from hvdbench.methods.restoration import Budget
from hvdbench.recipe import load_recipe
from hvdbench.store import ClipFolder, Dataset
from hvdbench.synth.goproshake import open_scenes, synthesise
from hvdbench.synth.settings import DatasetSettings
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.fallback import Fallback
from hvdbench.workspace.paths import ROOTED_SOURCES, configured_root, how_to_set_root
from hvdbench.workspace.progress import Progress, silent
from hvdbench.workspace.workspace import Workspace

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
        datasets: where the dataset's folder goes, where ``out`` names none.
        trust: let the recipe's file name code to run, wherever it lies.
    """

    recipe: str = "goproshake"
    source: str | None = None
    trajectories: str | None = None
    root: Path | None = None
    out: Path | None = None
    overrides: Mapping[str, Any] | None = None
    datasets: Path = Path("datasets")
    trust: bool = False


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
    recipe = load_recipe("datasets", request.recipe, DatasetSettings, overrides=overrides, trust=request.trust)
    settings, root = recipe.values, request.root
    resolve("source", settings.source)  # a typo is an error before anything stands in
    if root is not None and not root.exists():
        raise InputError(f"{root} is not there: --root names the folder of the source's frames, or a film")
    if settings.source not in ROOTLESS:
        root = root or configured_root(settings.source)
    paths = load_sets(settings.trajectories)
    missing, instead = [], []
    if settings.source in ROOTED_SOURCES and root is None:  # a source of others says itself what it lacks
        missing.append(
            f"no folder is configured for source '{settings.source}' (--root, {how_to_set_root(settings.source)})"
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
    folder = f"demo-{recipe.name}" if stood_in and not recipe.name.startswith("demo") else recipe.name
    name = folder if stood_in else settings.name or recipe.name
    return synthesise(
        settings,
        name,
        request.out or request.datasets / folder,
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
    """Label every clip of a dataset as methods need it, and store the labels that it lacks.

    Args:
        dataset: finished or half-made.
        progress: called with clips done, their number, and what is done.

    Returns:
        The labels of each clip, and how right they are where the clip has an oracle.
    """
    clips = dataset.clips()
    found = []
    for done, clip in enumerate(clips):
        labels, truth = ensure_labels(clip), clip.track("oracle/class")
        accuracy = None if truth is None else label_accuracy(labels.is_sharp, truth)
        found.append(ClipLabels(clip, labels, accuracy))
        progress(done + 1, len(clips), "label")
    return found


def find_dataset(
    data: Path | None, *, workspace: Workspace | None = None, budget: Budget | None = None, recipe: str = "goproshake"
) -> Dataset:
    """Open the dataset that was named, else ``datasets/<recipe>``, else make the demo's.

    Args:
        data: a dataset's folder; None: none was named.
        workspace: where datasets lie, and whether the demo's may stand in.
        budget: engine and progress of the making.
        recipe: of the dataset that is looked for.

    Raises:
        DatasetError: the folder that was named is no dataset.
        StrictError: there is none, in strict mode.
    """
    workspace, budget = workspace or Workspace(), budget or Budget()
    if data is not None:
        return Dataset.open(data)
    usual = workspace.datasets / recipe
    if (usual / "dataset.json").is_file():
        return Dataset.open(usual)
    request = SynthRequest(recipe=recipe, datasets=workspace.datasets)
    return synth(request, fallback=workspace.fallback, engine=budget.engine, progress=budget.progress)


def accuracy_rows(found: Sequence[ClipLabels]) -> list[str]:
    """Write a line on each clip's labels and how right they are against the oracle."""
    lines = []
    for entry in found:
        count = int(entry.labels.is_selected.sum())
        line = f"{entry.clip.name}: {count} of {len(entry.labels.is_sharp)} frames selected"
        if entry.accuracy is not None:
            a = entry.accuracy
            line += (
                f"; against the oracle accuracy {a.accuracy:.3f}, precision {a.precision:.3f}, recall {a.recall:.3f} "
                f"({a.n} sharp or blurry frames, {a.n_mild} mild ones apart)"
            )
        lines.append(line)
    return lines
