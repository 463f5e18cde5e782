"""Compute structural similarity (Wang et al., TIP 2004) in one pass, as exactly on flat patches as on texture.

An 11x11 Gaussian window of sigma 1.5 px, variances of the population, ``K1`` 0.01, ``K2`` 0.03, range 255, and only the
pixels whose window lies inside the picture; the mean over pixels and channels.

With ``a = x + y`` and ``b = x - y`` both ``var x + var y`` and ``2 cov`` follow from the variances of a and b, so that
two planes are filtered instead of five. Variances are not a difference of two large sums, which loses all digits on a
flat patch in single precision (7e-5 of SSIM): values are taken relative to the window's centre, first down the columns
(mean and variance of each), then along the row (mean of the variances and variance of the means). All of it happens in
float32 in a tile that stays in cache, in one fixed order without fused products, so every machine gives the same bytes.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.metrics.ssim_window import K1, K2, RADIUS_PX, gaussian_taps

Picture = NDArray[np.uint8] | NDArray[np.float32]  # (H, W) or (H, W, C)


_TAPS = gaussian_taps()


def mean_ssim(x: Picture, y: Picture) -> float:
    """Return the mean structural similarity of two pictures of one size, at least 11 px a side.

    Within 1e-7 of scikit-image's ``structural_similarity(gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=255)`` in float64.

    Args:
        x: uint8 or float32 in [0, 255], (H, W) or (H, W, 1 or 3).
        y: the same type and size.
    """
    from hvdbench.metrics.ssim_kernel import similarity  # brings Numba

    height, width = x.shape[:2]
    planes = list(zip(cv2.split(x), cv2.split(y), strict=True))
    total = sum(similarity(np.asarray(a), np.asarray(b)) for a, b in planes)
    count: int = (height - 2 * RADIUS_PX) * (width - 2 * RADIUS_PX) * len(planes)
    return total / count


def ssim_map(x: NDArray[Any], y: NDArray[Any], peak: float = 255.0) -> NDArray[np.float64]:
    """Return the structural similarity of every pixel whose window lies inside, in float64.

    Args:
        x: any real type in [0, peak], (H, W) or (H, W, C).
        y: the same size.
        peak: the range.

    Returns:
        (H - 10, W - 10) or (H - 10, W - 10, C).
    """
    a, b = x.astype(np.float64) + y, x.astype(np.float64) - y
    c1, c2 = 2 * (K1 * peak) ** 2, 2 * (K2 * peak) ** 2
    mean_a, mean_b = _inside(a) ** 2, _inside(b) ** 2
    variance_a, variance_b = _inside(a * a) - mean_a, _inside(b * b) - mean_b
    return np.asarray(
        (mean_a - mean_b + c1)
        * (variance_a - variance_b + c2)
        / ((mean_a + mean_b + c1) * (variance_a + variance_b + c2)),
        np.float64,
    )


def _inside(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    blurred = cv2.sepFilter2D(plane, cv2.CV_64F, _TAPS, _TAPS)
    return np.asarray(blurred[RADIUS_PX:-RADIUS_PX, RADIUS_PX:-RADIUS_PX], np.float64)
