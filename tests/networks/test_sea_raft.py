import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from hvdbench.networks.layers.correlation import look_up
from hvdbench.networks.sea_raft import SeaRaft, flow_confidence
from hvdbench.weights.checkpoints import load_checkpoint
from hvdbench.weights.fitting import load_into

SMALL = {
    "depths": (2, 2, 2),
    "initial_dim": 8,
    "block_dims": (8, 12, 16),
    "dim": 16,
    "radius": 2,
    "num_blocks": 2,
    "iters": 3,
}


@pytest.fixture(scope="module")
def published(shared):
    # random weights, input and output of the published module; tolerances from shared/parity/README.md
    with np.load(shared / "parity" / "sea_raft_small.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files if key != "__config__"}


@pytest.fixture(scope="module")
def network(published):
    network = SeaRaft(**SMALL).eval()
    network.load_state_dict({key: value for key, value in published.items() if not key.startswith("__")}, strict=True)
    return network.requires_grad_(False)


@pytest.fixture(scope="module")
def pair(published):
    return (published["__input__"] / 255).unbind(1)


def test_every_step_is_that_of_the_published_network(network, published, pair):
    estimates = network.estimate_all(*pair)
    flows = torch.stack([estimate.flow for estimate in estimates], dim=1)
    torch.testing.assert_close(flows, published["__flow_all__"], atol=1e-3, rtol=1e-5)
    torch.testing.assert_close(estimates[-1].info, published["__info_final__"], atol=1e-3, rtol=1e-5)


def test_the_flow_is_that_of_the_published_network(network, published, pair):
    torch.testing.assert_close(network(*pair), published["__output__"], atol=1e-3, rtol=1e-5)


def test_pictures_of_odd_size_give_what_the_published_network_gives(network, published):
    estimate = network.estimate(*(published["__input_odd__"] / 255).unbind(1))
    torch.testing.assert_close(estimate.flow, published["__output_odd__"], atol=1e-3, rtol=1e-5)
    torch.testing.assert_close(estimate.info, published["__info_final_odd__"], atol=1e-3, rtol=1e-5)


def test_names_and_shapes_at_full_size_are_those_of_the_published_weights(shared):
    rows = (shared / "parity" / "sea_raft_spring_m_keys.txt").read_text().splitlines()
    published = {row.split("\t")[0]: json.loads(row.split("\t")[1]) for row in rows if not row.startswith("#")}
    with torch.device("meta"):
        network = SeaRaft()
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == published
    assert sum(parameter.numel() for parameter in network.parameters()) == 19_663_876


def test_the_estimate_is_the_last_step(network, pair):
    estimate, last = network.estimate(*pair), network.estimate_all(*pair)[-1]
    torch.testing.assert_close(estimate, last, atol=0, rtol=0)


def test_without_steps_the_first_guess_is_given(network, pair):
    guess = SeaRaft(**(SMALL | {"iters": 0})).eval().requires_grad_(False)
    guess.load_state_dict(network.state_dict(), strict=True)
    torch.testing.assert_close(guess(*pair), network.estimate_all(*pair)[0].flow, atol=0, rtol=0)


def test_small_pictures_are_those_with_their_edges_repeated(network):
    torch.manual_seed(0)
    small = torch.rand(2, 3, 40, 51)
    padding = (38, 39, 44, 44)  # left, right, top, bottom, to 128 px
    large = F.pad(small, padding, mode="replicate")
    flow = network(small[:1], small[1:])
    assert flow.shape == (1, 2, 40, 51)
    torch.testing.assert_close(flow, network(large[:1], large[1:])[..., 44:84, 38:89], atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (127, 129), (8, 200)])
def test_pictures_of_any_size_have_finite_flow(network, height, width):
    torch.manual_seed(0)
    pictures = torch.rand(2, 3, height, width)
    estimate = network.estimate(pictures[:1], pictures[1:])
    assert estimate.flow.shape == (1, 2, height, width)
    assert estimate.info.shape == (1, 4, height, width)
    assert torch.isfinite(estimate.flow).all()


def test_pairs_of_a_batch_do_not_mix(network, pair):
    a, b = (torch.cat((picture, picture.flip(-1))) for picture in pair)
    torch.testing.assert_close(network(a, b)[1:], network(a[1:], b[1:]), atol=1e-3, rtol=1e-5)


def test_confidence_follows_the_mixture():
    info = torch.zeros(1, 4, 1, 5)
    info[0, 2, 0] = torch.tensor([0.0, 2.0, 2.0, -3.0, 50.0])  # log b of the free component
    info[0, 0, 0] = torch.tensor([0.0, 0.0, math.log(3), 0.0, 40.0])  # its weight, against 0
    expected = torch.tensor([1, math.exp(-1), math.exp(-1.5), 1, math.exp(-10)])
    info[0, 3] = 7.0  # the other component's scale is fixed
    torch.testing.assert_close(flow_confidence(info), expected.view(1, 1, 1, 5), atol=1e-6, rtol=1e-5)


def test_confidence_of_a_flow_lies_between_0_and_1(network, pair):
    confidence = flow_confidence(network.estimate(*pair).info)
    assert confidence.shape == (1, 1, 128, 128)
    assert 0 < confidence.min() < confidence.max() <= 1


def test_a_checkpoint_is_loaded(network, pair, tmp_path):
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    other = SeaRaft(**SMALL).eval().requires_grad_(False)
    load_into(other, load_checkpoint(tmp_path / "weights.pth"), tmp_path / "weights.pth")
    torch.testing.assert_close(other(*pair), network(*pair), atol=0, rtol=0)


def test_weights_go_to_safetensors_and_back(network, pair, tmp_path):
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    other = SeaRaft(**SMALL).eval().requires_grad_(False)
    assert other.load_state_dict(load_file(tmp_path / "weights.safetensors"), strict=True)
    torch.testing.assert_close(other(*pair), network(*pair), atol=0, rtol=0)
    block = other.fnet.layer2[0]
    assert block.bn3 is block.downsample[1]


def test_16_bit_flow_is_looked_up_at_whole_precision():
    columns = torch.arange(400.0).view(1, 1, 1, 400).expand(1, 1, 2, 400)  # each says where it is
    read = look_up([columns.repeat(800, 1, 1, 1)], torch.full((1, 2, 2, 400), 1.0, dtype=torch.bfloat16), 0)
    torch.testing.assert_close(read[0, 0, 0, :399], torch.arange(1.0, 400.0), atol=1e-3, rtol=0)


def test_encoders_have_three_stages():
    with pytest.raises(ValueError, match="three stages"):
        SeaRaft(depths=(2, 2))
