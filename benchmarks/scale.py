"""Measure what a dataset of many clips costs to open, list and add to: ``python -m benchmarks.scale``.

The manifest is real, and the clips are not: no frame is written.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hvdbench.store import Dataset, DatasetWriter

_ADDED = 50


def seconds(action: Callable[[], object]) -> float:
    """Return how long an action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def main() -> None:
    """Print one line for each action."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        writer = DatasetWriter(folder, name="many", origin="demo", recipe={}, provenance={})
        for number in range(given.clips):
            writer._manifest["clips"][f"test/clip{number:06}"] = "d" * 64
        print(f"written: {seconds(writer._save):.2f} s for {given.clips} clips")
        print(f"opened: {seconds(lambda: Dataset.open(folder)):.2f} s")
        dataset = Dataset.open(folder)
        print(f"listed: {seconds(dataset.clips):.2f} s")
        print(f"digest: {seconds(lambda: dataset.digest):.2f} s")

        def add() -> None:
            for number in range(_ADDED):
                writer.finish(writer.clip_folder("test", f"more{number}"), "d" * 64)

        print(f"added: {1000 * seconds(add) / _ADDED:.2f} ms a clip, mean of {_ADDED}")


if __name__ == "__main__":
    main()
