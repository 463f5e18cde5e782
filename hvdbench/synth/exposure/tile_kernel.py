"""Compute and apply point-spread functions, in compiled loops for :mod:`hvdbench.synth.exposure.tiles`.

Functions that call each other stand in this one file. Numba's cache on disk watches only the file of the function that
it compiled, so after a change in another file it would go on running the old code. Products are fused with sums where
the processor can, in a fixed order, so that one machine always gives the same bytes.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from hvdbench.workspace.compiled import compiled_loop

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

CUBIC_A = -0.75  # Keys' cubic with the value of OpenCV's INTER_CUBIC
LEAST_WEIGHT = 1e-9  # share of all weights; a tap that weighs less at all four corners of a cell is left out
_CHANNELS = 3
_CODE: Any = cgutils  # untyped, since Numba's own annotations change from version to version


def _row_sum(pixels: int) -> Any:
    """Make the innermost loop for a run of 4, 8 or 16 pixels: ``sum_k (left_k + ramp · slope_k) · source[k]``.

    It is written in LLVM's own terms, because the sums must stay in registers over all taps k: three vectors of
    ``pixels`` floats for ``left``, three for ``slope``.
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


def _tap_sum(taps: int, lanes: int) -> Any:
    """Make the innermost loop for pixels that each have their own place: ``taps`` columns and rows per pixel.

    It computes ``target[4 i + c] += sum_jk shares[4 + j, i] · shares[k, i] · source[offset_i + j · stride + 3 k + c]``
    for three channels c; the value in the fourth has no meaning. Of each row ``lanes`` floats are read.
    """

    @intrinsic
    def tap_sum(  # type: ignore[no-untyped-def]
        typing, source, stride, offsets, shares, pitch, first, count, target
    ):
        signature = types.void(source, stride, offsets, shares, pitch, first, count, target)
        return signature, generate

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def data(index: int) -> Any:
            return context.make_array(signature.args[index])(context, builder, arguments[index]).data

        source, offsets, shares, target = (data(index) for index in (0, 2, 3, 7))
        stride, pitch, first, count = (arguments[index] for index in (1, 4, 5, 6))

        def place(pointer: Any, at: Any, width: int) -> Any:
            vector = ir.VectorType(ir.FloatType(), width)
            return builder.bitcast(builder.gep(pointer, [at]), vector.as_pointer())

        def pick(values: Any, lanes: list[int]) -> Any:
            order = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)
            return builder.shuffle_vector(values, ir.Constant(values.type, ir.Undefined), order)

        def times(value: Any, factor: int) -> Any:
            return builder.mul(value, ir.Constant(value.type, factor))

        def add_product(total: Any, share: int, pixel: Any, values: Any) -> Any:
            weight = builder.load(place(shares, builder.add(times(pitch, share), pixel), 1), align=4)
            product = builder.fmul(pick(weight, [0] * values.type.count), values, flags=("contract",))
            return builder.fadd(total, product, flags=("contract",))

        with _CODE.for_range(builder, count) as loop:
            pixel = builder.add(first, loop.index)
            at = builder.load(builder.gep(offsets, [loop.index]))
            column = ir.Constant(ir.VectorType(ir.FloatType(), lanes), [0.0] * lanes)
            for row in range(taps):
                values = builder.load(place(source, builder.add(at, times(stride, row)), lanes), align=4)
                column = add_product(column, 4 + row, pixel, values)
            into = place(target, times(pixel, 4), 4)
            total = builder.load(into, align=4)
            for tap in range(taps):
                total = add_product(total, tap, pixel, pick(column, list(range(3 * tap, 3 * tap + 4))))
            builder.store(total, into, align=4)
        return context.get_dummy_value()

    return tap_sum


_add_cubic = _tap_sum(4, 16)
_add_linear = _tap_sum(2, 8)


