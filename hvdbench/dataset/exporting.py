"""Write a dataset in the folders or the LMDB files that other people's training code reads; nothing of it is changed.

Folders are of links or of copies. LMDB files hold PNG pictures and a ``meta_info.txt``, as BasicSR's
docs/DatasetPreparation.md describes them; KAIR reads the same under other names.
"""

import errno
import importlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2

from hvdbench.errors import InputError
from hvdbench.frames import list_frames, read_frame
from hvdbench.store import TRUTH_FOLDERS, ClipFolder, Dataset, Truth
from hvdbench.workspace.atomic import atomic_folder, atomic_write_text
from hvdbench.workspace.marks import stranger_in
from hvdbench.workspace.names import slug
from hvdbench.workspace.progress import Progress, silent

RECORD = "hvdbench-export.json"
Transfer = Literal["link", "copy"]
_LEVEL = 1  # of compression, which BasicSR's documentation uses
_COMMIT_FRAMES = 200
_SPARE_BYTES = 64 << 20


@dataclass(frozen=True)
class Form:
    """A form that other code reads.

    Attributes:
        title: whose it is.
        blurry, sharp: where a clip's frames go, with ``{split}`` and ``{clip}``; of LMDB, what comes before the last
            ``/`` is the file and what follows begins the key.
        frame: the name of a frame by its number from 0.
        is_numbered: whether clips must be called by numbers.
        is_lmdb: whether frames go into LMDB files.
        has_list: whether a list of the clips of each split is written.
        states_first: whether a line of that list also names the first frame.
    """

    title: str
    blurry: str
    sharp: str
    frame: str = "{:08d}"
    is_numbered: bool = False
    is_lmdb: bool = False
    has_list: bool = True
    states_first: bool = False


FORMS: Mapping[str, Form] = {
    "gopro": Form("GOPRO_Large", "{split}/{clip}/blur", "{split}/{clip}/sharp", "{:06d}", has_list=False),
    "bsd": Form(
        "BSD (ESTRNN)", "{split}/{clip}/Blur/RGB", "{split}/{clip}/Sharp/RGB", is_numbered=True, has_list=False
    ),
    "basicsr": Form("BasicSR", "{split}_blur/{clip}", "{split}_sharp/{clip}"),
    "basicsr-lmdb": Form("BasicSR", "{split}_blur.lmdb/{clip}", "{split}_sharp.lmdb/{clip}", is_lmdb=True),
    "kair": Form("KAIR", "{split}_GT_blurred/{clip}", "{split}_GT/{clip}", states_first=True),
    "kair-lmdb": Form(
        "KAIR", "{split}_GT_blurred.lmdb/{clip}", "{split}_GT.lmdb/{clip}", is_lmdb=True, states_first=True
    ),
}


@dataclass(frozen=True)
class _Clip:
    """A clip of the dataset, its name in the export, and its frames by where they go."""

    clip: ClipFolder
    name: str
    files: Mapping[str, Sequence[Path]]


def export_dataset(
    dataset: Dataset,
    out: Path,
    form_name: str,
    *,
    transfer: Transfer = "link",
    truth: Truth = "mid",
    progress: Progress = silent,
) -> list[str]:
    """Write a dataset in a form that other code reads; it appears whole or not at all.

    Clips that the form cannot call by their names get others; ``hvdbench-export.json`` says which, and what the frames
    are of.

    Args:
        dataset: the dataset, which is not changed.
        out: a new or empty folder.
        form_name: one of :data:`FORMS`.
        transfer: ``link`` or ``copy``; LMDB files always hold copies.
        truth: which truth is written as the sharp frames.
        progress: called after each clip.

    Returns:
        Notes that the user must know.

    Raises:
        InputError: if the folder is not empty or lies in the dataset, no clip has that truth though some have the
            other, links are not allowed, or the package ``lmdb`` is missing.
        DatasetError: if the dataset has no clips.
    """
    form = FORMS[form_name]
    if transfer == "link" and dataset.location is not None:
        raise InputError(f"'{dataset.location}' is not on this machine, so no links lead to its frames: use --copy")
    if out.resolve().is_relative_to(dataset.folder.resolve()) or dataset.folder.resolve().is_relative_to(out.resolve()):
        raise InputError(f"one of {out} and the dataset {dataset.folder} is inside the other: choose another --out")
    if out.is_dir() and stranger_in(out):
        raise InputError(f"{out} is not empty: choose another --out")
    clips = _named(dataset.clips(), form, truth)
    without = [clip.clip for clip in clips if len(clip.files) == 1]
    if len(without) == len(clips) and any((clip.folder / name).is_dir() for clip in without for name in _others(truth)):
        raise InputError(f"{dataset.folder} has no truth '{truth}', but the other: choose another --truth")
    with atomic_folder(out) as folder:
        for done, clip in enumerate(clips):
            for place, files in clip.files.items():
                _write(folder / place, files, form, transfer)
            progress(done + 1, len(clips), f"export {dataset.name}")
        if form.has_list:
            _write_lists(folder, clips, form)
        atomic_write_text(folder / RECORD, json.dumps(_record(dataset, clips, form_name, truth), indent=1) + "\n")
    renamed = sum(clip.name != clip.clip.name for clip in clips)
    notes = [f"{renamed} clips have other names here, which {RECORD} lists"] if renamed else []
    if without:
        notes.append(f"{len(without)} clips have no truth '{truth}', so only their blurry frames were written")
    return notes


