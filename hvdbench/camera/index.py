"""Read the sets of camera paths that are available: ``trajectories/index.toml``.

A set is a table ``[name]`` with the keys of :class:`TrajectorySet`; its paths are those that ``paths`` lists, else the
files (or folders) one level below ``folder`` that the format's reader takes.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import Field

from hvdbench.camera.breaks import find_gaps, split_at_gaps
from hvdbench.camera.formats.monst3r import PATH_FILE
from hvdbench.camera.formats.rows import read_lines
from hvdbench.camera.formats.trajectory_format import describe_guess, open_format
from hvdbench.camera.trajectory import Origin, Trajectory
from hvdbench.catalog import unknown
from hvdbench.errors import TrajectoryError, UnknownNameError
from hvdbench.recipe import Settings, check
from hvdbench.recipe.bounds import MOST_FPS, MOST_SECONDS, MOST_WEIGHT
from hvdbench.workspace.parsing import read_toml
from hvdbench.workspace.paths import home_folder

MONST3R = "monst3r"
NO_PATHS = "none"
"""The name for no paths at all: the hand model alone moves the camera."""


class TrajectorySet(Settings):
    """Where a set of camera paths lies, and where it comes from."""

    origin: Origin
    """``simulated``, ``measured``, or ``monst3r`` for paths that MonST3R estimated."""
    format: str = "monst3r"
    """A trajectory format of the catalogue, or an import string."""
    fps: float | None = Field(default=None, gt=0, le=MOST_FPS)
    """Rows per second; may be left out where the files have times of their own."""
    folder: str
    """Folder of the paths, relative to ``index.toml``."""
    licence: str
    """Licence of the paths."""
    source: str
    """Where the paths come from."""
    note: str = ""
    """What a user of the paths must know."""
    metric: bool = False
    """Whether positions are in metres."""
    scene_depth: float | None = Field(default=None, gt=0, le=MOST_WEIGHT)
    """Median distance of what the camera saw, in the positions' unit; comes before depth maps beside a path."""
    extend_s: float | None = Field(default=None, gt=0, le=MOST_SECONDS)
    """Shorter paths are run forwards and backwards by turns until they last as long."""
    paths: tuple[str, ...] = ()
    """The paths, relative to ``folder``; empty: what the format finds there, else ``*/pred_traj.txt``."""
    orientation: str = ""
    """Sensor axes of a gyroscope that point along the device's x, y and z, such as ``yXZ``; a small letter means the
    opposite direction. Left out: the axes that the file states."""
    force: bool = False
    """Read files although they look like another format."""


def read_index(root: Path | None = None) -> Mapping[str, TrajectorySet]:
    """Read ``index.toml``: the sets by name.

    Args:
        root: the folder ``trajectories``; None: this installation's.

    Raises:
        TrajectoryError: if there is no ``index.toml``, or it is not TOML.
        RecipeError: if a set has an unknown, missing or wrong key.
    """
    path = (root or home_folder("trajectories")) / "index.toml"
    try:
        tables = read_toml(path)
    except (OSError, ValueError) as error:
        raise TrajectoryError(f"{path} cannot be read as TOML: {error}") from error
    loose = sorted(name for name, table in tables.items() if not isinstance(table, dict))
    if loose:
        raise TrajectoryError(f"{path}: '{loose[0]}' is outside a set: put every key below a [set-name]")
    return {name: check(f"{path.name}: [{name}]", table, TrajectorySet) for name, table in tables.items()}


def load_sets(name: str, *, root: Path | None = None) -> list[Trajectory]:
    """Load the paths of a set, or of every set that MonST3R estimated where ``name`` is ``monst3r``, ready for use.

    Args:
        name: a set's name, or ``monst3r``.
        root: the folder ``trajectories``; None: this installation's.

    Returns:
        The paths sorted by set and file, each named ``<set>/<file>``, one with gaps split there, one that its set
        extends named ``… (back and forth)``; empty where there is no MonST3R set.

    Raises:
        UnknownNameError: if no set has the name.
        TrajectoryError: if a set's folder is missing or empty, or one of its paths cannot be read or has gaps and no
            stretch long enough between them.
    """
    root = root or home_folder("trajectories")
    index = read_index(root)
    paths = read_sets(name, root=root)
    parts = [part for path in paths for part in (split_at_gaps(path) if find_gaps(path) else [path])]
    return [_extend(part, index[part.name.partition("/")[0]].extend_s) for part in parts]


