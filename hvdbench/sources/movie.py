"""Read the frames of a video in any order, through the reader that ``deblur`` and ``ingest`` use."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import VideoError
from hvdbench.frames import Frame
from hvdbench.sources.frame_sequence import Recent
from hvdbench.video.facts import VideoFacts, tone_map_notes
from hvdbench.video.reader import USUAL_FPS, Shot, VideoReader

KEPT_FRAMES, KEPT_BYTES = 64, 256 * 2**20  # as decoded

_LOG = logging.getLogger(__name__)


class MovieFrames:
    """Read frames of a video, decoded in order with the last ones kept; going back further opens the file again.

    Frames are what :class:`~hvdbench.video.reader.VideoReader` yields: upright, with square pixels, HDR tone-mapped.

    Args:
        path: the video.

    Raises:
        VideoError: from ``len``, ``size`` and ``read``, as :class:`~hvdbench.video.reader.VideoReader`.
    """

    _shots: Iterator[Shot]

    def __init__(self, path: Path) -> None:
        self.path = path
        self._count: int | None = None
        self._size: tuple[int, int] | None = None
        self._said: list[str] = []
        self._reader: VideoReader | None = None
        self._close()

    def __len__(self) -> int:
        """Count what can be decoded, once, by decoding it: what a file states is often wrong."""
        if self._count is None:
            with VideoReader(self.path) as reader:
                self._count = reader.skip()
            self._warn([*tone_map_notes(reader.facts), *reader.notes])
        return self._count

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames, px."""
        if self._size is None:
            height, width = self.read(0).shape[:2]
            self._size = (width, height)
        return self._size

    @property
    def facts(self) -> VideoFacts:
        """The facts that the video states."""
        return self._opened().facts

    def read(self, index: int) -> Frame:
        """Return a frame; see :meth:`~hvdbench.sources.frame_sequence.FrameSequence.read`."""
        if index in self._kept:
            return self._kept[index]
        if index < self._next:
            self._close()
        reader = self._opened()
        first_kept = max(self._next, index - KEPT_FRAMES // 2 + 1)  # those just before are likely to be asked for soon
        self._next += reader.skip(first_kept - self._next)
        while self._next <= index and (shot := next(self._shots, None)) is not None:
            self._kept.put(self._next, shot.picture)
            self._next += 1
        if index in self._kept:
            return self._kept[index]
        self._close()
        raise VideoError(f"{self.path}: frame {index} was asked for, and only {len(self)} frames can be decoded")

    def depth(self, index: int) -> NDArray[np.float32] | None:
        """Return None, since videos have no depth."""
        return None

    def _opened(self) -> VideoReader:
        if self._reader is None:
            self._reader = VideoReader(self.path).__enter__()
            self._shots = iter(self._reader)
            self._warn([*tone_map_notes(self._reader.facts), *self._reader.notes])
        return self._reader

    def _warn(self, notes: list[str]) -> None:
        """Log what a user must know of how the video is read, each sentence once."""
        new = [note for note in notes if note not in self._said]
        if new:
            _LOG.warning("%s: %s", self.path.name, "; ".join(new))
        self._said += new

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = None
        self._shots = iter(())
        self._kept: Recent[int, Frame] = Recent(lambda frame: frame.nbytes, most=KEPT_FRAMES, most_bytes=KEPT_BYTES)
        self._next = 0

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "_count": self._count, "_size": self._size, "_said": self._said}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._reader = None
        self._close()


def open_movie(path: Path) -> tuple[MovieFrames, float]:
    """Open a video: its frames, and the frames per second that the file states.

    Slow motion is often stored at 30 fps: the recipe must then state the rate of capture. What a user must know of how
    the video is read is logged as a warning.

    Raises:
        VideoError: if the file does not exist or is not a video, or if no frame can be decoded.
    """
    frames = MovieFrames(path)
    return frames, float(frames.facts.fps or USUAL_FPS)
