"""Measure sharpness on a video's own luma plane while it decodes, without making colours or keeping frames."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hvdbench.metrics.sharpness import sharpness
from hvdbench.video.reader import VideoReader


def luma_sharpness(path: Path) -> NDArray[np.float64]:
    """Measure the variance of the Laplacian of each frame's luma plane, as it is stored.

    Luma in the narrow range (16 to 235) has about 0.74 times the variance of full-range gray. The factor is the same in
    the whole clip, so the choice of frames hardly changes. Frames are not turned upright, since the measure does not
    depend on that.

    Args:
        path: the video.

    Returns:
        The variances (T,) in squared levels, in order of presentation. A video that breaks part-way counts up to the
        break.

    Raises:
        VideoError: under the conditions of :class:`hvdbench.video.reader.VideoReader`.
    """
    with VideoReader(path) as reader:
        return np.array([sharpness(plane) for plane in reader.lumas()], np.float64)
