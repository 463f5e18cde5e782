"""The rows of SelfHVD's Table 3 for the time given: one stage 1, then four ways to go on from it.

``python -m benchmarks.selfhvd_rows DATASET --work FOLDER --stage1-seconds 240 --stage2-seconds 90`` trains a video
network on the split ``train`` without reading its truth, and a supervised twin with it (for the time of both stages),
and scores all on the split ``test``: PSNR of the frames not selected against both truths, beside the blurry input and
``warp_average``. The learning rate falls as a cosine of the time spent, so more time is a longer schedule. Rows in
``FOLDER/rows.json`` are kept, so a second call goes on with those that are missing.
"""

import argparse
import copy
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.networks import machine
from hvdbench.frames import Frames
from hvdbench.methods.inference import restore_clip
from hvdbench.methods.recipe import load_method
from hvdbench.methods.restoration import Budget
from hvdbench.methods.selfhvd import equations
from hvdbench.methods.selfhvd_dataset import SelfHvdDataset, TrainingClip, align_clip
from hvdbench.metrics.fidelity import psnr
from hvdbench.metrics.sharpness import laplacian_variance, shift_px
from hvdbench.runs import labels_of
from hvdbench.store import ClipFolder, Dataset

ROWS = {"stage 1 goes on": (False, False), "+SEVD": (True, False), "+SCSCM": (False, True), "+both": (True, True)}
Loss = Callable[[nn.Module, np.random.Generator], Tensor]


@dataclass(frozen=True)
class TestClip:
    """A held-out clip: input, truths, and which frames are not selected."""

    blurry: Frames
    truths: dict[str, Frames]
    chosen: list[int]


def read_test_clip(clip: ClipFolder) -> TestClip:
    """Read a clip with its truths."""
    truths = {name: truth for name in ("centroid", "mid") if (truth := clip.truth(name)) is not None}  # type: ignore[arg-type]
    return TestClip(clip.blurry(), truths, np.flatnonzero(~labels_of(clip).is_selected).tolist())


def score(restored: Sequence[Frames], clips: Sequence[TestClip]) -> dict[str, float]:
    """Give means over clips of means over the frames not selected."""
    found: dict[str, list[float]] = {}
    for frames, clip in zip(restored, clips, strict=True):
        per_clip = {
            f"psnr_{name}": [psnr(frames[i], truth[i]) for i in clip.chosen] for name, truth in clip.truths.items()
        }
        sharper = [laplacian_variance(frames[i]) / laplacian_variance(clip.blurry[i]) for i in clip.chosen]
        per_clip |= {"sharpness_ratio": sharper, "shift_px": [shift_px(frames[i], clip.blurry[i]) for i in clip.chosen]}
        for name, values in per_clip.items():
            found.setdefault(name, []).append(float(np.mean(values)))
    return {name: round(float(np.mean(values)), 3) for name, values in found.items()}


def controls(clip_folder: Path) -> Frames:
    """Restore a clip by ``warp_average``."""
    clip = ClipFolder(clip_folder)
    method = load_method("warp_average")
    return np.asarray(method.scheme.restore(clip.blurry(), labels_of(clip), Budget()).frames, np.uint8)


def _align(job: tuple[Path, SelfHvdDataset]) -> tuple[TrainingClip, TrainingClip]:
    clip = ClipFolder(job[0])
    aligned = align_clip(clip.blurry(), labels_of(clip), job[1].settings, workers=1)
    truth = clip.truth("centroid")
    whole = np.full_like(aligned.masks, 255)
    return aligned, TrainingClip(aligned.frames, aligned.frames if truth is None else truth, whole, aligned.is_sharp)


