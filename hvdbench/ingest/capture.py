"""Read a capture, a film or a folder of frames, frame by frame."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hvdbench.errors import InputError
from hvdbench.frames import check_utf8, read_frame
from hvdbench.ingest.exif import read_exif
from hvdbench.video.colour.tone import linear_meaning, to_linear16
from hvdbench.video.metadata import CameraFacts
from hvdbench.video.reader import Shot, VideoReader
from hvdbench.workspace.names import stored_name

_CHUNK_BYTES = 1 << 20
_SLOWED = 1.5
_LONGEST_NAME_BYTES = 56  # a device stands before it in a clip's name
_LONGEST_PAUSE_S = 1.0  # between pictures of one clip; most phones state whole seconds


class Reader(Protocol):
    """Read a capture frame by frame, with what it states of itself."""

    camera: CameraFacts
    frames_stated: int

    def shots(self) -> Iterator[Shot]:
        """Yield the frames in order of time; they can be had once."""

    def notes(self) -> list[str]:
        """List what a user must know; complete when the frames have ended."""

    def attributes(self) -> dict[str, Any]:
        """Return what is kept of the capture: plain values, nothing personal."""


@dataclass(frozen=True)
class ReadOptions:
    """How frames are read.

    Attributes:
        linear: read 16-bit linear light too.
        fps: of folders of frames, which state no times.
        deinterlace: make whole pictures of a film's interlaced frames.
    """

    linear: bool = False
    fps: float | None = None
    deinterlace: bool = False


@dataclass(frozen=True)
class Capture:
    """A video, or a folder of frames.

    Attributes:
        path: of the video or the folder.
        files: the folder's pictures in the order a person counts; empty for a video.
        split: where it lies in a release's folder ``train``, ``test`` …; empty elsewhere.
        fault: why it cannot be read, found while folders were searched; empty where nothing is amiss so far.
        below: its path below the folder in which it was found; empty where it was named itself.
        label_given: what it is called where its bare name is that of others too.
    """

    path: Path
    files: tuple[Path, ...] = field(default=(), repr=False)
    split: str = ""
    fault: str = ""
    below: str = ""
    label_given: str = ""

    @property
    def label(self) -> str:
        """What it is called in sentences and in the manifest: its name as it is on the disk."""
        return self.label_given or self.path.name or self.path.resolve().name

    @property
    def name(self) -> str:
        """The file's name without its suffix, or the folder's, as clips and splits know it."""
        bare = self.path.resolve().name if self.files else self.path.stem
        return stored_name(bare, _LONGEST_NAME_BYTES)

    def sha256(self) -> str:
        """Hash the video, or the names and bytes of all pictures.

        Raises:
            InputError: if a file cannot be read, the video is not a regular file, or its name is not UTF-8.
        """
        if self.fault:
            raise InputError(self.fault)
        check_utf8(self.path)
        total = hashlib.sha256()
        if not self.files and not self.path.is_file():  # a pipe would never end
            found = "is a link to a file that is not there" if self.path.is_symlink() else "is no file"
            found = found if self.path.exists() or self.path.is_symlink() else "does not exist"
            raise InputError(f"{self.path} {found}: name a video file or a folder of frames")
        for file in self.files or (self.path,):
            if self.files:
                total.update(os.fsencode(file.name) + b"\n")
            try:
                with file.open("rb") as stream:
                    while chunk := stream.read(_CHUNK_BYTES):
                        total.update(chunk)
            except OSError as error:
                raise InputError(f"{file} cannot be read: {error.strerror}") from error
        return total.hexdigest()

    def open(self, options: ReadOptions) -> AbstractContextManager[Reader]:
        """Open for reading, as a context manager.

        Raises:
            InputError, VideoError: if the capture cannot be read as requested, on entering or while frames are read.
        """
        return nullcontext(_FolderReader(self, options)) if self.files else _Film(self, options)


class _Film(AbstractContextManager["_Film"]):
    """Read a video's frames."""

    def __init__(self, capture: Capture, options: ReadOptions) -> None:
        self._reader = VideoReader(capture.path, linear=options.linear, deinterlace=options.deinterlace)
        self._options = options

    def __enter__(self) -> "_Film":
        facts = self._reader.__enter__().facts
        self.camera, self.frames_stated = facts.camera, facts.frames_stated
        return self

    def __exit__(self, *error: Any) -> None:
        self._reader.__exit__(*error)

    def shots(self) -> Iterator[Shot]:
        return iter(self._reader)

    def notes(self) -> list[str]:
        notes, facts = list(self._reader.notes), self._reader.facts
        captured, stored = facts.camera.capture_fps, float(facts.fps or 0)
        if captured and stored and captured > _SLOWED * stored:
            notes.append(
                f"it was captured at {captured:g} frames a second and is stored at {stored:.4g}, and its times are "
                "those stored"
            )
        return notes

    def attributes(self) -> dict[str, Any]:
        facts = self._reader.facts
        width, height = facts.stored_size
        aspect = facts.pixel_aspect
        kept: dict[str, Any] = {
            "codec": facts.codec,
            "stored_size": f"{width}x{height}",
            "rotation_deg": facts.upright.rotation_deg,
            "mirrored": facts.upright.mirrored,
            "pixel_aspect": f"{aspect.numerator}:{aspect.denominator}",
            "pixel_format": facts.colour.pixel_format,
            "bit_depth": facts.colour.bit_depth,
            "transfer": facts.colour.transfer,
            "primaries": facts.colour.primaries,
            "matrix": facts.colour.matrix,
            "matrix_read": facts.colour.matrix_read,
            "range": "full" if facts.colour.full_range else "limited",
            "tone_map": facts.tone_map or "none",
            "outside_edit_list": self._reader.outside_edit_list,
        }
        if facts.fps:
            kept["fps_stated"] = float(facts.fps)
        if facts.dolby:
            kept["dolby_vision"] = str(facts.dolby)
        if facts.camera.capture_fps:
            kept["capture_fps"] = facts.camera.capture_fps
        if self._options.linear:
            kept["linear"] = linear_meaning(facts.colour.transfer)
        return kept


