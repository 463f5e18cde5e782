import json

import numpy as np
import pytest
import torch

from hvdbench.networks.hypercut import HyperCUT

COLOUR_MEAN, COLOUR_STD = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]


@pytest.fixture(scope="module")
def published(shared):
    # random weights, input and outputs of the published module; tolerance from shared/parity/README.md
    with np.load(shared / "parity" / "hypercut_small.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files if key != "__config__"}


@pytest.fixture(scope="module")
def network(published):
    network = HyperCUT(out_dim=16).eval()
    network.load_state_dict({key: value for key, value in published.items() if not key.startswith("__")}, strict=True)
    return network.requires_grad_(False)


def test_vectors_sides_and_losses_are_those_of_the_published_network(network, published):
    vectors = network((published["__input__"] - COLOUR_MEAN) / COLOUR_STD)
    torch.testing.assert_close(vectors, published["__output__"], atol=2e-5, rtol=1e-5)
    torch.testing.assert_close(network.hyperplane(vectors), published["__hyperplane__"], atol=2e-5, rtol=1e-5)
    loss = network.order_loss(vectors)
    torch.testing.assert_close(loss.total, published["__loss_total__"], atol=2e-5, rtol=1e-5)
    torch.testing.assert_close(loss.diff, published["__loss_diff__"], atol=2e-5, rtol=1e-5)
    torch.testing.assert_close(loss.same, published["__loss_same__"], atol=2e-5, rtol=1e-5)


def test_names_and_shapes_at_full_size_are_those_of_the_published_weights(shared):
    rows = (shared / "parity" / "hypercut_keys.txt").read_text().splitlines()
    published = {row.split("\t")[0]: json.loads(row.split("\t")[1]) for row in rows if not row.startswith("#")}
    with torch.device("meta"):
        network = HyperCUT()
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == published
    assert sum(value.numel() for value in network.state_dict().values()) == 2_315_681


def test_the_plane_is_never_trained():
    assert "hyperplane.hyperplane" not in dict(HyperCUT(out_dim=16).named_parameters())


def test_reversed_frames_swap_each_pair_with_its_reverse(network):
    torch.manual_seed(0)
    frames = torch.rand(1, 5, 3, 33, 40)
    vectors = network(frames)
    assert vectors.shape == (1, 4, 16)
    torch.testing.assert_close(network(frames.flip(1)), vectors[:, [1, 0, 3, 2]], atol=1e-5, rtol=1e-5)


def test_pairs_parted_by_the_plane_cost_less(network):
    normal = network.hyperplane.hyperplane[:-1] + network.hyperplane.hyperplane[-1]
    normal = normal / normal.norm()
    parted = torch.stack((normal, -normal) * 3)[None]  # (1, 6, 16)
    loss, worst = network.order_loss(parted), network.order_loss(normal.expand(1, 6, -1))
    assert loss.diff < worst.diff
    torch.testing.assert_close(loss.same, worst.same)
    torch.testing.assert_close(worst.total, 0.5 * worst.diff + 0.5 * worst.same)


@pytest.mark.parametrize("shape", [(1, 7, 3, 32, 64), (1, 6, 3, 64, 64), (1, 1, 3, 64, 64), (7, 3, 64, 64)])
def test_frames_of_another_count_or_too_small_are_refused(network, shape):
    with pytest.raises(ValueError, match="HyperCUT takes"):
        network(torch.zeros(shape))


def test_frames_of_two_sizes_are_refused(network):
    with pytest.raises(ValueError, match="HyperCUT takes two"):
        network.encode(torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 96))
