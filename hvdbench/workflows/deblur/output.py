"""Write restored frames as they come, into a folder of pictures or a video, whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

from numpy.typing import NDArray

from hvdbench.frames import Frame, write_frame
from hvdbench.video.input import InputFrame, InputFrames
from hvdbench.video.writer import Encoding, VideoWriter, ten_bit_encoding
from hvdbench.workflows.deblur.request import DeblurRequest, written_names
from hvdbench.workspace.atomic import atomic_folder


class Sink(Protocol):
    """What takes restored frames, in order."""

    def add(self, frame: InputFrame, restored: NDArray[Any]) -> None:
        """Write the next restored frame, (H, W, 3) uint8 or uint16, under the name or the time of the input's frame."""
        ...


class _Folder:
    """A sink that writes frames as pictures."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, frame: InputFrame, restored: NDArray[Any]) -> None:
        write_frame(self._folder / written_names([frame.name])[0], cast(Frame, restored))


class _Video:
    """A sink that writes frames as a video."""

    def __init__(self, writer: VideoWriter) -> None:
        self._writer = writer

    def add(self, frame: InputFrame, restored: NDArray[Any]) -> None:
        self._writer.add(restored, frame.time_s)


@contextmanager
def open_sink(request: DeblurRequest, stream: InputFrames, notes: list[str], *, first_s: float = 0.0) -> Iterator[Sink]:
    """Open the output; when it closes, what the user should know is added to the notes.

    Args:
        request: where the output goes, and in how many bits.
        stream: the input, for its rate and its colours.
        notes: sentences for the user.
        first_s: how long after the input's first frame the first restored one was taken, so that the sound fits.
    """
    if not request.is_video or stream.fps is None:
        with atomic_folder(request.output) as folder:
            yield _Folder(folder)
        return
    encoding = ten_bit_encoding(stream.colour) if request.bit_depth == 10 else Encoding()
    writer = VideoWriter(
        request.output,
        fps=stream.fps,
        has_times=True,
        encoding=encoding,
        audio_from=request.source,
        audio_start_s=first_s,
    )
    with writer:
        yield _Video(writer)
    if writer.warning:
        notes.append(writer.warning)
