"""Line charts and exposure paths as SVG, drawn here so that a page needs nothing else.

Colours are classes of ``page.css`` (``ink-…``), so one drawing serves the light and the dark page.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from hvdbench.report.view import CLASS_NAMES, Floats

STRIP_PX = 30
"""Height of the two rows (selected, oracle) under a chart over frames."""


@dataclass(frozen=True)
class Series:
    """A line: ``values`` (N,) over the chart's x; a value that is not finite leaves a gap."""

    key: str
    label: str
    values: Floats
    ink: str
    """Class that colours it: ``1`` to ``6``, ``blurry``, ``hand``, ``lens``, ``residual``, ``sharpness``."""


@dataclass(frozen=True)
class Plot:
    """The rectangle that data is drawn in, and what lies at its edges."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def x(self, value: float) -> float:
        low, high = self.x_range
        return self.left + (value - low) / (high - low) * (self.right - self.left)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Give about ``count`` round values (1, 2 or 5 times a power of ten apart) within [low, high]."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low]
    raw = span / max(1, count)
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * magnitude for factor in (1.0, 2.0, 5.0, 10.0) if factor * magnitude >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def number(value: float, step: float = 1.0) -> str:
    """Write a number with the digits that ``step`` needs and a true minus sign."""
    digits = max(0, -math.floor(math.log10(abs(step)) + 1e-9)) if step else 0
    return f"{value:,.{digits}f}".replace("-", "−").replace(",", "\u202f")


def y_limits(arrays: Sequence[Floats], *, from_zero: bool = False, symmetric: bool = False) -> tuple[float, float]:
    """Find the range that shows all finite values, with 6% of air; (0, 1) where there is none."""
    values = np.concatenate([np.ravel(array) for array in arrays]) if arrays else np.empty(0)
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    if symmetric:
        edge = max(abs(low), abs(high), 1e-6) * 1.08
        return -edge, edge
    air = 0.06 * (high - low) or 0.5
    return (0.0 if from_zero else low - air), high + air


def frame_chart(
    series: Sequence[Series],
    *,
    title: str,
    unit: str,
    width: int,
    height: int,
    is_selected: NDArray[np.bool_],
    oracle_class: NDArray[Any] | None,
    threshold: float | None = None,
    from_zero: bool = False,
    direct_labels: bool = True,
) -> Markup:
    """Draw lines over the frame index, with rows below that mark selected frames and the oracle's classes."""
    frames = np.arange(len(is_selected), dtype=np.float64)
    limits = y_limits([line.values for line in series] + [np.array([threshold or np.nan])], from_zero=from_zero)
    labelled = direct_labels and len(series) > 1
    last = max(1.0, float(len(frames) - 1))
    strip = STRIP_PX if oracle_class is not None else STRIP_PX / 2
    plot = Plot(width, height, 44, width - (150 if labelled else 10), 24, height - 26 - strip, (-0.5, last + 0.5), limits)
    parts = [_axes(plot, unit, "frame", ticks(0, last, width // 80))]
    parts += [_line(plot, frames, line, dots=len(frames) <= 150) for line in series]
    if threshold is not None:
        y = plot.y(threshold)
        parts.append(
            Markup('<line class="threshold" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/><text class="threshold-label" x="{1}" y="{3}"'
                   ' text-anchor="end">threshold {4}</text>').format(
                _px(plot.left), _px(plot.right), _px(y), _px(y - 5), _significant(threshold))
        )  # fmt: skip
    if labelled:
        parts.append(_end_labels(plot, series))
    parts.append(_strip(plot, is_selected, oracle_class))
    return _svg(plot, title, Markup("").join(parts))


def time_chart(
    t_s: Floats,
    series: Sequence[Series],
    *,
    title: str,
    unit: str,
    width: int,
    height: int,
    y_range: tuple[float, float],
) -> Markup:
    """Draw lines over time, about a zero line."""
    t_range = (float(t_s[0]), float(t_s[-1]))
    plot = Plot(width, height, 50, width - 8, 24, height - 30, t_range, y_range)
    zero = Markup('<line class="zero" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
        _px(plot.left), _px(plot.right), _px(plot.y(0)), _px(plot.y(0))
    )
    parts = [_axes(plot, unit, "time (s)", ticks(*t_range, 6)), zero]
    parts += [_line(plot, t_s, line) for line in series]
    return _svg(plot, title, Markup("").join(parts))


def chart_values(x: Floats, series: Sequence[Series], unit: str, x_name: str, digits: int) -> dict[str, Any]:
    """Give what the page reads out under the pointer: x, and each line's values (None for a gap)."""
    return {
        "x": [round(float(value), 4) for value in x],
        "x_name": x_name,
        "unit": unit,
        "digits": digits,
        "series": [
            {
                "key": line.key,
                "label": line.label,
                "ink": line.ink,
                "values": [round(float(v), digits + 1) if np.isfinite(v) else None for v in line.values],
            }
            for line in series
        ],
    }


def thinned(S: int, most: int = 480) -> slice:
    """Give the slice that keeps at most ``most`` evenly spaced samples of S."""
    return slice(None, None, max(1, math.ceil(S / most)))


@dataclass(frozen=True)
class ExposureScale:
    """How exposure paths of one clip are drawn: one scale for all frames, so that they compare."""

    half_range_px: float
    bar_px: float

    @property
    def bar_units(self) -> float:
        return 50 * self.bar_px / self.half_range_px

    def path(self, points_px: Floats) -> str:
        """Give (M, 2) displacements as the path of an SVG of 100 x 100 units, its centre at the origin."""
        units = 50 + 50 * np.asarray(points_px, np.float64) / self.half_range_px
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in np.clip(units, -200, 300))


def exposure_scale(residual_px: Floats, hand_px: Floats | None) -> ExposureScale:
    """Choose a scale that shows every residual path whole, and the hand's up to twice as far.

    Args:
        residual_px: (T, M, 2).
        hand_px: (T, M, 2) or None.
    """
    residual = float(np.nanmax(np.abs(residual_px), initial=0.0))
    hand = 0.0 if hand_px is None else float(np.nanmax(np.abs(hand_px), initial=0.0))
    half = 1.12 * max(residual, min(hand, 2 * residual), 1.5)
    bar = max(tick for tick in ticks(0, 0.8 * half, 3) if tick > 0)
    return ExposureScale(half, bar)


def _svg(plot: Plot, title: str, body: Markup) -> Markup:
    data = ",".join(_px(value) for value in (plot.left, plot.right, plot.top, plot.bottom, *plot.x_range))
    cursor = Markup('<line class="cursor" y1="{0}" y2="{1}" x1="-9" x2="-9"/><line class="probe" y1="{0}" y2="{1}" x1="-9" x2="-9"/>')
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}" data-plot="{}">{}{}</svg>').format(
        _px(plot.width), _px(plot.height), title, data, body, cursor.format(_px(plot.top), _px(plot.bottom))
    )


