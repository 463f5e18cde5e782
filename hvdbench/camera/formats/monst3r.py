"""MonST3R's camera paths: ``pred_traj.txt``, with intrinsics, depth, masks and confidence where they lie beside it.

What is said of the files was checked in Junyi42/monst3r at 574cc77.
"""

from pathlib import Path

import numpy as np

from hvdbench.camera.formats.monst3r_maps import read_scene_depth
from hvdbench.camera.formats.rows import Array, read_rows
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import TrajectoryError
from hvdbench.workspace.atomic import atomic_write_text

PATH_FILE = "pred_traj.txt"
INTRINSICS_FILE = "pred_intrinsics.txt"

_LAYOUT = "index tx ty tz qw qx qy qz"
_FIRST_ROWS = 3
_MOST_FRAMES = 1e7
_EVEN_ROWS = 1e-6  # of a row, that a path to be written may be off its clock


def read_monst3r(path: Path, *, fps: float, force: bool = False) -> Trajectory:
    """Read a ``pred_traj.txt``, or the folder that MonST3R wrote it to.

    A row is ``index tx ty tz qw qx qy qz``: camera-to-world, OpenCV axes, scalar *first*, the translation in
    MonST3R's own scale (not metres), the index counted in frames. A TUM file looks the same but has seconds and the
    scalar last.

    Args:
        path: the text file, or a folder with it; ``pred_intrinsics.txt`` and the depth maps (with masks and
            confidence, see :func:`hvdbench.camera.formats.monst3r_maps.read_scene_depth`) are read too where they lie
            beside.
        fps: frames per second of the frames that the path was estimated from.
        force: read a file that looks like TUM's all the same.

    Returns:
        N poses; ``t_s`` is index / fps.

    Raises:
        TrajectoryError: no such file, under two rows, a row that is not 8 numbers, TUM's rows or times, a quaternion
            whose norm is off 1 by more than 1e-3, or intrinsics or maps that are not as many as the rows.
    """
    if not fps > 0:
        raise TrajectoryError(f"{path}: fps is {fps}, frames per second must be over 0")
    file = path / PATH_FILE if path.is_dir() else path
    rows = read_rows(file, format_name="monst3r", columns=(8,), layout=_LAYOUT)
    if not force:
        _refuse_tum(rows, file)
    return Trajectory(
        t_s=rows[:, 0] / fps,
        quaternion_wxyz=rows[:, 4:8],
        position_w=rows[:, 1:4],
        name=str(file),
        origin="monst3r",
        focal_per_width=_read_focal(file.with_name(INTRINSICS_FILE), len(rows)),
        scene_depth=read_scene_depth(file.parent, len(rows)),
    )


def write_monst3r(
    folder: Path, path: Trajectory, *, fps: float, width_px: int | None = None, height_px: int | None = None
) -> None:
    """Write a path in MonST3R's layout: ``pred_traj.txt``, and ``pred_intrinsics.txt`` where the focal length is known.

    Rows are numbered, so a path must have one every 1 / fps (see :meth:`Trajectory.resampled`); rows may lack.

    Args:
        folder: made where it is not there.
        path: any path; its times count from its first row.
        fps: rows a second.
        width_px: of the picture that the intrinsics are told for; None: no intrinsics are written.
        height_px: of that picture.

    Raises:
        TrajectoryError: times that are not whole numbers of rows.
    """
    number = (path.t_s - path.t_s[0]) * fps
    if np.abs(number - np.rint(number)).max() > _EVEN_ROWS * max(1.0, float(number[-1])):
        raise TrajectoryError(f"{path.name}: its rows are not 1/{fps:g} s apart, and MonST3R's layout holds no times")
    values = np.column_stack([path.position_w, path.quaternion_wxyz])
    lines = [
        f"{index} " + " ".join(f"{value:.9f}" for value in row)
        for index, row in zip(np.rint(number).astype(int), values, strict=True)
    ]
    atomic_write_text(folder / PATH_FILE, "\n".join(lines) + "\n")
    if path.focal_per_width is None or width_px is None or height_px is None:
        return
    focal = f"{path.focal_per_width * width_px:.6f}"
    line = f"{focal} 0.000000 {0.5 * width_px:.6f} 0.000000 {focal} {0.5 * height_px:.6f} 0.000000 0.000000 1.000000\n"
    atomic_write_text(folder / INTRINSICS_FILE, line * len(lines))


def _refuse_tum(rows: Array, file: Path) -> None:
    """Refuse what cannot be MonST3R's: times for frame numbers, or a scalar at the end.

    Rows whose first cameras stand on their head if read scalar-first and rest if read scalar-last are TUM's in all
    but the first column. A path that begins far from both and counts its rows cannot be told apart.
    """
    index = rows[:, 0]
    if (index != np.rint(index)).any() or index[0] < 0 or index.max() > _MOST_FRAMES:
        odd = index[np.argmax((index != np.rint(index)) | (index < 0) | (index > _MOST_FRAMES))]
        raise TrajectoryError(
            f"{file} looks like a TUM path (t tx ty tz qx qy qz qw): its first column holds {odd:.15g}, which numbers "
            "no frame: use format 'tum', or --force"
        )
    scalar_first, scalar_last = np.median(np.abs(rows[:_FIRST_ROWS, [4, 7]]), axis=0)
    if scalar_last > 0.9 and scalar_first < 0.5:
        raise TrajectoryError(
            f"{file} looks like a TUM path (qx qy qz qw): its first rows end in {scalar_last:.3f}, so in "
            "MonST3R's order (qw qx qy qz) the camera would begin turned by 180 degrees: move the last column before "
            "qx, use format 'tum' if the first holds seconds, or --force"
        )


def _read_focal(file: Path, rows: int) -> float | None:
    """Give focal over width: the median over frames of ``fx / (2 cx)``, the principal point being the centre."""
    if not file.is_file():
        return None
    K = read_rows(file, format_name="monst3r", columns=(9,), layout="a 3x3 matrix, row by row")
    if len(K) != rows:
        raise TrajectoryError(
            f"{file} holds {len(K)} cameras for the {rows} rows of {PATH_FILE}: they are of two runs, keep those of one"
        )
    if not (K[:, 2] > 0).all() or not (K[:, 0] > 0).all():
        raise TrajectoryError(f"{file}: focal lengths and principal points must be over 0 in every row")
    return float(np.median(K[:, 0] / (2.0 * K[:, 2])))