def _prefetch() -> Any:
    """Make the instruction that fetches floats before they are needed; any address works, even outside the array."""

    @intrinsic
    def prefetch(typing, source, at):  # type: ignore[no-untyped-def]
        return types.void(source, at), generate

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
        here = builder.bitcast(builder.gep(data, [arguments[1]]), pointer)
        builder.call(fetch, [here, *(ir.Constant(number, value) for value in (0, 3, 1))])  # read, keep near, data
        return context.get_dummy_value()

    return prefetch


_fetch = _prefetch()


@compiled_loop
def _reflect(index: int, size: int) -> int:
    """Mirror an index about the first and the last pixel, which are not repeated."""
    if 0 <= index < size:
        return index
    if size == 1:
        return 0
    index = abs(index) % (2 * (size - 1))
    return index if index < size else 2 * (size - 1) - index


@compiled_loop
def _keys(share: Any) -> Any:
    """Return the weights of the four taps around a place ``share`` past the second (Keys' cubic), in its precision."""
    one = type(share)(1.0)
    a, back = type(share)(CUBIC_A), one - share
    first, fourth = a * share * back * back, a * back * share * share
    second = ((a + one + one) * share - (a + one + one + one)) * share * share + one
    return first, second, one - first - second - fourth, fourth


@compiled_loop
def _weigh(share: float, cubic: bool) -> tuple[float, float, float, float]:
    return _keys(share) if cubic else (1.0 - share, share, 0.0, 0.0)


@compiled_loop
def _add_column(plane: Floats, row: int, column: int, weight: float, down: Any, cubic: bool) -> None:
    """Add to taps one below the other; as rows they would be read as one vector, before single sums were written."""
    first, here = np.uint64(row), np.uint64(column)
    plane[first, here] += np.float32(weight * down[0])
    plane[first + np.uint64(1), here] += np.float32(weight * down[1])
    if cubic:
        plane[first + np.uint64(2), here] += np.float32(weight * down[2])
        plane[first + np.uint64(3), here] += np.float32(weight * down[3])


@compiled_loop
def _widen(spans: Integers, row: int, first: int, end: int) -> None:
    if first < spans[row, 0]:
        spans[row, 0] = first
    if end > spans[row, 1]:
        spans[row, 1] = end


@compiled_loop
def _between(shifts: Array, gy: int, gx: int, n: int, across: float, down: float) -> tuple[float, float]:
    """Return a sub-frame's shift at a place in a tile, given as 0 to 1 across and down."""
    a, b = (1.0 - across) * (1.0 - down), across * (1.0 - down)
    c, d = (1.0 - across) * down, across * down
    x = a * shifts[gy, gx, n, 0] + b * shifts[gy, gx + 1, n, 0]
    x += c * shifts[gy + 1, gx, n, 0] + d * shifts[gy + 1, gx + 1, n, 0]
    y = a * shifts[gy, gx, n, 1] + b * shifts[gy, gx + 1, n, 1]
    y += c * shifts[gy + 1, gx, n, 1] + d * shifts[gy + 1, gx + 1, n, 1]
    return x, y


@compiled_loop
def _clear(plane: Floats, spans: Integers, reach: Integers) -> None:
    """Set a point-spread function back to zero where it held something."""
    for row in range(reach[0], reach[1]):
        plane[row, spans[row, 0] : spans[row, 1]] = 0.0
        spans[row, 0], spans[row, 1] = plane.shape[1], 0
    reach[0], reach[1] = plane.shape[0], 0


