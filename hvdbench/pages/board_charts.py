"""Draw a board's charts: its clips one by one, PSNR against blur extent, and PSNR over the frames of a clip."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from hvdbench.boards.ranking.coverage import BLOCK
from hvdbench.boards.text.columns import column
from hvdbench.pages.charts import Series, chart_values, frame_chart, legend, value_chart
from hvdbench.pages.heat_map import heat_map
from hvdbench.pages.page_clip import OTHER_INK, PageClip
from hvdbench.pages.sections import NARROW, WIDE, Chart
from hvdbench.pages.view import BLURRY, TRUTH_NAMES, Floats

if TYPE_CHECKING:
    import pandas as pd

    from hvdbench.pages.board_views import BoardView

Block = tuple[str, str, str]
EXTENT_BINS, LEAST_IN_BIN = 10, 12
MOST_DOTTED = (40, 12)
"""Clips and methods that a chart of dots shows at most; a heat map shows more of either."""


@dataclass(frozen=True)
class ClipScores:
    """One metric on the clips of a block, hardest last.

    Attributes:
        block: dataset, its digest, split.
        clips: (N,) names.
        values: method → (N,), NaN where it has no value.
    """

    block: Block
    clips: Sequence[str]
    values: Mapping[str, Floats]


@dataclass(frozen=True)
class ExtentScores:
    """Mean PSNR of the frames of a block in bins of blur extent.

    Attributes:
        block: dataset, its digest, split.
        extent_px: (N,) mean extent of each bin.
        values: method → (N,) mean PSNR, dB.
        frames: (N,) how many frames each bin has.
        left_out: methods that lack frames which others have.
    """

    block: Block
    extent_px: Floats
    values: Mapping[str, Floats]
    frames: Sequence[int]
    left_out: Sequence[str]


def clip_scores(board: "pd.DataFrame", view: "BoardView") -> list[ClipScores]:
    """Collect a view's ranking metric clip by clip, for each dataset and split."""
    chosen = board[(board["metric"] == view.metric) & (board["subset"] == view.subset) & (board["clip"] != "*")]
    chosen = chosen[chosen["truth"].isin([view.truth, "none"]) & (chosen["origin"] != "published")]
    found = []
    for block, rows in chosen.groupby(list(BLOCK), sort=True):
        wide = rows.pivot_table(index="clip", columns="method", values="value", aggfunc="mean", sort=True)
        by = wide[BLURRY] if BLURRY in wide else wide.mean(axis=1)
        wide = wide.loc[by.sort_values(ascending=False, kind="stable").index]
        values = {str(name): wide[name].to_numpy(np.float64) * column(view.metric).factor for name in wide}
        found.append(
            ClipScores((str(block[0]), str(block[1]), str(block[2])), [str(one) for one in wide.index], values)
        )
    return found


def extent_scores(clips: Sequence[PageClip], truth: str) -> list[ExtentScores]:
    """Average PSNR in bins of blur extent with equally many frames, for each dataset and split.

    A method that lacks frames which others have is left out: its mean would be over other frames.
    """
    blocks: dict[Block, list[PageClip]] = {}
    for clip in clips:
        if clip.extent_px is not None and clip.psnr.get(truth):
            blocks.setdefault((clip.dataset, clip.dataset_digest, clip.split), []).append(clip)
    return [_binned(block, members, truth) for block, members in sorted(blocks.items())]


