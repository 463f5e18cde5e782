"""Lock files between processes, so that one at a time reads, changes and writes a file, on any file system.

A lock is a file beside the target, made by ``O_EXCL``, which lets one process win even if the system has no ``flock``
(network file systems, shared folders of virtual machines). It states who made it, and its time is set again every few
seconds. A waiting process removes a lock when its process on this machine has ended, or when its time has not changed
for a minute by the waiting process's own clock, so that the clocks of two machines need not agree.
"""

import contextlib
import itertools
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hvdbench.errors import InputError
from hvdbench.workspace.atomic import naming
from hvdbench.workspace.marks import LOCK_SUFFIX
from hvdbench.workspace.owners import host_name, is_dead, this_owner
from hvdbench.workspace.parsing import read_json

logger = logging.getLogger(__name__)

State = tuple[int, int]
"""The identity of a lock's file, and its last heartbeat."""

CLAIM_SUFFIX = f".away{LOCK_SUFFIX}"

_count = itertools.count()


@dataclass(frozen=True)
class LockTimes:
    """The times of a lock.

    Attributes:
        beat_s: seconds between two heartbeats of the process that holds a lock.
        stale_s: seconds without a heartbeat after which a lock is removed.
        tell_s: seconds of waiting after which a warning names the process that holds the lock.
        poll_s: seconds between two checks of a lock that is held.
        give_up_s: seconds of waiting after which an error is raised; None for never.
    """

    beat_s: float = 5.0
    stale_s: float = 60.0
    tell_s: float = 1.0
    poll_s: float = 0.02
    give_up_s: float | None = None


_TIMES = LockTimes()


@dataclass
class _Held:
    """A lock as the threads of this process share it: one thread at a time holds it, and may take it again."""

    thread_lock: threading.RLock = field(default_factory=threading.RLock)
    depth: int = 0
    users: int = 0


_registry: dict[Path, _Held] = {}
_registry_lock = threading.Lock()
_own_files: set[str] = set()  # contents of the locks that this process has made


def _forget() -> None:
    """Clear the registry in a forked process, because its parent's locks are not its own."""
    global _registry_lock
    _registry.clear()
    _own_files.clear()
    _registry_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@contextmanager
def locked(target: Path, times: LockTimes = _TIMES) -> Iterator[None]:
    """Hold the lock of a file or folder while the block runs; the block must read the target again.

    A thread that holds the lock may take it again. After a second of waiting, a warning says who holds it.

    Args:
        target: file or folder that is going to be read, changed and written; it need not exist, and its folder is made.
        times: times of the lock.

    Raises:
        InputError: if another holds the lock for longer than ``times.give_up_s``.
        OSError: if the folder cannot be written to.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    path = target.parent.resolve() / f".{target.name}{LOCK_SUFFIX}"
    with _registry_lock:
        held = _registry.setdefault(path, _Held())
        held.users += 1
    try:
        with _thread_lock(held, path, target, times):
            held.depth += 1
            try:
                if held.depth > 1:
                    yield
                else:
                    with _lock_file(path, target, times):
                        yield
            finally:
                held.depth -= 1
    finally:
        with _registry_lock:
            held.users -= 1
            if not held.users and _registry.get(path) is held:
                del _registry[path]


@contextmanager
def _thread_lock(held: _Held, path: Path, target: Path, times: LockTimes) -> Iterator[None]:
    """Hold a lock among the threads of this process."""
    if not held.thread_lock.acquire(timeout=-1 if times.give_up_s is None else times.give_up_s):
        raise InputError(_given_up(target, path, times, "another thread of this process"))
    try:
        yield
    finally:
        held.thread_lock.release()


@contextmanager
def _lock_file(path: Path, target: Path, times: LockTimes) -> Iterator[None]:
    """Hold a lock file while the block runs, with a thread that keeps setting its time."""
    content = _content()
    _own_files.add(content)
    stop = threading.Event()
    try:
        handle = _wait_for(path, target, content, times)
        heart = threading.Thread(target=_beat, args=(handle, path, stop, times.beat_s), daemon=True)
        try:
            heart.start()
            yield
        finally:
            stop.set()
            if heart.ident is not None:
                heart.join()  # otherwise it could touch another file that gets the handle's number
            _release(handle, path)
    finally:
        _own_files.discard(content)


def _wait_for(path: Path, target: Path, content: str, times: LockTimes) -> int:
    """Make the lock file as soon as no other process has one, and return its handle."""
    started = seen_at = time.monotonic()
    seen: State | None = None
    has_told = False
    while True:
        handle = _make(path, content)
        if handle is not None:
            return handle
        now = time.monotonic()
        state = _state(path)
        if state != seen:
            seen, seen_at = state, now
        if state is not None:
            holder = _holder(path)
            is_free = now - seen_at > times.stale_s or _has_ended(holder)
            if is_free and _take_away(path, state, is_old=now - seen_at > 2 * times.stale_s):
                continue
            if now - started > times.tell_s and not has_told:
                has_told = True
                logger.warning("%s is in use by %s: hvdbench waits until that is done", target, _who(holder))
            if times.give_up_s is not None and now - started > times.give_up_s:
                raise InputError(_given_up(target, path, times, _who(holder)))
        time.sleep(times.poll_s)


def _make(path: Path, content: str) -> int | None:
    """Make a lock file and return its handle; return None if there is one already."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return None
    try:
        with naming(path):
            os.write(handle, content.encode())
    except BaseException:  # the disk is full; an empty lock would belong to nobody
        _release(handle, path)
        raise
    return handle


