import json
from hashlib import sha256
from typing import Annotated

import pytest
from pydantic import Field, PositiveFloat, ValidationError

from hvdbench.errors import RecipeError, UnknownNameError
from hvdbench.recipe import Settings, check, digest_of, load_recipe, recipe_names
from hvdbench.recipe.trust import Part

LENS_KEYS = "(known: natural_frequency_hz, stroke_deg)"


class Lens(Settings):
    stroke_deg: PositiveFloat = 0.7
    natural_frequency_hz: PositiveFloat = 200.0


class Shoot(Settings):
    fps: float = Field(gt=0)
    clips: tuple[str, ...] = ()
    lens: Lens = Lens()
    spare: Lens | None = None
    lenses: tuple[Lens, ...] = ()


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "recipes" / "datasets"
    folder.mkdir(parents=True)
    (folder / "walk.toml").write_text(
        'fps = 30\nclips = ["a", "b"]\n[lens]\nstroke_deg = 0.5\n[tiny]\nclips = ["a"]\n[tiny.lens]\nstroke_deg = 0.1\n'
    )
    (folder / "still.toml").write_text("fps = 60\n")
    monkeypatch.setenv("HVDBENCH_HOME", str(tmp_path))
    return folder


def test_a_recipe_is_named_by_its_file(home):
    recipe = load_recipe("datasets", "walk", Shoot)
    assert recipe.name == "walk"
    assert recipe.values.fps == 30
    assert recipe.values.lens == Lens(stroke_deg=0.5)
    assert recipe_names("datasets") == ["still", "walk"]


def test_tiny_lays_its_table_over_the_values_and_leaves_the_rest(home):
    tiny = load_recipe("datasets", "walk@tiny", Shoot)
    assert tiny.name == "walk@tiny"
    assert tiny.values.clips == ("a",)
    assert tiny.values.lens.stroke_deg == 0.1
    assert tiny.values.fps == 30
    assert tiny.digest != load_recipe("datasets", "walk", Shoot).digest


def test_a_recipe_without_a_tiny_table_says_so(home):
    with pytest.raises(RecipeError, match=r"still\.toml has no \[tiny\] table, so there is no 'still@tiny'"):
        load_recipe("datasets", "still@tiny", Shoot)


def test_overrides_are_merged_into_nested_tables(home):
    values = load_recipe("datasets", "walk@tiny", Shoot, overrides={"lens": {"natural_frequency_hz": 50}}).values
    assert values.lens == Lens(stroke_deg=0.1, natural_frequency_hz=50)


def test_a_path_is_taken_as_a_recipe(home, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text("fps = 24\n[tiny]\nfps = 12\n")
    assert load_recipe("datasets", str(mine), Shoot).name == "mine"
    assert load_recipe("datasets", f"{mine}@tiny", Shoot).values.fps == 12


def test_an_unknown_recipe_gets_the_nearest_name(home):
    with pytest.raises(
        UnknownNameError, match=r"no dataset recipe named 'wlk'; did you mean 'walk'\? \(known: still, walk\)"
    ):
        load_recipe("datasets", "wlk", Shoot)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("fps = 30\n[lens]\nstroke_dg = 1", "walk.toml: [lens]: unknown key 'stroke_dg' " + LENS_KEYS),
        ("fps = 30\nfsp = 1", "walk.toml: unknown key 'fsp' (known: clips, fps, lens, lenses, spare)"),
        ("fps = 30\n[spare]\nx = 1", "walk.toml: [spare]: unknown key 'x' " + LENS_KEYS),
        ("fps = 30\n[[lenses]]\nx = 1", "walk.toml: [lenses.0]: unknown key 'x' " + LENS_KEYS),
        ("clips = []", "walk.toml: key 'fps' is missing"),
        ("fps = 0", "walk.toml: 'fps': Input should be greater than 0 (found 0)"),
    ],
)
def test_a_fault_is_one_sentence_with_file_and_key(home, text, sentence):
    (home / "walk.toml").write_text(text)
    with pytest.raises(RecipeError) as caught:
        load_recipe("datasets", "walk", Shoot)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("content", [b"fps = ", b"fps = 30\nfps = 60", b"\xff\xfe"])
