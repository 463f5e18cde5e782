"""A method that is trained over clips, trained on one clip alone: by ``deblur`` without weights."""

import json
from pathlib import Path

import numpy as np
import pytest
from made_training import MadeReader
from made_video import made_clip
from safetensors.torch import save_file

from hvdbench.dataset.facts import Box
from hvdbench.dataset.memory_reader import FramesReader
from hvdbench.errors import FitError, InputError
from hvdbench.frames import read_clip, write_clip
from hvdbench.labels.sharpness import BELOW, SharpLabels, label_paper
from hvdbench.methods.inference.options import InferenceOptions
from hvdbench.methods.recipe import load_method
from hvdbench.methods.restoration import Budget
from hvdbench.methods.training.one_clip import OneClip, on_one_clip
from hvdbench.runs.training import train_method
from hvdbench.store import DatasetWriter
from hvdbench.workflows.deblur import deblur_clip
from hvdbench.workflows.deblur.request import DeblurRequest, DeblurResult
from hvdbench.workflows.evaluate import evaluate
from hvdbench.workspace.workspace import Workspace

RECIPE = """
title = "SelfHVD on one convolution"
scheme = "selfhvd"
[settings]
network = "made_training:OneConvolution"
splits = ["train"]
[settings.window]
crop_px = 24
clip_frames = 4
[settings.flow]
model = "dis_fast"
[settings.perceptual]
weight = 0.0
[settings.engine]
steps = 6
learning_rate = 1e-2
final_learning_rate = 1e-3
[settings.engine.validation]
clips = 1
frames = 2
loss_samples = 1
"""
SUPERVISED = """
title = "one convolution"
scheme = "supervised"
[settings]
network = "made_training:OneConvolution"
"""


@pytest.fixture
def method(tmp_path) -> str:
    (tmp_path / "one.toml").write_text(RECIPE)
    return str(tmp_path / "one.toml")


@pytest.fixture
def source(tmp_path) -> Path:
    write_clip(tmp_path / "clip", made_clip())
    return tmp_path / "clip"


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "written" / "restored"


def deblur(source: Path, output: Path, method: str, **options) -> DeblurResult:
    limits = {name: options.pop(name) for name in ("minutes", "inference") if name in options}
    request = DeblurRequest(source, output, method=method, **options)
    return deblur_clip(request, workspace=Workspace(trust=True), budget=Budget(**limits))


def manifest(output: Path) -> dict:
    return json.loads(output.with_suffix(".json").read_text())


def test_a_clip_in_memory_is_read_as_a_dataset_is():
    frames, labels = made_clip(), label_paper(made_clip())
    reader = FramesReader(frames, labels)
    (facts,) = reader.clips
    assert (facts.key, facts.frame_count, facts.height, facts.width) == ("test/clip", 8, 48, 64)
    np.testing.assert_array_equal(facts.is_selected, labels.is_selected)
    cut = reader.read("test/clip", "blur", [3, 0, 3], Box(2, 5, 10, 20))
    np.testing.assert_array_equal(cut, frames[[3, 0, 3], 2:12, 5:25])
    assert reader.digest == FramesReader(frames.copy(), labels).digest != FramesReader(frames[:, ::-1], labels).digest
    for asked in (("test/other", "blur", [0]), ("test/clip", "sharp", [0]), ("test/clip", "blur", [8])):
        with pytest.raises(InputError):
            reader.read(*asked)
    with pytest.raises(InputError, match="has 7 frames, and its labels are for 8 frames"):
        FramesReader(frames[:7], labels)


def test_a_training_without_weights_is_a_fit_to_the_clip(source, out, method):
    result = deblur(source, out, method)
    assert {path.name for path in out.iterdir()} == {path.name for path in source.iterdir()}
    assert {path.name for path in out.parent.iterdir()} == {"restored", "restored.html", "restored.json"}
    facts = manifest(out)
    assert facts["state"] == "done"
    assert facts["selected"] == label_paper(read_clip(source)).selected.tolist()
    assert (facts["facts"]["steps"], facts["facts"]["training"]["steps"]) == (6, 6)
    assert facts["facts"]["inference"]["precision"] == "float32"
    assert {"loss", "validation"} <= facts["facts"]["training"].keys()
    assert any(line.startswith("other frames: sharpness") for line in result.lines)
    before = {path: path.read_bytes() for path in out.parent.rglob("*") if path.is_file()}
    assert deblur(source, out, method).lines == (f"{out}: already restored by the same command, left as it is",)
    assert before == {path: path.read_bytes() for path in out.parent.rglob("*") if path.is_file()}


