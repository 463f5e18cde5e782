"""Read what a run cost from the notes beside its frames, and write the counts among them."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from hvdbench.metrics.efficiency import COSTS, SECONDS_BY_STAGE, stage_seconds
from hvdbench.scoring.run_clip import RunClip
from hvdbench.workspace.atomic import atomic_write_text
from hvdbench.workspace.parsing import read_json

COSTS_FILE = "costs.json"


def read_costs(place: RunClip) -> pd.DataFrame:
    """Return what a clip's run cost as one row, in columns ``<cost>_none``; NaN where a cost is not known.

    ``frames_per_s`` and ``peak_bytes`` are the network's own where a network ran, otherwise the run's; both come from
    ``run.json``. ``params`` and ``macs`` (per frame) come from ``costs.json``, which ``eval --metric efficiency``
    writes for a method that has a network. The seconds of each stage come from ``run.json``, too; they contain the
    clip's share of a training over several clips.

    Raises:
        InputError: if ``run.json`` is damaged.
    """
    manifest = place.manifest
    facts = manifest.get("facts")
    facts = facts if isinstance(facts, dict) else {}
    found: dict[str, Any] = {
        name: facts.get(name) or manifest.get(name) for name in ("frames_per_s", "peak_bytes")
    } | dict(read_counts(place))
    stages = facts.get(SECONDS_BY_STAGE)
    if isinstance(stages, dict):
        found |= {stage_seconds(name): seconds for name, seconds in stages.items()}
    cells = {f"{name}_none": [_number(found.get(name))] for name in COSTS}
    return pd.DataFrame({"frame": [0], **cells}).astype({"frame": "int64"})


def read_counts(place: RunClip) -> Mapping[str, Any]:
    """Read ``costs.json``; the result is empty where the file is absent, damaged or of another run."""
    try:
        found = dict(read_json(place.folder / COSTS_FILE))
    except (OSError, ValueError, TypeError):
        return {}
    return found if found.get("run_digest") == place.manifest.get("run_digest") else {}


def write_counts(folder: Path, run_digest: str, params: int | None, macs: float | None, note: str = "") -> None:
    """Write ``costs.json`` beside a run's frames.

    Args:
        folder: the folder of the clip.
        run_digest: the digest of the run.
        params: the number of values that the network learned; None where it has none that can be counted.
        macs: multiplications with addition per frame; None where they cannot be counted.
        note: how they were counted, or why they were not.
    """
    body = {"run_digest": run_digest, "params": params, "macs": macs, "note": note}
    atomic_write_text(folder / COSTS_FILE, json.dumps(body, indent=1, sort_keys=True) + "\n")


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits, which nothing measures
        return math.nan
