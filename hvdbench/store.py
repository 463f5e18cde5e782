"""Read and write datasets on disk: GoPro's folder names, one ``tracks.h5`` per clip, and a ``dataset.json``.

The manifest ``dataset.json`` holds a digest of every clip, so that a dataset can be verified. ``docs/store.md`` lists
the files and the fields of ``tracks.h5``.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from hvdbench import __version__
from hvdbench.errors import DatasetError, InputError
from hvdbench.frames import Frames, list_frames, read_clip
from hvdbench.recipe import digest_of
from hvdbench.workspace.atomic import atomic_path, atomic_write_text, recover
from hvdbench.workspace.locks import locked
from hvdbench.workspace.marks import is_ours, is_partial, stranger_in
from hvdbench.workspace.names import checked_key, checked_keys, checked_name

SCHEMA = 1
MANIFEST = "dataset.json"
ORIGINS = ("demo", "simulated", "measured")
ANNOTATIONS = "annotations"  # the folder of labels made by hand
SERIES_FOLDER = "sharp_series"
"""Folder of the sub-frames: N sharp frames of each exposure in the order of time; ``hvdbench.frames.list_series``."""
Truth = Literal["mid", "centroid"]
TRUTH_FOLDERS: Mapping[str, str] = {"mid": "sharp", "centroid": "sharp_centroid"}


@dataclass(frozen=True)
class ClipFolder:
    """One clip of a dataset, in the folder ``<dataset>/<split>/<clip>``."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def split(self) -> str:
        return self.folder.parent.name

    @property
    def tracks_path(self) -> Path:
        return self.folder / "tracks.h5"

    def blurry(self) -> Frames:
        """Read the blurry frames, uint8 RGB (T, H, W, 3)."""
        return read_clip(self.folder / "blur")

    def truth(self, which: Truth) -> Frames | None:
        """Read the sharp frames at mid-exposure or at the exposure's centroid; None where the clip has none."""
        folder = self.folder / TRUTH_FOLDERS[which]
        return read_clip(folder) if folder.is_dir() else None

    def track(self, field: str) -> NDArray[Any] | None:
        """Read one field of ``tracks.h5``, or None where it is absent."""
        if not self.tracks_path.is_file():
            return None
        with h5py.File(self.tracks_path, "r") as tracks:
            return np.asarray(tracks[field][()]) if field in tracks else None

    def attributes(self) -> dict[str, Any]:
        """Read the root attributes of ``tracks.h5``."""
        if not self.tracks_path.is_file():
            return {}
        with h5py.File(self.tracks_path, "r") as tracks:
            return dict(tracks.attrs)

    def edit_tracks(self, edit: Callable[[h5py.File], None]) -> None:
        """Apply an edit to ``tracks.h5`` whole or not at all.

        The file is made when it is absent. Only one process at a time may edit it.
        """
        with locked(self.tracks_path), atomic_path(self.tracks_path) as temporary:
            if self.tracks_path.is_file():
                shutil.copyfile(self.tracks_path, temporary)
            with h5py.File(temporary, "a") as tracks:
                edit(tracks)

    def digest(self) -> str:
        """Return the SHA-256 of frames and tracks in hex; labels are left out, since they are added later."""
        total = hashlib.sha256()
        for name in ("blur", *TRUTH_FOLDERS.values(), "linear", SERIES_FOLDER):
            folder = self.folder / name
            for path in list_frames(folder) if folder.is_dir() else []:
                total.update(f"{name}/{path.name}".encode())
                total.update(hashlib.sha256(path.read_bytes()).digest())
        if self.tracks_path.is_file():
            with h5py.File(self.tracks_path, "r") as tracks:
                for field in sorted(_fields(tracks)):
                    value = np.asarray(tracks[field][()])
                    total.update(f"{field}:{value.dtype}:{value.shape}".encode())
                    total.update(value.tobytes())
        return total.hexdigest()


