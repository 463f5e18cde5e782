"""Read one clip of a run together with the clip that it restores, a frame at a time."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hvdbench.errors import DatasetError, InputError
from hvdbench.frames import list_frames
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.scoring.frame_files import FrameFiles
from hvdbench.scoring.run_series import Sequences, series_sha256
from hvdbench.store import TRUTH_FOLDERS, ClipFolder, Truth
from hvdbench.workspace.parsing import read_json

TRUTHS: tuple[Truth, ...] = ("mid", "centroid")
ABSENT = "absent"
"""The note of a restoration that lists the frames without a result."""


@dataclass(frozen=True)
class RunClip:
    """The frames of a run with input and truths; hashes are computed once.

    Attributes:
        folder: ``runs/<method>/<dataset>/<split>/<clip>``, with one picture per frame under the input's file names.
        clip: the clip that was restored.
    """

    folder: Path
    clip: ClipFolder

    @cached_property
    def files(self) -> list[Path]:
        """List the run's pictures.

        Raises:
            InputError: if they are not the pictures of the clip.
        """
        files = list_frames(self.folder)
        found, expected = [path.name for path in files], [path.name for path in list_frames(self.clip.folder / "blur")]
        if found != expected:
            raise InputError(_other_names(self, found, expected))
        return files

    @cached_property
    def restored(self) -> FrameFiles:
        """The frames of the run.

        Raises:
            InputError: if they are not those of the clip, or have another size.
        """
        frames, blurry = FrameFiles(self.files, self.folder), self.blurry
        if frames.shape != blurry.shape:
            found, expected = ("x".join(map(str, of.shape[1:])) for of in (frames, blurry))
            raise InputError(
                f"{self.folder} contains frames of {found}, and {self.clip.folder} has frames of {expected}: restore "
                "the clip again"
            )
        return frames

    @cached_property
    def blurry(self) -> FrameFiles:
        """The blurry frames that were restored."""
        return FrameFiles.of(self.clip.folder / "blur")

    @cached_property
    def truths(self) -> dict[Truth, FrameFiles]:
        """The truths that the clip has.

        Raises:
            InputError: if a truth has another number of frames or another size.
        """
        found: dict[Truth, FrameFiles] = {}
        for truth in TRUTHS:
            folder = self.clip.folder / TRUTH_FOLDERS[truth]
            if folder.is_dir():
                found[truth] = FrameFiles.of(folder)
        for truth, frames in found.items():
            if frames.shape != self.blurry.shape:
                sizes = ["x".join(map(str, of.shape)) for of in (self.blurry, frames)]
                raise InputError(f"the restored frames are {sizes[0]}, and those of the {truth} truth are {sizes[1]}")
        return found

    @cached_property
    def sequences(self) -> Sequences:
        """The sequences that were restored of each frame, beside the true ones.

        Raises:
            FitError: if the run has no sequences, or the clip no sub-frames.
            InputError: if they do not fit each other.
        """
        return Sequences(self.folder, self.clip.folder, [path.stem for path in list_frames(self.clip.folder / "blur")])

    @cached_property
    def series_sha256(self) -> str | None:
        """The SHA-256 of the run's sequences; None where it has none."""
        return series_sha256(self.folder)

    @cached_property
    def frame_digests(self) -> list[bytes]:
        """The names and SHA-256 of the run's frames, in turn."""
        return [path.name.encode() + hashlib.sha256(path.read_bytes()).digest() for path in self.files]

    @cached_property
    def clip_digest(self) -> str:
        """The digest of the clip in its present state."""
        return self.clip.digest()

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """The content of ``run.json``; empty where there is none.

        Raises:
            InputError: if the file is damaged.
        """
        path = self.folder / "run.json"
        return read_manifest(path) if path.is_file() else {}

    def key(self, *parts: str) -> str:
        """Hash the run's frames, the clip and everything else that determines a score: 16 hex digits."""
        series = [self.series_sha256] if self.series_sha256 else []
        digests = [*series, *map(bytes.hex, self.frame_digests)]
        total = hashlib.sha256("\n".join([*parts, self.clip_digest, *digests]).encode())
        return total.hexdigest()[:16]

    @property
    def was_changed(self) -> bool:
        """Whether frames or sequences differ from those that were restored, as far as ``run.json`` tells."""
        if "series_sha256" in self.manifest and self.manifest["series_sha256"] != self.series_sha256:
            return True
        expected = self.manifest.get("frames_sha256")
        return expected is not None and total_digest(self.frame_digests) != expected

    @property
    def absent(self) -> tuple[int, ...]:
        """The frames for which there is no result; the input stands in their place and must never be scored.

        Raises:
            InputError: if ``run.json`` is damaged.
        """
        found = (self.manifest.get("facts") or {}).get(ABSENT, [])
        return tuple(int(index) for index in found)

    def check_results(self, protocol: Protocol) -> None:
        """Refuse a protocol that counts frames without a result.

        Raises:
            InputError: if the protocol counts such frames.
        """
        if not self.absent:
            return
        counts = protocol.counts(np.arange(len(self.files)), len(self.files))
        asked = [str(index) for index in self.absent if index >= len(counts) or counts[index]]
        if asked:
            raise InputError(
                f"{self.folder} has no result for frame {', '.join(asked)}, which protocol {protocol.name} counts: "
                "score it under the protocol that it was entered under"
            )

    def check_clip(self, clip_digest: str) -> None:
        """Refuse a clip that was changed since the dataset was made.

        Args:
            clip_digest: the clip's digest in the dataset's manifest.

        Raises:
            DatasetError: if the clip was changed.
        """
        if self.clip_digest != clip_digest:
            raise DatasetError(
                f"{self.clip.folder} differs from what was written: rows that are scored on it would not be of the "
                "dataset ('hvdbench verify' names every clip that differs)"
            )

    def check_origin(self, clip_digest: str) -> None:
        """Refuse frames that were restored from another version of the clip, as far as ``run.json`` tells.

        Args:
            clip_digest: the clip's digest in the dataset's manifest.

        Raises:
            InputError: if the frames came from another version.
        """
        if self.manifest.get("clip_digest", clip_digest) != clip_digest:
            raise InputError(
                f"{self.folder} was restored from another version of the clip than {self.clip.folder}: name the "
                "dataset that it was restored from, or restore it again ('hvdbench eval --overwrite')"
            )

    def check_frames(self) -> None:
        """Refuse frames that were changed since they were restored, as far as ``run.json`` tells.

        Raises:
            InputError: if the frames were changed.
        """
        if self.was_changed:
            raise InputError(
                f"the frames in {self.folder} were changed after they were restored: restore the clip again with "
                "'hvdbench eval --overwrite'"
            )


def read_manifest(path: Path) -> Mapping[str, Any]:
    """Read a ``run.json``.

    Raises:
        InputError: if the file is damaged.
    """
    try:
        return dict(read_json(path))
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} is damaged: restore the clip again") from error


def frames_sha256(folder: Path) -> str:
    """Hash the names and bytes of a clip's frames, as SHA-256 in hex.

    Raises:
        InputError: if there is no such folder.
    """
    return total_digest(
        [path.name.encode() + hashlib.sha256(path.read_bytes()).digest() for path in list_frames(folder)]
    )


def total_digest(frame_digests: list[bytes]) -> str:
    """Hash the value of :attr:`RunClip.frame_digests`, as SHA-256 in hex."""
    return hashlib.sha256(b"".join(frame_digests)).hexdigest()


def _other_names(place: RunClip, found: list[str], expected: list[str]) -> str:
    absent, surplus = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    faults = [
        f"{len(names)} {word}, first {names[0]}"
        for names, word in ((absent, "missing"), (surplus, "too many"))
        if names
    ]
    return (
        f"{place.folder} contains {len(found)} frames, and {place.clip.folder / 'blur'} contains {len(expected)} "
        f"({'; '.join(faults)}): a run must have one frame for each frame of the clip, under the same name"
    )
