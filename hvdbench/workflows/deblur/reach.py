"""Read a crop with a margin round it, so that what enters the crop from outside can be borrowed too."""

import math
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from hvdbench.video.crop import Crop, Size

_SHARE = 1 / 8  # of the crop's longer side: a hand moves the picture by less between two sharp frames
_LEAST_PX = 32


@dataclass(frozen=True)
class Reach:
    """What is read of a picture, and which part of it was asked for.

    Attributes:
        crop: x, y, width, height of the part to read, in px of the picture; None for all of it.
        size: width and height to resize that part to; None leaves it as it is.
        inner: x, y, width, height of what was asked for, in px of what was read; None for all of it.
    """

    crop: Crop | None
    size: Size | None
    inner: Crop | None = None

    def cut(self, picture: NDArray[Any]) -> NDArray[Any]:
        """Return the part of a picture, (H, W, 3), that was asked for."""
        if self.inner is None:
            return picture
        x, y, width, height = self.inner
        return picture[y : y + height, x : x + width]


def reach_of(crop: Crop | None, size: Size | None, picture: Size) -> Reach:
    """Return what to read for a crop: the crop with an eighth of its longer side, 32 px at least, on each side.

    The margin ends where the picture does. Where frames are also resized, it is as wide as keeps the pixels of the crop
    where they are without a margin, which can be not at all.

    Args:
        crop: x, y, width, height in px of the picture; None for all of it.
        size: width and height to resize the crop to.
        picture: width and height of the picture.
    """
    if crop is None:
        return Reach(None, size)
    x, y, width, height = crop
    to_width, to_height = size or (width, height)
    wanted = max(_LEAST_PX, round(_SHARE * max(width, height)))
    left, right = (_margin(wanted, room, width, to_width) for room in (x, picture[0] - x - width))
    top, bottom = (_margin(wanted, room, height, to_height) for room in (y, picture[1] - y - height))
    whole = (x - left, y - top, width + left + right, height + top + bottom)
    inner = (left * to_width // width, top * to_height // height, to_width, to_height)
    if size is None:
        return Reach(whole, None, inner)
    return Reach(whole, (whole[2] * to_width // width, whole[3] * to_height // height), inner)


def read_size(reach: Reach, asked: Size) -> Size:
    """Return width and height of the frames that are restored, margin and all, where frames of ``asked`` come out."""
    if reach.size is not None:
        return reach.size
    return asked if reach.crop is None else reach.crop[2:]


def _margin(wanted: int, room: int, source: int, target: int) -> int:
    """Return a margin in px of the source that is a whole number of px at the target's size too."""
    step = source // math.gcd(source, target)
    return min(-(-wanted // step), max(0, room) // step) * step
