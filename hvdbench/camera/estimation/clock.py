"""When a film was taken on the clock of a gyroscope: their offset and drift, from how both say that the camera turned.

Between two frames a film and a log say the same thing, the mean turning rate. All lags are tried by correlation; then
offset, drift, a bias of the rates and the scale of the film's angles (an assumed focal length) are fitted together.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.signal import find_peaks

from hvdbench import __version__
from hvdbench.camera.estimation.estimate import PairQuality
from hvdbench.camera.estimation.lags import FEWEST_PAIRS, LogRates, film_rates, search_lags
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import TrajectoryError

Array = NDArray[np.float64]

LEAST_AGREEMENT = 0.5
MOST_LEFT = 0.6
"""What may be left of the film's turning at the best lag, as a share of what the next best leaves: a chance or a period
of the shaking comes close to the truth, and then neither is sure."""
LEAST_SCALE, MOST_SCALE = 0.15, 8.0  # a telephoto lens has 5 times the focal length that is assumed
MOST_DRIFT_ERROR_PPM = 200.0  # phones' crystals are off by under 100: a worse estimate says nothing

_BLOCKS = 8


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
        scale: the film's turns about x and y over the log's: the true focal length over the assumed one.
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
        drift = "the video is too short to show their drift"
        if self.drift_ppm is not None and self.drift_error_ppm is not None:
            drift = f"their drift is {self.drift_ppm:.0f} ± {2.0 * self.drift_error_ppm:.0f} ppm"
        return [
            f"  clocks: the first frame of {film} is at {self.offset_s:.4f} s ± {2e3 * self.offset_error_s:.1f} ms of "
            f"the log; {drift}",
            f"  turning: video and log agree to {self.agreement:.3f} over {self.pairs} pairs of frames, at the next "
            f"best lag to {self.next_agreement:.3f}; the video's turns are {self.scale:.2f} of the log's",
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
    spans, rates = film_rates(film, pairs)
    steps = LogRates(log)
    frame_s = float(np.median(np.diff(spans, axis=1)))
    lag_s, tables = search_lags(spans, rates, steps, frame_s)
    scores = tables["XYZ"]
    turned = max(tables, key=lambda letters: float(tables[letters].max()))
    best = int(np.argmax(scores))
    other, own = float(tables[turned].max()), float(scores[best])
    if other >= LEAST_AGREEMENT and _left(other) < MOST_LEFT * _left(own):
        raise OtherAxesError(turned, other, own)
    scale = _scale(spans, rates, steps, float(lag_s[best]))
    if not LEAST_SCALE < scale < MOST_SCALE and own >= LEAST_AGREEMENT:
        raise TrajectoryError(
            f"{log.name}: the video's turns are {scale:.2g} of the log's, though both go the same way: its rates are "
            f"in "
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
        super().__init__(f"the video's turning agrees to {agreement:.2f} in other axes, to {as_read:.2f} as read")
        self.letters, self.agreement, self.as_read = letters, agreement, as_read


def _left(agreement: float) -> float:
    """Return the share of the turning that a correlation leaves unexplained."""
    return 1.0 - max(agreement, 0.0) ** 2


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


def _scale(spans: Array, rates: Array, log: LogRates, offset_s: float) -> float:
    """Return the slope of the film's rates on the log's at an offset, all axes together."""
    mapped = spans + offset_s
    inside = log.covered(mapped)
    turned = log.mean(mapped)[inside]
    return float((rates[inside] * turned).sum()) / max(float((turned**2).sum()), 1e-30)


def _mapped(spans: Array, fit: _Fit) -> Array:
    return np.asarray(fit.offset_s + (1.0 + 1e-6 * fit.drift_ppm) * spans)


def _refine(spans: Array, rates: Array, log: LogRates, offset_s: float, frame_s: float) -> _Fit:
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


def _solve(spans: Array, rates: Array, log: LogRates, start: _Fit, frame_s: float, drifting: bool) -> _Fit:
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


def _compared(spans: Array, rates: Array, log: LogRates, fit: _Fit) -> tuple[Array, Array, Array]:
    """Return the middles (M,) of the pairs that the log covers, the film's scaled rates and the log's (M, 3)."""
    mapped = _mapped(spans, fit)
    inside = log.covered(mapped)
    scales = np.array([fit.scale, fit.scale, 1.0])
    return spans.mean(axis=1)[inside], rates[inside] / scales - fit.bias_rad_s, log.mean(mapped)[inside]


def _agreement(film: Array, log: Array) -> float:
    power = float((film**2).sum()) * float((log**2).sum())
    return float((film * log).sum()) / max(math.sqrt(power), 1e-30)
