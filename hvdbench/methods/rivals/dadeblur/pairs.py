"""Make the pairs that DaDeblur learns from: sharp regions, and the same regions blurred under their conditions."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hvdbench.dataset.facts import Box
from hvdbench.frames import Frame, Frames, to_gray
from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.rivals.dadeblur.conditions import Condition, condition_of, own_condition, turned_by_a_quarter
from hvdbench.methods.rivals.dadeblur.fine_tuning import Pair
from hvdbench.methods.rivals.dadeblur.settings import DaDeblurSettings
from hvdbench.methods.rivals.dadeblur.sharp_regions import REACH_FRAMES, Region
from hvdbench.realism.appearance import noise_level

_GRAIN = 2  # keeps its draws apart from those of the scheme
_OF_GRAY = 0.668  # share of a colour's noise that is left in the luma, the root of its squared weights
Number = TypeVar("Number", np.uint8, np.float32)
Blur = Callable[[Frame, Condition, int], Frame]
"""A function that blurs a picture, uint8 (h, w, 3), under a condition (h, w, 3); the number is that of the draw."""


def conditions_of(
    aligner: Aligner, lengths_px: NDArray[np.float32], regions: Sequence[Region], settings: DaDeblurSettings
) -> list[list[Condition]]:
    """Make the conditions under which each region's frame is blurred, those of whole frames.

    Args:
        aligner: aligner of the clip's T frames.
        lengths_px: (T, H, W) lengths by the estimator, px.
        regions: the regions.
        settings: the number of conditions of each region, and whether they are shuffled.

    Returns:
        For each region its conditions: first that of the paper, then those of frames without a region, as they are.
    """
    found = [
        [condition_of(aligner, lengths_px, region.frame, settings.condition, settings.as_.ends)] for region in regions
    ]
    for own, others in zip(found, other_frames(regions, len(lengths_px), settings.pairs.twins - 1), strict=True):
        own += [own_condition(aligner, lengths_px, frame) for frame in others]
    if settings.condition.shuffled:
        return [[turned_by_a_quarter(condition) for condition in of_one] for of_one in (*found[1:], found[0])]
    return found


def other_frames(regions: Sequence[Region], frame_count: int, count: int) -> list[list[int]]:
    """Choose ``count`` frames without a region for each region, evenly spread over the clip and over the regions.

    Where all frames hold a region, they are chosen from all frames.
    """
    holding = {region.frame for region in regions}
    without = [frame for frame in range(frame_count) if frame not in holding] or list(range(frame_count))
    places = np.linspace(0, len(without) - 1, len(regions) * count).round().astype(int)
    return [[without[place] for place in places[number :: len(regions)]] for number in range(len(regions))]


def make_pairs(
    frames: Frames,
    lengths_px: NDArray[np.float32],
    regions: Sequence[Region],
    conditions: Sequence[Sequence[Condition]],
    settings: DaDeblurSettings,
    blur: Blur,
    seed: int = 0,
) -> Iterator[Pair]:
    """Blur each region under each of its conditions, with some of what is around it.

    Args:
        frames: the clip, uint8 RGB (T, H, W, 3).
        lengths_px: (T, H, W) lengths by the estimator, px.
        regions: the regions.
        conditions: those of each region, of whole frames (H, W, 3).
        settings: what is blurred, and what is around a region.
        blur: function that blurs.
        seed: what noise is drawn from.
    """
    level = noise_of(frames) if settings.pairs.adds_noise else 0.0
    random = np.random.default_rng([seed, _GRAIN])

    def seen(picture: Frame) -> Frame:
        if not level:
            return np.ascontiguousarray(picture)
        return np.asarray(np.clip(picture + random.normal(0, level, picture.shape), 0, 255).round(), np.uint8)

    draw = 0
    for region, of_region in zip(regions, conditions, strict=True):
        outer = _with_context(region.box, frames.shape[1:3], settings.diffusion.context_px)
        inner = Box(region.box.top - outer.top, region.box.left - outer.left, region.box.height, region.box.width)
        if settings.pairs.keeps_sharp:
            yield Pair(region, {region.frame: seen(part_of(frames[region.frame], region.box))})
        for number, condition in enumerate(of_region):
            exposure, blurred = part_of(condition, outer), dict[int, Frame]()
            whole = settings.pairs.blurs == "window" or (settings.pairs.blurs == "both" and number % 2 == 1)
            reach = REACH_FRAMES if whole else 0
            for frame in range(region.frame - reach, region.frame + reach + 1):
                lacking = exposure if frame == region.frame else _lacking(exposure, part_of(lengths_px[frame], outer))
                picture = blur(part_of(frames[frame], outer), lacking, draw)
                blurred[frame] = seen(part_of(picture, inner))
                draw += 1
            yield Pair(region, blurred)


def noise_of(frames: Frames) -> float:
    """Estimate the standard deviation of the noise in each colour of a clip, in 8-bit levels.

    It is that of the frame that has the least, since texture can be taken for noise, but not the other way round.
    """
    levels = [noise_level(to_gray(frame)) for frame in frames]
    found = [level for level in levels if np.isfinite(level)]
    return float(min(found, default=0.0) / _OF_GRAY)


def part_of(picture: NDArray[Number], box: Box) -> NDArray[Number]:
    """Return a part of a picture (H, W) or (H, W, C)."""
    return picture[box.top : box.top + box.height, box.left : box.left + box.width]


def _lacking(exposure: Condition, own_px: NDArray[np.float32]) -> Condition:
    """Shorten a condition by the lengths that a frame has already."""
    rest = np.maximum(exposure[..., 2] - own_px, 0)
    return np.concatenate([exposure[..., :2], rest[..., None]], axis=-1)


def _with_context(box: Box, size: tuple[int, ...], context_px: int) -> Box:
    """Return a box with up to ``context_px`` around it, inside a frame of a size (height, width)."""
    top, left = max(0, box.top - context_px), max(0, box.left - context_px)
    bottom, right = (
        min(side, end + context_px)
        for side, end in zip(size, (box.top + box.height, box.left + box.width), strict=True)
    )
    return Box(top, left, bottom - top, right - left)
