"""The command line: exit codes, one-sentence errors, help, and what goes to standard output."""

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import pytest

from hvdbench import __version__
from hvdbench.cli.data import label as labels
from hvdbench.cli.main import cli, main
from hvdbench.errors import DatasetError, InputError
from hvdbench.frames import read_clip
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.labels.stored import write_labels
from hvdbench.store import Dataset
from hvdbench.workflows import datasets as making
from hvdbench.workflows import doctor
from hvdbench.workflows.datasets import SynthRequest, synth
from hvdbench.workflows.doctor import Finding
from hvdbench.workflows.evaluate import evaluate
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.fallback import Fallback

COMMANDS = sorted(cli.list_commands(click.Context(cli)))
SMALL = {"size": [48, 32], "frames_per_clip": 4, "clips": ["coffee", "cup"]}


class Answer(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch, capsys) -> Callable[..., Answer]:
    """Run the command in this process; the log level that it sets is set back."""
    monkeypatch.setattr(logging.getLogger("hvdbench"), "level", logging.WARNING)

    def run(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["hvdbench", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stopped:
            code = stopped.code or 0
        return Answer(code, *capsys.readouterr())

    return run


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for variable in ("HVDBENCH_HOME", "HVDBENCH_GOPRO_ROOT", "HVDBENCH_STRICT"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def demo() -> Dataset:
    """A dataset of two clips of four frames."""
    request = SynthRequest("demo", out=Path("demo"), overrides=SMALL)
    return synth(request, fallback=Fallback(), engine=Engine(1))


@pytest.fixture
def board(demo) -> Path:
    return evaluate("blurry", demo).board


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS), ["leaderboard", "export"]])
def test_help_of_every_command_names_its_options(run, command):
    answer = run(*command, "--help")
    assert (answer.code, answer.err) == (0, "")
    usage, _, about, *_ = answer.out.splitlines()
    assert usage.startswith("Usage: ")
    assert " ".join(["hvdbench", *command, "[OPTIONS]"]) in usage
    assert about.strip()
    assert "--help" in answer.out


def test_the_overview_lists_every_command(run):
    assert {"demo", "deblur", "synth", "label", "train", "eval", "leaderboard", "verify", "doctor"} <= set(COMMANDS)
    assert all(f"  {name} " in run("--help").out for name in COMMANDS)


def test_the_version_is_told(run):
    assert run("--version") == (0, f"hvdbench, version {__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["demoo"], "No such command 'demoo'"),
        (["synth", "--sorce", "gopro"], "No such option"),
        (["deblur", "clip.mp4"], "Missing option '-o'"),
        (["eval"], "Missing option '--method'"),
        (["label"], "Missing argument 'DATASET'"),
        (["eval", "--method", "blurry", "--seed", "-1"], "-1 is not in the range"),
        (["leaderboard", "export", "--format", "pdf"], "'pdf' is not one of"),
    ],
)
def test_wrong_usage_is_code_2(run, arguments, words):
    answer = run(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert words in answer.err
    assert answer.err.startswith("Usage: ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["synth", "--recipe", "goproshaek"], "no dataset recipe named 'goproshaek'; did you mean 'goproshake'?"),
        (["synth", "--traj", "handheld"], "no trajectory set named 'handheld'"),
        (["synth", "--src", "gopro", "--root", "nowhere"], "nowhere does not exist"),
        (["synth", "--engine", "slurm"], "no engine 'slurm'"),
        (["synth", "--traj", "handheld_simulated", "--strict"], "HVDBENCH_GOPRO_ROOT"),
        (["label", "nowhere"], "nowhere does not exist: name a dataset"),
        (["verify", "nowhere"], "nowhere is not a dataset"),
        (["train", "selfhvd_basicvsrp"], "did you mean 'selfhvd_basicvsrpp'?"),
        (["train", "selfhvd_fusion"], "is fitted to each clip"),
        (["eval", "--method", "blurry", "--data", "nowhere"], "nowhere is not a dataset"),
        (["eval", "--method", "blurry", "--strict"], "in strict mode"),
        (["deblur", "nowhere.mp4", "-o", "out"], "nowhere.mp4 does not exist"),
        (["leaderboard", "export"], "leaderboards contains no board"),
        (["leaderboard", "export", "nothing"], "no board named 'nothing'"),
        (["leaderboard", "export", "nothing.csv"], "nothing.csv does not exist"),
    ],
)
def test_what_a_user_can_mend_is_code_1_and_one_sentence(run, arguments, words):
    answer = run(*arguments)
    assert (answer.code, answer.out) == (1, "")
    (line,) = answer.err.splitlines()
    assert line.startswith("Error: ")
    assert words in line
    assert ". " not in line
    assert list(Path().iterdir()) == []


