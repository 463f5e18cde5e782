import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from hvdbench.networks.cdvd_tsp import CDVDTSP
from hvdbench.networks.layers.temporal_sharpness import sharpness_prior
from hvdbench.networks.pwc_net import PWCNet, cost_volume, inside_mask


@pytest.fixture(scope="module")
def published(shared):
    # random weights, input and outputs of the published module; tolerances from shared/parity/README.md
    with np.load(shared / "parity" / "cdvd_tsp_small.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files if key != "__config__"}


@pytest.fixture(scope="module")
def network(published):
    network = CDVDTSP(n_feat=8, n_resblock=1).eval()
    network.load_state_dict({key: value for key, value in published.items() if not key.startswith("__")}, strict=True)
    return network.requires_grad_(False)


def test_both_stages_are_those_of_the_published_network(network, published):
    first_stage = network.restore_inner(published["__input__"])
    for index in range(3):
        wanted = published[f"__recons_{index + 1}__"]
        torch.testing.assert_close(first_stage[:, index], wanted, atol=5e-5, rtol=1e-5)
    torch.testing.assert_close(network.restore_inner(first_stage)[:, 0], published["__output__"], atol=5e-5, rtol=1e-5)


def test_flow_and_mask_are_those_of_the_published_network(network, published):
    frames = published["__input__"]
    _, flow, mask = network.align(frames[:, 2], frames[:, 1])
    torch.testing.assert_close(flow, published["__flow_2_to_1__"], atol=5e-4, rtol=1e-5)
    torch.testing.assert_close(mask.expand(-1, 3, -1, -1), published["__mask_2_to_1__"], atol=0, rtol=0)


def test_names_and_shapes_at_full_size_are_those_of_the_published_weights(shared):
    rows = (shared / "parity" / "cdvd_tsp_keys.txt").read_text().splitlines()
    published = {row.split("\t")[0]: json.loads(row.split("\t")[1]) for row in rows if not row.startswith("#")}
    with torch.device("meta"):
        network, flow_network = CDVDTSP(), PWCNet()
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == published
    assert sum(parameter.numel() for parameter in network.parameters()) == 16_187_045
    prefix = "flow_net.moduleNetwork."
    assert {prefix + key for key in flow_network.state_dict()} == {key for key in published if key.startswith(prefix)}


def test_the_middle_frame_of_a_clip_is_that_of_its_two_stages(network, published):
    clip = published["__input__"]
    torch.testing.assert_close(network(clip)[:, 2], published["__output__"], atol=5e-5, rtol=1e-5)


def test_a_single_frame_of_small_size_is_restored(network):
    torch.manual_seed(0)
    clip = torch.rand(2, 1, 3, 4, 8)
    restored = network(clip)
    assert restored.shape == clip.shape
    assert torch.isfinite(restored).all()


def test_a_cost_is_the_mean_product_with_the_displaced_pixel():
    torch.manual_seed(0)
    first, second = torch.rand(1, 3, 6, 7), torch.rand(1, 3, 6, 7)
    costs = cost_volume(first, second)
    assert costs.shape == (1, 81, 6, 7)
    dx, dy = 2, -1
    displaced = (first[:, :, 3, 4] * second[:, :, 3 + dy, 4 + dx]).mean()
    torch.testing.assert_close(costs[0, (dy + 4) * 9 + dx + 4, 3, 4], displaced)
    assert costs[0, 0, 3, 3] == 0  # four rows above lies outside


def test_a_flow_out_of_the_picture_is_masked():
    flow = torch.zeros(1, 2, 3, 5)
    flow[:, 0] = 1.5
    assert inside_mask(flow)[0, 0].tolist() == [[1, 1, 1, 0, 0]] * 3


def test_the_prior_is_one_where_frames_agree_and_falls_with_their_distance():
    frame = torch.full((1, 3, 9, 9), 0.5)
    mask = torch.ones(1, 1, 9, 9)
    torch.testing.assert_close(sharpness_prior(frame, (frame, frame), (mask, mask)), mask)
    prior = sharpness_prior(frame, (frame + 0.2, frame), (mask, mask))
    torch.testing.assert_close(prior[0, 0, 4, 4], torch.tensor(3 * 0.2**2 / 2).sqrt().neg().exp())
    assert (sharpness_prior(frame, (frame, frame), (0 * mask, mask)) == 0).all()


def test_bfloat16_aligns_pictures_wider_than_it_can_count(network):
    generator = torch.Generator().manual_seed(0)
    texture = F.interpolate(torch.rand(1, 3, 8, 50, generator=generator), size=(64, 400), mode="bilinear")
    frames = texture[..., :384], texture[..., 5:389]
    wanted, _, wanted_mask = network.align(*frames)
    with torch.autocast("cpu", torch.bfloat16):
        aligned, _, mask = network.align(*(frame.bfloat16().float() for frame in frames))
    assert (aligned - wanted).abs().mean() < 0.01 * wanted.abs().mean()
    assert (mask == wanted_mask).float().mean() > 0.99


def test_a_size_off_four_is_refused(network):
    with pytest.raises(ValueError, match="multiples of 4"):
        network(torch.zeros(1, 5, 3, 32, 34))
