"""Assess a camera path: its rate, gaps, jumps, seams of an estimator's windows, and how much it moves."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.signal import welch

from hvdbench.camera.breaks import WINDOW_ROWS, Gap, Jump, find_gaps, find_jumps, find_seams, split_at_gaps, step_rates
from hvdbench.camera.trajectory import SHORTEST_S, WIDEST_GAP, Trajectory
from hvdbench.errors import TrajectoryError

Array = NDArray[np.float64]

BANDS_HZ: tuple[tuple[float, float], ...] = (
    (0.0, 1.0),
    (1.0, 4.0),
    (4.0, 8.0),
    (8.0, 12.0),
    (12.0, 20.0),
    (20.0, 50.0),
)
TRUSTED_HZ = 8.0
"""Above it, poses from pictures or markers are mostly noise."""

_SEGMENT_S = 8.0
_FEWEST_SAMPLES = 16
_LISTED = 6


@dataclass(frozen=True)
class PathQuality:
    """A report on a path. Rows count from 1; a gap or jump is after the row that it names."""

    name: str
    rows: int
    duration_s: float
    rate_hz: float
    """Of the median spacing."""
    spacing_spread: float
    """Widest 98 % of the spacings that are no gaps, over their median: 0 for an even clock."""
    gaps: tuple[Gap, ...]
    jumps: tuple[Jump, ...]
    seams: tuple[int, ...]
    """Rows at which an estimator's windows meet with a step, evenly apart; empty where none shows."""
    seam_ratio: float
    """Change of rate at the seams over that elsewhere, 0 without seams."""
    rate_rms_deg_s: tuple[float, float, float]
    """About the camera's x, y and z, over the longest stretch without a gap."""
    rate_peak_deg_s: float
    speed_median: float
    """Position units per second."""
    metric: bool
    bands_deg_s: tuple[tuple[float, float, float], ...]
    """(from Hz, to Hz, rms of the turning rate per axis about x and y), up to the Nyquist rate."""
    slope_8_to_30: float | None
    """Of the rate's spectrum above 8 Hz, as a power of the frequency; a hand's is about -5."""

    stretches: int
    """How many parts motion can be taken from: 1 for a path without gaps, 0 for none (:func:`split_at_gaps`)."""
    read_as: str = ""
    """How the path's file was taken."""

    @property
    def noisy(self) -> bool:
        """Whether the spectrum stays flat above 8 Hz, as noise does and a hand does not."""
        return self.slope_8_to_30 is not None and self.slope_8_to_30 > -2.0

    def lines(self) -> list[str]:
        """Return the report as lines of text."""
        unit = "m/s" if self.metric else "units/s (no metres)"
        x, y, z = self.rate_rms_deg_s
        bands = ", ".join(f"{low:g}-{high:g} Hz {rms:.2f}" for low, high, rms in self.bands_deg_s)
        text = [
            f"{self.name}: {self.rows} rows, {self.duration_s:.2f} s, {self.rate_hz:.4g} Hz"
            + (f" (spacing varies by {100 * self.spacing_spread:.0f} %)" if self.spacing_spread > 0.05 else ""),
            f"  turning, rms about x/y/z: {x:.2f} / {y:.2f} / {z:.2f} deg/s, peak {self.rate_peak_deg_s:.1f} deg/s; "
            f"median speed {self.speed_median:.3g} {unit}",
        ]
        if self.read_as:
            text.insert(1, f"  read as: {self.read_as}")
        if bands:
            text.append(f"  turning by band, rms per axis, deg/s: {bands}")
        text += [f"  {self._gap_line()}", f"  {self._jump_line()}", f"  {self._seam_line()}"]
        if self.noisy:
            text.append(f"  above {TRUSTED_HZ:g} Hz it is mostly noise (the spectrum does not fall): low-pass it below")
        text.append(f"  {self._verdict()}")
        return text

    def _gap_line(self) -> str:
        where = [f"{gap.seconds:.3f} s after row {gap.after_row}" for gap in self.gaps]
        return f"gaps: {_few(where)}"

    def _jump_line(self) -> str:
        where = [f"{jump.turn_deg:.2f} deg after row {jump.after_row}" for jump in self.jumps]
        return f"jumps: {_few(where)}"

    def _seam_line(self) -> str:
        if not self.seams:
            return "window seams: none"
        rows = _few([str(row) for row in self.seams])
        return f"window seams: after rows {rows}; {self.seam_ratio:.1f} times the change of rate elsewhere"

    def _verdict(self) -> str:
        if not self.stretches:
            return f"not usable: no 8 rows over {SHORTEST_S:g} s without a gap"
        if self.gaps:
            return f"usable in {self.stretches} part(s), between its gaps"
        if self.jumps or self.seams:
            return "usable, but its steps become kinks of the blur: cut them off, or low-pass"
        return "usable"


