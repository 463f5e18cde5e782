"""Hit and con by hand, and an order network that is opened from weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hvdbench.errors import InputError, WeightsError
from hvdbench.metrics.order import con, hit, open_order, order_values
from hvdbench.networks.hypercut import HyperCUT

FRAMES = np.random.default_rng(2).integers(0, 256, (7, 40, 48, 3), dtype=np.uint8)


def times(*sides: float) -> np.ndarray:
    """Make one sequence's values: each pair's side forward, and the other side reversed."""
    return np.array([[side, -side] for side in sides])


def test_an_order_that_is_consistent_has_con_1_and_hit_1() -> None:
    values = np.stack([times(1, 2, 0.5), times(-1, -3, -0.1)])
    assert (hit(values), con(values, 2), con(values, 3)) == (1.0, 1.0, 1.0)


def test_a_constant_network_has_hit_0() -> None:
    values = order_values(lambda sequence: np.full((3, 2), 0.7), [FRAMES, FRAMES[::-1]])
    assert (hit(values), con(values, 3)) == (0.0, 1.0)  # always on one side: no pair is told from its reverse
    assert hit(np.zeros((2, 3, 2))) == 0.0
    assert con(np.zeros((2, 3, 2)), 2) == 0.0


def test_shares_by_hand() -> None:
    # The second pair of the second sequence lies on the other side; the third pair of the third is no hit.
    values = np.stack([times(1, 1, 1), times(1, -1, 1), np.array([[1, -1], [2, -2], [3, 3]])])
    assert hit(values) == pytest.approx(8 / 9)
    assert con(values, 3) == pytest.approx(2 / 3)
    assert con(values, 2) == pytest.approx((3 + 1 + 3) / 9)  # of 3 choices a sequence: all, one, all


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(InputError, match="con@4 needs 2 to 3 pairs"):
        con(np.ones((1, 3, 2)), 4)
    with pytest.raises(InputError, match="a sequence of 6 frames has no order"):
        order_values(lambda sequence: np.ones((3, 2)), [FRAMES[:6]])
    with pytest.raises(InputError, match="returned"):
        order_values(lambda sequence: np.ones((2, 2)), [FRAMES])
    with pytest.raises(InputError, match="no sequence"):
        order_values(lambda sequence: np.ones((3, 2)), [])
    with pytest.raises(InputError, match="finite"):
        hit(np.full((1, 3, 2), np.nan))


@pytest.mark.parametrize("out_dim", [16, 128])
def test_weights_open_with_the_size_that_they_have(tmp_path: Path, out_dim: int) -> None:
    torch.manual_seed(3)
    network = HyperCUT(out_dim)
    save_file(network.state_dict(), tmp_path / "order.safetensors")
    order = open_order(tmp_path / "order.safetensors")
    values = order(FRAMES)
    assert values.shape == (3, 2)
    np.testing.assert_allclose(order(FRAMES[::-1].copy()), values[:, ::-1], rtol=1e-5)  # the reverse swaps the two
    mean, spread = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    levels = (torch.from_numpy(FRAMES).float() / 255 - mean) / spread
    with torch.no_grad():
        expected = network.hyperplane(network(levels.permute(0, 3, 1, 2)[None])).reshape(3, 2)
    np.testing.assert_allclose(values, expected.numpy(), rtol=1e-4)
    swapped = open_order(tmp_path / "order.safetensors", colour="bgr")
    np.testing.assert_allclose(swapped(FRAMES[..., ::-1].copy()), values, rtol=1e-5)


def test_other_weights_are_refused_in_one_sentence(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError):
        open_order(tmp_path / "other.safetensors")