def _extend(path: Trajectory, duration_s: float | None) -> Trajectory:
    if duration_s is None or path.duration_s >= duration_s:
        return path
    return replace(path.extended(duration_s), name=f"{path.name} (back and forth)")


def read_sets(name: str, *, root: Path | None = None) -> list[Trajectory]:
    """Read the paths of a set as :func:`load_sets` does, but each whole, whatever it is fit for."""
    root = root or home_folder("trajectories")
    index = read_index(root)
    if name == MONST3R:
        chosen = sorted(key for key, entry in index.items() if entry.origin == MONST3R)
    elif name in index:
        chosen = [name]
    else:
        raise UnknownNameError(unknown("trajectory set", name, [*index, MONST3R]))
    return [path for key in chosen for path in _read_set(key, index[key], root)]


def read_path(
    file: Path, *, format_name: str, fps: float | None = None, orientation: str = "", force: bool = False
) -> Trajectory:
    """Read one path.

    Args:
        file: the path's file, or the folder in which the format keeps it.
        format_name: a trajectory format of the catalogue, or an import string.
        fps: rows per second, where the file has no times.
        orientation: of a gyroscope.
        force: whether to read a file although it looks like another format.

    Raises:
        UnknownNameError: if there is no such format.
        TrajectoryError: if the file cannot be read, the format needs ``fps``, or it has no such option.
    """
    return open_format(format_name).read(file, fps=fps, orientation=orientation, force=force)


def path_files(name: str, entry: TrajectorySet, root: Path) -> list[Path]:
    """List the files of a set.

    Raises:
        TrajectoryError: if the set lists no path and its folder contains none.
    """
    folder = root / entry.folder
    if entry.paths:
        return [folder / path for path in entry.paths]
    if not folder.is_dir():
        raise TrajectoryError(f"trajectory set '{name}' names {folder}, which is not a folder")
    # MonST3R's layout is looked for whatever the format: sets without a list of paths were always found so.
    files = sorted(folder.glob(f"*/{PATH_FILE}")) or open_format(entry.format).files_in(folder)
    if not files:
        raise TrajectoryError(
            f"trajectory set '{name}' names {folder}, which contains no file of format '{entry.format}' and no "
            f"<path>/{PATH_FILE}"
        )
    return files


def _read_set(name: str, entry: TrajectorySet, root: Path) -> list[Trajectory]:
    paths: list[Trajectory] = []
    for file in path_files(name, entry, root):
        label = file.parent.name if file.parent != root / entry.folder else file.stem
        path = read_path(
            file, format_name=entry.format, fps=entry.fps, orientation=entry.orientation, force=entry.force
        )
        depth = path.scene_depth if entry.scene_depth is None else entry.scene_depth
        paths.append(
            replace(path, name=f"{name}/{label}", origin=entry.origin, scale_m=entry.metric, scene_depth=depth)
        )
    return paths


def read_target(
    target: str, *, format_name: str | None = None, fps: float | None = None, orientation: str = "", force: bool = False
) -> tuple[list[str], list[Trajectory]]:
    """Read what a person names: a set, one path of a set (``SET/PATH``), or a file.

    Returns:
        Lines that state where the paths come from (none for a file), and the paths, each whole.

    Raises:
        UnknownNameError: if the name is neither that of a set nor of a file.
        TrajectoryError: if the set has no such path, or a file comes without its format or cannot be read.
    """
    name, _, label = target.partition("/")
    index = read_index()
    if name in index or (target == MONST3R and format_name is None):
        paths = [path for path in read_sets(name) if not label or path.name == target]
        if not paths:
            raise TrajectoryError(
                f"there is no path '{target}' (known: {', '.join(path.name for path in read_sets(name)) or 'none'})"
            )
        entry = index.get(name)
        return ([] if entry is None else [f"{name}: {entry.origin}; {entry.source}; licence: {entry.licence}"]), paths
    file = Path(target)
    if not file.exists():
        raise UnknownNameError(unknown("trajectory set or file", target, index))
    if format_name is None:
        hint = describe_guess(read_lines(file) if file.is_file() else [])
        raise TrajectoryError(f"{file}: state its format with --format ({hint})")
    return [], [read_path(file, format_name=format_name, fps=fps, orientation=orientation, force=force)]
