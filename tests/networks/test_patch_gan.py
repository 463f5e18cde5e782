"""PatchGAN: the published size and keys, and what a patch depends on."""

import pytest
import torch

from hvdbench.catalog import resolve
from hvdbench.networks.rivals.patch_gan import PatchGan
from hvdbench.weights.fitting import guess_network


def test_the_default_has_the_published_parameters_and_keys():
    with torch.device("meta"):
        network = resolve("network", "patch_gan").build()
    assert sum(parameter.numel() for parameter in network.parameters()) == 2_764_737
    assert sorted(network.state_dict()) == sorted(
        f"model.{number}.{kind}" for number in (0, 2, 5, 8, 11) for kind in ("weight", "bias")
    )
    assert guess_network(network.state_dict()) == "patch_gan"


def test_a_picture_of_256_px_has_30x30_patches():
    with torch.device("meta"):
        network, picture = PatchGan(), torch.empty(2, 3, 256, 256)
    assert network(picture).shape == (2, 1, 30, 30)  # pix2pix's 70x70 discriminator


def test_a_patch_sees_70_px():
    torch.manual_seed(0)
    network = PatchGan(ndf=4)
    for number, module in enumerate(network.model):
        if isinstance(module, torch.nn.InstanceNorm2d):
            network.model[number] = torch.nn.Identity()  # it would let every pixel count a little
    picture = torch.rand(1, 3, 128, 128, requires_grad=True)
    network(picture)[0, 0, 7, 7].backward()
    seen = picture.grad.abs().sum(dim=(0, 1)) > 0
    assert [int(seen.any(dim=side).sum()) for side in (0, 1)] == [70, 70]


def test_a_picture_that_is_too_small_is_refused():
    with pytest.raises(ValueError, match="24 px a side or more"):
        PatchGan(ndf=2)(torch.rand(1, 3, 20, 40))


def test_the_least_side_is_judged():
    for layers in (1, 2, 3):
        network = PatchGan(ndf=2, n_layers=layers)
        side = network.min_size_px
        assert torch.isfinite(network(torch.rand(1, 3, side, side))).all()
