"""Draw the pictures of ``hvdbench dataset describe``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hvdbench.realism.describe_facts import BANDS_HZ, DescribedClip
from hvdbench.realism.series import run_lengths
from hvdbench.store import Dataset
from hvdbench.workspace.atomic import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 110
MOST_CLIPS = 40
CLASS_COLOURS = {"sharp": "#009e73", "mild": "#e69f00", "blurry": "#d55e00"}
PATH_COLOURS = {"hand": "#666666", "residual": "#0072b2"}
DISPLACEMENT_COLOURS = {"median": "#0072b2", "max": "#d55e00", "extent": "#009e73"}


def write_plots(folder: Path, dataset: Dataset, facts: Sequence[DescribedClip]) -> list[Path]:
    """Write ``blur.png`` (classes in time, runs, displacements) and ``motion.png`` (motion, sharpness, spectra)."""
    pictures = {"blur.png": _blur(facts), "motion.png": _motion(facts)}
    for name, figure in pictures.items():
        for axes in figure.axes:
            axes.spines[["top", "right"]].set_visible(False)
        figure.suptitle(f"{dataset.name}, origin {dataset.origin}", x=0.01, ha="left", fontsize=11)
        with atomic_path(folder / name) as temporary:
            figure.savefig(temporary, format="png", metadata={"Software": None})
    return [folder / name for name in pictures]


def _blur(facts: Sequence[DescribedClip]) -> "Figure":
    from matplotlib.figure import Figure

    shown = min(MOST_CLIPS, len(facts))
    figure = Figure(figsize=(15.0, max(4.2, 0.24 * shown + 1.6)), dpi=DPI, facecolor="white", layout="constrained")
    strips, runs, extent = figure.subplots(1, 3, width_ratios=(5, 3, 3))
    _strips(strips, facts[:MOST_CLIPS], len(facts))
    classes = [fact.blur_class for fact in facts if fact.blur_class is not None]
    if classes:
        _runs(runs, classes)
    else:
        _nothing(runs, "no oracle: no runs")
    kinds = {
        kind: "median over the frame" if kind == "median" else "largest in the frame" for kind in ("median", "max")
    }
    for kind, label in (kinds | {"extent": "extent of the centre's path"}).items():
        values = [fact.displacement_px[kind] for fact in facts if kind in fact.displacement_px]
        if values:
            _distribution(extent, np.concatenate(values), DISPLACEMENT_COLOURS[kind], label)
    if extent.lines:
        extent.set(xlabel="displacement in an exposure, px", ylabel="share of frames", xlim=(0.0, None))
        extent.legend(frameon=False, fontsize=8, loc="lower right")
    else:
        _nothing(extent, "no tracks: no displacements")
    return figure


def _strips(axes: "Axes", facts: Sequence[DescribedClip], total: int) -> None:
    """Draw a row per clip and a cell per frame, coloured by class; gray where there is no oracle."""
    for place, fact in enumerate(facts):
        if fact.blur_class is None:
            axes.barh(place, len(fact.sharpness), left=-0.5, height=0.8, color="#dddddd")
            continue
        for index, colour in enumerate(CLASS_COLOURS.values()):
            at = np.flatnonzero(fact.blur_class == index)
            axes.barh([place] * len(at), 1.0, left=at - 0.5, height=0.8, color=colour)
    axes.set_yticks(range(len(facts)), [_short(fact.name) for fact in facts], fontsize=8)
    axes.invert_yaxis()
    for name, colour in CLASS_COLOURS.items():
        axes.barh([0], 0.0, color=colour, label=name)
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="lower right", bbox_to_anchor=(1.0, 1.0))
    first = "" if len(facts) == total else f" (first {len(facts)} of {total} clips)"
    axes.set_xlabel(f"frame{first}")


def _short(name: str) -> str:
    return name if len(name) <= 34 else "…" + name[-33:]


def _runs(axes: "Axes", classes: Sequence[NDArray[np.int64]]) -> None:
    for is_sharp, label, colour, offset in (
        (True, "sharp", CLASS_COLOURS["sharp"], -0.2),
        (False, "mild or blurry", CLASS_COLOURS["blurry"], 0.2),
    ):
        lengths = np.concatenate([run_lengths((one == 0) == is_sharp) for one in classes])
        length, count = np.unique(lengths, return_counts=True)
        axes.bar(length + offset, count, width=0.4, color=colour, label=label)
    axes.set(xlabel="length of runs, frames", ylabel="runs")
    axes.legend(frameon=False, fontsize=8)


def _motion(facts: Sequence[DescribedClip]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15.0, 4.4), dpi=DPI, facecolor="white", layout="constrained")
    motion, laplacian, spectrum = figure.subplots(1, 3)
    for fact in facts:
        _distribution(motion, fact.motion_px, "#999999", None, width=0.6)
    _distribution(motion, np.concatenate([fact.motion_px for fact in facts]), "#0072b2", "all clips (gray: each)")
    motion.set(xlabel="motion per frame, px", ylabel="share of frames", xlim=(0.0, None))
    motion.legend(frameon=False, fontsize=8, loc="lower right")
    values = np.concatenate([fact.sharpness for fact in facts])
    laplacian.hist(np.log10(np.maximum(values, 1e-2)), bins=40, color="#0072b2")
    laplacian.set(xlabel="log10 of the variance of the Laplacian, blurry frames", ylabel="frames")
    _bands(spectrum, facts)
    return figure


def _bands(axes: "Axes", facts: Sequence[DescribedClip]) -> None:
    if not any(fact.rate_rms_deg_s for fact in facts):
        _nothing(axes, "no camera paths: no spectra")
        return
    for offset, (path, colour) in zip((-0.2, 0.2), PATH_COLOURS.items(), strict=True):
        power = [fact.rate_rms_deg_s[path] ** 2 for fact in facts if path in fact.rate_rms_deg_s]
        if power:
            rms = np.sqrt(np.mean(power, axis=0))
            axes.bar(np.arange(len(BANDS_HZ)) + offset, rms, width=0.4, color=colour, label=path)
    axes.set_xticks(range(len(BANDS_HZ)), [f"{low:g}-{high:g}" for low, high in BANDS_HZ])
    axes.set(xlabel="band, Hz", ylabel="turning about x and y, deg/s rms")
    axes.legend(frameon=False, fontsize=8)


def _distribution(
    axes: "Axes", samples: NDArray[np.float64], colour: str, label: str | None, *, width: float = 1.8
) -> None:
    values = np.sort(samples)
    if len(values):
        share = np.arange(1, len(values) + 1) / len(values)
        axes.step(values, share, where="post", color=colour, linewidth=width, label=label)
        axes.grid(alpha=0.3, linewidth=0.5)


def _nothing(axes: "Axes", why: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, why, ha="center", transform=axes.transAxes)
