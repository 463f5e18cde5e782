"""Read gyroscope logs, plain CSV and Gyroflow's gcsv, and integrate them to rotations."""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hvdbench.camera.formats.rows import Array, first_row, numbers_of, read_lines, seconds
from hvdbench.camera.formats.sensor_log import Column, check_rates, log_seconds, named_columns, split_words
from hvdbench.camera.formats.trajectory_format import POSSIBLE, UNLIKE, Likeness, TrajectoryFormat, certain
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import TrajectoryError

DEVICE_TO_OPENCV = np.array([1.0, -1.0, -1.0])
"""Signs that turn rates about a device's axes (x right, y up, z out of the front) into OpenCV's for its back camera."""

_LOG = logging.getLogger(__name__)
_GCSV = ("GYROFLOW IMU LOG", "CAMERA IMU LOG")
_GCSV_COLUMNS = re.compile(r"(t|time)\s*,\s*gx\s*,\s*gy\s*,\s*gz\b")
# What Gyroflow assumes where a head does not state it (AdrianEddy/telemetry-parser, src/gyroflow/gcsv.rs).
_GCSV_DEFAULTS = {"tscale": "0.001", "orientation": "xzY"}
_LAYOUT = "t,gx,gy,gz"
_WANTED = "t,gx,gy,gz; t_ms, t_us, t_ns and gx_deg_s … state other units"
_DEVICE_FROM_TOP_LEFT_FRONT = "yXZ"  # right is the opposite of left


def read_gyro(path: Path, *, fps: float | None = None, orientation: str = "", force: bool = False) -> Trajectory:
    """Read a log of turning rates and integrate it; positions are 0.

    CSV: ``t,gx,gy,gz`` in seconds and rad/s, with or without a header, separated by commas, semicolons, tabs or spaces;
    further columns are ignored, and a header may state other units (``t_ns``, ``gx_deg_s``). gcsv
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
        TrajectoryError: if a line is not made of numbers, a gcsv does not state the scale of its rates, letters do not
            name axes, rates look like degrees per second, or times are in another unit.
    """
    lines = read_lines(path)
    if lines and lines[0].strip() in _GCSV:
        t_s, rates, stated = _read_gcsv(lines, path, force)
    else:
        t_s, rates = _read_csv(lines, path, force)
        stated = ""
    seconds(t_s, unit="seconds", file=path, fps=fps)
    # Gyroflow's own default mirrors: the loggers that it was made for count one axis the other way round.
    mirrors = force or (stated == _GCSV_DEFAULTS["orientation"] and not orientation)
    device = _orient(rates, orientation or stated or "XYZ", path, mirrors)
    if stated and not orientation:
        device = _orient(device, _DEVICE_FROM_TOP_LEFT_FRONT, path, force)
    omega = device * DEVICE_TO_OPENCV
    return Trajectory(
        t_s=t_s, quaternion_wxyz=integrate_rates(t_s, omega), position_w=np.zeros_like(omega), name=str(path)
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


def _read_csv(lines: Sequence[str], path: Path, force: bool) -> tuple[Array, Array]:
    """Read times (N,) s and rates (N, 3) rad/s of a log with one header line or none."""
    places = [number for number, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")]
    words = split_words([lines[place] for place in places])
    columns: Mapping[str, Column] = {name: Column(place) for place, name in enumerate(("t", "gx", "gy", "gz"))}
    if words and words[0] and words[0][0][:1].isalpha():
        columns = named_columns(words[0])
        if not {"t", "gx", "gy", "gz"} <= set(columns):
            raise TrajectoryError(f"{path}: its header is {lines[places[0]][:50]!r}, expected {_WANTED}")
        places, words = places[1:], words[1:]
    wanted = [columns[name] for name in ("t", "gx", "gy", "gz")]
    rows = _numbers(words, [column.place for column in wanted], [place + 1 for place in places], path)
    t_s = log_seconds(rows[:, 0], wanted[0], path)
    rates = rows[:, 1:] * np.array([column.scale for column in wanted[1:]])
    hint = "name the columns gx_deg_s, gy_deg_s and gz_deg_s, or gx_rad_s … where they are right, or --force"
    check_rates(rates, path, stated=force or bool(wanted[1].unit), hint=hint)
    return t_s, rates


def _read_gcsv(lines: Sequence[str], path: Path, force: bool) -> tuple[Array, Array, str]:
    """Read times (N,) s, rates (N, 3) rad/s and the letters of the axes, as Gyroflow would."""
    fields, skip = _read_head(lines, path)
    rows = [(number, line) for number, line in enumerate(lines[skip:], start=skip + 1) if line.strip()]
    values = _numbers([line.split(",") for _, line in rows], range(4), [number for number, _ in rows], path)
    t_s = log_seconds(
        values[:, 0] * _scale(fields, "tscale", path), Column(0), path, remedy="correct tscale in its head"
    )
    rates = values[:, 1:] * _scale(fields, "gscale", path)
    check_rates(rates, path, stated=force, hint="gscale times g must be rad/s: correct gscale, or --force")
    if "orientation" not in fields:
        _LOG.warning(
            "%s does not state an orientation, so it is read as %s, as in Gyroflow", path, _GCSV_DEFAULTS["orientation"]
        )
    return t_s, rates, fields.get("orientation") or _GCSV_DEFAULTS["orientation"]


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
            if "gscale" not in fields:
                raise TrajectoryError(f"{path}: the gcsv head lacks 'gscale'")
            return fields, number + 1
    raise TrajectoryError(f"{path} is a gcsv whose first 100 lines lack the line {_LAYOUT},…")


def _scale(fields: Mapping[str, str], key: str, path: Path) -> float:
    text = fields.get(key) or _GCSV_DEFAULTS.get(key, "")
    try:
        return float(text)
    except ValueError as error:
        raise TrajectoryError(f"{path}: {key} is {text!r}, not a number") from error


def _orient(rates: Array, letters: str, path: Path, mirrors: bool) -> Array:
    """Return the device's x, y, z rates: one sensor axis each, negated where the letter is small."""
    if sorted(letters.upper()) != ["X", "Y", "Z"]:
        raise TrajectoryError(f"{path}: orientation '{letters}' is not three letters, one each of x, y and z")
    columns = ["XYZ".index(letter) for letter in letters.upper()]
    signs = np.array([1.0 if letter.isupper() else -1.0 for letter in letters])
    if np.linalg.det(np.eye(3)[columns] * signs[:, None]) < 0 and not mirrors:
        raise TrajectoryError(
            f"{path}: orientation '{letters}' is a mirror, not a turn: change the case of one letter, or --force"
        )
    return np.asarray(rates[:, columns] * signs)


def looks_like_gyro(head: Sequence[str]) -> Likeness:
    """Return whether the first line is gcsv's or names turning rates, or rows hold 4, 7 or 10 numbers: t, g, a, m."""
    if not head:
        return UNLIKE
    if head[0] in _GCSV:
        return certain(f"its first line is {head[0]}")
    words = split_words(head[:1])[0]
    if {"t", "gx", "gy", "gz"} <= set(named_columns(words)):
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
)
