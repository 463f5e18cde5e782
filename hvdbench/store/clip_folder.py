"""Read one clip of a dataset, in its folder on the disk or from object storage."""

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
from numpy.typing import NDArray

from hvdbench.errors import DatasetError
from hvdbench.frames import Frames, list_frames, read_clip
from hvdbench.store.hdf5_files import write_hdf5
from hvdbench.store.remote import RemoteClip
from hvdbench.store.tracks import field_names, field_of, open_tracks
from hvdbench.workspace.atomic import atomic_path
from hvdbench.workspace.locks import locked

SERIES_FOLDER = "sharp_series"
"""Folder of the sub-frames: N sharp frames of each exposure in the order of time; ``hvdbench.frames.list_series``."""
Truth = Literal["mid", "centroid"]
TRUTH_FOLDERS: Mapping[str, str] = {"mid": "sharp", "centroid": "sharp_centroid"}


@dataclass(frozen=True)
class ClipFolder:
    """One clip of a dataset, ``<dataset>/<split>/<clip>``.

    Attributes:
        place: the clip's folder; of a clip in object storage, ``<split>/<clip>`` alone.
        remote: where the clip lies in object storage; None for a clip on the disk.
    """

    place: Path
    remote: RemoteClip | None = None

    @property
    def folder(self) -> Path:
        """The folder of the clip, which of a clip in object storage is a copy that is made when it is first needed.

        Raises:
            InputError: if the clip cannot be copied.
            DatasetError: if what was copied has another digest than the dataset's manifest states.
        """
        return self.place if self.remote is None else self.remote.copy(_digest_of)

    @property
    def name(self) -> str:
        return self.place.name

    @property
    def split(self) -> str:
        return self.place.parent.name

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
        """Read one field of ``tracks.h5``, or None where it is absent.

        Raises:
            DatasetError: if the file is damaged, or too small for what it declares.
        """
        if not self.tracks_path.is_file():
            return None
        with open_tracks(self.tracks_path) as tracks:
            return field_of(tracks, field) if field in tracks else None

    def attributes(self) -> dict[str, Any]:
        """Read the root attributes of ``tracks.h5``."""
        if not self.tracks_path.is_file():
            return {}
        with open_tracks(self.tracks_path) as tracks:
            return dict(tracks.attrs)

    def edit_tracks(self, edit: Callable[[h5py.File], None]) -> None:
        """Apply an edit to ``tracks.h5`` whole or not at all.

        The file is made when it is absent. Only one process at a time may edit it.

        Raises:
            DatasetError: if the clip lies in object storage.
        """
        if self.remote is not None:
            raise DatasetError(f"'{self.remote}' is only read: copy the dataset to this machine to write to it")
        with locked(self.tracks_path), atomic_path(self.tracks_path) as temporary:
            if self.tracks_path.is_file():
                shutil.copyfile(self.tracks_path, temporary)
            with write_hdf5(temporary, "a") as tracks:
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
            with open_tracks(self.tracks_path) as tracks:
                for field in field_names(tracks):
                    value = field_of(tracks, field)
                    total.update(f"{field}:{value.dtype}:{value.shape}".encode())
                    total.update(value.tobytes())
        return total.hexdigest()


def _digest_of(folder: Path) -> str:
    return ClipFolder(folder).digest()
