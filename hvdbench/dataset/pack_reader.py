"""Read the file that ``hvdbench pack`` writes, and code the pixels in it; ``docs/packing.md`` describes the format.

A pack is HDF5 with one dataset (T, H, W, 3) uint8 per stream, either in zstd chunks of differences or raw, contiguous
and memory-mapped.
"""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import h5py
import numpy as np
from numpy.typing import NDArray

from hvdbench.dataset.facts import Box, CheckedReader, ClipFacts
from hvdbench.errors import DatasetError, InputError
from hvdbench.frames import Frames
from hvdbench.store.text_lengths import check_texts
from hvdbench.store.tracks import DAMAGE, bounded
from hvdbench.workspace.names import checked_keys, checked_name
from hvdbench.workspace.objects.door import Entry, look, open_ranges
from hvdbench.workspace.objects.location import Location, Place
from hvdbench.workspace.picture_files import MOST_PIXELS

FORMAT = "hvdbench pack"
SCHEMA = 1
CHUNK = (8, 128, 128, 3)
Kind = Literal["zstd", "raw"]
_REMAKE = "make it again with 'hvdbench pack --overwrite'"


def encode(frames: Frames, rows: int) -> Frames:
    """Code frames as differences, modulo 256: red and blue minus green, then each row minus the row above it.

    Noise and gradients leave small numbers, which zstd packs more closely than PNG does; undoing it takes two
    additions.

    Args:
        frames: uint8 RGB (T, H, W, 3), whole frames.
        rows: the height of a chunk; the first row of each chunk is kept as it is.
    """
    coded = frames.copy()
    coded[..., 0] -= frames[..., 1]
    coded[..., 2] -= frames[..., 1]
    plain = coded.copy()
    for top in range(0, frames.shape[1], rows):
        coded[:, top + 1 : top + rows] -= plain[:, top : top + rows][:, :-1]
    return coded


def decode(coded: Frames, rows: int) -> Frames:
    """Undo :func:`encode`.

    Args:
        coded: (T, h, w, 3), contiguous, beginning with the first row of a chunk; columns may be cut.
        rows: the height of a chunk.
    """
    frames = coded.copy()
    lines = frames.reshape(*frames.shape[:2], -1)  # (T, h, 3 w)
    for row in range(1, frames.shape[1]):
        if row % rows:
            lines[:, row] += lines[:, row - 1]
    frames[..., 0] += frames[..., 1]
    frames[..., 2] += frames[..., 1]
    return frames


def open_pack(path: Place) -> h5py.File:
    """Open a pack to read, without a chunk cache, since random crops hardly ever need a chunk twice.

    Of a pack at an address, ranges are read as they are needed.

    Raises:
        DatasetError: if the file is not HDF5, is truncated, is not a pack, or has another schema.
        InputError: if the server of an address cannot be asked.
    """
    return _opened(path)[0]


def _opened(path: Place) -> tuple[h5py.File, Any]:
    """Open a pack, and return it with the object that ranges of an address are read from (None: it is on the disk)."""
    source: Any = None
    try:
        if isinstance(path, Location):
            source = open_ranges(path)
            file = h5py.File(source, "r", rdcc_nbytes=0)
        else:
            file = h5py.File(path, "r", rdcc_nbytes=0, locking=False)
    except OSError as error:
        found = "is truncated" if "truncated" in str(error) else "is not an HDF5 file, or is damaged"
        raise DatasetError(f"{path} {found}: a pack was expected; {_REMAKE}") from error
    try:
        check_texts(file, source)
        for name in ("clips", "manifest"):
            if name in file:
                bounded(file, name, source)
        found_format, schema = file.attrs.get("format"), file.attrs.get("schema")
    except InputError:
        file.close()
        raise  # of a server
    except DAMAGE as error:
        file.close()
        raise DatasetError(f"{path} is damaged ({error}): a pack was expected; {_REMAKE}") from error
    if not (isinstance(found_format, str) and found_format == FORMAT):
        file.close()
        raise DatasetError(f"{path} is an HDF5 file, but not a pack: name a file made by 'hvdbench pack'")
    if np.ndim(schema) or schema != SCHEMA:
        file.close()
        raise DatasetError(f"{path} is a pack of schema {str(schema)[:40]}, and this version reads {SCHEMA}: {_REMAKE}")
    return file, source


