"""What the help of every command promises: whole sentences, one spelling for one idea, and examples that parse."""

import importlib
import pkgutil
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import click
import pytest
from click.testing import CliRunner

import hvdbench.cli
from hvdbench.cli.group import LazyGroup
from hvdbench.cli.main import SECTIONS, cli

BEFORE = Path(hvdbench.cli.__file__).parent
LONGEST = 80


def walk(path: tuple[str, ...] = (), command: click.Command = cli) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command and sub-command with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from walk((*path, name), below)


COMMANDS = dict(walk())
each_command = pytest.mark.parametrize("path", COMMANDS, ids=" ".join)


def shown(path: tuple[str, ...]) -> str:
    done = CliRunner().invoke(cli, [*path, "--help"], prog_name="hvdbench", terminal_width=LONGEST)
    assert done.exit_code == 0, done.output
    return done.output


def parsed(line: str) -> dict[str, object]:
    """Parse a command line as far as the values that its command would be called with; nothing is run."""
    words = shlex.split(line.replace("\\\n", " "))
    caught: list[dict[str, object]] = []
    with patch.object(click.Command, "invoke", lambda _, context: caught.append(context.params)):
        cli(words[words.index("hvdbench") + 1 :], standalone_mode=False)
    return caught[-1]


def sections() -> list[tuple[str, tuple[str, ...]]]:
    groups = [group for group in COMMANDS.values() if isinstance(group, LazyGroup)]
    return [(section.package, section.names) for group in groups for section in group.sections]


@pytest.mark.parametrize(("package", "names"), sections())
def test_each_file_of_commands_defines_the_command_of_its_name_alone(package, names):
    files = [module.name for module in pkgutil.iter_modules([str(BEFORE.parent.parent / package.replace(".", "/"))])]
    assert sorted(files) == sorted(names)
    for name in names:
        module = importlib.import_module(f"{package}.{name}")
        found = [value for value in vars(module).values() if isinstance(value, click.Command)]
        nested = [own for group in found if isinstance(group, click.Group) for own in group.commands.values()]
        assert [command.name for command in found if command not in nested] == [name]


def test_no_file_of_a_command_is_long():
    lengths = {str(file.relative_to(BEFORE)): file.read_text().count("\n") for file in BEFORE.rglob("*/*.py")}
    assert {name: length for name, length in lengths.items() if length > 210} == {}


