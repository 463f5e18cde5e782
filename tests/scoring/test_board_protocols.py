"""Boards under any named protocol: rows, means, intervals, what is refused, and what a result folder may lack."""

import json
import math
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from made_scored import NAME, clip_of, make_scored, softened, write_results
from scipy import stats

from hvdbench.boards.files import read_board, write_board
from hvdbench.boards.merging import merge_submissions
from hvdbench.boards.published import published
from hvdbench.boards.ranking.order import ranked
from hvdbench.boards.ranking.pairs import compare
from hvdbench.boards.rows import merge_rows
from hvdbench.boards.settings import BoardSettings, board_settings, choose_place
from hvdbench.boards.submission import submit
from hvdbench.boards.text.texts import export
from hvdbench.cli.main import cli
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.frames import read_clip, write_clip
from hvdbench.methods.restoration import Budget
from hvdbench.metrics.protocols.frame_pair import measure_frame
from hvdbench.metrics.protocols.known import PROTOCOLS, find_protocol
from hvdbench.recipe import check, read_recipe_table, recipe_names
from hvdbench.scoring import run_scores
from hvdbench.scoring.run_tables import Asked
from hvdbench.statistics.pooling import pooled_scores
from hvdbench.store import Dataset
from hvdbench.workflows.evaluate import evaluate
from hvdbench.workflows.score import score_folder
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.workspace import Workspace

