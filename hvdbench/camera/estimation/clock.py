"""When a film was taken on the clock of a gyroscope: their offset and drift, from how both say that the camera turned.

Between two frames a film and a log say the same thing, the mean turning rate. All lags are tried by correlation; then
offset, drift, a bias of the rates and the scale of the film's angles (an assumed focal length) are fitted together.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.optimize import least_squares
from scipy.signal import correlate, find_peaks

from hvdbench import __version__
from hvdbench.camera.breaks import step_rates
from hvdbench.camera.estimation.estimate import PairQuality
from hvdbench.camera.trajectory import WIDEST_GAP, Trajectory
from hvdbench.errors import TrajectoryError

Array = NDArray[np.float64]

FEWEST_PAIRS = 24
LEAST_AGREEMENT = 0.5
MOST_LEFT = 0.6
"""What may be left of the film's turning at the best lag, as a share of what the next best leaves: a chance or a period
of the shaking comes close to the truth, and then neither is sure."""
LEAST_OVERLAP = 0.5  # of the shorter recording
LEAST_SCALE, MOST_SCALE = 0.15, 8.0  # a telephoto lens of 5x under the focal length of a main camera makes it 5
MOST_DRIFT_ERROR_PPM = 200.0  # phones' crystals are off by under 100: a worse estimate says nothing

_STEPS = 4  # lags a frame's time in the first search
_MOST_LAGS = 2_000_000
_BLOCKS = 8
_WORST = ("few points", "blur")


@dataclass(frozen=True)
class ClockFit:
    """A film on a log's clock.

    Args:
        offset_s: the log's time, since its first row, at the film's first frame: where its motion is, which is the
            middle of exposure and readout.
        offset_error_s: its standard error, from leaving out parts of the film in turn.
        drift_ppm: how much longer the film lasts on the log's clock, in millionths; None where the film is too short.
        drift_error_ppm: its standard error, None likewise.
        agreement: correlation of the two turning rates at the offset, all axes together.
        next_agreement: that of the next best lag.
        scale: the film's turns about x and y over the log's: the true focal length over the assumed one, inverted.
        pairs: how many pairs of frames were compared.
        t_s: (M,) middles of the pairs, since the film's first frame.
        film_rad_s: (M, 3) turning rates of the film, divided by their scale.
        log_rad_s: (M, 3) those of the log at the same times.
        lag_s: (L,) lags that were tried.
        scores: (L,) their correlations.
    """

    offset_s: float
    offset_error_s: float
    drift_ppm: float | None
    drift_error_ppm: float | None
    agreement: float
    next_agreement: float
    scale: float
    pairs: int
    t_s: Array
    film_rad_s: Array
    log_rad_s: Array
    lag_s: Array
    scores: Array

    @property
    def sure(self) -> bool:
        """Whether film and log belong together and one lag stands out."""
        stands_out = _left(self.agreement) <= MOST_LEFT * _left(self.next_agreement)
        return self.agreement >= LEAST_AGREEMENT and stands_out

    def lines(self, film: str) -> list[str]:
        """Return the report as lines of text."""
        drift = "the film is too short to show their drift"
        if self.drift_ppm is not None and self.drift_error_ppm is not None:
            drift = f"their drift is {self.drift_ppm:.0f} ± {2.0 * self.drift_error_ppm:.0f} ppm"
        return [
            f"  clocks: the first frame of {film} is at {self.offset_s:.4f} s ± {2e3 * self.offset_error_s:.1f} ms of "
            f"the log; {drift}",
            f"  turning: film and log agree to {self.agreement:.3f} over {self.pairs} pairs of frames, at the next "
            f"best lag to {self.next_agreement:.3f}; the film's turns are {self.scale:.2f} of the log's",
        ]

    def record(self, film: str, notes: Sequence[str]) -> dict[str, Any]:
        """Return what ``clock.json`` holds; errors are standard errors."""
        return {
            "schema": 1,
            "hvdbench": __version__,
            "film": film,
            "offset_s": round(self.offset_s, 6),
            "offset_error_s": round(self.offset_error_s, 6),
            "drift_ppm": None if self.drift_ppm is None else round(self.drift_ppm, 2),
            "drift_error_ppm": None if self.drift_error_ppm is None else round(self.drift_error_ppm, 2),
            "agreement": round(self.agreement, 4),
            "next_agreement": round(self.next_agreement, 4),
            "sure": self.sure,
            "scale": round(self.scale, 4),
            "pairs": self.pairs,
            "notes": list(notes),
        }


def fit_clock(film: Trajectory, pairs: Sequence[PairQuality], log: Trajectory) -> ClockFit:
    """Find a film on a log's clock.

    Args:
        film: orientations of the frames, as measured (:func:`hvdbench.camera.estimation.estimate.estimate_rotation`).
        pairs: the quality of each pair of neighbouring frames.
        log: orientations by the log, in the same axes.

    Raises:
        TrajectoryError: too few pairs of frames or too little turning to compare, or axes that are not the picture's.
    """
    spans, rates = _film_rates(film, pairs)
    steps = _LogRates(log)
    frame_s = float(np.median(np.diff(spans, axis=1)))
    lag_s, tables = _search(spans, rates, steps, frame_s)
    scores = tables["XYZ"]
    turned = max(tables, key=lambda letters: float(tables[letters].max()))
    best = int(np.argmax(scores))
    other, own = float(tables[turned].max()), float(scores[best])
    if other >= LEAST_AGREEMENT and _left(other) < MOST_LEFT * _left(own):
        raise OtherAxesError(turned, other, own)
    scale = _scale(spans, rates, steps, float(lag_s[best]))
    if not LEAST_SCALE < scale < MOST_SCALE and own >= LEAST_AGREEMENT:
        raise TrajectoryError(
            f"{log.name}: the film's turns are {scale:.2g} of the log's, though both go the same way: its rates are in "
            "another unit than they were read in (degrees per second are 57 times as many as rad/s)"
        )
    fit = _refine(spans, rates, steps, float(lag_s[best]), frame_s)
    middle, film_rad_s, log_rad_s = _compared(spans, rates, steps, fit)
    agreement = _agreement(film_rad_s, log_rad_s)
    drift = None if fit.drift_error_ppm is None else fit.drift_ppm
    return ClockFit(
        fit.offset_s, fit.offset_error_s, drift, fit.drift_error_ppm, agreement, _next_best(scores, best), fit.scale,
        len(middle), middle, film_rad_s, log_rad_s, lag_s, scores,
    )  # fmt: skip


class OtherAxesError(TrajectoryError):
    """The film agrees with the log in other axes than the log was read in.

    Args:
        letters: which of the log's axes, as it was read, are OpenCV's x, y and z of the picture; a small letter
            reverses one.
        agreement: in those axes.
        as_read: in the axes that the log was read in.
    """

    def __init__(self, letters: str, agreement: float, as_read: float) -> None:
        """Keep what was found; the caller knows the file's name and its letters."""
        super().__init__(f"the film's turning agrees to {agreement:.2f} in other axes, to {as_read:.2f} as read")
        self.letters, self.agreement, self.as_read = letters, agreement, as_read


