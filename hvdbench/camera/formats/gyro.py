"""Read gyroscope logs, plain CSV and Gyroflow's gcsv, and integrate them to rotations."""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import RotationSpline

from hvdbench.camera.breaks import resample, stretches
from hvdbench.camera.formats.rows import Array, first_row, numbers_of, read_lines, seconds, table_text
from hvdbench.camera.formats.sensor_log import (
    DEVICE_AXES,
    RATES,
    TIME,
    Column,
    check_rates,
    header_of,
    log_seconds,
    named_columns,
    orient,
    read_log_table,
    split_words,
)
from hvdbench.camera.formats.trajectory_format import POSSIBLE, UNLIKE, Likeness, TrajectoryFormat, certain
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import TrajectoryError
from hvdbench.workspace.atomic import atomic_write_text

DEVICE_TO_OPENCV = np.array([1.0, -1.0, -1.0])
"""Signs that turn rates about a device's axes (x right, y up, z out of the front) into OpenCV's for its back camera."""

_LOG = logging.getLogger(__name__)
_GCSV = ("GYROFLOW IMU LOG", "CAMERA IMU LOG")
_GCSV_COLUMNS = re.compile(r"(t|time)\s*,\s*gx\s*,\s*gy\s*,\s*gz\b")
# What Gyroflow takes where a head says nothing (AdrianEddy/telemetry-parser, src/gyroflow/gcsv.rs).
_GCSV_DEFAULTS = {"tscale": "0.001", "gscale": "1.0", "orientation": "xzY"}
_LAYOUT = "t,gx,gy,gz"
_WRITTEN_HZ = 1000.0
_WRITTEN_HEAD = {"version": "1.3", "id": "hvdbench", "orientation": "XYZ", "tscale": "1", "gscale": "1"}
_DEVICE_FROM_TOP_LEFT_FRONT = "yXZ"  # right is the opposite of left


def read_gyro(path: Path, *, fps: float | None = None, orientation: str = "", force: bool = False) -> Trajectory:
    """Read a log of turning rates and integrate it; positions are 0.

    CSV: ``t,gx,gy,gz`` in seconds and rad/s, or as a header names the columns and their units (``t_ns``, ``gx_deg_s``),
    separated by commas, semicolons, tabs or spaces; further columns are passed over. Without a header the numbers show
    which column holds the times and in what unit: OpenCamera Sensors and GyroVD write x, y, z and nanoseconds. gcsv
    (https://docs.gyroflow.xyz/app/technical-details/gcsv-format): ``t`` times ``tscale`` is seconds, ``g`` times
    ``gscale`` rad/s, and its ``orientation`` says which sensor axis (a small letter: its opposite) points to the
    picture's top, to its left and out of the front. Device axes are x right, y *up*, z out of the *front* (Android's,
    with the phone upright), so the camera on the back gets (gx, -gy, -gz). A gyroscope's bias stays in: the path drifts
    by it.

    Rates are body-fixed: ``R[k+1] = R[k] exp((w[k] + w[k+1]) / 2 · dt)``, R[0] = 1.

    Args:
        path: the file.
        fps: None, or a rate that the file's own times must agree with within 20 %.
        orientation: three letters for the device's x, y and z, which come before the file's own, e.g. ``yXZ`` for a
            phone held on its side with its top to the left.
        force: whether to accept rates that look like degrees per second, and letters that mirror.

    Returns:
        N orientations, camera-to-world, OpenCV axes; ``t_s`` is 0 at the first row.

    Raises:
        TrajectoryError: a line that is not made of numbers, letters that are no axes, rates that look like degrees
            per second or like an accelerometer's, or times in another unit.
    """
    lines = read_lines(path)
    stated = ""
    if lines and lines[0].startswith(_GCSV):
        t_s, rates, how, stated = _read_gcsv(lines, path, force)
    else:
        t_s, rates, how = _read_csv(lines, path, force)
    seconds(t_s, unit="seconds", file=path, fps=fps)
    # Gyroflow's own default mirrors: the loggers that it was made for count one axis the other way round.
    mirrors = force or (stated == _GCSV_DEFAULTS["orientation"] and not orientation)
    device = orient(rates, orientation or stated or "XYZ", path, mirrors)
    if stated and not orientation:
        device = orient(device, _DEVICE_FROM_TOP_LEFT_FRONT, path, force)
    omega = device * DEVICE_TO_OPENCV
    axes = "as Gyroflow's letters" if stated and not orientation else DEVICE_AXES
    return Trajectory(
        t_s=t_s,
        quaternion_wxyz=integrate_rates(t_s, omega),
        position_w=np.zeros_like(omega),
        name=str(path),
        read_as=f"{how}; orientation {orientation or stated or 'XYZ'} {axes}",
    )


