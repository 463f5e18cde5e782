"""Several processes on one board, dataset or pack: nothing of any of them is lost."""

import json
import multiprocessing
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_dataset import made_frames
from made_kills import killed_before_each
from made_lab import at_once, make_lab, run

from hvdbench.boards.entering import enter_rows
from hvdbench.boards.files import read_board
from hvdbench.boards.rows import Stamp
from hvdbench.dataset.folder_reader import open_reader
from hvdbench.frames import read_clip, write_clip
from hvdbench.scoring.frame_scores import FRAME_COLUMNS
from hvdbench.scoring.run_tables import RunScores
from hvdbench.store import ClipFolder, Dataset, DatasetWriter
from hvdbench.workspace.atomic import atomic_folder

WAITING = """
import sys, time
from pathlib import Path
import click
from hvdbench.cli.main import cli, main
from hvdbench.workspace.atomic import atomic_folder
from hvdbench.workspace.locks import locked

@click.command()
def wait():
    with locked(Path("a")), atomic_folder(Path("a")) as folder:
        (folder / "half").touch()
        print("half-written", flush=True)
        time.sleep(60)

cli.resolve_command = lambda context, arguments: ("wait", wait, arguments[1:])  # the group reads commands from files
sys.argv = ["hvdbench", "wait"]
main()
"""


def scores_of(method: str) -> RunScores:
    """Two frames of one clip; the values do not matter."""
    table = pd.DataFrame({name: [0, 1] if name == "frame" else [1.0, 2.0] for name in FRAME_COLUMNS})
    table["selected"] = [True, False]
    return RunScores(table.assign(method=method, split="test", clip="one"))


def enter(board: Path, method: str) -> None:
    stamp = Stamp(board.stem, "small", "simulated", 0, dataset_digest="d", run_digest=method)
    enter_rows(scores_of(method), stamp, board)


def add_clip(folder: Path, name: str) -> None:
    writer = DatasetWriter(folder, name="made", origin="demo", recipe={}, provenance={"licences": {name: "CC0"}})
    clip = writer.clip_folder("train", name)
    with atomic_folder(clip.folder) as made:
        write_clip(made / "blur", made_frames((2, 16, 16), 0))
        ClipFolder(made).edit_tracks(lambda tracks: tracks.attrs.update({"origin": "demo"}))
        digest = ClipFolder(made).digest()
    writer.finish(clip, digest)


def in_processes(work, *arguments: tuple) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=work, args=given) for given in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(processes)


def test_four_processes_on_one_board_keep_all_rows(tmp_path):
    board = tmp_path / "leaderboards" / "n.csv"
    in_processes(enter, *((board, f"method{index}") for index in range(4)))
    found = read_board(str(board))
    assert set(found["method"]) == {f"method{index}" for index in range(4)}
    assert len(set(found.groupby("method").size())) == 1


def test_four_processes_on_one_dataset_keep_all_clips_and_what_was_said_of_them(tmp_path):
    names = [f"clip{index}" for index in range(4)]
    in_processes(add_clip, *((tmp_path / "ds", name) for name in names))
    dataset = Dataset.open(tmp_path / "ds")
    assert [clip.name for clip in dataset.clips()] == names
    assert set(dataset.manifest["provenance"]["licences"]) == set(names)
    assert dataset.verify() == []


@pytest.mark.slow
def test_a_clip_being_added_is_neither_lost_nor_half_there_after_a_kill_at_any_moment(tmp_path):
    folder, kills = tmp_path / "ds", 0
    add_clip(folder, "first")
    for _ in killed_before_each(lambda: add_clip(folder, "second")):
        kills += 1
        assert Dataset.open(folder).verify() == []
        assert "train/first" in Dataset.open(folder).manifest["clips"]
        add_clip(folder, "second")  # the same command again: it ends at once, and clears up
        assert [clip.name for clip in Dataset.open(folder).clips()] == ["first", "second"]
        assert Dataset.open(folder).verify() == []
        assert [path for path in folder.rglob("*") if path.name.startswith(".")] == []
        shutil.rmtree(folder)
        add_clip(folder, "first")
    assert kills > 20


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_in_order(tmp_path, number):
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "half-written\n"
    assert len(list(tmp_path.iterdir())) == 2  # the lock, and the folder under its temporary name
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 128 + number, err
    assert "Stopped. What was finished is kept" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(5))
