"""The pairs that DaDeblur learns from: which frames they take, how each is blurred, and the broken variants."""

import numpy as np
import pytest

from hvdbench.dataset.facts import Box
from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.recipe import load_method
from hvdbench.methods.rivals.dadeblur.conditions import own_condition
from hvdbench.methods.rivals.dadeblur.pairs import conditions_of, make_pairs, noise_of, other_frames
from hvdbench.methods.rivals.dadeblur.settings import FaultSettings, SearchSettings
from hvdbench.methods.rivals.dadeblur.sharp_regions import Region, find_sharp_regions


@pytest.fixture(scope="module")
def clip():
    return np.random.default_rng(1).integers(0, 256, (10, 48, 64, 3)).astype(np.uint8)


REGIONS = (Region(4, Box(8, 16, 32, 32)), Region(6, Box(0, 0, 48, 64)))


def settings_with(**changes):
    return load_method("dadeblur", overrides=changes).scheme.settings


def marked(picture, condition, draw):
    """Stand in for a blur: the picture becomes the length of its condition."""
    return np.repeat(np.rint(condition[..., 2:]), 3, axis=-1).astype(np.uint8)


def test_other_frames_hold_no_region_and_are_spread_over_the_clip_and_the_regions():
    found = other_frames(REGIONS, 10, 2)
    assert found == [[0, 7], [2, 9]]  # of 0 1 2 3 5 7 8 9
    assert other_frames(REGIONS, 10, 0) == [[], []]
    assert other_frames([Region(0, REGIONS[0].box), Region(1, REGIONS[0].box)], 2, 1) == [[0], [1]]


def test_further_conditions_are_those_of_other_frames_as_they_are(clip):
    lengths = np.ones((10, 48, 64), np.float32) * np.arange(10, dtype=np.float32)[:, None, None]
    aligner = Aligner(clip)
    found = conditions_of(aligner, lengths, REGIONS, settings_with(pairs={"twins": 2}))
    assert [len(of_one) for of_one in found] == [2, 2]
    np.testing.assert_array_equal(found[1][1], own_condition(aligner, lengths, 9))
    assert (found[1][1][..., 2] == 9).all()
    mixed = conditions_of(aligner, lengths, REGIONS, settings_with(pairs={"twins": 2}, condition={"shuffled": True}))
    np.testing.assert_array_equal(mixed[0][1][..., 2], found[1][1][..., 2])
    np.testing.assert_array_equal(mixed[0][1][..., 0], -found[1][1][..., 1])


def test_a_region_is_kept_once_and_blurred_under_each_condition(clip):
    condition = np.zeros((48, 64, 3), np.float32)
    condition[..., 0], condition[..., 2] = 1, 5
    conditions = [[condition, 2 * condition]] * 2
    lengths = np.zeros((10, 48, 64), np.float32)
    settings = settings_with(pairs={"keeps_sharp": True, "adds_noise": False, "blurs": "middle"})
    pairs = list(make_pairs(clip, lengths, REGIONS, conditions, settings, marked))
    assert [list(pair.blurred) for pair in pairs] == [[4]] * 3 + [[6]] * 3
    np.testing.assert_array_equal(pairs[0].blurred[4], clip[4, 8:40, 16:48])
    assert [pair.blurred[4].shape for pair in pairs[1:3]] == [(32, 32, 3)] * 2
    assert [int(pair.blurred[4].max()) for pair in pairs[1:3]] == [5, 10]


def test_neighbours_are_blurred_by_what_they_lack(clip):
    condition = np.zeros((48, 64, 3), np.float32)
    condition[..., 0], condition[..., 2] = 1, 5
    lengths = np.ones((10, 48, 64), np.float32) * np.arange(10, dtype=np.float32)[:, None, None]
    both = settings_with(pairs={"keeps_sharp": False, "adds_noise": False, "blurs": "both"})
    first, second = make_pairs(clip, lengths, REGIONS[:1], [[condition, condition]], both, marked)
    assert list(first.blurred) == [4]
    # the middle is blurred by 5 px whatever it has; frame t has t px already
    assert {frame: int(found.max()) for frame, found in second.blurred.items()} == {2: 3, 3: 2, 4: 5, 5: 0, 6: 0}
    window = settings_with(pairs={"keeps_sharp": False, "adds_noise": False, "blurs": "window"})
    (only,) = make_pairs(clip, lengths, REGIONS[:1], [[condition]], window, marked)
    assert only.blurred.keys() == second.blurred.keys()


def test_noise_is_as_strong_as_that_of_the_clip_and_drawn_from_the_seed():
    random = np.random.default_rng(3)
    flat = np.clip(128 + random.normal(0, 4.0, (6, 96, 96, 3)), 0, 255).round().astype(np.uint8)
    assert noise_of(flat) == pytest.approx(4.0, rel=0.15)
    region, lengths = Region(3, Box(0, 0, 96, 96)), np.zeros((6, 96, 96), np.float32)
    settings = settings_with(pairs={"keeps_sharp": True, "adds_noise": True, "blurs": "middle"})
    kept, again, other = (
        next(make_pairs(flat, lengths, [region], [[]], settings, marked, seed)).blurred[3] for seed in (0, 0, 1)
    )
    assert (kept.astype(float) - flat[3]).std() == pytest.approx(noise_of(flat), rel=0.05)
    np.testing.assert_array_equal(kept, again)
    assert not np.array_equal(kept, other)
    assert noise_of(np.zeros((2, 64, 64, 3), np.uint8)) == 0  # black clips noise, and nothing is known of it


def test_an_inverted_search_finds_the_blurriest_frames():
    values = np.array([0.9] * 2 + [0.3] * 9 + [0.5] * 21 + [0.95] * 6 + [0.9] * 2, np.float32)
    magnitudes = np.broadcast_to(values[:, None, None], (40, 16, 16))
    for inverted, frames in ((False, range(2, 11)), (True, range(32, 38))):
        settings = SearchSettings(least_side_px=8, share=0.2, inverted=inverted)
        found = find_sharp_regions(magnitudes, settings, FaultSettings(), np.random.default_rng(0))
        assert [region.frame for region in found.regions] == list(frames)
