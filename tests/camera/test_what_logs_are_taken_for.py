"""Every sample of a path or log through every reader, as it is and distorted: none is taken for what it is not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hvdbench.camera.formats.trajectory_format import all_formats, open_format
from hvdbench.camera.stabiliser.log import read_log
from hvdbench.errors import HvdbenchError

Array = NDArray[np.float64]

# Four seconds of a hand that turns by about 20 deg/s while it walks; its first camera is far from upright.
ROWS, HZ = 240, 60.0
T_S = np.arange(ROWS) / HZ
TURNED = Rotation.from_euler("xyz", [12.0, -25.0, 40.0], degrees=True) * Rotation.from_rotvec(
    np.radians([5.0, 4.0, 3.0] * np.sin(T_S[:, None] * [7.0, 5.0, 3.0] + [0.1, 0.7, 1.9]))
)
PLACE = np.column_stack([0.2 * T_S, 0.05 * np.sin(3 * T_S), 1.1 * T_S + 2.0])
TRUE_RAD_S = (TURNED[:-1].inv() * TURNED[1:]).as_rotvec() * HZ  # OpenCV axes
DEVICE = np.vstack([TRUE_RAD_S, TRUE_RAD_S[-1:]]) * [1.0, -1.0, -1.0]
LENS = 0.9 * np.cumsum(DEVICE[:, :2], axis=0) / HZ
LENS -= LENS.mean(axis=0)
OPENGL = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Sample:
    """A file as columns, in its own units.

    Args:
        reader: the one that it is made for.
        file: its name.
        columns: (N, C).
        head: the lines above its rows.
        time: the column of times.
        quaternion: the columns of a quaternion.
        rates: the columns of turning rates or angles.
        separator: between numbers.
        whole: columns of whole numbers.
        tail: what follows a row, its number for a placeholder.
        beside: names and texts of other files.
    """

    reader: str
    file: str
    columns: Array
    head: str = ""
    time: int | None = None
    quaternion: tuple[int, ...] = ()
    rates: tuple[int, ...] = ()
    separator: str = " "
    whole: tuple[int, ...] = ()
    tail: str = ""
    beside: tuple[tuple[str, str], ...] = ()

    def write(self, folder: Path) -> Path:
        lines = [self.head] if self.head else []
        for number, row in enumerate(self.columns.tolist()):
            words = [f"{value:.0f}" if place in self.whole else f"{value:.9f}" for place, value in enumerate(row)]
            lines.append(self.separator.join(words) + self.tail.format(number))
        (folder / self.file).write_text("\n".join(lines) + "\n", encoding="utf-8")
        for name, text in self.beside:
            (folder / name).write_text(text, encoding="utf-8")
        return folder / self.file

    def scaled(self, places: tuple[int, ...], factor: float) -> "Sample":
        columns = self.columns.copy()
        columns[:, list(places)] *= factor
        return replace(self, columns=columns)

    def reordered(self, places: tuple[int, ...], order: tuple[int, ...]) -> "Sample":
        columns = self.columns.copy()
        columns[:, list(places)] = columns[:, list(order)]
        return replace(self, columns=columns)


def side_by_side(*parts: Array) -> Array:
    return np.column_stack(parts)


def quaternions(rotation: Rotation, *, scalar_first: bool = True) -> Array:
    found = rotation.as_quat()
    return np.asarray(found[:, [3, 0, 1, 2]] if scalar_first else found)


def matrices(rotation: Array, place: Array) -> Array:
    return np.concatenate([rotation, place[:, :, None]], axis=2).reshape(ROWS, 12)


WC = np.asarray(TURNED.as_matrix())
CW = WC.transpose(0, 2, 1)
PLACE_CW = -np.einsum("nij,nj->ni", CW, PLACE)
NS = np.rint(T_S * 1e9)
EPOCH_NS, BOOT_NS = 1.7e18, 590984740505455.0
COUNT = np.arange(ROWS, dtype=np.float64)
INTRINSICS = np.tile([0.9, 1.6, 0.5, 0.5, 0.0, 0.0], (ROWS, 1))
SHAKIFY = "frame,t_s,loc_x_m,loc_y_m,loc_z_m,rot_x_rad,rot_y_rad,rot_z_rad"
EUROC = "#timestamp [ns],p_RS_R_x [m],p_RS_R_y [m],p_RS_R_z [m],q_RS_w [],q_RS_x [],q_RS_y [],q_RS_z []"
GCSV = "GYROFLOW IMU LOG\nversion,1.3\norientation,XYZ\ntscale,0.001\ngscale,0.01\nt,gx,gy,gz"
TOP_LEFT_FRONT = side_by_side(DEVICE[:, 1], -DEVICE[:, 0], DEVICE[:, 2])
AT_ONCE = tuple(range(4, 8))
PLAIN = Sample(
    "gyro", "log.csv", side_by_side(T_S, DEVICE), "t,gx,gy,gz", time=0, rates=(1, 2, 3), separator=","
)  # fmt: skip
IN_NS = {"time": 0, "whole": (0,), "separator": ","}

SAMPLES: Mapping[str, Sample] = {
    "monst3r": Sample(
        "monst3r",
        "pred_traj.txt",
        side_by_side(COUNT, PLACE, quaternions(TURNED[0].inv() * TURNED)),
        time=0,
        quaternion=AT_ONCE,
        whole=(0,),
    ),
    "tum": Sample(
        "tum",
        "walk.txt",
        side_by_side(T_S + 1305031102.1, PLACE, quaternions(TURNED, scalar_first=False)),
        time=0,
        quaternion=AT_ONCE,
    ),
    "kitti": Sample(
        "kitti",
        "00.txt",
        matrices(WC, PLACE),
        beside=(("times.txt", "".join(f"{t:.9f}\n" for t in T_S)),),
    ),
    "kitti in ms": Sample(
        "kitti",
        "00.txt",
        matrices(WC, PLACE),
        beside=(("times.txt", "".join(f"{1e3 * t + 500:.6f}\n" for t in T_S)),),
    ),
    "kitti by columns": Sample(
        "kitti",
        "00.txt",
        matrices(WC, PLACE).reshape(ROWS, 3, 4).transpose(0, 2, 1).reshape(ROWS, 12),
        beside=(("times.txt", "".join(f"{t:.9f}\n" for t in T_S)),),
    ),
    "euroc": Sample(
        "euroc",
        "data.csv",
        side_by_side(NS + EPOCH_NS, PLACE, quaternions(TURNED)),
        time=0,
        quaternion=AT_ONCE,
        whole=(0,),
        separator=",",
    ),
    "euroc with a header": Sample(
        "euroc",
        "data.csv",
        side_by_side(NS + EPOCH_NS, PLACE, quaternions(TURNED)),
        EUROC,
        time=0,
        whole=(0,),
        separator=",",
    ),
    "euroc with the scalar last": Sample(
        "euroc",
        "data.csv",
        side_by_side(NS + EPOCH_NS, PLACE, quaternions(TURNED, scalar_first=False)),
        "timestamp,tx,ty,tz,qx,qy,qz,qw",
        time=0,
        whole=(0,),
        separator=",",
    ),
    "colmap": Sample(
        "colmap",
        "images.txt",
        side_by_side(COUNT + 1, quaternions(TURNED.inv()), PLACE_CW, np.ones(ROWS)),
        "# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME",
        quaternion=(1, 2, 3, 4),
        whole=(0, 8),
        tail=" frame_{:05d}.png\n",
    ),
    "re10k": Sample(
        "re10k",
        "clip.txt",
        side_by_side(T_S * 1e6, INTRINSICS, matrices(CW, PLACE_CW)),
        "https://example.org/v",
        time=0,
        whole=(0,),
    ),
    "arkit": Sample("arkit", "pose.txt", side_by_side(NS + BOOT_NS, matrices(WC @ OPENGL, PLACE)), time=0, whole=(0,)),
    "shakify": Sample(
        "shakify",
        "shake.csv",
        side_by_side(COUNT, T_S, PLACE, Rotation.from_matrix(WC @ OPENGL).as_euler("xyz")),
        SHAKIFY,
        time=1,
        rates=(5, 6, 7),
        separator=",",
        whole=(0,),
    ),
    "log": PLAIN,
    "log without a header": replace(PLAIN, head="", columns=side_by_side(T_S + 77.5, DEVICE)),
    "log with tabs": replace(PLAIN, head="t\tgx\tgy\tgz", separator="\t", file="log.txt"),
    "log with spaces": replace(PLAIN, head="", separator="  ", file="log.txt"),
    "log with units": replace(PLAIN, head="t_s,gx_rad_s,gy_rad_s,gz_rad_s"),
    "log in another order": replace(PLAIN, head="seconds_elapsed,z,y,x", columns=side_by_side(T_S, DEVICE[:, ::-1])),
    "log of an app": replace(PLAIN, head="timestamp,x,y,z", columns=side_by_side(NS + EPOCH_NS, DEVICE), whole=(0,)),
    "GyroVD, OpenCamera Sensors": Sample(
        "gyro", "gyro.csv", side_by_side(DEVICE, NS + BOOT_NS), time=3, rates=(0, 1, 2), separator=",", whole=(3,)
    ),
    "GyroBlur": Sample(
        "gyro", "gyro_a.txt", side_by_side(NS + BOOT_NS, DEVICE), time=0, rates=(1, 2, 3), separator="\t", whole=(0,)
    ),
    "gcsv": replace(PLAIN, file="log.gcsv", head=GCSV, columns=side_by_side(T_S * 1e3, 100 * TOP_LEFT_FRONT)),
    "lens": Sample(
        "lens",
        "phone.csv",
        side_by_side(T_S, DEVICE[:, :2], LENS, DEVICE[:, 2]),
        "t,gx,gy,lx,ly,gz",
        time=0,
        rates=(1, 2, 5),
        separator=",",
    ),
}
NOT_AS_THEY_SHOULD = {"kitti in ms", "kitti by columns"}


def in_another_unit(factor: float) -> Callable[[Sample], Sample | None]:
    def distort(sample: Sample) -> Sample | None:
        if sample.time is None:
            return None
        whole = sample.whole if factor > 1 else tuple(place for place in sample.whole if place != sample.time)
        return replace(sample.scaled((sample.time,), factor), whole=whole)

    return distort


def scalar_at_the_other_end(sample: Sample) -> Sample | None:
    if not sample.quaternion:
        return None
    first, *others = sample.quaternion
    last = sample.quaternion[-1]
    to_the_end = sample.reader != "tum"
    order = (*others, first) if to_the_end else (last, *sample.quaternion[:-1])
    return sample.reordered(sample.quaternion, order)


def in_degrees(sample: Sample) -> Sample | None:
    return sample.scaled(sample.rates, 180 / np.pi) if sample.rates else None


def x_and_y_exchanged(sample: Sample) -> Sample | None:
    return sample.reordered(sample.rates[:2], sample.rates[1::-1]) if sample.rates else None


def y_reversed(sample: Sample) -> Sample | None:
    return sample.scaled(sample.rates[1:2], -1.0) if sample.rates else None


DISTORTIONS: Mapping[str, Callable[[Sample], Sample | None]] = {
    "as it is": lambda sample: sample,
    **{f"times x {factor:g}": in_another_unit(factor) for factor in (1e3, 1e6, 1e9, 1e-3, 1e-6, 1e-9)},
    "scalar at the other end": scalar_at_the_other_end,
    "in degrees": in_degrees,
    "x and y exchanged": x_and_y_exchanged,
    "y reversed": y_reversed,
}
CASES = [
    (name, distortion)
    for name, sample in SAMPLES.items()
    for distortion, distort in DISTORTIONS.items()
    if distort(sample) is not None
]
OPEN_UNIT = {"log without a header", "log with spaces"}  # in seconds, in no named column
OPEN_UNIT_NS = {"log of an app", "GyroVD, OpenCamera Sensors", "GyroBlur"}
DEVICE_AXES = "of the device's x (right), y (up) and z (out of the front)"


def expected(name: str, distortion: str) -> str:
    """Return what the sample's own reader makes of it: ``right``, ``refused``, or what it must say that it assumed."""
    sample = SAMPLES[name]
    if distortion == "as it is":
        return "refused" if name in NOT_AS_THEY_SHOULD else "right"
    if distortion.startswith("times x"):
        smaller = "e-" in distortion or distortion.endswith("0.001")
        return "right" if name in (OPEN_UNIT_NS if smaller else OPEN_UNIT) else "refused"
    if distortion == "scalar at the other end":  # the turns between rows are as large in either order
        return {"monst3r": "refused", "tum": "qx qy qz qw"}.get(sample.reader, "qw,qx,qy,qz|QW QX QY QZ")
    if distortion == "in degrees" or sample.reader == "lens":
        return "refused"  # a lens that follows shows the axes of its gyroscope
    return {"gyro": f"orientation XYZ {DEVICE_AXES}|orientation XYZ as Gyroflow's letters"}.get(sample.reader, SHAKIFY)


