"""Score labels against a truth: the oracle's classes, or the labels that people gave."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import DatasetError
from hvdbench.labels.accuracy import (
    BLURRY,
    MILD,
    SHARP,
    LabelAccuracy,
    average_precision,
    label_accuracy,
    threshold_curve,
)
from hvdbench.labels.annotations import UNSEEN
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.statistics.intervals import Interval, wilson_interval

Counting = Literal["sharp and blurry", "mild as not sharp"]
COUNTINGS: tuple[Counting, ...] = ("sharp and blurry", "mild as not sharp")
PUBLISHED = (("GoProShake", 0.9677), ("HVD", 0.9188))
"""The accuracies of the paper's labels against labels made by hand (section 3.1); the paper does not define them."""


@dataclass(frozen=True)
class CheckedClip:
    """A clip's labels together with the truth.

    Attributes:
        name: the clip's name.
        device: the device that filmed it, "" where it is not known.
        labels: the labels of the labeller.
        classes: (T,) 0 sharp, 1 mild or unsure, 2 blurry, -1 not known.
    """

    name: str
    device: str
    labels: SharpLabels
    classes: NDArray[np.integer]

    def __post_init__(self) -> None:
        if len(self.classes) != len(self.labels.is_sharp):
            raise DatasetError(
                f"clip '{self.name}' has {len(self.labels.is_sharp)} labels of '{self.labels.labeller}', and its truth "
                f"has {len(self.classes)} frames: label it again"
            )


@dataclass(frozen=True)
class LabelScore:
    """The accuracy of a labeller over some clips.

    Attributes:
        labeller, group, counting: the labeller, the group of clips, and how mild frames are counted.
        frames: the accuracy of each frame's own label, which is the first reading of the paper's figure.
        selection_precision: the share of the selected frames that are sharp, including those selected for their
            segment, which is the second reading.
        selected: the number of selected frames among those counted.
        average_precision: the average precision over all thresholds on sharpness as a share of the clip's own
            threshold.
        accuracy_interval, selection_interval: Wilson's intervals, 95 %; None where nothing was counted.
    """

    labeller: str
    group: str
    counting: Counting
    frames: LabelAccuracy
    selection_precision: float
    selected: int
    average_precision: float
    accuracy_interval: Interval | None
    selection_interval: Interval | None


def score_labels(clips: Sequence[CheckedClip], group: str, counting: Counting = "sharp and blurry") -> LabelScore:
    """Score one labeller over clips, with their frames pooled.

    Args:
        clips: at least one clip, all of one labeller.
        group: the name of the group of clips.
        counting: ``sharp and blurry`` leaves mild frames out; ``mild as not sharp`` counts them with the blurry ones.
    """
    classes, is_sharp, is_selected, relative = _joined(clips)
    n_mild = int((classes == MILD).sum())
    if counting == "mild as not sharp":
        classes = np.where(classes == MILD, BLURRY, classes)
    frames = label_accuracy(is_sharp, classes)
    counted = classes != MILD
    chosen = classes[counted & is_selected]
    right = int((chosen == SHARP).sum())
    return LabelScore(
        labeller=clips[0].labels.labeller,
        group=group,
        counting=counting,
        frames=LabelAccuracy(**{**vars(frames), "n_mild": n_mild}),
        selection_precision=right / len(chosen) if len(chosen) else math.nan,
        selected=len(chosen),
        average_precision=average_precision(relative[counted], classes[counted] == SHARP),
        accuracy_interval=wilson_interval(frames.tp + frames.tn, frames.n) if frames.n else None,
        selection_interval=wilson_interval(right, len(chosen)) if len(chosen) else None,
    )


def _joined(
    clips: Sequence[CheckedClip],
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64]]:
    """Join the values of clips end to end; sharpness becomes a share of each clip's own threshold."""
    classes = np.concatenate([clip.classes for clip in clips]).astype(np.int64)
    is_sharp = np.concatenate([clip.labels.is_sharp for clip in clips])
    is_selected = np.concatenate([clip.labels.is_selected for clip in clips])
    relative = np.concatenate(
        [clip.labels.sharpness / (clip.labels.threshold if clip.labels.threshold > 0 else 1.0) for clip in clips]
    )
    known = classes != UNSEEN
    return classes[known], is_sharp[known], is_selected[known], relative[known]


def scores_by_group(clips: Sequence[CheckedClip]) -> list[LabelScore]:
    """Score all clips in both countings, then each device (where any is known) and each clip in the first."""
    scores = [score_labels(clips, "all clips", counting) for counting in COUNTINGS]
    devices = sorted({clip.device for clip in clips})
    if devices != [""]:
        for device in devices:
            own = [clip for clip in clips if clip.device == device]
            scores.append(score_labels(own, f"device {device or 'not named'}"))
    if len(clips) > 1:
        scores += [score_labels([clip], clip.name) for clip in clips]
    return scores


def curve_of(clips: Sequence[CheckedClip]) -> NDArray[np.float64]:
    """Compute the scores that other thresholds would have given, with mild frames left out.

    Returns:
        An array (N, 4): threshold as a multiple of the clip's own, recall, precision, accuracy.
    """
    classes, _, _, relative = _joined(clips)
    counted = classes != MILD
    return np.stack(threshold_curve(relative[counted], classes[counted] == SHARP), axis=1)


def score_lines(scores: Sequence[LabelScore]) -> list[str]:
    """Write scores as the lines of a table."""
    lines = [
        f"{'labeller':<12} {'frames of':<28} {'n':>6} {'mild':>5} {'accuracy (95 %)':>23} {'majority':>8} "
        f"{'balanced':>8} {'selection precision (95 %)':>27} {'recall':>7} {'F1':>6} {'AP':>6}  tp/fp/fn/tn"
    ]
    for score in scores:
        a = score.frames
        group = score.group if score.counting == COUNTINGS[0] else f"{score.group}, {score.counting}"
        lines.append(
            f"{score.labeller:<12} {group:<28} {a.n:>6} {a.n_mild:>5} {_with(score.accuracy_interval):>23} "
            f"{_share(a.majority_rate):>8} {_share(a.balanced_accuracy):>8} {_with(score.selection_interval):>27} "
            f"{_share(a.recall):>7} {_share(a.f1):>6} {_share(score.average_precision):>6}  "
            f"{a.tp}/{a.fp}/{a.fn}/{a.tn}"
        )
    return lines


def published_line() -> str:
    """Return a sentence with the paper's figures, which are shown beside ours but are not the same quantity."""
    figures = ", ".join(f"{100 * value:.2f} % on {name}" for name, value in PUBLISHED)
    return (
        f"published (arXiv:2508.08605, section 3.1, against labels made by hand, accuracy or precision not said): "
        f"{figures}"
    )


def _share(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "–"


def _with(interval: Interval | None) -> str:
    return "–" if interval is None else f"{interval.mean:.4f} ({interval.low:.3f}-{interval.high:.3f})"
