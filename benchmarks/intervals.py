"""Measure intervals and ties where the truth is known: ``python -m benchmarks.intervals [--draws N] [--json FILE]``.

Coverage: how often the 95 % interval of a mean over clips holds the true mean, for Student's t, the bootstrap, and what
boards use (t under 20 clips, the bootstrap from there on). Ties: how often two equally good methods share a tie group,
alone and among six of which others are better and worse; and how often a true difference of the size that was called
detectable is found.
"""

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hvdbench.statistics.comparison import compare_scores, tie_groups
from hvdbench.statistics.intervals import bca_interval, clip_interval, mean_interval

CLIPS = (5, 10, 20, 50)
Draw = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]
SCORES: dict[str, tuple[float, float, Draw]] = {
    "normal": (0.0, 0.0, lambda rng, shape: rng.normal(0, 1, shape)),
    "skewed (gamma 2)": (2.0, math.sqrt(2), lambda rng, shape: rng.gamma(2, 1, shape)),
    "one clip in five apart": (
        1.2,
        1.2,
        lambda rng, shape: np.where(rng.random(shape) < 0.2, rng.normal(6, 1, shape), rng.normal(0, 1, shape)),
    ),
    "exponential": (1.0, 2.0, lambda rng, shape: rng.exponential(1, shape)),
    "log-normal": (math.exp(0.5), 6.2, lambda rng, shape: rng.lognormal(0, 1, shape)),
}
"""True mean, skewness and draws of (draws, clips), by name."""
INTERVALS = {"t": mean_interval, "bootstrap": bca_interval, "board": clip_interval}


def coverage(name: str, clips: int, draws: int, seed: int = 0) -> dict[str, float]:
    """Return the share of 95 % intervals that hold the true mean, by kind of interval."""
    truth, _, draw = SCORES[name]
    samples = draw(np.random.default_rng([seed, clips]), (draws, clips))
    return {
        kind: float(np.mean([found.low <= truth <= found.high for found in map(interval, samples)]))
        for kind, interval in INTERVALS.items()
    }


def shared_groups(clips: int, draws: int, *, others: bool, skewed: bool = False, seed: int = 0) -> float:
    """Return the share of draws in which two equal methods share a tie group.

    Clips differ by 3 dB, each method by 0.4 dB a clip. With ``others``, four more methods lie 1.0 and 0.3 dB above and
    0.3 and 1.0 dB below the two.
    """
    offsets = {"one": 0.0, "other": 0.0} | ({"a": 1.0, "b": 0.3, "c": -0.3, "d": -1.0} if others else {})
    rng = np.random.default_rng([seed, clips, int(others), int(skewed)])
    shared = 0
    for _ in range(draws):
        base = rng.normal(30, 3, clips)
        own = (
            rng.gamma(2, 0.4 / math.sqrt(2), (len(offsets), clips))
            if skewed
            else rng.normal(0, 0.4, (len(offsets), clips))
        )
        groups = tie_groups({name: base + offset + own[i] for i, (name, offset) in enumerate(offsets.items())})
        shared += bool(set(groups["one"]) & set(groups["other"]))
    return shared / draws


def found_differences(clips: int, draws: int, seed: int = 0) -> float:
    """Return the share of draws that find a true difference as large as is called detectable (0.8 is right)."""
    rng = np.random.default_rng([seed, clips])
    reference = rng.normal(0, 1, clips)
    size = compare_scores(reference / reference.std(ddof=1), np.zeros(clips)).detectable  # at a spread of 1
    tests = (compare_scores(rng.normal(size, 1, clips), np.zeros(clips)).p for _ in range(draws))
    return float(np.mean([p < 0.05 for p in tests]))


def main() -> None:
    """Print the tables, or write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=4000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    covered = {name: {n: coverage(name, n, options.draws) for n in CLIPS} for name in SCORES}
    ties = {
        f"{'six' if others else 'two'} methods, {'skewed' if skewed else 'normal'}": {
            n: shared_groups(n, options.draws // 4, others=others, skewed=skewed) for n in CLIPS
        }
        for others in (False, True)
        for skewed in (False, True)
    }
    power = {n: found_differences(n, options.draws) for n in CLIPS}
    if options.json:
        options.json.write_text(json.dumps({"coverage": covered, "shared": ties, "power": power}, indent=1) + "\n")
    lines = ["| scores | skewness | " + " | ".join(f"{n} clips: t, bootstrap, board" for n in CLIPS) + " |"]
    lines.append("|---|---:|" + "---:|" * len(CLIPS))
    for name, row in covered.items():
        cells = [", ".join(f"{100 * found[kind]:.1f}" for kind in INTERVALS) for found in row.values()]
        lines.append(f"| {name} | {SCORES[name][1]:.1f} | " + " | ".join(cells) + " |")
    lines += ["", "| two equal methods share a group (%) | " + " | ".join(f"{n} clips" for n in CLIPS) + " |"]
    lines.append("|---|" + "---:|" * len(CLIPS))
    rows = {**ties, "a detectable difference is found": power}
    lines += [f"| {name} | " + " | ".join(f"{100 * v:.1f}" for v in row.values()) + " |" for name, row in rows.items()]
    print("\n".join(lines))


if __name__ == "__main__":
    main()
