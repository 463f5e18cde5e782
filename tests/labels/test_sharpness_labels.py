import cv2
import h5py
import numpy as np
import pytest
from skimage.filters import threshold_otsu

from hvdbench.errors import DatasetError, InputError
from hvdbench.frames import read_clip, to_gray, write_clip
from hvdbench.labels.sharpness import (
    ABOVE,
    BELOW,
    SEGMENT,
    SharpLabels,
    label_paper,
    otsu_threshold,
    select_sharp,
    with_segments,
)
from hvdbench.labels.stored import read_labels, write_labels
from hvdbench.metrics.sharpness import sharpness
from hvdbench.store import ClipFolder


def noise(height=40, width=50, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def test_the_laplacian_of_one_bright_pixel_has_the_variance_worked_out_by_hand():
    gray = np.zeros((9, 9), np.uint8)
    gray[4, 4] = 10
    # Values -40 once, 10 four times, 0 elsewhere: sum 0, mean of squares (1600 + 400) / 81.
    assert sharpness(gray) == 2000 / 81


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (11, 11), (97, 61)])
def test_sharpness_equals_the_double_precision_formula(size):
    gray = noise(*size)
    assert sharpness(gray) == pytest.approx(cv2.Laplacian(gray, cv2.CV_64F, ksize=1).var(), rel=1e-12, abs=1e-9)


def test_sharpness_of_a_flat_frame_is_zero_and_does_not_depend_on_brightness():
    assert sharpness(np.full((20, 30), 137, np.uint8)) == 0
    gray = noise() // 2
    assert sharpness(gray) == sharpness(gray + np.uint8(100))


def test_blurring_more_lowers_sharpness_each_time():
    gray = noise()
    measured = [sharpness(cv2.GaussianBlur(gray, (0, 0), sigma)) for sigma in (0.5, 1.0, 2.0, 4.0)]
    assert measured == sorted(measured, reverse=True)


def test_sharpness_refuses_colour_and_floats():
    with pytest.raises(InputError, match="needs a gray frame"):
        sharpness(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(InputError, match="float32"):
        sharpness(np.zeros((4, 4), np.float32))


@pytest.mark.parametrize("seed", range(8))
def test_otsu_agrees_with_scikit_image(seed):
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(100, 20, rng.integers(2, 60)), rng.normal(400, 60, rng.integers(2, 60))])
    assert otsu_threshold(values) == pytest.approx(threshold_otsu(values, nbins=256), rel=1e-12)


def test_otsu_parts_two_values_at_the_first_bin():
    # All bins but the outer two are empty, so every cut is as good: the first bin's centre, 1/512 of the way.
    assert otsu_threshold(np.array([0.0, 0.0, 512.0])) == 1.0


@pytest.mark.parametrize("value", [0.0, 3.5, 1e9])
def test_a_flat_clip_gives_the_first_frame_of_each_segment(value):
    labels = select_sharp(np.full(45, value))
    assert labels.selected.tolist() == [0, 20, 40]
    assert labels.threshold == value
    assert {labels.reason[index] for index in labels.selected} == {SEGMENT}


def test_rounding_noise_on_a_flat_clip_makes_no_second_kind_of_frame():
    values = np.full(30, 1e6)
    values[7] = np.nextafter(1e6, 2e6)
    assert select_sharp(values).selected.tolist() == [7, 20]


def test_a_segment_without_a_sharp_frame_gives_its_sharpest_and_says_so():
    values = np.full(50, 10.0)
    values[[3, 8]] = 1000.0
    values[31] = 11.5  # of the second segment, frames 20 to 39
    values[49] = 11.1  # of the last, which has ten frames
    labels = select_sharp(values)
    assert labels.selected.tolist() == [3, 8, 31, 49]
    assert [labels.reason[index] for index in (3, 8, 31, 49, 0)] == [ABOVE, ABOVE, SEGMENT, SEGMENT, BELOW]
    assert labels.labeller == "paper"


@pytest.mark.parametrize("seed", range(5))
def test_every_segment_has_a_sharp_frame_and_none_above_the_threshold_is_left_out(seed):
    values = np.random.default_rng(seed).exponential(100, 73)
    labels = select_sharp(values, segment_length=7)
    assert all(labels.is_sharp[start : start + 7].any() for start in range(0, 73, 7))
    assert labels.is_sharp[values > labels.threshold].all()
    assert [reason == BELOW for reason in labels.reason] == (~labels.is_sharp).tolist()


def test_one_frame_is_selected():
    assert select_sharp(np.array([4.0])).selected.tolist() == [0]


def test_frames_of_the_wrong_kind_are_refused():
    with pytest.raises(InputError, match="uint8 RGB"):
        label_paper(np.zeros((0, 8, 8, 3), np.uint8))
    with pytest.raises(InputError, match="float64"):
        label_paper(np.zeros((2, 8, 8, 3)))
    with pytest.raises(InputError, match="no frames"):
        select_sharp(np.array([]))
    with pytest.raises(InputError, match="value 1 is NaN"):
        select_sharp(np.array([1.0, np.nan]))
    with pytest.raises(InputError, match="segment_length is 0"):
        select_sharp(np.array([1.0]), segment_length=0)


