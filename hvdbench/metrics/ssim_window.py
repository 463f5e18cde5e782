"""Define the Gaussian window of structural similarity, and its two constants (Wang et al., TIP 2004)."""

import numpy as np
from numpy.typing import NDArray

WINDOW_PX = 11
RADIUS_PX = WINDOW_PX // 2
K1, K2 = 0.01, 0.03
SIGMA_PX = 1.5


def gaussian_taps() -> NDArray[np.float64]:
    """Return the window's eleven weights along one axis; their sum is 1."""
    offset = np.arange(-RADIUS_PX, RADIUS_PX + 1)
    weight = np.exp(-(offset**2) / (2 * SIGMA_PX**2))
    return np.asarray(weight / weight.sum(), np.float64)