def _fields(tracks: h5py.File) -> list[str]:
    found: list[str] = []

    def visit(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith("labels/"):
            found.append(name)

    tracks.visititems(visit)
    return found


@dataclass(frozen=True)
class Dataset:
    """A dataset folder with its manifest ``dataset.json``."""

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> "Dataset":
        """Open a finished or half-made dataset.

        Raises:
            DatasetError: if there is no ``dataset.json``, if it cannot be read or has a newer schema, or if its name or
                a clip's key could lead out of the folders that it becomes part of.
        """
        path = folder / MANIFEST
        if not path.is_file():
            raise DatasetError(
                f"{folder} is not a dataset: it contains no dataset.json (make one with 'hvdbench synth')"
            )
        return cls(folder, _read_manifest(path))

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

    def clips(self, split: str | None = None) -> list[ClipFolder]:
        """List the finished clips, sorted by split and name."""
        keys = sorted(self.manifest["clips"])
        found = [ClipFolder(self.folder / key) for key in keys if split is None or key.split("/")[0] == split]
        for clip in found:
            recover(clip.folder)
        if not found:
            where = f" in split '{split}'" if split else ""
            raise DatasetError(f"{self.folder} contains no finished clip{where}: run 'hvdbench synth' again")
        return found

    def verify(self) -> list[str]:
        """Hash every clip again and list the clips that are missing or differ; an empty list is a pass."""
        faults = []
        for key, expected in sorted(self.manifest["clips"].items()):
            clip = ClipFolder(self.folder / key)
            recover(clip.folder)
            if not clip.folder.is_dir():
                faults.append(f"{clip.folder} is missing")
            elif _digest_or_fault(clip) != expected:
                faults.append(f"{clip.folder} differs from what was written")
        return faults


def _read_manifest(path: Path) -> dict[str, Any]:
    """Read a manifest and check what everything relies on: its fields' types, and names that become folders."""
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # also numbers of 5000 digits, and 10 000 brackets
        raise DatasetError(f"{path} is not JSON ({error}): make the dataset again") from error
    if not isinstance(manifest, dict) or "clips" not in manifest:
        raise DatasetError(f"{path} is not the manifest of a dataset: make the dataset again")
    if manifest.get("schema") != SCHEMA:
        raise DatasetError(f"{path} has schema {manifest.get('schema')}, and this version reads {SCHEMA}")
    checked_name(manifest.get("name"), "name", where=path, error=DatasetError)
    if manifest.get("origin") not in ORIGINS:
        raise DatasetError(
            f"{path}: origin is {str(manifest.get('origin'))[:40]!r}, expected one of {', '.join(ORIGINS)}: make the "
            "dataset again"
        )
    clips = manifest["clips"]
    if not isinstance(clips, dict) or not all(isinstance(digest, str) for digest in clips.values()):
        raise DatasetError(f"{path}: clips is not a table of keys and digests: make the dataset again")
    checked_keys(clips, "clips", where=path, error=DatasetError)
    for name, kind in (("recipe_digest", str), ("recipe", dict), ("provenance", dict)):
        if not isinstance(manifest.get(name, kind()), kind):
            raise DatasetError(
                f"{path}: {name} is of the wrong type, {type(manifest[name]).__name__}: make the dataset again"
            )
    return manifest


def _digest_or_fault(clip: ClipFolder) -> str:
    try:
        return clip.digest()
    except (OSError, RuntimeError, KeyError, InputError) as error:  # a damaged tracks.h5, a link to a lost frame
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
        self.folder = folder
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
                "provenance": _laid_over(kept.get("provenance", {}), provenance),
                "versions": {"hvdbench": __version__, "numpy": np.__version__},
                "clips": {key: value for key, value in kept.get("clips", {}).items() if (folder / key).is_dir()},
            }
            self._save()

    def _old(self, digest: str, overwrite: bool) -> dict[str, Any]:
        """Read the existing manifest; it is empty for a new or empty folder."""
        if (self.folder / MANIFEST).is_file():
            old = _read_manifest(self.folder / MANIFEST)
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

    def has(self, split: str, clip: str) -> bool:
        """Return whether a clip is finished."""
        return f"{split}/{clip}" in self._manifest["clips"]

    def clip_folder(self, split: str, clip: str) -> ClipFolder:
        """Return a clip's folder; write it inside :func:`hvdbench.workspace.atomic.atomic_folder`.

        Raises:
            InputError: if the name of the split or clip could be a path.
        """
        return ClipFolder(self.folder / checked_key(f"{split}/{clip}", "the clip"))

    def finish(self, clip: ClipFolder, digest: str) -> None:
        """Enter a finished clip and its digest into the manifest, and keep what other processes entered meanwhile.

        Raises:
            DatasetError: if another dataset replaced this one in the meantime.
        """
        with locked(self.folder / MANIFEST):
            if self._state() != self._written:
                found = _read_manifest(self.folder / MANIFEST)
                if found.get("recipe_digest") != self._manifest["recipe_digest"]:
                    raise DatasetError(
                        f"{self.folder} was replaced by another dataset while this one was written: write to another "
                        "folder"
                    )
                self._manifest = found
            clips = self._manifest["clips"] | {f"{clip.split}/{clip.name}": digest}
            self._manifest["clips"] = dict(sorted(clips.items()))
            self._save()

    def dataset(self) -> Dataset:
        """Open the dataset as written so far."""
        return Dataset.open(self.folder)

    def _save(self) -> None:
        atomic_write_text(self.folder / MANIFEST, json.dumps(self._manifest, indent=1, sort_keys=True) + "\n")
        self._written = self._state()

    def _state(self) -> tuple[int, int, int]:
        """Return what another process's writing changes; while it is equal, the manifest need not be read again."""
        try:
            found = (self.folder / MANIFEST).stat()
        except FileNotFoundError:
            return 0, 0, 0
        return found.st_ino, found.st_mtime_ns, found.st_size


def _laid_over(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the tables of the new provenance into those of the old; a new value replaces any other."""
    return {
        key: {**old[key], **value} if isinstance(value, dict) and isinstance(old.get(key), dict) else value
        for key, value in new.items()
    }
