"""Files that name code: refused before any of it runs, unless the user trusts the file or its folder."""

import re
import sys
from typing import Annotated

import pytest
from made_model import made_clip, restore

from hvdbench import catalog
from hvdbench.boards.settings import BoardSettings
from hvdbench.errors import TrustError, UnknownNameError
from hvdbench.methods.opening import open_method
from hvdbench.methods.recipe import MethodSettings
from hvdbench.recipe import Settings, load_recipe
from hvdbench.recipe.trust import PROGRAM, Part
from hvdbench.synth.settings import DatasetSettings
from hvdbench.workflows.datasets import SynthRequest, synth
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.fallback import Fallback

PROGRAM_RECIPE = """title = "A nice method"
scheme = "command"
[settings]
command = "sh -c 'touch PWNED; cp $0/* $1' {input} {output}"
"""
MODULE_RECIPE = 'title = "x"\nscheme = "evilmod:X"\n'


class Kit(Settings):
    parts: tuple[Annotated[str, Part("metric")], ...] = ()
    named: dict[str, Annotated[str, Part("labeller")]] = {}
    program: Annotated[str, Part(PROGRAM)] | None = None


class Work(Settings):
    title: str = ""
    kit: Kit = Kit()
    spare: Kit | None = None


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A stranger's folder, in which a command runs."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    (folder / "evilmod.py").write_text('open("PWNED", "w").close()\n')
    yield folder
    sys.modules.pop("evilmod", None)


def trusting(tmp_path, monkeypatch, *folders):
    (tmp_path / "config.toml").write_text(f"trusted = {[str(folder) for folder in folders]}\n")
    monkeypatch.setenv("HVDBENCH_CONFIG", str(tmp_path / "config.toml"))


def refused(path, model=MethodSettings, kind="methods"):
    with pytest.raises(TrustError) as caught:
        load_recipe(kind, str(path), model)
    return str(caught.value)


def test_a_recipe_that_names_a_program_runs_it_only_when_trusted(here):
    (here / "recipe.toml").write_text(PROGRAM_RECIPE)
    with pytest.raises(
        TrustError, match=r"recipe\.toml: \[settings\] command = .*touch PWNED.* would run that program"
    ):
        open_method("recipe.toml")
    assert not (here / "PWNED").exists()
    clip = made_clip(2)
    assert restore(open_method("recipe.toml", trust=True), clip).tolist() == clip.tolist()
    assert (here / "PWNED").exists()


def test_a_recipe_that_names_a_module_imports_it_only_when_trusted(here):
    (here / "imp.toml").write_text(MODULE_RECIPE)
    with pytest.raises(
        TrustError, match=r"imp\.toml: scheme = 'evilmod:X' would import the module 'evilmod', .*--trust"
    ):
        open_method("imp.toml")
    assert not (here / "PWNED").exists()
    with pytest.raises(UnknownNameError, match="has no attribute 'X'"):
        open_method("imp.toml", trust=True)
    assert (here / "PWNED").exists()


def test_a_folder_that_the_users_own_file_lists_is_trusted_and_those_below_it(here, tmp_path, monkeypatch):
    (here / "below").mkdir()
    (here / "below" / "imp.toml").write_text(MODULE_RECIPE)
    trusting(tmp_path, monkeypatch, tmp_path / "elsewhere")
    refused("below/imp.toml")
    trusting(tmp_path, monkeypatch, here)
    assert load_recipe("methods", "below/imp.toml", MethodSettings).values.scheme == "evilmod:X"


def test_a_link_is_trusted_where_it_leads_to(here, tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    trusting(tmp_path, monkeypatch, tmp_path / "mine")
    (here / "imp.toml").write_text(MODULE_RECIPE)
    (tmp_path / "mine" / "imp.toml").symlink_to(here / "imp.toml")
    refused(tmp_path / "mine" / "imp.toml")


def test_recipes_of_ones_own_home_are_trusted(here, tmp_path, monkeypatch):
    (tmp_path / "recipes" / "methods").mkdir(parents=True)
    (tmp_path / "recipes" / "methods" / "imp.toml").write_text(MODULE_RECIPE)
    monkeypatch.setenv("HVDBENCH_HOME", str(tmp_path))
    assert load_recipe("methods", "imp", MethodSettings).values.scheme == "evilmod:X"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('scheme = "network"\n[settings]\nnetwork = "evilmod:Net"\n', r"\[settings\] network = 'evilmod:Net'"),
        ('scheme = "network"\n[settings]\nnetwork = "evilmod:N@tiny"\n', "import the module 'evilmod'"),
        ('scheme = "supervised"\nsettings = {network = "evilmod:Net"}\n', r"\[settings\] network"),
        ('scheme = "selfhvd"\nsettings.network = "evilmod:Net"\n', r"\[settings\] network"),
        (
            'scheme = "supervised"\n[settings]\nnetwork = "estrnn"\n[tiny.settings]\nnetwork = "evilmod:Net"\n',
            r"\[tiny\.settings\] network",
        ),
        ('scheme = "blurry"\n[tiny]\nscheme = "evilmod:X"\n', r"\[tiny\] scheme"),
        ('scheme = "command"\n', "scheme = 'command' would run a program"),
    ],
)
def test_every_place_in_which_a_method_names_code_is_looked_at(here, text, words):
    (here / "one.toml").write_text(f'title = "a"\n{text}')
    assert re.search(words, refused("one.toml"))
    assert not (here / "PWNED").exists()


