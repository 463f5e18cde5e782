"""Colour primaries by their chromaticities, and what follows from them."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

_D65, _C, _DCI, _E = (0.3127, 0.3290), (0.310, 0.316), (0.314, 0.351), (1 / 3, 1 / 3)
_SMPTE_C = ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65)
# x, y of red, green, blue and white (ITU-T H.273, table 2).
_CHROMATICITIES = {
    "bt709": ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65),
    "bt470m": ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C),
    "bt601-625": ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    "bt601-525": _SMPTE_C,
    "smpte240m": _SMPTE_C,
    "film": ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),
    "bt2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    "xyz": ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0), _E),
    "p3-dci": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _DCI),
    "p3-d65": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
    "ebu3213": ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}


def luma_weights(name: str) -> tuple[float, float]:
    """Return Kr and Kb, the shares of red and blue in the luminance of primaries (H.273, matrix 12).

    Primaries whose chromaticities are not known count as BT.709's.
    """
    red, _, blue = _to_xyz(name)[1]
    return float(red), float(blue)


def is_white_d65(name: str) -> bool:
    """Return whether primaries are known and have the white of BT.709."""
    return name in _CHROMATICITIES and _CHROMATICITIES[name][3] == _D65


def to_bt709(name: str) -> NDArray[np.float64]:
    """Return the matrix (3, 3) from linear RGB of primaries with the white of BT.709 to linear RGB of BT.709."""
    return np.asarray(np.linalg.solve(_to_xyz("bt709"), _to_xyz(name)), np.float64)


@cache
def _to_xyz(name: str) -> NDArray[np.float64]:
    """Return the matrix (3, 3) from linear RGB to CIE XYZ, with a luminance of 1 for white."""
    known = _CHROMATICITIES.get(name, _CHROMATICITIES["bt709"])
    columns = np.array([(x, y, 1 - x - y) for x, y in known[:3]]).T
    x, y = known[3]
    return np.asarray(columns * np.linalg.solve(columns, np.array([x / y, 1, (1 - x - y) / y])))
