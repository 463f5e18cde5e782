"""Draw a clip's labels for a person to check: sharpness over time, the threshold, and the chosen frames."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.frames import Frame, Frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.workspace.atomic import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 110
MOST_SHOWN = 12
COLUMNS = 4
CELL_PX = 420
LABEL_COLOURS = {
    "sharp": "#009e73",
    "selected for its segment": "#e69f00",
    "selected, not sharp": "#56b4e9",
    "not sharp": "#9aa0a6",
}
CLASS_COLOURS = ("#009e73", "#e69f00", "#d55e00")
CLASS_NAMES = ("sharp", "mild", "blurry")
_LEFT_OUT = "#d55e00"


def write_label_plot(
    folder: Path, name: str, frames: Frames, labels: SharpLabels, oracle: NDArray[np.integer] | None = None
) -> Path:
    """Draw a clip's labels as ``<name>-<labeller>.png``.

    Above: the labeller's measure of each frame, its threshold, the segments' picks and, where it is known, the oracle's
    class as a strip. Below: up to 12 selected frames, evenly chosen, and for comparison the frames just below the
    threshold.

    Args:
        folder: made when absent.
        name: of the clip; a slash in it becomes a hyphen.
        frames: uint8 RGB (T, H, W, 3).
        labels: of the same frames.
        oracle: (T,) 0 sharp, 1 mild, 2 blurry.

    Returns:
        The file.
    """
    from matplotlib.figure import Figure

    chosen = _evenly(labels.selected, MOST_SHOWN)
    rest = np.flatnonzero(~labels.is_selected)
    nearly = np.sort(rest[np.argsort(-labels.sharpness[rest], kind="stable")][:COLUMNS])
    rows = -(-len(chosen) // COLUMNS) + (1 if len(nearly) else 0)
    aspect = frames.shape[1] / frames.shape[2]
    heights = [2.8, *[3.4 * aspect + 0.25] * rows]
    figure = Figure(figsize=(13.6, sum(heights) + 0.5), dpi=DPI, facecolor="white", layout="constrained")
    grid = figure.add_gridspec(1 + rows, COLUMNS, height_ratios=heights)
    _timeline(figure.add_subplot(grid[0, :]), labels, oracle)
    for place, index in enumerate([*chosen, *nearly]):
        late = place >= len(chosen)
        row, column = (rows - 1, place - len(chosen)) if late else divmod(place, COLUMNS)
        _picture(figure.add_subplot(grid[1 + row, column]), frames, labels, int(index), late=late)
    figure.suptitle(f"{name}, labeller {labels.labeller}: {len(labels.selected)} of {len(frames)} frames selected")
    path = folder / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', f'{name}-{labels.labeller}')}.png"
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
    return path


def _evenly(indices: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    if len(indices) <= most:
        return indices
    return np.asarray(indices[np.linspace(0, len(indices) - 1, most).round().astype(int)], np.intp)


def _kinds(labels: SharpLabels) -> NDArray[np.str_]:
    others = np.where(labels.is_selected, "selected, not sharp", "not sharp")
    kinds = np.where(labels.is_sharp, "sharp", others)
    return np.where(labels.from_segment, "selected for its segment", kinds)


def _timeline(axes: "Axes", labels: SharpLabels, oracle: NDArray[np.integer] | None) -> None:
    """Draw the measure over time; a strip below shows the oracle's classes."""
    count, kinds = len(labels.sharpness), _kinds(labels)
    frame = np.arange(count)
    axes.plot(frame, labels.sharpness, color="#c3c7cc", linewidth=1.0, zorder=1)
    for kind, colour in LABEL_COLOURS.items():
        at = kinds == kind
        if at.any():
            axes.scatter(frame[at], labels.sharpness[at], s=26, color=colour, label=f"{kind} ({at.sum()})", zorder=2)
    axes.axhline(labels.threshold, color="#1d1f21", linewidth=0.9, linestyle="--", label="threshold")
    top = max(float(labels.sharpness.max()), labels.threshold, 1e-9)
    if oracle is not None:
        for index, (word, colour) in enumerate(zip(CLASS_NAMES, CLASS_COLOURS, strict=True)):
            frames_of = np.flatnonzero(np.asarray(oracle) == index)
            height = [0.06 * top] * len(frames_of)
            axes.bar(frames_of, height, width=1.0, bottom=-0.1 * top, color=colour, label=f"oracle: {word}")
    axes.set(xlim=(-0.7, count - 0.3), ylim=(-0.12 * top, 1.06 * top), xlabel="frame", ylabel="sharpness")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3, linewidth=0.5)
    axes.legend(frameon=False, fontsize=8, ncols=7, loc="lower right", bbox_to_anchor=(1.0, 1.0))


def _picture(axes: "Axes", frames: Frames, labels: SharpLabels, index: int, *, late: bool) -> None:
    axes.imshow(_small(frames[index]))
    axes.set(xticks=[], yticks=[])
    word = "just left out" if late else labels.reason[index]
    axes.set_title(f"{index}: {labels.sharpness[index]:.4g}, {word}", fontsize=8, pad=3)
    colour = _LEFT_OUT if late else LABEL_COLOURS["selected for its segment" if labels.from_segment[index] else "sharp"]
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=2.2)


def _small(frame: Frame) -> Frame:
    height, width = frame.shape[:2]
    if width <= CELL_PX:
        return frame
    return np.asarray(cv2.resize(frame, (CELL_PX, round(CELL_PX * height / width)), interpolation=cv2.INTER_AREA))


def write_threshold_plot(path: Path, curves: dict[str, NDArray[np.float64]]) -> None:
    """Draw precision over recall, and accuracy over the threshold, for each labeller.

    Args:
        path: the PNG.
        curves: by labeller, (N, 4) threshold as a multiple of the clip's own, recall, precision, accuracy.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 4.4), dpi=DPI, facecolor="white", layout="constrained")
    left, right = figure.subplots(1, 2)
    colours = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")
    for index, (name, curve) in enumerate(curves.items()):
        colour = colours[index % len(colours)]
        left.step(curve[:, 1], curve[:, 2], where="pre", color=colour, label=name)
        shown = curve[:, 0] > 0
        right.plot(curve[shown, 0], curve[shown, 3], color=colour, label=name)
    left.set(xlabel="recall", ylabel="precision", xlim=(0.0, 1.02), ylim=(0.0, 1.02))
    right.set(xlabel="threshold over the clip's own", ylabel="accuracy", xscale="log", ylim=(0.0, 1.02))
    right.axvline(1.0, color="#666666", linewidth=0.9, linestyle="--")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3, linewidth=0.5)
        axes.legend(frameon=False, fontsize=8, loc="lower left")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


def write_label_plots(
    folder: Path,
    clips: Sequence[tuple[str, Callable[[], Frames], SharpLabels, NDArray[np.integer] | None]],
) -> list[Path]:
    """Draw several clips; frames are read one clip at a time."""
    return [write_label_plot(folder, name, frames(), labels, oracle) for name, frames, labels, oracle in clips]
