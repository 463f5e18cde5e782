"""Boards as people read them: order, titles, rounding, escapes, stamps."""

import csv
import re
import shutil
import subprocess

import pytest
from made_board import rows

from hvdbench.boards.files import read_board, write_board
from hvdbench.boards.published import published
from hvdbench.boards.rows import merge_rows
from hvdbench.boards.settings import board_settings, settings_of
from hvdbench.boards.text.notes import stamp_lines
from hvdbench.boards.text.texts import export
from hvdbench.boards.text.wide import board_table, papers_table, table
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.tables.table import Table


def texts_of(found: Table) -> dict[str, list[str]]:
    """Return what a table shows, by title."""
    lines = list(found.lines())
    return {one.title: [line[place].text for line in lines] for place, one in enumerate(found.columns)}


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
    board = merge_rows(merge_rows(rows("a"), rows("b", seed=1)), rows("a", dataset="more"))
    wide = table(board)
    assert wide.columns[:5].tolist() == ["method", "origin", "dataset", "seed", "clips"]
    assert wide[["dataset", "seed"]].values.tolist() == [["data", 0], ["data", 1], ["more", 0]]


def test_a_dataset_without_the_first_truth_is_ordered_by_the_next_one():
    captured = [rows(name, dataset="more", clips=(value,)) for name, value in (("a", 30.0), ("b", 31.0))]
    captured = [one[one["truth"] != "centroid"] for one in captured]
    board = merge_rows(merge_rows(rows("a"), rows("b", clips=(20.0, 21.0))), merge_rows(*captured))
    wide = table(board)
    assert wide[["dataset", "method"]].values.tolist() == [["data", "a"], ["data", "b"], ["more", "b"], ["more", "a"]]


def test_one_clip_and_other_subsets_can_be_laid_out():
    wide = table(rows(), subset="all", clip="clip1")
    assert (wide.loc[0, "frames"], wide.loc[0, "PSNR centroid (dB)"]) == (2, 33.0)
    assert table(rows(), clip="none such").empty


def test_decibels_have_two_decimals_and_ssim_four():
    shown = texts_of(board_table(merge_rows(rows("a"), rows("b", centroid=False))))
    assert shown["method"] == ["a", "b"]
    assert shown["PSNR centroid (dB)"] == ["32.00", "–"]
    assert shown["SSIM mid"][0] == "0.9124"
    assert shown["shift (px)"][0] == "0.062"
    assert shown["clips"][0] == "2"


def test_markdown_keeps_every_cell_in_its_column():
    text = export(merge_rows(rows("a|b\\|c"), rows("line\nbreak")), "md")
    _, table_lines, notes = text.split("\n\n")
    assert notes.startswith("Fewer than 20 clips (2): ")
    header, dashes, *body = table_lines.splitlines()
    for line in body:
        assert line.replace("\\\\", "").replace("\\|", "").count("|") == header.count("|") == dashes.count("|")
    assert "a\\|b\\\\\\|c" in text
    assert "line break" in text


def test_demo_and_simulated_rows_are_stamped_above_the_table_and_measured_ones_are_not(tmp_path):
    demo = export(rows(origin="demo"), "md")
    assert "simulated trajectories, embedded demo scenes" in demo.splitlines()[2]
    assert "| demo |" in demo
    assert "simulated trajectories" in export(rows(origin="simulated"), "md").splitlines()[2]
    assert stamp_lines(rows()) == []
    assert export(rows(), "md").splitlines()[2].startswith("| method | origin |")
    write_board(tmp_path / "demo.csv", rows(origin="demo", board="demo"))
    page = (tmp_path / "demo.md").read_text()
    assert page.index("simulated trajectories, embedded demo scenes") < page.index("| method |")
    assert page.startswith(f"# {board_settings('demo').values.title}\n")
    assert "## Frames not selected as sharp" in page
    assert "## All frames" in page


def test_csv_has_full_values_and_latex_escapes_names():
    board = rows("a_b & 100% ~^\\", origin="demo", clips=(1 / 3, 2 / 3))
    assert "0.5,origin" not in export(board, "csv")
    assert export(board, "csv").splitlines()[0].startswith("method,origin,subset,protocol,clips,PSNR centroid (dB)")
    latex = export(board, "latex")
    assert r"a\_b \& 100\% \textasciitilde{}\textasciicircum{}\textbackslash{}" in latex
    assert r"$\pm$ PSNR centroid (dB)" in latex
    assert latex.splitlines()[1].startswith("% demo rows")


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
    assert texts_of(board_table(merge_rows(rows("a"), odd)))["clarity"] == ["0.1235"]


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
    assert len(papers_table(papers).rows) == 10


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


