"""Algorithm 1 of Ren et al.: adaptation to each image, and the gradient through it."""

import pytest
import torch
from torch import nn

from hvdbench.errors import FitError, RecipeError
from hvdbench.methods.recipe import load_method
from hvdbench.methods.rivals.ren import maml
from hvdbench.methods.rivals.ren.losses import mvl
from hvdbench.methods.rivals.ren.maml import MamlObjective
from hvdbench.methods.rivals.ren.objective import KERNEL_DRAWS
from hvdbench.methods.rivals.ren.settings import RenMamlSettings


class Bent(nn.Module):
    """Two weights of which neither acts linearly on the result, in float64."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Parameter(torch.tensor([0.7], dtype=torch.float64))
        self.outer = nn.Parameter(torch.tensor([0.4], dtype=torch.float64))

    def forward(self, clip):
        return clip + self.outer * torch.tanh(self.inner * clip) ** 2


def settings(**changed) -> RenMamlSettings:
    values = {
        "network": "ren_unet@tiny",
        "window": {"crop_px": 16, "clip_frames": 1},
        "kernels": {"size_px": 5},
        "loss": {"perceptual": 0.0, "reweighting": False},
        "inner_rate": 0.2,
    }
    return RenMamlSettings.model_validate(values | changed)


def made_batch(count: int = 2) -> dict[str, torch.Tensor]:
    pictures = torch.rand(count, 1, 3, 20, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return {"blurry": pictures, "index": torch.arange(4, 4 + count)}


def outer_gradient(objective: MamlObjective) -> torch.Tensor:
    network = Bent()
    objective.loss(network, made_batch(), 0).total.backward()
    return torch.cat([network.inner.grad, network.outer.grad])  # type: ignore[list-item]


def outer_differences(objective: MamlObjective, step: float = 1e-6) -> torch.Tensor:
    """The gradient of the loss by central differences: both weights a little larger and smaller."""
    found = []
    for name in ("inner", "outer"):
        sides = []
        for sign in (1, -1):
            network = Bent()
            with torch.no_grad():
                getattr(network, name).add_(sign * step)
            sides.append(float(objective.loss(network, made_batch(), 0).total.detach()))
        found.append((sides[0] - sides[1]) / (2 * step))
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize("reweighting", [False, True])
def test_the_gradient_goes_through_the_adaptation(reweighting):
    objective = MamlObjective(settings(loss={"perceptual": 0.0, "reweighting": reweighting}), 0)
    objective.mvl_per_px = 1e4
    expected = outer_differences(objective)
    torch.testing.assert_close(outer_gradient(objective), expected, rtol=1e-4, atol=1e-8)
    first_order = MamlObjective(objective.settings.model_copy(update={"second_order": False}), 0)
    first_order.mvl_per_px = 1e4
    assert (outer_gradient(first_order) - expected).abs().max() > 1e-3 * expected.abs().max()


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(1.0))

    def forward(self, clip):
        return self.factor * clip


def test_the_adapted_weights_are_one_step_down_the_gradient():
    objective, network = MamlObjective(settings(inner_rate=0.5), 0), Scaled()
    blurry, sharp = torch.full((1, 3, 4, 4), 0.6), torch.full((1, 3, 4, 4), 0.4)
    loss, adapted = objective.adapted(network, dict(network.named_parameters()), blurry, sharp)
    assert float(loss.detach()) == pytest.approx(0.2)
    # the loss grows by the mean of the blurry patch with the factor
    assert float(adapted["factor"].detach()) == pytest.approx(1.0 - 0.5 * 0.6)
    assert float(network.factor.detach()) == 1.0


def test_a_batch_has_one_kernel_to_adapt_by_and_another_to_judge_by(monkeypatch):
    objective, asked = MamlObjective(settings(), 3), []
    drawn = maml.PatchObjective.pairs

    def pairs(self, sharp, seeds):
        asked.append(seeds)
        return drawn(self, sharp, seeds)

    monkeypatch.setattr(maml.PatchObjective, "pairs", pairs)
    objective.loss(Bent(), made_batch(3), 0)
    adapting, judging = asked
    assert adapting == [adapting[0]] * 3
    assert judging == [judging[0]] * 3
    assert adapting[0] != judging[0]


def test_without_adaptation_it_is_a_plain_training_on_the_same_images():
    plain = MamlObjective(settings(inner_steps=0), 0)
    batch, network = made_batch(3), Bent()
    found = plain.loss(network, batch, 0).total
    kernels = [[0, KERNEL_DRAWS, int(number)] for number in batch["index"]]  # one for each image
    blurry, sharp = plain.pairs(batch["blurry"][:, 0], kernels)
    torch.testing.assert_close(found, (network(blurry) - sharp).abs().mean())
    found.backward()
    assert network.inner.grad is not None


def test_images_count_alike_on_request_and_by_their_mvl_otherwise():
    pictures = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    restored = pictures + torch.tensor([0.1, 0.3]).view(2, 1, 1, 1)
    by_mvl, alike = (MamlObjective(settings(loss={"perceptual": 0.0}, reweights_images=on), 0) for on in (True, False))
    assert float(alike.patch_loss(restored, pictures)) == pytest.approx(0.2, rel=1e-5)
    by_mvl.mvl_per_px = 2.0
    alike.mvl_per_px = 2.0
    shares = mvl(pictures) / (2.0 * 14 * 14)
    expected = float((shares * torch.tensor([0.1, 0.3])).mean())
    assert float(by_mvl.patch_loss(restored, pictures)) == pytest.approx(expected, rel=1e-4)


def test_a_validation_measures_the_same_loss_without_a_gradient():
    objective, network = MamlObjective(settings(), 0), Bent()
    trained = objective.loss(network, made_batch(), 0)
    with torch.no_grad():
        measured = objective.loss(network, made_batch(), 0)
    assert not measured.total.requires_grad
    torch.testing.assert_close(measured.total, trained.total.detach())
    assert set(trained.terms) == {"before_adaptation", "after_adaptation"}


def test_several_processes_are_refused(monkeypatch):
    monkeypatch.setattr(maml, "bare", lambda network: nn.Identity())
    with pytest.raises(FitError, match="the meta-training works on one process: start it on a single GPU"):
        MamlObjective(settings(), 0).loss(Bent(), made_batch(), 0)


def test_a_rate_that_adapts_nothing_is_refused():
    with pytest.raises(RecipeError, match="inner_rate"):
        load_method("ren2020_maml@tiny", overrides={"inner_rate": 0.0})
