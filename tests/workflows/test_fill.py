"""A board that is filled by the methods of its recipe: SelfHVD's Table 2, end to end and in its parts."""

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import made_release
import numpy as np
import pytest
from click.testing import CliRunner
from made_release import make_release

from hvdbench.boards.files import read_board
from hvdbench.boards.settings import board_settings
from hvdbench.cli.main import cli
from hvdbench.dataset.importing import AdoptRequest, adopt
from hvdbench.errors import DatasetError, InputError, RecipeError, StrictError, TrustError, WeightsError
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget
from hvdbench.store import Dataset
from hvdbench.workflows import fill as filling
from hvdbench.workflows.fill import fill
from hvdbench.workspace.workspace import Workspace

STAGES = ("preprocessing", "flow", "labels", "training", "restoring")


@dataclass
class Calls:
    """What the workflow trained and scored, in place of doing it."""

    trained: list[tuple[str, int | None]] = field(default_factory=list)
    scored: list[dict[str, Any]] = field(default_factory=list)
    missing: tuple[str, ...] = ()

    def train(self, name: str, data: Path, *, workspace: Workspace, budget: Budget) -> Path:
        if name in self.missing:
            raise WeightsError(f"the weights of {name} are missing")
        self.trained.append((name, budget.steps))
        return data / f"{name}.safetensors"

    def evaluate(self, method: Method | str, dataset: Dataset, **options: Any) -> str:
        name = method if isinstance(method, str) else method.reference
        self.scored.append({"method": name, "dataset": dataset.name, "fitted": method} | options)
        return name


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    found = Calls()
    monkeypatch.setattr(filling, "train", found.train)
    monkeypatch.setattr(filling, "evaluate", found.evaluate)
    return found


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    make_release(folder / "rbvd", "rbvd")
    return adopt(AdoptRequest(folder / "rbvd", "rbvd", folder / "data", incomplete=True)).dataset.folder


def board(tmp_path: Path, methods: list[str], more: str = "") -> str:
    path = tmp_path / "mine.toml"
    path.write_text(f'title = "Mine"\ndataset = "any"\nmethods = {json.dumps(methods)}\n{more}\n')
    return str(path)


def test_a_trained_method_is_trained_on_the_dataset_in_the_boards_steps_and_scored(
    tmp_path: Path, data: Path, calls: Calls
) -> None:
    name = board(tmp_path, ["selfhvd_estrnn@tiny", "warp_average"], 'steps = 7\nmetrics = ["efficiency"]')
    found = fill(name, [data], workspace=Workspace(), budget=Budget())
    assert list(map(str, found)) == ["selfhvd_estrnn@tiny", "warp_average"]
    assert calls.trained == [("selfhvd_estrnn@tiny", 7)]
    first, second = calls.scored
    assert (first["weights"], first["board"]) == (data / "selfhvd_estrnn@tiny.safetensors", "mine")
    assert first["asked"].metrics == ("efficiency",)
    assert second.get("weights") is None
    list(fill(name, [data], workspace=Workspace(), budget=Budget(steps=3)))
    assert calls.trained[-1] == ("selfhvd_estrnn@tiny", 3)


def test_methods_may_be_trained_on_another_dataset_than_the_scored_one(
    tmp_path: Path, data: Path, calls: Calls
) -> None:
    name = board(tmp_path, ["selfhvd_estrnn@tiny", "warp_average"])
    other = tmp_path / "other"
    list(fill(name, [data], workspace=Workspace(), budget=Budget(), train_data=other))
    first, second = calls.scored
    assert first["weights"] == other / "selfhvd_estrnn@tiny.safetensors"
    assert {one["dataset"] for one in calls.scored} == {Dataset.open(data).name}
    assert second.get("weights") is None


def test_what_is_fitted_or_trained_is_made_for_each_seed_in_a_folder_of_its_own(
    tmp_path: Path, data: Path, calls: Calls
) -> None:
    name = board(tmp_path, ["selfhvd_estrnn@tiny", "selfhvd_fusion", "warp_average"], "seeds = [0, 4]")
    found = list(map(str, fill(name, [data], workspace=Workspace(), budget=Budget())))
    assert found == ["selfhvd_estrnn@tiny", "selfhvd_fusion", "warp_average", "selfhvd_estrnn@tiny", "selfhvd_fusion"]
    assert [one["budget"].seed for one in calls.scored] == [0, 0, 0, 4, 4]
    assert {str(one["workspace"].runs) for one in calls.scored} == {"runs/seed_0", "runs/seed_4"}
    calls.scored.clear()
    list(fill(name, [data], workspace=Workspace(), budget=Budget(), seeds=[7]))
    assert [(one["budget"].seed, str(one["workspace"].runs)) for one in calls.scored] == [(7, "runs")] * 3
    with pytest.raises(RecipeError, match="list each seed once"):
        list(fill(board(tmp_path, ["warp_average"], "seeds = [1, 1]"), [data], workspace=Workspace(), budget=Budget()))


def test_a_method_that_is_fitted_to_each_clip_gets_the_same_steps(tmp_path: Path, data: Path, calls: Calls) -> None:
    list(fill(board(tmp_path, ["selfhvd_fusion"], "steps = 12"), [data], workspace=Workspace(), budget=Budget()))
    assert calls.trained == []
    assert calls.scored[0]["fitted"].scheme.fit_steps == 12


