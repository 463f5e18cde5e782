import math

import numpy as np
import pytest
from scipy import stats

from hvdbench.errors import InputError
from hvdbench.statistics import mean_interval, paired_difference


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
    found = paired_difference(clips + np.array([0.4, 0.5, 0.5, 0.6]), clips)
    assert found.mean == pytest.approx(0.5)
    assert 0.3 < found.low < found.high < 0.7
    assert mean_interval(clips).high - mean_interval(clips).low > 10


def test_what_is_no_sample_is_refused():
    for values in ([], [1.0, math.nan], [1.0, math.inf]):
        with pytest.raises(InputError, match="finite values"):
            mean_interval(values)
    with pytest.raises(InputError, match="found 2 and 1"):
        paired_difference([1.0, 2.0], [1.0])
    with pytest.raises(InputError, match="level"):
        mean_interval([1.0, 2.0], 95)
