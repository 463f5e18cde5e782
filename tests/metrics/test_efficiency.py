import pytest

from hvdbench.metrics.efficiency import count_macs, count_parameters

torch = pytest.importorskip("torch")


def test_a_convolution_has_its_parameters_and_multiplications():
    network = torch.nn.Conv2d(3, 8, 3, padding=1)
    assert count_parameters(network) == 8 * 3 * 9 + 8
    assert count_macs(network, torch.zeros(1, 3, 10, 12)) == 10 * 12 * 8 * 3 * 9


def test_shared_parameters_count_once():
    layer = torch.nn.Linear(4, 4)
    assert count_parameters(torch.nn.Sequential(layer, layer)) == 20
