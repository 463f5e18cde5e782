"""A clip's frames warped onto each other, once, along flow estimated on the blurry input.

Flow from a blurry frame finds its exposure's centroid, so what is warped here is aligned to that instant. The flow is
never estimated again on a method's output: re-aligning inputs and labels to the output makes both drift.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import Flow, Preset, flows, occlusion_mask, warp
from hvdbench.frames import Frames, Image, to_gray


@dataclass
class Aligner:
    """Warps frame j of a clip onto frame i, with a mask of where that can be trusted.

    Args:
        frames: uint8 RGB (T, H, W, 3).
        preset: DIS preset; ``medium`` is 0.8-1.4 dB better than ``fast`` on real motion.
        scale: ``s`` of Eq. 5, per px of forward-backward error.
        workers: threads for the flow; the result does not depend on it.
    """

    frames: Frames
    preset: Preset = "medium"
    scale: float = 0.5
    workers: int = 1
    _flows: dict[tuple[int, int], Flow] = field(default_factory=dict, repr=False)
    _grays: list[NDArray[np.uint8]] = field(default_factory=list, repr=False)

    def prepare(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Estimate the flow of the pairs (a, b) and (b, a) that are not known yet, in parallel."""
        if not self._grays:
            self._grays = [to_gray(frame) for frame in self.frames]
        both = {pair for a, b in pairs for pair in ((a, b), (b, a))} - self._flows.keys()
        self._flows.update(flows(self._grays, sorted(both), self.preset, self.workers))

    def flow(self, a: int, b: int) -> Flow:
        """Give ``flow_ab``, (H, W, 2) px."""
        if (a, b) not in self._flows:
            self.prepare([(a, b)])
        return self._flows[a, b]

    def forget(self) -> None:
        """Free the flows, which are most of the memory."""
        self._flows.clear()

    def mask(self, target: int, source: int) -> Image:
        """Give ``M_occ`` (Eq. 5, see :func:`hvdbench.flow.occlusion_mask`) of ``source`` seen from ``target``, (H, W)."""
        return occlusion_mask(self.flow(target, source), self.flow(source, target), self.scale)

    def warped(self, target: int, source: int) -> Image:
        """Give frame ``source`` warped onto ``target`` (Eq. 3), float32 (H, W, 3) in [0, 255]."""
        return np.clip(warp(self.frames[source], self.flow(target, source)), 0.0, 255.0)


def sharp_neighbours(index: int, selected: Sequence[int] | NDArray[np.intp], each_side: int = 1) -> list[int]:
    """Name the nearest selected frames before and after ``index``, nearest first on each side, ``index`` left out.

    Returns:
        Up to ``2 * each_side`` frame indices: those before (nearest first), then those after.
    """
    before = [int(j) for j in selected if j < index][::-1][:each_side]
    after = [int(j) for j in selected if j > index][:each_side]
    return before + after


def nearest_sharp(index: int, selected: Sequence[int] | NDArray[np.intp]) -> int | None:
    """Name the temporally closest selected frame, ``J(i)`` of section 3.1; the earlier one of two equally close."""
    found = sharp_neighbours(index, selected)
    return min(found, key=lambda j: (abs(j - index), j)) if found else None
