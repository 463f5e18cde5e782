"""Compiled loops for the CPU: attention to sampled places.

Channels come last, so that a place is found once and its four pixels are read as runs; no sample is stored. What lies
outside the picture is zero. A call writes to its own batch entry and group alone, so calls may go in parallel.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hvdbench.workspace.compiled import compiled

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

_TAPS_ALONG = 3
_TAPS = _TAPS_ALONG**2
_SLOTS = 2
# sums over channels may be reordered to fit vectors, in one way for a machine
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz"}}


def _locate(y: float, x: float, height: int, width: int, index: Integers, share: Floats, slope: Floats) -> None:
    """Find the four pixels around a place: their numbers, bilinear shares, and the shares' slopes (y then x)."""
    for corner in range(4):
        index[corner] = 0
        share[corner] = 0.0
        slope[0, corner] = 0.0
        slope[1, corner] = 0.0
    if not (y > -1.0 and y < height and x > -1.0 and x < width):
        return
    row, column = math.floor(y), math.floor(x)
    down, right = np.float32(y - row), np.float32(x - column)
    one = np.float32(1.0)
    for j in range(2):
        if row + j < 0 or row + j >= height:
            continue
        along_y = down if j else one - down
        sign_y = one if j else -one
        for i in range(2):
            if column + i < 0 or column + i >= width:
                continue
            along_x = right if i else one - right
            corner = 2 * j + i
            index[corner] = (row + j) * width + column + i
            share[corner] = along_y * along_x
            slope[0, corner] = sign_y * along_x
            slope[1, corner] = along_y if i else -along_y


_locate = compiled(_locate, inline="always", **_OPTIONS)


def _locate_all(
    offsets: tuple[Floats, Floats],
    frame: int,
    group: int,
    row: int,
    column: int,
    index: Integers,
    share: Floats,
    slope: Floats,
) -> None:
    """Locate the taps of both slots for one pixel; offsets (2, G, 9, 2, h, w) each."""
    height, width = offsets[0].shape[4], offsets[0].shape[5]
    for slot in range(_SLOTS):
        offset = offsets[slot]
        for tap in range(_TAPS):
            y = row + tap // _TAPS_ALONG - 1 + offset[frame, group, tap, 0, row, column]
            x = column + tap % _TAPS_ALONG - 1 + offset[frame, group, tap, 1, row, column]
            at = slot * _TAPS + tap
            _locate(y, x, height, width, index[at], share[at], slope[at])


_locate_all = compiled(_locate_all, **_OPTIONS)


def _attend(
    query: Floats,
    key: Floats,
    value: Floats,
    offsets: tuple[Floats, Floats],
    group: int,
    attended: Floats,
    weights: Floats,
) -> None:
    """Attend in the heads of one group of channels.

    Args:
        query: (2, h*w, heads, c), scaled.
        key: the same shape.
        value: the same shape.
        offsets: for each slot (2, G, 9, 2, h, w), (y, x) in px; the first half of the groups moves keys.
        group: 0 to G/2 - 1.
        attended: result, of the shape of ``query``.
        weights: result, (2, h*w, heads, 18): the softmax.
    """
    _, _, heads, channels = query.shape
    half = offsets[0].shape[1] // 2
    height, width = offsets[0].shape[4], offsets[0].shape[5]
    per_group = heads // half
    count = _SLOTS * _TAPS
    key_index, value_index = np.empty((count, 4), np.int64), np.empty((count, 4), np.int64)
    key_share, value_share = np.empty((count, 4), np.float32), np.empty((count, 4), np.float32)
    slope = np.empty((count, 2, 4), np.float32)
    mixed = np.empty(channels, np.float32)
    for frame in range(query.shape[0]):
        for place in range(height * width):
            row, column = place // width, place % width
            _locate_all(offsets, frame, group, row, column, key_index, key_share, slope)
            _locate_all(offsets, frame, half + group, row, column, value_index, value_share, slope)
            for head in range(group * per_group, (group + 1) * per_group):
                highest = np.float32(-np.inf)
                for tap in range(count):
                    source = frame if tap < _TAPS else 1 - frame
                    a, b, c, d = key_index[tap, 0], key_index[tap, 1], key_index[tap, 2], key_index[tap, 3]
                    p, q, r, s = key_share[tap, 0], key_share[tap, 1], key_share[tap, 2], key_share[tap, 3]
                    total = np.float32(0.0)
                    for i in range(channels):
                        total += query[frame, place, head, i] * (
                            p * key[source, a, head, i]
                            + q * key[source, b, head, i]
                            + r * key[source, c, head, i]
                            + s * key[source, d, head, i]
                        )
                    weights[frame, place, head, tap] = total
                    highest = max(highest, total)
                norm = np.float32(0.0)
                for tap in range(count):
                    weight = math.exp(weights[frame, place, head, tap] - highest)
                    weights[frame, place, head, tap] = weight
                    norm += weight
                mixed[:] = 0.0
                for tap in range(count):
                    weight = weights[frame, place, head, tap] / norm
                    weights[frame, place, head, tap] = weight
                    source = frame if tap < _TAPS else 1 - frame
                    a, b, c, d = value_index[tap, 0], value_index[tap, 1], value_index[tap, 2], value_index[tap, 3]
                    p, q = weight * value_share[tap, 0], weight * value_share[tap, 1]
                    r, s = weight * value_share[tap, 2], weight * value_share[tap, 3]
                    for i in range(channels):
                        mixed[i] += (
                            p * value[source, a, head, i]
                            + q * value[source, b, head, i]
                            + r * value[source, c, head, i]
                            + s * value[source, d, head, i]
                        )
                for i in range(channels):
                    attended[frame, place, head, i] = mixed[i]


