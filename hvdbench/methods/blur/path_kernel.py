"""Average a picture along the path of an exposure, in compiled loops for :mod:`hvdbench.methods.blur.reblur`.

All functions that call each other stand in this one file, because Numba's cache on disk watches only the file of the
function that it compiled.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from hvdbench.workspace.compiled import compiled_loop

Floats = NDArray[np.float32]

SHORTEST_PX = 1e-3  # a shorter half path changes no picture by as much as a rounding of float32 does
REACH_PX = 4  # of the cubic's taps beyond the ends of a path, and of the rounding of its places
_HALF, _ONE, _TWO = np.float32(0.5), np.float32(1.0), np.float32(2.0)


def _pair_sum() -> Any:
    """Make the innermost step for three colours: ``total[c] += sum_j w_j (source[a + j s + c] + source[b - j s + c])``.

    A pixel is read as one vector of four floats; the fourth belongs to the next pixel, and its sum has no meaning.
    """

    @intrinsic
    def pair_sum(typing, source, ahead, behind, step, w0, w1, w2, w3, total):  # type: ignore[no-untyped-def]
        return types.void(source, ahead, behind, step, w0, w1, w2, w3, total), generate

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, total = (
            context.make_array(signature.args[index])(context, builder, arguments[index]).data for index in (0, 8)
        )
        ahead, behind, step = arguments[1:4]
        vector = ir.VectorType(ir.FloatType(), 4)
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), 4), [0] * 4)

        def load(at: Any) -> Any:
            return builder.load(builder.bitcast(builder.gep(source, [at]), vector.as_pointer()), align=4)

        products = []
        for weight in arguments[4:8]:
            one = builder.insert_element(ir.Constant(vector, ir.Undefined), weight, ir.Constant(ir.IntType(32), 0))
            everywhere = builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), lanes)
            products.append((everywhere, builder.fadd(load(ahead), load(behind))))
            ahead, behind = builder.add(ahead, step), builder.sub(behind, step)

        def add_product(sum_: Any, factors: Any) -> Any:
            return builder.fadd(sum_, builder.fmul(*factors, flags=("contract",)), flags=("contract",))

        # Two sums side by side, so that a step does not wait for each of the four before it.
        left = add_product(builder.fmul(*products[0]), products[1])
        right = add_product(builder.fmul(*products[2]), products[3])
        target = builder.bitcast(total, vector.as_pointer())
        found = builder.fadd(builder.load(target, align=4), builder.fadd(left, right))
        builder.store(found, target, align=4)
        return context.get_dummy_value()

    return pair_sum


_add_pair = _pair_sum()


@compiled_loop
def _integrate(share: Any, ends: Floats) -> None:
    """Fill the integrals of Keys' cubic with a = -1/2 from 0 to ``share`` - 2, - 1, + 0, + 1 and to the end."""
    back = _ONE - share
    for index in range(2):
        inner, outer = (back, _TWO - share) if index == 0 else (share, _ONE + share)
        near = ((np.float32(0.375) * inner - np.float32(5 / 6)) * inner * inner + _ONE) * inner
        far = (((np.float32(-0.125) * outer + np.float32(5 / 6)) * outer - _TWO) * outer + _TWO) * outer
        far -= np.float32(1 / 6)
        if index == 0:
            ends[0], ends[1] = -far, -near
        else:
            ends[2], ends[3] = near, far
    ends[4] = _HALF


@compiled_loop
def _keys_taps(share: Any) -> Any:
    """Return the weights of the four taps around a place ``share`` past the second (Keys' cubic, a = -1/2)."""
    back = _ONE - share
    first, fourth = -_HALF * share * back * back, -_HALF * back * share * share
    second = _ONE + share * share * (np.float32(1.5) * share - np.float32(2.5))
    return first, second, _ONE - first - second - fourth, fourth


