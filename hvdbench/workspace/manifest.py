"""Collect what files on disk record about their origin: versions, and the hashes of files."""

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import overload

from hvdbench import __version__

PACKAGES = ("numpy", "opencv-python", "torch", "torchvision")
_HASH_BLOCK_BYTES = 1 << 20  # hashed in blocks, because weights may be larger than memory


def versions() -> dict[str, str]:
    """Return the versions of the packages that numbers depend on."""
    found = {"hvdbench": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


@overload
def file_sha256(path: Path) -> str: ...


@overload
def file_sha256(path: Path | None) -> str | None: ...


def file_sha256(path: Path | None) -> str | None:
    """Return a file's SHA-256 in hex, or None for None."""
    if path is None:
        return None
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASH_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
