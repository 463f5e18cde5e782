"""Import phone captures into a dataset: choose split and name, keep the facts of each, and respect what exists."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hvdbench.errors import DatasetError, HvdbenchError, InputError
from hvdbench.ingest.book import LONGEST_KEY_BYTES, Book, NameTakenError
from hvdbench.ingest.capture import Capture, Reader, ReadOptions
from hvdbench.ingest.clips import ClipPlan, ClipSeries, check_plan
from hvdbench.ingest.device import DeviceMap, check_device, choose_device, read_device_map
from hvdbench.ingest.finding import find_captures
from hvdbench.ingest.scenes import with_cuts
from hvdbench.store import ClipFolder, Dataset, DatasetWriter
from hvdbench.video.colour.tone import TONE_MAP
from hvdbench.video.crop import Crop
from hvdbench.video.input import FEWEST_FRAMES
from hvdbench.workspace.names import checked_name, fitted_name
from hvdbench.workspace.progress import Progress, silent

SPLITS = ("train", "test")


@dataclass(frozen=True)
class IngestRequest:
    """The captures to import, and how.

    Attributes:
        paths: videos, folders of frames, folders of either.
        out: the dataset's folder; its name is the dataset's.
        device: the device of captures that do not state one and lie in no folder of ``device_map``.
        device_map: a TOML file of folders and devices.
        keep_location: whether to keep the place where a capture was made.
        clip_frames, clip_seconds: the length to which clips are cut; None: they are cut at scene cuts only.
        cut_scenes: whether to look for scene cuts.
        test_share: share of captures that go to ``test``, chosen by their names.
        split: the split of all captures; None: by ``test_share``, or by the release's folder in which they lie.
        crop: x, y, width, height in pixels of the upright picture.
        deinterlace: whether to make whole pictures of interlaced frames.
        linear16: whether to write 16-bit linear light beside the frames.
        fps: the frame rate of folders of frames.
        overwrite: whether to replace a dataset that was made with other settings.
    """

    paths: tuple[Path, ...]
    out: Path
    device: str = ""
    device_map: Path | None = None
    keep_location: bool = False
    clip_frames: int | None = None
    clip_seconds: float | None = None
    cut_scenes: bool = True
    test_share: float = 0.2
    split: str | None = None
    crop: Crop | None = None
    deinterlace: bool = False
    linear16: bool = False
    fps: float | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class Ingested:
    """What became of the captures.

    Attributes:
        dataset: None where nothing was taken in.
        rows: a line for every capture that was.
        warnings: a line for every capture of which a user must know something.
        left_out: a sentence for what was found and is no capture, such as photos beside films.
        failures: a sentence for every capture or path that failed.
    """

    dataset: Dataset | None
    rows: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


class _NoClipError(InputError):
    """A capture's frames make no clip."""


def ingest(request: IngestRequest, *, progress: Progress = silent) -> Ingested:
    """Import captures, one after another; one that fails leaves the others as they are.

    Finished clips and captures are kept when a run is killed, and are not made again.

    Raises:
        InputError: if settings contradict each other or are out of range.
        DatasetError: if ``out`` contains another dataset, or one that was made with other settings.
    """
    devices = _check(request)
    found = find_captures(request.paths)
    book = Book(request.out, _recipe(request), request.overwrite)
    rows, warnings, left_out, failures = [], [], list(found.left_out), list(found.failures)
    for capture in found.captures:
        try:
            row, warning = _Intake(capture, request, devices, book).run(progress)
        except DatasetError:
            raise
        except HvdbenchError as error:
            is_photos = isinstance(error, _NoClipError) and capture.files and capture.below
            (left_out if is_photos else failures).append(str(error))
        else:
            rows.append(row)
            warnings += [warning] if warning else []
    if not rows and not failures:  # a command that does nothing of what it was asked for has failed
        left_out, failures = [], left_out
    return Ingested(book.dataset(), tuple(rows), tuple(warnings), tuple(left_out), tuple(failures))


def split_of(name: str, test_share: float) -> str:
    """Choose a capture's split by a hash of its name alone, so that it does not depend on other captures."""
    place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
    return "test" if place < test_share else "train"


def _check(request: IngestRequest) -> DeviceMap:
    if not request.paths:
        raise InputError("there is nothing to ingest: name video files or folders of frames")
    checked_name(request.out.resolve().name, "the dataset's name")
    if request.clip_frames is not None and request.clip_seconds is not None:
        raise InputError("the length of clips was given both in frames and in seconds: give one of the two")
    if not 0 <= request.test_share <= 1:
        raise InputError(f"the test share is {request.test_share}: name a share from 0 to 1")
    if request.split is not None and request.split not in SPLITS:
        raise InputError(f"there is no split '{request.split}' (known: {', '.join(SPLITS)})")
    if request.fps is not None and not 0 < request.fps < 1e6:
        raise InputError(f"{request.fps} is not a number of frames a second: name one above 0")
    check_plan(ClipPlan("", "", request.clip_frames, request.clip_seconds))
    if request.device:
        check_device(request.device)
    return read_device_map(request.device_map) if request.device_map else DeviceMap()


def _recipe(request: IngestRequest) -> dict[str, Any]:
    whole = {"deinterlace": True} if request.deinterlace else {}
    return whole | {
        "kind": "phone captures",
        "clip_frames": request.clip_frames,
        "clip_seconds": request.clip_seconds,
        "cut_scenes": request.cut_scenes,
        "crop": list(request.crop) if request.crop else None,
        "tone_map": TONE_MAP,
        "linear16": request.linear16,
    }


