"""Metrics that were asked for: what is kept of them, when it is gone on with, and how much is held meanwhile."""

import gc
import json
import math
import time
import weakref

import numpy as np
import pandas as pd
import pytest
from made_scored import HEIGHT, WIDTH, clip_of, make_scored, sharp_frames, softened

from hvdbench import catalog
from hvdbench.errors import FitError, InputError, WeightsError
from hvdbench.frames import read_clip, write_clip, write_frame
from hvdbench.labels.sharpness import select_sharp
from hvdbench.metrics import perceptual
from hvdbench.metrics.edge_spread import edge_spread, find_edges, overshoot
from hvdbench.metrics.measure import Measure
from hvdbench.metrics.opening import (
    find_metric,
    known_facts,
    measurable,
    metric_names,
    open_measure,
    problem_with,
)
from hvdbench.metrics.perceptual import PerceptualMetric
from hvdbench.metrics.temporal import TemporalScores
from hvdbench.scoring import frame_files
from hvdbench.scoring import stored_scores as kept_scores
from hvdbench.scoring.costs import read_costs, write_counts
from hvdbench.scoring.run_clip import RunClip
from hvdbench.scoring.run_scores import score_clip
from hvdbench.scoring.run_tables import AskedMetric, RunScores, summarise_asked
from hvdbench.scoring.stored_scores import kept_path, measure_clip, read_kept
from hvdbench.scoring.stratified import strata_table
from hvdbench.store import ClipFolder, Dataset
from hvdbench.workspace.fallback import Fallback


@pytest.fixture
def data(tmp_path) -> Dataset:
    return make_scored(tmp_path / "data")


@pytest.fixture
def place(tmp_path, data) -> RunClip:
    folder = tmp_path / "runs" / "m" / "data" / "test" / "two"
    clip = clip_of(data, "test/two")
    truth = read_clip(clip.folder / "sharp")
    write_clip(folder, softened(truth, 1.0))
    return RunClip(folder, clip)


def over_time(restored, reference) -> pd.DataFrame:
    scores = TemporalScores()
    rows = [scores.add(frame, other) for frame, other in zip(restored, reference, strict=True)]
    return pd.DataFrame(rows[1:])


def again(place: RunClip) -> RunClip:
    """Look at the files anew."""
    return RunClip(place.folder, place.clip)


def test_edges_are_those_of_the_truth_and_their_overshoot_comes_along(place):
    kept = measure_clip(place, open_measure("edge_spread"))
    assert list(kept.table.columns) == ["frame", "edge_spread_mid", "overshoot_mid"]
    edges = find_edges(place.truths["mid"][3])
    assert len(edges) >= 20
    row = kept.table.iloc[3]
    assert row["edge_spread_mid"] == np.median(edge_spread(place.restored[3], edges))
    assert row["overshoot_mid"] == np.median(overshoot(place.restored[3], edges))
    assert row["edge_spread_mid"] == pytest.approx(2.563, abs=0.6)  # a step under a Gaussian of sigma 1 px


def test_scores_over_time_are_those_of_the_whole_clip_against_truth_or_input(place):
    kept = measure_clip(place, open_measure("flicker")).table
    expected = over_time(read_clip(place.folder), read_clip(place.clip.folder / "sharp"))
    assert kept["frame"].tolist() == [0, 1, 2, 3, 4]
    for name in ("warping_error", "warping_error_reference", "tof_px", "flicker"):
        assert math.isnan(kept[f"{name}_mid"][0])
        assert kept[f"{name}_mid"][1:].tolist() == expected[name].tolist()
    for path in (place.clip.folder / "sharp").glob("*"):
        path.unlink()
    (place.clip.folder / "sharp").rmdir()
    kept = measure_clip(again(place), open_measure("flicker")).table
    expected = over_time(read_clip(place.folder), read_clip(place.clip.folder / "blur"))
    assert kept["tof_px_none"][1:].tolist() == expected["tof_px"].tolist()


