"""What film and log say of a camera's turning, span by span, and how they agree at all lags and in all axes."""

from collections.abc import Sequence
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.signal import correlate

from hvdbench.camera.breaks import step_rates
from hvdbench.camera.estimation.estimate import PairQuality
from hvdbench.camera.trajectory import WIDEST_GAP, Trajectory
from hvdbench.errors import TrajectoryError

Array = NDArray[np.float64]

FEWEST_PAIRS = 24
LEAST_OVERLAP = 0.5  # of the shorter recording

_STEPS = 4  # lags a frame's time
_MOST_LAGS = 2_000_000
_WORST = ("few points", "blur")


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


def film_rates(film: Trajectory, pairs: Sequence[PairQuality]) -> tuple[Array, Array]:
    """Return from when to when (M, 2) s the measured pairs of frames last, and their rates (M, 3) rad/s."""
    t_s = film.t_s - film.t_s[0]
    rates, _ = step_rates(film)
    spacing = np.diff(t_s)
    usable = spacing <= WIDEST_GAP * np.median(spacing)
    usable &= np.array([pair.reason not in _WORST for pair in pairs])
    if np.count_nonzero(usable) < FEWEST_PAIRS:
        raise TrajectoryError(
            f"{film.name}: {np.count_nonzero(usable)} pairs of frames show how the camera turned, and a clock needs "
            f"{FEWEST_PAIRS}: take a longer or sharper video"
        )
    return np.stack([t_s[:-1], t_s[1:]], axis=1)[usable], np.asarray(rates)[usable]


class LogRates:
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


def search_lags(spans: Array, rates: Array, log: LogRates, frame_s: float) -> tuple[Array, dict[str, Array]]:
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
        raise TrajectoryError("video and log hold too little turning to be compared")
    lag_s = (np.arange(len(overlap)) - (len(film_t) - 1)) * step_s + log_t[0]
    power = np.where(enough, power, 1.0)
    return lag_s, {
        letters: np.where(enough, np.einsum("ij,ijl->l", matrix, both) / power, -1.0)
        for letters, matrix in turns_of_axes().items()
    }
