"""One step of SelfHVD's second stage at full size, on the CPU: each network of Table 1, with SEA-RAFT and VGG19.

All are of the published size and have random weights; the flow starts at no motion, so that masks are open. Memory of
tensors and seconds are in the report: ``pytest -m slow --junitxml=report.xml``, or ``--log-cli-level=INFO``.
"""

import logging
import time

import pytest
import torch
from torch import Tensor, nn

from hvdbench.methods.building import build_network
from hvdbench.methods.inference.memory import _LiveTensors
from hvdbench.methods.selfhvd.objective import SelfHvdObjective
from hvdbench.methods.selfhvd.settings import SelfHvdObjectiveSettings
from hvdbench.methods.training.rgb import RgbNetwork

logger = logging.getLogger(__name__)

FRAMES, SIDE_PX = 3, 256
RANDOM = {"flow": {"weights": "random"}, "perceptual": {"weights": "random"}}


def window() -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(0)
    shape = (1, FRAMES, 3, SIDE_PX, SIDE_PX)
    return {
        "blurry": torch.rand(shape, generator=random),
        "sharp": torch.rand(shape, generator=random),
        "nearest": torch.tensor([[0, -1, -2]]),
        "is_selected": torch.tensor([[True, False, False]]),
        "index": torch.tensor([0]),
    }


def wake(network: nn.Module) -> None:
    """Fill layers that start at zero with small weights: no gradient passes through them in a first step."""
    random = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        if not parameter.any():
            parameter.data.normal_(0, 1e-3, generator=random)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ifirnn", "estrnn", "rvrt", "basicvsrpp"])
def test_one_step_at_full_size_moves_every_parameter(name: str, record_property) -> None:
    network: nn.Module = RgbNetwork(build_network(name, {}, seed=0)).train()
    wake(network)
    objective = SelfHvdObjective(SelfHvdObjectiveSettings.model_validate(RANDOM), stage1_steps=0)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4, betas=(0.9, 0.999))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    started = time.perf_counter()
    with _LiveTensors() as live:
        loss = objective.loss(network, window(), step=0)
        loss.total.backward()
        optimiser.step()
    seconds, gib = time.perf_counter() - started, live.peak_bytes / 2**30
    record_property("seconds", round(seconds, 1))
    record_property("gib", round(gib, 2))
    logger.info("%s: %.1f s, tensors of %.2f GiB, %s", name, seconds, gib, loss.terms)
    assert torch.isfinite(loss.total)
    assert {"sevd", "scscm", "vgg"} <= loss.terms.keys()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key
        assert parameter.grad.any(), key
        assert not torch.equal(parameter.detach(), before[key]), key
