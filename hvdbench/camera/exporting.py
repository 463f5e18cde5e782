"""Writing a camera path in a format of others."""

from pathlib import Path

from hvdbench.camera.breaks import resample
from hvdbench.camera.formats.trajectory_format import all_formats, open_format
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import InputError, TrajectoryError
from hvdbench.workspace.atomic import atomic_folder

GCSV = "gcsv"
"""What people call the file of turning rates that the format ``gyro`` writes."""


def export_formats() -> tuple[str, ...]:
    """Return the names under which a path can be written: the formats with a writer, ``gyro`` as ``gcsv``."""
    return tuple(sorted(GCSV if form.name == "gyro" else form.name for form in all_formats() if form.writer))


def export_path(
    path: Trajectory, format_name: str, target: Path, *, rows_hz: float | None = None, overwrite: bool = False
) -> tuple[Path, ...]:
    """Write a path in a format of others.

    Args:
        path: the path; gaps between its rows stay gaps.
        format_name: ``tum``, ``kitti``, ``euroc``, ``colmap``, ``monst3r``, ``gcsv``, or the import string of a format
            with a writer.
        target: a file, or a new folder for formats whose paths are folders.
        rows_hz: rows a second to interpolate to; None: the path's own.
        overwrite: replace a file that is there.

    Returns:
        The files, the path's first.

    Raises:
        InputError: the target is there already.
        TrajectoryError: hvdbench does not write the format, or the format cannot hold the path.
        UnknownNameError: no such format.
    """
    form = open_format("gyro" if format_name == GCSV else format_name)
    if form.writer is None:
        raise TrajectoryError(f"format '{format_name}' is only read: export one of {', '.join(export_formats())}")
    even = path if rows_hz is None else resample(path, rows_hz)
    if not form.file_name:
        if target.is_dir():
            raise InputError(f"{target} is a folder: name a file for format '{format_name}'")
        if target.exists() and not overwrite:
            raise InputError(f"{target} is there already: name another file, or --overwrite")
        return tuple(form.writer(target, even))
    if target.exists():
        raise InputError(f"{target} is there already: name a new folder for format '{format_name}'")
    with atomic_folder(target) as folder:
        written = form.writer(folder, even)
        names = [file.relative_to(folder) for file in written]
    return tuple(target / name for name in names)
