"""Method recipes: those that are shipped, what a typo is answered with, tiny sizes, digests."""

from pathlib import Path

import pytest
from made_values import leaves, with_values

from hvdbench.errors import RecipeError, UnknownNameError, WeightsError
from hvdbench.methods.recipe import MethodSettings, load_method
from hvdbench.methods.scheme import TrainedScheme
from hvdbench.recipe import load_recipe, read_recipe_table, recipe_names
from hvdbench.workspace.paths import home_folder

NAMES = recipe_names("methods")
TINY = [name for name in NAMES if "tiny" in read_recipe_table("methods", name)[0]]
SOURCES = ("paper", "code", "ours")


def recipe_file(folder: Path, text: str, name: str = "mine") -> str:
    (folder / f"{name}.toml").write_text(text)
    return str(folder / f"{name}.toml")


@pytest.mark.parametrize("name", [*NAMES, *(f"{name}@tiny" for name in TINY)])
def test_every_shipped_recipe_loads_under_its_name(name):
    method = load_method(name)
    assert method.name == method.reference == name
    assert method.recipe.values.title
    assert method.is_trained == isinstance(method.scheme, TrainedScheme)
    assert method.recipe.values.settings == method.scheme.settings.model_dump(mode="json")


@pytest.mark.parametrize("name", NAMES)
def test_every_provenance_names_a_setting_and_says_whose_it_is(name):
    provenance = load_method(name).recipe.values.provenance
    written = dict(leaves(read_recipe_table("methods", name)[0].get("settings", {})))
    assert set(provenance) <= set(written)
    assert all(text.split(":")[0] in SOURCES for text in provenance.values())


@pytest.mark.parametrize("name", [name for name in NAMES if load_method(name).is_trained])
def test_every_value_of_a_trained_method_says_whose_it_is(name):
    table = read_recipe_table("methods", name)[0]
    assert set(dict(leaves(table["settings"]))) == set(table["provenance"])


def test_the_page_of_recipes_lists_the_values_that_are_ours():
    page = (Path(__file__).parents[2] / "recipes" / "README.md").read_text(encoding="utf-8")
    assert page == with_values(page), "run: python tests/made_values.py"


@pytest.mark.parametrize("name", NAMES)
def test_settings_whose_value_the_paper_gives_have_it(name):
    def all_settings(table: dict) -> dict:
        return {
            k: v
            for key, value in table.items()
            for k, v in (all_settings(value).items() if isinstance(value, dict) else [(key, value)])
        }

    found = all_settings(load_method(name).recipe.values.settings)
    assert found.get("distortion_threshold", 0.5) == 0.5
    assert found.get("spatial_consistency", 1.0) == 1.0


def test_the_methods_that_are_asked_for_are_there():
    assert {"blurry", "warp_average", "reblur_blend", "selfhvd_fusion", "selfhvd_rc_fusion"} <= set(NAMES)
    trained = {name for name in NAMES if load_method(name).is_trained}
    table_1 = {f"{kind}_{n}" for kind in ("selfhvd", "supervised") for n in ("ifirnn", "estrnn", "rvrt", "basicvsrpp")}
    assert table_1 <= trained <= set(TINY)


@pytest.mark.parametrize("name", [name for name in NAMES if load_method(name).is_trained])
def test_the_tiny_size_of_a_trained_method_needs_no_weights_of_others(name):
    settings = load_method(f"{name}@tiny").scheme.settings
    assert not settings.start_from
    assert not any(getattr(settings, "start_parts", {}).values())
    if name.startswith("selfhvd"):
        assert settings.flow.model.startswith("dis")
        assert settings.perceptual.weight == 0


def test_the_tiny_size_changes_settings_and_keeps_the_rest():
    full, tiny = load_method("selfhvd_basicvsrpp"), load_method("selfhvd_basicvsrpp@tiny")
    assert tiny.recipe.values.title == full.recipe.values.title
    assert tiny.scheme.settings.stage1_steps < full.scheme.settings.stage1_steps
    assert tiny.scheme.settings.network == "basicvsrpp@tiny"
    assert tiny.scheme.settings.distortion_threshold == full.scheme.settings.distortion_threshold
    assert tiny.digest != full.digest


