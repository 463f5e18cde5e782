"""Where the results of each clip lie in what somebody handed over: folders, prefixed files, or films."""

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hvdbench.errors import InputError
from hvdbench.frames import FRAME_SUFFIXES, list_folders, list_frames
from hvdbench.video.container import FILM_SUFFIXES
from hvdbench.workspace.frame_names import names_no_result, shortened

LAYOUTS = "in <split>/<clip>/ or <clip>/, as <clip>_<frame>.png, or as <clip>.mp4"
"""Where results are looked for, for sentences."""

logger = logging.getLogger(__name__)

_DEPTHS = ("*", "*/*", "*/*/*", "*/*/*/*")


@dataclass(frozen=True)
class ResultFiles:
    """The results of one clip.

    Attributes:
        place: the folder or the film that holds them, for sentences.
        pictures: one file for each frame; none of a film.
    """

    place: Path
    pictures: tuple[Path, ...] = ()

    @property
    def is_film(self) -> bool:
        """Whether the frames are those of a film."""
        return not self.pictures

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that are read."""
        return self.pictures or (self.place,)


def all_results(folder: Path) -> list[Path]:
    """List every picture and every film of a folder of results, at most four levels deep; a film itself is one."""
    if folder.is_file():
        return [folder] if _is_film(folder) else []
    kinds = FRAME_SUFFIXES | FILM_SUFFIXES
    found = (path for depth in _DEPTHS for path in folder.glob(depth))
    return sorted(
        path for path in found if path.suffix.lower() in kinds and not path.name.startswith(".") and path.is_file()
    )


def find_results(folder: Path, key: str | None) -> ResultFiles | None:
    """Find the results of a clip; None where there are none.

    The first that holds any is taken: the folder ``<split>/<clip>``, the folder ``<clip>``, a film of that name,
    pictures in the folder itself whose names begin with the clip's, and all that lies in the folder itself. In a folder
    of a clip, each picture may lie in a folder of its own, which is called as the picture's name begins; BasicSR's
    images do.

    Args:
        folder: of all results, or a film.
        key: ``<split>/<clip>``; None: of no dataset, whose frames lie in the folder itself.

    Raises:
        InputError: several films could be the clip's.
    """
    if folder.is_file():
        return ResultFiles(folder) if _is_film(folder) else None
    if key is None:
        return _in_folder(folder)
    split, _, clip = key.rpartition("/")
    for place in (folder / key, folder / clip):
        found = _in_folder(place) or _film(place, _films_called(place.parent, clip))
        if found is not None:
            return found
    pictures = _pictures(folder)
    begins = _beginning(split, clip)
    own = tuple(path for path in pictures if begins.match(path.stem))
    if pictures:
        return ResultFiles(folder, own or tuple(pictures))
    films = [path for path in folder.iterdir() if _is_film(path)]
    return ResultFiles(films[0]) if len(films) == 1 else None


def find_all(folder: Path, keys: Iterable[str]) -> dict[str, ResultFiles]:
    """Find the results of every clip of a dataset, as :func:`find_results` does.

    Raises:
        InputError: a clip has none, or one file would serve two clips. Where pictures of several clips share the
            folder, a clip whose name none of them begins with has none.
    """
    found = {key: find_results(folder, key) for key in keys}
    whole = ResultFiles(folder, tuple(_pictures(folder))) if folder.is_dir() else None
    is_shared = any(place is not None and place.place == folder and place != whole for place in found.values())
    places = {key: place for key, place in found.items() if place is not None and not (is_shared and place == whole)}
    missing = [key for key in found if key not in places]
    if missing:
        raise InputError(
            f"{folder} has no frames for {len(missing)} of {len(found)} clips ({shortened(missing)}): put them "
            f"{LAYOUTS}"
        )
    clips_of: dict[Path, list[str]] = {}
    for key, place in places.items():
        for file in place.files:
            clips_of.setdefault(file, []).append(key)
    twice = next((keys for keys in clips_of.values() if len(keys) > 1), None)
    if twice is not None:
        raise InputError(
            f"{places[twice[0]].place} contains the frames of one clip, but {len(twice)} clips "
            f"({shortened(twice)}) would be scored with them: put them {LAYOUTS}"
        )
    return places


def list_results(folder: Path) -> dict[str, ResultFiles]:
    """List the clips of a folder that belongs to no dataset, by their place in it.

    Pictures in the folder itself are one clip; otherwise each folder with pictures, at most two levels deep, and each
    film is one. A film alone is one clip, too.

    Raises:
        InputError: as :func:`hvdbench.frames.list_frames`.
    """
    if folder.is_file() or (folder.is_dir() and _pictures(folder)):
        found = find_results(folder, None)
        return {} if found is None else {folder.resolve().stem: found}
    clips: dict[str, ResultFiles] = {}
    for place in [folder, *(inner for outer in list_folders(folder) for inner in (outer, *list_folders(outer)))]:
        pictures = _pictures(place)
        if pictures and not any(place.is_relative_to(folder / name) for name in clips):
            clips[place.relative_to(folder).as_posix()] = ResultFiles(place, tuple(pictures))
        films = sorted(path for path in place.iterdir() if _is_film(path))
        clips |= {path.relative_to(folder).with_suffix("").as_posix(): ResultFiles(path) for path in films}
    return clips


def own_pictures(place: ResultFiles) -> tuple[Path, ...]:
    """Return the pictures of a clip without inputs and truths that lie beside results; a warning counts those.

    Where all are called inputs or truths, all are returned.
    """
    results = tuple(path for path in place.pictures if not names_no_result(path.stem))
    if results and len(results) < len(place.pictures):
        left_out = len(place.pictures) - len(results)
        logger.warning("%s: %d pictures are called inputs or truths and were left out", place.place, left_out)
    return results or place.pictures


def unclaimed(folder: Path, claimed: Iterable[ResultFiles]) -> list[Path]:
    """List the pictures and films right in a folder of results that belong to none of the clips."""
    taken = {path for found in claimed for path in found.files}
    return [path for path in all_results(folder) if path.parent == folder and path not in taken]


def _in_folder(place: Path) -> ResultFiles | None:
    """Find pictures in a folder, or else the one film that may be a result."""
    if not place.is_dir():
        return None
    pictures = _pictures(place)
    if pictures:
        return ResultFiles(place, tuple(pictures))
    return _film(place, [path for path in place.iterdir() if _is_film(path)])


def _pictures(place: Path) -> list[Path]:
    """List a folder's pictures, or else those that lie in a folder for each frame."""
    own = list_frames(place)
    if own:
        return own
    return [path for frame in list_folders(place) for path in list_frames(frame) if _begins(path.stem, frame.name)]


