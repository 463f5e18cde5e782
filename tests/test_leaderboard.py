import os

import numpy as np
import pandas as pd
import pytest

from hvdbench.errors import InputError, UnknownNameError
from hvdbench.evaluation import FRAME_COLUMNS, PROTOCOL, summarise
from hvdbench.leaderboard import (
    COLUMNS,
    BoardSettings,
    Stamp,
    board_names,
    board_rows,
    board_settings,
    export,
    formatted,
    latest_board,
    merge_rows,
    read_board,
    stamp_lines,
    table,
    write_board,
)
from hvdbench.recipe import recipe_names

ARCHITECTURE = (
    "board,protocol,method,dataset,split,clip,truth,subset,metric,value,ci_low,ci_high,n,seed,origin,source,"
    "dataset_digest,run_digest,versions"
)


def rows(method="m", origin="measured", clips=(31.0, 33.0), seed=0, board="trial", centroid=True, **stamp):
    frames = []
    for index, score in enumerate(clips):
        one = pd.DataFrame({"frame": [0, 1], "selected": [False, True], "sharpness_input": 200.0, "shift_px": 0.0625})
        one = one.assign(sharpness=300.0, psnr_mid=score - 2, ssim_mid=0.91236, psnr_gain_mid=[-1.0, 1.0])
        if centroid:
            one = one.assign(
                psnr_centroid=score, ssim_centroid=0.95, psnr_gain_centroid=1.0, psnr_registered_centroid=score
            )
        frames.append(one.reindex(columns=FRAME_COLUMNS).assign(method=method, split="test", clip=f"clip{index}"))
    values = {"board": board, "dataset": "data", "origin": origin, "seed": seed, "versions": "hvdbench 0.1.0, numpy 2"}
    return board_rows(summarise(pd.concat(frames)), Stamp(**(values | stamp)))


def test_columns_are_those_of_the_layout_on_disk():
    assert ",".join(COLUMNS) == ARCHITECTURE
    assert tuple(rows().columns) == COLUMNS


def test_a_board_survives_the_round_trip_to_the_last_bit(tmp_path):
    odd = 'a|b, "c"\nd'
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
    with pytest.raises(InputError, match="'demo' takes protocol hvdbench-1, found other"):
        write_board(tmp_path / "demo.csv", rows(board="demo", protocol="other"))
    assert not list(tmp_path.iterdir())


def test_published_rows_keep_their_own_protocol():
    merged = merge_rows(rows("a"), rows("b", origin="published", protocol="as published", source="a paper, table 2"))
    assert set(merged["protocol"]) == {PROTOCOL, "as published"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": np.inf}, "no finite number"),
        ({"value": np.nan}, "no finite number"),
        ({"value": "good"}, "column 'value' holds what is no number"),
        ({"seed": 1.5}, "column 'seed' holds what is no number"),
        ({"origin": "guess"}, "no origin 'guess'"),
        ({"truth": "end"}, "no truth 'end'"),
        ({"metric": "psnr", "truth": "mid", "clip": "*", "subset": "all"}, "stands on it twice"),
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
    with pytest.raises(InputError, match=r"written as \.csv"):
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
    with pytest.raises(InputError, match=r"bad\.csv is no board: it lacks board"):
        read_board("bad", tmp_path)
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InputError, match=r"empty\.csv is no CSV"):
        read_board("empty", tmp_path)
    with pytest.raises(UnknownNameError, match="did you mean 'empty'"):
        read_board("emty", tmp_path)
    with pytest.raises(InputError, match="is missing"):
        read_board(tmp_path / "none.csv")


def test_the_latest_board_is_the_one_written_last(tmp_path):
    with pytest.raises(InputError, match="holds no board"):
        latest_board(tmp_path)
    for age, name in enumerate(("b", "a", "c")):
        write_board(tmp_path / f"{name}.csv", rows(board=name))
        os.utime(tmp_path / f"{name}.csv", (1000 - age, 1000 - age))
    assert latest_board(tmp_path) == tmp_path / "b.csv"
    assert board_names(tmp_path) == ["a", "b", "c"]


def test_the_table_names_truth_and_unit_and_has_the_best_method_first():
    wide = table(merge_rows(merge_rows(rows("low", clips=(20.0, 22.0)), rows("top", clips=(35.0, 37.0))), rows("mean")))
    assert wide["method"].tolist() == ["top", "mean", "low"]
    assert wide.columns.tolist() == [
        "method", "origin", "clips",
        "PSNR centroid (dB)", "± PSNR centroid (dB)", "SSIM centroid", "PSNR registered centroid (dB)",
        "worse frames centroid (%)",
        "PSNR mid (dB)", "± PSNR mid (dB)", "SSIM mid", "worse frames mid (%)",
        "sharpness", "sharpness ratio", "shift (px)",
    ]  # fmt: skip
    first = wide.iloc[0]
    assert (first["PSNR centroid (dB)"], first["PSNR mid (dB)"], first["clips"]) == (36.0, 34.0, 2)
    assert first["± PSNR centroid (dB)"] == pytest.approx(12.7062047)
    assert first["worse frames mid (%)"] == 100.0
    assert first["sharpness ratio"] == 1.5


