import itertools
import math
import tracemalloc

import cv2
import numpy as np
import pandas as pd
import pytest

from hvdbench.errors import InputError
from hvdbench.flow import warp
from hvdbench.frames import to_gray
from hvdbench.metrics.temporal import (
    COLUMNS,
    TemporalScores,
    block_error,
    flicker,
    tlpips,
    tof_px,
    visible,
    warping_error,
)


def temporal_table(restored, reference):
    """Score a whole clip over time, as a run's is scored frame by frame."""
    scores = TemporalScores()
    rows = [scores.add(frame, other) for frame, other in zip(restored, reference, strict=True)]
    return pd.DataFrame([row for row in rows if row is not None], columns=list(COLUMNS))


def texture(height=64, width=96, seed=0, sigma=2.0):
    smooth = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, (height, width, 3)), (0, 0), sigma)
    return np.clip(127 + 45 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def constant(shape, x, y):
    return np.broadcast_to(np.array([x, y], np.float32), (*shape, 2)).copy()


def sliding(count=4, step=3):
    wide = texture(64, 96 + step * count)
    return [np.ascontiguousarray(wide[:, step * i : step * i + 96]) for i in range(count)]


def test_a_constant_translation_has_no_warping_error_where_both_frames_see():
    a, b = sliding(2)
    flow_ab, flow_ba = constant((64, 96), -3, 0), constant((64, 96), 3, 0)
    seen = visible(flow_ab, flow_ba)
    assert seen[:, 3:].all()
    assert not seen[:, :3].any()
    assert warping_error(a, b, flow_ab, seen) == 0
    assert math.isnan(warping_error(a, b, flow_ab, np.zeros_like(seen)))


def test_a_brightness_step_has_the_warping_error_of_its_square():
    a = texture() // 2
    still = constant((64, 96), 0, 0)
    seen = visible(still, still)
    assert seen.all()
    assert warping_error(a, a + np.uint8(51), still, seen) == pytest.approx(0.2**2, rel=1e-6)


def test_the_mask_leaves_out_flows_that_disagree_and_edges_of_motion():
    still, moving = constant((64, 96), 0, 0), constant((64, 96), 0, 0)
    moving[:, 48:] = (4, 0)
    assert not visible(still, constant((64, 96), 1, 0)).any()  # a round trip of 1 px: 1 > 0.01 * 1 + 0.5
    assert visible(still, constant((64, 96), 0.7, 0)).all()  # 0.49 is not
    seen = visible(moving, -moving)
    assert not seen[:, 47].any()  # the edge
    assert not seen[:, 92:].any()  # what leaves the frame
    assert seen[:, :40].all()
    assert seen[:, 56:90].all()


def test_tof_is_the_mean_length_of_the_difference_of_flows():
    assert tof_px(constant((20, 20), 3, 1), constant((20, 20), 0, 5)) == pytest.approx(5, abs=1e-6)


def test_a_clip_that_is_brighter_in_every_other_frame_flickers_by_that():
    truth = [texture(70, 100, seed) // 2 + 40 for seed in range(4)]  # 70 and 100 are no multiples of a block
    restored = [frame + np.uint8(6 * (index % 2)) for index, frame in enumerate(truth)]
    errors = [block_error(*pair) for pair in zip(restored, truth, strict=True)]
    assert errors[0].shape == (3, 4)
    assert [flicker(*pair) for pair in itertools.pairwise(errors)] == [6, 6, 6]
    steady = [block_error(frame + np.uint8(6), frame) for frame in truth]
    assert flicker(*steady[:2]) == 0


def test_block_errors_are_means_of_blocks():
    truth, restored = texture(70, 100, 1), texture(70, 100, 2)
    difference = to_gray(restored).astype(float) - to_gray(truth)
    found = block_error(restored, truth)
    assert found[1, 2] == pytest.approx(difference[32:64, 64:96].mean(), abs=1e-12)
    assert found[2, 3] == pytest.approx(difference[64:, 96:].mean(), abs=1e-12)


def test_a_translated_clip_is_steady_and_noise_and_jitter_are_not():
    truth = sliding()
    own = temporal_table(truth, truth)
    assert tuple(own.columns) == COLUMNS
    assert list(own["frame"]) == [1, 2, 3]
    assert (own["warping_error"] == own["warping_error_reference"]).all()
    assert own["warping_error"].max() < 2e-5
    assert (own[["tof_px", "flicker"]] == 0).all(axis=None)
    assert own["coverage"].min() > 0.85
    rng = np.random.default_rng(0)
    noisy = [np.clip(frame + rng.normal(0, 8, frame.shape), 0, 255).astype(np.uint8) for frame in truth]
    scored = temporal_table(noisy, truth)
    expected = 2 * (8 / 255) ** 2  # of two independent noises; the interpolation of one by a third lowers it
    assert scored["warping_error"].between(0.6 * expected, 1.1 * expected).all()
    jitter = [np.roll(frame, 2 * (index % 2), axis=1) for index, frame in enumerate(truth)]
    assert temporal_table(jitter, truth)["tof_px"].mean() == pytest.approx(2, abs=0.3)


def test_tlpips_is_the_difference_of_distances():
    truth, restored = sliding(3), [frame // 2 for frame in sliding(3)]
    found = tlpips(
        (restored[0], truth[0]), (restored[1], truth[1]), lambda a, b: float(np.abs(a.astype(float) - b).mean())
    )
    by_hand = [np.abs(a.astype(float) - b).mean() for a, b in ((restored[0], restored[1]), (truth[0], truth[1]))]
    assert found == pytest.approx(abs(by_hand[0] - by_hand[1]), abs=1e-12)


def test_clips_that_do_not_fit_are_refused():
    clip = sliding(3)
    with pytest.raises(InputError, match="one size"):
        temporal_table([clip[0], clip[0][:40]], [clip[0], clip[0][:40]])
    assert temporal_table(clip[:1], clip[:1]).empty


def test_memory_does_not_grow_with_the_clip():
    frame = texture()

    def peak(count):
        scores = TemporalScores()
        tracemalloc.start()
        for _ in range(count):
            scores.add(frame.copy(), frame.copy())
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(3)
    assert peak(12) < 1.05 * peak(4)


def test_warping_moves_b_onto_a():  # the direction that all of the above stand on
    a, b = sliding(2)
    assert (warp(b, constant((64, 96), -3, 0), "linear")[:, 3:] == a[:, 3:]).all()
