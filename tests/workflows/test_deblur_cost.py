"""What ``deblur`` predicts and decides before it starts: time, steps within minutes, and what is left out."""

import json
from pathlib import Path

import numpy as np
import pytest
from made_clip import CONTROL, FIT, held_still
from safetensors.torch import save_file

from hvdbench.errors import InputError, WeightsError
from hvdbench.frames import read_clip, write_clip
from hvdbench.labels.sharpness import label_paper
from hvdbench.methods.opening import open_method
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.scheme import FitCost
from hvdbench.networks.candidate_fusion import CandidateFusion
from hvdbench.weights import finding
from hvdbench.workflows.deblur import cost as measuring
from hvdbench.workflows.deblur import deblur_clip, ready_method, timing
from hvdbench.workflows.deblur.cost import ClipCost, FirstFrames, measure_cost, steps_for_minutes
from hvdbench.workflows.deblur.estimate import estimate_clip
from hvdbench.workflows.deblur.request import DeblurRequest
from hvdbench.workspace.workspace import Workspace

WINDOWS = [(0, 12, 0, 10), (8, 20, 10, 20)]
ADAPTED = """
title = "Fusion with small weights"
scheme = "fusion_pretrained"
[settings]
channels = 8
blocks = 1
shipped = "fusion_pretrained"
[settings.adaptation]
items = 2
item_px = 32
crop_px = 16
batch = 2
"""


@pytest.fixture
def method(tmp_path, monkeypatch) -> str:
    """Return a recipe whose untrained weights come with hvdbench, as those of ``fusion_pretrained`` do."""
    (tmp_path / "adapted.toml").write_text(ADAPTED)
    monkeypatch.setattr(finding, "_SHIPPED", tmp_path / "shipped")
    (tmp_path / "shipped").mkdir()
    save_file(CandidateFusion(8, 1).state_dict(), tmp_path / "shipped" / "fusion_pretrained.safetensors")
    return str(tmp_path / "adapted.toml")


@pytest.fixture
def clip(tmp_path) -> Path:
    write_clip(tmp_path / "clip", held_still())
    return tmp_path / "clip"


def manifest(output: Path) -> dict:
    return json.loads(output.with_suffix(".json").read_text())


def cost(per_step: float = 0.5, fixed: float = 3.0) -> ClipCost:
    return ClipCost(0.1, 1.0, 0.2, 0.25, FitCost(fixed, per_step), 2)


def test_the_time_of_a_run_worked_out_by_hand():
    alone = 24 * 0.1 + 20 * (0.2 + 0.75)
    assert cost().seconds(WINDOWS, 0) == pytest.approx(alone)
    assert cost().seconds(WINDOWS, 40) == pytest.approx(alone + 2 * (3 + 40 * 0.5))
    steps = cost().steps_within(WINDOWS, 100.0)
    assert cost().seconds(WINDOWS, steps) <= 100 < cost().seconds(WINDOWS, steps + 1)


def test_minutes_leave_steps_and_say_where_they_leave_none(method, tmp_path):
    adapted = open_method(method)
    steps, note = steps_for_minutes(adapted, cost(), WINDOWS, 2.0, 10.0)
    assert (steps, note) == (cost().steps_within(WINDOWS, 110.0), None)
    steps, note = steps_for_minutes(adapted, cost(), WINDOWS, 0.5, 10.0)
    assert steps == 0
    assert note == (
        "restoring alone takes about 21 s and --minutes 0.5 leaves 20 s, so that nothing is adapted to the clip"
    )
    steps, note = steps_for_minutes(adapted, cost(), WINDOWS, 0.7, 10.0)
    assert steps == 0
    assert "too few to make it" in note
    assert steps_for_minutes(adapted, cost(0.01), WINDOWS, 20.0, 0.0)[0] == 1000
    (tmp_path / "fit.toml").write_text(FIT)
    fit = open_method(str(tmp_path / "fit.toml"))
    assert steps_for_minutes(fit, cost(), WINDOWS, 0.1, 10.0) == (1, None)


def test_the_rates_follow_from_what_the_restorations_take(tmp_path, monkeypatch):
    """Each frame that is looked at takes 1 s, each restored one 4 s more, and each step half a second."""
    (tmp_path / "fit.toml").write_text(FIT)
    frames, clock = held_still(24, 128, 96), [0.0]
    first, labels = FirstFrames(), label_paper(frames)
    for index, frame in enumerate(frames):
        first.see(index, frame)

    def restore(self, blurry, labels, budget):
        todo = [i for i in np.flatnonzero(~labels.is_selected) if budget.keeps(int(i))]
        clock[0] += 1.0 * len(blurry) + 4.0 * len(todo) + (0.5 * self.fit_steps if todo else 0)
        return Restoration(blurry)

    method = open_method(str(tmp_path / "fit.toml"))
    monkeypatch.setattr(type(method.scheme), "restore", restore)
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: clock[0])
    found = measure_cost(method, first, labels, Budget(workers=2), per_read=0.25)
    assert found.fit.per_step == pytest.approx(0.5)
    assert found.per_seen == pytest.approx(1.0)
    assert found.per_restored == pytest.approx(4.0)
    assert found.per_written == pytest.approx(0.25)
    assert found.unchanged == pytest.approx(0.25)
    first.size = 2 * frames.shape[2], 2 * frames.shape[1]
    assert measure_cost(method, first, labels, Budget()).per_restored == pytest.approx(16.0)


