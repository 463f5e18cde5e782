"""Transfer characteristics: from signals to light and back, in [0, 1]."""

import numpy as np
from numpy.typing import NDArray

PQ_PEAK_NIT = 10000.0
_HLG_A = 0.17883277
_HLG_B, _HLG_C = 1 - 4 * _HLG_A, 0.5 - _HLG_A * float(np.log(4 * _HLG_A))
_PQ_M1, _PQ_M2 = 2610 / 16384, 2523 / 4096 * 128
_PQ_C1, _PQ_C2, _PQ_C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_Real = NDArray[np.float64]


def hlg_scene_light(signal: _Real) -> _Real:
    """Undo HLG's OETF: signal in [0, 1] to scene light in [0, 1] (ITU-R BT.2100, table 5)."""
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - _HLG_C) / _HLG_A) + _HLG_B) / 12)


def hlg_signal(light: _Real) -> _Real:
    """Apply HLG's OETF: scene light in [0, 1] to signal in [0, 1] (ITU-R BT.2100, table 5)."""
    bright = _HLG_A * np.log(np.maximum(12 * light - _HLG_B, 1e-9)) + _HLG_C
    return np.where(light <= 1 / 12, np.sqrt(3 * light), bright)


def pq_to_nit(signal: _Real) -> _Real:
    """Return the display light, nit, of a PQ signal in [0, 1] (ITU-R BT.2100, table 4)."""
    root = signal ** (1 / _PQ_M2)
    light: _Real = (np.maximum(root - _PQ_C1, 0) / (_PQ_C2 - _PQ_C3 * root)) ** (1 / _PQ_M1)
    return PQ_PEAK_NIT * light


def nit_to_pq(nit: _Real) -> _Real:
    """Return the PQ signal in [0, 1] of display light, nit."""
    root = (nit / PQ_PEAK_NIT) ** _PQ_M1
    signal: _Real = ((_PQ_C1 + _PQ_C2 * root) / (1 + _PQ_C3 * root)) ** _PQ_M2
    return signal


def bt709_scene_light(signal: _Real) -> _Real:
    """Undo the OETF of ITU-R BT.709, which BT.601 and BT.2020 share."""
    return np.where(signal < 0.081, signal / 4.5, ((signal + 0.099) / 1.099) ** (1 / 0.45))


def bt709_signal(light: _Real) -> _Real:
    """Apply the OETF of ITU-R BT.709."""
    return np.where(light < 0.018, 4.5 * light, 1.099 * light**0.45 - 0.099)


def srgb_signal(light: _Real) -> _Real:
    """Apply the curve of sRGB (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def light_of(signal: _Real, transfer: str) -> _Real:
    """Undo a transfer; PQ's light is over 10000 nit, and any SDR transfer counts as BT.709's."""
    if transfer == "hlg":
        return hlg_scene_light(signal)
    if transfer == "pq":
        return pq_to_nit(signal) / PQ_PEAK_NIT
    return signal if transfer == "linear" else bt709_scene_light(signal)


def signal_of(light: _Real, transfer: str) -> _Real:
    """Apply a transfer, as the inverse of :func:`light_of`."""
    if transfer == "hlg":
        return hlg_signal(light)
    if transfer == "pq":
        return nit_to_pq(light * PQ_PEAK_NIT)
    return light if transfer == "linear" else bt709_signal(light)
