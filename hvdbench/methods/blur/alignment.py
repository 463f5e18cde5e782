"""Warp a clip's frames onto each other along flow estimated on the blurry input.

Flow from a blurry frame finds the centroid of its exposure, so the warped frames are aligned to that instant. The paper
estimates flow on a method's output instead; that is an option (``seen``), because inputs and labels that are re-aligned
to the output both drift.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import Flow, Preset, flow_dis, occlusion_mask, warp
from hvdbench.frames import Frame, Frames, Gray, Image, to_8_bits, to_gray
from hvdbench.methods.blur.planes import Alignment, lay_plane
from hvdbench.methods.blur.reduction import enlarged, reduction
from hvdbench.methods.blur.refined_plane import lay_refined_plane

FLOW_CACHE_BYTES = 200_000_000  # 27 flows of 720p, 3 of 2160p: those of the pairs that threads work on
_PER_LEVEL = 257  # steps of 16 bits in a level of 8


@dataclass
class Aligner:
    """An aligner that warps frame j of a clip onto frame i, with a mask of where the warp can be trusted.

    Each flow is estimated at its first use, and the most recently used ones are kept within a bound on memory. It is
    safe to use from several threads.

    Args:
        frames: RGB (T, H, W, 3), uint8, or uint16 with white at 65535.
        preset: OpenCV DIS preset.
        scale: ``s`` of Eq. 5, per px of forward-backward error.
        seen: frames that flow is estimated on, (T, H, W, 3); None for ``frames`` themselves.
        alignment: ``dis`` for the flow as it is; ``planes`` lays a homography over the flow of pairs that one explains
            (:func:`hvdbench.methods.blur.planes.lay_plane`); ``refined`` fits it to the pictures, and lays it
            where only a part of the scene follows too (:func:`hvdbench.methods.blur.refined_plane.lay_refined_plane`).
        guide: aligner of reduced copies of the frames (:func:`hvdbench.methods.blur.reduction.reduced`), whose flows
            and masks are enlarged; None estimates flow on the frames themselves. On validation clips of 1280x720 the
            result is as good (-0.04 to +0.12 dB), and the planes of a frame take half the time.
    """

    frames: Frames
    preset: Preset = "medium"
    scale: float = 0.5
    seen: Frames | None = field(default=None, repr=False)
    alignment: Alignment = field(default="dis", kw_only=True)
    guide: "Aligner | None" = field(default=None, repr=False, kw_only=True)
    _grays: list[Gray] = field(init=False, repr=False)
    _flows: OrderedDict[tuple[int, int], Flow] = field(default_factory=OrderedDict, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        seen = self.frames if self.seen is None else self.seen
        self._grays = [] if self.guide is not None else [to_gray(to_8_bits(frame)) for frame in seen]

    @property
    def factor(self) -> int:
        """How many times the copies that flow is estimated on are smaller than the frames."""
        return 1 if self.guide is None else reduction(*self.frames.shape[1:3])

    def enlarged(self, flow: Flow) -> Flow:
        """Enlarge a flow or a motion of the guide to the size of the frames, (H, W, 2) px."""
        return np.float32(self.factor) * enlarged(flow, self.factor, self.frames.shape[1:3])

    def flow(self, a: int, b: int) -> Flow:
        """Return ``flow_ab``, the flow from frame a to frame b, (H, W, 2) px."""
        if self.guide is not None:
            return self.enlarged(self.guide.flow(a, b))
        with self._lock:
            known = self._flows.get((a, b))
            if known is not None:
                self._flows.move_to_end((a, b))
                return known
        found = self._found(a, b)
        with self._lock:
            self._flows.update(found)
            for pair in found:
                self._flows.move_to_end(pair)
            while len(self._flows) * found[a, b].nbytes > FLOW_CACHE_BYTES and len(self._flows) > len(found):
                self._flows.popitem(last=False)
        return found[a, b]

    def _found(self, a: int, b: int) -> dict[tuple[int, int], Flow]:
        """Estimate the flow from a to b; with planes the flow back too, since one fit serves both."""
        grays = self._grays
        if self.alignment == "dis" or a == b:
            return {(a, b): flow_dis(grays[a], grays[b], self.preset)}
        a, b = min(a, b), max(a, b)  # the same fit whichever way was asked for first
        there, back = flow_dis(grays[a], grays[b], self.preset), flow_dis(grays[b], grays[a], self.preset)
        lay = lay_plane if self.alignment == "planes" else lay_refined_plane
        there, back = lay(there, back, grays[a], grays[b])
        return {(a, b): there, (b, a): back}

    def forget(self) -> None:
        """Drop the flows that are kept; they are estimated again where they are asked for."""
        with self._lock:
            self._flows.clear()
        if self.guide is not None:
            self.guide.forget()

    def mask(self, target: int, source: int) -> Image:
        """Return ``M_occ`` of ``source`` seen from ``target`` (:func:`hvdbench.flow.occlusion_mask`), (H, W)."""
        if self.guide is not None:
            return enlarged(self.guide.mask(target, source), self.factor, self.frames.shape[1:3])
        return occlusion_mask(self.flow(target, source), self.flow(source, target), self.scale)

    def warped(self, target: int, source: int) -> Image:
        """Warp frame ``source`` onto ``target`` (Eq. 3); float32 (H, W, 3) in [0, 255]."""
        return np.asarray(np.clip(warp(self.blurry(source), self.flow(target, source)), 0.0, 255.0), np.float32)

    def blurry(self, index: int) -> Image:
        """Return a frame of the clip as float32 (H, W, 3) in [0, 255], in steps of 1/257 where it has 16 bits."""
        frame = np.asarray(self.frames[index], np.float32)
        return frame / np.float32(_PER_LEVEL) if self.frames.dtype == np.uint16 else frame

    def eight_bits(self, index: int) -> Frame:
        """Return a frame of the clip as uint8 (H, W, 3)."""
        return to_8_bits(self.frames[index])

    def stored(self, picture: Image) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """Round a picture, (H, W, 3) in [0, 255], to what the clip's frames are stored in."""
        if self.frames.dtype == np.uint16:
            return np.asarray(np.rint(np.clip(picture, 0, 255) * _PER_LEVEL), np.uint16)
        return np.asarray(np.rint(picture), np.uint8)


def sharp_neighbours(index: int, selected: Sequence[int] | NDArray[np.intp], each_side: int = 1) -> list[int]:
    """List the nearest selected frames before and after ``index``, without ``index`` itself.

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