class Trainer:
    """Trains copies of one network for given times and keeps what came out."""

    def __init__(self, given: argparse.Namespace, scheme: SelfHvdDataset, data: dict[str, Any]) -> None:
        self.given, self.scheme, self.data = given, scheme, data
        self.rows_file = given.work / "rows.json"
        self.rows: list[dict[str, Any]] = json.loads(self.rows_file.read_text()) if self.rows_file.is_file() else []

    def has(self, name: str) -> bool:
        """Say whether a row is done."""
        return any(row["row"] == name for row in self.rows)

    def keep(self, row: dict[str, Any]) -> None:
        """Add a row to the file and print it."""
        self.rows.append(row)
        self.rows_file.write_text(json.dumps(self.rows, indent=1) + "\n")
        print({key: value for key, value in row.items() if key != "loss"}, flush=True)

    def train(self, name: str, network: nn.Module, loss: Loss, seconds: float, checks: int) -> None:
        """Train in place, scoring on the way; the clock stops while it scores."""
        settings = self.scheme.settings
        optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, betas=(0.9, 0.999))
        random = np.random.default_rng(self.given.seed)
        spent, steps, losses, checked = 0.0, 0, [], []
        on_gpu = self.given.device == "cuda"
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        while spent < seconds:
            began = time.perf_counter()
            share = spent / seconds
            low, high = settings.final_learning_rate, settings.learning_rate
            for group in optimiser.param_groups:
                group["lr"] = low + 0.5 * (high - low) * (1.0 + math.cos(math.pi * share))
            value = loss(network, random)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(value)
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            if steps % 20 == 0:
                losses.append(round(float(value.detach()), 5))
            steps += 1
            if on_gpu:
                torch.cuda.synchronize()
            spent += time.perf_counter() - began
            if spent >= seconds * (len(checked) + 1) / checks:
                checked.append({"seconds": round(spent, 1), "steps": steps} | self.score(network))
                print(name, checked[-1], flush=True)
        clips_per_s = round(steps * settings.batch / spent, 2)
        memory = round(torch.cuda.max_memory_allocated() / 2**30, 2) if on_gpu else None
        facts = {"steps": steps, "seconds": round(spent, 1), "clips_per_s": clips_per_s, "peak_gib": memory}
        self.keep({"row": name} | facts | {"scores": checked[-1], "over_time": checked, "loss": losses})

    def score(self, network: nn.Module) -> dict[str, float]:
        """Restore the held-out clips and score them."""
        clips = self.data["test"]
        return score([restore_clip(network, clip.blurry, device=self.given.device) for clip in clips], clips)  # type: ignore[arg-type]

    def first_stage(self, clips: Sequence[TrainingClip]) -> Loss:
        """Give Eq. 13's loss over clips, whatever stands in the warped sharp frames' place."""

        def loss(network: nn.Module, random: np.random.Generator) -> Tensor:
            window = self.scheme._draw(clips, random, self.given.device)
            with self._precision():
                restored = network(window.blurry)
            return equations.reconstruction_loss(restored.float(), window.warped, window.masks)

        return loss

    def second_stage(self, anchor: nn.Module, enhanced: bool, consistent: bool) -> Loss:
        """Give Eq. 14's loss with either of its parts."""
        held = copy.deepcopy(anchor).requires_grad_(False)
        weight = 1.0 if consistent else 0.0
        scheme = SelfHvdDataset(self.scheme.settings.model_copy(update={"spatial_consistency": weight}))
        plain = self.first_stage(self.data["train"])

        def loss(network: nn.Module, random: np.random.Generator) -> Tensor:
            if not enhanced and not consistent:
                return plain(network, random)
            window = scheme._draw(self.data["train"], random, self.given.device)
            with self._precision():
                if enhanced:
                    return scheme._stage2_loss(network, held, window, random)
                restored = network(window.blurry)
                with torch.no_grad():
                    kept = held(window.blurry)
            to_sharp = equations.reconstruction_loss(restored.float(), window.warped, window.masks)
            return to_sharp + equations.spatial_consistency_loss(restored.float(), kept.float())

        return loss

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.given.device, torch.bfloat16, enabled=self.given.bf16)


def prepare(given: argparse.Namespace, scheme: SelfHvdDataset) -> dict[str, Any]:
    """Align the training clips and read the held-out ones, once."""
    dataset = Dataset.open(given.dataset)
    test = dataset.clips("test")
    with ProcessPoolExecutor(given.workers) as pool:
        aligned = list(pool.map(_align, [(clip.folder, scheme) for clip in dataset.clips("train")]))
        controlled = list(pool.map(controls, [clip.folder for clip in test]))
    data = {"train": [a for a, _ in aligned], "supervised": [b for _, b in aligned]}
    data |= {"test": [read_test_clip(clip) for clip in test], "warp_average": controlled}
    return data


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, score, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--recipe", default="selfhvd_basicvsrpp")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--stage1-seconds", type=float, default=240)
    parser.add_argument("--stage2-seconds", type=float, default=90)
    parser.add_argument("--most-seconds", type=float, default=560, help="no row is begun that would end later")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--device", default="cuda")
    given = parser.parse_args(arguments)
    began = time.perf_counter()
    given.work.mkdir(parents=True, exist_ok=True)
    settings = load_method(given.recipe).scheme.settings.model_copy(
        update={"batch": given.batch, "zero_flow_start": True}
    )
    scheme = SelfHvdDataset(settings)
    data = prepare(given, scheme)
    print(f"{len(data['train'])} training clips, {len(data['test'])} held out, {time.perf_counter() - began:.0f} s")
    trainer = Trainer(given, scheme, data)
    if not trainer.has("blurry"):
        trainer.keep({"row": "blurry", "scores": score([clip.blurry for clip in data["test"]], data["test"])})
        trainer.keep({"row": "warp_average", "scores": score(data["warp_average"], data["test"])})
        trainer.keep({"row": "facts", "machine": machine(given.device), "settings": settings.model_dump(mode="json")})

    def fits(seconds: float) -> bool:
        return time.perf_counter() - began + seconds < given.most_seconds

    state = given.work / "stage1.pt"
    network = scheme.build(given.seed).to(given.device).train()
    if not trainer.has("stage 1"):
        trainer.train("stage 1", network, trainer.first_stage(data["train"]), given.stage1_seconds, 4)
        torch.save(network.state_dict(), state)
    for name, (enhanced, consistent) in ROWS.items():
        if not trainer.has(name) and fits(given.stage2_seconds):
            network.load_state_dict(torch.load(state, weights_only=True))
            trainer.train(name, network, trainer.second_stage(network, enhanced, consistent), given.stage2_seconds, 1)
    whole = given.stage1_seconds + given.stage2_seconds
    if not trainer.has("supervised") and fits(whole):
        network = scheme.build(given.seed).to(given.device).train()
        trainer.train("supervised", network, trainer.first_stage(data["supervised"]), whole, 4)


if __name__ == "__main__":
    sys.exit(main())