def _release(handle: int, path: Path) -> None:
    """Remove a lock file, unless it was taken away and now belongs to another process."""
    is_own = _identity(os.fstat(handle)) == _state_identity(path)
    os.close(handle)
    if is_own:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _beat(handle: int, path: Path, stop: threading.Event, beat_s: float) -> None:
    while not stop.wait(beat_s):
        with contextlib.suppress(OSError):  # the lock was taken away, or the server does not answer at the moment
            os.utime(handle if os.utime in os.supports_fd else path)


def _take_away(path: Path, state: State, *, is_old: bool) -> bool:
    """Remove a lock that no process holds any more; return whether it has gone.

    Several processes may find the same dead lock, and the second to remove it could remove the lock that the first has
    just made. So each makes a claim first, a file named after the very lock that it judged, and the process that has
    the claim checks again. Claims are numbered, because a process may die with one; the next number is free once all
    lower ones belong to dead processes.

    Args:
        path: path of the lock.
        state: state of the lock that was judged.
        is_old: whether the judgement is so old that a claim without an owner must be a dead process's.
    """
    for number in itertools.count():
        claim = path.with_name(f"{path.name.removesuffix(LOCK_SUFFIX)}.{state[0]}-{state[1]}-{number}{CLAIM_SUFFIX}")
        content = _content()
        _own_files.add(content)
        try:
            handle = _make(claim, content)
            if handle is None:
                holder = _holder(claim)
                if _has_ended(holder) or (is_old and not holder):
                    continue
                return False
            try:
                if _state(path) == state:
                    path.unlink(missing_ok=True)
            finally:
                _release(handle, claim)
                sweep_claims(path.parent)
            return True
        finally:
            _own_files.discard(content)
    raise AssertionError("numbers do not end")


def sweep_claims(folder: Path) -> None:
    """Remove the claims that dead processes left in a folder on locks that no longer exist."""
    for claim in folder.glob(f".*{CLAIM_SUFFIX}"):
        name, _, rest = claim.name.removesuffix(CLAIM_SUFFIX).rpartition(".")
        state = _state(claim.with_name(name + LOCK_SUFFIX))
        if state is None or not rest.startswith(f"{state[0]}-{state[1]}-"):
            with contextlib.suppress(OSError):
                claim.unlink()


def _state(path: Path) -> State | None:
    """Return the identity of a lock's file and its last heartbeat; None if it has gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _state_identity(path: Path) -> tuple[int, int] | None:
    try:
        return _identity(path.stat())
    except OSError:
        return None


def _content() -> str:
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    note = {"host": host_name(), "pid": os.getpid(), "owner": this_owner(), "since": now, "number": next(_count)}
    return json.dumps(note) + "\n"


def _holder(path: Path) -> dict[str, object]:
    """Read who holds a lock; the result is empty if the lock is being written, is damaged or has gone."""
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _has_ended(holder: dict[str, object]) -> bool:
    """Return whether the process that holds a lock has ended, as far as this process can know."""
    owner = str(holder.get("owner", ""))
    if owner == this_owner():  # it is this process's, but no thread holds it: Ctrl-C came between making and noting it
        return json.dumps(holder) + "\n" not in _own_files
    return bool(owner) and is_dead(owner) is True


def _who(holder: dict[str, object]) -> str:
    if not holder:
        return "another process"
    return f"process {holder.get('pid')} on {holder.get('host')} since {holder.get('since')}"


def _given_up(target: Path, path: Path, times: LockTimes, who: str) -> str:
    return f"{target} has been in use by {who} for over {times.give_up_s:g} s: stop it, or remove {path} if it hangs"
