"""Compute confidence intervals of a mean over clips and of a share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from hvdbench.errors import InputError

FEWEST_FOR_BOOTSTRAP = 20
"""The number of clips from which on a mean's interval is a bootstrap; fewer show too little of the spread."""
RESAMPLES = 4000
_DRAWN_AT_ONCE = 2_000_000

Sample = Sequence[float] | NDArray[np.floating]


@dataclass(frozen=True)
class Interval:
    """A mean and the two ends of its confidence interval; the ends are NaN where n is 1.

    ``kind`` is how the ends were found: ``t``, ``BCa``, ``Wilson`` or ``normal``.
    """

    mean: float
    low: float
    high: float
    n: int
    kind: str = "t"


def clip_interval(values: Sample, level: float = 0.95) -> Interval:
    """Return the mean over clips with the interval that suits their number.

    It is :func:`bca_interval` from :data:`FEWEST_FOR_BOOTSTRAP` clips on, and :func:`mean_interval` below. With few
    clips and skewed scores both are too short; ``docs/leaderboards.md`` has the measured coverage.

    Args:
        values: (n,) one score per clip, finite.
        level: the coverage, between 0 and 1.

    Raises:
        InputError: under the conditions of :func:`mean_interval`.
    """
    sample = checked_sample(values, level)
    return (bca_interval if sample.size >= FEWEST_FOR_BOOTSTRAP else mean_interval)(sample, level)


def mean_interval(values: Sample, level: float = 0.95) -> Interval:
    """Return the mean of independent values with Student's t interval.

    It suits few, roughly normal values such as the scores of clips. It does not suit the frames of one clip, which are
    not independent of each other.

    Args:
        values: (n,) independent values, finite.
        level: the coverage, between 0 and 1.

    Raises:
        InputError: if there is no value, one that is not finite, or a level outside (0, 1).
    """
    sample = checked_sample(values, level)
    n, mean = sample.size, float(sample.mean())
    if n == 1:
        return Interval(mean, math.nan, math.nan, 1)
    quantile = float(stdtrit(n - 1, (1 + level) / 2))
    half = quantile * float(sample.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def bca_interval(values: Sample, level: float = 0.95, *, seed: int = 0) -> Interval:
    """Return the mean of independent values with a bootstrap interval that follows their skew.

    The ends are bias-corrected and accelerated percentiles of resampled means (Efron, J. Am. Stat. Assoc. 82, 1987, p.
    171), taken a little further out to make up for the spread that resampling n values loses: the normal quantile is
    multiplied by that of Student's t over it and by sqrt(n / (n - 1)) (Hesterberg, Am. Stat. 69, 2015, p. 371,
    "expanded percentile"). The same values and seed give the same ends.

    Args:
        values: (n,) independent values, finite.
        level: the coverage, between 0 and 1.
        seed: random seed of the resampling.

    Raises:
        InputError: under the conditions of :func:`mean_interval`.
    """
    sample = checked_sample(values, level)
    n, mean = sample.size, float(sample.mean())
    if n == 1:
        return Interval(mean, math.nan, math.nan, 1, "BCa")
    away = sample - mean
    spread = float((away**2).sum())
    if spread <= n * (1e-12 * max(abs(mean), 1e-300)) ** 2:  # all equal, except for rounding
        return Interval(mean, mean, mean, n, "BCa")
    means = np.sort(np.concatenate([part.astype(np.float64) / n @ away for part in _counts(n, seed)]))
    # The share of means below the mean itself; equal ones count half, since rounding leaves them a hair off it.
    hair = 1e-9 * math.sqrt(spread / n)
    below = (np.searchsorted(means, -hair) + np.searchsorted(means, hair)) / (2 * means.size)
    bias = float(ndtri(np.clip(below, 0.5 / means.size, 1 - 0.5 / means.size)))
    acceleration = float((away**3).sum()) / (6 * spread**1.5)
    reach = math.sqrt(n / (n - 1)) * float(stdtrit(n - 1, (1 + level) / 2))
    shifted = bias + np.array([-reach, reach])
    low, high = np.quantile(means, ndtr(bias + shifted / (1 - acceleration * shifted)))
    return Interval(mean, mean + float(low), mean + float(high), n, "BCa")


@lru_cache(maxsize=8)
def _counts(n: int, seed: int) -> tuple[NDArray[np.unsignedinteger], ...]:
    """Draw how often each of n values is in each resample, in parts (<= RESAMPLES, n), equal for all samples of a size.

    The parts keep few bytes at once: all weights of 10,000 values would be 320 MB. They are drawn one after the other
    from one stream, so that the numbers do not depend on them.
    """
    random = np.random.default_rng([seed, n])
    rows = max(1, _DRAWN_AT_ONCE // n)
    parts = []
    for at in range(0, RESAMPLES, rows):
        drawn = random.multinomial(n, np.full(n, 1 / n), size=min(rows, RESAMPLES - at))
        parts.append(drawn.astype(np.min_scalar_type(int(drawn.max()))))
    return tuple(parts)


def wilson_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """Return a share with Wilson's score interval (J. Am. Stat. Assoc. 22, 1927, p. 209).

    It stays within 0 and 1 and is right for few trials and for shares near either end, where the usual interval is not.
    Frames of one clip are not independent of each other, so over frames it is too narrow and understates the doubt.

    Args:
        successes: the number of successes, 0 to n.
        n: the number of trials, at least 1.
        level: the coverage, between 0 and 1.

    Raises:
        InputError: if there is no trial, more successes than trials, or a level outside (0, 1).
    """
    if not 0 <= successes <= n or n == 0:
        raise InputError(f"a share needs 0 to n successes in n > 0 trials, found {successes} in {n}")
    check_level(level)
    z, share = float(ndtri((1 + level) / 2)), successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Interval(share, 0.0 if successes == 0 else low, 1.0 if successes == n else high, n, "Wilson")


def checked_sample(values: Sample, level: float) -> NDArray[np.float64]:
    """Return the values as a float64 array (n,), after checking them and the level.

    Raises:
        InputError: under the conditions of :func:`mean_interval`.
    """
    sample = np.asarray(values, np.float64)
    if sample.ndim != 1 or sample.size == 0 or not np.isfinite(sample).all():
        raise InputError(f"an interval needs a list of finite values, found {sample.tolist()}")
    check_level(level)
    return sample


def check_level(level: float) -> None:
    """Refuse a value that cannot be the level of an interval.

    Raises:
        InputError: if the level is outside (0, 1).
    """
    if not 0 < level < 1:
        raise InputError(f"the level of an interval must lie between 0 and 1, found {level}")
