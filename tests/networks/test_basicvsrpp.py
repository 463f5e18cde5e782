import json

import numpy as np
import pytest
import torch

from hvdbench.networks.basicvsrpp import BasicVSRPlusPlus


@pytest.fixture(scope="module")
def published(shared):
    # random weights, input and output of the published module; tolerances from shared/parity/README.md
    with np.load(shared / "parity" / "basicvsrpp_small.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files if key != "__config__"}


@pytest.fixture(scope="module")
def network(published):
    network = BasicVSRPlusPlus(mid_channels=8, num_blocks=2).eval()
    network.load_state_dict({key: value for key, value in published.items() if not key.startswith("__")}, strict=True)
    return network.requires_grad_(False)


def test_the_restored_clip_is_that_of_the_published_network(network, published):
    torch.testing.assert_close(network(published["__input__"]), published["__output__"], atol=1e-5, rtol=1e-5)


def test_the_flows_are_those_of_the_published_network(network, published):
    flows_forward, flows_backward = network.compute_flow(published["__input__"])
    torch.testing.assert_close(flows_forward, published["__flows_forward__"], atol=2e-4, rtol=1e-5)
    torch.testing.assert_close(flows_backward, published["__flows_backward__"], atol=2e-4, rtol=1e-5)


def test_names_and_shapes_at_full_size_are_those_of_the_published_weights(shared):
    rows = (shared / "parity" / "basicvsrpp_selfhvd_keys.txt").read_text().splitlines()
    published = {row.split("\t")[0]: json.loads(row.split("\t")[1]) for row in rows if not row.startswith("#")}
    with torch.device("meta"):
        network = BasicVSRPlusPlus()
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == published
    assert sum(parameter.numel() for parameter in network.parameters()) == 9_760_175


def test_a_still_clip_leaves_nothing_behind(network, published):
    # the published code takes a still clip of even length for a mirrored one and keeps saying so
    crop = published["__input__"][..., :64, :72]
    before = network(crop)
    network(crop[:, :1].expand(-1, 2, -1, -1, -1))
    torch.testing.assert_close(network(crop), before, atol=0, rtol=0)


def test_a_mirrored_clip_has_mirrored_flows(published):
    torch.manual_seed(0)
    network = BasicVSRPlusPlus(mid_channels=8, num_blocks=1).eval().requires_grad_(False)
    crop = published["__input__"][:, :2, :, :64, :64]
    flows_forward, flows_backward = network.compute_flow(torch.cat((crop, crop.flip(1)), dim=1))
    torch.testing.assert_close(flows_forward, flows_backward.flip(1), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("frames", "height", "width"), [(1, 32, 36), (2, 4, 4), (3, 12, 200)])
def test_single_frames_and_small_sizes_are_restored(network, frames, height, width):
    torch.manual_seed(0)
    clip = torch.rand(1, frames, 3, height, width)
    restored = network(clip)
    assert restored.shape == clip.shape
    assert torch.isfinite(restored).all()


def test_clips_of_a_batch_do_not_mix(network):
    torch.manual_seed(0)
    clips = torch.rand(2, 3, 3, 32, 32)
    torch.testing.assert_close(network(clips)[1:], network(clips[1:]), atol=1e-5, rtol=1e-5)


def test_a_size_off_four_is_refused(network):
    with pytest.raises(ValueError, match="multiples of 4"):
        network(torch.zeros(1, 2, 3, 32, 34))


def test_groups_that_do_not_divide_the_features_are_refused():
    with pytest.raises(ValueError, match="deform_groups 16"):
        BasicVSRPlusPlus(mid_channels=6)
