"""Runs and trainings on disk: what is made, from what alone, when it is made again and when it is left."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from hvdbench import __version__
from hvdbench.errors import DatasetError, InputError, WeightsError
from hvdbench.frames import read_clip
from hvdbench.labels.sharpness import label_paper, select_sharp
from hvdbench.labels.stored import ensure_labels, labels_of, write_labels
from hvdbench.methods.blurry import Blurry
from hvdbench.methods.inference.options import InferenceOptions
from hvdbench.methods.recipe import load_method
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.runs.restoring import do_jobs, plan_run, run_folder
from hvdbench.runs.training import train_method
from hvdbench.scoring.run import Run
from hvdbench.scoring.run_clip import RunClip
from hvdbench.scoring.run_scores import read_scores
from hvdbench.store import TRUTH_FOLDERS, Dataset
from hvdbench.weights.checkpoints import load_checkpoint
from hvdbench.workflows.datasets import SynthRequest, synth
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.fallback import Fallback
from hvdbench.workspace.manifest import file_sha256
from hvdbench.workspace.workspace import Workspace

ONE = Engine(1)
FIT = """
title = "A fit of four steps"
scheme = "selfhvd_clip"
[settings]
reblur_candidate = true
correction_steps = 2
[settings.fit]
channels = 4
blocks = 1
patch_px = 16
batch = 2
stage1_steps = 2
stage2_steps = 2
reblur = 1.0
"""
NETWORK = """
title = "A network of four channels, trained for three steps"
scheme = "selfhvd"
[settings]
network = "basicvsrpp"
stage1_share = 0.67
zero_flow_start = true
[settings.network_arguments]
mid_channels = 4
num_blocks = 1
deform_groups = 2
[settings.window]
crop_px = 32
clip_frames = 3
[settings.engine]
steps = 3
[settings.engine.validation]
clips = 1
frames = 2
loss_samples = 0
[settings.flow]
model = "dis_fast"
[settings.perceptual]
weight = 0
[tiny.settings.engine]
steps = 2
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Two clips of six frames, not labelled yet."""
    folder = tmp_path_factory.mktemp("made") / "shaken"
    small = {"size": [64, 48], "frames_per_clip": 6, "clips": ["coffee", "cup"]}
    synth(SynthRequest("demo", out=folder, overrides=small), fallback=Fallback(), engine=ONE)
    return folder


@pytest.fixture
def dataset(made, tmp_path) -> Dataset:
    shutil.copytree(made, tmp_path / "shaken")
    return Dataset.open(tmp_path / "shaken")


def method_file(folder: Path, text: str, name: str = "small") -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.toml").write_text(text)
    return str(folder / f"{name}.toml")


def restore(
    method: str, dataset: Dataset, runs: Path, *, weights: Path | None = None, overwrite: bool = False, **budget
) -> Run:
    opened, limits = load_method(method), Budget(**budget)
    ready = opened.with_weights(weights) if weights else opened
    run, jobs = plan_run(ready, dataset, workspace=Workspace(runs, overwrite=overwrite), budget=limits)
    do_jobs(jobs, limits, what="restore")
    return run


def pictures(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.png"))}


def run_json(run: Run, key: str = "test/coffee") -> dict:
    return json.loads((run.folders[key] / "run.json").read_text())


def take_truth_away(dataset: Dataset) -> None:
    """Leave the blurry frames and the labels."""
    for clip in dataset.clips():
        for name in TRUTH_FOLDERS.values():
            shutil.rmtree(clip.folder / name)
        with h5py.File(clip.tracks_path, "a") as tracks:
            for name in [name for name in tracks if name != "labels"]:
                del tracks[name]


@pytest.mark.parametrize("method", ["warp_average", "reblur_blend", "a fit to the clip", "a trained network"])
def test_the_same_bytes_come_out_when_the_truth_is_gone(dataset, tmp_path, method):
    texts = {"a fit to the clip": FIT, "a trained network": NETWORK}
    name = method_file(tmp_path, texts[method]) if method in texts else method
    for clip in dataset.clips():
        ensure_labels(clip)

    def everything(runs: Path) -> dict[str, bytes]:
        weights = None
        if method == "a trained network":
            weights = train_method(load_method(name), dataset, workspace=Workspace(runs))
        restore(name, dataset, runs, weights=weights)
        frames = {name: found for name, found in pictures(runs).items() if Path(name).stem.isdigit()}
        return frames | ({"weights": weights.read_bytes()} if weights else {})

    with_truth = everything(tmp_path / "with")
    assert len(with_truth) == 12 + (method == "a trained network")
    take_truth_away(dataset)
    assert dataset.clips()[0].truth("mid") is None
    assert everything(tmp_path / "without") == with_truth


def test_labels_come_from_the_blurry_frames_alone(dataset):
    clip = dataset.clips()[0]
    first = labels_of(clip)
    take_truth_away(dataset)
    again = labels_of(clip)
    np.testing.assert_array_equal(again.is_sharp, first.is_sharp)
    np.testing.assert_array_equal(again.sharpness, label_paper(clip.blurry()).sharpness)


def test_a_run_over_clips_without_labels_writes_none_and_has_the_digest_of_one_with_them(dataset, tmp_path):
    before = {clip.name: clip.tracks_path.read_bytes() for clip in dataset.clips()}
    first = restore("warp_average", dataset, tmp_path / "runs")
    assert {clip.name: clip.tracks_path.read_bytes() for clip in dataset.clips()} == before
    for clip in dataset.clips():
        ensure_labels(clip)
    again, jobs = plan_run(load_method("warp_average"), dataset, workspace=Workspace(tmp_path / "runs"))
    assert (again.digest, jobs) == (first.digest, [])


def test_stored_labels_are_read_whoever_stored_them(dataset):
    clip = dataset.clips()[0]
    write_labels(clip, select_sharp(np.array([9.0, 1, 1, 1, 1, 9])))  # somebody's hand
    assert labels_of(clip).selected.tolist() == [0, 5]


def test_a_run_has_one_picture_a_frame_under_the_inputs_names(dataset, tmp_path):
    run = restore("blurry", dataset, tmp_path / "runs")
    assert sorted(run.folders) == ["test/coffee", "test/cup"]
    for clip in dataset.clips():
        folder = run.folders[f"test/{clip.name}"]
        assert folder == tmp_path / "runs/blurry/demo/test" / clip.name
        assert folder == run_folder(tmp_path / "runs", "blurry", "demo", clip)
        names = {path.name for path in (clip.folder / "blur").iterdir()}
        assert {path.name for path in folder.iterdir()} == names | {"run.json", "frame_scores.csv"}
        np.testing.assert_array_equal(read_clip(folder), clip.blurry())


def test_run_json_tells_what_made_the_frames(dataset, tmp_path):
    method = load_method(method_file(tmp_path, FIT))
    found = run_json(restore(method.reference, dataset, tmp_path / "runs", seed=3))
    assert found["method"] == "small"
    assert found["recipe"] == method.recipe.values.model_dump(mode="json")
    assert found["recipe"]["settings"]["fit"]["stage1_steps"] == 2
    assert found["recipe"]["settings"]["pass_through"] is True  # defaults are told too
    assert found["recipe_digest"] == method.digest
    assert (found["dataset"], found["clip"], found["seed"], found["device"]) == ("demo", "test/coffee", 3, "cpu")
    assert found["weights_sha256"] is None
    assert found["versions"]["hvdbench"] == __version__
    assert {"numpy", "opencv-python", "torch"} <= set(found["versions"])
    assert found["seconds_per_frame"] > 0
    assert {"exposure_share", "passed_through"} <= set(found["facts"])


def test_run_json_tells_how_a_network_was_run(dataset, tmp_path):
    method = load_method(method_file(tmp_path, NETWORK))
    weights = train_method(method, dataset, workspace=Workspace(tmp_path / "runs"))
    asked = InferenceOptions(window=4, tile=100)
    found = run_json(restore(method.reference, dataset, tmp_path / "runs", weights=weights, inference=asked))
    assert found["inference_asked"] == {"precision": "float32", "window": 4, "tile": 100}
    plan = found["facts"]["inference"]
    assert (plan["window"], plan["overlap"], plan["tile"], plan["device"]) == (4, 1, [100, 100], "cpu")
    assert found["facts"]["plan"] == "windows of 4 frames, 1 of overlap, tiles of 100x100 px, float32 on cpu"
    assert found["frames_per_s"] > 0
    assert found["peak_bytes"] > 1 << 20


def test_a_method_is_told_which_clip_it_restores(dataset, tmp_path, monkeypatch):
    asked = []

    def remember(scheme, blurry, labels, budget):
        asked.append(budget.clip)
        return Restoration(blurry)

    monkeypatch.setattr(Blurry, "restore", remember)
    restore("blurry", dataset, tmp_path)
    assert asked == ["test/coffee", "test/cup"]


def test_finished_clips_are_skipped_and_left_as_they_are(dataset, tmp_path):
    first = restore("warp_average", dataset, tmp_path)
    files = [path for path in (tmp_path / "warp_average").rglob("*") if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in files}
    run, jobs = plan_run(load_method("warp_average"), dataset, workspace=Workspace(tmp_path))
    assert jobs == []
    assert run == first
    assert {path: path.stat().st_mtime_ns for path in files} == before


def test_only_the_clips_that_are_missing_are_made(dataset, tmp_path):
    run = restore("warp_average", dataset, tmp_path)
    kept = (run.folders["test/coffee"] / "00000000.png").stat().st_mtime_ns
    shutil.rmtree(run.folders["test/cup"])
    _, jobs = plan_run(load_method("warp_average"), dataset, workspace=Workspace(tmp_path))
    assert [job.clip.name for job in jobs] == ["cup"]
    do_jobs(jobs, Budget(), what="restore")
    assert (run.folders["test/coffee"] / "00000000.png").stat().st_mtime_ns == kept
    assert plan_run(load_method("warp_average"), dataset, workspace=Workspace(tmp_path))[1] == []


def test_a_run_from_other_settings_is_refused_until_overwriting_is_asked_for(dataset, tmp_path):
    one = method_file(tmp_path, 'title = "a"\nscheme = "warp_average"\n')
    run = restore(one, dataset, tmp_path / "runs")
    method_file(tmp_path, 'title = "a"\nscheme = "warp_average"\n[settings]\nmask_scale = 2.0\n')
    with pytest.raises(DatasetError, match=r"coffee contains a run from other settings: use --overwrite"):
        plan_run(load_method(one), dataset, workspace=Workspace(tmp_path / "runs"))
    assert run_json(run)["recipe"]["settings"]["mask_scale"] == 0.5
    again = restore(one, dataset, tmp_path / "runs", overwrite=True)
    assert run_json(again)["recipe"]["settings"]["mask_scale"] == 2.0
    assert again.digest != run.digest


@pytest.mark.parametrize("what", ["seed", "setting", "labels", "weights", "frames", "precision", "window", "tile"])
def test_the_digest_changes_with_everything_that_changes_the_frames(dataset, tmp_path, what):
    text = 'title = "a"\nscheme = "warp_average"\n'
    name = method_file(tmp_path, text)

    def digest(**options) -> str:
        return plan_run(load_method(name), dataset, workspace=Workspace(tmp_path), budget=Budget(**options))[0].digest

    before = digest()
    assert digest() == before
    if what == "seed":
        assert digest(seed=1) != before
    elif what == "setting":
        method_file(tmp_path, text + '[settings]\nflow = "fast"\n')
        assert digest() != before
        method_file(tmp_path, text + '[settings]\nflow = "medium"\n')  # the default, said aloud
        assert digest() == before
        method_file(tmp_path, 'title = "reworded"\nscheme = "warp_average"\n')
        assert digest() == before
    elif what == "labels":
        write_labels(dataset.clips()[0], select_sharp(np.arange(6.0)))
        assert digest() != before
    elif what == "weights":
        trained = load_method(method_file(tmp_path, NETWORK, "trained"))
        for number in (1, 2):
            (tmp_path / f"{number}.safetensors").write_bytes(bytes([number]))
        found = [
            plan_run(trained.with_weights(tmp_path / f"{number}.safetensors"), dataset, workspace=Workspace(tmp_path))
            for number in (1, 2, 1)
        ]
        assert found[0][0].digest != found[1][0].digest
        assert found[0][0].digest == found[2][0].digest
    elif what in ("precision", "window", "tile"):
        asked = InferenceOptions(**{what: {"precision": "bfloat16", "window": 4, "tile": (32, 48)}[what]})
        assert digest(inference=asked) != before
        assert digest(inference=InferenceOptions()) == before
    else:
        clips = dataset.manifest["clips"] | {"test/cup": "another"}
        dataset = replace(dataset, manifest=dict(dataset.manifest) | {"clips": clips})
        assert digest() != before


def test_a_failure_leaves_no_half_made_clip(dataset, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(Blurry, "restore", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        restore("blurry", dataset, tmp_path)
    assert not list(tmp_path.glob("blurry/**/*.png"))
    monkeypatch.undo()
    restore("blurry", dataset, tmp_path)
    assert len(pictures(tmp_path / "blurry")) == 12


@pytest.mark.slow
def test_two_processes_give_the_bytes_of_one(dataset, tmp_path):
    name = method_file(tmp_path, FIT)
    restore(name, dataset, tmp_path / "one")
    restore(name, dataset, tmp_path / "two", engine=Engine(2), workers=2)
    assert pictures(tmp_path / "one") == pictures(tmp_path / "two")


def test_trained_weights_are_used_again(dataset, tmp_path):
    method = load_method(method_file(tmp_path, NETWORK))
    path = train_method(method, dataset, workspace=Workspace(tmp_path / "runs"))
    assert path == tmp_path / "runs/small/demo/weights.safetensors"
    before = path.stat().st_mtime_ns
    assert train_method(method, dataset, workspace=Workspace(tmp_path / "runs")) == path
    assert path.stat().st_mtime_ns == before

    facts = json.loads(path.with_name("train.json").read_text())
    assert facts["weights_sha256"] == file_sha256(path)
    assert facts["truth_read"] is False
    assert facts["clips"] == ["test/coffee", "test/cup"]
    assert facts["facts"]["steps"] == 3

    runs = tmp_path / "runs"
    with pytest.raises(DatasetError, match="weights from other settings: use --overwrite"):
        train_method(method, dataset, workspace=Workspace(runs), budget=Budget(seed=1))
    train_method(method, dataset, workspace=Workspace(runs, overwrite=True), budget=Budget(seed=1))
    assert json.loads(path.with_name("train.json").read_text())["seed"] == 1
    assert file_sha256(path) != facts["weights_sha256"]


def test_damaged_weights_are_trained_again_only_when_asked(dataset, tmp_path):
    method = load_method(method_file(tmp_path, NETWORK))
    path = train_method(method, dataset, workspace=Workspace(tmp_path / "runs"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(DatasetError):
        train_method(method, dataset, workspace=Workspace(tmp_path / "runs"))
    train_method(method, dataset, workspace=Workspace(tmp_path / "runs", overwrite=True))
    assert path.read_bytes() == whole


def test_a_tiny_training_keeps_its_name_and_its_weights_load(dataset, tmp_path):
    method = load_method(method_file(tmp_path, NETWORK) + "@tiny")
    assert method.name == "small@tiny"
    path = train_method(method, dataset, workspace=Workspace(tmp_path / "runs"))
    assert path.parent == tmp_path / "runs/small@tiny/demo"
    assert json.loads(path.with_name("train.json").read_text())["facts"]["steps"] == 2

    stored = load_checkpoint(path)
    loaded = method.with_weights(path).open().state_dict()
    assert set(stored) == set(loaded)
    assert all(np.array_equal(stored[key], loaded[key]) for key in stored)

    run = restore(method.reference, dataset, tmp_path / "runs", weights=path)
    found = run_json(run)
    assert found["method"] == "small@tiny"
    assert found["weights_sha256"] == file_sha256(path)


def test_a_trained_method_without_weights_is_refused(dataset, tmp_path):
    name = method_file(tmp_path, NETWORK)
    with pytest.raises(WeightsError, match="'small' needs weights"):
        restore(name, dataset, tmp_path / "runs")
    assert [path for path in (tmp_path / "runs").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("damage", ["run.json", "00000003.png"])
def test_overwriting_mends_a_damaged_run(dataset, tmp_path, damage):
    run = restore("blurry", dataset, tmp_path)
    before = pictures(tmp_path)
    path = run.folders["test/cup"] / damage
    path.write_text("{") if damage == "run.json" else path.unlink()
    restore("blurry", dataset, tmp_path, overwrite=True)
    assert pictures(tmp_path) == before
    assert run_json(run, "test/cup")["method"] == "blurry"


def test_arguments_that_a_network_does_not_take_are_answered(dataset, tmp_path):
    name = method_file(tmp_path, NETWORK.replace("mid_channels", "channels", 1))
    with pytest.raises(InputError, match="cannot be made with channels = "):
        train_method(load_method(name), dataset, workspace=Workspace(tmp_path / "runs"))


def test_a_method_borrows_by_its_own_labeller_and_is_scored_on_the_frames_of_all_methods(dataset, tmp_path):
    name = method_file(tmp_path, 'title = "x"\nscheme = "warp_average"\n[settings]\nlabeller = "clues"\n')
    run = restore(name, dataset, tmp_path / "runs")
    clip = dataset.clips()[0]
    told, clues = run_json(run, f"{clip.split}/{clip.name}"), labels_of(clip, "clues")
    assert (told["labeller"], told["selected"]) == ("clues", clues.selected.tolist())
    restored = read_clip(run.folders[f"{clip.split}/{clip.name}"])
    expected = load_method(name).restore(clip.blurry(), clues, Budget()).frames
    np.testing.assert_array_equal(restored, expected)
    table = read_scores(RunClip(run.folders[f"{clip.split}/{clip.name}"], clip), labels_of(clip))
    frames = table.drop_duplicates("frame").sort_values("frame")
    assert frames["selected"].tolist() == labels_of(clip).is_selected.tolist()


def test_a_verdict_that_changes_what_is_passed_through_makes_the_run_another(dataset, tmp_path):
    name = method_file(tmp_path, 'title = "x"\nscheme = "warp_average"\n[settings]\nlabeller = "clues"\n')
    digests = set()
    for is_sharp in (True, False):
        for clip in dataset.clips():
            labels = labels_of(clip, "clues")
            write_labels(clip, replace(labels, is_sharp=np.full(len(labels.is_sharp), is_sharp)))
        digests.add(plan_run(load_method(name), dataset, workspace=Workspace(tmp_path / "runs"))[0].digest)
    assert len(digests) == 2
