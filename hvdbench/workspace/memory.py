"""What the system says of the memory of this machine and of this process."""

from pathlib import Path

_STATUS = Path("/proc/self/status")
_MEMORY = Path("/proc/meminfo")


def free_memory() -> int | None:
    """Return the bytes that a new process could take without swapping; None where the system does not say."""
    return _field(_MEMORY, "MemAvailable")


def peak_memory() -> int | None:
    """Return the bytes that this process took at most since it began; None where the system does not say."""
    return _field(_STATUS, "VmHWM")


def _field(file: Path, field: str) -> int | None:
    """Read a field in kB of a file under /proc; None where there is none."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(f"{field}:")]
    return 1024 * int(found[0]) if found else None
