"""The one door to a clip's labels: what is read, what is made, what is written and when."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_shake import make_shake, make_shaken_dataset

from hvdbench.errors import DatasetError, UnknownNameError
from hvdbench.frames import read_frame, write_frame
from hvdbench.labels import stored
from hvdbench.labels.clips import find_clips, label_clips
from hvdbench.labels.sharpness import label_paper, select_sharp
from hvdbench.labels.stored import DEFAULT_LABELLER, ensure_labels, labels_of, read_labels, write_labels
from hvdbench.store import ClipFolder
from hvdbench.workflows.label_check import check_labels

EXTENT = "hvdbench.labels.extent:label_extent"


@pytest.fixture
def clip(tmp_path) -> ClipFolder:
    return make_shaken_dataset(tmp_path / "set", {"a": make_shake(frames=12)}).clips()[0]


def laplacian_variances(clip: ClipFolder) -> list[float]:
    """Eq. 1 of arXiv:2508.08605 as OpenCV computes it."""
    grays = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in clip.blurry()]
    return [cv2.Laplacian(gray, cv2.CV_64F).var() for gray in grays]


def all_bytes(clip: ClipFolder) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in clip.folder.parent.parent.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("labeller", "measure"),
    [
        ("paper", None),
        ("paper", "colour"),
        ("paper-luma", None),
        ("extent", None),
        (EXTENT, None),
    ],
)
def test_whoever_reads_labels_writes_nothing(clip, labeller, measure):
    before = all_bytes(clip)
    labels = labels_of(clip, labeller, measure)
    assert len(labels.is_sharp) == 12
    assert all_bytes(clip) == before


def test_labels_made_are_the_papers_by_the_default_and_the_same_however_they_are_reached(clip):
    made = labels_of(clip)
    assert (DEFAULT_LABELLER, made.labeller) == ("paper", "paper")
    np.testing.assert_allclose(made.sharpness, laplacian_variances(clip), rtol=1e-9)
    others = [
        labels_of(clip, frames=clip.blurry()),
        label_paper(clip.blurry()),
        label_clips(find_clips(clip.folder.parent.parent))[0].labels,
        ensure_labels(clip),
        labels_of(clip),  # read now
    ]
    for other in others:
        np.testing.assert_array_equal(other.sharpness, made.sharpness)
        np.testing.assert_array_equal(other.is_selected, made.is_selected)
        assert (other.threshold, other.reason, other.labeller) == (made.threshold, made.reason, made.labeller)


def test_what_is_stored_comes_before_what_would_be_made(clip):
    write_labels(clip, select_sharp(np.arange(12.0)))
    assert labels_of(clip).sharpness.tolist() == list(range(12))
    assert labels_of(clip, frames=clip.blurry()).sharpness.tolist() == list(range(12))
    before = all_bytes(clip)
    assert ensure_labels(clip).sharpness.tolist() == list(range(12))
    assert all_bytes(clip) == before


def test_labels_are_stored_under_the_name_of_labeller_and_measure(clip):
    ensure_labels(clip, "paper", "colour")
    assert read_labels(clip, "paper") is None
    assert read_labels(clip, "paper-colour").sharpness.tolist() == labels_of(clip, "paper-colour").sharpness.tolist()
    ensure_labels(clip, EXTENT)
    assert read_labels(clip, "extent") is not None  # the name that the labels state


def test_labels_are_made_once_in_a_process_and_again_when_a_frame_changes(clip, monkeypatch):
    seen = []
    monkeypatch.setattr(stored, "read_frame", lambda path: seen.append(path.name) or read_frame(path))
    first = labels_of(clip)
    assert len(seen) == 12
    assert labels_of(clip).sharpness.tolist() == first.sharpness.tolist()
    assert len(seen) == 12
    path = clip.folder / "blur" / "00000005.png"
    frame = read_frame(path)
    write_frame(path, np.full_like(frame, 90))
    os.utime(path, ns=(1, 1))
    assert labels_of(clip).sharpness[5] == 0
    assert len(seen) == 24


def test_checking_labels_stores_none_and_labelling_does(clip):
    before = all_bytes(clip)
    check_labels(clip.folder.parent.parent, ["paper", "extent"])
    assert all_bytes(clip) == before
    label_clips(find_clips(clip.folder.parent.parent), "extent", store=True)
    assert read_labels(clip, "extent") is not None


def test_an_unknown_labeller_and_incomplete_labels_are_named(clip):
    with pytest.raises(UnknownNameError, match="no labeller named 'papr'; did you mean 'paper'"):
        labels_of(clip, "papr")
    ensure_labels(clip)
    clip.edit_tracks(lambda tracks: tracks.__delitem__("labels/paper/reason"))
    with pytest.raises(DatasetError, match=r"labels/paper is incomplete .*: run 'hvdbench label' again"):
        labels_of(clip)