def test_a_mistyped_source_is_an_error_not_a_fallback(run, monkeypatch):
    monkeypatch.setattr(making, "synthesise", lambda *_, **__: pytest.fail("went on"))
    answer = run("synth", "--src", "sampel")
    assert answer.code == 1
    assert "no source named 'sampel'; did you mean 'sample'?" in answer.err


def test_an_interruption_is_code_130_and_says_how_to_go_on(run, monkeypatch):
    def stop(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(labels, "showing", stop)
    answer = run("label", "demo")
    assert answer.code == 130
    assert "run the same command again to continue" in answer.err


def test_a_bug_keeps_its_traceback(run, monkeypatch):
    def fail(*_args: object, **_options: object) -> None:
        raise AssertionError("a bug")

    monkeypatch.setattr(labels, "showing", fail)
    with pytest.raises(AssertionError, match="a bug"):
        run("label", "demo")


def test_an_error_reaches_a_shell_without_traceback():
    done = subprocess.run(
        [sys.executable, "-c", "from hvdbench.cli.main import main; main()", "verify", "nowhere"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: nowhere is not a dataset")
    assert "Traceback" not in done.stderr


def test_a_dataset_is_made_labelled_and_verified(run):
    Path("small.toml").write_text(
        'title = "small"\nsource = "sample"\nclips = ["coffee", "cup"]\nsize = [48, 32]\nframes_per_clip = 4\n'
    )
    answer = run("synth", "--recipe", "small.toml", "--out", "made", "--engine", "local:1")
    assert answer.code == 0
    assert answer.out == f"made: 2 clips, demo, digest {Dataset.open(Path('made')).digest}\n"

    answer = run("label", "made")
    assert answer.code == 0
    assert [line.split(":")[0] for line in answer.out.splitlines()] == ["test/coffee", "test/cup"]
    assert "of 4 frames sharp" in answer.out

    assert run("verify", "made")[:2] == (0, "made: 2 clips as they were written\n")
    (Path("made") / "test/cup/blur/00000001.png").write_bytes(b"changed")
    answer = run("verify", "made")
    assert answer.code == 1
    assert "1 of 2 clips fail: made/test/cup differs" in answer.err


def test_an_evaluation_prints_the_board(run, demo):
    answer = run("eval", "--method", "blurry", "--data", "demo", "--board", "mine", "--engine", "local:1")
    assert answer.code == 0
    assert "\nblurry  demo " in answer.out
    assert answer.out.endswith("written: leaderboards/mine.csv\n")
    assert "restore and score: blurry: 2 of 2 done" in answer.err
    assert run("leaderboard", "list").out == "mine\n"


def test_an_evaluation_keeps_its_board_where_it_is_told(run, demo):
    answer = run(
        "eval", "--method", "blurry", "--data", "demo", "--board", "mine", "--boards", "kept", "--engine", "local:1"
    )
    assert answer.code == 0
    assert run("leaderboard", "list", "--boards", "kept").out == "mine\n"
    assert not Path("leaderboards").exists()


def test_the_same_evaluation_again_gives_the_same_answer(run, demo):
    command = ["eval", "--method", "warp_average", "--data", "demo", "--engine", "local:1"]
    first, second = run(*command), run(*command)
    assert first.out == second.out
    assert "restore and score" not in second.err


def test_runs_from_other_settings_need_overwrite(run, demo):
    Path("mine.toml").write_text('title = "mine"\nscheme = "warp_average"\n')
    command = ["eval", "--method", "mine.toml", "--data", "demo", "--engine", "local:1"]
    assert run(*command).code == 0
    Path("mine.toml").write_text('title = "mine"\nscheme = "warp_average"\n[settings]\nmask_scale = 1.0\n')
    answer = run(*command)
    assert answer.code == 1
    assert "--overwrite" in answer.err
    assert run(*command, "--overwrite").code == 0


def test_a_dataset_whose_frames_are_all_selected_is_evaluated(run, demo):
    for clip in demo.clips():
        write_labels(clip, SharpLabels(np.ones(4), np.ones(4, bool), 0.0, ("",) * 4, "paper"))
    answer = run("eval", "--method", "blurry", "--data", "demo", "--engine", "local:1")
    assert answer.code == 0


@pytest.mark.parametrize("name", [[], ["demo"], ["leaderboards/demo.csv"]])
def test_a_board_is_exported_as_markdown(run, board, name):
    answer = run("leaderboard", "export", *name)
    assert (answer.code, answer.err) == (0, "")
    assert "| method | origin |" in answer.out
    assert "*demo rows: " in answer.out


def test_a_board_is_exported_to_a_file_as_it_is_to_the_terminal(run, board):
    shown = run("leaderboard", "export", "demo", "--format", "csv")
    assert shown.out.startswith("method,origin,")
    answer = run("leaderboard", "export", "demo", "--format", "csv", "-o", "tables/board.csv")
    assert (answer.code, answer.out) == (0, "")
    assert Path("tables/board.csv").read_text().strip() == shown.out.strip()
    assert r"\toprule" in run("leaderboard", "export", "demo", "--format", "latex").out
    subset = run("leaderboard", "export", "demo", "--subset", "selected", "--boards", board.parent)
    assert subset.code == 0


def test_a_clip_is_restored(run, demo):
    answer = run("deblur", "demo/test/coffee/blur", "-o", "restored", "--method", "warp_average", "--device", "cpu")
    assert answer.code == 0
    assert "of 4 frames are borrowed from, " in answer.out
    assert answer.out.endswith("restored  restored.html  restored.json\n")
    assert read_clip(Path("restored")).shape == (4, 32, 48, 3)
    again = run("deblur", "demo/test/coffee/blur", "-o", "restored", "--method", "warp_average", "--device", "cpu")
    assert "already restored by the same command" in again.out


@pytest.mark.parametrize(("state", "code"), [("ok", 0), ("note", 0), ("problem", 1)])
def test_doctor_fails_only_for_problems(run, monkeypatch, state, code):
    monkeypatch.setattr(doctor, "examine", lambda: [Finding("torch", state, "words")])
    answer = run("doctor")
    assert answer.code == code
    assert answer.out.split(maxsplit=1) == ["PROBLEM" if state == "problem" else state, "torch: words\n"]


def test_doctor_looks_at_this_installation(run, monkeypatch):
    monkeypatch.setattr(doctor, "_LOOKS", tuple(look for look in doctor._LOOKS if look.__name__ != "_torch"))
    answer = run("doctor")
    assert answer.code in (0, 1)
    assert "python: 3." in answer.out
    assert f"hvdbench: {__version__}" in answer.out


@pytest.mark.parametrize(
    ("options", "level"), [([], logging.WARNING), (["-v"], logging.DEBUG), (["-q"], logging.ERROR)]
)
def test_verbosity_is_a_level_of_the_package_alone(run, options, level):
    root = logging.getLogger().level
    run(*options, "leaderboard", "list")
    assert logging.getLogger("hvdbench").level == level
    assert logging.getLogger().level == root


@pytest.mark.parametrize(("name", "error"), [("verify", DatasetError), ("label", InputError)])
def test_commands_hand_on_the_error_that_they_meet(name, error):
    with pytest.raises(error):
        cli([name, "nowhere"], standalone_mode=False)
