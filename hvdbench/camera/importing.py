"""Add a set of camera paths: copy its files below ``trajectories/``, and enter a table in ``index.toml``."""

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from hvdbench.camera.breaks import split_at_gaps
from hvdbench.camera.estimation.film_clock import FilmClock, find_clock
from hvdbench.camera.formats.trajectory_format import TrajectoryFormat, open_format
from hvdbench.camera.index import MONST3R, TrajectorySet, read_index
from hvdbench.camera.quality import PathQuality, assess
from hvdbench.camera.trajectory import Origin
from hvdbench.errors import TrajectoryError
from hvdbench.recipe import check
from hvdbench.workspace.atomic import atomic_folder, atomic_write_text
from hvdbench.workspace.locks import locked
from hvdbench.workspace.marks import PARTIAL
from hvdbench.workspace.names import checked_name
from hvdbench.workspace.parsing import parse_toml
from hvdbench.workspace.paths import home, home_folder

INDEX_FILE = "index.toml"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_NOT_ENTERED = f"{PARTIAL}import"  # in a set that is written and not yet listed; a name that no reader looks at


@dataclass(frozen=True)
class ImportRequest:
    """A set of camera paths to add, and where it comes from.

    Args:
        inputs: files, or folders of files; for MonST3R and COLMAP their output folders, or a folder of them.
        name: of the set.
        format_name: a trajectory format of the catalogue, or an import string.
        licence: who owns the paths and what may be done with them.
        source: what they were measured on or estimated from.
        fps: rows per second, where the files have no times.
        note: a further remark.
        origin: None: what the format says, ``monst3r`` for MonST3R's and ``measured`` for others.
        metric: whether positions are in metres; None: what the format says.
        scene_depth: median distance of what the camera saw, in the positions' unit; None: what depth maps say, if any.
        orientation: of a gyroscope.
        force: read files that look like another format, and import a log whose clock a film does not show.
        video: a film, or a folder of its frames, that was taken while the one path was recorded.
        video_fps: frames a second of the film, where its own times are not those at which it was taken.
    """

    inputs: tuple[Path, ...]
    name: str
    format_name: str
    licence: str
    source: str
    fps: float | None = None
    note: str = ""
    origin: Origin | None = None
    metric: bool | None = None
    scene_depth: float | None = None
    orientation: str = ""
    force: bool = False
    video: Path | None = None
    video_fps: float | None = None


@dataclass(frozen=True)
class ImportedSet:
    """A set that was added: its folder, a report on each path, and the film on the one path's clock."""

    folder: Path
    qualities: tuple[PathQuality, ...]
    clock: FilmClock | None = None

    def lines(self) -> list[str]:
        """Return the reports as lines of text."""
        about_film = [] if self.clock is None else self.clock.lines()
        return [*(line for quality in self.qualities for line in quality.lines()), *about_film]


def import_set(request: ImportRequest, *, into: Path | None = None) -> ImportedSet:
    """Read every path, copy the files (each path in a folder of its own) and enter the set in ``index.toml``.

    Nothing is written unless all can be read and used; an existing set is never replaced. A folder without sets begins
    as a copy of the one in use, so that the shipped set remains available.

    Args:
        request: what to add.
        into: the folder ``trajectories``; None: that of ``HVDBENCH_HOME``, else of the checkout.

    Raises:
        TrajectoryError: if a path cannot be read or used, two paths have one name, the set already exists, or there is
            no folder of the user's own to add to.
    """
    if not _NAME.fullmatch(request.name) or request.name == MONST3R:
        raise TrajectoryError(
            f"'{request.name}' cannot name a set: use letters, digits, '-' and '_', and not '{MONST3R}', which stands "
            "for all sets of MonST3R"
        )
    checked_name(request.name, "the set", error=TrajectoryError)
    root = _root(into)
    if root.exists():
        with locked(root):  # which also removes the lock of an import that was killed
            _refuse_existing(request.name, root)
    form = open_format(request.format_name)
    files = find_files(request.inputs, form)
    labels = [checked_name(form.label_of(file), "the path", where=file, error=TrajectoryError) for file in files]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise TrajectoryError(
            f"two paths would be named '{request.name}/{twice[0]}': rename one, or import them separately"
        )
    entry, qualities = _read_all(request, form, files, labels)
    clock = _find_clock(request, form, files)
    folder = root / request.name
    with locked(root):
        _refuse_existing(request.name, root)  # another process may have added it since
        if folder.exists():  # it is not entered: an import was killed
            shutil.rmtree(folder)
        _prepare(root)
        with atomic_folder(folder) as temporary:
            (temporary / _NOT_ENTERED).touch()
            for file, label in zip(files, labels, strict=True):
                _copy(file, temporary / label, form)
                if clock is not None:
                    clock.write(temporary / label)
        try:
            _enter(request.name, entry, root / INDEX_FILE)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        (folder / _NOT_ENTERED).unlink(missing_ok=True)
    return ImportedSet(folder, tuple(qualities), clock)


