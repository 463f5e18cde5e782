"""Find the relatively sharp regions of a clip (RSDM) by bisection of a threshold on the blur's magnitude."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.dataset.facts import Box
from hvdbench.errors import FitError
from hvdbench.methods.rivals.dadeblur.settings import FaultSettings, SearchSettings
from hvdbench.methods.rivals.settings import Way

Magnitudes = NDArray[np.float32]  # (T, H, W), in units of the estimator's longest path

REACH_FRAMES = 2
"""Neighbours to each side that a region's frame needs, for its condition and its window."""
_WINDOW = 3  # the search ends where the number of regions is less than this from what is looked for
_LEAST_THRESHOLD = 1e-5
_FLOAT_BITS = 60  # halvings after which the bounds of a bisection of floats are equal
_SHARP_SHARE = 0.5  # of a line that belongs to a region


@dataclass(frozen=True)
class Region:
    """A sharp region.

    Attributes:
        frame: number of the frame.
        box: part of the frame.
    """

    frame: int
    box: Box


@dataclass(frozen=True)
class Found:
    """The outcome of the search.

    Attributes:
        regions: regions, in the order of frames.
        threshold: magnitude below which a pixel is sharp.
        halvings: thresholds that were tried after the first one.
    """

    regions: tuple[Region, ...]
    threshold: float
    halvings: int


def least_side(settings: SearchSettings, height: int, width: int) -> int:
    """Return the least side of a region in a frame, in px."""
    return min(settings.least_side_px, int(settings.least_side_share * min(height, width)))


def find_sharp_regions(
    magnitudes: Magnitudes, settings: SearchSettings, faults: FaultSettings, random: np.random.Generator
) -> Found:
    """Find about ``settings.share`` times as many sharp regions as there are frames.

    The threshold is halved towards the bound on whose side the number of regions lies, until that is within 2 of what
    is looked for. Where it jumps past that, the published search never ends; here the threshold counts whose number
    was nearest, and of too many regions, which a still clip has at any threshold, as many as are looked for are drawn.

    Args:
        magnitudes: (T, H, W), in units of the estimator's longest path.
        settings: share, first threshold, and sizes of regions.
        faults: which faults of the published code are kept.
        random: generator that is drawn from where there are too many regions.

    Raises:
        FitError: if there is no region, or, with the published search, if that would never end.
    """
    if settings.inverted:
        magnitudes = 1 - np.minimum(magnitudes, 1)
    wanted = int(settings.share * len(magnitudes))

    def count_at(threshold: float) -> tuple[Region, ...]:
        return _regions(magnitudes, threshold, settings, faults)

    found = _bisected(count_at, wanted, settings, faults.search)
    regions = found.regions
    if faults.search == "meant" and len(regions) > wanted + _WINDOW - 1:
        kept = np.sort(random.choice(len(regions), max(wanted, 1), replace=False))
        regions = tuple(regions[k] for k in kept)
    if not regions:
        least = least_side(settings, *magnitudes.shape[1:])
        raise FitError(
            f"no frame of the clip has a region of {least} px a side that is sharper than the rest: there is nothing "
            "to blur and learn from (search.least_side_px and search.least_side_share set the size)"
        )
    return Found(regions, found.threshold, found.halvings)


