"""``python -m benchmarks.validity --data ../shared/data --work FOLDER``: see ``docs/validity.md``."""

import argparse
import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import torch

from benchmarks.networks import machine
from benchmarks.validity import alignment, circularity, ladder, propagation, sparsity
from benchmarks.validity.board import board
from benchmarks.validity.clips import EXACT, PLANTED_SHARES, exact_clip, planted_clip
from benchmarks.validity.summary import collect
from benchmarks.validity.tables import filled
from hvdbench.boards.files import write_board
from hvdbench.workspace.atomic import atomic_write_text

PARTS = ("alignment", "propagation", "circularity", "sparsity", "ladder")


@dataclass(frozen=True)
class Job:
    """One measurement: its part, and what tells it from the part's others."""

    part: str
    clip: str
    seed: int
    share: float
    work: Path
    data: Path

    @property
    def file(self) -> Path:
        """Where its record is kept."""
        tail = f".{round(1000 * self.share):03d}" if self.part == "sparsity" else ""
        return self.work / "records" / self.part / f"{self.clip}.{self.seed}{tail}.json"


def run_job(job: Job) -> str:
    """Measure and keep the record; one that is there is not measured again."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if job.file.is_file():
        return f"{job.file.name}: done before"
    record = _measure(job)
    job.file.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_text(job.file, json.dumps(record) + "\n")
    return f"{job.part} {job.file.name}"


def _measure(job: Job) -> Any:
    if job.part == "alignment":
        return alignment.measure(job.clip, job.work, job.data)
    if job.part == "propagation":
        return propagation.measure(job.clip, job.seed, job.work, job.data)
    if job.part == "ladder":
        return ladder.measure(job.clip, job.seed, job.work, job.data)
    if job.part == "circularity":
        return circularity.measure(job.seed, job.work, job.data)
    return sparsity.measure(job.clip, job.share, job.seed, job.work, job.data)


def jobs_of(parts: Sequence[str], seeds: Sequence[int], work: Path, data: Path) -> list[Job]:
    """List all measurements of some parts, the first seed's of every part before the others'."""
    jobs = []
    for seed in seeds:
        for part in parts:
            if part == "alignment":
                jobs += [Job(part, clip, 0, 0.0, work, data) for clip in EXACT if seed == seeds[0]]
            elif part in ("propagation", "ladder"):
                jobs += [Job(part, clip, seed, 0.0, work, data) for clip in EXACT]
            elif part == "circularity":
                jobs.append(Job(part, "all", seed, 0.0, work, data))
            else:
                jobs += [Job(part, clip, seed, share, work, data) for share in PLANTED_SHARES for clip in EXACT]
    return jobs


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validity", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with sharp/ (films) and paired/")
    parser.add_argument("--work", type=Path, required=True, help="clips and records; a second call goes on there")
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=PARTS, help="none: only write")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, help="where the averages go")
    parser.add_argument("--doc", type=Path, help="a page whose tables are written anew")
    parser.add_argument("--board", type=Path, help="where the board goes, a .csv")
    given = parser.parse_args(arguments)
    jobs = jobs_of(given.parts, given.seeds, given.work, given.data)
    if jobs:
        for name in EXACT:  # made once, before the workers meet
            exact_clip(name, given.work, given.data)
            planted_clip(name, 0.0, given.work, given.data)
        if "circularity" in given.parts:
            for name in circularity.CLIPS:
                circularity.open_clip(name, given.work, given.data)
        with ProcessPoolExecutor(given.workers) as pool:
            for line in pool.map(run_job, jobs):
                print(line, flush=True)
    report = {"machine": machine("cpu")} | collect(given.work / "records")
    if given.json:
        atomic_write_text(given.json, json.dumps(report, indent=1) + "\n")
    if given.doc:
        atomic_write_text(given.doc, filled(given.doc.read_text(), report))
    if given.board:
        write_board(given.board, board(report))


if __name__ == "__main__":
    main()
