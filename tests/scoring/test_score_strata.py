"""Strata of a board: which frames and pixels are in them, and the means that stand there, by hand."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_scored import clip_of, make_scored

from hvdbench.errors import DatasetError
from hvdbench.frames import read_clip, write_clip
from hvdbench.metrics.fidelity import masked_psnr
from hvdbench.scoring.frame_scores import FRAME_COLUMNS
from hvdbench.scoring.run_clip import RunClip
from hvdbench.scoring.run_tables import Asked
from hvdbench.scoring.stratified import strata_table, summarise_strata
from hvdbench.workflows.evaluate import evaluate
from hvdbench.workspace.workspace import Workspace

STRICT = Workspace(strict=True)


def scores(clip: str, psnr: list[float], before: list[float], selected: list[int]) -> pd.DataFrame:
    table = pd.DataFrame({"frame": range(len(psnr)), "psnr_mid": psnr, "psnr_gain_mid": np.subtract(psnr, before)})
    table["selected"] = np.isin(table["frame"], selected)
    return table.reindex(columns=FRAME_COLUMNS).assign(method="m", split="test", clip=clip)


def facts(clip: str, extent: list[float], classes: list[float], device: str) -> pd.DataFrame:
    table = pd.DataFrame({"frame": range(len(extent)), "extent_px": extent, "oracle_class": classes})
    return table.assign(device=device, method="m", split="test", clip=clip)


FRAMES = pd.concat(
    [
        scores("a", [30.0, 32.0, 40.0, 34.0], [29.0, 30.0, 41.0, 30.0], [2]),
        scores("b", [20.0, 26.0], [20.0, 23.0], [0]),
    ],
    ignore_index=True,
)
STRATA = pd.concat(
    [
        facts("a", [5.0, 1.5, 0.5, 1.0], [2.0, 1.0, 0.0, 1.0], "p"),
        facts("b", [0.1, math.nan], [0.0, math.nan], "q"),
    ],
    ignore_index=True,
).assign(psnr_moving_mid=[10.0, np.nan, 20.0, np.nan, np.nan, np.nan], psnr_gain_moving_mid=np.nan)


@pytest.fixture(scope="module")
def rows() -> pd.Series:
    table = summarise_strata(FRAMES, STRATA)
    assert set(table["truth"]) == {"mid"}
    return table.set_index(["metric", "subset", "clip"]).sort_index()


@pytest.mark.parametrize(
    ("metric", "subset", "clip", "value", "n"),
    [
        ("psnr", "distance 0", "a", 40.0, 1),
        ("psnr", "distance 1", "a", 33.0, 2),
        ("psnr_gain", "distance 1", "a", 3.0, 2),
        ("psnr", "distance 2", "a", 30.0, 1),
        ("psnr", "distance 1", "b", 26.0, 1),
        ("psnr", "distance 1", "*", (33.0 + 26.0) / 2, 2),
        ("psnr_gain", "distance 0", "*", (-1.0 + 0.0) / 2, 2),
        ("psnr", "extent [0, 1) px", "a", 40.0, 1),
        ("psnr", "extent [1, 2) px", "a", 33.0, 2),
        ("psnr", "extent [4, 8) px", "*", 30.0, 1),
        ("psnr", "extent [0, 1) px", "*", (40.0 + 20.0) / 2, 2),
        ("psnr", "oracle sharp", "*", 30.0, 2),
        ("psnr_gain", "oracle mild", "a", (2.0 + 4.0) / 2, 2),
        ("psnr", "oracle blurry", "a", 30.0, 1),
        ("psnr", "device p", "*", 34.0, 1),
        ("psnr", "device q", "b", 23.0, 2),
        ("psnr_gain", "not_selected", "a", (1.0 + 2.0 + 4.0) / 3, 3),
        ("psnr_gain", "all", "*", ((1.0 + 2.0 - 1.0 + 4.0) / 4 + 1.5) / 2, 2),
        ("psnr", "moving pixels", "a", 15.0, 2),
    ],
)
def test_a_stratum_has_the_mean_of_its_frames(rows, metric, subset, clip, value, n):
    row = rows.loc[(metric, subset, clip)]
    assert (row["value"].item(), row["n"].item()) == (pytest.approx(value), n)


def test_what_has_no_frame_has_no_row(rows):
    found = set(rows.index)
    assert ("psnr", "oracle blurry", "b") not in found
    assert ("psnr", "device p", "b") not in found
    assert ("psnr", "moving pixels", "b") not in found
    assert not any(metric == "psnr_gain" and "pixels" in subset for metric, subset, _ in found)
    assert not any(metric == "psnr" and subset == "all" for metric, subset, _ in found)  # every board has that


def test_the_interval_is_that_of_two_clips(rows):
    over = rows.loc[("psnr", "oracle sharp", "*")]
    assert over["ci_high"].item() - 30.0 == pytest.approx(12.7062047 * 10)  # t(0.975; 1) times 10 sqrt 2 / sqrt 2


def test_pixels_are_parted_by_the_oracle_s_mask(tmp_path):
    data = make_scored(tmp_path / "data")
    clip = clip_of(data, "test/two")
    truth = np.full((5, 64, 96, 3), 100, np.uint8)
    restored, blurry = truth.copy(), truth + 8
    restored[:, :32, :48] += 4  # where the object is
    restored[:, 32:] += 2
    for folder, frames in (
        (clip.folder / "sharp", truth),
        (clip.folder / "blur", blurry),
        (tmp_path / "run", restored),
    ):
        write_clip(folder, frames)
    table = strata_table(RunClip(tmp_path / "run", clip))
    row = table.iloc[1]
    moving, before = 20 * math.log10(255 / 4), 20 * math.log10(255 / 8)
    assert row["psnr_moving_mid"] == pytest.approx(moving)
    assert row["psnr_gain_moving_mid"] == pytest.approx(moving - before)
    # of 3/4 of the frame, 2/3 are off by 2
    static = 10 * math.log10(255**2 / (4 * 2 / 3))
    assert row["psnr_static_mid"] == pytest.approx(static)
    assert row["psnr_gain_static_mid"] == pytest.approx(static - before)
    assert math.isnan(table["psnr_moving_mid"][2])  # the object is out of sight
    assert table["extent_px"].tolist() == [0.2, 1.5, 6.0, 6.5, 0.4]
    assert table["oracle_class"].tolist() == [0, 1, 2, 2, 0]
    assert set(table["device"]) == {"phone-b"}


def test_equal_pixels_are_capped():
    frame = np.zeros((4, 4, 3), np.uint8)
    assert masked_psnr(frame, frame, np.ones((4, 4), bool)) == 80


def test_a_track_of_another_length_is_named(tmp_path):
    clip = clip_of(make_scored(tmp_path / "data"), "test/one")

    def shorten(tracks):
        del tracks["oracle/class"]
        tracks["oracle/class"] = np.zeros(3, np.int8)

    clip.edit_tracks(shorten)
    write_clip(tmp_path / "run", read_clip(clip.folder / "blur"))
    with pytest.raises(DatasetError, match="oracle/class has 3 values for 4 frames"):
        strata_table(RunClip(tmp_path / "run", clip))


def test_strata_leave_every_row_that_there_was_as_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = make_scored(Path("datasets/scored"))
    usual = evaluate("blurry", data, workspace=STRICT, board="short").rows
    long = evaluate("blurry", data, workspace=STRICT, board="long", asked=Asked(strata=True)).rows
    columns = [name for name in usual.columns if name != "board"]
    again = long.merge(usual[["clip", "truth", "subset", "metric"]])
    pd.testing.assert_frame_equal(again[columns], usual[columns])
    added = long[~long["subset"].isin(usual["subset"])]
    assert set(added["metric"]) == {"psnr", "psnr_gain"}
    assert {"distance 1", "extent [8, 16) px", "oracle mild", "device phone-a", "static pixels"} <= set(added["subset"])
    assert set(long["metric"]) - set(usual["metric"]) == {"psnr_gain"}
