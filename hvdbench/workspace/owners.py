"""Record in a file's name or in a lock which process made it, and find out whether that process still runs.

The number of a process alone is not enough: containers give every run the same small numbers, and on a shared file
system the process may run on another machine, which cannot be asked.
"""

import functools
import hashlib
import os
import socket
from pathlib import Path

from hvdbench.workspace.parsing import is_count

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")
_START_FIELD = 19  # of /proc/<pid>/stat counted from the state, which follows the last ')': proc(5), starttime
_ENDED = frozenset("ZX")  # a zombie has ended, although nobody has asked for its exit code


def this_owner() -> str:
    """Return the token of this process, ``<machine>.<process>.<start>``."""
    process = os.getpid()
    return f"{_machine()}.{process}.{_facts(process)[1]}"


def host_name() -> str:
    """Return this machine's name, for messages."""
    return socket.gethostname()


def is_dead(owner: str) -> bool | None:
    """Return whether a process has ended; None if this machine cannot know.

    Args:
        owner: token that :func:`this_owner` returned in that process, or only its number, on this machine.
    """
    if is_count(owner):
        return not _runs(int(owner), None)
    machine, _, rest = owner.partition(".")
    process, _, start = rest.partition(".")
    if machine != _machine() or not is_count(process):
        return None
    return not _runs(int(process), start)


@functools.cache
def _machine() -> str:
    """Return a token for this machine since its start, and for the namespace that its process numbers belong to."""
    boot = _BOOT.read_text(encoding="ascii").strip() if _BOOT.is_file() else ""
    try:
        space = str(_NAMESPACE.readlink())
    except OSError:  # this is not Linux
        space = ""
    return hashlib.sha256(f"{socket.gethostname()} {boot} {space}".encode()).hexdigest()[:8]


def _runs(process: int, start: str | None) -> bool:
    """Return whether a process of that number runs that began at that time, if a time is named."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    state, began = _facts(process)
    return state not in _ENDED and (
        not start or not began or began == start
    )  # the start of other users' processes may be hidden


def _facts(process: int) -> tuple[str, str]:
    """Return the state of a process and its start, in ticks since the machine's start; both are empty off Linux."""
    try:
        line = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", ""
    fields = line.rpartition(")")[2].split()
    return fields[0], fields[_START_FIELD]
