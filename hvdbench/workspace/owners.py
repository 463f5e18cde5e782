"""Which process made a file, as a word in the file's name or in a lock, and whether that process still runs.

The number of a process alone is not enough: containers give every run the same small numbers, and on a shared file
system the process may run on another machine, which cannot be asked.
"""

import functools
import hashlib
import os
import socket
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")
_START_FIELD = 19  # of /proc/<pid>/stat counted from the state, which follows the last ')': proc(5), starttime
_ENDED = frozenset("ZX")  # a zombie ran to its end, though nobody has asked for its exit code


def this_owner() -> str:
    """Return the word for this process: ``<machine>.<process>.<start>``."""
    process = os.getpid()
    return f"{_machine()}.{process}.{_facts(process)[1]}"


def host_name() -> str:
    """Return this machine's name, for people."""
    return socket.gethostname()


def is_dead(owner: str) -> bool | None:
    """Return whether a process has ended; None where it cannot be known from here.

    Args:
        owner: what :func:`this_owner` returned in it, or the mere number of a process on this machine.
    """
    if owner.isascii() and owner.isdigit():
        return not _runs(int(owner), None)
    machine, _, rest = owner.partition(".")
    process, _, start = rest.partition(".")
    if machine != _machine() or not (process.isascii() and process.isdigit()):
        return None
    return not _runs(int(process), start)


@functools.cache
def _machine() -> str:
    """Return a word for this machine since it was started, and for the space that its process numbers count in."""
    boot = _BOOT.read_text(encoding="ascii").strip() if _BOOT.is_file() else ""
    try:
        space = str(_NAMESPACE.readlink())
    except OSError:  # no Linux
        space = ""
    return hashlib.sha256(f"{socket.gethostname()} {boot} {space}".encode()).hexdigest()[:8]


def _runs(process: int, start: str | None) -> bool:
    """Return whether a process of that number runs, and began at that time where one is named."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    state, began = _facts(process)
    return state not in _ENDED and (not start or not began or began == start)  # began is hidden of other users' own


def _facts(process: int) -> tuple[str, str]:
    """Return the state of a process and when it began, in ticks since the machine did; empty words off Linux."""
    try:
        line = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", ""
    fields = line.rpartition(")")[2].split()
    return fields[0], fields[_START_FIELD]
