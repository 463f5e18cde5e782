"""The temporal sharpness prior, worked by hand in both its forms."""

import math

import numpy as np
import pytest
import torch

from hvdbench.networks.layers.temporal_sharpness import sharpness_map, sharpness_prior

FORMS = ("meant", "published")
ONE = torch.ones(1, 1, 9, 9)


def grey(level: float = 0.5) -> torch.Tensor:
    return torch.full((1, 3, 9, 9), level)


@pytest.mark.parametrize("form", FORMS)
def test_frames_that_agree_have_a_prior_of_one(form):
    torch.testing.assert_close(sharpness_prior(grey(), (grey(), grey()), (ONE, ONE), form), ONE)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("meant", math.exp(-(0.2**2) / 2)),  # half of one squared difference, in one patch of 25 px
        ("published", math.exp(-(0.2 / 25) / math.sqrt(2))),  # the mean over the patch differs by 0.2/25; root of half
    ],
)
def test_one_pixel_that_differs_lowers_the_prior_within_two_pixels_of_it(form, expected):
    before = grey()
    before[0, 1, 4, 4] += 0.2
    prior = sharpness_prior(grey(), (before, grey()), (ONE, ONE), form)[0, 0]
    wanted = torch.ones(9, 9)
    wanted[2:7, 2:7] = expected
    torch.testing.assert_close(prior, wanted)


def test_both_neighbours_and_all_colours_add_up_as_meant():
    before, after = grey(), grey()
    before[0, :, 0, 0] += 0.1  # three colours in the corner
    after[0, 0, 1, 1] -= 0.3
    prior = sharpness_prior(grey(), (before, after), (ONE, ONE), "meant")[0, 0]
    assert float(prior[0, 0]) == pytest.approx(math.exp(-(3 * 0.1**2 + 0.3**2) / 2), rel=1e-6)
    assert float(prior[3, 3]) == pytest.approx(math.exp(-(0.3**2) / 2), rel=1e-6)
    assert float(prior[4, 4]) == 1


def test_noise_of_opposite_signs_cancels_in_the_published_form_alone():
    before = grey()
    before[0, 0, 4, 4] += 0.2
    before[0, 0, 4, 5] -= 0.2
    priors = {form: float(sharpness_prior(grey(), (before, grey()), (ONE, ONE), form)[0, 0, 4, 4]) for form in FORMS}
    assert priors["published"] == pytest.approx(1)
    assert priors["meant"] == pytest.approx(math.exp(-2 * 0.2**2 / 2))


@pytest.mark.parametrize("form", FORMS)
def test_where_a_neighbour_has_no_pixel_the_prior_is_zero(form):
    mask = ONE.clone()
    mask[..., 4, 4] = 0
    prior = sharpness_prior(grey(), (grey(), grey()), (mask, ONE), form)
    torch.testing.assert_close(prior, mask)


def test_a_pixel_that_a_neighbour_lacks_does_not_lower_those_around_it_as_meant():
    mask = ONE.clone()
    mask[..., 4, 4] = 0
    torch.testing.assert_close(sharpness_prior(grey(), (grey() * mask, grey()), (mask, ONE), "meant"), mask)
    published = sharpness_prior(grey(), (grey() * mask, grey()), (mask, ONE), "published")
    assert float(published[0, 0, 4, 3]) == pytest.approx(math.exp(-math.sqrt(3 * (0.5 / 25) ** 2 / 2)))


@pytest.mark.parametrize(("form", "spoilt"), [("meant", 1), ("published", 3)])
def test_a_map_follows_the_flow(form, spoilt):
    random = np.random.default_rng(0)
    scene = random.integers(0, 256, (20, 34, 3), dtype=np.uint8)
    frames = np.stack([scene[:, 2 - step : 32 - step] for step in (-1, 0, 1)])  # the scene moves by 1 px to the right
    still, right = np.zeros((20, 30, 2), np.float32), np.zeros((20, 30, 2), np.float32)
    right[..., 0] = 1
    followed = sharpness_map(frames, (-right, right), form)
    assert (followed.shape, followed.dtype) == ((20, 30), np.float32)
    # the columns at the ends leave the picture; the published form counts them as black in the patches around them
    np.testing.assert_allclose(followed[:, spoilt:-spoilt], 1, atol=1e-5)
    assert (followed[:, [0, -1]] == 0).all()
    assert sharpness_map(frames, (still, still), form).mean() < 0.95
