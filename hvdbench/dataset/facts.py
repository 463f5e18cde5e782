"""Define the facts about clips that are known before their frames are read, and the interface of readers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frames
from hvdbench.store import SERIES_FOLDER


@dataclass(frozen=True)
class Box:
    """A rectangle of a frame, px: rows ``top`` to ``top + height``, columns ``left`` to ``left + width``."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class ClipFacts:
    """The facts about a clip that are known before any frame of it is read.

    Attributes:
        key: ``<split>/<clip>``.
        frame_count, height, width: number of frames T and their size H, W in px.
        streams: those of ``blur``, ``sharp``, ``sharp_centroid``, and ``sharp_series/1`` to ``sharp_series/N`` (the
            sub-frames of each exposure in the order of time) that the clip has.
        is_selected: (T,) whether the paper's labeller selects the frame for methods to learn from.
        sharpness: (T,) the measure of that labeller.
        starts: first frames at which the windows of a training may begin; None for all frames.
    """

    key: str
    frame_count: int
    height: int
    width: int
    streams: tuple[str, ...]
    is_selected: NDArray[np.bool_]
    sharpness: NDArray[np.float64]
    starts: NDArray[np.intp] | None = None

    @property
    def subframes(self) -> int:
        """The number N of sub-frames that the clip has of each exposure; 0: it has none."""
        return sum(is_of_subframes(stream) for stream in self.streams)


class ClipReader(Protocol):
    """Reads boxes of frames; see :func:`hvdbench.dataset.folder_reader.open_reader`."""

    @property
    def clips(self) -> tuple[ClipFacts, ...]:
        """The facts of all clips, sorted by key."""

    @property
    def name(self) -> str:
        """The dataset's name on boards."""

    @property
    def origin(self) -> str:
        """``demo``, ``simulated`` or ``measured``."""

    @property
    def digest(self) -> str:
        """The dataset's digest, which is the same for its folder and for its packs."""

    def read(self, key: str, stream: str, frames: Sequence[int], box: Box | None = None) -> Frames:
        """Read frames of one clip, uint8 RGB (n, h, w, 3), in the requested order; a frame may be requested twice.

        Raises:
            InputError: if there is no such clip, stream or frame, or a box is not inside the frame.
            DatasetError: if the data are damaged.
        """

    def close(self) -> None:
        """Close open files; a later read opens them again."""


def subframe_stream(number: int) -> str:
    """Return the name of the stream of the n-th sub-frames, counted from 1."""
    return f"{SERIES_FOLDER}/{number}"


def is_of_subframes(stream: str) -> bool:
    """Return whether a stream is one of sub-frames."""
    return stream.startswith(f"{SERIES_FOLDER}/")


def read_subframes(
    reader: ClipReader, clip: ClipFacts, frames: Sequence[int], box: Box | None = None
) -> NDArray[np.uint8]:
    """Read the sub-frames of some frames of a clip.

    Args:
        reader: the reader of the clip.
        clip: the clip's facts.
        frames: the numbers of n frames, in any order.
        box: the part to read; None means whole frames.

    Returns:
        uint8 RGB (n, N, h, w, 3), where N is ``clip.subframes``, in the order of time.

    Raises:
        InputError: if the clip has no sub-frames, or under the conditions of :meth:`ClipReader.read`.
        DatasetError: if the data are damaged.
    """
    if not clip.subframes:
        raise InputError(
            f"clip '{clip.key}' of '{reader.name}' has no sub-frames: make a dataset that keeps them (subframes = 7 in "
            "its recipe), or import one whose release has them"
        )
    numbers = range(1, clip.subframes + 1)
    return np.stack([reader.read(clip.key, subframe_stream(number), frames, box) for number in numbers], axis=1)


class SomeClips:
    """A reader of some of another reader's clips, perhaps with other facts about them.

    Args:
        reader: reader that reads the frames.
        clips: the clips that are left, sorted by key; what they say of selected frames and starts may be new.
    """

    def __init__(self, reader: ClipReader, clips: tuple[ClipFacts, ...]) -> None:
        self._reader = reader
        self.clips = clips
        self.name, self.origin, self.digest = reader.name, reader.origin, reader.digest

    def read(self, key: str, stream: str, frames: Sequence[int], box: Box | None = None) -> Frames:
        """Read frames of a clip; see :meth:`ClipReader.read`."""
        return self._reader.read(key, stream, frames, box)

    def close(self) -> None:
        """Close open files."""
        self._reader.close()


class CheckedReader:
    """The part that both readers share: the facts, and the checks of requests."""

    def __init__(self, clips: Sequence[ClipFacts], *, name: str, origin: str, digest: str) -> None:
        self._facts = {clip.key: clip for clip in sorted(clips, key=lambda clip: clip.key)}
        self.name = name
        self.origin = origin
        self.digest = digest

    @property
    def clips(self) -> tuple[ClipFacts, ...]:
        """The facts of all clips, sorted by key."""
        return tuple(self._facts.values())

    def _check(self, key: str, stream: str, frames: Sequence[int], box: Box | None) -> tuple[NDArray[np.intp], Box]:
        clip = self._facts.get(key)
        if clip is None:
            raise InputError(f"'{self.name}' has no clip '{key}' among its {len(self._facts)} clips")
        if stream not in clip.streams:
            raise InputError(f"clip '{key}' has no stream '{stream}' (known: {', '.join(clip.streams)})")
        wanted = np.asarray(frames, np.intp).reshape(-1)
        if not wanted.size or wanted.min() < 0 or wanted.max() >= clip.frame_count:
            found = f"{wanted.min()} to {wanted.max()}" if wanted.size else "none"
            raise InputError(f"clip '{key}' has frames 0 to {clip.frame_count - 1}, and frames {found} were asked for")
        box = box or Box(0, 0, clip.height, clip.width)
        inside = 0 <= box.top <= clip.height - box.height and 0 <= box.left <= clip.width - box.width
        if not inside or min(box.height, box.width) < 1:
            raise InputError(f"{box} is not inside the {clip.width}x{clip.height} frames of clip '{key}'")
        return wanted, box
