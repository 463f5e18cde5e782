"""Draw the pictures and write the tables of ``hvdbench ois sweep``."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from hvdbench.camera.stabiliser.settings import OisSettings
from hvdbench.recipe import check
from hvdbench.sweep.measure import (
    DEFAULT_SET,
    Camera,
    compare_stabilisers,
    default_hands,
    draw_hands,
    hands_of_log,
    measure_suppression,
)
from hvdbench.sweep.rows import RestoredRow, SharpRow, SuppressionRow, write_csv
from hvdbench.workspace.atomic import atomic_write_bytes

R = TypeVar("R", SharpRow, SuppressionRow, RestoredRow)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RATE_HZ = 2000.0  # each stage of the stabiliser is discretised exactly there (docs/decisions/0003-ois-model.md)
CLIP_S = 12.0
TILT_STROKE_DEG = 3.0
LOWEST_DB, HIGHEST_DB = -45.0, 8.0
DPI = 130
MARKS = ("o", "s", "^", "D", "v", "P")
RUN_TICKS = (1, 2, 5, 10, 20, 50, 100, 200)
RESTING = ("off", "eis")  # kinds without a stroke
TRUTH_MARKS = {"mid": ("o", -0.14, "tab:blue"), "centroid": ("s", 0.14, "tab:orange")}
DARK = {
    "text.color": "#e9e7e2",
    "axes.labelcolor": "#e9e7e2",
    "axes.edgecolor": "#a3a7ad",
    "axes.facecolor": "none",
    "figure.facecolor": "#1a1c1f",
    "savefig.facecolor": "#1a1c1f",
    "xtick.color": "#c9c4ba",
    "ytick.color": "#c9c4ba",
    "grid.color": "#a3a7ad",
}


@dataclass(frozen=True)
class Sweep:
    """What a sweep measured: one row a hand and stabiliser, and one a stabiliser, amplitude and frequency."""

    sharp: Sequence[SharpRow]
    suppression: Sequence[SuppressionRow]


def choose_stabilisers(
    kinds: Sequence[str] = (),
    strokes_deg: Sequence[float] = (),
    controllers: Sequence[str] = (),
    log: Path | None = None,
    orientation: str = "",
) -> dict[str, OisSettings]:
    """Choose what is compared: every kind with every stroke, every controller with every stroke, and no stabiliser.

    Where nothing is requested, it is the default set. A log's lens is added.

    Args:
        kinds: of the catalogue, or import strings.
        strokes_deg: left out: 3 for a module that tilts and 0.7 for others.
        controllers: import strings; they move a lens.
        log: a CSV of gyro rates and lens angles.
        orientation: of the log, as in :func:`hvdbench.camera.stabiliser.log.read_log`.

    Raises:
        RecipeError: if there is no such kind, or a stroke is not positive.
    """
    if not (kinds or strokes_deg or controllers):
        chosen = dict(DEFAULT_SET)
    else:
        chosen = {"off": OisSettings(kind="off")}
    if not kinds and strokes_deg and not controllers:
        kinds = ("lens_shift",)
    for kind in kinds:
        usual = TILT_STROKE_DEG if kind == "module_tilt" else OisSettings().stroke_deg
        for stroke_deg in [usual] if kind in RESTING else strokes_deg or [usual]:
            name = kind if kind in RESTING else f"{kind} {stroke_deg:g} deg"
            chosen[name] = check("ois sweep", {"kind": kind, "stroke_deg": stroke_deg}, OisSettings)
    for controller in controllers:
        for stroke_deg in strokes_deg or [OisSettings().stroke_deg]:
            table = {"controller": controller, "stroke_deg": stroke_deg}
            chosen[f"{controller} {stroke_deg:g} deg"] = check("ois sweep", table, OisSettings)
    if log is not None:
        chosen[f"lens of {log.name}"] = OisSettings(log=str(log), log_orientation=orientation)
    return chosen


def run_sweep(
    stabilisers: Mapping[str, OisSettings],
    folder: Path,
    *,
    seconds: float = 120.0,
    log: Path | None = None,
    orientation: str = "",
    seed: int = 0,
    camera: Camera | None = None,
) -> Sweep:
    """Measure stabilisers and write ``suppression.csv``, ``sharp_share.csv`` and a PNG beside each.

    Args:
        stabilisers: by name.
        folder: made when absent; files of those names are replaced.
        seconds: of every hand, in clips of 12 s.
        log: its turning stands in for the simulated hands.
        orientation: of the log.
        seed: of the hands and the gyro's noise.
        camera: what the motion is seen with; None: the usual one.

    Raises:
        InputError: if a log or controller cannot be used.
    """
    if log is not None:
        hands = hands_of_log(log, RATE_HZ, orientation)
    else:
        clips = max(1, int(np.ceil(seconds / CLIP_S)))
        hands = draw_hands(default_hands(), clips=clips, duration_s=min(seconds, CLIP_S), rate_hz=RATE_HZ, seed=seed)
    sharp = compare_stabilisers(stabilisers, hands, camera=camera, rate_hz=RATE_HZ, seed=seed)
    suppression = [
        row
        for name, settings in stabilisers.items()
        if settings.kind != "off" and settings.log is None
        for row in measure_suppression(name, settings)
    ]
    write_csv(folder / "sharp_share.csv", sharp)
    atomic_write_bytes(folder / "sharp_share.png", as_png(draw_sharp_share, sharp))
    if suppression:
        write_csv(folder / "suppression.csv", suppression)
        atomic_write_bytes(folder / "suppression.png", as_png(draw_suppression, suppression))
    return Sweep(sharp, suppression)


def as_png(draw: "Callable[[Sequence[R]], Figure]", rows: Sequence[R], *, dark: bool = False) -> bytes:
    """Draw rows and give the PNG, light on dark where asked; the same bytes every time."""
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context(DARK if dark else {}):  # type: ignore[arg-type]
        draw(rows).savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def draw_suppression(rows: Sequence[SuppressionRow]) -> "Figure":
    """Draw residual over hand in dB against frequency, a panel a stabiliser, a curve an amplitude."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(row.stabiliser for row in rows))
    amplitudes = sorted({row.amplitude_deg for row in rows})
    across = min(4, len(names))
    down = -(-len(names) // across)
    figure = Figure(figsize=(max(6.0, 3.7 * across), 3.1 * down + 1.2), layout="constrained")
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    colours = colormaps["viridis"](np.linspace(0.12, 0.88, len(amplitudes)))
    for axes, name in zip(grid.flat, names, strict=False):
        for amplitude, colour in zip(amplitudes, colours, strict=True):
            mine = [row for row in rows if row.stabiliser == name and row.amplitude_deg == amplitude]
            frequency = [row.frequency_hz for row in mine]
            axes.plot(frequency, [row.residual_db for row in mine], color=colour, lw=1.6, label=f"{amplitude:g} deg")
        closed = [row.closed_form_db for row in mine]
        axes.plot(frequency, closed, color="tab:red", ls=":", lw=2.0, label="closed form, small signal")
        axes.set(title=name, xscale="log", ylim=(LOWEST_DB, HIGHEST_DB))
        axes.grid(alpha=0.3, which="both", lw=0.5)
        axes.axhline(0.0, color="0.5", lw=0.8)
        axes.xaxis.set_major_formatter("{x:g}")
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    for column in range(across):
        lowest = [axes for axes in grid[:, column] if axes.get_visible()][-1]
        lowest.set_xlabel("frequency of the hand, Hz")
        lowest.tick_params(labelbottom=True)
    figure.supylabel("what is left of the hand's angle, dB")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=8, frameon=False)
    return figure


