"""Tables that phones and loggers write: what their columns hold, by a header or by the numbers themselves."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, takewhile
from pathlib import Path

import numpy as np

from hvdbench.camera.formats.rows import UNITS_S, Array, likely_unit
from hvdbench.errors import TrajectoryError

LEAST_RATE_HZ, MOST_RATE_HZ = 20.0, 2e4
FASTEST_MEDIAN_RAD_S = 2.0
"""Above it a log is taken for degrees per second. The shakiest hand of :mod:`hvdbench.camera.hand`, 40 deg/s rms, has a
median under 1 rad/s; the stillest one has over 2 where its degrees are read as radians."""
FASTEST_STATED_RAD_S = 10.0
"""The same where rad/s are stated: 573 deg/s all the time is no hand, and extreme shaking of a phone stays under 2."""
DEVICE_AXES = "of the device's x (right), y (up) and z (out of the front)"
TIME, RATES = "t", ("gx", "gy", "gz")
TIME_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}

_MOST_FALLING = 0.1  # share of rows: clocks are set back now and then, a column of rates falls every other row
_GRAVITY, _AROUND_GRAVITY = 9.81, 0.7  # m/s²; a phone that is held, with its bias and its shaking
_ANGLES = {"rad": 1.0, "rad_s": 1.0, "deg": np.pi / 180, "deg_s": np.pi / 180}
_SPELLINGS = {
    "s": "s|sec|secs|seconds",
    "ms": "ms|msec|millis|milliseconds",
    "us": "us|µs|μs|usec|micros|microseconds",
    "ns": "ns|nsec|nanos|nanoseconds",
    "rad_s": r"rad_s|rads|rad/s|rad/sec|rad\*s\^-1|rad s\^-1|radians/s",
    "deg_s": r"deg_s|degs|deg/s|deg/sec|deg s\^-1|degrees/s|°/s|dps",
    "rad": "rad",
    "deg": "deg",
    "px": "px",
}
_UNIT = re.compile("|".join(f"(?P<{unit}>{spelling})" for unit, spelling in _SPELLINGS.items()))
_WORD = re.compile(r"(?P<name>[a-z_ .]*?[a-z])(?:[ _]*[\[(](?P<stated>[^\])]*)[\])]|[ _](?P<tail>[a-z/]+(?:_s)?))?")
_TIME = re.compile(r"(?:sensor|event|system|loggingtime|seconds)?_?(?:t|time|time_?stamp|elapsed)(?:_elapsed)?")
_RATE = re.compile(
    r"(?:g|w|gyr|gyro|gyroscope|omega|(?:gyro_?)?rotation(?:_?rate)?|angular_?velocity|w_rs_s)[_ .]?([xyz])"
)
_LENS = re.compile(r"l(?:ens)?_?([xy])")


@dataclass(frozen=True)
class Column:
    """A column of a log.

    Args:
        place: among the row's numbers.
        unit: as the header states it: ``s``, ``ms``, ``us``, ``ns``, ``rad``, ``rad_s``, ``deg``, ``deg_s`` or ``px``;
            empty where it states none.
        word: what the header calls it; empty without a header.
    """

    place: int
    unit: str = ""
    word: str = ""

    @property
    def scale(self) -> float:
        """What brings an angle or a rate to radians; 1 where no unit is stated."""
        return _ANGLES.get(self.unit, 1.0)


@dataclass(frozen=True)
class LogTable:
    """The columns of a log that are of use, and their numbers.

    Args:
        columns: by what they hold: ``t``, ``gx``, ``gy``, ``gz``, ``lx``, ``ly``.
        values: (N,) of each, as the file holds them.
        cut_off: whether the last line was left out, as of a recording that was cut off in the middle of it.
    """

    columns: Mapping[str, Column]
    values: Mapping[str, Array]
    cut_off: bool

    def radians(self, names: Sequence[str]) -> Array:
        """Return columns (N, C) in radians, or as they are where no unit is stated."""
        return np.stack([self.values[name] * self.columns[name].scale for name in names], axis=1)

    def stated(self, names: Sequence[str]) -> bool:
        """Return whether the header states the unit of all these columns."""
        return all(self.columns[name].unit for name in names)

    def describe_rates(self) -> str:
        """Return in what units and columns the rates were read, as part of a sentence."""
        first = self.columns[RATES[0]]
        unit = {"deg_s": "deg/s", "deg": "deg/s"}.get(first.unit, "rad/s")
        places = "/".join(str(self.columns[name].place + 1) for name in RATES if name in self.columns)
        cut_off = "; the last line is cut off and was left out" if self.cut_off else ""
        return f"rates in {unit}{'' if first.unit else ' (no unit is stated)'}, columns {places}{cut_off}"


def named_columns(header: Sequence[str]) -> Mapping[str, Column]:
    """Return the columns of a log's first line by what they contain: ``t``, ``gx``, ``gy``, ``gz``, ``lx``, ``ly``.

    Rates may be called ``gx``, ``gyro_x``, ``wx``, ``w_RS_S_x``, ``Gyroscope x`` and the like; mere ``x``, ``y`` and
    ``z`` are rates where no column is called so and none holds a quaternion's ``w``.

    Args:
        header: the words of the line; ``t_ms``, ``gyro_x (deg/s)`` and the like state a unit.
    """
    found: dict[str, Column] = {}
    bare: dict[str, Column] = {}
    quaternion = False
    for place, word in enumerate(header):
        text = word.strip().strip("\"'").lstrip("#").strip()
        name, unit = _name_and_unit(text.lower())
        column = Column(place, unit, text)
        rate, lens = _RATE.fullmatch(name), _LENS.fullmatch(name)
        if _TIME.fullmatch(name):
            unit = unit or ("s" if name.startswith("seconds") else "")
            found.setdefault(TIME, Column(place, unit, text))
        elif rate or lens:
            found.setdefault(f"g{rate[1]}" if rate else f"l{lens[1] if lens else ''}", column)
        elif name in ("x", "y", "z"):
            bare.setdefault(f"g{name}", column)
        quaternion = quaternion or name in ("w", "qw", "q_w")
    if not quaternion and set(bare) == set(RATES) and not set(found) - {TIME}:
        found |= bare
    return found


def _name_and_unit(word: str) -> tuple[str, str]:
    """Split a column's name from the unit that it states in brackets or at its end."""
    match = _WORD.fullmatch(word)
    if match is None:
        return word, ""
    unit = _UNIT.fullmatch((match["stated"] or match["tail"] or "").strip())
    if unit is not None:
        return match["name"].strip(), str(unit.lastgroup)
    return (match["name"].strip() if match["tail"] is None else word), ""


