"""The LaTeX of a board compiles, whatever its names and rows."""

import re
import shutil
import subprocess

import pytest
from made_board import rows

from hvdbench.boards.published import published
from hvdbench.boards.rows import merge_rows
from hvdbench.boards.text.texts import export

PAGE = (
    r"\documentclass{article}\usepackage{booktabs}\usepackage[T1]{fontenc}\usepackage[landscape,margin=5mm,"
    r"paperwidth=150cm]{geometry}\begin{document}\tiny "
)


def has_latex() -> bool:
    if not (shutil.which("pdflatex") and shutil.which("kpsewhich")):
        return False
    return not subprocess.run(
        ["kpsewhich", "booktabs.sty", "geometry.sty"], capture_output=True, check=False
    ).returncode


pytestmark = pytest.mark.skipif(
    not has_latex(), reason="needs pdflatex and booktabs (Debian: apt-get install texlive-latex-recommended)"
)


def compiled(folder, *tables):
    """Compile tables and give the words on the page."""
    (folder / "page.tex").write_text(PAGE + "\n\n".join(tables) + r"\end{document}")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"],
        cwd=folder, capture_output=True, text=True, errors="replace", check=False, timeout=120,
    )  # fmt: skip
    log = (folder / "page.log").read_text(errors="replace")
    assert done.returncode == 0, log[-3000:]
    assert re.findall(r"^! .*|Missing character.*", log, re.MULTILINE) == []
    if not shutil.which("pdftotext"):
        return None
    return subprocess.run(["pdftotext", "-layout", "page.pdf", "-"], cwd=folder, capture_output=True, text=True).stdout


def made_board():
    clips = (30.0, 31.0, 32.5)
    board = merge_rows(rows("selfhvd_fusion", clips=clips), rows("50% out_{a}^b ~ \\x # & $", clips=(30.1, 30.9, 32.6)))
    board = merge_rows(board, rows("far < behind > | [x]", clips=(20.0, 21.0, 22.0)))
    board = merge_rows(board, rows("part", clips=(33.0,), origin="simulated"))
    paper = rows("Paper & Sons", origin="published", clips=(40.0, 42.0, 41.0), protocol="as published")
    return merge_rows(board, paper)


def test_ties_incomplete_rows_published_rows_and_odd_names_compile(tmp_path):
    text = compiled(tmp_path, export(made_board(), "latex"))
    if text is not None:
        assert "50% out_{a}" in text
        assert "1 of 3 clips" in text
        assert "Paper & Sons" in text


def test_every_subset_and_metric_of_other_names_compiles(tmp_path):
    board = made_board()
    strata = [
        board[board["subset"] == "not_selected"].assign(subset=name)
        for name in ("distance 1", "extent [2, 4)", "oracle blurry", "moving pixels", "device iphone_15 & 16%")
    ]
    odd = board[board["metric"] == "sharpness"]
    for metric in ("musiq", "edge_spread", "warping_error", "lpips-vgg+", "naïve Δ² − σ 中"):
        board = merge_rows(board, odd.assign(metric=metric, value=0.123))
    for rows_of in strata:
        board = merge_rows(board, rows_of)
    tables = [export(board, "latex", subset=name) for name in sorted(set(board["subset"]))]
    compiled(tmp_path, *tables)


def test_letters_of_other_alphabets_and_accents_in_either_form_compile(tmp_path):
    names = [
        "Łukasz Trần Văn ß æØ",
        "e\u0301 n\u0303 x\u0302 \u0301",
        "Ελλάδα αβγδεζηθικλμνξοπρστυφχψω Σς",
        "ąęđðþŋ §© ²₃ ≤",
    ]
    names += ["* star", "[x] -- ,, ''", "ħ 中文 \u200b"]
    board = rows("plain")
    for name in names:
        board = merge_rows(board, rows(name))
    latex = export(board, "latex")
    assert latex.isascii()
    text = compiled(tmp_path, latex)
    if text is not None:
        assert "* star" in text


@pytest.mark.parametrize("board", ["goproshake", "blur2vid", "hvd-xiaomi", "selfhvd-ablations", "ren-user-studies"])
def test_what_papers_print_compiles(tmp_path, board):
    papers = published(board)
    assert len(papers)
    compiled(tmp_path, export(papers.iloc[:0], "latex", papers=papers))


def test_a_stamp_that_spans_the_lines_of_a_comment_stays_one():
    text = export(rows("m", origin="demo"), "latex")
    above = text[: text.index(r"\begin{tabular}")]
    assert all(line.startswith("% ") for line in above.splitlines())
