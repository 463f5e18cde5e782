"""The measurements of docs/validity.md: what they compute, on cases worked out by hand."""

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from made_scene import F, MadeScene

from benchmarks.selfhvd_tiny.clips import Clip
from benchmarks.validity.alignment import binned
from benchmarks.validity.board import board
from benchmarks.validity.clips import planted_order
from benchmarks.validity.exact import CentroidView, ExactAligner, ExactFlows, end_point_error
from benchmarks.validity.fits import mean_psnr, weighted_psnr
from benchmarks.validity.ladder import rungs
from benchmarks.validity.propagation import variants
from benchmarks.validity.summary import over_clips
from benchmarks.validity.tables import TABLES, filled
from hvdbench.boards.files import read_board, write_board
from hvdbench.camera.motion import CameraPath
from hvdbench.errors import DatasetError
from hvdbench.flow import warp
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.synth.exposure.view import View
from hvdbench.workflows.datasets import SynthRequest, synth
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.fallback import Fallback

EXPOSURE_S = 0.02
ACCELERATION = 40.0  # px / s²


def _accelerating() -> CameraPath:
    """Move the lens by ``a t² / 2`` px along x."""
    t_s = np.linspace(0, 0.2, 1601)
    lens = np.zeros((len(t_s), 2))
    lens[:, 0] = np.arctan(0.5 * ACCELERATION * t_s**2 / F)
    still = np.zeros((len(t_s), 3))
    return CameraPath(t_s, still, still, lens, F)


def test_the_centroid_of_an_even_acceleration_lies_a_24th_of_its_way_from_the_middle():
    path = _accelerating()
    view = CentroidView(MadeScene(), path, 3.0, EXPOSURE_S)
    times = np.array([0.05, 0.15])
    layers = view.scene.layers(0.05)
    (mean,), (middle,) = view.homographies(layers, times), super(CentroidView, view).homographies(layers, times)
    # the mean of a t² / 2 over an exposure T about t is a t² / 2 + a T² / 24
    way = path.lens_shift_at(times)[:, 0]
    expected = np.sign(way) * ACCELERATION * EXPOSURE_S**2 / 24
    np.testing.assert_allclose((mean - middle)[:, 0, 2] / middle[:, 2, 2], expected, rtol=0.05)


def test_the_flow_between_centroids_is_that_between_the_middles_where_both_are_off_alike():
    view = CentroidView(MadeScene(), _accelerating(), 3.0, EXPOSURE_S)
    plain = View(view.scene, view.path, view.depth_m)
    np.testing.assert_allclose(view.flow(0.05, 0.15), plain.flow(0.05, 0.15), atol=1e-3)


class _Shifts:
    """Exact flows of a clip that moves by (2, 0) px a frame."""

    def centroid(self, a: int, b: int) -> np.ndarray:
        return np.full((40, 60, 2), (2.0 * (b - a), 0.0), np.float32)


def test_the_exact_aligner_warps_along_exact_flow_and_masks_what_left_the_frame():
    random = np.random.default_rng(0)
    wide = random.integers(0, 256, (40, 80, 3), dtype=np.uint8)
    frames = np.stack([wide[:, 10 - 2 * k : 70 - 2 * k] for k in range(3)])
    aligner = ExactAligner(frames, exact=_Shifts())  # type: ignore[arg-type]
    mask = aligner.mask(0, 2)
    assert mask[:, :56].min() == 1.0
    assert mask[:, 57:].max() == 0.0
    np.testing.assert_allclose(aligner.warped(0, 2)[:, :56], frames[0][:, :56], atol=1e-3)
    np.testing.assert_allclose(warp(frames[2], aligner.flow(0, 2))[:, :56], frames[0][:, :56], atol=1e-3)


def test_the_camera_of_a_clip_under_a_rolling_shutter_is_simulated_again(tmp_path):
    changes = {"clips": ["skimage_text"], "views": 1, "frames_per_clip": 2, "size": [64, 48], "flow": True, "seed": 1}
    variants = {"still": {"share": 1.0}, "rolling": {"share": 1e6, "readout_s": 0.012, "stroke_deg": [0.4, 0.5]}}
    request = SynthRequest(recipe="pretrain", out=tmp_path / "d", overrides=changes | {"variants": variants})
    dataset = synth(request, fallback=Fallback(), engine=Engine())
    (clip,) = dataset.clips()
    exact = ExactFlows.of(dataset, clip)
    assert exact.readout_s == 0.012
    stored = clip.track("oracle/flow_next")
    assert stored is not None
    np.testing.assert_allclose(exact.mid(0, 1), stored[0], atol=1e-4)
    assert not np.allclose(ExactFlows(exact.shaken, exact.exposure_s).mid(0, 1), stored[0], atol=1e-3)


def test_a_clip_whose_camera_does_not_come_out_as_it_was_is_refused(tmp_path):
    changes = {"clips": ["coffee"], "frames_per_clip": 2, "size": [64, 48]}
    dataset = synth(
        SynthRequest(recipe="demo", out=tmp_path / "d", overrides=changes), fallback=Fallback(), engine=Engine()
    )
    (clip,) = dataset.clips()

    def turn(tracks: h5py.File) -> None:
        tracks["lens_shift_px"][...] = tracks["lens_shift_px"][...] + 0.5

    ExactFlows.of(dataset)
    clip.edit_tracks(turn)
    with pytest.raises(DatasetError, match="does not come out as it was"):
        ExactFlows.of(dataset)


