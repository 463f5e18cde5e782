"""Take foreign releases, paired or blurry only, over as datasets; their files are linked or copied, never changed.

The layout states what is stamped on the dataset (licence, release, rate). Clips that its own patterns find must have
the names and the numbers of frames that it states, or they are refused. Nothing is known of frames that were found by
patterns of the user's and have other names, so nothing is stamped on them.

Links are symbolic and absolute, so that they take no space and work across file systems and with read-only releases.
``hvdbench verify`` reads through them, and so notices a release that was moved or changed.
"""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import h5py

from hvdbench.dataset.release_pairs import Pair, is_rgb_png, join_pairs
from hvdbench.dataset.sidecars import read_tracks
from hvdbench.dataset.swapped import refuse_swapped
from hvdbench.dataset.wholeness import absent_splits, find_own, lacking
from hvdbench.errors import InputError
from hvdbench.frames import read_frame, write_frame
from hvdbench.sources.layout import UNKNOWN, Layout, load_layout
from hvdbench.sources.release import Release, ReleaseClip, find_release, is_word
from hvdbench.store import SERIES_FOLDER, TRUTH_FOLDERS, ClipFolder, Dataset, DatasetWriter
from hvdbench.workspace.atomic import atomic_folder
from hvdbench.workspace.progress import Progress, silent

_RESERVED = re.compile(r"goproshake(-hvdbench.*)?|demo(-.*)?")  # names of datasets that hvdbench makes


@dataclass(frozen=True)
class AdoptRequest:
    """A release to take over.

    Attributes:
        root: the folder of the release.
        layout: a layout's name, or the path of a ``.toml`` file with one.
        out: the dataset's folder.
        name: the dataset's name; if empty, the layout's, with the folder of blurry frames where ``blur`` names another,
            or the release's folder where its clips are not the layout's.
        blur, sharp: patterns that replace the layout's; a single word replaces the folder ``blur`` or ``sharp`` in
            them.
        transfer: ``link`` or ``copy``; a file that is not an 8-bit RGB PNG is always decoded and written as one.
        overwrite: whether to replace a dataset made from other files.
        incomplete: whether to take what is there of a release that is not whole; the default name then ends in
            ``-subset``.
    """

    root: Path
    layout: str
    out: Path
    name: str = ""
    blur: str | None = None
    sharp: str | None = None
    transfer: Literal["link", "copy"] = "link"
    overwrite: bool = False
    incomplete: bool = False


@dataclass(frozen=True)
class Adopted:
    """The dataset, and the notes that its user must know."""

    dataset: Dataset
    notes: tuple[str, ...]


def adopt(request: AdoptRequest, *, progress: Progress = silent) -> Adopted:
    """Take a release over as a dataset of origin ``measured``, with its truth where it has any.

    Frames are renamed to ``00000000.png`` …; the manifest's provenance keeps other names and the patterns that were
    used. Splits are kept, except that validation clips become ``test`` and are called ``val_<clip>``.

    Raises:
        UnknownNameError: if there is no such layout.
        RecipeError: if the layout's file is not valid.
        InputError: if the layout has no blurry frames, there are no clips, clips lack their truth, counts, numbers or
            sizes differ, the clips are not those of the layout or not all of them, blurry and sharp folders are
            exchanged, the name is taken, or ``out`` lies within the release.
        DatasetError: if ``out`` contains another dataset.
    """
    layout_name, layout = _open_layout(request)
    release = _find(request, layout_name, layout)
    reason = _not_of_the_layout(request, layout, release)
    facts = layout if reason is None else layout.model_copy(update=_NOTHING_KNOWN)
    release_name = layout_name if reason is None else UNKNOWN
    lacks = lacking(request.root, layout, release) if reason is None else []
    if lacks and not request.incomplete:
        raise InputError(f"{request.root}: {lacks[0]}; download the rest, or import what is there with --incomplete")
    own_name = layout.dataset or layout_name if reason is None else None
    name = request.name or _default_name(request, own_name) + ("-subset" if lacks else "")
    _check_name(name)
    out, root = request.out.resolve(), request.root.resolve()
    if out.is_relative_to(root) or root.is_relative_to(out):
        raise InputError(
            f"one of {request.out} and the release {request.root} is inside the other: choose another --out"
        )
    pairs = join_pairs(release)
    if not _is_given(request):
        refuse_swapped(pairs)
    notes = (
        *_notes(request, layout_name, layout, release, pairs),
        *([reason] if reason else _of_the_whole(layout, release, lacks)),
    )
    writer = DatasetWriter(
        request.out,
        name=name,
        origin="measured",
        recipe={
            "kind": "adopted release",
            "layout": layout_name,
            "patterns": [release.blur, release.sharp],
            "frames": request.transfer,
            "clips": {blur.key: len(blur.files) for blur, _ in pairs},
        },
        provenance={
            "release": release_name,
            "licence": facts.licence,
            **{key: text for key, text in (("from", facts.source), ("cite", facts.citation)) if text},
            "notes": notes,
            "original_names": {pair[0].key: names for pair in pairs if (names := _original_names(pair, layout.truth))},
        },
        overwrite=request.overwrite,
    )
    for done, pair in enumerate(pairs):
        target = writer.clip_folder(pair[0].split, pair[0].our_name)
        if not writer.has(target.split, target.name):
            writer.finish(target, _write(target, pair, request.transfer, facts, release_name))
        progress(done + 1, len(pairs), f"import {name}")
    return Adopted(writer.dataset(), notes)