def test_the_same_seed_gives_the_same_frames_and_another_gives_others(method):
    fitted, labels = on_one_clip(load_method(method, trust=True)).scheme, label_paper(made_clip())
    first, again, other = (fitted.restore(made_clip(), labels, Budget(seed=seed)).frames for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, made_clip())


def test_named_weights_come_before_a_fit(source, out, method, tmp_path):
    save_file(load_method(method, trust=True).scheme.build(1).state_dict(), tmp_path / "weights.safetensors")
    deblur(source, out, method, weights=tmp_path / "weights.safetensors")
    assert manifest(out)["weights_sha256"]
    assert "selected" not in manifest(out)  # frame by frame, no fit
    with pytest.raises(InputError, match="has no steps that --minutes could set"):
        deblur(source, tmp_path / "other", method, weights=tmp_path / "weights.safetensors", minutes=1.0)


def test_the_network_is_run_as_asked(source, out, method, tmp_path):
    deblur(source, out, method, inference=InferenceOptions(window=4))
    assert manifest(out)["facts"]["inference"]["window"] == 4
    with pytest.raises(InputError, match="came from something else"):
        deblur(source, out, method)
    with pytest.raises(InputError, match="works in 8 bits"):
        deblur(source, tmp_path / "deep", method, bit_depth=10)


def test_a_method_that_learns_from_a_truth_is_refused(source, out, tmp_path):
    (tmp_path / "truth.toml").write_text(SUPERVISED)
    with pytest.raises(InputError, match=r"learns from a truth, and this clip has none: name its weights"):
        deblur(source, out, str(tmp_path / "truth.toml"))
    assert not out.parent.exists()


def test_steps_of_a_fit_are_those_of_its_training(method):
    fitted = on_one_clip(load_method(method, trust=True))
    longer = fitted.with_fit_steps(9)
    assert isinstance(longer.scheme, OneClip)
    assert longer.scheme.settings.engine.steps == longer.scheme.fit_steps == 9
    assert longer.recipe.values.settings["engine"]["steps"] == 9
    assert longer.digest != fitted.digest
    assert fitted.with_fit_steps(None) is fitted


def test_a_fit_that_is_asked_to_stop_stops_and_leaves_no_output(source, out, method):
    def stop(done: int, total: int, what: str) -> None:
        if what == "train":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deblur_clip(
            DeblurRequest(source, out, method=method), workspace=Workspace(trust=True), budget=Budget(progress=stop)
        )
    assert json.loads(out.with_suffix(".json").read_text())["state"] == "running"
    assert not out.exists()


def test_a_clip_without_a_selected_frame_gets_one_sentence(method):
    none = SharpLabels(np.ones(8), np.zeros(8, bool), 2.0, (BELOW,) * 8, "paper")
    with pytest.raises(FitError, match="there is nothing to learn from"):
        on_one_clip(load_method(method, trust=True)).scheme.restore(made_clip(), none, Budget())


def test_a_recipe_of_all_splits_trains_on_the_scored_clips_and_its_rows_say_so(method, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hvdbench.methods.training.run.draw_run", lambda *_, **__: True)
    monkeypatch.setattr("hvdbench.methods.training.records._tensorboard", lambda *_: None)
    Path("testtime.toml").write_text(RECIPE.replace('splits = ["train"]', "splits = []"))
    reader = MadeReader(clips=2, side=32, splits=("test",))
    writer = DatasetWriter(tmp_path / "made", name="made", origin="demo", recipe={}, provenance={})
    for facts in reader.clips:
        clip = writer.clip_folder(*facts.key.split("/"))
        for stream in facts.streams:
            write_clip(clip.folder / stream, reader.read(facts.key, stream, range(6)))
        writer.finish(clip, clip.digest())
    weights = train_method(load_method("testtime.toml", trust=True), writer.dataset())
    trained = json.loads((weights.parent / "train.json").read_text())
    assert (trained["clips"], trained["truth_read"]) == (["test/0", "test/1"], False)
    found = evaluate("testtime.toml", writer.dataset(), workspace=Workspace(strict=True, trust=True))
    assert set(found.rows["source"]) == {"trained on the scored clips themselves, no truth read"}
