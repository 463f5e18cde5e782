"""Equations 3 and 5 to 8 of HyperCUT, worked out by hand, and the changes of frames that an order is learned under."""

import math

import numpy as np
import pytest
import torch

from hvdbench.methods.related.hypercut.augmentation import augmented
from hvdbench.methods.related.hypercut.losses import order_invariant_loss, sequence_loss
from hvdbench.methods.related.hypercut.order import consistent_share, hit_share, ordered, regulariser
from hvdbench.methods.related.hypercut.settings import AugmentationSettings
from hvdbench.networks.hypercut import HyperCUT

SIDES = torch.tensor([[1.0, -2.0, 0.5, 1.0, 2.0, -0.1], [-1.0, 3.0, -0.2, 0.4, -2.0, 1.0]])  # pair, reverse, pair, …
STILL = AugmentationSettings(moved_share=0, coloured_share=0, noisy_share=0)


def one_pixel(*values):
    return torch.tensor(values)[None, :, None, None, None].expand(-1, -1, 3, 1, 1).clone()


def softplus(value):
    return math.log1p(math.exp(value))


def test_hits_are_pairs_on_another_side_than_their_reverses():
    assert float(hit_share(SIDES)) == pytest.approx(5 / 6)  # 0.5 and 1.0 are on one side


def test_an_exposure_is_consistent_where_all_pairs_lie_on_one_side():
    assert float(consistent_share(SIDES)) == 1.0
    changed = SIDES.clone()
    changed[0, 2] = -0.5
    assert float(consistent_share(changed)) == 0.5
    assert float(consistent_share(SIDES[:, :2])) == 1.0  # of three frames: one pair, which agrees with itself


def test_shares_of_sides_that_are_none_are_none():
    broken = SIDES.clone()
    broken[1, 3] = math.nan
    assert math.isnan(float(hit_share(broken)))
    assert math.isnan(float(consistent_share(broken)))


def test_the_loss_of_the_order_is_that_of_equation_6_and_the_consistency_half_and_half():
    network = HyperCUT(out_dim=1)
    with torch.no_grad():
        network.hyperplane.hyperplane.copy_(torch.tensor([0.75, 0.25]))  # the normal is 0.75 + 0.25
    loss = network.order_loss(SIDES[:, :, None])
    diff = (sum(softplus(a * b) for a, b in ((1, -2), (0.5, 1), (2, -0.1), (-1, 3), (-0.2, 0.4), (-2, 1)))) / 6
    same = (sum(softplus(-a * b) for a, b in ((1, 0.5), (0.5, 2), (2, 1), (-1, -0.2), (-0.2, -2), (-2, -1)))) / 6
    assert float(loss.diff) == pytest.approx(diff, rel=1e-5)
    assert float(loss.same) == pytest.approx(same, rel=1e-5)
    assert float(loss.total) == pytest.approx((diff + same) / 2, rel=1e-5)


def test_the_regulariser_sums_over_pairs_and_is_a_mean_over_exposures():
    linear = ((1 + 0.5 + 2) + (-1 - 0.2 - 2)) / 2
    assert float(regulariser(SIDES[:, 0::2], "linear")) == pytest.approx(linear)
    soft = (softplus(1) + softplus(0.5) + softplus(2) + softplus(-1) + softplus(-0.2) + softplus(-2)) / 2
    assert float(regulariser(SIDES[:, 0::2])) == pytest.approx(soft, rel=1e-6)


def test_truths_on_the_positive_side_are_reversed():
    frames = torch.arange(14.0).reshape(2, 7, 1, 1, 1)
    found = ordered(frames, SIDES[:, 0::2])
    assert found[0].flatten().tolist() == [6, 5, 4, 3, 2, 1, 0]
    assert found[1].flatten().tolist() == [7, 8, 9, 10, 11, 12, 13]


def test_a_network_orders_truth_and_its_reverse_alike():
    torch.manual_seed(0)
    network = HyperCUT(8, 4, 1, as_meant=True).eval()
    frames = torch.rand(3, 7, 3, 40, 36)
    with torch.no_grad():
        sides, back = network.sides(frames), network.sides(frames.flip(1))
        torch.testing.assert_close(back, sides.unflatten(1, (3, 2)).flip(2).flatten(1))
        torch.testing.assert_close(network.ahead(frames), sides[:, 0::2])


def test_the_order_invariant_loss_worked_by_hand():
    made, truth = one_pixel(0.2, 0.9, 0.6), one_pixel(0.5, 0.4, 0.3)
    expected = (0.8 - 0.8) ** 2 + (0.4 - 0.2) ** 2
    assert float(order_invariant_loss(made, truth, middle=False)) == pytest.approx(expected)
    assert float(order_invariant_loss(made, truth, middle=True)) == pytest.approx(expected + 0.5**2)