def _no_clip(capture: Capture, frames: int) -> str:
    if frames < FEWEST_FRAMES:
        return f"{capture.path} has {frames} frame: at least {FEWEST_FRAMES} are needed"
    ending = ": they are photos" if capture.files else ", so there is a cut at each"
    return f"{capture.path} has {frames} frames, of which no two follow each other as those of a clip do{ending}"


class _Intake:
    """One capture on its way in; the dataset is touched when its first clip is begun."""

    def __init__(self, capture: Capture, request: IngestRequest, devices: DeviceMap, book: Book) -> None:
        self.capture, self.request, self.devices, self.book = capture, request, devices, book
        self.split = request.split or capture.split or split_of(capture.name, request.test_share)
        self.key = ""
        self.entry: dict[str, Any] = {}

    def run(self, progress: Progress) -> tuple[str, str]:
        """Take it in; return its row and its warning."""
        try:
            return self._take_in(progress)
        except NameTakenError:  # before anything of it was written; the next key is free
            return self._take_in(progress)

    def _take_in(self, progress: Progress) -> tuple[str, str]:
        request, capture = self.request, self.capture
        if capture.files and request.clip_seconds is not None and request.fps is None:
            raise InputError(f"{capture.path} does not state times: give --fps, or the length of clips in frames")
        sha256 = capture.sha256()
        with capture.open(ReadOptions(request.linear16, request.fps, request.deinterlace)) as reader:
            device, device_note = choose_device(reader.camera, self.devices.device(capture.path), request.device)
            self.key = self.book.key_for(fitted_name(f"{device}_{capture.name}", LONGEST_KEY_BYTES), sha256)
            done = self.book.check(capture.path, self.key, sha256, self.split)
            if done:
                return f"{capture.label}: already in '{self.split}', {len(done['clips'])} clips", ""
            self.entry = self._entry(reader, device, sha256)
            plan = ClipPlan(self.split, self.key, request.clip_frames, request.clip_seconds, request.crop)
            notes = [device_note] if device_note else []
            with ClipSeries(self, plan, lambda: self._attributes(reader, notes)) as series:
                self._write(reader, series, progress, notes)
            notes += reader.notes() + series.notes()
            self.entry |= reader.attributes() | {
                "clips": series.names,
                "frames": series.frames,
                "warnings": notes,
                "complete": True,
            }
        self.book.enter(self.key, self.entry)
        return self._row(series), f"{capture.label}: {'; '.join(notes)}" if notes else ""

    def _write(self, reader: Reader, series: ClipSeries, progress: Progress, notes: list[str]) -> None:
        """Write all clips; note where reading failed after two frames or more."""
        path, total = self.capture.path, reader.frames_stated
        try:
            for seen in with_cuts(reader.shots(), detect=self.request.cut_scenes):
                series.add(seen)
                if series.frames < total:
                    progress(series.frames, total, f"ingest {self.capture.label}")
        except InputError as error:
            reason = str(error).removeprefix(f"{path}: ")
            if series.frames < FEWEST_FRAMES:
                raise InputError(reason if reason.startswith(str(path)) else f"{path}: {reason}") from error
            notes.append(f"reading stopped after {series.frames} frames: {reason}")
        progress(max(series.frames, 1), max(series.frames, 1), f"ingest {self.capture.label}")
        series.end()
        if not series.names:
            raise _NoClipError(_no_clip(self.capture, series.frames))

    def _entry(self, reader: Reader, device: str, sha256: str) -> dict[str, Any]:
        camera = reader.camera
        kept = {
            "file": self.capture.label,
            "sha256": sha256,
            "device": device,
            "make": camera.make,
            "model": camera.model,
            "split": self.split,
            "complete": False,
            "clips": [],
        }
        return kept | ({"location": camera.location} if self.request.keep_location and camera.location else {})

    def _attributes(self, reader: Reader, notes: Sequence[str]) -> dict[str, Any]:
        left_out = {"complete", "clips", "split", "file"}
        kept = {key: value for key, value in self.entry.items() if key not in left_out}
        return (
            kept
            | reader.attributes()
            | {"source": self.entry["file"], "warnings": "; ".join([*notes, *reader.notes()])}
        )

    def _row(self, series: ClipSeries) -> str:
        entry = self.entry
        tone = f", tone map {entry['tone_map']}" if entry["tone_map"] != "none" else ""
        outside = entry.get("outside_edit_list")
        edits = f", {outside} stored frames outside its edit list" if outside else ""
        turn = f", turned {entry['rotation_deg']} deg" if entry["rotation_deg"] else ""
        mirror = ", mirrored" if entry["mirrored"] else ""
        return (
            f"{entry['file']}: {series.frames} frames, {len(series.names)} clips in '{self.split}', "
            f"{entry['device']}{turn}{mirror}{tone}{edits}"
        )

    # What a ClipSeries puts its clips on: the writer, entered into the manifest with the first clip.

    def _writer(self) -> DatasetWriter:
        if self.key not in self.book.captures:
            return self.book.enter(self.key, self.entry)
        return self.book.writer or self.book.save()

    def clip_folder(self, split: str, clip: str) -> ClipFolder:
        return self._writer().clip_folder(split, clip)

    def has(self, split: str, clip: str) -> bool:
        return self._writer().has(split, clip)

    def finish(self, clip: ClipFolder, digest: str) -> None:
        self._writer().finish(clip, digest)
