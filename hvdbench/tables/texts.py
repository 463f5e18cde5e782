"""Write a table as Markdown, CSV or padded text."""

import csv
import io
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence

from hvdbench.tables.table import Table

_HARMFUL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters steer a terminal, and turning marks make a name read as another one."""

_MARKUP = re.compile(
    r"[\\|`$]|<(?=[A-Za-z/!?])|\*(?=\S)|(?<![^\W_])_(?=\S)|\](?=\()|&(?=#?\w+;)|~(?=~)"
    r"|:(?=//)|(?<=www)\.|(?<=\w)@(?=\w)|(?<![\w&])[@#](?=\w)|:(?=[\w+-]+:)",
    re.IGNORECASE,
)
"""What Markdown, or GitHub's, could take as code, HTML, emphasis, mathematics, a link, an address, somebody's name, the
number of an issue, an emoji, an entity or the end of a cell."""

_FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")
_PLAIN_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def plain(text: object) -> str:
    """Return words on one line, without characters that steer a terminal or turn the reading order."""
    return _HARMFUL.sub("\ufffd", " ".join(str(text).split()))


def markdown_words(text: object) -> str:
    """Return words so that Markdown shows them as they are: no HTML, no link, no emphasis, one cell."""
    return _MARKUP.sub(lambda found: "&lt;" if found[0] == "<" else "\\" + found[0], plain(text))


def sentences(notes: tuple[str, ...]) -> str:
    """Join notes to sentences in one paragraph."""
    return " ".join(f"{note[0].upper()}{note[1:]}." for note in notes)


def markdown(table: Table) -> str:
    """Write a table as Markdown, lines above it and sentences below."""
    heads = [markdown_words(column.title) for column in table.columns]
    rows = [[markdown_words(cell.text) for cell in line] for line in table.lines()]
    lines = [
        "| " + " | ".join(heads) + " |",
        "|" + "|".join("---" if column.kind == "words" else "---:" for column in table.columns) + "|",
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
    above = "".join(f"*{markdown_words(line)}*\n\n" for line in table.above)
    below = f"\n{markdown_words(sentences(table.below))}\n" if table.below else ""
    return above + "\n".join(lines) + "\n" + below


def padded(table: Table) -> str:
    """Write a table for a terminal: columns of one width each, words at the left and numbers at the right.

    Where it is printed to a terminal that is too narrow, columns that do not fit follow below, with the methods again.
    """
    heads = [plain(column.title) for column in table.columns]
    lines = [heads, *([plain(cell.text) for cell in line] for line in table.lines())]
    widths = [max(map(_width, texts)) for texts in zip(*lines, strict=True)]
    lines.insert(1, ["─" * width for width in widths])
    at_left = [column.kind == "words" for column in table.columns]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else sum(widths) + 2 * len(widths)
    parts = [
        "".join("  ".join(_pad(line[n], widths[n], at_left[n]) for n in block).rstrip() + "\n" for line in lines)
        for block in _blocks(widths, heads.index("method") if "method" in heads else 0, room)
    ]
    above = "".join(f"{plain(line)}\n\n" for line in table.above)
    below = "".join(f"\n{plain(sentences((note,)))}" for note in table.below)
    return above + "\n".join(parts) + (f"{below}\n" if below else "")


def _blocks(widths: list[int], first: int, room: int) -> list[list[int]]:
    """Part columns into blocks that fit, each after the first with the column ``first`` in front."""
    blocks: list[list[int]] = [[]]
    for n, width in enumerate(widths):
        if blocks[-1] and sum(widths[m] + 2 for m in blocks[-1]) + width > room and blocks[-1] != [first]:
            blocks.append([first])
        blocks[-1] += [n] if n not in blocks[-1] else []
    return blocks


def _pad(text: str, width: int, at_left: bool) -> str:
    air = " " * (width - _width(text))
    return text + air if at_left else air + text


def _width(text: str) -> int:
    """Count the columns that a terminal needs for a text."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )


def comma_separated(table: Table) -> str:
    """Write a table as CSV with every digit; what has no value is empty, and no cell is a formula."""
    heads = [column.title for column in table.columns]
    return csv_of([heads, *([cell.value for cell in line] for line in table.lines())])


def csv_of(rows: Iterable[Sequence[object]]) -> str:
    """Write rows as CSV: words as :func:`guarded` returns them, numbers with every digit, and None as an empty cell."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in rows:
        writer.writerow(["" if one is None else guarded(one) if isinstance(one, str) else repr(one) for one in row])
    return buffer.getvalue()


def guarded(text: str) -> str:
    """Return a CSV cell that no spreadsheet runs: an apostrophe before a formula makes it a text.

    A text that is a plain number stays as it is. :func:`unguarded` takes the apostrophe away again.
    """
    return f"'{text}" if _FORMULA.match(text) and not _PLAIN_NUMBER.fullmatch(text) else text


def unguarded(text: str) -> str:
    """Return what :func:`guarded` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
