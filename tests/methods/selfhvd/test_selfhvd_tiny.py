"""The small benchmark's own parts: kernels, kinds of frames, means over seeds and clips, its table."""

import numpy as np
import pytest

from hvdbench.labels.sharpness import SharpLabels

pytest.importorskip("benchmarks.selfhvd_tiny", reason="needs the checkout on the path: python -m pytest")
from benchmarks.selfhvd_tiny import ren, scoring, tables
from benchmarks.selfhvd_tiny.clips import Clip

T, H, W = 4, 32, 40
SELECTED = np.array([True, False, False, True])


@pytest.fixture(scope="module")
def clip() -> Clip:
    truth = np.random.default_rng(0).integers(20, 236, (T, H, W, 3)).astype(np.uint8)
    blurry = truth.copy()
    blurry[1:3] += 10
    objects = np.zeros((T, H, W), bool)
    objects[:, :, : W // 2] = True
    labels = SharpLabels(SELECTED.astype(float), SELECTED, 0.5, ("",) * T, "made")
    oracle = np.array([0, 2, 2, 1])
    return Clip("made", "moving_object", "tuning", blurry, {"mid": truth}, labels, oracle, None, objects)


def test_a_straight_kernel_has_its_length_its_direction_and_the_sum_of_one():
    for length, angle in ((1.0, 0.3), (9.0, 0.0), (14.0, 1.2)):
        kernel = ren.straight_kernel(length, angle)
        assert kernel.sum() == pytest.approx(1)
    flat = ren.straight_kernel(9.0, 0.0)
    assert (flat[7, 3:12] > 0.05).all()
    assert flat[[6, 8]].max() < 1e-6


def test_the_ren_style_network_starts_as_the_identity_for_any_size():
    network = ren.fit_ren(np.full((1, 16, 16, 3), 9, np.uint8), seed=0, steps=0)
    blurry = np.random.default_rng(1).integers(0, 256, (2, 17, 22, 3)).astype(np.uint8)
    np.testing.assert_allclose(ren.apply_ren(network, blurry), blurry, atol=1e-3)


def test_kinds_of_frames_and_pixels_are_scored_apart(clip):
    before = scoring.score_clip(clip.blurry, clip)
    restored = clip.blurry.copy()
    restored[1:3, :, : W // 2] = clip.truths["mid"][1:3, :, : W // 2]
    found = scoring.summarise(scoring.score_clip(restored, clip, before), before, clip)
    off_by_ten = 20 * np.log10(255 / 10)
    assert found["not_selected"]["static_mid"] == pytest.approx(off_by_ten, abs=1e-3)
    assert found["not_selected"]["moving_mid"] == scoring.CAP_DB
    assert found["not_selected"]["psnr_mid"] == pytest.approx(off_by_ten + 10 * np.log10(2), abs=1e-3)
    assert found["selected"]["psnr_mid"] == scoring.CAP_DB
    assert found["oracle_blurry"] == found["not_selected"]
    assert found["not_selected"]["worse_mid"] == 0
    assert set(found) == {"all", "selected", "not_selected", "oracle_sharp", "oracle_mild", "oracle_blurry"}


def test_a_frame_that_is_the_input_s_has_the_input_s_scores(clip):
    known = [{"psnr_mid": float(index)} for index in range(T)]
    restored = clip.blurry.copy()
    restored[2] = clip.truths["mid"][2]
    rows = scoring.score_clip(restored, clip, known)
    assert [row["psnr_mid"] for row in rows] == [0, 1, scoring.CAP_DB, 3]


def test_seeds_are_averaged_in_a_clip_and_intervals_are_over_clips():
    per_clip = {
        "a": {"input": {"not_selected": {"psnr_mid": [20.0]}}, "warp_average": {"not_selected": {"psnr_mid": [22.0]}}},
        "b": {"input": {"not_selected": {"psnr_mid": [30.0]}}, "warp_average": {"not_selected": {"psnr_mid": [31.0]}}},
    }
    per_clip["a"]["pairs"] = {"not_selected": {"psnr_mid": [23.0, 25.0]}}
    per_clip["b"]["pairs"] = {"not_selected": {"psnr_mid": [32.0, 34.0]}}
    entry = tables.over_clips(per_clip, ["a", "b"])["pairs"]["not_selected"]["psnr_mid"]
    assert entry["mean"]["mean"] == 28.5
    assert entry["mean"]["n"] == 2
    assert entry["to_control"]["mean"] == 2.0  # of 24 - 22 and 33 - 31
    assert entry["to_control"]["low"] == entry["to_control"]["high"] == 2.0
    assert entry["seed_sd"] == pytest.approx(np.sqrt(2), abs=1e-4)


def test_the_share_of_the_supervised_gain_is_counted_from_the_input():
    per_clip = {
        "a": {
            name: {"not_selected": {"psnr_mid": [value]}}
            for name, value in {"input": 20.0, "pairs": 28.0, "supervised": 30.0}.items()
        }
    }
    assert tables.gain_share(per_clip, "a", "pairs", "supervised", "psnr_mid") == pytest.approx(0.8)
    assert tables.gain_share(per_clip, "a", "both", "supervised", "psnr_mid") is None
