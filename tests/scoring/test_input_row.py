"""The blurry input stands on every board that ``eval`` writes, without being asked for."""

import logging
from pathlib import Path

import pytest
from made_scored import NAME, make_scored, write_results

from hvdbench.boards.files import read_board
from hvdbench.scoring.run_tables import Asked
from hvdbench.store import Dataset
from hvdbench.workflows.evaluate import Evaluation, evaluate
from hvdbench.workspace.workspace import Workspace


@pytest.fixture
def data(tmp_path, monkeypatch) -> Dataset:
    monkeypatch.chdir(tmp_path)
    data = make_scored(Path("datasets") / NAME)
    write_results(Path("theirs"), data)
    return data


def ran(data: Dataset, method: str = "folder:theirs", **more) -> Evaluation:
    return evaluate(method, data, workspace=Workspace(strict=True), **more)


def metrics_of(method: str, board: str = NAME) -> set[str]:
    rows = read_board(board)
    return set(rows.loc[rows["method"] == method, "metric"])


def test_the_input_is_entered_beside_a_method_and_by_the_metrics_that_it_was_scored_by(data):
    rows = ran(data).rows
    assert set(rows["method"]) == {"theirs"}
    entered = read_board(NAME)
    ran(data, "blurry", board="alone")
    keys = ["method", "clip", "truth", "subset", "metric", "value", "seed", "run_digest"]
    alone = read_board("alone")[keys]
    beside = entered.loc[entered["method"] == "blurry", keys].reset_index(drop=True)
    assert beside.equals(alone)
    assert "flicker" not in metrics_of("blurry")
    ran(data, asked=Asked(("flicker",)))
    assert metrics_of("blurry") == metrics_of("theirs") >= {"flicker", "psnr"}


def test_the_input_is_entered_under_the_board_s_protocol(data):
    ran(data, protocol="basicsr-rgb")
    assert metrics_of("blurry", f"{NAME}-basicsr-rgb") == metrics_of("theirs", f"{NAME}-basicsr-rgb") >= {"psnr"}


def test_an_input_that_stands_there_is_not_scored_again(data):
    ran(data)
    board, stands = Path(f"leaderboards/{NAME}.csv"), Path(f"runs/blurry/{NAME}/entered.json").stat().st_mtime_ns
    before = board.read_bytes()
    ran(data)
    assert board.read_bytes() == before
    assert Path(f"runs/blurry/{NAME}/entered.json").stat().st_mtime_ns == stands


def test_a_method_keeps_its_rows_where_the_input_cannot_be_entered(data, caplog):
    run = Path(f"runs/blurry/{NAME}/test/one")
    run.mkdir(parents=True)
    (run / "run.json").write_text('{"run_digest": "of other settings"}')
    with caplog.at_level(logging.WARNING):
        ran(data)
    assert metrics_of("theirs")
    assert not metrics_of("blurry")
    assert f"the board '{NAME}' stays without its input: runs/blurry/{NAME}/test/one contains a run from" in caplog.text
