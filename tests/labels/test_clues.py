"""Clues: which frames methods learn from, chosen among their neighbours and not by one limit."""

from dataclasses import replace

import numpy as np
import pytest
from made_shake import make_shake, make_shaken_dataset

from hvdbench.errors import InputError
from hvdbench.labels.clues import BELOW_MEDIAN, LEAST, NOT_CHOSEN, ClueChooser, choose_clues, label_clues
from hvdbench.labels.extent import UNKNOWN_EXTENT, label_extent
from hvdbench.labels.sharpness import SEGMENT
from hvdbench.labels.stored import ensure_labels, labels_of, read_labels, write_labels

WIDTH = 320


def test_frames_well_below_the_local_median_are_chosen_however_blurry_the_clip_is():
    extent_px = np.full(30, 20.0)
    extent_px[[4, 5, 17]] = 14.0, 15.0, 15.5
    extent_px += 0.01 * np.arange(30)  # so that only the first is the least around it
    labels = choose_clues(extent_px, WIDTH)
    assert labels.selected.tolist() == [0, 4, 5, 17, 20]
    assert labels.reason[20] == SEGMENT
    assert [labels.reason[index] for index in (4, 5, 17)] == [BELOW_MEDIAN] * 3
    assert labels.reason[1] == NOT_CHOSEN
    assert not labels.is_sharp.any()


def test_the_least_of_seven_frames_is_chosen_though_it_is_hardly_better():
    extent_px = 10.0 + np.abs(np.arange(9) - 4.0) / 10
    labels = choose_clues(extent_px, WIDTH)
    assert labels.selected.tolist() == [4]
    assert labels.reason[4] == LEAST


def test_a_drift_of_sharpness_through_the_clip_leaves_no_stretch_without_a_clue():
    extent_px = np.linspace(2.0, 40.0, 100) * (1.0 + 0.3 * np.sin(np.arange(100)))
    selected = choose_clues(extent_px, WIDTH).selected
    assert np.diff(selected).max() <= 10
    absolute = extent_px < 0.0045 * WIDTH
    assert absolute.sum() < len(selected)


def test_a_segment_whose_frames_fall_steadily_has_its_sharpest_selected():
    extent_px = np.linspace(12.0, 10.0, 24)
    labels = choose_clues(extent_px, WIDTH, segment_length=8)
    assert labels.selected.tolist() == [7, 15, 23]
    assert [labels.reason[index] for index in (7, 15, 23)] == [SEGMENT, SEGMENT, LEAST]


def test_extents_far_below_the_limit_count_as_equal():
    extent_px = np.array([0.001, 0.1, 0.002, 0.05, 0.001, 0.08, 0.003])
    labels = choose_clues(extent_px, 1920)
    assert BELOW_MEDIAN not in labels.reason
    assert labels.is_sharp.all()


def test_a_frame_without_texture_is_never_chosen_for_itself():
    extent_px = np.array([5.0, np.nan, 6.0, 4.0, np.nan, 7.0])
    labels = choose_clues(extent_px, WIDTH)
    assert labels.selected.tolist() == [3]
    assert [labels.reason[index] for index in (1, 4)] == [UNKNOWN_EXTENT] * 2
    nothing = choose_clues(np.full(5, np.nan), WIDTH)
    assert nothing.selected.tolist() == [0]


def test_frames_that_come_one_by_one_are_labelled_as_those_in_memory():
    frames = make_shake(frames=12).blurry
    chooser = ClueChooser()
    for frame in frames:
        chooser.add(frame)
    one, other = chooser.labels(), label_clues(frames)
    assert one.sharpness.tobytes() == other.sharpness.tobytes()
    assert one.reason == other.reason


def test_clues_are_found_where_the_verdict_finds_no_sharp_frame():
    shake = make_shake(frames=24, swing_px=40.0)
    verdict, clues = label_extent(shake.blurry), label_clues(shake.blurry)
    assert len(clues.selected) > 2 * len(verdict.selected)
    assert np.median(shake.extent_px[clues.selected]) < 0.7 * np.median(shake.extent_px)


def test_a_dataset_stores_clues_as_it_stores_other_labels(tmp_path):
    clip = make_shaken_dataset(tmp_path / "set", {"a": make_shake(frames=10)}).clips()[0]
    made = ensure_labels(clip, "clues")
    read = read_labels(clip, "clues")
    for name in ("sharpness", "is_sharp", "is_clue", "is_selected"):
        assert getattr(read, name).tobytes() == getattr(made, name).tobytes(), name
    assert (read.reason, read.threshold) == (made.reason, made.threshold)


def test_clues_that_were_stored_in_the_place_of_a_verdict_are_made_anew(tmp_path):
    clip = make_shaken_dataset(tmp_path / "set", {"a": make_shake(frames=10)}).clips()[0]
    made = ensure_labels(clip, "clues")
    write_labels(clip, replace(made, is_sharp=made.is_selected, is_clue=None))
    assert read_labels(clip, "clues") is None
    assert labels_of(clip, "clues").is_sharp.tolist() == made.is_sharp.tolist()
    ensure_labels(clip, "clues")
    assert read_labels(clip, "clues").is_clue.tolist() == made.is_clue.tolist()


def test_the_verdict_beside_the_choice_is_the_one_of_extent():
    shake = make_shake(frames=24)
    verdict, clues = label_extent(shake.blurry), label_clues(shake.blurry)
    np.testing.assert_array_equal(clues.is_sharp, verdict.is_sharp)
    np.testing.assert_array_equal(clues.sharpness, verdict.sharpness)
    assert clues.threshold == verdict.threshold
    assert (clues.is_selected & ~clues.is_sharp).any()
    np.testing.assert_array_equal(clues.is_passed, clues.is_selected & verdict.is_sharp)


def test_labels_of_some_frames_keep_choice_and_verdict_and_never_lack_a_clue():
    labels = choose_clues(np.array([9.0, 8.0, 1.0, 8.0, 9.0, 9.5, 9.7, 9.9]), WIDTH)
    some = labels.of_frames([1, 2, 5])
    assert some.selected.tolist() == [1]
    assert some.is_passed.tolist() == [False, True, False]
    none = labels.of_frames(range(4, 8))
    assert none.selected.tolist() == [0]
    assert none.reason[0] == SEGMENT
    assert not none.is_passed.any()


def test_what_is_no_extent_is_refused():
    with pytest.raises(InputError, match="of which 1 are negative or infinite"):
        choose_clues(np.array([1.0, -1.0]), WIDTH)
    with pytest.raises(InputError, match=r"found \(0,\) values"):
        choose_clues(np.zeros(0), WIDTH)
    with pytest.raises(InputError, match="the width of the frames is 0"):
        choose_clues(np.ones(3), 0)
    with pytest.raises(InputError, match="at least one frame"):
        ClueChooser().labels()
    with pytest.raises(InputError, match="uint8 RGB"):
        label_clues(np.zeros((2, 8, 8), np.uint8))
