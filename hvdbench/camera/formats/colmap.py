"""Read COLMAP's ``images.txt``: world-to-camera poses by picture, without times."""

import re
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hvdbench.camera.formats.rows import (
    UNITS_S,
    Array,
    invert,
    need_fps,
    numbers_of,
    read_lines,
    seconds,
    table_text,
    to_wxyz,
)
from hvdbench.camera.formats.trajectory_format import UNLIKE, Likeness, TrajectoryFormat, certain
from hvdbench.camera.trajectory import NORM_TOLERANCE, Trajectory
from hvdbench.errors import TrajectoryError
from hvdbench.workspace.atomic import atomic_write_text

IMAGES_FILE, CAMERAS_FILE = "images.txt", "cameras.txt"
_MOST_DIGITS = 40  # of a number in a name; nanoseconds since 1970 have 19
_DECIMAL = re.compile(r"[0-9]+\.[0-9]+")
_LEAST_STAMP = 10**15  # microseconds since 1970 have 16 digits, nanoseconds 19, and frame numbers far fewer
_WIDEST_STEP = 1e4  # frames: pictures of one clip are never so far apart, counters of a clock are
_LAYOUT = "IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME"


def read_colmap(path: Path, *, fps: float | None = None) -> Trajectory:
    """Read an ``images.txt``.

    Every other line is ``IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME``: *world-to-camera*, scalar *first*, OpenCV
    axes, the scale arbitrary (https://colmap.github.io/format.html); the lines between contain points and are ignored.
    Times come from the pictures' names: a decimal number is seconds (TUM RGB-D's names), a whole one of 16 digits or
    more is microseconds or nanoseconds (EuRoC's); else the last number in a name counts frames.

    Args:
        path: the text file; ``cameras.txt`` beside it contains the focal length.
        fps: frames per second of the clip that the pictures are from, where their names count frames.

    Returns:
        N poses, camera-to-world; ``t_s`` is 0 at the first picture, and a picture that COLMAP left out is a gap.

    Raises:
        TrajectoryError: if there are no such lines, names number frames and ``fps`` is missing, numbers do not number
            frames, two pictures have one number, or quaternions do not have norm 1.
    """
    values, names = _read_images(path)
    t_s = _times(names, path, fps)
    order = np.argsort(t_s)
    values = values[order]
    norm = np.linalg.norm(values[:, :4], axis=1)
    if not np.abs(norm - 1.0).max() <= NORM_TOLERANCE:  # what is no number is not either
        raise TrajectoryError(
            f"{path}: a quaternion has norm {norm[np.argmax(abs(norm - 1))]:.4f}, expected 1 ({_LAYOUT})"
        )
    rotation, position = invert(Rotation.from_quat(values[:, [1, 2, 3, 0]]), values[:, 4:7])
    return Trajectory(
        t_s=t_s[order],
        quaternion_wxyz=to_wxyz(rotation),
        position_w=position,
        name=str(path),
        focal_per_width=_read_focal(path.with_name(CAMERAS_FILE)),
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
                f"{file}: line {number} does not describe a picture as COLMAP does ({_LAYOUT}): {line[:50]!r}"
            ) from error
    if len(rows) < 2:
        raise TrajectoryError(f"{file} lists {len(rows)} picture(s): a path needs at least two ({_LAYOUT})")
    return np.array(rows, np.float64), names


def _is_points(line: str) -> bool:
    """Return whether a line lists points: only numbers, three for each point."""
    words = line.split()
    return len(words) % 3 == 0 and all(re.fullmatch(r"[-+.0-9eE]+", word) for word in words)


