"""VGG19's features: torchvision's names and values, normalisation, layers, weights."""

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from hvdbench.errors import WeightsError
from hvdbench.methods.selfhvd.perceptual import VggFeatures, make_features
from hvdbench.methods.selfhvd.settings import PerceptualSettings


def theirs(count: int) -> nn.Module:
    """torchvision's features up to its module number ``count``, without memory for values."""
    with torch.device("meta"):
        return torchvision.models.vgg19(weights=None).features[:count]


def test_the_parameters_are_torchvisions_by_name_and_shape():
    own = {key: value.shape for key, value in VggFeatures("relu5_4").state_dict().items()}
    assert own == {f"features.{key}": value.shape for key, value in theirs(36).state_dict().items()}


@pytest.mark.parametrize(("layer", "count"), [("relu1_1", 2), ("relu2_2", 9), ("relu3_4", 18), ("relu4_1", 21)])
def test_a_layer_is_named_as_in_the_paper_of_vgg(layer, count):
    assert len(VggFeatures(layer).features) == count
    assert isinstance(theirs(count)[-1], nn.ReLU)
    assert len(VggFeatures(layer.replace("relu", "conv")).features) == count - 1


def test_pictures_are_normalised_as_torchvision_does():
    network = VggFeatures("relu1_2")
    picture = torch.rand(2, 3, 20, 24, generator=torch.Generator().manual_seed(0))
    normalised = torchvision.transforms.functional.normalize(picture, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    torch.testing.assert_close(network(picture), network.features(normalised))


def test_features_shrink_sixteen_times_at_the_fifth_block():
    assert VggFeatures("relu5_1")(torch.rand(1, 3, 48, 32)).shape == (1, 512, 3, 2)


def test_the_network_is_frozen_yet_lets_gradients_through():
    network = VggFeatures("relu2_1").train()
    picture = torch.rand(1, 3, 16, 16, requires_grad=True)
    network(picture).sum().backward()
    assert picture.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_random_weights_come_from_no_global_generator():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    settings = PerceptualSettings(weights="random", layer="relu1_2")
    first, again = make_features(settings), make_features(settings)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first.features[0].weight, again.features[0].weight)


def test_no_weight_needs_no_network():
    assert make_features(PerceptualSettings(weight=0)) is None


def full_state(layer: str) -> dict[str, Tensor]:
    """A file as torchvision's: the features, more of them, and the classifier."""
    state = {key: value.clone() for key, value in VggFeatures(layer).state_dict().items()}
    return state | {"features.34.weight": torch.zeros(2), "classifier.0.weight": torch.zeros(3)}


def test_the_classifier_and_later_layers_of_a_file_are_left_out(tmp_path):
    torch.manual_seed(1)
    state = full_state("relu1_2")
    save_file(state, tmp_path / "vgg.safetensors")
    settings = PerceptualSettings(weights=str(tmp_path / "vgg.safetensors"), layer="relu1_2")
    assert torch.equal(make_features(settings).features[2].weight, state["features.2.weight"])


def test_missing_weights_are_one_sentence_that_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("HVDBENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(
        WeightsError, match=r"missing \(no file .*vgg19-dcbb9e9d\.pth\): get it from .*perceptual.weight to 0"
    ):
        make_features(PerceptualSettings())


def test_weights_of_another_network_are_refused(tmp_path):
    save_file({"spynet.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match=r"no parameter under 'features\.'"):
        make_features(PerceptualSettings(weights=str(tmp_path / "other.safetensors")))
    save_file({"features.0.weight": torch.zeros(3)}, tmp_path / "part.safetensors")
    with pytest.raises(WeightsError, match="does not fit VggFeatures"):
        make_features(PerceptualSettings(weights=str(tmp_path / "part.safetensors"), layer="relu1_1"))


def test_features_of_a_convolution_are_those_before_its_relu():
    pictures = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    before = VggFeatures("conv2_2")
    after = VggFeatures("relu2_2")
    after.load_state_dict(before.state_dict())
    found = before(pictures)
    assert (found < 0).any()
    torch.testing.assert_close(found.relu(), after(pictures))


@pytest.mark.parametrize("layer", ["relu6_1", "relu1_3", "conv1_3", "relu5_5"])
def test_a_layer_that_is_not_there_is_refused(layer):
    with pytest.raises(ValueError, match="layer"):
        PerceptualSettings(layer=layer)
    with pytest.raises(ValueError, match="no layer"):
        VggFeatures(layer)