def _begins(text: str, name: str) -> bool:
    return text == name or (text.startswith(name) and not text[len(name)].isalnum())


def _beginning(split: str, clip: str) -> re.Pattern[str]:
    """Return what the name of a clip's picture begins with where the pictures of several clips share a folder."""
    return re.compile(rf"(?:{re.escape(split)}[\W_]+)?{re.escape(clip)}[\W_]+(?=.)")


def _films_called(parent: Path, clip: str) -> list[Path]:
    """List the films that are called as a clip is, or else those whose names begin so."""
    films = [path for path in parent.iterdir() if _is_film(path)] if parent.is_dir() else []
    return [path for path in films if path.stem == clip] or [path for path in films if _begins(path.stem, clip)]


def _film(place: Path, films: Sequence[Path]) -> ResultFiles | None:
    """Choose the one film that may be a result.

    Raises:
        InputError: several may be.
    """
    left = sorted(path for path in films if not names_no_result(path.stem)) if len(films) > 1 else list(films)
    if len(left) > 1:
        raise InputError(
            f"{left[0].parent} has {len(left)} videos for one clip ({left[0].name}, {left[1].name}): leave the one "
            f"with "
            f"the results of {place.name}"
        )
    return ResultFiles(left[0]) if left else None


def _is_film(path: Path) -> bool:
    return path.suffix.lower() in FILM_SUFFIXES and not path.name.startswith(".") and path.is_file()
