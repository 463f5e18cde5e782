import numpy as np
import pytest

from hvdbench.realism.series import autocorrelation, centred_motion, path_extent, run_lengths, share_above, stay_share


def _flags(letters: str) -> np.ndarray:
    return np.array([letter == "S" for letter in letters])


def test_an_even_motion_along_a_line_is_as_long_as_the_line():
    # M samples at the middles of M equal parts: variance (L²/12)(1 - 1/M²).
    along = (np.arange(1000) + 0.5) / 1000 * 20.0
    path = np.stack([0.6 * along, 0.8 * along], axis=1)
    assert path_extent(path) == pytest.approx(20.0, rel=1e-5)


def test_a_view_that_rests_has_no_extent():
    assert path_extent(np.full((3, 5, 2), 7.0)).tolist() == [0.0, 0.0, 0.0]


def test_runs_are_counted_at_both_ends_too():
    assert run_lengths(_flags("SS.S...S")).tolist() == [2, 1, 1]
    assert run_lengths(~_flags("SS.S...S")).tolist() == [1, 3]
    assert run_lengths(_flags("...")).tolist() == []


def test_staying_is_counted_within_clips_only():
    # SS. : S->S, S->.   and   SSS : S->S, S->S. No step leads from the first clip into the second.
    assert stay_share([_flags("SS."), _flags("SSS")]) == pytest.approx(3 / 4)
    assert np.isnan(stay_share([_flags("..")]))


def test_alternating_motion_is_anticorrelated_at_one_frame():
    motion = np.array([1.0, -1.0, 1.0, -1.0])[:, None]
    assert autocorrelation([motion], 1) == pytest.approx(-3 / 4)
    assert autocorrelation([motion, motion], 2) == pytest.approx(2 / 4)


def test_motion_that_never_changes_has_no_autocorrelation():
    assert np.isnan(autocorrelation([np.ones((5, 2))], 1))


def test_power_is_parted_at_the_frequency():
    # Over whole periods amplitudes 1 and 2 hold powers 1/2 and 2: 0.8 lies above.
    t_s = np.arange(60) / 30
    series = np.sin(2 * np.pi * 3 * t_s) + 2 * np.sin(2 * np.pi * 9 * t_s)
    assert share_above([series], [30.0], 6.0) == pytest.approx(0.8)
    assert np.isnan(share_above([series], [None], 6.0))


def test_a_rate_too_low_for_the_frequency_tells_nothing_of_it():
    assert np.isnan(share_above([np.sin(np.arange(30.0))], [10.0], 6.0))


def test_motion_at_a_frame_is_the_mean_of_before_and_after():
    motion = np.array([[2.0, 0.0], [4.0, 2.0]])
    assert centred_motion(motion).tolist() == [[2.0, 0.0], [3.0, 1.0], [4.0, 2.0]]
