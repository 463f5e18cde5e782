"""The losses and the known blur of Blur2Blur, by cases worked out by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from hvdbench.errors import InputError, RecipeError, WeightsError
from hvdbench.methods.recipe import load_method
from hvdbench.methods.rivals.blur2blur import perceptual
from hvdbench.methods.rivals.blur2blur.kernel_training import KernelObjective, KernelTrainingSettings
from hvdbench.methods.rivals.blur2blur.known import blur, disc, exposure_path, make_pairs
from hvdbench.methods.rivals.blur2blur.losses import (
    at_scales,
    fooling_loss,
    frequency_loss,
    gradient_penalty,
    judge_loss,
    pixel_loss,
)
from hvdbench.methods.rivals.blur2blur.settings import KnownBlurSettings, TranslatorSettings


def said(*values):
    return torch.tensor(values).view(1, 1, 1, -1)


def test_the_hinge_counts_only_what_is_on_the_wrong_side_of_one():
    real, fake = [said(2.0, 0.0), said(-1.0)], [said(-2.0, 0.0), said(1.0)]
    # real: (0 + 1) / 2 and 2, their mean 1.25; fake the same; half of the sum
    assert judge_loss(real, fake).item() == pytest.approx(1.25)
    assert judge_loss([said(1.0)], [said(-1.0)]).item() == 0.0


def test_the_generator_wants_the_mean_over_scales_of_the_mean_over_patches():
    assert fooling_loss([said(2.0, 0.0), said(-3.0)]).item() == pytest.approx(1.0)


@pytest.mark.parametrize("count", [1, 3])
def test_the_gradient_of_a_linear_judge_is_its_weights_for_any_batch(count):
    real, fake = torch.rand(count, 3, 2, 2), torch.rand(count, 3, 2, 2)
    weight = torch.full((3, 2, 2), 0.5)  # its norm is sqrt(12) / 2 = sqrt(3)

    def judge(pictures):
        return (weight * pictures).sum(dim=(1, 2, 3))

    found = gradient_penalty(judge, real, fake, torch.rand(count))
    assert found.item() == pytest.approx((np.sqrt(3) - 1) ** 2, rel=1e-5)


def test_the_penalty_looks_at_mixtures_and_can_be_learned_from():
    judge = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Tanh(), nn.Conv2d(2, 1, 1))
    seen = []
    real, fake = torch.ones(2, 3, 2, 2), torch.zeros(2, 3, 2, 2)

    def recorded(pictures):
        seen.append(pictures.detach())
        return judge(pictures)

    gradient_penalty(recorded, real, fake, torch.tensor([0.25, 1.0])).backward()
    assert seen[0][0].unique().tolist() == [0.25]
    assert seen[0][1].unique().tolist() == [1.0]
    assert judge[0].weight.grad.any()


def test_scales_are_means_of_four_and_of_the_middle_four_of_sixteen():
    pictures = torch.arange(16.0).view(1, 1, 4, 4)
    quarter, half, whole = at_scales(pictures)
    assert half.flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert quarter.flatten().tolist() == [7.5]
    assert whole is pictures


def test_distances_are_summed_over_scales():
    made = [torch.full((1, 3, 2, 2), 0.5), torch.full((1, 3, 4, 4), 0.5)]
    wanted = [torch.full((1, 3, 2, 2), 0.25), torch.ones(1, 3, 4, 4)]
    assert pixel_loss(made, wanted).item() == pytest.approx(0.75)
    # a constant has one Fourier coefficient, its sum: 4 * 0.25 of 4 places and 16 * 0.5 of 16, real parts of two each
    assert frequency_loss(made, wanted).item() == pytest.approx(4 * 0.25 / 8 + 16 * 0.5 / 32)


def test_the_kernel_network_learns_from_the_distance_to_the_blurry_twin():
    batch = {"truth": torch.full((2, 1, 3, 4, 4), 0.2), "blurry": torch.full((2, 1, 3, 4, 4), 0.5)}
    given = []

    def network(clip):
        given.append(clip)
        return clip[:, :1] + 0.1

    objective = KernelObjective(KernelTrainingSettings(network="kernel_wizard@tiny", charbonnier_epsilon=1e-6))
    found = objective.loss(network, batch, 0)
    assert given[0].shape == (2, 2, 3, 4, 4)
    assert found.total.item() == pytest.approx(0.2, abs=1e-5)
    assert found.terms["of_sharp"].item() == pytest.approx(0.3, abs=1e-5)


def test_a_path_is_the_shift_and_turns_about_the_middle():
    path = exposure_path((5, 7), 3.0, np.pi / 2, 0.1)
    np.testing.assert_allclose(path[2, 3], [0, 3], atol=1e-6)
    np.testing.assert_allclose(path[2, 6], [0, 3.3], atol=1e-6)
    np.testing.assert_allclose(path[4, 3], [-0.2, 3], atol=1e-6)


def test_a_disc_is_round_and_sums_to_one():
    assert disc(0.5).tolist() == [[1.0]]
    kernel = disc(5.0)
    assert kernel.shape == (5, 5)
    assert kernel.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(kernel, kernel.T)
    np.testing.assert_allclose(kernel, kernel[::-1])
    assert kernel[0, 0] < 0.2 * kernel[2, 2]
    assert kernel[2, 2] == pytest.approx(1 / (np.pi * 6.25), rel=0.02)


@pytest.mark.parametrize("kind", ["motion", "defocus"])
def test_known_blur_keeps_a_flat_picture_and_spreads_light_in_linear_light(kind):
    settings = KnownBlurSettings(kind=kind, shortest_px=9, longest_px=9, most_turn_deg=0)
    flat = np.full((24, 24, 3), 90, np.uint8)
    assert (np.abs(blur(flat, settings, np.random.default_rng(0)).astype(int) - 90) <= 1).all()
    point = np.zeros((33, 33, 3), np.uint8)
    point[14:19, 14:19] = 255
    blurred = blur(point, settings, np.random.default_rng(0))
    light = (blurred / 255.0) ** 2.2
    assert light.sum() == pytest.approx(75, rel=0.05)
    assert blurred[16, 16, 0] < 255


def test_pairs_are_repeatable_and_take_the_sharp_frames_in_turn():
    sharp = np.random.default_rng(0).integers(0, 256, (2, 16, 20, 3)).astype(np.uint8)
    settings = KnownBlurSettings(pairs=5)
    pairs, again = make_pairs(sharp, settings, 3), make_pairs(sharp, settings, 3, workers=2)
    assert pairs.blurry.tobytes() == again.blurry.tobytes()
    np.testing.assert_array_equal(pairs.sharp, sharp[[0, 1, 0, 1, 0]])
    assert make_pairs(sharp, settings, 4).blurry.tobytes() != pairs.blurry.tobytes()
    assert (pairs.blurry[0] != pairs.blurry[2]).any()


def test_features_are_those_of_torchvisions_layers(monkeypatch):
    class Number(nn.Module):
        def forward(self, x):
            return x + 1

    loss = perceptual.MultiScalePerceptualLoss(normalises=False)
    kinds = [type(layer).__name__ for layer in loss.vgg.features]
    assert len(kinds) == 25
    assert [kinds[number] for number in (7, 8, 14, 15, 17, 18, 21, 22, 24)] == [
        "Conv2d", "ReLU", "Conv2d", "ReLU", "Conv2d", "ReLU", "Conv2d", "ReLU", "Conv2d",
    ]  # fmt: skip
    assert [tuple(loss.vgg.features[number].weight.shape) for number in (0, 14, 24)] == [
        (64, 3, 3, 3), (256, 256, 3, 3), (512, 512, 3, 3),
    ]  # fmt: skip
    loss.vgg.features = nn.Sequential(*(Number() for _ in range(25)))
    assert [float(x) for x in loss.of(torch.zeros(1, 1, 1, 1).expand(1, 3, 1, 1))[0].flatten()] == [9.0] * 3
    made, wanted = [torch.ones(1, 3, 1, 1)], [torch.zeros(1, 3, 1, 1)]
    assert loss(made, wanted).item() == pytest.approx(1 / 32 + 1 / 16 + 1 / 8 + 1 / 4 + 1)


def test_the_published_loss_does_not_normalise():
    assert perceptual.MultiScalePerceptualLoss(normalises=False).vgg.get_buffer("mean").flatten().tolist() == [0, 0, 0]
    meant = perceptual.MultiScalePerceptualLoss()
    assert meant.vgg.get_buffer("mean").flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])


def test_made_weights_of_torchvision_are_loaded_and_missing_ones_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HVDBENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match=r"vgg16 are missing.*set translator\.perceptual to 0"):
        perceptual.make_perceptual(TranslatorSettings())
    network = perceptual.MultiScalePerceptualLoss()
    state = {f"features.{key}": value + 1 for key, value in network.vgg.features.state_dict().items()}
    torch.save({**state, "classifier.0.weight": torch.zeros(2, 2)}, tmp_path / "vgg16-397923af.pth")
    loaded = perceptual.make_perceptual(TranslatorSettings())
    assert torch.equal(loaded.vgg.features[24].weight, state["features.24.weight"])


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('[settings.as]\npairs = "right"', "'pairs': Input should be 'meant' or 'published'"),
        ('[settings.known]\nkind = "snow"', "'kind': Input should be 'motion' or 'defocus'"),
        ("[settings.known]\nshortest_px = 9\nlongest_px = 3", "shortest_px is above longest_px"),
        ("[settings.translator]\nperceptual = 0.0", "nothing ties the translated picture"),
        ("[settings.translator]\nlambda_gp = 1", "unknown key 'lambda_gp'"),
    ],
)
def test_a_wrong_setting_is_answered_in_a_sentence(tmp_path, lines, words):
    (tmp_path / "mine.toml").write_text(f'title = "a"\nscheme = "blur2blur"\n{lines}\n')
    with pytest.raises(RecipeError, match=words):
        load_method(str(tmp_path / "mine.toml"))


def test_a_kernel_network_restores_nothing_and_says_what_it_is_for():
    scheme = load_method("blur2blur_kernel@tiny").trained_scheme
    with pytest.raises(InputError, match="blurs pictures and restores none"):
        scheme.restore_with(scheme.build(), np.zeros((1, 32, 32, 3), np.uint8), None)
