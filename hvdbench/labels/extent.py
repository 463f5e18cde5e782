"""Label frames by how far the view moved while the shutter was open; this is the labeller ``extent``.

A frame's texture shows little about its blur, and its noise shows less, so texture is made to cancel. The motion of the
view is measured between frames. The spectra of neighbouring frames, which share one view and one noise, then show for
what share of the time between frames the shutter must have been open to explain how they differ. Motion times share is
the extent of the blur in pixels, and a frame is sharp where it stays below a fixed share of the frame's width. No class
has to exist: a clip may be sharp from end to end, or blurry.

The spectra also show by themselves how much more blurred each frame is than the clip's sharpest
(:mod:`hvdbench.labels.relative_blur`). That is a second source beside the motion, and counts as far as noise and size
let the spectra tell anything. It is the only one where motion explains little of what the spectra show, as in clips
that were stabilised after exposure.

Limits: docs/labels.md states how accurate the labels are on clips that are small, noisy or of little contrast.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frame, Frames, Gray, to_gray
from hvdbench.labels.registration import Array, ViewFollower, exposure_tracks, frame_points, reduced
from hvdbench.labels.relative_blur import (
    BINS_PER_FACT,
    covariance_extents,
    evidence,
    ratio_misfit,
    relative_covariances,
)
from hvdbench.labels.sharpness import SharpLabels, with_segments
from hvdbench.labels.spectra import SpectraComparer, SpectralPairs, transfer

LABELLER = "extent"
SHARP_BELOW = 0.0045
"""The limit of sharp frames as a share of the width, half-way between the oracle's sharp (0.003) and blurry (0.006)."""
LONGEST_SIDE_PX = 640
BELOW_EXTENT = "blur extent below the limit"
ABOVE_EXTENT = "blur extent above the limit"
UNKNOWN_EXTENT = "no texture to tell by"

_SHARES = np.concatenate([[0.02], np.arange(0.05, 1.001, 0.05)])
_SPREAD = 0.35  # of a log ratio about its model, since neither scenes nor noise cancel wholly
_LEFT = 0.02  # power left where the model leaves none: windows leak, and not all of the view moves alike
_USUAL_SHARE, _USUAL_SPREAD = 0.5, 0.7  # of exposures, and of their logarithm: decides only where no blur shows
_SAMPLES = 9
_DIFFERENT, _EXPLAINED = 0.3, 0.2  # simulated clips, noisy ones too, explain 0.32 and more, stabilised ones 0.00
_HALF_TOLD = (
    0.1  # evidence at which spectra count half; it is 12 at 480 px, 2 at 320, 0.15 there in the dark, 0.02 at 96
)
_FLAT_LEVELS = 0.5
_FINEST = 0.1  # of the limit: extents much below it are treated as equal


@dataclass(frozen=True)
class BlurExtents:
    """How far the view moved in each exposure of a clip.

    Attributes:
        extent_px: (T,) median over the frame of the largest distance between two places of a point, px of the given
            frames; NaN where a frame has no texture.
        exposure_share: the time open over the time between frames that explains the spectra best.
        differ: how much the spectra of neighbouring frames differ, the mean of ``log(1 + (ratio / 0.35)²)``; below 0.3
            blur hardly changes from frame to frame.
        explained: how much of that difference the motion of the view accounts for, as a share of what blur of any kind
            could, 0 to 1; near 0 where frames were moved after they were exposed (electronic stabilisers).
        basis: ``motion``, or ``spectra`` where frames differ and motion does not explain how.
    """

    extent_px: Array
    exposure_share: float
    differ: float
    explained: float
    basis: Literal["motion", "spectra"]


