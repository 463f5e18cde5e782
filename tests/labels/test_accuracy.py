import math

import numpy as np
import pytest

from hvdbench.errors import InputError
from hvdbench.labels.accuracy import label_accuracy


def test_the_counts_and_shares_of_a_small_clip_worked_out_by_hand():
    #                   tp tp fn  mild  mild   fp tn tn tn
    classes = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])
    is_sharp = np.array([1, 1, 0, 1, 0, 1, 0, 0, 0], bool)
    found = label_accuracy(is_sharp, classes)
    assert (found.tp, found.fn, found.fp, found.tn, found.n, found.n_mild) == (2, 1, 1, 3, 7, 2)
    assert found.accuracy == 5 / 7
    assert found.balanced_accuracy == pytest.approx((2 / 3 + 3 / 4) / 2)
    assert (found.precision, found.recall, found.f1) == (2 / 3, 2 / 3, 2 / 3)
    assert found.majority_rate == 4 / 7


def test_mild_frames_change_no_share():
    classes, is_sharp = np.array([0, 2, 1, 1]), np.array([True, False, True, False])
    with_mild, without = label_accuracy(is_sharp, classes), label_accuracy(is_sharp[:2], classes[:2])
    assert (with_mild.accuracy, with_mild.n, with_mild.n_mild) == (without.accuracy, 2, 2) == (1.0, 2, 2)


def test_calling_all_frames_sharp_has_the_majority_rate_but_half_the_balanced_accuracy():
    found = label_accuracy(np.ones(10, bool), np.array([0] * 8 + [2] * 2))
    assert found.accuracy == found.majority_rate == 0.8
    assert found.balanced_accuracy == 0.5


def test_what_cannot_be_known_is_nan():
    found = label_accuracy(np.zeros(3, bool), np.array([0, 0, 1]))
    assert math.isnan(found.balanced_accuracy)
    assert math.isnan(found.precision)
    assert (found.recall, found.accuracy, found.f1) == (0, 0, 0)
    assert math.isnan(label_accuracy(np.zeros(1, bool), np.array([1])).accuracy)


def test_unknown_classes_and_lengths_are_refused():
    with pytest.raises(InputError, match="found 3"):
        label_accuracy(np.ones(2, bool), np.array([0, 3]))
    with pytest.raises(InputError, match="one bool a frame"):
        label_accuracy(np.ones(2, bool), np.array([0, 1, 2]))
    with pytest.raises(InputError, match="int64"):
        label_accuracy(np.ones(2, int), np.array([0, 1]))
