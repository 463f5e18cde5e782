"""Estimate from a clip alone how its frames were blurred: motion, exposure share, and which blur the flow explains."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import Flow
from hvdbench.frames import Image
from hvdbench.methods.blur.alignment import Aligner, nearest_sharp
from hvdbench.methods.blur.path import fit_free_path
from hvdbench.methods.blur.reblur import SHARES, exposure_motion, reblur
from hvdbench.workspace.engine import thread_map

FRAME_GAIN = 0.9
CLIP_GAIN = 0.95
_FIT_WIDTH_PX = 320  # larger frames are fitted on a reduced copy, which is enough for a few numbers per frame
_COMPARED_FRAMES = 8
_MUCH_BETTER = 0.8  # 0.77 on the real clip that coarse flow made worse, 0.84 to 1.02 on eight that have a truth
_SHARE_FRAMES = 40  # the exposure share is the same for the whole clip, so evenly spread frames are enough to find it


@dataclass(frozen=True)
class ExposureModel:
    """The blur model of a clip.

    Attributes:
        aligner: aligner of the clip's frames.
        tau: exposure share of the frame interval, one number for the whole clip.
        gain: (T,) gain of the free path, the second value of :func:`hvdbench.methods.blur.path.fit_free_path`; NaN for
            frames that were not fitted.
        explained: (T,) whether the flow explains the frame's blur: its own gain is at least 0.9 and the clip's median
            gain at least 0.95. False for frames that were not fitted.
        path: (T, 5) free path of each frame (:func:`hvdbench.methods.blur.path.fit_free_path`), in px of the clip; NaN
            for frames that were not fitted.
        extent: (T,) blur extent, the median of ``tau * |motion|`` over the frame as a share of its width.
    """

    aligner: Aligner
    tau: float
    gain: NDArray[np.float64]
    explained: NDArray[np.bool_]
    path: NDArray[np.float64]
    extent: NDArray[np.float64]

    def motion(self, index: int) -> Flow:
        """Estimate a frame's motion, (H, W, 2) px per frame interval."""
        return exposure_motion(self.aligner, index)

    def confirmed_sharp(self, is_sharp: NDArray[np.bool_], limit: float = 0.006) -> NDArray[np.bool_]:
        """Confirm selected frames by a second criterion, their motion: an extent of at most ``limit`` of the width.

        The Laplacian confuses texture with sharpness, whereas the extent does not depend on texture. The default limit
        is the oracle's bound for a blurry frame.
        """
        return is_sharp & (self.extent <= limit)


def fit_exposure_model(
    aligner: Aligner, is_sharp: NDArray[np.bool_], workers: int = 1, *, with_paths: bool = True
) -> ExposureModel:
    """Fit the blur model of a clip from its frames and its labels alone.

    Args:
        aligner: aligner of the clip's frames.
        is_sharp: (T,) labels; the blur of a frame without a selected neighbour counts as unexplained.
        workers: number of threads; the result does not depend on it.
        with_paths: whether the free path of each frame is fitted; without it no frame's blur counts as explained.
    """
    count, width = len(aligner.frames), aligner.frames.shape[2]
    selected = np.flatnonzero(is_sharp)
    asked = [i for i in range(count) if not is_sharp[i] and nearest_sharp(i, selected) is not None]
    is_asked = np.isin(np.arange(count), asked)

    def look(i: int) -> tuple[float, _Reduced | None]:  # in one go, while the flows are at hand
        motion = exposure_motion(aligner, i)
        return _median_length(motion), _reduced(aligner, i, selected, motion) if is_asked[i] else None

    looks = list(thread_map(look, range(count), workers))
    speed = np.array([length for length, _ in looks])
    reduced = {i: found for i, (_, found) in enumerate(looks) if found is not None}
    tau = _fit_share(list(reduced.values()), workers)
    gain, path = np.full(count, np.nan), np.full((count, 5), np.nan)
    fitted = list(reduced) if with_paths else []
    found = thread_map(lambda i: reduced[i].free_path(tau), fitted, workers)
    for i, (numbers, value) in zip(fitted, found, strict=True):
        path[i], gain[i] = numbers, value
    whole_clip = len(fitted) > 0 and float(np.nanmedian(gain)) >= CLIP_GAIN
    explained = np.nan_to_num(gain) >= FRAME_GAIN if whole_clip else np.zeros(count, bool)
    return ExposureModel(aligner, tau, gain, explained, path, tau * speed / width)


