"""Write files and folders whole or not at all, and lose nothing when a process is killed or the power fails.

A file is written under a temporary name in the same folder, forced to the disk, and renamed. A folder that is replaced
is first moved aside (``.replaced-…``), then the new one is moved into its place, and then the old one is deleted: at
every moment one of the two exists whole, and :func:`recover` moves back what a killed process left aside. What dead
processes left under temporary names is removed by the next process that writes in that folder.
"""

import contextlib
import errno
import itertools
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hvdbench.errors import HvdbenchError, InputError
from hvdbench.workspace.marks import ASIDE, PARTIAL, is_ours, stranger_in
from hvdbench.workspace.owners import is_dead, this_owner

_UNKNOWN_LIVES_S = 86_400.0  # age of leftovers whose process cannot be asked, on another machine or before a restart
_QUICK_S = 0.001  # looking through about 1000 names; a longer look is taken again after 50 times what it took, so
_SWEEP_SHARE = 50  # that 10 000 frames written one by one into a folder are not looked through 10 000 times
# The tokens of _token(), or those of versions before 0.2: the number of a process, or a random word.
_LEFTOVER = re.compile(r"\.(?:partial|replaced)-(?:([0-9a-f]{8}\.\d+\.\d*)\.\d+|(\d+)|([0-9a-f]{8}))-(.+)", re.DOTALL)
_SYSTEMS = re.compile(r"errno = (\d+)|\(os error (\d+)\)")  # as HDF5 and as Rust's libraries write it
_ATTEMPTS = 20  # for one name; each failure means that another process put its own folder there in the meantime

_count = itertools.count()
_open: set[Path] = set()
_next_sweep: dict[Path, float] = {}


@contextmanager
def atomic_path(path: Path, *, force: bool = True) -> Iterator[Path]:
    """Yield a temporary file name (same folder, same suffix) that becomes ``path`` when the block ends without error.

    Args:
        path: path of the file.
        force: whether the file and its folder are forced to the disk; inside the block of :func:`atomic_folder` this
            always waits until the end of that block.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    temporary = path.with_name(f"{PARTIAL}{_token()}-{path.name}")
    _open.add(temporary)
    try:
        with naming(path):
            yield temporary
            is_published = force and not any(_LEFTOVER.fullmatch(part) for part in path.parent.parts)
            if is_published:
                force_to_disk(temporary)
            temporary.replace(path)
            if is_published:
                force_to_disk(path.parent)
    finally:
        _open.discard(temporary)
        temporary.unlink(missing_ok=True)


@contextmanager
def passing_file(folder: Path) -> Iterator[Path]:
    """Yield an empty file that is there as long as the block; if the process is killed, the next one removes it."""
    sweep(folder, seldom=False)
    path = folder / f"{PARTIAL}{_token()}-seen"
    _open.add(path)
    try:
        with naming(path):
            path.touch()
        yield path
    finally:
        _open.discard(path)
        path.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty temporary folder that becomes ``folder``, in place of an old one, when the block ends well.

    All its files are forced to the disk at the end, not as they are written: for 100 frames of 720p (89 MB of PNG) that
    takes 0.06 s in addition to 2.8 s for encoding and writing them, measured on a virtual machine's SSD.

    Raises:
        InputError: if there is a folder that hvdbench did not make (:func:`hvdbench.workspace.marks.is_ours`).
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    recover(folder)
    sweep(folder.parent, seldom=False)
    check_replaceable(folder)
    temporary = folder.with_name(f"{PARTIAL}{_token()}-{folder.name}")
    temporary.mkdir()
    _open.add(temporary)
    try:
        with naming(folder):
            yield temporary
            _force_tree(temporary)
            _put_in_place(temporary, folder)
    finally:
        _open.discard(temporary)
        shutil.rmtree(temporary, ignore_errors=True)
        recover(folder)


def check_replaceable(folder: Path) -> None:
    """Refuse to replace a folder that hvdbench did not make.

    Raises:
        InputError: if hvdbench did not make the folder, or if there is a file or a link instead of a folder.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InputError(f"{folder} is not a folder, but one is to be written there: move it, or name another place")
    if folder.is_dir() and not is_ours(folder):
        raise InputError(
            f"{folder} contains {stranger_in(folder)}, but nothing that shows that hvdbench made it, so it is not "
            "replaced: move it, or name another place"
        )


def recover(folder: Path) -> None:
    """Move a folder back that a killed process had moved aside, unless something has taken its place."""
    if not os.path.lexists(folder) and folder.parent.is_dir():
        found = [path for path, name in _asides(folder.parent) if name == folder.name]
        for aside in sorted(found, key=_changed_ns, reverse=True)[:1]:
            with contextlib.suppress(OSError):  # another process was faster, or the place is read-only
                aside.rename(folder)


