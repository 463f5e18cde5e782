"""Ren et al.'s blur: kernels that are lines or shaken paths, and patches blurred in linear light."""

import numpy as np
import pytest
import torch

from hvdbench.methods.rivals.ren.kernels import (
    blur_in_light,
    draw_kernel,
    kernels_of,
    line_kernel,
    make_pairs,
    shaken_path,
    side_px,
    with_noise,
)
from hvdbench.methods.rivals.ren.settings import KernelSettings

KINDS = ("symmetric", "asymmetric", "simulated")


def centroid(kernel: np.ndarray) -> np.ndarray:
    """The mean place from the kernel's middle, x first, px."""
    down, right = np.mgrid[: len(kernel), : len(kernel)] - len(kernel) // 2
    return np.array([(kernel * right).sum(), (kernel * down).sum()]) / kernel.sum(dtype=np.float64)


def covariance(kernel: np.ndarray) -> np.ndarray:
    down, right = np.mgrid[: len(kernel), : len(kernel)] - len(kernel) // 2
    places = np.stack([right, down], -1) - centroid(kernel)
    return np.einsum("yx,yxa,yxb->ab", kernel.astype(np.float64), places, places)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [3, 15])
def test_a_kernel_of_every_kind_sums_to_one_and_has_room(kind, size):
    settings = KernelSettings(kind=kind, size_px=size)
    for seed in range(8):
        kernel = draw_kernel(settings, np.random.default_rng(seed))
        assert kernel.shape == (side_px(settings),) * 2
        assert kernel.min() >= 0
        assert kernel.sum(dtype=np.float64) == pytest.approx(1, abs=1e-6)


def test_the_middle_of_a_symmetric_kernel_is_its_centroid():
    for seed in range(50):
        kernel = draw_kernel(KernelSettings(size_px=31), np.random.default_rng(seed)).astype(np.float64)
        np.testing.assert_allclose(centroid(kernel), 0, atol=1e-6)
        np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-8)


def test_a_level_line_of_two_pixels_is_a_quarter_a_half_and_a_quarter():
    kernel = line_kernel(2.0, 0.0, 5)
    np.testing.assert_allclose(kernel[2], [0, 0.25, 0.5, 0.25, 0], atol=1e-7)
    assert kernel.sum() == kernel[2].sum()
    np.testing.assert_allclose(line_kernel(2.0, 90.0, 5), kernel.T, atol=1e-7)


@pytest.mark.parametrize("length", [4.0, 9.5, 14.3])
@pytest.mark.parametrize("degrees", [0.0, 30.0, 117.0, 163.0])
def test_length_and_orientation_are_found_again_in_the_moments(length, degrees):
    kernel = line_kernel(length, degrees, 17)
    values, axes = np.linalg.eigh(covariance(kernel))
    # an even line has the variance l²/12 along itself; sharing a place among pixels adds 0 to 1/4, 1/6 on average
    assert np.sqrt(12 * (values[1] - 1 / 6)) == pytest.approx(length, abs=0.25)
    assert values[0] < 0.25
    found = np.degrees(np.arctan2(axes[1, 1], axes[0, 1])) % 180
    assert abs((found - degrees + 90) % 180 - 90) < 1.0


def test_an_asymmetric_line_begins_in_the_middle():
    kernel = line_kernel(8.0, 60.0, 21, begins_in_the_middle=True)
    np.testing.assert_allclose(centroid(kernel), [4 * np.cos(np.pi / 3), 4 * np.sin(np.pi / 3)], atol=1e-6)
    drawn = [draw_kernel(KernelSettings(kind="asymmetric"), np.random.default_rng(seed)) for seed in range(30)]
    towards = np.array([centroid(kernel) for kernel in drawn])
    assert (np.abs(towards) > 1).any()
    assert {tuple(quadrant) for quadrant in towards > 0} == {(a, b) for a in (True, False) for b in (True, False)}


def test_a_shaken_path_fills_its_box_and_bends():
    for seed in range(3):
        path = shaken_path(12.0, np.random.default_rng(seed))
        low, high = path.min(axis=0), path.max(axis=0)
        np.testing.assert_allclose(low + high, 0, atol=1e-9)
        assert (high - low).max() == pytest.approx(12.0)
        steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
        np.testing.assert_allclose(steps, steps[0])
        assert np.linalg.norm(path[-1] - path[0]) < steps.sum() - 1e-3


