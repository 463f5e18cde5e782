"""The pictures and tables of ``hvdbench ois sweep``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hvdbench.atomic import atomic_path
from hvdbench.camera.ois import OisSettings
from hvdbench.camera.sweep import (
    DEFAULT_SET,
    SharpRow,
    SuppressionRow,
    compare_stabilisers,
    default_hands,
    draw_hands,
    hands_of_log,
    measure_suppression,
    write_csv,
)
from hvdbench.recipe import check

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RATE_HZ = 2000.0
CLIP_S = 12.0
TILT_STROKE_DEG = 3.0
LOWEST_DB, HIGHEST_DB = -45.0, 8.0
DPI = 130
MARKS = ("o", "s", "^", "D", "v", "P")
RUN_TICKS = (1, 2, 5, 10, 20, 50, 100, 200)
RESTING = ("off", "eis")  # kinds without a stroke


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
) -> dict[str, OisSettings]:
    """Name what is compared: every kind with every stroke, every controller with every stroke, and no stabiliser.

    Where nothing is asked for, the default set. A log's lens comes on top.

    Args:
        kinds: of the catalogue, or import strings.
        strokes_deg: left out: 3 for a module that tilts and 0.7 for others.
        controllers: import strings; they move a lens.
        log: a CSV of gyro rates and lens angles.

    Raises:
        RecipeError: no such kind, or a stroke that is not positive.
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
        chosen[f"lens of {log.name}"] = OisSettings(log=str(log))
    return chosen


def run_sweep(
    stabilisers: Mapping[str, OisSettings],
    folder: Path,
    *,
    seconds: float = 120.0,
    log: Path | None = None,
    seed: int = 0,
) -> Sweep:
    """Measure stabilisers and write ``suppression.csv``, ``sharp_share.csv`` and a PNG beside each.

    Args:
        stabilisers: by name.
        folder: made when absent; files of those names are replaced.
        seconds: of every hand, in clips of 12 s.
        log: its turning stands in for the simulated hands.
        seed: of the hands and the gyro's noise.

    Raises:
        InputError: a log or controller that cannot be used.
    """
    if log is not None:
        hands = hands_of_log(log, RATE_HZ)
    else:
        clips = max(1, int(np.ceil(seconds / CLIP_S)))
        hands = draw_hands(default_hands(), clips=clips, duration_s=min(seconds, CLIP_S), rate_hz=RATE_HZ, seed=seed)
    sharp = compare_stabilisers(stabilisers, hands, rate_hz=RATE_HZ, seed=seed)
    suppression = [
        row
        for name, settings in stabilisers.items()
        if settings.kind != "off" and settings.log is None
        for row in measure_suppression(name, settings)
    ]
    write_csv(folder / "sharp_share.csv", sharp)
    _save(draw_sharp_share(sharp), folder / "sharp_share.png")
    if suppression:
        write_csv(folder / "suppression.csv", suppression)
        _save(draw_suppression(suppression), folder / "suppression.png")
    return Sweep(sharp, suppression)


def _save(figure: "Figure", path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DPI, metadata={"Software": None})


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
    colours = colormaps["viridis"](np.linspace(0.0, 0.85, len(amplitudes)))
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
    share.invert_yaxis()
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
