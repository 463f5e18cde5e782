"""COLMAP's ``images.txt``: world-to-camera poses by picture, without times."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hvdbench.camera.formats.rows import invert, need_fps, read_lines, to_wxyz
from hvdbench.camera.trajectory import NORM_TOLERANCE, Trajectory
from hvdbench.errors import TrajectoryError

CAMERAS_FILE = "cameras.txt"
_LAYOUT = "IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME"


def read_colmap(path: Path, *, fps: float | None = None) -> Trajectory:
    """Read an ``images.txt``, or the folder that holds it.

    Every other line is ``IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME``: *world-to-camera*, scalar *first*, OpenCV
    axes, the scale arbitrary (https://colmap.github.io/format.html); the lines between hold points and are passed
    over. The pictures are put in order by the last number in their names, which counts frames.

    Args:
        path: the text file or its folder; ``cameras.txt`` beside it gives the focal length.
        fps: frames per second of the clip that the pictures are from.

    Returns:
        N poses, camera-to-world; ``t_s`` is 0 at the first picture, and a picture that COLMAP left out is a gap.

    Raises:
        TrajectoryError: no such lines, no ``fps``, two pictures of one number, or no unit quaternions.
    """
    file = path / "images.txt" if path.is_dir() else path
    rate = need_fps(fps, file)
    values, names = _read_images(file)
    frames = [_frame_number(name, file) for name in names]
    twice = [number for number, count in Counter(frames).items() if count > 1]
    if twice:
        raise TrajectoryError(
            f"{file}: {frames.count(twice[0])} pictures have the frame number {twice[0]} in their names"
        )
    order = np.argsort(frames)
    values = values[order]
    norm = np.linalg.norm(values[:, :4], axis=1)
    if np.abs(norm - 1.0).max() > NORM_TOLERANCE:
        raise TrajectoryError(
            f"{file}: a quaternion has norm {norm[np.argmax(abs(norm - 1))]:.4f}, expected 1 ({_LAYOUT})"
        )
    rotation, position = invert(Rotation.from_quat(values[:, [1, 2, 3, 0]]), values[:, 4:7])
    frame = np.array(frames, np.float64)[order]
    return Trajectory(
        t_s=(frame - frame[0]) / rate,
        quaternion_wxyz=to_wxyz(rotation),
        position_w=position,
        name=str(file),
        focal_per_width=_read_focal(file.with_name(CAMERAS_FILE)),
    )


def _read_images(file: Path) -> tuple[np.ndarray, list[str]]:
    rows: list[list[float]] = []
    names: list[str] = []
    for number, line in enumerate(read_lines(file), start=1):
        words = line.split(maxsplit=9)
        if not words or words[0].startswith("#") or _is_points(line):
            continue
        try:
            rows.append([float(word) for word in words[1:8]])
            names.append(words[9])
        except (ValueError, IndexError) as error:
            raise TrajectoryError(
                f"{file}: line {number} is no picture of COLMAP's ({_LAYOUT}): {line[:50]!r}"
            ) from error
    if len(rows) < 2:
        raise TrajectoryError(f"{file} holds {len(rows)} picture(s): a path needs at least two ({_LAYOUT})")
    return np.array(rows, np.float64), names


def _is_points(line: str) -> bool:
    """Tell a line of points: numbers alone, three for each point."""
    words = line.split()
    return len(words) % 3 == 0 and all(re.fullmatch(r"[-+.0-9eE]+", word) for word in words)


def _frame_number(name: str, file: Path) -> int:
    digits = re.findall(r"\d+", Path(name).stem)
    if not digits:
        raise TrajectoryError(f"{file}: the picture name '{name}' holds no frame number, so its time is not known")
    return int(digits[-1])


def _read_focal(file: Path) -> float | None:
    """Give focal over width of the one camera; None without the file or with several cameras."""
    if not file.is_file():
        return None
    cameras = [line.split() for line in read_lines(file) if line.strip() and not line.startswith("#")]
    if len(cameras) != 1:
        return None
    try:
        return float(cameras[0][4]) / float(cameras[0][2])
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise TrajectoryError(f"{file}: expected CAMERA_ID MODEL WIDTH HEIGHT and a focal length: {error}") from error
