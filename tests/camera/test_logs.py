"""Logs of gyroscopes and lenses: one meaning of columns, axes and units, and what is told of others."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hvdbench.camera.formats.euroc import EUROC
from hvdbench.camera.formats.gyro import GYRO
from hvdbench.camera.stabiliser.kinds import stabiliser_table
from hvdbench.camera.stabiliser.log import read_log
from hvdbench.errors import HvdbenchError, InputError, TrajectoryError

RATE_HZ = 200
ROWS = 1200
DEG = np.degrees(1.0)


def hand() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Six seconds of a hand that turns at 4 and 7 Hz with 12 deg/s, and of a lens that makes up for 95 % of it."""
    t_s = np.arange(ROWS) / RATE_HZ
    wave = 2 * np.pi * np.array([4.0, 7.0])
    omega = np.radians(17.0) * np.cos(t_s[:, None] * wave)
    return t_s, omega, 0.95 * np.radians(17.0) * np.sin(t_s[:, None] * wave) / wave


def write(
    path: Path,
    head: str,
    *,
    t: float = 1.0,
    gyro: float = 1.0,
    lens: float | None = 1.0,
    separator: str = ",",
    offset: float = 0.0,
) -> Path:
    """Write the hand with its columns times the factors; without a lens, with a rate about z of 0."""
    t_s, omega, angle = hand()
    last = np.zeros((ROWS, 1)) if lens is None else lens * angle
    rows = np.hstack([t * (t_s[:, None] + offset), gyro * omega, last])
    text = "\n".join(separator.join(f"{value:.9f}" for value in row) for row in rows)
    path.write_text(head + ("\n" if head else "") + text + "\n", encoding="utf-8")
    return path


def read_turns(file: Path) -> np.ndarray:
    path = GYRO.read(file)
    steps = (path.rotation[:-1].inv() * path.rotation[1:]).as_rotvec()
    return np.asarray(steps / np.diff(path.t_s)[:, None])


def test_a_header_means_the_same_axes_to_an_import_and_to_a_stabiliser(tmp_path: Path) -> None:
    # Turning about the device's y, which points up: against the clock from above is to the left, to OpenCV's -x.
    rows = "".join(f"{row / RATE_HZ},0,0.5,0,0,0\n" for row in range(400))
    (tmp_path / "log.csv").write_text("t,gx,gy,gz,lx,ly\n" + rows, encoding="utf-8")
    log = read_log(tmp_path / "log.csv")
    np.testing.assert_allclose(log.omega_rad_s[0], [0, -0.5, 0])
    turned = Rotation.from_rotvec(log.omega_rad_s[0] * 0.1)
    np.testing.assert_array_less(turned.apply([0, 0, 1])[0], 0.0)
    imported = GYRO.read(tmp_path / "log.csv")
    np.testing.assert_allclose(read_turns(tmp_path / "log.csv"), log.omega_rad_s[1:], atol=1e-9)
    np.testing.assert_array_less(imported.rotation_wc[20] @ [0, 0, 1] @ [1, 0, 0], 0.0)


@pytest.mark.parametrize("separator", [",", ";", "\t", " ", ", ", "  "])
def test_any_usual_separator_is_read(tmp_path: Path, separator: str) -> None:
    head = separator.join(["t", "gx", "gy", "gz"])
    spread = read_turns(write(tmp_path / "log.txt", head, lens=None, separator=separator))
    np.testing.assert_allclose(spread, read_turns(write(tmp_path / "log.csv", "t,gx,gy,gz", lens=None)))
    head = separator.join(["t", "gx", "gy", "lx", "ly"])
    log = read_log(write(tmp_path / "lens.txt", head, separator=separator))
    np.testing.assert_allclose(log.lens_rad * [1, -1], hand()[2], atol=1e-8)


