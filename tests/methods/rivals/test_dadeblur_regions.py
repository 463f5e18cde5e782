"""The search for sharp regions (RSDM), on magnitudes whose regions are known."""

import numpy as np
import pytest

from hvdbench.dataset.facts import Box
from hvdbench.errors import FitError
from hvdbench.methods.rivals.dadeblur.settings import FaultSettings, SearchSettings
from hvdbench.methods.rivals.dadeblur.sharp_regions import Region, boxes_of, cut_down, find_sharp_regions, least_side

SEARCH = SearchSettings(least_side_px=8, share=0.2)


def search(magnitudes, settings=SEARCH, **faults):
    return find_sharp_regions(
        np.asarray(magnitudes, np.float32), settings, FaultSettings(**faults), np.random.default_rng(0)
    )


def levels(values):
    """A clip whose frames, 16x16, have one magnitude each."""
    return np.broadcast_to(np.array(values, np.float32)[:, None, None], (len(values), 16, 16))


def test_the_threshold_is_halved_until_the_number_of_regions_is_within_two():
    # 40 frames, so 8 are looked for: 6 to 10 suffice. 0.1 lets 0 through, 0.55 lets 36, 0.325 lets 9
    found = search(levels([0.9] * 2 + [0.3] * 9 + [0.5] * 27 + [0.9] * 2))
    assert (found.threshold, found.halvings) == (pytest.approx(0.325), 2)
    assert [region.frame for region in found.regions] == list(range(2, 11))
    assert found.regions[0].box == Box(0, 0, 16, 16)


def test_a_jump_past_the_window_ends_with_the_nearest_number_and_the_published_search_never_ends():
    jump = levels([0.9] * 2 + [0.3] * 20 + [0.9] * 18)  # 0 or 20 regions, and 8 are looked for
    found = search(jump)
    assert found.halvings == SEARCH.most_halvings
    assert len(found.regions) == 8  # drawn from the 20, since none is no training
    assert {region.frame for region in found.regions} <= set(range(2, 22))
    with pytest.raises(FitError, match="never ends on this clip: the number of regions jumps between 0 and 20"):
        search(jump, search="published")


def test_a_still_clip_has_too_many_regions_at_any_threshold():
    found = search(levels([0.0] * 20))
    assert len(found.regions) == 4
    assert search(levels([0.0] * 20)).regions == found.regions
    with pytest.raises(FitError, match="draws 4 of 14 regions at a threshold below 1e-5"):
        search(levels([0.0] * 20), search="published", margin="published")


def test_a_clip_without_a_region_is_refused():
    with pytest.raises(FitError, match="has a region of 8 px a side that is sharper than the rest"):
        search(np.indices((20, 16, 16)).sum(0) % 2 + 1.0)


@pytest.mark.parametrize(("margin", "first", "last"), [("meant", 2, 17), ("published", 3, 16)])
def test_frames_without_two_neighbours_on_each_side_are_left_out(margin, first, last):
    found = search(levels([0.0] * 20), SearchSettings(least_side_px=8, share=0.9), margin=margin)
    assert (found.regions[0].frame, found.regions[-1].frame) == (first, last)


def test_lines_that_are_less_than_half_sharp_are_cut_off_each_side():
    is_sharp = np.zeros((20, 20), bool)
    is_sharp[4:16, 5:17] = True
    is_sharp[8, :] = True  # a thin line makes the box around it as wide as the picture
    assert boxes_of(is_sharp, 10) == [Box(4, 5, 12, 12)]
    assert boxes_of(is_sharp, 10, "published") == [Box(4, 4, 12, 14)]  # columns 4 and 17 stay
    assert boxes_of(is_sharp, 13) == []


def test_a_box_that_is_no_larger_than_the_least_is_no_region():
    is_sharp = np.zeros((20, 20), bool)
    is_sharp[2:10, 2:10] = True
    assert boxes_of(is_sharp, 8) == []  # as published: an area of 8 x 8 is not above 8 squared
    is_sharp[2:11, 2:10] = True
    assert boxes_of(is_sharp, 8) == [Box(2, 2, 9, 8)]


def test_pixels_that_touch_at_a_corner_are_connected():
    is_sharp = np.zeros((20, 20), bool)
    is_sharp[0:10, 0:10] = is_sharp[10:20, 10:20] = True
    assert len(boxes_of(is_sharp, 8)) == 1


def test_the_least_side_is_256_px_or_less_in_small_frames():
    settings = SearchSettings()
    assert [least_side(settings, *size) for size in ((720, 1280), (480, 640), (160, 256))] == [256, 256, 128]


def test_a_large_region_is_cut_down_to_its_middle():
    assert cut_down(Box(10, 20, 100, 30), 40) == Box(40, 20, 40, 30)
    assert Region(3, cut_down(Box(0, 0, 8, 8), 40)).box == Box(0, 0, 8, 8)
