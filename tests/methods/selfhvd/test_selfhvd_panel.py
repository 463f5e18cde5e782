"""The Figure 3 panel: size, places, the mark on the chosen target."""

import numpy as np
import pytest
import torch

from hvdbench.methods.selfhvd.panel import PanelRow, draw_panel

TILE, GAP, HEADER = 160, 6, 24


def row(takes_sharp: bool, size: int = 32) -> PanelRow:
    grays = [torch.full((3, size, size), level) for level in (0.1, 0.3, 0.5, 0.7)]
    return PanelRow(*grays, torch.full((1, size, size), 0.25), takes_sharp, "3 shows 4")


def tile_of(panel: np.ndarray, line: int, column: int) -> np.ndarray:
    top, left = HEADER + line * (TILE + GAP), GAP + column * (TILE + GAP)
    return panel[top : top + TILE, left : left + TILE]


def test_pictures_stand_side_by_side_and_rows_below_each_other():
    panel = draw_panel([row(True), row(False)])
    assert panel.dtype == np.uint8
    assert panel.shape == (HEADER + 2 * (TILE + GAP), GAP + 5 * (TILE + GAP), 3)
    for column, level in enumerate((26, 76, 128, 178, 64)):
        centre = tile_of(panel, 0, column)[TILE // 2, TILE // 2]
        assert np.abs(centre.astype(int) - level).max() <= 1


@pytest.mark.parametrize(("takes_sharp", "marked"), [(True, 2), (False, 3)])
def test_the_target_alone_is_framed_in_green(takes_sharp, marked):
    panel = draw_panel([row(takes_sharp)])
    for column in range(5):
        edge = tile_of(panel, 0, column)[TILE // 2, 1]
        is_green = edge[1] > 2 * max(int(edge[0]), int(edge[2]))
        assert is_green == (column == marked)


def test_values_out_of_range_are_clamped_and_large_pictures_kept():
    picture = torch.full((3, 200, 220), 7.0)
    panel = draw_panel([PanelRow(picture, -picture, picture, picture, picture[:1], False, "0")])
    assert panel.shape == (HEADER + 200 + GAP, GAP + 5 * (220 + GAP), 3)
    assert panel[HEADER + 100, GAP + 110].tolist() == [255, 255, 255]
    assert panel[HEADER + 100, GAP + 226 + 110].tolist() == [0, 0, 0]