def outcome(reader: str, file: Path) -> tuple[str, str]:
    """Read a file: ``right`` or ``read``, and how it was taken; or ``refused``, and the sentence."""
    try:
        if reader == "lens":
            log = read_log(file)
            t_s, rates, read_as = log.t_s, log.omega_rad_s[:-1], log.read_as
        else:
            path = open_format(reader).read(file, fps=HZ if reader in ("monst3r", "colmap") else None)
            steps = (path.rotation[:-1].inv() * path.rotation[1:]).as_rotvec()
            t_s, rates, read_as = path.t_s, steps / np.diff(path.t_s)[:, None], path.read_as
    except HvdbenchError as error:
        return "refused", str(error)
    true = TRUE_RAD_S
    if reader == "gyro":  # a step is the mean of the rates at its ends
        true = 0.5 * (true + np.vstack([true[1:], true[-1:]]))
    right = len(t_s) == ROWS and np.allclose(t_s, T_S, atol=1e-4) and bool((np.abs(rates - true) < 2e-3).all())
    return "right" if right else "read", read_as


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "distortion"), CASES)
def test_a_sample_is_read_right_or_told_by_its_own_reader(tmp_path: Path, name: str, distortion: str) -> None:
    sample = SAMPLES[name]
    distorted = DISTORTIONS[distortion](sample)
    assert distorted is not None
    found, said = outcome(sample.reader, distorted.write(tmp_path))
    wanted = expected(name, distortion)
    assert said
    assert "\n" not in said
    if wanted in ("right", "refused"):
        assert found == wanted, said
    else:
        assert found == "read", said
        assert any(words in said for words in wanted.split("|")), said
    if found == "refused":
        assert str(tmp_path) in said


@pytest.mark.parametrize(("name", "distortion"), CASES)
def test_a_sample_is_refused_by_every_other_reader(tmp_path: Path, name: str, distortion: str) -> None:
    sample = SAMPLES[name]
    distorted = DISTORTIONS[distortion](sample)
    assert distorted is not None
    file = distorted.write(tmp_path)
    readers = {form.name for form in all_formats()} | {"lens"}
    for reader in sorted(readers - {sample.reader}):
        found, said = outcome(reader, file)
        assert "\n" not in said
        if (sample.reader, reader) == ("lens", "gyro"):  # a gyroscope's log with two columns more
            right = distortion == "as it is"
            assert found == ("right" if right else "read" if "y" in distortion else "refused"), said
            assert "columns 2/3/6" in said or found == "refused"
        elif (name, distortion, reader) == ("monst3r", "scalar at the other end", "tum"):
            assert (found, "qx qy qz qw" in said) == ("read", True)  # rows of TUM's that count whole seconds
        else:
            assert found == "refused", (reader, said)


def test_every_format_has_a_sample() -> None:
    assert {sample.reader for sample in SAMPLES.values()} == {form.name for form in all_formats()} | {"lens"}
