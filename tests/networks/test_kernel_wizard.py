"""The kernel network: the published size and keys, the size of a code, and what a made file is taken for."""

import pytest
import torch

from hvdbench.catalog import resolve
from hvdbench.networks.rivals.kernel_wizard import KernelWizard
from hvdbench.weights.checkpoints import load_checkpoint
from hvdbench.weights.fitting import guess_network, load_into


@pytest.fixture(scope="module")
def published():
    with torch.device("meta"):
        return resolve("network", "kernel_wizard").build()


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    return resolve("network", "kernel_wizard").build("tiny").eval()


def test_the_default_has_the_published_parameters_and_keys(published):
    keys = published.state_dict().keys()
    assert sum(parameter.numel() for parameter in published.parameters()) == 49_205_187
    assert len(keys) == 159
    for key in (
        "feature_extractor.4.weight",
        "feature_extractor.15.conv2.bias",
        "kernel_extractor.model.1.weight",
        "kernel_extractor.model.16.weight",
        "kernel_extractor.model.22.conv_block.5.weight",
        "adapter.model.down.0.weight",
        "adapter.model.up.1.bias",
        "adapter.model.submodule.submodule.submodule.submodule.down.1.weight",
        "recon_trunk.19.conv1.weight",
        "recon_trunk.28.bias",
    ):
        assert key in keys
    assert "kernel_extractor.model.1.bias" not in keys  # without normalisation the published code leaves biases out


def test_the_published_code_of_256_px_has_512_channels_of_2x2(published):
    picture = torch.empty(1, 3, 256, 256, device="meta")
    code = published(picture, picture)
    assert code.shape == (1, 512, 2, 2)
    assert published.adapt(picture, code).shape == (1, 3, 256, 256)
    small = torch.empty(1, 3, 128, 128, device="meta")
    with pytest.raises(ValueError, match="256 px or more"):
        published(small, small)


def test_a_code_is_that_of_the_blur_and_changes_the_picture(tiny):
    sharp = torch.rand(1, 3, 32, 48)
    with torch.no_grad():
        near = tiny(sharp, sharp)
        far = tiny(sharp, torch.nn.functional.avg_pool2d(sharp, 5, 1, 2))
        assert near.shape == (1, tiny.code_channels, 4, 6)
        assert not torch.equal(near, far)
        assert not torch.equal(tiny.adapt(sharp, near), tiny.adapt(sharp, far))


def test_a_code_of_one_picture_blurs_another_of_the_same_size(tiny):
    with torch.no_grad():
        sharp, blurry, other = torch.rand(3, 1, 3, 32, 32)
        assert tiny.adapt(other, tiny(sharp, blurry)).shape == other.shape


def test_what_a_level_passes_on_went_through_its_leaky_relu(tiny):
    features = -torch.ones(1, 8, 8, 8)
    middle = tiny.adapter.model.submodule
    code = torch.zeros(1, tiny.code_channels, 2, 2)
    passed = middle(features, code)[:, -8:]
    torch.testing.assert_close(passed, 0.2 * features)  # as published, where the ReLU works in place


def test_a_made_file_is_recognised_and_loaded(tmp_path, tiny):
    torch.save(tiny.state_dict(), tmp_path / "GOPRO_woVAE.pth")
    state = load_checkpoint(tmp_path / "GOPRO_woVAE.pth")
    assert guess_network(state) == "kernel_wizard"
    other = resolve("network", "kernel_wizard").build("tiny").eval()
    load_into(other, state, tmp_path / "GOPRO_woVAE.pth")
    pictures = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(other(pictures, pictures), tiny(pictures, pictures))


@pytest.mark.parametrize("arguments", [{"halvings": 1}, {"nf": 0}, {"code_blocks": 0}, {"feature_halvings": 3}])
def test_sizes_that_no_network_has_are_refused(arguments):
    with pytest.raises(ValueError, match="1 or more"):
        KernelWizard(**arguments)
