"""Make, open and label datasets, and hand their windows to PyTorch."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, get_args

import pandas as pd

from hvdbench.errors import InputError
from hvdbench.labels.stored import DEFAULT_LABELLER, ensure_labels
from hvdbench.store import Dataset, Truth
from hvdbench.workflows.verbs.arguments import (
    PathLike,
    budget_of,
    dataset_of,
    optional_path,
    place_named,
    whole_number,
)
from hvdbench.workspace.workspace import Workspace

if TYPE_CHECKING:
    from hvdbench.methods.training.samples import TrainingWindows


def load_dataset(folder: PathLike) -> Dataset:
    """Open a dataset.

    Args:
        folder: the dataset's folder, made by ``synth``, ``ingest``, ``pair`` or ``dataset import``.

    Returns:
        The dataset. ``clips()`` lists its clips; each reads its frames, uint8 RGB (T, H, W, 3), with ``blurry()`` and
        ``truth("mid")``. :func:`training_windows` makes a ``torch.utils.data.Dataset`` of it.

    Raises:
        DatasetError: if the folder contains no dataset, or a damaged one.

    Examples:
        >>> import hvdbench
        >>> dataset = hvdbench.load_dataset("datasets/scored")
        >>> [clip.name for clip in dataset.clips()]
        ['one', 'two']
    """
    return Dataset.open(place_named(folder, "the dataset"))


def training_windows(
    dataset: Dataset | PathLike,
    *,
    frames: int = 10,
    crop_px: int = 256,
    length: int = 1000,
    truth: Truth | None = None,
    seed: int = 0,
) -> "TrainingWindows":
    """Make random windows of a dataset's clips, as a ``torch.utils.data.Dataset``.

    Args:
        dataset: the dataset, its folder, or a pack of it.
        frames: consecutive frames in a window.
        crop_px: side of the square that is cut out of the frames.
        length: number of windows.
        truth: ``mid`` or ``centroid`` to have that truth too.
        seed: random seed; window ``k`` depends on the seed and ``k`` alone.

    Returns:
        Windows: dictionaries with ``blurry`` and ``sharp`` (T, 3, h, w) float32 RGB in [0, 1], ``is_selected`` (T,),
        ``nearest`` (T,) and, where it was asked for, ``truth`` (T, 3, h, w).

    Raises:
        DatasetError: if the folder contains no dataset, or the pack is damaged.
        InputError: if a number is out of range, or there is no such truth.
        FitError: if a clip is too small or short, lacks the truth, or has no frame selected as sharp.

    Examples:
        >>> import hvdbench
        >>> windows = hvdbench.training_windows("datasets/scored", frames=3, crop_px=32, length=2)
        >>> windows[0]["blurry"].shape
        torch.Size([3, 3, 32, 32])
    """
    from hvdbench.dataset.folder_reader import open_reader
    from hvdbench.methods.training.samples import LEAST_SIDE_PX, TrainingWindows, WindowSettings

    if truth is not None and truth not in get_args(Truth):
        raise InputError(f"there is no truth '{truth}' (known: {', '.join(get_args(Truth))})")
    settings = WindowSettings(
        clip_frames=whole_number(frames, "frames", 1), crop_px=whole_number(crop_px, "crop_px", LEAST_SIDE_PX)
    )
    folder = dataset.place if isinstance(dataset, Dataset) else place_named(dataset, "the dataset")
    windows = whole_number(length, "length", 1)
    return TrainingWindows(open_reader(folder), settings, whole_number(seed, "the seed", 0), windows, truth)


def synth(
    recipe: str = "goproshake",
    *,
    source: str | None = None,
    trajectories: str | None = None,
    root: PathLike | None = None,
    output: PathLike | None = None,
    overrides: Mapping[str, object] | None = None,
    workers: int = 1,
    overwrite: bool = False,
    strict: bool = False,
    trust: bool = False,
) -> Dataset:
    """Make a dataset of blurry clips with exact truth, as ``hvdbench synth`` does.

    Args:
        recipe: a dataset recipe's name or file; ``demo`` needs no data.
        source: where sharp frames come from, in place of the recipe's.
        trajectories: a set of camera paths, or ``monst3r``, in place of the recipe's.
        root: the source's folder.
        output: the dataset's folder; None takes ``datasets/<name>``.
        overrides: values in place of the recipe's, nested tables as dictionaries.
        workers: worker processes; the result does not depend on them.
        overwrite: replace a dataset made from other values.
        strict: raise an error where an embedded default would be used.
        trust: let a recipe file name code to run.

    Returns:
        The dataset, which is stamped ``demo`` if an embedded default was used.

    Raises:
        InputError: if a folder that was named is missing or laid out otherwise.
        DatasetError: if the folder contains another dataset.

    Examples:
        >>> import hvdbench
        >>> dataset = hvdbench.synth("demo@tiny", output="shaken")
        >>> dataset.origin, len(dataset.clips())
        ('demo', 4)
    """
    from hvdbench.workflows.datasets import SynthRequest
    from hvdbench.workflows.datasets import synth as make

    request = SynthRequest(
        recipe=recipe,
        source=source,
        trajectories=trajectories,
        root=optional_path(root, "root"),
        out=optional_path(output, "the output"),
        overrides=overrides,
        trust=trust,
    )
    fallback = Workspace.from_environment(strict=strict).fallback
    return make(request, fallback=fallback, engine=budget_of(workers=workers).engine, overwrite=overwrite)


def label(dataset: Dataset | PathLike, *, labeller: str = DEFAULT_LABELLER) -> pd.DataFrame:
    """Find the sharp frames of a dataset's clips and store the labels beside them.

    Args:
        dataset: the dataset or its folder.
        labeller: ``paper``, ``extent``, ``clues``, or an import string.

    Returns:
        One row for each frame: ``split``, ``clip``, ``frame``, ``sharpness``, ``is_sharp`` and ``is_selected``.

    Raises:
        UnknownNameError: if there is no such labeller.
        DatasetError: if the folder contains no dataset, or may not be written to.

    Examples:
        >>> import hvdbench
        >>> labels = hvdbench.label("datasets/scored")
        >>> labels.groupby("clip")["is_sharp"].sum().to_dict()
        {'one': 1, 'two': 2}
    """
    tables = []
    for clip in dataset_of(dataset).clips():
        labels = ensure_labels(clip, labeller)
        columns = {"sharpness": labels.sharpness, "is_sharp": labels.is_sharp, "is_selected": labels.is_selected}
        table = pd.DataFrame({"split": clip.split, "clip": clip.name, "frame": range(len(labels.is_sharp)), **columns})
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
