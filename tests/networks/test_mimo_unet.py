"""MIMO-UNet: the published size and keys, three scales, and a made container of its weights."""

import pytest
import torch

from hvdbench.catalog import resolve
from hvdbench.networks.rivals.mimo_unet import MIMOUNet, reduced
from hvdbench.weights.checkpoints import load_checkpoint
from hvdbench.weights.fitting import guess_network, load_into


@pytest.fixture(scope="module")
def published():
    with torch.device("meta"):
        return resolve("network", "mimo_unet").build()


def test_the_default_has_the_published_parameters_and_keys(published):
    keys = published.state_dict().keys()
    assert sum(parameter.numel() for parameter in published.parameters()) == 6_807_171
    assert len(keys) == 244
    for key in (
        "Encoder.2.layers.7.main.1.main.0.weight",
        "feat_extract.3.main.0.weight",
        "AFFs.1.conv.1.main.0.bias",
        "FAM1.merge.main.0.weight",
        "SCM2.main.3.main.0.weight",
        "SCM1.conv.main.0.weight",
        "ConvsOut.0.main.0.weight",
        "Convs.1.main.0.weight",
        "Decoder.0.layers.0.main.0.main.0.weight",
    ):
        assert key in keys


def test_results_have_a_quarter_a_half_and_the_whole_of_each_side():
    torch.manual_seed(0)
    network = resolve("network", "mimo_unet").build("tiny")
    shapes = [tuple(picture.shape) for picture in network.scales(torch.rand(2, 3, 16, 24))]
    assert shapes == [(2, 3, 4, 6), (2, 3, 8, 12), (2, 3, 16, 24)]


def test_at_the_identity_each_result_is_the_picture_of_its_scale():
    torch.manual_seed(0)
    network = resolve("network", "mimo_unet").build("tiny")
    network.start_at_identity()
    pictures = torch.rand(1, 3, 8, 8)
    small, middling, whole = network.scales(pictures)
    torch.testing.assert_close(whole, pictures)
    torch.testing.assert_close(middling, pictures[..., ::2, ::2])
    torch.testing.assert_close(small, pictures[..., ::4, ::4])
    torch.testing.assert_close(network(pictures[:, None])[:, 0], pictures)


def test_reducing_keeps_every_second_and_every_fourth_pixel():
    pictures = torch.arange(64.0).view(1, 1, 8, 8)
    half, quarter = reduced(pictures)
    assert half[0, 0, 1].tolist() == [16, 18, 20, 22]
    assert quarter.flatten().tolist() == [0, 4, 32, 36]


@pytest.mark.parametrize("shape", [(1, 3, 6, 8), (1, 1, 8, 8), (3, 8, 8)])
def test_pictures_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="multiples of 4"):
        MIMOUNet(8, 1).scales(torch.rand(shape))


def test_a_made_file_in_the_authors_container_is_recognised_and_loaded(tmp_path):
    torch.manual_seed(0)
    network, other = MIMOUNet(8, 1), MIMOUNet(8, 1)
    torch.save({"model": network.state_dict()}, tmp_path / "MIMO-UNet.pkl")
    state = load_checkpoint(tmp_path / "MIMO-UNet.pkl")
    assert guess_network(state) == "mimo_unet"
    load_into(other, state, tmp_path / "MIMO-UNet.pkl")
    picture = torch.rand(1, 1, 3, 8, 8)
    torch.testing.assert_close(other(picture), network(picture))


def test_weights_of_data_parallel_generators_are_loaded(tmp_path):
    network, other = MIMOUNet(8, 1), MIMOUNet(8, 1)
    torch.save({f"module.{key}": value for key, value in network.state_dict().items()}, tmp_path / "latest_net_G.pth")
    load_into(other, load_checkpoint(tmp_path / "latest_net_G.pth"), tmp_path / "latest_net_G.pth")
    for key, value in network.state_dict().items():
        assert torch.equal(other.state_dict()[key], value)