# What is marked


def placed(board, title, **changes):
    """Return the place of each method in a column: 1 is the best, 2 the second best, 0 neither."""
    found = board_table(board, **changes)
    (one,) = (column for column in found.columns if column.title == title)
    return {row.facts["method"]: row.cells[one.key].place for row in found.rows}


def test_the_best_and_second_best_of_a_column_are_marked_and_equal_texts_share_a_place():
    board = rows("top", clips=(30.001, 31.001))
    for name, clips in (("even", (30.0, 31.0)), ("next", (29.0, 30.0)), ("last", (20.0, 21.0))):
        board = merge_rows(board, rows(name, clips=clips))
    assert placed(board, "PSNR centroid (dB)") == {"top": 1, "even": 1, "next": 2, "last": 0}
    assert set(placed(board, "SSIM centroid").values()) == {0}  # all are equal: none is better than another
    assert set(placed(board, "sharpness").values()) == {0}  # neither more nor less is better in itself


def test_less_is_better_where_the_metric_says_so_and_an_incomplete_or_published_row_is_never_marked():
    board = merge_rows(rows("a", clips=(30.0, 31.0)), rows("b", clips=(32.0, 33.0)))
    board = merge_rows(board, rows("part", clips=(40.0,)))
    board = merge_rows(board, rows("paper", origin="published", clips=(50.0, 51.0), protocol="theirs"))
    board.loc[(board["metric"] == "shift_px") & (board["method"] == "a"), "value"] = 0.01
    assert placed(board, "shift (px)") == {"b": 0, "a": 1, "part": 0, "paper": 0}
    assert placed(board, "PSNR centroid (dB)") == {"b": 1, "a": 0, "part": 0, "paper": 0}
    cell = next(row for row in board_table(board).rows if row.facts["method"] == "part").cells["centroid:psnr"]
    assert (cell.text, cell.value, cell.is_incomplete) == ("–", None, True)


@pytest.mark.parametrize(("metric", "title"), [("shift_px", "shift (px)"), ("worse_share", "worse frames mid (%)")])
def test_the_input_is_never_the_best_where_a_metric_measures_the_change_of_it(metric, title):
    board = merge_rows(rows("blurry"), merge_rows(rows("a"), rows("b")))
    for name, value in (("blurry", 0.0), ("a", 0.2), ("b", 0.4)):
        board.loc[(board["metric"] == metric) & (board["method"] == name), "value"] = value
    assert placed(board, title) == {"blurry": 0, "a": 1, "b": 0}  # the second of two is the worst
    alone = board[board["method"] != "b"]
    assert placed(alone, title) == {"blurry": 0, "a": 0}  # nothing is left to be better than


def test_the_interval_of_a_share_stays_within_what_a_share_can_be():
    board = rows("a")
    at = (board["metric"] == "worse_share") & (board["clip"] == "*")
    board.loc[at, ["value", "ci_low", "ci_high"]] = [0.5, -0.2, 1.3]
    assert board_table(board).rows[0].cells["mid:worse_share"].interval == "0.0 to 100.0"


def test_the_best_is_bold_and_the_second_underlined_in_latex():
    board = merge_rows(rows("blurry", clips=(20.0, 21.0)), merge_rows(rows("a"), rows("b", clips=(25.0, 26.0))))
    board = merge_rows(board, rows("c", clips=(24.0, 25.0)))
    latex = export(board, "latex")
    first = {line.split(" & ")[0]: line.split(" & ")[4] for line in latex.splitlines() if "measured" in line}
    assert first == {"a": r"\textbf{32.00}", "b": r"\underline{25.50}", "c": "24.50", "blurry": "20.50"}


# Numbers


def test_what_rounds_to_zero_has_no_sign():
    board = rows("a")
    board.loc[board["metric"] == "shift_px", ["value", "ci_low", "ci_high"]] = [-1e-9, -0.0, -2e-9]
    board.loc[board["metric"] == "psnr", "value"] = -0.0
    shown = texts_of(board_table(board))
    assert shown["shift (px)"] == ["0.000"]
    assert shown["PSNR centroid (dB)"] == ["0.00"]
    assert board_table(board).rows[0].cells["none:shift_px"].interval == "0.000 to 0.000"
    for kind in ("md", "latex", "text", "csv"):
        assert not re.search(r"-0\.0+(?![\d e])", export(board, kind))


