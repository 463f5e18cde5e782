"""Where a method's time goes: each second counts for one stage."""

from types import SimpleNamespace

import pytest

from hvdbench.methods.stages import Stages, measured, stage
from hvdbench.metrics.efficiency import SECONDS_BY_STAGE


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that is set by hand."""
    now = [100.0]
    monkeypatch.setattr("hvdbench.methods.stages.time", SimpleNamespace(perf_counter=lambda: now[0]))
    return now


def test_time_inside_an_inner_stage_counts_for_that_alone(clock: list[float]) -> None:
    with measured() as stages, stages.stage("training"):
        clock[0] += 5
        with stage("flow"):
            clock[0] += 2
        clock[0] += 1
    clock[0] += 50  # outside of any stage
    assert stages.facts == {SECONDS_BY_STAGE: {"flow": 2.0, "training": 6.0}}
    assert stages.total_s == 8


def test_a_stage_that_ends_with_an_error_has_counted_until_then(clock: list[float]) -> None:
    stages = Stages()

    def fail() -> None:
        with stages.stage("labels"):
            clock[0] += 3
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    with stages.stage("labels"):
        clock[0] += 1
    assert stages.facts == {SECONDS_BY_STAGE: {"labels": 4.0}}


def test_what_is_measured_around_it_does_not_see_what_is_measured_inside(clock: list[float]) -> None:
    with measured() as outer, outer.stage("restoring"):
        with measured() as inner, stage("flow"):
            clock[0] += 2
        with stage("labels"):
            clock[0] += 1
    assert inner.facts == {SECONDS_BY_STAGE: {"flow": 2.0}}
    assert outer.facts == {SECONDS_BY_STAGE: {"labels": 1.0, "restoring": 2.0}}


def test_without_a_stopwatch_a_stage_is_only_passed_through() -> None:
    with stage("flow"):
        pass
    with measured() as stages:
        pass
    assert stages.facts == {SECONDS_BY_STAGE: {}}