def test_what_is_not_toml_is_named(home, content):
    (home / "walk.toml").write_bytes(content)
    with pytest.raises(RecipeError, match=r"walk\.toml is not TOML: "):
        load_recipe("datasets", "walk", Shoot)


def test_values_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Lens().stroke_deg = 1.0  # type: ignore[misc]


def test_a_digest_does_not_hang_on_the_order_of_keys():
    assert digest_of({"a": 1, "b": {"c": 2, "d": 3}}) == digest_of({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 2})


def test_a_digest_is_the_start_of_the_sha256_of_canonical_json():
    assert digest_of({"b": [1, 2], "a": "x"}) == sha256(b'{"a":"x","b":[1,2]}').hexdigest()[:16]


def test_equal_values_have_equal_digests_whatever_the_file(home, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text('clips = ["a", "b"]\nfps = 30.0\nlens = {natural_frequency_hz = 200, stroke_deg = 0.5}\n')
    assert load_recipe("datasets", str(other), Shoot).digest == load_recipe("datasets", "walk", Shoot).digest


def test_a_digest_is_of_the_resolved_values_so_a_default_written_out_changes_nothing():
    plain, written = check("a", {"fps": 30}, Shoot), check("b", {"fps": 30, "lens": {"stroke_deg": 0.7}}, Shoot)
    dumps = [json.dumps(values.model_dump(mode="json")) for values in (plain, written)]
    assert dumps[0] == dumps[1]


def test_a_recipe_holds_only_what_differs_from_the_one_it_is_based_on(home):
    (home / "run.toml").write_text('based_on = "walk"\nfps = 60\n[lens]\nnatural_frequency_hz = 90\n')
    recipe = load_recipe("datasets", "run", Shoot)
    assert recipe.name == "run"
    assert recipe.values == Shoot(fps=60, clips=("a", "b"), lens=Lens(stroke_deg=0.5, natural_frequency_hz=90))
    assert load_recipe("datasets", "run@tiny", Shoot).values.lens == Lens(stroke_deg=0.1, natural_frequency_hz=90)


def test_a_base_may_have_a_base_and_may_be_a_file(home, tmp_path):
    (home / "run.toml").write_text('based_on = "walk"\nfps = 60\n')
    mine = tmp_path / "mine.toml"
    mine.write_text('based_on = "run"\nclips = []\n')
    (tmp_path / "other.toml").write_text(f'based_on = "{mine}"\n[lens]\nstroke_deg = 0.2\n')
    assert load_recipe("datasets", str(tmp_path / "other.toml"), Shoot).values == Shoot(
        fps=60, clips=(), lens=Lens(stroke_deg=0.2)
    )


def test_a_base_that_is_missing_circular_or_no_name_is_answered(home):
    for text, words in {
        'based_on = "wlk"\n': r"run\.toml: 'based_on': there is no dataset recipe named 'wlk'; did you mean 'walk'\?",
        'based_on = "run"\n': r"run\.toml: 'based_on' leads back to itself \(run → run\)",
        'based_on = "run@tiny"\n': r"run\.toml: 'based_on' leads back to itself \(run → run\)",
        'based_on = "./run.toml"\n': r"run\.toml: 'based_on' leads back to itself \(run → run\)",
        'based_on = "still@tiny"\n': r"still\.toml has no \[tiny\] table, so there is no 'still@tiny'",
        'based_on = "walk@huge"\n': r"run\.toml: 'based_on': recipe 'walk' has no preset 'huge' \(known: tiny\)",
        'based_on = "./wlk.toml"\n': r"run\.toml: 'based_on': .*; there is no file .*/wlk\.toml",
        "based_on = 3\n": r"run\.toml: 'based_on' must be the name or the file of a recipe, found 3",
    }.items():
        (home / "run.toml").write_text(text)
        with pytest.raises(RecipeError, match=words):
            load_recipe("datasets", "run", Shoot)


class Played(Settings):
    network: Annotated[str, Part("network")]
    steps: int = 0


def test_a_part_that_a_recipe_names_itself_is_not_replaced_by_a_tiny_one_that_it_inherits(home):
    texts = {
        "base": 'network = "estrnn"\nsteps = 100\n[tiny]\nnetwork = "estrnn@tiny"\nsteps = 3\n',
        "mine": 'based_on = "base"\nnetwork = "rvrt"\n',
        "longer": 'based_on = "mine"\nsteps = 500\n',
        "smaller": 'based_on = "mine"\n[tiny]\nnetwork = "rvrt@tiny"\n',
        "again": 'based_on = "smaller"\nnetwork = "ifirnn"\n',
    }
    for name, text in texts.items():
        (home / f"{name}.toml").write_text(text)
    tiny = {name: load_recipe("datasets", f"{name}@tiny", Played).values for name in texts}
    assert {name: values.network for name, values in tiny.items()} == {
        "base": "estrnn@tiny",
        "mine": "rvrt",
        "longer": "rvrt",
        "smaller": "rvrt@tiny",
        "again": "ifirnn",
    }
    assert {values.steps for values in tiny.values()} == {3}  # sizes are inherited, names are not


def test_a_tiny_that_is_no_table_is_one_sentence(home):
    (home / "walk.toml").write_text("fps = 30\ntiny = 3\n")
    with pytest.raises(RecipeError, match=r"walk\.toml: 'tiny' is a table of values, found 3"):
        load_recipe("datasets", "walk@tiny", Shoot)


def test_a_base_may_be_taken_at_its_tiny_size(home):
    (home / "run.toml").write_text('based_on = "walk@tiny"\nfps = 60\n')
    recipe = load_recipe("datasets", "run", Shoot)
    assert recipe.name == "run"
    assert recipe.values == Shoot(fps=60, clips=("a",), lens=Lens(stroke_deg=0.1))
    with pytest.raises(RecipeError, match=r"run\.toml has no \[tiny\] table, so there is no 'run@tiny'"):
        load_recipe("datasets", "run@tiny", Shoot)
    (home / "jog.toml").write_text('based_on = "run"\n[tiny]\nfps = 15\n')
    assert load_recipe("datasets", "jog@tiny", Shoot).values == recipe.values.model_copy(update={"fps": 15})


@pytest.mark.parametrize("base", ["./near.toml", "near.toml", "near", "../near/near.toml@tiny"])
def test_a_base_is_looked_for_beside_the_file_that_names_it_and_not_where_the_command_runs(home, tmp_path, base):
    (tmp_path / "near").mkdir()
    (tmp_path / "near" / "near.toml").write_text("fps = 12\n[tiny]\nfps = 12\n")
    (tmp_path / "near" / "mine.toml").write_text(f'based_on = "{base}"\nclips = ["b"]\n')
    assert load_recipe("datasets", str(tmp_path / "near" / "mine.toml"), Shoot).values == Shoot(fps=12, clips=("b",))


def test_a_recipe_of_this_installation_comes_before_a_neighbour_of_its_name(home, tmp_path):
    (tmp_path / "walk.toml").write_text('based_on = "walk"\nfps = 12\n')
    assert load_recipe("datasets", str(tmp_path / "walk.toml"), Shoot).values.clips == ("a", "b")


class Called(Shoot):
    name: str | None = None


def test_the_name_for_boards_is_not_inherited(home):
    (home / "walk.toml").write_text('fps = 30\nname = "walk-2"\n')
    (home / "run.toml").write_text('based_on = "walk"\n')
    assert load_recipe("datasets", "walk", Called).values.name == "walk-2"
    assert load_recipe("datasets", "run", Called).values.name is None
