import math

import numpy as np
import pytest
from scipy.stats import binomtest

from hvdbench.errors import DatasetError, InputError
from hvdbench.labels.accuracy import average_precision, cohens_kappa, threshold_curve
from hvdbench.labels.annotations import read_annotations
from hvdbench.labels.check import CheckedClip, curve_of, published_line, score_labels, score_lines, scores_by_group
from hvdbench.labels.sharpness import SEGMENT, SharpLabels
from hvdbench.statistics.intervals import wilson_interval


@pytest.mark.parametrize(("successes", "n"), [(0, 7), (7, 7), (3, 10), (968, 1000)])
def test_wilsons_interval_is_scipys(successes, n):
    expected = binomtest(successes, n).proportion_ci(method="wilson")
    found = wilson_interval(successes, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found.mean == successes / n


def test_wilsons_interval_refuses_what_is_no_share():
    for successes, n in ((0, 0), (3, 2), (-1, 4)):
        with pytest.raises(InputError, match="0 to n successes"):
            wilson_interval(successes, n)
    with pytest.raises(InputError, match="level"):
        wilson_interval(1, 2, level=1.0)


def test_average_precision_of_four_frames_worked_out_by_hand():
    # Ranks: sharp, blurry, sharp, blurry: precision 1 at the first sharp one, 2/3 at the second.
    sharpness, truth = np.array([9.0, 7.0, 5.0, 1.0]), np.array([True, False, True, False])
    assert average_precision(sharpness, truth) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(-sharpness, truth) == pytest.approx((1 / 2 + 2 / 4) / 2)


def test_equal_values_share_a_threshold_whatever_their_order():
    truth = np.array([True, False, True, False])
    assert average_precision(np.ones(4), truth) == average_precision(np.ones(4), truth[::-1]) == 0.5
    assert math.isnan(average_precision(np.ones(2), np.zeros(2, bool)))
    assert math.isnan(average_precision(np.zeros(0), np.zeros(0, bool)))


def test_each_threshold_has_the_recall_precision_and_accuracy_worked_out_by_hand():
    thresholds, recall, precision, accuracy = threshold_curve(
        np.array([1.0, 4.0, 4.0, 2.0]), np.array([False, True, False, True])
    )
    assert thresholds.tolist() == [4.0, 2.0, 1.0]
    assert recall.tolist() == [0.5, 1.0, 1.0]
    np.testing.assert_allclose(precision, [1 / 2, 2 / 3, 2 / 4])
    np.testing.assert_allclose(accuracy, [2 / 4, 3 / 4, 2 / 4])


def test_kappa_of_a_table_worked_out_by_hand():
    # 20 both yes, 15 both no, 5 and 10 apart: agreed 0.7, by chance 0.5 (Cohen's textbook example).
    a = np.array([1] * 20 + [1] * 5 + [0] * 10 + [0] * 15, bool)
    b = np.array([1] * 20 + [0] * 5 + [1] * 10 + [0] * 15, bool)
    assert cohens_kappa(a, b) == pytest.approx((0.7 - 0.5) / 0.5)
    assert cohens_kappa(a, a) == 1.0
    assert math.isnan(cohens_kappa(np.ones(3, bool), np.ones(3, bool)))
    with pytest.raises(InputError, match="same frames"):
        cohens_kappa(a, b[:3])


def made(is_sharp, classes, *, name="test/one", device="", reason=None, sharpness=None, threshold=1.0):
    is_sharp = np.array(is_sharp, bool)
    values = np.where(is_sharp, 2.0, 0.5) if sharpness is None else np.array(sharpness, float)
    labels = SharpLabels(values, is_sharp, threshold, tuple(reason or ["said"] * len(is_sharp)), "mine")
    return CheckedClip(name, device, labels, np.array(classes))


def test_frame_accuracy_and_the_precision_of_the_selection_are_two_numbers():
    clip = made([1, 1, 0, 0, 0], [0, 2, 0, 2, 2], reason=["", "", "", SEGMENT, ""])
    score = score_labels([clip], "all clips")
    assert score.frames.accuracy == 3 / 5
    assert (score.selection_precision, score.selected) == (1 / 3, 3)
    assert score.selection_interval == wilson_interval(1, 3)


def test_mild_frames_are_left_out_or_counted_as_not_sharp():
    clip = made([1, 1, 0], [0, 1, 2])
    apart, as_blurry = (score_labels([clip], "", how) for how in ("sharp and blurry", "mild as not sharp"))
    assert (apart.frames.n, apart.frames.n_mild, apart.frames.accuracy) == (2, 1, 1.0)
    assert (as_blurry.frames.n, as_blurry.frames.n_mild, as_blurry.frames.fp) == (3, 1, 1)
    assert as_blurry.frames.accuracy == 2 / 3


def test_frames_that_nobody_knows_are_not_counted():
    score = score_labels([made([1, 0, 1], [0, -1, -1])], "")
    assert (score.frames.n, score.frames.accuracy) == (1, 1.0)


def test_clips_are_ranked_by_sharpness_over_their_own_threshold():
    bright = made([1, 0], [0, 2], sharpness=[300.0, 200.0], threshold=250.0)
    dark = made([1, 0], [0, 2], sharpness=[30.0, 20.0], threshold=25.0)
    assert score_labels([bright, dark], "").average_precision == 1.0
    assert curve_of([bright, dark])[:, 0].tolist() == [1.2, 0.8]


def test_devices_have_rows_of_their_own_where_any_is_named():
    clips = [made([1, 0], [0, 2], name="a", device="P40"), made([1, 0], [2, 2], name="b")]
    groups = [score.group for score in scores_by_group(clips)]
    assert groups == ["all clips", "all clips", "device not named", "device P40", "a", "b"]
    assert [score.group for score in scores_by_group([made([1], [0])])] == ["all clips"] * 2


def test_a_table_has_a_line_a_score_and_the_published_figures_stand_apart():
    lines = score_lines(scores_by_group([made([1, 0, 0], [0, 2, 1]), made([0], [1], name="b")]))
    assert len(lines) == 1 + 2 + 2
    assert "1.0000 (0.342-1.000)" in lines[1]
    assert "–" in lines[-1]
    assert "96.77 %" in published_line()
    assert "91.88 %" in published_line()


def test_labels_and_truth_of_different_lengths_are_refused():
    with pytest.raises(DatasetError, match="has 2 labels of 'mine', and its truth has 3 frames"):
        made([1, 0], [0, 2, 2])


def csv_of(tmp_path, *rows, head="clip,frame,label,annotator,confidence"):
    path = tmp_path / "labels.csv"
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def test_most_annotators_decide_and_a_tie_is_unsure(tmp_path):
    rows = [f"one,0,sharp,{who},1" for who in "abc"] + ["one,1,sharp,a,1", "one,1,blurry,b,1"]
    rows += ["one,2,blurry,a,", "one,3,unsure,a,"]
    found = read_annotations(csv_of(tmp_path, *rows))
    assert found.classes(("test/one", "one"), 5).tolist() == [0, 1, 2, 1, -1]
    assert found.classes(("test/two", "two"), 2).tolist() == [-1, -1]
    assert found.clips() == ["one"]


def test_agreement_leaves_unsure_frames_out(tmp_path):
    words = {"a": ["sharp", "sharp", "blurry", "unsure"], "b": ["sharp", "blurry", "blurry", "sharp"]}
    rows = [f"one,{i},{word},{who}" for who, said in words.items() for i, word in enumerate(said)]
    (pair,) = read_annotations(csv_of(tmp_path, *rows, head="clip,frame,label,annotator")).agreements()
    assert (pair.first, pair.second, pair.n, pair.agreed) == ("a", "b", 3, 2)
    assert pair.kappa == pytest.approx((2 / 3 - 4 / 9) / (5 / 9))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("one,0,crisp,a,", "line 2: label 'crisp' is not one of sharp, unsure, blurry"),
        ("one,-1,sharp,a,", "line 2: frame '-1' is not a whole number"),
        ("one,0,sharp,a,\none,0,blurry,a,", "line 3: a labels frame 0 of one twice"),
    ],
)
def test_a_csv_that_is_wrong_is_answered_with_its_line(tmp_path, row, message):
    with pytest.raises(InputError, match=message):
        read_annotations(csv_of(tmp_path, row))


def test_missing_files_columns_and_frames_are_named(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_annotations(tmp_path / "none.csv")
    with pytest.raises(InputError, match="lacks column annotator"):
        read_annotations(csv_of(tmp_path, "one,0,sharp", head="clip,frame,label"))
    with pytest.raises(InputError, match="contains no labels"):
        read_annotations(csv_of(tmp_path))
    with pytest.raises(InputError, match="frames 0 to 3, and frame 9"):
        read_annotations(csv_of(tmp_path, "one,9,sharp,a,")).classes(("one",), 4)