def draw_sharp_share(rows: Sequence[SharpRow]) -> "Figure":
    """Draw sharp share and mean runs, a line a stabiliser, a mark a hand."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(row.stabiliser for row in rows))
    figure = Figure(figsize=(12.0, 0.42 * len(names) + 2.0), layout="constrained")
    share, sharp_run, blurry_run = figure.subplots(1, 3, sharey=True)
    _dots(share, rows, names, "sharp_share")
    share.set(xlabel="share of sharp frames", xlim=(-0.03, 1.03), yticks=range(len(names)), yticklabels=names)
    share.set_ylim(len(names) - 0.5, -0.5)
    for axes, field, label in (
        (sharp_run, "sharp_run", "mean run of sharp frames"),
        (blurry_run, "blurry_run", "mean run of blurry frames"),
    ):
        _dots(axes, rows, names, field)
        axes.set(xlabel=label, xscale="log")
        axes.set_xticks(RUN_TICKS, [str(tick) for tick in RUN_TICKS])
        axes.minorticks_off()
    handles, labels = share.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=9, frameon=False)
    return figure


def _dots(axes: "Axes", rows: Sequence[SharpRow], names: Sequence[str], field: str) -> None:
    for index, hand in enumerate(dict.fromkeys(row.hand for row in rows)):
        values = [getattr(row, field) for row in rows if row.hand == hand]
        axes.plot(values, range(len(names)), MARKS[index % len(MARKS)], ms=6, alpha=0.85, label=hand)
    axes.grid(alpha=0.3, lw=0.5)


def draw_restored(rows: Sequence[RestoredRow]) -> "Figure":
    """Draw the means over scenes, a line a stabiliser: sharp share, and PSNR before (hollow) and after (filled)."""
    from matplotlib.figure import Figure

    rows = [row for row in rows if row.scene == "*"]
    names = list(dict.fromkeys(row.stabiliser for row in rows))
    figure = Figure(figsize=(12.0, 0.5 * len(names) + 2.0), layout="constrained")
    share, every, blurry = figure.subplots(1, 3, sharey=True, width_ratios=(2, 3, 3))
    share.barh(names, [_of(rows, name, "mid").sharp_share for name in names], height=0.5, color="tab:green", alpha=0.75)
    share.set(xlabel="share of sharp frames", xlim=(0.0, 1.0), ylim=(len(names) - 0.5, -0.5))
    for truth, (mark, offset, colour) in TRUTH_MARKS.items():
        of_truth = [_of(rows, name, truth) for name in names]
        place = np.arange(len(names)) + offset
        for axes, before, after in (
            (every, [row.input_db for row in of_truth], [row.restored_db for row in of_truth]),
            (blurry, [row.blurry_input_db for row in of_truth], [row.blurry_restored_db for row in of_truth]),
        ):
            axes.hlines(place, before, after, color=colour, lw=2.0, alpha=0.6)
            axes.plot(before, place, mark, ms=7, mfc="none", color=colour, label=f"input, {truth}")
            axes.plot(after, place, mark, ms=7, color=colour, label=f"restored, {truth}")
    every.set_xlabel("PSNR of all frames, dB")
    blurry.set_xlabel("PSNR of frames that are not sharp, dB")
    for axes in (share, every, blurry):
        axes.grid(alpha=0.3, lw=0.5)
        axes.set_axisbelow(True)
    handles, labels = every.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=9, frameon=False)
    return figure


def _of(rows: Sequence[RestoredRow], name: str, truth: str) -> RestoredRow:
    return next(row for row in rows if row.stabiliser == name and row.truth == truth)
