"""Read datasets that lie in object storage: the manifest at once, each clip when it is first needed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hvdbench.errors import DatasetError, InputError
from hvdbench.store.journal import JOURNAL
from hvdbench.store.manifest import MANIFEST
from hvdbench.workspace.objects.copies import is_held, local_copy
from hvdbench.workspace.objects.door import look
from hvdbench.workspace.objects.location import Location


@dataclass(frozen=True)
class RemoteClip:
    """Where a clip lies in object storage, and what its digest must be.

    Attributes:
        location: the clip's folder.
        digest: the digest in the dataset's manifest.
        copies: the copies that this process made or found since the dataset was opened, by address; another process
            looks anew.
    """

    location: Location
    digest: str
    copies: dict[Location, Path] = field(default_factory=dict, compare=False, repr=False)

    def copy(self, digest_of: Callable[[Path], str]) -> Path:
        """Return the folder of a copy whose digest was compared with the manifest's.

        Args:
            digest_of: a function that returns the digest of a clip's folder.

        Raises:
            InputError: under the conditions of :func:`hvdbench.workspace.objects.local_copy`.
            DatasetError: if the digest is another.
        """
        found = self.copies.get(self.location)
        if found is None or not is_held(found):
            found = local_copy(self.location, check=lambda folder: self._fault(digest_of, folder))
            self.copies[self.location] = found
        return found

    def __str__(self) -> str:
        return str(self.location)

    def __getstate__(self) -> dict[str, Any]:
        return {"location": self.location, "digest": self.digest, "copies": {}}

    def _fault(self, digest_of: Callable[[Path], str], folder: Path) -> str:
        try:
            is_same = digest_of(folder) == self.digest
        except (OSError, DatasetError, InputError) as error:
            return f"is damaged: {error}"
        return "" if is_same else f"differs from what {MANIFEST} lists: it was changed, or replaced in the meantime"


def copy_manifest(location: Location) -> Path:
    """Copy the manifest of a dataset, and the journal that may lie beside it, and return their folder.

    Raises:
        DatasetError: if there is no manifest.
        InputError: if the server cannot be asked.
    """
    # the journal comes first, since a writer that ends lays it over the manifest before it removes it
    found = {name: look(location / name) for name in (JOURNAL, MANIFEST)}
    if found[MANIFEST] is None:
        raise DatasetError(f"'{location}' is not a dataset: it contains no {MANIFEST}, or does not exist")
    return local_copy(location, listed={name: entry for name, entry in found.items() if entry is not None})