@compiled_loop
def straight_mean(
    source: Floats, stride: int, start: int, colours: int, motion: Floats, half: float, target: Floats
) -> None:
    """Average along a straight path about each pixel: the integral of the cubic interpolation along it.

    The path's longer component is cut at whole pixels, where only the shorter one needs interpolation. Each cut has the
    integral of the cubic's own kernel over the path as its weight, so that lines and parabolas are averaged exactly.

    Args:
        source: floats of the picture, with a margin of half the longest path and ``REACH_PX`` on each side.
        stride: floats per row.
        start: index of the first pixel's first float.
        colours: 1 or 3 floats per pixel.
        motion: (H, W, 2) px, x first.
        half: the share of the motion from the path's middle to its end.
        target: (H * W * colours,), filled.
    """
    height, width = motion.shape[:2]
    ends, total = np.empty(5, np.float32), np.empty(4, np.float32)
    for y in range(height):
        for x in range(width):
            here = np.int64(start) + y * stride + x * colours
            into = (y * width + x) * colours
            dx, dy = np.float32(half) * motion[y, x, 0], np.float32(half) * motion[y, x, 1]
            along, across, reach, slope = np.int64(colours), np.int64(stride), dx, dy
            if abs(dy) > abs(dx):
                along, across, reach, slope = np.int64(stride), np.int64(colours), dy, dx
            if abs(reach) < np.float32(SHORTEST_PX):
                for c in range(colours):
                    target[into + c] = source[here + c]
                continue
            slope, reach = slope / reach, abs(reach)
            scale, last = _HALF / reach, int(reach)
            _integrate(reach - np.float32(last), ends)
            weight = _TWO * ends[np.uint64(min(last, 2) + 2)] * scale
            for c in range(colours):
                total[c] = weight * source[here + c]
            for k in range(1, last + 3):
                weight = (ends[np.uint64(min(last - k, 2) + 2)] + ends[np.uint64(min(last + k, 2) + 2)]) * scale
                place = np.float32(k) * slope
                whole = np.floor(place)
                t0, t1, t2, t3 = _keys_taps(place - whole)
                t0, t1, t2, t3 = weight * t0, weight * t1, weight * t2, weight * t3
                offset = k * along + (np.int64(whole) - 1) * across
                ahead, behind = np.uint64(here + offset), np.uint64(here - offset)
                step = np.uint64(across)
                if colours == 3:
                    _add_pair(source, ahead, behind, step, t0, t1, t2, t3, total)
                else:
                    second, third, fourth = step, step + step, step + step + step
                    left = t0 * (source[ahead] + source[behind])
                    left += t1 * (source[ahead + second] + source[behind - second])
                    right = t2 * (source[ahead + third] + source[behind - third])
                    right += t3 * (source[ahead + fourth] + source[behind - fourth])
                    total[0] += left + right
            for c in range(colours):
                target[into + c] = total[c]


@compiled_loop
def bent_mean(
    source: Floats, stride: int, start: int, motion: Floats, shares: Floats, shifts: Floats, target: Floats
) -> None:
    """Average a gray picture over bilinear samples at ``shares[n] * motion + shifts[n]`` from each pixel.

    Args:
        source: floats of the picture, with a margin of the farthest sample and ``REACH_PX`` on each side.
        stride: floats per row.
        start: index of the first pixel.
        motion: (H, W, 2) px, x first.
        shares: (N,).
        shifts: (N, 2) px, x first.
        target: (H, W), filled.
    """
    height, width = motion.shape[:2]
    share_of_all = _ONE / np.float32(len(shares))
    for y in range(height):
        for x in range(width):
            here, total = np.int64(start) + y * stride + x, np.float32(0.0)
            across, down = motion[y, x, 0], motion[y, x, 1]
            for n in range(len(shares)):
                dx, dy = shares[n] * across + shifts[n, 0], shares[n] * down + shifts[n, 1]
                left, top = np.floor(dx), np.floor(dy)
                right, bottom = dx - left, dy - top
                at = np.uint64(here + np.int64(top) * stride + np.int64(left))
                below = at + np.uint64(stride)
                upper = source[at] + right * (source[at + np.uint64(1)] - source[at])
                lower = source[below] + right * (source[below + np.uint64(1)] - source[below])
                total += upper + bottom * (lower - upper)
            target[y, x] = share_of_all * total
