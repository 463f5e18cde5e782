"""Compare labels with the oracle, which knows the camera's path."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.metrics.metric import Facts

SHARP, MILD, BLURRY = 0, 1, 2
LABEL_SCORES: tuple[Facts, ...] = tuple(
    Facts(name, title, "%", "higher", decimals=2, factor=100.0, least=0.0, most=1.0)
    for name, title in {
        "accuracy": "accuracy",
        "selection_precision": "precision of the selection",
        "majority_rate": "commoner class",
        "balanced_accuracy": "balanced accuracy",
        "precision": "precision",
        "recall": "recall",
        "f1": "F1",
        "average_precision": "average precision",
    }.items()
)
"""The scores of labels that stand on a board, in the order of its columns."""


@dataclass(frozen=True)
class LabelAccuracy:
    """Counts and shares over the frames whose oracle class is sharp or blurry; "positive" is sharp.

    A share whose denominator is empty is NaN: without a blurry frame nothing is known about leaving one out.
    """

    n: int
    """Frames counted: ``tp + fp + fn + tn``."""
    n_mild: int
    """Frames between the classes, on which either label is fair; in no other number here."""
    accuracy: float
    balanced_accuracy: float
    """Mean of the share of sharp frames found and the share of blurry frames left out."""
    precision: float
    recall: float
    f1: float
    majority_rate: float
    """Accuracy of calling every frame by the commoner class: what a labeller has to beat."""
    tp: int
    fp: int
    fn: int
    tn: int


def label_accuracy(is_sharp: NDArray[np.bool_], oracle_class: NDArray[np.integer]) -> LabelAccuracy:
    """Compare labels with the oracle.

    The paper states accuracies against labels made by hand (96.77 % on GoProShake, 91.88 % on HVD, section 3.1); these
    are against motion inside the exposure, so they are not the same number.

    Args:
        is_sharp: (T,) what the labeller calls sharp; clips may be joined end to end.
        oracle_class: (T,) 0 sharp, 1 mild, 2 blurry.

    Raises:
        InputError: two lengths, or another class.
    """
    labels, classes = np.asarray(is_sharp), np.asarray(oracle_class)
    if labels.dtype != np.bool_ or labels.ndim != 1 or labels.shape != classes.shape:
        raise InputError(
            f"labels are {labels.dtype} {labels.shape}, the oracle's classes {classes.shape}: give one bool a frame"
        )
    unknown = np.setdiff1d(classes, [SHARP, MILD, BLURRY])
    if unknown.size:
        raise InputError(f"the oracle's classes are 0 sharp, 1 mild and 2 blurry, found {unknown[0]}")
    tp, fp = (int(np.sum(labels & (classes == kind))) for kind in (SHARP, BLURRY))
    fn, tn = (int(np.sum(~labels & (classes == kind))) for kind in (SHARP, BLURRY))
    n, sharp, blurry = tp + fp + fn + tn, tp + fn, fp + tn
    return LabelAccuracy(
        n=n,
        n_mild=int(np.sum(classes == MILD)),
        accuracy=_share(tp + tn, n),
        balanced_accuracy=(_share(tp, sharp) + _share(tn, blurry)) / 2,
        precision=_share(tp, tp + fp),
        recall=_share(tp, sharp),
        f1=_share(2 * tp, 2 * tp + fp + fn),
        majority_rate=_share(max(sharp, blurry), n),
        tp=tp,
        fp=fp,
        fn=fn,
        tn=tn,
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def average_precision(sharpness: NDArray[np.floating], is_sharp: NDArray[np.bool_]) -> float:
    """Return the mean of the precision over the ranks of the truly sharp frames: 1 where all of them come first.

    Frames of equal sharpness are taken together, so that their order in the clip does not count.

    Args:
        sharpness: (T,) larger is sharper.
        is_sharp: (T,) the truth.

    Returns:
        NaN where no frame is sharp.
    """
    recall, precision = threshold_curve(sharpness, is_sharp)[1:3]
    if not len(recall) or not np.isfinite(recall).all():
        return math.nan
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def threshold_curve(
    sharpness: NDArray[np.floating], is_sharp: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Compute what each threshold would have led to.

    Args:
        sharpness: (T,) larger is sharper; a frame counts as sharp from the threshold up.
        is_sharp: (T,) the truth.

    Returns:
        Thresholds, falling, one for each value that occurs; recall, precision and accuracy at each.
    """
    order = np.argsort(-np.asarray(sharpness, np.float64), kind="stable")
    values, truth = np.asarray(sharpness, np.float64)[order], np.asarray(is_sharp, np.bool_)[order]
    last = np.flatnonzero(np.append(values[1:] != values[:-1], True)) if len(values) else np.zeros(0, np.intp)
    tp, chosen, sharp = np.cumsum(truth)[last], last + 1.0, int(truth.sum())
    recall = tp / sharp if sharp else np.full(len(last), math.nan)
    correct = tp + (len(truth) - sharp) - (chosen - tp)
    return values[last], recall, tp / chosen, correct / max(len(truth), 1)


def cohens_kappa(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Return how far two people agree beyond chance (Cohen, Educ. Psychol. Meas. 20, 1960): 1 is fully, 0 is by chance.

    Args:
        a, b: (N,) their labels of the same frames.

    Returns:
        NaN where no frame is given, or both always say the same one thing, so that chance already agrees fully.
    """
    first, second = np.asarray(a, np.bool_), np.asarray(b, np.bool_)
    if first.shape != second.shape:
        raise InputError(f"agreement is over the same frames, found {first.size} and {second.size} of them")
    if not first.size:
        return math.nan
    agreed, p, q = float((first == second).mean()), float(first.mean()), float(second.mean())
    chance = p * q + (1 - p) * (1 - q)
    return math.nan if chance == 1 else (agreed - chance) / (1 - chance)
