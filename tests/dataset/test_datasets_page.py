"""The page of others' datasets says what their layouts say, and names boards and sections that are there."""

import re

import pytest
from made_datasets_page import PAGE, page

from hvdbench.boards.settings import board_settings, usual_board
from hvdbench.recipe import recipe_names
from hvdbench.sources.layout import layout_names, load_layout

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_page_is_made_of_the_layouts() -> None:
    assert page() == TEXT, "write it anew: python tests/made_datasets_page.py"


@pytest.mark.parametrize("name", layout_names())
def test_every_layout_has_a_section_with_its_facts_and_its_command(name: str) -> None:
    layout = load_layout(name)[1]
    (section,) = re.findall(rf"^## {re.escape(name)}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    for fact in (layout.title, layout.licence, layout.source, layout.download, layout.patterns[0].sharp or ""):
        assert fact in section
    assert f"--layout {name}" in section
    for part in layout.parts.values():
        assert f"| {part.clip_count or 'unknown'} |" in section


def test_the_boards_of_layouts_are_there_and_are_filled_by_the_datasets_that_are_made() -> None:
    for name in layout_names():
        layout = load_layout(name)[1]
        if layout.board:
            assert layout.board in recipe_names("boards")
            if board_settings(layout.board).values.dataset != "any":
                assert usual_board(layout.dataset or name) == layout.board
    assert {load_layout(name)[1].board for name in layout_names()} >= {
        *("bsd-1ms8ms", "bsd-2ms16ms", "bsd-3ms24ms", "realblur", "rbvd", "blur2vid"),
    }