ONE = Engine(1)
KEYS = {"test/one": 4, "test/two": 5}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.delenv("HVDBENCH_STRICT", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def data(here) -> Dataset:
    return make_scored(Path("datasets") / NAME)


def ran(name: str, data: Dataset, **more):
    places = {name: more.pop(name) for name in ("runs", "boards", "overwrite") if name in more}
    return evaluate(name, data, workspace=Workspace(strict=True, **places), budget=Budget(engine=ONE), **more)


def scored(folder: str | Path, **more):
    places = {name: more.pop(name) for name in ("runs", "boards", "overwrite") if name in more}
    return score_folder(Path(folder), workspace=Workspace(strict=True, **places), budget=Budget(engine=ONE), **more)


def values_of(data: Dataset, protocol: str, folder: Path, name: str = "psnr") -> dict[str, list[float]]:
    """Score the frames that count one by one."""
    found, known = {}, find_protocol(protocol)
    for key, count in KEYS.items():
        truth = read_clip(clip_of(data, key).folder / "sharp")
        restored = read_clip(folder / key)
        indices = range(known.skip_first, count - known.skip_last)
        found[key] = [getattr(measure_frame(known, restored[i], truth[i]), name) for i in indices]
    return {key: values for key, values in found.items() if values}


def the(rows: pd.DataFrame, **where) -> pd.Series:
    for name, wanted in where.items():
        rows = rows[rows[name] == wanted]
    assert len(rows) == 1, rows
    return rows.iloc[0]


@pytest.mark.parametrize("protocol", [one.name for one in PROTOCOLS[1:] if not one.skip_first])
def test_a_board_under_a_protocol_has_its_numbers_its_name_and_its_mean(data, protocol):
    write_results(Path("theirs"), data)
    made = ran("folder:theirs", data, protocol=protocol)
    assert made.board == Path(f"leaderboards/{NAME}-{protocol}.csv")
    board = read_board(made.board)
    assert set(board["protocol"]) == {protocol}
    for metric in ("psnr", "ssim"):
        expected = values_of(data, protocol, Path("runs/theirs") / NAME, metric)
        for key, values in expected.items():
            row = the(board, method="theirs", clip=key[5:], subset="all", metric=metric)
            assert row["value"] == pytest.approx(np.mean(values), abs=1e-12)
            assert row["n"] == len(values)
        over = the(board, method="theirs", clip="*", subset="all", metric=metric)
        by_clip = [np.mean(values) for values in expected.values()]
        every = np.concatenate(list(expected.values()))
        averaging = find_protocol(protocol).averaging
        assert over["value"] == pytest.approx(np.mean(by_clip) if averaging == "clips" else every.mean(), abs=1e-12)
        assert over["n"] == 2
    registers = find_protocol(protocol).registration != "none"
    assert ("unregistered_share" in set(board["metric"])) == registers
    assert not {"psnr_registered"} & set(board["metric"])
    kept = pd.read_csv(Path("runs/theirs") / NAME / f"test/one/frame_scores.protocol-{protocol}.csv")
    assert set(kept["protocol"]) == {find_protocol(protocol).identity}
    assert "PSNR mid (dB)" in export(board, "md", subset="all", truths=("mid",))


def test_scores_under_a_protocol_are_kept_and_read_again(data, monkeypatch):
    ran("blurry", data, protocol="basicsr-y")
    before = Path(f"leaderboards/{NAME}-basicsr-y.csv").read_bytes()

    def refuse(*_args):
        raise AssertionError("scored again")

    monkeypatch.setattr(run_scores, "score_frames", refuse)
    scored(f"runs/blurry/{NAME}", boards=Path("rebuilt"))
    assert Path(f"rebuilt/{NAME}-basicsr-y.csv").read_bytes() == before


def test_one_run_stands_on_a_board_for_each_protocol_that_it_is_scored_under(data):
    ran("blurry", data)
    scored(f"runs/blurry/{NAME}", protocol="basicsr-y")
    assert sorted(path.stem for path in Path("leaderboards").glob("*.csv")) == [NAME, f"{NAME}-basicsr-y"]
    values = [
        the(read_board(name), clip="*", subset="all", metric="psnr")["value"] for name in (NAME, f"{NAME}-basicsr-y")
    ]
    assert values[1] - values[0] == pytest.approx(1.3, abs=0.1)  # gray frames: 20 log10(255 / 219), the studio range
    scored(f"runs/blurry/{NAME}", boards=Path("rebuilt"))
    assert [path.stem for path in Path("rebuilt").glob("*.csv")] == [NAME]  # as it was entered first


def test_a_board_never_mixes_protocols(data):
    ran("blurry", data, board="mine", protocol="basicsr-y")
    with pytest.raises(InputError, match=r"board 'mine' takes protocol basicsr-y, and hvdbench-1 was asked for"):
        ran("warp_average", data, board="mine", protocol="hvdbench-1")
    assert not Path("runs/warp_average").exists()  # said before anything is restored
    ran("warp_average", data, board="mine")  # the board says which
    assert set(read_board("mine")["protocol"]) == {"basicsr-y"}
    ran("blurry", data)
    with pytest.raises(InputError, match="2 protocols"):
        merge_rows(read_board("mine").assign(board=NAME), read_board(NAME))
    with pytest.raises(InputError, match="takes protocol hvdbench-1"):
        write_board(Path("leaderboards/demo.csv"), read_board("mine").assign(board="demo"))
    with pytest.raises(UnknownNameError, match="did you mean 'basicsr-rgb'"):
        ran("blurry", data, protocol="basicsr-rg")
    with pytest.raises(InputError, match="'labels' takes protocol labels-1, under which no frames are scored"):
        ran("blurry", data, board="labels")


def test_the_board_s_recipe_decides_where_nothing_is_named(tmp_path):
    assert board_settings("realblur").values.protocol == "realblur-ecc"
    for asked, expected in {
        None: ("realblur", "realblur-ecc"),
        "realblur-ecc": ("realblur", "realblur-ecc"),
        "hvdbench-1": ("realblur-hvdbench-1", "hvdbench-1"),
    }.items():
        place = choose_place("realblur", tmp_path, protocol=asked)
        assert (place.board, place.protocol.name) == expected
    for asked, expected in {
        None: ("goproshake", "hvdbench-1"),
        "hvdbench-1": ("goproshake", "hvdbench-1"),
        "gopro-matlab": ("goproshake-gopro-matlab", "gopro-matlab"),
    }.items():
        place = choose_place("goproshake", tmp_path, protocol=asked)
        assert (place.board, place.protocol.name) == expected
    assert BoardSettings(title="t", dataset="d").protocol == "hvdbench-1"


@pytest.mark.parametrize("name", recipe_names("boards"))
def test_every_board_s_recipe_names_the_protocol_of_its_papers(name):
    table, _ = read_recipe_table("boards", name)
    known = {protocol.name for protocol in PROTOCOLS}
    assert table["papers"] in known | {"none", "unknown"}
    assert (table["papers"] == "none") == published(name).empty
    words = board_settings(name).values.words
    assert ("protocol" in words.removeprefix(table.get("note", ""))) == (table["papers"] != "none")


def test_a_board_s_text_says_which_protocol_its_papers_used():
    assert board_settings("blur2vid").values.protocol == "rb2v"
    assert board_settings("blur2vid").values.words.endswith("The papers used protocol rb2v.")
    assert "Which protocol the papers' rows are under is unknown." in board_settings("realblur").values.words
    with pytest.raises(UnknownNameError, match="no protocol named 'rb2w'; did you mean 'rb2v'"):
        check("b.toml", {"title": "t", "dataset": "d", "papers": "rb2w"}, BoardSettings)


def test_a_dataset_without_truth_is_scored_under_hvdbench_1_alone(here):
    data = make_scored(Path("datasets") / NAME, truth=False)
    with pytest.raises(InputError, match="protocol basicsr-rgb needs a truth, and the dataset 'scored' has none"):
        ran("blurry", data, protocol="basicsr-rgb")
    assert set(ran("blurry", data).rows["truth"]) == {"none"}


def test_a_frame_that_equals_its_truth_is_refused_where_nothing_caps_it(data):
    write_results(Path("theirs"), data, sigma_px=1e-3)
    with pytest.raises(
        InputError, match=r"frame 0 of test/one equals its truth 'mid', and protocol basicsr-rgb sets PSNR"
    ):
        ran("folder:theirs", data, protocol="basicsr-rgb")
    assert the(ran("folder:theirs", data).rows, clip="*", subset="all", metric="psnr")["value"] == 80


def test_a_mean_over_frames_has_the_interval_of_a_ratio():
    values, counts = np.array([30.0, 34.0, 25.0]), np.array([10, 20, 70])
    scores = pooled_scores(values, counts)
    pooled = (values * counts).sum() / counts.sum()
    assert scores.mean() == pytest.approx(pooled)
    # Cochran's variance of a ratio: sum of (n_i (v_i - R))^2 / (k (k - 1) mean(n)^2)
    variance = ((counts * (values - pooled)) ** 2).sum() / (3 * 2 * counts.mean() ** 2)
    assert stats.sem(scores) ** 2 == pytest.approx(variance)
    np.testing.assert_array_equal(pooled_scores(values, [4, 4, 4]), values)
    assert pooled_scores([math.inf, 30.0], [2, 3]).mean() == math.inf


def test_ranks_and_comparisons_take_the_mean_of_the_protocol(data):
    for sigma in (0.8, 1.2):
        write_results(Path(f"s{sigma}"), data, sigma_px=sigma)
        ran(f"folder:s{sigma}", data, protocol="gopro-matlab", label=f"s{sigma}")
    board = read_board(f"{NAME}-gopro-matlab")
    order = ranked(board, metric="psnr", truth="mid", subset="all")
    assert order["method"].tolist() == ["s0.8", "s1.2", "blurry"]
    found = compare(board, "s0.8", "s1.2", metrics=["psnr"], subset="all").iloc[0]
    for side, name in (("value_a", "s0.8"), ("value_b", "s1.2")):
        every = np.concatenate(list(values_of(data, "gopro-matlab", Path("runs") / name / NAME).values()))
        assert found[side] == pytest.approx(every.mean())
        assert order.set_index("method").loc[name, "value"] == pytest.approx(every.mean())
        over = the(board, method=name, clip="*", subset="all", metric="psnr")
        assert over["value"] == pytest.approx(every.mean())
    assert found["difference"] == pytest.approx(found["value_a"] - found["value_b"])


def results_of_estrnn(data: Dataset, folder: Path, *, beside: bool) -> Path:
    """Write what ESTRNN writes: no first and last two frames, and with ``beside`` input and truth among the results."""
    for key, count in KEYS.items():
        truth, blurry = (read_clip(clip_of(data, key).folder / name) for name in ("sharp", "blur"))
        kept = slice(2, count - 2)
        if count <= 4:  # ESTRNN writes nothing of it
            kept = slice(0, count)
        names = [f"{index:08d}" for index in range(count)][kept]
        word = "_estrnn" if beside else ""
        write_clip(folder / key, softened(truth, 1.0)[kept], [f"{name}{word}.png" for name in names])
        for more, frames in (("input", blurry), ("gt", truth)) if beside else ():
            other = folder / "beside"
            write_clip(other, frames[kept], [f"{name}_{more}.png" for name in names])
            for path in other.iterdir():
                shutil.move(path, folder / key / path.name)
            other.rmdir()
    return folder


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "input and truth beside"])
def test_a_result_folder_may_lack_what_the_protocol_does_not_count(data, beside):
    results_of_estrnn(data, Path("theirs"), beside=beside)
    with pytest.raises(InputError, match="has 1 frames, and the clip has 5: each frame of the clip needs one result"):
        ran("folder:theirs", data)
    made = ran("folder:theirs", data, protocol="estrnn-2020", asked=Asked(("flicker", "edge_spread"), strata=True))
    truth = read_clip(clip_of(data, "test/two").folder / "sharp")
    expected = measure_frame(find_protocol("estrnn-2020"), softened(truth, 1.0)[2], truth[2])
    for metric in ("psnr", "ssim"):
        over = the(made.rows, clip="*", subset="all", metric=metric)
        assert over["value"] == pytest.approx(getattr(expected, metric))
        assert over["n"] == 1  # of the clip of four frames none counts
    assert the(made.rows, clip="*", subset="all", metric="edge_spread")["value"] < 4  # of the input it is over 5
    assert "flicker" not in set(made.rows["metric"])  # no two frames that count follow each other
    notes = json.loads((Path("runs/theirs") / NAME / "test/two/run.json").read_text())["facts"]
    assert notes["absent"] == [0, 1, 3, 4]
    assert notes.get("left_out", []) == (["#_gt", "#_input"] if beside else [])
    with pytest.raises(InputError, match=r"has no result for frame 0, 1, 3, 4, which protocol hvdbench-1 counts"):
        scored(f"runs/theirs/{NAME}", protocol="hvdbench-1")
    for method in ("blurry", "theirs"):
        scored(f"runs/{method}/{NAME}", boards=Path("rebuilt"))
    for suffix in (".csv", ".md"):
        name = f"{NAME}-estrnn-2020{suffix}"
        assert Path("rebuilt", name).read_bytes() == Path("leaderboards", name).read_bytes()


