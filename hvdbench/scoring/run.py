"""Define a run: the frames that a method restored of a whole dataset."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """The frames that a method restored of a dataset.

    Attributes:
        method: the method's name.
        folders: the clip's key ``<split>/<clip>`` → its folder.
        digest: a digest of everything that produced the frames.
    """

    method: str
    folders: Mapping[str, Path]
    digest: str