def _open_layout(request: AdoptRequest) -> tuple[str, Layout]:
    """Read the layout, and refuse an impossible request before any file is examined."""
    layout_name, layout = load_layout(request.layout)
    if not layout.is_blurry:
        raise InputError(
            f"layout '{layout_name}' has no blurry frames, so no dataset can be made of it: use its frames as footage "
            "for 'hvdbench synth'"
        )
    if request.name:
        _check_name(request.name)
    return layout_name, layout


def _find(request: AdoptRequest, layout_name: str, layout: Layout) -> Release:
    """Find the clips, by the user's patterns at the user's word, or by the layout's own with all its checks."""
    if not _is_given(request):
        return find_own(request.root, layout_name, layout, blur=request.blur, sharp=request.sharp)
    return find_release(request.root, layout, blur=request.blur, sharp=request.sharp)


def _is_given(request: AdoptRequest) -> bool:
    """Return whether the user says by a pattern where the frames lie."""
    return any(text and not is_word(text) for text in (request.blur, request.sharp))


def _not_of_the_layout(request: AdoptRequest, layout: Layout, release: Release) -> str | None:
    """Return a note that says why the clips are not the layout's release, or None where they are.

    A layout of unknown patterns is completed by the patterns in the request, so they prove nothing. Names that are
    plain numbers prove nothing either, since anybody's clips may be called so.
    """
    if layout.is_guess or not _is_given(request):
        return None
    clips = [clip.name for clip in release.blurry.values()]
    unknown_facts = "so its release, licence and rate are not known here"
    if not layout.names_fit(clips):
        return f"clip '{layout.stranger(clips)}' is not named as those of {layout.title}, {unknown_facts}"
    if layout.names_are_known and not all(name.isdecimal() for name in clips):
        return None
    return f"it was found by patterns that are not those of {layout.title}, {unknown_facts}"


_NOTHING_KNOWN = {
    "licence": UNKNOWN,
    "fps": None,
    "averaged": None,
    "exposure_in_name": "",
    "tables": (),
    "boxes": None,
    "source": "",
    "citation": "",
}


def _default_name(request: AdoptRequest, layout_name: str | None) -> str:
    """Return the layout's name and the variant of its blurry frames, or the folder's name for another release."""
    variant = f"-{request.blur}" if request.blur and is_word(request.blur) and request.blur != "blur" else ""
    return (layout_name or request.root.resolve().name) + variant


def _check_name(name: str) -> None:
    if not is_word(name):
        raise InputError(f"'{name}' cannot name a dataset: use letters, digits, '.', '-' and '_'")
    if _RESERVED.fullmatch(name):
        raise InputError(f"'{name}' is the name of a dataset that hvdbench makes: give the release another name")


