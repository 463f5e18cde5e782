"""Compute numbers of series: runs of sharp and blurry frames, autocorrelation, spectra, the extent of a path.

Functions that take several series pool them: no run, lag or spectrum reaches from one clip into the next.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


def path_extent(path: Array) -> Array:
    """Return ``sqrt(12 λmax)`` of the covariance of paths (..., M, 2): the length, for an even motion along a line."""
    centred = path - path.mean(axis=-2, keepdims=True)
    covariance = np.einsum("...mi,...mj->...ij", centred, centred) / path.shape[-2]
    return np.asarray(np.sqrt(12.0 * np.linalg.eigvalsh(covariance)[..., -1].clip(0.0)), np.float64)


def run_lengths(flags: Flags) -> NDArray[np.intp]:
    """Return the lengths of the runs of True in (T,), in their order; runs that the clip's ends cut short count too."""
    edges = np.flatnonzero(np.diff(np.pad(flags.astype(np.int8), 1)))
    return np.asarray(edges[1::2] - edges[::2], np.intp)


def stay_share(flags: Sequence[Flags]) -> float:
    """Return the share of True frames, among those that have a next one, whose next is True; NaN where there is none.

    With the same of the opposite flags this is the whole transition matrix of two states.
    """
    stayed = sum(int((one[1:] & one[:-1]).sum()) for one in flags)
    begun = sum(int(one[:-1].sum()) for one in flags)
    return stayed / begun if begun else float("nan")


def autocorrelation(series: Sequence[Array], lag: int) -> float:
    """Return the pooled autocorrelation of (T, C) series: ``Σ v(t)·v(t+lag) / Σ v(t)²``, each series less its mean.

    The sum above has ``lag`` terms fewer than the one below, so short series read low by ``lag / T``.
    """
    product, power = 0.0, 0.0
    for values in series:
        swing = values - values.mean(axis=0)
        product += float((swing[lag:] * swing[: max(len(swing) - lag, 0)]).sum())
        power += float((swing**2).sum())
    return product / power if power > 0 else float("nan")


def share_above(series: Sequence[Array], rates_hz: Sequence[float | None], frequency_hz: float) -> float:
    """Return the share of the power of (T,) series, less their means, that lies above a frequency.

    Series without a rate, or with one too low to hold the frequency, are left out; NaN where none is left or nothing
    moves.
    """
    high, total = 0.0, 0.0
    for values, rate_hz in zip(series, rates_hz, strict=True):
        if rate_hz is None or rate_hz <= 2.0 * frequency_hz or len(values) < 2:
            continue
        power = _power(values)
        frequency = np.fft.rfftfreq(len(values), 1.0 / rate_hz)
        high += float(power[frequency > frequency_hz].sum())
        total += float(power.sum())
    return high / total if total > 0 else float("nan")


def _power(values: Array) -> Array:
    """Return the one-sided power spectrum; its sum over all frequencies is T² times the variance."""
    power = np.abs(np.fft.rfft(values - values.mean())) ** 2
    both = slice(1, -1) if len(values) % 2 == 0 else slice(1, None)
    power[both] *= 2.0
    return np.asarray(power, np.float64)


def centred_motion(motion: Array) -> Array:
    """Turn (T - 1, 2) motion from frame to frame into (T, 2) at frames: the mean of before and after."""
    before = np.concatenate([motion[:1], motion])
    after = np.concatenate([motion, motion[-1:]])
    return np.asarray(0.5 * (before + after), np.float64)
