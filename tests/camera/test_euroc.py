"""Reading EuRoC ground truth."""

from pathlib import Path

import numpy as np
import pytest

from hvdbench.camera.formats.euroc import EUROC
from hvdbench.errors import TrajectoryError

HALF = np.sqrt(0.5)
ROWS = (
    f"#timestamp, p_x, …\n1403715524907143168,1,2,3,1,0,0,0,9,9,9\n1403715524912143168,1,2,3,{HALF},0,0,{HALF},9,9,9\n"
)


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "data.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_scalar_comes_first_and_time_is_in_nanoseconds(tmp_path: Path) -> None:
    path = EUROC.read(write(tmp_path, ROWS))
    np.testing.assert_allclose(path.t_s, [0, 0.005], atol=1e-6)
    np.testing.assert_allclose(path.rotation_wc[1] @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(path.position_w, [[1, 2, 3]] * 2)
    assert path.scale_m


def test_sensor_yaml_beside_the_file_turns_the_body_into_the_camera(tmp_path: Path) -> None:
    # The camera's z (ahead) is the body's x, its x (right) the body's -y, its y (down) the body's -z; 1 m ahead.
    matrix = "0, 0, 1, 1,\n  -1, 0, 0, 0,\n  0, -1, 0, 0,\n  0, 0, 0, 1"
    text = f"sensor_type: camera\nT_BS:\n  cols: 4\n  rows: 4\n  data: [{matrix}]\nrate_hz: 20\n"
    (tmp_path / "sensor.yaml").write_text(text, encoding="utf-8")
    path = EUROC.read(write(tmp_path, ROWS))
    np.testing.assert_allclose(path.rotation_wc @ [0, 0, 1], [[1, 0, 0], [0, 1, 0]], atol=1e-12)
    np.testing.assert_allclose(path.position_w, [[2, 2, 3], [1, 3, 3]], atol=1e-12)
    (tmp_path / "sensor.yaml").write_text("T_BS:\n  data: [1, 2]\n", encoding="utf-8")
    with pytest.raises(TrajectoryError, match=r"16 numbers.*found 2"):
        EUROC.read(tmp_path / "data.csv")


def test_the_real_file_is_read(shared: Path) -> None:
    path = EUROC.read(shared / "trajectories" / "euroc" / "V1_02_groundtruth_first1000.csv", fps=200)
    assert len(path.t_s) == 1000
    assert path.duration_s == pytest.approx(4.995, abs=1e-3)
    np.testing.assert_allclose(path.quaternion_wxyz[0], [0.161996, 0.789985, -0.205376, 0.554528], atol=1e-5)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0.5,0,0,0,1,0,0,0\n0.6,0,0,0,1,0,0,0\n", "times are not in nanoseconds"),
        ("0.5 0 0 0 0 0 0 1\n" * 2, "looks like format 'tum'"),
        ("0,0.1,0.1,0.1\n" * 2, "looks like format 'gyro'"),
    ],
)
def test_another_layout_is_refused_and_named(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(TrajectoryError, match=sentence):
        EUROC.read(write(tmp_path, text))