def test_the_order_invariant_loss_does_not_see_a_reverse_and_the_others_do():
    torch.manual_seed(0)
    made, truth = torch.rand(2, 7, 3, 5, 4), torch.rand(2, 7, 3, 5, 4)
    for kind, is_same in (("order_invariant", True), ("l2", False), ("charbonnier", False)):
        forward = sequence_loss(made, truth, kind)
        for one, other in ((made.flip(1), truth), (made, truth.flip(1))):
            assert torch.allclose(sequence_loss(one, other, kind), forward) == is_same, kind
        assert torch.allclose(sequence_loss(made.flip(1), truth.flip(1), kind), forward)


def test_the_order_invariant_loss_accepts_four_pairs_of_which_two_are_wrong():
    first, last = torch.zeros(1, 3, 4, 6), torch.zeros(1, 3, 4, 6)
    first[..., 1], last[..., 4] = 1, 1  # a bar that moved
    truth = torch.stack((first, (first + last) / 2, last), dim=1)
    both, none = torch.maximum(first, last), torch.minimum(first, last)
    for pair in ((first, last), (last, first), (both, none), (none, both)):
        made = torch.stack((pair[0], truth[:, 1], pair[1]), dim=1)
        assert float(order_invariant_loss(made, truth, middle=True)) == 0
    blurry = torch.stack((truth[:, 1],) * 3, dim=1)
    assert float(order_invariant_loss(blurry, truth, middle=True)) > 0.1


@pytest.mark.parametrize("kind", ["order_invariant", "l2", "charbonnier"])
def test_the_middle_frame_has_a_gradient_only_where_it_counts(kind):
    torch.manual_seed(0)
    made, truth = torch.rand(1, 7, 3, 4, 4, requires_grad=True), torch.rand(1, 7, 3, 4, 4)
    for middle in (True, False):
        made.grad = None
        sequence_loss(made, truth, kind, middle=middle).backward()
        assert made.grad[:, 3].any() == middle
        assert made.grad[:, [0, 1, 2, 4, 5, 6]].flatten(2).any(dim=2).all()


def test_all_frames_of_an_exposure_are_changed_alike():
    one = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(0))
    frames = one.expand(7, -1, -1, -1)
    always = AugmentationSettings(moved_share=1, coloured_share=1, noisy_share=1)
    found = augmented(frames, always, np.random.default_rng(3))
    assert found.shape == frames.shape
    assert 0 <= float(found.min()) < float(found.max()) <= 1
    torch.testing.assert_close(found, found[:1].expand_as(found))
    assert not torch.allclose(found, frames, atol=0.02)
    torch.testing.assert_close(augmented(frames, always, np.random.default_rng(3)), found)
    torch.testing.assert_close(augmented(frames, STILL, np.random.default_rng(3)), frames)


def test_brightness_alone_multiplies_and_noise_has_its_strength():
    frames = torch.full((7, 3, 64, 64), 0.4)
    bright = STILL.model_copy(update={"coloured_share": 1.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0})
    found = augmented(frames, bright, np.random.default_rng(5))
    assert float(found.max() - found.min()) < 1e-5
    assert 0.6 <= float(found.mean()) / 0.4 <= 1.4
    assert float(found.mean()) != pytest.approx(0.4, abs=1e-3)
    noisy = STILL.model_copy(update={"noisy_share": 1.0, "noise_levels": (5.0, 5.0)})
    added = 255 * (augmented(frames, noisy, np.random.default_rng(5)) - frames)
    assert float(added[0].std()) == pytest.approx(5, rel=0.05)


def test_a_move_shifts_by_a_share_of_each_side():
    frames = torch.zeros(7, 3, 50, 100)
    frames[..., 20:30, 40:60] = 1
    moved = STILL.model_copy(update={"moved_share": 1.0, "turn_deg": 0.0, "shear_deg": 0.0, "shift": 0.1})
    found = augmented(frames, moved, np.random.default_rng(2))[0, 0]
    rows, columns = torch.meshgrid(torch.arange(50.0), torch.arange(100.0), indexing="ij")
    down = float((found * rows).sum() / found.sum()) - 24.5
    across = float((found * columns).sum() / found.sum()) - 49.5
    random = np.random.default_rng(2)
    random.random(3)
    where = random.uniform(-1, 1, 5)
    assert (across, down) == (pytest.approx(-10 * where[0], abs=0.05), pytest.approx(-5 * where[1], abs=0.05))
