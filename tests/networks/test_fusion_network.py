import pytest
import torch

from hvdbench.networks.fusion import FusionNetwork


def _inputs(candidates=5, height=12, width=16):
    torch.manual_seed(0)
    colours = torch.rand(2, candidates, 3, height, width)
    masks = torch.rand(2, candidates, 1, height, width)
    masks[:, 0] = 1
    return colours, masks, torch.zeros(2, candidates)


def test_untrained_it_blends_by_the_masks_and_leans_to_the_blurry_frame():
    colours, masks, is_sharp = _inputs()
    restored, weights = FusionNetwork()(colours, masks, is_sharp)
    # softmax(bias + log(mask + 1e-3)) written out: exp(2) for the first, 1 for the others
    shares = (masks + 1e-3) * torch.tensor([torch.e**2, 1, 1, 1, 1]).view(1, 5, 1, 1, 1)
    shares = shares / shares.sum(dim=1, keepdim=True)
    torch.testing.assert_close(weights, shares)
    torch.testing.assert_close(restored, (shares * colours).sum(dim=1))


def test_where_nothing_is_trusted_the_blurry_frame_stays():
    colours, masks, is_sharp = _inputs()
    masks[:, 1:] = 0
    restored, weights = FusionNetwork()(colours, masks, is_sharp)
    assert weights[:, 0].min() > 0.999
    torch.testing.assert_close(restored, colours[:, 0], atol=1e-3, rtol=0)


@pytest.mark.parametrize("candidates", [1, 5, 7])
def test_weights_sum_to_one_for_any_number_of_candidates(candidates):
    network = FusionNetwork(candidates=candidates, channels=8, blocks=1)
    torch.nn.init.normal_(network.last.weight)
    restored, weights = network(*_inputs(candidates))
    assert restored.shape == (2, 3, 12, 16)
    assert weights.shape == (2, candidates, 1, 12, 16)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(2, 1, 12, 16))


def test_the_residual_is_added_at_its_scale():
    colours, masks, is_sharp = _inputs()
    network = FusionNetwork(residual_scale=0.5)
    before, _ = network(colours, masks, is_sharp)
    with torch.no_grad():
        network.last.bias[-12:] = 1  # after the pixel shuffle: the three residual channels
    after, _ = network(colours, masks, is_sharp)
    torch.testing.assert_close(after, before + 0.5)


def test_the_flags_reach_the_result():
    network = FusionNetwork(channels=8, blocks=1)
    torch.nn.init.normal_(network.last.weight)
    colours, masks, is_sharp = _inputs()
    flagged = is_sharp.clone()
    flagged[:, 3] = 1
    assert not torch.equal(network(colours, masks, is_sharp)[0], network(colours, masks, flagged)[0])


def test_a_few_steps_learn_which_candidate_is_right():
    network = FusionNetwork(candidates=2, channels=8, blocks=1)
    colours, masks, is_sharp = _inputs(2)
    masks[:] = 1
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        loss = (network(colours, masks, is_sharp)[0] - colours[:, 1]).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_odd_sizes_and_other_shapes_are_refused():
    network = FusionNetwork()
    with pytest.raises(ValueError, match="even heights and widths, not 15x12"):
        network(*_inputs(width=15))
    with pytest.raises(ValueError, match=r"candidates \(N, 5, 3, H, W\)"):
        network(*_inputs(candidates=4))
    colours, masks, is_sharp = _inputs()
    with pytest.raises(ValueError, match="masks must be"):
        network(colours, masks[..., :-2], is_sharp)
    with pytest.raises(ValueError, match="at least 1 candidate"):
        FusionNetwork(candidates=0)
