"""Reading COLMAP's images.txt."""

from pathlib import Path

import numpy as np
import pytest

from hvdbench.camera.formats.colmap import COLMAP
from hvdbench.errors import TrajectoryError

HALF = np.sqrt(0.5)
# Out of order; frame 12 has no points, frame 10 two; frame 11 was not registered.
IMAGES = f"""# Image list with two lines of data per image:
7 {HALF} 0 0 {HALF} 1 2 3 1 walk/frame_0012.png

3 1 0 0 0 0 0 0 1 walk/frame_0010.png
10.5 20.5 4 30.25 40.75 -1
"""


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "images.txt").write_text(text, encoding="utf-8")
    return tmp_path


def test_world_to_camera_is_turned_round_and_names_count_frames(tmp_path: Path) -> None:
    path = COLMAP.read(write(tmp_path, IMAGES), fps=10)
    np.testing.assert_allclose(path.t_s, [0, 0.2])
    np.testing.assert_allclose(path.position_w[0], [0, 0, 0])
    # R_cw turns x to y, so the camera's x is the world's -y; the centre is -R^T t = -(2, -1, 3).
    np.testing.assert_allclose(path.rotation_wc[1] @ [1, 0, 0], [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(path.position_w[1], [-2, 1, -3], atol=1e-12)
    assert path.focal_per_width is None


def test_cameras_txt_beside_it_gives_the_focal_length(tmp_path: Path) -> None:
    (tmp_path / "cameras.txt").write_text("# cameras\n1 PINHOLE 1920 1080 1440 1440 960 540\n", encoding="utf-8")
    assert COLMAP.read(write(tmp_path, IMAGES), fps=10).focal_per_width == 0.75


def test_a_line_of_points_is_not_a_picture_whatever_its_length(tmp_path: Path) -> None:
    many = IMAGES.replace("30.25 40.75 -1", " ".join(["30.25 40.75 -1"] * 5))
    assert len(COLMAP.read(write(tmp_path, many), fps=10).t_s) == 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0.5 0 0 0 0 0 0 1\n" * 2, "looks like format 'tum'"),
        (IMAGES.replace("frame_0012", "frame_0010"), "2 pictures have the frame number 10"),
        (IMAGES.replace("frame_0012", "last"), "contains no frame number"),
        (IMAGES.replace("3 1 0 0 0", "3 2 0 0 0"), "norm 2.0000"),
        (IMAGES.replace("3 1 0 0 0", "3 nan 0 0 0"), "norm nan"),
        ("# nothing\n", r"0 picture\(s\)"),
    ],
)
def test_another_layout_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(TrajectoryError, match=sentence):
        COLMAP.read(write(tmp_path, text), fps=10)


def test_the_rate_must_be_told(tmp_path: Path) -> None:
    with pytest.raises(TrajectoryError, match="has no times"):
        COLMAP.read(write(tmp_path, IMAGES))


def written(tmp_path: Path, names: list[str]) -> Path:
    rows = [f"{number} 1 0 0 0 {number} 0 0 1 {name}\n\n" for number, name in enumerate(names, start=1)]
    return write(tmp_path, "".join(rows))


@pytest.mark.parametrize(
    ("names", "t_s"),
    [
        (["1403636579763555584.png", "1403636579863555584.png", "1403636579813555584.png"], [0, 0.05, 0.1]),
        (["1403636579763555.jpg", "1403636579863555.jpg", "1403636579813555.jpg"], [0, 0.05, 0.1]),
        (["rgb/1305031102.175304.png", "rgb/1305031102.275304.png", "rgb/1305031102.225304.png"], [0, 0.05, 0.1]),
        (["9.5.png", "10.5.png", "10.0.png"], [0, 0.5, 1.0]),
        (["f9.png", "f11.png", "f10.png"], [0, 0.1, 0.2]),
    ],
)
def test_times_come_from_the_names_of_the_pictures(tmp_path: Path, names: list[str], t_s: list[float]) -> None:
    path = COLMAP.read(written(tmp_path, names), fps=10 if names[0] == "f9.png" else None)
    np.testing.assert_allclose(path.t_s, t_s, atol=1e-9)
    np.testing.assert_allclose(path.position_w[:, 0], [-1, -3, -2])  # in the order of time; the file's is 1, 2, 3


def test_numbers_that_count_no_frames_are_one_sentence(tmp_path: Path) -> None:
    names = [f"cam_{20240101120000 + 100000 * row}.png" for row in range(4)]
    with pytest.raises(TrajectoryError, match=r"are 1e\+05 apart and do not number frames: rename the pictures"):
        COLMAP.read(written(tmp_path, names), fps=30)


def test_euroc_names_that_a_person_met_last_two_seconds(shared: Path) -> None:
    path = COLMAP.read(shared / "cases" / "inputs" / "colmap_ns_names")
    assert path.duration_s == pytest.approx(1.97, abs=0.01)
    assert len(path.t_s) == 60
