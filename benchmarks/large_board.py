"""Measure what ``hvdbench leaderboard show`` costs on a board of many clips: ``python -m benchmarks.large_board``.

The board's rows are made up; the command runs in a process of its own, whose seconds and most memory are printed.
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from hvdbench.boards.entering import enter_rows
from hvdbench.boards.rows import Stamp
from hvdbench.scoring.frame_scores import FRAME_COLUMNS
from hvdbench.scoring.run_tables import RunScores


def main() -> None:
    """Make the board, and print the cost of showing it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--methods", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        board = Path(place) / "leaderboards" / "large.csv"
        started = time.perf_counter()
        maker = multiprocessing.get_context("spawn").Process(target=make, args=(board, given.methods, given.clips))
        maker.start()
        maker.join()
        if maker.exitcode != 0:
            sys.exit("the board could not be made; the error stands above")
        made_s = time.perf_counter() - started
        size_mb = board.stat().st_size / 1e6
        print(f"made: {made_s:.1f} s for {given.methods} methods of {given.clips} clips, {size_mb:.0f} MB")
        started = time.perf_counter()
        command = [str(Path(sys.executable).with_name("hvdbench")), "leaderboard", "show", "large"]
        shown = subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(shown.pid, 0)
        if status != 0:
            sys.exit("the board could not be shown; the error stands above")
        print(
            f"shown: {time.perf_counter() - started:.2f} s ({used.ru_utime + used.ru_stime:.2f} s of a core), "
            f"{used.ru_maxrss / 1024:.0f} MiB at most"
        )


def make(board: Path, methods: int, clips: int) -> None:
    """Enter methods on a board; in a process of its own, since a command that a large one starts counts its memory."""
    for number in range(methods):
        enter(board, f"method{number}", clips, number)


def enter(board: Path, method: str, clips: int, seed: int) -> None:
    """Enter a method with two frames of each clip, whose scores are drawn at random."""
    random = np.random.default_rng(seed)
    frames = 2 * clips
    table = pd.DataFrame({name: random.uniform(1.0, 30.0, frames) for name in FRAME_COLUMNS})
    table["frame"] = np.arange(frames) % 2
    table["selected"] = np.arange(frames) % 2 == 0
    names = [f"clip{number // 2:06}" for number in range(frames)]
    stamp = Stamp("large", "large", "simulated", 0, dataset_digest="d", run_digest=method)
    enter_rows(RunScores(table.assign(method=method, split="test", clip=names)), stamp, board)


if __name__ == "__main__":
    main()
