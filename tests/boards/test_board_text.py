"""Boards as people read them: order, titles, rounding, escapes, stamps."""

import csv
import re
import shutil
import subprocess

import pytest
from made_board import rows

from hvdbench.boards.files import write_board
from hvdbench.boards.published import published
from hvdbench.boards.rows import merge_rows
from hvdbench.boards.settings import board_settings, settings_of
from hvdbench.boards.text.texts import export
from hvdbench.boards.text.wide import formatted, published_table, stamp_lines, table
from hvdbench.errors import InputError, UnknownNameError


def test_the_table_names_truth_and_unit_and_has_the_best_method_first():
    wide = table(merge_rows(merge_rows(rows("low", clips=(20.0, 22.0)), rows("top", clips=(35.0, 37.0))), rows("mean")))
    assert wide["method"].tolist() == ["top", "mean", "low"]
    assert wide.columns.tolist() == [
        "method", "origin", "clips", "ties",
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
    table_lines, _, notes = text.partition("\n\n")
    assert notes.startswith("Fewer than 20 clips (2): ")
    header, dashes, *body = table_lines.splitlines()
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


def test_a_board_with_unknown_subsets_or_no_mean_is_still_written(tmp_path):
    board = rows(clips=(30.0,))
    board = board[board["clip"] != "*"].assign(subset="at_night")
    board = board.drop_duplicates(["truth", "metric"])
    write_board(tmp_path / "trial.csv", board)
    assert "## at_night, clip clip0" in (tmp_path / "trial.md").read_text()


def test_a_metric_that_nothing_knows_of_has_a_column_of_its_own_name():
    odd = rows("a")[lambda found: found["metric"] == "sharpness"].assign(metric="clarity", value=0.123456)
    wide = table(merge_rows(rows("a"), odd))
    assert wide["clarity"].tolist() == [0.123456]
    assert formatted(wide)["clarity"].tolist() == ["0.1235"]


def test_a_board_may_be_ranked_by_another_metric_and_least_first():
    board = merge_rows(rows("a", clips=(20.0, 21.0)), rows("b", clips=(30.0, 31.0)))
    board.loc[(board["metric"] == "shift_px") & (board["method"] == "b"), "value"] = 3.0
    assert table(board, rank="shift_px")["method"].tolist() == ["a", "b"]
    assert table(board)["method"].tolist() == ["b", "a"]


def test_papers_numbers_stand_in_a_table_of_their_own_below_the_measured_ones():
    board, papers = rows("ours", board="goproshake", dataset="goproshake-hvdbench-1"), published("goproshake")
    text = export(board, "md", papers=papers)
    above, below = text.split("*Published numbers")
    assert "SelfHVD, BasicVSR++" in below
    assert "SelfHVD, BasicVSR++" not in above
    assert "ours" not in below
    assert "not ranked with others" in below
    lines = export(board, "csv", papers=papers).splitlines()
    assert lines[0].startswith("method,origin,")
    assert lines[1].startswith("ours,measured,")
    assert all(",published," in line for line in lines[2:])
    assert {len(row) for row in csv.reader(lines)} == {len(lines[0].split(","))}
    assert len(published_table(papers)) == 10


def test_a_board_is_written_with_the_papers_numbers_beside_it(tmp_path):
    write_board(tmp_path / "goproshake.csv", rows("ours", board="goproshake", dataset="goproshake-hvdbench-1"))
    page = (tmp_path / "goproshake.md").read_text()
    assert page.index("| ours |") < page.index("## Published") < page.index("SelfHVD, BasicVSR++")
    assert "published" not in (tmp_path / "goproshake.csv").read_text()


def has_latex():
    found = shutil.which("pdflatex") and shutil.which("kpsewhich")
    return (
        bool(found) and not subprocess.run(["kpsewhich", "booktabs.sty"], capture_output=True, check=False).returncode
    )


@pytest.mark.skipif(not has_latex(), reason="needs pdflatex and booktabs (Debian: texlive-latex-recommended)")
def test_the_tables_compile_in_latex(tmp_path):
    board = merge_rows(rows("a_b & 100% ~^\\ [x] <y> |z| #1 {q}"), rows("part", clips=(30.0,), origin="simulated"))
    texts = [
        export(board, "latex"),
        *(export(papers.iloc[:0], "latex", papers=papers) for papers in map(published, ("goproshake", "blur2vid"))),
    ]
    page = r"\documentclass{article}\usepackage{booktabs}\usepackage[T1]{fontenc}\begin{document}\tiny "
    (tmp_path / "page.tex").write_text(page + "\n\n".join(texts) + r"\end{document}")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert not re.search(
        r"^! |Missing character", done.stdout + (tmp_path / "page.log").read_text(errors="replace"), re.MULTILINE
    )
    assert (tmp_path / "page.pdf").stat().st_size > 1000


def test_the_recipe_of_a_board_says_what_ranks_it():
    assert settings_of(published("hvd-xiaomi")).rank == "musiq"
    assert settings_of(published("goproshake")).rank == "psnr"