def test_eight_evals_on_one_board_keep_all_rows(tmp_path, attempt):
    make_lab(tmp_path / "ds", labelled=False)
    names = [f"m{index}" for index in range(8)]
    common = ("eval", "--method", "blurry", "--data", "ds", "--board", "n", "--engine", "local:1")
    at_once(tmp_path, [(*common, "--name", name) for name in names])
    found = read_board("n", tmp_path / "leaderboards")
    assert set(found["method"]) == set(names)
    assert len(set(found.groupby("method").size())) == 1
    assert (tmp_path / "leaderboards" / "n.md").read_text().count("\n| m") >= 8
    assert [path for path in tmp_path.rglob("*") if path.name.startswith(".")] == []


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(3))
def test_scoring_merging_packing_and_ingesting_at_once_lose_nothing(tmp_path, attempt):
    make_lab(tmp_path / "ds")
    names = [f"m{index}" for index in range(4)]
    common = ("eval", "--method", "blurry", "--data", "ds", "--engine", "local:1")
    for seed, name in enumerate(names):  # the seed tells the runs apart, which are of one method
        code, said = run(tmp_path, *common, "--name", name, "--seed", str(seed))
        assert code == 0, said
    at_once(tmp_path, [("score", f"runs/{name}/small", "--data", "ds", "--board", "scored") for name in names])
    assert set(read_board("scored", tmp_path / "leaderboards")["method"]) == set(names)
    for name in names:
        words = (
            "leaderboard",
            "submit",
            f"runs/{name}/small",
            "--data",
            "ds",
            "--board",
            "scored",
            "-o",
            f"{name}.json",
        )
        code, said = run(tmp_path, *words)
        assert code == 0, said
    at_once(tmp_path, [("leaderboard", "merge", f"{name}.json", "--boards", "merged") for name in names])
    assert (tmp_path / "merged" / "scored.csv").read_bytes() == (tmp_path / "leaderboards" / "scored.csv").read_bytes()
    at_once(tmp_path, [("pack", "ds", "-o", "ds.h5")] * 4)
    assert len(open_reader(tmp_path / "ds.h5").clips) == 2
    for index in range(4):
        write_clip(tmp_path / f"film{index}", made_frames((4, 48, 64), index))
    at_once(tmp_path, [("ingest", f"film{index}", "--out", "o", "--fps", "30") for index in range(4)])
    dataset = Dataset.open(tmp_path / "o")
    assert len(dataset.clips()) == len(dataset.manifest["provenance"]["captures"]) == 4
    assert all(entry["complete"] for entry in dataset.manifest["provenance"]["captures"].values())
    assert dataset.verify() == []
    assert [path for path in tmp_path.rglob("*") if path.name.startswith(".")] == []


@pytest.mark.slow
def test_a_hundred_kills_between_the_steps_of_replacing_a_run_lose_nothing(tmp_path):
    clip, kills = tmp_path / "runs" / "clip", 0

    def write(level: int) -> None:
        with atomic_folder(clip) as made:
            write_clip(made, np.full((20, 16, 16, 3), level, np.uint8))
            (made / "run.json").write_text(json.dumps({"level": level}))

    write(0)
    for _ in killed_before_each(lambda: write(200)):
        kills += 1
        write(0) if not clip.exists() else None
        level = json.loads((clip / "run.json").read_text())["level"]
        assert set(np.unique(read_clip(clip))) == {level}
        write(0)
    assert kills >= 100
    shutil.rmtree(clip)
    assert list((tmp_path / "runs").iterdir()) == []
