"""Keep copies of folders and files from object storage on the local disk, at most so many bytes of them.

A copy is whole or not there, and belongs to one state of its source: to its address, and to the names, sizes and
versions that the server listed. So a source that was changed is copied anew. The processes that use a copy hold a
shared lock on a file beside it (``flock``, which ends with the process), and a copy is removed only under an exclusive
one, the one that was not used for the longest time first.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hvdbench.errors import DatasetError, InputError
from hvdbench.workspace.atomic import atomic_folder
from hvdbench.workspace.objects.door import Entry, fetch, find
from hvdbench.workspace.objects.location import Location
from hvdbench.workspace.progress import Progress, silent

FOLDER_VARIABLE = "HVDBENCH_CACHE"
SIZE_VARIABLE = "HVDBENCH_CACHE_GB"
USUAL_GB = 20.0
_MOST_HELD = 512  # copies that a process keeps from being removed, each by an open file
_ALWAYS_HELD = 8  # of these, the latest stay even where room is needed


@dataclass
class _Held:
    """A copy that this process keeps from being removed."""

    handle: int
    process: int


_held: OrderedDict[Path, _Held] = OrderedDict()


def cache_folder() -> Path:
    """Return the folder of copies: ``HVDBENCH_CACHE``, or else ``~/.cache/hvdbench/objects``."""
    value = os.environ.get(FOLDER_VARIABLE)
    return Path(value).absolute() if value else Path.home() / ".cache" / "hvdbench" / "objects"


def cache_bytes() -> int:
    """Return how many bytes of copies are kept at most: ``HVDBENCH_CACHE_GB`` times 10^9, or else 20 GB.

    Raises:
        InputError: if the variable is not a number above 0.
    """
    value = os.environ.get(SIZE_VARIABLE)
    try:
        found = float(value) if value else USUAL_GB
    except ValueError:
        found = 0.0
    if not 0 < found < 1e9:
        raise InputError(
            f"{SIZE_VARIABLE} is {str(value)[:40]!a}: set it to a number of gigabytes above 0, or unset it"
        )
    return int(found * 1e9)


def local_copy(
    location: Location,
    *,
    listed: Mapping[str, Entry] | None = None,
    check: Callable[[Path], str] | None = None,
    progress: Progress = silent,
) -> Path:
    """Return the path of a copy of a folder or file, which is made where there is none of its present state.

    The path ends in the last two names of the address. This process keeps the copy from being removed; only where room
    is needed and it used 8 others since may it go.

    Args:
        location: the folder or file.
        listed: what to copy, if it was listed before.
        check: a function that returns what is wrong with a copy, or an empty text.
        progress: function called with kilobytes done, all of them, and what is done.

    Raises:
        InputError: if nothing is there, the server fails, the source changes meanwhile, or it is larger than the cache.
        DatasetError: if the check still finds something in a fresh copy.
    """
    entries = dict(listed) if listed is not None else find(location)
    folder = cache_folder() / _key(location, entries)
    names = [name for name in (location.parent_name, location.name) if _is_plain(name)]
    place = folder.joinpath(*names) if names else folder / "copy"
    is_fresh = False
    while True:
        handle = _lock(folder, fcntl.LOCK_SH)
        if folder.is_dir() and not _differs(place, entries) and (is_fresh or check is None or not check(place)):
            _hold(folder, handle)
            return place
        os.close(handle)
        _make_anew(location, entries, folder, place, check, listed is None, progress)
        is_fresh = True


def is_held(place: Path) -> bool:
    """Return whether this process still keeps the copy at a path from being removed, and notes that it is used."""
    for folder in (place.parent.parent, place.parent):
        held = _held.get(folder)
        if held is not None and held.process == os.getpid():
            _held.move_to_end(folder)
            return True
    return False


def _make_anew(
    location: Location,
    entries: Mapping[str, Entry],
    folder: Path,
    place: Path,
    check: Callable[[Path], str] | None,
    is_listed: bool,
    progress: Progress,
) -> None:
    """Make a copy that is missing or damaged, unless another process has just done so."""
    # a whole copy may be in use for long, and then nothing is waited for; one that is being made is worth a wait
    handle = _lock(folder, fcntl.LOCK_EX | (fcntl.LOCK_NB if folder.is_dir() else 0))
    try:
        if folder.is_dir():
            if not _differs(place, entries) and (check is None or not check(place)):
                return
            shutil.rmtree(folder)
        _make(location, entries, folder, place.relative_to(folder), is_listed, progress)
        if check is not None and (fault := check(place)):
            shutil.rmtree(folder)
            raise DatasetError(f"'{location}' {fault}")
    finally:
        os.close(handle)


def _make(
    location: Location, entries: Mapping[str, Entry], folder: Path, inner: Path, is_listed: bool, progress: Progress
) -> None:
    size = sum(entry.size or 0 for entry in entries.values())
    _make_room(location, size, folder)
    _lock_path(folder).write_text(f"{size}\n", encoding="ascii")
    with atomic_folder(folder) as partial:
        target = partial / inner
        (target.parent if "" in entries else target).mkdir(parents=True, exist_ok=True)
        done = 0
        for step in fetch(location, entries, target):
            done += step
            progress(min(done, size) // 1000, size // 1000, f"copy {location}")
        # a dataset's clips are checked by their digests; of anything else the list says whether it stayed as it was
        if is_listed and find(location) != entries:
            raise InputError(f"'{location}' was changed while it was copied: run the command again")


def _make_room(location: Location, size: int, own: Path) -> None:
    """Remove copies that no process holds until there is room for a new one.

    Raises:
        InputError: if the new one is larger than the whole cache, or copies in use leave no room.
    """
    most = cache_bytes()
    if size > most:
        raise InputError(
            f"'{location}' has {size / 1e9:.3g} GB, and copies of inputs may take {most / 1e9:.3g} GB: allow more with "
            f"{SIZE_VARIABLE}, or copy it yourself"
        )
    for may_release in (False, True):
        if may_release:
            for folder in list(_held)[:-_ALWAYS_HELD]:
                _release(folder)
        copies = sorted(_copies(own), key=lambda copy: copy[1])
        total = sum(copy[2] for copy in copies)
        for folder, _, its in copies:
            if total + size <= most:
                return
            if _remove(folder):
                total -= its
        if total + size <= most:
            return
    raise InputError(
        f"copies of inputs in {cache_folder()} take {total / 1e9:.3g} of {most / 1e9:.3g} GB and are in use, so that "
        f"'{location}' finds no room: allow more with {SIZE_VARIABLE}"
    )


def _copies(but: Path) -> Iterator[tuple[Path, float, int]]:
    """List the copies but one: folder, time of the last use, and bytes."""
    for lock in but.parent.glob("*.used"):
        folder = lock.with_suffix("")
        if folder == but:
            continue
        with contextlib.suppress(OSError, ValueError):  # removed by another process, or not finished yet
            if folder.is_dir():
                yield folder, lock.stat().st_mtime, int(lock.read_text(encoding="ascii") or 0)


def _remove(folder: Path) -> bool:
    """Remove a copy, unless a process holds it; return whether it has gone."""
    try:
        handle = os.open(_lock_path(folder), os.O_RDWR)
    except OSError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return False
    try:
        shutil.rmtree(folder, ignore_errors=True)
        _lock_path(folder).unlink(missing_ok=True)
    finally:
        os.close(handle)
    return True


def _lock(folder: Path, kind: int) -> int:
    """Lock a copy, and return the handle that ends the lock when it is closed.

    Raises:
        InputError: if the lock is to be had without waiting, and another process has it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _release(folder)
    path = _lock_path(folder)
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, kind)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), path.stat()):
                    return handle
        except BlockingIOError:
            os.close(handle)
            raise InputError(
                f"the copy {folder} is damaged and in use by another process: end that one, and remove the folder"
            ) from None
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # it was removed together with its copy while this process waited for it


