"""Cut a picture into tiles where a whole frame does not fit into memory, and blend them without seams."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from hvdbench.networks.spec import NetworkSpec

FEATHER_PX = 32
"""The width of the band over which one tile fades into the next."""
GLOBAL_CONTEXT_PX = 32
"""Context at the inner sides of a tile for networks that see the whole picture: most of what they use is near."""


@dataclass(frozen=True)
class Tile:
    """A part of a picture, rows ``top:bottom`` and columns ``left:right``, with a weight for each row and column.

    A pixel's weight in a tile is the product of those of its row and its column; over all tiles the weights sum to 1.
    """

    top: int
    bottom: int
    left: int
    right: int
    row_weights: Tensor
    column_weights: Tensor


def tile_context(spec: NetworkSpec, context_px: int | None = None) -> int:
    """Return the context at the inner sides of a tile: the one asked for, else the network's own, else the default.

    Raises:
        ValueError: if the context is negative.
    """
    if context_px is None:
        return GLOBAL_CONTEXT_PX if spec.context_px is None else spec.context_px
    if context_px < 0:
        raise ValueError(f"the context of a tile must be 0 px or more, not {context_px}")
    return context_px


def smallest_tile(spec: NetworkSpec, context_px: int) -> int:
    """Return the smallest side, in px, of tiles that cover a picture of any size."""
    shared = _in_steps(2 * context_px + FEATHER_PX, spec.size_multiple)
    return max(shared + 1, _in_steps(spec.min_size_px, spec.size_multiple)) * spec.size_multiple


def plan_tiles(height: int, width: int, tile: tuple[int, int], spec: NetworkSpec, context_px: int) -> list[Tile]:
    """Cut a picture into equal tiles at even distances.

    Where two neighbours meet, each has ``context_px`` of its own beyond a band of ``FEATHER_PX`` over which they are
    blended. Tiles begin at multiples of ``spec.size_multiple``, so that strides fall as on the whole picture.

    Args:
        height: height of the padded picture, a multiple of ``spec.size_multiple``.
        width: width of the padded picture, a multiple of ``spec.size_multiple``.
        tile: largest height and width of a tile; rounded down to the multiple.
        spec: spec of the network.
        context_px: px at each inner side of a tile that serve only as context.

    Raises:
        ValueError: if a tile is too small for the network or for its context.
    """
    sides = []
    for whole, side in ((height, tile[0]), (width, tile[1])):
        if side < whole and side < smallest_tile(spec, context_px):
            smallest = smallest_tile(spec, context_px)
            raise ValueError(
                f"a tile of {side} px is too small: with {context_px} px of context at each side and {FEATHER_PX} px "
                f"of feathering it must be {smallest} px or more"
            )
        sides.append(_plan_side(whole, side, spec.size_multiple, context_px))
    return [
        Tile(top, top + len(rows), left, left + len(columns), rows, columns)
        for (top, rows), (left, columns) in itertools.product(*sides)
    ]


def tiled_px(height: int, width: int, tile: tuple[int, int], spec: NetworkSpec, context_px: int) -> int:
    """Count the pixels of all tiles of :func:`plan_tiles` together; pixels in overlaps count once for each tile."""
    total = 1
    for whole, side in ((height, tile[0]), (width, tile[1])):
        length = whole if side >= whole else side // spec.size_multiple * spec.size_multiple
        total *= length * _tiles_along(whole, side, spec.size_multiple, context_px)
    return total


def blend_tiles(tiles: list[Tile], restore: Callable[[Tile], Tensor], height: int, width: int) -> Tensor:
    """Restore a picture tile by tile and blend the tiles.

    Args:
        tiles: tiles that cover the picture.
        restore: function that returns (..., h, w) for a tile.
        height: height of the picture.
        width: width of the picture.

    Returns:
        The picture, (..., H, W) float32 in main memory; with a single tile, what ``restore`` returned.
    """
    if len(tiles) == 1:
        return restore(tiles[0])
    whole: Tensor | None = None
    for tile in tiles:
        part = restore(tile).float().cpu()  # (..., h, w)
        if whole is None:
            whole = part.new_zeros(*part.shape[:-2], height, width)
        part = part * tile.row_weights[:, None] * tile.column_weights
        whole[..., tile.top : tile.bottom, tile.left : tile.right] += part
    assert whole is not None
    return whole


def _plan_side(whole: int, tile: int, multiple: int, context_px: int) -> list[tuple[int, Tensor]]:
    """Cut one side into tiles; return (start, weights) for each."""
    if tile >= whole:
        return [(0, torch.ones(whole))]
    steps, tile_steps = whole // multiple, tile // multiple
    count = _tiles_along(whole, tile, multiple, context_px)
    starts = [number * (steps - tile_steps) // (count - 1) * multiple for number in range(count)]
    side = tile_steps * multiple
    middles = [(after + before + side) / 2 for before, after in itertools.pairwise(starts)]
    place = torch.arange(whole) + 0.5
    # taken[k]: how far a pixel has faded into tile k+1; tile k has what it took from k-1 less what k+1 took from it.
    taken = [((place - middle) / FEATHER_PX + 0.5).clamp(0, 1) for middle in middles]
    ramps = [torch.ones(whole), *taken, torch.zeros(whole)]
    return [(start, (ramps[number] - ramps[number + 1])[start : start + side]) for number, start in enumerate(starts)]


def _tiles_along(whole: int, tile: int, multiple: int, context_px: int) -> int:
    """Count the tiles along one side."""
    if tile >= whole:
        return 1
    tile_steps = tile // multiple
    stride = tile_steps - _in_steps(2 * context_px + FEATHER_PX, multiple)
    return 1 + math.ceil((whole // multiple - tile_steps) / stride)


def _in_steps(length_px: int, multiple: int) -> int:
    return math.ceil(length_px / multiple)