def test_a_command_is_run_without_importing_the_others():
    code = (
        "import sys; sys.argv = ['hvdbench', 'doctor', '-h']; from hvdbench.cli.main import cli; "
        "cli(standalone_mode=False); print(*sorted(name for name in sys.modules if name.startswith('hvdbench.cli.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1].split()
    assert "hvdbench.cli.start.doctor" in loaded
    assert {name for name in loaded if re.match(r"hvdbench\.cli\.(data|train|score|look)\b", name)} == set()


def test_the_overview_groups_the_commands_under_headings():
    text = shown(())
    headings = re.findall(r"^(\S.*):$", text, re.MULTILINE)
    assert headings == ["Options", *(section.heading for section in SECTIONS)]
    assert [section.heading for section in SECTIONS] == ["Start", "Make data", "Train", "Score", "Look"]


@pytest.mark.parametrize("path", [path for path in COMMANDS if path], ids=" ".join)
def test_the_summary_of_a_command_is_one_whole_sentence_on_one_line(path):
    (line,) = re.findall(rf"^  {re.escape(path[-1])}  +(\S.*)$", shown(path[:-1]), re.MULTILINE)
    help_text = COMMANDS[path].help
    assert help_text is not None
    assert line == help_text.splitlines()[0]
    assert re.fullmatch(r"[A-Z][^.]*\.", line)


@each_command
def test_the_help_of_every_option_is_a_sentence(path):
    for option in COMMANDS[path].params:
        if isinstance(option, click.Option):
            assert option.help, option.opts
            assert re.match(r"[A-Z']|--\w", option.help), option.help
            assert option.help.endswith("."), option.help
            assert " " in option.help
            assert not re.match(r"(Of|Where|What|Which|Who|Whose|At most|Left out)\b", option.help), option.help


@each_command
def test_the_help_of_every_option_shows_its_default(path):
    for option in COMMANDS[path].params:
        if isinstance(option, click.Option) and isinstance(option.default, str | int | float | Path):
            if option.default in ("", False) and not option.secondary_opts:
                continue  # a flag, or a text that may be left out
            if option.name != "version":
                assert option.show_default, option.opts


@each_command
def test_the_help_of_every_command_explains_its_arguments(path):
    command = COMMANDS[path]
    for argument in command.params:
        if isinstance(argument, click.Argument):
            metavar = re.sub(r"[\[\].]", "", argument.make_metavar(click.Context(command)))
            for word in metavar.split("|"):
                assert re.search(rf"(?<!\S){re.escape(word)}(?![\w])", command.help.split("Example")[0]), word


@each_command
def test_the_help_of_every_command_fits_a_terminal(path):
    assert [line for line in shown(path).splitlines() if len(line) > LONGEST] == []


@pytest.mark.parametrize(
    "path", [path for path, command in COMMANDS.items() if not isinstance(command, click.Group)], ids=" ".join
)
def test_the_examples_of_every_command_are_of_it_and_parse(path):
    _, heading, block = shown(path).partition("\n  Example")
    assert heading, "no examples"
    lines = block.partition("\nOptions:")[0].partition("\n")[2].replace("\\\n", " ").strip().splitlines()
    assert lines
    for line in lines:
        words = path if path != ("label", "clips") else ("label",)
        assert f"hvdbench {' '.join(words)}" in line
        parsed(line)


OUT = [
    "demo",
    "synth",
    "ingest a.mp4",
    "pair a b --clip c",
    "dataset import a --layout gopro",
    "dataset describe a",
    "label check a",
    "pack a",
    "train selfhvd_estrnn",
    "realism a --against b",
    "ois sweep",
    "deblur a",
]


@pytest.mark.parametrize("line", OUT)
def test_out_is_still_read_as_output(line):
    assert parsed(f"hvdbench {line} --out made") == parsed(f"hvdbench {line} --output made")
    assert parsed(f"hvdbench {line} -o made") == parsed(f"hvdbench {line} --output made")
    assert Path("made") in parsed(f"hvdbench {line} --out made").values()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ingest a.mp4 -o b --device HVD-Huawei", "ingest a.mp4 -o b --capture-device HVD-Huawei"),
        ("leaderboard compare a b --clips", "leaderboard compare a b --by-clip"),
        ("ingest a.mp4 -o b --crop 1,2,30,40", "ingest a.mp4 -o b --crop 1:2:30:40"),
        ("deblur a.mp4 -o b --crop 1,2,30,40", "deblur a.mp4 -o b --crop 1:2:30:40"),
        ("traj estimate a.mp4 -o b --crop 1,2,30,40", "traj estimate a.mp4 -o b --crop 1:2:30:40"),
    ],
)
def test_an_old_spelling_is_still_read(old, new):
    assert parsed(f"hvdbench {old}") == parsed(f"hvdbench {new}")
    assert parsed(f"hvdbench {old}") != parsed(f"hvdbench {new.rpartition(' --')[0]}")


def test_a_crop_is_left_top_width_and_height():
    assert parsed("hvdbench deblur a.mp4 --crop 1:2:30:40")["crop"] == (1, 2, 30, 40)


@each_command
def test_old_spellings_are_not_shown(path):
    text = shown(path)
    assert not re.search(r"--out\b(?!put)|X,Y,W,H|x,y,w,h", text)
    if path == ("ingest",):
        assert "--device " not in text
    if path == ("leaderboard", "compare"):
        assert "--clips" not in text


def test_a_missing_output_is_told_by_its_present_spelling():
    done = CliRunner().invoke(cli, ["ingest", "a.mp4"])
    assert done.exit_code == 2
    assert "Missing option '-o' / '--output'." in done.stderr


SAME = ("--boards", "--device", "--engine", "--strict", "--subset", "--strata", "--window", "--tile")


@pytest.mark.parametrize("name", SAME)
def test_a_shared_option_means_the_same_everywhere(name):
    found = {
        (option.help, repr(option.default), option.metavar)
        for command in COMMANDS.values()
        for option in command.params
        if name in option.opts and isinstance(option, click.Option)
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["demoo"], "No such command 'demoo'; did you mean 'demo'?"),
        (["xyzzy"], "No such command 'xyzzy'; 'hvdbench --help' lists the commands."),
        (["leaderboard", "exprt"], "No such command 'exprt'; did you mean 'export'?"),
        (["protocols", "diff", "."], "Set either --truth or --data, and not both."),
        (["leaderboard", "export", "--format", "html"], "--format html needs -o FILE, since the page links to frames"),
    ],
)
def test_wrong_usage_is_answered_with_a_sentence(words, answer):
    done = CliRunner().invoke(cli, words, prog_name="hvdbench")
    assert done.exit_code == 2
    assert done.stdout == ""
    error = done.stderr.splitlines()[-1]
    assert error.startswith(f"Error: {answer}")
    assert error[-1] in ".?"
