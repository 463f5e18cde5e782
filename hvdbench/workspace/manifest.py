"""What files on disk note of what made them: versions, and the hashes of files."""

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hvdbench import __version__

PACKAGES = ("numpy", "opencv-python", "torch", "torchvision")


def versions() -> dict[str, str]:
    """Name the versions that numbers hang on."""
    found = {"hvdbench": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def file_sha256(path: Path | None) -> str | None:
    """Hash a file, None for no file."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path else None
