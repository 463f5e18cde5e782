"""Map where the neighbours of a frame agree with it, and label frames by how much does: ``temporal_sharpness``.

The map is the temporal sharpness prior of Pan et al. (CVPR 2020, Eqs. 10 and 11) with flow by OpenCV's DIS on the
frames as they are. It is 1 where both warped neighbours agree with the frame and falls towards 0 where they do not. It
shows agreement, which is sharpness only where blur changes from frame to frame: three frames with the same blur agree.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.flow import flow_dis
from hvdbench.frames import Frame, Frames, to_gray
from hvdbench.labels.sharpness import SharpLabels, select_sharp

if TYPE_CHECKING:
    from hvdbench.networks.layers.temporal_sharpness import PriorForm

LABELLER = "temporal_sharpness"
MAP_FOLDER = "temporal_sharpness"
"""Folder beside the blurry frames of a dataset's clip, in which its maps are stored."""

SharpnessMap = NDArray[np.float32]
_ONE_FRAME = "temporal sharpness compares a frame with its neighbours, and the clip has {} frame{}: it needs two"


class SharpnessMapper:
    """Make the maps of a clip whose frames come one by one; at most three are kept.

    The first and the last frame have one neighbour, which stands for both.

    Args:
        form: formula of the paper (``meant``), or of the published code.
        wanted: function of a frame's number that returns whether its map is wanted; it is asked when the next frame has
            come. None: all are.
    """

    def __init__(self, form: "PriorForm" = "meant", wanted: Callable[[int], bool] | None = None) -> None:
        self._form: PriorForm = form
        self._wanted = wanted
        self._frames: deque[Frame] = deque(maxlen=3)
        self._count = 0

    def add(self, frame: Frame) -> SharpnessMap | None:
        """Take the next frame and return the map of the one before it, (H, W) float32 in [0, 1].

        The result is None for the first frame, and where the map is not wanted.

        Args:
            frame: uint8 RGB (H, W, 3), of the same size as those before it.

        Raises:
            InputError: if the frame is not 8-bit RGB, or of another size.
        """
        if frame.ndim != 3 or frame.shape[-1] != 3 or frame.dtype != np.uint8:
            raise InputError(f"temporal sharpness takes uint8 RGB frames (H, W, 3), found {frame.dtype} {frame.shape}")
        if self._frames and frame.shape != self._frames[-1].shape:
            raise InputError(f"a frame is {frame.shape}, and the one before it {self._frames[-1].shape}")
        self._frames.append(frame)
        self._count += 1
        if self._count == 1 or (self._wanted is not None and not self._wanted(self._count - 2)):
            return None
        kept = list(self._frames)
        return self._map(kept[1], kept[0], kept[1]) if self._count == 2 else self._map(*kept)

    def last(self) -> SharpnessMap:
        """Return the map of the last frame, (H, W) float32 in [0, 1].

        Raises:
            InputError: if there are fewer than two frames.
        """
        if self._count < 2:
            raise InputError(_ONE_FRAME.format(self._count, "" if self._count == 1 else "s"))
        before, last = list(self._frames)[-2:]
        return self._map(before, last, before)

    def _map(self, before: Frame, middle: Frame, after: Frame) -> SharpnessMap:
        from hvdbench.networks.layers.temporal_sharpness import sharpness_map

        gray = to_gray(middle)
        flows = flow_dis(gray, to_gray(before)), flow_dis(gray, to_gray(after))
        return sharpness_map(np.stack([before, middle, after]), flows, self._form)


def sharpness_maps(frames: Iterable[Frame], form: "PriorForm" = "meant") -> Iterator[SharpnessMap]:
    """Yield the map of each frame of a clip, (H, W) float32 in [0, 1], with at most three frames in memory.

    Args:
        frames: uint8 RGB frames (H, W, 3), two or more.
        form: formula of the paper (``meant``), or of the published code.

    Raises:
        InputError: if there are fewer than two frames, or they are not 8-bit RGB of one size.
    """
    mapper = SharpnessMapper(form)
    for frame in frames:
        found = mapper.add(frame)
        if found is not None:
            yield found
    yield mapper.last()


class TemporalSharpnessLabeller:
    """Label a clip whose frames come one by one, as :func:`label_temporal_sharpness` does."""

    def __init__(self) -> None:
        self._mapper = SharpnessMapper()
        self._means: list[float] = []

    def add(self, frame: Frame) -> None:
        """Take the next frame, uint8 RGB (H, W, 3), of the same size as those before it."""
        found = self._mapper.add(frame)
        if found is not None:
            self._means.append(mean_agreement(found))

    def labels(self, *, segment_length: int = 20) -> SharpLabels:
        """Label all frames so far.

        Raises:
            InputError: if there are fewer than two frames, or segments have less than one.
        """
        means = [*self._means, mean_agreement(self._mapper.last())]
        return select_sharp(np.array(means, np.float64), segment_length=segment_length, labeller=LABELLER)


def map_picture(found: SharpnessMap) -> NDArray[np.uint8]:
    """Return a map (H, W) as an 8-bit picture of the same size, white at 1."""
    return np.rint(255 * found).astype(np.uint8)


def mean_agreement(found: SharpnessMap) -> float:
    """Return the mean of a map over the pixels that both neighbours show; 0 where there is none."""
    shown = found > 0  # where both neighbours have a pixel the map is exp(-75) or more
    return float(found[shown].mean(dtype=np.float64)) if shown.any() else 0.0


def label_temporal_sharpness(frames: Frames, *, segment_length: int = 20) -> SharpLabels:
    """Label frames by the mean of their maps: sharp above Otsu's threshold, and one frame of each segment.

    Args:
        frames: uint8 RGB (T, H, W, 3), two or more.
        segment_length: frames per segment.

    Raises:
        InputError: if there are fewer than two frames, they are not 8-bit RGB, or segments have less than one frame.
    """
    labeller = TemporalSharpnessLabeller()
    for frame in frames:
        labeller.add(frame)
    return labeller.labels(segment_length=segment_length)
