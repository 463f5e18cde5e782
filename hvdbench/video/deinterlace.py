"""Make whole pictures of interlaced frames with libavfilter's ``bwdif``, one for each frame."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from av.filter import Graph
from av.video.frame import VideoFrame

from hvdbench.errors import VideoError
from hvdbench.video.clock import TimedFrame

_TICKS = Fraction(1, 90_000)


def deinterlaced(frames: Iterable[TimedFrame], path: Path) -> Iterator[TimedFrame]:
    """Yield frames with the second field of interlaced ones filled in from the first and their neighbours.

    A frame that is not marked as interlaced passes unchanged, and every frame keeps its time.

    Args:
        frames: in the order of presentation.
        path: the film, for errors.

    Raises:
        VideoError: the filter does not take the pixel format.
    """
    waiting: deque[TimedFrame] = deque()
    graph: Graph | None = None
    kind: tuple[int, int, str] | None = None
    for tick, timed in enumerate(frames):
        found = timed.frame.width, timed.frame.height, timed.frame.format.name
        if graph is None or found != kind or timed.starts_anew:
            if graph is not None:
                yield from _finished(graph, waiting, path)
            graph, kind = _graph(timed.frame), found
        waiting.append(timed)
        timed.frame.pts, timed.frame.time_base = tick, _TICKS
        graph.vpush(timed.frame)
        yield from _ready(graph, waiting, path)
    if graph is not None:
        yield from _finished(graph, waiting, path)


def _graph(frame: VideoFrame) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=_TICKS, name="source"
    )
    sieve = graph.add("bwdif", mode="send_frame", deint="interlaced")
    source.link_to(sieve)
    sieve.link_to(graph.add("buffersink"))
    graph.configure()
    return graph


def _ready(graph: Graph, waiting: deque[TimedFrame], path: Path) -> Iterator[TimedFrame]:
    while True:
        try:
            made = graph.vpull()
        except (BlockingIOError, EOFError):
            return
        timed = waiting.popleft()
        if not timed.frame.interlaced_frame:
            yield timed
            continue
        if made.format.name != timed.frame.format.name:
            raise VideoError(f"{path}: its pixel format {timed.frame.format.name} cannot be deinterlaced")
        yield replace(timed, frame=made)


def _finished(graph: Graph, waiting: deque[TimedFrame], path: Path) -> Iterator[TimedFrame]:
    graph.vpush(None)
    yield from _ready(graph, waiting, path)
