"""Draw camera paths: turned angles, positions, and the spectrum of the turning rates."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hvdbench.camera.quality import TRUSTED_HZ, PathQuality, assess, rate_spectrum
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import TrajectoryError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_PATHS = 12
_COLOURS = ("#0072b2", "#d55e00", "#009e73")
_AXES = ("x", "y", "z")
_MARK = "#666666"


def draw_paths(paths: Sequence[Trajectory]) -> bytes:
    """Draw each path in a row: angles, positions, spectrum; gaps, jumps and seams marked.

    Angles are the turning rates about the camera's own axes, summed since the first pose, so they never wrap.

    Args:
        paths: 1 to 12.

    Returns:
        A PNG.

    Raises:
        TrajectoryError: if there is no path, or there are more than fit on a page.
    """
    if not 0 < len(paths) <= MOST_PATHS:
        raise TrajectoryError(
            f"there are {len(paths)} paths to draw, expected 1 to {MOST_PATHS}: name one of them, as SET/PATH"
        )
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14.0, 3.4 * len(paths)), dpi=100, facecolor="white", layout="constrained")
    grid = figure.subplots(len(paths), 3, squeeze=False, width_ratios=(4, 3, 3))
    for (turns, places, spectrum), path in zip(grid, paths, strict=True):
        report = assess(path)
        _draw_turns(turns, path, report)
        _draw_places(places, path)
        _draw_spectrum(spectrum, path)
        for axes in (turns, places, spectrum):
            axes.grid(visible=True, color="#dddddd", linewidth=0.6)
            axes.spines[["top", "right"]].set_visible(False)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels), frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _draw_turns(axes: "Axes", path: Trajectory, report: PathQuality) -> None:
    t_s = path.t_s - path.t_s[0]
    steps = (path.rotation[:-1].inv() * path.rotation[1:]).as_rotvec()
    angle_deg = np.degrees(np.pad(np.cumsum(steps, axis=0), ((1, 0), (0, 0))))
    for column, colour, name in zip(angle_deg.T, _COLOURS, _AXES, strict=True):
        axes.plot(t_s, column, color=colour, linewidth=1.0, label=f"about / along {name}")
    for gap in report.gaps:
        start = gap.at_s - path.t_s[0]
        axes.axvspan(start, start + gap.seconds, color=_MARK, alpha=0.3, linewidth=0)
    for jump in report.jumps:
        axes.axvline(jump.at_s - path.t_s[0], color="#cc0000", linewidth=0.9)
    for row in report.seams:
        axes.axvline(t_s[row - 1], color=_MARK, linewidth=0.9, linestyle=":")
    found = f"gaps {len(report.gaps)} (grey), jumps {len(report.jumps)} (red), seams {len(report.seams)} (dotted)"
    axes.set_title(f"{_short(path.name)}\n{found}", loc="left", fontsize=10)
    axes.set_xlabel("time, s")
    axes.set_ylabel("turned about its axes, deg")


def _draw_places(axes: "Axes", path: Trajectory) -> None:
    place = path.position_w - path.position_w[0]
    for column, colour in zip(place.T, _COLOURS, strict=True):
        axes.plot(path.t_s - path.t_s[0], column, color=colour, linewidth=1.0)
    axes.set_xlabel("time, s")
    axes.set_ylabel("moved in the world, " + ("m" if path.scale_m else "own unit"))


def _draw_spectrum(axes: "Axes", path: Trajectory) -> None:
    frequency, power = rate_spectrum(path)
    if not len(frequency):
        axes.set_axis_off()
        axes.text(0.5, 0.5, "too few rows for a spectrum", ha="center", transform=axes.transAxes)
        return
    shown = frequency > 0
    for column, colour in zip(power.T, _COLOURS, strict=True):
        axes.loglog(frequency[shown], np.sqrt(np.maximum(column[shown], 1e-12)), color=colour, linewidth=1.0)
    highest = float(np.sqrt(power[shown].max()))
    if highest > 0:
        axes.set_ylim(max(highest * 1e-4, float(np.sqrt(power[shown].min())) * 0.5), highest * 2.0)
    axes.axvline(TRUSTED_HZ, color=_MARK, linewidth=0.8, linestyle="--")
    axes.set_xlabel(f"frequency, Hz (dashed: {TRUSTED_HZ:g})")
    axes.set_ylabel("turning, deg/s per root Hz")


def _short(name: str) -> str:
    return name if len(name) <= 60 else "…" + name[-59:]