def need_zstd() -> Any:
    """Import the package that adds zstd to HDF5, and return it.

    Raises:
        DatasetError: if it is not installed.
    """
    try:
        import hdf5plugin
    except ImportError as error:
        raise DatasetError(
            "packs in zstd chunks need the package hdf5plugin, which cannot be imported: "
            "pip install hdf5plugin, or pack with --raw"
        ) from error
    return hdf5plugin


class PackReader(CheckedReader):
    """Reads boxes of frames from a pack, touching only the chunks or memory pages that overlap a box.

    Raises:
        DatasetError: under the conditions of :func:`open_pack`, and if the pack is incomplete, a name in it could be a
            path, or zstd is missing.
    """

    def __init__(self, path: Place) -> None:
        self._path = path
        self._state = self._look()
        self._file: h5py.File | None = None
        self._bytes: NDArray[np.uint8] | None = None
        self._process = 0
        self._offsets: dict[tuple[str, str], int] = {}
        file, source = _opened(path)
        with file:
            try:
                self._kind: Kind = _kind_of(file.attrs["kind"])
                clips = [self._facts_of(key, file[key], source) for key in file["clips"].asstr()[()]]
                name, origin, digest = (str(file.attrs[field]) for field in ("name", "origin", "digest"))
            except InputError:
                raise  # of a server
            except DAMAGE as error:
                raise DatasetError(f"{path} is an incomplete pack ({error}): {_REMAKE}") from error
        checked_name(name, "name", where=str(path), error=DatasetError)
        checked_keys((clip.key for clip in clips), "clips", where=str(path), error=DatasetError)
        if self._kind == "zstd":
            need_zstd()
        super().__init__(clips, name=name, origin=origin, digest=digest)

    def read(self, key: str, stream: str, frames: Sequence[int], box: Box | None = None) -> Frames:
        """Read frames of one clip; see :meth:`hvdbench.dataset.facts.ClipReader.read`."""
        wanted, box = self._check(key, stream, frames, box)
        self._reopen()
        if self._bytes is not None:
            return self._read_mapped(key, stream, wanted, box)
        assert self._file is not None
        try:
            stored = self._file[f"{key}/{stream}"]
            return (_read_rows if self._kind == "raw" else _read_chunks)(stored, wanted, box)
        except InputError:
            raise  # of a server
        except DAMAGE as error:
            raise DatasetError(f"{self._path}: {key}/{stream} is damaged ({error}): {_REMAKE}") from error

    def close(self) -> None:
        """Close the open file; a later read opens it again."""
        if self._file is not None and self._process == os.getpid():
            self._file.close()
        self._file, self._bytes = None, None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_file": None, "_bytes": None}

    def _reopen(self) -> None:
        """Open the file for this process, since HDF5 must not share an open file over a fork."""
        if self._process == os.getpid() and (self._file is not None or self._bytes is not None):
            return
        self._process = os.getpid()
        if self._kind == "raw" and not isinstance(self._path, Location):
            self._bytes = np.asarray(np.memmap(self._path, np.uint8, "r"))
            return
        if self._look() != self._state:
            raise DatasetError(f"'{self._path}' was replaced since it was opened: run the command again")
        if self._kind == "zstd":
            need_zstd()  # registers zstd in a process that received this reader
        self._file = open_pack(self._path)

    def _look(self) -> Entry | None:
        """Return the state of a file at an address, which another process must find unchanged; None on the disk."""
        return look(self._path) if isinstance(self._path, Location) else None

    @property
    def _size(self) -> int | None:
        if isinstance(self._path, Path):
            return self._path.stat().st_size
        return None if self._state is None else self._state.size

    def _facts_of(self, key: str, group: h5py.Group, source: Any) -> ClipFacts:
        check_texts(group, source)
        selected = np.asarray(bounded(group, "is_selected", source)[()], np.bool_)
        sharpness = np.asarray(bounded(group, "sharpness", source)[()], np.float64)
        streams = tuple(str(name) for name in group.attrs["streams"])
        shape = group["blur"].shape
        fits = shape[3:] == (3,) and shape[:1] == selected.shape == sharpness.shape
        if not fits or math.prod(shape[1:3]) > MOST_PIXELS:
            raise ValueError(f"{key} declares frames {shape}, {selected.shape} marks and {sharpness.shape} numbers")
        for name in streams:
            self._offsets[key, name] = self._offset_of(group[name], shape)
        frame_count, height, width = shape[:3]
        return ClipFacts(key, frame_count, height, width, streams, selected, sharpness)

    def _offset_of(self, stored: h5py.Dataset, shape: tuple[int, ...]) -> int:
        """Return where the frames of a stream begin (0: they lie in chunks), if they are stored as they ought to be."""
        if stored.shape != shape or stored.dtype != np.uint8:
            raise ValueError(f"{stored.name} is {stored.dtype} {stored.shape} and does not fit the clip")
        offset = stored.id.get_offset()  # None: stored in chunks, or nowhere
        if self._kind == "zstd":
            if stored.chunks is None or any(a > b for a, b in zip(stored.chunks, CHUNK, strict=True)):
                raise ValueError(f"{stored.name} is stored in chunks of {stored.chunks}, expected {CHUNK} at most")
            return 0
        size = self._size
        if offset is None or (size is not None and offset + stored.nbytes > size):
            raise ValueError(f"{stored.name} is not one piece, or ends after the end of the file")
        return int(offset)

    def _read_mapped(self, key: str, stream: str, wanted: NDArray[np.intp], box: Box) -> Frames:
        assert self._bytes is not None
        facts = self._facts[key]
        shape, start = (facts.frame_count, facts.height, facts.width, 3), self._offsets[key, stream]
        clip = self._bytes[start : start + int(np.prod(shape))].reshape(shape)
        found = np.empty((len(wanted), box.height, box.width, 3), np.uint8)
        for place, frame in enumerate(wanted):
            found[place] = clip[frame, box.top : box.top + box.height, box.left : box.left + box.width]
        return found