def integrate_rates(t_s: Array, omega: Array) -> Array:
    """Integrate body-fixed rates (N, 3) in rad/s at times (N,) to quaternions (N, 4), scalar first, from 1 on."""
    half = 0.25 * (omega[1:] + omega[:-1]) * np.diff(t_s)[:, None]
    angle = np.linalg.norm(half, axis=1)
    steps = np.concatenate([np.cos(angle)[:, None], half * np.sinc(angle / np.pi)[:, None]], axis=1)
    turned = [(1.0, 0.0, 0.0, 0.0)]
    for w, x, y, z in steps.tolist():
        a, b, c, d = turned[-1]
        turned.append((a * w - b * x - c * y - d * z, a * x + b * w + c * z - d * y,
                       a * y - b * z + c * w + d * x, a * z + b * y - c * x + d * w))  # fmt: skip
    quaternion = np.array(turned)
    return np.asarray(quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True))


def _read_csv(lines: Sequence[str], path: Path, force: bool) -> tuple[Array, Array, str]:
    """Read times (N,) s and rates (N, 3) rad/s of a log, and how they were read."""
    log = read_log_table(lines, path, names=(TIME, *RATES))
    t_s, how = log_seconds(log.values[TIME], log.columns[TIME], path)
    rates = log.radians(RATES)
    hint = "name the columns gx_deg_s, gy_deg_s and gz_deg_s, or gx_rad_s … where they are right"
    if not force:
        check_rates(rates, path, stated=log.stated(RATES), hint=f"{hint}, or --force")
    return t_s, rates, f"{how}; {log.describe_rates()}"


def _read_gcsv(lines: Sequence[str], path: Path, force: bool) -> tuple[Array, Array, str, str]:
    """Read times (N,) s, rates (N, 3) rad/s, how they were read and the letters of the axes, as Gyroflow would."""
    fields, skip = _read_head(lines, path)
    all_rows = [(number, line) for number, line in enumerate(lines[skip:], start=skip + 1) if line.strip()]
    rows = [(number, line) for number, line in all_rows if line.count(",") >= 3]
    values = _numbers([line.split(",") for _, line in rows], range(4), [number for number, _ in rows], path)
    stamps = values[:, 0] * _scale(fields, "tscale", path)
    t_s, how = log_seconds(stamps, Column(0), path, remedy="correct tscale in its head")
    rates = values[:, 1:] * _scale(fields, "gscale", path)
    if not force:
        check_rates(rates, path, stated=False, hint="gscale times g must be rad/s: correct gscale, or --force")
    lacking = [key for key in _GCSV_DEFAULTS if key not in fields]
    for key in lacking:
        _LOG.warning("%s does not state the %s, so it is read as %s, as in Gyroflow", path, key, _GCSV_DEFAULTS[key])
    assumed = "".join(f"; {key} {_GCSV_DEFAULTS[key]} (not stated)" for key in lacking)
    if len(rows) < len(all_rows):
        assumed += f"; {len(all_rows) - len(rows)} line(s) of under four numbers passed over, as Gyroflow does"
    letters = fields.get("orientation") or _GCSV_DEFAULTS["orientation"]
    return t_s, rates, f"{how}; rates in rad/s{assumed}", letters


