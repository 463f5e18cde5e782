"""One table, or a whole board, as text."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

import pandas as pd

from hvdbench.boards.facts import direction
from hvdbench.boards.ranking.order import unranked_note
from hvdbench.boards.text.columns import column
from hvdbench.boards.text.wide import TEXT, Standing, formatted, laid_out, published_table, stamp_lines
from hvdbench.catalog import unknown
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.statistics.intervals import FEWEST_FOR_BOOTSTRAP
from hvdbench.store import Truth

FORMATS = ("csv", "md", "latex")

_SIGNS = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "±": r"$\pm$"}
_SIGNS |= {"[": "{[}", "]": "{]}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "−": "$-$"}
_SIGNS |= {sign: "\\" + sign for sign in "&%$#_{}"}
_LAST_IN_FONTS = "ſ"  # U+017F: the Latin letters that LaTeX's usual encoding has
_GREEK = frozenset({"GAMMA", "DELTA", "THETA", "XI", "PI", "SIGMA", "PHI", "PSI", "OMEGA"})  # small and capital

PAPERS = "Published numbers, each under its paper's own protocol and on the official dataset: not ranked with others"
SUBSETS = {
    "not_selected": "Frames not selected as sharp",
    "sharp_blurry": "Sharp and blurry frames, mild ones apart",
    "all": "All frames",
    "selected": "Frames selected as sharp",
}


def subset_words(subset: str) -> str:
    """Word a subset of frames; one that is not known is called by its name."""
    return SUBSETS.get(subset, subset)


def shown_subsets(found: Iterable[str]) -> list[str]:
    """Order subsets for people: those that are known in their order, then others by name."""
    present = set(found)
    return [*(subset for subset in SUBSETS if subset in present), *sorted(present - set(SUBSETS))]


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
    """Write one table as text: ``csv``, ``md`` or ``latex`` (booktabs), with its stamp where it is not measured.

    Args:
        board: a board's rows; none where there are papers' alone.
        kind: the format; the CSV has the full values, the others are rounded.
        subset: as in :func:`table`.
        clip: as in :func:`table`.
        truths: as in :func:`table`.
        rank: as in :func:`table`.
        papers: published rows for a table of their own below; in a CSV, for rows at the end.

    Raises:
        UnknownNameError: another format.
        InputError: the board has no row for that subset and clip.
    """
    if kind not in FORMATS:
        raise UnknownNameError(unknown("format", kind, FORMATS))
    beside = papers is not None and len(papers) > 0
    chosen = board[(board["subset"] == subset) & (board["clip"] == clip)]
    if chosen.empty and (len(board) or not beside):
        raise InputError(f"the board has no row for subset '{subset}' and clip '{clip}': choose another")
    stands = Standing.of(board, subset, rank, truths) if clip == "*" and len(chosen) else None
    wide = laid_out(board, subset=subset, clip=clip, truths=truths, rank=rank, stands=stands) if len(chosen) else None
    below = published_table(papers) if papers is not None and beside else None
    if kind == "csv":
        return _csv(wide, below)
    notes = [] if stands is None else note_lines(stands.order, stands.metric)
    write = markdown if kind == "md" else _latex
    parts = [] if wide is None else [write(wide, stamp_lines(chosen), notes)]
    parts += [] if below is None else [write(below, [PAPERS], [])]
    return "\n".join(parts)


def note_lines(order: pd.DataFrame | None, metric: str = "psnr") -> list[str]:
    """Say below a table what its clips allow: how sure means are, and what differences would show.

    Args:
        order: what :func:`hvdbench.boards.ranking.order.ranked` gave; None: nothing is ranked.
        metric: by which.
    """
    if order is None:
        return []
    known = order[order["interval"].isin(["t", "BCa"]) & (order["clips"] > 1)]
    notes = [unranked_note(metric)] if len(order) and direction(metric) is None else []
    if len(known) and known["clips"].min() < FEWEST_FOR_BOOTSTRAP:
        notes.append(
            f"fewer than {FEWEST_FOR_BOOTSTRAP} clips ({known['clips'].min()}): intervals are Student's t, too short "
            "where scores are skewed"
        )
    gaps = known["detectable"].dropna()
    if len(gaps):
        shown = column(metric)
        some = sorted({shown.number(gaps.min()), shown.number(gaps.max())}, key=float)
        notes.append(
            f"the least true difference in {shown.label} to the best that these clips show with probability 0.8 is "
            f"{' to '.join(some)}{f' {shown.unit}' if shown.unit else ''}"
        )
    if (known["ties"] != "").any():
        notes.append(
            "ties: the clips cannot tell methods that share a letter from the best of that group (paired t-tests, "
            "Holm's correction, 5 %)"
        )
    if not order["complete"].all():
        notes.append("incomplete: scored on fewer clips or frames than others, so neither averaged nor ranked")
    return notes


def _csv(wide: pd.DataFrame | None, below: pd.DataFrame | None) -> str:
    """Write a table, with papers' rows at its end, under one header."""
    if below is not None:
        below = below.assign(origin="published")
    found = [part for part in (wide, below) if part is not None]
    columns = list(dict.fromkeys(name for part in found for name in part.columns))
    columns = [*(name for name in ("method", "origin") if name in columns), *columns]
    texts = [
        part.reindex(columns=list(dict.fromkeys(columns))).to_csv(index=False, lineterminator="\n", header=place == 0)
        for place, part in enumerate(found)
    ]
    return "".join(texts)


