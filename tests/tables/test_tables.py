"""The one table and its writers, apart from boards."""

import html
import re
import sys

import pandas as pd
import pytest

from hvdbench.tables.dataframes import as_dataframe, frame_csv, with_formulas
from hvdbench.tables.latex import latex_words
from hvdbench.tables.table import Cell, cell, interval, joined, rounded, table_of
from hvdbench.tables.texts import comma_separated, guarded, markdown, markdown_words, padded, unguarded

HEADS = [("rank", "count"), ("method", "words"), ("PSNR (dB)", "number"), ("SSIM", "number")]
ROWS = [[1, "mine", 31.256, 0.9], [2, "theirs", -0.001, None]]


def test_numbers_are_rounded_without_a_sign_on_zero():
    assert [rounded(value, 2) for value in (1.005, -0.001, -0.0, -0.006, float("nan"))] == [
        *("1.00", "0.00", "0.00", "-0.01", "–"),
    ]
    assert [rounded(value, 1, signed=True) for value in (0.26, -0.26, 0.04, -0.04)] == ["+0.3", "-0.3", "0.0", "0.0"]
    assert interval(-0.001, 2.0, 2) == "0.00 to 2.00"
    assert interval(float("nan"), 2.0, 2) == ""


def test_one_table_says_the_same_in_every_format():
    found = table_of(HEADS, ROWS, above=["above"], below=["one note"])
    assert markdown(found) == (
        "*above*\n\n| rank | method | PSNR (dB) | SSIM |\n|---:|---|---:|---:|\n"
        "| 1 | mine | 31.26 | 0.90 |\n| 2 | theirs | 0.00 | – |\n\nOne note.\n"
    )
    assert padded(found) == (
        "above\n\nrank  method  PSNR (dB)  SSIM\n────  ──────  ─────────  ────\n"
        "   1  mine        31.26  0.90\n   2  theirs       0.00     –\n\nOne note.\n"
    )
    assert comma_separated(found) == "rank,method,PSNR (dB),SSIM\n1,mine,31.256,0.9\n2,theirs,-0.001,\n"
    assert as_dataframe(found)["SSIM"].isna().tolist() == [False, True]


def test_a_narrow_terminal_gets_the_columns_that_do_not_fit_below_with_the_methods_again(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "24")
    monkeypatch.setenv("LINES", "24")
    assert padded(table_of(HEADS, ROWS)) == (
        "rank  method  PSNR (dB)\n────  ──────  ─────────\n   1  mine        31.26\n   2  theirs       0.00\n\n"
        "method  SSIM\n──────  ────\nmine    0.90\ntheirs     –\n"
    )


def test_tables_are_joined_under_one_heading():
    one, other = table_of([("a", "words")], [["x"]]), table_of([("a", "words"), ("b", "number")], [["y", 2.0]])
    assert comma_separated(joined(one, other)) == "a,b\nx,\ny,2.0\n"


@pytest.mark.parametrize("text", ["=1", "+1+1", "-x", "@a", "\tx", "\rx", "'=1", "''-x", "－1"])
def test_a_formula_is_guarded_and_comes_back(text):
    assert guarded(text) == f"'{text}"
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", ["-5", "+1.5e-3", "-.5", "it's", "'quoted'", "a=b", "", "–"])
def test_what_is_no_formula_stays_as_it_is(text):
    assert guarded(text) == text
    assert unguarded(text) == text


def test_a_dataframe_is_guarded_in_words_and_titles_alone():
    rows = pd.DataFrame({"=a": ["=1", "b"], "n": [-1.5, 2.0]})
    assert frame_csv(rows) == "'=a,n\n'=1,-1.5\nb,2.0\n"
    assert with_formulas(pd.DataFrame({"x": ["'=1", "b"]}))["x"].tolist() == ["=1", "b"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("50% a_b & {c}", r"50\% a\_b \& \{c\}"),
        ("é", r"\'{e}"),
        ("e\u0301", r"\'{e}"),
        ("ế", r"\'{\^{e}}"),
        ("Łódź", r"\L{}\'{o}d\'{z}"),
        ("αΑά", r"$\alpha$$\mathrm{A}$$\acute{\alpha}$"),
        ("a--b", "a-{}-b"),
        ("–", "--"),
        ("中", "{[}U+4E2D{]}"),
        ("* [x]", "{*} {[}x{]}"),
        ("한", "{[}U+D55C{]}"),
        ("Ё", "{[}U+0401{]}"),
        ("😀", "{[}U+1F600{]}"),
        ("s\u0326", r"\c{s}"),
        ("∇x ∈ 𝛼", r"$\nabla$x $\in$ $\alpha$"),
        ("ﬁＡ", "fiA"),
    ],
)
def test_latex_has_a_command_for_every_sign_or_shows_its_number(text, written):
    assert latex_words(text) == written


@pytest.mark.parametrize(
    "name",
    [
        *(
            "<b>x</b>",
            "a|b",
            "`x`",
            "*x*",
            "**x**",
            "x*y*z",
            "_x_",
            "a__b__c",
            "[x](http://e)",
            "![x](y)",
            "[^1]",
            "\\",
        ),
        *(
            "www.evil.com",
            "WWW.evil.com",
            "https://evil.com",
            "a@b.com",
            "@me",
            "#12",
            "~~x~~",
            "$x$",
            "&amp;",
            "&#60;",
        ),
        *("x:smile:", "<!-- x", "<script>x</script>", "# x", "1. x", "a_b", "C:\\x", "a - b"),
    ],
)
def test_markdown_shows_a_name_as_it_is_in_a_cell(name):
    renderer = pytest.importorskip("markdown_it", reason="shows what Markdown makes of names")
    written = markdown_words(name)
    page = renderer.MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(f"| a |\n|---|\n| {written} |\n")
    assert html.unescape(page.partition("<td>")[2].partition("</td>")[0]) == name
    # what GitHub makes of a bare address, a name, a number and mathematics, which no renderer here does
    assert not re.search(
        r"(?i)www\.|(?<!\\)://|\w@\w|(?<![\w\\])[@][a-z]|(?<![\w\\&])#\d|(?<!\\)\$|(?<!\\):\w+:", written
    )


def test_a_cell_knows_what_it_was_rounded_from():
    assert cell(-0.0) == Cell("0.00", 0.0)
    assert str(cell(-0.0).value) == "0.0"
    assert cell(None) == cell(float("nan")) == Cell()
    assert (cell("").text, cell(3).text) == ("", "3")