def _read_rows(stored: h5py.Dataset, wanted: NDArray[np.intp], box: Box) -> Frames:
    """Read a box of each frame of a pack without chunks."""
    found = np.empty((len(wanted), box.height, box.width, 3), np.uint8)
    for place, frame in enumerate(wanted):
        found[place] = stored[int(frame), box.top : box.top + box.height, box.left : box.left + box.width]
    return found


def _kind_of(found: object) -> Kind:
    if isinstance(found, str) and found in get_args(Kind):
        return found  # type: ignore[return-value]
    raise ValueError(f"its kind is {str(found)[:40]!r}, expected one of {', '.join(get_args(Kind))}")


def _read_chunks(stored: h5py.Dataset, wanted: NDArray[np.intp], box: Box) -> Frames:
    """Read each chunk once; frames of the same or adjoining chunks are read at once, from a chunk's first row on."""
    length, rows = stored.chunks[:2]
    first = box.top - box.top % rows
    found = np.empty((len(wanted), box.height, box.width, 3), np.uint8)
    frames = np.unique(wanted)
    breaks = np.flatnonzero(np.diff(frames // length) > 1) + 1
    for run in np.split(frames, breaks):
        start, stop = int(run[0]), int(run[-1]) + 1
        coded = stored[start:stop, first : box.top + box.height, box.left : box.left + box.width]
        plain = decode(coded, rows)[:, box.top - first :]
        inside = (wanted >= start) & (wanted < stop)
        found[inside] = plain[wanted[inside] - start]
    return found