def test_without_a_centroid_truth_mid_ranks_and_without_any_sharpness():
    mid = merge_rows(rows("a", centroid=False, clips=(20.0,)), rows("b", centroid=False, clips=(30.0,)))
    assert table(mid)["method"].tolist() == ["b", "a"]
    assert "PSNR centroid (dB)" not in table(mid)
    assert "± PSNR mid (dB)" not in table(mid)  # one clip has no interval
    bare = mid[mid["truth"] == "none"].copy()
    bare.loc[(bare["method"] == "a") & (bare["metric"] == "sharpness"), "value"] = 900.0
    assert table(bare)["method"].tolist() == ["a", "b"]


def test_the_order_of_truths_is_the_boards():
    wide = table(rows(), truths=("mid",))
    assert [name for name in wide.columns if "centroid" in name] == []
    assert table(rows(), truths=("mid", "centroid")).columns[3] == "PSNR mid (dB)"


def test_published_rows_come_after_all_measured_ones_and_say_what_they_are():
    paper = rows("paper", origin="published", clips=(40.0, 42.0), protocol="as published")
    wide = table(merge_rows(merge_rows(rows("ours"), paper), rows("toy", origin="demo", clips=(20.0, 21.0))))
    assert list(zip(wide["method"], wide["origin"], strict=True)) == [
        ("ours", "measured"),
        ("toy", "demo"),
        ("paper", "published"),
    ]


def test_datasets_and_seeds_appear_once_there_are_several():
    board = merge_rows(merge_rows(rows("a"), rows("a", seed=1)), rows("a", dataset="more"))
    wide = table(board)
    assert wide.columns[:5].tolist() == ["method", "origin", "dataset", "seed", "clips"]
    assert wide[["dataset", "seed"]].values.tolist() == [["data", 0], ["data", 1], ["more", 0]]


def test_one_clip_and_other_subsets_can_be_laid_out():
    wide = table(rows(), subset="all", clip="clip1")
    assert (wide.loc[0, "frames"], wide.loc[0, "PSNR centroid (dB)"]) == (2, 33.0)
    assert table(rows(), clip="none such").empty


def test_decibels_have_two_decimals_and_ssim_four():
    text = formatted(table(merge_rows(rows("a"), rows("b", centroid=False)))).set_index("method")
    assert text.loc["a", "PSNR centroid (dB)"] == "32.00"
    assert text.loc["a", "SSIM mid"] == "0.9124"
    assert text.loc["a", "shift (px)"] == "0.062"
    assert text.loc["b", "PSNR centroid (dB)"] == "–"
    assert text.loc["a", "clips"] == "2"


def test_markdown_keeps_every_cell_in_its_column():
    text = export(merge_rows(rows("a|b\\|c"), rows("line\nbreak")), "md")
    header, dashes, *body = text.splitlines()
    for line in body:
        assert line.replace("\\\\", "").replace("\\|", "").count("|") == header.count("|") == dashes.count("|")
    assert "a\\|b\\\\\\|c" in text
    assert "line break" in text


def test_demo_and_simulated_rows_are_stamped_above_the_table_and_measured_ones_are_not(tmp_path):
    demo = export(rows(origin="demo"), "md")
    assert "simulated trajectories, embedded demo scenes" in demo.splitlines()[0]
    assert "| demo |" in demo
    assert "simulated trajectories" in export(rows(origin="simulated"), "md").splitlines()[0]
    assert stamp_lines(rows()) == []
    assert export(rows(), "md").startswith("| method | origin |")
    write_board(tmp_path / "demo.csv", rows(origin="demo", board="demo"))
    page = (tmp_path / "demo.md").read_text()
    assert page.index("simulated trajectories, embedded demo scenes") < page.index("| method |")
    assert page.startswith(f"# {board_settings('demo').values.title}\n")
    assert "## Frames not selected as sharp" in page
    assert "## All frames" in page


def test_csv_has_full_values_and_latex_escapes_names():
    board = rows("a_b & 100% ~^\\", origin="demo", clips=(1 / 3, 2 / 3))
    assert "0.5,origin" not in export(board, "csv")
    assert export(board, "csv").splitlines()[0].startswith("method,origin,clips,PSNR centroid (dB)")
    latex = export(board, "latex")
    assert r"a\_b \& 100\% \textasciitilde{}\textasciicircum{}\textbackslash{}" in latex
    assert r"$\pm$ PSNR centroid (dB)" in latex
    assert latex.startswith("% demo rows")


def test_export_names_what_it_does_not_have():
    with pytest.raises(UnknownNameError, match="no format named 'mdd'; did you mean 'md'"):
        export(rows(), "mdd")
    with pytest.raises(InputError, match="no row for subset 'other'"):
        export(rows(), subset="other")


def test_the_shipped_board_recipes_load():
    assert {"demo", "goproshake", "real-paired"} <= set(recipe_names("boards"))
    for name in ("demo", "goproshake", "real-paired"):
        values = board_settings(name).values
        assert isinstance(values, BoardSettings)
        assert values.protocol == PROTOCOL
    assert board_settings("real-paired").values.truths == ("mid",)


def test_a_board_with_unknown_subsets_or_no_mean_is_still_written(tmp_path):
    board = rows(clips=(30.0,))
    board = board[board["clip"] != "*"].assign(subset="at_night")
    board = board.drop_duplicates(["truth", "metric"])
    write_board(tmp_path / "trial.csv", board)
    assert "## at_night, clip clip0" in (tmp_path / "trial.md").read_text()
