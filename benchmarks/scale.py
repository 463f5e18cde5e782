"""Measure what datasets of many clips cost: ``python -m benchmarks.scale``, and with ``--stages N`` each stage a clip.

Without ``--stages`` a manifest of many clips is opened, listed and added to; it is real, and the clips are not: no
frame is written. With ``--stages N`` N clips are made and put into object storage in this process's memory (``memory://``),
and each stage reads them from there through the same door as from S3, with an empty cache of copies at its beginning.
All runs in one process and one thread, after a round over one clip that loads and compiles everything:

- core seconds: of this process, by the clock of its CPU;
- read: bytes and requests at the door of object storage (``hvdbench.workspace.objects.door``);
- written: bytes and files on the disk, without the cache of copies;
- planning: the part of ``eval`` before its first job, which no engine spreads over workers.

``--cache-clips K`` bounds the cache to K clips, as when a dataset is larger than it; then the bytes read say how often
every clip is fetched.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hvdbench.dataset.packing import pack_dataset
from hvdbench.methods.restoration import Budget
from hvdbench.store import Dataset, DatasetWriter
from hvdbench.workflows import evaluate as evaluating
from hvdbench.workflows.datasets import SynthRequest, label, synth
from hvdbench.workflows.score import score_folder
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.fallback import Fallback
from hvdbench.workspace.objects import Location, copies
from hvdbench.workspace.objects.door import traffic
from hvdbench.workspace.workspace import Workspace

_ADDED = 50
METHOD = "warp_average"
PHOTOGRAPHS = ("brick", "grass", "camera", "coins", "text", "retina", "hubble_deep_field", "immunohistochemistry")
"""The photographs in scikit-image's wheel that clips are made of, so that nothing is downloaded."""


@dataclass
class Cost:
    """What a stage took for all clips; the fields are divided by the number of clips when they are printed."""

    stage: str
    core_s: float = 0.0
    read_bytes: int = 0
    requests: int = 0
    written_bytes: int = 0
    written_files: int = 0


def request_of(out: Path, clips: int, size: tuple[int, int], frames: int) -> SynthRequest:
    """Return the request of a dataset of so many clips, of photographs in scikit-image's wheel."""
    views = -(-clips // len(PHOTOGRAPHS))
    named = [f"skimage_{name}" for name in PHOTOGRAPHS]
    values = {"clips": named, "views": views, "max_clips": clips, "split": "test"}
    return SynthRequest("pretrain", out=out, overrides={**values, "size": list(size), "frames_per_clip": frames})


def seconds(action: Callable[[], object]) -> float:
    """Return how long an action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def measure_manifest(clips: int) -> None:
    """Print one line for each action on a manifest of so many clips."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        writer = DatasetWriter(folder, name="many", origin="demo", recipe={}, provenance={})
        for number in range(clips):
            writer._manifest["clips"][f"test/clip{number:06}"] = "d" * 64
        print(f"written: {seconds(writer._save):.2f} s for {clips} clips")
        print(f"opened: {seconds(lambda: Dataset.open(folder)):.2f} s")
        dataset = Dataset.open(folder)
        print(f"listed: {seconds(dataset.clips):.2f} s")
        print(f"digest: {seconds(lambda: dataset.digest):.2f} s")

        def add() -> None:
            for number in range(_ADDED):
                writer.finish(writer.clip_folder("test", f"more{number}"), "d" * 64)

        print(f"added: {1000 * seconds(add) / _ADDED:.2f} ms a clip, mean of {_ADDED}")


@contextmanager
def costing(stage: str, place: Path, found: list[Cost]) -> Iterator[None]:
    """Measure a block, which writes below a folder, and append its costs."""
    _empty_cache()
    files, size = _on_disk(place)
    before, started = (traffic.requests, traffic.bytes), time.process_time()
    yield
    spent = time.process_time() - started
    files_after, size_after = _on_disk(place)
    requests, read = traffic.requests - before[0], traffic.bytes - before[1]
    found.append(Cost(stage, spent, read, requests, size_after - size, files_after - files))


def measure_stages(place: Path, clips: int, size: tuple[int, int], frames: int) -> tuple[list[Cost], dict[str, Any]]:
    """Run each stage once over all clips.

    Args:
        place: an empty folder.
        clips: how many clips are made.
        size: width and height of the frames, px.
        frames: how many frames a clip has.

    Returns:
        The costs of each stage, and sizes that the extrapolation needs.
    """
    costs: list[Cost] = []
    place.mkdir()
    data, runs, boards = place / "data", place / "runs", place / "boards"
    with costing("synth", place, costs):
        dataset = synth(request_of(data, clips, size, frames), fallback=Fallback(), engine=Engine(1))
    stored, count = _store(data)
    with costing("label", place, costs):
        label(Dataset.open(stored))
    workspace, budget = Workspace(runs=runs, boards=boards), Budget()
    # the end of the planning is the call of what does the jobs
    planned: list[Cost] = []
    do_jobs, opened = evaluating.do_jobs, costing("eval, planning", place, planned)

    def noting(*given: Any, **named: Any) -> None:
        if not planned:
            opened.__exit__(None, None, None)
        do_jobs(*given, **named)

    evaluating.do_jobs = noting  # type: ignore[assignment]
    try:
        with costing("eval", place, costs):
            opened.__enter__()
            result = evaluating.evaluate(METHOD, Dataset.open(stored), workspace=workspace, budget=budget)
    finally:
        evaluating.do_jobs = do_jobs
    costs += planned
    run = runs / METHOD / dataset.name
    for kept in run.rglob("frame_scores*.csv"):
        kept.unlink()
    with costing("score", place, costs):
        score_folder(run, data=stored, workspace=workspace)
    with costing("pack", place, costs):
        pack_dataset(Dataset.open(stored), place / "data.h5")
    facts = {
        "clips": clips,
        "size": list(size),
        "frames": frames,
        "objects_a_clip": count / clips,
        "dataset_bytes_a_clip": sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) / clips,
        "table_bytes_a_clip": int(result.scores.frames.memory_usage(deep=True).sum()) / clips,
    }
    return costs, facts


