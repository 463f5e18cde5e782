"""Find where a camera path breaks: gaps between rows, jumps, and the seams of an estimator's windows."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hvdbench.camera.trajectory import SHORTEST_S, WIDEST_GAP, Trajectory
from hvdbench.errors import TrajectoryError

Array = NDArray[np.float64]

WINDOW_ROWS = 50
"""MonST3R's windows of 100 rows overlap by half (its ``--window_wise`` defaults), so one begins every 50 rows."""

MOST_ROWS = 1e7
"""Of an even clock: a day at 100 rows a second. MonST3R's row numbers beyond it are taken for times when read again."""

_JUMP = 8.0  # robust spreads of the change of rate
_SEAM = 3.0  # medians of the change of rate, at every window's beginning
_LEAST_DEG_S = 0.5
_NEIGHBOURS = 15


@dataclass(frozen=True)
class Gap:
    """A pause between rows of over three median spacings."""

    after_row: int
    at_s: float
    seconds: float


@dataclass(frozen=True)
class Jump:
    """A step between two rows that its neighbours do not foretell."""

    after_row: int
    at_s: float
    turn_deg: float
    """Angle of the step itself."""


def find_gaps(path: Trajectory) -> tuple[Gap, ...]:
    """Find the spacings of over three medians."""
    spacing = np.diff(path.t_s)
    wide = np.flatnonzero(spacing > WIDEST_GAP * np.median(spacing))
    return tuple(Gap(int(row) + 1, float(path.t_s[row]), float(spacing[row])) for row in wide)


def split_at_gaps(path: Trajectory) -> list[Trajectory]:
    """Split a path at its gaps, and keep the stretches that motion can be taken from.

    Returns:
        The path itself where it has no gap; else its stretches of 8 rows and 1 s or more, named ``<path>+1``,
        ``<path>+2`` …

    Raises:
        TrajectoryError: if no stretch is long enough.
    """
    gaps = find_gaps(path)
    parts = [part for part in stretches(path) if len(part.t_s) >= 8] if gaps else [path]
    fit = [part for part in parts if part.duration_s >= SHORTEST_S and not find_gaps(part)]
    if not fit or not gaps:
        path.check_regular()
        return [path]
    return [replace(part, name=f"{path.name}+{number}") for number, part in enumerate(fit, start=1)]


def stretches(path: Trajectory) -> list[Trajectory]:
    """Return the parts of a path between its gaps that have two rows or more, with its times."""
    edges = [0, *(gap.after_row for gap in find_gaps(path)), len(path.t_s)]
    return [_slice(path, first, last) for first, last in pairwise(edges) if last - first >= 2]


def _slice(path: Trajectory, first: int, last: int) -> Trajectory:
    rows = slice(first, last)
    return replace(
        path, t_s=path.t_s[rows], quaternion_wxyz=path.quaternion_wxyz[rows], position_w=path.position_w[rows]
    )


def resample(path: Trajectory, rate_hz: float) -> Trajectory:
    """Interpolate a path to rows on one even clock; each stretch between gaps by itself, and gaps stay gaps.

    Raises:
        TrajectoryError: a rate or a gap that makes over ten million rows' time, or fewer than two rows outside of gaps.
    """
    gaps = find_gaps(path)
    if path.duration_s * rate_hz > MOST_ROWS:
        widest = max(gaps, key=lambda gap: gap.seconds, default=None)
        if widest is None:
            raise TrajectoryError(
                f"{path.name}: {path.duration_s:.3g} s at {rate_hz:g} rows a second are over {MOST_ROWS:g} rows: "
                "ask for fewer"
            )
        raise TrajectoryError(
            f"{path.name}: its times jump by {widest.seconds:.3g} s after row {widest.after_row}, which no recording "
            "does: say how many rows it has a second (--fps), or cut it there"
        )
    if not gaps:
        return path.resampled(rate_hz)
    numbers: list[Array] = []
    poses: list[tuple[Array, Array]] = []
    for first, last in pairwise([0, *(gap.after_row for gap in gaps), len(path.t_s)]):
        start, end = (path.t_s[[first, last - 1]] - path.t_s[0]) * rate_hz
        number = np.arange(max(0.0, np.ceil(start - 1e-6)), np.floor(end + 1e-6) + 1.0)
        if not len(number):
            continue
        if last - first == 1:  # a row by itself that lies on the clock
            rotation, position = path.rotation[[first]], path.position_w[[first]]
        else:
            rotation, position = _slice(path, first, last).pose_at(path.t_s[0] + number / rate_hz)
        numbers.append(number)
        poses.append((np.asarray(rotation.as_quat()[:, [3, 0, 1, 2]]), position))
    number = np.concatenate(numbers) if numbers else np.empty(0)
    if len(number) < 2:
        raise TrajectoryError(f"{path.name}: its rows come so unevenly that no two rows lie between its gaps")
    quaternion, position = (np.concatenate(values) for values in zip(*poses, strict=True))
    return replace(path, t_s=number / rate_hz, quaternion_wxyz=quaternion, position_w=position)


