"""Compare two frames of one view by the ratio of their power, which shows the effect of blur on each.

The content of the view is in both spectra and cancels. What remains is how much each shutter removed, and from where.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft2

from hvdbench.frames import Gray, Image
from hvdbench.labels.registration import Array

RADII = (0.06, 0.09, 0.12, 0.15, 0.19, 0.23, 0.28)  # centres of the rings, cycles per px
DIRECTIONS = 8
BINS = len(RADII) * DIRECTIONS
LAGS = (1, 2, 3)
_EDGES = (0.045, 0.075, 0.105, 0.135, 0.17, 0.21, 0.255, 0.305)
_CORNER = 0.38  # cycles per px along both axes; beyond it little but noise is left
_RING_SPREAD = 0.012
_QUIET_SHARE = 5.0  # per cent of pairs: the quietest show the noise of the clip
_LEAST_OVERLAP = 0.4  # of each side
_LEAST_SIDE_PX = 16
_AT_ONCE = 64  # frames, which bounds the memory


@dataclass(frozen=True)
class SpectralPairs:
    """N pairs of frames of one view, with the log ratios of their power.

    Attributes:
        first, second: (N,) numbers of the two frames.
        log_ratio: (N, BINS) natural logarithm of the first's power over the second's, with noise subtracted.
        weight: (N, BINS) 0 to 1: how far the power stands out of the noise.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    log_ratio: Array
    weight: Array


@dataclass(frozen=True)
class _Layout:
    """The bins' positions in the half spectrum of a picture of one size."""

    bin_of: NDArray[np.intp]
    count: Array
    corner: NDArray[np.bool_]
    window: Image
    noise_gain: Array  # of white noise through the Laplacian, for each bin
    corner_gain: float


@lru_cache(maxsize=64)
def _layout(height: int, width: int) -> _Layout:
    y, x = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    radius, angle = np.hypot(x, y), np.arctan2(y, x) % np.pi
    ring = np.searchsorted(_EDGES, radius) - 1
    direction = np.floor(angle / np.pi * DIRECTIONS + 0.5) % DIRECTIONS
    inside = (ring >= 0) & (ring < len(RADII))
    bin_of = np.where(inside, ring * DIRECTIONS + direction, BINS).astype(np.intp).ravel()
    count = np.bincount(bin_of, minlength=BINS + 1)[:-1].astype(np.float64)
    corner = (np.abs(y) > _CORNER) & (x > _CORNER)
    gain = (4.0 - 2.0 * np.cos(2 * np.pi * y) - 2.0 * np.cos(2 * np.pi * x)) ** 2
    noise = np.bincount(bin_of, gain.ravel(), minlength=BINS + 1)[:-1] / np.maximum(count, 1.0)
    window = np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    return _Layout(bin_of, count, corner, window, noise, float(gain[corner].mean()))


def _power(picture: Image) -> tuple[Array, float]:
    """Return the power of the Laplacian in each bin, and the white noise that the corners of the spectrum show."""
    layout = _layout(*picture.shape)
    spectrum = rfft2(cv2.Laplacian(picture, cv2.CV_32F, ksize=1) * layout.window)
    power = (spectrum.real**2 + spectrum.imag**2) / float((layout.window**2).sum())
    binned = np.bincount(layout.bin_of, power.ravel(), minlength=BINS + 1)[:-1] / np.maximum(layout.count, 1.0)
    return binned, float(power[layout.corner].mean()) / layout.corner_gain


