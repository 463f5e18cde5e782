"""Score pairs of frames that belong to no run under a protocol, and average them over clips."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hvdbench.errors import InputError
from hvdbench.frames import Frame, Image
from hvdbench.metrics.protocols.clip_pairs import ClipPairs
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.frame_pair import FrameScore
from hvdbench.metrics.protocols.known import find_protocol
from hvdbench.scoring.summary import scores_over_clips

COLUMNS = ("frame", "counts", "psnr", "ssim", "is_registered")


@dataclass(frozen=True)
class Means:
    """A protocol's numbers over clips.

    Attributes:
        psnr: the mean PSNR, dB.
        ssim: the mean SSIM, at most 1.
        frames: the number of frames that counted.
        clips: the number of clips with a frame that counted.
        unregistered: the number of counted frames that were left unmoved, since no motion was found.
    """

    psnr: float
    ssim: float
    frames: int
    clips: int
    unregistered: int


def score(protocol: Protocol | str, restored: Iterable[Frame | Image], truth: Iterable[Frame]) -> pd.DataFrame:
    """Score the frames of one clip, one pair in memory at a time, or one sequence where the protocol has sequences.

    Args:
        protocol: the protocol, or its name; under one with sequences, the frames are whole sequences.
        restored: RGB frames (H, W, 3), uint8 or float32 in [0, 1].
        truth: as many uint8 RGB frames.

    Returns:
        A table of :data:`COLUMNS`, one row per frame; ``counts`` is False for the frames at the ends that the protocol
        leaves out.

    Raises:
        UnknownNameError: if there is no such protocol.
        InputError: if there are more frames of one than of the other, if sizes differ, if frames are too small, or if a
            sequence is not whole.
    """
    protocol = find_protocol(protocol) if isinstance(protocol, str) else protocol
    pairs, count, left, right = ClipPairs(protocol, sequences=True), 0, iter(restored), iter(truth)
    for index, frame in enumerate(left):
        other = next(right, None)
        if other is None:
            raise InputError(
                f"there are more restored frames than the {index} of the truth: a run must have one for each frame of "
                "its truth"
            )
        pairs.add(frame, other)
        count += 1
    if next(right, None) is not None:
        raise InputError(
            f"{count} frames were restored, and the truth has more: a run must have one for each frame of its truth"
        )
    return frame_table(protocol, pairs.scores())


def frame_table(protocol: Protocol, scores: list[FrameScore]) -> pd.DataFrame:
    """Put the scores of a clip's frames, in order, into a table of :data:`COLUMNS`."""
    index = np.arange(len(scores))
    return pd.DataFrame(
        {
            "frame": index,
            "counts": protocol.counts(index, len(scores)),
            "psnr": np.array([one.psnr for one in scores], np.float64),
            "ssim": np.array([one.ssim for one in scores], np.float64),
            "is_registered": np.array([one.is_registered for one in scores], np.bool_),
        }
    )


def mean_scores(protocol: Protocol | str, clips: Mapping[str, pd.DataFrame]) -> Means:
    """Average the tables of :func:`score` as the protocol does.

    Args:
        protocol: the protocol, or its name.
        clips: the table of each clip.

    Returns:
        The means; they are NaN, of no frames, where no frame counts.
    """
    protocol = find_protocol(protocol) if isinstance(protocol, str) else protocol
    counted = {name: table[table["counts"]] for name, table in clips.items() if table["counts"].any()}
    if not counted:
        return Means(float("nan"), float("nan"), 0, 0, 0)
    return Means(
        psnr=_mean(counted, "psnr", protocol),
        ssim=_mean(counted, "ssim", protocol),
        frames=sum(len(table) for table in counted.values()),
        clips=len(counted),
        unregistered=sum(int((~table["is_registered"]).sum()) for table in counted.values()),
    )


def _mean(clips: Mapping[str, pd.DataFrame], name: str, protocol: Protocol) -> float:
    known = [table[name].dropna() for table in clips.values() if table[name].notna().any()]
    if not known:
        return float("nan")
    means, counts = pd.Series([one.mean() for one in known]), pd.Series([len(one) for one in known])
    return float(scores_over_clips(means, counts, protocol.averaging).mean())
