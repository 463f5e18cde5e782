"""The colours of methods: told apart by everyone, chosen by names alone."""

import itertools

import numpy as np
import pytest

from hvdbench.pages.palette import (
    DARK,
    DARK_GROUND,
    LIGHT,
    LIGHT_GROUND,
    MOST,
    colours_of,
    css,
    preferred,
    slots,
)

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB
SEEN = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "all": np.eye(3),
}


def linear(colour):
    levels = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    high, low = sorted((float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def oklab(rgb):
    cones = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566]]
    cones += [[0.0883024619, 0.2817188376, 0.6299787005]]
    lab = [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099]]
    lab += [[0.0259040371, 0.7827717662, -0.8086757660]]
    return np.array(lab) @ np.cbrt(np.array(cones) @ np.clip(rgb, 0, 1))


@pytest.mark.parametrize(("colours", "ground"), [(LIGHT, LIGHT_GROUND), (DARK, DARK_GROUND)])
def test_colours_stand_out_and_are_told_apart_by_everyone(colours, ground):
    assert min(contrast(colour, ground) for colour in colours) >= 3
    for matrix in SEEN.values():
        seen = [oklab(np.array(matrix) @ linear(colour)) for colour in colours]
        assert min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2)) >= 0.1


def test_a_methods_colour_follows_from_names_alone():
    names = [f"method_{n}" for n in range(MOST)]
    assert slots(names) == slots(reversed(names))
    assert slots(["alone"]) == {"alone": preferred("alone")}
    assert sorted(slots(names).values()) == list(range(MOST))


def test_many_methods_have_marks_that_tell_equal_colours_apart():
    found = colours_of(["blurry", *(f"m{n}" for n in range(4 * MOST))])
    assert len(set(found.values())) == 4 * MOST + 1
    assert found["blurry"][0] not in LIGHT


def test_the_style_sheet_has_every_colour_once():
    written = css()
    for colour in (*LIGHT, *DARK):
        assert written.count(colour) == 1