def _numbers(rows: Sequence[Sequence[str]], places: Sequence[int], lines: Sequence[int], path: Path) -> Array:
    """Return the numbers at some places of every row, (N, C); rows may be of different lengths beyond them."""
    found: list[list[float]] = []
    for words, line in zip(rows, lines, strict=True):
        try:
            found.append([float(words[place]) for place in places])
        except (ValueError, IndexError) as error:
            text = ",".join(words)[:50]
            raise TrajectoryError(f"{path}: line {line} is not made of numbers ({_LAYOUT}): {text!r}") from error
    if len(found) < 2:
        raise TrajectoryError(f"{path} has {len(found)} row(s): a path needs at least two ({_LAYOUT})")
    return np.array(found, np.float64)


def _read_head(lines: Sequence[str], path: Path) -> tuple[dict[str, str], int]:
    for number, line in enumerate(lines[:100]):
        if _GCSV_COLUMNS.match(line.strip()):
            pairs = [entry.partition(",") for entry in lines[1:number]]
            fields = {key.strip(): value.strip() for key, _, value in pairs}
            return fields, number + 1
    raise TrajectoryError(f"{path} is a gcsv whose first 100 lines lack the line {_LAYOUT},…")


def _scale(fields: Mapping[str, str], key: str, path: Path) -> float:
    text = fields.get(key) or _GCSV_DEFAULTS.get(key, "")
    try:
        return float(text)
    except ValueError as error:
        raise TrajectoryError(f"{path}: {key} is {text!r}, not a number") from error


def write_gcsv(file: Path, path: Trajectory) -> list[Path]:
    """Write the turning rates of a path as Gyroflow's gcsv: 1000 rows a second or as many as the path has.

    Its letters are ``XYZ``, so the columns are the rates about the picture's top, its left and out of the front. Each
    stretch between gaps is interpolated by itself. Positions and the first orientation are not in such a file.

    Args:
        file: the gcsv file.
        path: any path.

    Returns:
        The file.
    """
    rate_hz = max(_WRITTEN_HZ, 1.0 / float(np.median(np.diff(path.t_s))))
    even = resample(path, rate_hz)
    omega = np.concatenate([RotationSpline(part.t_s, part.rotation)(part.t_s, 1) for part in stretches(even)])
    rows = np.column_stack([even.t_s - even.t_s[0], -omega[:, 1], -omega[:, 0], -omega[:, 2]])
    head = "".join(f"{key},{value}\n" for key, value in _WRITTEN_HEAD.items())
    atomic_write_text(file, table_text(rows, separator=",", head=f"{_GCSV[0]}\n{head}t,gx,gy,gz\n"))
    return [file]


def looks_like_gyro(head: Sequence[str]) -> Likeness:
    """Return whether the first line is gcsv's or names turning rates, or rows hold 4, 7 or 10 numbers: t, g, a, m."""
    if not head:
        return UNLIKE
    if head[0].startswith(_GCSV):
        return certain(f"its first line is {head[0]}")
    if {TIME, *RATES} <= set(named_columns(header_of(head))):
        return certain("its first line names turning rates")
    rows = [line for line in head if not line.startswith("#")]
    row = first_row(head) or (numbers_of(",".join(split_words(rows[:1])[0]), ",") if rows else [])
    return POSSIBLE if len(row) in (4, 7, 10) else UNLIKE


GYRO = TrajectoryFormat(
    name="gyro",
    title="gyroscope log",
    row=_LAYOUT,
    times="seconds",
    reader=read_gyro,
    looks_like=looks_like_gyro,
    has_positions=False,
    endings=(".csv", ".gcsv", ".txt", ".tsv"),
    writer=write_gcsv,
)
