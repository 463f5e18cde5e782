import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from made_shake import make_shake, make_shaken_dataset

from hvdbench.cli.look.realism import realism
from hvdbench.errors import DatasetError, InputError
from hvdbench.frames import write_clip
from hvdbench.realism.clip import measure_clip
from hvdbench.realism.comparison import RealityRequest, compare, read_crop, validate
from hvdbench.realism.reported import REPORTED
from hvdbench.realism.statistic import STATISTICS
from hvdbench.realism.table import csv_text, largest_step, markdown_text, text_lines, validity_table
from hvdbench.store import Dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_shaken_dataset(tmp_path_factory.mktemp("made") / "shaken", {"a": make_shake(10)})


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures side by side, blurry and sharp, as the published comparison videos are."""
    shake = make_shake(9, seed=3, swing_px=30.0)
    folder = tmp_path_factory.mktemp("real") / "pier"
    write_clip(folder, np.concatenate([shake.blurry, shake.sharp], axis=2))
    return folder


def _request(real: Path, **changes: object) -> RealityRequest:
    values = {
        "against": (real,),
        "references": (real,),
        "crop": "left-half",
        "reference_crop": "right-half",
        "fps": 30.0,
    }
    return RealityRequest(**(values | changes))


def test_both_sides_are_measured_and_every_statistic_has_a_row(dataset: Dataset, real: Path):
    comparison = compare(dataset, _request(real))
    table = validity_table(comparison)
    assert list(table["statistic"]) == [statistic.key for statistic in STATISTICS]
    assert list(table.columns) == [
        *("statistic", "unit", "simulated", "real:pier"),
        *(f"reported {name}" for name in REPORTED),
        *("target", "distance", "ks"),
    ]
    values = table.set_index("statistic")
    assert values.loc["frames", ["simulated", "real:pier"]].tolist() == [10.0, 9.0]
    runs = [key for key in values.index if "run" in key or "stay" in key]  # of which a clip may have none
    known = values.drop(["edge_over_centre", "direction_error", *runs])[["simulated", "real:pier"]]
    assert np.isfinite(known.to_numpy(np.float64)).all()
    assert 0 < values.loc["extent_p50", "ks"] <= 1


def test_the_validation_compares_with_the_tracks(dataset: Dataset, real: Path):
    check = compare(dataset, _request(real)).validation
    assert check is not None
    assert check.frames == 10
    assert check.correlation > 0.9


def test_without_references_both_sides_are_measured_by_their_own_sharp_frames(dataset: Dataset, real: Path):
    comparison = compare(dataset, _request(real, references=(), most_frames=6))
    assert {clip.reference for clip in (*comparison.simulated, *comparison.real)} == {"own sharp frames"}
    assert any("own sharp frames" in note for note in comparison.notes)


def test_frames_with_another_width_give_the_same_lengths():
    shake = make_shake(8, size=(384, 256), swing_px=80.0)
    whole = measure_clip("whole", shake.blurry, reference=shake.sharp)
    half = measure_clip("half", shake.blurry[:, ::2, ::2], reference=shake.sharp[:, ::2, ::2])
    np.testing.assert_allclose(half.shift_px, whole.shift_px, atol=0.02 * 1920)
    assert np.median(half.extent_px) == pytest.approx(np.median(whole.extent_px), rel=0.2)


def test_a_width_reduces_both_sides_and_their_true_extents(dataset: Dataset, real: Path):
    comparison = compare(dataset, _request(real, width_px=160, most_frames=4))
    assert {clip.width_px for clip in (*comparison.simulated, *comparison.real)} == {160}
    true = comparison.simulated[0].true_extent_px
    np.testing.assert_allclose(true, make_shake(10).extent_px[:4] * 1920 / 192)


def test_a_folder_without_a_frame_rate_has_no_spectrum_and_says_so(dataset: Dataset, real: Path):
    comparison = compare(dataset, _request(real, fps=None, most_frames=4))
    table = validity_table(comparison).set_index("statistic")
    assert np.isnan(table.loc["above_6hz_x", "real:pier"])
    assert any("--fps" in note for note in comparison.notes)


def test_csv_and_markdown_hold_the_same_rows(dataset: Dataset, real: Path):
    comparison = compare(dataset, _request(real, most_frames=5))
    table = validity_table(comparison)
    lines = markdown_text(table, comparison).splitlines()
    assert sum(line.startswith("| ") for line in lines) == len(STATISTICS) + 1
    assert len(csv_text(table).splitlines()) == len(STATISTICS) + 1
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1
    assert any("known paths" in line for line in text_lines(table, comparison))


def test_the_largest_step_between_distributions_is_worked_out_by_hand():
    # At 2 the shares at or below are 2/2 and 1/4.
    assert largest_step(np.array([1.0, 2.0]), np.array([2.0, 3.0, 4.0, 5.0])) == 0.75
    assert largest_step(np.array([1.0, 2.0]), np.array([2.0, 1.0])) == 0.0


def test_a_dataset_without_paths_is_not_validated():
    shake = make_shake(4)
    assert validate([measure_clip("a", shake.blurry, reference=shake.sharp)]) is None


@pytest.mark.parametrize(
    ("text", "crop"),
    [
        ("left-half", (0, 0, 50, 40)),
        ("right-half", (51, 0, 50, 40)),
        ("1:2:30:20", (1, 2, 30, 20)),
        ("1,2,30,20", (1, 2, 30, 20)),
    ],
)
def test_crops_are_read(text: str, crop: tuple[int, int, int, int]):
    assert read_crop(text, (40, 101)) == crop


def test_a_crop_that_is_none_is_answered():
    with pytest.raises(InputError, match="left-half"):
        read_crop("middle", (40, 100))


def test_references_must_be_as_many_as_clips(dataset: Dataset, real: Path):
    with pytest.raises(InputError, match="1 references for 2 clips"):
        compare(dataset, _request(real, against=(real, real)))


def test_a_reference_of_another_length_is_refused(dataset: Dataset, real: Path, tmp_path: Path):
    write_clip(tmp_path / "short", make_shake(4).sharp)
    with pytest.raises(InputError, match="the same frames"):
        compare(dataset, _request(real, references=(tmp_path / "short",), reference_crop=None))


def test_a_clip_that_is_missing_is_named(dataset: Dataset, tmp_path: Path):
    with pytest.raises(InputError, match="nowhere"):
        compare(dataset, RealityRequest((tmp_path / "nowhere",)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no frames"):
        compare(dataset, RealityRequest((tmp_path / "empty",)))


def test_a_simulated_clip_without_truth_cannot_be_a_reference(tmp_path: Path, real: Path):
    made = make_shaken_dataset(tmp_path / "bare", {"a": make_shake(4)})
    for file in (made.clips()[0].folder / "sharp").iterdir():
        file.unlink()
    (made.clips()[0].folder / "sharp").rmdir()
    with pytest.raises(DatasetError, match="leave out the references"):
        compare(made, _request(real, most_frames=3))


def test_runs_that_were_written_down_have_the_share_that_was():
    for clip in REPORTED.values():
        assert len(clip.runs) == clip.frames
        assert clip.runs.count("S") / clip.frames == pytest.approx(clip.sharp_share, abs=0.005)


def test_the_command_writes_table_and_picture(dataset: Dataset, real: Path, tmp_path: Path):
    options = ["--against", str(real), "--crop", "left-half", "--fps", "30", "--frames", "5", "--out", str(tmp_path)]
    result = CliRunner().invoke(realism, [str(dataset.folder), *options], catch_exceptions=False)
    assert result.exit_code == 0
    assert "sharp frames" in result.output
    assert {path.name for path in tmp_path.iterdir()} == {"validity.csv", "validity.md", "validity.png"}
    assert len(pd.read_csv(tmp_path / "validity.csv")) == len(STATISTICS)


def test_measuring_leaves_the_dataset_alone(dataset: Dataset):
    assert dataset.verify() == []
    assert json.loads((dataset.folder / "dataset.json").read_text())["name"] == "shaken"


@pytest.mark.slow
def test_a_real_clip_measures_as_was_written_down(shared: Path):
    from hvdbench.realism.statistic import extent, speed
    from hvdbench.video.reader import read_video

    path = shared / "data" / "handheld" / "hvd_002_side_by_side.mp4"
    halves = [read_video(path, crop=(x, 0, 1792, 1008), size=(896, 504)).frames for x in (0, 1792)]
    clip = measure_clip("hvd 002", halves[0], reference=halves[1], fps=30.0)
    reported = REPORTED["HVD 002"].values()
    for percent in (50, 90):
        assert np.percentile(extent([clip]), percent) == pytest.approx(reported[f"extent_p{percent}"], rel=0.15)
        assert np.percentile(speed([clip]), percent) == pytest.approx(reported[f"motion_p{percent}"], rel=0.15)
    by_key = {statistic.key: statistic.value([clip]) for statistic in STATISTICS}
    assert by_key["shift_x_acf1"] == pytest.approx(0.79, abs=0.03)
    assert by_key["extent_correlation"] > 0.9
    assert by_key["sharp_share"] == pytest.approx(23, abs=7)
