"""Ranks, ties, what is incomplete, pairs of methods, and Borda points, on boards whose numbers are known."""

import math

import numpy as np
import pandas as pd
import pytest
from made_board import rows
from scipy import stats

from hvdbench.boards.files import read_board, write_board
from hvdbench.boards.ranking.coverage import coverage
from hvdbench.boards.ranking.order import headline, is_lower_better, ranked
from hvdbench.boards.ranking.pairs import clip_differences, compare
from hvdbench.boards.ranking.points import borda
from hvdbench.boards.rows import merge_rows
from hvdbench.boards.text.standings import comparison_text, ranked_text
from hvdbench.boards.text.texts import export
from hvdbench.boards.text.wide import table
from hvdbench.errors import InputError, UnknownNameError

EASY = (31.0, 35.0, 28.0, 33.0, 30.0)


def board(**methods):
    made = None
    for name, clips in methods.items():
        one = rows(name, clips=tuple(clips))
        made = one if made is None else merge_rows(made, one)
    return made


def shifted(by, noise=0.0, seed=0):
    return [float(v) for v in np.array(EASY) + by + np.random.default_rng(seed).normal(0, noise, len(EASY))]


def test_ranks_intervals_and_ties_are_those_of_the_clips():
    order = ranked(board(top=shifted(2, 0.05), twin=shifted(2, 0.05, 1), low=shifted(0, 0.05, 2)))
    assert order["rank"].tolist() == [1, 2, 3]
    assert order["method"].tolist()[2] == "low"
    assert order["ties"].tolist() == ["a", "a", "b"]
    assert order["complete"].all()
    low = order.iloc[2]
    values = np.array(shifted(0, 0.05, 2))
    expected = stats.t.interval(0.95, 4, loc=values.mean(), scale=stats.sem(values))
    assert (low["ci_low"], low["ci_high"]) == pytest.approx(expected)
    assert (low["clips"], low["of_clips"], low["interval"]) == (5, 5, "t")
    assert low["note"] == "Student's t over 5 clips"
    assert math.isnan(order.iloc[0]["detectable"])
    assert 0 < low["detectable"] < 0.3


def test_what_lacks_clips_is_named_and_neither_averaged_nor_ranked():
    made = board(whole=EASY, part=[50.0, 50.0])
    order = ranked(made).set_index("method")
    assert order.loc["whole", "rank"] == 1
    assert pd.isna(order.loc["part", "rank"])
    assert math.isnan(order.loc["part", "value"])
    assert order.loc["part", "note"] == "incomplete: 2 of 5 clips"
    wide = table(made).set_index("method")
    assert wide.index.tolist() == ["whole", "part"]
    assert wide.loc["part", "incomplete"] == "2 of 5 clips"
    assert wide.loc["part"].filter(like="PSNR").isna().all()
    text = export(made, "md")
    assert "50.00" not in text
    assert "neither averaged nor ranked" in text
    assert "50.0" not in export(made, "csv")


def test_missing_frames_make_a_row_incomplete_too():
    made = board(whole=EASY, part=EASY)
    hit = (made["method"] == "part") & (made["clip"] == "clip0") & (made["subset"] == "all")
    made.loc[hit, "n"] = 1
    order = ranked(made, subset="all").set_index("method")
    assert order.loc["part", "note"] == "incomplete: 9 of 10 frames"
    assert ranked(made)["complete"].all()  # on the other frames nothing is missing
    found = coverage(made)
    assert set(found.loc[~found["complete"].astype(bool), "method"]) == {"part"}


def test_scores_of_labels_have_no_value_on_some_clips_and_lack_nothing():
    made = board(paper=EASY, extent=EASY).assign(protocol="labels-1")
    gone = (made["method"] == "paper") & (made["metric"] == "psnr") & made["clip"].isin(["clip0", "clip1"])
    order = ranked(made[~gone])
    assert order["complete"].all()
    assert order["value"].tolist() == pytest.approx([np.mean(EASY)] * 2)  # as the row over all clips says


def test_two_versions_of_a_dataset_are_ranked_apart():
    made = merge_rows(rows("a", dataset_digest="aaaa"), rows("b", dataset_digest="bbbb", clips=(20.0, 21.0, 22.0)))
    order = ranked(made)
    assert order["rank"].tolist() == [1, 1]
    assert order["complete"].all()
    assert table(made)["data"].tolist() == ["aaaa", "bbbb"]
    with pytest.raises(InputError, match="another version of the dataset"):
        compare(made, "a", "b")


def test_published_rows_have_no_rank_and_stand_last():
    paper = rows("paper", origin="published", clips=(50.0, 52.0), protocol="as published", source="a paper, table 2")
    order = ranked(merge_rows(board(ours=EASY, other=shifted(1)), paper[paper["clip"] == "*"]))
    assert order["origin"].tolist()[-1] == "published"
    assert order["rank"].isna().tolist() == [False, False, True, True, True]  # its three subsets
    assert order.iloc[-1]["value"] == 51.0


