"""Pack a dataset into one file that feeds a training; :mod:`hvdbench.dataset.pack_reader` describes its content.

Clips are first packed into files of their own, by as many processes as wanted, so that a killed run can continue where
it stopped. Then they are copied together as they are, without being coded again.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hvdbench import __version__
from hvdbench.dataset.facts import ClipFacts, is_of_subframes, subframe_stream
from hvdbench.dataset.folder_reader import STREAMS, look_at, stream_files
from hvdbench.dataset.pack_reader import CHUNK, FORMAT, SCHEMA, Kind, encode, need_zstd, open_pack
from hvdbench.errors import DatasetError, InputError
from hvdbench.frames import read_frames
from hvdbench.recipe import digest_of
from hvdbench.store import SERIES_FOLDER, ClipFolder, Dataset
from hvdbench.store.hdf5_files import write_hdf5
from hvdbench.workspace.atomic import atomic_path, atomic_write_text
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.locks import locked
from hvdbench.workspace.marks import PARTIAL
from hvdbench.workspace.progress import Progress, silent

ZSTD_LEVEL = 1  # on differences, level 9 gains 2 per cent of bytes for 5 times the time
_LIBRARY = ("earliest", "v110")  # versions of HDF5's objects that every HDF5 reads, and that hold no dates


@dataclass(frozen=True)
class Pack:
    """A finished pack.

    Attributes:
        path: the path of the file.
        clips: the number of clips in it.
        frames: the number of frames in all streams.
        size_bytes: the size of the file.
        is_new: whether it was written now, rather than found.
    """

    path: Path
    clips: int
    frames: int
    size_bytes: int
    is_new: bool


@dataclass(frozen=True)
class _Job:
    """One clip to pack; picklable, for a worker process."""

    facts: ClipFacts
    clip: ClipFolder
    streams: tuple[str, ...]
    sha256: str
    part: Path
    kind: Kind


def pack_dataset(
    dataset: Dataset,
    out: Path | None = None,
    *,
    kind: Kind = "zstd",
    streams: Sequence[str] | None = None,
    overwrite: bool = False,
    engine: Engine | None = None,
    progress: Progress = silent,
) -> Pack:
    """Pack the blurry frames of a dataset, its truths, and the facts that training needs of each clip.

    The bytes do not depend on the engine. During the packing a folder beside the file takes as much space again; what a
    killed run left in it is used. A clip without truth is packed without it; one that was never labelled is labelled
    first.

    Args:
        dataset: the dataset, finished or half-made; only finished clips are packed.
        out: the file; None means ``<dataset>.h5`` beside the dataset's folder.
        kind: ``zstd`` for chunks of 8 x 128 x 128 px, about as small as PNG; ``raw`` for contiguous frames, read
            through a memory map.
        streams: the streams to pack, of ``blur``, ``sharp``, ``sharp_centroid`` and ``sharp_series`` (all sub-frames);
            None means all that exist. ``blur`` is always packed.
        overwrite: whether to replace a pack of another dataset or of other settings.
        engine: what runs the jobs, which sets how many clips are packed at a time.
        progress: function called with clips done, their number, and the stage.

    Raises:
        DatasetError: if a clip is damaged, ``out`` is another pack and ``overwrite`` is off, or zstd is missing.
        InputError: if a stream is unknown, or no clip has it; if the dataset lies in object storage, and no file is
            named.
    """
    if out is None and dataset.location is not None:
        raise InputError(f"'{dataset.location}' is only read: name the file to write on this machine with -o")
    out = out or dataset.folder.absolute().with_name(f"{dataset.folder.absolute().name}.h5")
    if out.is_dir():
        raise InputError(f"{out} is a folder: name the file to write, e.g. {out / (dataset.name + '.h5')}")
    if kind == "zstd":
        need_zstd()
    looked = []
    for done, clip in enumerate(clips := dataset.clips()):
        progress(done, len(clips), "look")
        looked.append((look_at(clip)[0], clip))
    progress(len(clips), len(clips), "look")
    chosen = _choose(streams, [facts for facts, _ in looked])
    digest = digest_of(
        [SCHEMA, dataset.digest, kind, ZSTD_LEVEL, chosen, [facts.is_selected.tolist() for facts, _ in looked]]
    )
    if _is_there(out, digest, overwrite):
        return _count(out, is_new=False)
    with locked(out), _parts(out, digest) as folder:
        if _is_there(out, digest, overwrite):  # another process made it while this one waited for the lock
            return _count(out, is_new=False)
        jobs = [
            _Job(
                facts,
                clip,
                tuple(stream for stream in chosen if stream in facts.streams),
                dataset.manifest["clips"][facts.key],
                part,
                kind,
            )
            for facts, clip in looked
            if not (part := folder / f"{facts.key}.h5").is_file()
        ]
        done = len(looked) - len(jobs)
        progress(done, len(looked), "pack")
        for finished, _ in enumerate((engine or Engine()).map(_pack_clip, jobs), done + 1):
            progress(finished, len(looked), "pack")
        _join(dataset, [facts.key for facts, _ in looked], folder, out, kind, digest)
    return _count(out, is_new=True)


def _choose(streams: Sequence[str] | None, clips: Sequence[ClipFacts]) -> list[str]:
    """List the streams to pack, in the usual order."""
    most = max((clip.subframes for clip in clips), default=0)
    series = [subframe_stream(number) for number in range(1, most + 1)]
    present = {stream for clip in clips for stream in clip.streams}
    found = sorted({SERIES_FOLDER if is_of_subframes(stream) else stream for stream in present})
    for stream in streams or ():
        if stream not in (*STREAMS, SERIES_FOLDER):
            raise InputError(f"there is no stream named '{stream}' (known: {', '.join((*STREAMS, SERIES_FOLDER))})")
        if stream not in found:
            raise InputError(f"no clip has a stream '{stream}' (found: {', '.join(found)})")
    wanted = {"blur", *(streams or (*STREAMS, SERIES_FOLDER))}
    return [stream for stream in STREAMS if stream in present and stream in wanted] + series * (SERIES_FOLDER in wanted)


def _is_there(out: Path, digest: str, overwrite: bool) -> bool:
    """Return whether the same pack is there and finished.

    Raises:
        DatasetError: if something else is there and may not be replaced.
    """
    if not out.exists():
        return False
    try:
        with open_pack(out) as file:
            same = bool(file.attrs.get("pack_digest") == digest)
    except DatasetError:
        if overwrite:
            return False
        raise
    if not same and not overwrite:
        raise DatasetError(f"{out} is a pack of other data or settings: choose another file with -o, or --overwrite it")
    return same


@contextmanager
def _parts(out: Path, digest: str) -> Iterator[Path]:
    """Open the folder of packed clips, and remove it when the block ends well.

    A folder that belongs to another pack is emptied first.
    """
    folder = out.with_name(f"{PARTIAL}parts-{out.name}")
    plan = folder / "plan.json"
    if not plan.is_file() or plan.read_text(encoding="utf-8") != json.dumps(digest):
        shutil.rmtree(folder, ignore_errors=True)
        atomic_write_text(plan, json.dumps(digest))
    for leftover in folder.glob(f"*/{PARTIAL}*"):  # the pack's lock is held, so nobody is writing it
        leftover.unlink()
    yield folder
    shutil.rmtree(folder)


def _pack_clip(job: _Job) -> None:
    """Pack a clip into a file of its own, reading as many frames at a time as a chunk holds."""
    facts = job.facts
    with atomic_path(job.part) as temporary, write_hdf5(temporary, libver=_LIBRARY) as file:
        group = file.create_group("clip")
        group.attrs["sha256"] = job.sha256
        group.attrs["streams"] = list(job.streams)
        group.create_dataset("is_selected", data=facts.is_selected)
        group.create_dataset("sharpness", data=facts.sharpness)
        files = stream_files(job.clip)
        for stream in job.streams:
            _write_stream(group, stream, files[stream], facts, job.kind)


def _write_stream(group: h5py.Group, stream: str, files: Sequence[Path], facts: ClipFacts, kind: Kind) -> None:
    shape = (facts.frame_count, facts.height, facts.width, 3)
    chunk = tuple(min(pair) for pair in zip(CHUNK, shape, strict=True))
    layout: dict[str, Any] = {}
    if kind == "zstd":
        layout = {"chunks": chunk, **need_zstd().Zstd(clevel=ZSTD_LEVEL)}
    stored = group.create_dataset(stream, shape, np.uint8, **layout)
    stored.attrs["coding"] = "rows of green, red - green, blue - green" if kind == "zstd" else "none"
    for start in range(0, shape[0], CHUNK[0]):
        frames = read_frames(files[start : start + CHUNK[0]], files[start].parent)
        if frames.shape[1:] != shape[1:]:
            found, expected = f"{frames.shape[2]}x{frames.shape[1]}", f"{facts.width}x{facts.height}"
            raise DatasetError(
                f"{files[start]} is {found}, and the clip's first frame is {expected}: all frames of a clip must have "
                "one size"
            )
        stored[start : start + len(frames)] = encode(frames, chunk[1]) if kind == "zstd" else frames


def _join(dataset: Dataset, keys: Sequence[str], folder: Path, out: Path, kind: Kind, digest: str) -> None:
    """Copy the packed clips into one file, with their chunks unchanged."""
    with atomic_path(out) as temporary, write_hdf5(temporary, libver=_LIBRARY) as file:
        file.attrs.update(
            format=FORMAT,
            schema=SCHEMA,
            kind=kind,
            name=dataset.name,
            origin=dataset.origin,
            digest=dataset.digest,
            pack_digest=digest,
            version=__version__,
        )
        file.create_dataset("clips", data=list(keys), dtype=h5py.string_dtype())
        file.create_dataset("manifest", data=json.dumps(dataset.manifest, sort_keys=True), dtype=h5py.string_dtype())
        for key in keys:
            with h5py.File(folder / f"{key}.h5", "r") as part:
                part.copy(part["clip"], file, key)


def _count(out: Path, *, is_new: bool) -> Pack:
    with open_pack(out) as file:
        keys = file["clips"].asstr()[()]
        frames = sum(len(file[key][stream]) for key in keys for stream in file[key].attrs["streams"])
    return Pack(out, len(keys), frames, out.stat().st_size, is_new)
