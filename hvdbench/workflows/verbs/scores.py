"""Score restored frames of any kind under any protocol, without writing anything."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import list_frames
from hvdbench.labels.stored import labels_of
from hvdbench.methods.foreign.folder import FolderScheme, FolderSettings
from hvdbench.methods.restoration import Budget
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.known import DEFAULT, find_protocol
from hvdbench.scoring import clip_means, run_metrics
from hvdbench.scoring.frame_files import FrameSequence
from hvdbench.scoring.frame_scores import score_frames
from hvdbench.scoring.run import Run
from hvdbench.scoring.run_clip import RunClip
from hvdbench.scoring.summary import summarise, summary_table, with_means
from hvdbench.store import ClipFolder, Dataset
from hvdbench.video.input import InputClip
from hvdbench.workflows.score import is_run, read_stored
from hvdbench.workflows.verbs.arguments import PathLike, path_of, place_named
from hvdbench.workflows.verbs.clips import frames_in_memory
from hvdbench.workspace.objects.location import Location

FramesLike = PathLike | NDArray[np.uint8] | InputClip
"""A video file or a folder of frames, an array of frames, or an opened clip."""
RESTORED = "restored"
"""The method's name in the rows, if no folder of results gives it one."""


def score(
    restored: FramesLike, against: Dataset | ClipFolder | FramesLike, *, protocol: str = DEFAULT.name
) -> pd.DataFrame:
    """Score restored frames under a protocol; nothing is written.

    Args:
        restored: the frames of one clip: an array uint8 RGB (T, H, W, 3), an opened clip, a video file or a folder of
            frames. Against a dataset, a folder of results: a run, or frames in ``<split>/<clip>/`` or ``<clip>/``.
        against: the dataset's clip that the frames restore, or the true frames of any clip; for a folder of results
            the dataset, or its folder.
        protocol: the name of a protocol; ``hvdbench protocols list`` shows them.

    Returns:
        One row for each clip, truth, subset of frames and metric, and rows over the clips under ``*``: ``method``,
        ``split``, ``clip``, ``truth``, ``subset``, ``metric``, ``value``, ``ci_low``, ``ci_high`` and ``n`` (frames for
        a clip, clips over them). Against true frames alone there are no labels and no input, so that the rows have the
        truth ``given``, the subset ``all``, and PSNR and SSIM only.

    Raises:
        UnknownNameError: if there is no such protocol.
        InputError: if the frames do not fit the clip, were changed since they were restored, or lack a result that the
            protocol counts; if the protocol needs a truth and there is none; or if the frames of one clip are to be
            scored against several.
        DatasetError: if a clip of the dataset was changed since it was made.

    Examples:
        >>> import hvdbench
        >>> clip = hvdbench.load_dataset("datasets/scored").clips()[0]
        >>> rows = hvdbench.score(clip.blurry(), clip, protocol="basicsr-rgb")
        >>> rows.query("metric == 'psnr' and truth == 'mid' and subset == 'all'")["value"].round(1).tolist()[0]
        25.7
    """
    rules = find_protocol(protocol)
    if isinstance(against, ClipFolder):
        return summarise(_score_clip(restored, against, rules), rules)
    if not isinstance(against, Dataset | np.ndarray | InputClip):
        place = place_named(against, "what to score against")
        if isinstance(place, Location) or (place / "dataset.json").is_file():
            against = Dataset.open(place)
    if isinstance(against, Dataset):
        return summarise(_score_results(restored, against, rules), rules)
    return _score_against_truth(restored, against, rules)


def _score_clip(restored: FramesLike, clip: ClipFolder, protocol: Protocol) -> pd.DataFrame:
    """Score the frames of one clip of a dataset; a folder's frames are paired with the clip's by their names."""
    place, is_folder = RunClip(clip.folder, clip), False
    if not isinstance(restored, np.ndarray | InputClip):
        restored = path_of(restored, "the restored clip")
        is_folder = restored.is_dir()
    if protocol.name != DEFAULT.name and not place.truths:
        raise InputError(
            f"protocol {protocol.name} compares with a truth, and {clip.folder} has none: score it under {DEFAULT.name}"
        )
    if is_folder and isinstance(restored, Path):
        return _score_folder(restored, [clip], protocol)
    frames = frames_in_memory(restored, "the restored clip")
    return _rows_of(frames, clip, protocol, RESTORED)


def _score_results(restored: FramesLike, dataset: Dataset, protocol: Protocol) -> pd.DataFrame:
    """Score a folder of results for all clips of a dataset."""
    if isinstance(restored, np.ndarray | InputClip):
        raise InputError("these are the frames of one clip: score them against a dataset's clip, dataset.clips()[k]")
    folder = path_of(restored, "the folder of results")
    run_metrics.check_protocol(dataset, protocol)
    if folder.is_dir() and is_run(folder):
        stored = read_stored(folder, dataset.place)
        run = Run(stored.entry.method, stored.folders, stored.entry.stamp.run_digest)
        return run_metrics.score(run, dataset, protocol, keep=False)
    return _score_folder(folder, dataset.clips(), protocol)


def _score_folder(folder: Path, clips: list[ClipFolder], protocol: Protocol) -> pd.DataFrame:
    """Score foreign frames as ``hvdbench score`` does, but without a copy under ``runs``."""
    scheme = FolderScheme(FolderSettings(folder=str(folder)))
    scheme.check()
    names = {clip.folder: tuple(path.stem for path in list_frames(clip.folder / "blur")) for clip in clips}
    scheme.check_clips({f"{clip.split}/{clip.name}": names[clip.folder] for clip in clips}, protocol)
    tables = []
    for clip in clips:
        budget = replace(
            Budget(protocol=protocol).for_clip(f"{clip.split}/{clip.name}"), frame_names=names[clip.folder]
        )
        frames = scheme.restore(clip.blurry(), labels_of(clip), budget).frames
        tables.append(_rows_of(frames, clip, protocol, folder.resolve().name))
    return pd.concat(tables, ignore_index=True)


def _rows_of(frames: FrameSequence, clip: ClipFolder, protocol: Protocol, method: str) -> pd.DataFrame:
    place = RunClip(clip.folder, clip)
    table = score_frames(frames, place.blurry, place.truths, labels_of(clip).is_selected, protocol)
    return table.assign(method=method, split=clip.split, clip=clip.name)


def _score_against_truth(restored: FramesLike, truth: FramesLike, protocol: Protocol) -> pd.DataFrame:
    """Score pairs of frames that belong to no dataset."""
    frames = clip_means.score(
        protocol, frames_in_memory(restored, "the restored clip"), frames_in_memory(truth, "the truth")
    )
    means = clip_means.mean_scores(protocol, {"clip": frames})
    if not means.frames:
        raise InputError(
            f"no frame counts under protocol {protocol.name}, which leaves out the first {protocol.skip_first} and the "
            f"last {protocol.skip_last}: score a longer clip"
        )
    values = {"psnr": means.psnr, "ssim": means.ssim}
    if protocol.registration != "none":
        values["unregistered_share"] = means.unregistered / means.frames
    about = {"method": RESTORED, "split": "", "clip": "clip", "truth": "given", "subset": "all", "n": means.frames}
    rows = [about | {"metric": metric, "value": value} for metric, value in values.items()]
    return with_means(summary_table(rows), protocol.averaging)
