"""ID-Blau: names and counts of the published weights, its container, and DDIM worked out by hand."""

import argparse
import math

import pytest
import torch

from hvdbench.catalog import resolve
from hvdbench.networks.rivals.id_blau import IdBlau, TimeEmbedding, UNet
from hvdbench.weights.checkpoints import load_checkpoint
from hvdbench.weights.fitting import guess_network, load_into

BUFFERS = {"betas", "alphas", "alphas_cumprod", "sqrt_alphas_cumprod", "sqrt_one_minus_alphas_cumprod"}
BUFFERS |= {"reciprocal_sqrt_alphas", "remove_noise_coeff", "sigma"}
BLOCK = {"layer1.1", "layer2.2", "time_layer.1"}


def layers(keys, part: str) -> set[str]:
    """The layers below a part, without ``weight`` and ``bias``."""
    return {key.rpartition(".")[0].removeprefix(f"{part}.") for key in keys if key.startswith(f"{part}.")}


def test_the_full_size_has_the_keys_and_numbers_of_the_published_weights():
    with torch.device("meta"):
        network = IdBlau()
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    inner = [key for key in shapes if key.startswith("model.")]
    assert sum(parameter.numel() for parameter in network.parameters()) == 9_498_627
    assert (len(inner), len(shapes)) == (140, 148)
    assert shapes.keys() - set(inner) == BUFFERS
    assert {shapes[name] for name in BUFFERS} == {(2000,)}
    assert shapes["model.init_conv.weight"] == (64, 9, 3, 3)
    assert shapes["model.last_layer.1.weight"] == (3, 64, 3, 3)


def test_the_blocks_stand_under_the_published_numbers():
    with torch.device("meta"):
        keys = list(UNet().state_dict())
    for number in (0, 1, 3, 4, 6, 7):
        widens = {"shortcut"} if number in (3, 6) else set()
        assert layers(keys, f"downblocks.{number}") == BLOCK | widens, number
    assert all(layers(keys, f"downblocks.{number}") == {"downsample"} for number in (2, 5))
    assert all(layers(keys, f"mid.{number}") == BLOCK for number in (0, 1))
    assert all(layers(keys, f"upblocks.{number}") == BLOCK | {"shortcut"} for number in (0, 1, 2, 4, 5, 6, 8, 9, 10))
    assert all(layers(keys, f"upblocks.{number}") == {"upsample.1"} for number in (3, 7))
    assert layers(keys, "time_embedding") == {"1", "3"}


def test_sizes_that_are_no_multiples_of_4_are_refused():
    network = UNet(8, num_res_blocks=1, time_dim=8)
    assert network(torch.rand(1, 9, 8, 12), torch.tensor([3])).shape == (1, 3, 8, 12)
    with pytest.raises(ValueError, match=r"H and W multiples of 4, not .*66.*: pad the pictures"):
        network(torch.rand(1, 9, 66, 64), torch.tensor([3]))


def test_a_step_is_embedded_by_sines_and_cosines():
    found = TimeEmbedding(4)(torch.tensor([2]))[0].tolist()
    assert found == pytest.approx([math.sin(2), math.sin(0.02), math.cos(2), math.cos(0.02)], abs=1e-6)


def test_the_schedule_is_linear_from_1e_6_to_1e_2():
    network = IdBlau(8, num_res_blocks=1, time_dim=8)
    assert network.betas[[0, -1]].tolist() == pytest.approx([1e-6, 1e-2])
    assert float(network.alphas_cumprod[0]) == pytest.approx(1 - 1e-6)
    assert float(network.alphas_cumprod[-1]) == pytest.approx(math.exp(-10.03), rel=0.01)  # about the sum of the betas


class KnownNoise(IdBlau):
    """A diffusion that predicts the same noise at every step, and records the steps."""

    def __init__(self, steps: int = 4) -> None:
        super().__init__(8, num_res_blocks=1, time_dim=8, steps=steps)
        self.asked: list[int] = []

    def forward(self, noisy, condition, step):
        self.asked.append(int(step[0]))
        return torch.full_like(noisy, 0.5)


@pytest.mark.parametrize(("ends_at", "last"), [("picture", 1.0), ("first step", 0.96)])
def test_ddim_is_that_worked_out_by_hand(ends_at, last):
    network = KnownNoise()
    network.alphas_cumprod = torch.tensor([0.96, 0.64, 0.36, 0.25])
    found = network.sample(torch.zeros(1, 6, 4, 4), torch.ones(1, 3, 4, 4), count=2, ends_at=ends_at)
    # two of four steps: 3 and 1. First from a share of 0.25 to one of 0.64, with noise 0.5 throughout:
    picture = (1 - math.sqrt(0.75) * 0.5) / 0.5
    noisy = 0.8 * picture + 0.6 * 0.5
    picture = (noisy - 0.6 * 0.5) / 0.8
    assert network.asked == [3, 1]
    assert found.flatten().tolist() == pytest.approx([math.sqrt(last) * picture + math.sqrt(1 - last) * 0.5] * 48)


def test_twenty_steps_of_two_thousand_are_the_published_ones():
    network = KnownNoise(steps=2000)
    network.sample(torch.zeros(1, 6, 4, 4), torch.zeros(1, 3, 4, 4), count=20)
    assert network.asked == list(range(1901, 0, -100))


def test_noise_is_what_perturbs_a_picture():
    network = KnownNoise()
    network.sqrt_alphas_cumprod = torch.tensor([1.0, 0.8])
    network.sqrt_one_minus_alphas_cumprod = torch.tensor([0.0, 0.6])
    noisy = network.perturbed(torch.full((1, 3, 1, 1), 0.5), torch.tensor([1]), torch.full((1, 3, 1, 1), -1.0))
    assert noisy.flatten().tolist() == pytest.approx([-0.2] * 3)


def test_an_untrained_network_of_changes_returns_the_sharp_picture():
    network = resolve("network", "id_blau").build("tiny").eval()
    torch.manual_seed(0)
    condition = torch.rand(2, 6, 8, 8) - 0.5
    found = network.sample(condition, torch.randn(2, 3, 8, 8), count=5)
    torch.testing.assert_close(found, condition[:, :3], atol=1e-4, rtol=0)


def test_the_published_container_is_loaded_with_its_schedule(tmp_path):
    torch.manual_seed(0)
    network = IdBlau(8, num_res_blocks=1, time_dim=8, steps=50)
    network.betas.fill_(0.25)
    state = {key.replace("model.", "model.module.", 1): value for key, value in network.state_dict().items()}
    assert "model.module.init_conv.weight" in state
    options = argparse.Namespace(num_timesteps=50, channel_mults=(1, 2, 3), base_channels=8)
    torch.save({"model_state": state, "args": options}, tmp_path / "ID_Blau.pth")
    other = IdBlau(8, num_res_blocks=1, time_dim=8, steps=50)
    found = load_checkpoint(tmp_path / "ID_Blau.pth")
    load_into(other, found, tmp_path / "ID_Blau.pth")
    for name, value in network.state_dict().items():
        torch.testing.assert_close(other.state_dict()[name], value, rtol=0, atol=0)
    assert guess_network(other.state_dict()) == "id_blau"
