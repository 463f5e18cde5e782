"""Reading ARKit camera poses."""

from pathlib import Path

import numpy as np
import pytest

from hvdbench.camera.formats.arkit import ARKIT
from hvdbench.errors import TrajectoryError

STILL = "105230574092166 1 0 0 0 0 1 0 0 0 0 1 0\n"
# 90 degrees about the world's up (y): what looked along -z looks along -x.
TURNED = "105230590758833 0 0 1 1 0 1 0 2 -1 0 0 3\n"


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "ARKit_camera_pose.txt"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_camera_that_looks_along_minus_z_gets_opencv_axes(tmp_path: Path) -> None:
    path = ARKIT.read(write(tmp_path, "# Created\n" + STILL + TURNED))
    np.testing.assert_allclose(path.t_s, [0, 0.016666667], atol=1e-6)
    ahead, down = path.rotation_wc @ [0, 0, 1], path.rotation_wc @ [0, 1, 0]
    np.testing.assert_allclose(ahead, [[0, 0, -1], [-1, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(down, [[0, -1, 0]] * 2, atol=1e-12)
    np.testing.assert_allclose(path.position_w[1], [1, 2, 3])


def test_the_real_file_is_read(shared: Path) -> None:
    path = ARKIT.read(shared / "trajectories" / "arkit_iphone_xs" / "ARKit_camera_pose.txt")
    assert len(path.t_s) == 2762
    assert path.duration_s == pytest.approx(46.0, abs=0.1)
    # The phone is held upright, its sensor on its side: the picture's x stands along the world's up.
    x_up, y_up = (path.rotation_wc @ axis for axis in ([1, 0, 0], [0, 1, 0]))
    assert np.median(np.abs(x_up[:, 1])) > 0.7 > np.median(np.abs(y_up[:, 1]))
    path.check_regular()
    rms_deg = np.degrees(path.motion(np.linspace(0, 40, 8000), lowpass_hz=None)[0]).std(axis=0)
    np.testing.assert_allclose(rms_deg, [23, 17, 20], atol=2.0)  # known of this recording


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (STILL.replace("105230574092166", "1.0") + TURNED.replace("105230590758833", "1.016"), "not in nanoseconds"),
        ("1 0 0 0 0 1 0 0 0 0 1 0\n" * 2, "looks like format 'kitti'"),
        (STILL + TURNED.replace("-1 0 0 3", "1 0 0 3"), "mirror"),
    ],
)
def test_another_layout_is_refused_and_named(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(TrajectoryError, match=sentence):
        ARKIT.read(write(tmp_path, text))
