"""What the system says of the memory of this machine and of this process."""

import ctypes
from pathlib import Path

_M_MMAP_THRESHOLD = -3  # malloc.h
_RETURNED_BYTES = 4 << 20
_STATUS = Path("/proc/self/status")
_MEMORY = Path("/proc/meminfo")


def free_memory() -> int | None:
    """Return the bytes that a new process could take without swapping; None where the system does not say."""
    return _field(_MEMORY, "MemAvailable")


def peak_memory() -> int | None:
    """Return the bytes that this process took at most since it began; None where the system does not say."""
    return _field(_STATUS, "VmHWM")


def return_freed_blocks() -> bool:
    """Make the C library give blocks of over 4 MiB back to the system as soon as they are freed; False where it cannot.

    glibc keeps freed blocks of up to 32 MiB, which is what the colours of a large frame take: 1.8 GiB of a fit to 30
    frames of 3840x2160. Handing them back costs a little time, so it is worth it for large frames alone.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _RETURNED_BYTES))
    except (OSError, AttributeError):  # not glibc
        return False


def return_freed_pages() -> bool:
    """Return all memory that was freed so far to the system; False where the C library cannot.

    Between the windows of a long clip this keeps holes that smaller blocks left from adding up: without it the last of
    five windows of 640x360 took 0.35 GiB more than the first.
    """
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (OSError, AttributeError):  # not glibc
        return False


def _field(file: Path, field: str) -> int | None:
    """Read a field in kB of a file under /proc; None where there is none."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(f"{field}:")]
    return 1024 * int(found[0]) if found else None