class ExtentMeter:
    """Measure the extent of motion blur in the frames of a clip that come one by one.

    Only four frames are kept, reduced to 640 px, and about 3 kB of spectra for each frame of the clip, so that a long
    film needs not be held in memory.
    """

    def __init__(self) -> None:
        self._follower, self._comparer = ViewFollower(), SpectraComparer()
        self._flat: list[bool] = []
        self._size, self._px_per_px = (0, 0), 1.0
        self._given: tuple[int, ...] = (0, 0)

    def add(self, gray: Gray) -> None:
        """Take the next frame, uint8 (H, W), of the same size as those before it."""
        if self._flat and gray.shape != self._given:
            (height, width), (tall, wide) = gray.shape, self._given
            raise InputError(
                f"frame {len(self._flat)} of the clip has {width}x{height} px and those before it {wide}x{tall}: blur "
                "is measured on frames of one size"
            )
        self._given = gray.shape
        small = reduced(gray, LONGEST_SIDE_PX)
        place, is_new = self._follower.add(small)
        self._comparer.add(small, place, is_new=is_new)
        self._flat.append(float(small.std()) < _FLAT_LEVELS)
        self._size, self._px_per_px = (small.shape[1], small.shape[0]), gray.shape[1] / small.shape[1]

    def measure(self) -> BlurExtents:
        """Return the extents in all frames so far.

        Raises:
            InputError: if there is no frame.
        """
        if not self._flat:
            raise InputError("blur is measured between frames, and the clip has none: give at least one frame")
        path, stretches = self._follower.path()
        pairs = self._comparer.pairs()
        fit = fit_exposure_share(pairs, path, stretches, self._size)
        by_spectra = fit.differ > _DIFFERENT and fit.explained < _EXPLAINED
        extent_px = covariance_extents(relative_covariances(pairs, len(path)))
        if not by_spectra:
            points = frame_points(*self._size, 9, 5)
            from_way = extents(exposure_tracks(path, stretches, fit.share, points, _SAMPLES))
            limit_px = SHARP_BELOW * self._size[0]
            extent_px = joined_extents(from_way, extent_px, evidence(pairs, len(path), limit_px), limit_px)
        return BlurExtents(
            extent_px=np.where(self._flat, np.nan, extent_px * self._px_per_px),
            exposure_share=fit.share,
            differ=fit.differ,
            explained=fit.explained,
            basis="spectra" if by_spectra else "motion",
        )


def blur_extents(frames: Frames) -> BlurExtents:
    """Measure the extent of motion blur in each frame of a clip.

    Args:
        frames: uint8 RGB (T, H, W, 3).

    Raises:
        InputError: if there is no frame, or frames are not 8-bit RGB.
    """
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or len(frames) == 0:
        raise InputError(f"labels are made from uint8 RGB (T, H, W, 3), found {frames.dtype} {frames.shape}")
    meter = ExtentMeter()
    for frame in frames:
        meter.add(to_gray(frame))
    return meter.measure()


def extents(tracks: NDArray[np.float32]) -> Array:
    """Return the median over points of the largest distance between two places of a point: (T, M, P, 2) to (T,)."""
    reach = np.zeros((len(tracks), tracks.shape[2]))
    for sample in range(tracks.shape[1] - 1):
        apart = np.linalg.norm(tracks[:, sample + 1 :] - tracks[:, sample, None], axis=-1)
        reach = np.maximum(reach, apart.max(axis=1))
    return np.asarray(np.median(reach, axis=1), np.float64)


def joined_extents(from_way: Array, from_spectra: Array, told: Array, limit_px: float) -> Array:
    """Join the extents that the motion of the view shows with those that the spectra show.

    Spectra show only differences of the kernels' variances. So their squares are first shifted to agree with the
    motion's over the frames near or below the limit. Then the squares are averaged. The motion's count twice: on
    simulated clips it errs less, but it knows nothing of jerks between frames or of rows that were exposed at other
    times. The spectra's count once where they are clear, and less where they can tell little of a blur at the limit.

    Args:
        from_way, from_spectra: (T,) extents from the motion of the view and from the spectra, px.
        told: (T,) what spectra can tell at the limit, from :func:`hvdbench.labels.relative_blur.evidence`.
        limit_px: the extent around which precision matters most.
    """
    near = from_way < 3 * limit_px
    shift = float(np.median(from_way[near] ** 2 - from_spectra[near] ** 2)) if near.any() else 0.0
    weight = told / (told + _HALF_TOLD)
    square = (2 * from_way**2 + weight * np.maximum(from_spectra**2 + shift, 0.0)) / (2 + weight)
    return np.asarray(np.sqrt(square), np.float64)


@dataclass(frozen=True)
class ExposureFit:
    """The exposure share found; ``differ`` and ``explained`` are those of :class:`BlurExtents`."""

    share: float
    differ: float
    explained: float