def _binned(block: Block, clips: Sequence[PageClip], truth: str) -> ExtentScores:
    extent = np.concatenate([clip.extent_px for clip in clips if clip.extent_px is not None]).astype(np.float64)
    every = list(dict.fromkeys(method for clip in clips for method in clip.psnr[truth]))
    scores = {
        method: np.concatenate(
            [clip.psnr[truth].get(method, np.full(clip.frame_count, np.nan)) for clip in clips]
        ).astype(np.float64)
        for method in every
    }
    known = np.isfinite(extent) & np.any([np.isfinite(values) for values in scores.values()], axis=0)
    left_out = [method for method, values in scores.items() if not np.isfinite(values[known]).all()]
    order = np.flatnonzero(known)[np.argsort(extent[known], kind="stable")]
    count = max(1, min(EXTENT_BINS, len(order) // LEAST_IN_BIN))
    bins = [part for part in np.array_split(order, count) if part.size]
    return ExtentScores(
        block,
        np.array([extent[part].mean() for part in bins]),
        {m: np.array([v[part].mean() for part in bins]) for m, v in scores.items() if m not in left_out},
        [int(part.size) for part in bins],
        left_out,
    )


def block_words(block: Block, several: bool) -> str:
    """Return what follows a title where there are several blocks: which one it is."""
    return f": {block[0]}, {block[2]}" if several else ""


def clip_chart(
    scores: ClipScores, view: "BoardView", colours: Mapping[str, str], *, several: bool, has_frames: bool
) -> Chart:
    """Draw each clip's scores: a dot a method, or where dots would run into each other a heat map.

    Args:
        scores: of one dataset and split.
        view: the table that the chart stands below.
        colours: each method's class.
        several: whether the title names the dataset.
        has_frames: whether a press on a clip shows its frames.
    """
    shown = column(view.metric)
    press = " Press a clip to see its frames." if has_frames else ""
    order = "by the score of the blurry input" if BLURRY in scores.values else "by the mean of all methods"
    words = f"On {_lower(view.words)}; clips are in order {order}.{press}"
    if len(scores.clips) > MOST_DOTTED[0] or len(scores.values) > MOST_DOTTED[1]:
        place = {row.facts["method"]: n for n, row in enumerate(view.table.rows)}
        return heat_map(scores, view.metric, place, words, block_words(scores.block, several))
    lines = _lines(scores.values, colours)
    title = f"{shown.label}, clip by clip{block_words(scores.block, several)}"
    x = np.arange(len(scores.clips), dtype=np.float64)
    drawings = tuple(
        value_chart(
            x, lines, title=title, unit=shown.unit or shown.label, x_name="clips", size=size,
            x_names=scores.clips, direct_labels=False,
        )
        for size in (WIDE, NARROW)
    )  # fmt: skip
    values = chart_values(x, lines, shown.unit, "clip", shown.decimals) | {"names": list(scores.clips)}
    values |= {"dataset": scores.block[0], "digest": scores.block[1], "split": scores.block[2]}
    return Chart(title, f"One dot a method. {words}", _legend(lines), drawings, values, is_apart=True)


def extent_chart(scores: ExtentScores, truth: str, colours: Mapping[str, str], *, several: bool) -> Chart:
    """Draw mean PSNR against blur extent."""
    lines = _lines(scores.values, colours)
    title = f"PSNR against blur extent, {TRUTH_NAMES[truth]} truth{block_words(scores.block, several)}"
    drawings = tuple(
        value_chart(
            scores.extent_px, lines, title=title, unit="dB", x_name="blur extent (px)", size=size,
            direct_labels=False,
        )
        for size in (WIDE, NARROW)
    )  # fmt: skip
    low, high = min(scores.frames), max(scores.frames)
    words = (
        f"All {sum(scores.frames)} frames in {len(scores.frames)} bins of {low if low == high else f'{low} or {high}'} "
        "frames each: means over a bin's frames, selected ones too. Blur extent is the median displacement over the "
        "frame during the exposure, known from the camera's path."
    )
    if scores.left_out:
        words += f" Without {', '.join(scores.left_out)}, for which frames are missing."
    return Chart(title, words, _legend(lines), drawings, chart_values(scores.extent_px, lines, "dB", "blur extent", 2))


def curve_chart(clip: PageClip, truth: str, colours: Mapping[str, str]) -> Chart:
    """Draw PSNR over the frames of a clip, with rows that mark labelled and oracle-sharp frames."""
    lines = _lines({key: values for key, values in clip.psnr[truth].items() if key in clip.files}, colours)
    title = f"PSNR per frame, {TRUTH_NAMES[truth]} truth"
    drawings = tuple(
        frame_chart(
            lines, title=f"{title}, clip {clip.name}", unit="dB", width=size[0], height=size[1],
            is_selected=clip.selected, oracle_class=clip.oracle_class, direct_labels=False,
        )
        for size in (WIDE, NARROW)
    )  # fmt: skip
    x = np.arange(clip.frame_count, dtype=np.float64)
    text = (
        "The two methods chosen above are drawn strong. Dots below mark frames labelled sharp. Press a frame to see it."
    )
    return Chart(title, text, _legend(lines), drawings, chart_values(x, lines, "dB", "frame", 2))


def _lines(values: Mapping[str, Floats], colours: Mapping[str, str]) -> list[Series]:
    """Return a line a method: those without a colour first, so that coloured ones lie above them."""
    ordered = sorted(values, key=lambda name: (colours.get(name, OTHER_INK) != OTHER_INK, name != BLURRY, name))
    return [Series(name, name, values[name], colours.get(name, OTHER_INK)) for name in ordered]


def _legend(lines: Sequence[Series]) -> Markup:
    """Draw a sample of every coloured line, and one for all others."""
    return legend(
        [(line.ink, line.label) for line in lines if line.ink != OTHER_INK],
        sum(line.ink == OTHER_INK for line in lines),
    )


def _lower(words: str) -> str:
    return words[0].lower() + words[1:]