def turns_of_axes() -> dict[str, Array]:
    """Return the 24 turns that take axes to axes, (3, 3), by letters: which axis becomes x, y and z."""
    turns: dict[str, Array] = {}
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            matrix = np.eye(3)[list(order)] * np.array(signs)[:, None]
            if np.linalg.det(matrix) > 0:
                turns[letters_of(matrix)] = matrix
    return turns


def letters_of(matrix: Array) -> str:
    """Return a matrix that takes axes to axes, a row each, as letters; a small letter reverses an axis."""
    columns = np.argmax(np.abs(matrix), axis=1)
    return "".join(
        "XYZ"[column] if row[column] > 0 else "xyz"[column] for row, column in zip(matrix, columns, strict=True)
    )


def _left(agreement: float) -> float:
    """Return the share of the turning that a correlation leaves unexplained."""
    return 1.0 - max(agreement, 0.0) ** 2


def _film_rates(film: Trajectory, pairs: Sequence[PairQuality]) -> tuple[Array, Array]:
    """Return from when to when (M, 2) s the measured pairs of frames last, and their rates (M, 3) rad/s."""
    t_s = film.t_s - film.t_s[0]
    rates, _ = step_rates(film)
    spacing = np.diff(t_s)
    usable = spacing <= WIDEST_GAP * np.median(spacing)
    usable &= np.array([pair.reason not in _WORST for pair in pairs])
    if np.count_nonzero(usable) < FEWEST_PAIRS:
        raise TrajectoryError(
            f"{film.name}: {np.count_nonzero(usable)} pairs of frames show how the camera turned, and a clock needs "
            f"{FEWEST_PAIRS}: take a longer or sharper film"
        )
    return np.stack([t_s[:-1], t_s[1:]], axis=1)[usable], np.asarray(rates)[usable]


