"""Colour methods by their names, alike on pages, in figures and in a terminal.

The six colours were searched for in OKLCH: each has a contrast of 3 to 1 at least with its ground, as lines and dots
need, and any two lie 0.1 apart at least in OKLab, also as protanopes, deuteranopes and tritanopes see them (Machado,
Oliveira and Fernandes, IEEE TVCG 15, 2009, full severity). A test computes both.
"""

import zlib
from collections.abc import Iterable

from hvdbench.boards.references import INPUT

LIGHT = ("#2d8afc", "#cf7015", "#166e54", "#b628b6", "#800515", "#332492")
"""Colours of methods on a white ground."""
DARK = ("#1aa2eb", "#dc9e12", "#45fd8f", "#a63fda", "#e30e2d", "#e0d8fc")
"""The same on a dark ground."""
GRAY_LIGHT, GRAY_DARK = "#767a7f", "#92979d"
"""The blurry input, and all methods that no colour was chosen for."""
LIGHT_GROUND, DARK_GROUND = "#ffffff", "#1a1c1f"
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""Matplotlib's signs of the points: those of seven methods and more tell equal colours apart."""
MOST = len(LIGHT)
"""Methods that one chart colours at most."""


def preferred(method: str) -> int:
    """Return the colour that a method has where no other method of the chart has it: its number in :data:`LIGHT`."""
    return zlib.crc32(method.encode()) % MOST


def slots(methods: Iterable[str]) -> dict[str, int]:
    """Return each method's colour in a chart, by number.

    It depends on the names alone, never on ranks. Methods take their preferred colour in the order of their names; one
    whose colour is taken gets the next that is free. From the seventh method on colours come again: the number is then
    that of the colour plus a multiple of :data:`MOST`. The input has none.
    """
    found: dict[str, int] = {}
    taken: set[int] = set()
    for method in sorted(set(methods) - {INPUT}):
        turn = len(found) // MOST * MOST
        slot = next(n for step in range(MOST) if (n := turn + (preferred(method) + step) % MOST) not in taken)
        found[method] = slot
        taken.add(slot)
    return found


def colours_of(methods: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return each method's colour on white and its mark in a chart, gray for the blurry input."""
    marks = {
        method: (LIGHT[slot % MOST], MARKS[(slot + slot // MOST) % len(MARKS)])
        for method, slot in slots(methods).items()
    }
    return {INPUT: (GRAY_LIGHT, "o"), **marks}


def css() -> str:
    """Write the colours as variables of CSS, for light and dark pages: ``--s-1`` to ``--s-6`` and ``--s-blurry``."""
    pairs = [(str(n), *pair) for n, pair in enumerate(zip(LIGHT, DARK, strict=True), 1)]
    lines = [
        f"--s-{name}: light-dark({light}, {dark});" for name, light, dark in (*pairs, ("blurry", GRAY_LIGHT, GRAY_DARK))
    ]
    return f":root {{ {' '.join(lines)} }}"
