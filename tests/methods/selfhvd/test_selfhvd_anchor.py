"""The rule by which SCSCM's anchor moves on."""

import math

import pytest

from hvdbench.methods.selfhvd.anchor import AnchorRule
from hvdbench.methods.selfhvd.settings import AnchorSettings


def rule(updates: int = 2, sharpness: float = 100.0) -> AnchorRule:
    made = AnchorRule(AnchorSettings(updates=updates))
    made.observe({"shift_px": 0.0, "sharpness": sharpness})
    made.take_first(1000)
    return made


@pytest.mark.parametrize(
    ("shift_px", "sharpness", "moves"),
    [
        (0.05, 110.0, True),
        (0.1, 102.0, True),  # both limits count as kept
        (0.101, 110.0, False),  # off its input
        (0.05, 101.9, False),  # hardly sharper
        (0.0, 100.0, False),
        (math.nan, 110.0, False),  # a flat output has no place
        (0.05, math.nan, False),
        (0.05, 0.0, False),
    ],
)
def test_the_anchor_moves_where_the_model_is_aligned_and_sharper(shift_px, sharpness, moves):
    decision = rule().consider(2000, {"shift_px": shift_px, "sharpness": sharpness})
    assert decision.moved is moves
    assert decision.updates == 1 + moves


def test_the_end_of_stage_one_is_update_one_and_there_are_two_at_most():
    made = rule()
    assert (made.updates, made.step, made.sharpness) == (1, 1000, 100.0)
    moved = [
        made.consider(step, {"shift_px": 0.0, "sharpness": step / 10.0}).moved for step in (1010, 2000, 3000, 9000)
    ]
    assert moved == [False, True, False, False]
    assert (made.updates, made.step, made.sharpness) == (2, 2000, 200.0)


@pytest.mark.parametrize(("updates", "expected"), [(1, 0), (2, 1), (3, 2)])
def test_the_number_of_updates_is_a_setting(updates, expected):
    made = rule(updates)
    numbers = [110.0, 120.0, 130.0, 140.0]
    moved = [made.consider(2000 + i, {"shift_px": 0.0, "sharpness": value}).moved for i, value in enumerate(numbers)]
    assert sum(moved) == expected


def test_each_move_raises_the_bar():
    made = rule(3)
    assert made.consider(2000, {"shift_px": 0.0, "sharpness": 110.0}).moved
    again = made.consider(3000, {"shift_px": 0.0, "sharpness": 111.0})
    assert not again.moved
    assert again.sharpness_ratio == pytest.approx(111 / 110)


def test_a_decision_tells_the_numbers_it_was_made_by():
    decision = rule().consider(2000, {"shift_px": 0.2, "sharpness": 150.0})
    assert (decision.shift_px, decision.sharpness, decision.sharpness_ratio) == (0.2, 150.0, 1.5)


def test_a_sharpness_that_was_never_measured_is_taken_from_the_next_validation():
    made = AnchorRule()
    made.take_first(0)
    first = made.consider(1000, {"shift_px": 0.0, "sharpness": 100.0})
    assert not first.moved
    assert math.isnan(first.sharpness_ratio)
    assert made.consider(2000, {"shift_px": 0.0, "sharpness": 103.0}).moved


def test_at_its_own_step_the_anchor_is_measured_not_moved():
    made = rule(sharpness=90.0)
    assert not made.consider(1000, {"shift_px": 0.0, "sharpness": 100.0}).moved
    assert made.sharpness == 100.0


def test_a_validation_without_frames_decides_nothing():
    made = rule()
    assert not made.consider(2000, {}).moved
    assert made.sharpness == 100.0


def test_without_an_anchor_nothing_moves():
    assert not AnchorRule().consider(10, {"shift_px": 0.0, "sharpness": 100.0}).moved


def test_the_numbers_survive_being_saved():
    made, other = rule(3), AnchorRule(AnchorSettings(updates=3))
    made.consider(2000, {"shift_px": 0.0, "sharpness": 110.0})
    other.load_state(made.state())
    assert other == made
