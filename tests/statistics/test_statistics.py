import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.intervals import coverage, shared_groups
from hvdbench.errors import InputError
from hvdbench.statistics.comparison import compare_scores, detectable_difference, holm, tie_groups
from hvdbench.statistics.intervals import bca_interval, clip_interval, mean_interval


def test_the_interval_of_three_values_worked_out_by_hand():
    # Mean 2, standard deviation 1, t(0.975; 2) = 4.3027: half width 4.3027 / sqrt(3).
    found = mean_interval([1.0, 2.0, 3.0])
    assert (found.mean, found.n) == (2.0, 3)
    assert found.high - found.mean == pytest.approx(4.302652729911275 / math.sqrt(3))
    assert found.mean - found.low == pytest.approx(found.high - found.mean)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_the_interval_is_scipys(level):
    values = np.random.default_rng(0).normal(30, 2, 11)
    found = mean_interval(values, level)
    expected = stats.t.interval(level, 10, loc=values.mean(), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected)


def test_95_percent_intervals_hold_the_truth_in_95_percent_of_small_samples():
    rng = np.random.default_rng(1)
    intervals = [mean_interval(rng.normal(5, 1, 5)) for _ in range(2000)]
    held = np.mean([interval.low <= 5 <= interval.high for interval in intervals])
    assert held == pytest.approx(0.95, abs=0.015)


def test_one_value_has_no_interval():
    found = mean_interval([31.5])
    assert (found.mean, found.n) == (31.5, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_pairing_takes_the_clips_part_out():
    clips = np.array([20.0, 25.0, 31.0, 38.0])
    found = compare_scores(clips + np.array([0.4, 0.5, 0.5, 0.6]), clips).difference
    assert found.mean == pytest.approx(0.5)
    assert 0.3 < found.low < found.high < 0.7
    assert mean_interval(clips).high - mean_interval(clips).low > 10


def test_what_is_no_sample_is_refused():
    for values in ([], [1.0, math.nan], [1.0, math.inf]):
        with pytest.raises(InputError, match="finite values"):
            mean_interval(values)
    with pytest.raises(InputError, match="there are 2 and 1 of them"):
        compare_scores([1.0, 2.0], [1.0])
    with pytest.raises(InputError, match="level"):
        mean_interval([1.0, 2.0], 95)


def test_the_bootstrap_is_scipys_but_for_the_reach_that_few_values_need():
    values = np.random.default_rng(3).gamma(2, 1, 400)
    found = bca_interval(values)
    expected = stats.bootstrap((values,), np.mean, n_resamples=9999, method="BCa", rng=np.random.default_rng(0))
    low, high = expected.confidence_interval
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.03 * (high - low))
    assert found.kind == "BCa"
    assert found.high - found.mean > found.mean - found.low  # the skew is followed


def test_the_bootstrap_gives_the_same_ends_again_and_follows_scale_and_place():
    values = np.random.default_rng(4).exponential(1, 30)
    found, other = bca_interval(values), bca_interval(3 * values + 20)
    assert found == bca_interval(values)
    assert (other.low, other.high) == pytest.approx((3 * found.low + 20, 3 * found.high + 20))
    mirrored = bca_interval(-values)
    assert mirrored.low == pytest.approx(-found.high, rel=0.05)


