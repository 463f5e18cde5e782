"""Draw a leaderboard's figures for papers: PDF with embedded fonts, PNG or SVG."""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from hvdbench.boards.ranking.coverage import BLOCK
from hvdbench.boards.text.columns import column
from hvdbench.errors import InputError
from hvdbench.frames import Frame, read_frame
from hvdbench.pages.board_charts import ClipScores, ExtentScores
from hvdbench.pages.page_clip import PageClip
from hvdbench.pages.palette import colours_of
from hvdbench.pages.view import BLURRY, most_changed
from hvdbench.store import TRUTH_FOLDERS
from hvdbench.workspace.atomic import atomic_write_bytes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SUFFIXES = (".pdf", ".png", ".svg")
COLUMN_IN, PAGE_IN = 3.4, 7.0
"""Widths of one and of two columns of the usual paper, inches."""
MOST_PICTURES = 4_000
"""Pixels a side of a contact sheet's pictures together, at most."""
_GRAY = "#7b7f84"
_STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "grid.linewidth": 0.4,
    "grid.color": "#dddddd",
    "pdf.fonttype": 42,
    "svg.hashsalt": "hvdbench",
}


def write(path: Path, draw: Callable[[], "Figure"]) -> None:
    """Draw a figure and write it, whole or not at all; the same figure gives the same bytes.

    Raises:
        InputError: if the suffix is none of .pdf, .png and .svg.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path} does not have a suffix of a figure: name a file that ends in {', '.join(SUFFIXES)}")
    from matplotlib import rc_context

    metadata = {".pdf": {"CreationDate": None}, ".png": {"Software": None}, ".svg": {"Date": None}}[path.suffix]
    buffer = io.BytesIO()
    with rc_context(_STYLE):
        draw().savefig(buffer, format=path.suffix[1:], dpi=300, metadata=metadata)
    atomic_write_bytes(path, buffer.getvalue())


def bars(order: "pd.DataFrame", metric: str, truth: str, *, width_in: float = COLUMN_IN) -> "Figure":
    """Draw ranked methods: mean, 95 % interval over clips and tie letters, a part for each dataset and split.

    Args:
        order: what :func:`hvdbench.boards.ranking.order.ranked` gave; what is incomplete or published is left out.
        metric: by which.
        truth: against which.
        width_in: of the figure, inches.

    Raises:
        InputError: if no method is complete.
    """
    from matplotlib.figure import Figure

    ours = order[(order["origin"] != "published") & order["complete"].astype(bool) & order["value"].notna()]
    if ours.empty:
        raise InputError("no method of the board is complete, so there is nothing to draw")
    shown = column(metric)
    blocks = list(ours.groupby(list(BLOCK), sort=True))
    heights = [max(2, len(rows)) for _, rows in blocks]
    figure = Figure(figsize=(width_in, 0.55 * len(blocks) + 0.2 * sum(heights)), layout="constrained")
    grid = figure.add_gridspec(len(blocks), 1, height_ratios=heights)
    colours = colours_of(sorted(set(ours["method"])))
    for place, (block, rows) in enumerate(blocks):
        axes = figure.add_subplot(grid[place, 0])
        for level, row in enumerate(rows.to_dict("records")):
            value, low, high = (shown.factor * float(row[name]) for name in ("value", "ci_low", "ci_high"))
            colour, mark = colours[str(row["method"])]
            if np.isfinite(low) and np.isfinite(high):
                axes.plot([low, high], [level, level], color=colour, linewidth=1.3, solid_capstyle="butt")
            axes.plot(value, level, mark, color=colour, markersize=4.5)
            axes.text(1.015, level, str(row["ties"]), transform=axes.get_yaxis_transform(), va="center", fontsize=7)
        axes.set_yticks(range(len(rows)), [str(name) for name in rows["method"]])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        axes.set_xlabel(shown.title(truth))
        if len(blocks) > 1:
            axes.set_title(f"{block[0]}, {block[2]}", loc="left", fontsize=8)
    return figure


def extent(found: Sequence[ExtentScores], truth: str, *, width_in: float = COLUMN_IN) -> "Figure":
    """Draw mean PSNR against blur extent.

    Raises:
        InputError: if there is no frame whose blur extent and PSNR are known.
    """
    if not found:
        raise InputError(
            "no frame has both a blur extent and a PSNR: name the dataset with --data and its runs with --runs"
        )
    figure, parts = _parts(len(found), width_in, 2.3)
    colours = colours_of(sorted({name for scores in found for name in scores.values}))
    for axes, scores in zip(parts, found, strict=True):
        _curves(axes, scores.extent_px, scores.values, colours, joined=True)
        axes.set_xlabel("blur extent (px)" + _of(scores.block, len(found)))
        axes.set_ylabel(column("psnr").title(truth))
    return figure


def clips(found: Sequence[ClipScores], metric: str, truth: str, *, width_in: float = PAGE_IN) -> "Figure":
    """Draw a dot for each clip and method.

    Raises:
        InputError: if there is no clip.
    """
    if not found:
        raise InputError("the board has no rows of single clips for that metric: choose another --subset or --truth")
    figure, parts = _parts(len(found), width_in, 2.6)
    colours = colours_of(sorted({name for scores in found for name in scores.values}))
    for axes, scores in zip(parts, found, strict=True):
        _curves(axes, np.arange(len(scores.clips), dtype=np.float64), scores.values, colours, joined=False)
        turned = max(map(len, scores.clips)) * len(scores.clips) > 14 * width_in
        axes.set_xticks(range(len(scores.clips)), scores.clips, rotation=90 if turned else 0)
        axes.tick_params(axis="x", labelsize=5 if len(scores.clips) > 30 else 7)
        axes.set_ylabel(column(metric).title(truth))
        axes.set_xlabel(_of(scores.block, len(found)).removeprefix("; "))
    return figure


def _parts(count: int, width_in: float, height_in: float) -> tuple["Figure", list[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in * count), layout="constrained")
    return figure, [figure.add_subplot(count, 1, place + 1) for place in range(count)]


def _curves(
    axes: Any, x: Any, values: Mapping[str, Any], colours: Mapping[str, tuple[str, str]], *, joined: bool
) -> None:
    for method in sorted(values, key=lambda name: (name != BLURRY, name)):
        colour, mark = colours[method]
        line = {"linewidth": 1.2} if joined else {"linestyle": "none"}
        axes.plot(x, values[method], color=colour, marker=mark, markersize=3.4, label=method, **line)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    entry_in = 6.5 / 72 * (3.5 + 0.5 * max(map(len, values)))  # of the legend, by its letters
    columns = max(1, int((axes.figure.get_figwidth() - 0.5) / entry_in))
    place = {"loc": "lower left", "bbox_to_anchor": (-0.02, 1.0), "borderaxespad": 0.2}
    axes.legend(fontsize=6.5, frameon=False, ncols=columns, handlelength=1.6, columnspacing=1.2, **place)


def _of(block: tuple[str, str, str], parts: int) -> str:
    """Return what follows an axis' title where there are several parts: dataset and split."""
    return f"; {block[0]}, {block[2]}" if parts > 1 else ""