@compiled_loop
def _splat(
    shifts: Array, gy: int, gx: int, weights: Array, across: float, down: float, origin: Integers, cubic: bool,
    plane: Floats, spans: Integers, reach: Integers,
) -> None:  # fmt: skip
    """Add the kernels of all sub-frames into one point-spread function.

    Args:
        shifts: (GY, GX, N, 2) distance of the texture's place from the frame's at the grid's nodes, px.
        gy, gx: row and column of the tile.
        weights: (GY, N) weights of the sub-frames.
        across, down: the place in the tile, 0 to 1.
        origin: (2,) x and y of the plane's first tap.
        cubic: whether each sub-frame has 4 x 4 taps rather than 2 x 2.
        plane, spans, reach: (rows, columns) the function, each row's columns in use, and the rows in use; they must be
            cleared before.
    """
    first, last, taps = reach[0], reach[1], (4 if cubic else 2)
    last_column = last_row = -1
    for n in range(weights.shape[1]):
        weight = weights[gy, n] + down * (weights[gy + 1, n] - weights[gy, n])
        if weight == 0.0:
            continue
        x, y = _between(shifts, gy, gx, n, across, down)
        left, top = np.floor(x), np.floor(y)
        x, y = x - left, y - top
        column, row = int(left) - origin[0], int(top) - origin[1]
        horizontal, vertical = _weigh(x, cubic), _weigh(y, cubic)
        if cubic:
            column, row = column - 1, row - 1
            _add_column(plane, row, column + 2, weight * horizontal[2], vertical, cubic)
            _add_column(plane, row, column + 3, weight * horizontal[3], vertical, cubic)
        _add_column(plane, row, column, weight * horizontal[0], vertical, cubic)
        _add_column(plane, row, column + 1, weight * horizontal[1], vertical, cubic)
        if column != last_column or row != last_row:
            for k in range(taps):
                _widen(spans, row + k, column, column + taps)
            last_column, last_row = column, row
        first, last = min(first, row), max(last, row + taps)
    reach[0], reach[1] = first, last


@compiled_loop
def _list_taps(planes: Floats, spans: Integers, reach: Integers, corners: Integers, places: Integers, values: Floats,
               box: Integers, least: float) -> int:  # fmt: skip
    """List the taps that have any weight at a corner of a cell.

    Args:
        planes, spans, reach: the point-spread functions.
        corners: (4,) indices of those at top left, top right, bottom left, bottom right.
        places: (taps, 2) row and column of each tap, filled.
        values: (4, taps), filled: the value at the top left, its change over the cell's height, its change over the
            width, and that change's change over the height.
        box: (4,) first and last row, first and last column in use, filled.
        least: the weight that a tap must exceed at a corner not to be left out.

    Returns:
        The number of taps.
    """
    count = np.uint64(0)  # unsigned, since Numba would check the sign of each index
    first = min(min(reach[corners[0], 0], reach[corners[1], 0]), min(reach[corners[2], 0], reach[corners[3], 0]))
    last = max(max(reach[corners[0], 1], reach[corners[1], 1]), max(reach[corners[2], 1], reach[corners[3], 1]))
    box[0], box[1], box[2], box[3] = first, last - 1, planes.shape[2], -1
    for row in range(first, last):
        begin, end = planes.shape[2], 0
        for corner in corners:
            begin, end = min(begin, spans[corner, row, 0]), max(end, spans[corner, row, 1])
        upper_left, upper_right = planes[corners[0], row], planes[corners[1], row]
        lower_left, lower_right = planes[corners[2], row], planes[corners[3], row]
        for column in range(np.uint64(begin), np.uint64(end)):
            a, b, c, d = upper_left[column], upper_right[column], lower_left[column], lower_right[column]
            places[count, 0], places[count, 1] = row, column
            values[0, count], values[1, count] = a, c - a
            values[2, count], values[3, count] = b - a, (d - c) - (b - a)
            if max(max(abs(a), abs(b)), max(abs(c), abs(d))) > least:
                count += np.uint64(1)
        if begin < end:
            box[2], box[3] = min(box[2], begin), max(box[3], end - 1)
    return int(count)


@compiled_loop
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