def test_lower_is_better_where_it_is():
    made = board(steady=EASY, moving=EASY)
    made.loc[(made["method"] == "moving") & (made["metric"] == "shift_px"), "value"] = 2.0
    assert ranked(made, metric="shift_px")["method"].tolist() == ["steady", "moving"]
    made.loc[made["metric"] == "sharpness", "value"] = [
        1.0 if m == "steady" else 2.0 for m in made.loc[made["metric"] == "sharpness", "method"]
    ]
    assert ranked(made, metric="sharpness")["method"].tolist() == ["moving", "steady"]


@pytest.mark.parametrize("metric", ["lpips", "lpips-vgg+", "niqe_matlab", "tof_px", "worse_share", "plpips_mean"])
def test_a_metric_whose_least_value_is_best_is_known_as_one(metric):
    assert is_lower_better(metric)
    assert not is_lower_better("psnr")
    assert not is_lower_better("musiq-ava")
    assert not is_lower_better("ppsnr-4")


def test_one_clip_gives_ranks_without_intervals_or_ties():
    order = ranked(board(a=[30.0], b=[31.0]))
    assert order["method"].tolist() == ["b", "a"]
    assert order["ties"].tolist() == ["", ""]
    assert order["note"].tolist() == ["one clip: no interval"] * 2
    assert "ties" not in table(board(a=[30.0], b=[31.0]))


def test_equal_values_share_a_rank():
    order = ranked(merge_rows(rows("a", seed=0), merge_rows(rows("c", seed=1), rows("b", clips=(20.0, 21.0)))))
    assert order["rank"].tolist() == [1, 1, 3]
    assert order["seed"].tolist() == [0, 1, 0]


def test_a_metric_that_is_not_there_is_refused_and_sharpness_stands_in_for_a_headline():
    with pytest.raises(InputError, match="has no ssim of truth 'none'"):
        ranked(board(a=EASY), metric="ssim", truth="none")
    assert headline(board(a=EASY)) == ("psnr", "centroid")
    assert headline(board(a=EASY), truths=("mid",)) == ("psnr", "mid")
    assert headline(board(a=EASY), metric="musiq") == ("sharpness", "none")


def test_two_methods_are_compared_clip_by_clip():
    a, b = shifted(1.0, 0.3), shifted(0.0, 0.3, 1)
    found = compare(board(a=a, b=b), "a", "b", metrics=["psnr", "shift_px"]).set_index(["metric", "truth"])
    psnr = found.loc[("psnr", "centroid")]
    assert psnr["difference"] == pytest.approx(np.mean(np.subtract(a, b)))
    p = stats.ttest_rel(a, b).pvalue
    assert psnr["p"] == pytest.approx(p)
    assert psnr["p_holm"] == pytest.approx(p)  # the board has one pair of methods, whatever else is compared
    assert (psnr["wins_a"], psnr["wins_b"], psnr["equal"]) == (5, 0, 0)
    assert psnr["better"] == "a"
    shift = found.loc[("shift_px", "none")]
    assert (shift["p"], shift["equal"], shift["better"]) == (1.0, 5, "")


def test_the_headline_is_not_corrected_for_the_other_metrics_and_they_are():
    a, b = shifted(1.0, 0.3), shifted(0.0, 0.3, 1)
    made = board(a=a, b=b)
    found = compare(made, "a", "b", truths=["centroid", "none"])
    assert found["role"].tolist() == ["headline"] + ["secondary"] * (len(found) - 1)
    assert (found["metric"][0], found["truth"][0]) == ("psnr", "centroid")
    assert found["p_holm"][0] == found["p_pairs"][0] == found["p"][0] == pytest.approx(stats.ttest_rel(a, b).pvalue)
    others = found[1:]
    np.testing.assert_allclose(others["p_holm"], multipletests(others["p"].tolist()))
    assert (others["p_holm"] >= others["p_pairs"]).all()
    asked = compare(made, "a", "b", metrics=["shift_px", "psnr"], truths=["centroid", "none"])
    assert asked["metric"].tolist() == ["shift_px", "psnr"]
    assert asked["role"].tolist() == ["headline", "secondary"]


