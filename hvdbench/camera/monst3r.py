"""MonST3R's camera paths: ``pred_traj.txt``, with ``pred_intrinsics.txt`` and depth maps where they lie beside it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import TrajectoryError

PATH_FILE = "pred_traj.txt"
INTRINSICS_FILE = "pred_intrinsics.txt"
_FIRST_ROWS = 3


def read_monst3r(path: Path, *, fps: float) -> Trajectory:
    """Read a ``pred_traj.txt``, or the folder that MonST3R wrote it to.

    A row is ``index tx ty tz qw qx qy qz``: camera-to-world, OpenCV axes, scalar *first*, the translation in
    MonST3R's own scale (not metres), the index counted in frames (checked in Junyi42/monst3r at 574cc77). A TUM file
    looks the same but has seconds and the scalar last.

    Args:
        path: the text file, or a folder with it; ``pred_intrinsics.txt`` and ``frame_*.npy`` (depth) are read too
            where they lie beside it.
        fps: frames per second of the frames that the path was estimated from.

    Returns:
        N poses; ``t_s`` is index / fps.

    Raises:
        TrajectoryError: no such file, under two rows, a row that is not 8 numbers, rows in TUM's order, or a
            quaternion whose norm is off 1 by more than 1e-3.
    """
    if not fps > 0:
        raise TrajectoryError(f"{path}: fps is {fps}, frames per second must be over 0")
    file = path / PATH_FILE if path.is_dir() else path
    rows = _read_rows(file, 8, "index tx ty tz qw qx qy qz")
    if len(rows) < 2:
        raise TrajectoryError(f"{file} holds {len(rows)} row(s): a path needs at least two")
    _refuse_tum(rows, file)
    return Trajectory(
        t_s=rows[:, 0] / fps,
        quaternion_wxyz=rows[:, 4:8],
        position_w=rows[:, 1:4],
        name=str(file),
        origin="monst3r",
        focal_per_width=_read_focal(file.with_name(INTRINSICS_FILE)),
        scene_depth=_read_depth(file.parent),
    )


def _read_rows(file: Path, columns: int, layout: str) -> NDArray[np.float64]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TrajectoryError(f"{file} cannot be read as text: {error}") from error
    rows: list[list[float]] = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            values = [float(word) for word in words]
        except ValueError as error:
            raise TrajectoryError(f"{file}: line {number} is not made of numbers: {line[:60]!r}") from error
        if len(values) != columns:
            raise TrajectoryError(f"{file}: line {number} has {len(values)} numbers, expected {columns} ({layout})")
        rows.append(values)
    return np.array(rows, np.float64).reshape(-1, columns)


def _refuse_tum(rows: NDArray[np.float64], file: Path) -> None:
    """Refuse rows whose first cameras stand on their head if read scalar-first and rest if read scalar-last."""
    scalar_first, scalar_last = np.median(np.abs(rows[:_FIRST_ROWS, [4, 7]]), axis=0)
    if scalar_last > 0.9 and scalar_first < 0.5:
        raise TrajectoryError(
            f"{file} looks like a TUM path (qx qy qz qw): its first rows end in {scalar_last:.3f}, so in "
            "MonST3R's order (qw qx qy qz) the camera would begin turned by 180 degrees: move the last column before qx"
        )


def _read_focal(file: Path) -> float | None:
    """Give focal over width: the median over frames of ``fx / (2 cx)``, the principal point being the centre."""
    if not file.is_file():
        return None
    K = _read_rows(file, 9, "a 3x3 matrix, row by row")
    if not len(K) or not (K[:, 2] > 0).all() or not (K[:, 0] > 0).all():
        raise TrajectoryError(f"{file}: focal lengths and principal points must be over 0 in every row")
    return float(np.median(K[:, 0] / (2.0 * K[:, 2])))


def _read_depth(folder: Path) -> float | None:
    """Give the median depth over (up to nine of) the depth maps ``frame_*.npy``, in the path's own unit."""
    files = sorted(folder.glob("frame_*.npy"))
    if not files:
        return None
    chosen = files[:: max(1, len(files) // 8)]
    try:
        depths = np.concatenate([np.load(file, allow_pickle=False).ravel() for file in chosen])
    except (OSError, ValueError) as error:
        raise TrajectoryError(f"{folder}: a depth map frame_*.npy cannot be read: {error}") from error
    usable = depths[np.isfinite(depths) & (depths > 0)]
    return float(np.median(usable)) if usable.size else None
