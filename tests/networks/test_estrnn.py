import json

import numpy as np
import pytest
import torch
from torch import nn

from hvdbench.methods.inference.restore import restore_clip
from hvdbench.networks.estrnn import ESTRNN
from hvdbench.weights.checkpoints import load_checkpoint
from hvdbench.weights.fitting import load_into


@pytest.fixture(scope="module")
def published(shared):
    # random weights, input and output of the published module; tolerances from shared/parity/README.md
    with np.load(shared / "parity" / "estrnn_small.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files if key != "__config__"}


@pytest.fixture(scope="module")
def network(published):
    network = ESTRNN(n_features=4, n_blocks=3).eval()
    network.load_state_dict({key: value for key, value in published.items() if not key.startswith("__")}, strict=True)
    return network.requires_grad_(False)


def test_the_inner_frames_are_those_of_the_published_network(network, published):
    restored = network.restore_inner(published["__input__"])
    torch.testing.assert_close(restored, published["__output__"], atol=1e-5, rtol=1e-5)


def test_every_frame_is_restored_as_if_the_ends_stood_still(network, published):
    clip = published["__input__"]
    lengthened = clip[:, [0, 0, *range(6), 5, 5]]
    torch.testing.assert_close(network(clip), network.restore_inner(lengthened), atol=0, rtol=0)
    assert network(clip).shape == clip.shape


def test_names_and_shapes_at_full_size_are_those_of_the_published_weights(shared):
    rows = (shared / "parity" / "estrnn_keys.txt").read_text().splitlines()
    published = {row.split("\t")[0]: json.loads(row.split("\t")[1]) for row in rows if not row.startswith("#")}
    with torch.device("meta"):
        network = ESTRNN()
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == published
    assert sum(parameter.numel() for parameter in network.parameters()) == 2_467_931


@pytest.mark.parametrize(("past", "future"), [(1, 2), (2, 0), (0, 1)])
def test_an_unequal_window_reaches_as_far_ahead_as_it_says(past, future):
    torch.manual_seed(0)
    network = ESTRNN(n_features=2, n_blocks=1, past_frames=past, future_frames=future).eval()
    clip = (torch.rand(1, 6, 3, 8, 8) - 0.5).requires_grad_()
    network.restore_inner(clip)[:, 0].sum().backward()  # of frame `past`
    reached = clip.grad.flatten(2).abs().sum(2)[0] > 0
    assert reached.tolist() == [index <= past + future for index in range(6)]


def test_the_reference_of_an_unequal_window_is_the_frame_after_the_past(published):
    torch.manual_seed(0)
    network = ESTRNN(n_features=2, n_blocks=1, past_frames=1, future_frames=2).eval().requires_grad_(False)
    nn.init.zeros_(network.fusion.fusion.weight)
    network.fusion.fusion.weight[-10:, -10:, 0, 0] = torch.eye(10)  # the reference stands last; the rest is dropped
    clip = torch.rand(1, 5, 3, 8, 8) - 0.5
    later = clip.clone()
    later[:, 2:] += 0.1
    torch.testing.assert_close(network.restore_inner(later)[:, 0], network.restore_inner(clip)[:, 0], atol=0, rtol=0)
    later[:, 1] += 0.1
    assert not torch.equal(network.restore_inner(later)[:, 0], network.restore_inner(clip)[:, 0])


def test_the_batch_does_not_mix_its_clips(network):
    torch.manual_seed(0)
    clips = torch.rand(2, 3, 3, 16, 20) - 0.5
    torch.testing.assert_close(network(clips)[1:], network(clips[1:]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("frames", "height", "width"), [(1, 4, 4), (2, 37, 50), (7, 21, 19)])
def test_clips_of_any_size_and_length_are_restored(network, frames, height, width):
    blurry = np.random.default_rng(0).integers(0, 256, (frames, height, width, 3), dtype=np.uint8)
    assert restore_clip(network, blurry).shape == blurry.shape


def test_colours_go_in_and_come_out_as_blue_green_red(network, published):
    levels = ((published["__input__"][0, :4] + 0.5) * 255).round().to(torch.uint8)  # BGR
    blurry = levels.flip(1).permute(0, 2, 3, 1).numpy()  # RGB
    expected = network(levels[None] / 255 - 0.5)[0].flip(1).permute(0, 2, 3, 1)
    restored = restore_clip(network, blurry).astype(np.float32)
    assert np.abs(restored - ((expected + 0.5).clamp(0, 1) * 255).numpy()).max() <= 0.5 + 1e-3


def test_a_checkpoint_as_published_is_loaded(network, published, tmp_path):
    prefixed = {f"module.model.{key}": value for key, value in network.state_dict().items()}
    torch.save({"epoch": 1, "model": "ESTRNN", "state_dict": prefixed}, tmp_path / "weights.tar")
    other = ESTRNN(n_features=4, n_blocks=3).eval().requires_grad_(False)
    load_into(other, load_checkpoint(tmp_path / "weights.tar"), tmp_path / "weights.tar")
    clip = published["__input__"]
    torch.testing.assert_close(other(clip), network(clip), atol=0, rtol=0)


def test_a_size_off_four_is_refused(network):
    with pytest.raises(ValueError, match="multiples of 4"):
        network(torch.zeros(1, 2, 3, 32, 34))


def test_a_clip_shorter_than_the_window_has_no_inner_frames(network):
    with pytest.raises(ValueError, match="window of 5 frames"):
        network.restore_inner(torch.zeros(1, 4, 3, 8, 8))


@pytest.mark.parametrize("parts", [(1, 1, 1, 1, 1, 1), (2, 4), (5, 1), (6,)])
def test_a_clip_in_parts_gives_the_frames_of_the_whole(network, published, parts):
    clip = published["__input__"]
    state, restored, delay = None, [], []
    for part in clip.split(parts, dim=1):
        is_end = sum(parts[: len(delay) + 1]) == 6
        result, state = network.forward_from(part, state, is_end=is_end)
        restored.append(result)
        delay.append(result.shape[1])
    torch.testing.assert_close(torch.cat(restored, dim=1), network(clip), atol=1e-6, rtol=1e-6)
    assert sum(delay[:-1]) == max(0, sum(parts[:-1]) - 2)  # it looks two frames ahead


def test_the_state_holds_no_more_than_a_window(network):
    state = None
    for _ in range(9):
        _, state = network.forward_from(torch.rand(1, 1, 3, 16, 20) - 0.5, state, is_end=False)
    assert [tuple(part.shape) for part in state] == [(1, 4, 4, 5), *[(1, 20, 4, 5)] * 4]