def _write(target: ClipFolder, pair: Pair, transfer: str, layout: Layout, release_name: str) -> str:
    """Write a clip and return its digest."""
    blur, truth = pair
    with atomic_folder(target.folder) as folder:
        for name, clip in (("blur", blur), (TRUTH_FOLDERS[layout.truth], truth)):
            if clip:
                (folder / name).mkdir()
                for index, file in enumerate(clip.files):
                    _place(file, folder / name / f"{index:08d}.png", transfer)
        if truth and truth.series:
            (folder / SERIES_FOLDER).mkdir()
            for index, frames in enumerate(truth.series):
                for number, file in enumerate(frames, start=1):
                    _place(file, folder / SERIES_FOLDER / f"{index:08d}_{number}.png", transfer)
        written = ClipFolder(folder)
        written.edit_tracks(_tracks(blur, release_name, layout))
        return written.digest()


def _place(file: Path, target: Path, transfer: str) -> None:
    if not is_rgb_png(file):
        write_frame(target, read_frame(file))
    elif transfer == "copy":
        shutil.copyfile(file, target)
    else:
        try:
            target.symlink_to(file.resolve())
        except OSError as error:
            raise InputError(f"{target.parent} does not allow links ({error.strerror}): import with --copy") from error


def _tracks(clip: ReleaseClip, release: str, layout: Layout) -> Callable[[h5py.File], None]:
    fields = read_tracks(clip, layout)

    def write(tracks: h5py.File) -> None:
        source = f"{release} {clip.their_split}/{clip.name}"
        tracks.attrs.update({"origin": "measured", "source": source, "trajectory": "", "scene_kind": "video"})
        tracks.attrs["licence"] = layout.licence
        for field, values in fields.items():
            tracks.create_dataset(field, data=values)

    return write


def _notes(
    request: AdoptRequest, layout_name: str, layout: Layout, release: Release, pairs: Sequence[Pair]
) -> Iterator[str]:
    """Yield the notes that a user must know, without folders of this machine, since the manifest keeps them."""
    patterns = release.blur + (f" and {release.sharp}" if release.sharp else "")
    if layout.is_guess and not request.blur:
        yield f"the layout of {layout_name} is not known here, and {patterns} is a guess that fits"
    else:
        yield f"it was read as {patterns}"
    if release.root != request.root:
        yield f"it was found in {release.root.name}"
    without = sorted({blur.their_split for blur, truth in pairs if truth is None})
    if without:
        yield f"there is no truth for {', '.join(without)}"
    if layout.remark:
        yield layout.remark
    decoded = sum(not is_rgb_png(file) for pair in pairs for clip in pair if clip for file in clip.files)
    if decoded:
        yield f"{decoded} frames are not 8-bit RGB PNGs, so they were decoded and written as such"


def _of_the_whole(layout: Layout, release: Release, lacks: Sequence[str]) -> Iterator[str]:
    """Yield what the dataset has less of than the release."""
    yield from (f"it is a subset: {text}" for text in lacks)
    absent = absent_splits(layout, release)
    if absent:
        yield f"nothing of {', '.join(absent)} was found"


def _original_names(pair: Pair, truth: str) -> dict[str, str | list[str]]:
    """Return the names that clip and frames had: a range where they are consecutive, nothing where they are kept."""
    named: dict[str, str | list[str]] = {} if pair[0].our_name.endswith(pair[0].name) else {"clip": pair[0].name}
    for kind, clip in zip(("blur", TRUTH_FOLDERS[truth]), pair, strict=True):
        names = [file.name for file in clip.files] if clip else []
        if names != [f"{index:08d}.png" for index in range(len(names))]:
            named[kind] = _range(names) or names
    return named


def _range(names: Sequence[str]) -> str | None:
    found = re.fullmatch(r"(.*?)(\d+)(\D*)", names[0])
    if not found:
        return None
    before, digits, after = found.groups()
    counted = [f"{before}{int(digits) + index:0{len(digits)}d}{after}" for index in range(len(names))]
    return f"{names[0]} … {names[-1]}" if counted == list(names) else None
