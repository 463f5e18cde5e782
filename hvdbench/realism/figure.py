"""Draw the comparison: distributions, blur against motion, sharp frames in time, measured against true."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hvdbench.realism.clip import ClipMeasure
from hvdbench.realism.comparison import Comparison
from hvdbench.realism.series import centred_motion
from hvdbench.realism.statistic import extent, relative_sharpness, speed
from hvdbench.workspace.atomic import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 110
SIMULATED_COLOUR = "#0072b2"
REAL_COLOURS = ("#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARK = "#666666"
MOST_STRIPS = 16

Samples = Callable[[Sequence[ClipMeasure]], NDArray[np.float64]]


def write_figure(path: Path, comparison: Comparison) -> None:
    """Draw a comparison as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15.0, 8.4), dpi=DPI, facecolor="white", layout="constrained")
    grid = figure.subplots(2, 3)
    _distribution(grid[0, 0], comparison, speed, "motion per frame, px at 1920")
    _distribution(grid[0, 1], comparison, extent, "blur extent, px at 1920")
    _distribution(grid[0, 2], comparison, relative_sharpness, "log2 of sharpness over the clip's best")
    _scatter(grid[1, 0], comparison)
    _strips(grid[1, 1], comparison)
    _truth(grid[1, 2], comparison)
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(6, len(labels)), frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


def _series(comparison: Comparison) -> list[tuple[str, str, Sequence[ClipMeasure]]]:
    real = [(clip.name, REAL_COLOURS[index % len(REAL_COLOURS)], [clip]) for index, clip in enumerate(comparison.real)]
    return [(f"{comparison.dataset} ({comparison.origin})", SIMULATED_COLOUR, list(comparison.simulated)), *real]


def _distribution(axes: "Axes", comparison: Comparison, samples: Samples, label: str) -> None:
    for name, colour, clips in _series(comparison):
        values = np.sort(samples(clips))
        if len(values):
            share = np.arange(1, len(values) + 1) / len(values)
            axes.step(values, share, where="post", color=colour, linewidth=1.8, label=name)
    axes.set(xlabel=label, ylabel="share of frames", ylim=(0.0, 1.02))
    axes.grid(alpha=0.3, linewidth=0.5)


def _scatter(axes: "Axes", comparison: Comparison) -> None:
    for _, colour, clips in _series(comparison):
        motion = np.concatenate([np.linalg.norm(centred_motion(clip.shift_px), axis=1) for clip in clips])
        axes.plot(motion, np.concatenate([clip.extent_px for clip in clips]), "o", ms=4, alpha=0.6, mew=0, color=colour)
    axes.axhline(comparison.real[0].sharp_below_px, color=_MARK, linewidth=0.9, linestyle="--")
    axes.set(xlabel="motion at the frame, px at 1920", ylabel="blur extent, px at 1920 (dashed: sharp below)")
    axes.set(xlim=(0.0, None), ylim=(0.0, None))
    axes.grid(alpha=0.3, linewidth=0.5)


def _strips(axes: "Axes", comparison: Comparison) -> None:
    """Draw a row a clip, filled where a frame is sharp."""
    rows = [(name, colour, clip) for name, colour, clips in reversed(_series(comparison)) for clip in clips]
    rows = rows[:MOST_STRIPS]
    for place, (_, colour, clip) in enumerate(rows):
        axes.barh(place, len(clip.extent_px), height=0.7, left=-0.5, color="#eeeeee")
        sharp = np.flatnonzero(clip.is_sharp)
        axes.barh([place] * len(sharp), 1.0, height=0.7, left=sharp - 0.5, color=colour)
    axes.set_yticks(range(len(rows)), [_short(clip.name) for _, _, clip in rows])
    axes.set(xlabel="frame (filled: sharp)")


def _short(name: str) -> str:
    return name if len(name) <= 22 else name[:21] + "…"


def _truth(axes: "Axes", comparison: Comparison) -> None:
    known = [(clip.true_extent_px, clip.extent_px) for clip in comparison.simulated if clip.true_extent_px is not None]
    if comparison.validation is None or not known:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no true extents: the dataset knows no paths", ha="center", transform=axes.transAxes)
        return
    true, seen = (np.concatenate(values) for values in zip(*known, strict=True))
    end = float(np.nanmax([true.max(), np.nanmax(seen)]))
    axes.plot([0.0, end], [0.0, end], color=_MARK, linewidth=0.8, linestyle="--")
    axes.plot(true, seen, "o", ms=4, alpha=0.6, mew=0, color=SIMULATED_COLOUR)
    axes.set(xlabel="true extent of simulated frames, px at 1920", ylabel="measured, px at 1920")
    axes.set_title(f"correlation {comparison.validation.correlation:.3f}, slope {comparison.validation.slope:.2f}")
    axes.grid(alpha=0.3, linewidth=0.5)
