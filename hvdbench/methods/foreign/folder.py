"""Frames that somebody restored already, by whatever means: a plain folder of results, or films."""

import logging
from collections.abc import Mapping, Sequence, Sized
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from hvdbench.errors import InputError
from hvdbench.frames import Frame, Frames, list_frames, read_frames, series_of
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.scheme import Scheme
from hvdbench.metrics.protocols.definition import Protocol
from hvdbench.metrics.protocols.known import DEFAULT, PROTOCOLS
from hvdbench.recipe import Settings, digest_of
from hvdbench.scoring.result_files import LAYOUTS, ResultFiles, all_results, find_all, find_results, unclaimed
from hvdbench.video.input import read_input
from hvdbench.workspace.frame_names import Matched, match_names, shortened
from hvdbench.workspace.manifest import file_sha256

logger = logging.getLogger(__name__)


class FolderSettings(Settings):
    """Settings of where the results are."""

    folder: str
    """Results in a layout of :func:`hvdbench.scoring.result_files.find_results`, or the film of one clip."""


class FolderScheme(Scheme[FolderSettings]):
    """Reads the frames that lie in a folder, or in films."""

    Settings: ClassVar[type[Settings]] = FolderSettings
    restores_anew: ClassVar[bool] = False

    @property
    def folder(self) -> Path:
        """The folder of all results."""
        return Path(self.settings.folder)

    @cached_property
    def identity(self) -> dict[str, object]:
        """What moves a number: every frame or film by its place in the folder and what it holds."""
        frames = {path.relative_to(self.folder).as_posix(): file_sha256(path) for path in all_results(self.folder)}
        return {"frames": digest_of(frames)}

    @property
    def made_from(self) -> str:
        """The origin of the frames, in words for a board."""
        return "frames restored elsewhere"

    def check(self) -> None:
        """Refuse what is not there or holds no frames in any layout.

        Raises:
            InputError: if the folder does not exist or contains no frames.
        """
        if not self.folder.exists():
            raise InputError(f"{self.folder} is not a folder: name the folder that contains the result frames")
        if not all_results(self.folder):
            raise InputError(f"{self.folder} contains no frames: put them {LAYOUTS}")

    def check_clips(self, frame_names: Mapping[str, Sequence[str]], protocol: Protocol = DEFAULT) -> None:
        """Compare the folder with a dataset before anything is read.

        Args:
            frame_names: the names of each clip's frames, without suffix and in order, by the clip's key
                ``<split>/<clip>``.
            protocol: protocol that the frames will be scored under; results may lack frames that it does not count.

        Raises:
            InputError: clips have no results or other frames, or one file would serve two clips.
        """
        found = find_all(self.folder, frame_names)
        for key, place in found.items():
            if not place.is_film and _sequences(place, frame_names[key]) is None:
                _match(place, frame_names[key], protocol)
        strays = unclaimed(self.folder, found.values())
        if strays:
            logger.warning(
                "%s: %s belong to no clip and were left out", self.folder, shortened([path.name for path in strays])
            )

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Read the frames of the clip that ``budget.clip`` names.

        Raises:
            InputError: if the frames are missing, have another number or size, or cannot be decoded.
        """
        place = find_results(self.folder, budget.clip)
        if place is None:
            raise InputError(
                f"{self.folder} has no frames for the clip {budget.clip or '(unnamed)'}: put them {LAYOUTS}"
            )
        whose = str(place.place)
        series = _sequences(place, budget.frame_names)
        if series is not None:
            return _restored_sequences(series, blurry, place.place)
        facts: dict[str, object] = {"files": sorted({path.suffix.lower() for path in place.files})}
        if place.is_film:
            clip = read_input(place.place)
            for note in clip.warnings:
                logger.warning("%s: %s", whose, note)
            matched = _matched_by_count(len(clip.frames), len(blurry), budget.protocol, whose)
            frames = clip.frames
        elif not budget.frame_names:
            _check_count(place.place, len(place.pictures), len(blurry), whose)
            matched, frames = Matched(tuple(range(len(blurry)))), read_frames(place.pictures, place.place)
        else:
            matched = _match(place, budget.frame_names, budget.protocol)
            frames = read_frames([place.pictures[index] for index in matched.files if index is not None], place.place)
        if _is_gray(frames[0]) and not _is_gray(blurry[0]):
            logger.warning("%s contains gray frames and the clip is in colour: they are scored as they are", whose)
        frames = _checked(frames, blurry, whose, matched.absent)
        facts |= {"absent": matched.absent} if matched.absent else {}
        facts |= {"left_out": list(matched.left_out)} if matched.left_out else {}
        return Restoration(frames, facts)


def _sequences(place: ResultFiles, names: Sequence[str]) -> list[list[Path]] | None:
    """Sort a clip's pictures into sequences, ``<frame>_<number>``; None where they are one picture for each frame.

    Raises:
        InputError: if there are several pictures of each frame, and some are missing.
    """
    parts = [path.stem.rpartition("_") for path in place.pictures]
    if not names or len(parts) < 3 * len(names) or {frame for frame, _, _ in parts} != set(names):
        return None
    if not all(number.isdecimal() for _, _, number in parts):  # as _input, _gt and _estrnn beside each other
        return None
    return series_of(place.pictures, str(place.place))


def _restored_sequences(series: Sequence[Sequence[Path]], blurry: Frames, where: Path) -> Restoration:
    """Read sequences; the middle frames stand for the clip.

    Raises:
        InputError: if the number of frames is even, or their size differs from the clip's.
    """
    if len(series) % 2 == 0:
        raise InputError(f"{where} has {len(series)} pictures of each frame, of which none is the middle: use 7")
    read = [_checked(read_frames(files, where), blurry, str(where), ()) for files in series]
    suffixes = sorted({path.suffix.lower() for files in series for path in files})
    return Restoration(read[len(series) // 2], {"files": suffixes}, (np.stack(read, axis=1),))


def _match(place: ResultFiles, names: Sequence[str], protocol: Protocol) -> Matched:
    """Pair a clip's pictures with its frames by name.

    Raises:
        InputError: names leave open which frame each is, or frames are missing; the sentence names the protocol that
            does not count them, if one does.
    """
    whose = str(place.place)
    try:
        return match_names(place.pictures, names, whose=whose, may_lack=_may_lack(names, protocol))
    except InputError as error:
        fitting = next((other for other in PROTOCOLS if _fits(place, names, other)), None)
        if fitting is None:
            raise
        raise InputError(f"{error}; --protocol {fitting.name} does not count the frames that are missing") from error


def _fits(place: ResultFiles, names: Sequence[str], protocol: Protocol) -> bool:
    """Return whether the results would be taken under another protocol."""
    try:
        match_names(place.pictures, names, whose="", may_lack=_may_lack(names, protocol))
    except InputError:
        return False
    return True


def _matched_by_count(found: int, expected: int, protocol: Protocol, whose: str) -> Matched:
    """Pair the frames of a film with a clip's, all of them or those that the protocol counts.

    Raises:
        InputError: there are more or fewer.
    """
    lack = _may_lack(range(expected), protocol)
    if found not in (expected, expected - len(lack)):
        raise InputError(f"{whose} has {found} frames, the clip has {expected}: one is needed for each")
    absent = lack if found < expected else frozenset[int]()
    files = iter(range(found))
    return Matched(tuple(None if index in absent else next(files) for index in range(expected)))


def _may_lack(frames: Sized, protocol: Protocol) -> frozenset[int]:
    counts = protocol.counts(np.arange(len(frames)), len(frames))
    return frozenset(map(int, np.flatnonzero(~counts)))


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


def _is_gray(frame: Frame) -> bool:
    return bool((frame == frame[..., :1]).all())
