"""Flow for the alignment: direction, confidence, precision and where the weights come from."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hvdbench.errors import RecipeError, WeightsError
from hvdbench.flow import round_trip_px
from hvdbench.methods.selfhvd.flows import DisFlow, SeaRaftFlow, make_flows
from hvdbench.methods.selfhvd.settings import FlowSettings
from hvdbench.networks.sea_raft import FlowEstimate, SeaRaft

TINY = {"depths": [1, 1, 1], "initial_dim": 8, "block_dims": [8, 8, 8], "dim": 8, "num_blocks": 1, "iters": 1}


def moved(x_px: int, y_px: int, count: int = 1) -> tuple[Tensor, Tensor]:
    """Pictures i and j; what i shows at a place, j shows (x_px, y_px) further."""
    random = np.random.default_rng(0)
    pairs = []
    for _ in range(count):
        world = cv2.GaussianBlur(random.random((80, 96, 3)).astype(np.float32), (0, 0), 1.5)
        world = (world - world.min()) / (world.max() - world.min())
        pairs.append([world[16:64, 16:80], world[16 - y_px : 64 - y_px, 16 - x_px : 80 - x_px]])
    i, j = (torch.from_numpy(np.stack(side)).permute(0, 3, 1, 2) for side in zip(*pairs, strict=True))
    return i, j


@pytest.mark.parametrize("preset", ["medium", "fast"])
def test_dis_tells_which_way_and_how_far(preset):
    i, j = moved(4, -3)
    pair = DisFlow(preset)(i, j)
    inner = (slice(None), slice(None), slice(10, -10), slice(10, -10))
    torch.testing.assert_close(pair.flow_ij[inner].mean((0, 2, 3)), torch.tensor([4.0, -3.0]), atol=0.15, rtol=0)
    torch.testing.assert_close(pair.flow_ji[inner].mean((0, 2, 3)), torch.tensor([-4.0, 3.0]), atol=0.15, rtol=0)
    assert pair.confidence_ij.shape == (1, 1, 48, 64)
    assert pair.confidence_ij[inner].mean() > 0.8
    assert pair.confidence_ij[..., -3:].max() == 0  # these match outside j


def test_dis_confidence_is_the_exponential_of_the_error_both_ways():
    i, j = moved(2, 0)
    pair = DisFlow("fast")(i, j)
    there, back = (flow[0].permute(1, 2, 0).numpy() for flow in (pair.flow_ij, pair.flow_ji))
    np.testing.assert_allclose(pair.confidence_ij[0, 0].numpy(), np.exp(-round_trip_px(there, back)), atol=1e-6)
    np.testing.assert_allclose(pair.confidence_ji[0, 0].numpy(), np.exp(-round_trip_px(back, there)), atol=1e-6)


def test_equal_pictures_have_no_flow_and_full_confidence():
    i, _ = moved(0, 0)
    pair = DisFlow("medium")(i, i)
    assert pair.flow_ij.abs().max() < 1e-3
    assert pair.confidence_ij.min() > 0.99


def test_pairs_of_a_batch_do_not_see_each_other():
    i, j = moved(3, 1, count=3)
    together = DisFlow("medium")(i, j)
    for n in range(3):
        alone = DisFlow("medium")(i[n : n + 1], j[n : n + 1])
        assert all(torch.equal(a[n : n + 1], b) for a, b in zip(together, alone, strict=True))


class MeanDifference(nn.Module):
    """Stands for SEA-RAFT: the flow's x is how much brighter the second picture is; raw info as set."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.sizes: list[int] = []

    def estimate(self, reference: Tensor, supporting: Tensor) -> FlowEstimate:
        assert reference.dtype == torch.float32
        assert not torch.is_autocast_enabled("cpu")
        self.sizes.append(len(reference))
        flow = torch.zeros_like(reference[:, :2])
        flow[:, 0] = self.weight * (supporting - reference).mean(1)
        info = torch.zeros(len(reference), 4, *reference.shape[-2:])
        info[:, 2] = 2.0 * reference[:, 0]  # log scale, sure where dark
        return FlowEstimate(flow, info)


def test_sea_raft_is_asked_from_i_to_j_and_back_in_parts():
    network = MeanDifference()
    i, j = torch.zeros(3, 3, 8, 8), torch.ones(3, 3, 8, 8)
    pair = SeaRaftFlow(network, pairs_at_once=4)(i, j)
    assert network.sizes == [4, 2]
    assert (pair.flow_ij[:, 0] == 1).all()
    assert (pair.flow_ji[:, 0] == -1).all()
    # equal shares of scales exp(0) and exp(2): mixed log scale 1 on j's grid, 0 on i's
    torch.testing.assert_close(pair.confidence_ij, torch.ones(3, 1, 8, 8))
    torch.testing.assert_close(pair.confidence_ji, torch.full((3, 1, 8, 8), float(np.exp(-1))))
    assert not pair.flow_ij.requires_grad


def test_sea_raft_stays_in_full_precision_and_frozen():
    network = MeanDifference().train()
    flows = SeaRaftFlow(network)
    with torch.autocast("cpu", torch.bfloat16):
        pair = flows(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8).bfloat16())
    assert pair.flow_ij.dtype == torch.float32
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_random_sea_raft_says_no_motion_and_leaves_the_masks_open():
    torch.manual_seed(3)
    state = torch.get_rng_state()
    flows = make_flows(FlowSettings(weights="random", arguments=TINY))
    assert torch.equal(torch.get_rng_state(), state)
    pair = flows(torch.rand(2, 3, 24, 40), torch.rand(2, 3, 24, 40))
    assert pair.flow_ij.shape == (2, 2, 24, 40)
    assert pair.flow_ij.abs().max() == 0
    assert (pair.confidence_ij == 1).all()


def test_weights_are_read_from_the_file_named(tmp_path):
    from safetensors.torch import save_file

    torch.manual_seed(1)
    network = SeaRaft(**TINY)
    state = {key: value.clone() for key, value in network.state_dict().items()}
    save_file(state, tmp_path / "flow.safetensors")
    flows = make_flows(FlowSettings(weights=str(tmp_path / "flow.safetensors"), arguments=TINY))
    a, b = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(flows(a, b).flow_ij, network.eval()(a, b))


def test_missing_weights_are_one_sentence_that_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("HVDBENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(
        WeightsError, match=r"missing \(no file .*Tartan.*\.pth\): get it from .*flow.model to 'dis_medium'"
    ):
        make_flows(FlowSettings())
    with pytest.raises(
        WeightsError, match=r"none\.pth are missing: there is no file none\.pth .*flow.model to 'dis_medium'"
    ):
        make_flows(FlowSettings(weights="none.pth"))


def test_arguments_that_do_not_fit_are_named():
    with pytest.raises(RecipeError, match="sea_raft does not take width = 3"):
        make_flows(FlowSettings(weights="random", arguments={"width": 3}))


@pytest.mark.parametrize("model", ["dis_medium", "dis_fast"])
def test_dis_needs_no_weights(model):
    assert isinstance(make_flows(FlowSettings(model=model)), DisFlow)
