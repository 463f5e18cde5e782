"""Write one table of a board, or a whole board, as text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from hvdbench.boards.text.notes import PAPERS, shown_subsets, stamp_lines, subset_words
from hvdbench.boards.text.wide import board_table, papers_table
from hvdbench.catalog import unknown
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.store import Truth
from hvdbench.tables.latex import latex
from hvdbench.tables.table import Column, Row, Table, cell, joined
from hvdbench.tables.texts import comma_separated, markdown, markdown_words, padded

WRITERS: Mapping[str, Callable[[Table], str]] = {"md": markdown, "latex": latex, "text": padded}
FORMATS = ("csv", *WRITERS)


def export(
    board: pd.DataFrame,
    kind: str = "md",
    *,
    subset: str = "not_selected",
    clip: str = "*",
    truths: Sequence[Truth] = ("centroid", "mid"),
    rank: str = "psnr",
    papers: pd.DataFrame | None = None,
) -> str:
    """Write one table of a board as text; a line above it names frames, clips, protocol and truth.

    In a CSV, which has no line above, columns name the frames and the protocol.

    Args:
        board: a board's rows; none where only papers have numbers.
        kind: ``csv`` (the full values), or rounded ``md``, ``latex`` (booktabs) or ``text`` (for a terminal).
        subset: as in :func:`hvdbench.boards.text.wide.table`.
        clip: as there.
        truths: as there.
        rank: as there.
        papers: published rows for a table of their own below; in a CSV, for rows at the end.

    Raises:
        UnknownNameError: if there is no such format.
        InputError: if the board has no row for that subset and clip.
    """
    if kind not in FORMATS:
        raise UnknownNameError(unknown("format", kind, FORMATS))
    beside = papers is not None and len(papers) > 0
    if not ((board["subset"] == subset) & (board["clip"] == clip)).any() and (len(board) or not beside):
        raise InputError(f"the board has no row for subset '{subset}' and clip '{clip}': choose another")
    parts = [board_table(board, subset=subset, clip=clip, truths=truths, rank=rank)] if len(board) else []
    parts += [papers_table(papers)] if papers is not None and beside else []
    if kind != "csv":
        return "\n".join(map(WRITERS[kind], parts))
    whole = parts[0] if len(parts) == 1 else joined(*parts)
    first = tuple(Column(name, name, "words") for name in ("method", "origin", "subset", "protocol"))
    rest = tuple(one for one in whole.columns if one.key not in ("method", "origin"))
    rows = tuple(_with_words(row, subset) for row in whole.rows)
    return comma_separated(replace(whole, columns=(*first, *rest), rows=rows))


def _with_words(row: Row, subset: str) -> Row:
    """Return a row with the words that stand above the table in other formats."""
    of_frames = {} if row.facts["origin"] == "published" else {"subset": cell(subset)}
    return replace(row, cells={**row.cells, **of_frames, "protocol": cell(row.facts["protocol"])})


def document(
    board: pd.DataFrame,
    *,
    title: str,
    truths: Sequence[Truth],
    note: str,
    rank: str = "psnr",
    papers: pd.DataFrame | None = None,
) -> str:
    """Write the Markdown beside a board's CSV: one table for each subset, then papers' numbers.

    Args:
        board: a board's rows, of any subsets and clips.
        title: the heading.
        truths: as in :func:`hvdbench.boards.text.wide.table`.
        note: a sentence or two at the end.
        rank: as there.
        papers: published rows, for a table of their own.
    """
    parts = [f"# {markdown_words(title)}\n"]
    parts += [f"*{line}*\n" for line in stamp_lines(board)]
    for subset in shown_subsets(board["subset"]):
        rows = board[board["subset"] == subset]
        for clip in ["*"] if (rows["clip"] == "*").any() else sorted(set(rows["clip"])):
            heading = markdown_words(subset_words(subset) + ("" if clip == "*" else f", clip {clip}"))
            found = board_table(board, subset=subset, clip=clip, truths=truths, rank=rank)
            parts.append(f"## {heading}\n\n{markdown(replace(found, above=()))}")
    if papers is not None and len(papers):
        parts.append(f"## Published\n\n{PAPERS}.\n\n{markdown(replace(papers_table(papers), above=()))}")
    intervals = "; ± is the 95 % interval over clips" if any("± PSNR" in part for part in parts) else ""
    protocols = markdown_words(", ".join(sorted(set(board["protocol"]))))
    parts.append(f"Protocol {protocols} (docs/protocol.md){intervals}. {note}".strip() + "\n")
    return "\n".join(parts)