def recover_below(parent: Path) -> None:
    """Move every folder directly below ``parent`` back that a killed process had moved aside."""
    for name in {name for _, name in _asides(parent)} if parent.is_dir() else ():
        recover(parent / name)


def sweep(folder: Path, *, seldom: bool = True) -> None:
    """Remove what dead processes left in a folder under temporary names; nothing else is touched.

    Args:
        folder: folder to clean.
        seldom: whether to do nothing if this process has looked a moment ago and the folder is large.
    """
    started = time.monotonic()
    if seldom and _next_sweep.get(folder, 0.0) > started:
        return
    recover_below(folder)
    for path in _entries(folder, (PARTIAL, ASIDE)):
        found = _LEFTOVER.fullmatch(path.name)
        if found and (path.name.startswith(PARTIAL) or os.path.lexists(folder / found[4])):
            owner = found[1] or found[2] or ""
            if _is_left_over(path, owner):
                _remove(path)
    if len(_next_sweep) > 10_000:  # it has one entry per folder, and a long run writes a folder for each clip
        _next_sweep.clear()
    _next_sweep[folder] = started + _SWEEP_SHARE * max(0.0, time.monotonic() - started - _QUICK_S)


def drop_unfinished() -> None:
    """Remove what this process has not finished, before it ends."""
    for path in list(_open):
        if f"{PARTIAL}{this_owner()}." in path.name:  # a forked process inherits its parent's list
            _remove(path)


def atomic_write_bytes(path: Path, data: bytes, *, force: bool = True) -> None:
    """Write bytes whole or not at all; see :func:`atomic_path`."""
    with atomic_path(path, force=force) as temporary:
        temporary.write_bytes(data)


def atomic_write_text(path: Path, text: str) -> None:
    """Write UTF-8 text whole or not at all."""
    atomic_write_bytes(path, text.encode("utf-8"))


def _put_in_place(temporary: Path, folder: Path) -> None:
    for _ in range(_ATTEMPTS):
        aside = folder.with_name(f"{ASIDE}{_token()}-{folder.name}")
        check_replaceable(folder)
        with contextlib.suppress(FileNotFoundError):
            folder.rename(aside)
        try:
            temporary.rename(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                recover(folder)
                raise
        else:
            force_to_disk(folder.parent)
            _remove(aside)
            return
        _remove(aside)  # the other process's folder is in its place
    raise InputError(f"{folder} is written by another process again and again: stop one of the two")


def _asides(parent: Path) -> list[tuple[Path, str]]:
    """List what was moved aside in a folder, each entry with its original name."""
    matches = [(path, _LEFTOVER.fullmatch(path.name)) for path in _entries(parent, (ASIDE,))]
    return [(path, found[4]) for path, found in matches if found]


def _entries(folder: Path, starts: tuple[str, ...]) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [folder / entry.name for entry in entries if entry.name.startswith(starts)]
    except OSError:  # it does not exist, or it cannot be read
        return []


def _changed_ns(path: Path) -> int:
    try:
        return path.lstat().st_ctime_ns
    except OSError:
        return 0


def _is_left_over(path: Path, owner: str) -> bool:
    dead = is_dead(owner) if owner else None
    if dead is not None:
        return dead
    try:
        return time.time() - path.lstat().st_mtime > _UNKNOWN_LIVES_S
    except OSError:
        return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _token() -> str:
    """Return a token that is unique to one file of one process: its owner, and a number."""
    return f"{this_owner()}.{next(_count)}"


def _force_tree(folder: Path) -> None:
    for parent, _, files in os.walk(folder):
        for name in files:
            force_to_disk(Path(parent, name))
        force_to_disk(Path(parent))


def force_to_disk(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk; a full disk shows here, before anything is renamed."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:  # a link, which is safe once its folder is, or a folder on Windows
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (
            errno.EINVAL,
            errno.ENOTSUP,
            errno.EBADF,
            errno.EROFS,
        ):  # this file system cannot force it
            raise
    finally:
        os.close(handle)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Make an error of the system, such as a full disk, name the file that was to be written.

    Libraries such as HDF5 and safetensors raise errors of their own, with the system's number in their text alone;
    these become an ``OSError``, too.
    """
    try:
        yield
    except HvdbenchError:
        raise
    except OSError as error:
        _become_the_systems(error, path)
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise
    except Exception as error:
        _become_the_systems(error, path)
        raise


def _become_the_systems(error: Exception, path: Path) -> None:
    found = _SYSTEMS.search(str(error))
    if found:
        number = int(found[1] or found[2])
        raise OSError(number, os.strerror(number), str(path)) from error
