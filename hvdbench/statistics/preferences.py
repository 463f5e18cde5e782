"""Compute how often one of two methods is preferred, and order several methods by such votes (Bradley and Terry)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse.csgraph import connected_components
from scipy.special import expit, log_expit, ndtri
from scipy.stats import binomtest

from hvdbench.errors import InputError
from hvdbench.statistics.intervals import Interval, check_level, clip_interval, wilson_interval
from hvdbench.statistics.pooling import pooled_scores

_ADDED = 0.5
"""Votes that are added to both sides of each pair that was compared, so that a method that always won has a finite
score. With two methods the score and its interval are the logit's with Gart's correction, whose coverage Agresti
(Biometrics 55, 1999, p. 597) found near nominal in small samples."""


@dataclass(frozen=True)
class Preference:
    """How often the first of two methods was preferred to the second.

    Attributes:
        wins: votes for the first.
        losses: votes for the second.
        ties: votes that saw no difference; shares and p-value leave them out.
        share: share of the first among the votes for one of the two, with Wilson's interval; its ends are NaN where
            nobody chose, and so is the share.
        p: two-sided p-value of the exact binomial test that both are equally often preferred; NaN where nobody chose.
        over_clips: the same share with its interval over clips; see :func:`preference`.
    """

    wins: int
    losses: int
    ties: int
    share: Interval
    p: float
    over_clips: Interval


def preference(wins: Sequence[int], losses: Sequence[int], ties: int = 0, level: float = 0.95) -> Preference:
    """Compute how often the first of two methods was preferred.

    Wilson's interval and the p-value take the votes as independent. Several votes about one clip are not, where clips
    differ in which method suits them; the interval over clips holds then, too. It is
    :func:`hvdbench.statistics.intervals.clip_interval` of the clips' shares, weighted by their votes, and cut at 0
    and 1.

    Args:
        wins: (k,) votes for the first method, by clip.
        losses: (k,) votes for the second, in the same order.
        ties: votes of all clips that saw no difference.
        level: the coverage of the intervals.

    Raises:
        InputError: if the lengths differ, a number is below 0, or the level is outside (0, 1).
    """
    check_level(level)
    first, second = np.asarray(wins, np.int64), np.asarray(losses, np.int64)
    if first.shape != second.shape or first.ndim != 1 or min(ties, *first, *second, 0) < 0:
        raise InputError(f"votes must be two lists of whole numbers of one length, found {wins} and {losses}")
    chosen = first + second
    won, n = int(first.sum()), int(chosen.sum())
    if n == 0:
        nothing = Interval(math.nan, math.nan, math.nan, 0, "Wilson")
        return Preference(0, 0, ties, nothing, math.nan, nothing)
    voted = chosen > 0
    shares = first[voted] / chosen[voted]
    over = clip_interval(pooled_scores(shares, chosen[voted].astype(np.float64)), level)
    cut = Interval(over.mean, max(0.0, over.low), min(1.0, over.high), over.n, over.kind)
    if math.isnan(over.low):
        cut = over
    p = float(binomtest(won, n, 0.5).pvalue)
    return Preference(won, n - won, ties, wilson_interval(won, n, level), p, cut)


def bradley_terry(wins: NDArray[np.floating], level: float = 0.95) -> list[Interval] | None:
    """Score methods so that the difference of two scores is the log-odds of the one being preferred to the other.

    The model is Bradley and Terry's (Biometrika 39, 1952, p. 324): P(i over j) = 1 / (1 + exp(s_j - s_i)). Scores are
    found by maximum likelihood, with half a vote added to either side of each pair that was compared, and their mean
    is 0. Intervals are those of the normal approximation, from the inverse of the observed information.

    Args:
        wins: (k, k) votes for method i against method j; a tie counts half for each. Its diagonal is not read.
        level: the coverage of the intervals.

    Returns:
        k scores with their intervals, ``n`` the votes that each took part in; None where the comparisons do not
        connect all methods, so that no common scale exists.

    Raises:
        InputError: if there are fewer than two methods, a number is below 0 or not finite, or the level is outside
            (0, 1).
    """
    check_level(level)
    votes = np.array(wins, np.float64)
    if votes.ndim != 2 or votes.shape[0] != votes.shape[1] or len(votes) < 2:
        raise InputError(f"votes must be a square table of two methods or more, found the shape {votes.shape}")
    np.fill_diagonal(votes, 0)
    if not np.isfinite(votes).all() or (votes < 0).any():
        raise InputError("the numbers of votes must be finite and 0 or more")
    met = (votes + votes.T) > 0
    if connected_components(met, directed=False)[0] > 1:
        return None
    counted = votes + _ADDED * met

    def cost(scores: NDArray[np.float64]) -> float:
        return -float((counted * log_expit(scores[:, None] - scores)).sum())

    def slope(scores: NDArray[np.float64]) -> NDArray[np.float64]:
        lost = counted * expit(scores - scores[:, None])  # what pulls i up and j down
        return np.asarray(lost.sum(axis=0) - lost.sum(axis=1), np.float64)

    def information(scores: NDArray[np.float64]) -> NDArray[np.float64]:
        chance = expit(scores[:, None] - scores)
        each = (counted + counted.T) * chance * (1 - chance)
        return np.asarray(np.diag(each.sum(axis=1)) - each, np.float64)

    def pinned(scores: NDArray[np.float64]) -> NDArray[np.float64]:
        # all scores may be shifted together; a term on their mean fixes it and moves nothing else
        return information(scores) + 1.0

    found = minimize(
        lambda s: cost(s) + 0.5 * s.sum() ** 2,
        np.zeros(len(votes)),
        method="trust-exact",
        jac=lambda s: slope(s) + s.sum(),
        hess=pinned,
        options={"gtol": 1e-8 * max(1.0, float(counted.sum()))},
    )
    scores = found.x - found.x.mean()
    # inverse of the information among scores whose mean is 0: that of the pinned one, less the part of the pin
    spread = np.sqrt(np.diag(np.linalg.inv(pinned(scores))) - 1 / len(votes) ** 2)
    half = float(ndtri((1 + level) / 2)) * spread
    taken = (votes + votes.T).sum(axis=1)
    return [
        Interval(float(score), float(score - reach), float(score + reach), round(float(n)), "normal")
        for score, reach, n in zip(scores, half, taken, strict=True)
    ]