class SpectraComparer:
    """Compare each frame with the three before it as frames come, on the part of the view that both show.

    Pictures are cut at whole pixels and never resampled, since resampling would itself blur them. Three frames are
    kept.
    """

    def __init__(self) -> None:
        self._recent: deque[tuple[int, Gray, Array]] = deque(maxlen=max(LAGS))
        self._count = 0
        self._pairs: list[tuple[int, int]] = []
        self._powers: list[tuple[Array, Array]] = []
        self._noises: list[float] = []
        self._gains: list[Array] = []

    def add(self, gray: Gray, place: Array, *, is_new: bool) -> None:
        """Take the next frame.

        Args:
            gray: the frame, uint8 (H, W).
            place: the place of the view (4,), from :class:`hvdbench.labels.registration.ViewFollower`.
            is_new: whether a new stretch begins, so that this frame is compared with none before it.
        """
        if is_new:
            self._recent.clear()
        for first, before, place_before in self._recent:
            cuts = _overlap(gray.shape, place[2:] - place_before[2:])
            if cuts is None:
                continue
            parts = [picture[cut].astype(np.float32) for picture, cut in zip((before, gray), cuts, strict=True)]
            (a, noise_a), (b, noise_b) = (_power(part) for part in parts)
            layout = _layout(*parts[0].shape)
            self._pairs.append((first, self._count))
            self._powers.append((a, b))
            self._noises.append(min(noise_a, noise_b))
            self._gains.append(np.where(layout.count > 0, layout.noise_gain, np.inf))
        self._recent.append((self._count, gray, place))
        self._count += 1

    def pairs(self) -> SpectralPairs:
        """Return the pairs compared so far; the noise that is subtracted is that of the quietest of them."""
        if not self._pairs:
            none = np.zeros(0, np.intp)
            return SpectralPairs(none, none, np.zeros((0, BINS)), np.zeros((0, BINS)))
        power = np.asarray(self._powers).transpose(1, 0, 2)  # (2, N, BINS)
        floor = np.asarray(self._gains) * max(float(np.percentile(self._noises, _QUIET_SHARE)), 1e-6)
        with np.errstate(invalid="ignore"):
            clean = np.maximum(power - floor, np.maximum(0.05 * power, 1e-9))
            weight = np.clip(1.0 - 2.0 * floor / np.maximum(power, 1e-9), 0.0, 1.0).prod(axis=0)
        first_of, second_of = np.asarray(self._pairs, np.intp).T
        return SpectralPairs(first_of, second_of, np.log(clean[0] / clean[1]), weight)


def compare_spectra(grays: Sequence[Gray], path: Array, stretches: Sequence[slice]) -> SpectralPairs:
    """Compare each frame with the next three by :class:`SpectraComparer`.

    Args:
        grays: T gray pictures, uint8 (H, W).
        path: the path of the view (T, 4), from :func:`hvdbench.labels.registration.view_path`.
        stretches: the stretches of connected frames.
    """
    comparer = SpectraComparer()
    starts = {stretch.start for stretch in stretches}
    for index, (gray, place) in enumerate(zip(grays, path, strict=True)):
        comparer.add(gray, place, is_new=index in starts)
    return comparer.pairs()


def _overlap(shape: tuple[int, ...], shift: Array) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Cut two pictures to their common part, where the second's content is shifted; None where that is too little."""
    cuts = []
    for length, by in ((shape[0], round(float(shift[1]))), (shape[1], round(float(shift[0])))):
        left = length - abs(by)
        if left < max(_LEAST_OVERLAP * length, _LEAST_SIDE_PX):
            return None
        cuts.append((slice(max(0, -by), max(0, -by) + left), slice(max(0, by), max(0, by) + left)))
    (rows_a, rows_b), (columns_a, columns_b) = cuts
    return (rows_a, columns_a), (rows_b, columns_b)


def transfer(tracks: NDArray[np.float32]) -> Array:
    """Return the share of power that exposures along tracks leave in each bin, (T, BINS).

    The tracks are taken as straight between their samples; the mean is over points and over nine frequencies per bin.

    Args:
        tracks: (T, M, P, 2) places of points during the exposures, px.
    """
    found = np.zeros((len(tracks), BINS))
    for start in range(0, len(tracks), _AT_ONCE):
        some = tracks[start : start + _AT_ONCE]
        phase = 2 * np.pi * np.einsum("tmpc,bc->tmpb", (some[:, 1:] + some[:, :-1]) / 2, _frequencies())
        within = np.sinc(np.einsum("tmpc,bc->tmpb", np.diff(some, axis=1), _frequencies()))
        power = (within * np.cos(phase)).mean(axis=1) ** 2 + (within * np.sin(phase)).mean(axis=1) ** 2
        found[start : start + _AT_ONCE] = power.mean(axis=1).reshape(len(some), BINS, -1).mean(axis=2)
    return found


@lru_cache(maxsize=1)
def _frequencies() -> NDArray[np.float32]:
    angle = np.arange(DIRECTIONS) * np.pi / DIRECTIONS
    ring, turn = np.array([-1.0, 0.0, 1.0]) * _RING_SPREAD, np.array([-1.0, 0.0, 1.0]) * np.pi / DIRECTIONS / 3
    radius, bearing = np.broadcast_arrays(
        np.asarray(RADII)[:, None, None, None] + ring[:, None], angle[:, None, None] + turn
    )
    return np.stack([radius * np.cos(bearing), radius * np.sin(bearing)], axis=-1).reshape(-1, 2).astype(np.float32)
