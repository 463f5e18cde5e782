from pathlib import Path

import pytest

from hvdbench import paths
from hvdbench.errors import InputError


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