@pytest.mark.parametrize(
    ("head", "t", "gyro"),
    [
        ("t_ms,gx,gy,gz", 1e3, 1.0),
        ("timestamp_us,gx,gy,gz", 1e6, 1.0),
        ("timestamp [ns],gx,gy,gz", 1e9, 1.0),
        ("time(ns),gyro_x,gyro_y,gyro_z", 1e9, 1.0),
        ("t,gx_deg_s,gy_deg_s,gz_deg_s", 1.0, DEG),
        ("t_s,gx (deg/s),gy (deg/s),gz (deg/s)", 1.0, DEG),
    ],
)
def test_a_header_may_state_other_units(tmp_path: Path, head: str, t: float, gyro: float) -> None:
    plain = read_turns(write(tmp_path / "plain.csv", "t,gx,gy,gz", lens=None))
    stated = read_turns(write(tmp_path / "stated.csv", head, t=t, gyro=gyro, lens=None))
    np.testing.assert_allclose(stated, plain, atol=1e-6)


def test_the_lens_may_be_in_degrees_where_the_header_says_so(tmp_path: Path) -> None:
    log = read_log(write(tmp_path / "log.csv", "t_ms,gx_deg_s,gy_deg_s,lx_deg,ly_deg", t=1e3, gyro=DEG, lens=DEG))
    np.testing.assert_allclose(log.lens_rad * [1, -1], hand()[2], atol=1e-8)
    np.testing.assert_allclose(log.omega_rad_s[:, :2] * [1, -1], hand()[1], atol=1e-8)
    assert log.duration_s == pytest.approx((ROWS - 1) / RATE_HZ)


def read_as_gyro(file: Path) -> object:
    return GYRO.read(file)


UNITS = [(1e3, "milli", "ms"), (1e6, "micro", "us"), (1e9, "nano", "ns")]


@pytest.mark.parametrize(("factor", "unit", "short"), UNITS)
@pytest.mark.parametrize("separator", [",", "\t", " "])
def test_times_called_t_in_another_unit_are_told_with_how_to_state_it(
    tmp_path: Path, factor: float, unit: str, short: str, separator: str
) -> None:
    file = write(
        tmp_path / "log.csv",
        "t,gx,gy,gz".replace(",", separator),
        t=factor,
        lens=None,
        separator=separator,
        offset=50,
    )
    sentence = rf"its times look like {unit}seconds \(200 rows a second\), not seconds: name their column t_{short}"
    with pytest.raises(TrajectoryError, match=sentence):
        GYRO.read(file)


@pytest.mark.parametrize(("factor", "unit", "short"), [(1.0, "", "s"), *UNITS])
@pytest.mark.parametrize("head", ["", "timestamp,x,y,z", "time,gyro_x,gyro_y,gyro_z"])
def test_where_no_unit_of_times_is_documented_their_spacing_shows_it_and_that_is_said(
    tmp_path: Path, head: str, factor: float, unit: str, short: str
) -> None:
    file = write(tmp_path / "log.csv", head, t=factor, lens=None, offset=50)
    path = GYRO.read(file)
    assert f"times in {unit}seconds, by their spacing, column 1, 200 rows a second" in path.read_as
    assert (
        "rates in rad/s (no unit is stated), columns 2/3/4; orientation XYZ of the device's x (right)" in path.read_as
    )
    plain = read_turns(write(tmp_path / "plain.csv", "t,gx,gy,gz", lens=None))
    np.testing.assert_allclose(read_turns(file), plain, atol=1e-9)


def test_apps_of_android_write_x_y_z_and_nanoseconds_without_a_header(tmp_path: Path) -> None:
    # OpenCamera Sensors' and GyroVD's gyro.csv: values of a SensorEvent, then nanoseconds since the phone was started.
    t_s, omega, _ = hand()
    rows = "".join(
        f"{x:.9f},{y:.9f},0.25,{590984740505455 + time * 1e9:.0f}\n" for time, (x, y) in zip(t_s, omega, strict=True)
    )
    (tmp_path / "gyro.csv").write_text(rows, encoding="utf-8")
    path = GYRO.read(tmp_path / "gyro.csv")
    assert "times in nanoseconds, by their spacing, column 4, 200 rows a second; rates in rad/s" in path.read_as
    middle = 0.5 * (omega[1:] + omega[:-1])
    expected = np.column_stack([middle[:, 0], -middle[:, 1], np.full(ROWS - 1, -0.25)])
    np.testing.assert_allclose(read_turns(tmp_path / "gyro.csv"), expected, atol=1e-4)


