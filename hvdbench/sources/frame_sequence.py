"""Read the frames of a high-speed clip one at a time, with depth maps where there are any."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frame, read_frame
from hvdbench.workspace.parsing import load_array

DEPTH_FOLDER, DEPTH_SUFFIX = "depth", ".npy"

Key = TypeVar("Key")
Kept = TypeVar("Kept")


class Recent(Generic[Key, Kept]):
    """Keep what was used last, bounded by count and by bytes.

    Args:
        size_of: returns a value's bytes.
        most, most_bytes: what is kept.
        least: kept whatever its bytes.
    """

    def __init__(self, size_of: Callable[[Kept], int], *, most: int, most_bytes: int, least: int = 2) -> None:
        self._size_of, self._most, self._most_bytes, self._least = size_of, most, most_bytes, least
        self._values: OrderedDict[Key, Kept] = OrderedDict()
        self._bytes = 0

    def get(self, key: Key, make: Callable[[], Kept]) -> Kept:
        """Return the value of a key, made where it is not kept."""
        if key not in self._values:
            self.put(key, make())
        self._values.move_to_end(key)
        return self._values[key]

    def put(self, key: Key, value: Kept) -> None:
        """Keep a new value and drop the ones not used for longest."""
        self._values[key] = value
        self._bytes += self._size_of(value)
        while len(self._values) > self._most or (len(self._values) > self._least and self._bytes > self._most_bytes):
            _, dropped = self._values.popitem(last=False)
            self._bytes -= self._size_of(dropped)

    def __contains__(self, key: Key) -> bool:
        return key in self._values

    def __getitem__(self, key: Key) -> Kept:
        self._values.move_to_end(key)
        return self._values[key]


class FrameSequence(Protocol):
    """Equally sized frames in order; picklable, and read when asked."""

    def __len__(self) -> int: ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, px."""

    def read(self, index: int) -> Frame:
        """Return a frame, uint8 RGB (H, W, 3).

        Raises:
            InputError: if the frame cannot be decoded, or its size is not that of the first.
        """

    def depth(self, index: int) -> NDArray[np.float32] | None:
        """Return a frame's depth, (h, w) of any resolution and unit, above 0; None: it has none.

        Raises:
            InputError: if its map cannot be read, or is not a depth map.
        """


@dataclass(frozen=True)
class FileFrames:
    """Read frames from picture files.

    Args:
        files: in order.
        depth_files: one ``.npy`` file a frame, (h, w) along the optical axis; none: no depth.

    Raises:
        InputError: if there is no file, or not one depth map for each frame.
    """

    files: tuple[Path, ...] = field(repr=False)
    depth_files: tuple[Path, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if not self.files:
            raise InputError("a clip has no frames: name a folder that contains some")
        if self.depth_files and len(self.depth_files) != len(self.files):
            raise InputError(
                f"{self.depth_files[0].parent} contains {len(self.depth_files)} depth maps for {len(self.files)} "
                "frames: there must be one for each frame, or none"
            )

    def __len__(self) -> int:
        return len(self.files)

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height of the first frame, px."""
        height, width = read_frame(self.files[0]).shape[:2]
        return width, height

    def read(self, index: int) -> Frame:
        """Return a frame; see :meth:`FrameSequence.read`."""
        frame = read_frame(self.files[index])
        found = (frame.shape[1], frame.shape[0])
        if found != self.size:
            raise InputError(
                f"{self.files[index]} is {found[0]}x{found[1]}, and the first frame is {self.size[0]}x{self.size[1]}: "
                "all frames of a clip must have one size"
            )
        return frame

    def depth(self, index: int) -> NDArray[np.float32] | None:
        """Return a frame's depth; see :meth:`FrameSequence.depth`."""
        return read_depth(self.depth_files[index]) if self.depth_files else None


def read_depth(path: Path) -> NDArray[np.float32]:
    """Read a depth map, (h, w) float32.

    Raises:
        InputError: if the file is missing, is not a two-dimensional array, or contains a value that is not a distance.
    """
    try:
        depth = load_array(path)
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing: there must be a depth map for each frame, or none") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not a depth map: it cannot be read as a NumPy array") from error
    if not isinstance(depth, np.ndarray) or depth.ndim != 2 or min(depth.shape) < 2 or depth.dtype.kind not in "fiu":
        found = f"{depth.dtype} of shape {depth.shape}" if isinstance(depth, np.ndarray) else "several arrays"
        raise InputError(f"{path} is not a depth map: found {found}, expected one number a pixel, (height, width)")
    wrong = int(np.count_nonzero(~(np.isfinite(depth) & (depth > 0))))
    if wrong:
        raise InputError(
            f"{path}: {wrong} of {depth.size} depths are not finite and above 0: fill them, or leave the depth maps out"
        )
    return np.asarray(depth, np.float32)


def find_depth_files(files: tuple[Path, ...]) -> tuple[Path, ...]:
    """Find the depth maps of frames: ``<stem>.npy`` beside each (as MonST3R writes), or in a folder ``depth``.

    Returns:
        One file a frame, or none.

    Raises:
        InputError: if some frames have a map and others have none.
    """
    if not files:
        return ()
    for folder in (files[0].parent, files[0].parent / DEPTH_FOLDER):
        maps = tuple(folder / f"{file.stem}{DEPTH_SUFFIX}" for file in files)
        missing = [path for path in maps if not path.is_file()]
        if not missing:
            return maps
        if len(missing) < len(maps):
            raise InputError(
                f"{missing[0]} is missing, as are {len(missing)} of {len(maps)} depth maps in all: there must be one "
                "for each frame, or none"
            )
    return ()