def brightness(calls: list[int], identity: str = "brightness 1", fail_at: int | None = None) -> Measure:
    """Measure the mean level of each frame and the one before, and count."""

    def start():
        before = []

        def meter(restored, reference):
            if fail_at is not None and len(calls) == fail_at:
                raise KeyboardInterrupt
            calls.append(int(restored[0, 0, 0]))
            before.append(float(restored.mean()))
            return None if len(before) == 1 else {"brightness": before[-1] + before[-2]}

        return meter

    return Measure("brightness", ("brightness",), identity, start, "nothing", looks_back=True)


def test_a_stopped_scoring_goes_on_where_it_was_and_gives_the_same(place, monkeypatch):
    whole = measure_clip(place, brightness([])).table
    kept_path(place.folder, "brightness").unlink()
    monkeypatch.setattr(kept_scores, "SAVE_EVERY_S", 0.0)
    with pytest.raises(KeyboardInterrupt):
        measure_clip(place, brightness([], fail_at=3))
    left = read_kept(again(place), "brightness")
    assert (len(left.table), left.is_whole) == (3, False)
    calls = []
    done = measure_clip(again(place), brightness(calls)).table
    assert len(calls) == 3  # frames 3 and 4, and frame 2 to look back to
    pd.testing.assert_frame_equal(done, whole, check_exact=True)


def test_whole_scores_are_not_measured_again(place):
    first = measure_clip(place, brightness([])).table
    calls = []
    pd.testing.assert_frame_equal(measure_clip(again(place), brightness(calls)).table, first, check_exact=True)
    assert calls == []


