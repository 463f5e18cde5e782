"""Read tables that phones and loggers write: named columns with units, in any of the usual separators."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hvdbench.camera.formats.rows import UNITS_S, Array, likely_unit
from hvdbench.errors import TrajectoryError

LEAST_RATE_HZ, MOST_RATE_HZ = 20.0, 2e4
FASTEST_MEDIAN_RAD_S = 2.0
"""Above it a log is taken to be in degrees per second. The shakiest hand of :mod:`hvdbench.camera.hand`, 40 deg/s rms,
has a median under 1 rad/s; the stillest one has over 2 where its degrees are read as radians."""

_MOST_FALLING = 0.1  # share of rows: clocks are set back now and then, a column of rates falls every other row
_COLUMN = re.compile(
    r"(t|time|timestamp|g(?:yro)?_?([xyz])|l([xy]))"
    r"(?:[ _]*[\[(]?(s|ms|us|ns|rad_s|rad/s|deg_s|deg/s|dps|rad|deg|px)[\])]?)?"
)
TIME_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_ANGLES = {"rad": 1.0, "rad_s": 1.0, "rad/s": 1.0, "deg": np.pi / 180, "deg_s": np.pi / 180, "deg/s": np.pi / 180,
           "dps": np.pi / 180}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column that a header names.

    Args:
        place: among the row's numbers.
        unit: as the header states it, e.g. ``ms`` or ``deg_s``; empty where it states none.
    """

    place: int
    unit: str = ""

    @property
    def scale(self) -> float:
        """What brings an angle or a rate to radians; 1 where no unit is stated."""
        return _ANGLES.get(self.unit, 1.0)


def named_columns(header: Sequence[str]) -> Mapping[str, Column]:
    """Return the columns of a log's first line by what they contain: ``t``, ``gx``, ``gy``, ``gz``, ``lx``, ``ly``.

    Args:
        header: the words of the line; ``t_ms``, ``gyro_x (deg/s)`` and the like state a unit.
    """
    found: dict[str, Column] = {}
    for place, word in enumerate(header):
        match = _COLUMN.fullmatch(word.strip().lower())
        if match:
            letter = match[2] or match[3]
            name = "t" if letter is None else ("g" if match[2] else "l") + letter
            found.setdefault(name, Column(place, match[4] or ""))
    return found


def split_words(lines: Sequence[str]) -> list[list[str]]:
    """Split the lines of a table by the separator of the first: a comma, a semicolon, a tab or white space."""
    separator = next((one for one in (",", ";", "\t") if lines and one in lines[0]), None)
    return [[word.strip() for word in line.strip().split(separator)] for line in lines]


def log_seconds(stamps: Array, column: Column, file: Path, *, remedy: str = "") -> Array:
    """Convert a log's stamps to seconds since its first row.

    Args:
        stamps: (N,) as they are in the file; at least two.
        column: their column, which may state a unit; without one they are seconds.
        file: for messages.
        remedy: what to do about another unit where a name of the column cannot state it.

    Raises:
        TrajectoryError: if times do not rise, or there are too few or too many rows a second for a gyroscope; the error
            names the unit that fits.
    """
    unit = TIME_UNITS.get(column.unit, "seconds")
    if np.count_nonzero(np.diff(stamps) < 0) > _MOST_FALLING * len(stamps):
        raise TrajectoryError(
            f"{file}: its column {column.place + 1} was read as the times and does not rise: name the columns in the "
            "first line, e.g. gx,gy,gz,t_ns"
        )
    t_s = (stamps - stamps[0]) * UNITS_S[unit]
    spacing = float(np.median(np.diff(stamps)))
    rate_hz = 1.0 / max(spacing * UNITS_S[unit], 1e-12)
    if LEAST_RATE_HZ <= rate_hz <= MOST_RATE_HZ:
        return np.asarray(t_s)
    much = "few" if rate_hz < LEAST_RATE_HZ else "many"
    likely = likely_unit(spacing) if spacing > 0 else None
    if likely in (None, unit):
        shown, name = f"its times were read as {unit}", "t_ms or the like"
    else:
        shown = f"its times look like {likely} ({1.0 / (spacing * UNITS_S[likely]):.4g} rows a second), not {unit}"
        name = "t_" + next(short for short, long in TIME_UNITS.items() if long == likely)
    remedy = remedy or f"name their column {name} in the first line, or convert them to seconds"
    raise TrajectoryError(f"{file}: {rate_hz:.3g} rows a second are too {much} for a gyroscope, and {shown}: {remedy}")


def check_rates(rates_rad_s: Array, file: Path, *, stated: bool, hint: str) -> None:
    """Refuse turning rates (N, C) that look like degrees per second, unless their unit is stated.

    Raises:
        TrajectoryError: if the median is over 2 rad/s.
    """
    median = float(np.median(np.linalg.norm(rates_rad_s, axis=1)))
    if median > FASTEST_MEDIAN_RAD_S and not stated:
        raise TrajectoryError(f"{file}: a median rate of {median:.3g} looks like degrees per second, not rad/s: {hint}")
