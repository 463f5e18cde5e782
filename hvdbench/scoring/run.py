"""A method's frames for a whole dataset."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """A method's frames for a dataset.

    Attributes:
        method: its name.
        folders: the clip's key ``<split>/<clip>`` → its folder.
        digest: names what produced all of them.
    """

    method: str
    folders: Mapping[str, Path]
    digest: str
