"""Estimate optical flow between pictures on a device, both ways and with a confidence, to align sharp frames."""

from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hvdbench.errors import RecipeError
from hvdbench.flow import Preset, flow_dis, round_trip_px
from hvdbench.frames import to_gray
from hvdbench.methods.selfhvd.settings import FlowSettings
from hvdbench.methods.selfhvd.weights import weights_path
from hvdbench.networks.sea_raft import SeaRaft, flow_confidence
from hvdbench.weights.checkpoints import load_checkpoint
from hvdbench.weights.fitting import load_into
from hvdbench.workspace.engine import thread_map, usable_cores

_KNOWN_WEIGHTS = "sea_raft_spring_m"
_DIS_THREADS = 8
_DIS_PRESETS: dict[str, Preset] = {"dis_medium": "medium", "dis_fast": "fast"}


class FlowPair(NamedTuple):
    """The flow between pictures i and j, both ways.

    Attributes:
        flow_ij: flow ``Φ_{i→j}``, (N, 2, H, W), x first, px.
        flow_ji: flow ``Φ_{j→i}``, of the same shape.
        confidence_ij: confidence ``C_{i→j}``, (N, 1, H, W) in [0, 1], on i's grid.
        confidence_ji: confidence ``C_{j→i}``, on j's grid.
    """

    flow_ij: Tensor
    flow_ji: Tensor
    confidence_ij: Tensor
    confidence_ji: Tensor


class FlowModel(Protocol):
    """A model that estimates flow between (N, 3, H, W) RGB in [0, 1], on their device, without gradient."""

    def __call__(self, i: Tensor, j: Tensor) -> FlowPair:
        """Return the flow from i to j and back."""
        ...


class SeaRaftFlow:
    """SEA-RAFT, frozen; its confidence is ``exp`` of minus the mixed log scale of its two Laplace distributions.

    Args:
        network: SEA-RAFT network; it is moved to the device of the pictures.
        pairs_at_once: most pairs of pictures at once, which bounds memory.
    """

    def __init__(self, network: SeaRaft, pairs_at_once: int = 16) -> None:
        self.network = network.eval().requires_grad_(False)
        self._pairs_at_once = pairs_at_once

    @torch.no_grad()
    def __call__(self, i: Tensor, j: Tensor) -> FlowPair:
        """Return the flow both ways, in float32 even where autocast is on around it."""
        self.network.to(i.device)
        flows, confidences = [], []
        with torch.autocast(i.device.type, enabled=False):
            there_and_back = (torch.cat((i, j)).float(), torch.cat((j, i)).float())
            for a, b in zip(*(torch.split(p, self._pairs_at_once) for p in there_and_back), strict=True):
                estimate = self.network.estimate(a, b)
                flows.append(estimate.flow)
                confidences.append(flow_confidence(estimate.info))
        flow_ij, flow_ji = torch.cat(flows).chunk(2)
        confidence_ij, confidence_ji = torch.cat(confidences).chunk(2)
        return FlowPair(flow_ij, flow_ji, confidence_ij, confidence_ji)


class DisFlow:
    """OpenCV's DIS, pair by pair on the CPU; its confidence is ``exp(-e / 1 px)`` with the forward-backward error e.

    The confidence falls like SEA-RAFT's, which is the inverse of the scale of its error in px: it is 0.37 at 1 px. It
    is 0 where the match lies outside the other picture.
    """

    def __init__(self, preset: Preset = "medium") -> None:
        self._preset = preset

    @torch.no_grad()
    def __call__(self, i: Tensor, j: Tensor) -> FlowPair:
        """Return the flow both ways, estimated on 8-bit gray."""
        grays = [[to_gray(frame) for frame in eight_bit(pictures)] for pictures in (i, j)]
        found = list(thread_map(self._pair, list(zip(*grays, strict=True)), min(_DIS_THREADS, usable_cores())))
        return FlowPair(*(torch.from_numpy(np.stack(part)).to(i.device) for part in zip(*found, strict=True)))

    def _pair(self, grays: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> tuple[NDArray[np.float32], ...]:
        i, j = grays
        flow_ij, flow_ji = flow_dis(i, j, self._preset), flow_dis(j, i, self._preset)
        confidences = (np.exp(-round_trip_px(flow_ij, flow_ji)), np.exp(-round_trip_px(flow_ji, flow_ij)))
        channels_first = (flow.transpose(2, 0, 1) for flow in (flow_ij, flow_ji))
        return (*channels_first, *(confidence[None] for confidence in confidences))


def make_flows(settings: FlowSettings) -> FlowModel:
    """Build the flow model that the settings choose.

    Raises:
        WeightsError: if SEA-RAFT's weights are missing, damaged or of another size.
        RecipeError: if SEA-RAFT does not take the arguments.
    """
    if settings.model != "sea_raft":
        return DisFlow(_DIS_PRESETS[settings.model])
    otherwise = "or set flow.model to 'dis_medium' in the recipe, which needs none"
    path = weights_path(settings.weights, _KNOWN_WEIGHTS, otherwise)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            network = SeaRaft(**settings.arguments)
        except (TypeError, ValueError) as error:
            given = ", ".join(f"{key} = {value}" for key, value in settings.arguments.items())
            raise RecipeError(f"sea_raft does not take {given}: {error}") from error
    if path is None:
        _start_at_zero_flow(network)
    else:
        load_into(network, load_checkpoint(path), path)
    return SeaRaftFlow(network, settings.pairs_at_once)


def _start_at_zero_flow(network: SeaRaft) -> None:
    """Make random weights predict no motion, with equal shares of two scales of 1 px, so that masks are not all 0."""
    last = network.flow_head[-1]
    for parameter in last.parameters():
        nn.init.zeros_(parameter)


def eight_bit(pictures: Tensor) -> NDArray[np.uint8]:
    """Round (N, C, H, W) in [0, 1] to (N, H, W, C) in [0, 255]."""
    levels = (255 * pictures.float().clamp(0, 1)).add(0.5).floor().to(torch.uint8)
    return np.ascontiguousarray(levels.permute(0, 2, 3, 1).cpu().numpy())
