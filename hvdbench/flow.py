"""Estimate optical flow and warp pictures along it.

A flow ``flow_ab`` is an array (H, W, 2), x first, in px. For each pixel of a it holds the displacement to the match in
b, so that ``warp(b, flow_ab)`` looks like a (the paper's ``Φ_{a→b}``). The default is OpenCV's DIS, which needs no
weights. It runs on one thread per call because DIS splits its search by threads: otherwise a result would depend on the
machine's number of cores.
"""

import math
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.frames import Gray, Image

Flow = NDArray[np.float32]  # (H, W, 2)
Preset = Literal["ultrafast", "fast", "medium", "by_size"]

_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
    "by_size": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}
_FINEST_PX = 240
"""Longer side of the finest level that ``by_size`` searches, at most: it finds more where blur covers many px, since on
finer levels a patch of 8 px sees nothing but blur (docs/fusion.md has the figures)."""
_INTERPOLATION = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "nearest": cv2.INTER_NEAREST}
_BORDER_PX = 0.5
_DIS_MINIMUM_PX = 24  # below this OpenCV's coarsest pyramid level is empty


def flow_dis(a: Gray, b: Gray, preset: Preset = "medium") -> Flow:
    """Estimate the flow from a to b by Dense Inverse Search (Kroeger et al., ECCV 2016).

    Args:
        a, b: uint8 gray pictures (H, W); those under 24 px a side are padded by replication for the search.
        preset: OpenCV's preset; ``medium`` adds variational refinement. ``by_size`` is ``medium`` whose finest level is
            the first below the picture that has at most 240 px on its longer side, in place of half the picture's size.

    Returns:
        The flow (H, W, 2), float32, x first, in px.
    """
    height, width = a.shape
    bottom, right = max(0, _DIS_MINIMUM_PX - height), max(0, _DIS_MINIMUM_PX - width)
    if bottom or right:
        a, b = (
            np.asarray(cv2.copyMakeBorder(gray, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.uint8) for gray in (a, b)
        )
    cv2.setNumThreads(1)  # frames and clips run side by side, not the parts of one call
    search = cv2.DISOpticalFlow.create(_PRESETS[preset])
    if preset == "by_size":
        search.setFinestScale(finest_level(height, width))
    flow = search.calc(a, b, None)  # type: ignore[call-overload]
    return np.ascontiguousarray(flow[:height, :width], np.float32)


def finest_level(height: int, width: int) -> int:
    """Return the finest level that the preset ``by_size`` searches; level n is 2ⁿ times smaller than the picture."""
    return max(1, math.ceil(math.log2(max(height, width) / _FINEST_PX)))


@lru_cache(maxsize=2)  # 66 MB each at 2160p
def grid(height: int, width: int) -> Flow:
    """Return the coordinate map ``G`` of Eq. 5: (H, W, 2) float32, x first; it is shared and cannot be written to."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    places = np.stack([x, y], axis=-1)
    places.flags.writeable = False
    return places


def warp(
    b: NDArray[np.uint8] | Image, flow_ab: Flow, interpolation: Literal["linear", "cubic", "nearest"] = "cubic"
) -> NDArray[np.float32]:
    """Backward-warp b to a (Eq. 3's ``W``): sample b at ``G + flow_ab``, with borders reflected.

    Args:
        b: the picture to sample, (H, W) or (H, W, C), uint8 or float32.
        flow_ab: the flow from a to b, (H, W, 2) in px.

    Returns:
        A float32 array of b's shape and range; cubic interpolation may overshoot by a little.
    """
    where = np.asarray(grid(*flow_ab.shape[:2]) + flow_ab, np.float32)
    # OpenCV's reflection never ends on a side of one pixel; repeating that pixel gives the same result.
    border = cv2.BORDER_REFLECT_101 if min(b.shape[:2]) > 1 else cv2.BORDER_REPLICATE
    picture = np.asarray(b, np.float32)
    warped = cv2.remap(picture, where, None, _INTERPOLATION[interpolation], borderMode=border)  # type: ignore[call-overload]
    return np.asarray(warped, np.float32)


def round_trip_px(flow_ab: Flow, flow_ba: Flow) -> NDArray[np.float32]:
    """Return the forward-backward error ``‖W(W(G; Φ_{b→a}); Φ_{a→b}) − G‖₂`` of Eq. 5, (H, W) px.

    A pixel whose match lies half a pixel or more outside b gets infinity, since nothing there can be checked.
    """
    height, width = flow_ab.shape[:2]
    where = np.asarray(grid(height, width) + flow_ab, np.float32)
    back = cv2.remap(flow_ba, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    difference = np.asarray(flow_ab + back, np.float32)
    error = np.asarray(np.hypot(difference[..., 0], difference[..., 1]), np.float32)
    for axis, last in enumerate((width - 1, height - 1)):
        error[(where[..., axis] < -_BORDER_PX) | (where[..., axis] > last + _BORDER_PX)] = np.inf
    return error


def occlusion_mask(flow_ab: Flow, flow_ba: Flow, scale: float = 0.5) -> Image:
    """Return Eq. 5's mask in its working sense, ``M_occ = 1 − min(s·‖·‖₂, 1)``: (H, W), 1 where the flows agree.

    As printed, the equation is 0 where the flows agree. Yet Eq. 6 multiplies the loss by it and Eq. 8 calls its mean
    the share of unmasked regions, and both need 1 there.

    Args:
        scale: the paper's ``s``, per px; the paper states no value.
    """
    return np.asarray(1.0 - np.minimum(scale * round_trip_px(flow_ab, flow_ba), 1.0), np.float32)
