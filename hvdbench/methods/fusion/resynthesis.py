"""Make training pairs from the clip itself: sharp frames blurred again as its blurry frames were. This step is ours.

A warped label is off by as much as the flow is off, and nothing shows by how much. A sharp frame that is blurred again
is its own label, exact to the pixel. The blur has to be right instead: it is the path that
:mod:`hvdbench.methods.blur.path` fitted to a blurry frame of the same clip, the donor. The pair also gets the donor's
place between its sharp neighbours, and neighbours that are as blurry as the donor's.
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import Flow, warp
from hvdbench.frames import Frame, to_display, to_linear
from hvdbench.methods.blur.alignment import Aligner, sharp_neighbours
from hvdbench.methods.blur.exposure_model import ExposureModel
from hvdbench.methods.blur.path import path_offsets
from hvdbench.methods.fusion.batches import Pairs
from hvdbench.methods.fusion.candidates import CandidateStack, stack_candidates
from hvdbench.methods.reblur_blend import blend
from hvdbench.workspace.engine import thread_map

SAMPLES = 17
_GRAIN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_TO_SIGMA = 1.4826 / 6.0  # from a median of absolute values to Gaussian noise; 6 is the norm of _GRAIN


def resynthesise(
    model: ExposureModel,
    is_sharp: NDArray[np.bool_],
    random: np.random.Generator,
    *,
    count: int = 32,
    with_blend: bool = False,
    workers: int = 1,
) -> Pairs | None:
    """Blur sharp frames again and align their neighbours to them.

    Args:
        model: blur model of the clip, with the paths of its blurry frames.
        is_sharp: (T,) labels.
        random: generator that draws sharp frames, donors and noise.
        count: number of pairs.
        with_blend: whether the re-blur blend is the last candidate.
        workers: number of threads; the result does not depend on it.

    Returns:
        The pairs, or None where the clip has no selected frame or no frame with a blur path.
    """
    confirmed = np.flatnonzero(model.confirmed_sharp(is_sharp))
    sharp = confirmed if len(confirmed) else np.flatnonzero(is_sharp)
    donors = np.flatnonzero(np.isfinite(model.path).all(axis=1))
    if not len(sharp) or not len(donors):
        return None
    drawn = [
        (int(sharp[k % len(sharp)]), int(random.choice(donors)), int(random.integers(2**32))) for k in range(count)
    ]

    def one(job: tuple[int, int, int]) -> tuple[CandidateStack, Frame]:
        return _pair(model, is_sharp, *job, with_blend=with_blend), model.aligner.eight_bits(job[0])

    made = list(thread_map(one, drawn, workers))
    stack = CandidateStack(
        np.array([j for j, _, _ in drawn], np.intp),
        np.concatenate([pair.colours for pair, _ in made]),
        np.concatenate([pair.masks for pair, _ in made]),
        np.concatenate([pair.is_sharp for pair, _ in made]),
    )
    return Pairs(stack, np.stack([frame for _, frame in made]))


def blur_again(frame: Frame, motion: Flow, path: NDArray[np.float64], tau: float) -> NDArray[np.float32]:
    """Blur a sharp frame along a donor's path in linear light; float32 (H, W, 3) in [0, 1], linear.

    Args:
        frame: sharp frame, uint8 (H, W, 3).
        motion: motion of the donor, (H, W, 2) px per frame interval.
        path: path of the donor (:func:`hvdbench.methods.blur.path.fit_free_path`).
        tau: exposure share of the frame interval.
    """
    light = to_linear(frame)
    total = np.zeros_like(light)
    for where in path_offsets(path, motion, tau, SAMPLES):
        total += warp(light, where)
    return np.asarray(np.clip(total / np.float32(SAMPLES), 0.0, 1.0), np.float32)


def _pair(
    model: ExposureModel, is_sharp: NDArray[np.bool_], j: int, donor: int, seed: int, *, with_blend: bool
) -> CandidateStack:
    """Build the candidates of frame ``j``, blurred as ``donor`` was and put in the donor's place among sharp frames."""
    count = len(is_sharp)
    random = np.random.default_rng(seed)
    selected = np.flatnonzero(is_sharp)
    before, after = (_distances(donor, selected, side) for side in (-1, 1))
    near = [int(k) for k in selected if k <= j - before or k >= j + after]
    kept = sharp_neighbours(j, near, 2)
    around = sorted({j, *kept, *(k for k in (j - 1, j + 1) if 0 <= k < count)})
    pictures = []
    for k in around:
        like = donor + (k - j)
        blurred = k == j or (abs(k - j) == 1 and k not in kept and is_sharp[k] and 0 <= like < count)
        is_made = blurred and _has_path(model, like)
        pictures.append(_blurred(model, k, like, random) if is_made else model.aligner.eight_bits(k))
    flags = np.array([k in kept for k in around])
    place = around.index(j)
    whole = model.aligner
    aligner = Aligner(np.stack(pictures), whole.preset, whole.scale, alignment=whole.alignment)
    there = replace(model, aligner=aligner)
    extra = (lambda i: blend(there, i, np.flatnonzero(flags))) if with_blend else None
    return stack_candidates(aligner, [place], flags, blend=extra)


def _has_path(model: ExposureModel, index: int) -> bool:
    return 0 <= index < len(model.path) and bool(np.isfinite(model.path[index]).all())


def _blurred(model: ExposureModel, frame: int, donor: int, random: np.random.Generator) -> Frame:
    """Blur a frame as the donor was, and add the noise that it then lacks compared with the donor."""
    light = blur_again(model.aligner.eight_bits(frame), model.motion(donor), model.path[donor], model.tau)
    picture = to_display(light)
    lacking = noise_levels(model.aligner.eight_bits(donor)) ** 2 - noise_levels(picture) ** 2
    noise = random.normal(0.0, np.sqrt(max(0.0, lacking)), picture.shape)
    return np.asarray(np.clip(picture + noise, 0, 255).round(), np.uint8)


def noise_levels(frame: Frame) -> float:
    """Estimate a frame's noise, the standard deviation in 8-bit levels, from the median of second differences.

    The differences are of second order along both axes (Immerkaer, CVIU 64, 1996), so that edges and shading drop out.
    The median ignores texture until it fills half of the frame.
    """
    differences = cv2.filter2D(np.asarray(frame, np.float32), -1, _GRAIN)
    return _TO_SIGMA * float(np.median(np.abs(differences)))


def _distances(index: int, selected: NDArray[np.intp], side: int) -> int:
    """Return the distance to the nearest selected frame on a side, in frames; 1 where there is none."""
    found = [side * (int(k) - index) for k in selected if side * (int(k) - index) > 0]
    return min(found, default=1)
