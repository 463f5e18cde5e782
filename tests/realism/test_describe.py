from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from made_shake import make_shake, make_shaken_dataset

from hvdbench.realism.describe import POOLED, describe_dataset, facts_table
from hvdbench.realism.describe_facts import BANDS_HZ, DescribedClip, band_rms, read_facts


def _facts(classes: list[int] | None, name: str = "test/a", width_px: int = 100) -> DescribedClip:
    count = 4 if classes is None else len(classes)
    return DescribedClip(
        name=name,
        source="",
        hand="",
        width_px=width_px,
        motion_px=np.arange(count - 1, dtype=np.float64),
        sharpness=np.arange(count, dtype=np.float64),
        blur_class=None if classes is None else np.array(classes),
        displacement_px={},
        rate_rms_deg_s={},
    )


def test_shares_and_runs_are_counted_by_hand():
    row = facts_table([_facts([0, 0, 1, 2, 2, 0, 2, 2])], "simulated").iloc[0]
    assert row[["sharp_share", "mild_share", "blurry_share"]].tolist() == [3 / 8, 1 / 8, 4 / 8]
    assert row[["sharp_run_mean", "sharp_run_median", "sharp_run_longest"]].tolist() == [1.5, 1.5, 2.0]
    assert row[["unsharp_run_mean", "unsharp_run_longest"]].tolist() == [2.5, 3.0]


def test_runs_do_not_reach_from_clip_to_clip():
    pooled = facts_table([_facts([2, 0]), _facts([0, 0], "test/b")], "simulated").iloc[-1]
    assert pooled["clip"] == POOLED
    assert pooled["sharp_run_longest"] == 2.0
    assert pooled["sharp_share"] == 0.75
    assert pooled["motion_px_p50"] == 0.0


def test_a_clip_without_an_oracle_is_empty_in_the_table():
    table = facts_table([_facts(None), _facts([0, 2, 2, 2], "test/b")], "measured")
    assert np.isnan(table.iloc[0]["sharp_share"])
    assert table.iloc[-1]["sharp_share"] == 0.25


def test_a_sinusoid_lies_in_its_band():
    t_s = np.arange(4000) / 1000
    wave = np.stack([3.0 * np.sin(2 * np.pi * 4.0 * t_s), 3.0 * np.cos(2 * np.pi * 4.0 * t_s)], axis=1)
    rms = band_rms(wave, 1000.0)
    assert rms[BANDS_HZ.index((2.0, 6.0))] == pytest.approx(3.0 / np.sqrt(2), rel=1e-3)
    assert rms.sum() == pytest.approx(3.0 / np.sqrt(2), rel=1e-2)


def test_rates_come_from_the_path_of_the_tracks(tmp_path: Path):
    dataset = make_shaken_dataset(tmp_path / "d", {"a": make_shake(30)})
    rates = read_facts(dataset.clips()[0]).rate_rms_deg_s
    # A swing of 1 degree at 4 Hz turns at 2π·4 deg/s, its residual at half of that.
    band = BANDS_HZ.index((2.0, 6.0))
    assert rates["hand"][band] == pytest.approx(2 * np.pi * 4 / np.sqrt(2), rel=0.05)
    assert rates["residual"][band] == pytest.approx(np.pi * 4 / np.sqrt(2), rel=0.05)


def test_a_dataset_is_described_in_lines_a_table_and_pictures(tmp_path: Path):
    dataset = make_shaken_dataset(tmp_path / "d", {"a": make_shake(8), "b": make_shake(6, seed=2)})
    lines = describe_dataset(dataset, tmp_path / "out")
    text = "\n".join(lines)
    assert "2 clips, 14 frames 192 px wide, test; origin simulated" in text
    assert "left out" not in text
    table = pd.read_csv(tmp_path / "out" / "describe.csv")
    assert table["clip"].tolist() == ["test/a", "test/b", POOLED]
    assert table["frames"].tolist() == [8, 6, 14]
    assert table["extent_px_p50"].notna().all()
    for name in ("blur.png", "motion.png"):
        picture = cv2.imread(str(tmp_path / "out" / name))
        assert picture is not None
        assert picture.std() > 5


def test_what_a_dataset_without_an_oracle_lacks_is_named(tmp_path: Path):
    dataset = make_shaken_dataset(tmp_path / "d", {"a": make_shake(5)}, oracle=False)
    text = "\n".join(describe_dataset(dataset, tmp_path / "out"))
    assert "origin measured" in text
    assert "left out of all clips: shares of sharp and blurry frames and their runs (no oracle)" in text
    assert "spectra of hand and residual" in text
    assert "nan" not in text
    assert (tmp_path / "out" / "blur.png").is_file()


def test_nothing_is_written_unless_asked_for(tmp_path: Path):
    dataset = make_shaken_dataset(tmp_path / "d", {"a": make_shake(3)})
    describe_dataset(dataset, None)
    assert [path.name for path in tmp_path.iterdir()] == ["d"]
