"""Reading RealEstate10K camera files."""

from pathlib import Path

import numpy as np
import pytest

from hvdbench.camera.formats.re10k import RE10K
from hvdbench.errors import TrajectoryError

HEAD = "https://www.youtube.com/watch?v=none\n"
STILL = "1000000 0.5 0.9 0.5 0.5 0 0 1 0 0 0 0 1 0 0 0 0 1 0\n"
# World to camera: 90 degrees about z (the world's x is the camera's y), t = (1, 2, 3).
TURNED = "1033000 0.5 0.9 0.5 0.5 0 0 0 -1 0 1 1 0 0 2 0 0 1 3\n"


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "clip.txt"
    file.write_text(text, encoding="utf-8")
    return file


def test_world_to_camera_is_turned_round(tmp_path: Path) -> None:
    path = RE10K.read(write(tmp_path, HEAD + STILL + TURNED))
    np.testing.assert_allclose(path.t_s, [0, 0.033])
    # R^T: the camera's x is the world's -y; the centre is -R^T t = -(2, -1, 3).
    np.testing.assert_allclose(path.rotation_wc[1] @ [1, 0, 0], [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(path.position_w[1], [-2, 1, -3], atol=1e-12)
    assert path.focal_per_width == 0.5
    assert not path.scale_m


@pytest.mark.parametrize("name", ["0bf152ef84195293", "2f25826f0d0ef09a"])
def test_real_files_are_read(shared: Path, name: str) -> None:
    path = RE10K.read(shared / "trajectories" / "re10k" / f"{name}.txt")
    assert len(path.t_s) == 16
    assert 1 / np.median(np.diff(path.t_s)) == pytest.approx(30 / 8, abs=0.05)  # every 8th frame of 30 a second
    rows = np.loadtxt(shared / "trajectories" / "re10k" / f"{name}.txt", skiprows=1)
    poses_cw = rows[:, 7:].reshape(-1, 3, 4)
    centres_c = np.einsum("nij,nj->ni", poses_cw[:, :, :3], path.position_w) + poses_cw[:, :, 3]
    np.testing.assert_allclose(centres_c, 0.0, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (HEAD + (STILL + TURNED).replace(" 0.5 0.9", " 640 640"), "fx is 640: .*not px"),
        (HEAD + STILL.replace("1000000", "1") + TURNED.replace("1033000", "1.033"), "not in microseconds"),
        ("1 0 0 0 0 1 0 0 0 0 1 0\n" * 2, "looks like format 'kitti'"),
        (HEAD + STILL + "1033000 0.5 0.9 0.5 0.5 0 0 1 0 0 0 0 1 0 0 0 0 -1 0\n", "mirror"),
    ],
)
def test_another_layout_is_refused_and_named(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(TrajectoryError, match=sentence):
        RE10K.read(write(tmp_path, text))
