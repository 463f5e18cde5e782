"""Where SEVD and SCSCM should matter: labels and inputs aligned to the output, long and hot training.

``python -m benchmarks.selfhvd_tiny.regimes --data ... --work ... --out FILE.json``. Harder shake and occlusion are in
clips of the
main table; here the same clips are fitted in ways in which the output can drift off the input.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.selfhvd_tiny.arms import PARTS, PLAIN, Prepared, fit, prepare, put_back
from benchmarks.selfhvd_tiny.clips import make_clip
from benchmarks.selfhvd_tiny.machine import machine
from benchmarks.selfhvd_tiny.scoring import Row, score_clip, summarise
from hvdbench.methods.fusion.apply import apply_fusion
from hvdbench.methods.fusion.candidates import CandidateStack
from hvdbench.methods.fusion.fit import FusionFit
from hvdbench.methods.fusion.scheme import realigned
from hvdbench.workspace.atomic import atomic_write_text

REGIMES: Mapping[str, Mapping[str, Any]] = {
    "flow on the input": {},
    "teacher held for 50 steps": {"teacher_steps": 50},
    "labels on the output": {"refresh_steps": 40},
    "labels and inputs on the output, hot": {"refresh_steps": 40, "refresh_inputs": True, "learning_rate": 1e-3},
    "flow on the input, long and hot": {"stage2_steps": 400, "learning_rate": 1e-3},
}
CLIPS = ("juggle", "motorcycle")
SHOWN = ("psnr_mid", "psnr_centroid", "ssim_mid", "sharpness_ratio", "shift_px", "worse_mid")


@dataclass(frozen=True)
class Job:
    """One clip in one regime."""

    clip: str
    regime: str
    seed: int
    work: Path
    data: Path

    @property
    def file(self) -> Path:
        """Where its scores are kept."""
        return (
            self.work / "regimes" / f"{self.clip}.{self.seed}.{self.regime.replace(', ', '_').replace(' ', '_')}.json"
        )


def run_job(job: Job) -> Path:
    """Fit stage 1 and every way to go on in one regime."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if job.file.is_file():
        return job.file
    began = time.process_time()
    prepared = prepare(make_clip(job.clip, job.work, job.data))
    before = score_clip(prepared.clip.blurry, prepared.clip)
    start = fit(prepared, job.seed, {**PLAIN, **REGIMES[job.regime], "validate_steps": 25})
    start.realign = _realign(prepared)
    start.first_stage()
    rows = {"input": _shown(before, before, prepared), "stage 1": _result(start, prepared, before)}
    for part, switches in PARTS.items():
        branch = start.branch(start.settings.model_copy(update=dict(switches)))
        branch.second_stage()
        rows[part] = _result(branch, prepared, before)
    record = {"clip": job.clip, "regime": job.regime, "seed": job.seed, "rows": rows}
    record["seconds"] = round(time.process_time() - began, 1)
    job.file.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_text(job.file, json.dumps(record, indent=1) + "\n")
    return job.file


def _realign(prepared: Prepared) -> Any:
    def realign(pictures: NDArray[np.float32]) -> CandidateStack:
        return realigned(prepared.model, prepared.todo, pictures, prepared.clip.labels.is_selected)

    return realign


def _result(fitted: FusionFit, prepared: Prepared, before: list[Row]) -> dict[str, Any]:
    frames = put_back(prepared, apply_fusion(fitted.network, fitted.stack, "cpu"))
    found: dict[str, Any] = dict(_shown(score_clip(frames, prepared.clip, before), before, prepared))
    decisions = [(d.moved, round(d.shift_px, 3), round(d.sharpness_ratio, 3)) for d in fitted.record.anchor]
    chosen = fitted.record.sharp_share
    return found | {
        "anchor_decisions": decisions if fitted.settings.spatial_consistency > 0 else [],
        "sharp_chosen_share": round(float(np.mean(chosen)), 3) if chosen else None,
    }


def _shown(rows: list[Row], before: list[Row], prepared: Prepared) -> dict[str, float]:
    found = summarise(rows, before, prepared.clip)["not_selected"]
    return {name: found[name] for name in SHOWN if name in found}


def table(records: Sequence[Mapping[str, Any]]) -> str:
    """Write one line a clip and regime: PSNR against the centroid and shift of every way to go on."""
    names = ("input", "stage 1", *PARTS)
    head = ["clip", "regime", *names]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for record in records:
        cells = []
        for name in names:
            row = record["rows"][name]
            score = row.get("psnr_centroid", row["psnr_mid"])
            cells.append(f"{score:.2f} / {row['sharpness_ratio']:.2f} / {row['shift_px']:.2f}")
        lines.append("| " + " | ".join([record["clip"], record["regime"], *cells]) + " |")
    note = "Frames not selected: PSNR centroid in dB / sharpness over the input's / median shift to the input in px."
    return f"# SelfHVD small: where the parts should matter\n\n{note}\n\n" + "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, collect, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.selfhvd_tiny.regimes", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=list(CLIPS))
    parser.add_argument("--regimes", nargs="+", default=list(REGIMES), choices=list(REGIMES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    jobs = [
        Job(clip, regime, seed, given.work, given.data)
        for seed in given.seeds
        for clip in given.only
        for regime in given.regimes
    ]
    with ProcessPoolExecutor(given.workers) as pool:
        list(pool.map(run_job, jobs))
    records = [json.loads(path.read_text()) for path in sorted((given.work / "regimes").glob("*.json"))]
    lines = ",\n  ".join(json.dumps(record) for record in records)
    head = json.dumps(machine())
    atomic_write_text(given.out, f'{{\n "machine": {head},\n "records": [\n  {lines}\n ]\n}}\n')
    atomic_write_text(given.out.with_suffix(".md"), table(records))


if __name__ == "__main__":
    main()
