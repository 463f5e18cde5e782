"""Compare methods on the same clips: differences, tests, ties, and the differences that could have been found."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import nctdtr, stdtr, stdtrit

from hvdbench.errors import InputError
from hvdbench.statistics.intervals import Interval, Sample, checked_sample, clip_interval

ALPHA = 0.05
"""The probability with which a difference may be claimed where there is none."""


@dataclass(frozen=True)
class Comparison:
    """The comparison of method a with method b, clip by clip.

    Attributes:
        difference: the mean of a - b over the clips, with its interval.
        p: the two-sided p-value of the paired t-test; NaN for one clip.
        detectable: the smallest true difference that so many clips would have shown, NaN for one clip; see
            :func:`detectable_difference`.
        above: the number of clips on which a is above b.
        below: the number of clips on which a is below b.
        equal: the number of clips on which the two are the same.
    """

    difference: Interval
    p: float
    detectable: float
    above: int
    below: int
    equal: int


def compare_scores(a: Sample, b: Sample, level: float = 0.95) -> Comparison:
    """Compare two methods on the same clips.

    Clips differ far more than methods do. Pairing removes the clips' part, so that the interval of the difference is
    much narrower than the two methods' own intervals.

    Args:
        a: (n,) one score per clip.
        b: (n,) the other method's scores, in the same order of clips.
        level: the coverage of the difference's interval.

    Raises:
        InputError: if the lengths differ, and under the conditions of
            :func:`hvdbench.statistics.intervals.mean_interval`.
    """
    gaps = checked_sample(_differences(a, b), level)
    return Comparison(
        difference=clip_interval(gaps, level),
        p=_paired_p(gaps),
        detectable=detectable_difference(gaps),
        above=int((gaps > 0).sum()),
        below=int((gaps < 0).sum()),
        equal=int((gaps == 0).sum()),
    )


def detectable_difference(differences: Sample, *, power: float = 0.8, alpha: float = ALPHA) -> float:
    """Return the smallest true mean difference that a paired t-test on such clips would show.

    It comes from the noncentral t distribution at the observed spread of the differences. With that many clips, a true
    difference of this size is found significant with probability ``power``; a smaller one may well exist unseen.

    Args:
        differences: (n,) differences of one method to another, clip by clip.
        power: the probability of finding the difference, between alpha and 1.
        alpha: the two-sided significance level.

    Returns:
        The difference in the scores' unit; NaN for one clip, 0 where all differences are equal.

    Raises:
        InputError: if there is no value, or one that is not finite.
    """
    sample = checked_sample(differences, 1 - alpha)
    n = sample.size
    if n == 1:
        return math.nan
    edge = float(stdtrit(n - 1, 1 - alpha / 2))

    def missed(centre: float) -> float:
        """Return how much more often than wanted the test stays silent; its wrong side is negligible."""
        return float(nctdtr(n - 1, centre, edge)) - (1 - power)

    centre = float(brentq(missed, 0.0, 10 * edge + 10, xtol=1e-9))
    return centre * float(sample.std(ddof=1)) / math.sqrt(n)


def holm(p_values: Sequence[float] | NDArray[np.floating]) -> NDArray[np.float64]:
    """Correct the p-values of several tests, so that a false claim among them all stays as rare as in one test.

    This is Holm's step-down method (Scand. J. Stat. 6, 1979, p. 65). A NaN stays NaN and counts as no test.

    Args:
        p_values: (k,) p-values, 0 to 1.

    Returns:
        The corrected p-values, (k,) in the same order, to be compared with alpha itself.
    """
    found = np.asarray(p_values, np.float64)
    corrected = np.full(found.shape, math.nan)
    known = np.flatnonzero(~np.isnan(found))
    order = known[np.argsort(found[known], kind="stable")]
    steps = found[order] * np.arange(order.size, 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if order.size else steps
    return corrected


def tie_groups(scores: Mapping[str, Sample], *, lower_is_better: bool = False, alpha: float = ALPHA) -> dict[str, str]:
    """Find the groups of methods that the clips cannot distinguish.

    All pairs are tested clip by clip and corrected by :func:`holm`. A group is a method and every method behind it that
    is not significantly different from it; a group inside an earlier one is dropped. Two methods that share a letter
    cannot be distinguished from the best of that group, so their order means nothing.

    Args:
        scores: method → (n,) one score per clip, the same clips in the same order for all.
        lower_is_better: whether the smallest mean leads.
        alpha: the significance level of all tests together.

    Returns:
        method → letters, ``a`` for the best's group, in the order of the means; a single method, or a single clip,
        gives one group.

    Raises:
        InputError: if the numbers of clips differ.
    """
    sign = 1 if lower_is_better else -1
    order = sorted(scores, key=lambda name: (sign * float(np.mean(scores[name])), name))
    apart = {pair for pair, p in corrected_pairs({name: scores[name] for name in order}).items() if p < alpha}
    groups: list[set[str]] = []
    for place, first in enumerate(order):
        group = {first, *(second for second in order[place + 1 :] if (first, second) not in apart)}
        if not any(group <= earlier for earlier in groups):
            groups.append(group)
    return {name: "".join(_letter(index) for index, group in enumerate(groups) if name in group) for name in order}


def corrected_pairs(scores: Mapping[str, Sample]) -> dict[tuple[str, str], float]:
    """Test all pairs of methods clip by clip, and correct the p-values by :func:`holm` over these pairs.

    Args:
        scores: method → (n,) one score per clip, the same clips in the same order for all.

    Returns:
        (first, second), in the order of the given methods, → the corrected p-value; NaN for one clip.

    Raises:
        InputError: if the numbers of clips differ.
    """
    names = list(scores)
    pairs = [(first, second) for place, first in enumerate(names) for second in names[place + 1 :]]
    corrected = holm([_paired_p(_differences(scores[first], scores[second])) for first, second in pairs])
    return dict(zip(pairs, map(float, corrected), strict=True))


def _letter(index: int) -> str:
    """Return the letter of a group: a to z, then aa, ab and so on."""
    return ("" if index < 26 else _letter(index // 26 - 1)) + chr(ord("a") + index % 26)


def _differences(a: Sample, b: Sample) -> NDArray[np.float64]:
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape:
        raise InputError(
            f"paired scores must be of the same clips, and there are {first.size} and {second.size} of them"
        )
    return np.asarray(first - second, np.float64)


def _paired_p(gaps: NDArray[np.float64]) -> float:
    """Test a mean difference of 0, two-sided; equal differences count as certain, and one clip gives NaN."""
    n, mean = gaps.size, float(gaps.mean())
    if n == 1:
        return math.nan
    error = float(gaps.std(ddof=1)) / math.sqrt(n)
    if error <= 1e-12 * abs(mean):
        return 1.0 if mean == 0 else 0.0
    return float(2 * stdtr(n - 1, -abs(mean) / error))