def test_lengths_and_orientations_are_spread_over_their_ranges():
    settings = KernelSettings(size_px=15)
    spreads = [covariance(draw_kernel(settings, np.random.default_rng(seed)).astype(np.float64)) for seed in range(200)]
    lengths = np.array([np.sqrt(12 * max(0.0, np.linalg.eigvalsh(found)[1] - 1 / 6)) for found in spreads])
    assert 6.5 < lengths.mean() < 8.5
    assert lengths.min() < 1.5
    assert 13.5 < lengths.max() < 15.5
    leaning_down = np.mean([found[0, 1] > 0 for found in spreads])
    assert 0.4 < leaning_down < 0.6


def test_a_power_of_three_turns_a_share_of_the_longest_line_into_its_cube():
    def lengths(power: float) -> np.ndarray:
        settings = KernelSettings(size_px=15, length_power=power)
        drawn = [draw_kernel(settings, np.random.default_rng(seed)).astype(np.float64) for seed in range(100)]
        # a line's variance is l²/12, and sharing its places among pixels adds 1/3 on average
        return np.sqrt(12 * np.maximum(0, [np.trace(covariance(kernel)) - 1 / 3 for kernel in drawn]))

    plain, cubed = lengths(1.0), lengths(3.0)
    is_long = plain > 9
    assert is_long.sum() > 20
    np.testing.assert_allclose(cubed[is_long], 15 * (plain[is_long] / 15) ** 3, atol=0.7)
    assert np.median(cubed) < np.median(plain) / 2


def test_noise_has_its_deviation_and_is_another_for_each_seed():
    even = torch.full((2, 3, 64, 64), 0.5)
    noisy = with_noise(even, 2 / 255, [[0, 1], [0, 2]]) - even
    assert float(noisy.std()) == pytest.approx(2 / 255, rel=0.02)
    assert float(noisy.mean()) == pytest.approx(0, abs=1e-4)
    assert abs(float((noisy[0] * noisy[1]).mean())) < 0.05 * float(noisy.var())
    torch.testing.assert_close(with_noise(even, 2 / 255, [[0, 1], [0, 2]]) - even, noisy)


def test_light_is_averaged_and_not_levels():
    sharp = torch.zeros(1, 3, 1, 5)
    sharp[..., 2] = 1.0
    kernels = torch.tensor([[[0.25, 0.5, 0.25]]])
    in_light = blur_in_light(sharp, kernels, 2.2)[0, 0, 0]
    torch.testing.assert_close(in_light, torch.tensor([0.25, 0.5, 0.25]) ** (1 / 2.2))
    torch.testing.assert_close(blur_in_light(sharp, kernels, 1.0)[0, 0, 0], torch.tensor([0.25, 0.5, 0.25]))


def test_each_picture_is_blurred_by_its_own_kernel_in_all_colours():
    pictures = torch.rand(2, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    still, level = torch.zeros(3, 3), torch.zeros(3, 3)
    still[1, 1], level[1] = 1.0, 1 / 3
    blurred = blur_in_light(pictures, torch.stack([still, level]), 1.0)
    torch.testing.assert_close(blurred[0], pictures[0, :, 1:-1, 1:-1])
    torch.testing.assert_close(blurred[1, :, 0, 0], pictures[1, :, 1, 0:3].mean(dim=-1))


@pytest.mark.parametrize("side", [12, 40])
def test_blurry_and_sharp_patches_lie_in_the_same_place_at_any_size(side):
    kernels = kernels_of(KernelSettings(size_px=15), [[1], [2]], torch.zeros(1))
    sharp = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    blurry, truth = make_pairs(sharp, kernels, 2.2)
    assert blurry.shape == truth.shape
    assert min(truth.shape[-2:]) >= side // 2
    still = torch.zeros_like(kernels)
    still[:, kernels.shape[-1] // 2, kernels.shape[-1] // 2] = 1.0
    torch.testing.assert_close(*make_pairs(sharp, still, 2.2), atol=1e-6, rtol=1e-5)


def test_an_even_patch_stays_as_it_is():
    kernels = kernels_of(KernelSettings(size_px=9), [[3]], torch.zeros(1))
    blurry, truth = make_pairs(torch.full((1, 3, 30, 30), 0.4), kernels, 2.2)
    torch.testing.assert_close(blurry, truth, atol=1e-6, rtol=1e-6)


def test_a_seed_draws_one_kernel():
    settings = KernelSettings()
    first, again, other = kernels_of(settings, [[0, 1, 7], [0, 1, 7], [0, 1, 8]], torch.zeros(1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
