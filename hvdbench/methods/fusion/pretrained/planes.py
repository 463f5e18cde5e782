"""Make the planes that the pre-trained fusion network sees of a frame: pictures, trust, re-blur errors, path, noise.

The network was trained on small frames. Of a frame of more than about 640 px it sees a reduced copy, where blur is as
many px as there, and what it chooses is laid over the pictures in full size. On validation clips of 1280x720 that was
worth 0.3 to 1.5 dB besides three quarters of the network's time.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import Flow
from hvdbench.frames import Image
from hvdbench.methods.blur.alignment import sharp_neighbours
from hvdbench.methods.blur.exposure_model import ExposureModel
from hvdbench.methods.blur.reblur import blend_by_errors, correct, reblur, reblur_errors
from hvdbench.methods.blur.reduction import enlarged, reduced
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

    Attributes:
        pictures: blurry frame, blend, corrected blend, and those that are warped onto the frame, each float32 (H, W, 3)
            in [0, 255].
        masks: (H, W) where each of the warped pictures can be trusted, in [0, 1]; None for one that is not there.
        errors: re-blur errors of the sharp pictures, of the size of the network's copy, in squared levels; None for one
            that is not there.
        lacking: what the blend, blurred again, lacks of the blurry frame, (H, W, 3) in levels.
        path: how far the exposure moves each pixel, (H, W, 2) px.
        noise: standard deviation of the noise of the copy that the network sees, in levels.
        factor: how many times the network's copy is smaller than the frame.
    """

    pictures: tuple[Image, ...]
    masks: tuple[Image | None, ...]
    errors: tuple[NDArray[np.float32] | None, ...]
    lacking: Image
    path: Flow
    noise: float
    factor: int = 1

    @property
    def blend(self) -> Image:
        """The re-blur blend, float32 (H, W, 3) in [0, 255]."""
        return self.pictures[1]

    @property
    def planes(self) -> NDArray[np.float32]:
        """The planes of the network's copy, float32 (PLANES, h, w) in [0, 255], h and w even.

        Their order is that of :mod:`hvdbench.networks.candidate_fusion`. Zero stands at 128 in planes with a sign. The
        frame is continued to the right and below by its edge, to a multiple of twice ``factor``.
        """
        blurry = self._seen(self.pictures[0])
        planes = np.empty((PLANES, *blurry.shape[:2]), np.float32)
        planes[:3] = blurry.transpose(2, 0, 1)
        for k, picture in enumerate(self.pictures[1:], 1):
            planes[3 * k : 3 * k + 3] = self._seen(picture).transpose(2, 0, 1)
        for k, mask in enumerate(self.masks):
            planes[MASK_PLANE + k] = 0.0 if mask is None else 255 * self._seen(mask)
        for k, error in enumerate(self.errors):
            planes[ERROR_PLANE + k] = 255.0 if error is None else _ERROR_STEPS * np.sqrt(np.maximum(_even(error), 0))
        planes[LACKING_PLANE:PATH_PLANE] = _MIDDLE + _LACK_STEPS * self._seen(self.lacking).transpose(2, 0, 1)
        path = self._seen(self.path) / self.factor
        planes[PATH_PLANE:NOISE_PLANE] = _MIDDLE + _PATH_STEPS * path.transpose(2, 0, 1)
        planes[NOISE_PLANE] = _NOISE_STEPS * self.noise
        return np.clip(planes, 0, 255, out=planes)

    def _seen(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network's copy of a picture, (H, W) or (H, W, C)."""
        return reduced(picture, self.factor, multiple=2)


def _even(error: NDArray[np.float32]) -> NDArray[np.float32]:
    return reduced(error, 1, multiple=2)


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
    aligner, factor = model.aligner, model.aligner.factor
    blurry, motion = aligner.blurry(index), model.motion(index) if motion is None else motion
    sources = _in_slots(index, selected)
    near = [k if 0 <= k < len(aligner.frames) and k not in without else None for k in (index - 1, index + 1)]
    warped, masks = list[Image](), list[Image | None]()
    for source in (*near, *sources):  # one after the other, while the flows of a pair are at hand
        warped.append(blurry if source is None else aligner.warped(index, source))
        masks.append(None if source is None else aligner.mask(index, source))
    there = [k for k, source in enumerate(sources) if source is not None]
    candidates = [warped[2 + k] for k in there]
    measured = _errors([*candidates, blurry], motion, model.tau, factor)
    trust = [mask for mask in masks[2:] if mask is not None]
    whole = np.stack([enlarged(error, factor, blurry.shape[:2]) for error in measured]) if factor > 1 else measured
    blend = blend_by_errors([*candidates, blurry], whole, trust)
    errors: list[NDArray[np.float32] | None] = [None] * len(sources)
    for place, k in enumerate(there):
        errors[k] = measured[place]
    lacking = blurry - reblur(blend, motion, model.tau)
    corrected = correct(blend, blurry, motion, model.tau, steps=_CORRECTIONS, lacking=lacking)
    return FramePlanes(
        (blurry, blend, corrected, *warped),
        tuple(masks),
        tuple(errors),
        lacking,
        np.asarray(model.tau * motion, np.float32),
        noise_levels(reduced(aligner.eight_bits(index), factor)),
        factor,
    )


def _errors(pictures: Sequence[Image], motion: Flow, tau: float, factor: int) -> NDArray[np.float32]:
    """Return the re-blur errors of pictures, of which the last is the blurry frame, on the network's copies."""
    if factor == 1:
        return reblur_errors(pictures, pictures[-1], motion, tau)
    seen = [reduced(picture, factor, multiple=2) for picture in pictures]
    path = np.asarray(reduced(motion, factor, multiple=2) / factor, np.float32)
    return reblur_errors(seen, seen[-1], path, tau)


def _in_slots(index: int, selected: NDArray[np.intp]) -> list[int | None]:
    """Return the two sharp frames before (nearest first) and the two after, None where the clip has none."""
    near = sharp_neighbours(index, selected, _EACH_SIDE)
    before, after = [j for j in near if j < index], [j for j in near if j > index]
    lacking: list[int | None] = [None] * _EACH_SIDE
    return [*([*before, *lacking][:_EACH_SIDE]), *([*after, *lacking][:_EACH_SIDE])]
