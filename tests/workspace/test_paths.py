from pathlib import Path

import pytest

from hvdbench import catalog
from hvdbench.errors import InputError
from hvdbench.workspace import paths


@pytest.fixture(autouse=True)
def nobodys_config(tmp_path, monkeypatch):
    """No variable, and no file of whoever runs the tests."""
    for variable in ("HVDBENCH_CONFIG", "HVDBENCH_WEIGHTS", *(f"HVDBENCH_{s}_ROOT" for s in ("GOPRO", "FOLDER"))):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))


def write_config(tmp_path, text):
    path = tmp_path / "xdg" / "hvdbench" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_the_project_finds_its_own_recipes_and_trajectories(monkeypatch):
    monkeypatch.delenv("HVDBENCH_HOME", raising=False)
    assert list(paths.home_folder("recipes").glob("boards/*.toml"))
    assert (paths.home_folder("trajectories") / "index.toml").is_file()


def test_the_home_variable_comes_before_the_installation(tmp_path, monkeypatch):
    (tmp_path / "recipes").mkdir()
    monkeypatch.setenv("HVDBENCH_HOME", str(tmp_path))
    assert paths.home_folder("recipes") == tmp_path / "recipes"


def test_a_home_without_the_folder_leaves_the_installations_own(tmp_path, monkeypatch):
    monkeypatch.setenv("HVDBENCH_HOME", str(tmp_path))
    assert paths.home_folder("trajectories").parent != tmp_path


def test_a_home_that_is_no_folder_is_named_with_its_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("HVDBENCH_HOME", str(tmp_path / "typo"))
    with pytest.raises(InputError, match=r"HVDBENCH_HOME names .*typo, which is not a folder"):
        paths.home_folder("recipes")


def test_in_a_wheel_the_folders_lie_inside_the_package(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "hvdbench"
    (package / "recipes").mkdir(parents=True)
    monkeypatch.delenv("HVDBENCH_HOME", raising=False)
    monkeypatch.setattr(paths, "_PACKAGE", package)
    assert paths.home_folder("recipes") == package / "recipes"
    with pytest.raises(InputError, match="no folder 'trajectories'"):
        paths.home_folder("trajectories")


def test_a_source_is_where_its_variable_says(tmp_path, monkeypatch):
    monkeypatch.setenv("HVDBENCH_GOPRO_ROOT", str(tmp_path))
    assert paths.configured_root("gopro") == tmp_path


@pytest.mark.parametrize("value", [None, ""])
def test_an_unset_source_has_no_root(monkeypatch, value):
    if value is None:
        monkeypatch.delenv("HVDBENCH_GOPRO_ROOT", raising=False)
    else:
        monkeypatch.setenv("HVDBENCH_GOPRO_ROOT", value)
    assert paths.configured_root("gopro") is None


def test_a_source_root_that_is_no_folder_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("HVDBENCH_GOPRO_ROOT", str(tmp_path / "gone"))
    with pytest.raises(InputError, match=r"HVDBENCH_GOPRO_ROOT names .*gone, which is not a folder"):
        paths.configured_root("gopro")


def test_weights_lie_in_the_users_cache_or_where_the_variable_says(tmp_path, monkeypatch):
    monkeypatch.delenv("HVDBENCH_WEIGHTS", raising=False)
    assert paths.weights_folder() == Path.home() / ".cache" / "hvdbench" / "weights"
    monkeypatch.setenv("HVDBENCH_WEIGHTS", str(tmp_path))
    assert paths.weights_folder() == tmp_path


def test_home_is_given_where_it_is_set(tmp_path, monkeypatch):
    monkeypatch.delenv("HVDBENCH_HOME", raising=False)
    assert paths.home() is None
    monkeypatch.setenv("HVDBENCH_HOME", str(tmp_path))
    assert paths.home() == tmp_path


def test_the_users_file_names_roots_and_weights(tmp_path):
    (tmp_path / "gopro").mkdir()
    path = write_config(tmp_path, f'weights = "w"\n[roots]\ngopro = "{tmp_path}/gopro"\n')
    assert paths.configured_root("gopro") == tmp_path / "gopro"
    assert paths.root_setting("gopro") == (tmp_path / "gopro", f"{path}, [roots] gopro")
    assert paths.configured_root("folder") is None
    assert paths.weights_folder() == path.parent / "w"  # relative to the file


def test_variables_come_before_the_users_file(tmp_path, monkeypatch):
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    write_config(tmp_path, f'weights = "w"\n[roots]\ngopro = "{tmp_path}/one"\n')
    monkeypatch.setenv("HVDBENCH_GOPRO_ROOT", str(tmp_path / "other"))
    monkeypatch.setenv("HVDBENCH_WEIGHTS", str(tmp_path / "mine"))
    assert paths.root_setting("gopro") == (tmp_path / "other", "HVDBENCH_GOPRO_ROOT")
    assert paths.weights_folder() == tmp_path / "mine"


def test_the_file_that_the_variable_names_comes_before_the_xdg_one(tmp_path, monkeypatch):
    write_config(tmp_path, 'weights = "xdg"\n')
    (tmp_path / "mine.toml").write_text('weights = "mine"\n')
    monkeypatch.setenv("HVDBENCH_CONFIG", str(tmp_path / "mine.toml"))
    assert paths.weights_folder() == tmp_path / "mine"
    monkeypatch.setenv("HVDBENCH_CONFIG", str(tmp_path / "gone.toml"))
    with pytest.raises(InputError, match=r"HVDBENCH_CONFIG names .*gone.toml, which is not a file: correct or unset"):
        paths.weights_folder()


def test_a_relative_xdg_folder_is_passed_over_as_its_standard_says(monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", "here")
    assert paths.config_path() == Path.home() / ".config" / "hvdbench" / "config.toml"


def test_the_users_home_is_meant_by_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_config(tmp_path, 'weights = "~/w"\n')
    assert paths.weights_folder() == tmp_path / "w"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("weihgts = 1", r"toml: unknown key 'weihgts'; did you mean 'weights'\? \(known: roots, trusted, weights\)"),
        ("[roots]\ngorpo = 'x'", r"config.toml: \[roots\]: unknown key 'gorpo'; did you mean 'gopro'\?"),
        ("[roots]\ngopro = 3", r"config.toml: \[roots\] gopro must be a folder's path in quotes, found 3"),
        ("weights = ''", r"config.toml: weights must be a folder's path in quotes, found ''"),
        ("roots = 'x'", r"config.toml: roots must be a table: write \[roots\]"),
        ("weights =", r"config.toml is not TOML: "),
        (
            "[roots]\ngopro = 'gone'",
            r"config.toml: \[roots\] gopro names .*gone, which is not a folder: correct or rem",
        ),
    ],
)
def test_a_users_file_that_is_wrong_is_answered_in_one_sentence_with_its_name(tmp_path, text, said):
    write_config(tmp_path, text)
    with pytest.raises(InputError, match=said):
        paths.configured_root("gopro")


