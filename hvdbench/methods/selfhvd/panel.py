"""Draw the picture for the log: the paper's Figure 3, for a training window."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

_TITLES = ("without clues", "its result", "warped sharp", "with all clues", "mask")
_LEAST_TILE_PX = 160
_GAP_PX = 6
_HEADER_PX = 24
_FRAME_PX = 4
_PAPER, _INK, _CHOSEN = (250, 250, 250), (40, 40, 40), (20, 160, 60)
_FONT, _FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.42


@dataclass(frozen=True)
class PanelRow:
    """The pictures of one frame in stage 2.

    Attributes:
        without_clues: frame in the slot, ``B̃_i``, (3, h, w) in [0, 1], as are the next three.
        result: output ``R̃_i`` for the input without clues.
        warped_sharp: warped sharp frame ``S_{j→k}``.
        teacher: output ``R_k`` for the input with all clues.
        occlusion: occlusion mask ``M_occ``, (1, h, w).
        takes_sharp: whether the warped sharp frame is the target, else the teacher.
        note: label drawn at the left.
    """

    without_clues: Tensor
    result: Tensor
    warped_sharp: Tensor
    teacher: Tensor
    occlusion: Tensor
    takes_sharp: bool
    note: str


def draw_panel(rows: Sequence[PanelRow]) -> NDArray[np.uint8]:
    """Draw the rows below each other, (H, W, 3) uint8 RGB; the picture chosen as target has a green frame.

    The mask's share of trusted area is written on the mask.
    """
    lines = [_draw_row(row) for row in rows]
    width = lines[0].shape[1]
    header = np.full((_HEADER_PX, width, 3), _PAPER, np.uint8)
    tile = (width - _GAP_PX) // len(_TITLES)
    for column, title in enumerate(_TITLES):
        _write(header, title, (_GAP_PX + column * tile, 16))
    return np.concatenate([header, *lines])


def _draw_row(row: PanelRow) -> NDArray[np.uint8]:
    tiles = [_picture(part) for part in (row.without_clues, row.result, row.warped_sharp, row.teacher, row.occlusion)]
    _mark(tiles[2 if row.takes_sharp else 3])
    _label(tiles[0], row.note)
    _label(tiles[4], f"{float(row.occlusion.mean()):.2f}")
    height, width = tiles[0].shape[:2]
    line = np.full((height + _GAP_PX, len(tiles) * (width + _GAP_PX) + _GAP_PX, 3), _PAPER, np.uint8)
    for column, tile in enumerate(tiles):
        left = _GAP_PX + column * (width + _GAP_PX)
        line[:height, left : left + width] = tile
    return line


def _picture(values: Tensor) -> NDArray[np.uint8]:
    """Turn (3 or 1, h, w) into (H, W, 3) uint8; small pictures are enlarged by a whole factor."""
    levels = np.rint(255 * values.detach().float().clamp(0, 1).cpu().numpy()).astype(np.uint8)
    picture = np.broadcast_to(levels, (3, *levels.shape[1:])).transpose(1, 2, 0)
    factor = max(1, -(-_LEAST_TILE_PX // min(picture.shape[:2])))
    return np.ascontiguousarray(picture.repeat(factor, axis=0).repeat(factor, axis=1))


def _mark(tile: NDArray[np.uint8]) -> None:
    height, width = tile.shape[:2]
    inset = _FRAME_PX // 2
    cv2.rectangle(tile, (inset, inset), (width - 1 - inset, height - 1 - inset), _CHOSEN, _FRAME_PX)


def _label(tile: NDArray[np.uint8], text: str) -> None:
    (width, height), _ = cv2.getTextSize(text, _FONT, _FONT_SCALE, 1)
    tile[: height + 8, : width + 8] = _PAPER
    _write(tile, text, (4, height + 4))


def _write(picture: NDArray[np.uint8], text: str, place: tuple[int, int]) -> None:
    cv2.putText(picture, text, place, _FONT, _FONT_SCALE, _INK, 1, cv2.LINE_AA)
