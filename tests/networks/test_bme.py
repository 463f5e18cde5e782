"""The blur magnitude estimator: names and counts of the published weights, sizes, and how scales are fitted."""

import pytest
import torch

from hvdbench.catalog import resolve
from hvdbench.networks.rivals.bme import BlurMagnitude, _fitted
from hvdbench.weights.checkpoints import load_checkpoint
from hvdbench.weights.fitting import guess_network, load_into, network_shapes

TOP = {"div_2", "div_4", "div_8", "div_16", "div_32", "aff", "Up", "classifier"}
TOP |= {f"decoder_{scale}" for scale in range(5)} | {f"cm_{scale}" for scale in range(4)}


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    return resolve("network", "bme").build("tiny").eval()


def test_the_full_size_has_the_keys_and_numbers_of_the_published_weights():
    with torch.device("meta"):
        network = BlurMagnitude()
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert sum(parameter.numel() for parameter in network.parameters()) == 27_990_593
    assert len(shapes) == 718
    assert {key.partition(".")[0] for key in shapes} == TOP
    assert shapes["cm_3.conv.0.weight"] == (64, 128, 1, 1)
    assert shapes["div_2.0.weight"] == (64, 3, 7, 7)  # ResNet-50's stem, and its last bottleneck
    assert shapes["div_32.2.conv3.weight"] == (2048, 512, 1, 1)
    assert shapes["classifier.weight"] == (1, 32, 1, 1)


def test_the_encoder_is_torchvision_s_resnet_50():
    from torchvision.models import resnet50

    with torch.device("meta"):
        theirs, ours = resnet50().state_dict(), BlurMagnitude().state_dict()
    renamed = {"conv1": "div_2.0", "bn1": "div_2.1", "layer1": "div_4.1"}
    renamed |= {f"layer{stage}": f"div_{4 * 2 ** (stage - 1)}" for stage in (2, 3, 4)}
    for key, value in theirs.items():
        first, _, rest = key.partition(".")
        if first != "fc":
            assert ours[f"{renamed[first]}.{rest}"].shape == value.shape, key


@pytest.mark.parametrize("size", [(32, 48), (48, 32), (80, 112), (64, 64)])
def test_magnitudes_have_the_size_of_the_picture_where_sides_are_multiples_of_16(tiny, size):
    assert tiny(torch.rand(2, 3, *size)).shape == (2, 1, *size)


@pytest.mark.parametrize("shape", [(1, 3, 270, 480), (1, 3, 16, 64), (1, 1, 64, 64), (3, 64, 64)])
def test_other_shapes_are_refused_in_one_sentence(tiny, shape):
    with pytest.raises(ValueError, match=r"multiples of 16 from 32 on, not .*: pad them"):
        tiny(torch.rand(*shape))


def test_an_odd_rest_is_padded_at_the_bottom_and_right_and_a_surplus_is_cut_on_both_sides():
    ones = torch.ones(1, 1, 2, 2)
    torch.testing.assert_close(
        _fitted(ones, torch.zeros(1, 1, 3, 3))[0, 0], torch.tensor([[1.0, 1, 0], [1, 1, 0], [0, 0, 0]])
    )
    row = torch.arange(6.0).reshape(1, 1, 1, 6)
    assert _fitted(row, torch.zeros(1, 1, 1, 4)).flatten().tolist() == [1, 2, 3, 4]


def test_a_bare_state_dict_as_it_is_published_is_loaded(tiny, tmp_path):
    torch.save(tiny.state_dict(), tmp_path / "best_net.pth")
    other = resolve("network", "bme").build("tiny").eval()
    load_into(other, load_checkpoint(tmp_path / "best_net.pth"), tmp_path / "best_net.pth")
    picture = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(other(picture), tiny(picture), rtol=0, atol=0)
    assert guess_network(load_checkpoint(tmp_path / "best_net.pth")) == "bme"
    assert network_shapes("bme").keys() > network_shapes("bme@tiny").keys()