attend = compiled(_attend, **_OPTIONS)


def _spread(
    vector: Floats,
    features: Floats,
    grown: Floats,
    source: int,
    head: int,
    index: Integers,
    share: Floats,
    weight: float,
    products: Floats,
) -> None:
    """Multiply a vector by the four pixels around a place, and add it to their gradients by their shares."""
    for corner in range(4):
        pixel, part = index[corner], weight * share[corner]
        total = np.float32(0.0)
        for i in range(vector.shape[0]):
            total += vector[i] * features[source, pixel, head, i]
            grown[source, pixel, head, i] += part * vector[i]
        products[corner] = total


_spread = compiled(_spread, inline="always", **_OPTIONS)


def _attend_backward(
    query: Floats,
    key: Floats,
    value: Floats,
    offsets: tuple[Floats, Floats],
    group: int,
    weights: Floats,
    gradient: Floats,
    query_gradient: Floats,
    key_gradient: Floats,
    value_gradient: Floats,
    offset_gradients: tuple[Floats, Floats],
) -> None:
    """Compute the gradients of the inputs of :func:`attend` from that of its result; they start at zero."""
    _, _, heads, channels = query.shape
    half = offsets[0].shape[1] // 2
    height, width = offsets[0].shape[4], offsets[0].shape[5]
    per_group = heads // half
    count = _SLOTS * _TAPS
    key_index, value_index = np.empty((count, 4), np.int64), np.empty((count, 4), np.int64)
    key_share, value_share = np.empty((count, 4), np.float32), np.empty((count, 4), np.float32)
    key_slope, value_slope = np.empty((count, 2, 4), np.float32), np.empty((count, 2, 4), np.float32)
    products = np.empty(4, np.float32)
    of_weights = np.empty(count, np.float32)
    for frame in range(query.shape[0]):
        for place in range(height * width):
            row, column = place // width, place % width
            _locate_all(offsets, frame, group, row, column, key_index, key_share, key_slope)
            _locate_all(offsets, frame, half + group, row, column, value_index, value_share, value_slope)
            for head in range(group * per_group, (group + 1) * per_group):
                mean = np.float32(0.0)
                for tap in range(count):
                    source = frame if tap < _TAPS else 1 - frame
                    weight = weights[frame, place, head, tap]
                    share, slope, index = value_share[tap], value_slope[tap], value_index[tap]
                    _spread(
                        gradient[frame, place, head],
                        value,
                        value_gradient,
                        source,
                        head,
                        index,
                        share,
                        weight,
                        products,
                    )
                    of_weight = np.float32(0.0)
                    for corner in range(4):
                        of_weight += share[corner] * products[corner]
                    of_weights[tap] = of_weight
                    mean += weight * of_weight
                    grown = offset_gradients[tap // _TAPS]
                    for axis in range(2):
                        change = np.float32(0.0)
                        for corner in range(4):
                            change += slope[axis, corner] * products[corner]
                        grown[frame, half + group, tap % _TAPS, axis, row, column] += weight * change
                for tap in range(count):
                    source = frame if tap < _TAPS else 1 - frame
                    of_logit = weights[frame, place, head, tap] * (of_weights[tap] - mean)
                    share, slope, index = key_share[tap], key_slope[tap], key_index[tap]
                    _spread(
                        query[frame, place, head], key, key_gradient, source, head, index, share, of_logit, products
                    )
                    a, b, c, d = index[0], index[1], index[2], index[3]
                    p, q, r, s = of_logit * share[0], of_logit * share[1], of_logit * share[2], of_logit * share[3]
                    for i in range(channels):
                        query_gradient[frame, place, head, i] += (
                            p * key[source, a, head, i]
                            + q * key[source, b, head, i]
                            + r * key[source, c, head, i]
                            + s * key[source, d, head, i]
                        )
                    grown = offset_gradients[tap // _TAPS]
                    for axis in range(2):
                        change = np.float32(0.0)
                        for corner in range(4):
                            change += slope[axis, corner] * products[corner]
                        grown[frame, group, tap % _TAPS, axis, row, column] += of_logit * change


attend_backward = compiled(_attend_backward, **_OPTIONS)