def fit_exposure_share(pairs: SpectralPairs, path: Array, stretches: list[slice], size: tuple[int, int]) -> ExposureFit:
    """Find the exposure share under which the motion of the view explains how neighbouring frames differ.

    It minimises a robust (Cauchy) misfit between measured and modelled log ratios of power over shares from 0.02 to 1,
    and refines the best by the vertex of the parabola through three. Where the frames show no difference that blur
    could have made, the usual exposure is taken instead; the extents are small then whatever the share.

    Args:
        pairs: the compared frames.
        path, stretches: the path of the view, from :func:`hvdbench.labels.registration.view_path`.
        size: width and height of the compared pictures.
    """
    points = frame_points(*size, 3, 3)
    usual = 0.5 * (np.log(_SHARES / _USUAL_SHARE) / _USUAL_SPREAD) ** 2
    misfit = np.zeros(len(_SHARES))
    if len(pairs.first):
        for index, share in enumerate(_SHARES):
            left = np.log(transfer(exposure_tracks(path, stretches, float(share), points, _SAMPLES)) + _LEFT)
            off = (pairs.log_ratio - left[pairs.first] + left[pairs.second]) / _SPREAD
            misfit[index] = float((pairs.weight * np.log1p(off**2)).sum())
    none = np.zeros((len(path), 3))
    unblurred = ratio_misfit(pairs, none)
    most = unblurred - ratio_misfit(pairs, relative_covariances(pairs, len(path)))
    cost = misfit / BINS_PER_FACT + usual
    best = int(np.argmin(cost))
    share = float(_SHARES[best])
    if 1 < best < len(_SHARES) - 1:  # the first step is narrower than the others
        before, here, after = cost[best - 1 : best + 2]
        share += 0.05 * 0.5 * (before - after) / (before - 2 * here + after)
    return ExposureFit(
        share=float(share),
        differ=unblurred / max(float(pairs.weight.sum()), 1e-9),
        explained=float(np.clip((unblurred - misfit[best]) / most, 0.0, 1.0)) if most > 0 else 0.0,
    )


def label_extent(frames: Frames, *, segment_length: int = 20, sharp_below: float = SHARP_BELOW) -> SharpLabels:
    """Label frames by the extent of their motion blur.

    ``sharpness`` is the limit over the extent, levelled off at 10: it is 1 (but for the levelling) at the limit, and 2
    where the blur is half as long. A segment without a sharp frame has its sharpest one selected, which stays not
    sharp.

    Args:
        frames: uint8 RGB (T, H, W, 3).
        segment_length: frames per segment, 20 in the paper.
        sharp_below: the extent below which a frame is sharp, as a share of the frame's width.

    Raises:
        InputError: if there is no frame, frames are not 8-bit RGB, segments have less than one frame, or the limit is
            not a share.
    """
    if not 0 < sharp_below < 1:
        raise InputError(f"sharp_below is {sharp_below:g}: give a share of the frame's width, e.g. {SHARP_BELOW}")
    verdict = extent_verdict(blur_extents(frames).extent_px, frames.shape[2], sharp_below)
    return with_segments(verdict, segment_length=segment_length)


def extent_verdict(extent_px: Array, width: int, sharp_below: float = SHARP_BELOW) -> SharpLabels:
    """Judge each frame by its blur extent alone; no frame is selected for its segment.

    Args:
        extent_px: (T,) blur extents, px; NaN where a frame has no texture. A single frame is never sharp, since its
            extent is measured against no other.
        width: width of the frames in which extents are measured, px.
        sharp_below: the extent below which a frame is sharp, as a share of the width.
    """
    found = np.asarray(extent_px, np.float64) / width / sharp_below
    if len(found) == 1:
        found = np.full(1, np.nan)
    sharpness = np.nan_to_num(1.0 / np.hypot(found, _FINEST), nan=0.0)
    threshold = float(1.0 / np.hypot(1.0, _FINEST))
    is_sharp = sharpness > threshold
    reason = [BELOW_EXTENT if sharp else ABOVE_EXTENT for sharp in is_sharp]
    for index in np.flatnonzero(np.isnan(found)):
        reason[index] = UNKNOWN_EXTENT
    return SharpLabels(sharpness, is_sharp, threshold, tuple(reason), LABELLER)


class ExtentLabeller:
    """Label a clip whose frames come one by one, as :func:`label_extent` does; it keeps four reduced frames."""

    def __init__(self) -> None:
        self._meter = ExtentMeter()
        self._width = 0

    def add(self, frame: Frame) -> None:
        """Take the next frame, uint8 RGB (H, W, 3), of the same size as those before it."""
        self._width = frame.shape[1]
        self._meter.add(to_gray(frame))

    def measured(self) -> tuple[Array, int]:
        """Return the blur extents of all frames so far, (T,) px, and the width of the frames, px.

        Raises:
            InputError: if there is no frame.
        """
        return self._meter.measure().extent_px, self._width

    def labels(self, *, segment_length: int = 20) -> SharpLabels:
        """Label all frames so far.

        Raises:
            InputError: if there is no frame, or segments have less than one frame.
        """
        return with_segments(extent_verdict(*self.measured()), segment_length=segment_length)
