"""A training's folder: what a run leaves, goes on from, uses again and refuses."""

import json

import pytest
from made_training import MadeReader

from hvdbench.dataset.packing import pack_dataset
from hvdbench.errors import DatasetError
from hvdbench.frames import write_clip
from hvdbench.labels.sharpness import BELOW, SharpLabels, label_paper
from hvdbench.labels.stored import write_labels
from hvdbench.methods.recipe import Method, load_method
from hvdbench.methods.restoration import Budget
from hvdbench.runs.training import run_training, train_method
from hvdbench.store import Dataset, DatasetWriter
from hvdbench.workspace.manifest import file_sha256
from hvdbench.workspace.workspace import Workspace

RECIPE = """
title = "one convolution"
scheme = "supervised"
[settings]
network = "made_training:OneConvolution"
splits = ["train"]
window = {crop_px = 16, clip_frames = 3}
engine = {steps = 12, batch = 2, log_every = 4, checkpoint_every = 4, learning_rate = 1e-2, final_learning_rate = 1e-3}
"""


@pytest.fixture(autouse=True)
def undrawn(monkeypatch) -> None:
    monkeypatch.setattr("hvdbench.methods.training.run.draw_run", lambda *_, **__: True)
    monkeypatch.setattr("hvdbench.methods.training.records._tensorboard", lambda *_: None)


@pytest.fixture
def method(tmp_path) -> Method:
    (tmp_path / "one.toml").write_text(RECIPE)
    return load_method(str(tmp_path / "one.toml"), trust=True)


@pytest.fixture
def dataset(tmp_path) -> Dataset:
    reader = MadeReader(clips=3, splits=("train", "test"))
    writer = DatasetWriter(tmp_path / "made", name="made", origin="demo", recipe={}, provenance={})
    for facts in reader.clips:
        clip = writer.clip_folder(*facts.key.split("/"))
        for stream in facts.streams:
            write_clip(clip.folder / stream, reader.read(facts.key, stream, range(6)))
        write_labels(clip, SharpLabels(facts.sharpness, facts.is_selected, 0.5, (BELOW,) * 6, "paper"))
        writer.finish(clip, clip.digest())
    return writer.dataset()


def test_a_training_leaves_weights_that_restore_and_what_they_came_from(method, dataset, tmp_path):
    path = train_method(method, dataset, workspace=Workspace(tmp_path / "runs"))
    assert path == tmp_path / "runs/one/made/weights.safetensors"
    found = json.loads((path.parent / "train.json").read_text())
    assert found["weights_sha256"] == file_sha256(path)
    assert (found["dataset"], found["dataset_digest"]) == ("made", dataset.digest)
    assert found["clips"] == ["train/0", "train/2"]  # not the test split's
    assert (found["truth_read"], found["facts"]["steps"]) == (True, 12)
    blurry = dataset.clips()[0].blurry()
    assert method.with_weights(path).restore(blurry, label_paper(blurry), Budget()).frames.shape == blurry.shape


def test_finished_weights_are_used_again_and_others_are_refused(method, dataset, tmp_path):
    path = train_method(method, dataset, workspace=Workspace(tmp_path))
    written = path.stat().st_mtime_ns
    train_method(method, dataset, workspace=Workspace(tmp_path))
    assert path.stat().st_mtime_ns == written
    with pytest.raises(DatasetError, match="contains weights from other settings"):
        train_method(method, dataset, workspace=Workspace(tmp_path), budget=Budget(seed=1))
    train_method(method, dataset, workspace=Workspace(tmp_path, overwrite=True), budget=Budget(seed=1))
    assert json.loads((path.parent / "train.json").read_text())["seed"] == 1


def test_a_stopped_run_goes_on_to_the_weights_of_one_that_was_not(method, dataset, tmp_path):
    said: list[str] = []
    out = tmp_path / "out"
    first = run_training(method, dataset.folder, out, budget=Budget(minutes=0.0, announce=said.append))
    assert (first.weights, first.step, first.steps) == (None, 1, 12)
    assert said == [f"the training in {out} stopped after step 1 of 12: the same command continues it"]
    done = run_training(
        method, dataset.folder, out, workspace=Workspace(overwrite=True)
    )  # the same run: nothing to overwrite
    whole = train_method(method, dataset, workspace=Workspace(tmp_path / "runs"))
    assert done.weights.read_bytes() == whole.read_bytes()


def test_a_pack_trains_as_its_folder_does_and_takes_its_place(method, dataset, tmp_path):
    pack = pack_dataset(dataset, tmp_path / "made.h5", kind="raw").path
    done = run_training(method, pack, workspace=Workspace(tmp_path / "runs"))
    assert train_method(method, dataset, workspace=Workspace(tmp_path / "runs")) == done.weights


def test_a_stopped_run_of_other_settings_is_refused_or_cleared(method, dataset, tmp_path):
    run_training(method, dataset.folder, tmp_path / "out", budget=Budget(minutes=0.0))
    with pytest.raises(DatasetError, match="was made from other settings, other data or another seed"):
        run_training(method, dataset.folder, tmp_path / "out", budget=Budget(seed=1))
    done = run_training(
        method, dataset.folder, tmp_path / "out", workspace=Workspace(overwrite=True), budget=Budget(seed=1)
    )
    assert done.weights is not None
    other = load_method(method.reference, overrides={"engine": {"steps": 5}}, trust=True)
    assert run_training(other, dataset.folder, tmp_path / "five").steps == 5


def test_how_often_a_checkpoint_is_written_changes_no_weight(method, dataset, tmp_path):
    other = load_method(
        method.reference, overrides={"engine": {"checkpoint_every": 5, "keep": 1, "workers": 0}}, trust=True
    )
    path = train_method(method, dataset, workspace=Workspace(tmp_path))
    assert train_method(other, dataset, workspace=Workspace(tmp_path)) == path
