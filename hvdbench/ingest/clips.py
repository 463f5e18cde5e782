"""Write a capture as clips, cut where scenes begin and at fixed lengths, with one frame in memory at a time."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frame16, write_frame
from hvdbench.ingest.repeats import Repeats, frozen
from hvdbench.ingest.scenes import Seen
from hvdbench.store import ClipFolder
from hvdbench.video.crop import Crop, cut, cut_fault
from hvdbench.video.input import FEWEST_FRAMES, SMALLEST_SIDE_PX
from hvdbench.video.reader import Shot
from hvdbench.workspace.atomic import atomic_folder, atomic_write_bytes

LINEAR_FOLDER = "linear"


class Shelf(Protocol):
    """Take finished clips in."""

    def clip_folder(self, split: str, clip: str) -> ClipFolder: ...

    def has(self, split: str, clip: str) -> bool: ...

    def finish(self, clip: ClipFolder, digest: str) -> None: ...


@dataclass(frozen=True)
class ClipPlan:
    """Where a capture's clips go and how long they are.

    Attributes:
        split: ``train`` or ``test``.
        prefix: clips are called ``<prefix>_000``, ``<prefix>_001`` …
        most_frames, most_s: a clip ends before it has more; None: no limit.
        crop: x, y, width, height in pixels of the upright picture; cuts and repeats are looked for in the whole one.
    """

    split: str
    prefix: str
    most_frames: int | None = None
    most_s: float | None = None
    crop: Crop | None = None


class ClipSeries:
    """Write a capture's clips one after another; a context manager that drops a half-written clip on an error.

    A clip that the dataset already has is not written again. A single frame between two cuts does not make a clip.

    Args:
        shelf: the dataset.
        plan: names and lengths.
        attributes: function called when a clip ends; it returns the facts of the capture for the clip's tracks.

    Attributes:
        names: of the clips so far.
        frames, duplicates, frozen, alone, same_time: frames so far, in all and of each kind.
    """

    def __init__(self, shelf: Shelf, plan: ClipPlan, attributes: Callable[[], Mapping[str, Any]]) -> None:
        self._shelf, self._plan, self._attributes = shelf, plan, attributes
        self._clip: _OpenClip | None = None
        self._pending: Shot | None = None
        self._repeats = Repeats()
        self._last_s: float | None = None
        self.names: list[str] = []
        self.frames = self.duplicates = self.frozen = self.alone = self.same_time = 0

    def __enter__(self) -> "ClipSeries":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._clip and error is not None:
            self._clip.drop(error)

    def add(self, seen: Seen) -> None:
        """Take the next frame.

        Raises:
            InputError: if frames are too small, or a crop reaches outside them.
        """
        if self.frames == 0 and (fault := cut_fault(seen.shot.picture, self._plan.crop, None)):
            raise InputError(fault)
        shot = _cropped(seen.shot, self._plan.crop)
        height, width = shot.picture.shape[:2]
        if min(height, width) < SMALLEST_SIDE_PX:
            raise InputError(
                f"its frames are {width}x{height}, and at least {SMALLEST_SIDE_PX} pixels a side are needed"
            )
        repeats = self._repeats.is_repeat(seen.look)
        self.same_time += self.frames > 0 and shot.time_s is not None and shot.time_s == self._last_s
        self._last_s = shot.time_s
        self.frames += 1
        if seen.begins or self._is_full(shot):
            self.end()
        if self._clip is not None:
            self._clip.add(shot, repeats)
        elif self._pending is None:
            self._pending = shot
        else:
            self._clip = _OpenClip(self._shelf, self._plan, len(self.names), self.frames - 2)
            self._clip.add(self._pending, repeats=False)
            self._clip.add(shot, repeats)
            self._pending = None

    def end(self) -> None:
        """Finish the clip that is being written."""
        if self._clip is not None:
            marks = self._clip.close(self._attributes())
            self.duplicates += int(marks["duplicate"].sum())
            self.frozen += int(marks["frozen"].sum())
            self.names.append(self._clip.target.name)
            self._clip = None
        self.alone += self._pending is not None
        self._pending = None

    def notes(self) -> list[str]:
        """Write what was counted."""
        found = []
        if self.duplicates:
            still = f", and {self.frozen} are in frozen stretches" if self.frozen else ""
            found.append(f"{self.duplicates} of {self.frames} frames repeat the one before (flagged{still})")
        if self.same_time:
            found.append(f"{self.same_time} frames have the time of the one before")
        if self.alone:
            found.append(f"{self.alone} single frames between cuts make no clip and were left out")
        return found

    def _is_full(self, shot: Shot) -> bool:
        first = self._clip.first if self._clip else self._pending
        if first is None:
            return False
        count = self._clip.count if self._clip else 1
        if self._plan.most_frames is not None and count >= self._plan.most_frames:
            return True
        if self._plan.most_s is None or first.time_s is None or shot.time_s is None:
            return False
        return shot.time_s - first.time_s >= self._plan.most_s - 1e-9


class _OpenClip:
    """One clip while it is written."""

    def __init__(self, shelf: Shelf, plan: ClipPlan, index: int, first_frame: int) -> None:
        self._shelf, self._first_frame = shelf, first_frame
        self.target = shelf.clip_folder(plan.split, f"{plan.prefix}_{index:03d}")
        self._stack = ExitStack()
        self._folder: Path | None = None
        if not shelf.has(plan.split, self.target.name):
            self._folder = self._stack.enter_context(atomic_folder(self.target.folder))
            (self._folder / "blur").mkdir()
        self.first: Shot | None = None
        self.count = 0
        self._times_s: list[float | None] = []
        self._exposures_s: list[float | None] = []
        self._duplicate: list[bool] = []

    def add(self, shot: Shot, repeats: bool) -> None:
        if self._folder is not None:
            write_frame(self._folder / "blur" / f"{self.count:08d}.png", shot.picture)
            if shot.linear is not None:
                _write_linear(self._folder / LINEAR_FOLDER / f"{self.count:08d}.png", shot.linear)
        self.first = self.first or Shot(shot.time_s, shot.picture[:1, :1])
        self._times_s.append(shot.time_s)
        self._exposures_s.append(shot.exposure_s)
        self._duplicate.append(repeats and self.count > 0)
        self.count += 1

    def drop(self, error: BaseException) -> None:
        """Remove what is half written."""
        self._stack.__exit__(type(error), error, error.__traceback__)

    def close(self, attributes: Mapping[str, Any]) -> dict[str, NDArray[np.bool_]]:
        """Write the tracks, put the clip in its place and return its frames' marks."""
        duplicate = np.asarray(self._duplicate, np.bool_)
        marks = {"duplicate": duplicate, "frozen": frozen(duplicate)}
        if self._folder is None:
            return marks
        written = ClipFolder(self._folder)
        written.edit_tracks(lambda tracks: self._write_tracks(tracks, marks, attributes))
        digest = written.digest()
        self._stack.close()
        self._shelf.finish(self.target, digest)
        return marks

    def _write_tracks(
        self, tracks: h5py.File, marks: Mapping[str, NDArray[np.bool_]], attributes: Mapping[str, Any]
    ) -> None:
        tracks.attrs.update({"origin": "measured", "trajectory": "", "scene_kind": "video", **attributes})
        repeats = int(marks["duplicate"].sum())
        if repeats:
            note = f"{repeats} of {self.count} frames repeat the one before"
            tracks.attrs["warnings"] = "; ".join(filter(None, [str(attributes.get("warnings", "")), note]))
        tracks.attrs["first_frame"] = self._first_frame
        for name, values in marks.items():
            tracks.create_dataset(f"flags/{name}", data=values)
        times_s = np.array([np.nan if time_s is None else time_s for time_s in self._times_s])
        if np.isfinite(times_s).all():
            span_s = float(times_s[-1] - times_s[0])
            tracks.create_dataset("t_s", data=times_s - times_s[0])
            tracks.attrs["start_s"] = float(times_s[0])
            if span_s > 0:
                tracks.attrs["fps_average"] = (self.count - 1) / span_s
        exposures_s = np.array([np.nan if value is None else value for value in self._exposures_s])
        if np.isfinite(exposures_s).all():
            tracks.create_dataset("exposure_s", data=exposures_s)


def _cropped(shot: Shot, crop: Crop | None) -> Shot:
    if crop is None:
        return shot
    x, y, width, height = crop
    linear = None if shot.linear is None else shot.linear[y : y + height, x : x + width]
    return replace(shot, picture=cut(shot.picture, crop, None), linear=linear)


def _write_linear(path: Path, picture: Frame16) -> None:
    _, encoded = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
    atomic_write_bytes(path, encoded.tobytes())


def check_plan(plan: ClipPlan) -> None:
    """Refuse lengths from which no clip can be made.

    Raises:
        InputError: if clips would have fewer than 2 frames, or no duration.
    """
    if plan.most_frames is not None and plan.most_frames < FEWEST_FRAMES:
        raise InputError(f"clips of {plan.most_frames} frame are too short: at least {FEWEST_FRAMES} frames are needed")
    if plan.most_s is not None and not 0 < plan.most_s < float("inf"):
        raise InputError(f"clips of {plan.most_s} s are not possible: name a time above 0")
