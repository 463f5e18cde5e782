"""Frames warped onto one another along DIS flow, and which sharp frames are near."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hvdbench.flow import flow_dis, occlusion_mask
from hvdbench.frames import to_gray
from hvdbench.methods.blur import alignment
from hvdbench.methods.blur.alignment import Aligner, nearest_sharp, sharp_neighbours
from hvdbench.methods.blur.reblur import exposure_motion
from hvdbench.methods.blur.reduction import reduced, reduction

STEP_PX = np.array([3.0, -2.0])


def panning(count: int = 6, width: int = 96, height: int = 64) -> NDArray[np.uint8]:
    """A texture whose content moves by (3, -2) px from frame to frame."""
    random = np.random.default_rng(3)
    texture = np.full((160, 200, 3), 128, np.float32)
    for grain in (4, 8, 16, 32):
        noise = random.normal(0, 28, (160 // grain, 200 // grain, 3)).astype(np.float32)
        texture += cv2.resize(noise, (200, 160), interpolation=cv2.INTER_CUBIC)
    starts = [(80 - 3 * i, 30 + 2 * i) for i in range(count)]
    return np.stack([np.clip(texture[y : y + height, x : x + width], 0, 255).astype(np.uint8) for x, y in starts])


def test_a_warped_frame_looks_like_its_target():
    frames = panning()
    aligner = Aligner(frames)
    for target, source in [(2, 3), (3, 2), (1, 4)]:
        inside = (slice(12, -12), slice(16, -16))
        before = np.abs(frames[source].astype(float) - frames[target])[inside].mean()
        after = np.abs(aligner.warped(target, source) - frames[target])[inside].mean()
        assert after < 0.1 * before
        assert after < 2


def test_the_flow_is_the_way_that_the_content_went():
    flow = Aligner(panning()).flow(1, 3)[16:-16, 20:-20]
    np.testing.assert_allclose(np.median(flow, axis=(0, 1)), 2 * STEP_PX, atol=0.1)


def test_what_is_warped_is_a_picture_in_its_range():
    frames = panning()
    warped = Aligner(frames).warped(0, 2)
    assert (warped.dtype, warped.shape) == (np.float32, frames.shape[1:])
    assert warped.min() >= 0
    assert warped.max() <= 255


def test_the_mask_is_that_of_both_flows_and_distrusts_what_left_the_frame():
    frames = panning()
    aligner = Aligner(frames, scale=0.25)
    grays = [to_gray(frame) for frame in frames]
    there, back = flow_dis(grays[0], grays[4]), flow_dis(grays[4], grays[0])
    mask = aligner.mask(0, 4)
    np.testing.assert_array_equal(mask, occlusion_mask(there, back, 0.25))
    # content moves by (12, -8): what is at the right and the top of frame 0 is gone in frame 4
    assert mask[:, -8:].mean() < 0.5
    assert mask[:5].mean() < 0.5
    assert mask[20:-20, 20:-30].mean() > 0.9


def test_the_preset_is_the_one_asked_for():
    frames = panning()
    fast = Aligner(frames, "ultrafast").flow(0, 1)
    np.testing.assert_array_equal(fast, flow_dis(to_gray(frames[0]), to_gray(frames[1]), "ultrafast"))
    assert not np.array_equal(fast, Aligner(frames).flow(0, 1))


def test_a_flow_is_estimated_once(monkeypatch):
    calls = []

    def counted(*arguments):
        calls.append(arguments)
        return flow_dis(*arguments)

    monkeypatch.setattr(alignment, "flow_dis", counted)
    aligner = Aligner(panning())
    first = aligner.flow(0, 1)
    assert aligner.flow(0, 1) is first
    aligner.warped(0, 1)
    assert len(calls) == 1
    aligner.mask(0, 1)
    assert len(calls) == 2  # the way back


def test_memory_is_bounded_and_what_was_dropped_comes_again_the_same(monkeypatch):
    frames = panning()
    one = flow_dis(to_gray(frames[0]), to_gray(frames[1]))
    monkeypatch.setattr(alignment, "FLOW_CACHE_BYTES", 3 * one.nbytes)
    aligner = Aligner(frames)
    first = aligner.flow(0, 1).copy()
    for target in range(1, 5):
        aligner.flow(target, target + 1)
        aligner.flow(0, 5)  # used again and again, so it stays
    assert len(aligner._flows) == 3
    assert (0, 5) in aligner._flows
    assert (0, 1) not in aligner._flows
    np.testing.assert_array_equal(aligner.flow(0, 1), first)


def test_a_bound_below_one_flow_keeps_the_latest(monkeypatch):
    monkeypatch.setattr(alignment, "FLOW_CACHE_BYTES", 1)
    aligner = Aligner(panning())
    aligner.flow(0, 1)
    aligner.flow(1, 2)
    assert list(aligner._flows) == [(1, 2)]


@pytest.mark.parametrize(
    ("index", "each_side", "expected"),
    [
        (4, 1, [3, 6]),
        (4, 2, [3, 1, 6, 9]),
        (3, 1, [1, 6]),  # itself is no neighbour
        (0, 2, [1, 3]),
        (9, 1, [6]),
        (12, 2, [9, 6]),
    ],
)
def test_sharp_neighbours_are_the_nearest_on_each_side(index, each_side, expected):
    assert sharp_neighbours(index, [1, 3, 6, 9], each_side) == expected


@pytest.mark.parametrize(
    ("index", "selected", "expected"),
    [(4, [1, 3, 9], 3), (7, [1, 3, 9], 9), (5, [3, 7], 3), (3, [3, 9], 9), (3, [3], None), (0, [], None)],
)
def test_the_nearest_sharp_frame_is_the_earlier_of_two_equally_near(index, selected, expected):
    assert nearest_sharp(index, np.array(selected, np.intp)) == expected


def test_a_guide_aligns_large_frames_by_their_reduced_copies():
    """The copies are continued by their edge where a side is no multiple, which must not move anything."""
    large = np.stack(
        [cv2.resize(frame, None, fx=11, fy=11, interpolation=cv2.INTER_CUBIC)[:-7, :-3] for frame in panning(2)]
    )
    factor = reduction(*large.shape[1:3])
    assert factor == 2
    aligner = Aligner(large, guide=Aligner(np.stack([reduced(frame, factor, multiple=2) for frame in large])))
    inner = np.s_[180:-180, 200:-200]
    for found in (aligner.flow(0, 1), exposure_motion(aligner, 0)):
        assert found.shape == (*large.shape[1:3], 2)
        np.testing.assert_allclose(np.median(found[inner], axis=(0, 1)), 11 * STEP_PX, atol=0.5)
    assert aligner.mask(0, 1).shape == large.shape[1:3]
    assert aligner.mask(0, 1)[inner].mean() > 0.9
    assert np.abs(aligner.warped(0, 1) - large[0])[inner].mean() < 2
    aligner.forget()
    assert not aligner.guide._flows
