"""Make the planes that the pre-trained fusion network sees of a frame: pictures, trust, re-blur errors, path, noise."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import Flow
from hvdbench.frames import Image
from hvdbench.methods.blur.alignment import sharp_neighbours
from hvdbench.methods.blur.exposure_model import ExposureModel
from hvdbench.methods.blur.reblur import blend_by_errors, correct, reblur, reblur_errors
from hvdbench.methods.fusion.resynthesis import noise_levels
from hvdbench.networks.candidate_fusion import (
    ERROR_PLANE,
    LACKING_PLANE,
    MASK_PLANE,
    NOISE_PLANE,
    PATH_PLANE,
    PLANES,
)

_EACH_SIDE = 2
_CORRECTIONS = 2  # on REDS 027 the first two steps bring all that more would
_MIDDLE = 128.0
_LACK_STEPS, _PATH_STEPS, _ERROR_STEPS, _NOISE_STEPS = 2.0, 4.0, 8.0, 16.0
"""Steps of a plane per level or px: of what the blend lacks, of the path, of errors, of the noise."""


@dataclass(frozen=True)
class FramePlanes:
    """What the network sees of one frame.

    Planes of the whole frame are 172 bytes a pixel, 1.4 GB at 3840x2160, so that large frames are taken in parts.

    Attributes:
        pictures: blurry frame, blend, corrected blend, and those that are warped onto the frame, each float32 (H, W, 3)
            in [0, 255].
        masks: (H, W) where each of the warped pictures can be trusted, in [0, 1]; None for one that is not there.
        errors: (H, W) re-blur errors of the sharp pictures, in squared levels; None for one that is not there.
        lacking: what the blend, blurred again, lacks of the blurry frame, (H, W, 3) in levels.
        path: how far the exposure moves each pixel, (H, W, 2) px.
        noise: standard deviation of the noise, in levels.
    """

    pictures: tuple[Image, ...]
    masks: tuple[Image | None, ...]
    errors: tuple[NDArray[np.float32] | None, ...]
    lacking: Image
    path: Flow
    noise: float

    @property
    def blend(self) -> Image:
        """The re-blur blend, float32 (H, W, 3) in [0, 255]."""
        return self.pictures[1]

    @property
    def planes(self) -> NDArray[np.float32]:
        """The planes of the whole frame, as :meth:`part` returns them."""
        return self.part(slice(None), slice(None))

    def part(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Return the planes of a part of the frame, float32 (PLANES, h, w) in [0, 255].

        Their order is that of :mod:`hvdbench.networks.candidate_fusion`. Zero stands at 128 in planes with a sign.
        """
        blurry = self.pictures[0][rows, columns]
        planes = np.empty((PLANES, *blurry.shape[:2]), np.float32)
        for k, picture in enumerate(self.pictures):
            planes[3 * k : 3 * k + 3] = picture[rows, columns].transpose(2, 0, 1)
        for k, mask in enumerate(self.masks):
            planes[MASK_PLANE + k] = 0.0 if mask is None else 255 * mask[rows, columns]
        for k, error in enumerate(self.errors):
            planes[ERROR_PLANE + k] = (
                255.0 if error is None else _ERROR_STEPS * np.sqrt(np.maximum(error[rows, columns], 0))
            )
        planes[LACKING_PLANE:PATH_PLANE] = _MIDDLE + _LACK_STEPS * self.lacking[rows, columns].transpose(2, 0, 1)
        planes[PATH_PLANE:NOISE_PLANE] = _MIDDLE + _PATH_STEPS * self.path[rows, columns].transpose(2, 0, 1)
        planes[NOISE_PLANE] = _NOISE_STEPS * self.noise
        return np.clip(planes, 0, 255, out=planes)


def frame_planes(
    model: ExposureModel,
    index: int,
    selected: NDArray[np.intp],
    without: Collection[int] = (),
    motion: Flow | None = None,
) -> FramePlanes:
    """Make the planes of one frame of a clip.

    A picture that the clip does not have, such as the frame before the first, is the blurry frame with a mask of zeros.
    A selected frame is never its own candidate.

    Args:
        model: blur model of the clip, with its aligner.
        index: number of the frame.
        selected: numbers of the selected frames.
        without: numbers of neighbours that are not shown, as if the clip did not have them.
        motion: motion of the frame, (H, W, 2) px per frame interval; None for what its neighbours say.
    """
    aligner = model.aligner
    blurry, motion = aligner.blurry(index), model.motion(index) if motion is None else motion
    sources = _in_slots(index, selected)
    near = [k if 0 <= k < len(aligner.frames) and k not in without else None for k in (index - 1, index + 1)]
    warped, masks = list[Image](), list[Image | None]()
    for source in (*near, *sources):  # one after the other, while the flows of a pair are at hand
        warped.append(blurry if source is None else aligner.warped(index, source))
        masks.append(None if source is None else aligner.mask(index, source))
    there = [k for k, source in enumerate(sources) if source is not None]
    candidates = [warped[2 + k] for k in there]
    measured = reblur_errors([*candidates, blurry], blurry, motion, model.tau)
    trust = [mask for mask in masks[2:] if mask is not None]
    blend = blend_by_errors([*candidates, blurry], measured, trust)
    errors: list[NDArray[np.float32] | None] = [None] * len(sources)
    for place, k in enumerate(there):
        errors[k] = measured[place]
    return FramePlanes(
        (blurry, blend, correct(blend, blurry, motion, model.tau, steps=_CORRECTIONS), *warped),
        tuple(masks),
        tuple(errors),
        blurry - reblur(blend, motion, model.tau),
        np.asarray(model.tau * motion, np.float32),
        noise_levels(aligner.eight_bits(index)),
    )


def _in_slots(index: int, selected: NDArray[np.intp]) -> list[int | None]:
    """Return the two sharp frames before (nearest first) and the two after, None where the clip has none."""
    near = sharp_neighbours(index, selected, _EACH_SIDE)
    before, after = [j for j in near if j < index], [j for j in near if j > index]
    lacking: list[int | None] = [None] * _EACH_SIDE
    return [*([*before, *lacking][:_EACH_SIDE]), *([*after, *lacking][:_EACH_SIDE])]