def markdown(wide: pd.DataFrame, stamps: Sequence[str], notes: Sequence[str]) -> str:
    """Write a table as Markdown, lines above it and sentences below."""
    text = formatted(wide)
    lines = [
        "| " + " | ".join(_plain(name) for name in text.columns) + " |",
        "|" + "|".join("---" if name in TEXT else "---:" for name in text.columns) + "|",
    ]
    lines += ["| " + " | ".join(_plain(cell) for cell in row) + " |" for row in text.itertuples(index=False)]
    below = "\n" + " ".join(f"{note[0].upper()}{note[1:]}." for note in notes) + "\n" if notes else ""
    return "".join(f"*{line}*\n\n" for line in stamps) + "\n".join(lines) + "\n" + below


def _plain(cell: object) -> str:
    """Keep a name inside its Markdown cell."""
    return " ".join(str(cell).replace("\\", "\\\\").replace("|", "\\|").split())


def _latex(wide: pd.DataFrame, stamps: Sequence[str], notes: Sequence[str]) -> str:
    text = formatted(wide)
    rows = [[_tex(cell) for cell in row] for row in [list(text.columns), *text.itertuples(index=False)]]
    head, *body = [" & ".join(row) + r" \\" for row in rows]
    align = "".join("l" if name in TEXT else "r" for name in text.columns)
    lines = [rf"\begin{{tabular}}{{{align}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*(f"% {line}" for line in (*stamps, *notes)), *lines]) + "\n"


def _tex(cell: object) -> str:
    return "".join(_SIGNS.get(sign) or _tex_letter(sign) for sign in " ".join(str(cell).split()))


def _tex_letter(sign: str) -> str:
    """Write a letter so that pdflatex has it: Greek as mathematics, what no usual font has by its number."""
    if sign <= _LAST_IN_FONTS or sign in "‘’“”…":
        return sign
    name = unicodedata.name(sign, "")
    greek = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", name)
    if greek and greek[2] in _GREEK:
        return f"$\\{greek[2].lower() if greek[1] == 'SMALL' else greek[2].title()}$"
    return f"{{[}}U+{ord(sign):04X}{{]}}"


def document(
    board: pd.DataFrame,
    *,
    title: str,
    truths: Sequence[Truth],
    note: str,
    rank: str = "psnr",
    papers: pd.DataFrame | None = None,
) -> str:
    """Give the Markdown beside a CSV: the not-selected frames first, then all of them, then papers' numbers.

    Args:
        board: a board's rows, of any subsets and clips.
        title: the heading.
        truths: as in :func:`table`.
        note: a sentence or two at the end.
        rank: as in :func:`table`.
        papers: published rows, for a table of their own.
    """
    parts = [f"# {title}\n"]
    parts += [f"*{line}*\n" for line in stamp_lines(board)]
    for subset in shown_subsets(board["subset"]):
        rows = board[board["subset"] == subset]
        for clip in ["*"] if (rows["clip"] == "*").any() else sorted(set(rows["clip"])):
            heading = subset_words(subset) + ("" if clip == "*" else f", clip {clip}")
            stands = Standing.of(board, subset, rank, truths) if clip == "*" else None
            wide = laid_out(board, subset=subset, clip=clip, truths=truths, rank=rank, stands=stands)
            notes = [] if stands is None else note_lines(stands.order, stands.metric)
            parts.append(f"## {heading}\n\n{markdown(wide, (), notes)}")
    if papers is not None and len(papers):
        parts.append(f"## Published\n\n{PAPERS}.\n\n{markdown(published_table(papers), (), ())}")
    intervals = "; ± is the 95 % interval over clips" if any("± PSNR" in part for part in parts) else ""
    protocols = ", ".join(sorted(set(board["protocol"])))
    parts.append(f"Protocol {protocols} (docs/protocol.md){intervals}. {note}".strip() + "\n")
    return "\n".join(parts)
