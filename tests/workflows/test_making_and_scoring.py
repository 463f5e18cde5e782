"""What stands in where nothing was configured, what is refused, and what an evaluation enters on a board."""

import dataclasses
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hvdbench.boards.files import read_board
from hvdbench.errors import DatasetError, FitError, InputError, StrictError, UnknownNameError, WeightsError
from hvdbench.methods.blurry import Blurry
from hvdbench.methods.inference import network_restoration
from hvdbench.methods.inference.estimate import Estimate
from hvdbench.methods.inference.network_restoration import tell_if_long
from hvdbench.methods.inference.options import InferenceOptions
from hvdbench.methods.inference.plan import InferencePlan
from hvdbench.methods.restoration import Budget
from hvdbench.recipe import load_recipe
from hvdbench.runs import restoring as runs
from hvdbench.store import Dataset
from hvdbench.synth.settings import DatasetSettings
from hvdbench.workflows.datasets import SynthRequest, accuracy_rows, find_dataset, label, synth
from hvdbench.workflows.evaluate import evaluate
from hvdbench.workflows.train import made_from, train
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.fallback import Fallback
from hvdbench.workspace.manifest import file_sha256
from hvdbench.workspace.paths import home_folder
from hvdbench.workspace.workspace import Workspace

ONE = Engine(1)
LAX = Fallback()
STRICT = Fallback(strict=True)
STRICTLY = Workspace(strict=True)
SMALL = {"size": [64, 48], "frames_per_clip": 6, "clips": ["coffee", "cup"]}
QUICK = {
    "stage[12]_steps": 1,
    "channels": 4,
    "blocks": 1,
    "patch_px": 16,
    "batch": 2,
    "crop_px": 32,
    "clip_frames": 3,
    "steps": 2,
    "loss_samples": 0,
    "frames_per_clip": 6,
    "size": SMALL["size"],
    r"clips(?= = \[)": SMALL["clips"],
}


WITHOUT_WEIGHTS = """
based_on = "selfhvd_estrnn"
[settings]
network = "estrnn@tiny"
[settings.flow]
model = "dis_medium"
[settings.perceptual]
weight = 0
"""


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch) -> Path:
    """Work in an empty folder, with the installation's recipes at a size of seconds."""
    home = tmp_path / "home"
    shutil.copytree(home_folder("recipes"), home / "recipes")
    for path in home.glob("recipes/*/*.toml"):
        text = path.read_text()
        for key, value in QUICK.items():
            new = json.dumps(value)
            text = re.sub(rf'(?m)^({key}) = [^"\n].*$', lambda found, new=new: f"{found[1]} = {new}", text)
        if path.parent.name == "datasets" and path.stem == "goproshake":
            text = f"size = {json.dumps(SMALL['size'])}\n{text}"
        path.write_text(text)
    (home / "recipes" / "methods" / "selfhvd_quick.toml").write_text(WITHOUT_WEIGHTS)
    for variable in ("HVDBENCH_GOPRO_ROOT", "HVDBENCH_FOLDER_ROOT", "HVDBENCH_STRICT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HVDBENCH_HOME", str(home))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "demo"
    synth(SynthRequest("demo", out=folder, overrides=SMALL), fallback=LAX, engine=ONE)
    return folder


@pytest.fixture
def demo(made) -> Dataset:
    """Two clips of six frames, copied to where they may be labelled."""
    shutil.copytree(made, "demo")
    return Dataset.open(Path("demo"))


@pytest.fixture
def shaken(demo) -> Dataset:
    """The same under the name and origin of a full dataset."""
    path = demo.folder / "dataset.json"
    path.write_text(json.dumps(dict(demo.manifest) | {"origin": "simulated", "name": "goproshake-hvdbench-1"}))
    return Dataset.open(demo.folder)


def warnings_of(caplog) -> list[str]:
    """Return what was said of fallbacks."""
    return [
        r.getMessage() for r in caplog.records if r.levelname == "WARNING" and r.name == "hvdbench.workspace.fallback"
    ]


