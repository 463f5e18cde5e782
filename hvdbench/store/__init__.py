"""Read and write datasets on disk: GoPro's folder names, one ``tracks.h5`` per clip, and a ``dataset.json``.

The manifest ``dataset.json`` holds a digest of every clip, so that a dataset can be verified; while a dataset is
written, the clips that it lacks stand in a journal beside it (:mod:`hvdbench.store.journal`). ``docs/store.md`` lists
the files and the fields of ``tracks.h5``.
"""

import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hvdbench import __version__
from hvdbench.errors import DatasetError, InputError
from hvdbench.recipe import digest_of
from hvdbench.store.clip_folder import SERIES_FOLDER, TRUTH_FOLDERS, ClipFolder, Truth
from hvdbench.store.journal import Journal
from hvdbench.store.manifest import MANIFEST, SCHEMA, laid_over, read_manifest, read_whole
from hvdbench.store.remote import RemoteClip, copy_manifest
from hvdbench.workspace.atomic import atomic_write_text, recover
from hvdbench.workspace.locks import locked
from hvdbench.workspace.marks import is_ours, is_partial, stranger_in
from hvdbench.workspace.names import checked_key, checked_name
from hvdbench.workspace.objects.copies import local_copy
from hvdbench.workspace.objects.door import look
from hvdbench.workspace.objects.location import Location, Place

__all__ = [
    "ANNOTATIONS",
    "SERIES_FOLDER",
    "TRUTH_FOLDERS",
    "ClipFolder",
    "Dataset",
    "DatasetWriter",
    "Truth",
    "open_remote",
]

ANNOTATIONS = "annotations"  # the folder of labels made by hand


@dataclass(frozen=True)
class Dataset:
    """A dataset folder with its manifest ``dataset.json``.

    Attributes:
        folder: the folder; of a dataset in object storage, that of a copy of its manifest.
        manifest: the content of ``dataset.json``, with the clips of the journal.
        location: where the dataset lies in object storage; None on the disk.
    """

    folder: Path
    manifest: Mapping[str, Any]
    location: Location | None = None
    _copies: dict[Location, Path] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def open(cls, folder: Place) -> "Dataset":
        """Open a finished or half-made dataset.

        Args:
            folder: the dataset's folder, or its address in object storage, of which clips are copied as they are
                needed.

        Raises:
            DatasetError: if there is no ``dataset.json``, if it cannot be read or has a newer schema, or if its name or
                a clip's key could lead out of the folders that it becomes part of.
            InputError: if a server cannot be asked.
        """
        if isinstance(folder, Location):
            copy = copy_manifest(folder)
            return cls(copy, read_whole(copy), folder)
        path = folder / MANIFEST
        if not path.is_file():
            raise DatasetError(
                f"{folder} is not a dataset: it contains no dataset.json (make one with 'hvdbench synth')"
            )
        return cls(folder, read_whole(folder))

    @property
    def name(self) -> str:
        return str(self.manifest["name"])

    @property
    def origin(self) -> str:
        """``demo``, ``simulated`` or ``measured``; every row scored on this dataset carries it."""
        return str(self.manifest["origin"])

    @property
    def digest(self) -> str:
        """Return one digest over the digests of all clips; it stands for the data itself."""
        return digest_of(dict(self.manifest["clips"]))

    @property
    def place(self) -> Place:
        """The address of a dataset in object storage, else the folder."""
        return self.location or self.folder

    def clip(self, key: str) -> ClipFolder:
        """Return the clip of a key, ``<split>/<clip>``; one that the manifest does not list lies on the disk."""
        if self.location is None or key not in self.manifest["clips"]:
            return ClipFolder(self.folder / key)
        return ClipFolder(Path(key), RemoteClip(self.location / key, str(self.manifest["clips"][key]), self._copies))

    def clips(self, split: str | None = None) -> list[ClipFolder]:
        """List the finished clips, sorted by split and name."""
        keys = sorted(self.manifest["clips"])
        found = [self.clip(key) for key in keys if split is None or key.split("/")[0] == split]
        for clip in found:
            if clip.remote is None:
                recover(clip.folder)
        if not found:
            where = f" in split '{split}'" if split else ""
            raise DatasetError(f"{self.place} contains no finished clip{where}: run 'hvdbench synth' again")
        return found

    def faults(self) -> dict[str, str]:
        """Hash every clip again, and return what is wrong with those that are missing or differ, by key."""
        found = {}
        for key, expected in sorted(self.manifest["clips"].items()):
            clip = self.clip(key)
            if clip.remote is not None:
                if fault := _fault_of_copy(clip):
                    found[key] = fault
                continue
            recover(clip.folder)
            if not clip.folder.is_dir():
                found[key] = f"{clip.folder} is missing"
            elif _digest_or_fault(clip) != expected:
                found[key] = f"{clip.folder} differs from what was written"
        return found

    def verify(self) -> list[str]:
        """Hash every clip again and list the clips that are missing or differ; an empty list is a pass."""
        return list(self.faults().values())


