"""Make the planes that the pre-trained fusion network sees of a frame: pictures, trust, re-blur errors, path, noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hvdbench.frames import Image
from hvdbench.methods.blur.alignment import sharp_neighbours
from hvdbench.methods.blur.exposure_model import ExposureModel
from hvdbench.methods.blur.reblur import blend_by_errors, reblur, reblur_errors
from hvdbench.methods.fusion.resynthesis import noise_levels
from hvdbench.networks.candidate_fusion import PLANES

_EACH_SIDE = 2
_MIDDLE = 128.0
_LACK_STEPS, _PATH_STEPS, _ERROR_STEPS, _NOISE_STEPS = 2.0, 4.0, 8.0, 16.0
"""Steps of a plane per level or px: of what the blend lacks, of the path, of errors, of the noise."""


@dataclass(frozen=True)
class FramePlanes:
    """What the network sees of one frame.

    Attributes:
        planes: float32 (PLANES, H, W) in [0, 255], in the order that
            :mod:`hvdbench.networks.candidate_fusion` states. Zero stands at 128 in planes with a sign.
        blend: the re-blur blend, float32 (H, W, 3) in [0, 255].
    """

    planes: NDArray[np.float32]
    blend: Image


def frame_planes(model: ExposureModel, index: int, selected: NDArray[np.intp]) -> FramePlanes:
    """Make the planes of one frame of a clip.

    A picture that the clip does not have, such as the frame before the first, is the blurry frame with a mask of zeros.
    A selected frame is never its own candidate.

    Args:
        model: blur model of the clip, with its aligner.
        index: number of the frame.
        selected: numbers of the selected frames.
    """
    aligner = model.aligner
    blurry, motion = aligner.blurry(index), model.motion(index)
    sources = _in_slots(index, selected)
    near = [index - 1 if index else None, index + 1 if index + 1 < len(aligner.frames) else None]
    pictures: list[Image] = [blurry, blurry]
    masks: list[Image] = []
    nothing = np.zeros(blurry.shape[:2], np.float32)
    for source in (*near, *sources):
        pictures.append(blurry if source is None else aligner.warped(index, source))
        masks.append(nothing if source is None else aligner.mask(index, source))
    there = [k for k, source in enumerate(sources) if source is not None]
    candidates = [pictures[4 + k] for k in there]
    errors = reblur_errors([*candidates, blurry], blurry, motion, model.tau)
    blend = blend_by_errors([*candidates, blurry], errors, [masks[2 + k] for k in there])
    pictures[1] = blend
    lacking = blurry - reblur(blend, motion, model.tau)
    planes = np.empty((PLANES, *blurry.shape[:2]), np.float32)
    planes[:24] = np.concatenate([picture.transpose(2, 0, 1) for picture in pictures])
    planes[24:30] = 255 * np.stack(masks)
    planes[30:34] = 255.0  # of a picture that is not there
    for place, k in enumerate(there):
        planes[30 + k] = _ERROR_STEPS * np.sqrt(np.maximum(errors[place], 0))
    planes[34:37] = _MIDDLE + _LACK_STEPS * lacking.transpose(2, 0, 1)
    planes[37:40] = _MIDDLE + _LACK_STEPS * reblur(lacking, motion, model.tau).transpose(2, 0, 1)
    planes[40:42] = _MIDDLE + _PATH_STEPS * model.tau * motion.transpose(2, 0, 1)
    planes[42] = _NOISE_STEPS * noise_levels(aligner.eight_bits(index))
    return FramePlanes(np.clip(planes, 0, 255, out=planes), blend)


def _in_slots(index: int, selected: NDArray[np.intp]) -> list[int | None]:
    """Return the two sharp frames before (nearest first) and the two after, None where the clip has none."""
    near = sharp_neighbours(index, selected, _EACH_SIDE)
    before, after = [j for j in near if j < index], [j for j in near if j > index]
    lacking: list[int | None] = [None] * _EACH_SIDE
    return [*([*before, *lacking][:_EACH_SIDE]), *([*after, *lacking][:_EACH_SIDE])]
