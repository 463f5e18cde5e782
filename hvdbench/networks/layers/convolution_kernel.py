"""Sample the input of a deformable convolution with compiled loops for the CPU, one run of pixels at a time.

In the arrays, groups of channels come first and channels last, so that a place to sample is computed once for its group
and the four pixels around it are read as vectors. Values outside the picture are zero. Each call writes only to its own
run or group, so calls may run in parallel.
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
_INTRINSIC: Any = intrinsic  # annotated as Any, since the annotations of Numba change from version to version
# sums over channels may be reordered to fit vectors, but always in the same way on one machine
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz"}}


@_INTRINSIC
def _mix_eight(typing, source, a, b, c, d, p, q, r, s, target, at):  # type: ignore[no-untyped-def]
    """Write the weighted sum of four runs of eight floats to ``target`` at ``at``, computed in registers.

    Plain Numba code would check each time whether the arrays overlap.
    """
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
    """Find the four pixels around each place of a run, with their weights, which are zero outside the picture.

    Args:
        offset: (2, h*w), offsets (y, x) in px of one group and tap.
        tap: the tap of the 3x3 kernel, 0 to 8.
        height: h.
        width: w.
        first: the first pixel of the run.
        index: result, (4, places): the pixels above left, above right, below left and below right.
        along: result, (4, places): weights of the row above, the row below, the column left and the column right.
        sign: result, (4, places): the derivatives of these weights, the first two by y and the last two by x.
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
    """Sample the 3x3 neighbourhoods of a run of pixels; each tap has its own offset and is multiplied by its mask.

    Args:
        features: (G, h*w, c).
        offset: (G, 9, 2, h, w), (y, x) in px.
        mask: (G, 9, h, w).
        first: the first pixel of the run.
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
    """Compute the gradients of the inputs of :func:`gather` in one group; that of the features is accumulated."""
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