def open_remote(location: Location) -> Dataset | Path:
    """Open what lies at an address: a dataset, or else a copy of the folder or file.

    Raises:
        DatasetError: under the conditions of :meth:`Dataset.open`.
        InputError: if nothing is there, or the server cannot be asked.
    """
    if "?" not in location.url and look(location / MANIFEST) is not None:
        return Dataset.open(location)
    return local_copy(location)


def _fault_of_copy(clip: ClipFolder) -> str:
    """Return what is wrong with a clip in object storage, whose digest is compared as it is copied."""
    try:
        clip.folder.stat()
    except (DatasetError, InputError) as error:
        return str(error)
    return ""


def _digest_or_fault(clip: ClipFolder) -> str:
    try:
        return clip.digest()
    except (OSError, DatasetError, InputError) as error:  # a damaged tracks.h5, a link to a lost frame
        return f"there is no digest: {error}"


class DatasetWriter:
    """Writes a dataset clip by clip.

    A run that was killed continues where it stopped, and several processes may add to one dataset at once.

    Args:
        folder: the dataset's folder.
        name: the dataset's name on boards.
        origin: ``demo``, ``simulated`` or ``measured``.
        recipe: the JSON-able values that the dataset is made from; their digest decides whether an existing dataset is
            the same one.
        provenance: sources, licences and seeds, which are kept but not compared. Its tables are merged into those that
            exist.
        overwrite: whether to start again where the existing dataset was made from other values.

    Raises:
        InputError: if a name could be a path.
        DatasetError: if the folder contains another dataset and ``overwrite`` is off, or if it is not empty and
            contains no dataset.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        origin: str,
        recipe: Mapping[str, Any],
        provenance: Mapping[str, Any],
        overwrite: bool = False,
    ) -> None:
        checked_name(name, "the dataset's name")
        self.folder, self._journal = folder, Journal(folder)
        self._written = (0, 0, 0)
        with locked(folder / MANIFEST):
            old = self._old(digest_of(recipe), overwrite)
            kept = old if old.get("recipe_digest") == digest_of(recipe) else {}
            if old and not kept:
                self._clear(old)
            self._manifest: dict[str, Any] = {
                "schema": SCHEMA,
                "name": name,
                "origin": origin,
                "recipe": dict(recipe),
                "recipe_digest": digest_of(recipe),
                "provenance": laid_over(kept.get("provenance", {}), provenance),
                "versions": {"hvdbench": __version__, "numpy": np.__version__},
                "clips": {key: value for key, value in kept.get("clips", {}).items() if (folder / key).is_dir()},
            }
            self._save()

    def _old(self, digest: str, overwrite: bool) -> dict[str, Any]:
        """Read the existing manifest; it is empty for a new or empty folder."""
        if (self.folder / MANIFEST).is_file():
            old = read_whole(self.folder)
            for key in old["clips"]:
                recover(self.folder / key)
            if old.get("recipe_digest") != digest and not overwrite:
                raise DatasetError(
                    f"{self.folder} contains a dataset made from other values (digest {old.get('recipe_digest')}, "
                    f"asked for {digest}): choose another --out, or --overwrite it"
                )
            return old
        if stranger_in(self.folder):
            raise DatasetError(f"{self.folder} is not empty and contains no dataset.json: choose another --out")
        return {}

    def _clear(self, old: Mapping[str, Any]) -> None:
        """Remove the clips of another dataset: those that its manifest lists, and others that carry our mark.

        Anything else in the folder, such as labels made by hand, stays.
        """
        for split in [path for path in self.folder.iterdir() if path.is_dir() and not path.is_symlink()]:
            for clip in [path for path in split.iterdir() if path.is_dir() and not path.is_symlink()]:
                if f"{split.name}/{clip.name}" in old["clips"] or is_partial(clip) or is_ours(clip):
                    shutil.rmtree(clip)
            if split.name != ANNOTATIONS and not any(split.iterdir()):
                split.rmdir()

    @classmethod
    def reopened(cls, folder: Path) -> "DatasetWriter":
        """Open a dataset to write to it, whatever it was made from.

        Raises:
            DatasetError: if there is no dataset, or it is damaged.
        """
        found = Dataset.open(folder).manifest
        recipe, provenance = found.get("recipe", {}), found.get("provenance", {})
        return cls(folder, name=found["name"], origin=found["origin"], recipe=recipe, provenance=provenance)

    def drop(self, keys: Collection[str]) -> None:
        """Take clips off the list; their folders stay."""
        with locked(self.folder / MANIFEST):
            self._manifest["clips"] = {
                key: digest for key, digest in read_whole(self.folder)["clips"].items() if key not in keys
            }
            self._save()

    def has(self, split: str, clip: str) -> bool:
        """Return whether a clip is finished."""
        return f"{split}/{clip}" in self._manifest["clips"]

    def digest_of(self, split: str, clip: str) -> str:
        """Return a finished clip's digest; empty where there is none."""
        return str(self._manifest["clips"].get(f"{split}/{clip}", ""))

    def clip_folder(self, split: str, clip: str) -> ClipFolder:
        """Return a clip's folder; write it inside :func:`hvdbench.workspace.atomic.atomic_folder`.

        Raises:
            InputError: if the name of the split or clip could be a path.
        """
        return ClipFolder(self.folder / checked_key(f"{split}/{clip}", "the clip"))

    def finish(self, clip: ClipFolder, digest: str) -> None:
        """Enter a finished clip and its digest, beside what other processes entered meanwhile.

        Raises:
            DatasetError: if another dataset replaced this one in the meantime.
        """
        with locked(self.folder / MANIFEST):
            if self._state() != self._written:
                self._check_same(read_manifest(self.folder / MANIFEST))
                self._written = self._state()
            key = f"{clip.split}/{clip.name}"
            self._journal.append(key, digest, self._manifest["recipe_digest"])
            self._manifest["clips"][key] = digest

    def dataset(self) -> Dataset:
        """Lay the journal over the manifest, and open the dataset as written so far.

        Raises:
            DatasetError: if another dataset replaced this one in the meantime.
        """
        with locked(self.folder / MANIFEST):
            found = read_whole(self.folder)
            self._check_same(found)
            self._manifest = found
            self._save()
        return Dataset.open(self.folder)

    def _check_same(self, found: Mapping[str, Any]) -> None:
        if found.get("recipe_digest") != self._manifest["recipe_digest"]:
            raise DatasetError(
                f"{self.folder} was replaced by another dataset while this one was written: write to another folder"
            )

    def _save(self) -> None:
        """Write the manifest, which holds everything that the journal lists, and remove the journal."""
        self._manifest["clips"] = dict(sorted(self._manifest["clips"].items()))
        atomic_write_text(self.folder / MANIFEST, json.dumps(self._manifest, indent=1, sort_keys=True) + "\n")
        self._journal.remove()
        self._written = self._state()

    def _state(self) -> tuple[int, int, int]:
        """Return what another process's writing changes; while it is equal, the manifest need not be read again."""
        try:
            found = (self.folder / MANIFEST).stat()
        except FileNotFoundError:
            return 0, 0, 0
        return found.st_ino, found.st_mtime_ns, found.st_size
