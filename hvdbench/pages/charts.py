"""Draw line charts as SVG, so that a page needs nothing else.

Colours are classes of ``page.css`` (``ink-…``), so one drawing serves the light and the dark page.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from hvdbench.pages.view import CLASS_NAMES, Floats

END_LABEL_PX = 150
"""Width for the lines' names at the right end of a wide chart."""

STRIP_PX = 38
"""Height of the two rows (selected, oracle) under a chart over frames."""

_TEXT = Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>')
_RULE = Markup('<line class="{0}" x1="{1}" x2="{2}" y1="{3}" y2="{3}"/>')
_MARK = Markup('<line class="{}" visibility="hidden" y1="{}" y2="{}"/>')
_LINE = Markup('<g class="series ink-{}" data-key="{}"><path class="line" d="{}"/>{}</g>')
_END = Markup('<g class="series end ink-{}" data-key="{}"><path class="leader" d="{}"/>{}</g>')
_SAMPLE = Markup(
    '<li class="ink-{}" data-key="{}"><svg viewBox="0 0 26 8" aria-hidden="true"><path class="line" d="M1 4H25"/></svg>'
    "{}</li>"
)


@dataclass(frozen=True)
class Series:
    """A line: ``values`` (N,) over the chart's x; a value that is not finite leaves a gap."""

    key: str
    label: str
    values: Floats
    ink: str
    """Class that colours it: ``1`` to ``6``, ``other``, ``blurry``, ``hand``, ``lens``, ``residual``, ``sharpness``."""


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
    """Return about ``count`` round values (1, 2 or 5 times a power of ten apart) within [low, high]."""
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
    right = width - (END_LABEL_PX if labelled else 10)
    plot = Plot(width, height, 46, right, 24, height - 26 - strip, (-0.5, last + 0.5), limits)
    parts = [_axes(plot, unit, "frame", ticks(0, last, width // 80))]
    parts += [_line(plot, frames, line, dots=8 * len(frames) <= width + 120) for line in series]
    if threshold is not None:
        y, words = plot.y(threshold), f"threshold {_significant(threshold)}"
        parts.append(_RULE.format("threshold", _px(plot.left), _px(plot.right), _px(y)))
        parts.append(_TEXT.format("threshold-label", _px(plot.right), _px(y - 5), "end", words))
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
    size: tuple[int, int],
    y_range: tuple[float, float],
) -> Markup:
    """Draw lines over time, about a zero line."""
    t_range = (float(t_s[0]), float(t_s[-1]))
    plot = Plot(*size, 50, size[0] - 8, 24, size[1] - 30, t_range, y_range)
    zero = _RULE.format("zero", _px(plot.left), _px(plot.right), _px(plot.y(0)))
    parts = [_axes(plot, unit, "time (s)", ticks(*t_range, 6)), zero]
    parts += [_line(plot, t_s, line) for line in series]
    return _svg(plot, title, Markup("").join(parts))


def value_chart(
    x: Floats,
    series: Sequence[Series],
    *,
    title: str,
    unit: str,
    x_name: str,
    size: tuple[int, int],
    x_names: Sequence[str] | None = None,
    direct_labels: bool = True,
) -> Markup:
    """Draw lines with dots over any values, or over names (``x_names``, one for each x)."""
    air = 0.5 if x_names is not None else max(0.02 * float(x[-1] - x[0]), 1e-6)
    labelled = direct_labels and len(series) > 1
    right = size[0] - (END_LABEL_PX if labelled else 10)
    limits = y_limits([line.values for line in series])
    plot = Plot(*size, 50, right, 24, size[1] - 30, (float(x[0]) - air, float(x[-1]) + air), limits)
    places = [] if x_names is not None else ticks(float(x[0]), float(x[-1]), size[0] // 72)
    parts = [_axes(plot, unit, x_name, places)]
    if x_names is not None and (plot.right - plot.left) / len(x) >= 9 * min(13, max(map(len, x_names))):
        for value, name in zip(x.tolist(), x_names, strict=True):
            words = name if len(name) <= 13 else name[:12] + "…"
            parts.append(_TEXT.format("tick", _px(plot.x(value)), _px(plot.height - 8), "middle", words))
    parts += [_line(plot, x, line, dots=True) for line in series]
    if labelled:
        parts.append(_end_labels(plot, series))
    return _svg(plot, title, Markup("").join(parts))


def chart_values(x: Floats, series: Sequence[Series], unit: str, x_name: str, digits: int) -> dict[str, Any]:
    """Return what the page reads out under the pointer: x, and each line's values (None for a gap)."""
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
    """Return the slice that keeps at most ``most`` evenly spaced samples of S."""
    return slice(None, None, max(1, math.ceil(S / most)))


def _svg(plot: Plot, title: str, body: Markup) -> Markup:
    data = ",".join(_px(value) for value in (plot.left, plot.right, plot.top, plot.bottom, *plot.x_range))
    marks = [_MARK.format(name, _px(plot.top), _px(plot.bottom)) for name in ("cursor", "probe")]
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}" data-plot="{}">{}{}</svg>').format(
        _px(plot.width), _px(plot.height), title, data, body, Markup("").join(marks)
    )


def _axes(plot: Plot, unit: str, x_name: str, x_ticks: Sequence[float]) -> Markup:
    parts = [
        _TEXT.format("unit", _px(4), 12, "start", unit),
        _TEXT.format("unit", _px(plot.right), 12, "end", x_name + " →"),
    ]
    y_ticks = ticks(*plot.y_range, count=4)
    for value in y_ticks:
        y = plot.y(value)
        parts.append(_RULE.format("grid", _px(plot.left), _px(plot.right), _px(y)))
        parts.append(_TEXT.format("tick", _px(plot.left - 6), _px(y + 4), "end", number(value, _step(y_ticks))))
    for value in x_ticks:
        words = number(value, _step(x_ticks))
        parts.append(_TEXT.format("tick", _px(plot.x(value)), _px(plot.height - 8), "middle", words))
    return Markup("").join(parts)


def _step(places: Sequence[float]) -> float:
    return places[1] - places[0] if len(places) > 1 else 1.0


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
    drawn = Markup('<path class="dots" d="{}"/>').format("".join(marks)) if dots else Markup("")
    return _LINE.format(line.ink, line.key, "".join(path), drawn)


def _end_labels(plot: Plot, series: Sequence[Series]) -> Markup:
    """Draw the lines' names at their right end."""
    wanted = []
    for line in series:
        finite = np.flatnonzero(np.isfinite(line.values))
        if finite.size:
            wanted.append((plot.y(float(line.values[finite[-1]])), line))
    wanted.sort(key=lambda pair: pair[0])
    parts = []
    for place, (y, line) in zip(spread([y for y, _ in wanted], 14, plot.top, plot.bottom), wanted, strict=True):
        leader = f"M{_px(plot.right)} {_px(y)}L{_px(plot.right + 10)} {_px(place)}"
        words = _TEXT.format("", _px(plot.right + 14), _px(place + 4), "start", _short(line.label))
        parts.append(_END.format(line.ink, line.key, leader, words))
    return Markup("").join(parts)


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move sorted places apart by ``gap`` at least, within [low, high] while they fit."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, low, moved[-1] + gap if moved else low))
    limit = high
    for index in reversed(range(len(moved))):
        moved[index] = min(moved[index], limit)
        limit = moved[index] - gap
    return moved


def _short(label: str) -> str:
    name = label.split(" (")[0]
    return name if len(name) <= 18 else name[:17] + "…"


def _strip(plot: Plot, is_selected: NDArray[np.bool_], oracle_class: NDArray[Any] | None) -> Markup:
    top, step = plot.bottom + 13, plot.x(1) - plot.x(0)
    circle = Markup('<circle class="selected" cx="{}" cy="{}" r="{}"/>')
    cell = Markup('<rect class="class-{}" x="{}" y="{}" width="{}" height="{}"/>')
    parts = [_TEXT.format("row", _px(plot.left - 6), _px(top + 8), "end", "select.")]
    for index in np.flatnonzero(is_selected).tolist():
        parts.append(circle.format(_px(plot.x(index)), _px(top + 4.5), _px(min(3.2, step * 0.42))))
    if oracle_class is not None:
        parts.append(_TEXT.format("row", _px(plot.left - 6), _px(top + 22), "end", "oracle"))
        for index, value in enumerate(np.asarray(oracle_class).astype(int).tolist()):
            place = (_px(plot.x(index - 0.43)), _px(top + 18 - 5 * value), _px(max(step * 0.86, 0.8)), 5 + 5 * value)
            parts.append(cell.format(CLASS_NAMES[value], *place))
    return Markup("").join(parts)


def _px(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _significant(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else number(value)


def legend(entries: Sequence[tuple[str, str]], others: int = 0) -> Markup:
    """Draw a list of line samples: the ink and the words of each, and one for ``others`` that have no colour."""
    items = [_SAMPLE.format(ink, text, text) for ink, text in entries]
    if others:
        words = f"{others} other method{'s' if others > 1 else ''}"
        items.append(_SAMPLE.format("other", "", words))
    return Markup('<ul class="legend">{}</ul>').format(Markup("").join(items))
