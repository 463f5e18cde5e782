"""``python -m benchmarks.selfhvd_tiny --data ../shared/data --work FOLDER``: see ``README.md`` beside this folder."""

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch

from benchmarks.selfhvd_tiny.arms import Prepared, Restored, arms, controls, prepare
from benchmarks.selfhvd_tiny.clips import SPECS, make_clip
from benchmarks.selfhvd_tiny.machine import machine
from benchmarks.selfhvd_tiny.scoring import Row, facts_of, score_clip, summarise
from benchmarks.selfhvd_tiny.tables import as_json, collect, markdown
from hvdbench.workspace.atomic import atomic_write_text

GROUPS = ("paper", "rc", "pairs", "supervised", "ren")


@dataclass(frozen=True)
class Job:
    """One clip with one seed."""

    clip: str
    seed: int
    groups: tuple[str, ...]
    work: Path
    data: Path


def run_job(job: Job) -> str:
    """Run what is missing of a job; each finished group of arms is kept in a file of its own."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    missing = [group for group in job.groups if not _file(job, group).is_file()]
    missing_controls = job.seed == 0 and not _file(job, "controls").is_file()
    if not missing and not missing_controls:
        return f"{job.clip} seed {job.seed}: done before"
    clip = make_clip(job.clip, job.work, job.data)
    prepared = prepare(clip)
    before = score_clip(clip.blurry, clip)
    if missing_controls:
        _keep(job, "controls", controls(prepared), before, prepared)
    groups = arms(prepared, job.seed)
    began = time.process_time()
    for group in missing:
        _keep(job, group, groups[group](), before, prepared)
    return f"{job.clip} seed {job.seed}: {time.process_time() - began:.0f} s of process time"


def _file(job: Job, group: str) -> Path:
    return job.work / "scores" / f"{job.clip}.{job.seed}.{group.replace(' ', '_')}.json"


def _keep(job: Job, group: str, found: Iterable[Restored], before: list[Row], prepared: Prepared) -> None:
    clip, rows = prepared.clip, {}
    for restored in found:
        scores = summarise(score_clip(restored.frames, clip, before), before, clip)
        rows[restored.arm] = {"seconds": round(restored.seconds, 1), "scores": scores}
    times = {"prepare_s": round(prepared.seconds, 1)}
    record = {"clip": job.clip, "seed": job.seed, "facts": facts_of(clip), "times": times, "arms": rows}
    _file(job, group).parent.mkdir(parents=True, exist_ok=True)
    atomic_write_text(_file(job, group), json.dumps(record, indent=1) + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, collect, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.selfhvd_tiny", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with sharp/ (films) and paired/")
    parser.add_argument("--work", type=Path, required=True, help="clips and scores; a second call goes on there")
    parser.add_argument("--only", nargs="+", default=list(SPECS), help="clips")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--groups", nargs="+", default=list(GROUPS), choices=GROUPS)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="name of a .json; the table goes beside it as .md")
    given = parser.parse_args(arguments)
    jobs = [Job(c, seed, tuple(given.groups), given.work, given.data) for seed in given.seeds for c in given.only]
    with ProcessPoolExecutor(given.workers) as pool:
        for line in pool.map(run_job, jobs):
            print(line, flush=True)
    if given.out:
        report = {"machine": machine()} | collect(given.work / "scores")
        atomic_write_text(given.out, as_json(report))
        atomic_write_text(given.out.with_suffix(".md"), markdown(report))


if __name__ == "__main__":
    main()