@compiled_loop
def _apply(source: Floats, start: int, stride: int, offsets: Integers, values: Floats, count: int, cell: Integers,
           run: int, ramp: Floats, left: Floats, slope: Floats, scratch: Floats, ahead: Integers, target: Floats,
           target_width: int, target_height: int) -> None:  # fmt: skip
    """Fill one cell of the frame from its listed taps.

    Args:
        source, start, stride: the floats, the index at which the cell's first pixel reads the tap of offset 0, and the
            floats per row.
        offsets, values, count: the offsets of the taps, their values, and their number.
        cell: (4,) x, y, width and height in the frame.
        run: the number of pixels that are summed at once: 4, 8 or 16.
        ramp: (3 · width,) 0 to 1 across the cell.
        left, slope, scratch: arrays to work in.
        ahead: (2,) columns and rows of the window that the cell reads; the next cell's window is fetched ahead.
        target, target_width, target_height: the frame and its size.
    """
    x, y, width, height = cell
    for j in range(min(height, target_height - y)):
        down = np.float32(j) / np.float32(height)
        for first in range(0, count, 16):  # all arrays have whole groups of 16
            for part in range(np.uint64(16)):
                tap = np.uint64(first) + part  # unsigned, since Numba would check the sign of each index
                left[tap] = values[0, tap] + down * values[1, tap]
                slope[tap] = values[2, tap] + down * values[3, tap]
        row = start + j * stride
        for i in range(0, 3 * width, 16):
            _fetch(target, 3 * ((y + j) * target_width + x + width) + i)
        for k in range(j, ahead[1], height):
            for i in range(0, 3 * width, 16):
                _fetch(source, start + k * stride + 3 * ahead[0] + i)
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