def find_files(inputs: Sequence[Path], form: TrajectoryFormat) -> list[Path]:
    """List the path files that inputs name: files as they are, and in folders what the format finds there.

    Raises:
        TrajectoryError: if an input does not exist, or a folder contains no such files.
    """
    files: list[Path] = []
    for path in inputs:
        if not path.exists():
            raise TrajectoryError(f"{path} does not exist: name a file or a folder")
        found = form.files_in(path.resolve()) if path.is_dir() else [path.absolute()]
        if not found:
            raise TrajectoryError(f"{path} contains no file of format '{form.name}'")
        files += found
    return files


def _read_all(
    request: ImportRequest, form: TrajectoryFormat, files: Sequence[Path], labels: Sequence[str]
) -> tuple[TrajectorySet, list[PathQuality]]:
    metric = request.metric
    qualities: list[PathQuality] = []
    for file, label in zip(files, labels, strict=True):
        path = form.read(file, fps=request.fps, orientation=request.orientation, force=request.force)
        split_at_gaps(path)
        metric = path.scale_m if metric is None else metric
        qualities.append(assess(replace(path, name=f"{request.name}/{label}", scale_m=metric)))
    values = {
        "origin": request.origin or form.origin,
        "format": request.format_name,
        "fps": request.fps,
        "folder": request.name,
        "metric": bool(metric),
        "scene_depth": request.scene_depth,
        "licence": request.licence,
        "source": request.source,
        "note": request.note,
        "paths": [f"{label}/{_stored_name(file, form)}" for label, file in zip(labels, files, strict=True)],
        "orientation": request.orientation,
        "force": request.force,
    }
    return check(f"set '{request.name}'", values, TrajectorySet), qualities


def _find_clock(request: ImportRequest, form: TrajectoryFormat, files: Sequence[Path]) -> FilmClock | None:
    """Find the film that is asked for on the clock of the one log; None where none is."""
    if request.video is None:
        if request.video_fps is not None:
            raise TrajectoryError(f"{request.video_fps:g} frames a second are those of a video: name it (--video)")
        return None
    if len(files) != 1:
        raise TrajectoryError(f"{request.video} is one video for {len(files)} paths: import its log alone")
    read = partial(form.read, files[0], fps=request.fps, force=request.force)
    return find_clock(read, request.video, fps=request.video_fps, orientation=request.orientation, force=request.force)


def _stored_name(file: Path, form: TrajectoryFormat) -> str:
    return form.file_name or file.name


def _root(into: Path | None) -> Path:
    current = home_folder("trajectories")
    if into is not None:
        return into.resolve()
    own = home()
    if own is not None:
        return own.resolve() / "trajectories"
    if (current.parent / "__init__.py").is_file():
        raise TrajectoryError(
            f"the sets in {current} belong to the installation and are lost when it is updated: make a folder of your "
            "own, name it in HVDBENCH_HOME, and import again"
        )
    return current


def _refuse_existing(name: str, root: Path) -> None:
    """Refuse a set that exists, or what is no set; the folder of an import that was killed is no obstacle."""
    mark = root / name / _NOT_ENTERED
    if (root / INDEX_FILE).is_file() and name in read_index(root):
        mark.unlink(missing_ok=True)  # an import was killed just after it had entered the set
        raise TrajectoryError(f"{root / INDEX_FILE} already has a set '{name}': choose another name")
    if (root / name).exists() and not mark.is_file():
        raise TrajectoryError(
            f"{root / name} exists already and is not a set in {INDEX_FILE}: move it, or choose another name"
        )
    if root.is_dir() and not (root / INDEX_FILE).is_file() and any(root.iterdir()):
        raise TrajectoryError(f"{root} contains other things and no {INDEX_FILE}: name a new or empty folder")


def _prepare(root: Path) -> None:
    """Let a folder without sets begin as a copy of the one in use."""
    if (root / INDEX_FILE).is_file():
        return
    current = home_folder("trajectories")
    with atomic_folder(root) as temporary:
        shutil.copytree(
            current,
            temporary,
            dirs_exist_ok=True,
            copy_function=shutil.copyfile,
            ignore=shutil.ignore_patterns(".*", "__pycache__", "*.py"),
        )


def _copy(file: Path, folder: Path, form: TrajectoryFormat) -> None:
    folder.mkdir()
    shutil.copyfile(file, folder / _stored_name(file, form))
    for companion in form.companions(file):
        shutil.copyfile(companion, folder / companion.name)


def _enter(name: str, entry: TrajectorySet, index: Path) -> None:
    """Add a table at the end of ``index.toml``; its content, comments included, stays as it is."""
    values = entry.model_dump(mode="json", exclude_defaults=True) | {"format": entry.format}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    text = index.read_text(encoding="utf-8").rstrip("\n") + "\n\n" + "\n".join([f"[{name}]", *lines]) + "\n"
    try:
        parse_toml(text)
    except ValueError as error:
        raise TrajectoryError(f"{index}: the set '{name}' cannot be written as TOML: {error}") from error
    atomic_write_text(index, text)
