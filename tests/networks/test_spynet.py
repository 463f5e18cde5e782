import numpy as np
import pytest
import torch

from hvdbench.networks.layers.blocks import warp_by_flow
from hvdbench.networks.spynet import SPyNet


@pytest.fixture(scope="module")
def published(shared):
    # random weights, inputs and outputs of the published module; tolerance from shared/parity/README.md
    with np.load(shared / "parity" / "spynet_small.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files if key != "__config__"}


@pytest.mark.parametrize("size", ["", "_odd"])
def test_the_flow_is_that_of_the_published_network(published, size):
    network = SPyNet().eval()
    network.load_state_dict({key: value for key, value in published.items() if not key.startswith("__")}, strict=True)
    pair = published[f"__input{size}__"]
    with torch.no_grad():
        flow = network(pair[:, 0], pair[:, 1])
    torch.testing.assert_close(flow, published[f"__output{size}__"], atol=2e-4, rtol=1e-5)


def test_a_zero_start_says_no_motion_yet_can_be_trained():
    torch.manual_seed(0)
    network = SPyNet()
    pair = torch.rand(2, 1, 3, 33, 40)
    assert network(pair[0], pair[1]).abs().max() > 0
    network.start_at_zero_flow()
    flow = network(pair[0], pair[1])
    assert flow.shape == (1, 2, 33, 40)
    assert flow.abs().max() == 0
    flow.sum().backward()
    assert all(level.basic_module[-1].conv.bias.grad.abs().max() > 0 for level in network.basic_module)


def test_a_flow_of_two_right_and_one_up_fetches_from_there():
    picture = torch.arange(20.0).view(1, 1, 4, 5)  # rows of 5
    flow = torch.tensor([2.0, -1.0]).view(1, 2, 1, 1).expand(1, 2, 4, 5)
    warped = warp_by_flow(picture, flow)
    torch.testing.assert_close(warped[0, 0, 1:, :3], picture[0, 0, :3, 2:])
    assert warped[0, 0, 0].abs().max() < 1e-5  # outside is zero
    assert warp_by_flow(picture, flow, padding_mode="border")[0, 0, 0, 0] == pytest.approx(2)


def test_a_picture_one_pixel_wide_can_be_warped():
    picture = torch.rand(1, 3, 1, 1)
    torch.testing.assert_close(warp_by_flow(picture, torch.zeros(1, 2, 1, 1)), picture)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_16_bit_flow_fetches_from_the_right_pixel_of_a_wide_picture(dtype):
    picture = torch.rand(1, 2, 3, 4500, generator=torch.Generator().manual_seed(0))
    flow = torch.zeros(1, 2, 3, 4500, dtype=dtype)
    flow[:, 0] = 3
    torch.testing.assert_close(warp_by_flow(picture, flow)[..., :-3], picture[..., 3:], atol=5e-3, rtol=0)
    warped = warp_by_flow(picture.to(dtype), flow)
    assert warped.dtype == dtype
    torch.testing.assert_close(warped[..., :-3], picture[..., 3:].to(dtype), atol=1e-2, rtol=0)
