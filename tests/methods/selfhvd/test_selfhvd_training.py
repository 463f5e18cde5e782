"""SelfHVD through the whole loop: a tiny training with an anchor, stopped and gone on with, and what its log holds."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_training import MadeReader
from safetensors.torch import load_file

from hvdbench.methods.restoration import Budget
from hvdbench.methods.selfhvd.objective import SelfHvdObjective
from hvdbench.methods.selfhvd.scheme import SelfHvd
from hvdbench.methods.selfhvd.settings import SelfHvdSettings
from hvdbench.methods.training.scheme import train_scheme

STEPS, STAGE1_STEPS = 12, 6


def scheme() -> SelfHvd:
    values = {
        "network": "made_training:OneConvolution",
        "window": {"crop_px": 24, "clip_frames": 4},
        "flow": {"model": "dis_fast"},
        "perceptual": {"weight": 0.1, "weights": "random", "layer": "relu1_2"},
        "anchor": {"shift_limit_px": 10, "sharpness_gain": 0.5},
        "engine": {
            "steps": STEPS,
            "batch": 2,
            "learning_rate": 1e-2,
            "log_every": 2,
            "validate_every": 4,
            "checkpoint_every": 4,
            "validation": {"clips": 1, "frames": 3, "loss_samples": 1},
        },
    }
    return SelfHvd(SelfHvdSettings.model_validate(values))


def train(folder: Path) -> dict[str, torch.Tensor]:
    network, result = train_scheme(scheme(), MadeReader(), folder, Budget(seed=1))
    assert result.is_finished
    return network.state_dict()


def log_of(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, dict[str, torch.Tensor]]:
    """A run that was never stopped: its folder and weights."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, train(folder)


def test_a_run_that_was_stopped_in_stage_two_goes_on_to_the_same_weights_and_log(whole, tmp_path, monkeypatch):
    original = SelfHvdObjective.loss

    def failing(self, network, batch, step):
        if step == 10:
            raise RuntimeError("the power went")
        return original(self, network, batch, step)

    monkeypatch.setattr(SelfHvdObjective, "loss", failing)
    with pytest.raises(RuntimeError, match="the power went"):
        train(tmp_path)
    monkeypatch.setattr(SelfHvdObjective, "loss", original)
    parts = train(tmp_path)
    folder, weights = whole
    assert all(torch.equal(weights[name], parts[name]) for name in weights)
    assert log_of(tmp_path) == log_of(folder)


def test_the_log_tells_both_stages_and_every_decision(whole):
    folder, _ = whole
    lines = log_of(folder)
    steps = {line["step"]: line for line in lines if line["kind"] == "step"}
    assert {"rec", "vgg", "mask_coverage", "occlusion_coverage"} <= steps[STAGE1_STEPS].keys()
    assert {"sevd", "scscm", "vgg", "sharp_chosen_share", "clues_removed_share"} <= steps[STEPS].keys()
    validations = {line["step"]: line for line in lines if line["kind"] == "validation"}
    assert STAGE1_STEPS in validations  # between the regular ones
    assert validations[STAGE1_STEPS]["anchor_updates"] == 1
    assert [validations[step]["anchor_update"] for step in (STAGE1_STEPS, 8, 12)] == [1, 1, 0]
    assert {"anchor_shift_px", "anchor_sharpness_ratio"} <= validations[8].keys()
    assert any((folder / "panels").iterdir())


def test_the_frozen_networks_are_in_no_checkpoint(whole):
    files = list((whole[0] / "checkpoints").rglob("*.safetensors"))
    assert files
    assert not any("features" in name or "cnet" in name for path in files for name in load_file(path))


def test_a_trained_network_restores_a_clip(whole):
    reader, network = MadeReader(), scheme().build(1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(whole[1])
    assert any(not torch.equal(value, before[name]) for name, value in network.state_dict().items())
    frames = reader.read(reader.clips[0].key, "blur", range(6))
    restored = scheme().restore_with(network, frames, Budget()).frames
    assert (restored.shape, restored.dtype) == (frames.shape, np.uint8)
