"""Use frames that were restored elsewhere, by whatever means, from a plain folder of results."""

from collections.abc import Mapping, Sequence
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
    """Settings of where the results are."""

    folder: str
    """Folder of the results, with ``<split>/<clip>/*.png`` or ``<clip>/*.png`` below it, or, for a single clip, with
    ``*.png`` directly in it."""


class FolderScheme(Scheme[FolderSettings]):
    """A scheme that reads the frames from a folder."""

    Settings: ClassVar[type[Settings]] = FolderSettings
    restores_anew: ClassVar[bool] = False

    @property
    def folder(self) -> Path:
        """The folder of all results."""
        return Path(self.settings.folder)

    @cached_property
    def identity(self) -> dict[str, object]:
        """Everything that changes the frames: the place of each file in the folder, and its content."""
        files = [path for layout in _LAYOUTS for path in self.folder.glob(layout)]
        frames = {
            path.relative_to(self.folder).as_posix(): file_sha256(path)
            for path in sorted(files)
            if path.suffix.lower() in FRAME_SUFFIXES and path.is_file()
        }
        return {"frames": digest_of(frames)}

    @property
    def made_from(self) -> str:
        """The origin of the frames, in words for a board."""
        return "frames restored elsewhere"

    def check(self) -> None:
        """Refuse a folder that does not exist or contains no frames in any layout.

        Raises:
            InputError: if the folder does not exist or contains no frames.
        """
        if not self.folder.is_dir():
            raise InputError(f"{self.folder} is not a folder: name the folder that contains the result frames")
        if not any(path.suffix.lower() in FRAME_SUFFIXES for layout in _LAYOUTS for path in self.folder.glob(layout)):
            raise InputError(
                f"{self.folder} contains no frames: put them in <split>/<clip>/ or <clip>/ below it, or, for a single "
                "clip, directly into it"
            )

    def check_clips(self, frame_names: Mapping[str, Sequence[str]], protocol: Protocol = DEFAULT) -> None:
        """Compare the folder with a dataset before anything is read.

        Args:
            frame_names: the names of each clip's frames, without suffix and in order, by the clip's key
                ``<split>/<clip>``.
            protocol: protocol that the frames will be scored under; results may lack frames that it does not count.

        Raises:
            InputError: if a clip has no results or results for other frames, or if one folder would be read for several
                clips.
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
                    f"{place} contains the frames of one clip, but {len(keys)} clips ({_some(keys)}) would be read "
                    f"from it: put the frames of each into {self.folder}/<split>/<clip>/"
                )
            names = frame_names[keys[0]]
            match_names(list_frames(place), names, whose=str(place), may_lack=_may_lack(names, protocol))

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Read the frames of the clip that ``budget.clip`` names.

        Raises:
            InputError: if the frames are missing, have another number or size, or cannot be decoded.
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
    """Find the folder with a clip's frames: ``<split>/<clip>``, else ``<clip>``, else the folder itself; else None.

    Args:
        folder: folder of all results.
        key: key of the clip, ``<split>/<clip>``; None for a clip of no dataset, whose frames lie in the folder itself.
    """
    places = [folder / key, folder / key.rpartition("/")[2]] if key else []
    return next((place for place in [*places, folder] if place.is_dir() and list_frames(place)), None)


def read_results(place: Path, blurry: Frames, whose: str) -> Frames:
    """Read result frames, uint8 RGB (T, H, W, 3), and check that they fit the input.

    Args:
        place: folder of the frames, which are read in natural order.
        blurry: input of the restoration.
        whose: subject of an error's sentence, such as the folder.

    Raises:
        InputError: if number or size differ, a picture cannot be decoded, or the input does not have 8 bits.
    """
    files = list_frames(place)
    _check_count(place, len(files), len(blurry), whose)
    return _checked(read_frames(files, place), blurry, whose, ())


def _checked(frames: Frames, blurry: Frames, whose: str, absent: Sequence[int]) -> Frames:
    """Check that results fit the input, and insert the input's frames where there is no result.

    Raises:
        InputError: if the size differs, or the input does not have 8 bits.
    """
    check_depth(blurry, whose)
    if frames.shape[1:] != blurry.shape[1:]:
        (height, width), (high, wide) = blurry.shape[1:3], frames.shape[1:3]
        raise InputError(
            f"{whose} has frames of {wide}x{high} px, but those of the clip are {width}x{height} px: results must keep "
            "the size"
        )
    if not absent:
        return frames
    whole = blurry.copy()
    whole[np.setdiff1d(np.arange(len(blurry)), absent)] = frames
    return whole


def check_depth(blurry: Frames, whose: str) -> None:
    """Refuse clips of more than 8 bits, since their results would have only 8.

    Raises:
        InputError: if the clip has more than 8 bits.
    """
    if blurry.dtype.name != "uint8":
        raise InputError(f"{whose} returns 8-bit frames, but the clip is {blurry.dtype}: use an 8-bit clip")


def _check_count(place: Path, found: int, expected: int, whose: str) -> None:
    if found != expected:
        beside = [path.name for path in place.iterdir() if path.is_dir()] if not found else []
        hint = f"; it contains the folder {beside[0]}, but frames must not lie in a folder below it" if beside else ""
        raise InputError(
            f"{whose} has {found} frames, and the clip has {expected}: each frame of the clip needs one result{hint}"
        )


def _some(names: list[str]) -> str:
    more = " …" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
