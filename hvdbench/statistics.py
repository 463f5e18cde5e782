"""How sure a mean over clips is, and a share of frames."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from hvdbench.errors import InputError


@dataclass(frozen=True)
class Interval:
    """A mean and the two ends of its confidence interval; the ends are NaN where n is 1."""

    mean: float
    low: float
    high: float
    n: int


def mean_interval(values: Sequence[float] | NDArray[np.floating], level: float = 0.95) -> Interval:
    """Give the mean of independent values with Student's t interval.

    Right for few, roughly normal values such as the scores of clips; not for the frames of one clip, which are not
    independent of each other.

    Args:
        values: (n,), finite.
        level: coverage, between 0 and 1.

    Raises:
        InputError: no value, one that is not finite, or a level outside (0, 1).
    """
    sample = np.asarray(values, np.float64)
    if sample.ndim != 1 or sample.size == 0 or not np.isfinite(sample).all():
        raise InputError(f"an interval needs a list of finite values, found {sample.tolist()}")
    if not 0 < level < 1:
        raise InputError(f"the level of an interval lies between 0 and 1, found {level}")
    n, mean = sample.size, float(sample.mean())
    if n == 1:
        return Interval(mean, math.nan, math.nan, 1)
    quantile = float(stdtrit(n - 1, (1 + level) / 2))
    half = quantile * float(sample.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def paired_difference(
    a: Sequence[float] | NDArray[np.floating], b: Sequence[float] | NDArray[np.floating], level: float = 0.95
) -> Interval:
    """Give the mean of ``a - b`` with its interval: two methods on the same clips, clip by clip.

    Clips differ far more than methods do; pairing takes the clips' part out, so this interval is much narrower than
    the two methods' own ones. It lies off 0 where the difference is clear.

    Args:
        a: (n,) one score a clip.
        b: (n,) the other method's, in the same order of clips.
        level: coverage, between 0 and 1.

    Raises:
        InputError: two lengths, and as :func:`mean_interval`.
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape:
        raise InputError(f"paired scores are of the same clips, found {first.size} and {second.size} of them")
    return mean_interval(first - second, level)


def wilson_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """Give a share with Wilson's score interval (J. Am. Stat. Assoc. 22, 1927, p. 209).

    It stays within 0 and 1 and is right for few trials and for shares near either end, where the usual interval is
    not. Frames of one clip are not independent of each other, so over frames it is too narrow: a lower bound of doubt.

    Args:
        successes: 0 to n.
        n: trials, at least 1.
        level: coverage, between 0 and 1.

    Raises:
        InputError: no trial, more successes than trials, or a level outside (0, 1).
    """
    if not 0 <= successes <= n or n == 0:
        raise InputError(f"a share needs 0 to n successes in n > 0 trials, found {successes} in {n}")
    if not 0 < level < 1:
        raise InputError(f"the level of an interval lies between 0 and 1, found {level}")
    z, share = float(ndtri((1 + level) / 2)), successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Interval(share, 0.0 if successes == 0 else low, 1.0 if successes == n else high, n)