def test_a_third_partys_source_may_have_a_root(tmp_path):
    write_config(tmp_path, f'[roots]\n"theirs.module:Source" = "{tmp_path}"\n')
    assert paths.configured_root("theirs.module:Source") == tmp_path


def test_the_root_of_the_folder_source_may_be_a_film(tmp_path, monkeypatch):
    (tmp_path / "film.mp4").touch()
    monkeypatch.setenv("HVDBENCH_FOLDER_ROOT", str(tmp_path / "film.mp4"))
    assert paths.configured_root("folder") == tmp_path / "film.mp4"
    monkeypatch.setenv("HVDBENCH_GOPRO_ROOT", str(tmp_path / "film.mp4"))
    with pytest.raises(InputError, match="which is not a folder"):
        paths.configured_root("gopro")


def test_every_source_that_needs_a_folder_may_stand_in_the_users_file():
    assert set(catalog.names("source")) - {"sample", "photos"} <= set(paths.ROOTED_SOURCES)


def test_folders_that_are_trusted_are_listed_relative_to_the_file_or_to_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = write_config(tmp_path, 'trusted = ["ours", "~/mine", "/srv/recipes"]\n')
    assert paths.read_config().trusted == (path.parent / "ours", tmp_path / "home" / "mine", Path("/srv/recipes"))


@pytest.mark.parametrize("value", ['"one"', "[3]", '[""]'])
def test_trusted_folders_that_are_no_list_of_paths_are_refused(tmp_path, value):
    write_config(tmp_path, f"trusted = {value}\n")
    with pytest.raises(InputError, match=r"config\.toml: trusted must be a "):
        paths.read_config()


def test_only_folders_that_the_user_answers_for_are_trusted(tmp_path, monkeypatch):
    monkeypatch.delenv("HVDBENCH_HOME", raising=False)
    write_config(tmp_path, f'trusted = ["{tmp_path}/ours"]\n')
    shipped = paths.home_folder("recipes") / "methods" / "blurry.toml"
    assert paths.is_trusted(shipped)
    assert paths.is_trusted(tmp_path / "ours" / "deep" / "one.toml")
    assert not paths.is_trusted(tmp_path / "ours-not" / "one.toml")
    assert not paths.is_trusted(tmp_path / "ours" / ".." / "one.toml")
    monkeypatch.setenv("HVDBENCH_HOME", str(tmp_path))
    assert paths.is_trusted(tmp_path / "one.toml")