def _times(names: Sequence[str], file: Path, fps: float | None) -> Array:
    """Return each picture's time since the first, (N,) s, in the order of the file.

    Raises:
        TrajectoryError: if a name has no number, names number frames and ``fps`` is missing, numbers are too far apart
            to number frames, or two pictures have one time.
    """
    stems = [Path(name).stem for name in names]
    endless = next((stem for stem in stems if re.search(rf"[0-9]{{{_MOST_DIGITS}}}", stem)), None)
    if endless is not None:
        raise TrajectoryError(
            f"{file}: the picture name '{endless[:40]}' holds more digits than a frame number or a time"
        )
    if all(map(_DECIMAL.fullmatch, stems)):
        return _since_first([Fraction(stem) for stem in stems], "seconds", file, fps)
    digits = [re.findall(r"[0-9]+", stem)[-1:] for stem in stems]
    if [] in digits:
        name = names[digits.index([])]
        raise TrajectoryError(f"{file}: the picture name '{name}' contains no frame number, so its time is not known")
    numbers = [Fraction(found[0]) for found in digits]
    if min(numbers) >= _LEAST_STAMP:
        return _since_first(numbers, "nanoseconds" if min(numbers) >= 100 * _LEAST_STAMP else "microseconds", file, fps)
    _refuse_twice(numbers, file)
    rate = need_fps(fps, file)
    frame = np.array(numbers, np.float64)
    step = float(np.median(np.diff(np.sort(frame))))
    if step > _WIDEST_STEP:
        raise TrajectoryError(
            f"{file}: the last numbers in the pictures' names, such as '{names[0]}', are {step:.3g} apart and do not "
            "number frames: rename the pictures by frame number, or by time in seconds (12.345.png) or nanoseconds"
        )
    return np.asarray((frame - frame.min()) / rate)


def _since_first(stamps: Sequence[Fraction], unit: str, file: Path, fps: float | None) -> Array:
    """Convert stamps to seconds since the first; fractions keep what a float64 loses of 19 digits."""
    _refuse_twice(stamps, file)
    first = min(stamps)
    values = np.array([float(stamp - first) for stamp in stamps], np.float64)
    seconds(np.sort(values), unit=unit, file=file, fps=fps)  # refuses what cannot be a clip's times
    return np.asarray(values * UNITS_S[unit])


def _refuse_twice(numbers: Sequence[Fraction], file: Path) -> None:
    number, count = Counter(numbers).most_common(1)[0]
    if count > 1:
        raise TrajectoryError(f"{file}: {count} pictures have the frame number {float(number):.15g} in their names")


def looks_like_colmap(head: Sequence[str]) -> Likeness:
    """Return whether the file's comments say that it lists images, or a row has nine numbers and a name."""
    if any(line.startswith("#") and "IMAGE_ID" in line for line in head):
        return certain("its comments name IMAGE_ID")
    rows = [line.split(maxsplit=9) for line in head if not line.startswith("#")]
    named = bool(rows) and len(rows[0]) == 10 and bool(numbers_of(" ".join(rows[0][:9])))
    return certain("its rows end in a picture's name") if named and not numbers_of(rows[0][9]) else UNLIKE


def _beside(file: Path) -> list[Path]:
    return [camera for camera in [file.with_name(CAMERAS_FILE)] if camera.is_file()]


def _read_focal(file: Path) -> float | None:
    """Read focal over width of the one camera; None without the file or with several cameras."""
    if not file.is_file():
        return None
    cameras = [line.split() for line in read_lines(file) if line.strip() and not line.startswith("#")]
    if len(cameras) != 1:
        return None
    try:
        return float(cameras[0][4]) / float(cameras[0][2])
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise TrajectoryError(f"{file}: expected CAMERA_ID MODEL WIDTH HEIGHT and a focal length: {error}") from error


def write_colmap(folder: Path, path: Trajectory) -> list[Path]:
    """Write a path as COLMAP's ``images.txt``; a picture's name is its time in seconds, and there are no points."""
    rotation_cw, position_c = invert(path.rotation, np.array(path.position_w))
    rows = table_text(np.column_stack([to_wxyz(rotation_cw), position_c])).splitlines()
    times = (path.t_s - path.t_s[0]).tolist()
    text = "".join(f"{n} {row} 1 {t:.9f}.png\n\n" for n, (row, t) in enumerate(zip(rows, times, strict=True), 1))
    atomic_write_text(folder / IMAGES_FILE, f"# {_LAYOUT}\n" + text)
    return [folder / IMAGES_FILE]


COLMAP = TrajectoryFormat(
    name="colmap",
    title="COLMAP text model",
    row=_LAYOUT,
    times="names of pictures",
    direction="world-to-camera",
    reader=read_colmap,
    looks_like=looks_like_colmap,
    file_name=IMAGES_FILE,
    endings=(".txt",),
    companions=_beside,
    writer=write_colmap,
)