def sheet(
    found: Sequence[PageClip], truth: str, *, frame: int | None = None, zoom: float = 2.0, width_in: float = PAGE_IN
) -> "Figure":
    """Draw a contact sheet: a row a clip, a column a picture, each with its PSNR.

    Args:
        found: the clips.
        truth: whose pictures and PSNRs are shown.
        frame: of each clip; None: the blurriest that was not selected.
        zoom: 1 shows whole frames, 2 the quarter in which blur changed most.
        width_in: of the figure, inches.

    Raises:
        InputError: if there is no clip, or one lacks the frame.
    """
    from matplotlib.figure import Figure

    if not found:
        raise InputError("there are no frames to draw: name the dataset with --data and its runs with --runs")
    other = {folder for name, folder in TRUTH_FOLDERS.items() if name != truth}
    keys = list(dict.fromkeys(key for clip in found for key in clip.files if key not in other))
    keys = [
        *(key for key in keys if key not in TRUTH_FOLDERS.values()),
        *(k for k in keys if k in TRUTH_FOLDERS.values()),
    ]
    cell = width_in / len(keys)
    ratios = [clip.size[1] / clip.size[0] for clip in found]
    height = cell * sum(ratios) + 0.22 + 0.16 * len(found)
    figure = Figure(figsize=(width_in, height))
    top = height - 0.2
    for place, key in enumerate(keys):
        words = "truth" if key in TRUTH_FOLDERS.values() else found[0].label(key).split(" (")[0]
        figure.text((place + 0.5) / len(keys), 1 - 0.1 / height, words, ha="center", va="center", fontsize=7)
    for clip, ratio in zip(found, ratios, strict=True):
        index = clip.embedded_index if frame is None else frame
        if not 0 <= index < clip.frame_count:
            raise InputError(
                f"clip '{clip.key}' has frames 0 to {clip.frame_count - 1}, and frame {index} was asked for"
            )
        pictures = {key: read_frame(clip.files[key][index]) for key in keys if key in clip.files}
        window = _window(list(pictures.values()), zoom)
        for place, key in enumerate(keys):
            box = (
                place / len(keys) + 0.002,
                (top - cell * ratio) / height,
                1 / len(keys) - 0.004,
                cell * ratio / height,
            )
            if key in pictures:
                values = clip.psnr.get(truth, {}).get(key)
                score = "" if values is None or not np.isfinite(values[index]) else f"{values[index]:.2f} dB"
                _picture(figure, pictures[key][window], box, score)
        top -= cell * ratio
        figure.text(0.002, (top - 0.08) / height, f"{clip.name}, frame {index}", va="center", fontsize=6, color=_GRAY)
        top -= 0.16
    return figure


def _window(pictures: Sequence[Frame], zoom: float) -> tuple[slice, slice]:
    height, width = pictures[0].shape[:2]
    rows, columns = max(1, round(height / zoom)), max(1, round(width / zoom))
    x, y = most_changed(pictures[-1], pictures[0], rows)
    left, top = min(max(x - columns // 2, 0), width - columns), min(max(y - rows // 2, 0), height - rows)
    return slice(top, top + rows), slice(left, left + columns)


def _picture(figure: "Figure", picture: Frame, box: tuple[float, float, float, float], score: str) -> None:
    most = MOST_PICTURES // 8
    if picture.shape[1] > most:
        size = (most, round(most * picture.shape[0] / picture.shape[1]))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    axes = figure.add_axes(box)
    axes.imshow(picture, interpolation="none", aspect="auto")
    axes.set_axis_off()
    if score:
        axes.text(
            0.03, 0.05, score, transform=axes.transAxes, fontsize=5.5, color="white", va="bottom",
            bbox={"boxstyle": "round,pad=0.25", "facecolor": "#0c0d0f", "edgecolor": "none", "alpha": 0.7},
        )  # fmt: skip
