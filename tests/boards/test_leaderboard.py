import os

import numpy as np
import pandas as pd
import pytest
from made_board import rows

from hvdbench.boards.files import board_names, latest_board, read_board, write_board
from hvdbench.boards.rows import COLUMNS, Stamp, board_rows, merge_rows
from hvdbench.boards.settings import BoardSettings, board_settings
from hvdbench.boards.text.wide import table
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.recipe import recipe_names
from hvdbench.scoring.frame_scores import PROTOCOL

ARCHITECTURE = (
    "board,protocol,method,dataset,split,clip,truth,subset,metric,value,ci_low,ci_high,n,seed,origin,source,"
    "dataset_digest,run_digest,versions"
)


def test_columns_are_those_of_the_layout_on_disk():
    assert ",".join(COLUMNS) == ARCHITECTURE
    assert tuple(rows().columns) == COLUMNS


def test_a_board_survives_the_round_trip_to_the_last_bit(tmp_path):
    odd = 'a|b, "c" *?<d>'
    made = merge_rows(rows(odd, clips=(1 / 3, 2 / 3, 1e-17 + 7 / 9)), rows("NA", seed=None))
    written = write_board(tmp_path / "trial.csv", made)
    back = read_board("trial", tmp_path)
    pd.testing.assert_frame_equal(back, written, check_exact=True)
    assert set(back["method"]) == {odd, "NA"}
    assert back.loc[back["method"] == "NA", "seed"].isna().all()
    pd.testing.assert_frame_equal(read_board(tmp_path / "trial.csv"), back)


def test_writing_what_was_read_gives_the_same_bytes(tmp_path):
    write_board(tmp_path / "trial.csv", merge_rows(rows("a"), rows("b", seed=None)).iloc[::-1])
    before = [(tmp_path / name).read_bytes() for name in ("trial.csv", "trial.md")]
    write_board(tmp_path / "trial.csv", read_board("trial", tmp_path))
    assert [(tmp_path / name).read_bytes() for name in ("trial.csv", "trial.md")] == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trial.csv", "trial.md"]


def test_merging_replaces_rows_of_the_same_key_only():
    old = merge_rows(rows("a", clips=(20.0, 22.0)), rows("b"))
    merged = merge_rows(old, rows("a", clips=(30.0, 32.0), run_digest="new"))
    assert len(merged) == len(old)
    assert set(merged.loc[merged["method"] == "a", "run_digest"]) == {"new"}
    assert table(merged).set_index("method")["PSNR centroid (dB)"].to_dict() == {"a": 31.0, "b": 32.0}
    assert len(merge_rows(old, rows("a", seed=1))) == len(old) + len(rows("a"))
    assert len(merge_rows(old, rows("a", origin="demo"))) == len(old) + len(rows("a"))


def test_merging_into_nothing_gives_the_new_rows():
    empty = pd.DataFrame(columns=list(COLUMNS))
    assert len(merge_rows(empty, rows())) == len(rows())
    assert merge_rows(merge_rows(empty, rows()), rows()).equals(merge_rows(empty, rows()))


def test_a_board_never_mixes_protocols_or_boards(tmp_path):
    with pytest.raises(InputError, match=r"2 protocols \(hvdbench-1, other\)"):
        merge_rows(rows("a"), rows("b", protocol="other"))
    both = pd.concat([rows("a"), rows("b", protocol="other")])
    with pytest.raises(InputError, match="never mixes"):
        write_board(tmp_path / "trial.csv", both)
    with pytest.raises(InputError, match="2 boards"):
        merge_rows(rows("a"), rows("a", board="else"))
    with pytest.raises(InputError, match="'demo' takes protocol hvdbench-1, and its rows are of other"):
        write_board(tmp_path / "demo.csv", rows(board="demo", protocol="other"))
    assert not list(tmp_path.iterdir())


def test_published_rows_keep_their_own_protocol():
    merged = merge_rows(rows("a"), rows("b", origin="published", protocol="as published", source="a paper, table 2"))
    assert set(merged["protocol"]) == {PROTOCOL, "as published"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": np.inf}, "not a finite number"),
        ({"value": np.nan}, "not a finite number"),
        ({"value": "good"}, "column 'value' contains a value that is not a number"),
        ({"seed": 1.5}, "column 'seed' contains a value that is not a number"),
        ({"origin": "guess"}, "origin 'guess' is not known"),
        ({"truth": "end"}, "truth 'end' is not known"),
        ({"metric": "psnr", "truth": "mid", "clip": "*", "subset": "all"}, "is on it twice"),
        ({"extra": 1}, "it has extra"),
    ],
)
def test_rows_that_are_no_board_are_refused(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        write_board(tmp_path / "trial.csv", rows().assign(**change))
    assert not list(tmp_path.iterdir())


def test_missing_columns_rows_and_suffixes_are_named(tmp_path):
    with pytest.raises(InputError, match="it lacks truth, seed"):
        write_board(tmp_path / "trial.csv", rows().drop(columns=["truth", "seed"]))
    with pytest.raises(InputError, match="at least one row"):
        write_board(tmp_path / "trial.csv", rows().iloc[:0])
    with pytest.raises(InputError, match=r"a board is a \.csv file"):
        write_board(tmp_path / "trial.txt", rows())
    with pytest.raises(InputError, match="the summary lacks ci_low"):
        board_rows(
            pd.DataFrame({"method": []}).reindex(
                columns=["method", "split", "clip", "truth", "subset", "metric", "value", "ci_high", "n"]
            ),
            Stamp("trial", "data", "demo"),
        )


def test_reading_what_is_no_board_says_so(tmp_path):
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"bad\.csv is not a board: it lacks board"):
        read_board("bad", tmp_path)
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InputError, match=r"empty\.csv cannot be read as a CSV"):
        read_board("empty", tmp_path)
    with pytest.raises(UnknownNameError, match="did you mean 'empty'"):
        read_board("emty", tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        read_board(tmp_path / "none.csv")


def test_the_latest_board_is_the_one_written_last(tmp_path):
    with pytest.raises(InputError, match="contains no board"):
        latest_board(tmp_path)
    for age, name in enumerate(("b", "a", "c")):
        write_board(tmp_path / f"{name}.csv", rows(board=name))
        os.utime(tmp_path / f"{name}.csv", (1000 - age, 1000 - age))
    assert latest_board(tmp_path) == tmp_path / "b.csv"
    assert board_names(tmp_path) == ["a", "b", "c"]


def test_the_shipped_board_recipes_load():
    assert {"demo", "goproshake", "real-paired"} <= set(recipe_names("boards"))
    for name in ("demo", "goproshake", "real-paired"):
        values = board_settings(name).values
        assert isinstance(values, BoardSettings)
        assert values.protocol == PROTOCOL
    assert board_settings("real-paired").values.truths == ("mid",)
