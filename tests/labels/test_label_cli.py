import click
import pytest
from click.testing import CliRunner
from made_shake import make_shake, make_shaken_dataset

from hvdbench.cli.data.label import label
from hvdbench.errors import InputError
from hvdbench.frames import write_clip


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shaken") / "set"
    return make_shaken_dataset(folder, {"a": make_shake(frames=8), "b": make_shake(frames=8, seed=4)})


def run(*arguments):
    return CliRunner().invoke(label, [str(argument) for argument in arguments], prog_name="hvdbench label")


def test_what_is_no_subcommand_is_labelled(dataset, tmp_path):
    answer = run(dataset.folder, "--csv", tmp_path / "l.csv", "--plot", tmp_path / "plots")
    assert answer.exit_code == 0, answer.output
    assert "test/a: " in answer.output
    assert (tmp_path / "l.csv").is_file()
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == ["test-a-extent.png", "test-b-extent.png"]


def test_options_may_come_first_and_the_long_form_is_the_same(dataset):
    short, long = run("--measure", "colour", dataset.folder), run("clips", dataset.folder, "--measure", "colour")
    assert short.exit_code == long.exit_code == 0
    assert short.stdout == long.stdout


def test_check_writes_curves_and_a_board(dataset, tmp_path):
    answer = run("check", dataset.folder, "--labeller", "paper", "--out", tmp_path, "--board", tmp_path / "labels.csv")
    assert answer.exit_code == 0, answer.output
    assert "truth: oracle" in answer.output
    assert {path.name for path in tmp_path.iterdir()} >= {"thresholds.csv", "thresholds.png", "labels.csv", "labels.md"}


def test_help_and_a_missing_dataset_are_answered_as_usual():
    assert "check" in run("--help").output
    assert run("clips", "--help").exit_code == 0
    missing = run()
    assert missing.exit_code == 2
    assert "Missing argument 'DATASET'" in missing.output
    assert isinstance(label, click.Group)


def test_photos_beside_a_film_are_labelled_with_a_word_and_a_folder_of_films_is_answered(tmp_path, caplog):
    write_clip(tmp_path / "roll", make_shake(frames=2).blurry)
    (tmp_path / "roll/VID_1.mp4").touch()
    assert run(tmp_path / "roll").exit_code == 0
    assert caplog.messages == [
        "roll contains VID_1.mp4 beside its pictures, which alone were read: name a video to have it read"
    ]
    (tmp_path / "films").mkdir()
    (tmp_path / "films/VID_1.mp4").touch()
    with pytest.raises(InputError, match="neither it nor a folder in it contains frames: name one of its videos"):
        CliRunner().invoke(label, [str(tmp_path / "films")], catch_exceptions=False)
