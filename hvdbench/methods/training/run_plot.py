"""Plot a run from its log: losses, rate, shares, shift and sharpness, with its events marked."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hvdbench.methods.training.objective import ANCHOR_UPDATE, MASK_COVERAGE, SHARP_CHOSEN_SHARE, is_share
from hvdbench.methods.training.records import read_log
from hvdbench.workspace.atomic import atomic_write_bytes

_NO_TERMS = {"kind", "step", "seconds", "loss", "learning_rate", "gradient_norm"}
_SHARE_WORDS = {MASK_COVERAGE: "covered by the mask", SHARP_CHOSEN_SHARE: "frames whose target was the sharp frame"}
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#000000")
_WARNING = "#d55e00"
_ANCHOR = "#009e73"

Lines = Sequence[Mapping[str, Any]]


def draw_run(log: Path, target: Path, *, title: str = "", drift_limit_px: float | None = None) -> bool:
    """Draw ``log.jsonl`` as a PNG file.

    Args:
        log: path of the run's log.
        target: path of the picture.
        title: title of the picture.
        drift_limit_px: shift above which a validation warns; it is drawn as a line.

    Returns:
        Whether there was anything to draw.
    """
    lines = read_log(log)
    steps = [line for line in lines if line["kind"] == "step"]
    checks = [line for line in lines if line["kind"] == "validation"]
    if not steps:
        return False
    figure = _figure(11, 8)
    (losses, rates), (shares, norms), (shifts, sharpness) = figure.subplots(3, 2, sharex=True)
    _losses(losses, steps, checks)
    _one(rates, steps, "learning_rate", "learning rate", is_log=True)
    _shares(shares, steps)
    _one(norms, steps, "gradient_norm", "norm of the gradient", is_log=True)
    _shifts(shifts, checks, drift_limit_px)
    _sharpness(sharpness, checks)
    warned = sorted({line["step"] for line in lines if line["kind"] == "warning"})
    moved = [line["step"] for line in checks if line.get(ANCHOR_UPDATE)]
    for axes in (losses, rates, shares, norms, shifts, sharpness):
        axes.grid(visible=True, alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        for step in moved:
            axes.axvline(step, color=_ANCHOR, linestyle="--", linewidth=1)
    _legends(figure, shifts, moved, warned)
    for axes in (shifts, sharpness):
        axes.set_xlabel("optimiser steps")
    if title:
        figure.suptitle(title)
    _save(figure, target)
    return True


def _figure(width: float, height: float) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Any, target: Path) -> None:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    atomic_write_bytes(target, buffer.getvalue())


def _series(lines: Lines, key: str) -> tuple[list[int], list[float]]:
    """Return steps and values of the log lines that have a number under a key."""
    pairs = [(line["step"], float(line[key])) for line in lines if isinstance(line.get(key), int | float)]
    return [step for step, _ in pairs], [value for _, value in pairs]


def _terms(steps: Lines) -> list[str]:
    return sorted({key for line in steps for key in line} - _NO_TERMS)


def _losses(axes: Any, steps: Lines, checks: Lines) -> None:
    terms = [term for term in _terms(steps) if not is_share(term)]
    every = [value for key in ("loss", *terms) for value in _series(steps, key)[1]]
    marker = "o" if len(steps) == 1 else None
    axes.plot(*_series(steps, "loss"), color="black", linewidth=1.6, marker=marker, label="whole")
    for term, colour in zip(terms, _COLOURS * (1 + len(terms) // len(_COLOURS)), strict=False):
        axes.plot(*_series(steps, term), color=colour, linewidth=1, marker=marker, label=term.replace("_", " "))
    if any("loss" in line for line in checks):
        axes.plot(*_series(checks, "loss"), "k^", markersize=5, label="whole, at validation")
    if every and min(every) > 0:
        axes.set_yscale("log")
    axes.set_title("losses", loc="left")


def _one(axes: Any, lines: Lines, key: str, title: str, *, is_log: bool = False) -> None:
    found = _series(lines, key)
    axes.plot(*found, color=_COLOURS[0], linewidth=1.2, marker="o" if len(found[0]) == 1 else None)
    if is_log and found[1] and min(found[1]) > 0:
        axes.set_yscale("log")
    axes.set_title(title, loc="left")


def _shares(axes: Any, steps: Lines) -> None:
    shares = [term for term in _terms(steps) if is_share(term)]
    for term, colour in zip(shares, _COLOURS, strict=False):
        words = _SHARE_WORDS.get(term, term.replace("_", " "))
        axes.plot(*_series(steps, term), color=colour, linewidth=1.2, label=words)
    axes.set_ylim(-0.03, 1.03)
    axes.set_title("shares", loc="left")
    if not axes.lines:
        _nothing(axes)


def _shifts(axes: Any, checks: Lines, limit: float | None) -> None:
    found = _series(checks, "shift_px")
    axes.plot(*found, color=_COLOURS[0], marker="o", markersize=4, linewidth=1.2, label="output to input")
    if limit is not None and found[0]:
        axes.axhline(limit, color=_WARNING, linestyle=":", linewidth=1.2, label="limit")
    axes.set_ylim(bottom=0)
    axes.set_title("shift, px (median)", loc="left")
    if not found[0]:
        _nothing(axes)


def _sharpness(axes: Any, checks: Lines) -> None:
    found = _series(checks, "sharpness_ratio")
    axes.plot(*found, color=_COLOURS[0], marker="o", markersize=4, linewidth=1.2)
    if found[0]:
        axes.axhline(1, color="#7f7f7f", linewidth=0.8)
    axes.set_title("sharpness, output to input", loc="left")
    if not found[0]:
        _nothing(axes)
    psnr = _series(checks, "psnr")
    if psnr[0]:
        other = axes.twinx()
        other.plot(*psnr, color=_COLOURS[1], marker="s", markersize=4, linewidth=1.2)
        other.set_ylabel("PSNR, dB (no decision depends on it)", color=_COLOURS[1])


def _nothing(axes: Any) -> None:
    axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", va="center", color="#7f7f7f")


def _legends(figure: Any, shifts: Any, moved: Sequence[int], warned: Sequence[int]) -> None:
    """Label each kind of mark once, in the panel where it matters most."""
    if moved:
        shifts.plot([], [], color=_ANCHOR, linestyle="--", linewidth=1, label="anchor moved")
    if warned:
        low = np.full(len(warned), 0.03)
        shifts.plot(
            warned, low, "v", color=_WARNING, markersize=6, transform=shifts.get_xaxis_transform(), label="warning"
        )
    for axes in figure.axes:
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=8, frameon=False)