def test_a_recipe_without_a_tiny_size_says_so():
    with pytest.raises(RecipeError, match=r"blurry\.toml has no \[tiny\] table"):
        load_method("blurry@tiny")


def test_a_typo_in_the_name_is_answered():
    with pytest.raises(UnknownNameError, match="no method recipe named 'wrap_average'; did you mean 'warp_average'"):
        load_method("wrap_average")


def test_a_typo_in_a_key_is_answered_with_the_known_ones(tmp_path):
    for text, words in {
        'title = "a"\nscheme = "blurry"\nnotes = "b"\n': r"mine\.toml: unknown key 'notes' \(known: needs, note, ",
        'title = "a"\nscheme = "warp_average"\n[settings]\nmask_scal = 1\n': (
            r"mine: \[settings\]: unknown key 'mask_scal' \(known: alignment, flow, labeller, mask_scale\)"
        ),
        'title = "a"\nscheme = "selfhvd_clip"\n[settings.fit]\nbatches = 1\n': r"\[fit\]: unknown key 'batches'",
        'title = "a"\nscheme = "warp_average"\n[settings]\nflow = "slow"\n': r"'flow': Input should be 'ultrafast'",
        'scheme = "blurry"\n': "key 'title' is missing",
        "title = ": "is not TOML",
    }.items():
        with pytest.raises(RecipeError, match=words):
            load_method(recipe_file(tmp_path, text))


@pytest.mark.parametrize("line", ["batch = 0", "channels = 0", "stage1_steps = -1"])
def test_a_value_that_no_fit_can_use_is_answered(tmp_path, line):
    with pytest.raises(RecipeError, match=line.split()[0]):
        load_method(recipe_file(tmp_path, f'title = "a"\nscheme = "selfhvd_clip"\n[settings.fit]\n{line}\n'))


def test_a_typo_in_the_scheme_is_answered(tmp_path):
    with pytest.raises(UnknownNameError, match="no scheme named 'warp_avrage'; did you mean 'warp_average'"):
        load_method(recipe_file(tmp_path, 'title = "a"\nscheme = "warp_avrage"\n'))


def test_a_recipe_of_one_s_own_may_lie_anywhere_and_name_any_scheme(tmp_path):
    path = recipe_file(tmp_path, 'title = "a"\nscheme = "hvdbench.methods.blurry:Blurry"\n')
    method = load_method(path, trust=True)
    assert (method.name, method.reference) == ("mine", path)
    assert type(method.scheme).__name__ == "Blurry"


def test_the_digest_names_scheme_and_settings_not_words(tmp_path):
    def digest(text: str) -> str:
        return load_method(recipe_file(tmp_path, text)).digest

    plain = digest('title = "a"\nscheme = "warp_average"\n')
    assert digest('title = "b"\nscheme = "warp_average"\nnote = "c"\n') == plain
    assert digest('title = "a"\nscheme = "warp_average"\n[settings]\nmask_scale = 0.5\n') == plain  # the default
    assert digest('title = "a"\nscheme = "warp_average"\n[settings]\nmask_scale = 0.6\n') != plain
    assert digest('title = "a"\nscheme = "reblur_blend"\n') != plain
    assert load_method("warp_average").digest == plain
    assert load_method("warp_average", overrides={"labeller": "clues"}).digest != plain
    assert "labeller" not in load_method("reblur_blend_dis").scheme.identity


def test_weights_of_another_network_are_refused(tmp_path):
    import torch

    torch.save({"some.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"other\.pth"):
        load_method("selfhvd_basicvsrpp@tiny").with_weights(tmp_path / "other.pth").open()


def test_every_file_among_the_recipes_is_a_recipe():
    for path in (home_folder("recipes") / "methods").iterdir():
        assert path.suffix == ".toml"
        load_recipe("methods", str(path), MethodSettings)
