"""Score one folder of results under all protocols, so that the effect of each can be seen."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hvdbench.errors import DatasetError, InputError
from hvdbench.frames import list_folders, list_frames, read_frame
from hvdbench.metrics.protocols.clip_pairs import ClipPairs
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.known import PROTOCOLS
from hvdbench.scoring.clip_means import frame_table, mean_scores
from hvdbench.scoring.result_files import ResultFiles, find_all
from hvdbench.store import TRUTH_FOLDERS, Dataset, Truth
from hvdbench.workspace.frame_names import match_names
from hvdbench.workspace.progress import Progress, silent

OVER_CLIPS = "*"
COLUMNS = (
    "protocol",
    "clip",
    "psnr",
    "psnr_difference",
    "ssim",
    "ssim_difference",
    "frames",
    "clips",
    "unregistered",
    "differs",
)
RB2V_FRAMES = 7
_OF_RB2V = re.compile(r"(.+)_([1-7])")  # 0000_1 to 0000_7


@dataclass(frozen=True)
class Pair:
    """The files of one clip.

    Args:
        restored: restored frames.
        truth: as many true frames.
        sequence: how many frames in a row make one sequence, restored of one blurry picture; 1: the truth's names do
            not say that there are sequences.
    """

    restored: tuple[Path, ...]
    truth: tuple[Path, ...]
    sequence: int = 1


def differences(
    pairs: Mapping[str, Pair],
    protocols: Sequence[Protocol] = PROTOCOLS,
    progress: Progress = silent,
    *,
    by_clip: bool = False,
) -> pd.DataFrame:
    """Score clips under several protocols, with no more pairs of frames in memory than a sequence has.

    Args:
        pairs: a :class:`Pair` for each clip.
        protocols: the protocols; the others are compared with the first one.
        progress: function called with (done, total, what).
        by_clip: whether each clip has rows of its own, below those over all clips.

    Returns:
        A table of :data:`COLUMNS`: a row per protocol over all clips (clip ``*``), and then one per protocol and clip.
        The differences are to the first protocol's value of the same clips.

    Raises:
        InputError: if there is no clip, a picture cannot be read, or frames do not fit each other.
    """
    if not pairs:
        raise InputError("there is no clip to score")
    total, done = sum(len(pair.restored) for pair in pairs.values()), 0
    tables: dict[str, dict[str, pd.DataFrame]] = {protocol.name: {} for protocol in protocols}
    for clip, pair in pairs.items():
        scores = {one.name: ClipPairs(one, sequences=one.sequence == pair.sequence) for one in protocols}
        for restored, truth in zip(pair.restored, pair.truth, strict=True):
            progress(done, total, "scoring")
            frames = read_frame(restored), read_frame(truth)
            if frames[0].shape != frames[1].shape:
                sizes = [f"{frame.shape[1]}x{frame.shape[0]} px" for frame in frames]
                raise InputError(
                    f"{restored} is {sizes[0]}, and {truth} is {sizes[1]}: only frames of one size can be compared"
                )
            for protocol in protocols:
                scores[protocol.name].add(*frames)
            done += 1
        for protocol in protocols:
            tables[protocol.name][clip] = frame_table(protocol, scores[protocol.name].scores())
    progress(done, total, "scoring")
    parts = [_rows(OVER_CLIPS, protocols, tables)]
    for clip in pairs if by_clip else ():
        parts.append(_rows(clip, protocols, {name: {clip: clips[clip]} for name, clips in tables.items()}))
    return pd.concat(parts, ignore_index=True)


def _rows(clip: str, protocols: Sequence[Protocol], tables: Mapping[str, Mapping[str, pd.DataFrame]]) -> pd.DataFrame:
    table = pd.DataFrame([_row(clip, protocol, tables[protocol.name]) for protocol in protocols])
    for name in ("psnr", "ssim"):
        table[f"{name}_difference"] = table[name] - table[name].iloc[0]
    return table[list(COLUMNS)]


def _row(clip: str, protocol: Protocol, clips: Mapping[str, pd.DataFrame]) -> dict[str, object]:
    means = mean_scores(protocol, clips)
    return {
        "protocol": protocol.identity,
        "clip": clip,
        "psnr": means.psnr,
        "ssim": means.ssim,
        "frames": means.frames,
        "clips": means.clips,
        "unregistered": means.unregistered,
        "differs": protocol.differs,
    }


def pairs_of_folders(results: Path, truth: Path) -> dict[str, Pair]:
    """Pair a folder of restored frames with one of true frames, or folders of clip folders of the same names.

    Raises:
        InputError: if a folder has no pictures, or names of clips or frames differ.
    """
    if list_frames(truth):
        return {results.name: _pair(ResultFiles(results, tuple(list_frames(results))), truth)}
    clips = [folder for folder in list_folders(truth) if _frames_below(folder) is not None]
    if not clips:
        raise InputError(f"{truth} contains neither frames nor folders of frames: name the folder of the true frames")
    pairs = {}
    for clip in clips:
        restored = _frames_below(results / clip.name)
        if restored is None:
            raise InputError(f"{results} has no clip '{clip.name}' that {truth} has: a run has every clip of its truth")
        pairs[clip.name] = _pair(ResultFiles(restored, tuple(list_frames(restored))), _frames_below(clip) or clip)
    return pairs


def pairs_of_dataset(
    results: Path, dataset: Dataset, split: str | None = None, truth: Truth = "mid"
) -> dict[str, Pair]:
    """Pair a run, or results of others, with a dataset's truth.

    Args:
        results: the run's folder, in a layout of :func:`hvdbench.scoring.result_files.find_results`.
        dataset: the dataset that was restored.
        split: the split of the dataset; None means each split that the run has.
        truth: which truth to compare with.

    Raises:
        InputError: if a clip is missing from the run, or its frames have other names.
        DatasetError: if the dataset has no such split, or no such truth.
    """
    clips = dataset.clips(split)
    if not clips:
        raise DatasetError(f"{dataset.folder} contains no clips" + (f" in a split '{split}'" if split else ""))
    if split is None:
        present = {clip.split for clip in clips if (results / clip.split).is_dir()}
        clips = [clip for clip in clips if clip.split in present] if present else clips
    pairs = {}
    found = find_all(results, [f"{clip.split}/{clip.name}" for clip in clips])
    for clip in clips:
        sharp = clip.folder / TRUTH_FOLDERS[truth]
        if not sharp.is_dir():
            raise DatasetError(f"{clip.folder} has no truth '{truth}': choose the other one, or a dataset that has it")
        key = f"{clip.split}/{clip.name}"
        pairs[key] = _pair(found[key], sharp)
    return pairs


def _frames_below(folder: Path) -> Path | None:
    """Find the frames of a clip folder, in itself or in the ``sharp`` that datasets have."""
    for place in (folder, folder / TRUTH_FOLDERS["mid"]):
        if place.is_dir() and list_frames(place):
            return place
    return None


def _pair(restored: ResultFiles, truth: Path) -> Pair:
    """Pair pictures with those of a folder by their names.

    Raises:
        InputError: there are none, or their names leave open which frame each is.
    """
    if restored.is_film:
        raise InputError(f"{restored.place} contains no frames: protocols are compared on pictures")
    true = list_frames(truth)
    matched = match_names(restored.pictures, [path.stem for path in true], whose=str(restored.place))
    files = tuple(restored.pictures[index] for index in matched.files if index is not None)
    return Pair(files, tuple(true), _sequence_of([path.stem for path in true], truth))


def _sequence_of(names: Sequence[str], folder: Path) -> int:
    """Return how many frames in a row make one sequence by their names: 7 where they are RB2V's, otherwise 1.

    Raises:
        InputError: if a sequence is not whole.
    """
    found = [match for name in names if (match := _OF_RB2V.fullmatch(name))]
    if len(found) < len(names) or RB2V_FRAMES not in {int(match[2]) for match in found}:
        return 1
    short = [stem for stem, count in Counter(match[1] for match in found).items() if count != RB2V_FRAMES]
    if short:
        raise InputError(
            f"{folder} has sequences of {RB2V_FRAMES} frames, such as {found[0][1]}_1 to {found[0][1]}_{RB2V_FRAMES}, "
            f"and not all {RB2V_FRAMES} of '{short[0]}': give whole sequences"
        )
    return RB2V_FRAMES
