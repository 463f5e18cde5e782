"""Weights inside the package: small, described, and of the network of the recipe that takes them."""

import re
from pathlib import Path

import pytest

import hvdbench
from hvdbench.methods.opening import open_method
from hvdbench.methods.recipe import load_method
from hvdbench.recipe import load_recipe, recipe_names
from hvdbench.sources.photos import known_photographs
from hvdbench.synth.settings import DatasetSettings
from hvdbench.weights.checkpoints import read_checkpoint
from hvdbench.weights.finding import find_weights
from hvdbench.weights.fitting import load_into
from hvdbench.workspace.manifest import file_sha256

FOLDER = Path(hvdbench.__file__).parent / "weights" / "shipped"
FILES = sorted(FOLDER.glob("*.safetensors"))
MOST_BYTES = 2_000_000


def test_there_are_the_weights_of_the_default_of_deblur():
    assert "fusion_pretrained" in [file.stem for file in FILES]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_weights_are_small_and_a_card_says_what_they_are(file):
    card = file.with_suffix(".md").read_text(encoding="utf-8")
    assert file.stat().st_size <= MOST_BYTES
    assert file_sha256(file) in card
    for word in ("Data", "Licence", "Recipe", "Seed", "Numbers"):
        assert re.search(rf"^## {word}|^\| {word}", card, re.MULTILINE), word


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_weights_fit_the_network_of_their_recipe(file):
    method = open_method(file.stem)
    assert method.weights == file
    network = method.trained_scheme.build()
    load_into(network, read_checkpoint(file).state_dict, file)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_card_names_every_photograph_and_licence_that_the_weights_were_trained_on(file):
    card = file.with_suffix(".md").read_text(encoding="utf-8")
    recipe = load_recipe("datasets", "pretrain", DatasetSettings).values
    for name in recipe.clips:
        assert name in card
        assert known_photographs()[name].licence in card


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_weights_inside_the_package_are_found_by_their_name_alone(file):
    assert find_weights(file.stem) == file


def test_every_recipe_for_a_small_network_starts_from_weights_inside_the_package():
    small = [name for name in recipe_names("methods") if name.endswith("_small")]
    assert {"selfhvd_basicvsrpp_small", "selfhvd_estrnn_small"} <= set(small)
    for name in small:
        method = load_method(name)
        if not method.is_trained or method.weights is not None:  # a fit from nothing, or from weights under its name
            continue
        scheme = method.trained_scheme
        load_into(scheme.start(), read_checkpoint(find_weights(scheme.settings.start_from)).state_dict, Path(name))
