"""Make a blind study of restored frames: find each method's frames of the clips that all restored, and draw crops."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hvdbench.annotate.study.design import STUDY_FILE, VOTES_FILE, StudyFolder, read_study
from hvdbench.annotate.study.drawing import ClipFrames, StudyClip, StudyRequest, make_study
from hvdbench.errors import InputError
from hvdbench.scoring.frame_files import FrameFiles
from hvdbench.scoring.result_files import ResultFiles, list_results, own_pictures
from hvdbench.scoring.run_clip import read_manifest
from hvdbench.video.input import read_input
from hvdbench.workflows.score import is_run
from hvdbench.workspace.atomic import atomic_folder, check_replaceable
from hvdbench.workspace.frame_names import shortened
from hvdbench.workspace.names import checked_name
from hvdbench.workspace.progress import Progress, silent

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """A method's restored frames.

    Attributes:
        method: the method's name in the study.
        folder: where they lie.
        clips: the frames of each clip, by the clip's name.
    """

    method: str
    folder: Path
    clips: Mapping[str, ResultFiles]


def find_sources(given: Sequence[str]) -> list[Source]:
    """Find the frames of each method.

    Args:
        given: a run of hvdbench, a folder of frames, or ``NAME=FOLDER``; without a name, a run's method is taken, or
            else the folder's name.

    Raises:
        InputError: if a folder is not there or has no frames, a name cannot be one, or two methods have the same.
    """
    sources: list[Source] = []
    for text in given:
        name, _, path = text.partition("=") if "=" in text and not Path(text).exists() else ("", "", text)
        folder = Path(path)
        if not folder.exists():
            raise InputError(f"{folder} does not exist: name a folder of restored frames, or NAME=FOLDER")
        clips = list_results(folder)
        if not clips:
            raise InputError(f"{folder} contains no frames and no video, neither in it nor in folders below it")
        method = checked_name(name or _method_of(folder), "the method", where=folder)
        if method in {source.method for source in sources}:
            raise InputError(f"two folders are of '{method}': name one of them, as in other=FOLDER")
        sources.append(Source(method, folder, clips))
    return sources


def _method_of(folder: Path) -> str:
    if folder.is_dir() and is_run(folder):
        manifest = read_manifest(min(folder.glob("*/*/run.json")))
        return str(manifest.get("method") or folder.resolve().parent.name)
    return folder.resolve().stem if folder.is_file() else folder.resolve().name


def find_shared(sources: Sequence[Source]) -> list[StudyClip]:
    """Find the clips that all methods restored; a warning names others.

    Clips are the same if they lie at the same place in each folder, or else have the same name there.

    Raises:
        InputError: if there are none.
    """
    listed = [_by_name(source) for source in sources]
    if not set.intersection(*(set(source.clips) for source in sources)):
        shared = set.intersection(*(set(clips) for clips in listed))
    else:
        listed = [source.clips for source in sources]
        shared = set.intersection(*(set(clips) for clips in listed))
    if not shared:
        found = "; ".join(f"'{source.method}' has {shortened(sorted(source.clips))}" for source in sources)
        raise InputError(f"no clip was restored by all methods: {found}")
    others = sorted(set.union(*(set(clips) for clips in listed)) - shared)
    if others:
        logger.warning("%d clips were not restored by all methods and are left out: %s", len(others), shortened(others))
    return [
        _clip(name, {source.method: clips[name] for source, clips in zip(sources, listed, strict=True)})
        for name in sorted(shared)
    ]


def _by_name(source: Source) -> Mapping[str, ResultFiles]:
    """Return a method's clips by the last part of their place, without those whose names another one has, too."""
    names = [place.rpartition("/")[2] for place in source.clips]
    return {name: place for name, place in zip(names, source.clips.values(), strict=True) if names.count(name) == 1}


def _clip(name: str, places: Mapping[str, ResultFiles]) -> StudyClip:
    def frames() -> Mapping[str, ClipFrames]:
        return {method: _frames(place) for method, place in places.items()}

    return StudyClip(name, frames, frozenset().union(*(_selected(place) for place in places.values())))


def _frames(place: ResultFiles) -> ClipFrames:
    if not place.is_film:
        return FrameFiles(own_pictures(place), place.place)
    clip = read_input(place.place)
    for note in clip.warnings:
        logger.warning("%s: %s", place.place, note)
    return clip.frames


def _selected(place: ResultFiles) -> frozenset[int]:
    """Return the frames of a kept run that were selected as sharp, which methods learn from or leave as they are."""
    path = place.place / "run.json"
    if place.is_film or not path.is_file():
        return frozenset()
    selected = read_manifest(path).get("selected")
    return frozenset(index for index in selected if type(index) is int) if isinstance(selected, list) else frozenset()


def make(
    sources: Sequence[Source],
    folder: Path,
    request: StudyRequest,
    *,
    overwrite: bool = False,
    progress: Progress = silent,
) -> tuple[StudyFolder, list[str]]:
    """Make a study.

    Args:
        sources: the methods' frames, in the order of the request's methods.
        folder: the study's folder; written whole or not at all.
        request: what is asked.
        overwrite: whether a study is replaced that has no votes.
        progress: function called with clips done, their number, and what is being done.

    Returns:
        The study, and a sentence for what it lacks.

    Raises:
        InputError: under the conditions of :func:`find_shared` and
            :func:`hvdbench.annotate.study.drawing.make_study`, and if the folder has another study in it.
    """
    _ = request.pairs  # refused now rather than after the frames were read
    clips = find_shared(sources)
    if folder.exists():
        _check_free(folder, overwrite)
    with atomic_folder(folder) as temporary:
        _, said = make_study(temporary, clips, request, progress)
    return read_study(folder), said


def _check_free(folder: Path, overwrite: bool) -> None:
    check_replaceable(folder)
    if not (folder / STUDY_FILE).is_file():
        return
    votes = folder / VOTES_FILE
    if votes.is_file() and votes.stat().st_size:
        raise InputError(f"{folder} contains a study that people have voted in: name another folder with -o")
    if not overwrite:
        raise InputError(f"{folder} contains a study: use --overwrite to replace it, or name another folder with -o")
