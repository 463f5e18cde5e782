"""Networks that start at the identity: what they return, what their weights record, and that published ones stay."""

import pytest
import torch
from made_training import OneConvolution
from safetensors.torch import save_file
from torch import Tensor, nn

from hvdbench import catalog
from hvdbench.errors import WeightsError
from hvdbench.methods.building import start_at_identity
from hvdbench.weights.checkpoints import load_checkpoint
from hvdbench.weights.fitting import load_into, looks_like

LAST = {
    "basicvsrpp": "conv_last",
    "cdvd_tsp": "recons_net.outBlock.1",
    "estrnn": "recons.model.2",
    "ifirnn": "rnncell1.F_L.2",
    "mimo_unet": "feat_extract.5.main.0",
    "nafnet": "ending",
    "ren_unet": "last",
    "rvrt": "conv_last",
}
ADDING = ("cdvd_tsp", "estrnn", "ifirnn")


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    network: nn.Module = catalog.resolve("network", name).build("tiny").eval()
    return network.requires_grad_(False)


def clip_for(network: nn.Module, frames: int = 3, side: int = 64) -> Tensor:
    low, high = network.spec.value_range
    return low + (high - low) * torch.rand(1, frames, 3, side, side, generator=torch.Generator().manual_seed(1))


def moved(name: str) -> nn.Module:
    """A started network whose last layer is no longer zero, as after some training."""
    network = build(name)
    network.start_at_identity()
    torch.manual_seed(2)
    nn.init.normal_(network.get_submodule(LAST[name]).weight, std=0.01)
    return network


def test_every_network_that_restores_clips_can_start_at_the_identity():
    restoring = {name for name in catalog.names("network") if catalog.resolve("network", name).restores_clips}
    assert restoring == set(LAST)


@pytest.mark.parametrize("name", sorted(LAST))
def test_a_started_network_returns_its_frames_and_an_untrained_one_does_not(name):
    network = build(name)
    clip = clip_for(network)
    assert (network(clip) - clip).abs().max() > 1e-3
    start_at_identity(network)
    torch.testing.assert_close(network(clip), clip, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", sorted(LAST))
def test_weights_are_applied_in_the_form_in_which_they_were_trained(name, tmp_path):
    trained, published = moved(name), build(name)
    for file, network in (("trained", trained), ("published", published)):
        save_file({key: value.contiguous() for key, value in network.state_dict().items()}, tmp_path / file)
    assert ("adds_frame" in trained.state_dict()) == (name in ADDING)
    assert "adds_frame" not in published.state_dict()
    clip = clip_for(trained)
    for first, second in ((build(name), published), (moved(name), trained)):
        for file, expected in (("trained", trained), ("published", published), ("trained", trained)):
            load_into(first, load_checkpoint(tmp_path / file), tmp_path / file)
            torch.testing.assert_close(first(clip), expected(clip), atol=0, rtol=0)
        first.load_state_dict(second.state_dict())
        torch.testing.assert_close(first(clip), second(clip), atol=0, rtol=0)


@pytest.mark.parametrize("name", ["estrnn", "ifirnn"])
def test_a_started_network_goes_on_from_its_state(name):
    network = moved(name)
    clip = clip_for(network, frames=7, side=16)
    whole, parts, state = network(clip), [], None
    for first, last in ((0, 1), (1, 4), (4, 7)):
        restored, state = network.forward_from(clip[:, first:last], state, is_end=last == 7)
        parts.append(restored)
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-6, rtol=0)
    assert (whole - clip).abs().max() > 1e-4


def test_weights_of_a_started_network_are_known_by_the_names_of_the_published_one():
    assert looks_like(moved("estrnn").state_dict()) == "it fits estrnn@tiny"


def test_such_weights_are_refused_by_a_network_that_has_no_such_form(tmp_path):
    network = OneConvolution()
    state = network.state_dict() | {"adds_frame": torch.ones((), dtype=torch.bool)}
    with pytest.raises(WeightsError, match="belongs to a network whose result is added to its frame"):
        load_into(network, state, tmp_path / "x.safetensors")


def test_a_network_that_does_not_know_how_keeps_its_weights_and_says_so(caplog):
    network = OneConvolution()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    start_at_identity(network)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert "OneConvolution has no method start_at_identity" in caplog.text


@pytest.mark.parametrize("name", ["basicvsrpp", "rvrt"])
def test_without_a_spynet_no_parameter_is_left_for_flow(name):
    tiny, with_flow = build(name), catalog.resolve("network", name).build("tiny", flow="spynet")
    spynet = {key for key in with_flow.state_dict() if key.startswith("spynet.")}
    assert spynet
    assert set(tiny.state_dict()) == set(with_flow.state_dict()) - spynet
    for part in with_flow.spynet.basic_module:  # a SPyNet at zero flow is the same network
        for parameter in list(part.parameters())[-2:]:
            nn.init.zeros_(parameter)
    with_flow.load_state_dict(tiny.state_dict(), strict=False)
    clip = clip_for(tiny)
    torch.testing.assert_close(with_flow.eval()(clip), tiny(clip), atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match=r"flow must be 'spynet'.* or '.*', not 'dis'"):
        catalog.resolve("network", name).build("tiny", flow="dis")
