"""Reduce large frames to copies on which flow, re-blur errors and networks work, and enlarge what was found there.

Blur covers as many px of such a copy as of the small frames that thresholds and networks were made for.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_SEEN_PX = 640


def reduction(height: int, width: int) -> int:
    """Return how many times a frame is reduced for the network: its longer side becomes about 640 px, or stays."""
    return max(1, round(max(height, width) / _SEEN_PX))


def reduced(picture: NDArray[Any], factor: int, multiple: int = 1) -> NDArray[Any]:
    """Reduce a picture by the mean of ``factor``² pixels.

    Args:
        picture: (H, W) or (H, W, C).
        factor: times.
        multiple: the reduced sides are multiples of this; the picture is continued to the right and below by its edge.
    """
    height, width = picture.shape[:2]
    below, right = (-length % (factor * multiple) for length in (height, width))
    if below or right:
        picture = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE)
    if factor == 1:
        return picture
    size = (picture.shape[1] // factor, picture.shape[0] // factor)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def enlarged(picture: NDArray[np.float32], factor: int, size: tuple[int, int]) -> NDArray[np.float32]:
    """Enlarge a picture bilinearly, as the inverse of :func:`reduced`.

    Args:
        picture: (h, w) or (h, w, C).
        factor: times.
        size: height and width of the result; what lies beyond was continued and is cut.
    """
    height, width = picture.shape[:2]
    large = cv2.resize(picture, (factor * width, factor * height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large[: size[0], : size[1]], np.float32)