def _axes(plot: Plot, unit: str, x_name: str, x_ticks: Sequence[float]) -> Markup:
    parts = [Markup('<text class="unit" x="{}" y="12">{}</text>').format(_px(plot.left - 38), unit)]
    y_ticks = ticks(*plot.y_range, count=4)
    y_step = y_ticks[1] - y_ticks[0] if len(y_ticks) > 1 else 1.0
    for value in y_ticks:
        y = plot.y(value)
        parts.append(
            Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/><text class="tick" x="{}" y="{}" text-anchor="end">{}</text>').format(
                _px(plot.left), _px(plot.right), _px(y), _px(y), _px(plot.left - 6), _px(y + 4), number(value, y_step))
        )  # fmt: skip
    x_step = x_ticks[1] - x_ticks[0] if len(x_ticks) > 1 else 1.0
    foot = plot.height - 8
    for value in x_ticks:
        parts.append(Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            _px(plot.x(value)), _px(foot), number(value, x_step)))  # fmt: skip
    name = Markup('<text class="unit" x="{}" y="12" text-anchor="end">{} →</text>')
    return Markup("").join([*parts, name.format(_px(plot.right), x_name)])


def _line(plot: Plot, x: Floats, line: Series, *, dots: bool = False) -> Markup:
    path, pen_down, marks = [], False, []
    for position, value in zip(x, line.values, strict=True):
        if not np.isfinite(value):
            pen_down = False
            continue
        at = f"{plot.x(float(position)):.1f} {plot.y(float(value)):.1f}"
        path.append(("L" if pen_down else "M") + at)
        marks.append(f"M{at}h0")
        pen_down = True
    drawn = Markup('<g class="series ink-{}" data-key="{}"><path class="line" d="{}"/>').format(line.ink, line.key, "".join(path))
    return drawn + (Markup('<path class="dots" d="{}"/></g>').format("".join(marks)) if dots else Markup("</g>"))