class _FolderReader:
    """Read a folder's frames; JPEG files may state the camera and exposure times."""

    def __init__(self, capture: Capture, options: ReadOptions) -> None:
        self._capture, self._options = capture, options
        first = read_exif(capture.files[0])
        self.camera = CameraFacts(first.make, first.model)
        self.frames_stated = len(capture.files)

    def shots(self) -> Iterator[Shot]:
        size: tuple[int, int] | None = None
        last_s: float | None = None
        for index, file in enumerate(self._capture.files):
            picture = read_frame(file)
            found = picture.shape[1], picture.shape[0]
            size = size or found
            if found != size:
                raise InputError(
                    f"{self._capture.path}: {file.name} is {found[0]}x{found[1]}, and the frames before it are "
                    f"{size[0]}x{size[1]}: all frames of a clip must have one size"
                )
            linear = to_linear16(picture * np.uint16(257), "bt709") if self._options.linear else None
            time_s = index / self._options.fps if self._options.fps else None
            facts = read_exif(file)
            taken_s = facts.taken_s
            paused = last_s is not None and taken_s is not None and abs(taken_s - last_s) > _LONGEST_PAUSE_S
            yield Shot(time_s, picture, linear, facts.exposure_s, starts_anew=paused)
            last_s = taken_s

    def notes(self) -> list[str]:
        return (
            []
            if self._options.fps
            else ["a folder of frames does not state times, so the clips have none (t_s): give --fps"]
        )

    def attributes(self) -> dict[str, Any]:
        kept: dict[str, Any] = {"rotation_deg": 0, "mirrored": False, "tone_map": "none", "bit_depth": 8}
        return kept | ({"linear": linear_meaning("bt709")} if self._options.linear else {})
