"""Write whole or not at all: under a temporary name in the same folder, then renamed.

A killed run leaves at most a name that starts with ``.partial-``, which the next run removes or overwrites.
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".partial-"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary file name (same folder, same suffix) that becomes ``path`` when the block ends without error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{PARTIAL}{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Give an empty temporary folder that becomes ``folder``, in place of an old one, when the block ends well.

    What killed processes left under such names for the same folder is removed first.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for leftover in folder.parent.glob(f"{PARTIAL}*-{folder.name}"):
        if not _runs(leftover.name.removeprefix(PARTIAL).partition("-")[0]):
            shutil.rmtree(leftover, ignore_errors=True)
    temporary = folder.with_name(f"{PARTIAL}{os.getpid()}-{folder.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _runs(process: str) -> bool:
    """Tell whether a process of that number is alive."""
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def atomic_write_bytes(path: Path, data: bytes) -> None:
    """Write bytes whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def atomic_write_text(path: Path, text: str) -> None:
    """Write UTF-8 text whole or not at all."""
    atomic_write_bytes(path, text.encode("utf-8"))


def is_partial(path: Path) -> bool:
    """Tell whether a name is what a killed run left behind."""
    return path.name.startswith(PARTIAL)
