"""Read ``tracks.h5``, whose declared sizes and content may be damaged or of strangers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import DatasetError, HvdbenchError
from hvdbench.store.heaps import check_heaps

_SMALL_BYTES = 1 << 20
_TEXT_BYTES = 16  # of one text of any length, without the text itself
_MOST_TIMES = 1100  # deflate packs at most 1032 bytes into one (zlib's documentation); other filters pack less
DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, MemoryError)
"""What h5py raises for damaged files: it depends on where the damage lies."""


@contextmanager
def open_tracks(path: Path) -> Iterator[h5py.File]:
    """Open a ``tracks.h5`` to read; what the block finds damaged is said in one sentence, too.

    Raises:
        DatasetError: if the file is not HDF5, or is damaged.
    """
    try:
        check_heaps(path)
        with h5py.File(path, "r") as tracks:
            yield tracks
    except HvdbenchError:
        raise
    except DAMAGE as error:
        raise DatasetError(
            f"{path} is damaged or not a file of tracks ({_words(error)}): run 'hvdbench repair' on its dataset, and "
            "make the clip again"
        ) from error


def field_of(tracks: h5py.File, name: str) -> NDArray[Any]:
    """Read a field whole.

    Raises:
        DatasetError: if the file is too small to hold what the field declares.
    """
    try:
        return np.asarray(bounded(tracks, name)[()])
    except ValueError as error:
        raise DatasetError(f"{tracks.filename}: {error}: make the clip again") from error


def bounded(group: h5py.Group, name: str) -> h5py.Dataset:
    """Return a field that may be read whole.

    Raises:
        KeyError: if there is no such field.
        ValueError: if it is something else than a field, or the file is too small to hold what it declares.
    """
    field = group[name]
    if not isinstance(field, h5py.Dataset):
        raise ValueError(f"{name} is not a field of numbers or text")
    declared, stored = field.size * field.dtype.itemsize if field.size else 0, field.id.get_storage_size()
    if declared > _SMALL_BYTES + _MOST_TIMES * stored:
        raise ValueError(f"{name} declares {declared} bytes, of which the file holds {stored}")
    _check_texts(field, name)
    return field


def _check_texts(field: h5py.Dataset, name: str) -> None:
    """Refuse texts that are longer than the whole file, since HDF5 takes the memory for a text before it looks for it.

    On the disk each text is its length in 4 bytes, and a place in 12. Texts that lie in chunks are not looked at.
    """
    text = h5py.check_string_dtype(field.dtype)
    start, path = field.id.get_offset(), Path(field.file.filename)
    if text is None or text.length is not None or start is None or not path.is_file():
        return
    with path.open("rb") as file:
        file.seek(start)
        places = np.frombuffer(file.read(_TEXT_BYTES * field.size), np.uint8)
    lengths = places[: len(places) // _TEXT_BYTES * _TEXT_BYTES].reshape(-1, _TEXT_BYTES)[:, :4].copy().view("<u4")
    if lengths.sum(dtype=np.uint64) > path.stat().st_size:
        raise ValueError(f"{name} declares texts of {lengths.sum(dtype=np.uint64)} bytes, more than its file has")


def field_names(tracks: h5py.File) -> list[str]:
    """List all fields but labels, sorted."""
    found: list[str] = []

    def visit(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith("labels/"):
            found.append(name)

    tracks.visititems(visit)
    return sorted(found)


def _words(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0][:200] if lines else type(error).__name__
