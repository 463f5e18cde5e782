"""Removal of clues: how many, which, by what, and by whose draw."""

from collections import Counter

import numpy as np
import pytest
import torch

from hvdbench.methods.selfhvd.clues import (
    at_slots,
    draw_slots,
    gather,
    own_slots,
    remove_any_frames,
    remove_sharp_clues,
)


def flags(text: str) -> np.ndarray:
    return np.array([letter == "s" for letter in text])


def test_a_removed_sharp_frame_shows_its_closest_blurry_one_the_earlier_of_two():
    is_sharp = flags("bsbbssb")
    seen: dict[int, set[int]] = {}
    for seed in range(60):
        slots = remove_sharp_clues(is_sharp, 20, np.random.default_rng(seed))
        for i in np.flatnonzero(slots != np.arange(7)):
            seen.setdefault(int(i), set()).add(int(slots[i]))
    assert seen == {1: {0}, 4: {3}, 5: {6}}


def test_the_count_is_even_from_one_to_all():
    is_sharp = flags("sbsbsbsb")
    counts = Counter(
        int((remove_sharp_clues(is_sharp, 20, np.random.default_rng(seed)) != np.arange(8)).sum())
        for seed in range(800)
    )
    assert set(counts) == {1, 2, 3, 4}
    assert all(abs(count - 200) < 50 for count in counts.values())


def test_each_segment_loses_at_least_one_of_its_own():
    is_sharp = flags("sbbsbb" * 3)
    for seed in range(40):
        gone = remove_sharp_clues(is_sharp, 6, np.random.default_rng(seed)) != np.arange(18)
        assert all(1 <= gone[first : first + 6].sum() <= 2 for first in (0, 6, 12))
        assert not gone[~is_sharp].any()
    whole = [
        int((remove_sharp_clues(is_sharp, 20, np.random.default_rng(seed)) != np.arange(18)).sum())
        for seed in range(80)
    ]
    assert {min(whole), max(whole)} == {1, 6}


@pytest.mark.parametrize("text", ["sssss", "bbbbb"])
@pytest.mark.parametrize("remove", [remove_sharp_clues, remove_any_frames])
def test_a_window_of_one_kind_stays_as_it_is(text, remove):
    assert remove(flags(text), 20, np.random.default_rng(0)).tolist() == [0, 1, 2, 3, 4]


def test_a_segment_without_blurry_frames_takes_the_closest_of_the_window():
    slots = remove_sharp_clues(flags("sssbb"), 3, np.random.default_rng(0))
    assert set(slots[:3]) <= {0, 1, 2, 3}
    assert 3 in slots[:3]


def test_random_removal_takes_as_many_frames_of_any_kind():
    is_sharp = flags("sbbsbbsbbs")
    hit = np.zeros(10, int)
    for seed in range(300):
        slots = remove_any_frames(is_sharp, 20, np.random.default_rng(seed))
        gone = slots != np.arange(10)
        same = remove_sharp_clues(is_sharp, 20, np.random.default_rng(seed)) != np.arange(10)
        assert gone.sum() == same.sum()
        assert not gone[slots[gone]].any()  # what stands in is a frame that stays
        hit += gone
    assert hit.min() > 0.6 * hit.mean()


def test_the_draw_belongs_to_the_window():
    is_sharp = flags("sbsbsbsbsb")
    first = draw_slots(is_sharp, "sharp", 20, seed=0, index=7)
    np.random.default_rng(0).random(3)
    assert draw_slots(is_sharp, "sharp", 20, seed=0, index=7).tolist() == first.tolist()
    others = [draw_slots(is_sharp, "sharp", 20, seed=0, index=index).tolist() for index in range(20)]
    assert len({tuple(slots) for slots in others}) > 5
    assert [draw_slots(is_sharp, "sharp", 20, seed=1, index=index).tolist() for index in range(20)] != others


def test_off_leaves_all_frames():
    assert draw_slots(flags("sbsb"), "off", 20, seed=0, index=0).tolist() == [0, 1, 2, 3]


def test_frames_are_gathered_by_slot_within_their_own_window():
    clip = torch.arange(8.0).view(2, 4, 1)
    slots = torch.tensor([[0, 0, 2, 3], [1, 1, 2, 2]])
    assert gather(clip, slots).flatten().tolist() == [0, 0, 2, 3, 5, 5, 6, 6]
    assert at_slots(clip, slots).shape == (8, 1)
    assert torch.equal(gather(clip, own_slots(clip)), clip)
