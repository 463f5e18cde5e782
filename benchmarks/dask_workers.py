"""Measure how much faster two Dask workers are than one: ``python -m benchmarks.dask_workers``.

One cluster of one worker and one of two are started and warmed up: each worker makes and restores a clip, which loads
and compiles everything. Then ``synth`` and ``eval`` of the same clips are timed by the clock on each cluster, in pairs
whose order turns, so that a slow minute of the machine meets both. The time is that of the whole command but its start:
planning, jobs, and the tables at the end. The goal is a ratio of at least 1.7, on a machine with two idle cores.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.scale import METHOD, request_of
from hvdbench.methods.restoration import Budget
from hvdbench.store import Dataset
from hvdbench.workflows.datasets import synth
from hvdbench.workflows.evaluate import evaluate
from hvdbench.workspace.engine import DaskEngine
from hvdbench.workspace.fallback import Fallback
from hvdbench.workspace.workspace import Workspace

GOAL = 1.7


@contextmanager
def cluster_of(workers: int) -> Iterator[DaskEngine]:
    """Start a cluster on this machine, and yield the engine that uses it."""
    from distributed import LocalCluster

    options = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, **options) as cluster:
        yield DaskEngine(workers, cluster.scheduler_address)


def time_stages(place: Path, engine: DaskEngine, clips: int, size: tuple[int, int], frames: int) -> dict[str, float]:
    """Return the seconds of ``synth`` and of ``eval`` over all clips, written below a new folder."""
    started = time.perf_counter()
    dataset: Dataset = synth(request_of(place / "data", clips, size, frames), fallback=Fallback(), engine=engine)
    made = time.perf_counter()
    workspace = Workspace(runs=place / "runs", boards=place / "boards")
    evaluate(METHOD, dataset, workspace=workspace, budget=Budget(engine=engine))
    return {"synth": made - started, "eval": time.perf_counter() - made}


def main() -> None:
    """Print the ratio of each stage: of each pair, their median, and whether the goal is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--pairs", type=int, default=3, help="how often both clusters do the work")
    parser.add_argument("--size", default="320x192", help="frames, WxH px")
    parser.add_argument("--frames", type=int, default=60, help="frames of a clip")
    parser.add_argument("--json", type=Path, help="also write every time to this file")
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    times: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        os.chdir(folder)  # where workers look for the command's files
        engines = {workers: stack.enter_context(cluster_of(workers)) for workers in times}
        for workers, engine in engines.items():
            # twice as many clips as workers, so that none is left without one
            time_stages(Path(folder) / f"warm{workers}", engine, 2 * workers, (width, height), given.frames)
        for pair in range(given.pairs):
            for workers in (1, 2) if pair % 2 == 0 else (2, 1):
                place = Path(folder) / f"pair{pair}-{workers}"
                times[workers].append(time_stages(place, engines[workers], given.clips, (width, height), given.frames))
    print(f"{given.clips} clips of {given.frames} frames of {given.size}, {given.pairs} pairs")
    for stage in ("synth", "eval"):
        ratios = [one[stage] / two[stage] for one, two in zip(times[1], times[2], strict=True)]
        median = statistics.median(ratios)
        spent = ", ".join(f"{one[stage]:.1f}/{two[stage]:.1f}" for one, two in zip(times[1], times[2], strict=True))
        verdict = "met" if median >= GOAL else "missed"
        print(f"{stage}: {median:.2f} times as fast (goal {GOAL}: {verdict}); seconds with one/two workers: {spent}")
    if given.json is not None:
        given.json.write_text(json.dumps(times, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
