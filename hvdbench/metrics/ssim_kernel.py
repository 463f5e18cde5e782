"""Run the compiled pass of :mod:`hvdbench.metrics.ssim` over two planes.

Importing this imports Numba.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hvdbench.metrics.ssim_window import K1, K2, RADIUS_PX, gaussian_taps
from hvdbench.workspace.compiled import compiled

Plane = NDArray[np.float32]

_WIDTH, _ROWS = 384, 64  # of a tile, in values of a row
_STRIDE = _WIDTH + 32
_W0, _W1, _W2, _W3, _W4, _W5 = (np.float32(weight) for weight in gaussian_taps()[RADIUS_PX:])
_C1, _C2 = np.float32(2 * (K1 * 255.0) ** 2), np.float32(2 * (K2 * 255.0) ** 2)  # of a and b: twice those of x and y


def _sum_and_difference(x: Any, y: Any, a: Plane, b: Plane) -> None:
    for i in range(len(x)):
        p, q = np.float32(x[i]), np.float32(y[i])
        a[i] = p + q
        b[i] = p - q


def _down(rows: Plane, mean: Plane, variance: Plane, count: int) -> None:
    """Weigh eleven rows of ``_STRIDE`` values that follow each other: mean and variance of each column."""
    for i in range(count):
        centre = rows[i + 5 * _STRIDE]
        d, e = rows[i + 4 * _STRIDE] - centre, rows[i + 6 * _STRIDE] - centre
        first, second = _W1 * (d + e), _W1 * (d * d + e * e)
        d, e = rows[i + 3 * _STRIDE] - centre, rows[i + 7 * _STRIDE] - centre
        first, second = first + _W2 * (d + e), second + _W2 * (d * d + e * e)
        d, e = rows[i + 2 * _STRIDE] - centre, rows[i + 8 * _STRIDE] - centre
        first, second = first + _W3 * (d + e), second + _W3 * (d * d + e * e)
        d, e = rows[i + _STRIDE] - centre, rows[i + 9 * _STRIDE] - centre
        first, second = first + _W4 * (d + e), second + _W4 * (d * d + e * e)
        d, e = rows[i] - centre, rows[i + 10 * _STRIDE] - centre
        first, second = first + _W5 * (d + e), second + _W5 * (d * d + e * e)
        mean[i] = centre + first
        variance[i] = second - first * first


def _along(mean: Plane, variance: Plane, square: Plane, spread: Plane, count: int) -> None:
    """Weigh eleven columns beside each other: the window's squared mean and its variance."""
    for i in range(count):
        centre = mean[i + 5]
        d, e = mean[i + 4] - centre, mean[i + 6] - centre
        first = _W1 * (d + e)
        second = _W0 * variance[i + 5]
        second += _W1 * ((d * d + variance[i + 4]) + (e * e + variance[i + 6]))
        d, e = mean[i + 3] - centre, mean[i + 7] - centre
        first += _W2 * (d + e)
        second += _W2 * ((d * d + variance[i + 3]) + (e * e + variance[i + 7]))
        d, e = mean[i + 2] - centre, mean[i + 8] - centre
        first += _W3 * (d + e)
        second += _W3 * ((d * d + variance[i + 2]) + (e * e + variance[i + 8]))
        d, e = mean[i + 1] - centre, mean[i + 9] - centre
        first += _W4 * (d + e)
        second += _W4 * ((d * d + variance[i + 1]) + (e * e + variance[i + 9]))
        d, e = mean[i] - centre, mean[i + 10] - centre
        first += _W5 * (d + e)
        second += _W5 * ((d * d + variance[i]) + (e * e + variance[i + 10]))
        whole = centre + first
        square[i] = whole * whole
        spread[i] = second - first * first


def _add_similarity(a: Plane, va: Plane, b: Plane, vb: Plane, total: Plane, count: int) -> None:
    for i in range(count):
        above = (a[i] - b[i] + _C1) * (va[i] - vb[i] + _C2)
        total[i] += above / ((a[i] + b[i] + _C1) * (va[i] + vb[i] + _C2))


def _similarity(x: Any, y: Any) -> float:
    """Sum the structural similarity over the windows inside two planes (H, W) of one type."""
    height, width = x.shape[0], x.shape[1] - 10
    a, b = np.empty((_ROWS + 10) * _STRIDE, np.float32), np.empty((_ROWS + 10) * _STRIDE, np.float32)
    # Arrays of their own: as far as the compiler knows parts of one may overlap, and no loop would be vectorised.
    mean_a, variance_a = np.empty(_STRIDE, np.float32), np.empty(_STRIDE, np.float32)
    mean_b, variance_b = np.empty(_STRIDE, np.float32), np.empty(_STRIDE, np.float32)
    square_a, spread_a = np.empty(_WIDTH, np.float32), np.empty(_WIDTH, np.float32)
    square_b, spread_b = np.empty(_WIDTH, np.float32), np.empty(_WIDTH, np.float32)
    row_total = np.empty(_WIDTH, np.float32)
    total = 0.0
    for left in range(0, width, _WIDTH):
        count = min(_WIDTH, width - left)
        given = count + 10
        for top in range(0, height - 10, _ROWS):
            rows = min(_ROWS, height - 10 - top)
            for i in range(rows + 10):
                part, at = slice(left, left + given), i * _STRIDE
                sum_and_difference(x[top + i, part], y[top + i, part], a[at : at + given], b[at : at + given])
            row_total[:] = 0
            for i in range(rows):
                down(a[i * _STRIDE :], mean_a, variance_a, given)
                down(b[i * _STRIDE :], mean_b, variance_b, given)
                along(mean_a, variance_a, square_a, spread_a, count)
                along(mean_b, variance_b, square_b, spread_b, count)
                add_similarity(square_a, spread_a, square_b, spread_b, row_total, count)
            for i in range(count):
                total += np.float64(row_total[i])
    return total


sum_and_difference, down, along = compiled(_sum_and_difference), compiled(_down), compiled(_along)
add_similarity = compiled(_add_similarity, error_model="numpy")
similarity = compiled(_similarity)
