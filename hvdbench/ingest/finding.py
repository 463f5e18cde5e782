"""Find captures in what a user names, and say what was left out and why."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hvdbench.errors import InputError
from hvdbench.frames import is_picture, is_wanted_folder, list_frames, readable
from hvdbench.ingest.capture import Capture
from hvdbench.sources.blurry_folders import is_truth_of_pairs
from hvdbench.sources.release import SPLITS
from hvdbench.video.companions import companion_of_film
from hvdbench.video.container import FILM_SUFFIXES

_PICTURE = "a picture and no video: name the folder of a clip's frames"
# Of films that are read where they are named; several of them hold two fisheye pictures or a raw mosaic.
_RARE_FILMS = frozenset(
    {".mxf", ".vob", ".mod", ".tod", ".dv", ".m2v", ".divx", ".f4v", ".rm", ".rmvb", ".ogm", ".insv", ".360", ".braw"}
)


@dataclass
class Found:
    """What was found below the paths that a user named.

    Attributes:
        captures: what is to be taken in.
        left_out: sentences about what is no capture.
        failures: sentences about paths that hold none.
    """

    captures: list[Capture] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def find_captures(paths: Sequence[Path]) -> Found:
    """List the captures of several paths, each once.

    A path is a film, a folder of frames, or any other folder, of which all films and folders of frames are taken. Below
    ``train``, ``test`` and the like, as in a release, captures are of that split. Pictures beside videos are taken for
    photos and left out, as are previews, thumbnails, truths of pairs, datasets of ours and linked folders, each with a
    sentence; so are hidden files and folders, without one. A folder that cannot be listed is a capture with a fault, so
    that it does not take the others with it.
    """
    found = Found()
    known: set[str] = set()
    no_captures: dict[str, list[Path]] = {}
    for path in paths:
        if path.is_file() and (kind := companion_of_film(path) or (_PICTURE if is_picture(path) else "")):
            no_captures.setdefault(kind, []).append(path)
            continue
        told = len(found.left_out)
        captures = list(_below(path, "", path, found)) if path.is_dir() else [Capture(path)]
        if not captures and told == len(found.left_out):
            found.failures.append(f"{readable(path)} contains neither videos nor folders of frames")
        for capture in captures:
            if (place := os.path.realpath(capture.path)) not in known:  # pathlib refuses a link to itself
                found.captures.append(capture)
                known.add(place)
    found.left_out += [_no_capture(kind, files) for kind, files in no_captures.items()]
    found.captures = _told_apart(found.captures)
    return found


def _no_capture(kind: str, files: Sequence[Path]) -> str:
    first = readable(files[0])
    return f"{first} is {kind}" if len(files) == 1 else f"{first} and {len(files) - 1} more files: each is {kind}"


def _below(folder: Path, split: str, root: Path, found: Found) -> Iterator[Capture]:
    """Yield the captures of a folder and of those below it, and note what is left out."""
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        yield Capture(folder, (), split, f"{readable(folder)} cannot be read: {error.strerror}")
        return
    films, companions = [], Counter[str]()
    for entry in entries:
        if entry.is_dir():
            continue
        if companion := companion_of_film(entry):
            companions[companion] += 1
        elif entry.suffix.lower() in FILM_SUFFIXES:
            films.append(Capture(entry, (), split, below=_relative(entry, root)))
        elif entry.suffix.lower() in _RARE_FILMS:
            found.left_out.append(f"{readable(entry)} is of a rare kind of video: name it itself to have it read")
    for companion, count in companions.items():
        found.left_out.append(f"{readable(folder)}: {count} x {companion}")
    yield from _pictures(folder, split, root, bool(films), found)
    yield from films
    for entry in entries:
        if entry.is_symlink() and entry.is_dir():
            found.left_out.append(f"{readable(entry)} is a link to a folder: name it itself to have it searched")
        elif (entry / "dataset.json").is_file():
            found.left_out.append(f"{readable(entry)} is a dataset of hvdbench")
        elif is_wanted_folder(entry):
            yield from _below(entry, SPLITS.get(entry.name.lower(), split), root, found)


def _pictures(folder: Path, split: str, root: Path, has_films: bool, found: Found) -> Iterator[Capture]:
    """Yield a folder's frames as a capture, unless they are something else."""
    pictures = [entry for entry in folder.iterdir() if is_picture(entry) and not companion_of_film(entry)]
    if not pictures:
        return
    if has_films:
        found.left_out.append(
            f"{readable(folder)}: {len(pictures)} photos beside videos; frames of a clip belong in a folder of their "
            f"own"
        )
        return
    if is_truth_of_pairs(folder):
        found.left_out.append(
            f"{readable(folder)} contains the sharp frames of pairs: take pairs in with 'hvdbench dataset import'"
        )
        return
    try:
        files, fault = tuple(list_frames(folder)), ""
    except InputError as error:
        files, fault = (), str(error)
    if files or fault:
        yield Capture(folder, files, split, fault, below=_relative(folder, root))
    else:
        kinds = ", ".join(sorted({picture.suffix.lower() for picture in pictures}))
        found.left_out.append(f"{readable(folder)}: {len(pictures)} pictures of kinds that are not read ({kinds})")


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path != root else ""


def _told_apart(captures: Sequence[Capture]) -> list[Capture]:
    """Call captures by their path below the folder that was named where several have one name."""
    counts = Counter(capture.label for capture in captures)
    return [
        replace(capture, label_given=capture.below or f"{capture.path.parent.resolve().name}/{capture.label}")
        if counts[capture.label] > 1
        else capture
        for capture in captures
    ]
