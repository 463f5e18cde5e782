"""Measure sharpness on a film's own luma plane while it decodes: no colours are made, no frame is kept."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hvdbench.metrics.sharpness import sharpness
from hvdbench.video.reader import VideoReader


def luma_sharpness(path: Path) -> NDArray[np.float64]:
    """Measure the variance of the Laplacian of each frame's luma plane, as it is stored.

    Luma in the narrow range (16 to 235) has about 0.74 times the variance of full-range gray, the same factor in the
    whole clip, so the choice of frames hardly changes. Frames are not turned upright: the measure does not see that.

    Args:
        path: a film.

    Returns:
        (T,) squared levels, in order of presentation. A film that breaks part-way counts up to the break.

    Raises:
        VideoError: as :class:`hvdbench.video.reader.VideoReader`.
    """
    with VideoReader(path) as reader:
        return np.array([sharpness(plane) for plane in reader.lumas()], np.float64)
