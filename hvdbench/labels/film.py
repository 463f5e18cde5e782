"""Sharpness read off a film's own luma plane while it decodes: no colours are made, no frame is kept."""

from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from hvdbench.errors import VideoError
from hvdbench.frames import Gray
from hvdbench.metrics.sharpness import sharpness
from hvdbench.video.whole import open_video


def luma_sharpness(path: Path) -> NDArray[np.float64]:
    """Measure the variance of the Laplacian of each frame's luma plane, as it is stored.

    Luma in the narrow range (16 to 235) gives about 0.74 times the variance of full-range gray, the same factor in the
    whole clip, so the choice of frames hardly changes. Frames are not turned upright: the measure does not see that.

    Args:
        path: a film.

    Returns:
        (T,) squared levels, in order of presentation. A film that breaks part-way gives the frames before the break.

    Raises:
        VideoError: as :func:`hvdbench.video.whole.open_video`; no moving picture, or not one frame that decodes.
    """
    found: list[tuple[float, float]] = []
    with open_video(path) as container:
        if not container.streams.video:
            raise VideoError(f"{path} has no video stream: name a video file")
        stream = container.streams.video[0]
        try:
            for frame in container.decode(stream):
                time = float(frame.pts) if frame.pts is not None else float(len(found))
                found.append((time, sharpness(luma(frame))))
        except av.FFmpegError as error:
            if not found:
                raise VideoError(f"{path}: not one frame can be decoded; the file is damaged") from error
    if not found:
        raise VideoError(f"{path}: not one frame can be decoded; the file is damaged")
    return np.array([value for _, value in sorted(found, key=lambda one: one[0])], np.float64)


def luma(frame: VideoFrame) -> Gray:
    """Give a decoded frame's luma (H, W) uint8: the plane itself where it has 8 bits, else the decoder's gray."""
    name = frame.format.name
    planar = name.startswith(("yuv", "nv", "gray")) and frame.format.components[0].bits == 8
    if not planar or frame.format.is_bit_stream or name.startswith(("yuyv", "yuv4mpeg")):
        return np.ascontiguousarray(frame.to_ndarray(format="gray"), np.uint8)
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
    return np.asarray(rows[: frame.height, : frame.width], np.uint8)
