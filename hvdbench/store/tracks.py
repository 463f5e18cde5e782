"""Read ``tracks.h5``, whose declared sizes and content may be damaged or of strangers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import DatasetError, HvdbenchError
from hvdbench.store.text_lengths import check_texts

_SMALL_BYTES = 1 << 20
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
        with h5py.File(path, "r") as tracks:
            check_texts(tracks)
            tracks.visititems(_check)
            yield tracks
    except HvdbenchError:
        raise
    except DAMAGE as error:
        raise DatasetError(
            f"{path} is damaged or not a file of tracks ({_words(error)}): run 'hvdbench repair' on its dataset, and "
            "make the clip again"
        ) from error


def _check(_: str, item: Any) -> None:
    if isinstance(item, h5py.Group | h5py.Dataset):
        check_texts(item)


def field_of(tracks: h5py.File, name: str) -> NDArray[Any]:
    """Read a field whole.

    Raises:
        DatasetError: if the file is too small to hold what the field declares.
    """
    try:
        return np.asarray(bounded(tracks, name)[()])
    except ValueError as error:
        raise DatasetError(f"{tracks.filename}: {error}: make the clip again") from error


def bounded(group: h5py.Group, name: str, source: Any = None) -> h5py.Dataset:
    """Return a field that may be read whole.

    Args:
        group: the group that the field lies in.
        name: the field's name.
        source: as in :func:`hvdbench.store.text_lengths.check_texts`.

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
    check_texts(field, source)
    return field


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