def _end_labels(plot: Plot, series: Sequence[Series]) -> Markup:
    """Name lines at their right end, pushed apart where they would overlap."""
    wanted = []
    for line in series:
        finite = np.flatnonzero(np.isfinite(line.values))
        if finite.size:
            wanted.append((plot.y(float(line.values[finite[-1]])), line))
    wanted.sort(key=lambda pair: pair[0])
    gap, places = 14.0, list[float]()
    for y, _ in wanted:
        places.append(max(y, places[-1] + gap) if places else max(y, plot.top + 4))
    over = (places[-1] - plot.bottom) if places else 0.0
    for index in reversed(range(len(places))):
        limit = plot.bottom if index == len(places) - 1 else places[index + 1] - gap
        places[index] = min(places[index], limit) if over > 0 else places[index]
    parts = []
    for place, (y, line) in zip(places, wanted, strict=True):
        parts.append(
            Markup('<g class="series end ink-{}" data-key="{}"><path class="leader" d="M{} {}L{} {}"/><text x="{}" y="{}">{}</text></g>').format(
                line.ink, line.key, _px(plot.right), _px(y), _px(plot.right + 10), _px(place), _px(plot.right + 14), _px(place + 4),
                line.label.split(" (")[0])
        )  # fmt: skip
    return Markup("").join(parts)


def _strip(plot: Plot, is_selected: NDArray[np.bool_], oracle_class: NDArray[Any] | None) -> Markup:
    top = plot.bottom + 6
    step = plot.x(1) - plot.x(0)
    parts = [Markup('<text class="row" x="{}" y="{}" text-anchor="end">select.</text>').format(_px(plot.left - 6), _px(top + 8))]
    for index in np.flatnonzero(is_selected):
        parts.append(Markup('<circle class="selected" cx="{}" cy="{}" r="{}"/>').format(
            _px(plot.x(float(index))), _px(top + 4.5), _px(min(3.2, step * 0.42))))  # fmt: skip
    if oracle_class is not None:
        parts.append(Markup('<text class="row" x="{}" y="{}" text-anchor="end">oracle</text>').format(_px(plot.left - 6), _px(top + 22)))
        for index, value in enumerate(oracle_class):
            parts.append(Markup('<rect class="class-{}" x="{}" y="{}" width="{}" height="{}"/>').format(
                CLASS_NAMES[int(value)], _px(plot.x(index - 0.5)), _px(top + 18 - 5 * int(value)),
                _px(max(step * 0.86, 0.8)), 2 + 5 * int(value)))  # fmt: skip
    return Markup("").join(parts)


def _px(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _significant(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else number(value)


def legend(entries: Mapping[str, str]) -> Markup:
    """Give a list of line samples: ink to wording."""
    items = [
        Markup('<li class="ink-{}"><svg viewBox="0 0 26 8" aria-hidden="true"><path class="line" d="M1 4H25"/></svg>{}</li>').format(ink, escape(text))
        for ink, text in entries.items()
    ]
    return Markup('<ul class="legend">{}</ul>').format(Markup("").join(items))
