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
"""The scores of labels that are entered on a board, in the order of its columns."""


@dataclass(frozen=True)
class LabelAccuracy:
    """Counts and shares over the frames whose oracle class is sharp or blurry; "positive" is sharp.

    A share whose denominator is empty is NaN: without a blurry frame nothing is known about leaving one out.
    """

    n: int
    """The number of frames counted: ``tp + fp + fn + tn``."""
    n_mild: int
    """The number of frames between the classes, for which either label is fair; they count in no other number here."""
    accuracy: float
    balanced_accuracy: float
    """The mean of the share of sharp frames found and the share of blurry frames left out."""
    precision: float
    recall: float
    f1: float
    majority_rate: float
    """The accuracy of calling every frame by the commoner class, which a labeller has to beat."""
    tp: int
    fp: int
    fn: int
    tn: int


def label_accuracy(is_sharp: NDArray[np.bool_], oracle_class: NDArray[np.integer]) -> LabelAccuracy:
    """Compare labels with the oracle.

    The paper states accuracies against labels made by hand (96.77 % on GoProShake, 91.88 % on HVD, section 3.1). These
    are against motion inside the exposure, so they are not the same quantity.

    Args:
        is_sharp: (T,) whether the labeller calls the frame sharp; clips may be joined end to end.
        oracle_class: (T,) 0 sharp, 1 mild, 2 blurry.

    Raises:
        InputError: if the lengths differ, or there is another class.
    """
    labels, classes = np.asarray(is_sharp), np.asarray(oracle_class)
    if labels.dtype != np.bool_ or labels.ndim != 1 or labels.shape != classes.shape:
        raise InputError(
            f"labels are {labels.dtype} {labels.shape}, and the oracle's classes are {classes.shape}: give one bool a "
            "frame"
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
    """Return the mean of the precision over the ranks of the truly sharp frames; it is 1 where all of them come first.

    Frames of equal sharpness are taken together, so that their order in the clip does not matter.

    Args:
        sharpness: (T,) larger is sharper.
        is_sharp: (T,) the truth.

    Returns:
        The average precision; NaN where no frame is sharp.
    """
    recall, precision = threshold_curve(sharpness, is_sharp)[1:3]
    if not len(recall) or not np.isfinite(recall).all():
        return math.nan
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def threshold_curve(
    sharpness: NDArray[np.floating], is_sharp: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Compute the scores that each threshold would have given.

    Args:
        sharpness: (T,) larger is sharper; a frame counts as sharp from the threshold up.
        is_sharp: (T,) the truth.

    Returns:
        The thresholds in falling order, one for each value that occurs, and recall, precision and accuracy at each.
    """
    order = np.argsort(-np.asarray(sharpness, np.float64), kind="stable")
    values, truth = np.asarray(sharpness, np.float64)[order], np.asarray(is_sharp, np.bool_)[order]
    last = np.flatnonzero(np.append(values[1:] != values[:-1], True)) if len(values) else np.zeros(0, np.intp)
    tp, chosen, sharp = np.cumsum(truth)[last], last + 1.0, int(truth.sum())
    recall = tp / sharp if sharp else np.full(len(last), math.nan)
    correct = tp + (len(truth) - sharp) - (chosen - tp)
    return values[last], recall, tp / chosen, correct / max(len(truth), 1)


def cohens_kappa(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Return how far two people agree beyond chance (Cohen, Educ. Psychol. Meas. 20, 1960): 1 fully, 0 by chance.

    Args:
        a, b: (N,) the labels that the two gave to the same frames.

    Returns:
        The coefficient; NaN where there is no frame, or where both always give the same one label, so that chance
        already agrees fully.
    """
    first, second = np.asarray(a, np.bool_), np.asarray(b, np.bool_)
    if first.shape != second.shape:
        raise InputError(
            f"agreement is measured over the same frames, and there are {first.size} and {second.size} of them"
        )
    if not first.size:
        return math.nan
    agreed, p, q = float((first == second).mean()), float(first.mean()), float(second.mean())
    chance = p * q + (1 - p) * (1 - q)
    return math.nan if chance == 1 else (agreed - chance) / (1 - chance)
