import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hvdbench.errors import InputError
from hvdbench.frames import to_gray, write_clip, write_frame
from hvdbench.labels.sharpness import select_sharp
from hvdbench.metrics.fidelity import PSNR_CAP_DB, psnr, psnr_registered, ssim
from hvdbench.metrics.protocols.known import DEFAULT
from hvdbench.metrics.sharpness import sharpness, shift_px
from hvdbench.scoring import run_scores
from hvdbench.scoring.frame_scores import FRAME_COLUMNS, score_frames
from hvdbench.scoring.run_clip import RunClip
from hvdbench.scoring.run_scores import score_clip
from hvdbench.scoring.summary import SUMMARY_COLUMNS, clip_rows, summarise
from hvdbench.store import ClipFolder


def made_frames(seed, count=4, height=32, width=40):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


RESTORED, BLURRY, MID, CENTROID = (made_frames(seed) for seed in range(4))
SELECTED = np.array([True, False, False, True])


def test_each_column_is_its_metric():
    scores = score_frames(RESTORED, BLURRY, {"mid": MID, "centroid": CENTROID}, SELECTED)
    assert tuple(scores.columns) == FRAME_COLUMNS
    assert scores["frame"].tolist() == [0, 1, 2, 3]
    assert scores["selected"].tolist() == SELECTED.tolist()
    row = scores.iloc[1]
    assert row["psnr_mid"] == psnr(RESTORED[1], MID[1])
    assert row["psnr_centroid"] == psnr(RESTORED[1], CENTROID[1])
    assert row["ssim_centroid"] == ssim(RESTORED[1], CENTROID[1])
    assert row["psnr_registered_mid"] == psnr_registered(RESTORED[1], MID[1])
    assert row["psnr_gain_mid"] == psnr(RESTORED[1], MID[1]) - psnr(BLURRY[1], MID[1])
    assert row["sharpness"] == sharpness(to_gray(RESTORED[1]))
    assert row["sharpness_ratio"] == row["sharpness"] / sharpness(to_gray(BLURRY[1]))
    assert row["shift_px"] == shift_px(RESTORED[1], BLURRY[1])


def test_a_truth_that_is_absent_is_nan_and_leaves_no_row():
    scores = score_frames(RESTORED, BLURRY, {"mid": MID, "centroid": None}, SELECTED)
    assert scores["psnr_centroid"].isna().all()
    rows = clip_rows(scores.assign(method="m", split="test", clip="c"))
    assert set(rows["truth"]) == {"mid", "none"}
    without = clip_rows(score_frames(RESTORED, BLURRY, {}, SELECTED).assign(method="m", split="test", clip="c"))
    assert set(without["metric"]) == {"sharpness", "sharpness_ratio", "shift_px"}


def test_equal_frames_are_capped_and_do_not_poison_the_mean():
    truth = MID.copy()
    restored = truth.copy()
    restored[1] = truth[1] // 2
    scores = score_frames(restored, BLURRY, {"mid": truth}, SELECTED)
    assert scores["psnr_mid"].tolist() == [80.0, psnr(restored[1], truth[1]), 80.0, 80.0]
    assert scores["psnr_registered_mid"].max() == PSNR_CAP_DB
    assert np.isfinite(scores["psnr_gain_mid"]).all()
    assert score_frames(truth, truth, {"mid": truth}, SELECTED)["psnr_gain_mid"].tolist() == [0, 0, 0, 0]


def test_frames_too_small_to_register_still_have_the_other_scores():
    small = made_frames(0, 2, 12, 30)
    scores = score_frames(small, small, {"mid": made_frames(1, 2, 12, 30)}, np.ones(2, bool))
    assert scores["psnr_registered_mid"].isna().all()
    assert scores["ssim_mid"].notna().all()


def test_a_flat_input_has_no_sharpness_ratio():
    flat = np.full_like(BLURRY, 100)
    scores = score_frames(RESTORED, flat, {"mid": MID}, SELECTED)
    assert scores["sharpness_ratio"].isna().all()
    rows = clip_rows(scores.assign(method="m", split="test", clip="c"))
    assert set(rows.loc[rows["truth"] == "none", "metric"]) == {"sharpness"}


