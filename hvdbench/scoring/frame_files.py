"""Present a clip's picture files as an array that reads them one at a time, when they are needed."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from hvdbench.errors import InputError
from hvdbench.frames import Frame, list_frames, no_frames, read_frame


class FrameSequence(Protocol):
    """The part of an array (T, H, W, 3) that scoring needs of a clip; :class:`FrameFiles` has it too."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[np.uint8]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Frame: ...

    def __iter__(self) -> Iterator[Frame]: ...


class FrameFiles:
    """Picture files as a clip, uint8 RGB (T, H, W, 3); none is kept in memory.

    Args:
        files: the files, in order.
        folder: the folder of the files, for error messages.

    Raises:
        InputError: if there is no file; on reading, if a file cannot be decoded or has another size than the first.
    """

    def __init__(self, files: Sequence[Path], folder: Path) -> None:
        if not files:
            raise InputError(no_frames(folder))
        self._files = list(files)

    @classmethod
    def of(cls, folder: Path) -> "FrameFiles":
        """List a folder's pictures, in natural order.

        Raises:
            InputError: if there is no such folder, or no picture in it.
        """
        return cls(list_frames(folder), folder)

    dtype = np.dtype(np.uint8)

    @cached_property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape (T, H, W, 3), with the size of the first frame."""
        height, width = read_frame(self._files[0]).shape[:2]
        return len(self._files), height, width, 3

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Frame:
        frame = read_frame(self._files[index])
        if frame.shape != self.shape[1:]:
            found, expected = (f"{shape[1]}x{shape[0]}" for shape in (frame.shape, self.shape[1:]))
            raise InputError(
                f"{self._files[index]} is {found}, and the first frame is {expected}: all frames of a clip must have "
                "one size"
            )
        return frame

    def __iter__(self) -> Iterator[Frame]:
        return (self[index] for index in range(len(self)))
