"""What a page tells of a method beside its numbers."""

from hvdbench.catalog import SCHEMES
from hvdbench.pages.board.method_facts import FAMILIES, PAPERS, method_facts
from hvdbench.recipe import recipe_names


def test_families_and_papers_are_of_schemes_that_exist():
    assert {*FAMILIES, *PAPERS} <= set(SCHEMES)


def test_a_recipe_gives_title_family_paper_and_its_text():
    found = method_facts("ren2020_small")
    assert found.family == "fitted to the clip"
    assert found.title == "Ren et al. on a small U-Net, fitted in half a minute"
    assert found.paper is not None
    assert found.paper.url == "https://arxiv.org/abs/2012.05228"
    assert 'based_on = "ren2020' in found.recipe


def test_every_shipped_method_that_restores_has_a_family():
    ordered = {"hypercut_order", "bme_tiny", "id_blau_tiny", "blur2blur_kernel"}  # trained parts of methods
    assert {name for name in recipe_names("methods") if method_facts(name).family == "other"} <= ordered


def test_what_has_no_recipe_is_other_and_a_name_leads_to_no_file(tmp_path):
    (tmp_path / "secret.toml").write_text('title = "no"\nscheme = "ren"\n')
    for name in ("somebody's net", "net=weights", str(tmp_path / "secret.toml"), "../boards/rivals", "x" * 300):
        found = method_facts(name)
        assert (found.family, found.recipe, found.is_known) == ("other", "", False)


def test_recipes_of_a_home_of_ones_own_are_not_shown_as_text(tmp_path, monkeypatch):
    (tmp_path / "recipes/methods").mkdir(parents=True)
    (tmp_path / "recipes/methods/mine.toml").write_text('title = "Mine"\nscheme = "ren"\nweights = "/home/me/w"\n')
    monkeypatch.setenv("HVDBENCH_HOME", str(tmp_path))
    found = method_facts("mine")
    assert (found.title, found.family, found.recipe) == ("Mine", "fitted to the clip", "")
