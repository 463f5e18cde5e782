"""Frames that somebody restored already, by whatever means: a plain folder of results."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from hvdbench.errors import InputError
from hvdbench.frames import FRAME_SUFFIXES, Frames, list_frames, read_frames
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.foreign.frame_names import match_names
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.scheme import Scheme
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.known import DEFAULT
from hvdbench.recipe import Settings, digest_of
from hvdbench.workspace.manifest import file_sha256

_LAYOUTS = ("*", "*/*", "*/*/*")
_LISTED = 4


class FolderSettings(Settings):
    """Where the results lie."""

    folder: str
    """``<split>/<clip>/*.png`` or ``<clip>/*.png`` below it, or, for a single clip, ``*.png`` in it."""


class FolderScheme(Scheme[FolderSettings]):
    """Reads the frames that lie in a folder."""

    Settings: ClassVar[type[Settings]] = FolderSettings
    restores_anew: ClassVar[bool] = False

    @property
    def folder(self) -> Path:
        """The folder of all results."""
        return Path(self.settings.folder)

    @cached_property
    def identity(self) -> dict[str, object]:
        """What moves a number: every frame by its place in the folder and what it holds."""
        frames = {path.relative_to(self.folder).as_posix(): file_sha256(path) for path in sorted(self._frames())}
        return {"frames": digest_of(frames)}

    def _frames(self) -> Iterator[Path]:
        for layout in _LAYOUTS:
            for path in self.folder.glob(layout):
                if path.suffix.lower() in FRAME_SUFFIXES and not path.name.startswith(".") and path.is_file():
                    yield path

    @property
    def made_from(self) -> str:
        """What its frames are made from, in words for a board."""
        return "frames restored elsewhere"

    def check(self) -> None:
        """Refuse a folder that is not there or holds no frames in any layout.

        Raises:
            InputError: so it is.
        """
        if not self.folder.is_dir():
            raise InputError(f"{self.folder} is not a folder of result frames")
        if not any(self._frames()):
            raise InputError(f"{self.folder} holds no frames, neither in it nor in <clip>/ nor in <split>/<clip>/")

    def check_clips(self, frame_names: Mapping[str, Sequence[str]], protocol: Protocol = DEFAULT) -> None:
        """Compare the folder with a dataset before anything is read.

        Args:
            frame_names: of each clip, by its key ``<split>/<clip>``: its frames' names, without suffix, in order.
            protocol: under which the frames will be scored; results may lack the frames that it does not count.

        Raises:
            InputError: clips have no results or other frames, one folder would serve two clips, or the frames lie in
                one folder and the dataset has several clips.
        """
        places = {key: find_results(self.folder, key) for key in frame_names}
        missing = [key for key, place in places.items() if place is None]
        if missing:
            raise InputError(
                f"{self.folder} has no frames for {len(missing)} of {len(places)} clips ({_some(missing)}): put them "
                f"in {self.folder}/<split>/<clip>/ or {self.folder}/<clip>/"
            )
        clips_of: dict[Path, list[str]] = {}
        for key, place in places.items():
            assert place is not None
            clips_of.setdefault(place, []).append(key)
        for place, keys in clips_of.items():
            if len(keys) > 1:
                raise InputError(
                    f"{place} holds the frames of one clip and would serve {len(keys)} ({_some(keys)}): put them in "
                    f"{self.folder}/<split>/<clip>/"
                )
            names = frame_names[keys[0]]
            match_names(list_frames(place), names, whose=str(place), may_lack=_may_lack(names, protocol))

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Read the frames of the clip that ``budget.clip`` names.

        Raises:
            InputError: they are missing, of another number or size, or cannot be decoded.
        """
        place = find_results(self.folder, budget.clip)
        if place is None:
            raise InputError(
                f"{self.folder} has no frames for the clip {budget.clip or '(unnamed)'}: put them in "
                f"{self.folder}/<split>/<clip>/ or {self.folder}/<clip>/"
            )
        files = list_frames(place)
        facts: dict[str, object] = {"files": sorted({path.suffix.lower() for path in files})}
        if not budget.frame_names:
            return Restoration(read_results(place, blurry, str(place)), facts)
        may_lack = _may_lack(budget.frame_names, budget.protocol)
        matched = match_names(files, budget.frame_names, whose=str(place), may_lack=may_lack)
        chosen = [files[index] for index in matched.files if index is not None]
        frames = _checked(read_frames(chosen, place), blurry, str(place), matched.absent)
        facts |= {"absent": matched.absent} if matched.absent else {}
        facts |= {"left_out": list(matched.left_out)} if matched.left_out else {}
        return Restoration(frames, facts)


def _may_lack(names: Sequence[str], protocol: Protocol) -> frozenset[int]:
    counts = protocol.counts(np.arange(len(names)), len(names))
    return frozenset(map(int, np.flatnonzero(~counts)))


def find_results(folder: Path, key: str | None) -> Path | None:
    """Find the folder with a clip's frames: ``<split>/<clip>``, else ``<clip>``, else the folder itself; None if none.

    Args:
        folder: of all results.
        key: ``<split>/<clip>``; None: of no dataset, whose frames lie in the folder itself.
    """
    places = [folder / key, folder / key.rpartition("/")[2]] if key else []
    return next((place for place in [*places, folder] if place.is_dir() and list_frames(place)), None)


def read_results(place: Path, blurry: Frames, whose: str) -> Frames:
    """Read result frames, uint8 RGB (T, H, W, 3), and compare them with the input.

    Args:
        place: their folder; they are taken in natural order.
        blurry: the input.
        whose: for the sentence.

    Raises:
        InputError: another number or size, a picture that cannot be decoded, or an input of other than 8 bits.
    """
    files = list_frames(place)
    _check_count(place, len(files), len(blurry), whose)
    return _checked(read_frames(files, place), blurry, whose, ())


def _checked(frames: Frames, blurry: Frames, whose: str, absent: Sequence[int]) -> Frames:
    """Compare results with the input, and put the input where there is none.

    Raises:
        InputError: another size, or an input of other than 8 bits.
    """
    check_depth(blurry, whose)
    if frames.shape[1:] != blurry.shape[1:]:
        (height, width), (high, wide) = blurry.shape[1:3], frames.shape[1:3]
        raise InputError(f"{whose} has frames of {wide}x{high} px, the clip's are {width}x{height} px: keep the size")
    if not absent:
        return frames
    whole = blurry.copy()
    whole[np.setdiff1d(np.arange(len(blurry)), absent)] = frames
    return whole


def check_depth(blurry: Frames, whose: str) -> None:
    """Refuse clips of more than 8 bits, whose results would come back with 8.

    Raises:
        InputError: so it is.
    """
    if blurry.dtype.name != "uint8":
        raise InputError(f"{whose} gives 8-bit frames, and the clip is {blurry.dtype}: give it an 8-bit clip")


def _check_count(place: Path, found: int, expected: int, whose: str) -> None:
    if found != expected:
        beside = [path.name for path in place.iterdir() if path.is_dir()] if not found else []
        hint = f"; it holds the folder {beside[0]}, and frames must lie beside it" if beside else ""
        raise InputError(f"{whose} has {found} frames, the clip has {expected}: one is needed for each{hint}")


def _some(names: list[str]) -> str:
    more = " …" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