def test_a_start_that_is_missing_is_replaced_by_the_small_one_that_comes_along(
    tmp_path: Path, data: Path, calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    calls.missing = ("selfhvd_estrnn_testtime",)
    name = board(tmp_path, ["selfhvd_estrnn_testtime"], "steps = 5")
    list(fill(name, [data], workspace=Workspace(), budget=Budget()))
    assert calls.trained == [("selfhvd_estrnn_testtime_small", 5)]
    assert calls.scored[0]["method"] == "selfhvd_estrnn_testtime_small"
    assert "the weights of selfhvd_estrnn_testtime are missing" in caplog.text
    with pytest.raises(StrictError):
        list(fill(name, [data], workspace=Workspace(strict=True), budget=Budget()))


def test_a_fit_whose_start_is_missing_gives_way_to_its_small_recipe(
    tmp_path: Path, data: Path, calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    rivals = ["ren2020_estrnn", "bluref_estrnn", "blur2blur_estrnn"]
    list(fill(board(tmp_path, rivals, "steps = 7"), [data], workspace=Workspace(), budget=Budget()))
    assert [one["method"] for one in calls.scored] == [f"{name}_small" for name in rivals]
    assert [one["fitted"].scheme.fit_steps for one in calls.scored] == [7, 7, 7]
    assert "'ren2020_estrnn_small', from weights of hvdbench," in caplog.text
    with pytest.raises(StrictError):
        list(fill(board(tmp_path, rivals), [data], workspace=Workspace(strict=True), budget=Budget()))


def test_a_method_that_cannot_be_run_is_left_out_and_the_others_go_on(
    tmp_path: Path, data: Path, calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    name = board(tmp_path, ["no_such_method", "estrnn=no_such_weights", "warp_average"])
    assert list(map(str, fill(name, [data], workspace=Workspace(), budget=Budget()))) == ["warp_average"]
    assert "'no_such_method' on 'rbvd" in caplog.text
    assert "the weights no_such_weights are missing" in caplog.text
    with pytest.raises(InputError, match="no method of the board 'mine' could be run"):
        list(fill(board(tmp_path, ["no_such_method"]), [data], workspace=Workspace(), budget=Budget()))


def test_a_network_may_be_listed_with_known_weights(tmp_path: Path, data: Path, calls: Calls) -> None:
    list(fill(board(tmp_path, ["estrnn=estrnn_pretrained"]), [data], workspace=Workspace(), budget=Budget()))
    assert calls.scored[0]["method"] == "estrnn"
    assert (calls.scored[0]["label"], calls.scored[0]["weights"].name) == (
        "estrnn_pretrained",
        "estrnn_pretrained.safetensors",
    )


def test_boards_without_methods_or_with_code_are_refused(tmp_path: Path, data: Path, calls: Calls) -> None:
    with pytest.raises(InputError, match="lists no methods"):
        list(fill("real-paired", [data], workspace=Workspace(), budget=Budget()))
    code = board(tmp_path, ["their_pkg.net:Net"])
    with pytest.raises(TrustError, match="would run code"):
        list(fill(code, [data], workspace=Workspace(), budget=Budget()))
    with pytest.raises(DatasetError):
        list(fill(board(tmp_path, ["warp_average"]), [tmp_path], workspace=Workspace(), budget=Budget()))
    assert calls.scored == []


def test_table_2_lists_every_rival_and_its_tiny_size_the_same_ones() -> None:
    full, tiny = (board_settings(name).values for name in ("table2", "table2@tiny"))
    fitted = [name for name in full.methods if "=" not in name and name != "estrnn_pretrained"]
    assert [f"{name}@tiny" for name in fitted] == list(tiny.methods)
    assert full.metrics == tiny.metrics == ("efficiency",)


def test_the_seconds_of_a_method_without_stages_are_those_of_restoring(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = board(tmp_path, ["warp_average"], 'metrics = ["efficiency"]')
    (found,) = fill(name, [data], workspace=Workspace(), budget=Budget())
    (note,) = (tmp_path / "runs" / "warp_average").glob("*/*/*/run.json")
    seconds = json.loads(note.read_text())["facts"]["seconds_by_stage"]
    assert set(seconds) == {"labels", "restoring"}
    over = found.rows[(found.rows["clip"] == "*") & (found.rows["metric"] == "seconds_restoring")]
    assert over["value"].tolist() == [seconds["restoring"]]


@pytest.mark.slow
def test_table_2_runs_end_to_end_on_made_bsd_realblur_and_rbvd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(made_release, "HEIGHT", 72)  # a window of the tiny training is 64 px and 5 frames
    monkeypatch.setattr(made_release, "WIDTH", 96)
    options = []
    for name in ("bsd-1ms8ms", "realblur-j", "rbvd"):
        make_release(Path("releases") / name, name, frames=6)
        adopt(AdoptRequest(Path("releases") / name, name, Path("data") / name, incomplete=True))
        options += ["--data", f"data/{name}"]
    done = CliRunner().invoke(cli, ["leaderboard", "fill", "table2@tiny", *options, "--engine", "local:1"])
    assert done.exit_code == 0, done.output
    rows = read_board("table2@tiny", Path("leaderboards"))
    made = rows.groupby("dataset")["method"].agg(lambda names: set(names))
    assert [set(board_settings("table2@tiny").values.methods) - names for names in made] == [set()] * 3
    own = rows[(rows["method"] == "selfhvd_estrnn_testtime@tiny") & (rows["clip"] == "*")]
    assert own["dataset"].nunique() == 3
    for _, part in own.groupby("dataset"):
        found = part.drop_duplicates("metric").set_index("metric")["value"]
        assert np.isfinite(found["psnr"])
        assert all(found[f"seconds_{stage}"] >= 0 for stage in STAGES)
        assert found["seconds_training"] > found["seconds_preprocessing"]
    assert "training (s a clip)" in done.output
