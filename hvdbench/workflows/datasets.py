"""Make datasets, with the fallbacks of ``synth``, and label their clips as methods need it.

A default replaces whatever is not configured (see :mod:`hvdbench.workspace.fallback`); output made with one is stamped
``demo`` and lives under ``demo-…``. Something that the user named and that is wrong is an error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hvdbench.camera.index import NO_PATHS, load_sets
from hvdbench.catalog import NamedPreset, resolve
from hvdbench.errors import InputError
from hvdbench.labels.accuracy import LabelAccuracy, label_accuracy
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.labels.stored import ensure_labels
from hvdbench.methods.restoration import Budget
from hvdbench.recipe import Recipe, load_recipe
from hvdbench.store import ClipFolder, Dataset
from hvdbench.synth.goproshake import open_scenes, synthesise
from hvdbench.synth.settings import DatasetSettings
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.fallback import Fallback
from hvdbench.workspace.objects.location import Place
from hvdbench.workspace.paths import ROOTED_SOURCES, configured_root, how_to_set_root
from hvdbench.workspace.progress import Progress, silent
from hvdbench.workspace.workspace import Workspace

DEMO_SET = "handheld_simulated"
ROOTLESS = frozenset({"sample"})


@dataclass(frozen=True)
class SynthRequest:
    """What a user asked ``synth`` for; an attribute is None where the user said nothing.

    Attributes:
        recipe: the name of a dataset recipe.
        source: the name of a source in the catalogue.
        trajectories: a set of camera paths, or ``monst3r``.
        root: the source's folder.
        out: the dataset's folder.
        overrides: values that replace those of the recipe.
        datasets: the folder in which the dataset's folder is made where ``out`` is None.
        trust: whether the recipe's file may name code to run, wherever the file lies.
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
    """Make a dataset; the embedded scenes and paths replace a root or paths that the user did not name.

    Only what is missing is replaced: hand, exposure, stabiliser, rate and all else stay those of the recipe. Nothing
    ever replaces a source that is an import string.

    Returns:
        The dataset, under ``datasets/<recipe>`` and the name that the recipe states; both begin with ``demo-`` where a
        default was used, or where the user asked for the embedded scenes in place of the recipe's source.

    Raises:
        InputError: if a folder that the user named is missing or has another layout, or none is configured and frames
            are to be averaged, for which nothing stands in.
        DatasetError: if the folder contains another dataset.
        StrictError: if something is not configured, in strict mode.
    """
    given = {"source": request.source, "trajectories": request.trajectories}
    overrides = {key: value for key, value in given.items() if value} | dict(request.overrides or {})
    recipe = load_recipe("datasets", request.recipe, DatasetSettings, overrides=overrides, trust=request.trust)
    settings, root = recipe.values, request.root
    resolve("source", settings.source)  # a mistyped name must be an error before any default is used
    if root is not None and not root.exists():
        raise InputError(f"{root} does not exist: name the folder of the source's frames, or a video, with --root")
    if settings.source not in ROOTLESS:
        root = root or configured_root(settings.source)
    paths = [] if settings.trajectories == NO_PATHS else load_sets(settings.trajectories)
    missing, instead, replaced = [], [], dict[str, object]()
    if settings.blur == "average" and settings.source in ROOTED_SOURCES and root is None:
        raise InputError(
            f"blur 'average' averages the frames of a film, and no folder is configured for source "
            f"'{settings.source}': name one with --root, {how_to_set_root(settings.source)}; nothing stands in for it"
        )
    if settings.source in ROOTED_SOURCES and root is None:  # a foreign source reports itself what it lacks
        missing.append(
            f"no folder is configured for source '{settings.source}' (--root, {how_to_set_root(settings.source)})"
        )
        of_clips = f" in place of the clips {', '.join(settings.clips)}" if settings.clips else ""
        instead.append(f"the embedded sample scenes{of_clips}")
        replaced |= {"source": "sample", "clips": (), "source_fps": None}
    if not paths and settings.trajectories != NO_PATHS:
        missing.append("no MonST3R paths are imported in trajectories/index.toml")
        instead.append(f"the bundled, simulated set '{DEMO_SET}'")
        replaced["trajectories"] = DEMO_SET
        paths = load_sets(DEMO_SET)
    if missing:
        unchanged = f"the recipe '{recipe.name}', otherwise unchanged, with"
        fallback.take(" and ".join(missing), f"{unchanged} {' and '.join(instead)}")
        settings = settings.model_copy(update=replaced)
    stood_in = bool(missing) or request.source in ROOTLESS
    name, folder = _dataset_name(recipe), recipe.name
    if stood_in:
        name, folder = (text if text.startswith("demo") else f"demo-{text}" for text in (name, folder))
    is_embedded = bool(missing) or settings.source in ROOTLESS
    return synthesise(
        settings,
        name,
        request.out or request.datasets / folder,
        scenes=open_scenes(settings, root),
        trajectories=paths,
        origin="demo" if is_embedded else "simulated",
        engine=engine,
        overwrite=overwrite,
        progress=lambda done, total, clip: progress(done, total, f"synthesise {name}"),
    )


def _dataset_name(recipe: Recipe[DatasetSettings]) -> str:
    """Return the name that the recipe states, with its preset, or else the recipe's own name."""
    if recipe.values.name is None:
        return recipe.name
    return str(NamedPreset(recipe.values.name, NamedPreset.parse(recipe.name).preset))


@dataclass(frozen=True)
class ClipLabels:
    """The labels of a clip, and how they compare with the oracle where the clip has one."""

    clip: ClipFolder
    labels: SharpLabels
    accuracy: LabelAccuracy | None


def label(dataset: Dataset, *, progress: Progress = silent) -> list[ClipLabels]:
    """Label every clip of a dataset as methods need it, and store the labels that are missing.

    Args:
        dataset: the dataset, finished or half-made.
        progress: function called with the clips done, their number, and what is being done.

    Returns:
        The labels of each clip, and their accuracy where the clip has an oracle.
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
    data: Place | None, *, workspace: Workspace | None = None, budget: Budget | None = None, recipe: str = "goproshake"
) -> Dataset:
    """Open the dataset that was named, or else ``datasets/<recipe>``, or else make the demo's.

    Args:
        data: the dataset's folder or address, or None where none was named.
        workspace: where datasets lie, and whether the demo's dataset may be used instead.
        budget: engine and progress for making the dataset.
        recipe: the recipe whose dataset is looked for.

    Raises:
        DatasetError: if the folder that was named is not a dataset.
        StrictError: if there is no dataset, in strict mode.
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
    """Write one line on each clip's labels and their accuracy against the oracle."""
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
