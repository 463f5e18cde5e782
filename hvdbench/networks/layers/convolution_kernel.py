"""Compiled loops for the CPU: the samples of a deformable convolution, a run of pixels at a time.

Groups of channels come first and channels last, so that a place is found once and its four pixels are read as vectors.
What lies outside the picture is zero. A call writes to its own run or group alone, so calls may go in parallel.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from hvdbench.workspace.compiled import compiled

Floats = NDArray[np.float32]
Integers = NDArray[np.int32]

_TAPS_ALONG = 3
_TAPS = _TAPS_ALONG**2
_LANES = 8
_INTRINSIC: Any = intrinsic  # how far Numba annotates itself changes from version to version
# sums over channels may be reordered to fit vectors, in one way for a machine
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz"}}


@_INTRINSIC
def _mix_eight(typing, source, a, b, c, d, p, q, r, s, target, at):  # type: ignore[no-untyped-def]
    """Mix four runs of eight floats into one at ``at``, in registers; Numba alone would test for overlaps each time."""
    signature = types.void(source, a, b, c, d, p, q, r, s, target, at)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = ir.VectorType(ir.FloatType(), _LANES)
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [0] * _LANES)

        def place(array: int, at: Any) -> Any:
            data = context.make_array(signature.args[array])(context, builder, arguments[array]).data
            return builder.bitcast(builder.gep(data, [at]), vector.as_pointer())

        def repeat(value: Any) -> Any:
            undefined = ir.Constant(vector, ir.Undefined)
            one = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
            return builder.shuffle_vector(one, undefined, lanes)

        total = ir.Constant(vector, [0.0] * _LANES)
        for corner in range(4):
            pixel = builder.load(place(0, arguments[1 + corner]), align=4)
            product = builder.fmul(repeat(arguments[5 + corner]), pixel, flags=("contract",))
            total = builder.fadd(total, product, flags=("contract",))
        builder.store(total, place(9, arguments[10]), align=4)
        return context.get_dummy_value()

    return signature, generate


def _locate_run(
    offset: Floats, tap: int, height: int, width: int, first: int, index: Integers, along: Floats, sign: Floats
) -> None:
    """Find the pixels around the places of a run, many at once; outside the picture all is zero.

    Args:
        offset: (2, h*w) of one group and tap.
        tap: 0 to 8.
        height: h.
        width: w.
        first: pixel of the run.
        index: result, (4, places): pixels above left, above right, below left and below right.
        along: result, (4, places): shares of the rows above and below and of the columns left and right.
        sign: result, (4, places): their slopes along y, y, x and x.
    """
    zero, one = np.float32(0.0), np.float32(1.0)
    beyond_y, beyond_x = np.float32(height), np.float32(width)
    last_y, last_x = np.float32(height - 1), np.float32(width - 1)
    step_y, step_x = np.float32(tap // _TAPS_ALONG - 1), np.float32(tap % _TAPS_ALONG - 1)
    for k in range(index.shape[1]):
        at = first + k
        y = np.float32(at // width) + step_y + offset[0, at]
        x = np.float32(at % width) + step_x + offset[1, at]
        inside = (y > -one) & (y < beyond_y) & (x > -one) & (x < beyond_x)
        y = y if inside else zero
        x = x if inside else zero
        seen = one if inside else zero
        top, left = np.floor(y), np.floor(x)
        above, below = (seen if top >= zero else zero), (seen if top < last_y else zero)
        before, behind = (seen if left >= zero else zero), (seen if left < last_x else zero)
        sign[0, k], sign[1, k], sign[2, k], sign[3, k] = -above, below, -before, behind
        down, right = y - top, x - left
        along[0, k], along[1, k] = above * (one - down), below * down
        along[2, k], along[3, k] = before * (one - right), behind * right
        row = np.int32(max(top, zero)) * np.int32(width)
        row_below = np.int32(min(top + one, last_y)) * np.int32(width)
        column, column_right = np.int32(max(left, zero)), np.int32(min(left + one, last_x))
        index[0, k], index[1, k] = row + column, row + column_right
        index[2, k], index[3, k] = row_below + column, row_below + column_right


_locate_run = compiled(_locate_run, **_OPTIONS)


def _gather(features: Floats, offset: Floats, mask: Floats, first: int, columns: Floats) -> None:
    """Sample 3x3 neighbourhoods, each tap moved by its own offset, times its mask, for a run of pixels.

    Args:
        features: (G, h*w, c).
        offset: (G, 9, 2, h, w), (y, x) in px.
        mask: (G, 9, h, w).
        first: pixel of the run.
        columns: result, (places, 9, G, c).
    """
    groups, _, _, height, width = offset.shape
    count, channels = columns.shape[0], features.shape[2]
    index = np.empty((4, count), np.int32)
    along, sign = np.empty((4, count), np.float32), np.empty((4, count), np.float32)
    source, target = features.reshape(-1), columns.reshape(-1)
    whole = channels - channels % _LANES
    for group in range(groups):
        start = group * height * width
        for tap in range(_TAPS):
            _locate_run(offset[group, tap].reshape(2, -1), tap, height, width, first, index, along, sign)
            weights = mask[group, tap].reshape(-1)
            for k in range(count):
                a, b = (start + index[0, k]) * channels, (start + index[1, k]) * channels
                c, d = (start + index[2, k]) * channels, (start + index[3, k]) * channels
                up, down = weights[first + k] * along[0, k], weights[first + k] * along[1, k]
                p, q, r, s = up * along[2, k], up * along[3, k], down * along[2, k], down * along[3, k]
                to = ((k * _TAPS + tap) * groups + group) * channels
                for i in range(0, whole, _LANES):
                    _mix_eight(source, a + i, b + i, c + i, d + i, p, q, r, s, target, to + i)
                for i in range(whole, channels):
                    target[to + i] = p * source[a + i] + q * source[b + i] + r * source[c + i] + s * source[d + i]


gather = compiled(_gather, **_OPTIONS)


def _gather_backward(
    features: Floats,
    offset: Floats,
    mask: Floats,
    group: int,
    first: int,
    gradient: Floats,
    features_gradient: Floats,
    offset_gradient: Floats,
    mask_gradient: Floats,
) -> None:
    """Compute the gradients of the inputs of :func:`gather` in one group; the features' gradient is added to."""
    height, width = offset.shape[3:]
    count = gradient.shape[0]
    index = np.empty((4, count), np.int32)
    along, sign = np.empty((4, count), np.float32), np.empty((4, count), np.float32)
    for tap in range(_TAPS):
        _locate_run(offset[group, tap].reshape(2, -1), tap, height, width, first, index, along, sign)
        for k in range(count):
            row, column = (first + k) // width, (first + k) % width
            weight = mask[group, tap, row, column]
            of_mask, of_y, of_x = np.float32(0.0), np.float32(0.0), np.float32(0.0)
            for corner in range(4):
                j, i = corner // 2, 2 + corner % 2
                pixel, share = index[corner, k], along[j, k] * along[i, k]
                part, total = weight * share, np.float32(0.0)
                for channel in range(features.shape[2]):
                    above = gradient[k, tap, group, channel]
                    total += above * features[group, pixel, channel]
                    features_gradient[group, pixel, channel] += part * above
                of_mask += share * total
                of_y += sign[j, k] * along[i, k] * total
                of_x += along[j, k] * sign[i, k] * total
            mask_gradient[group, tap, row, column] = of_mask
            offset_gradient[group, tap, 0, row, column] = weight * of_y
            offset_gradient[group, tap, 1, row, column] = weight * of_x


gather_backward = compiled(_gather_backward, **_OPTIONS)