def test_equal_values_leave_no_doubt_and_one_value_all_of_it():
    found = bca_interval([0.1] * 25)
    assert (found.low, found.mean, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert math.isnan(bca_interval([1.0]).low)


def test_twenty_clips_are_the_fewest_for_a_bootstrap():
    values = np.random.default_rng(5).normal(30, 2, 20)
    assert clip_interval(values) == bca_interval(values)
    assert clip_interval(values[:19]) == mean_interval(values[:19])
    assert clip_interval(values[:19]).kind == "t"


@pytest.mark.parametrize("skewed", [False, True])
def test_95_percent_intervals_hold_the_truth_in_93_to_97_percent_of_samples_of_50_clips(skewed):
    # 1500 draws: one standard error is 0.6 percent, so two are allowed beyond the bounds.
    rng = np.random.default_rng(6)
    draws = rng.gamma(2, 1, (1500, 50)) if skewed else rng.normal(2, 1, (1500, 50))
    held = np.mean([found.low <= 2 <= found.high for found in map(clip_interval, draws)])
    assert 0.93 - 0.012 < held < 0.97 + 0.012


def test_holms_correction_worked_out_by_hand():
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1 are 0.04, 0.06, 0.06, 0.04; none falls below the one before.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    corrected = holm([math.nan, 0.02, 0.03])
    assert math.isnan(corrected[0])
    assert corrected[1:] == pytest.approx([0.04, 0.04])
    assert holm([]).size == 0


def test_the_p_of_a_pair_is_scipys_and_wins_are_counted():
    rng = np.random.default_rng(7)
    a = rng.normal(30, 3, 12)
    b = a + rng.normal(0.2, 0.5, 12)
    b[3] = a[3]
    found = compare_scores(a, b)
    assert found.p == pytest.approx(stats.ttest_rel(a, b).pvalue)
    assert (found.above, found.below, found.equal) == (int((a > b).sum()), int((a < b).sum()), 1)
    assert compare_scores(a, a).p == 1.0
    assert compare_scores(a + 0.5, a).p < 1e-12
    assert math.isnan(compare_scores([1.0], [2.0]).p)


def test_the_detectable_difference_is_found_in_four_of_five_samples():
    gaps = np.random.default_rng(8).normal(0, 0.7, 9)
    size = detectable_difference(gaps) / gaps.std(ddof=1)
    # The power of a t-test from the noncentral distribution, by scipy.
    edge = stats.t.ppf(0.975, 8)
    assert 1 - stats.nct.cdf(edge, 8, size * 3) == pytest.approx(0.8, abs=1e-6)
    assert detectable_difference(gaps, power=0.95) > detectable_difference(gaps)
    assert detectable_difference([0.5, 0.5, 0.5]) == 0
    assert math.isnan(detectable_difference([0.5]))


def test_two_equal_methods_share_a_group_and_a_clear_difference_makes_two():
    rng = np.random.default_rng(9)
    shared = 0
    for _ in range(200):
        clips = rng.normal(30, 3, 10)
        scores = {name: clips + rng.normal(0, 0.4, 10) for name in ("one", "other")}
        scores |= {"far": clips - 5 + rng.normal(0, 0.4, 10)}
        groups = tie_groups(scores)
        shared += bool(set(groups["one"]) & set(groups["other"]))
        assert not set(groups["far"]) & (set(groups["one"]) | set(groups["other"]))
    assert shared >= 180


def test_two_equal_methods_share_a_group_among_better_and_worse_ones():
    assert shared_groups(10, 60, others=True) >= 0.9
    assert shared_groups(10, 60, others=False, skewed=True) >= 0.85  # 60 draws: one standard error is 0.03
    assert coverage("normal", 10, 100)["board"] > 0.88


def test_groups_begin_with_the_best_and_may_overlap():
    noise = np.random.default_rng(10).normal(0, 1, (3, 12))
    noise -= noise.mean(axis=1, keepdims=True)
    scores = {"low": noise[0], "middle": noise[1] + 1.0, "top": noise[2] + 2.0}
    groups = tie_groups(scores)
    assert list(groups) == ["top", "middle", "low"]
    assert groups["top"] == "a"
    assert not set(groups["top"]) & set(groups["low"])
    assert list(tie_groups(scores, lower_is_better=True)) == ["low", "middle", "top"]
    assert tie_groups({"alone": [1.0, 2.0]}) == {"alone": "a"}
    assert set(tie_groups({"a": [1.0], "b": [2.0]}).values()) == {"a"}
