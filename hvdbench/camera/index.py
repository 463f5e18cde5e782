"""The sets of camera paths that are at hand: ``trajectories/index.toml``.

A set is a table ``[name]`` with ``origin``, ``format``, ``fps``, ``folder``, ``licence``, ``source`` and ``note``; its
paths are the files (or folders) one level below ``folder`` that the format's reader takes.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import Field

from hvdbench.camera.monst3r import PATH_FILE
from hvdbench.camera.trajectory import Origin, Trajectory
from hvdbench.catalog import resolve, unknown
from hvdbench.errors import TrajectoryError, UnknownNameError
from hvdbench.paths import home_folder
from hvdbench.recipe import Settings, check

MONST3R = "monst3r"


class TrajectorySet(Settings):
    """Where a set of camera paths lies, and whose it is."""

    origin: Origin
    """``simulated``, ``measured``, or ``monst3r`` for paths that MonST3R estimated."""
    format: str = "monst3r"
    """A trajectory format of the catalogue."""
    fps: float = Field(gt=0)
    """Rows per second."""
    folder: str
    """Relative to ``index.toml``."""
    licence: str
    source: str
    note: str = ""
    metric: bool = False
    """Whether positions are in metres."""


def read_index(root: Path | None = None) -> Mapping[str, TrajectorySet]:
    """Read ``index.toml``: the sets by name.

    Args:
        root: the folder ``trajectories``; None: this installation's.

    Raises:
        TrajectoryError: no ``index.toml``, or it is not TOML.
        RecipeError: a set with an unknown, missing or wrong key.
    """
    path = (root or home_folder("trajectories")) / "index.toml"
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TrajectoryError(f"{path} cannot be read as TOML: {error}") from error
    loose = sorted(name for name, table in tables.items() if not isinstance(table, dict))
    if loose:
        raise TrajectoryError(f"{path}: '{loose[0]}' stands outside a set: every key belongs below a [set-name]")
    return {name: check(f"{path.name}: [{name}]", table, TrajectorySet) for name, table in tables.items()}


def load_sets(name: str, *, root: Path | None = None) -> list[Trajectory]:
    """Load the paths of a set, or of every set that MonST3R estimated where ``name`` is ``monst3r``.

    Args:
        name: a set's name, or ``monst3r``.
        root: the folder ``trajectories``; None: this installation's.

    Returns:
        The paths sorted by set and file, each named ``<set>/<file>``; empty where no MonST3R set is there.

    Raises:
        UnknownNameError: no set has the name.
        TrajectoryError: a set's folder is missing or empty, or one of its paths cannot be read.
    """
    root = root or home_folder("trajectories")
    index = read_index(root)
    if name == MONST3R:
        chosen = sorted(key for key, entry in index.items() if entry.origin == MONST3R)
    elif name in index:
        chosen = [name]
    else:
        raise UnknownNameError(unknown("trajectory set", name, [*index, MONST3R]))
    return [path for key in chosen for path in _load_set(key, index[key], root)]


def _load_set(name: str, entry: TrajectorySet, root: Path) -> list[Trajectory]:
    folder = root / entry.folder
    reader = resolve("trajectory format", entry.format)
    files = sorted(folder.glob(f"*/{PATH_FILE}")) or sorted(folder.glob("*.txt"))
    if not files:
        raise TrajectoryError(f"trajectory set '{name}' names {folder}, which holds no <path>/{PATH_FILE} and no *.txt")
    paths: list[Trajectory] = []
    for file in files:
        label = file.parent.name if file.name == PATH_FILE else file.stem
        path = reader(file, fps=entry.fps)
        paths.append(replace(path, name=f"{name}/{label}", origin=entry.origin, scale_m=entry.metric))
    return paths