def _store(folder: Path) -> tuple[Location, int]:
    """Put a dataset into storage in memory; returns its address and the number of objects."""
    import fsspec

    system = fsspec.filesystem("memory")
    system.store.clear()
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    for path in files:
        system.pipe_file(f"/bucket/data/{path.relative_to(folder)}", path.read_bytes())
    return Location.of("memory://bucket/data"), len(files)


def _empty_cache() -> None:
    for folder in list(copies._held):
        copies._release(folder)
    shutil.rmtree(copies.cache_folder(), ignore_errors=True)


def _on_disk(place: Path) -> tuple[int, int]:
    sizes = [path.stat().st_size for path in place.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)


def _print_stages(costs: list[Cost], facts: dict[str, Any]) -> None:
    clips = facts["clips"]
    width, height = facts["size"]
    print(f"{clips} clips of {facts['frames']} frames of {width}x{height}; each number is for one clip")
    print(f"{'stage':<16}{'core s':>9}{'read MB':>9}{'requests':>10}{'written MB':>12}{'files':>8}")
    for cost in costs:
        read, written = cost.read_bytes / clips / 1e6, cost.written_bytes / clips / 1e6
        requests, files = cost.requests / clips, cost.written_files / clips
        print(f"{cost.stage:<16}{cost.core_s / clips:>9.2f}{read:>9.2f}{requests:>10.1f}{written:>12.2f}{files:>8.1f}")
    print(f"the dataset: {facts['dataset_bytes_a_clip'] / 1e6:.2f} MB in {facts['objects_a_clip']:.1f} objects")
    print(f"eval's table of frame scores in memory: {facts['table_bytes_a_clip'] / 1e3:.1f} kB")


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=100_000, help="clips of the manifest")
    parser.add_argument("--stages", type=int, metavar="N", help="measure each stage over N clips instead")
    parser.add_argument("--size", default="320x192", help="frames of the stages, WxH px")
    parser.add_argument("--frames", type=int, default=60, help="frames of a clip of the stages")
    parser.add_argument("--cache-clips", type=float, metavar="K", help="let the cache take K clips at most")
    parser.add_argument("--json", type=Path, help="also write the figures of the stages to this file")
    given = parser.parse_args()
    if given.stages is None:
        measure_manifest(given.clips)
        return
    width, height = map(int, given.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HVDBENCH_CACHE"] = str(Path(folder) / "cache")
        _, facts = measure_stages(Path(folder) / "warm", 1, (width, height), given.frames)
        if given.cache_clips is not None:
            os.environ["HVDBENCH_CACHE_GB"] = str(given.cache_clips * facts["dataset_bytes_a_clip"] / 1e9)
            copies._ALWAYS_HELD = 1
        costs, facts = measure_stages(Path(folder) / "measured", given.stages, (width, height), given.frames)
    _print_stages(costs, facts)
    if given.json is not None:
        text = json.dumps({"costs": [asdict(cost) for cost in costs], "facts": facts}, indent=1)
        given.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
