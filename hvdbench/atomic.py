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
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Give an empty temporary folder that becomes ``folder`` (an old one is removed) when the block ends without error."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f"{PARTIAL}{folder.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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