@compiled_loop
def blend_strip(texture: Floats, texture_size: Integers, shifts: Array, weights: Array, gy: int, tile: Integers,
                cell_size: Integers, origin: Integers, window: Integers, cubic: bool, target: Floats,
                target_size: Integers) -> None:  # fmt: skip
    """Fill one row of tiles, cell by cell, by blending the point-spread functions at each cell's corners.

    Args:
        texture, texture_size: (Ht · Wt · 3,) linear light; Wt and Ht.
        shifts: (GY, GX, N, 2) distance of the texture's place from the frame's at the grid's nodes, px.
        weights: (GY, N) weights of the sub-frames, linear between the rows of nodes.
        gy: the row of tiles.
        tile, cell_size: (2,) width and height of a tile, and of its cells, which are 4, 8 or a multiple of 16 px wide.
        origin, window: (2,) x and y of the first tap; columns and rows of taps.
        cubic: whether the kernel is cubic rather than linear.
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
    most = rows * columns + 16
    places, offsets = np.empty((most, 2), np.int64), np.empty(most, np.int64)
    values, left, slope = np.zeros((4, most), np.float32), np.empty(most, np.float32), np.empty(most, np.float32)
    patch = np.empty(3 * (cell_width + columns) * (cell_height + rows), np.float32)
    scratch, ahead = np.empty(48, np.float32), np.zeros(2, np.int64)
    ramp = np.repeat(np.arange(cell_width) / cell_width, 3).astype(np.float32)
    least = LEAST_WEIGHT * max(np.abs(weights[gy]).sum(), np.abs(weights[gy + 1]).sum())
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
            ahead[0], ahead[1] = over, under
            inside = from_x >= 0 and from_y >= 0
            inside = inside and from_x + over <= texture_size[0] and from_y + under <= texture_size[1]
            stride = 3 * (texture_size[0] if inside else over)
            for k in range(count):
                offsets[k] = (places[k, 0] - box[0]) * stride + (places[k, 1] - box[2]) * 3
            if inside:
                _apply(texture, 3 * (from_y * texture_size[0] + from_x), stride, offsets, values, count, cell, run,
                       ramp, left, slope, scratch, ahead, target, width, height)  # fmt: skip
            else:
                _gather(texture, texture_size[0], texture_size[1], from_x, from_y, over, under, patch)
                _apply(patch, 0, stride, offsets, values, count, cell, run,
                       ramp, left, slope, scratch, ahead, target, width, height)  # fmt: skip


@compiled_loop
def _weigh_run(u: float, v: float, gain_u: float, gain_v: float, count: int, weight: float, cubic: bool, width: int,
               offsets: Integers, shares: Floats) -> None:  # fmt: skip
    """Compute the weights of the taps for pixels whose places lie along a line in the texture.

    Args:
        u, v, gain_u, gain_v: the place of the first pixel, and the step from each pixel to the next.
        count, weight, cubic, width: the number of pixels, the weight of the sub-frame, whether the kernel is cubic, and
            the columns of the texture.
        offsets: (count,), filled: the first float of each pixel's first tap.
        shares: (8, count), filled: weights of the tap's columns, and of its rows times ``weight``.
    """
    before, full = (1.0 if cubic else 0.0), np.float32(weight)
    for i in range(np.uint64(count)):  # unsigned, since Numba would check the sign of each index
        x, y = u + i * gain_u, v + i * gain_v
        left, top = np.floor(x), np.floor(y)
        offsets[i] = int(3.0 * ((top - before) * width + left - before))
        right, below = np.float32(x - left), np.float32(y - top)
        if cubic:
            shares[0, i], shares[1, i], shares[2, i], shares[3, i] = _keys(right)
            a, b, c, d = _keys(below)
            shares[4, i], shares[5, i], shares[6, i], shares[7, i] = full * a, full * b, full * c, full * d
        else:
            shares[0, i], shares[1, i] = np.float32(1.0) - right, right
            shares[4, i], shares[5, i] = full * (np.float32(1.0) - below), full * below


@compiled_loop
def sample_strip(texture: Floats, texture_size: Integers, shifts: Array, weights: Array, gy: int, tile: Integers,
                 cubic: bool, target: Floats, target_size: Integers) -> None:  # fmt: skip
    """Fill one row of tiles pixel by pixel, each sub-frame at its exact place; arguments as in :func:`blend_strip`."""
    width, height = texture_size
    taps, before = (4, 1) if cubic else (2, 0)
    reach = taps + (2 if cubic else 1)  # the columns that are read
    sums, near = np.empty(4 * tile[0], np.float32), np.empty(3 * reach * taps, np.float32)
    offsets, first = np.empty(tile[0], np.int64), np.zeros(1, np.int64)
    shares = np.empty((8, tile[0]), np.float32)
    for y in range(gy * tile[1], min((gy + 1) * tile[1], target_size[1])):
        share = (y - gy * tile[1]) / tile[1]
        for gx in range(shifts.shape[1] - 1):
            count = min(tile[0], target_size[0] - gx * tile[0])
            sums[:] = 0.0
            for n in range(weights.shape[1]):
                weight = weights[gy, n] + share * (weights[gy + 1, n] - weights[gy, n])
                if weight == 0.0:
                    continue
                u, v = _between(shifts, gy, gx, n, 0.0, share)
                gain_u, gain_v = _between(shifts, gy, gx, n, 1.0, share)
                gain_u, gain_v = 1.0 + (gain_u - u) / tile[0], (gain_v - v) / tile[0]
                u, v = u + gx * tile[0], v + y
                _weigh_run(u, v, gain_u, gain_v, count, weight, cubic, width, offsets, shares)
                end_u, end_v = u + (count - 1) * gain_u, v + (count - 1) * gain_v
                inside = min(u, end_u) >= before and np.floor(max(u, end_u)) - before + reach <= width
                if inside and min(v, end_v) >= before and np.floor(max(v, end_v)) - before + taps <= height:
                    if cubic:
                        _add_cubic(texture, 3 * width, offsets, shares, tile[0], 0, count, sums)
                    else:
                        _add_linear(texture, 3 * width, offsets, shares, tile[0], 0, count, sums)
                    continue
                for i in range(count):
                    left, top = int(np.floor(u + i * gain_u)) - before, int(np.floor(v + i * gain_v)) - before
                    _gather(texture, width, height, left, top, reach, taps, near)
                    if cubic:
                        _add_cubic(near, 3 * reach, first, shares, tile[0], i, 1, sums)
                    else:
                        _add_linear(near, 3 * reach, first, shares, tile[0], i, 1, sums)
            here = 3 * (y * target_size[0] + gx * tile[0])
            for i in range(count):
                for channel in range(3):
                    target[here + 3 * i + channel] = sums[4 * i + channel]