def test_arrays_that_do_not_fit_are_named():
    with pytest.raises(InputError, match="those of the input are 3x32x40x3"):
        score_frames(RESTORED, BLURRY[:3], {}, SELECTED)
    with pytest.raises(InputError, match="those of the mid truth are 4x31x40x3"):
        score_frames(RESTORED, BLURRY, {"mid": MID[:, 1:]}, SELECTED)
    with pytest.raises(InputError, match="the selection is bool"):
        score_frames(RESTORED, BLURRY, {}, SELECTED[:2])
    with pytest.raises(InputError, match="no truth named 'middle'"):
        score_frames(RESTORED, BLURRY, {"middle": MID}, SELECTED)


def frame_table(method, clip, psnrs, selected, gains=None, ratio=1.5):
    count = len(psnrs)
    table = pd.DataFrame(
        {"frame": range(count), "selected": selected, "psnr_mid": psnrs, "psnr_gain_mid": gains or psnrs}
    )
    table = table.assign(ssim_mid=0.9, psnr_registered_mid=np.add(psnrs, 1.0), sharpness_ratio=ratio)
    table = table.assign(sharpness=np.arange(count) + 2.0, sharpness_input=2.0, shift_px=[0.1, 0.2, 9.0, 0.1][:count])
    return table.reindex(columns=FRAME_COLUMNS).assign(method=method, clip=clip, split="test")


def value(rows, **where):
    chosen = rows
    for name, wanted in where.items():
        chosen = chosen[chosen[name] == wanted]
    assert len(chosen) == 1, chosen
    return chosen.iloc[0]


def test_the_board_has_the_mean_of_clip_means_with_its_interval():
    frames = pd.concat(
        [
            frame_table("m", "a", [30.0, 32.0, 34.0, 20.0], [False, False, False, True]),
            frame_table("m", "b", [26.0, 20.0], [False, True]),
        ]
    )
    rows = summarise(frames)
    assert tuple(rows.columns) == SUMMARY_COLUMNS
    one = value(rows, clip="a", subset="not_selected", metric="psnr")
    assert (one["value"], one["n"]) == (32.0, 3)
    assert math.isnan(one["ci_low"])
    both = value(rows, clip="*", subset="not_selected", metric="psnr")
    assert (both["value"], both["n"]) == (29.0, 2)  # not 30.5, the mean over the four frames
    # Standard deviation 3 sqrt 2, so half the width is t(0.975; 1) * 3 = 12.706 * 3.
    assert both["ci_high"] - both["value"] == pytest.approx(12.7062047 * 3)
    assert value(rows, clip="*", subset="all", metric="psnr")["value"] == (29.0 + 23.0) / 2
    assert value(rows, clip="*", subset="selected", metric="psnr_registered")["value"] == 21.0


def test_one_clip_has_no_interval():
    rows = summarise(frame_table("m", "a", [30.0, 31.0], [False, False]))
    over = value(rows, clip="*", subset="all", metric="ssim")
    assert (over["n"], over["value"]) == (1, pytest.approx(0.9))
    assert math.isnan(over["ci_low"])
    assert not (rows["subset"] == "selected").any()


def test_shift_is_a_median_sharpness_ratio_one_of_means_and_worse_share_strict():
    rows = clip_rows(frame_table("m", "a", [30.0] * 4, [False] * 4, gains=[-0.1, 0.0, 0.2, 1.0], ratio=99.0))
    assert value(rows, subset="all", metric="shift_px")["value"] == pytest.approx(0.15)
    assert value(rows, subset="all", metric="sharpness_ratio")["value"] == (2 + 3 + 4 + 5) / 4 / 2
    assert value(rows, subset="all", metric="worse_share")["value"] == 0.25


def test_methods_and_splits_are_kept_apart():
    frames = pd.concat([frame_table("m", "a", [30.0], [False]), frame_table("k", "a", [20.0], [False])])
    frames = pd.concat([frames, frames.assign(split="train", psnr_mid=10.0)])
    rows = summarise(frames)
    for method, split, expected in (("m", "test", 30), ("k", "test", 20), ("m", "train", 10)):
        found = value(rows, method=method, split=split, clip="*", subset="all", metric="psnr")
        assert found["value"] == expected