def find_jumps(path: Trajectory) -> tuple[Jump, ...]:
    """Find single steps of the orientation that stand out from the motion around them.

    A step's *excess* is how far its rate lies off the mean of the two steps beside it (rad/s). It is a jump where it
    is over 8 times the spread (1.48 median) of the excess over the whole path and over the 15 steps to either side,
    and the largest of its neighbours.
    """
    omega, excess = step_rates(path)
    if len(excess) < 5:
        return ()
    spread = 1.4826 * np.maximum(np.median(excess), _local_median(excess))
    bound = np.maximum(_JUMP * spread, np.radians(_LEAST_DEG_S) * _JUMP)
    padded = np.pad(excess, 1, constant_values=-1.0)
    peak = (excess >= padded[:-2]) & (excess >= padded[2:])
    steps = np.flatnonzero((excess > bound) & peak)
    angle = np.degrees(np.linalg.norm(omega, axis=1) * np.diff(path.t_s))
    return tuple(Jump(int(step) + 1, float(path.t_s[step]), float(angle[step])) for step in steps)


def find_seams(path: Trajectory, *, window_rows: int = WINDOW_ROWS) -> tuple[tuple[int, ...], float]:
    """Find steps that come back every ``window_rows`` rows, where an estimator's windows were joined.

    For each phase the smallest excess (:func:`find_jumps`) over its rows is compared with the median of all; the
    largest such phase is a set of seams where it is over three medians. Chance does not repeat, so even a seam below
    the bound of a jump is found. Three windows' worth of rows are needed; from four on, the first may lack the step,
    since an estimator may join its windows at their ends.

    Returns:
        The rows after which the steps are, and the median excess there over the median elsewhere; (), 0 for none.
    """
    _, excess = step_rates(path)
    rounds = len(excess) // window_rows
    if rounds < 3:
        return (), 0.0
    usual = max(float(np.median(excess)), 1e-12)
    bound = max(_SEAM * usual, float(np.radians(_LEAST_DEG_S)))
    folded = excess[: rounds * window_rows].reshape(rounds, window_rows)
    lowest = folded[1 if rounds > 3 else 0 :].min(axis=0)
    phase = int(np.argmax(lowest))
    if lowest[phase] < bound:
        return (), 0.0
    rows = np.arange(phase, len(excess), window_rows)
    rows = rows[excess[rows] >= bound]
    return tuple(int(row) + 1 for row in rows), float(np.median(excess[rows]) / usual)


def step_rates(path: Trajectory) -> tuple[Array, Array]:
    """Compute the mean body rate of each step (N - 1, 3) in rad/s, and each step's excess (N - 1,)."""
    rotation = path.rotation
    omega = (rotation[:-1].inv() * rotation[1:]).as_rotvec() / np.diff(path.t_s)[:, None]
    if len(omega) < 3:
        return np.asarray(omega), np.zeros(len(omega))
    beside = 0.5 * (omega[:-2] + omega[2:])
    excess = np.linalg.norm(omega[1:-1] - beside, axis=1)
    return np.asarray(omega), np.pad(excess, 1)


def _local_median(values: Array) -> Array:
    width = min(2 * _NEIGHBOURS + 1, len(values))
    windows = np.lib.stride_tricks.sliding_window_view(values, width)
    return np.asarray(np.pad(np.median(windows, axis=1), (width // 2, width - 1 - width // 2), mode="edge"))
