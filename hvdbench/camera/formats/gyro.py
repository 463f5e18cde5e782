"""Gyroscope logs, integrated to rotations: plain CSV and Gyroflow's gcsv."""

from pathlib import Path

import numpy as np

from hvdbench.camera.formats.rows import Array, read_lines, read_rows, seconds
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import TrajectoryError

_GCSV = ("GYROFLOW IMU LOG", "CAMERA IMU LOG")
_LAYOUT = "t,gx,gy,gz"
_FASTEST_MEDIAN_RAD_S = 8.0
_SLOWEST_HZ = 20.0
_DEVICE_FROM_TOP_LEFT_FRONT = "yXZ"  # right is the opposite of left
_DEVICE_TO_OPENCV = np.array([1.0, -1.0, -1.0])


def read_gyro(path: Path, *, fps: float | None = None, orientation: str = "", force: bool = False) -> Trajectory:
    """Read a log of turning rates and integrate it; positions are 0.

    CSV: ``t,gx,gy,gz`` in seconds and rad/s, with or without a header; further columns are passed over. gcsv
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
        force: take rates that look like degrees per second, and letters that mirror, as they are.

    Returns:
        N orientations, camera-to-world, OpenCV axes; ``t_s`` is 0 at the first row.

    Raises:
        TrajectoryError: a line that is not made of numbers, a gcsv without its scales, letters that are no axes, rates
            that look like degrees per second, or times in another unit.
    """
    lines = read_lines(path)
    fields: dict[str, str] = {}
    if lines and lines[0].strip() in _GCSV:
        fields, skip = _read_head(lines, path)
    else:
        skip = 1 if lines and lines[0][:1].isalpha() else 0
        if skip and not lines[0].lower().startswith(("t,g", "t_s,g", "time,g", "timestamp,g")):
            raise TrajectoryError(f"{path}: its header is {lines[0][:50]!r}, expected {_LAYOUT}")
    rows = read_rows(path, format_name="gyro", columns=range(4, 12), layout=_LAYOUT, separator=",", skip=skip)
    t_s = seconds(rows[:, 0], unit_s=_scale(fields, "tscale", path), unit="seconds", file=path, fps=fps)
    rates = rows[:, 1:4] * _scale(fields, "gscale", path)
    _check_rates(t_s, rates, path, force)
    stated = fields.get("orientation")
    device = _orient(rates, orientation or stated or "XYZ", path, force)
    if stated and not orientation:
        device = _orient(device, _DEVICE_FROM_TOP_LEFT_FRONT, path, force)
    omega = device * _DEVICE_TO_OPENCV
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


def _read_head(lines: list[str], path: Path) -> tuple[dict[str, str], int]:
    for number, line in enumerate(lines[:100]):
        if line.startswith("t,"):
            if line.split(",")[:4] != _LAYOUT.split(","):
                raise TrajectoryError(f"{path}: line {number + 1} is {line[:40]!r}, expected {_LAYOUT},…")
            pairs = [entry.partition(",") for entry in lines[1:number]]
            fields = {key.strip(): value.strip() for key, _, value in pairs}
            missing = [key for key in ("tscale", "gscale") if key not in fields]
            if missing:
                raise TrajectoryError(f"{path}: the gcsv head lacks '{missing[0]}'")
            return fields, number + 1
    raise TrajectoryError(f"{path}: a gcsv without a line {_LAYOUT},… in its first 100")


def _scale(fields: dict[str, str], key: str, path: Path) -> float:
    try:
        return float(fields.get(key, "1"))
    except ValueError as error:
        raise TrajectoryError(f"{path}: {key} is {fields[key]!r}, not a number") from error


def _check_rates(t_s: Array, rates: Array, path: Path, force: bool) -> None:
    rate_hz = 1.0 / max(float(np.median(np.diff(t_s))), 1e-9)
    if rate_hz < _SLOWEST_HZ:
        raise TrajectoryError(f"{path}: {rate_hz:.3g} rows a second are too few for a gyroscope: check that t is in s")
    median = float(np.median(np.linalg.norm(rates, axis=1)))
    if median > _FASTEST_MEDIAN_RAD_S and not force:
        raise TrajectoryError(
            f"{path}: a median rate of {median:.3g} looks like degrees per second: convert to rad/s, or --force"
        )


def _orient(rates: Array, letters: str, path: Path, force: bool) -> Array:
    """Give the device's x, y, z rates: one sensor axis each, negated where the letter is small."""
    if sorted(letters.upper()) != ["X", "Y", "Z"]:
        raise TrajectoryError(f"{path}: orientation '{letters}' is not three letters, one each of x, y and z")
    columns = ["XYZ".index(letter) for letter in letters.upper()]
    signs = np.array([1.0 if letter.isupper() else -1.0 for letter in letters])
    if np.linalg.det(np.eye(3)[columns] * signs[:, None]) < 0 and not force:
        raise TrajectoryError(
            f"{path}: orientation '{letters}' is a mirror, not a turn: change the case of one letter, or --force"
        )
    return np.asarray(rates[:, columns] * signs)