def test_rows_do_not_hang_on_the_order_of_the_frames():
    frames = pd.concat([frame_table("m", clip, [30.0, 31.0], [False, True]) for clip in "abc"])
    pd.testing.assert_frame_equal(summarise(frames), summarise(frames.iloc[::-1]))


def test_missing_columns_are_named():
    with pytest.raises(InputError, match="lack the columns method, split"):
        summarise(pd.DataFrame({"clip": ["a"], **{name: [1.0] for name in FRAME_COLUMNS}}))


def score_run(folder, clip, labels, **more):
    """Look at the files anew and score them."""
    return score_clip(RunClip(folder, clip), labels, **more)


@pytest.fixture
def run(tmp_path):
    clip = ClipFolder(tmp_path / "data" / "test" / "one")
    for name, frames in (("blur", BLURRY), ("sharp", MID), ("sharp_centroid", CENTROID)):
        write_clip(clip.folder / name, frames)
    folder = tmp_path / "runs" / "m" / "data" / "test" / "one"
    write_clip(folder, RESTORED)
    return folder, clip, select_sharp(np.array([5.0, 1.0, 1.0, 5.0]))


def test_a_run_scores_as_its_arrays_do(run):
    folder, clip, labels = run
    expected = score_frames(RESTORED, BLURRY, {"mid": MID, "centroid": CENTROID}, labels.is_sharp)
    pd.testing.assert_frame_equal(score_run(folder, clip, labels), expected, check_exact=True)


def forbid_scoring(monkeypatch):
    def refuse(*_args):
        raise AssertionError("scored again")

    monkeypatch.setattr(run_scores, "score_frames", refuse)


def test_a_second_call_reads_what_the_first_wrote(run, monkeypatch):
    first = score_run(*run)
    forbid_scoring(monkeypatch)
    pd.testing.assert_frame_equal(score_run(*run), first, check_exact=True)


@pytest.mark.parametrize("change", ["frame", "truth", "labels", "protocol", "damage"])
def test_scores_are_made_again_when_anything_changes(run, monkeypatch, change):
    folder, clip, labels = run
    score_run(*run)
    protocol = DEFAULT
    if change == "frame":
        write_frame(folder / "00000002.png", MID[0])
    elif change == "truth":
        write_frame(clip.folder / "sharp" / "00000002.png", MID[0])
    elif change == "labels":
        labels = select_sharp(np.array([5.0, 5.0, 1.0, 5.0]))
    elif change == "protocol":
        protocol = replace(DEFAULT, name="hvdbench-2")
    else:
        path = folder / "frame_scores.csv"
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    forbid_scoring(monkeypatch)
    with pytest.raises(AssertionError, match="scored again"):
        score_run(folder, clip, labels, protocol=protocol)


def test_later_labels_in_the_dataset_do_not_make_scores_stale(run, monkeypatch):
    _, clip, labels = run
    clip.edit_tracks(lambda tracks: tracks.attrs.update({"origin": "simulated"}))
    score_run(*run)
    clip.edit_tracks(lambda tracks: tracks.create_dataset("labels/mine/is_sharp", data=labels.is_sharp))
    forbid_scoring(monkeypatch)
    score_run(*run)


def test_missing_and_surplus_frames_are_named(run):
    folder, clip, labels = run
    (folder / "00000001.png").rename(folder / "00000009.png")
    with pytest.raises(InputError, match=r"1 missing, first 00000001\.png; 1 too many, first 00000009\.png"):
        score_run(folder, clip, labels)
    (folder / "00000009.png").unlink()
    with pytest.raises(InputError, match="contains 3 frames"):
        score_run(folder, clip, labels)


def test_other_sizes_and_labels_of_another_clip_are_refused(run, tmp_path):
    folder, clip, labels = run
    with pytest.raises(InputError, match="there are 2 labels of 'paper'"):
        score_run(folder, clip, select_sharp(np.array([1.0, 2.0])))
    write_clip(folder, RESTORED[:, :30])
    with pytest.raises(InputError, match="30x40x3"):
        score_run(folder, clip, labels)
    with pytest.raises(InputError, match="not a folder of frames"):
        score_run(tmp_path / "nowhere", clip, labels)
