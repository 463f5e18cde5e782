"""A picture of a film on a log's clock: both turning rates over time, and how they agree at all lags."""

import io

import numpy as np

from hvdbench.camera.estimation.clock import ClockFit

_FILM, _LOG = "#d55e00", "#0072b2"


def draw_clock(fit: ClockFit, film: str) -> bytes:
    """Draw the rates about x, y and z by film and log, the lags that were tried, and those around the best.

    Returns:
        A PNG.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13.0, 9.0), dpi=100, facecolor="white", layout="constrained")
    grid = figure.add_gridspec(4, 2, width_ratios=(3, 2))
    for row, name in enumerate("xyz"):
        axes = figure.add_subplot(grid[row, :])
        axes.plot(fit.t_s, np.degrees(fit.log_rad_s[:, row]), color=_LOG, linewidth=1.6, label="log")
        axes.plot(fit.t_s, np.degrees(fit.film_rad_s[:, row]), color=_FILM, linewidth=0.9, marker=".", markersize=3,
                  label="film")  # fmt: skip
        axes.set_ylabel(f"about {name}, deg/s")
        axes.set_xlabel("video, s" if row == 2 else "")
        if row == 0:
            sure = "" if fit.sure else "NOT SURE: "
            offset = f"first frame at {fit.offset_s:.4f} s ± {2e3 * fit.offset_error_s:.1f} ms of the log"
            shown = film if len(film) <= 60 else "…" + film[-59:]
            axes.set_title(f"{sure}{shown}: {offset}, agreement {fit.agreement:.3f}", loc="left", fontsize=10)
            axes.legend(loc="upper right", ncols=2, frameon=False)
    known = fit.scores > -1.0
    near = known & (np.abs(fit.lag_s - fit.offset_s) < 1.0)
    for column, (chosen, title) in enumerate(((known, "all lags"), (near, "within a second"))):
        axes = figure.add_subplot(grid[3, column])
        axes.plot(fit.lag_s[chosen], fit.scores[chosen], color="#333333", linewidth=0.8)
        axes.axvline(fit.offset_s, color=_FILM, linewidth=0.9, linestyle="--")
        axes.axhline(fit.next_agreement, color="#999999", linewidth=0.8, linestyle=":")
        axes.set_title(f"{title} (dashed: the best, dotted: the next)", loc="left", fontsize=9)
        axes.set_xlabel("the video begins at this time of the log, s")
        axes.set_ylabel("agreement")
    for axes in figure.axes:
        axes.grid(visible=True, color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