def split_words(lines: Sequence[str]) -> list[list[str]]:
    """Split the lines of a table by the separator of the first: a semicolon, a tab, a comma or white space.

    Between semicolons and tabs a comma is a decimal point, as spreadsheets of half of the world write it. Quotes go.
    """
    separator = next((one for one in (";", "\t", ",") if lines and one in lines[0]), None)
    point = "." if separator in (";", "\t") else ","
    return [[word.strip().strip("\"'").replace(",", point) for word in line.strip().split(separator)] for line in lines]


def header_of(lines: Sequence[str]) -> list[str]:
    """Return the words of the line that names a log's columns, a comment at the top or the first line; or none."""
    comments = list(takewhile(lambda line: line.lstrip().startswith("#"), lines))
    for line in chain(reversed(comments), lines[len(comments) : len(comments) + 1]):
        words = split_words([line.strip().lstrip("#").strip()])[0]
        if set(named_columns(words)) >= {TIME, "gx", "gy"}:
            return words
    return []


def read_log_table(lines: Sequence[str], file: Path, *, names: Sequence[str], optional: Sequence[str] = ()) -> LogTable:
    """Read a log's columns, as its header names them or, without one, as the numbers show.

    A last line with fewer numbers than the one before is left out. Without a header the one column that rises evenly
    holds the times, and the three after it, or the first three where it is the last, are the rates about x, y and z:
    Android's apps write either.

    Args:
        lines: the file's.
        file: for messages.
        names: of the columns that must be there.
        optional: of those that may be.

    Raises:
        TrajectoryError: a column is missing, a value is no finite number, or no column can be the times.
    """
    header = header_of(lines)
    numbered = [(n, line) for n, line in enumerate(lines, 1) if line.strip() and not line.lstrip().startswith("#")]
    words = split_words([line for _, line in numbered])
    if words and not _is_row(words[0]):
        header = header or words[0]
        numbered, words = numbered[1:], words[1:]
    cut_off = len(words) > 2 and len(words[-1]) < len(words[-2])
    if cut_off:
        numbered, words = numbered[:-1], words[:-1]
    wanted = ",".join(names)
    columns = named_columns(header) if header or len(words) < 2 else _columns_by_numbers(words, file)
    missing = [name for name in names if name not in columns]
    if missing:
        found = f"its header is {','.join(header)[:60]!r}" if header else "it has no header"
        raise TrajectoryError(
            f"{file} has no column {', '.join(missing)}: {found}, expected {wanted}; t_ms, t_us, t_ns and gx_deg_s … "
            "state other units"
        )
    chosen = {name: columns[name] for name in (*names, *optional) if name in columns}
    places = [column.place for column in chosen.values()]
    table = np.array([_numbers(row, places, n, file) for row, (n, _) in zip(words, numbered, strict=True)])
    if len(table) < 2:
        raise TrajectoryError(f"{file} contains {len(table)} row(s): a log needs at least two ({wanted})")
    return LogTable(chosen, dict(zip(chosen, table.T, strict=True)), cut_off)