def whole(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.png"))}


def test_embedded_scenes_stand_in_for_a_root_that_nobody_named(caplog):
    request = SynthRequest(trajectories="handheld_simulated", overrides=SMALL)
    dataset = synth(request, fallback=LAX, engine=ONE)
    assert dataset.folder == Path("datasets/demo-goproshake")
    assert (dataset.name, dataset.origin) == ("demo-goproshake-hvdbench-1", "demo")
    assert dataset.clips()[0].attributes()["origin"] == "demo"
    (warning,) = warnings_of(caplog)
    assert "'gopro'" in warning
    assert "HVDBENCH_GOPRO_ROOT" in warning
    assert "embedded sample scenes" in warning


def test_a_source_of_others_without_a_root_is_asked_and_nothing_stands_in_for_it(at_home, monkeypatch):
    (at_home / "their_scenes.py").write_text(
        "from hvdbench.sources.sample import SampleSource\nclass Theirs(SampleSource): ...\n"
    )
    monkeypatch.setattr("sys.path", [*sys.path])
    request = SynthRequest(source="their_scenes:Theirs", trajectories="handheld_simulated", overrides=SMALL)
    dataset = synth(request, fallback=STRICT, engine=ONE)
    assert (dataset.folder, dataset.origin) == (Path("datasets/goproshake"), "simulated")
    assert dataset.manifest["recipe"]["source"] == "their_scenes:Theirs"


OWN = """
name = "night-walks"
title = "Walks at night"
source = "gopro"
clips = ["GOPR0372_07_00"]
trajectories = "handheld_simulated"
seed = 5
size = [64, 48]
frames_per_clip = 2
fps = 24
exposure_share = [0.3, 0.4]
hand = { hold = 1.0 }
stroke_deg = [0.2, 0.3]
focal_per_width = 0.9
[ois]
kind = "sensor_shift"
leak_hz = 0.2
"""


def test_only_the_scenes_are_replaced_and_the_rest_of_a_recipe_stays(caplog):
    Path("walks.toml").write_text(OWN)
    dataset = synth(SynthRequest("walks.toml"), fallback=LAX, engine=ONE)
    recipe = dict(dataset.manifest["recipe"])
    assert {key: recipe[key] for key in ("seed", "fps", "exposure_share", "hand", "stroke_deg", "focal_per_width")} == {
        "seed": 5,
        "fps": 24,
        "exposure_share": [0.3, 0.4],
        "hand": {"hold": 1.0},
        "stroke_deg": [0.2, 0.3],
        "focal_per_width": 0.9,
    }
    assert (recipe["ois"]["kind"], recipe["ois"]["leak_hz"]) == ("sensor_shift", 0.2)
    assert (recipe["source"], recipe["trajectories"]) == ("sample", "handheld_simulated")
    assert {clip.split for clip in dataset.clips()} == {"train", "test"}
    assert (dataset.name, dataset.folder) == ("demo-night-walks", Path("datasets/demo-walks"))
    (warning,) = warnings_of(caplog)
    assert warning.endswith(
        "hvdbench uses the recipe 'walks', otherwise unchanged, with the embedded sample scenes in place of the clips "
        "GOPR0372_07_00 instead"
    )


def test_a_recipe_that_asks_for_the_embedded_scenes_keeps_its_name_on_boards(caplog):
    Path("walks.toml").write_text(OWN.replace("gopro", "sample").replace("GOPR0372_07_00", "coffee"))
    dataset = synth(SynthRequest("walks.toml"), fallback=STRICT, engine=ONE)
    assert (dataset.name, dataset.folder, dataset.origin) == ("night-walks", Path("datasets/walks"), "demo")
    result = evaluate("blurry", dataset, workspace=STRICTLY)
    assert result.board == Path("leaderboards/night-walks.csv")
    assert set(read_board(result.board)["dataset"]) == {"night-walks"}


def test_a_tiny_dataset_never_has_the_name_of_the_full_one():
    Path("walks.toml").write_text(
        OWN.replace("gopro", "sample").replace("GOPR0372_07_00", "coffee") + "[tiny]\nfps = 25\n"
    )
    tiny = synth(SynthRequest("walks.toml@tiny"), fallback=STRICT, engine=ONE)
    assert (tiny.name, tiny.folder) == ("night-walks@tiny", Path("datasets/walks@tiny"))
    assert evaluate("blurry", tiny, workspace=STRICTLY).board == Path("leaderboards/night-walks@tiny.csv")


def test_embedded_scenes_that_were_asked_for_in_place_of_a_recipes_source_do_not_take_its_name():
    Path("walks.toml").write_text(OWN.replace('clips = ["GOPR0372_07_00"]', 'clips = ["coffee"]'))
    dataset = synth(SynthRequest("walks.toml", source="sample"), fallback=STRICT, engine=ONE)
    assert (dataset.name, dataset.folder, dataset.origin) == ("demo-night-walks", Path("datasets/demo-walks"), "demo")


THEIRS = """
class Theirs:
    def __init__(self, options):
        self.folder = options.root
    def scenes(self):
        return sorted((self.folder / "clips").iterdir())
"""


def test_a_source_of_others_that_needs_a_folder_and_has_none_is_an_error_of_one_sentence(at_home, monkeypatch, caplog):
    (at_home / "their_folder.py").write_text(THEIRS)
    monkeypatch.setattr("sys.path", [*sys.path])
    request = SynthRequest(source="their_folder:Theirs", trajectories="handheld_simulated", overrides=SMALL)
    with pytest.raises(InputError) as caught:
        synth(request, fallback=LAX, engine=ONE)
    assert str(caught.value) == (
        "source 'their_folder:Theirs' failed as it listed its scenes: TypeError: unsupported operand type(s) for /: "
        "'NoneType' and 'str'; no folder was given to it, and nothing replaces such a source: name one with --root"
    )
    assert warnings_of(caplog) == []
    assert not Path("datasets").exists()


def test_one_warning_tells_of_all_that_stands_in(caplog):
    dataset = synth(SynthRequest(overrides=SMALL), fallback=LAX, engine=ONE)
    assert dataset.origin == "demo"
    (warning,) = warnings_of(caplog)
    assert all(word in warning for word in ("'gopro'", "MonST3R", "embedded sample scenes", "simulated"))
    assert dataset.manifest["recipe"]["trajectories"] == "handheld_simulated"


def test_the_demo_recipe_asks_for_what_is_embedded_and_warns_of_nothing(caplog):
    dataset = synth(SynthRequest("demo"), fallback=STRICT, engine=ONE)
    assert (dataset.name, dataset.origin) == ("demo", "demo")
    assert warnings_of(caplog) == []


@pytest.mark.parametrize("request_", [SynthRequest(), SynthRequest(trajectories="handheld_simulated")])
def test_nothing_stands_in_in_strict_mode(request_):
    with pytest.raises(StrictError, match=r"in strict mode hvdbench does not fall back on"):
        synth(request_, fallback=STRICT, engine=ONE)
    assert not Path("datasets").exists()


@pytest.mark.parametrize(("value", "strict"), [("1", True), ("yes", True), ("0", False), ("", False)])
def test_the_environment_can_ask_for_strictness(monkeypatch, value, strict):
    monkeypatch.setenv("HVDBENCH_STRICT", value)
    assert Fallback.from_environment(False).strict is strict
    assert Fallback.from_environment(True).strict


def test_a_root_that_was_named_and_is_missing_is_an_error_not_a_fallback(monkeypatch, caplog):
    request = SynthRequest(trajectories="handheld_simulated", root=Path("nowhere"), overrides=SMALL)
    with pytest.raises(InputError, match="nowhere does not exist: name the folder"):
        synth(request, fallback=LAX, engine=ONE)
    monkeypatch.setenv("HVDBENCH_GOPRO_ROOT", "elsewhere")
    with pytest.raises(InputError, match="HVDBENCH_GOPRO_ROOT names elsewhere"):
        synth(SynthRequest(trajectories="handheld_simulated", overrides=SMALL), fallback=LAX, engine=ONE)
    assert warnings_of(caplog) == []
    assert not Path("datasets").exists()


@pytest.mark.parametrize("request_", [SynthRequest("goproshaek"), SynthRequest(trajectories="handheld_simulatd")])
def test_a_name_that_is_mistyped_is_an_error_not_a_fallback(request_):
    with pytest.raises(UnknownNameError, match="did you mean"):
        synth(request_, fallback=LAX, engine=ONE)


def test_a_named_folder_must_be_a_dataset():
    with pytest.raises(DatasetError, match=r"somewhere is not a dataset: it contains no dataset\.json"):
        find_dataset(Path("somewhere"))


def test_the_usual_dataset_is_taken_where_none_is_named(demo, caplog):
    shutil.copytree(demo.folder, "datasets/goproshake")
    found = find_dataset(None, workspace=STRICTLY)
    assert found.folder == Path("datasets/goproshake")
    assert warnings_of(caplog) == []


def test_labels_are_compared_with_the_oracle_where_there_is_one(demo):
    found = label(demo)
    assert [entry.clip.name for entry in found] == ["coffee", "cup"]
    for entry, line in zip(found, accuracy_rows(found), strict=True):
        oracle = entry.clip.track("oracle/class")
        right = [bool(sharp) == (c == 0) for sharp, c in zip(entry.labels.is_sharp, oracle, strict=True) if c != 1]
        assert entry.accuracy.accuracy == pytest.approx(np.mean(right))
        assert line.startswith(f"{entry.clip.name}: {entry.labels.is_sharp.sum()} of 6 frames selected; against the")
    found[0].clip.edit_tracks(lambda tracks: tracks.__delitem__("oracle"))
    first = label(demo)[0]
    assert first.accuracy is None
    assert accuracy_rows([first])[0].endswith("frames selected")


def test_a_fit_from_weights_of_hvdbench_stands_in_beside_its_start_and_the_control(shaken, caplog):
    result = evaluate("selfhvd_basicvsrpp", shaken)
    (warning,) = warnings_of(caplog)
    assert "no trained weights for 'selfhvd_basicvsrpp'" in warning
    assert "'selfhvd_basicvsrpp_small', a small network that starts from weights of hvdbench" in warning
    board = read_board(result.board)
    made_from = board.groupby("method")["source"].agg(lambda texts: " | ".join(sorted(set(texts))))
    assert set(made_from.index) == {"blurry", "warp_average", "basicvsrpp_pretrained", "selfhvd_basicvsrpp_small"}
    assert made_from["basicvsrpp_pretrained"].startswith("weights 'basicvsrpp_pretrained' of hvdbench, trained on")
    assert made_from["selfhvd_basicvsrpp_small"].startswith(
        "trained on the scored clips themselves, no truth read, from the weights 'basicvsrpp_pretrained' of hvdbench; "
    )
    assert re.search(
        r"(above|not above|below) its start 'basicvsrpp_pretrained': [+-]\d\.\d\d dB PSNR centroid over 2 clips, \[",
        made_from["selfhvd_basicvsrpp_small"],
    )
    origins = board.groupby("method")["origin"].agg(set)
    assert origins["selfhvd_basicvsrpp_small"] == {"demo"}
    assert origins["basicvsrpp_pretrained"] == {"simulated"}
    again = evaluate("selfhvd_basicvsrpp_small", shaken, workspace=STRICTLY)  # its own name needs no stand-in
    assert again.run == result.run
    assert len(warnings_of(caplog)) == 1


def test_a_tiny_fit_from_scratch_stands_in_for_weights_and_its_rows_say_so(shaken, caplog):
    result = evaluate("selfhvd_basicvsrpp", shaken, from_scratch=True)
    (warning,) = warnings_of(caplog)
    assert "no trained weights for 'selfhvd_basicvsrpp'" in warning
    assert "'selfhvd_basicvsrpp@tiny'" in warning
    board = read_board(result.board)
    assert result.board == Path("leaderboards/demo-goproshake.csv")
    assert set(board["method"]) == {"blurry", "selfhvd_basicvsrpp@tiny"}
    assert set(board.loc[board["method"] != "blurry", "origin"]) == {"demo"}
    assert Path("runs/selfhvd_basicvsrpp@tiny/goproshake-hvdbench-1/weights.safetensors").is_file()
    # asked for by its own name it is what it is, and the same fit
    again = evaluate("selfhvd_basicvsrpp@tiny", shaken, workspace=STRICTLY)
    assert again.run == result.run
    assert again.board == Path("leaderboards/goproshake.csv")
    assert set(again.rows["origin"]) == {"simulated"}


def test_no_tiny_fit_stands_in_in_strict_mode(demo):
    with pytest.raises(StrictError, match="no trained weights"):
        evaluate("selfhvd_basicvsrpp", demo, workspace=STRICTLY)
    assert not Path("runs").exists()


def test_named_weights_that_are_missing_are_an_error_not_a_fallback(demo, caplog):
    with pytest.raises(WeightsError, match=r"nowhere\.pth"):
        evaluate("selfhvd_basicvsrpp", demo, weights=Path("nowhere.pth"))
    assert warnings_of(caplog) == []
    assert not Path("runs").exists()


def test_weights_of_its_own_training_are_found(shaken, caplog):
    path = train("selfhvd_quick", shaken.folder, workspace=STRICTLY)
    assert path == Path("runs/selfhvd_quick/goproshake-hvdbench-1/weights.safetensors")
    result = evaluate("selfhvd_quick", shaken, workspace=STRICTLY)
    run_json = json.loads((result.run.folders["test/cup"] / "run.json").read_text())
    assert run_json["weights_sha256"] == file_sha256(path)
    assert set(result.rows["origin"]) == {"simulated"}
    assert warnings_of(caplog) == []


@pytest.fixture
def own_recipe(at_home, monkeypatch) -> str:
    """A recipe with a network of one's own, which inherits the rest; both lie in the current folder."""
    (at_home / "nets_of_mine.py").write_text("from made_training import OneFrame, ThreeFrames\n")
    monkeypatch.setattr("sys.path", [*sys.path])
    text = 'based_on = "supervised_estrnn"\n[settings]\nnetwork = "nets_of_mine:OneFrame"\nsplits = []\n'
    (at_home / "mine.toml").write_text(text)
    return "mine.toml"


def test_a_network_of_ones_own_stays_in_the_tiny_fit_of_its_recipe(shaken, own_recipe):
    result = evaluate(own_recipe, shaken, workspace=Workspace(trust=True))
    assert result.method == "mine@tiny"
    trained = json.loads(Path("runs/mine@tiny/goproshake-hvdbench-1/train.json").read_text())
    assert trained["recipe"]["settings"]["network"] == "nets_of_mine:OneFrame"


def test_weights_of_another_network_under_the_same_name_are_not_taken(shaken, own_recipe):
    trusting = Workspace(trust=True)
    path = train(own_recipe, shaken.folder, workspace=trusting)
    text = Path(own_recipe).read_text()
    Path(own_recipe).write_text(text.replace("[settings]", '[settings]\ntakes = "one"'))
    with pytest.raises(WeightsError, match=rf"{path} was trained with takes = None, which 'mine\.toml' no longer says"):
        evaluate(own_recipe, shaken, workspace=trusting)
    Path(own_recipe).write_text(text)
    assert evaluate(own_recipe, shaken, workspace=trusting).method == "mine"


def test_a_recipe_without_a_tiny_size_asks_for_a_training(demo, own_recipe):
    Path(own_recipe).write_text('title = "a"\nscheme = "supervised"\n[settings]\nnetwork = "nets_of_mine:OneFrame"\n')
    with pytest.raises(WeightsError, match=r"no trained weights for 'mine\.toml' .*, and no tiny size can be"):
        evaluate(own_recipe, demo, workspace=Workspace(trust=True))


def test_weights_of_several_other_trainings_must_be_named(demo):
    for name in ("one", "two"):
        folder = Path("runs/selfhvd_basicvsrpp") / name
        folder.mkdir(parents=True)
        (folder / "weights.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match=r"has weights in .*one, .*two: name one with --weights"):
        evaluate("selfhvd_basicvsrpp", demo)


def test_training_without_a_dataset_trains_the_tiny_size_on_embedded_scenes(caplog):
    path = train("selfhvd_basicvsrpp", None)
    assert path == Path("runs/selfhvd_basicvsrpp@tiny/demo-goproshake-hvdbench-1/weights.safetensors")
    assert any("'selfhvd_basicvsrpp@tiny'" in warning for warning in warnings_of(caplog))
    with pytest.raises(StrictError):
        train("selfhvd_basicvsrpp", None, workspace=Workspace(Path("other"), strict=True))


def test_supervised_training_runs_on_embedded_scenes_and_never_on_those_that_are_scored():
    path = train("supervised_estrnn@tiny", None)
    told = json.loads((path.parent / "train.json").read_text())
    assert told["clips"] == ["train/chelsea", "train/rocket"]
    assert told["truth_read"]
    dataset = find_dataset(None)
    assert made_from(dataset, path) == "trained on this dataset's clips of train, with their truth"


def test_the_embedded_recipe_with_a_train_split_is_the_demo_with_two_clips_more():
    plain, more = (load_recipe("datasets", name, DatasetSettings).values for name in ("demo", "demo_train"))
    assert more.model_copy(update={"title": plain.title, "clips": plain.clips}) == plain


def test_a_method_that_fits_each_clip_has_nothing_to_train(demo):
    with pytest.raises(InputError, match="use 'hvdbench eval' or 'deblur'"):
        train("selfhvd_fusion", demo.folder)


def test_an_evaluation_enters_what_its_frames_score(demo):
    result = evaluate("warp_average", demo, workspace=STRICTLY, budget=Budget(seed=4))
    scores = result.scores.frames
    assert len(scores) == 12
    expected = scores[scores["clip"] == "cup"]["psnr_centroid"].mean()
    board = read_board(result.board)
    row = board[(board["clip"] == "cup") & (board["truth"] == "centroid") & (board["subset"] == "all")]
    row = row[(row["metric"] == "psnr") & (row["method"] == "warp_average")].iloc[0]
    assert row["value"] == pytest.approx(expected)
    assert (row["method"], row["dataset"], row["origin"], row["seed"]) == ("warp_average", "demo", "demo", 4)
    assert row["dataset_digest"] == demo.digest
    assert row["run_digest"] == result.run.digest
    assert "hvdbench=" in row["versions"]


def test_a_second_evaluation_makes_nothing_and_writes_the_same_board(demo):
    evaluate("blurry", demo, workspace=STRICTLY)
    result = evaluate("warp_average", demo, workspace=STRICTLY)
    board, frames = result.board.read_bytes(), [path.stat().st_mtime_ns for path in Path("runs").rglob("*.png")]
    said = []
    evaluate("warp_average", demo, workspace=STRICTLY, budget=Budget(progress=lambda *what: said.append(what)))
    assert result.board.read_bytes() == board
    assert [path.stat().st_mtime_ns for path in Path("runs").rglob("*.png")] == frames
    assert said == []
    assert set(pd.read_csv(result.board)["method"]) == {"blurry", "warp_average"}


def test_a_dataset_without_truth_is_scored_by_what_needs_none(demo):
    for clip in demo.clips():
        shutil.rmtree(clip.folder / "sharp")
        shutil.rmtree(clip.folder / "sharp_centroid")
    with pytest.raises(DatasetError, match="differs from what was written"):
        evaluate("warp_average", demo, workspace=STRICTLY)
    digests = {f"{clip.split}/{clip.name}": clip.digest() for clip in demo.clips()}
    (demo.folder / "dataset.json").write_text(json.dumps(dict(demo.manifest) | {"clips": digests}))
    demo = Dataset.open(demo.folder)
    result = evaluate("warp_average", demo, workspace=STRICTLY, board="mine")
    board = read_board("mine")
    assert result.board == Path("leaderboards/mine.csv")
    assert set(board["truth"]) == {"none"}
    assert {"sharpness", "sharpness_ratio", "shift_px"} == set(board["metric"])


def test_a_method_named_by_its_file_keeps_the_origin_of_the_dataset(shaken):
    Path("mine.toml").write_text('title = "mine"\nscheme = "warp_average"\n')
    result = evaluate("mine.toml", shaken, workspace=STRICTLY)
    assert result.method == "mine"
    assert set(result.rows["origin"]) == {"simulated"}


def test_a_row_says_what_its_method_remarks(demo, monkeypatch):
    monkeypatch.setattr(Blurry, "remark", "flow: made up")
    result = evaluate("blurry", demo, workspace=STRICTLY)
    assert {text.rpartition("; ")[2] for text in result.rows["source"]} == {"flow: made up"}


def test_a_network_of_others_is_entered_under_the_name_it_is_given(demo):
    evaluate("blurry", demo, workspace=STRICTLY)
    asked = InferenceOptions(window=3, tile=40)
    result = evaluate(
        "made_networks:Identity",
        demo,
        workspace=STRICTLY,
        budget=Budget(inference=asked),
        label="theirs",
        board="demo",
    )
    assert result.method == "theirs"
    assert set(result.rows["source"]) == {"network made_networks:Identity as it is"}
    assert Path("runs/theirs/demo/test/cup/run.json").is_file()
    rows = read_board("demo").set_index("method")
    whole = rows[
        (rows["metric"] == "psnr") & (rows["truth"] == "mid") & (rows["subset"] == "all") & (rows["clip"] == "*")
    ]
    assert whole.loc["theirs", "value"] == whole.loc["blurry", "value"]
    with pytest.raises(DatasetError, match="another --runs folder"):
        evaluate("made_networks:Identity", demo, workspace=STRICTLY, label="theirs")


def test_a_network_that_is_going_to_run_long_is_told_of_before_it_starts(demo, monkeypatch):
    told: list[str] = []

    def run(least_px: int, limit_s: float, method: str = "made_networks:Identity") -> list[str]:
        monkeypatch.setattr(runs, "_LEAST_TO_MEASURE_PX", least_px)
        monkeypatch.setattr(network_restoration, "LONG_RUN_S", limit_s)
        told.clear()
        workspace, budget = Workspace(overwrite=True, strict=True), Budget(announce=told.append)
        evaluate(method, demo, workspace=workspace, budget=budget, label="theirs")
        return told

    assert run(10**6, 0.0) == []  # too little to measure for
    shutil.rmtree("runs")
    assert run(0, 3600.0) == []
    shutil.rmtree("runs/theirs/demo/test/cup")
    (line,) = run(0, 0.0)
    assert line.startswith("theirs: the whole clip, whole frames, float32 on cpu; 6 frames of 64x48 px: about ")
    assert run(0, 0.0) == []  # all is done
    shutil.rmtree("runs")
    (line,) = run(0, 0.0)
    assert line.startswith("theirs: 2 clips, about 1 s to restore; the first: the whole clip, ")
    shutil.rmtree("runs")
    with pytest.raises(FitError, match="not finite"):  # by the run, not by the measurement
        run(0, 0.0, "made_networks:NotFinite")


def test_clips_that_are_restored_at_once_share_the_time():
    estimate = Estimate((48, 64), 100, 1, 2, 1, seconds_frame=1.0)
    plan = InferencePlan(None, 0, None, 32, "float32", "cpu", estimate=estimate)
    told: list[str] = []
    tell_if_long(told.append, "a", [plan] * 3, workers=2)
    tell_if_long(told.append, "b", [plan], workers=2)
    tell_if_long(told.append, "c", [dataclasses.replace(plan, estimate=None)])
    tell_if_long(told.append, "d", [dataclasses.replace(plan, estimate=dataclasses.replace(estimate, frame_count=9))])
    assert [line.partition(";")[0] for line in told] == [
        "a: 3 clips, 2 at once, about 2 min 30 s to restore",
        "b: the whole clip, whole frames, float32 on cpu",
        "c: the whole clip, whole frames, float32 on cpu",
    ]


def test_a_folder_of_results_is_scored_as_it_lies_there(demo):
    frames = evaluate("warp_average", demo, workspace=STRICTLY)
    shutil.copytree("runs/warp_average/demo", "theirs")
    found = evaluate("theirs", demo, workspace=STRICTLY)
    assert set(found.rows["source"]) == {"frames restored elsewhere"}
    assert found.rows["value"].tolist() == frames.rows["value"].tolist()
    shutil.rmtree("theirs/test/cup")
    with pytest.raises(InputError, match=r"no frames for 1 of 2 clips \(test/cup\)"):
        evaluate("theirs", demo, workspace=STRICTLY)


def test_options_for_networks_are_refused_where_there_is_none(demo):
    with pytest.raises(InputError, match="'warp_average' does not run a network"):
        evaluate("warp_average", demo, workspace=STRICTLY, budget=Budget(inference=InferenceOptions("bfloat16")))


def test_a_board_says_what_a_run_was_made_from(tmp_path):
    dataset = Dataset(tmp_path, {"clips": {"test/a": "0", "train/b": "0"}})
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"numbers")
    assert made_from(dataset, None) == "made from each scored clip alone, no truth read"
    assert made_from(dataset, weights) == "weights weights.safetensors, trained elsewhere"
    training = {"weights_sha256": file_sha256(weights), "dataset": "here", "dataset_digest": dataset.digest}
    (tmp_path / "train.json").write_text(json.dumps(training))
    assert made_from(dataset, weights) == "trained on the scored clips themselves, no truth read"
    on_train = {"clips": ["train/b"], "truth_read": True}
    (tmp_path / "train.json").write_text(json.dumps(training | on_train))
    assert made_from(dataset, weights) == "trained on this dataset's clips of train, with their truth"
    (tmp_path / "train.json").write_text(json.dumps(training | {"dataset_digest": "another"}))
    assert made_from(dataset, weights) == "trained on here, no truth read"
    weights.write_bytes(b"other numbers")
    assert made_from(dataset, weights) == "weights weights.safetensors, trained elsewhere"