# Names that strangers chose


SCRIPT = "<script>alert(1)</script>"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (SCRIPT, "&lt;script>alert(1)&lt;/script>"),
        ("<svg onload=1>", "&lt;svg onload=1>"),
        ("![x](https://a.example/b.png)", r"![x\](https\://a.example/b.png)"),
        ("*strong* __init__ `code`", r"\*strong* \_\_init__ \`code\`"),
        ("&lt;b&gt; &#60;", r"\&lt;b\&gt; \&#60;"),
        ("a_b & 100% ~ 3 * 4 [x]", "a_b & 100% ~ 3 * 4 [x]"),
        ("red\x1b[31m\u202egnp.exe", "red\ufffd[31m\ufffdgnp.exe"),
    ],
)
def test_markdown_takes_no_name_for_markup(tmp_path, name, shown):
    board = rows(name, dataset=name, board="trial", protocol="p", origin="published")
    board = merge_rows(board, rows("b", dataset="other", protocol="p", origin="published"))
    assert f"| {shown} | published | {shown} |" in export(board, "md")
    odd = merge_rows(rows("a"), rows("a").assign(subset=SCRIPT, metric=SCRIPT))
    write_board(tmp_path / "trial.csv", odd)
    page = (tmp_path / "trial.md").read_text()
    assert "<" not in page
    assert "## &lt;script>alert(1)&lt;/script>" in page


@pytest.mark.parametrize("name", ["=cmd|'..'!A1", "+1+1", "-2+3", "@SUM(A1)", "'=1", "＝1+1", "- a dash"])
def test_a_csv_has_no_live_formula_and_a_board_reads_its_own_names_back(tmp_path, name):
    board = rows(name, dataset=name)
    board = board.assign(clip=board["clip"].where(board["clip"] == "*", name + board["clip"]))
    (method, *_), head = list(csv.reader(export(board, "csv").splitlines()))[1], export(board, "csv").splitlines()[0]
    assert method == f"'{name}"
    assert head.startswith("method,origin,")
    write_board(tmp_path / "trial.csv", board)
    cells = [cell for line in csv.reader((tmp_path / "trial.csv").read_text().splitlines()) for cell in line]
    assert [cell for cell in cells if cell and cell[0] in "=+-@\t\r＝" and not re.fullmatch(r"-?[\d.e-]+", cell)] == []
    again = read_board(str(tmp_path / "trial.csv"))
    assert set(again["method"]) == {name}
    assert set(again["clip"]) == set(board["clip"])


def test_plain_negative_numbers_stay_numbers_in_a_csv():
    board = rows("-5")
    board.loc[board["metric"] == "shift_px", "value"] = -1.25
    text = export(board, "csv")
    assert ",-1.25\n" in text
    assert text.splitlines()[1].startswith("-5,measured,")


def test_a_terminal_gets_columns_of_one_width_with_wide_letters_counted_twice():
    board = merge_rows(rows("方法"), rows("a_longer_name", clips=(9.0, 9.5)))
    lines = export(board, "text").splitlines()[2:]
    assert lines[0].split()[:3] == ["method", "origin", "clips"]
    at = lines[0].index("origin")
    assert lines[3].startswith("a_longer_name  measured")
    assert lines[2].startswith("方法" + " " * (at - 4) + "measured")
    assert len({len(line) - (2 if "方" in line else 0) + (2 if "方" in line else 0) * 2 for line in lines[:4]}) == 1


@pytest.mark.parametrize("kind", ["md", "latex", "text"])
def test_a_caption_names_frames_clips_dataset_protocol_and_truth(kind):
    board = merge_rows(rows("a"), rows("b"))
    whole = "2 clips of data, split test; protocol hvdbench-1; truths centroid and mid"
    plain = export(board, kind).splitlines()[0].replace("\\_", "_")
    assert plain.strip("*% ") == f"Frames not selected as sharp; {whole}"
    last = max(set(board["clip"]) - {"*"})
    one = board[(board["subset"] != "selected") | (board["clip"] != last)]
    found = export(one, kind, subset="selected", truths=("mid",)).splitlines()[0]
    assert "Frames selected as sharp; 1 of 2 clips of data" in found
    assert "; truth mid" in found


def test_papers_alone_have_no_caption_of_ours():
    board = rows("a", protocol="p", origin="published")
    assert "protocol" not in export(board, "md")
