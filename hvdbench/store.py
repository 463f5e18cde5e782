"""Datasets on disk: GoPro's folder names, one ``tracks.h5`` a clip, one ``dataset.json`` that can be verified.

``docs/store.md`` lists the files and the fields of ``tracks.h5``.
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
from hvdbench.workspace.atomic import atomic_path, atomic_write_text, is_partial

SCHEMA = 1
ANNOTATIONS = "annotations"  # the folder of labels made by hand
Truth = Literal["mid", "centroid"]
TRUTH_FOLDERS: Mapping[str, str] = {"mid": "sharp", "centroid": "sharp_centroid"}


@dataclass(frozen=True)
class ClipFolder:
    """One clip of a dataset: ``<dataset>/<split>/<clip>``."""

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
        """Read the input, uint8 RGB (T, H, W, 3)."""
        return read_clip(self.folder / "blur")

    def truth(self, which: Truth) -> Frames | None:
        """Read the truth at mid-exposure or at the exposure's centroid; None where the clip has none."""
        folder = self.folder / TRUTH_FOLDERS[which]
        return read_clip(folder) if folder.is_dir() else None

    def track(self, field: str) -> NDArray[Any] | None:
        """Read one field of ``tracks.h5``, None where it is absent."""
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
        """Change ``tracks.h5`` whole or not at all (made when absent)."""
        with atomic_path(self.tracks_path) as temporary:
            if self.tracks_path.is_file():
                shutil.copyfile(self.tracks_path, temporary)
            with h5py.File(temporary, "a") as tracks:
                edit(tracks)

    def digest(self) -> str:
        """Hash frames and tracks (SHA-256 hex); labels are left out, they are added later by whoever labels."""
        total = hashlib.sha256()
        for name in ("blur", *TRUTH_FOLDERS.values(), "linear"):
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
            DatasetError: no ``dataset.json``, one that cannot be read, or one of a newer schema.
        """
        path = folder / "dataset.json"
        if not path.is_file():
            raise DatasetError(f"{folder} is no dataset: it holds no dataset.json (make one with 'hvdbench synth')")
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise DatasetError(f"{path} is not JSON ({error}): the dataset must be made again") from error
        if not isinstance(manifest, dict) or "clips" not in manifest:
            raise DatasetError(f"{path} is no dataset's manifest: the dataset must be made again")
        if manifest.get("schema") != SCHEMA:
            raise DatasetError(f"{path} has schema {manifest.get('schema')}, this version reads {SCHEMA}")
        return cls(folder, manifest)

    @property
    def name(self) -> str:
        return str(self.manifest["name"])

    @property
    def origin(self) -> str:
        """``demo``, ``simulated`` or ``measured``: what rows scored on this dataset are stamped with."""
        return str(self.manifest["origin"])

    @property
    def digest(self) -> str:
        """Name the data itself: hashed from the digests of all clips."""
        return digest_of(dict(self.manifest["clips"]))

    def clips(self, split: str | None = None) -> list[ClipFolder]:
        """List the finished clips, sorted by split and name."""
        keys = sorted(self.manifest["clips"])
        found = [ClipFolder(self.folder / key) for key in keys if split is None or key.split("/")[0] == split]
        if not found:
            where = f" in split '{split}'" if split else ""
            raise DatasetError(f"{self.folder} holds no finished clip{where}: run 'hvdbench synth' again")
        return found

    def verify(self) -> list[str]:
        """Hash every clip again; name those that are missing or differ (an empty list is a pass)."""
        faults = []
        for key, expected in sorted(self.manifest["clips"].items()):
            clip = ClipFolder(self.folder / key)
            if not clip.folder.is_dir():
                faults.append(f"{clip.folder} is missing")
            elif _digest_or_fault(clip) != expected:
                faults.append(f"{clip.folder} differs from what was written")
        return faults


def _digest_or_fault(clip: ClipFolder) -> str:
    try:
        return clip.digest()
    except (OSError, RuntimeError, KeyError, InputError) as error:  # a damaged tracks.h5, a link to a lost frame
        return f"no digest: {error}"


class DatasetWriter:
    """Writes a dataset clip by clip; a killed run goes on where it was.

    Args:
        folder: the dataset's folder.
        name: its name on boards.
        origin: ``demo``, ``simulated`` or ``measured``.
        recipe: the values that made it, JSON-able; their digest decides whether what exists is the same dataset.
        provenance: sources, licences, seeds: kept, not compared.
        overwrite: begin anew where the existing dataset came from other values.

    Raises:
        DatasetError: the folder holds another dataset and ``overwrite`` is off, or is not empty and no dataset.
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
        self.folder = folder
        digest = digest_of(recipe)
        clips: dict[str, str] = {}
        if (folder / "dataset.json").is_file():
            old = Dataset.open(folder)
            if old.manifest["recipe_digest"] == digest:
                clips = {key: value for key, value in old.manifest["clips"].items() if (folder / key).is_dir()}
            elif not overwrite:
                found = old.manifest["recipe_digest"]
                raise DatasetError(
                    f"{folder} holds a dataset made from other values (digest {found}, asked for {digest}): choose "
                    f"another --out, or --overwrite it"
                )
        elif folder.is_dir() and any(not is_partial(path) for path in folder.iterdir()):
            raise DatasetError(f"{folder} is not empty and holds no dataset.json: choose another --out")
        self._manifest: dict[str, Any] = {
            "schema": SCHEMA,
            "name": name,
            "origin": origin,
            "recipe": dict(recipe),
            "recipe_digest": digest,
            "provenance": dict(provenance),
            "versions": {"hvdbench": __version__, "numpy": np.__version__},
            "clips": clips,
        }
        if not clips:
            for leftover in folder.glob("*/"):
                if leftover.name != ANNOTATIONS:  # made by hand: never removed
                    shutil.rmtree(leftover)
        self._save()

    def has(self, split: str, clip: str) -> bool:
        """Tell whether a clip is finished."""
        return f"{split}/{clip}" in self._manifest["clips"]

    def clip_folder(self, split: str, clip: str) -> ClipFolder:
        """Name a clip's folder; write it inside :func:`hvdbench.workspace.atomic.atomic_folder`."""
        return ClipFolder(self.folder / split / clip)

    def finish(self, clip: ClipFolder, digest: str) -> None:
        """Enter a written clip and its digest into the manifest."""
        clips = self._manifest["clips"] | {f"{clip.split}/{clip.name}": digest}
        self._manifest["clips"] = dict(sorted(clips.items()))
        self._save()

    def dataset(self) -> Dataset:
        """Open what has been written."""
        return Dataset.open(self.folder)

    def _save(self) -> None:
        atomic_write_text(self.folder / "dataset.json", json.dumps(self._manifest, indent=1, sort_keys=True) + "\n")