class _LogRates:
    """Mean turning rates of a log between any two times."""

    def __init__(self, log: Trajectory) -> None:
        """Sum up the turns; they are small from row to row, so their vectors add."""
        self.t_s = log.t_s - log.t_s[0]
        spacing = np.diff(self.t_s)
        steps = (log.rotation[:-1].inv() * log.rotation[1:]).as_rotvec()
        wide = spacing > WIDEST_GAP * np.median(spacing)
        steps[wide] = 0.0  # nothing is known of a gap, and what spans it is not compared
        self._turned = CubicSpline(self.t_s, np.pad(np.cumsum(steps, axis=0), ((1, 0), (0, 0))))
        self._gaps = np.concatenate([[0.0], np.cumsum(wide)])

    def mean(self, spans: Array) -> Array:
        """Return the mean rates (M, 3) over spans (M, 2)."""
        first, last = (self._turned(np.clip(side, self.t_s[0], self.t_s[-1])) for side in spans.T)
        return np.asarray((last - first) / np.diff(spans, axis=1))

    def covered(self, spans: Array) -> NDArray[np.bool_]:
        """Return which spans (M, 2) lie within the log and outside of its gaps."""
        first, last = np.clip(np.searchsorted(self.t_s, spans.T, side="right") - 1, 0, len(self.t_s) - 1)
        last = np.minimum(last + 1, len(self.t_s) - 1)
        inside = (spans[:, 0] >= self.t_s[0]) & (spans[:, 1] <= self.t_s[-1])
        return np.asarray(inside & (self._gaps[first] == self._gaps[last]))


def _search(spans: Array, rates: Array, log: _LogRates, frame_s: float) -> tuple[Array, dict[str, Array]]:
    """Correlate film and log at all lags, in every turn of the axes.

    Returns:
        Lags (L,) s, and for each turn of the axes the correlation (L,), -1 where too little overlaps.

    Raises:
        TrajectoryError: recordings too long to search, or nothing that overlaps enough.
    """
    step_s = frame_s / _STEPS
    film_t = np.arange(0.0, spans[-1, 1], step_s)
    log_t = np.arange(log.t_s[0], log.t_s[-1], step_s)
    if len(log_t) + len(film_t) > _MOST_LAGS:
        raise TrajectoryError(f"the log lasts {log.t_s[-1]:.0f} s, over {_MOST_LAGS} steps of a quarter frame: cut it")
    middle = spans.mean(axis=1)
    beside = np.clip(np.searchsorted(middle, film_t), 1, len(middle) - 1)[:, None] + np.array([-1, 0])
    film_known = (np.abs(film_t[:, None] - middle[beside]).min(axis=1) <= 0.5 * frame_s + 1e-9).astype(np.float64)
    film = np.stack([np.interp(film_t, middle, column) for column in rates.T], axis=1) * film_known[:, None]
    around = log_t[:, None] + 0.5 * frame_s * np.array([-1.0, 1.0])
    log_known = log.covered(around).astype(np.float64)
    turned = log.mean(around) * log_known[:, None]

    def across(a: Array, b: Array) -> Array:
        return np.asarray(correlate(b, a, mode="full", method="fft"))

    overlap = across(film_known, log_known)
    film_power = across((film**2).sum(axis=1), log_known)
    log_power = across(film_known, (turned**2).sum(axis=1))
    both = np.array([[across(film[:, i], turned[:, j]) for j in range(3)] for i in range(3)])
    enough = overlap >= LEAST_OVERLAP * min(film_known.sum(), log_known.sum())
    power = np.sqrt(np.maximum(film_power, 0.0) * np.maximum(log_power, 0.0))
    enough &= power > 1e-3 * power.max()
    if not enough.any():
        raise TrajectoryError("film and log hold too little turning to be compared")
    lag_s = (np.arange(len(overlap)) - (len(film_t) - 1)) * step_s + log_t[0]
    power = np.where(enough, power, 1.0)
    return lag_s, {
        letters: np.where(enough, np.einsum("ij,ijl->l", matrix, both) / power, -1.0)
        for letters, matrix in turns_of_axes().items()
    }