def _named(clips: Sequence[ClipFolder], form: Form, truth: Truth) -> list[_Clip]:
    """Return each clip with the name and the places that the form wants."""
    found: list[_Clip] = []
    are_numbers = all(clip.name.isdecimal() for clip in clips)
    taken: set[tuple[str, str]] = set()
    for clip in clips:
        name = clip.name
        if form.is_numbered and not are_numbers:
            name = f"{sum(other.clip.split == clip.split for other in found):03d}"
        elif form.has_list:  # its fields are parted by spaces, and a key ends before the first dot
            name = slug(name).replace(".", "-") or "clip"
            while (clip.split, name) in taken:
                name += "-2"
        taken.add((clip.split, name))
        places = {form.blurry: "blur", form.sharp: TRUTH_FOLDERS[truth]}
        files = {
            place.format(split=clip.split, clip=name): list_frames(clip.folder / stream)
            for place, stream in places.items()
            if (clip.folder / stream).is_dir()
        }
        found.append(_Clip(clip, name, files))
    return found


def _others(truth: Truth) -> list[str]:
    return [name for kind, name in TRUTH_FOLDERS.items() if kind != truth]


def _write(place: Path, files: Sequence[Path], form: Form, transfer: Transfer) -> None:
    if form.is_lmdb:
        _write_lmdb(
            place.parent, {f"{place.name}/{form.frame.format(index)}": file for index, file in enumerate(files)}
        )
        return
    place.mkdir(parents=True)
    for index, file in enumerate(files):
        target = place / f"{form.frame.format(index)}.png"
        if transfer == "copy":
            shutil.copyfile(file, target)
            continue
        try:
            target.symlink_to(file.resolve())
        except OSError as error:
            raise InputError(f"{place} does not allow links ({error.strerror}): export with --copy") from error


def _write_lmdb(path: Path, files: Mapping[str, Path]) -> None:
    """Add pictures to an LMDB file under their keys, and a line for each to its ``meta_info.txt``."""
    lmdb = _lmdb()
    path.mkdir(exist_ok=True)
    there = (path / "data.mdb").stat().st_size if (path / "data.mdb").is_file() else 0
    first = read_frame(next(iter(files.values())))
    environment = lmdb.open(str(path), map_size=there + 2 * first.nbytes * len(files) + _SPARE_BYTES)
    try:
        with (path / "meta_info.txt").open("a", encoding="utf-8") as lines:
            for chunk in _chunks(list(files.items()), _COMMIT_FRAMES):
                with environment.begin(write=True) as transaction:
                    for key, file in chunk:
                        frame = read_frame(file)
                        _, data = cv2.imencode(".png", frame[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, _LEVEL])
                        transaction.put(key.encode("utf-8"), data.tobytes())
                        lines.write(f"{key}.png {_shape(frame.shape)} {_LEVEL}\n")
    except lmdb.Error as error:  # it does not say which error of the system it was
        number = errno.EIO if shutil.disk_usage(path).free > first.nbytes else errno.ENOSPC
        raise OSError(number, f"{os.strerror(number)} ({error})", str(path)) from error
    finally:
        environment.close()


def _lmdb() -> Any:
    try:
        return importlib.import_module("lmdb")
    except ModuleNotFoundError as error:
        raise InputError("lmdb is not installed: run pip install hvdbench[lmdb]") from error


def _chunks(things: Sequence[tuple[str, Path]], count: int) -> Iterator[Sequence[tuple[str, Path]]]:
    return (things[start : start + count] for start in range(0, len(things), count))


def _shape(shape: tuple[int, ...]) -> str:
    return f"({','.join(map(str, shape))})"


def _write_lists(folder: Path, clips: Sequence[_Clip], form: Form) -> None:
    """Write ``meta_info_<split>_GT.txt``: a line for each clip, with its name, its number of frames and their shape."""
    lines: dict[str, list[str]] = {}
    for clip in clips:
        files = next(iter(clip.files.values()))
        words = [clip.name, str(len(files)), _shape(read_frame(files[0]).shape)]
        words += [form.frame.format(0)] if form.states_first else []
        lines.setdefault(clip.clip.split, []).append(" ".join(words))
    for split, found in lines.items():
        atomic_write_text(folder / f"meta_info_{split}_GT.txt", "\n".join(found) + "\n")


def _record(dataset: Dataset, clips: Sequence[_Clip], form_name: str, truth: Truth) -> dict[str, object]:
    licences = {str(clip.clip.attributes().get("licence", "unknown")) for clip in clips}
    return {
        "form": form_name,
        "dataset": dataset.name,
        "digest": dataset.digest,
        "origin": dataset.origin,
        "truth": truth,
        "licences": sorted(licences),
        "clips": {f"{clip.clip.split}/{clip.name}": f"{clip.clip.split}/{clip.clip.name}" for clip in clips},
    }
