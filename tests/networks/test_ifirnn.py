import json

import numpy as np
import pytest
import torch

from hvdbench.methods.inference.restore import restore_clip
from hvdbench.networks.ifirnn import IFIRNN
from hvdbench.weights.checkpoints import load_checkpoint
from hvdbench.weights.fitting import load_into


@pytest.fixture(scope="module")
def published(shared):
    # random weights, input and output of the published module; tolerances from shared/parity/README.md
    with np.load(shared / "parity" / "ifirnn_small.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files if key != "__config__"}


@pytest.fixture(scope="module")
def network(published):
    network = IFIRNN().eval()
    network.load_state_dict({key: value for key, value in published.items() if not key.startswith("__")}, strict=True)
    return network.requires_grad_(False)


def test_the_restored_clip_is_that_of_the_published_network(network, published):
    torch.testing.assert_close(network(published["__input__"]), published["__output__"], atol=1e-5, rtol=1e-5)


def test_names_and_shapes_are_those_of_the_published_weights(shared):
    rows = (shared / "parity" / "ifirnn_keys.txt").read_text().splitlines()
    published = {row.split("\t")[0]: json.loads(row.split("\t")[1]) for row in rows if not row.startswith("#")}
    with torch.device("meta"):
        network = IFIRNN()
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == published
    assert sum(parameter.numel() for parameter in network.parameters()) == 1_635_683


def test_a_frame_knows_the_past_and_not_the_future(network, published):
    clip = published["__input__"][..., :32, :32]
    torch.testing.assert_close(network(clip[:, :2]), network(clip)[:, :2], atol=0, rtol=0)
    assert not torch.equal(network(clip[:, 1:])[:, 0], network(clip)[:, 1])


def test_a_clip_in_parts_gives_the_frames_of_the_whole(network, published):
    clip = published["__input__"][..., :32, :32]
    first, state = network.forward_from(clip[:, :1], None, is_end=False)
    then, _ = network.forward_from(clip[:, 1:], state, is_end=True)
    torch.testing.assert_close(torch.cat((first, then), dim=1), network(clip), atol=1e-6, rtol=1e-6)


def test_weights_serve_any_number_of_iterations(network, published):
    clip = published["__input__"][:, :2, :, :32, :32]
    fewer = IFIRNN(iterations=1).eval().requires_grad_(False)
    fewer.load_state_dict(network.state_dict(), strict=True)
    assert not torch.allclose(fewer(clip), network(clip), atol=1e-3)


def test_clips_of_a_batch_do_not_mix(network):
    torch.manual_seed(0)
    clips = torch.rand(2, 2, 3, 16, 20) - 0.5
    torch.testing.assert_close(network(clips)[1:], network(clips[1:]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("frames", "height", "width"), [(1, 4, 4), (2, 37, 50)])
def test_clips_of_any_size_and_length_are_restored(network, frames, height, width):
    blurry = np.random.default_rng(0).integers(0, 256, (frames, height, width, 3), dtype=np.uint8)
    assert restore_clip(network, blurry).shape == blurry.shape


def test_a_checkpoint_as_published_is_loaded(network, published, tmp_path):
    prefixed = {f"module.model.{key}": value for key, value in network.state_dict().items()}
    torch.save({"epoch": 1, "model": "IFIRNN", "state_dict": prefixed}, tmp_path / "weights.tar")
    other = IFIRNN().eval().requires_grad_(False)
    load_into(other, load_checkpoint(tmp_path / "weights.tar"), tmp_path / "weights.tar")
    clip = published["__input__"][..., :32, :32]
    torch.testing.assert_close(other(clip), network(clip), atol=0, rtol=0)


def test_a_size_off_four_is_refused(network):
    with pytest.raises(ValueError, match="multiples of 4"):
        network(torch.zeros(1, 2, 3, 30, 32))


def test_no_iteration_is_refused():
    with pytest.raises(ValueError, match="iterations"):
        IFIRNN(iterations=0)