def _is_row(words: Sequence[str]) -> bool:
    try:
        [float(word) for word in words if word]
    except ValueError:
        return False
    return True


def _numbers(row: Sequence[str], places: Sequence[int], line: int, file: Path) -> list[float]:
    try:
        values = [float(row[place]) for place in places]
    except (ValueError, IndexError) as error:
        text = ",".join(row)[:50]
        raise TrajectoryError(
            f"{file}: line {line} is not made of numbers in {len(places)} columns: {text!r}"
        ) from error
    if not np.isfinite(values).all():
        raise TrajectoryError(f"{file}: line {line} contains a number that is not finite: {','.join(row)[:50]!r}")
    return values


def _columns_by_numbers(words: Sequence[Sequence[str]], file: Path) -> Mapping[str, Column]:
    """Find the times of a log without a header, and the rates beside them."""
    width = min(len(row) for row in words)
    if width < 4:
        raise TrajectoryError(f"{file} has no header and rows of {width} numbers: expected t,gx,gy,gz")
    table = np.array([_numbers(row, range(width), n, file) for n, row in enumerate(words, 1)])
    rising = [place for place in range(width) if _rises_evenly(table[:, place])]
    if len(rising) != 1 or rising[0] not in (0, width - 1):
        shown = f"its columns {' and '.join(str(place + 1) for place in rising)} rise" if rising else "no column rises"
        raise TrajectoryError(
            f"{file} has no header, and {shown} as times do: name the columns in the first line, e.g. gx,gy,gz,t_ns"
        )
    first = 1 if rising[0] == 0 else 0
    return {TIME: Column(rising[0])} | {name: Column(first + number) for number, name in enumerate(RATES)}


def _rises_evenly(values: Array) -> bool:
    """Return whether values rise from row to row as a clock's do, by about as much each time."""
    steps = np.diff(values)
    median = float(np.median(steps))
    even = float(np.median(np.abs(steps - median))) <= 0.5 * median
    return bool(median > 0 and even and np.count_nonzero(steps < 0) <= _MOST_FALLING * len(steps))


