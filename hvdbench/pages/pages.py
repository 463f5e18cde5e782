"""The pages: one HTML file each that needs no network, for a board or for one restored clip."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hvdbench.pages import sections
from hvdbench.pages.pictures import Album, make_album
from hvdbench.pages.view import BLURRY, CLASS_NAMES, TRUTH_NAMES, ClipView, TellingFrame, telling_frames
from hvdbench.workspace.atomic import atomic_write_text

if TYPE_CHECKING:
    from pandas import DataFrame

_FOLDER = Path(__file__).resolve().parent
BOARD_FRAMES, DEBLUR_FRAMES = 8, 12
"""Frames that a page embeds of each clip at most."""


@dataclass(frozen=True)
class Column:
    """A column of a board: ``better`` is ``high`` or ``low`` where its title ends in ↑ or ↓."""

    title: str
    is_number: bool
    better: str | None


@dataclass(frozen=True)
class Cell:
    """A cell: its text, the number that it is sorted by, and whether it is its column's best."""

    text: str
    number: float | None
    is_best: bool


def board_page(
    path: Path,
    *,
    title: str,
    stamp: str,
    intro: str,
    table: "DataFrame",
    clips: Sequence[ClipView],
    notes: Sequence[str],
    manifest: Mapping[str, Any],
) -> None:
    """Write a board's page: its table, then each clip with frames to compare and its curves.

    Args:
        path: the HTML file; written whole or not at all.
        title: the headline.
        stamp: what the numbers stand on, e.g. ``demo: embedded scenes, simulated camera paths``.
        intro: plain text; an empty line begins a new paragraph.
        table: a row a method. Cells may be text that begins with their number (``33.24 ± 0.10``). A column whose title
            ends in ``↑`` or ``↓`` has its best cell marked. An index with a name becomes the first column.
        clips: about eight frames of each are embedded.
        notes: sentences below the table.
        manifest: what produced the numbers, JSON-able; shown folded at the end.
    """
    columns, rows = board_table(table)
    context = {"intro": _paragraphs(intro), "columns": columns, "rows": rows, "notes": list(notes)}
    _write(path, "board.html", clips, BOARD_FRAMES, {"title": title, "stamp": stamp, "manifest": manifest, **context})


def deblur_page(path: Path, *, title: str, clip: ClipView, facts: Mapping[str, str], notes: Sequence[str]) -> None:
    """Write the page of one restored clip: frames before and after, the labeller's curve, and what was done.

    Args:
        path: the HTML file; written whole or not at all.
        title: the headline.
        clip: needs no truth; without one the page says that nothing on it is a score.
        facts: what was done, name to wording (seconds, method, frames passed through …).
        notes: sentences below the facts.
    """
    context = {"title": title, "stamp": "", "facts": dict(facts), "notes": list(notes), "manifest": {}}
    _write(path, "deblur.html", [clip], DEBLUR_FRAMES, context)


def board_table(table: "DataFrame") -> tuple[list[Column], list[list[Cell]]]:
    """Turn a DataFrame into columns and rows of text with the numbers to sort by."""
    frame = table.reset_index() if table.index.name is not None or table.index.nlevels > 1 else table
    columns: list[Column] = []
    by_column: list[list[Cell]] = []
    for position, name in enumerate(frame.columns):
        title = _title(name)
        better = "high" if title.endswith("↑") else "low" if title.endswith("↓") else None
        texts = [_text(value) for value in frame.iloc[:, position]]
        numbers = [_leading_number(text) for text in texts]
        filled = [number for text, number in zip(texts, numbers, strict=True) if text not in ("", "–")]
        is_number = bool(filled) and all(number is not None for number in filled)
        found = [number for number in numbers if number is not None]
        best = None if not better or not is_number or not found else max(found) if better == "high" else min(found)
        columns.append(Column(title, is_number, better))
        by_column.append(
            [
                Cell(text, number if is_number else None, best is not None and number == best)
                for text, number in zip(texts, numbers, strict=True)
            ]
        )
    return columns, [list(row) for row in zip(*by_column, strict=True)]


def _title(name: object) -> str:
    return " · ".join(str(part) for part in name if str(part)) if isinstance(name, tuple) else str(name)


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float):  # NumPy's float64 too
        return (f"{value:.2f}" if abs(value) >= 10 else f"{value:.4g}").replace("-", "−")
    return str(value)


def _leading_number(text: str) -> float | None:
    match = re.match(r"\s*([+\-−]?)((?:\d[\d,\u202f]*)?\.?\d+(?:[eE][+-]?\d+)?)(?![\w/])", text)
    if not match:
        return math.inf if text.strip() == "∞" else None
    value = float(match[2].replace(",", "").replace("\u202f", ""))
    return -value if match[1] in ("-", "−") else value


def _paragraphs(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def _write(path: Path, template: str, clips: Sequence[ClipView], count: int, context: dict[str, Any]) -> None:
    picks = [telling_frames(clip, count) for clip in clips]
    album = _album(clips, picks)
    uris = dict(album.uris)
    views = [
        {
            "view": clip,
            "chips": sections.chips(clip),
            "data": sections.viewer_data(clip, position, picked, uris),
            "summary": sections.summary(clip),
            "truth_name": sections.truth_name(clip),
            "charts": sections.charts(clip),
            "path_charts": sections.path_charts(clip),
            "after": (clip.methods or clip.keys)[-1],
        }
        for position, (clip, picked) in enumerate(zip(clips, picks, strict=True))
    ]
    manifest = context["manifest"]
    page = environment().get_template(template).render(
        {
            **context,
            "clips": views,
            "css": texts("page.css"),
            "js": texts("parts.js", "page.js"),
            "quality": album.quality,
            "class_names": CLASS_NAMES,
            "truth_names": TRUTH_NAMES,
            "blurry": BLURRY,
            "manifest": json.dumps(manifest, indent=2, default=str, ensure_ascii=False) if manifest else "",
        }
    )  # fmt: skip
    atomic_write_text(path, page)


def _album(clips: Sequence[ClipView], picks: Sequence[Sequence[TellingFrame]]) -> Album:
    return make_album(
        {
            sections.picture_name(position, pick.index, key): clip.frames[key][pick.index]
            for position, (clip, picked) in enumerate(zip(clips, picks, strict=True))
            for pick in picked
            for key in clip.keys
        }
    )


def texts(*names: str) -> Markup:
    """Read files of this folder that a page holds as they are, one after the other."""
    return Markup("\n").join(Markup((_FOLDER / name).read_text(encoding="utf-8")) for name in names)


def environment() -> Environment:
    """Give what renders this folder's templates."""
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