def multipletests(p_values: list[float]) -> list[float]:
    """Correct by Holm's method, written from its definition."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected, least = [0.0] * len(order), 0.0
    for place, index in enumerate(order):
        least = max(least, min(1.0, (len(order) - place) * p_values[index]))
        corrected[index] = least
    return corrected


def test_a_secondary_metric_that_only_the_correction_ties_says_so():
    made = board(a=EASY, b=EASY)
    nudge = np.array([0.9, 1.1, 0.2, 1.4, 0.6])
    hit = (made["metric"] == "psnr") & (made["truth"] == "mid") & (made["clip"] != "*") & (made["method"] == "a")
    made.loc[hit, "value"] += np.repeat(nudge / 4, 3)  # in each subset
    p = stats.ttest_1samp(nudge, 0).pvalue
    others = len(compare(made, "a", "b")) - 1
    assert p < 0.05 < p * others
    found = compare(made, "a", "b")
    row = found[(found["metric"] == "psnr") & (found["truth"] == "mid")].iloc[0]
    assert (row["role"], row["better"], row["better_alone"]) == ("secondary", "", "a")
    assert row["p_holm"] == pytest.approx(p * others)
    assert "a, by this metric alone" in comparison_text(found, "a", "b")
    assert ranked(made, truth="mid")["ties"].tolist() == ["a", "b"]
    asked = compare(made, "a", "b", metrics=["psnr"], truths=["mid"], first=("psnr", "mid")).iloc[0]
    assert asked["better"] == "a"


def test_a_difference_of_shares_has_no_interval_beyond_what_shares_can_differ_by():
    made = board(a=EASY, b=EASY)
    hit = (made["metric"] == "worse_share") & (made["clip"] != "*")
    made.loc[hit & (made["method"] == "a"), "value"] = np.repeat([1.0, 1.0, 0.0, 1.0, 1.0], 6)
    made.loc[hit & (made["method"] == "b"), "value"] = 0.0
    found = compare(made, "a", "b", metrics=["worse_share"]).iloc[0]
    assert found["difference"] == pytest.approx(0.8)
    assert stats.t.interval(0.95, 4, 0.8, stats.sem([1, 1, 0, 1, 1]))[1] > 1
    assert found["ci_high"] == 1


def test_intervals_of_shares_in_a_board_s_file_end_at_0_and_1(tmp_path):
    made = board(a=EASY)
    hit = (made["metric"] == "worse_share") & (made["clip"] == "*")
    made.loc[hit, ["ci_low", "ci_high"]] = [-0.25, 1.5]
    written = write_board(tmp_path / "trial.csv", made)
    for rows_of in (written, read_board(tmp_path / "trial.csv")):
        share = rows_of[(rows_of["metric"] == "worse_share") & (rows_of["clip"] == "*")]
        assert set(share["ci_low"]) == {0.0}
        assert set(share["ci_high"]) == {1.0}
    assert ",-0.25," not in (tmp_path / "trial.csv").read_text()


def test_a_smaller_shift_wins():
    made = board(steady=EASY, moving=EASY)
    hit = (made["method"] == "moving") & (made["metric"] == "shift_px") & (made["clip"] != "*")
    made.loc[hit, "value"] = 1 + np.arange(hit.sum()) / 100
    found = compare(made, "steady", "moving", metrics=["shift_px"]).iloc[0]
    assert (found["better"], found["wins_a"], found["wins_b"]) == ("a", 5, 0)


def test_clips_that_only_one_has_are_left_out_and_said():
    found = compare(board(a=EASY, b=EASY[:3]), "a", "b", metrics=["psnr"]).iloc[0]
    assert (found["clips"], found["of_clips"]) == (3, 5)
    assert found["note"].startswith("on 3 of 5 clips")
    pairs = clip_differences(board(a=EASY, b=EASY[:3]), "a", "b")
    assert pairs["clip"].tolist() == ["clip0", "clip1", "clip2"]
    assert pairs["better"].tolist() == ["", "", ""]
    with pytest.raises(UnknownNameError, match="no method with scores of clips named 'aa'"):
        compare(board(a=EASY, b=EASY), "aa", "b")


def test_borda_counts_the_others_that_one_is_above():
    first, second = board(a=shifted(2), b=shifted(1), c=EASY), board(a=shifted(1), b=shifted(2))
    points = borda([ranked(first), ranked(second)]).set_index("method")
    assert points.loc["a", "points"] == pytest.approx((1 + 0) / 2)
    assert points.loc["b", "points"] == pytest.approx((0.5 + 1) / 2)
    assert (points.loc["b", "rank"], points.loc["a", "rank"]) == (1, 2)
    assert pd.isna(points.loc["c", "rank"])  # it is not on the second
    assert (points.loc["c", "boards"], points.loc["c", "of_boards"]) == (1, 2)
    with pytest.raises(InputError, match="no board given"):
        borda([])


def test_the_text_of_ranks_has_intervals_letters_and_what_clips_show():
    text = ranked_text(ranked(board(top=shifted(2, 0.05), low=shifted(0, 0.05, 2))), "psnr", "centroid")
    head, _, first, *_ = (line.split() for line in text.splitlines())
    assert " ".join(head).startswith("rank ties method origin PSNR centroid (dB) 95 % interval clips")
    assert first[:4] == ["1", "a", "top", "measured"]
    assert "Fewer than 20 clips (5): intervals are Student's t" in text
    assert "share a letter" in text
