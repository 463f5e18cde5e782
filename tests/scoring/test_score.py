"""Scoring what lies there: runs of ours give the rows that eval gave, to the byte; what was changed is refused."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from made_model import small_net, write_module
from made_scored import NAME, clip_of, make_scored, write_results

from hvdbench.boards.files import read_board
from hvdbench.boards.merging import merge_submissions
from hvdbench.boards.submission import submit
from hvdbench.boards.text.texts import export
from hvdbench.cli.main import cli
from hvdbench.errors import DatasetError, InputError, StrictError, TrustError, UnknownNameError
from hvdbench.frames import read_frame, write_frame
from hvdbench.labels.sharpness import BELOW, SharpLabels
from hvdbench.labels.stored import labels_of, write_labels
from hvdbench.methods.restoration import Budget
from hvdbench.networks.nafnet import NAFNet
from hvdbench.scoring.run_tables import Asked
from hvdbench.store import Dataset, DatasetWriter
from hvdbench.workflows.evaluate import evaluate
from hvdbench.workflows.score import score_folder
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.workspace import Workspace

ONE = Engine(1)
MORE = Asked(("edge_spread", "flicker", "warping_error"), strata=True)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """An empty folder, and caches without a weight in them."""
    for variable in ("HVDBENCH_WEIGHTS", "TORCH_HOME", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    for variable in ("HF_HUB_CACHE", "HVDBENCH_STRICT"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def data(here) -> Dataset:
    return make_scored(Path("datasets") / NAME)


def ran(name: str, data: Dataset, **more):
    folders = {name: more.pop(name) for name in ("runs", "overwrite") if name in more}
    workspace = Workspace(strict=more.pop("strict", True), **folders)
    return evaluate(name, data, workspace=workspace, budget=Budget(seed=more.pop("seed", 0)), **more)


def scored(folder: str | Path, **more):
    places = {name: more.pop(name) for name in ("runs", "boards", "overwrite") if name in more}
    return score_folder(Path(folder), workspace=Workspace(strict=True, **places), budget=Budget(engine=ONE), **more)


def bytes_of(root: str, name: str = NAME) -> list[bytes]:
    return [Path(root, f"{name}{suffix}").read_bytes() for suffix in (".csv", ".md")]


@pytest.mark.parametrize("asked", [Asked(), MORE], ids=["usual", "with metrics and strata"])
def test_a_board_rebuilt_from_runs_has_the_same_bytes(data, asked):
    ran("blurry", data, asked=asked)
    made = ran("warp_average", data, asked=asked, seed=3)
    frames = [path.stat().st_mtime_ns for path in Path("runs").rglob("*.png")]
    for method in ("warp_average", "blurry"):
        again = scored(f"runs/{method}/{NAME}", boards=Path("rebuilt"))
    assert bytes_of("rebuilt") == bytes_of("leaderboards")
    assert [path.stat().st_mtime_ns for path in Path("runs").rglob("*.png")] == frames
    assert again.rows["origin"].unique().tolist() == ["simulated"]
    pd.testing.assert_frame_equal(scored(f"runs/warp_average/{NAME}").rows, made.rows)
    assert bytes_of("leaderboards") == bytes_of("rebuilt")


def test_a_board_is_rebuilt_where_the_scores_were_lost_or_the_run_was_never_entered(data):
    ran("blurry", data)
    for path in [*Path("runs").rglob("frame_scores*.csv"), *Path("runs").rglob("entered.json")]:
        path.unlink()
    scored(f"runs/blurry/{NAME}", boards=Path("rebuilt"))
    assert bytes_of("rebuilt") == bytes_of("leaderboards")


def test_the_notes_of_a_run_may_not_name_code(data, here):
    ran("blurry", data)
    path = Path("runs") / "blurry" / NAME / "entered.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"metrics": ["evil_metric:m"]}))
    (here / "evil_metric.py").write_text("open('PWNED', 'w').close()\n")
    with pytest.raises(TrustError, match=r"entered\.json: metrics = 'evil_metric:m' would import .*'evil_metric'"):
        scored(path.parent)
    assert not Path("PWNED").exists()
    assert len(scored(path.parent, asked=Asked(("flicker",))).rows)


def test_a_run_that_was_moved_is_scored_on_the_dataset_that_is_named(data):
    ran("blurry", data)
    shutil.move("datasets", "elsewhere")
    shutil.move("runs", "kept")
    with pytest.raises(DatasetError, match="which is not below datasets: name it with --data"):
        scored(f"kept/blurry/{NAME}", boards=Path("rebuilt"))
    scored(f"kept/blurry/{NAME}", data=Path("elsewhere") / NAME, boards=Path("rebuilt"))
    assert bytes_of("rebuilt") == bytes_of("leaderboards")


def test_a_run_under_another_name_stands_beside_itself(data):
    ran("blurry", data)
    scored(f"runs/blurry/{NAME}", label="as_it_was", asked=Asked(strata=True))
    board = read_board(NAME)
    values = [board[(board["method"] == name) & (board["metric"] == "psnr")] for name in ("blurry", "as_it_was")]
    assert values[0]["value"].tolist() == values[1][values[1]["subset"].isin(values[0]["subset"])]["value"].tolist()
    scored(f"runs/blurry/{NAME}", boards=Path("rebuilt"))
    assert set(read_board(NAME, Path("rebuilt"))["method"]) == {"blurry"}


def test_what_a_run_was_entered_with_before_stays_on_a_rebuilt_board(data):
    ran("blurry", data, asked=Asked(("flicker",)))
    ran("blurry", data, asked=Asked(("edge_spread",)))
    scored(f"runs/blurry/{NAME}", boards=Path("rebuilt"))
    assert bytes_of("rebuilt") == bytes_of("leaderboards")
    assert {"flicker", "edge_spread", "overshoot"} <= set(read_board(NAME, Path("rebuilt"))["metric"])


def test_rows_of_a_run_that_was_replaced_leave_the_board(data):
    results = write_results(Path("theirs"), data)
    ran("folder:theirs", data, asked=MORE)
    shutil.rmtree("theirs")
    write_results(results, data, sigma_px=1.5)
    ran("folder:theirs", data, overwrite=True)
    board = read_board(NAME)
    own = board[board["method"] != "blurry"]
    assert len(set(own["run_digest"])) == 1
    assert not {"flicker", "edge_spread"} & set(own["metric"])


def nafnet_file(path: Path) -> Path:
    torch.manual_seed(3)
    network = NAFNet(width=8, enc_blk_nums=(1, 1), middle_blk_num=1, dec_blk_nums=(1, 1))
    torch.save({"params": network.state_dict()}, path)
    return path


@pytest.fixture
def their_module(here, monkeypatch):
    write_module(here, "made_networks_to_score")
    torch.save(small_net().state_dict(), here / "small.pth")
    monkeypatch.syspath_prepend(str(here))
    yield "made_networks_to_score:Net"
    sys.modules.pop("made_networks_to_score", None)


@pytest.mark.slow
def test_models_of_others_frames_of_others_and_the_input_stand_on_one_board(data, their_module):
    pytest.importorskip("spandrel", reason="the extra spandrel is not installed")
    asked = Asked(("efficiency",))
    ran("blurry", data, asked=asked)
    ran(their_module, data, weights=Path("small.pth"), label="plain_module", asked=asked)
    ran(f"spandrel:{nafnet_file(Path('naf.pth'))}", data, asked=asked)
    scored(write_results(Path("theirs"), data), data=data.folder, asked=asked)
    board = read_board(NAME)
    assert set(board["method"]) == {"blurry", "plain_module", "naf", "theirs"}
    assert set(board.loc[board["method"] == "theirs", "source"]) == {"frames restored elsewhere"}
    over = board[(board["clip"] == "*") & (board["subset"] == "all") & (board["truth"] == "none")]
    costs = over.pivot_table(index="method", columns="metric", values="value")
    # 3x3 convolutions with bias, 3 to 4 to 3 colours
    assert costs.loc["plain_module", "params"] == 4 * 3 * 9 + 4 + 3 * 4 * 9 + 3
    assert costs.loc["plain_module", "macs"] == 2 * 4 * 3 * 9 * 96 * 64
    assert (costs["frames_per_s"] > 0).all()
    assert costs.loc[["blurry", "theirs"], ["params", "macs"]].isna().all(axis=None)
    for kind, sign in {"md": "| theirs |", "latex": r"plain\_module & simulated", "csv": "naf,simulated,"}.items():
        assert sign in export(board, kind, subset="all", truths=("mid",))
    before = bytes_of("leaderboards")
    for method in ("theirs", "naf", "blurry", "plain_module"):
        scored(f"runs/{method}/{NAME}", boards=Path("rebuilt"))
    assert bytes_of("rebuilt") == before


def test_frames_of_others_score_as_eval_scores_them(data):
    write_results(Path("theirs"), data)
    shutil.copytree(data.folder, "datasets/goproshake")  # where it is looked for when none is named
    scored("theirs", board="a")
    ran("folder:theirs", data, board="b", runs=Path("other"))
    numbers = ["truth", "subset", "metric", "value", "n", "run_digest", "source"]
    pd.testing.assert_frame_equal(read_board("a")[numbers], read_board("b")[numbers])
    with pytest.raises(InputError, match="nowhere is not a folder of frames"):
        scored("nowhere")


def test_frames_that_were_changed_since_are_refused_until_they_are_made_again(data):
    ran("blurry", data)
    before = bytes_of("leaderboards")
    frame = Path("runs/blurry") / NAME / "test/one/00000002.png"
    write_frame(frame, 255 - read_frame(frame))
    message = r"the frames in .*one were changed after they were restored"
    for attempt in (
        lambda: scored(f"runs/blurry/{NAME}"),
        lambda: ran("blurry", data),
        lambda: submit(Path(f"runs/blurry/{NAME}"), data.folder, Path(f"leaderboards/{NAME}.csv"), Path("x.json")),
    ):
        with pytest.raises(InputError, match=message):
            attempt()
    assert bytes_of("leaderboards") == before
    ran("blurry", data, overwrite=True)
    assert bytes_of("leaderboards") == before


@pytest.mark.parametrize("place", ["blur", "sharp", "tracks"])
def test_a_dataset_that_was_changed_is_refused(data, place):
    ran("blurry", data)
    clip = clip_of(data, "test/two")
    if place == "tracks":
        clip.edit_tracks(lambda tracks: tracks["oracle/class"].write_direct(np.zeros(5, np.int8)))
    else:
        write_frame(clip.folder / place / "00000001.png", np.zeros((64, 96, 3), np.uint8))
    for attempt in (
        lambda: scored(f"runs/blurry/{NAME}"),
        lambda: ran("blurry", data),
        lambda: ran("warp_average", data),
    ):
        with pytest.raises(DatasetError, match=r"two differs from what was written"):
            attempt()
    assert not Path("runs/warp_average").exists()


def test_another_version_of_the_dataset_and_other_labels_are_refused(data):
    ran("blurry", data)
    other = make_scored(Path("other"), truth=False)
    with pytest.raises(InputError, match="was restored from another version of the clip"):
        scored(f"runs/blurry/{NAME}", data=other.folder)
    is_sharp = np.array([True, False, False, False])
    write_labels(clip_of(data, "test/one"), SharpLabels(is_sharp + 1.0, is_sharp, 1.5, (BELOW,) * 4, "paper"))
    with pytest.raises(InputError, match="was restored with other labels"):
        scored(f"runs/blurry/{NAME}")


def test_a_run_that_lacks_a_clip_or_has_one_too_many_is_refused(data):
    ran("blurry", data)
    shutil.copytree("runs/blurry", "runs/short")
    shutil.rmtree(f"runs/short/{NAME}/test/two")
    with pytest.raises(InputError, match=r"lacks 1 of the 2 clips of 'scored', such as test/two"):
        scored(f"runs/short/{NAME}")
    writer = DatasetWriter(Path("fewer"), name=NAME, origin="simulated", recipe={}, provenance={})
    shutil.copytree(data.folder / "test" / "one", "fewer/test/one")
    writer.finish(clip_of(Dataset(Path("fewer"), {}), "test/one"), data.manifest["clips"]["test/one"])
    with pytest.raises(InputError, match="has the clip test/two, which is not in 'scored'"):
        scored(f"runs/blurry/{NAME}", data=Path("fewer"))


def test_a_metric_without_weights_says_so_and_the_others_run(data, caplog):
    made = ran("blurry", data, strict=False, asked=Asked(("musiq", "tlpips", "flicker", "flicker")))
    said = [record.getMessage() for record in caplog.records if record.name == "hvdbench.workspace.fallback"]
    assert [line.split(" needs ")[0] for line in said] == ["metric 'musiq'", "metric 'lpips'"]
    assert said[0].endswith("hvdbench uses the other metrics instead")
    assert "musiq_koniq" in said[0]
    assert {"flicker"} == set(made.rows["metric"]) & {"musiq", "tlpips", "flicker"}
    with pytest.raises(StrictError, match="'musiq' needs"):
        ran("warp_average", data, asked=Asked(("musiq",)))
    assert not Path("runs/warp_average").exists()


def test_scores_that_are_kept_need_no_weights(data):
    from hvdbench.metrics.measure import Measure
    from hvdbench.scoring.run_clip import RunClip
    from hvdbench.scoring.stored_scores import measure_clip

    run = ran("blurry", data).run
    there = Measure("musiq", ("musiq",), "pyiqa=1, weights a", lambda: lambda a, b: {"musiq": 50.0}, "nothing")
    for key, folder in run.folders.items():
        measure_clip(RunClip(folder, clip_of(data, key)), there)
    rows = scored(f"runs/blurry/{NAME}", asked=Asked(("musiq",))).rows
    found = rows[rows["metric"] == "musiq"]
    assert set(found["value"]) == {50.0}
    assert set(found["subset"]) == {"all", "not_selected", "selected"}


def test_names_that_no_metric_has_and_those_of_every_board_are_refused(data):
    with pytest.raises(UnknownNameError, match="did you mean 'flicker'"):
        ran("blurry", data, asked=Asked(("flickr",)))
    with pytest.raises(InputError, match="'psnr' is on every board"):
        ran("blurry", data, asked=Asked(("psnr",)))
    with pytest.raises(InputError, match="two sets of pictures"):
        ran("blurry", data, asked=Asked(("fid",)))
    assert not Path("runs").exists()


def test_a_metric_that_compares_with_a_truth_is_left_out_where_there_is_none(here, caplog):
    data = make_scored(Path("datasets") / NAME, truth=False)
    made = ran("blurry", data, strict=False, asked=Asked(("edge_spread", "flicker"), strata=True))
    assert "metric 'edge_spread' needs a truth, and the dataset has none" in caplog.text
    flicker = made.rows[made.rows["metric"] == "flicker"]
    assert set(flicker["truth"]) == {"none"}
    assert set(flicker["value"]) == {0.0}  # the input against itself
    assert set(made.rows["subset"]) == {"all", "not_selected", "selected"}


@pytest.mark.slow
def test_merged_boards_with_metrics_and_strata_have_the_same_bytes(data):
    asked = Asked((*MORE.metrics, "efficiency"), strata=True)
    for method in ("blurry", "warp_average"):
        ran(method, data, asked=asked)
        submit(Path("runs") / method / NAME, data.folder, Path("leaderboards") / f"{NAME}.csv", Path(f"{method}.json"))
    files = [Path("warp_average.json"), Path("blurry.json")]
    merge_submissions(files, Path("rebuilt"), data=data.folder, runs=Path("runs"))
    assert bytes_of("rebuilt") == bytes_of("leaderboards")


@pytest.mark.parametrize("place", ["asked", "strata"])
def test_metrics_and_strata_of_a_result_file_that_were_changed_are_refused(data, place):
    from hvdbench.boards.submission import _digest

    ran("blurry", data, asked=MORE)
    submit(Path("runs/blurry") / NAME, data.folder, Path("leaderboards") / f"{NAME}.csv", Path("x.json"))
    body = json.loads(Path("x.json").read_text())
    body.pop("digest")
    if place == "asked":
        flicker = body["asked"]["flicker"]
        lines = flicker["scores"].splitlines()
        lines[2] = ",".join([lines[2].split(",")[0], "0.5", *lines[2].split(",")[2:]])
        flicker["scores"] = "\n".join(lines) + "\n"
    else:
        body["strata"] = body["strata"].replace("phone-a", "phone-b")
    Path("x.json").write_text(json.dumps(body | {"digest": _digest(body)}))
    with pytest.raises(InputError, match="the rows do not follow from the frame scores"):
        merge_submissions([Path("x.json")], Path("rebuilt"))
    assert not Path("rebuilt").exists()


def test_kept_scores_that_are_gone_must_be_measured_before_they_are_handed_in(data):
    ran("blurry", data, asked=Asked(("flicker",)))
    (Path("runs/blurry") / NAME / "test/one/frame_scores.temporal.csv").unlink()
    with pytest.raises(InputError, match=r"has no scores of 'flicker' .* measure them with --metric flicker"):
        submit(Path("runs/blurry") / NAME, data.folder, Path("leaderboards") / f"{NAME}.csv", Path("x.json"))


def test_the_commands_eval_and_score(data):
    def said(*words):
        done = CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    text = said("eval", "--method", "blurry", "--data", data.folder, "--metric", "flicker", "--engine", "local:1")
    assert "\nAll frames; 2 clips of scored, split test; protocol hvdbench-1; truth mid\n" in text
    assert "written: leaderboards/scored.csv" in text
    assert "distance" not in Path("leaderboards/scored.md").read_text()
    said("eval", "--method", "warp_average", "--data", data.folder, "--strata", "--engine", "local:1")
    assert "## distance 1" in Path("leaderboards/scored.md").read_text()
    text = said(
        "score", f"runs/blurry/{NAME}", f"runs/warp_average/{NAME}", "--boards", "rebuilt", "--engine", "local:1"
    )
    assert text.count("written: ") == 1
    assert bytes_of("rebuilt") == bytes_of("leaderboards")
    done = CliRunner().invoke(cli, ["score", "a", "b", "--name", "x"])
    assert (done.exit_code, "--name belongs to one method" in done.output) == (2, True)


def test_a_run_is_checked_against_the_labels_that_it_borrowed_by(data):
    Path("clues.toml").write_text('based_on = "warp_average"\ntitle = "By clues"\n[settings]\nlabeller = "clues"\n')
    ran("clues.toml", data)
    scored(f"runs/clues/{NAME}")
    clip = clip_of(data, "test/one")
    labels = labels_of(clip, "clues")
    write_labels(clip, replace(labels, is_clue=~labels.is_selected, reason=("",) * 4))
    with pytest.raises(InputError, match="was restored with other labels"):
        scored(f"runs/clues/{NAME}")
