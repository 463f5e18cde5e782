"""Keep a few frames of a stream, before and after, for a page: evenly spaced, however many arrive."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hvdbench.frames import Frame, Frame16, Frames, to_8_bits
from hvdbench.labels.temporal_sharpness import SharpnessMapper, map_picture
from hvdbench.metrics.sharpness import gray_sharpness
from hvdbench.video.colour.stated import Colour
from hvdbench.video.colour.tone import to_sdr
from hvdbench.video.crop import cut

MOST_SAMPLES = 12
LONGEST_SIDE_PX = 1280


class ShownMaps:
    """Draws the maps of temporal sharpness of the frames that a page shows, while all frames of a clip go by.

    Args:
        is_shown: function of a frame's number that returns whether its map is wanted.

    Attributes:
        pictures: the maps by the numbers of their frames, grey uint8 (H, W, 3), white where the neighbours agree.
    """

    def __init__(self, is_shown: Callable[[int], bool]) -> None:
        self.pictures: dict[int, Frame] = {}
        self._is_shown, self._count = is_shown, 0
        self._mapper = SharpnessMapper(wanted=is_shown)

    def add(self, picture: Frame) -> None:
        """Take the next frame, uint8 RGB (H, W, 3), all of one size."""
        found = self._mapper.add(picture)
        if found is not None:
            self.pictures[self._count - 1] = np.stack([map_picture(found)] * 3, axis=-1)
        self._count += 1

    def finish(self) -> None:
        """Draw the map of the last frame, if it is wanted and has a neighbour."""
        if self._count > 1 and self._is_shown(self._count - 1):
            self.pictures[self._count - 1] = np.stack([map_picture(self._mapper.last())] * 3, axis=-1)


class FrameSamples:
    """Keeps every n-th frame, reduced to the size of a screen; n doubles whenever there are too many.

    Args:
        colour: the colour properties that the source states; 16-bit frames are made SDR for display.
    """

    def __init__(self, colour: Colour | None) -> None:
        self._colour = colour
        self._every = 1
        self._before: dict[int, Frame] = {}
        self._after: dict[int, Frame] = {}
        self._times_s: dict[int, float] = {}
        self._maps = ShownMaps(self._before.__contains__)

    @property
    def indices(self) -> list[int]:
        """The numbers of the frames that are kept both before and after."""
        return sorted(self._after)

    @property
    def blurry(self) -> Frames:
        """The kept frames before the restoration, (K, h, w, 3) uint8."""
        return np.stack([self._before[index] for index in self.indices])

    @property
    def restored(self) -> Frames:
        """The kept frames after the restoration, (K, h, w, 3) uint8."""
        return np.stack([self._after[index] for index in self.indices])

    @property
    def agreement(self) -> Frames | None:
        """The maps of the kept frames, (K, h, w, 3) uint8; None for a clip of one frame, which has no neighbour."""
        self._maps.finish()
        found = self._maps.pictures
        return np.stack([found[index] for index in self.indices]) if found else None

    @property
    def t_s(self) -> NDArray[np.float64]:
        """The presentation times of the kept frames, (K,); frame numbers where no times are known."""
        return np.array([self._times_s[index] for index in self.indices])

    def sharpness(self) -> NDArray[np.float64]:
        """Measure the variance of the Laplacian of the kept blurry frames, (K,)."""
        return np.array([gray_sharpness(self._before[index]) for index in self.indices])

    def see(self, index: int, picture: Frame) -> None:
        """Take the next incoming frame, of a screen's size, and keep it if its number is to be kept."""
        self._maps.add(picture)
        if index % self._every:
            return
        self._before[index] = picture
        if len(self._before) > MOST_SAMPLES:
            self._every *= 2
            for other in [other for other in self._before if other % self._every]:
                self._before.pop(other)
                self._after.pop(other, None)

    def give(self, index: int, picture: Frame | Frame16, time_s: float | None) -> None:
        """Keep an outgoing frame if the incoming one was kept."""
        if index in self._before:
            self._after[index] = screen_picture(picture, self._colour)
            self._times_s[index] = float(index) if time_s is None else time_s


def screen_picture(picture: Frame | Frame16, colour: Colour | None) -> Frame:
    """Reduce a picture to 8-bit SDR of a screen's size, 1280 px at most.

    Args:
        picture: RGB (H, W, 3), uint8 or uint16.
        colour: the colour properties that the source states; 16-bit HDR pictures are tone-mapped by them.
    """
    height, width = picture.shape[:2]
    scale = min(1.0, LONGEST_SIDE_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if picture.dtype == np.uint8:
        return cut(picture.astype(np.uint8, copy=False), None, size)
    deep = cut(picture.astype(np.uint16, copy=False), None, size)
    return to_8_bits(deep) if colour is None else to_sdr(deep, colour)
