"""Draw blur kernels and blur sharp patches in linear light, as Ren et al. do (arXiv 2012.05228, section III-B2)."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hvdbench.methods.rivals.ren.settings import KernelSettings

Floats = NDArray[np.float64]

_NOISE = 7  # behind a kernel's seed, so that its noise is another draw
_SAMPLES_A_PX = 16  # along a line: twice as many change no weight of a kernel by 1e-3
# What Kupyn et al. (CVPR 2018, Algorithm 1, and the values in their code) draw a hand's path from.
_PATH_POINTS = 2000
_PATH_LENGTH = 60.0
_ANXIETY = 0.005
_INERTIA, _BIG_SHAKE, _SHAKE = 0.7, 0.2, 10.0


def side_px(settings: KernelSettings) -> int:
    """Return the side of the arrays that hold kernels, odd, in px.

    A line of almost ``p`` px about the middle ends within half a pixel of the ``p``-th pixel's edge, and what lies
    between two pixels is shared by both, so there is one more pixel on each side. A line that begins in the middle
    needs twice the room.
    """
    reach = settings.size_px if settings.kind == "asymmetric" else settings.size_px // 2
    return 2 * (reach + 1) + 1


def draw_kernel(settings: KernelSettings, random: np.random.Generator) -> NDArray[np.float32]:
    """Draw a kernel, (K, K) with ``K = side_px(settings)``; its sum is 1 and its middle is a blurry pixel's own place.

    The length ``l`` is ``p`` times a power of a number that is uniform over (0, 1]. The orientation is uniform over
    [0, 180) degrees, or over all directions where the line begins in the middle, so that it may lie to any side.
    """
    length = settings.size_px * (1 - random.random()) ** settings.length_power  # in (0, p]
    side = side_px(settings)
    if settings.kind == "simulated":
        return spread(shaken_path(length, random), side)
    turn = 180.0 if settings.kind == "symmetric" else 360.0
    degrees = turn * random.random()
    return line_kernel(length, degrees, side, begins_in_the_middle=settings.kind == "asymmetric")


def line_kernel(
    length_px: float, degrees: float, side: int, *, begins_in_the_middle: bool = False
) -> NDArray[np.float32]:
    """Return the kernel of a straight, even motion: the motion vector ``m = (l, o)`` with sub-pixel interpolation.

    Args:
        length_px: length ``l``.
        degrees: orientation ``o``, from the right (0) to below (90).
        side: side of the kernel, odd; the line must lie within it.
        begins_in_the_middle: whether the line runs from the middle onward, not as far to both sides.

    Returns:
        (side, side); its sum is 1.
    """
    count = max(2, math.ceil(length_px * _SAMPLES_A_PX))
    along = (np.arange(count) + 0.5) / count - (0.0 if begins_in_the_middle else 0.5)  # middles of equal parts
    angle = math.radians(degrees)
    return spread(length_px * along[:, None] * np.array([math.cos(angle), math.sin(angle)]), side)


def spread(places: Floats, side: int) -> NDArray[np.float32]:
    """Share the same weight for each place among the four pixels around it.

    Args:
        places: (M, 2) px from the middle, x first; at most ``side // 2`` to each side.
        side: side of the kernel, odd.

    Returns:
        (side, side); its sum is 1, and its centroid is the mean of the places.
    """
    shifted = np.clip(places + side // 2, 0, side - 1)
    corner = np.minimum(np.floor(shifted), side - 2).astype(np.intp)  # (M, 2)
    part = shifted - corner
    kernel = np.zeros((side, side))
    for down in (0, 1):
        for right in (0, 1):
            weight = np.where(right, part[:, 0], 1 - part[:, 0]) * np.where(down, part[:, 1], 1 - part[:, 1])
            np.add.at(kernel, (corner[:, 1] + down, corner[:, 0] + right), weight)
    return (kernel / len(places)).astype(np.float32)


def shaken_path(extent_px: float, random: np.random.Generator) -> Floats:
    """Draw the path of a shaking hand: Algorithm 1 of Kupyn et al. (CVPR 2018).

    The steps are equally long. Each turns by chance, is pulled back to the path's start by inertia, and rarely turns
    round.

    Args:
        extent_px: larger side of the box around the path, to which the path is scaled.
        random: generator of the draws.

    Returns:
        (M, 2) px, x first; the middle of the box is 0.
    """
    step = _PATH_LENGTH / (_PATH_POINTS - 1)
    inertia, big_shake, shake = np.array([_INERTIA, _BIG_SHAKE, _SHAKE]) * random.random(3)
    direction = np.exp(2j * np.pi * random.random())
    jolts, turns = random.random(_PATH_POINTS), np.exp(1j * (np.pi + random.random(_PATH_POINTS) - 0.5))
    gaussian = random.standard_normal(_PATH_POINTS) + 1j * random.standard_normal(_PATH_POINTS)
    path = np.zeros(_PATH_POINTS, np.complex128)
    for t in range(_PATH_POINTS - 1):
        change = _ANXIETY * (shake * gaussian[t] - inertia * path[t]) * step
        if jolts[t] < big_shake * _ANXIETY:
            change += 2 * step * direction * turns[t]
        moved = step * direction + change
        direction = moved / abs(moved)
        path[t + 1] = path[t] + step * direction
    places = np.stack([path.real, path.imag], axis=1)
    low, high = places.min(axis=0), places.max(axis=0)
    return np.asarray((places - (low + high) / 2) * (extent_px / float((high - low).max())))


def blur_in_light(sharp: Tensor, kernels: Tensor, gamma: float) -> Tensor:
    """Blur pictures by one kernel each, in linear light.

    Args:
        sharp: (N, 3, H, W) in [0, 1], H and W at least K.
        kernels: (N, K, K), K odd. A pixel receives the light at the places of its kernel about it.
        gamma: exponent by which levels become light.

    Returns:
        (N, 3, H - K + 1, W - K + 1): the pixels whose kernel lies within the picture.
    """
    count, colours, height, width = sharp.shape
    light = sharp.clamp(0, 1) ** gamma
    each = kernels[:, None, None].expand(-1, colours, -1, -1, -1).flatten(0, 1)  # (N*3, 1, K, K)
    blurred = functional.conv2d(light.reshape(1, count * colours, height, width), each, groups=count * colours)
    return blurred.clamp(0, 1).reshape(count, colours, *blurred.shape[-2:]) ** (1 / gamma)


def make_pairs(sharp: Tensor, kernels: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """Make blurry patches of sharp ones.

    Up to a quarter of the patch's side is given up at each side, so that the kernel finds real pixels there; what a
    large kernel lacks beyond that is the repeated border.

    Args:
        sharp: (N, 3, H, W) in [0, 1].
        kernels: (N, K, K), K odd.
        gamma: exponent by which levels become light.

    Returns:
        Blurry and sharp patches of the same size, (N, 3, h, w).
    """
    reach = kernels.shape[-1] // 2
    inner = min(reach, min(sharp.shape[-2:]) // 4)
    around = reach - inner
    padded = functional.pad(sharp, (around, around, around, around), mode="replicate") if around else sharp
    blurry = blur_in_light(padded, kernels, gamma)
    return blurry, sharp[..., inner : sharp.shape[-2] - inner, inner : sharp.shape[-1] - inner]


def kernels_of(settings: KernelSettings, seeds: list[list[int]], like: Tensor) -> Tensor:
    """Draw one kernel from each seed, (N, K, K), with the dtype and on the device of a tensor."""
    drawn = np.stack([draw_kernel(settings, np.random.default_rng(seed)) for seed in seeds])
    return torch.from_numpy(drawn).to(like)


def with_noise(pictures: Tensor, deviation: float, seeds: list[list[int]]) -> Tensor:
    """Return pictures (N, C, H, W) plus white Gaussian noise, drawn from a seed for each; they are not clamped.

    Args:
        pictures: pictures of any range.
        deviation: standard deviation of the noise, in the pictures' unit.
        seeds: N seeds, those of the kernels; the noise is another draw than theirs.
    """
    shape = tuple(pictures.shape[1:])
    drawn = [np.random.default_rng([*seed, _NOISE]).standard_normal(shape, np.float32) for seed in seeds]
    return pictures + deviation * torch.from_numpy(np.stack(drawn)).to(pictures)
