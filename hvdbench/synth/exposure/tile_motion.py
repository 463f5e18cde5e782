"""Measure how sub-frames move between a grid's nodes, in compiled loops for the module ``tiles`` beside this one."""

import numpy as np
from numpy.typing import NDArray

from hvdbench.workspace.compiled import compiled_loop

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@compiled_loop
def shifts_of(places: Array, tile: Integers) -> Array:
    """Subtract the nodes' own places from places (N, GY, GX, 2), which gives shifts (GY, GX, N, 2)."""
    shifts = np.empty((places.shape[1], places.shape[2], places.shape[0], 2))
    for gy in range(places.shape[1]):
        for n in range(places.shape[0]):
            for gx in range(places.shape[2]):
                shifts[gy, gx, n, 0] = places[n, gy, gx, 0] - gx * tile[0]
                shifts[gy, gx, n, 1] = places[n, gy, gx, 1] - gy * tile[1]
    return shifts


@compiled_loop
def measure_strips(shifts: Array, weights: Array) -> Array:
    """Measure the motion, between each two rows of nodes, of the sub-frames that have any weight there.

    Args:
        shifts: (GY, GX, N, 2) shifts of the sub-frames at the nodes, px.
        weights: (GY, N) weights of the sub-frames.

    Returns:
        An array (GY - 1, 8): least x and y; largest x and y; the least extent of a node, px; the largest weighted mean
        squares of the change from a node to its right and from the upper row to the lower, px²; the number of
        sub-frames that matter.
    """
    measured = np.zeros((shifts.shape[0] - 1, 8))
    measured[:, :2], measured[:, 2:4], measured[:, 4] = np.inf, -np.inf, np.inf
    shares = np.empty(weights.shape[1])
    for gy in range(measured.shape[0]):
        for n in range(shares.size):
            shares[n] = abs(weights[gy, n]) + abs(weights[gy + 1, n])
        total = shares.sum()
        if total == 0.0:
            continue
        shares /= total
        strip = measured[gy]
        strip[7] = 1.0 / (shares**2).sum()
        for row in range(gy, gy + 2):
            for gx in range(shifts.shape[1]):
                here, beside, below = shifts[row, gx], shifts[row, min(gx + 1, shifts.shape[1] - 1)], shifts[gy + 1, gx]
                low_x = low_y = np.inf
                high_x = high_y = -np.inf
                across = down = 0.0
                for n in range(np.uint64(shares.size)):  # unsigned, since Numba would check the sign of each index
                    if shares[n] > 0.0:
                        x, y = here[n, 0], here[n, 1]
                        low_x, high_x = min(low_x, x), max(high_x, x)
                        low_y, high_y = min(low_y, y), max(high_y, y)
                        across += shares[n] * ((beside[n, 0] - x) ** 2 + (beside[n, 1] - y) ** 2)
                        down += shares[n] * ((below[n, 0] - x) ** 2 + (below[n, 1] - y) ** 2)
                strip[0], strip[1] = min(strip[0], low_x), min(strip[1], low_y)
                strip[2], strip[3] = max(strip[2], high_x), max(strip[3], high_y)
                strip[4] = min(strip[4], np.hypot(high_x - low_x, high_y - low_y))
                strip[5], strip[6] = max(strip[5], across), max(strip[6], down)
    return measured
