"""Detect pans, where a hand that keeps turning makes the stabiliser release the lens."""

import math

import numpy as np
from numpy.typing import NDArray

from hvdbench.camera.stabiliser.settings import OisSettings

Array = NDArray[np.float64]


def detect_pan(measured: Array, rate_hz: float, settings: OisSettings) -> tuple[Array, Array]:
    """Find where a hand pans: each axis's rate above ``pan_deg_s`` without a break for longer than ``pan_hold_s``.

    Args:
        measured: (..., N, A) rad/s, as the gyro measures them.
        rate_hz: samples per second.
        settings: with ``pan_deg_s``.

    Returns:
        The share of the gain, 0 during a pan and back to 1 over ``pan_return_s`` after it, and the least corner of the
        leak in Hz, ``pan_centring_hz`` during a pan and else 0; both in the shape of ``measured``.
    """
    threshold = math.inf if settings.pan_deg_s is None else math.radians(settings.pan_deg_s)
    index = np.broadcast_to(np.arange(measured.shape[-2])[:, None], measured.shape)
    above = np.abs(measured) > threshold
    lasted = index - np.maximum.accumulate(np.where(above, -1, index), axis=-2)
    pans = above & (lasted > settings.pan_hold_s * rate_hz)
    long_ago = -(10**9)
    since = (index - np.maximum.accumulate(np.where(pans, index, long_ago), axis=-2)) / rate_hz
    share = np.clip(since / max(settings.pan_return_s, 1.0 / rate_hz), 0.0, 1.0)
    return share, np.where(pans, settings.pan_centring_hz, 0.0)