@pytest.mark.parametrize("change", ["frame", "truth", "identity", "damage", "digit"])
def test_scores_are_measured_again_when_anything_changes(place, change):
    measure_clip(place, brightness([]))
    identity = "brightness 2" if change == "identity" else "brightness 1"
    path = kept_path(place.folder, "brightness")
    if change == "frame":
        write_frame(place.folder / "00000002.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    elif change == "truth":
        write_frame(place.clip.folder / "sharp" / "00000002.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    elif change == "damage":
        path.write_text(path.read_text().replace("brightness 1", "brightness 3", 1))
    elif change == "digit":
        path.write_text(path.read_text().replace("\n2,", "\n7,"))
    calls = []
    measure_clip(again(place), brightness(calls, identity))
    assert len(calls) == 5


class _Tracked(np.ndarray):
    """A frame that can be counted as long as it is held."""


@pytest.fixture
def held(monkeypatch) -> dict[str, int]:
    """Count the frames that were read and not let go."""
    counts = {"now": 0, "most": 0, "read": 0}
    real = frame_files.read_frame

    def let_go():
        counts["now"] -= 1

    def read(path):
        frame = real(path).view(_Tracked)
        weakref.finalize(frame, let_go)
        counts["now"] += 1
        counts["read"] += 1
        counts["most"] = max(counts["most"], counts["now"])
        return frame

    monkeypatch.setattr(frame_files, "read_frame", read)
    return counts


@pytest.mark.parametrize("what", ["every board", "flicker", "edge_spread", "strata"])
def test_frames_held_do_not_grow_with_the_clip(tmp_path, held, what):
    most = []
    for count in (4, 24):
        clip = ClipFolder(tmp_path / f"data{count}" / "test" / "clip")
        frames = sharp_frames(count, 0)[:, :32, 20:52]
        for name in ("blur", "sharp", "sharp_centroid"):
            write_clip(clip.folder / name, frames)
        clip.edit_tracks(
            lambda tracks, n=count: tracks.create_dataset("oracle/object_mask", data=np.ones((n, 32, 32), np.uint8))
        )
        write_clip(tmp_path / f"run{count}", frames)
        place = RunClip(tmp_path / f"run{count}", clip)
        gc.collect()
        held.update(now=0, most=0, read=0)
        if what == "every board":
            score_clip(place, select_sharp(np.arange(count, dtype=float)))
        elif what == "strata":
            strata_table(place)
        else:
            measure_clip(place, open_measure(what))
        assert held["read"] >= 3 * count
        most.append(held["most"])
    assert most[0] == most[1] <= 10


def test_names_are_told_apart_without_weights_or_torch(monkeypatch, tmp_path):
    for variable in ("HVDBENCH_WEIGHTS", "TORCH_HOME", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    start = time.perf_counter()
    assert "needs musiq_koniq" in problem_with("musiq", has_truth=False)
    assert "needs" in problem_with("tlpips", has_truth=True)
    assert "needs a truth" in problem_with("lpips", has_truth=False)
    assert problem_with("flicker", has_truth=False) is None
    assert time.perf_counter() - start < 1
    assert {"musiq", "edge_spread", "efficiency", "tlpips"} <= set(metric_names())
    assert not {"psnr", "ssim"} & set(metric_names())
    assert measurable(["musiq", "flicker", "flicker"], fallback=Fallback(), has_truth=True) == ["flicker"]
    kept = measurable(["musiq"], fallback=Fallback(), has_truth=True, is_kept=lambda name: True)
    assert kept == ["musiq"]
    with pytest.raises(WeightsError, match="metric 'lpips' needs"):
        open_measure("tlpips")


def test_a_board_s_metric_leads_back_to_what_was_asked_for():
    for name in ("edge_spread", "warping_error", "tof_px", "tlpips", "efficiency", "musiq"):
        assert {known_facts(facts.name).asked for facts in find_metric(name).shown} == {name}
    assert find_metric("tof_px").measured_with == find_metric("flicker").measured_with == "temporal"
    assert find_metric("musiq").measured_with == "musiq"


def fake_metric(name: str, measure, needs_truth: bool = False) -> PerceptualMetric:
    return PerceptualMetric(name, needs_truth, False, "cpu", measure)


def test_a_metric_of_pyiqa_is_measured_on_every_frame_and_names_its_version(place, monkeypatch):
    fake = fake_metric("musiq", lambda picture: 255 * picture.mean())
    monkeypatch.setattr(perceptual, "open_perceptual", lambda name, device: fake)
    open_measure.cache_clear()
    measure = open_measure("musiq")
    open_measure.cache_clear()
    kept = measure_clip(place, measure)
    expected = [frame.mean() for frame in read_clip(place.folder)]
    assert kept.table["musiq_none"].tolist() == pytest.approx(expected, abs=1e-3)
    assert kept.versions.startswith("pyiqa=")

    def too_small(picture):
        raise RuntimeError("kernel size can't be greater than input\nand more")

    fake = fake_metric("musiq", too_small)
    measure = open_measure("musiq")
    open_measure.cache_clear()
    kept_path(place.folder, "musiq").unlink()
    with pytest.raises(FitError, match=r"'musiq' cannot measure frames of 96x64 px: kernel size can't .* input$"):
        measure_clip(again(place), measure)


def test_a_metric_of_the_catalogue_is_measured_against_the_truth(place, monkeypatch, tmp_path):
    (tmp_path / "made_metric_to_score.py").write_text(
        "def largest_error(restored, truth):\n    return abs(restored.astype(int) - truth).max()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(catalog.METRICS, "largest_error", "made_metric_to_score:largest_error")
    assert "largest_error" in metric_names()
    assert problem_with("largest_error", has_truth=True) is None
    assert "needs a truth" in problem_with("largest_error", has_truth=False)
    kept = measure_clip(place, open_measure("largest_error")).table
    expected = np.abs(read_clip(place.folder).astype(int) - read_clip(place.clip.folder / "sharp")).max(axis=(1, 2, 3))
    assert kept["largest_error_mid"].tolist() == expected.tolist()
    open_measure.cache_clear()


def test_tlpips_is_how_much_more_frames_differ_than_those_of_the_reference(place, monkeypatch):
    def distance(a, b):
        return 255 * (a.mean() - b.mean()).abs()

    monkeypatch.setattr(perceptual, "open_perceptual", lambda name, device: fake_metric("lpips", distance, True))
    open_measure.cache_clear()
    kept = measure_clip(place, open_measure("tlpips")).table
    open_measure.cache_clear()
    restored, truth = (
        np.array([frame.mean() for frame in read_clip(folder)])
        for folder in (place.folder, place.clip.folder / "sharp")
    )
    expected = np.abs(np.abs(np.diff(restored)) - np.abs(np.diff(truth)))
    assert math.isnan(kept["tlpips_mid"][0])
    assert kept["tlpips_mid"][1:].tolist() == pytest.approx(expected.tolist(), abs=1e-3)


def test_rows_of_frames_have_every_subset_and_rows_of_pairs_have_one():
    keys = {"method": "m", "split": "test", "clip": ["a", "a", "a", "b"]}
    frames = pd.DataFrame({**keys, "frame": [0, 1, 2, 0], "selected": [True, False, False, False]})
    table = pd.DataFrame({**keys, "frame": [0, 1, 2, 0]})
    table = table.assign(musiq_none=[1.0, 2.0, 4.0, 9.0], flicker_mid=[np.nan, 2.0, 3.0, np.nan])
    rows = summarise_asked(AskedMetric("both", table), frames).set_index(["clip", "metric", "subset"])["value"]
    assert rows["a", "musiq", "all"] == pytest.approx(7 / 3)
    assert rows["a", "musiq", "not_selected"] == 3
    assert rows["a", "musiq", "selected"] == 1
    assert rows["*", "musiq", "not_selected"] == 6
    assert rows["a", "flicker", "all"] == 2.5
    assert sorted(rows.xs("flicker", level="metric").index) == [("*", "all"), ("a", "all")]  # b has no pair
    empty = AskedMetric("flicker", table.assign(musiq_none=np.nan, flicker_mid=np.nan))
    assert empty.is_empty
    assert not RunScores(frames, (AskedMetric("flicker", table),)).asked[0].is_empty


def test_costs_are_the_network_s_own_where_one_ran(place):
    manifest = {"run_digest": "d", "frames_per_s": 2.0, "peak_bytes": 1000, "facts": {"frames_per_s": 5.0}}
    (place.folder / "run.json").write_text(json.dumps(manifest))
    row = read_costs(again(place)).iloc[0]
    assert (row["frames_per_s_none"], row["peak_bytes_none"]) == (5.0, 1000.0)
    assert row[["params_none", "macs_none", "seconds_flow_none"]].isna().all()
    manifest["facts"] = {"seconds_by_stage": {"flow": 1.5, "training": 40, "somewhere": 3}}
    (place.folder / "run.json").write_text(json.dumps(manifest))
    row = read_costs(again(place)).iloc[0]
    assert row[["seconds_flow_none", "seconds_training_none"]].tolist() == [1.5, 40.0]
    assert "seconds_somewhere_none" not in row
    write_counts(place.folder, "d", 12, 34.5)
    row = read_costs(again(place)).iloc[0]
    assert (row["params_none"], row["macs_none"]) == (12.0, 34.5)
    write_counts(place.folder, "of another run", 12, 34.5)
    assert read_costs(again(place)).iloc[0][["params_none", "macs_none"]].isna().all()


def test_frames_of_another_size_are_named_when_they_are_read(place):
    write_frame(place.folder / "00000003.png", np.zeros((HEIGHT, WIDTH - 2, 3), np.uint8))
    with pytest.raises(InputError, match=r"00000003\.png is 94x64, and the first frame is 96x64"):
        measure_clip(again(place), brightness([]))
