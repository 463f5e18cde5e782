"""Blur sharp frames in a way that is known, to learn from pairs of blurry and sharp pictures."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import Flow, grid
from hvdbench.frames import Frame, Frames, to_display, to_gray, to_linear
from hvdbench.methods.blur.averaging import average_along_line
from hvdbench.methods.rivals.blur2blur.settings import KnownBlurSettings
from hvdbench.workspace.engine import thread_map

_SUBPIXELS = 8  # of the disc's border
_LEAST_FACTOR = 1 / 64  # blur of 18 px becomes 0.3 px, which can hardly be seen
_NEAR = 1.1  # the bisection ends when its bounds are within a tenth
_TRIED_PAIRS = 8


@dataclass(frozen=True)
class KnownPairs:
    """Pairs of a clip's sharp frames and their known-blurry twins.

    Attributes:
        blurry: uint8 (N, H, W, 3).
        sharp: uint8 (N, H, W, 3).
    """

    blurry: Frames
    sharp: Frames


def suited(sharp: Frames, unknown: Frames, settings: KnownBlurSettings, seed: int) -> KnownBlurSettings:
    """Return the settings with lengths and turns made smaller, so that known blur is as strong as the unknown.

    The blur is measured by what is left of the sharp frames' sharpness, which falls as paths grow; the factor is
    bisected between 1/64 and 1.

    Args:
        sharp: uint8 RGB (S, H, W, 3).
        unknown: frames of the same clip with unknown blur, (N, H, W, 3).
        settings: settings of the known blur, whose lengths are the longest that are tried.
        seed: random seed of the blurs.
    """
    wanted = _sharpness(unknown)
    low, high = _LEAST_FACTOR, 1.0
    while high > _NEAR * low:
        middle = float(np.sqrt(low * high))
        tried = scaled(settings, middle).model_copy(update={"pairs": _TRIED_PAIRS})
        if _sharpness(make_pairs(sharp, tried, seed).blurry) > wanted:
            low = middle
        else:
            high = middle
    return scaled(settings, float(np.sqrt(low * high)))


def scaled(settings: KnownBlurSettings, factor: float) -> KnownBlurSettings:
    """Return the settings with all lengths and turns multiplied by a factor."""
    keys = ("shortest_px", "longest_px", "most_turn_deg")
    return settings.model_copy(update={key: factor * getattr(settings, key) for key in keys})


def _sharpness(frames: Frames) -> float:
    """Return the mean variance of the Laplacian of frames at half their size, where noise counts less."""
    found = []
    for frame in frames:
        half = cv2.resize(to_gray(frame), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        found.append(float(cv2.Laplacian(half, cv2.CV_32F).var()))
    return float(np.mean(found))


def make_pairs(sharp: Frames, settings: KnownBlurSettings, seed: int, workers: int = 1) -> KnownPairs:
    """Blur a clip's sharp frames in turn.

    Args:
        sharp: uint8 RGB (S, H, W, 3).
        settings: settings of the known blur.
        seed: random seed of the blurs.
        workers: number of threads; the result does not depend on it.
    """

    def one(number: int) -> Frame:
        return blur(sharp[number % len(sharp)], settings, np.random.default_rng([seed, number]))

    blurry = np.stack(list(thread_map(one, range(settings.pairs), workers)))
    return KnownPairs(blurry, sharp[np.arange(settings.pairs) % len(sharp)])


def blur(frame: Frame, settings: KnownBlurSettings, random: np.random.Generator) -> Frame:
    """Blur a frame in linear light, uint8 RGB (H, W, 3), by a draw of the known blur."""
    length_px = random.uniform(settings.shortest_px, settings.longest_px)
    light = to_linear(frame)
    if settings.kind == "defocus":
        blurred = cv2.filter2D(light, -1, disc(length_px), borderType=cv2.BORDER_REFLECT_101)
    else:
        turn_deg = random.uniform(-settings.most_turn_deg, settings.most_turn_deg)
        direction = random.uniform(0, np.pi)
        size = (frame.shape[0], frame.shape[1])
        blurred = average_along_line(light, exposure_path(size, length_px, direction, float(np.deg2rad(turn_deg))))
    return to_display(np.asarray(blurred, np.float32))


def exposure_path(size: tuple[int, int], length_px: float, direction: float, turn: float) -> Flow:
    """Return each pixel's path during an exposure in which the picture is shifted and turned, (H, W, 2) px.

    Args:
        size: height and width in px.
        length_px: length of the path in the middle of the picture.
        direction: direction of the shift, in radians from the x axis.
        turn: turn about the middle, in radians; the paths stay straight.
    """
    height, width = size
    away = grid(height, width) - np.array([(width - 1) / 2, (height - 1) / 2], np.float32)  # (H, W, 2)
    shift = length_px * np.array([np.cos(direction), np.sin(direction)])
    turned = turn * np.stack([-away[..., 1], away[..., 0]], axis=-1)
    return np.asarray(shift + turned, np.float32)


def disc(diameter_px: float) -> NDArray[np.float32]:
    """Return the kernel of a disc, whose values sum to 1; a diameter of up to 1 px is a single pixel."""
    reach = int(np.ceil((diameter_px - 1) / 2)) if diameter_px > 1 else 0
    fine = (np.arange((2 * reach + 1) * _SUBPIXELS) + 0.5) / _SUBPIXELS - reach - 0.5
    inside = np.hypot(fine[:, None], fine[None]) <= max(diameter_px, 1.0) / 2
    kernel = inside.reshape(2 * reach + 1, _SUBPIXELS, 2 * reach + 1, _SUBPIXELS).mean(axis=(1, 3))
    return np.asarray(kernel / kernel.sum(), np.float32)