@pytest.mark.parametrize(
    "head",
    [
        "seconds_elapsed,gz,gy,gx",
        "time,seconds_elapsed,z,y,x",
        "#timestamp [ns],w_RS_S_z [rad s^-1],w_RS_S_y [rad s^-1],w_RS_S_x [rad s^-1],a_RS_S_x [m s^-2]",
        '"Time (s)","Gyroscope z (rad/s)","Gyroscope y (rad/s)","Gyroscope x (rad/s)","Absolute (rad/s)"',
    ],
)
def test_a_header_that_states_another_order_is_obeyed(tmp_path: Path, head: str) -> None:
    t_s, omega, _ = hand()
    times = {"time": t_s * 1e9 + 1.7e18, "seconds_elapsed": t_s, "#timestamp [ns]": t_s * 1e9, '"Time (s)"': t_s}
    named = [times[word] for word in head.split(",") if word in times]
    columns = [*named, np.zeros(ROWS), omega[:, 1], omega[:, 0], np.full(ROWS, 9.81)]
    rows = "".join(",".join(f"{value:.9f}" for value in row) + "\n" for row in zip(*columns, strict=True))
    (tmp_path / "log.csv").write_text(head + "\n" + rows, encoding="utf-8")
    plain = read_turns(write(tmp_path / "plain.csv", "t,gx,gy,gz", lens=None))
    np.testing.assert_allclose(read_turns(tmp_path / "log.csv"), plain, atol=1e-3)


@pytest.mark.parametrize("head", ["", "timestamp,x,y,z", "t,gx,gy,gz"])
def test_an_accelerometers_log_is_no_gyroscopes(tmp_path: Path, head: str) -> None:
    t_s, omega, _ = hand()
    rows = [f"{time:.4f},{x:.6f},{9.7 + y:.6f},1.1\n" for time, (x, y) in zip(t_s, omega, strict=True)]
    (tmp_path / "accel.csv").write_text("\n".join([head, *rows]) if head else "".join(rows), encoding="utf-8")
    with pytest.raises(TrajectoryError, match="as gravity has in m/s²: they are an accelerometer's values"):
        GYRO.read(tmp_path / "accel.csv")


def test_rates_that_no_gyroscope_can_measure_are_refused_though_their_unit_is_stated(tmp_path: Path) -> None:
    file = write(tmp_path / "log.csv", "t,gx_rad_s,gy_rad_s,gz_rad_s", gyro=300.0, lens=None)
    with pytest.raises(TrajectoryError, match="looks like degrees per second"):
        GYRO.read(file)


@pytest.mark.parametrize("columns", [(1, 2), (1, 3)])
def test_a_log_without_a_header_and_with_two_clocks_is_refused(tmp_path: Path, columns: tuple[int, int]) -> None:
    t_s, omega, _ = hand()
    table = np.column_stack([omega, omega[:, :1], omega[:, :1]])
    for column, clock in zip(columns, (np.arange(ROWS), t_s), strict=True):
        table[:, column - 1] = clock
    np.savetxt(tmp_path / "log.csv", table, delimiter=",")
    sentence = rf"no header, and its columns {columns[0]} and {columns[1]} rise as times do: name the columns"
    with pytest.raises(TrajectoryError, match=sentence):
        GYRO.read(tmp_path / "log.csv")


