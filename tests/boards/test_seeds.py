"""Several seeds of a method make one row: means clip by clip, nothing made longer or better than it is."""

import numpy as np
import pandas as pd
import pytest
from made_board import rows

from hvdbench.boards.ranking.order import ranked
from hvdbench.boards.ranking.pairs import compare
from hvdbench.boards.rows import merge_rows
from hvdbench.boards.seeds import over_seeds, seed_lines
from hvdbench.boards.text.texts import document, export
from hvdbench.boards.text.wide import table
from hvdbench.statistics.intervals import clip_interval

EASY = (30.0, 32.0, 35.0)


def several(*, last=EASY):
    """Make a board: method a with two seeds, b with one; a is 1 dB above ``EASY`` with seed 0 and 3 dB with seed 1."""
    first = rows("a", clips=tuple(np.add(EASY, 1.0)), seed=0)
    second = rows("a", clips=tuple(np.add(last, 3.0)), seed=1)
    return merge_rows(merge_rows(first, second), rows("b", clips=EASY))


def test_seeds_are_averaged_clip_by_clip_and_the_interval_is_over_clips():
    order = ranked(several(), metric="psnr", truth="centroid").set_index("method")
    assert order.index.tolist() == ["a", "b"]
    expected = clip_interval(np.add(EASY, 2.0))
    assert order.loc["a", ["value", "ci_low", "ci_high"]].tolist() == pytest.approx(
        [expected.mean, expected.low, expected.high]
    )
    assert (order.loc["a", "clips"], bool(order.loc["a", "complete"])) == (3, True)
    assert order["seed"].isna().all()


def test_a_board_without_several_seeds_is_left_as_it_is():
    board = merge_rows(rows("a", seed=1), rows("b", seed=0))
    assert over_seeds(board) is board
    assert seed_lines(board, "psnr", "centroid", "not_selected") == []


def test_types_and_columns_stay():
    board = several()
    averaged = over_seeds(board)
    assert averaged.dtypes.to_dict() == board.dtypes.to_dict()
    pd.testing.assert_frame_equal(over_seeds(averaged), averaged)


def test_a_clip_that_a_seed_lacks_makes_the_method_incomplete():
    order = ranked(several(last=EASY[:2]), metric="psnr", truth="centroid").set_index("method")
    assert not order.loc["a", "complete"]
    assert order.loc["a", "note"] == "incomplete: 2 of 3 clips"
    assert pd.isna(order.loc["a", "rank"])


def test_the_table_has_one_row_for_each_method_and_says_over_which_seeds():
    board = several()
    wide = table(board)
    assert wide["method"].tolist() == ["a", "b"]
    assert "seed" not in wide
    # the standard deviation of 31.33 + 2 and 33.33 + 2 is the square root of 2
    line = "eans over seeds, with the standard deviation of PSNR between them: a 2 (1.41 dB)"
    assert line in export(board, "md")
    assert line in document(board, title="T", truths=("centroid", "mid"), note="")


def test_a_comparison_is_of_the_means():
    found = compare(several(), "a", "b", metrics=["psnr"], truths=["centroid"]).iloc[0]
    assert found["difference"] == pytest.approx(2.0)
    assert found["p_holm"] == found["p"]
