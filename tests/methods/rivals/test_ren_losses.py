"""Ren et al.'s losses: MVL, Eqs. 2 and 3, WGAN-GP, and what happens without VGG19."""

import math

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from hvdbench.errors import WeightsError
from hvdbench.methods.rivals.ren.losses import (
    PerceptualLoss,
    critic_loss,
    judgement,
    make_perceptual_loss,
    missing_vgg,
    mvl,
    reweighted,
)
from hvdbench.methods.rivals.ren.settings import LossSettings
from hvdbench.methods.selfhvd.perceptual import VggFeatures
from hvdbench.networks.rivals.ren_critic import RenCritic


@pytest.fixture(autouse=True)
def no_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("HVDBENCH_WEIGHTS", str(tmp_path))


def dotted(level: float) -> torch.Tensor:
    """A black picture of 7x7 px with one gray pixel in the middle."""
    picture = torch.zeros(1, 3, 7, 7)
    picture[..., 3, 3] = level / 255
    return picture


def test_the_mvl_of_a_dot_is_twenty_times_its_level_squared():
    # its Laplacian is -4 at the dot and 1 at four neighbours, with the mean 0: Eq. 1 is 16 + 4
    torch.testing.assert_close(mvl(torch.cat([dotted(1), dotted(3)])), torch.tensor([20.0, 180.0]))


def test_the_mvl_is_the_variance_of_the_laplacian_times_the_pixels_inside():
    gray = np.random.default_rng(0).integers(0, 256, (24, 30), dtype=np.uint8)
    pictures = torch.from_numpy(gray / 255.0).expand(1, 3, -1, -1)
    inside = cv2.Laplacian(gray, cv2.CV_64F, ksize=1)[1:-1, 1:-1]
    assert float(mvl(pictures)) == pytest.approx(((inside - inside.mean()) ** 2).sum(), rel=1e-6)


def test_a_patch_counts_by_its_mvl_over_the_constant():
    sharp = torch.cat([dotted(1), dotted(3)])  # 20 and 180
    weighted = reweighted(torch.tensor([0.5, 0.1]), sharp, normaliser=100.0)
    assert float(weighted) == pytest.approx((0.2 * 0.5 + 1.8 * 0.1) / 2)


class TwoLayers:
    """Stands in for VGG19: the first layer doubles the picture, the second squares it."""

    def of_layers(self, pictures, wanted):
        return [{"relu1_1": 2 * pictures, "relu2_1": pictures**2}[name] for name in wanted]


def test_the_perceptual_loss_sums_the_layers_by_their_weights():
    settings = LossSettings(pixel=0.5, layers={"relu1_1": 3.0, "relu2_1": 10.0})
    loss = PerceptualLoss(settings, TwoLayers())
    restored, sharp = torch.full((2, 3, 4, 4), 0.5), torch.full((2, 3, 4, 4), 0.3)
    sharp[1] = 0.5
    # 0.5 * 0.2 + 3 * 0.4 + 10 * (0.25 - 0.09)
    torch.testing.assert_close(loss(restored, sharp), torch.tensor([2.9, 0.0]))


def test_without_vgg19_the_perceptual_loss_is_off_and_the_reason_is_known():
    settings = LossSettings()
    assert "weights vgg19 are missing" in missing_vgg(settings)
    loss = make_perceptual_loss(settings)
    assert loss.features is None
    assert float(loss(torch.full((1, 3, 4, 4), 0.5), torch.zeros(1, 3, 4, 4))) == pytest.approx(0.5)
    assert missing_vgg(LossSettings(perceptual=0.0)) is None


def test_named_weights_that_are_missing_are_never_left_out():
    with pytest.raises(WeightsError, match=r"mine\.pth are missing"):
        make_perceptual_loss(LossSettings(weights="mine.pth"))
    with pytest.raises(WeightsError, match=r"or set loss\.pixel above 0"):
        make_perceptual_loss(LossSettings(pixel=0.0))


def test_vgg19_is_loaded_up_to_the_deepest_layer(tmp_path):
    torch.manual_seed(1)
    vgg = VggFeatures("relu2_1")
    torch.save(vgg.state_dict(), tmp_path / "mine.pth")
    settings = LossSettings(pixel=0.0, layers={"relu2_1": 1.0, "conv1_2": 2.0}, weights=str(tmp_path / "mine.pth"))
    loss = make_perceptual_loss(settings)
    a, b = torch.rand(2, 1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    deep = (vgg(a) - vgg(b)).abs().mean()
    before = VggFeatures("conv1_2")
    before.load_state_dict({key: value for key, value in vgg.state_dict().items() if key in before.state_dict()})
    torch.testing.assert_close(loss(a, b)[0], deep + 2 * (before(a) - before(b)).abs().mean())
    assert missing_vgg(settings) is None


class Sum(nn.Module):
    """A critic that judges each pixel by the sum of its colours."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, pictures):
        return self.factor * pictures.sum(dim=1, keepdim=True)


def test_the_critics_loss_is_that_of_wgan_gp():
    # one pixel: the gradient is (√3, √3, √3) everywhere, whose norm is 3
    critic = Sum(math.sqrt(3))
    sharp, restored = torch.full((2, 3, 1, 1), 0.5), torch.full((2, 3, 1, 1), 0.3)
    loss = critic_loss(critic, sharp, restored, torch.tensor([0.2, 0.9]), penalty=10.0)
    assert float(loss.detach()) == pytest.approx(math.sqrt(3) * (0.9 - 1.5) + 10 * (3 - 1) ** 2, rel=1e-5)
    loss.backward()
    # d/df of f (0.9 - 1.5) + 10 (f √3 - 1)²: the penalty's gradient goes through the gradient
    assert float(critic.factor.grad) == pytest.approx(-0.6 + 20 * 2 * math.sqrt(3), rel=1e-5)


def test_the_critic_judges_patches_of_thirteen_pixels_by_five_hidden_layers():
    torch.manual_seed(0)
    critic = RenCritic()
    assert sum(isinstance(layer, nn.Conv2d) for layer in critic.hidden) == 5
    pictures = torch.rand(1, 3, 31, 31, requires_grad=True)
    judged = critic(pictures)
    assert judged.shape == (1, 1, 31, 31)
    judged[0, 0, 15, 15].backward()
    seen = pictures.grad[0].abs().sum(0).nonzero()
    assert (seen.min(0).values.tolist(), seen.max(0).values.tolist()) == ([9, 9], [21, 21])
    torch.testing.assert_close(judgement(critic, pictures), judged.mean(dim=(1, 2, 3)))
