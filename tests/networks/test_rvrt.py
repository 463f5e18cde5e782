import json

import numpy as np
import pytest
import torch

from hvdbench.networks.layers.blocks import warp_by_flow
from hvdbench.networks.layers.guided_attention import sample_taps
from hvdbench.networks.layers.swin import SwinLayer, from_windows, relative_positions, shift_mask, to_windows
from hvdbench.networks.rvrt import RVRT


@pytest.fixture(scope="module")
def published(shared):
    # random weights, input and output of the published module; tolerances from shared/parity/README.md
    with np.load(shared / "parity" / "rvrt_small.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files if key != "__config__"}


@pytest.fixture(scope="module")
def network(published):
    network = RVRT(embed_dim=24, num_heads=2, num_blocks=(1, 1, 1), deformable_groups=4, attention_heads=4).eval()
    network.load_state_dict({key: value for key, value in published.items() if not key.startswith("__")}, strict=True)
    return network.requires_grad_(False)


def test_the_restored_clip_is_that_of_the_published_network(network, published):
    torch.testing.assert_close(network(published["__input__"]), published["__output__"], atol=2e-5, rtol=1e-5)


def test_the_flows_are_those_of_the_published_network(network, published):
    flows_forward, flows_backward = network.compute_flow(published["__input__"])
    torch.testing.assert_close(flows_forward, published["__flows_forward__"], atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(flows_backward, published["__flows_backward__"], atol=1e-4, rtol=1e-5)


def test_names_and_shapes_at_full_size_are_those_of_the_published_weights(shared):
    rows = (shared / "parity" / "rvrt_gopro_keys.txt").read_text().splitlines()
    published = {row.split("\t")[0]: json.loads(row.split("\t")[1]) for row in rows if not row.startswith("#")}
    with torch.device("meta"):
        network = RVRT()
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == published
    assert sum(parameter.numel() for parameter in network.parameters()) == 13_573_159


def test_a_clip_of_odd_length_is_restored_as_if_its_last_frame_came_twice(network, published):
    clip = published["__input__"][:, :3, :, :32, :40]
    doubled = torch.cat((clip, clip[:, -1:]), dim=1)
    torch.testing.assert_close(network(clip), network(doubled)[:, :3], atol=0, rtol=0)


@pytest.mark.parametrize(("frames", "height", "width"), [(1, 32, 36), (2, 4, 4), (3, 12, 72)])
def test_single_frames_and_small_sizes_are_restored(network, frames, height, width):
    torch.manual_seed(0)
    clip = torch.rand(1, frames, 3, height, width)
    restored = network(clip)
    assert restored.shape == clip.shape
    assert torch.isfinite(restored).all()


def test_clips_of_a_batch_do_not_mix(network):
    torch.manual_seed(0)
    clips = torch.rand(2, 4, 3, 32, 36)
    torch.testing.assert_close(network(clips)[1:], network(clips[1:]), atol=1e-5, rtol=1e-5)


def test_a_still_clip_leaves_nothing_behind(network, published):
    crop = published["__input__"][:, :4, :, :32, :40]
    before = network(crop)
    network(crop[:, :1].expand(-1, 2, -1, -1, -1))
    torch.testing.assert_close(network(crop), before, atol=0, rtol=0)


def test_taps_moved_by_a_flow_are_the_warped_neighbours():
    torch.manual_seed(0)
    features = torch.rand(1, 4, 6, 7)
    flow = torch.randn(1, 2, 6, 7)
    offset = flow.flip(1)[:, None, None].expand(-1, 2, 9, -1, -1, -1)  # (1, 2, 9, 2, 6, 7)
    taps = sample_taps(features, offset)
    for tap in range(9):
        neighbour = torch.tensor([tap % 3 - 1.0, tap // 3 - 1.0]).view(1, 2, 1, 1)
        torch.testing.assert_close(taps[:, :, tap], warp_by_flow(features, flow + neighbour), atol=1e-5, rtol=0)


def test_each_group_of_channels_follows_its_own_offsets():
    features = torch.arange(2 * 5 * 5.0).view(1, 2, 5, 5)
    offset = torch.zeros(1, 2, 9, 2, 5, 5)
    offset[:, 1, :, 1] = 1  # the second group moves one column to the right
    taps = sample_taps(features, offset)
    torch.testing.assert_close(taps[:, 0, 4], features[:, 0])
    torch.testing.assert_close(taps[:, 1, 4, :, :4], features[:, 1, :, 1:])


def test_windows_put_back_are_what_they_were_cut_from():
    x = torch.rand(2, 2, 6, 8, 3)
    windows = to_windows(x, (1, 3, 4))
    assert windows.shape == (2 * 2 * 2 * 2, 12, 3)
    torch.testing.assert_close(windows[0], x[0, 0, :3, :4].reshape(12, 3), atol=0, rtol=0)
    torch.testing.assert_close(from_windows(windows, (1, 3, 4), (2, 6, 8)), x, atol=0, rtol=0)


def test_equal_displacements_share_a_number():
    index = relative_positions((1, 2, 2))
    assert index.tolist() == [[4, 3, 1, 0], [5, 4, 2, 1], [7, 6, 4, 3], [8, 7, 5, 4]]


def test_tokens_from_opposite_borders_do_not_see_each_other():
    mask = shift_mask((1, 1, 8), (1, 1, 4), (0, 0, 2), torch.device("cpu"))
    assert (mask[0] == 0).all()
    assert (mask[1, :2, :2] == 0).all()
    assert (mask[1, :2, 2:] == -100).all()


def test_shifted_windows_keep_the_place_of_every_token():
    torch.manual_seed(0)
    layer = SwinLayer(4, (1, 4, 4), 2, shifted=True).requires_grad_(False)
    x = torch.rand(1, 1, 9, 9, 4)
    changed = x.clone()
    changed[:, :, 0, 0] += 1
    differs = (layer(changed) - layer(x)).abs().amax(dim=-1)[0, 0] > 1e-7  # (9, 9)
    assert differs[0, 0]
    assert not differs[2:].any()  # the first shifted window holds rows 0 and 1 only
    assert not differs[:, 2:].any()


def test_a_size_off_four_is_refused(network):
    with pytest.raises(ValueError, match="multiples of 4"):
        network(torch.zeros(1, 2, 3, 32, 34))


def test_groups_that_do_not_divide_the_features_are_refused():
    with pytest.raises(ValueError, match="deformable_groups 3"):
        RVRT(embed_dim=24, deformable_groups=3)
