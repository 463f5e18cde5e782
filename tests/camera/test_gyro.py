"""Reading gyroscope logs."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hvdbench.camera.formats.gyro import GYRO, integrate_rates
from hvdbench.errors import TrajectoryError

RATE_HZ = 100
GCSV = "GYROFLOW IMU LOG\nversion,1.3\nid,made\norientation,{axes}\ntscale,0.001\ngscale,0.5\nt,gx,gy,gz,ax,ay,az\n"


def csv(tmp_path: Path, rates: tuple[float, float, float], *, head: str = "t,gx,gy,gz\n", seconds: float = 1.0) -> Path:
    rows = [f"{k / RATE_HZ:.6f},{rates[0]},{rates[1]},{rates[2]}" for k in range(round(seconds * RATE_HZ) + 1)]
    file = tmp_path / "gyro.csv"
    file.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")
    return file


def gcsv(tmp_path: Path, axes: str, rates: tuple[int, int, int]) -> Path:
    rows = [f"{10 * k},{rates[0]},{rates[1]},{rates[2]},1,2,3" for k in range(RATE_HZ + 1)]
    file = tmp_path / "clip.gcsv"
    file.write_text(GCSV.format(axes=axes) + "\n".join(rows) + "\n", encoding="utf-8")
    return file


def test_a_steady_rate_for_a_second_is_a_quarter_turn(tmp_path: Path) -> None:
    # About the device's y (up), seen from above against the clock: the camera turns to its left, to -x.
    path = GYRO.read(csv(tmp_path, (0, np.pi / 2, 0)))
    np.testing.assert_allclose(path.rotation_wc[-1] @ [0, 0, 1], [-1, 0, 0], atol=1e-9)
    np.testing.assert_allclose(path.position_w, 0.0)
    assert path.duration_s == pytest.approx(1.0)


def test_a_file_without_a_header_is_the_same(tmp_path: Path) -> None:
    named = GYRO.read(csv(tmp_path, (0.1, 0.2, 0.3)))
    bare = GYRO.read(csv(tmp_path, (0.1, 0.2, 0.3), head=""))
    np.testing.assert_allclose(bare.quaternion_wxyz, named.quaternion_wxyz)


def test_rates_are_body_fixed_as_scipy_composes_them() -> None:
    generator = np.random.default_rng(5)
    t_s, omega = np.arange(200) / 400.0, generator.normal(0, 3.0, (200, 3))
    quaternion = integrate_rates(t_s, omega)
    turned = Rotation.identity()
    for step in 0.5 * (omega[1:] + omega[:-1]) / 400.0:
        turned = turned * Rotation.from_rotvec(step)
    last = Rotation.from_quat(quaternion[-1, [1, 2, 3, 0]])
    assert (turned.inv() * last).magnitude() < 1e-9


def test_gcsv_is_scaled_and_its_letters_name_top_left_and_front(tmp_path: Path) -> None:
    # YxZ: the picture's top is the sensor's y, its left the sensor's -x. 2 counts of 0.5 rad/s on the sensor's -x turn
    # about left, that is by -1 rad about the camera's x, which points right.
    path = GYRO.read(gcsv(tmp_path, "YxZ", (-2, 0, 0)))
    assert path.duration_s == pytest.approx(1.0)
    turned = Rotation.from_rotvec([-1.0, 0, 0])
    assert (path.rotation[-1].inv() * turned).magnitude() < 1e-9
    stated = GYRO.read(gcsv(tmp_path, "YxZ", (0, 2, 0)), orientation="XYZ")  # device axes: 1 rad about up
    assert (stated.rotation[-1].inv() * Rotation.from_rotvec([0, -1.0, 0])).magnitude() < 1e-9


def test_the_real_phone_is_read(shared: Path) -> None:
    file = shared / "trajectories" / "phone_gyro_412hz" / "gyro.csv"
    path = GYRO.read(file, fps=412)
    assert len(path.t_s) == 16487
    path.check_regular()
    rates = np.loadtxt(file, delimiter=",", skiprows=1)[:, 1:]
    # Half the sum of neighbours over the step is what was integrated.
    omega = (path.rotation[:-1].inv() * path.rotation[1:]).as_rotvec() / np.diff(path.t_s)[:, None]
    np.testing.assert_allclose(omega, 0.5 * (rates[1:] + rates[:-1]) * [1, -1, -1], atol=1e-6)


def test_degrees_per_second_are_refused_unless_forced(tmp_path: Path) -> None:
    file = csv(tmp_path, (0, 90, 0), seconds=0.2)
    with pytest.raises(TrajectoryError, match="degrees per second"):
        GYRO.read(file)
    assert len(GYRO.read(file, force=True).t_s) == 21


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("frame,t_sof_s,exposure_s\n0,0.03,0.005\n1,0.06,0.005\n", "its header is 'frame,t_sof_s,exposure_s'"),
        ("t,gx,gy,gz\n0,0,0,0\n10,0,0,0\n20,0,0,0\n", "too few for a gyroscope"),
        ("0.5 0 0 0 0 0 0 1\n" * 2, "looks like format 'tum'"),
        (GCSV.replace("gscale,0.5\n", "").format(axes="XYZ"), r"has 0 row\(s\)"),
        (GCSV.replace("gscale,0.5", "gscale,half").format(axes="XYZ") + "0,1,1,1\n10,1,1,1\n", "gscale is 'half'"),
        (GCSV.format(axes="XXZ") + "0,1,1,1\n10,1,1,1\n", "orientation 'XXZ' is not three letters"),
        (GCSV.format(axes="xYZ") + "0,1,1,1\n10,1,1,1\n", "orientation 'xYZ' is a mirror"),
        (GCSV.replace("t,gx,gy,gz", "time,a,b,c").format(axes="XYZ"), "lack the line t,gx,gy,gz"),
    ],
)
def test_another_layout_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "log.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(TrajectoryError, match=sentence):
        GYRO.read(file)


def test_a_gcsv_file_without_gscale_is_in_rad_s_and_its_short_lines_are_passed_over(tmp_path: Path) -> None:
    rows = "".join(f"{10 * row},0,0.5,0\n" for row in range(30))
    text = GCSV.replace("gscale,0.5\n", "").format(axes="XYZ") + rows + "300,0,0\n301\n"
    (tmp_path / "log.gcsv").write_text(text, encoding="utf-8")
    path = GYRO.read(tmp_path / "log.gcsv")
    assert len(path.t_s) == 30
    assert "; gscale 1.0 (not stated); 2 line(s) of under four numbers passed over, as Gyroflow does" in path.read_as
    steps = (path.rotation[:-1].inv() * path.rotation[1:]).as_rotvec() / np.diff(path.t_s)[:, None]
    np.testing.assert_allclose(steps, np.tile([-0.5, 0, 0], (29, 1)), atol=1e-9)  # the left is the opposite of x
