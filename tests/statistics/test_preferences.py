"""Shares of votes and Bradley-Terry scores: values worked out by hand, and coverage under votes that are simulated."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from hvdbench.errors import InputError
from hvdbench.statistics.intervals import Interval
from hvdbench.statistics.preferences import bradley_terry, preference


def scored(votes: NDArray[Any]) -> list[Interval]:
    found = bradley_terry(votes)
    assert found is not None
    return found


def test_nine_of_ten_votes_have_the_share_interval_and_p_of_the_textbook() -> None:
    found = preference([5, 4], [0, 1], ties=3)
    assert (found.wins, found.losses, found.ties, found.share.mean) == (9, 1, 3, 0.9)
    assert found.p == pytest.approx(22 / 1024)  # 1, 10, 10 and 1 of 1024 outcomes are as far from a draw
    ends = stats.binomtest(9, 10).proportion_ci(method="wilson")
    assert (found.share.low, found.share.high) == pytest.approx((ends.low, ends.high))


def test_the_interval_over_clips_is_that_of_the_clips_shares() -> None:
    wins, losses = [8, 6, 9, 3], [2, 4, 1, 7]
    found = preference(wins, losses)
    theirs = stats.t.interval(0.95, 3, loc=0.65, scale=stats.sem([0.8, 0.6, 0.9, 0.3]))
    assert (found.over_clips.low, found.over_clips.high) == pytest.approx((theirs[0], 1.0))
    assert found.over_clips.mean == pytest.approx(0.65)
    assert preference([*wins, 0], [*losses, 0]) == found  # nobody chose on the fifth clip


def test_without_a_choice_there_is_neither_share_nor_p() -> None:
    found = preference([0, 0], [0, 0], ties=4)
    assert found.ties == 4
    assert all(map(math.isnan, (found.share.mean, found.share.low, found.p, found.over_clips.mean)))


@pytest.mark.parametrize(("wins", "losses", "ties"), [([1], [1, 2], 0), ([-1], [1], 0), ([1], [1], -1)])
def test_numbers_that_are_no_votes_are_refused(wins: list[int], losses: list[int], ties: int) -> None:
    with pytest.raises(InputError, match="votes must be two lists"):
        preference(wins, losses, ties)


def test_the_score_of_two_methods_is_half_the_corrected_logit() -> None:
    first, second = scored(np.array([[0, 30], [10, 0]]))
    assert first.mean == pytest.approx(math.log(30.5 / 10.5) / 2)
    assert first.mean == -second.mean
    half = 1.959964 * math.sqrt(1 / 30.5 + 1 / 10.5) / 2
    assert (first.low, first.high) == pytest.approx((first.mean - half, first.mean + half))
    assert first.n == second.n == 40


def test_scores_of_votes_that_follow_the_model_are_the_models() -> None:
    true = np.array([1.0, 0.2, -1.2])
    votes = 1e6 / (1 + np.exp(true - true[:, None]))
    found = scored(votes)
    assert [one.mean for one in found] == pytest.approx(true, abs=1e-5)
    assert all(one.low < score < one.high for one, score in zip(found, true, strict=True))


def test_methods_that_never_met_are_scored_through_a_third() -> None:
    first, middle, last = scored(np.array([[0, 20, 0], [10, 0, 20], [0, 10, 0]]))
    assert first.mean > middle.mean > last.mean
    assert middle.mean == pytest.approx(0)
    assert middle.high - middle.low < first.high - first.low


def test_one_that_always_won_has_a_finite_score_and_one_that_met_nobody_has_none() -> None:
    best, _, _ = scored(np.array([[0, 10, 10], [0, 0, 5], [0, 5, 0]]))
    assert math.isfinite(best.high)
    assert bradley_terry(np.array([[0, 10, 0], [3, 0, 0], [0, 0, 0]])) is None


@pytest.mark.parametrize("wins", [np.zeros((2, 3)), np.zeros((1, 1)), np.array([[0, -1], [1, 0]])])
def test_a_table_that_is_no_table_of_votes_is_refused(wins: NDArray[np.float64]) -> None:
    with pytest.raises(InputError, match="votes"):
        bradley_terry(wins)


def covered(draws: int, seed: int) -> dict[str, float]:
    """Simulate independent votes between three methods; return how often each interval holds the true value."""
    rng = np.random.default_rng(seed)
    true = np.array([0.8, 0.1, -0.9])
    chance = 1 / (1 + np.exp(true - true[:, None]))
    hits: dict[str, list[bool]] = {"wilson": [], "clips": [], "bradley_terry": []}
    for _ in range(draws):
        by_clip = rng.binomial(6, chance[0, 1], 12)
        found = preference(by_clip.tolist(), (6 - by_clip).tolist())
        hits["wilson"].append(found.share.low <= chance[0, 1] <= found.share.high)
        hits["clips"].append(found.over_clips.low <= chance[0, 1] <= found.over_clips.high)
        votes = np.triu(rng.binomial(40, chance), 1)
        scores = scored(votes + np.tril(40 - votes.T, -1))
        hits["bradley_terry"] += [one.low <= at <= one.high for one, at in zip(scores, true, strict=True)]
    return {name: float(np.mean(found)) for name, found in hits.items()}


def test_intervals_of_simulated_votes_cover_the_true_preference() -> None:
    assert all(0.92 <= share <= 0.98 for share in covered(500, 1).values())  # one standard error is 0.01


@pytest.mark.slow
def test_intervals_of_simulated_votes_cover_at_the_nominal_rate() -> None:
    found = covered(4000, 1)  # one standard error is 0.0035
    assert 0.935 <= found["wilson"] <= 0.965
    assert 0.935 <= found["clips"] <= 0.96
    assert 0.945 <= found["bradley_terry"] <= 0.965


def test_where_clips_differ_the_interval_over_clips_covers_and_the_one_over_votes_does_not() -> None:
    rng = np.random.default_rng(2)
    true, votes, clips = 0.6, 10, 15
    hits = []
    for _ in range(300):
        share = rng.beta(true * 2, (1 - true) * 2, clips)  # the methods differ in which clips suit them
        wins = rng.binomial(votes, share)
        found = preference(wins.tolist(), (votes - wins).tolist())
        hits.append([one.low <= true <= one.high for one in (found.over_clips, found.share)])
    over_clips, over_votes = np.mean(hits, axis=0)
    assert over_clips > 0.91
    assert over_votes < 0.75
