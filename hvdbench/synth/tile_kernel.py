"""Compiled loops of :mod:`hvdbench.synth.tiles`: splat sub-frames into point-spread functions, apply them to pixels.

All of it stands in one file: Numba's cache on disk watches the file of the function that it compiled, and no other.
Products are fused with sums where the processor can, in a fixed order, so that one machine always gives the same bytes.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Compiled = TypeVar("Compiled", bound=Callable[..., Any])

CUBIC_A = -0.75  # Keys' cubic as OpenCV's INTER_CUBIC has it
LEAST_WEIGHT = 1e-9  # of all weights: a tap that weighs less at all four corners of a cell is left out
_CHANNELS = 3
_JIT: Any = numba.njit  # how far Numba annotates itself changes from version to version
_CODE: Any = cgutils


def _compiled(function: Compiled) -> Compiled:
    """Compile for this machine, cached on disk where a folder for that can be written."""
    try:
        compiled = _JIT(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        compiled = _JIT(nogil=True, error_model="numpy", fastmath={"contract"})(function)
    return cast(Compiled, compiled)


def _row_sum(pixels: int) -> Any:
    """Make the innermost loop for a run of 4, 8 or 16 pixels: ``sum_k (left_k + ramp · slope_k) · source[k]``.

    Written in LLVM's own terms, because the sums must stay in registers over all taps k: three vectors of ``pixels``
    floats for ``left``, three for ``slope``.
    """

    @intrinsic
    def row_sum(  # type: ignore[no-untyped-def]
        typing, source, start, offsets, left, slope, count, ramp, ramp_start, target, target_start
    ):
        signature = types.void(source, start, offsets, left, slope, count, ramp, ramp_start, target, target_start)
        return signature, generate

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def data(index: int) -> Any:
            return context.make_array(signature.args[index])(context, builder, arguments[index]).data

        source, offsets, left, slope, ramp, target = (data(index) for index in (0, 2, 3, 4, 6, 8))
        start, count, ramp_start, target_start = (arguments[index] for index in (1, 5, 7, 9))
        vector = ir.VectorType(ir.FloatType(), pixels)
        contract = ("contract",)

        def place(pointer: Any, at: Any, part: int) -> Any:
            here = builder.gep(pointer, [builder.add(at, ir.Constant(at.type, part * pixels))])
            return builder.bitcast(here, vector.as_pointer())

        def repeat(value: Any) -> Any:
            one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
            lanes = ir.Constant(ir.VectorType(ir.IntType(32), pixels), [0] * pixels)
            return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), lanes)

        def add_product(total: Any, a: Any, b: Any) -> Any:
            return builder.fadd(total, builder.fmul(a, b, flags=contract), flags=contract)

        nothing = ir.Constant(vector, [0.0] * pixels)
        constant = [_CODE.alloca_once_value(builder, nothing) for _ in range(_CHANNELS)]
        linear = [_CODE.alloca_once_value(builder, nothing) for _ in range(_CHANNELS)]
        for cell in constant + linear:
            builder.store(nothing, cell)
        with _CODE.for_range(builder, count) as loop:
            at = builder.add(start, builder.load(builder.gep(offsets, [loop.index])))
            weight = repeat(builder.load(builder.gep(left, [loop.index])))
            tilt = repeat(builder.load(builder.gep(slope, [loop.index])))
            for part in range(_CHANNELS):
                values = builder.load(place(source, at, part), align=4)
                builder.store(add_product(builder.load(constant[part]), weight, values), constant[part])
                builder.store(add_product(builder.load(linear[part]), tilt, values), linear[part])
        for part in range(_CHANNELS):
            across = builder.load(place(ramp, ramp_start, part), align=4)
            total = add_product(builder.load(constant[part]), across, builder.load(linear[part]))
            builder.store(total, place(target, target_start, part), align=4)
        return context.get_dummy_value()

    return row_sum


_row_sum_16 = _row_sum(16)
_row_sum_8 = _row_sum(8)
_row_sum_4 = _row_sum(4)


@_compiled
def _reflect(index: int, size: int) -> int:
    """Mirror an index about the first and the last pixel, which are not repeated."""
    if 0 <= index < size:
        return index
    if size == 1:
        return 0
    index = abs(index) % (2 * (size - 1))
    return index if index < size else 2 * (size - 1) - index


@_compiled
def _keys(share: float) -> tuple[float, float, float, float]:
    """Weigh the four taps around a place that lies ``share`` past the second (Keys' cubic)."""
    a, far, back = CUBIC_A, share + 1.0, 1.0 - share
    first = ((a * far - 5.0 * a) * far + 8.0 * a) * far - 4.0 * a
    second = ((a + 2.0) * share - (a + 3.0)) * share * share + 1.0
    third = ((a + 2.0) * back - (a + 3.0)) * back * back + 1.0
    return first, second, third, 1.0 - first - second - third


@_compiled
def _weigh(share: float, cubic: bool) -> tuple[float, float, float, float]:
    return _keys(share) if cubic else (1.0 - share, share, 0.0, 0.0)


@_compiled
def _widen(spans: Integers, row: int, first: int, end: int) -> None:
    if first < spans[row, 0]:
        spans[row, 0] = first
    if end > spans[row, 1]:
        spans[row, 1] = end


@_compiled
def _add_row(plane: Floats, spans: Integers, row: int, column: int, weight: float,
             across: tuple[float, float, float, float]) -> None:  # fmt: skip
    plane[row, column] += np.float32(weight * across[0])
    plane[row, column + 1] += np.float32(weight * across[1])
    plane[row, column + 2] += np.float32(weight * across[2])
    plane[row, column + 3] += np.float32(weight * across[3])
    _widen(spans, row, column, column + 4)


@_compiled
def measure_nodes(shifts: Array, weights: Array) -> Array:
    """Measure what each node's (GY, GX, N, 2) shifts do.

    Returns:
        (GY, GX, 6): least x and y, largest x and y; the weighted mean square of the change to the node to the right
        and to the one below (0 at the grid's end), px².
    """
    measured = np.zeros((shifts.shape[0], shifts.shape[1], 6))
    total = max(np.abs(weights).sum(), 1e-300)
    for gy in range(shifts.shape[0]):
        for gx in range(shifts.shape[1]):
            x = shifts[gy, gx, :, 0]
            y = shifts[gy, gx, :, 1]
            right, below = min(gx + 1, shifts.shape[1] - 1), min(gy + 1, shifts.shape[0] - 1)
            low_x = low_y = np.inf
            high_x = high_y = -np.inf
            across = down = 0.0
            for n in range(weights.size):
                low_x, high_x = min(low_x, x[n]), max(high_x, x[n])
                low_y, high_y = min(low_y, y[n]), max(high_y, y[n])
                share = abs(weights[n])
                across += share * ((shifts[gy, right, n, 0] - x[n]) ** 2 + (shifts[gy, right, n, 1] - y[n]) ** 2)
                down += share * ((shifts[below, gx, n, 0] - x[n]) ** 2 + (shifts[below, gx, n, 1] - y[n]) ** 2)
            measured[gy, gx, 0], measured[gy, gx, 1] = low_x, low_y
            measured[gy, gx, 2], measured[gy, gx, 3] = high_x, high_y
            measured[gy, gx, 4], measured[gy, gx, 5] = across / total, down / total
    return measured


@_compiled
def _clear(plane: Floats, spans: Integers, reach: Integers) -> None:
    """Set a point-spread function back to nothing where it held something."""
    for row in range(reach[0], reach[1]):
        plane[row, spans[row, 0] : spans[row, 1]] = 0.0
        spans[row, 0], spans[row, 1] = plane.shape[1], 0
    reach[0], reach[1] = plane.shape[0], 0


@_compiled
def _splat(
    shifts: Array, gy: int, gx: int, weights: Array, across: float, down: float, origin: Integers, cubic: bool,
    plane: Floats, spans: Integers, reach: Integers,
) -> None:  # fmt: skip
    """Lay all sub-frames' kernels into one point-spread function.

    Args:
        shifts: (GY, GX, N, 2) how far the texture lies from the frame at the grid's nodes.
        gy, gx: the tile.
        weights: (N,) of the sub-frames.
        across, down: where in the tile, 0 to 1.
        origin: (2,) x and y of the plane's first tap.
        cubic: 4 x 4 taps for each sub-frame, else 2 x 2.
        plane, spans, reach: (rows, columns), each row's columns in use, rows in use; clear before.
    """
    a, b = (1.0 - across) * (1.0 - down), across * (1.0 - down)
    c, d = (1.0 - across) * down, across * down
    first, last = reach[0], reach[1]
    for n in range(weights.size):
        x = a * shifts[gy, gx, n, 0] + b * shifts[gy, gx + 1, n, 0]
        x += c * shifts[gy + 1, gx, n, 0] + d * shifts[gy + 1, gx + 1, n, 0]
        y = a * shifts[gy, gx, n, 1] + b * shifts[gy, gx + 1, n, 1]
        y += c * shifts[gy + 1, gx, n, 1] + d * shifts[gy + 1, gx + 1, n, 1]
        left, top = np.floor(x), np.floor(y)
        x, y = x - left, y - top
        column, row = int(left) - origin[0], int(top) - origin[1]
        weight = weights[n]
        if cubic:
            column, row = column - 1, row - 1
            horizontal, vertical = _keys(x), _keys(y)
            _add_row(plane, spans, row, column, weight * vertical[0], horizontal)
            _add_row(plane, spans, row + 1, column, weight * vertical[1], horizontal)
            _add_row(plane, spans, row + 2, column, weight * vertical[2], horizontal)
            _add_row(plane, spans, row + 3, column, weight * vertical[3], horizontal)
            first, last = min(first, row), max(last, row + 4)
        else:
            over, under = weight * (1.0 - y), weight * y
            plane[row, column] += np.float32(over * (1.0 - x))
            plane[row, column + 1] += np.float32(over * x)
            plane[row + 1, column] += np.float32(under * (1.0 - x))
            plane[row + 1, column + 1] += np.float32(under * x)
            _widen(spans, row, column, column + 2)
            _widen(spans, row + 1, column, column + 2)
            first, last = min(first, row), max(last, row + 2)
    reach[0], reach[1] = first, last


@_compiled
def _list_taps(planes: Floats, spans: Integers, reach: Integers, corners: Integers, places: Integers, values: Floats,
               box: Integers, least: float) -> int:  # fmt: skip
    """List the taps that weigh anything at a corner of a cell.

    Args:
        planes, spans, reach: the point-spread functions.
        corners: (4,) which of them stand at top left, top right, bottom left, bottom right.
        places: (taps, 2) row and column of each, filled.
        values: (4, taps), filled: at the top left, its change over the cell's height, its change over the width,
            that change's change over the height.
        box: (4,) first and last row, first and last column in use, filled.
        least: taps that weigh no more at all corners are left out.

    Returns:
        How many.
    """
    count = 0
    first = min(min(reach[corners[0], 0], reach[corners[1], 0]), min(reach[corners[2], 0], reach[corners[3], 0]))
    last = max(max(reach[corners[0], 1], reach[corners[1], 1]), max(reach[corners[2], 1], reach[corners[3], 1]))
    box[0], box[1], box[2], box[3] = first, last - 1, planes.shape[2], -1
    for row in range(first, last):
        begin, end = planes.shape[2], 0
        for corner in corners:
            begin, end = min(begin, spans[corner, row, 0]), max(end, spans[corner, row, 1])
        for column in range(begin, end):
            a, b = planes[corners[0], row, column], planes[corners[1], row, column]
            c, d = planes[corners[2], row, column], planes[corners[3], row, column]
            places[count, 0], places[count, 1] = row, column
            values[0, count], values[1, count] = a, c - a
            values[2, count], values[3, count] = b - a, (d - c) - (b - a)
            if max(max(abs(a), abs(b)), max(abs(c), abs(d))) > least:
                count += 1
        if begin < end:
            box[2], box[3] = min(box[2], begin), max(box[3], end - 1)
    return count


@_compiled
def _gather(
    texture: Floats, width: int, height: int, left: int, top: int, columns: int, rows: int, patch: Floats
) -> None:
    """Copy a window of the texture, mirrored past its border, to the beginning of ``patch``."""
    for j in range(rows):
        row = _reflect(top + j, height) * width
        for i in range(columns):
            here = 3 * (row + _reflect(left + i, width))
            for channel in range(3):
                patch[3 * (j * columns + i) + channel] = texture[here + channel]


@_compiled
def _apply(source: Floats, start: int, stride: int, offsets: Integers, values: Floats, count: int, cell: Integers,
           run: int, ramp: Floats, left: Floats, slope: Floats, scratch: Floats, target: Floats,
           target_width: int, target_height: int) -> None:  # fmt: skip
    """Fill one cell of the frame from its listed taps.

    Args:
        source, start, stride: floats, where the cell's first pixel looks with the tap of offset 0, floats a row.
        offsets, values, count: of the taps.
        cell: (4,) x, y, width and height in the frame.
        run: pixels that are summed at once: 4, 8 or 16.
        ramp: (3 · width,) 0 to 1 across the cell.
        left, slope, scratch: to work in.
        target, target_width, target_height: the frame.
    """
    x, y, width, height = cell
    for j in range(min(height, target_height - y)):
        down = np.float32(j) / np.float32(height)
        for k in range(count):
            left[k] = values[0, k] + down * values[1, k]
            slope[k] = values[2, k] + down * values[3, k]
        row = start + j * stride
        for i in range(0, min(width, target_width - x), run):
            here = 3 * ((y + j) * target_width + x + i)
            fits = x + i + run <= target_width
            into = target if fits else scratch
            at = here if fits else 0
            if run == 16:
                _row_sum_16(source, row + 3 * i, offsets, left, slope, count, ramp, 3 * i, into, at)
            elif run == 8:
                _row_sum_8(source, row + 3 * i, offsets, left, slope, count, ramp, 3 * i, into, at)
            else:
                _row_sum_4(source, row + 3 * i, offsets, left, slope, count, ramp, 3 * i, into, at)
            if not fits:
                for k in range(3 * (target_width - x - i)):
                    target[here + k] = scratch[k]


@_compiled
def blend_strip(texture: Floats, texture_size: Integers, shifts: Array, weights: Array, gy: int, tile: Integers,
                cell_size: Integers, origin: Integers, window: Integers, cubic: bool, target: Floats,
                target_size: Integers) -> None:  # fmt: skip
    """Fill one row of tiles, cell by cell, by blending the point-spread functions at each cell's corners.

    Args:
        texture, texture_size: (Ht · Wt · 3,) linear light; Wt and Ht.
        shifts: (GY, GX, N, 2) how far the texture lies from the frame at the grid's nodes.
        weights: (N,).
        gy: the row of tiles.
        tile, cell_size: (2,) width and height of a tile, and of its cells: 4, 8 or a multiple of 16 px wide.
        origin, window: (2,) x and y of the first tap; columns and rows of taps.
        cubic: the kernel.
        target, target_size: (H · W · 3,) the frame; W and H.
    """
    width, height = target_size
    cell_width, cell_height = cell_size
    run = 16 if cell_width % 16 == 0 else cell_width
    columns, rows = window
    planes = np.zeros((4, rows, columns), np.float32)
    spans = np.zeros((4, rows, 2), np.int64)
    spans[:, :, 0] = columns
    reach = np.zeros((4, 2), np.int64)
    reach[:, 0] = rows
    corners, box, cell = np.array([0, 2, 1, 3]), np.zeros(4, np.int64), np.zeros(4, np.int64)
    places, offsets = np.empty((rows * columns + 1, 2), np.int64), np.empty(rows * columns + 1, np.int64)
    values = np.empty((4, rows * columns + 1), np.float32)
    left, slope = np.empty(rows * columns + 1, np.float32), np.empty(rows * columns + 1, np.float32)
    patch = np.empty(3 * (cell_width + columns) * (cell_height + rows), np.float32)
    scratch = np.empty(48, np.float32)
    ramp = np.repeat(np.arange(cell_width) / cell_width, 3).astype(np.float32)
    least = LEAST_WEIGHT * np.abs(weights).sum()
    for y in range(gy * tile[1], min((gy + 1) * tile[1], height), cell_height):
        top, bottom = (y - gy * tile[1]) / tile[1], (y + cell_height - gy * tile[1]) / tile[1]
        for x in range(0, width, cell_width):
            gx = x // tile[0]
            if x == 0:
                for corner, down in ((0, top), (2, bottom)):
                    _clear(planes[corners[corner]], spans[corners[corner]], reach[corners[corner]])
                    _splat(shifts, gy, gx, weights, 0.0, down, origin, cubic,
                           planes[corners[corner]], spans[corners[corner]], reach[corners[corner]])  # fmt: skip
            else:
                corners[0], corners[1], corners[2], corners[3] = corners[1], corners[0], corners[3], corners[2]
            across = (x + cell_width - gx * tile[0]) / tile[0]
            for corner, down in ((1, top), (3, bottom)):
                _clear(planes[corners[corner]], spans[corners[corner]], reach[corners[corner]])
                _splat(shifts, gy, gx, weights, across, down, origin, cubic,
                       planes[corners[corner]], spans[corners[corner]], reach[corners[corner]])  # fmt: skip
            count = _list_taps(planes, spans, reach, corners, places, values, box, least)
            cell[0], cell[1], cell[2], cell[3] = x, y, cell_width, cell_height
            from_x, from_y = x + origin[0] + box[2], y + origin[1] + box[0]
            over, under = cell_width + box[3] - box[2], cell_height + box[1] - box[0]
            inside = from_x >= 0 and from_y >= 0
            inside = inside and from_x + over <= texture_size[0] and from_y + under <= texture_size[1]
            stride = 3 * (texture_size[0] if inside else over)
            for k in range(count):
                offsets[k] = (places[k, 0] - box[0]) * stride + (places[k, 1] - box[2]) * 3
            if inside:
                _apply(texture, 3 * (from_y * texture_size[0] + from_x), stride, offsets, values, count, cell, run,
                       ramp, left, slope, scratch, target, width, height)  # fmt: skip
            else:
                _gather(texture, texture_size[0], texture_size[1], from_x, from_y, over, under, patch)
                _apply(patch, 0, stride, offsets, values, count, cell, run,
                       ramp, left, slope, scratch, target, width, height)  # fmt: skip


@_compiled
def _blend_row(texture: Floats, width: int, row: int, column: int, cubic: bool, across: Any) -> Any:
    """Interpolate three channels along a row, from a column inside on."""
    at = np.uint64(3 * (row * width + column))  # unsigned: Numba would look at each index's sign
    a, b = np.float32(across[0]), np.float32(across[1])
    red = a * texture[at] + b * texture[at + np.uint64(3)]
    green = a * texture[at + np.uint64(1)] + b * texture[at + np.uint64(4)]
    blue = a * texture[at + np.uint64(2)] + b * texture[at + np.uint64(5)]
    if cubic:
        c, d = np.float32(across[2]), np.float32(across[3])
        red += c * texture[at + np.uint64(6)] + d * texture[at + np.uint64(9)]
        green += c * texture[at + np.uint64(7)] + d * texture[at + np.uint64(10)]
        blue += c * texture[at + np.uint64(8)] + d * texture[at + np.uint64(11)]
    return red, green, blue


@_compiled
def _blend_rows(texture: Floats, width: int, row: int, column: int, cubic: bool, across: Any, down: Any) -> Any:
    """Interpolate between 2 or 4 rows, from one inside on."""
    light = _blend_row(texture, width, row, column, cubic, across)
    weight = np.float32(down[0])
    red, green, blue = weight * light[0], weight * light[1], weight * light[2]
    light = _blend_row(texture, width, row + 1, column, cubic, across)
    weight = np.float32(down[1])
    red, green, blue = red + weight * light[0], green + weight * light[1], blue + weight * light[2]
    if cubic:
        light = _blend_row(texture, width, row + 2, column, cubic, across)
        weight = np.float32(down[2])
        red, green, blue = red + weight * light[0], green + weight * light[1], blue + weight * light[2]
        light = _blend_row(texture, width, row + 3, column, cubic, across)
        weight = np.float32(down[3])
        red, green, blue = red + weight * light[0], green + weight * light[1], blue + weight * light[2]
    return red, green, blue


@_compiled
def _look_up(texture: Floats, width: int, height: int, u: float, v: float, cubic: bool, near: Floats) -> Any:
    """Interpolate the texture at one place; ``near`` is (48,) to work in."""
    taps, before = (4, 1) if cubic else (2, 0)
    column, row = int(np.floor(u)), int(np.floor(v))
    across, down = _weigh(u - column, cubic), _weigh(v - row, cubic)
    column, row = column - before, row - before
    if column >= 0 and row >= 0 and column + taps <= width and row + taps <= height:
        return _blend_rows(texture, width, row, column, cubic, across, down)
    _gather(texture, width, height, column, row, 4, taps, near)
    return _blend_rows(near, 4, 0, 0, cubic, across, down)


@_compiled
def sample_strip(texture: Floats, texture_size: Integers, shifts: Array, weights: Array, gy: int, tile: Integers,
                 cubic: bool, target: Floats, target_size: Integers) -> None:  # fmt: skip
    """Fill one row of tiles pixel by pixel, each sub-frame at its exact place; arguments as in :func:`blend_strip`."""
    width, height = target_size
    near = np.empty(48, np.float32)
    edge = np.empty((weights.size, 4))  # of each sub-frame: x and y at the tile's left, and what they gain to its right
    for y in range(gy * tile[1], min((gy + 1) * tile[1], height)):
        down = (y - gy * tile[1]) / tile[1]
        for gx in range(shifts.shape[1] - 1):
            for n in range(weights.size):
                for axis in range(2):
                    left = (1.0 - down) * shifts[gy, gx, n, axis] + down * shifts[gy + 1, gx, n, axis]
                    right = (1.0 - down) * shifts[gy, gx + 1, n, axis] + down * shifts[gy + 1, gx + 1, n, axis]
                    edge[n, axis], edge[n, axis + 2] = left, right - left
            for i in range(min(tile[0], width - gx * tile[0])):
                across = i / tile[0]
                x = gx * tile[0] + i
                red = green = blue = np.float32(0.0)
                for n in range(weights.size):
                    u, v = x + edge[n, 0] + across * edge[n, 2], y + edge[n, 1] + across * edge[n, 3]
                    light = _look_up(texture, texture_size[0], texture_size[1], u, v, cubic, near)
                    weight = np.float32(weights[n])
                    red, green, blue = red + weight * light[0], green + weight * light[1], blue + weight * light[2]
                here = 3 * (y * width + x)
                target[here], target[here + 1], target[here + 2] = red, green, blue
