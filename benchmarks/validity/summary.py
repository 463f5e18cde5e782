"""From the records of single measurements to averages: seeds within a clip first, then clips."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.validity.alignment import binned
from hvdbench.statistics.intervals import mean_interval

Numbers = dict[str, Any]


def collect(folder: Path) -> dict[str, Any]:
    """Average what lies in a folder of records; parts without a record are left out."""
    read = {part: [json.loads(path.read_text()) for path in sorted((folder / part).glob("*.json"))] for part in _PARTS}
    return {part: average(read[part]) for part, average in _PARTS.items() if read[part]}


def over_clips(values: Mapping[str, Iterable[float]]) -> Numbers:
    """Average clip → values of its seeds: the mean with its interval over clips, each clip's, and the seeds' spread."""
    known = {clip: list(seeds) for clip, seeds in values.items()}
    per_clip = {clip: float(np.mean(seeds)) for clip, seeds in known.items()}
    interval = mean_interval(list(per_clip.values()))
    spread = [float(np.std(seeds, ddof=1)) for seeds in known.values() if len(seeds) > 1]
    return {
        "mean": round(interval.mean, 3),
        "low": _end(interval.low),
        "high": _end(interval.high),
        "clips": {clip: round(value, 3) for clip, value in per_clip.items()},
        "seed_sd": round(float(np.sqrt(np.mean(np.square(spread)))), 3) if spread else None,
    }


def _end(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 3)


def _alignment(records: list[Any]) -> Numbers:
    return binned([row for record in records for row in record])


def _propagation(records: list[Any]) -> Numbers:
    """Return variant → stage → truth → averages, and labels' accuracy and precision."""
    values: dict[str, dict[str, dict[str, dict[str, list[float]]]]] = {}
    labels: dict[str, dict[str, list[float]]] = {}
    for record in records:
        for variant, stages in record["rows"].items():
            for stage, truths in stages.items():
                if stage == "labels":
                    for key, value in truths.items():
                        labels.setdefault(variant, {}).setdefault(key, []).append(value)
                    continue
                for truth, value in truths.items():
                    place = values.setdefault(variant, {}).setdefault(stage, {}).setdefault(truth, {})
                    place.setdefault(record["clip"], []).append(value)
    return {
        "frames": {record["clip"]: record["frames"] for record in records},
        "labels": {v: {key: round(float(np.mean(x)), 3) for key, x in found.items()} for v, found in labels.items()},
        "rows": {
            variant: {s: {t: over_clips(clips) for t, clips in truths.items()} for s, truths in stages.items()}
            for variant, stages in values.items()
        },
    }


def _circularity(records: list[Any]) -> Numbers:
    """Return restored clip → what restored it → metric → mean over seeds."""
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for record in records:
        for clip, arms in record["clips"].items():
            for arm, scores in arms.items():
                for metric, value in scores.items():
                    found.setdefault(clip, {}).setdefault(arm, {}).setdefault(metric, []).append(value)
    return {
        "seeds": len(records),
        "clips": {
            clip: {arm: {m: round(float(np.mean(v)), 4) for m, v in ms.items()} for arm, ms in arms.items()}
            for clip, arms in found.items()
        },
    }


def _sparsity(records: list[Any]) -> Numbers:
    """Return share → labels, and arm → truth → averages."""
    found: Numbers = {}
    for share in sorted({record["share"] for record in records}, reverse=True):
        mine = [record for record in records if record["share"] == share]
        values: dict[str, dict[str, dict[str, list[float]]]] = {}
        for record in mine:
            for arm, truths in record["rows"].items():
                for truth, value in truths.items():
                    place = values.setdefault(arm, {}).setdefault(truth, {})
                    place.setdefault(record["clip"], []).append(value)
        keys = mine[0]["labels"]
        found[f"{share:g}"] = {
            "frames": int(np.mean([record["frames"] for record in mine])),
            "labels": {key: round(float(np.mean([record["labels"][key] for record in mine])), 2) for key in keys},
            "rows": {arm: {t: over_clips(v) for t, v in truths.items()} for arm, truths in values.items()},
        }
    return found


def _ladder(records: list[Any]) -> list[Numbers]:
    """Return a row a rung: extents of labels and of scored frames, the input's PSNR, and each stage's."""
    found = []
    for rung in range(len(records[0]["rows"])):
        row: Numbers = {}
        for key in ("label_px", "warp_average", "stage 1", "stage 2"):
            row[key] = over_clips(_by_clip(records, [record["rows"][rung][key] for record in records]))
        for key in ("scored_px", "input"):
            row[key] = over_clips(_by_clip(records, [record[key] for record in records]))
        found.append(row)
    return found


def _by_clip(records: list[Any], values: list[float]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for record, value in zip(records, values, strict=True):
        found.setdefault(record["clip"], []).append(value)
    return found


_PARTS: dict[str, Callable[[list[Any]], Any]] = {
    "alignment": _alignment,
    "propagation": _propagation,
    "circularity": _circularity,
    "sparsity": _sparsity,
    "ladder": _ladder,
}