def test_a_fit_is_measured_on_parts_of_large_frames_and_what_learns_nothing_on_whole_ones():
    first = FirstFrames()
    for index in range(99):
        first.see(index, np.zeros((1440, 2560, 3), np.uint8))
    assert len(first.frames) == 27  # 300 MB
    assert first.shown([0, 2], are_parts=True).shape == (2, 360, 640, 3)
    assert first.shown([1], are_parts=False).shape == (1, 1440, 2560, 3)
    assert first.size == (2560, 1440)


def test_shipped_weights_restore_without_training_or_adaptation(clip, tmp_path, method):
    told = list[str]()
    result = deblur_clip(DeblurRequest(clip, tmp_path / "out", method=method), budget=Budget(announce=told.append))
    assert len(told) == 1
    assert "from now on this machine, measured on" in told[0]
    facts = manifest(tmp_path / "out")
    assert "adaptation" not in facts["facts"]
    assert facts["time"]["steps"] == 0
    assert facts["time"]["predicted_s"] > 0
    assert not any("adaptation" in line for line in result.lines)
    expected = open_method(method).restore(held_still(), label_paper(held_still()), Budget()).frames
    np.testing.assert_array_equal(read_clip(tmp_path / "out"), expected)


def test_a_board_is_told_whose_weights_they_are(method, tmp_path):
    opened = open_method(method)
    assert opened.made_from == (
        "weights 'fusion_pretrained' of hvdbench, trained on clips of other scenes with their truth"
    )
    assert opened.with_weights(tmp_path / "mine.safetensors").made_from is None
    assert opened.weights == tmp_path / "shipped" / "fusion_pretrained.safetensors"


def test_other_weights_are_another_command(clip, tmp_path, method):
    asked = DeblurRequest(clip, tmp_path / "out", method=method)
    deblur_clip(asked)
    assert "left as it is" in deblur_clip(asked).lines[0]
    shipped = tmp_path / "shipped" / "fusion_pretrained.safetensors"
    save_file(CandidateFusion(8, 1).state_dict(), shipped)
    with pytest.raises(InputError, match="came from something else"):
        deblur_clip(asked)


def test_steps_repeat_what_minutes_chose(clip, tmp_path, method, monkeypatch):
    monkeypatch.setattr(timing, "steps_for_minutes", lambda *_: (3, None))
    result = deblur_clip(DeblurRequest(clip, tmp_path / "timed", method=method), budget=Budget(minutes=0.2))
    timed = manifest(tmp_path / "timed")
    assert timed["time"]["steps"] == timed["facts"]["adaptation"]["steps"] == 3
    said = timed["facts"]["adaptation"]["said"]
    assert said in result.lines
    assert said in (tmp_path / "timed.html").read_text().replace("&#39;", "'")
    deblur_clip(DeblurRequest(clip, tmp_path / "again", method=method), budget=Budget(steps=3))
    again = manifest(tmp_path / "again")
    np.testing.assert_array_equal(read_clip(tmp_path / "again"), read_clip(tmp_path / "timed"))
    for name in ("held_out_psnr_before", "held_out_psnr_after", "kept"):
        assert again["facts"]["adaptation"][name] == timed["facts"]["adaptation"][name]


def test_minutes_that_leave_no_time_are_said_and_adapt_nothing(clip, tmp_path, method, monkeypatch):
    monkeypatch.setattr(timing, "measure_cost", lambda *_, **__: cost())
    result = deblur_clip(DeblurRequest(clip, tmp_path / "out", method=method), budget=Budget(minutes=0.1))
    assert any("nothing is adapted to the clip" in line for line in result.lines)
    assert "adaptation" not in manifest(tmp_path / "out")["facts"]


def test_minutes_and_steps_do_not_go_together(clip, method, tmp_path):
    asked = DeblurRequest(clip, Path(), method=method)
    with pytest.raises(InputError, match="leave out either"):
        ready_method(asked, workspace=Workspace(), budget=Budget(minutes=1.0, steps=2))
    (tmp_path / "control.toml").write_text(CONTROL)
    asked = DeblurRequest(clip, Path(), method=str(tmp_path / "control.toml"))
    with pytest.raises(InputError, match="has no steps"):
        ready_method(asked, workspace=Workspace(), budget=Budget(minutes=1.0))
    with pytest.raises(InputError, match="has no steps"):
        ready_method(asked, workspace=Workspace(), budget=Budget(steps=2))


def test_an_estimate_of_the_default_speaks_of_what_it_starts_from(clip, method):
    lines = estimate_clip(DeblurRequest(clip, Path(), method=method)).lines
    assert any(line.startswith("time: about") for line in lines)
    assert any("nothing was learned about 'adapted'" in line for line in lines)


def test_the_default_needs_the_weights_that_come_with_hvdbench(clip, tmp_path, monkeypatch):
    monkeypatch.setattr(finding, "_SHIPPED", tmp_path / "empty")
    with pytest.raises(WeightsError, match="no weights 'fusion_pretrained' come with hvdbench"):
        deblur_clip(DeblurRequest(clip, tmp_path / "out"))
    assert not (tmp_path / "out.json").exists()