@pytest.mark.parametrize("name", ["t", "time"])
def test_a_lens_on_its_side_is_turned_with_the_gyroscope(tmp_path: Path, name: str) -> None:
    log = read_log(write(tmp_path / "log.csv", f"{name},gx,gy,lx,ly"), "yXZ")
    _, omega, angle = hand()  # the device's x is the sensor's -y, its y the sensor's x; OpenCV's y is the device's -y
    np.testing.assert_allclose(
        log.omega_rad_s, np.column_stack([-omega[:, 1], -omega[:, 0], 0 * omega[:, 0]]), atol=1e-8
    )
    np.testing.assert_allclose(log.lens_rad, -angle[:, ::-1], atol=1e-8)
    assert "follow 0.95 of the turning; orientation yXZ of the device's" in log.read_as
    with pytest.raises(InputError, match="its third letter must be Z or z"):
        read_log(tmp_path / "log.csv", "XZy")


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        ("t,gx,gy,ly,lx", "its lx follows gy and its ly follows gx: exchange the columns"),
        ("t,gy,gx,lx,ly", "its lx follows gy and its ly follows gx: exchange the columns"),
    ],
)
def test_a_lens_of_exchanged_axes_is_told(tmp_path: Path, head: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        read_log(write(tmp_path / "log.csv", head))


def test_a_lens_of_one_wrong_sign_is_told(tmp_path: Path) -> None:
    file = write(tmp_path / "log.csv", "t,gx,gy,lx,ly")
    rows = np.loadtxt(file, delimiter=",", skiprows=1) * [1, 1, 1, 1, -1]
    np.savetxt(file, rows, delimiter=",", header="t,gx,gy,lx,ly", comments="")
    with pytest.raises(InputError, match=r"\(ly move against the turning; .*change the sign of ly, the angle"):
        read_log(file)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"t": 1e3}, r"times look like milliseconds \(200 rows a second\), not seconds: name their column t_ms"),
        ({"t": 1e9}, r"times look like nanoseconds"),
        ({"gyro": DEG}, "looks like degrees per second, not rad/s: name the columns gx_deg_s"),
        ({"gyro": DEG, "lens": DEG}, "looks like degrees per second"),
        ({"lens": 1387.0}, "cannot be radians: .* divide px by the focal length"),
        ({"lens": DEG}, "cannot be radians: name the columns lx_deg and ly_deg"),
        ({"lens": -1.0}, r"its lens adds to what the hand does .*: change the sign of lx and ly"),
    ],
)
def test_a_log_in_another_unit_or_sign_is_one_sentence(tmp_path: Path, values: dict[str, float], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        read_log(write(tmp_path / "log.csv", "t,gx,gy,lx,ly", **values))
    assert "\n" not in str(caught.value)


def test_degrees_of_a_still_hand_are_found_by_the_lens_that_follows_them(tmp_path: Path) -> None:
    # 1.5 deg/s read as rad/s is no impossible rate, but the lens moves by 1/57 of it.
    file = write(tmp_path / "log.csv", "t,gx,gy,lx,ly", gyro=DEG / 12, lens=1 / 12)
    with pytest.raises(
        InputError, match=r"its lens follows 0\.017 of the turning, as happens where gx and gy are in degrees"
    ):
        read_log(file)


def test_a_byte_order_mark_of_a_spreadsheet_is_no_part_of_the_header(tmp_path: Path) -> None:
    file = write(tmp_path / "log.csv", "t,gx,gy,lx,ly")
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert read_log(file).duration_s == pytest.approx((ROWS - 1) / RATE_HZ)
    assert stabiliser_table(str(file))["log"] == str(file)


def test_px_in_the_header_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lens shifts in px are not angles: divide them by the focal length"):
        read_log(write(tmp_path / "log.csv", "t,gx,gy,lx_px,ly_px", lens=1387.0))


@pytest.mark.parametrize(
    ("name", "read", "told"),
    [
        ("ois_log_ms/ms.csv", read_log, "milliseconds"),
        ("ois_log_units/gyro_deg.csv", read_log, "degrees per second"),
        ("ois_log_units/lens_px.csv", read_log, "cannot be radians: .* divide px by the focal length"),
        ("ois_log_units/lens_sign.csv", read_log, "its lens adds to what the hand does"),
        ("ois_log_units/bom.csv", read_log, ""),
        ("gcsv_lenient_head/g_quat.gcsv", read_as_gyro, ""),
        ("gcsv_lenient_head/g_spaces.gcsv", read_as_gyro, ""),
        ("gcsv_lenient_head/g_time.gcsv", read_as_gyro, ""),
        ("gcsv_lenient_head/g_notscale.gcsv", read_as_gyro, "correct tscale"),
        ("gcsv_without_orientation/g_noor.gcsv", read_as_gyro, ""),
    ],
)
def test_logs_that_people_met_are_read_or_told(
    shared: Path, name: str, read: Callable[[Path], object], told: str
) -> None:
    file = shared / "cases" / "inputs" / name
    if not told:
        assert read(file)
        return
    with pytest.raises(HvdbenchError, match=told):
        read(file)


def test_gcsv_without_letters_is_read_with_gyroflows_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    head = "GYROFLOW IMU LOG\nversion,1.3\n{}tscale,0.005\ngscale,0.01\nt,gx,gy,gz\n"
    rows = "".join(f"{row},1,2,3\n" for row in range(30))
    for name, letters in (("stated", "orientation,xzY\n"), ("left_out", "")):
        (tmp_path / f"{name}.gcsv").write_text(head.format(letters) + rows, encoding="utf-8")
    with caplog.at_level("WARNING", "hvdbench"):
        stated, left_out = (read_turns(tmp_path / f"{name}.gcsv") for name in ("stated", "left_out"))
    np.testing.assert_allclose(stated, left_out)
    # Top, left and front are -x, -z and y of the sensor; right is -left, down is -top, ahead is -front.
    np.testing.assert_allclose(stated[0], [0.03, 0.01, -0.02], atol=1e-12)
    (message,) = caplog.messages
    assert message.endswith("left_out.gcsv does not state the orientation, so it is read as xzY, as in Gyroflow")


@pytest.mark.parametrize(
    ("head", "row"),
    [
        (
            "#timestamp [ns],p_RS_R_x [m],p_RS_R_y [m],p_RS_R_z [m],q_RS_x [],q_RS_y [],q_RS_z [],q_RS_w []",
            "{p},{v},{w}",
        ),
        ("timestamp,tx,ty,tz,qx,qy,qz,qw", "{p},{v},{w}"),
        ("#timestamp,qw,qx,qy,qz,px,py,pz", "{w},{v},{p}"),
        ("#timestamp,p_x,p_y,p_z,q_w,q_x,q_y,q_z", "{p},{w},{v}"),
        ("#timestamp [s],p_x,p_y,p_z,q_w,q_x,q_y,q_z", "{p},{w},{v}"),
        ("", "{p},{w},{v}"),
    ],
)
def test_euroc_columns_are_taken_as_the_header_names_them(tmp_path: Path, head: str, row: str) -> None:
    half = np.sqrt(0.5)  # a quarter turn about z
    parts = {"p": "1,2,3", "w": f"{half}", "v": f"0,0,{half}"}
    times = [0.1, 0.105, 0.11] if "[s]" in head else [1403715524907143168 + i * 5_000_000 for i in range(3)]
    rows = [f"{time}," + row.format(**parts) for time in times]
    (tmp_path / "data.csv").write_text("\n".join([*([head] if head else []), *rows]) + "\n", encoding="utf-8")
    path = EUROC.read(tmp_path / "data.csv")
    np.testing.assert_allclose(path.rotation_wc[0] @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(path.position_w[0], [1, 2, 3])
    np.testing.assert_allclose(path.t_s, [0, 0.005, 0.01], atol=1e-6)


def test_a_recording_that_was_cut_off_in_a_line_loses_that_line_and_says_so(tmp_path: Path) -> None:
    file = write(tmp_path / "log.csv", "", lens=None)
    file.write_text(file.read_text(encoding="utf-8") + "6.000,0.1", encoding="utf-8")
    path = GYRO.read(file)
    assert len(path.t_s) == ROWS
    assert "; the last line is cut off and was left out; orientation" in path.read_as
    file.write_text("0.1,0.2\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(TrajectoryError, match="no header and rows of 2 numbers"):
        GYRO.read(file)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_numbers_with_decimal_commas_or_in_quotes_are_read(tmp_path: Path, separator: str) -> None:
    plain = write(tmp_path / "plain.csv", "t,gx,gy,gz", lens=None)
    rows = [line.split(",") for line in plain.read_text(encoding="utf-8").splitlines()]
    commas = "\n".join(separator.join(row).replace(".", ",") for row in rows)
    (tmp_path / "commas.csv").write_text(commas, encoding="utf-8")
    np.testing.assert_allclose(read_turns(tmp_path / "commas.csv"), read_turns(plain))
    quoted = "\n".join(separator.join(f'"{word}"' for word in row) for row in rows)
    (tmp_path / "quoted.csv").write_text(quoted, encoding="utf-8")
    np.testing.assert_allclose(read_turns(tmp_path / "quoted.csv"), read_turns(plain))