def assess(path: Trajectory, *, window_rows: int = WINDOW_ROWS) -> PathQuality:
    """Report on a path; nothing is changed.

    The *change of rate* at a row is the difference between the angular rates before and after it, in the camera's
    axes. A jump is a step whose rate lies off both neighbours' by over 8 robust spreads of the path around it; seams
    are a change of rate over three times the median at every ``window_rows``-th row, whichever row that begins at.

    Args:
        path: two rows or more.
        window_rows: rows from one estimator's window to the next.

    Raises:
        TrajectoryError: under two rows in a window.
    """
    if window_rows < 2:
        raise TrajectoryError(f"{path.name}: windows of {window_rows} row(s) cannot meet at seams: give two or more")
    spacing = np.diff(path.t_s)
    median_s = float(np.median(spacing))
    gaps = find_gaps(path)
    omega, _ = step_rates(path)
    jumps = find_jumps(path)
    seams, ratio = find_seams(path, window_rows=window_rows)
    first, last = _longest_stretch(len(path.t_s), gaps)
    inside = slice(first, max(last - 1, first + 1))
    low, high = np.quantile(spacing[spacing <= WIDEST_GAP * median_s], [0.01, 0.99])
    bands, slope = _bands(*rate_spectrum(path))
    velocity = np.linalg.norm(np.diff(path.position_w, axis=0), axis=1) / spacing
    x, y, z = np.degrees(np.sqrt(np.mean(omega[inside] ** 2, axis=0)))
    return PathQuality(
        name=path.name,
        rows=len(path.t_s),
        duration_s=path.duration_s,
        rate_hz=1.0 / median_s,
        spacing_spread=float((high - low) / median_s),
        gaps=gaps,
        jumps=jumps,
        seams=seams,
        seam_ratio=ratio,
        rate_rms_deg_s=(float(x), float(y), float(z)),
        rate_peak_deg_s=float(np.degrees(np.linalg.norm(omega[inside], axis=1).max())),
        speed_median=float(np.median(velocity)),
        metric=path.scale_m,
        bands_deg_s=bands,
        slope_8_to_30=slope,
        stretches=_count_stretches(path),
        read_as=path.read_as,
    )


def _longest_stretch(rows: int, gaps: tuple[Gap, ...]) -> tuple[int, int]:
    edges = [0, *(gap.after_row for gap in gaps), rows]
    return max(pairwise(edges), key=lambda pair: pair[1] - pair[0])


def rate_spectrum(path: Trajectory) -> tuple[Array, Array]:
    """Compute the spectrum of the turning rates over the longest stretch without a gap.

    Welch, Hann windows of 8 s at most, on an even clock of the stretch's mean rate.

    Returns:
        Frequencies (F,) in Hz and power (F, 3) in (deg/s)^2/Hz about the camera's x, y and z; both empty where the
        stretch is under 17 rows, or 8 s of it under 16.
    """
    first, last = _longest_stretch(len(path.t_s), find_gaps(path))
    t_s, omega = path.t_s[first:last], step_rates(path)[0][first : max(last - 1, first)]
    if len(omega) < _FEWEST_SAMPLES:
        return np.empty(0), np.empty((0, 3))
    middle = 0.5 * (t_s[1:] + t_s[:-1])
    even = np.linspace(middle[0], middle[-1], len(omega))
    values = np.degrees(np.stack([np.interp(even, middle, column) for column in omega.T], axis=1))
    rate_hz = (len(even) - 1) / float(even[-1] - even[0])
    segment = min(len(omega), int(_SEGMENT_S * rate_hz))
    if segment < _FEWEST_SAMPLES:  # rows seconds apart: 8 s are too few rows for a spectrum
        return np.empty(0), np.empty((0, 3))
    frequency, power = welch(values, rate_hz, nperseg=segment, detrend=False, axis=0)
    return np.asarray(frequency), np.asarray(power)


def _bands(frequency: Array, power: Array) -> tuple[tuple[tuple[float, float, float], ...], float | None]:
    """Compute rms rates by band over x and y, and the slope above 8 Hz where an octave of it is known."""
    if not len(frequency):
        return (), None
    across = power[:, :2].mean(axis=1)
    step, top = frequency[1] - frequency[0], frequency[-1] + 0.5 * (frequency[1] - frequency[0])
    bands = tuple(
        (low, high, float(np.sqrt(across[(frequency >= low) & (frequency < high)].sum() * step)))
        for low, high in BANDS_HZ
        if high <= top
    )
    highest = min(30.0, 0.9 * top)
    upper = (frequency >= TRUSTED_HZ) & (frequency <= highest) & (across > 0)
    if highest < 2.0 * TRUSTED_HZ or np.count_nonzero(upper) < 12:
        return bands, None
    return bands, float(np.polyfit(np.log(frequency[upper]), np.log(across[upper]), 1)[0])


def _count_stretches(path: Trajectory) -> int:
    try:
        return len(split_at_gaps(path))
    except TrajectoryError:
        return 0


def _few(words: list[str]) -> str:
    if not words:
        return "none"
    more = f" and {len(words) - _LISTED} more" if len(words) > _LISTED else ""
    return ", ".join(words[:_LISTED]) + more
