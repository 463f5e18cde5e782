"""What the fusion network sees of a frame: its neighbours, warped, each with a mask and a flag."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.fusion.candidates import FIRST_SHARP_SLOT, SLOTS, stack_candidates

T, H, W = 8, 40, 56
IS_SHARP = np.isin(np.arange(T), [2, 6])
BLURRY, PREVIOUS, NEXT, PREVIOUS_SHARP, NEXT_SHARP = range(5)


@pytest.fixture(scope="module")
def aligner() -> Aligner:
    noise = np.random.default_rng(8).integers(0, 256, (20, 60, 3)).astype(np.uint8)
    texture = cv2.resize(noise, (180, H), interpolation=cv2.INTER_CUBIC)
    return Aligner(np.stack([texture[:, 2 * i : 2 * i + W] for i in range(T)]))


def levels(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(picture).astype(np.uint8)


def test_slots_hold_the_frames_that_they_are_named_for(aligner):
    stack = stack_candidates(aligner, [4], IS_SHARP)
    assert SLOTS == ("blurry", "previous", "next", "previous_sharp", "next_sharp")
    assert FIRST_SHARP_SLOT == PREVIOUS_SHARP
    assert stack.colours.shape == (1, 5, H, W, 3)
    assert stack.masks.shape == (1, 5, H, W)
    np.testing.assert_array_equal(stack.colours[0, BLURRY], aligner.frames[4])
    assert (stack.masks[0, BLURRY] == 255).all()
    for slot, source in {PREVIOUS: 3, NEXT: 5, PREVIOUS_SHARP: 2, NEXT_SHARP: 6}.items():
        np.testing.assert_array_equal(stack.colours[0, slot], levels(aligner.warped(4, source)))
        np.testing.assert_array_equal(stack.masks[0, slot], levels(255 * aligner.mask(4, source)))
    assert stack.is_sharp.tolist() == [[False, False, False, True, True]]


def test_a_slot_without_a_frame_holds_the_blurry_one_and_is_not_trusted(aligner):
    first, last, past = (stack_candidates(aligner, [i], IS_SHARP) for i in (0, T - 1, 6))
    for stack, empty in [(first, (PREVIOUS, PREVIOUS_SHARP)), (last, (NEXT, NEXT_SHARP)), (past, (NEXT_SHARP,))]:
        for slot in range(1, 5):
            is_empty = slot in empty
            assert (stack.masks[0, slot] == 0).all() == is_empty
            if is_empty:
                np.testing.assert_array_equal(stack.colours[0, slot], stack.colours[0, BLURRY])
                assert not stack.is_sharp[0, slot]


def test_a_selected_frame_is_flagged_and_is_not_its_own_neighbour(aligner):
    stack = stack_candidates(aligner, [2, 3], IS_SHARP)
    assert stack.is_sharp.tolist() == [[True, False, False, False, True], [False, True, False, True, True]]
    np.testing.assert_array_equal(stack.colours[0, NEXT_SHARP], levels(aligner.warped(2, 6)))


def test_a_blend_is_one_more_candidate_trusted_all_over(aligner):
    asked = []

    def blend(i: int) -> NDArray[np.float32]:
        asked.append(i)
        return np.full((H, W, 3), 300.0 if i == 4 else 10.6, np.float32)

    stack = stack_candidates(aligner, [4, 5], IS_SHARP, blend=blend)
    assert asked == [4, 5]
    assert stack.colours.shape[1] == stack.masks.shape[1] == stack.is_sharp.shape[1] == 6
    assert (stack.colours[0, -1] == 255).all()  # clipped
    assert (stack.colours[1, -1] == 11).all()  # rounded
    assert (stack.masks[:, -1] == 255).all()
    assert stack.is_sharp[:, -1].all()


def test_rows_stand_in_the_order_asked_for_whatever_the_number_of_threads(aligner):
    one = stack_candidates(aligner, [5, 0, 3], IS_SHARP)
    three = stack_candidates(aligner, [5, 0, 3], IS_SHARP, workers=3)
    assert one.index.tolist() == [5, 0, 3]
    for name in ("index", "colours", "masks", "is_sharp"):
        np.testing.assert_array_equal(getattr(one, name), getattr(three, name))
    alone = stack_candidates(aligner, [0], IS_SHARP)
    np.testing.assert_array_equal(one.colours[1], alone.colours[0])