def test_the_end_point_error_is_the_length_of_the_difference():
    assert end_point_error(np.full((2, 2, 2), 3, np.float32), np.full((2, 2, 2), (0, -1), np.float32))[0, 0] == 5.0


@pytest.mark.parametrize("count", [1, 7, 40])
def test_planted_frames_are_each_named_once_and_lie_evenly(count):
    order = planted_order(count)
    assert sorted(order) == list(range(count))
    if count == 40:
        assert order[:4] == [20, 10, 30, 5]
        assert np.diff(sorted(order[:12])).max() <= 5


def test_a_weighted_psnr_counts_pixels_by_their_weight():
    truth, frame = np.zeros((10, 10, 3), np.uint8), np.zeros((10, 10, 3))
    frame[:5] = 25.5
    weight = np.ones((10, 10))
    weight[:5] = 0.5
    # squared error 650.25 of 25 weights in 75: 650.25 / 3
    assert weighted_psnr(frame, truth, weight) == pytest.approx(20 + 10 * np.log10(3))
    assert np.isnan(weighted_psnr(frame, truth, 0.1 * weight))


def test_a_mean_psnr_takes_the_chosen_frames_alone_and_caps_equal_ones():
    truth = np.zeros((3, 16, 16, 3), np.uint8)
    restored = truth.copy()
    restored[1:] = 255
    assert mean_psnr(restored, truth, np.array([True, True, False])) == 40.0


def test_corrupted_labels_differ_from_the_oracles_in_the_named_share_of_frames():
    frames = np.random.default_rng(0).integers(0, 256, (20, 48, 64, 3), dtype=np.uint8)
    oracle = np.array([0, 2] * 10)
    none = SharpLabels(np.zeros(20), oracle == 0, 0.0, ("",) * 20, "paper")
    clip = Clip("made", "planar", "held out", frames, {"mid": frames}, none, oracle)
    found = variants(clip, 0)
    for share in (10, 20, 40):
        labels, is_exact = found[f"{share} % of the oracle's turned over"]
        assert (labels != (oracle == 0)).sum() == share // 5
        assert not is_exact
    assert found["oracle, exact flow"][1]
    again, other = variants(clip, 0), variants(clip, 1)
    key = "40 % of the oracle's turned over"
    np.testing.assert_array_equal(found[key][0], again[key][0])
    assert (found[key][0] != other[key][0]).any()


def test_rungs_go_from_the_sharpest_frames_down_and_leave_the_blurriest_to_score():
    extent = np.arange(40.0)[::-1].copy()
    every, scored = rungs(extent)
    assert [sorted(extent[labels])[0] for labels in every] == [0, 6, 12, 18]
    assert all(labels.sum() == 6 for labels in every)
    assert sorted(extent[scored]) == list(range(24, 40))


def test_seeds_are_averaged_within_a_clip_before_clips_are():
    found = over_clips({"a": [1.0, 3.0], "b": [5.0]})
    assert found["clips"] == {"a": 2.0, "b": 5.0}
    assert found["mean"] == 3.5
    assert found["seed_sd"] == pytest.approx(np.sqrt(2), abs=1e-3)


def _pair(start: str, distance: int, epe: float) -> dict[str, object]:
    return {"clip": "v_cup", "start": start, "distance": distance, "extent_px": 3.0, "epe": epe}


def test_pairs_are_averaged_by_distance():
    found = binned([_pair("input", 1, 0.2), _pair("input", 1, 0.4), _pair("input", 7, 1.0)])
    assert found["input"]["distance"]["1"] == {"pairs": 2, "epe": 0.3}
    assert found["input"]["distance"]["5-10"]["epe"] == 1.0
    assert found["input"]["extent_px"]["2-4"]["pairs"] == 3


def _averages(value: float) -> dict[str, object]:
    return over_clips({"v_cup": [value], "v_coffee": [value + 1]})


def _report() -> dict[str, object]:
    stages = {s: {"centroid": _averages(30.0), "mid": _averages(29.0)} for s in ("warp_average", "stage 1", "stage 2")}
    labels = {v: {"selected": 10.0, "accuracy": 1.0, "precision": 1.0, "blurry": 0.0} for v in ("oracle", "paper")}
    rows = {"input": {"input": stages["stage 1"]}, "oracle": stages, "paper": stages}
    return {"propagation": {"frames": {}, "labels": labels, "rows": rows}}


def test_a_pages_tables_are_written_between_their_markers_and_the_rest_stays():
    page = "# Page\n<!-- table: propagation -->\nold\n<!-- end -->\nwords\n<!-- table: flow -->\n<!-- end -->\n"
    once = filled(page, _report())
    assert "| paper | 10 | 1.00 | 0.00 | 30.50 | 30.50 | 30.50 | +0.00 | 29.50 |" in once
    assert "old" not in once
    assert "words\n<!-- table: flow -->\n\nNot measured.\n\n<!-- end -->" in once
    assert filled(once, _report()) == once


def test_the_boards_rows_make_a_board(tmp_path):
    written = write_board(tmp_path / "validity.csv", board(_report()))
    assert "paper labels, stage 2" in set(written["method"])
    over_all = written[(written["method"] == "paper labels, stage 2") & (written["clip"] == "*")]
    assert over_all[over_all["truth"] == "centroid"]["value"].tolist() == [30.5]
    assert len(read_board(str(tmp_path / "validity.csv"))) == len(written)


def test_every_table_of_the_page_is_known():
    page = Path(__file__).resolve().parents[2] / "docs" / "validity.md"
    assert set(re.findall(r"<!-- table: ([a-z-]+) -->", page.read_text())) == set(TABLES)