def _hold(folder: Path, handle: int) -> None:
    """Keep a copy from being removed as long as its handle stays open, and note that it is used."""
    os.utime(handle)
    _held[folder] = _Held(handle, os.getpid())
    while len(_held) > _MOST_HELD:
        _release(next(iter(_held)))


def _release(folder: Path) -> None:
    held = _held.pop(folder, None)
    if held is not None and held.process == os.getpid():
        os.close(held.handle)


def _lock_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.used")


def _differs(place: Path, entries: Mapping[str, Entry]) -> bool:
    """Return whether files of a copy are missing, or have another size than was listed."""
    for name, entry in entries.items():
        try:
            size = (place / name if name else place).stat().st_size
        except OSError:
            return True
        if entry.size not in (None, size):
            return True
    return False


def _key(location: Location, entries: Mapping[str, Entry]) -> str:
    total = hashlib.sha256(location.public.encode())
    if not all(entry.version for entry in entries.values()):
        total.update(uuid.uuid4().bytes)  # nothing tells whether a file was replaced, so that no copy is used again
    for name, entry in sorted(entries.items()):
        total.update(f"\n{name}\0{entry.size}\0{entry.version}".encode())
    return total.hexdigest()[:32]


def _is_plain(name: str) -> bool:
    return bool(name) and not name.startswith(".") and ":" not in name
