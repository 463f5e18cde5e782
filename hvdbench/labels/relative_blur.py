"""Estimate the blur of frames from how the spectra of neighbouring frames differ.

Spectra alone show how much more each frame of a clip is blurred than its sharpest. This serves clips whose frames were
moved after they were exposed, so that the view's motion no longer shows the blur. Where the motion does show it, the
spectra are a second source, as good as noise and the size of the frames let them be.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from hvdbench.labels.registration import Array
from hvdbench.labels.spectra import DIRECTIONS, RADII, SpectralPairs

_LEFT = 0.02  # power left where the model leaves none
_SPREAD = 0.35
_ROUNDS = 12
_RIDGE = 1e-3
_HELD = 1e3  # the weight that keeps the sharpest frame's covariance at 0
_START_RINGS = 4  # lower frequencies, where the model is nearly linear
BINS_PER_FACT = 20.0  # neighbouring bins and lags carry nearly the same information
_REACH_PX2 = 60.0  # the largest change of a covariance in one round


def relative_covariances(pairs: SpectralPairs, count: int) -> Array:
    """Estimate blur kernels from how neighbouring frames' spectra differ.

    Each frame's blur is a Gaussian with its own covariance; except for a floor, log ratios of power are differences of
    quadratic forms of the covariances. They are solved for all frames together by reweighted least squares (Cauchy
    weights). The sharpest frame's covariance is taken as 0, so a clip without any sharp frame comes out too sharp.

    Args:
        pairs: the compared frames.
        count: the number of frames T.

    Returns:
        The covariances (T, 3) as xx, xy and yy, px² of the compared pictures.
    """
    covariance = np.zeros((count, 3))
    if not len(pairs.first):
        return covariance
    forms = _forms()
    early = np.repeat(np.arange(len(RADII)) < _START_RINGS, DIRECTIONS)
    loose = np.full(count, _RIDGE)
    for _ in range(3):
        covariance = covariance + _step(pairs, covariance, forms, pairs.weight * early, loose, linear=True)
    sharpest = int(np.argmin(covariance[:, 0] + covariance[:, 2]))
    covariance = _positive(covariance - covariance[sharpest])
    keep = loose.copy()
    keep[sharpest] = _HELD
    for _ in range(_ROUNDS):
        change = _step(pairs, covariance, forms, pairs.weight, keep, linear=False)
        covariance = _positive(covariance + np.clip(change, -_REACH_PX2, _REACH_PX2))
    return covariance


def evidence(pairs: SpectralPairs, count: int, extent_px: float) -> Array:
    """Return how much the spectra can tell of a blur of some extent in each frame, (T,).

    It is the squared change that an even motion of that extent makes in the log ratios of a frame's pairs, over their
    squared errors and summed over the bins that count as facts of their own: near 0 where noise hides the spectra or
    the extent is small beside a pixel, about 1 where both are as large as each other.

    Args:
        pairs: the compared frames.
        count: the number of frames T.
        extent_px: the extent, px of the compared pictures.
    """
    change = np.repeat(2 * np.pi**2 * np.asarray(RADII) ** 2, DIRECTIONS) * extent_px**2 / 12  # mean over directions
    told = (pairs.weight * (change / _SPREAD) ** 2).sum(axis=1) / BINS_PER_FACT
    found = np.zeros(count)
    np.add.at(found, pairs.first, told)
    np.add.at(found, pairs.second, told)
    return found


def covariance_extents(covariance: Array) -> Array:
    """Return the length of an even motion on a line with such a covariance, ``sqrt(12 λmax)``: (T, 3) to (T,), px."""
    return np.asarray(np.sqrt(12.0 * np.maximum(np.linalg.eigvalsh(_matrices(covariance))[:, -1], 0.0)))


def ratio_misfit(pairs: SpectralPairs, covariance: Array) -> float:
    """Sum the Cauchy misfit of the log ratios under blur kernels with covariances (T, 3), px²."""
    log_left = np.log(np.exp(-_taken(covariance, _forms())) + _LEFT)
    off = (pairs.log_ratio - log_left[pairs.first] + log_left[pairs.second]) / _SPREAD
    return float((pairs.weight * np.log1p(off**2)).sum())


def _forms() -> Array:
    """Return how much a unit of xx, xy and yy takes from the logarithm of the power in each bin, (N, 3)."""
    angle = np.arange(DIRECTIONS) * np.pi / DIRECTIONS
    x = (np.asarray(RADII)[:, None] * np.cos(angle)).ravel()
    y = (np.asarray(RADII)[:, None] * np.sin(angle)).ravel()
    return 4 * np.pi**2 * np.stack([x * x, 2 * x * y, y * y], axis=1)


def _taken(covariance: Array, forms: Array) -> Array:
    """Return what blur takes from the logarithm of the power of each frame in each bin, (T, N)."""
    return np.clip(covariance @ forms.T, -20.0, 50.0)


def _step(pairs: SpectralPairs, covariance: Array, forms: Array, weight: Array, keep: Array, *, linear: bool) -> Array:
    """Return one Gauss-Newton step (T, 3) towards the covariances that explain the ratios, held by ``keep`` (T,)."""
    taken = _taken(covariance, forms)
    left = np.exp(-taken)
    log_left = -taken if linear else np.log(left + _LEFT)
    slope = np.ones_like(left) if linear else left / (left + _LEFT)
    off = pairs.log_ratio - log_left[pairs.first] + log_left[pairs.second]
    robust = weight / (1.0 + (off / _SPREAD) ** 2)
    blocks = np.zeros((len(covariance), 4, 3, 3))  # with itself and the three frames after it
    right = np.zeros((len(covariance), 3))
    outer = forms[:, :, None] * forms[:, None, :]
    first, second = slope[pairs.first], slope[pairs.second]
    own_first = np.einsum("nb,bij->nij", robust * first * first, outer)
    own_second = np.einsum("nb,bij->nij", robust * second * second, outer)
    cross = np.einsum("nb,bij->nij", robust * first * second, outer)
    at_self = np.zeros_like(pairs.first)
    np.add.at(blocks, (pairs.first, at_self), own_first)
    np.add.at(blocks, (pairs.second, at_self), own_second)
    np.add.at(blocks, (pairs.first, pairs.second - pairs.first), -cross)
    np.add.at(right, pairs.first, -(robust * off * first) @ forms)
    np.add.at(right, pairs.second, (robust * off * second) @ forms)
    blocks[:, 0] += keep[:, None, None] * np.eye(3)
    return solve_blocks(blocks, right)


def solve_blocks(blocks: Array, right: Array) -> Array:
    """Solve a symmetric, positive definite, block-banded system.

    Args:
        blocks: (T, B, n, n) the blocks of row ``t`` with columns ``t`` to ``t + B - 1``.
        right: (T, n) the right-hand side.

    Returns:
        The solution, (T, n).
    """
    count, width, n = blocks.shape[:3]
    band = np.zeros((width * n, count * n))  # lower form: band[i - j, j]
    columns = np.arange(count) * n
    for ahead in range(width):
        for i in range(n):
            for j in range(n):
                below = ahead * n + j - i
                if below >= 0:
                    stop = count - ahead
                    band[below, columns[:stop] + i] = blocks[:stop, ahead, i, j]
    return np.asarray(solveh_banded(band, right.ravel(), lower=True)).reshape(count, n)


def _positive(covariance: Array) -> Array:
    """Set negative eigenvalues of covariances (T, 3) to zero."""
    values, vectors = np.linalg.eigh(_matrices(covariance))
    whole = np.einsum("tik,tk,tjk->tij", vectors, np.maximum(values, 0.0), vectors)
    return np.stack([whole[:, 0, 0], whole[:, 0, 1], whole[:, 1, 1]], axis=1)


def _matrices(covariance: Array) -> NDArray[np.float64]:
    return covariance[:, [0, 1, 1, 2]].reshape(-1, 2, 2)
