"""Write HDF5 files so that a full disk ends in the system's error.

HDF5 keeps what it could not write in its cache, fails again when the file is closed, and may end the process with a
segmentation fault at its exit. So it writes to an object of Python here, which keeps the first error to itself until
HDF5 has closed the file.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import h5py


class _Forgiving(io.RawIOBase):
    """A file that goes on without an error after a write has failed, and remembers that error."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        self._place = 0
        self.error: OSError | None = None

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        os.lseek(self._handle, self._place, os.SEEK_SET)
        data = os.read(self._handle, len(view))
        view[: len(data)] = data
        view[len(data) :] = bytes(len(view) - len(data))  # zeros beyond the end, as HDF5 has it in files of its own
        self._place += len(view)
        return len(view)

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        if self.error is None:
            try:
                os.lseek(self._handle, self._place, os.SEEK_SET)
                written = 0
                while written < len(view):
                    written += os.write(self._handle, view[written:])
            except OSError as error:
                self.error = error
        self._place += len(view)
        return len(view)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.size()}[whence]
        self._place = start + offset
        return self._place

    def size(self) -> int:
        return os.fstat(self._handle).st_size

    def tell(self) -> int:
        return self._place

    def truncate(self, size: int | None = None) -> int:
        size = self._place if size is None else size
        if self.error is None:
            try:
                os.truncate(self._handle, size)
            except OSError as error:
                self.error = error
        return size

    def close(self) -> None:
        if not self.closed:
            os.close(self._handle)
        super().close()


@contextmanager
def write_hdf5(path: Path, mode: Literal["w", "a"] = "w", **options: Any) -> Iterator[h5py.File]:
    """Open an HDF5 file to write or to change it; use it inside :func:`hvdbench.workspace.atomic.atomic_path`.

    Args:
        path: path of the file; with ``w`` it is emptied.
        mode: whether the file is made anew (``w``) or changed, and made if it is empty or absent (``a``).
        options: further arguments of ``h5py.File``, such as ``libver``.

    Raises:
        OSError: if the disk is full, or the file becomes larger than is allowed; the error is that of the system.
    """
    with _Forgiving(path) as file:
        if mode == "w":
            file.truncate(0)
        is_new = mode == "w" or not file.size()
        try:
            with h5py.File(file, "w" if is_new else "r+", **options) as opened:
                yield opened
        finally:
            if file.error is not None:
                raise file.error
