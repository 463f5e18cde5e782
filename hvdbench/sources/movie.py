"""The frames of a film, one at a time."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from hvdbench.errors import VideoError
from hvdbench.frames import Frame
from hvdbench.sources.frame_sequence import Recent
from hvdbench.video.colour import to_rgb
from hvdbench.video.container import FILE_ERRORS, moving_stream, open_video
from hvdbench.video.upright import Upright, upright_of

KEPT_FRAMES, KEPT_BYTES = 64, 256 * 2**20  # as decoded

_LOG = logging.getLogger(__name__)


class MovieFrames:
    """Frames of a film, decoded in order with the last ones kept; going back further opens the file anew.

    Args:
        path: the film.

    Raises:
        VideoError: as :func:`~hvdbench.video.container.open_video`; from ``len`` and ``read`` where nothing can be
            decoded
            or the picture changes its size.
    """

    _kept: Recent[int, Frame]
    _frames: Iterator[VideoFrame]
    _next: int
    _upright: Upright | None

    def __init__(self, path: Path) -> None:
        self.path = path
        self._count: int | None = None
        self._size: tuple[int, int] | None = None
        self._begin()

    def __len__(self) -> int:
        """Count what can be decoded, once, by decoding it: what a file states is often wrong."""
        if self._count is None:
            self._count = sum(1 for _ in self._decode())
            if self._count == 0:
                raise VideoError(f"{self.path}: not one frame can be decoded; the file is damaged")
        return self._count

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of upright frames, px."""
        if self._size is None:
            height, width = self.read(0).shape[:2]
            self._size = (width, height)
        return self._size

    def read(self, index: int) -> Frame:
        if index in self._kept:
            return self._kept[index]
        if index < self._next:
            self._begin()
        for frame in self._frames:
            here, self._next = self._next, self._next + 1
            if here > index - KEPT_FRAMES // 2:  # those just before are likely to be asked for soon
                self._keep(here, frame)
            if here == index:
                return self._kept[index]
        self._begin()
        if index == 0:
            raise VideoError(f"{self.path}: not one frame can be decoded; the file is damaged")
        raise VideoError(f"{self.path}: frame {index} is asked for, {len(self)} can be decoded")

    def depth(self, index: int) -> NDArray[np.float32] | None:
        """Films carry no depth."""
        return None

    def _begin(self) -> None:
        self._kept = Recent(lambda frame: frame.nbytes, most=KEPT_FRAMES, most_bytes=KEPT_BYTES)
        self._next = 0
        self._frames = self._decode()
        self._upright = None
        self._reformatter = VideoReformatter()

    def _keep(self, index: int, frame: VideoFrame) -> None:
        if self._upright is None:
            self._upright = upright_of(frame)
        self._kept.put(index, np.ascontiguousarray(self._upright.apply(to_rgb(frame, self._reformatter))))

    def _decode(self) -> Iterator[VideoFrame]:
        """Decode from the start to the end or to the first error."""
        with open_video(self.path) as container:
            stored: tuple[int, int] | None = None
            for index, frame in enumerate(_frames_of(container, self.path)):
                stored = stored or (frame.width, frame.height)
                if (frame.width, frame.height) != stored:
                    raise VideoError(
                        f"{self.path}: the picture changes from {stored[0]}x{stored[1]} to "
                        f"{frame.width}x{frame.height} at frame {index}: cut the clip there first"
                    )
                yield frame

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "_count": self._count, "_size": self._size}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._begin()


def _frames_of(container: InputContainer, path: Path) -> Iterator[VideoFrame]:
    stream = moving_stream(container, path)
    count = 0
    try:
        for packet in container.demux(stream):
            for frame in packet.decode():
                count += 1
                yield frame
    except FILE_ERRORS as error:
        if count:
            _LOG.warning("%s: decoding broke after %d frames; went on with those: %s", path.name, count, error)


def open_movie(path: Path) -> tuple[MovieFrames, float]:
    """Open a film: its frames, and the frames per second that the file states.

    Slow motion is often stored at 30 fps: the rate of capture is then for the recipe to say.

    Raises:
        VideoError: no such file, no film, or not one frame that decodes.
    """
    with open_video(path) as container:
        stream = moving_stream(container, path)
        rate = stream.average_rate or stream.guessed_rate
    frames = MovieFrames(path)
    frames.read(0)
    return frames, float(rate) if rate is not None and rate > 0 else 25.0