def fits_better(finer: Aligner, model: ExposureModel, is_sharp: NDArray[np.bool_], workers: int = 1) -> bool:
    """Return whether frames that a finer aligner warps re-blur to the input much better than those of a model's own.

    Finer flow follows fine depth, and it goes wrong where blur covers many px. Nothing but the physics tells the two
    apart: neither agreement forward and backward nor the difference of the pictures did on validation clips.

    Args:
        finer: aligner of the same frames.
        model: blur model with the aligner that is compared with it.
        is_sharp: (T,) labels, at least one of them selected.
        workers: number of threads; the result does not depend on it.
    """
    blurry, selected = np.flatnonzero(~is_sharp), np.flatnonzero(is_sharp)
    if not len(blurry):
        return False
    chosen = blurry[np.unique(np.linspace(0, len(blurry) - 1, _COMPARED_FRAMES).round().astype(int))]

    def errors(i: int) -> tuple[float, float]:
        motion = model.motion(i)
        pair = [_reduced(aligner, i, selected, motion) for aligner in (finer, model.aligner)]
        mask = np.minimum(pair[0].mask, pair[1].mask)
        fine, own = (replace(some, mask=mask).error(model.tau) for some in pair)
        return fine, own

    of_finer, of_own = np.array(list(thread_map(errors, [int(i) for i in chosen], workers))).sum(axis=0)
    return bool(of_finer < _MUCH_BETTER * of_own)


def _median_length(motion: Flow) -> float:
    return float(np.median(np.hypot(motion[..., 0], motion[..., 1])))


@dataclass(frozen=True)
class _Reduced:
    """A frame and its nearest sharp neighbour in gray, at most 320 px wide."""

    sharp: Image
    blurry: Image
    mask: Image
    motion: Flow
    factor: float
    """Width of the copy divided by the width of the frame."""

    def error(self, tau: float) -> float:
        difference = reblur(self.sharp, self.motion, tau) - self.blurry
        return float((self.mask * difference**2).sum() / (self.mask.sum() + 1e-6))

    def free_path(self, tau: float) -> tuple[NDArray[np.float64], float]:
        path, gain = fit_free_path(self.sharp, self.blurry, self.mask, self.motion, tau)
        return path / np.array([1.0, *[self.factor] * 4]), gain


def _reduced(aligner: Aligner, index: int, selected: NDArray[np.intp], motion: Flow) -> _Reduced:
    source = nearest_sharp(index, selected)
    if source is None:
        raise ValueError(f"frame {index} has no selected neighbour")
    sharp = np.asarray(cv2.cvtColor(aligner.warped(index, source), cv2.COLOR_RGB2GRAY), np.float32)
    blurry = np.asarray(cv2.cvtColor(aligner.blurry(index), cv2.COLOR_RGB2GRAY), np.float32)
    mask = aligner.mask(index, source)
    factor = _FIT_WIDTH_PX / sharp.shape[1]
    if factor >= 1:
        return _Reduced(sharp, blurry, mask, motion, 1.0)
    size = (_FIT_WIDTH_PX, max(1, round(sharp.shape[0] * factor)))

    def shrink(picture: Image) -> Image:
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)

    return _Reduced(shrink(sharp), shrink(blurry), shrink(mask), shrink(motion) * np.float32(factor), factor)


def _fit_share(frames: list[_Reduced], workers: int) -> float:
    """Find the exposure share, one for the whole clip, at which the warped sharp frames re-blur best to the input."""
    if not frames:
        return 0.5
    chosen = [frames[k] for k in np.unique(np.linspace(0, len(frames) - 1, _SHARE_FRAMES).round().astype(int))]
    errors = np.array(list(thread_map(lambda frame: [frame.error(tau) for tau in SHARES], chosen, workers)))
    return SHARES[int(np.argmin(errors.mean(axis=0)))]