def _next_best(scores: Array, best: int) -> float:
    """Return the highest peak of the scores but for the best one."""
    peaks = find_peaks(np.concatenate([[-2.0], scores, [-2.0]]))[0].tolist()
    others = [float(scores[peak - 1]) for peak in peaks if abs(peak - 1 - best) > 1]
    return max(others, default=0.0)


@dataclass(frozen=True)
class _Fit:
    offset_s: float
    drift_ppm: float
    bias_rad_s: Array
    scale: float
    offset_error_s: float = 0.0
    drift_error_ppm: float | None = None


def _scale(spans: Array, rates: Array, log: _LogRates, offset_s: float) -> float:
    """Return the slope of the film's rates on the log's at an offset, all axes together."""
    mapped = spans + offset_s
    inside = log.covered(mapped)
    turned = log.mean(mapped)[inside]
    return float((rates[inside] * turned).sum()) / max(float((turned**2).sum()), 1e-30)


def _mapped(spans: Array, fit: _Fit) -> Array:
    return np.asarray(fit.offset_s + (1.0 + 1e-6 * fit.drift_ppm) * spans)


def _refine(spans: Array, rates: Array, log: _LogRates, offset_s: float, frame_s: float) -> _Fit:
    """Fit offset, drift, bias and scale to all pairs, and their errors by leaving out a block of the film in turn."""
    start = _Fit(offset_s, 0.0, np.zeros(3), 1.0)
    for drifting in (True, False):
        fit = _solve(spans, rates, log, start, frame_s, drifting)
        blocks = np.array_split(np.arange(len(spans)), _BLOCKS)
        others = [_solve(np.delete(spans, block, 0), np.delete(rates, block, 0), log, fit, frame_s, drifting)
                  for block in blocks]  # fmt: skip
        offset_error_s = _jackknife([other.offset_s for other in others])
        drift_error_ppm = _jackknife([other.drift_ppm for other in others])
        if not drifting:
            return replace(fit, offset_error_s=offset_error_s)
        if drift_error_ppm <= MOST_DRIFT_ERROR_PPM:
            return replace(fit, offset_error_s=offset_error_s, drift_error_ppm=drift_error_ppm)
    return fit


def _jackknife(values: Sequence[float]) -> float:
    return float(np.sqrt((len(values) - 1) * np.var(values)))


def _solve(spans: Array, rates: Array, log: _LogRates, start: _Fit, frame_s: float, drifting: bool) -> _Fit:
    """Fit once from a start: robust least squares over pairs that the log covers at the start, roll unscaled."""
    inside = log.covered(_mapped(spans, start) + np.array([-frame_s, frame_s]))
    if np.count_nonzero(inside) < FEWEST_PAIRS // 2:
        return start
    spans, rates = spans[inside], rates[inside]

    def fit_of(x: Array) -> _Fit:
        drift_ppm = 1e3 * float(x[1]) if drifting else 0.0
        return _Fit(start.offset_s + float(x[0]) * frame_s, drift_ppm, x[2:5], float(x[5]))

    def residual(x: Array) -> Array:
        fit = fit_of(x)
        scales = np.array([fit.scale, fit.scale, 1.0])
        return np.asarray((rates - scales * (log.mean(_mapped(spans, fit)) + fit.bias_rad_s)).ravel())

    first = np.concatenate([[0.0, 1e-3 * start.drift_ppm], start.bias_rad_s, [start.scale]])
    spread = max(1.4826 * float(np.median(np.abs(residual(first)))), 1e-6)
    free = np.array([True, drifting, True, True, True, True])

    def some(x: Array) -> Array:
        whole = first.copy()
        whole[free] = x
        return residual(whole)

    found = least_squares(some, first[free], loss="soft_l1", f_scale=2.0 * spread, x_scale="jac", max_nfev=60)
    whole = first.copy()
    whole[free] = found.x
    return fit_of(whole)


def _compared(spans: Array, rates: Array, log: _LogRates, fit: _Fit) -> tuple[Array, Array, Array]:
    """Return the middles (M,) of the pairs that the log covers, the film's scaled rates and the log's (M, 3)."""
    mapped = _mapped(spans, fit)
    inside = log.covered(mapped)
    scales = np.array([fit.scale, fit.scale, 1.0])
    return spans.mean(axis=1)[inside], rates[inside] / scales - fit.bias_rad_s, log.mean(mapped)[inside]


def _agreement(film: Array, log: Array) -> float:
    power = float((film**2).sum()) * float((log**2).sum())
    return float((film * log).sum()) / max(math.sqrt(power), 1e-30)