def test_labels_come_from_the_gray_of_the_frames():
    frames = np.random.default_rng(1).integers(0, 256, (4, 24, 32, 3), dtype=np.uint8)
    labels = label_paper(frames, segment_length=2)
    assert labels.sharpness.tolist() == [sharpness(to_gray(frame)) for frame in frames]


def test_reds_027_has_the_nine_sharp_frames_measured_before(shared):
    labels = label_paper(read_clip(shared / "data/paired/reds_027_x4_f000-039/blur"))
    assert labels.selected.tolist() == [3, 4, 5, 6, 13, 17, 22, 23, 32]
    assert labels.threshold == pytest.approx(355.8, abs=0.05)
    assert {labels.reason[index] for index in labels.selected} == {ABOVE}


def made_clip(tmp_path, frames=25):
    clip = ClipFolder(tmp_path / "test" / "one")
    write_clip(clip.folder / "blur", np.zeros((frames, 12, 12, 3), np.uint8))
    clip.edit_tracks(lambda tracks: tracks.create_dataset("t_s", data=np.arange(frames) / 30))
    return clip


def test_labels_survive_the_round_trip_and_leave_the_digest_alone(tmp_path):
    clip = made_clip(tmp_path)
    before = clip.digest()
    labels = select_sharp(np.random.default_rng(2).exponential(100, 25))
    write_labels(clip, labels)
    back = read_labels(clip, "paper")
    assert (back.threshold, back.reason, back.labeller) == (labels.threshold, labels.reason, "paper")
    np.testing.assert_array_equal(back.sharpness, labels.sharpness)
    np.testing.assert_array_equal(back.is_sharp, labels.is_sharp)
    assert clip.digest() == before
    with h5py.File(clip.tracks_path) as tracks:
        assert tracks["labels/paper"].attrs["threshold"] == labels.threshold
        assert tracks["labels/paper/is_sharp"].dtype == np.bool_


def test_writing_labels_again_replaces_only_that_labellers(tmp_path):
    clip = made_clip(tmp_path)
    write_labels(clip, select_sharp(np.arange(25.0), labeller="mine"))
    write_labels(clip, select_sharp(np.arange(25.0)))
    write_labels(clip, select_sharp(np.arange(25.0)[::-1]))
    assert read_labels(clip, "paper").sharpness[0] == 24
    assert read_labels(clip, "mine").sharpness[0] == 0


def test_missing_labels_and_wrong_lengths_are_named(tmp_path):
    clip = made_clip(tmp_path)
    assert read_labels(clip, "paper") is None
    with pytest.raises(DatasetError, match="has 25 frames, and there are 3 labels of 'paper'"):
        write_labels(clip, select_sharp(np.arange(3.0)))
    assert read_labels(ClipFolder(tmp_path / "nothing"), "paper") is None


@pytest.mark.parametrize("measure", ["gray", "colour"])
@pytest.mark.parametrize("seed", range(4))
def test_the_choice_is_that_of_the_formula_computed_the_slow_way(measure, seed):
    random = np.random.default_rng(seed)
    frames = random.integers(0, 256, (45, 30, 40, 3), dtype=np.uint8)
    frames = np.stack([np.asarray(cv2.GaussianBlur(f, (0, 0), random.uniform(0.3, 1.5)), np.uint8) for f in frames])
    pictures = [to_gray(frame) if measure == "gray" else frame for frame in frames]
    slow = np.array([cv2.Laplacian(picture, cv2.CV_64F, ksize=1).var() for picture in pictures])
    chosen = slow > threshold_otsu(slow, nbins=256)
    for start in range(0, 45, 20):
        if not chosen[start : start + 20].any():
            chosen[start + np.argmax(slow[start : start + 20])] = True
    np.testing.assert_array_equal(label_paper(frames, measure=measure).is_sharp, chosen)


@pytest.mark.parametrize("measure", ["colour", "luma"])
def test_reds_027_by_other_measures_ranks_alike(shared, measure):
    frames = read_clip(shared / "data/paired/reds_027_x4_f000-039/blur")
    gray, other = label_paper(frames), label_paper(frames, measure=measure)
    ranks = [np.argsort(np.argsort(labels.sharpness)) for labels in (gray, other)]
    assert np.corrcoef(ranks)[0, 1] > 0.99
    assert other.labeller == f"paper-{measure}"


def test_a_labeller_with_a_scale_of_its_own_keeps_a_segments_pick_apart_from_sharp_frames():
    values = np.full(30, 1.0)
    values[[4, 25]] = 3.0, 2.0
    labels = with_segments(SharpLabels(values, values > 2.5, 2.5, ("",) * 30, "mine"))
    assert np.flatnonzero(labels.is_sharp).tolist() == [4]
    assert np.flatnonzero(labels.from_segment).tolist() == [25]
    assert labels.selected.tolist() == [4, 25]
