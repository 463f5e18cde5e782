"""Turn and mirror a stored picture so that it stands upright, by the display matrix of a video file."""

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

Level = TypeVar("Level", np.uint8, np.uint16)


@dataclass(frozen=True)
class Upright:
    """A turn of the picture by a right angle, perhaps mirrored: transpose first, then flip."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False
    askew: bool = False

    @property
    def rotation_deg(self) -> int:
        """The clockwise turn (after the left-right swap where the picture is mirrored)."""
        if not self.transpose:
            return 180 if self.flip_y else 0
        return 90 if self.flip_x else 270

    @property
    def mirrored(self) -> bool:
        """Whether left and right are swapped before the turn."""
        return self.transpose ^ self.flip_x ^ self.flip_y

    def apply(self, picture: NDArray[Level]) -> NDArray[Level]:
        """Turn an (H, W, 3) picture; the result is a view."""
        if self.transpose:
            picture = picture.transpose(1, 0, 2)
        return picture[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]


def upright_of(frame: VideoFrame) -> Upright:
    """Read the display matrix: x' = a x + c y, y' = b x + d y for stored x, y (ISO/IEC 14496-12, 8.3.2)."""
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return Upright()
    a, b, _, c, d = (int(value) for value in np.frombuffer(data, np.int32)[:5])
    straight, turned = min(abs(a), abs(d)), min(abs(b), abs(c))
    askew = min(straight, turned) > max(straight, turned) // 100
    if turned > straight:
        return Upright(transpose=True, flip_x=c < 0, flip_y=b < 0, askew=askew)
    return Upright(flip_x=a < 0, flip_y=d < 0, askew=askew)
