"""The functions of ``import hvdbench``: each is a thin door to the workflow behind a command.

Arguments are plain values: paths, names, numbers and arrays. ``docs/python.md`` shows them together.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

import pandas as pd

from hvdbench.errors import InputError
from hvdbench.frames import Frames
from hvdbench.labels.stored import DEFAULT_LABELLER, ensure_labels, labels_of, make_labels
from hvdbench.store import ClipFolder, Dataset, Truth
from hvdbench.video.crop import Crop, Size
from hvdbench.video.input import InputClip, read_input
from hvdbench.workflows.deblur.request import DeblurRequest, DeblurResult
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.workspace import Workspace

if TYPE_CHECKING:
    from hvdbench.methods.training.samples import TrainingWindows

Clip = str | Path | Frames | InputClip | ClipFolder
"""A video file or a folder of frames, an array of frames, an opened clip, or a clip of a dataset."""


def open_clip(path: str | Path, *, crop: Crop | None = None, size: Size | None = None) -> InputClip:
    """Read a video file or a folder of frames.

    Args:
        path: the file or the folder.
        crop: left edge, top edge, width and height in px of the part to keep.
        size: width and height in px to reduce the frames to, after the crop.

    Returns:
        The clip: ``frames`` uint8 RGB (T, H, W, 3), ``t_s`` (T,) seconds and ``fps`` (both None for a folder),
        ``names`` and ``warnings``.

    Raises:
        InputError: if nothing is there, or if it cannot be read as a clip of at least two frames.

    Example:
        >>> import hvdbench
        >>> clip = hvdbench.open_clip("frames")
        >>> clip.frames.shape
        (4, 64, 96, 3)
    """
    return read_input(Path(path), crop=crop, size=size)


def load_dataset(folder: str | Path) -> Dataset:
    """Open a dataset.

    Args:
        folder: the dataset's folder, made by ``synth``, ``ingest``, ``pair`` or ``dataset import``.

    Returns:
        The dataset. ``clips()`` lists its clips; each reads its frames, uint8 RGB (T, H, W, 3), with ``blurry()`` and
        ``truth("mid")``. :func:`training_windows` makes a ``torch.utils.data.Dataset`` of it.

    Raises:
        DatasetError: if the folder holds no dataset, or a damaged one.

    Example:
        >>> import hvdbench
        >>> dataset = hvdbench.load_dataset("datasets/scored")
        >>> [clip.name for clip in dataset.clips()]
        ['one', 'two']
    """
    return Dataset.open(Path(folder))


def training_windows(
    dataset: Dataset | str | Path,
    *,
    frames: int = 10,
    crop_px: int = 256,
    length: int = 1000,
    truth: Truth | None = None,
    seed: int = 0,
) -> "TrainingWindows":
    """Make random windows of a dataset's clips, as a ``torch.utils.data.Dataset``.

    Args:
        dataset: the dataset or its folder.
        frames: consecutive frames in a window.
        crop_px: side of the square that is cut out of the frames.
        length: number of windows.
        truth: ``mid`` or ``centroid`` to have that truth too.
        seed: random seed; window ``k`` depends on the seed and ``k`` alone.

    Returns:
        Windows: dictionaries with ``blurry`` and ``sharp`` (T, 3, h, w) float32 RGB in [0, 1], ``is_selected`` (T,),
        ``nearest`` (T,) and, where it was asked for, ``truth`` (T, 3, h, w).

    Raises:
        DatasetError: if the folder holds no dataset.
        FitError: if a clip is too small or short, lacks the truth, or has no frame selected as sharp.

    Example:
        >>> import hvdbench
        >>> windows = hvdbench.training_windows("datasets/scored", frames=3, crop_px=32, length=2)
        >>> windows[0]["blurry"].shape
        torch.Size([3, 3, 32, 32])
    """
    from hvdbench.dataset.folder_reader import FolderReader
    from hvdbench.methods.training.samples import TrainingWindows, WindowSettings

    folder = dataset.folder if isinstance(dataset, Dataset) else Path(dataset)
    settings = WindowSettings(clip_frames=frames, crop_px=crop_px)
    return TrainingWindows(FolderReader(folder), settings, seed, length, truth)


@overload
def deblur(
    clip: Clip,
    *,
    method: str = ...,
    weights: str | Path | None = ...,
    output: None = ...,
    minutes: float | None = ...,
    seed: int = ...,
    device: str = ...,
    overwrite: bool = ...,
    trust: bool = ...,
) -> Frames: ...


@overload
def deblur(
    clip: Clip,
    *,
    method: str = ...,
    weights: str | Path | None = ...,
    output: str | Path,
    minutes: float | None = ...,
    seed: int = ...,
    device: str = ...,
    overwrite: bool = ...,
    trust: bool = ...,
) -> DeblurResult: ...


def deblur(
    clip: Clip,
    *,
    method: str = "selfhvd_rc_fusion",
    weights: str | Path | None = None,
    output: str | Path | None = None,
    minutes: float | None = None,
    seed: int = 0,
    device: str = "cpu",
    overwrite: bool = False,
    trust: bool = False,
) -> Frames | DeblurResult:
    """Restore a clip.

    Args:
        clip: a video file, a folder of frames, an array uint8 RGB (T, H, W, 3), an opened clip or a dataset's clip.
        method: a method recipe, a network, an import string or a model file, as ``hvdbench eval --method`` takes it.
        weights: the weights of a network, or of a method that was trained first.
        output: a folder or a video file to write, with a page and a manifest beside it, as the command does; this
            needs a clip on disk.
        minutes: about how long to fit; None does the recipe's steps.
        seed: random seed of the fit.
        device: ``cpu`` or ``cuda``.
        overwrite: replace an output that came from something else.
        trust: let a recipe file name code to run.

    Returns:
        The restored frames, uint8 RGB (T, H, W, 3); with ``output`` what was written.

    Raises:
        InputError: if the clip cannot be read, or the method cannot restore it.
        UnknownNameError: if there is no such method.
        WeightsError: if weights are missing, damaged or of another network.

    Example:
        >>> import hvdbench
        >>> hvdbench.deblur("frames", method="warp_average").shape
        (4, 64, 96, 3)
    """
    from hvdbench.methods.opening import open_method
    from hvdbench.methods.restoration import Budget
    from hvdbench.methods.training.one_clip import on_one_clip
    from hvdbench.workflows.deblur import deblur_clip

    found = None if weights is None else Path(weights)
    budget = Budget(seed=seed, device=device, minutes=minutes)
    if output is not None:
        request = DeblurRequest(_path_of(clip), Path(output), method=method, weights=found)
        return deblur_clip(request, workspace=Workspace(overwrite=overwrite, trust=trust), budget=budget)
    opened = open_method(method, weights=found, trust=trust)
    if opened.is_trained and opened.weights is None:
        opened = on_one_clip(opened)
    frames = _frames_of(clip)
    labels = labels_of(clip) if isinstance(clip, ClipFolder) else make_labels(DEFAULT_LABELLER, frames)
    return opened.for_minutes(minutes).restore(frames, labels, budget).frames


def score(
    restored: Frames | str | Path, against: Dataset | ClipFolder | str | Path, *, protocol: str = "hvdbench-1"
) -> pd.DataFrame:
    """Score restored frames under a protocol; nothing is written.

    Args:
        restored: the frames of one clip, uint8 RGB (T, H, W, 3), or a folder of results: a run, or frames in
            ``<split>/<clip>/`` or ``<clip>/``.
        against: the dataset's clip that the frames restore; for a folder of results the dataset, or its folder.
        protocol: the name of a protocol; ``hvdbench protocols list`` shows them.

    Returns:
        One row for each clip, truth, subset of frames and metric, and rows over the clips under ``*``: ``method``,
        ``split``, ``clip``, ``truth``, ``subset``, ``metric``, ``value``, ``ci_low``, ``ci_high`` and ``n`` (frames for
        a clip, clips over them).

    Raises:
        UnknownNameError: if there is no such protocol.
        InputError: if the frames do not fit the clip, or if an array is to be scored against several clips.

    Example:
        >>> import hvdbench
        >>> clip = hvdbench.load_dataset("datasets/scored").clips()[0]
        >>> rows = hvdbench.score(clip.blurry(), clip, protocol="basicsr-rgb")
        >>> rows.query("metric == 'psnr' and truth == 'mid' and subset == 'all'")["value"].round(1).tolist()[0]
        25.7
    """
    from hvdbench.metrics.protocols.known import find_protocol
    from hvdbench.scoring.frame_scores import score_frames
    from hvdbench.scoring.summary import summarise

    rules = find_protocol(protocol)
    if isinstance(restored, str | Path):
        dataset = against if isinstance(against, Dataset) else None
        if isinstance(against, str | Path):
            dataset = Dataset.open(Path(against))
        if dataset is None:
            raise InputError(f"{restored} is a folder of results: score it against a dataset, not against one clip")
        results = Path(restored)
        found = [(clip, _results_of(results, clip, protocol)) for clip in dataset.clips()]
        name = results.resolve().name
    elif isinstance(against, ClipFolder):
        found, name = [(against, restored)], "restored"
    else:
        raise InputError("an array holds the frames of one clip: score it against a dataset's clip, dataset.clips()[k]")
    tables = []
    for clip, frames in found:
        truths: Mapping[Truth, Frames | None] = {"mid": clip.truth("mid"), "centroid": clip.truth("centroid")}
        table = score_frames(frames, clip.blurry(), truths, labels_of(clip).is_selected, rules)
        tables.append(table.assign(method=name, split=clip.split, clip=clip.name))
    return summarise(pd.concat(tables, ignore_index=True), rules)


def leaderboard(
    board: str | Path | None = None,
    *,
    boards: str | Path = "leaderboards",
    metric: str | None = None,
    truth: str | None = None,
    subset: str = "not_selected",
) -> pd.DataFrame:
    """Rank the methods of a leaderboard.

    Args:
        board: the name of a board or the path of its CSV file; None takes the one that was written last.
        boards: the folder of the boards.
        metric: the metric to rank by; None takes the board's own.
        truth: ``mid``, ``centroid`` or ``none``; None takes the board's first.
        subset: the frames: ``not_selected``, ``selected`` or ``all``.

    Returns:
        One row for each method, best first: ``rank``, ``value`` with ``ci_low`` and ``ci_high``, ``ties``, ``clips``,
        ``note`` and others. Nothing is ranked by a metric of unknown direction, and ``note`` says so.

    Raises:
        UnknownNameError: if there is no board of that name.
        InputError: if the board has no such number.

    Example:
        >>> import hvdbench
        >>> rows = hvdbench.evaluate("blurry", "datasets/scored", board="mine")
        >>> hvdbench.leaderboard("mine")[["rank", "method"]].values.tolist()
        [[1, 'blurry']]
    """
    from hvdbench.boards.files import latest_board, read_board
    from hvdbench.boards.ranking.order import headline, ranked
    from hvdbench.boards.settings import settings_of

    rows = read_board(latest_board(Path(boards)) if board is None else board, Path(boards))
    settings = settings_of(rows)
    usual, against = headline(rows, metric or settings.rank, settings.truths)
    return ranked(rows, metric=metric or usual, truth=truth or against, subset=subset)


def synth(
    recipe: str = "goproshake",
    *,
    source: str | None = None,
    trajectories: str | None = None,
    root: str | Path | None = None,
    output: str | Path | None = None,
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
        strict: raise an error where an embedded default would stand in.
        trust: let a recipe file name code to run.

    Returns:
        The dataset. What an embedded default stood in for is stamped ``demo``.

    Raises:
        InputError: if a folder that was named is missing or laid out otherwise.
        DatasetError: if the folder holds another dataset.

    Example:
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
        root=None if root is None else Path(root),
        out=None if output is None else Path(output),
        overrides=overrides,
        trust=trust,
    )
    workspace = Workspace(overwrite=overwrite, strict=strict)
    return make(request, fallback=workspace.fallback, engine=Engine(workers), overwrite=overwrite)


def label(dataset: Dataset | str | Path, *, labeller: str = DEFAULT_LABELLER) -> pd.DataFrame:
    """Find the sharp frames of a dataset's clips and store the labels beside them.

    Args:
        dataset: the dataset or its folder.
        labeller: ``paper``, ``extent``, or an import string.

    Returns:
        One row for each frame: ``split``, ``clip``, ``frame``, ``sharpness``, ``is_sharp`` and ``is_selected``.

    Raises:
        UnknownNameError: if there is no such labeller.
        DatasetError: if the folder holds no dataset, or may not be written to.

    Example:
        >>> import hvdbench
        >>> labels = hvdbench.label("datasets/scored")
        >>> labels.groupby("clip")["is_sharp"].sum().to_dict()
        {'one': 1, 'two': 2}
    """
    opened = dataset if isinstance(dataset, Dataset) else load_dataset(dataset)
    tables = []
    for clip in opened.clips():
        labels = ensure_labels(clip, labeller)
        columns = {"sharpness": labels.sharpness, "is_sharp": labels.is_sharp, "is_selected": labels.is_selected}
        table = pd.DataFrame({"split": clip.split, "clip": clip.name, "frame": range(len(labels.is_sharp)), **columns})
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def evaluate(
    method: str,
    dataset: Dataset | str | Path,
    *,
    weights: str | Path | None = None,
    board: str | None = None,
    protocol: str | None = None,
    metrics: Sequence[str] = (),
    name: str | None = None,
    runs: str | Path = "runs",
    boards: str | Path = "leaderboards",
    seed: int = 0,
    device: str = "cpu",
    workers: int = 1,
    overwrite: bool = False,
    strict: bool = False,
    trust: bool = False,
) -> pd.DataFrame:
    """Restore a dataset with a method, score it and enter it on a leaderboard, as ``hvdbench eval`` does.

    Args:
        method: a method recipe, a network, an import string, a model file or a folder of results.
        dataset: the dataset or its folder.
        weights: the weights of a network, or of a method that was trained first.
        board: the leaderboard's name; None takes the dataset's own.
        protocol: the protocol to score under; None takes the board's own, else ``hvdbench-1``.
        metrics: further metrics to measure.
        name: what the method is called on the board; None takes its own name.
        runs: the folder of restored frames.
        boards: the folder of leaderboards.
        seed: random seed of fits.
        device: ``cpu`` or ``cuda``.
        workers: worker processes, one clip each.
        overwrite: replace what was made from other settings.
        strict: raise an error where a tiny fit would stand in for missing weights.
        trust: let a recipe file name code to run.

    Returns:
        The rows that were entered on the board.

    Raises:
        HvdbenchError: if the method cannot be opened, or the dataset cannot be restored or scored.

    Example:
        >>> import hvdbench
        >>> rows = hvdbench.evaluate("blurry", "datasets/scored", board="mine")
        >>> sorted(set(rows["clip"]))
        ['*', 'one', 'two']
    """
    from hvdbench.methods.restoration import Budget
    from hvdbench.scoring.run_tables import Asked
    from hvdbench.workflows.evaluate import evaluate as restore_and_score

    opened = dataset if isinstance(dataset, Dataset) else load_dataset(dataset)
    workspace = Workspace(Path(runs), Path(boards), overwrite=overwrite, strict=strict, trust=trust)
    return restore_and_score(
        method,
        opened,
        workspace=workspace,
        budget=Budget(seed=seed, device=device, engine=Engine(workers)),
        weights=None if weights is None else Path(weights),
        board=board,
        protocol=protocol,
        label=name,
        asked=Asked(tuple(metrics)),
    ).rows


def train(
    method: str,
    dataset: Dataset | str | Path,
    *,
    output: str | Path | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    runs: str | Path = "runs",
    seed: int = 0,
    device: str = "cpu",
    overwrite: bool = False,
    trust: bool = False,
) -> Path | None:
    """Train a method on the clips of a dataset, as ``hvdbench train`` does.

    Args:
        method: a method recipe, such as ``selfhvd_estrnn@tiny``.
        dataset: the dataset, its folder, or a pack of it.
        output: the run's folder; None takes ``<runs>/<method>/<dataset>``.
        steps: optimiser steps in place of the recipe's.
        minutes: the time after which the run stops at a checkpoint; the same call continues it.
        runs: the folder of runs.
        seed: random seed.
        device: ``cpu`` or ``cuda``.
        overwrite: begin anew where a run from other settings lies.
        trust: let a recipe file name code to run.

    Returns:
        The file of the weights, or None where time was up before the end.

    Raises:
        InputError: if the method is fitted to each clip and has nothing to train.
        FitError: if the training cannot go on.

    Example:
        >>> import hvdbench
        >>> hvdbench.train("warp_average", "datasets/scored")
        Traceback (most recent call last):
        ...
        hvdbench.errors.InputError: method 'warp_average' is fitted to each clip as it restores: use 'hvdbench eval' ...
    """
    from hvdbench.methods.restoration import Budget
    from hvdbench.workflows.train import train as train_on

    folder = dataset.folder if isinstance(dataset, Dataset) else Path(dataset)
    return train_on(
        method,
        folder,
        workspace=Workspace(Path(runs), overwrite=overwrite, trust=trust),
        budget=Budget(seed=seed, device=device, minutes=minutes, steps=steps),
        out=None if output is None else Path(output),
    )


def _path_of(clip: Clip) -> Path:
    """Return where a clip lies on disk.

    Raises:
        InputError: if it is an array.
    """
    if isinstance(clip, str | Path):
        return Path(clip)
    if isinstance(clip, InputClip):
        return clip.path
    if isinstance(clip, ClipFolder):
        return clip.folder / "blur"
    raise InputError("an array of frames has no place on disk: leave 'output' out, and write the frames yourself")


def _frames_of(clip: Clip) -> Frames:
    if isinstance(clip, str | Path):
        return read_input(Path(clip)).frames
    if isinstance(clip, InputClip):
        return clip.frames
    return clip.blurry() if isinstance(clip, ClipFolder) else clip


def _results_of(folder: Path, clip: ClipFolder, protocol: str) -> Frames:
    """Read one clip's frames of a folder of results, paired by their names."""
    from hvdbench.frames import list_frames
    from hvdbench.methods.foreign.folder import FolderScheme, FolderSettings
    from hvdbench.methods.restoration import Budget
    from hvdbench.metrics.protocols.known import find_protocol

    names = tuple(path.stem for path in list_frames(clip.folder / "blur"))
    budget = Budget(clip=f"{clip.split}/{clip.name}", frame_names=names, protocol=find_protocol(protocol))
    scheme = FolderScheme(FolderSettings(folder=str(folder)))
    return scheme.restore(clip.blurry(), labels_of(clip), budget).frames
