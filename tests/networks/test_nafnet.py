import pytest
import torch
from torch import nn

from hvdbench.networks.nafnet import ChannelNorm, NafBlock, NAFNet


def small():
    torch.manual_seed(0)
    return NAFNet(width=8, middle_blk_num=1, enc_blk_nums=(1, 2), dec_blk_nums=(1, 1)).eval().requires_grad_(False)


def trained():
    network = small()
    for block in network.modules():
        if isinstance(block, NafBlock):
            nn.init.normal_(block.beta, std=0.3)
            nn.init.normal_(block.gamma, std=0.3)
    return network


@pytest.mark.parametrize(("frames", "height", "width"), [(1, 4, 4), (2, 12, 20), (3, 32, 8)])
def test_clips_keep_their_shape(frames, height, width):
    clip = torch.rand(2, frames, 3, height, width)
    restored = trained()(clip)
    assert restored.shape == clip.shape
    assert torch.isfinite(restored).all()


def test_blocks_start_as_the_identity_and_a_zero_ending_gives_the_input():
    network = small()
    features = torch.rand(1, 8, 6, 6)
    torch.testing.assert_close(network.encoders[0](features), features, atol=0, rtol=0)
    nn.init.zeros_(network.ending.weight)
    nn.init.zeros_(network.ending.bias)
    clip = torch.rand(1, 2, 3, 8, 12)
    torch.testing.assert_close(network(clip), clip, atol=0, rtol=0)


def test_every_frame_is_restored_by_itself():
    network = trained()
    clip = torch.rand(1, 3, 3, 8, 12)
    changed = clip.clone()
    changed[:, 0] = 0
    torch.testing.assert_close(network(changed)[:, 1:], network(clip)[:, 1:], atol=1e-6, rtol=0)
    assert not torch.allclose(network(changed)[:, 0], network(clip)[:, 0], atol=1e-3)


def test_the_norm_leaves_each_pixel_without_mean_and_of_unit_variance():
    features = 5 + 3 * torch.randn(2, 64, 3, 4)
    normed = ChannelNorm(64)(features)
    torch.testing.assert_close(normed.mean(1), torch.zeros(2, 3, 4), atol=1e-5, rtol=0)
    torch.testing.assert_close(normed.var(1, correction=0), torch.ones(2, 3, 4), atol=1e-4, rtol=0)


def test_names_and_shapes_are_those_of_the_published_layout():
    with torch.device("meta"):
        network = NAFNet()
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    block = {"beta": (1, 64, 1, 1), "gamma": (1, 64, 1, 1)}
    block |= {"norm1.weight": (64,), "norm1.bias": (64,), "norm2.weight": (64,), "norm2.bias": (64,)}
    block |= {"conv1.weight": (128, 64, 1, 1), "conv2.weight": (128, 1, 3, 3), "conv3.weight": (64, 64, 1, 1)}
    block |= {"conv4.weight": (128, 64, 1, 1), "conv5.weight": (64, 64, 1, 1), "sca.1.weight": (64, 64, 1, 1)}
    block |= {"conv1.bias": (128,), "conv2.bias": (128,), "conv3.bias": (64,), "conv4.bias": (128,)}
    block |= {"conv5.bias": (64,), "sca.1.bias": (64,)}
    prefix = "encoders.1.0."
    assert {key.removeprefix(prefix): shape for key, shape in shapes.items() if key.startswith(prefix)} == block
    outside = {"intro.weight": (32, 3, 3, 3), "intro.bias": (32,), "ending.weight": (3, 32, 3, 3), "ending.bias": (3,)}
    for level in range(4):
        channels = 32 * 2**level
        outside |= {f"downs.{level}.weight": (2 * channels, channels, 2, 2), f"downs.{level}.bias": (2 * channels,)}
        outside[f"ups.{3 - level}.0.weight"] = (4 * channels, 2 * channels, 1, 1)
    in_blocks = ("encoders.", "decoders.", "middle_blks.")
    assert {key: shape for key, shape in shapes.items() if not key.startswith(in_blocks)} == outside
    assert len([key for key in shapes if key.endswith(".beta")]) == 1 + 1 + 1 + 28 + 1 + 4
    assert shapes["middle_blks.0.beta"] == (1, 512, 1, 1)
    assert shapes["decoders.0.0.beta"] == (1, 256, 1, 1)
    assert sum(parameter.numel() for parameter in network.parameters()) == 17_111_907


def test_a_size_off_the_multiple_is_refused():
    with pytest.raises(ValueError, match="multiples of 4"):
        small()(torch.zeros(1, 2, 3, 8, 10))


def test_ways_down_and_up_of_another_length_are_refused():
    with pytest.raises(ValueError, match="equally long"):
        NAFNet(enc_blk_nums=(1, 1), dec_blk_nums=(1,))
