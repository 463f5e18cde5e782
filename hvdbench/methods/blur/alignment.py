"""A clip's frames warped onto each other along flow estimated on the blurry input.

Flow from a blurry frame finds its exposure's centroid, so what is warped here is aligned to that instant. Flow on a
method's output, as the paper has it, is an option (``seen``): re-aligning inputs and labels to the output makes both
drift.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import Flow, Preset, flow_dis, occlusion_mask, warp
from hvdbench.frames import Frames, Gray, Image, to_gray

_CACHE_BYTES = 1_500_000_000


@dataclass
class Aligner:
    """Warps frame j of a clip onto frame i, with a mask of where that can be trusted.

    Flows are estimated when first asked for and the latest are kept, within a bound on memory. Safe to use from several
    threads.

    Args:
        frames: uint8 RGB (T, H, W, 3).
        preset: OpenCV DIS preset.
        scale: ``s`` of Eq. 5, per px of forward-backward error.
        seen: what flow is estimated on, (T, H, W, 3); None: the frames themselves.
    """

    frames: Frames
    preset: Preset = "medium"
    scale: float = 0.5
    seen: Frames | None = field(default=None, repr=False)
    _grays: list[Gray] = field(init=False, repr=False)
    _flows: OrderedDict[tuple[int, int], Flow] = field(default_factory=OrderedDict, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self._grays = [to_gray(frame) for frame in (self.frames if self.seen is None else self.seen)]

    def flow(self, a: int, b: int) -> Flow:
        """Return ``flow_ab``, (H, W, 2) px."""
        with self._lock:
            known = self._flows.get((a, b))
            if known is not None:
                self._flows.move_to_end((a, b))
                return known
        found = flow_dis(self._grays[a], self._grays[b], self.preset)
        with self._lock:
            self._flows[a, b] = found
            while len(self._flows) * found.nbytes > _CACHE_BYTES and len(self._flows) > 1:
                self._flows.popitem(last=False)
        return found

    def mask(self, target: int, source: int) -> Image:
        """Return ``M_occ`` (:func:`hvdbench.flow.occlusion_mask`) of ``source`` seen from ``target``, (H, W)."""
        return occlusion_mask(self.flow(target, source), self.flow(source, target), self.scale)

    def warped(self, target: int, source: int) -> Image:
        """Return frame ``source`` warped onto ``target`` (Eq. 3), float32 (H, W, 3) in [0, 255]."""
        return np.asarray(np.clip(warp(self.frames[source], self.flow(target, source)), 0.0, 255.0), np.float32)

    def blurry(self, index: int) -> Image:
        """Return a frame of the clip as float32 (H, W, 3)."""
        return np.asarray(self.frames[index], np.float32)


def sharp_neighbours(index: int, selected: Sequence[int] | NDArray[np.intp], each_side: int = 1) -> list[int]:
    """List the nearest selected frames before and after ``index``, nearest first on each side, without ``index``.

    Returns:
        Up to ``2 * each_side`` frame indices: those before (nearest first), then those after.
    """
    before = [int(j) for j in selected if j < index][::-1][:each_side]
    after = [int(j) for j in selected if j > index][:each_side]
    return before + after


def nearest_sharp(index: int, selected: Sequence[int] | NDArray[np.intp]) -> int | None:
    """Return the temporally closest selected frame, ``J(i)`` of section 3.1; the earlier one of two equally close."""
    found = sharp_neighbours(index, selected)
    return min(found, key=lambda j: (abs(j - index), j)) if found else None
