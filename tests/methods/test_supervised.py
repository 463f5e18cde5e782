"""Supervised training: its loss, its panel, and a training from a scheme to weights that restore."""

import numpy as np
import pytest
import torch
from made_training import MadeReader
from torch import nn

from hvdbench.errors import DatasetError, FitError, RecipeError
from hvdbench.methods.restoration import Budget
from hvdbench.methods.supervised import Supervised, SupervisedObjective, SupervisedSettings, charbonnier_loss
from hvdbench.methods.training.checkpoints import write_tensors
from hvdbench.methods.training.scheme import only_splits, train_scheme
from hvdbench.recipe import check

ENGINE = {"steps": 60, "batch": 2, "learning_rate": 1e-2, "final_learning_rate": 1e-3, "log_every": 20}
MADE = "made_training:OneConvolution"


@pytest.fixture(autouse=True)
def undrawn(monkeypatch) -> None:
    monkeypatch.setattr("hvdbench.methods.training.run.draw_run", lambda *_, **__: True)
    monkeypatch.setattr("hvdbench.methods.training.records._tensorboard", lambda *_: None)


def scheme(**changes: object) -> Supervised:
    usual = {"network": MADE, "engine": ENGINE, "window": {"crop_px": 16, "clip_frames": 3}}
    return Supervised(check("supervised.toml", usual | changes, SupervisedSettings))


def batch(blurry: float, truth: float) -> dict[str, torch.Tensor]:
    shape = (1, 3, 3, 8, 10)
    return {"blurry": torch.full(shape, blurry), "truth": torch.full(shape, truth), "index": torch.tensor([0])}


def test_charbonnier_is_a_root_of_squares():
    # sqrt(3² + 4²) = 5, sqrt(0 + 4²) = 4
    assert charbonnier_loss(torch.tensor([3.0, 0.0]), 4.0) == pytest.approx(4.5)


@pytest.mark.parametrize(("name", "expected"), [("l1", 0.25), ("charbonnier", 0.25)])
def test_the_loss_is_the_distance_to_the_truth(name, expected):
    objective = scheme(loss=name).objective()
    found = objective.loss(nn.Identity(), batch(0.5, 0.25), 0)
    assert float(found.total) == pytest.approx(expected, abs=1e-6)
    assert found.terms[name] == pytest.approx(expected, abs=1e-6)
    assert not found.terms["l1"].requires_grad


def test_the_panel_shows_blurry_restored_true_and_error():
    picture = SupervisedObjective(scheme().settings).panel(nn.Identity(), batch(0.5, 0.4), 0)
    assert (picture.shape, picture.dtype) == ((8, 40, 3), np.uint8)
    assert picture[0, ::10, 0].tolist() == [128, 128, 102, 204]  # 8 * 0.1 * 255


@pytest.mark.parametrize(("truth", "factor"), [("mid", 0.5), ("centroid", 0.25)])
def test_a_training_learns_the_truth_that_it_is_told(truth, factor):
    # the made truths are the blurry frames times 0.5 and 0.25
    supervised = scheme(truth=truth, engine=ENGINE | {"steps": 150})
    network, result = train_scheme(supervised, MadeReader(), None, Budget(seed=0))
    assert result.is_finished
    blurry = MadeReader().read("train/0", "blur", [0, 1, 2])
    restored = supervised.restore_with(network, blurry, Budget()).frames
    assert restored.shape == blurry.shape
    assert restored.mean() / blurry.mean() == pytest.approx(factor, abs=0.08)


def test_a_folder_holds_what_going_on_and_a_warm_start_need(tmp_path):
    network, result = train_scheme(scheme(), MadeReader(), tmp_path, Budget(seed=0), digest="x")
    write_tensors(tmp_path / "weights.safetensors", network.state_dict())
    warm = scheme(start_from=str(tmp_path / "weights.safetensors")).start(seed=5)
    assert all(torch.equal(value, network.state_dict()[key]) for key, value in warm.state_dict().items())
    again, second = train_scheme(scheme(), MadeReader(), tmp_path, Budget(seed=0), digest="x")
    assert second.step == result.step
    assert all(torch.equal(value, network.state_dict()[key]) for key, value in again.state_dict().items())


def test_only_the_splits_that_are_named_are_trained_on():
    reader = MadeReader(clips=4, splits=("train", "test"))
    assert [clip.key for clip in only_splits(reader, ["train"]).clips] == ["train/0", "train/2"]
    with pytest.raises(DatasetError, match=r"'made' has no clip of the split val \(it has test, train\)"):
        train_scheme(scheme(splits=["val"]), reader, None, Budget())


def test_clips_without_the_truth_cannot_supervise():
    reader = MadeReader()
    reader.clips = tuple(type(c)(c.key, 6, 24, 24, ("blur",), c.is_selected, c.sharpness) for c in reader.clips)
    with pytest.raises(FitError, match="has no truth 'sharp'"):
        train_scheme(scheme(), reader, None, Budget())


def test_a_setting_that_is_not_known_is_named_with_those_that_are():
    with pytest.raises(RecipeError, match=r"\[engine\]: unknown key 'step' \(known: accumulate, batch"):
        scheme(engine={"step": 3})