def test_a_stranger_may_not_hide_behind_a_base_nor_change_what_a_trusted_one_runs(here, tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    trusting(tmp_path, monkeypatch, tmp_path / "mine")
    (here / "base.toml").write_text(MODULE_RECIPE)
    (tmp_path / "mine" / "top.toml").write_text(f'based_on = "{here}/base.toml"\n')
    assert "base.toml: scheme" in refused(tmp_path / "mine" / "top.toml")
    (tmp_path / "mine" / "base.toml").write_text(PROGRAM_RECIPE)
    (here / "top.toml").write_text(f'based_on = "{tmp_path}/mine/base.toml"\n[settings]\nfps = 24\n')
    assert load_recipe("methods", "top.toml", MethodSettings).values.scheme == "command"
    (here / "top.toml").write_text(f'based_on = "{tmp_path}/mine/base.toml"\n[settings]\ncommand = "evil"\n')
    assert "[settings] command = 'evil' would run that program" in refused("top.toml")


def test_a_recipe_that_names_no_code_needs_no_trust(here):
    (here / "mine.toml").write_text('title = "a"\nbased_on = "selfhvd_estrnn"\n')
    assert open_method("mine.toml@tiny").name == "mine@tiny"


def test_what_the_user_types_needs_no_trust(here):
    (here / "mine.toml").write_text('title = "a"\nscheme = "supervised"\n[settings]\nnetwork = "estrnn@tiny"\n')
    assert open_method("mine.toml", settings={"network": "evilmod:Net"}).scheme.settings.network == "evilmod:Net"
    assert open_method("command:cp {input} {output}").name == "cp"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('source = "evilmod:S"\n', "source = 'evilmod:S'"),
        ('source = "sample"\n[ois]\nkind = "evilmod:K"\n', "[ois] kind = 'evilmod:K'"),
        ('source = "sample"\n[ois]\ncontroller = "evilmod:C"\n', "[ois] controller = 'evilmod:C'"),
        ('source = "sample"\n[tiny.ois]\ncontroller = "evilmod:C"\n', "[tiny.ois] controller = 'evilmod:C'"),
    ],
)
def test_a_datasets_recipe_is_looked_at_before_its_values_are_checked(here, text, place):
    (here / "data.toml").write_text(f'title = "a"\n{text}')
    assert f"data.toml: {place} would import" in refused("data.toml", DatasetSettings, "datasets")
    with pytest.raises(TrustError):
        synth(SynthRequest(recipe="data.toml", out=here / "out"), fallback=Fallback(), engine=Engine())
    assert not (here / "PWNED").exists()
    assert not (here / "out").exists()


def test_a_boards_recipe_is_looked_at(here):
    (here / "board.toml").write_text('title = "a"\ndataset = "b"\nrank = "evilmod:m"\n')
    assert "rank = 'evilmod:m'" in refused("board.toml", BoardSettings, "boards")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('kit.parts = ["psnr", "evilmod:m"]\n', "[kit] parts = 'evilmod:m'"),
        ('[kit.named]\none = "evilmod:m"\n', "[kit.named] one = 'evilmod:m'"),
        ('[spare]\nparts = ["evilmod:m"]\n', "[spare] parts = 'evilmod:m'"),
        ('[spare]\nprogram = "ls"\n', "[spare] program = 'ls' would run that program"),
    ],
)
def test_marks_are_found_in_lists_tables_and_optional_settings(here, text, place):
    (here / "kit.toml").write_text(text)
    assert place in refused("kit.toml", Work, "datasets")


def test_no_scheme_has_a_field_for_a_part_that_carries_no_mark():
    for name in catalog.names("scheme"):
        fields = catalog.resolve("scheme", name).Settings.model_fields
        unmarked = [key for key in ("network", "command", "labeller", "metric") if "Part(" not in repr(fields.get(key))]
        assert not set(unmarked) & set(fields), name