def test_frames_lacking_elsewhere_are_refused_under_estrnn_2020_too(data):
    results_of_estrnn(data, Path("theirs"), beside=False)
    (Path("theirs/test/one/00000001.png")).unlink()
    with pytest.raises(InputError, match=r"1 missing: 00000001"):
        ran("folder:theirs", data, protocol="estrnn-2020")


def test_clips_that_are_too_short_for_a_protocol_are_named(here):
    data = make_scored(Path("datasets") / NAME)
    rows = ran("blurry", data, protocol="estrnn-2020").rows
    assert set(rows["clip"]) == {"*", "two"}


def test_result_files_of_a_protocol_give_the_same_board(data):
    asked = Asked(("edge_spread",), strata=True)
    for method in ("blurry", "warp_average"):
        ran(method, data, protocol="gopro-matlab", asked=asked)
        board = Path(f"leaderboards/{NAME}-gopro-matlab.csv")
        submit(Path("runs") / method / NAME, data.folder, board, Path(f"{method}.json"))
    merge_submissions([Path("warp_average.json"), Path("blurry.json")], Path("rebuilt"), data=data.folder)
    assert Path(f"rebuilt/{NAME}-gopro-matlab.csv").read_bytes() == board.read_bytes()


def test_the_command_line_takes_a_protocol_and_names_the_frames_of_its_table(data):
    def said(*arguments):
        done = CliRunner().invoke(cli, [*map(str, arguments), "--engine", "local:1"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    text = said("eval", "--method", "blurry", "--data", data.folder, "--protocol", "basicsr-rgb")
    assert f"written: leaderboards/{NAME}-basicsr-rgb.csv" in text
    assert "\nFrames not selected as sharp; 2 clips of scored, split test; protocol basicsr-rgb; truth mid\n" in text
    text = said("score", f"runs/blurry/{NAME}", "--protocol", "basicsr-y")
    assert f"written: leaderboards/{NAME}-basicsr-y.csv" in text
    shown = CliRunner().invoke(cli, ["leaderboard", "show", f"{NAME}-basicsr-y"], catch_exceptions=False)
    assert re.search(r"^ *1 +blurry ", shown.output, re.MULTILINE)
    for kind in ("csv", "latex", "md"):
        done = CliRunner().invoke(cli, ["leaderboard", "export", f"{NAME}-basicsr-y", "--format", kind])
        assert done.exit_code == 0, done.output
