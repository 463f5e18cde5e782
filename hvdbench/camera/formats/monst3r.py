"""Read and write MonST3R's ``pred_traj.txt``, with intrinsics, depth, masks and confidence where they lie beside it.

These facts about the files were checked in Junyi42/monst3r at 574cc77.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hvdbench.camera.formats.monst3r_maps import read_scene_depth, sampled_maps
from hvdbench.camera.formats.rows import eight_columns, is_row_spacing, read_rows
from hvdbench.camera.formats.trajectory_format import POSSIBLE, UNLIKE, Likeness, TrajectoryFormat, certain
from hvdbench.camera.formats.tum import begins_as_monst3r, looks_like_tum
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import TrajectoryError
from hvdbench.workspace.atomic import atomic_write_text

PATH_FILE = "pred_traj.txt"
INTRINSICS_FILE = "pred_intrinsics.txt"

_LAYOUT = "index tx ty tz qw qx qy qz"
_EVEN_ROWS = 1e-6  # of a row, that a path to be written may be off its clock


def read_monst3r(path: Path, *, fps: float) -> Trajectory:
    """Read a ``pred_traj.txt``.

    A row is ``index tx ty tz qw qx qy qz``: camera-to-world, OpenCV axes, scalar *first*, the translation in
    MonST3R's own scale (not metres), the index counted in frames. A TUM file looks the same but has seconds and the
    scalar last.

    Args:
        path: the text file; ``pred_intrinsics.txt`` and the depth maps (with masks and
            confidence, see :func:`hvdbench.camera.formats.monst3r_maps.read_scene_depth`) are read too where they lie
            beside.
        fps: frames per second of the frames that the path was estimated from.

    Returns:
        N poses; ``t_s`` is index / fps.

    Raises:
        TrajectoryError: no such file, under two rows, a row that is not 8 numbers, a quaternion whose norm is off 1 by
            more than 1e-3, rows too far apart for a path, or intrinsics or maps that are not as many as the rows.
    """
    rows = read_rows(path, columns=(8,), layout=_LAYOUT)
    apart = float(np.median(np.diff(rows[:, 0])))
    if apart > 0 and not is_row_spacing(apart / fps):
        raise TrajectoryError(
            f"{path}: its rows are numbered {apart:g} apart, so at {fps:g} a second they would be {apart / fps:.3g} s "
            "apart: the first column counts no frames, or the rate is another"
        )
    return Trajectory(
        t_s=rows[:, 0] / fps,
        quaternion_wxyz=rows[:, 4:8],
        position_w=rows[:, 1:4],
        name=str(path),
        origin="monst3r",
        focal_per_width=_read_focal(path.with_name(INTRINSICS_FILE), len(rows)),
        scene_depth=read_scene_depth(path.parent, len(rows)),
    )


def write_monst3r(
    folder: Path, path: Trajectory, *, fps: float, width_px: int | None = None, height_px: int | None = None
) -> None:
    """Write a path in MonST3R's layout: ``pred_traj.txt``, and ``pred_intrinsics.txt`` where the focal length is known.

    Rows are numbered, so a path must have one every 1 / fps (see :meth:`Trajectory.resampled`); rows may be missing.

    Args:
        folder: made where it does not exist.
        path: any path; its times count from its first row.
        fps: rows a second.
        width_px: of the picture that the intrinsics are for; None: no intrinsics are written.
        height_px: of that picture.

    Raises:
        TrajectoryError: if times are not whole numbers of rows.
    """
    number = (path.t_s - path.t_s[0]) * fps
    if np.abs(number - np.rint(number)).max() > _EVEN_ROWS * max(1.0, float(number[-1])):
        raise TrajectoryError(
            f"{path.name}: its rows are not 1/{fps:g} s apart, and MonST3R's layout has no times: resample it"
        )
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


def _export(folder: Path, path: Trajectory) -> list[Path]:
    """Write a path whose rows are even, as many a second as its median spacing says."""
    write_monst3r(folder, path, fps=1.0 / float(np.median(np.diff(path.t_s))))
    return [folder / PATH_FILE]


def looks_like_monst3r(head: Sequence[str]) -> Likeness:
    """Return whether rows of 8 numbers count frames and begin near rest with the scalar first."""
    rows = eight_columns(head)
    if rows is None or looks_like_tum(head).level == 2:
        return UNLIKE
    if not begins_as_monst3r(rows):
        return POSSIBLE
    return certain(
        f"its first column counts 0, 1, 2 … and its rows begin with {abs(rows[0, 4]):.3f} where TUM has qx, so if it "
        "were read as TUM, the camera would begin turned by 180 degrees"
    )


def _beside(file: Path) -> list[Path]:
    intrinsics = file.with_name(INTRINSICS_FILE)
    return [*([intrinsics] if intrinsics.is_file() else []), *sampled_maps(file.parent)]


def _read_focal(file: Path, rows: int) -> float | None:
    """Read focal over width: the median over frames of ``fx / (2 cx)``, the principal point being the centre."""
    if not file.is_file():
        return None
    K = read_rows(file, columns=(9,), layout="a 3x3 matrix, row by row")
    if len(K) != rows:
        raise TrajectoryError(
            f"{file} has {len(K)} cameras for the {rows} rows of {PATH_FILE}, so they are of two runs: keep those of "
            "one"
        )
    if not (K[:, 2] > 0).all() or not (K[:, 0] > 0).all():
        raise TrajectoryError(f"{file}: focal lengths and principal points must be over 0 in every row")
    return float(np.median(K[:, 0] / (2.0 * K[:, 2])))


MONST3R = TrajectoryFormat(
    name="monst3r",
    title="MonST3R path",
    row=_LAYOUT,
    times="frame numbers",
    reader=read_monst3r,
    looks_like=looks_like_monst3r,
    origin="monst3r",
    file_name=PATH_FILE,
    endings=(".txt",),
    companions=_beside,
    writer=_export,
)
