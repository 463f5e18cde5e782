"""What methods change of the input, with paired intervals, and the sentences that are written from it."""

import math

import numpy as np
import pytest
from made_board import rows
from scipy import stats

from hvdbench.boards.ranking.gains import gains
from hvdbench.boards.ranking.order import ranked
from hvdbench.boards.references import role_of
from hvdbench.boards.rows import merge_rows
from hvdbench.boards.text.verdict import verdicts
from hvdbench.boards.text.wide import board_table

INPUT_DB = np.array([20.0, 24.0, 29.0, 31.0, 22.0, 27.0])
STEPS = np.array([0.1, -0.1, 0.2, -0.2, 0.05, -0.05])


def board(**methods):
    found = rows("blurry", clips=tuple(INPUT_DB))
    for name, gain in methods.items():
        found = merge_rows(found, rows(name, clips=tuple(INPUT_DB + gain)))
    return found


def told(found, **chosen):
    return {row["method"]: row for row in gains(found, subset="all", **chosen).to_dict("records")}


def test_the_gain_is_the_paired_difference_with_students_interval():
    found = told(board(a=1.0 + STEPS))["a"]
    expected = stats.ttest_1samp(1.0 + STEPS, 0).confidence_interval(0.95)
    assert found["gain"] == pytest.approx((1.0 + STEPS).mean())
    assert (found["ci_low"], found["ci_high"]) == pytest.approx(tuple(expected))
    # clips differ by 4 dB, so the two means' own intervals are more than ten times as wide
    one = ranked(board(a=1.0 + STEPS), subset="all").iloc[0]
    assert one["ci_high"] - one["ci_low"] > 10 * (found["ci_high"] - found["ci_low"])


def test_verdicts_say_what_the_tests_tell_and_no_more():
    found = told(board(a=2.0 + STEPS, b=2.0 - STEPS, warp_average=1.0 + STEPS[::-1], same=STEPS, harm=-1.0 + STEPS))
    assert {name: row["against_input"] for name, row in found.items()} == {
        "a": "above", "b": "above", "warp_average": "above", "same": "open", "harm": "below", "blurry": "",
    }  # fmt: skip
    assert found["a"]["against_control"] == "above"
    assert found["same"]["against_control"] == found["blurry"]["against_control"] == "below"
    assert {name for name, row in found.items() if row["tied"]} == {"b"}
    assert found["harm"]["behind"] == pytest.approx(-3.0)


def test_a_metric_that_falls_is_better_below():
    below = board(a=1.0 + STEPS)
    below.loc[below["metric"] == "psnr_registered", "metric"] = "edge_spread"
    found = told(below, metric="edge_spread", truth="centroid")
    assert found["a"]["gain"] == pytest.approx(1.0)
    assert found["a"]["against_input"] == "below"


def test_references_are_never_the_best_though_they_keep_their_rank():
    found = board(a=0.5 + STEPS, warp_average=2.0 + STEPS)
    order = ranked(found, subset="all")
    assert order["method"].iloc[0] == "warp_average"
    table = board_table(found, subset="all")
    marked = {row.facts["method"] for row in table.rows for cell in row.cells.values() if cell.place}
    assert marked <= {"a"}
    assert [role_of(name) for name in ("a", "warp_average", "blurry")] == ["method", "control", "input"]
    (lines,) = verdicts(gains(found, subset="all"), "psnr").values()
    assert lines[0].startswith("Best: a, +0.50 dB PSNR over the blurry input on data (95 % interval +0.35 to +0.65")
    assert "Not shown to be better than warp_average, the control that learns nothing: a." in lines


def test_sentences_name_ties_and_what_is_not_better_than_the_input():
    found = board(a=2.0 + STEPS, b=2.0 - STEPS, idle=STEPS)
    (lines,) = verdicts(gains(found, subset="all"), "psnr").values()
    first, second = sorted(("a", "b"), key=lambda name: lines[0].index(name) if f"Best: {name}," in lines[0] else 99)
    assert lines[0].startswith(f"Best: {first}, +2.00 dB")
    assert lines[1:] == [
        f"{second} ties with it: these clips cannot tell them apart.",
        "Not shown to be better than the blurry input: idle.",
    ]


def test_one_clip_has_gains_without_interval_and_the_sentence_says_so():
    found = merge_rows(rows("blurry", clips=(30.0,)), rows("a", clips=(31.0,)))
    one = told(found)["a"]
    assert one["gain"] == pytest.approx(1.0)
    assert math.isnan(one["ci_low"])
    assert one["against_input"] == ""
    (lines,) = verdicts(gains(found, subset="all"), "psnr").values()
    assert lines[1] == "One clip cannot tell methods apart, so this order may be chance."


def test_a_board_without_an_input_has_no_gain_and_its_sentence_says_the_value():
    found = merge_rows(rows("a", clips=(31.0, 32.0)), rows("b", clips=(29.0, 33.5)))
    assert gains(found, subset="all")["gain"].isna().all()
    (lines,) = verdicts(gains(found, subset="all"), "psnr").values()
    assert lines[0] == "Best: a, 31.50 dB PSNR on data."


def test_what_lacks_clips_has_no_gain_and_is_not_named():
    found = merge_rows(board(a=1.0 + STEPS), rows("part", clips=(60.0, 61.0)))
    one = told(found)["part"]
    assert math.isnan(one["gain"])
    assert one["note"] == "incomplete: 2 of 6 clips"
    (lines,) = verdicts(gains(found, subset="all"), "psnr").values()
    assert not any("part" in line for line in lines)


def test_long_lists_are_counted_and_names_with_commas_quoted():
    found = board(best=3.0 + STEPS, **{f"m{n}, x": STEPS * (n + 1) for n in range(6)})
    (lines,) = verdicts(gains(found, subset="all"), "psnr").values()
    assert lines[-1].endswith("and 2 more.")
    assert "“m" in lines[-1]


def test_a_tie_below_a_method_that_is_told_apart_is_explained():
    wild = 1.6 + 20 * STEPS
    found = board(best=2.0 + STEPS, steady=1.8 + STEPS + 0.001 * INPUT_DB, wild=wild)
    rows_of = told(found)
    assert not rows_of["steady"]["tied"]
    assert rows_of["wild"]["tied"]
    assert rows_of["wild"]["value"] < rows_of["steady"]["value"]
    (lines,) = verdicts(gains(found, subset="all"), "psnr").values()
    assert lines[1:3] == [
        "wild ties with it: these clips cannot tell them apart.",
        "Of these, wild varies so much from clip to clip that it cannot be told from the best, though steady, which "
        "stands above, can.",
    ]
