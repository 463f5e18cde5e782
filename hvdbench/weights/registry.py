"""List which weights are known, and where each belongs. It does not import torch."""

from dataclasses import dataclass
from pathlib import Path

from hvdbench import catalog
from hvdbench.errors import UnknownNameError, WeightsError
from hvdbench.workspace.manifest import file_sha256
from hvdbench.workspace.parsing import read_toml
from hvdbench.workspace.paths import weights_folder


@dataclass(frozen=True)
class KnownWeights:
    """A weight file that somebody published; none is part of hvdbench."""

    name: str
    network: str
    """Of the catalogue, or the name under which others know it."""
    file_name: str
    """Under :func:`hvdbench.workspace.paths.weights_folder`."""
    page: str
    """Where to read about it and download it."""
    licence: str
    sha256: str | None
    """The digest or its first digits, where the publisher states it; else None."""
    note: str
    module: str | None
    """What makes the network, ``package.module:Thing`` or a name of the catalogue; None: pyiqa alone makes it."""
    channel_order: str | None
    """``rgb`` or ``bgr``, the order of the colours at input and output; None where the network restores no clips."""

    @property
    def how_to_get(self) -> str:
        """The words that explain where to get the file, and where to put it."""
        return (
            f"get it from {self.page} ({self.note}; licence: {self.licence}) "
            f"and put it at {weights_folder() / self.file_name}"
        )


def _read(path: Path) -> tuple[KnownWeights, ...]:
    tables = read_toml(path)
    return tuple(
        KnownWeights(
            name=name,
            network=table["network"],
            file_name=table["file"],
            page=table["page"],
            licence=table["licence"],
            sha256=table.get("sha256"),
            note=table["note"],
            channel_order=table.get("channel_order"),
            module=table.get("module", table["network"] if table["network"] in catalog.NETWORKS else None),
        )
        for name, table in tables.items()
    )


KNOWN: tuple[KnownWeights, ...] = _read(Path(__file__).with_name("registry.toml"))


def weights_status() -> list[tuple[KnownWeights, Path, bool]]:
    """List the known weights, the path where each belongs, and whether a file is there."""
    folder = weights_folder()
    return [(known, folder / known.file_name, (folder / known.file_name).is_file()) for known in KNOWN]


def known_weights(name: str) -> KnownWeights:
    """Find known weights by their name.

    Raises:
        UnknownNameError: if there is no such name.
    """
    for known in KNOWN:
        if known.name == name:
            return known
    raise UnknownNameError(catalog.unknown("set of weights", name, [known.name for known in KNOWN]))


def check_sha256(path: Path, expected: str) -> str:
    """Refuse a file whose SHA-256 does not start with the expected digits; return the whole one.

    Raises:
        WeightsError: if the digest differs.
    """
    found = file_sha256(path)
    if not found.startswith(expected.lower()):
        raise WeightsError(
            f"{path} has sha256 {found}, expected {expected}: download it again, it is cut off or altered"
        )
    return found