def log_seconds(stamps: Array, column: Column, file: Path, *, remedy: str = "") -> tuple[Array, str]:
    """Convert a log's stamps to seconds since its first row.

    Times of a column called ``t`` without a unit are seconds, as documented. Other names and logs without a header
    leave the unit open: then it is the one in which rows come 20 to 20,000 times a second, which fits one unit alone.

    Args:
        stamps: (N,) as the file holds them; at least two.
        column: which may state their unit.
        file: for messages.
        remedy: what to do about another unit where a name of the column cannot state it.

    Returns:
        (N,) s, and how they were read, as part of a sentence.

    Raises:
        TrajectoryError: if times do not rise, or there are too few or too many rows a second for a gyroscope; the error
            names the unit that fits.
    """
    if np.count_nonzero(np.diff(stamps) < 0) > _MOST_FALLING * len(stamps):
        raise TrajectoryError(
            f"{file}: its column {column.place + 1} was read as the times and does not rise: name the columns in the "
            "first line, e.g. gx,gy,gz,t_ns"
        )
    spacing = float(np.median(np.diff(stamps)))
    fitting = next((unit for unit, scale in UNITS_S.items() if _is_gyroscope(spacing * scale)), None)
    open_ = not column.unit and column.word.lower() != TIME and not remedy
    unit = fitting if open_ and fitting else TIME_UNITS.get(column.unit, "seconds")
    rate_hz = 1.0 / max(spacing * UNITS_S[unit], 1e-12)
    if unit == fitting:
        how = ", by their spacing" if open_ else ""
        t_s = np.asarray((stamps - stamps[0]) * UNITS_S[unit])
        return t_s, f"times in {unit}{how}, column {column.place + 1}, {rate_hz:.4g} rows a second"
    much = "few" if rate_hz < LEAST_RATE_HZ else "many"
    likely = fitting or (likely_unit(spacing) if spacing > 0 else None)
    if likely in (None, unit):
        shown, name = f"its times were read as {unit}", "t_ms or the like"
    else:
        shown = f"its times look like {likely} ({1.0 / (spacing * UNITS_S[likely]):.4g} rows a second), not {unit}"
        name = "t_" + next(short for short, long in TIME_UNITS.items() if long == likely)
    remedy = remedy or f"name their column {name} in the first line, or convert them to seconds"
    raise TrajectoryError(f"{file}: {rate_hz:.3g} rows a second are too {much} for a gyroscope, and {shown}: {remedy}")


def _is_gyroscope(spacing_s: float) -> bool:
    return spacing_s > 0 and LEAST_RATE_HZ <= 1.0 / spacing_s < MOST_RATE_HZ


def check_rates(rates_rad_s: Array, file: Path, *, stated: bool, hint: str) -> None:
    """Refuse turning rates (N, C) that look like an accelerometer's values or like degrees per second.

    Raises:
        TrajectoryError: where no unit is stated, lengths around 9.8 as those of gravity, or a median over 2 rad/s; a
            median over 10 rad/s in any case.
    """
    length = np.linalg.norm(rates_rad_s, axis=1)
    median = float(np.median(length))
    if not stated and float(np.median(np.abs(length - _GRAVITY))) < _AROUND_GRAVITY:
        raise TrajectoryError(
            f"{file}: its rows have a median length of {median:.3g}, as gravity has in m/s²: they are an "
            "accelerometer's values: name the gyroscope's log"
        )
    if median > (FASTEST_STATED_RAD_S if stated else FASTEST_MEDIAN_RAD_S):
        raise TrajectoryError(f"{file}: a median rate of {median:.3g} looks like degrees per second, not rad/s: {hint}")


def orient(values: Array, letters: str, file: Path, mirrors: bool = False) -> Array:
    """Return values (N, 3) about a device's x, y and z: one sensor axis each, negated where the letter is small.

    Raises:
        TrajectoryError: letters that are not one each of x, y and z, or that mirror where they may not.
    """
    if sorted(letters.upper()) != ["X", "Y", "Z"]:
        raise TrajectoryError(f"{file}: orientation '{letters}' is not three letters, one each of x, y and z")
    columns = ["XYZ".index(letter) for letter in letters.upper()]
    signs = np.array([1.0 if letter.isupper() else -1.0 for letter in letters])
    if np.linalg.det(np.eye(3)[columns] * signs[:, None]) < 0 and not mirrors:
        raise TrajectoryError(
            f"{file}: orientation '{letters}' is a mirror, not a turn: change the case of one letter, or --force"
        )
    return np.asarray(values[:, columns] * signs)