def _bisected(
    count_at: Callable[[float], tuple[Region, ...]], wanted: int, settings: SearchSettings, way: Way
) -> Found:
    """Bisect the threshold; return the first that is near enough, or, as meant, the nearest of all that were tried."""
    low, high, threshold = 0.0, 1.0, settings.start
    tried: list[Found] = []
    for halvings in range((_FLOAT_BITS if way == "published" else settings.most_halvings) + 1):
        regions = count_at(threshold)
        tried.append(Found(regions, threshold, halvings))
        if abs(len(regions) - wanted) < _WINDOW and (way == "published" or regions):
            return tried[-1]
        if threshold < _LEAST_THRESHOLD:
            if way == "published":
                raise FitError(
                    f"the published search draws {wanted} of {len(regions)} regions at a threshold below 1e-5, from "
                    "a global generator that is never seeded: set as.search to 'meant'"
                )
            break
        if len(regions) > wanted:
            high = threshold
        else:
            low = threshold
        threshold = (low + high) / 2
    if way == "published":
        counts = [len(found.regions) for found in tried]
        few, many = (
            max((n for n in counts if n <= wanted), default=0),
            min((n for n in counts if n > wanted), default=0),
        )
        raise FitError(
            f"the published search for sharp regions never ends on this clip: the number of regions jumps between "
            f"{few} and {many}, and {wanted} are looked for: set as.search to 'meant'"
        )
    nearest = min(tried, key=lambda found: (not found.regions, abs(len(found.regions) - wanted), found.halvings))
    return replace(nearest, halvings=len(tried) - 1)


def _regions(
    magnitudes: Magnitudes, threshold: float, settings: SearchSettings, faults: FaultSettings
) -> tuple[Region, ...]:
    margin = REACH_FRAMES + (faults.margin == "published")
    least = least_side(settings, *magnitudes.shape[1:])
    found = []
    for frame in range(margin, len(magnitudes) - margin):
        boxes = boxes_of(magnitudes[frame] < threshold, least, faults.trim)
        found += [Region(frame, cut_down(box, settings.largest_side_px)) for box in boxes]
    return tuple(found)


def boxes_of(is_sharp: NDArray[np.bool_], least_px: int, trim: Way = "meant") -> list[Box]:
    """List the boxes around connected sharp pixels, trimmed at lines that are less than half sharp.

    A box counts if its area is above ``least_px`` squared, and if both its sides are ``least_px`` or more after it was
    trimmed. Lines are counted over all pixels of the box, and the sides are trimmed in the order left, right, top,
    bottom, left, right.

    Args:
        is_sharp: (H, W).
        least_px: least side of a box.
        trim: whether the last line that is too blurry at each trimmed side is cut off too, or stays as published.
    """
    count, _, facts, _ = cv2.connectedComponentsWithStats(is_sharp.astype(np.uint8), connectivity=8)
    boxes = []
    for left, top, width, height, _ in facts[1:count]:
        if width * height <= least_px**2:
            continue
        edges = [int(top), int(top + height), int(left), int(left + width)]
        for side in (2, 3, 0, 1, 2, 3):
            edges[side] = _trimmed(is_sharp, edges, side, trim)
        if edges[1] - edges[0] >= least_px and edges[3] - edges[2] >= least_px:
            boxes.append(Box(edges[0], edges[2], edges[1] - edges[0], edges[3] - edges[2]))
    return boxes


def _trimmed(is_sharp: NDArray[np.bool_], edges: Sequence[int], side: int, trim: Way) -> int:
    """Return where one side of a box lies after blurry lines are cut off; sides are top, bottom, left, right."""
    top, bottom, left, right = edges
    box = is_sharp[top:bottom, left:right]
    shares = box.mean(axis=1 if side < 2 else 0) if box.size else np.zeros(0)
    enough = np.flatnonzero(shares >= _SHARP_SHARE)
    begin = top if side < 2 else left
    if side % 2 == 0:  # top or left
        cut = int(enough[0]) if len(enough) else len(shares)
        return begin + cut - (trim == "published" and cut > 0)
    kept = int(enough[-1]) + 1 if len(enough) else 0
    return begin + kept + (trim == "published" and kept < len(shares))


def cut_down(box: Box, largest_px: int) -> Box:
    """Return the middle part of a box, at most ``largest_px`` high and wide."""
    height, width = min(box.height, largest_px), min(box.width, largest_px)
    return Box(box.top + (box.height - height) // 2, box.left + (box.width - width) // 2, height, width)
