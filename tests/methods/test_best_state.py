"""The weights that a run ends with: the last ones, or the best validated ones where training made them worse."""

import math

import pytest
import torch
from made_training import QUIET, MadeObjective, network, settings, train

from hvdbench.methods.training.checkpoints import list_checkpoints
from hvdbench.methods.training.settings import ValidationSettings
from hvdbench.methods.training.validation import BestState

MEASURED = ValidationSettings(clips=0, loss_samples=2)
STEPS = 8


@pytest.fixture(autouse=True)
def undrawn(monkeypatch) -> None:
    monkeypatch.setattr("hvdbench.methods.training.run.draw_run", lambda *_, **__: True)
    monkeypatch.setattr("hvdbench.methods.training.records._tensorboard", lambda *_: None)


class Judged(MadeObjective):
    """Says of each network in turn how far it is from its labels, two samples at a time; the first is the input."""

    def __init__(self, *distances: float) -> None:
        super().__init__()
        self.distances = [value for value in distances for _ in range(2)]

    def distance(self, network, batch) -> torch.Tensor:
        return torch.tensor(self.distances.pop(0))

    def at_validation(self, network, step, measured) -> dict[str, float]:
        return {}


def ends_with(folder, *distances: float):
    engine = settings(steps=STEPS, validate_every=4, checkpoint_every=4, validation=MEASURED)
    return train(folder, engine, objective=Judged(*distances))


def same(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def after(steps: int) -> torch.nn.Module:
    engine = settings(steps=STEPS, validation=QUIET)
    states = {}

    class Watching(MadeObjective):
        def loss(self, network, batch, step):
            states[step] = {name: value.detach().clone() for name, value in network.inner.state_dict().items()}
            return super().loss(network, batch, step)

    last, _, _ = train(None, engine, objective=Watching())
    if steps == STEPS:
        return last
    found = network()
    found.load_state_dict(states[steps])
    return found


def test_better_weights_than_the_first_are_kept_as_they_ended(tmp_path):
    inner, result, _ = ends_with(tmp_path, 0.3, 0.3, 0.1, 0.2)
    assert same(inner, after(STEPS))
    assert result.facts["label_distance"] == {"input": 0.3, "start": 0.3, "last": 0.2, "least": 0.1}
    assert not any("labels" in text for text in result.facts["warnings"])


@pytest.mark.parametrize(("middle", "step"), [(0.25, 4), (0.31, 0)])
def test_worse_weights_than_the_first_give_way_to_the_best_ones(tmp_path, middle, step):
    inner, result, _ = ends_with(tmp_path, 0.3, 0.3, middle, 0.4)
    assert same(inner, after(step))
    assert result.facts["label_distance"]["step_used"] == step
    (text,) = result.facts["warnings"]
    assert text.startswith("step 8: training made the output worse (its distance to the labels is 0.40000, and was 0.3")
    again, result, _ = ends_with(tmp_path)  # the finished run measures nothing more, and ends with the same weights
    assert same(again, inner)
    assert result.facts["warnings"] == [text]


def test_the_best_weights_outlive_a_stop(tmp_path):
    engine = settings(steps=STEPS, validate_every=4, checkpoint_every=4, validation=MEASURED)
    _, stopped, _ = train(tmp_path, engine, objective=Judged(0.3, 0.3), max_minutes=0.0)
    assert not stopped.is_finished
    assert (list_checkpoints(tmp_path)[-1] / "best.safetensors").is_file()
    inner, result, _ = train(tmp_path, engine, objective=Judged(0.31, 0.4))
    assert same(inner, network())
    assert result.facts["label_distance"]["step_used"] == 0


def test_an_output_that_stays_farther_from_the_labels_than_the_input_is_warned_of(tmp_path):
    _, result, _ = ends_with(tmp_path, 0.1, 0.5, 0.3, 0.2)
    (text,) = result.facts["warnings"]
    assert "the output is farther from the labels than the input is (0.10000)" in text


def test_without_a_distance_nothing_is_recorded(tmp_path):
    _, result, _ = train(tmp_path, settings(steps=4, validation=MEASURED))
    assert "label_distance" not in result.facts
    assert BestState().state() is None
    assert math.isnan(BestState().last)
