"""Labellers that take a clip frame by frame: the same labels as in memory, whoever wrote the labeller."""

import numpy as np
import pytest
from made_shake import make_shake

from hvdbench.errors import InputError, UnknownNameError
from hvdbench.labels.arriving import open_labeller
from hvdbench.labels.stored import make_labels


@pytest.fixture(scope="module")
def frames():
    return make_shake(frames=12).blurry


@pytest.mark.parametrize(
    "name",
    [
        "paper",
        "paper-colour",
        "paper-luma",
        "extent",
        "clues",
        "temporal_sharpness",
        "hvdbench.labels.extent:label_extent",
    ],
)
def test_frames_that_come_one_by_one_are_labelled_as_those_in_memory(frames, name):
    labeller = open_labeller(name)
    for frame in frames:
        labeller.add(frame)
    found, expected = labeller.labels(), make_labels(name, frames)
    assert found.sharpness.tobytes() == expected.sharpness.tobytes()
    assert (found.reason, found.labeller, found.threshold) == (expected.reason, expected.labeller, expected.threshold)
    np.testing.assert_array_equal(found.is_sharp, expected.is_sharp)
    np.testing.assert_array_equal(found.is_selected, expected.is_selected)


@pytest.mark.parametrize(
    "name", ["paper", "extent", "clues", "temporal_sharpness", "hvdbench.labels.extent:label_extent"]
)
def test_a_clip_without_frames_has_no_labels(name):
    with pytest.raises(InputError):
        open_labeller(name).labels()


def test_a_labeller_that_does_not_exist_is_refused_before_the_first_frame():
    with pytest.raises(UnknownNameError, match="no labeller named 'clue'; did you mean 'clues'"):
        open_labeller("clue")


def test_blur_is_not_measured_between_frames_of_two_sizes(frames):
    labeller = open_labeller("extent")
    labeller.add(frames[0])
    with pytest.raises(InputError, match="frame 1 of the clip has 191x128 px and those before it 192x128"):
        labeller.add(frames[1][:, 1:])
