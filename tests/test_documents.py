"""What the documents name is there: modules, files, and the options of commands."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from hvdbench.cli.main import cli

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("docs", "recipes", "benchmarks", "trajectories", "leaderboards")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(path for name in FOLDERS for path in (ROOT / name).rglob("*.md"))])
HISTORY = ("CHANGELOG.md", "docs/decisions/")
"""Documents that say how things were: their names may be gone."""
PRESENT = [path for path in DOCUMENTS if not path.relative_to(ROOT).as_posix().startswith(HISTORY)]
EXAMPLES = set(
    re.findall(r"^# ((?:hvdbench|tests|recipes)/\S+?)$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
)
"""Files that CONTRIBUTING makes up."""
MADE_UP = {path.removesuffix(".py").replace("/", ".") for path in EXAMPLES}
ROOMS = {path.name for path in (ROOT / "hvdbench").iterdir() if (path / "__init__.py").is_file()}
TOPS = {"tests", "benchmarks", "recipes", "docs"}
NOT_OURS = ("labels/", "sweep/through/")  # groups of tracks.h5, and what a command writes


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_file(parts: list[str]) -> Path | None:
    place = ROOT.joinpath(*parts)
    package = place / "__init__.py"
    return package if package.is_file() else module if (module := place.with_suffix(".py")).is_file() else None


def defined(file: Path) -> set[str]:
    """List what a module defines or imports at its top, and the members of its classes as ``Class.member``."""
    found: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            members = (member for member in node.body if isinstance(member, ast.FunctionDef))
            found |= {f"{node.name}.{member.name}" for member in members}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return found


def is_there(dotted: str) -> bool:
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        file = module_file(parts[:count])
        if file is not None:
            rest = ".".join(parts[count:])
            lazy = name_of(file) == "hvdbench/__init__.py" and f'"{rest}"' in file.read_text(encoding="utf-8")
            return not rest or lazy or rest in defined(file)
    return False


def imported(text: str) -> Iterator[str]:
    """List the names that the Python blocks of a document import from hvdbench, dotted."""
    for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        try:
            tree = ast.parse(block)
        except SyntaxError:  # a line out of the middle of a file, as in CONTRIBUTING
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "hvdbench":
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("document", PRESENT, ids=name_of)
def test_every_module_that_a_document_names_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w./-])hvdbench(?:\.[A-Za-z_]\w*)+", text)) | set(imported(text))
    # as `labels.sharpness.label_paper`, and not the name of a file such as `dataset.journal.jsonl`
    below = re.findall(r"`([a-z_]+(?:\.\w+){2,})(?<!\.jsonl)`", text)
    named |= {f"hvdbench.{name}" for name in below if name.split(".")[0] in ROOMS}
    gone = {name for name in named if not is_there(name)}
    assert {name for name in gone if not any(name == made or name.startswith(f"{made}.") for made in MADE_UP)} == set()


@pytest.mark.parametrize("document", PRESENT, ids=name_of)
def test_every_file_of_ours_that_a_document_names_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    whole = set(re.findall(r"(?<![\w./-])hvdbench/[\w./-]*\w", text))
    spans = {span for span in re.findall(r"`([\w-]+/[\w./-]*)`", text) if not span.startswith(NOT_OURS)}
    tops = {span for span in spans if span.split("/")[0] in TOPS}
    rooms = {span for span in spans - tops if span.split("/")[0] in ROOMS or span.endswith(".py")} - whole
    paths = whole | tops | {f"hvdbench/{span}" for span in rooms}
    gone = {path for path in paths if not (ROOT / path).exists() and not (document.parent / path).exists()}
    assert gone - EXAMPLES == set()


def prose(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str) -> Iterator[list[str]]:
    """List the commands of hvdbench in a document's sentences and blocks, each in words."""
    for span in re.findall(r"`hvdbench ([a-z][^`]*)`", prose(text)):
        yield shlex.split(span)
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            found = re.match(r"(?:\$ )?(?:torchrun .*?|accelerate .*?)?\bhvdbench (.*)", line.strip())
            if found:
                yield shlex.split(found[1], comments=True)


def unknown_options(words: list[str]) -> list[str]:
    """List the options of a command that it does not have or no longer shows."""
    command: click.Command = cli
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        context = click.Context(command)
        if command is not cli and rest[0] not in command.list_commands(context) and "clips" in command.commands:
            rest.insert(0, "clips")  # "label DATASET" is short for "label clips DATASET"
        try:
            _, found, rest = command.resolve_command(context, rest)
        except click.UsageError as error:
            return [error.message]
        assert found is not None
        command = found
    shown = {"-h", "--help", "--version"}
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            shown |= {*parameter.opts, *parameter.secondary_opts}
    given = [word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)]
    return [option for option in given if option not in shown]


@pytest.mark.parametrize("document", PRESENT, ids=name_of)
def test_every_option_that_a_document_uses_is_one_that_help_shows(document: Path) -> None:
    wrong = {}
    for words in commands(document.read_text(encoding="utf-8")):
        options = unknown_options(words)
        if options:
            wrong[" ".join(words)] = options
    assert wrong == {}


def anchors(text: str) -> set[str]:
    """List the anchors that GitHub gives to a document's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_into_a_document_leads_to_a_heading(document: Path) -> None:
    broken = []
    for target, anchor in re.findall(r"\]\(([^)\s#:]*)#([^)\s]+)\)", document.read_text(encoding="utf-8")):
        other = document.parent / target if target else document
        if other.suffix == ".md" and anchor not in anchors(other.read_text(encoding="utf-8")):
            broken.append(f"{target}#{anchor}")
    assert broken == []


def test_what_is_gone_is_found() -> None:
    assert not is_there("hvdbench.leaderboard_of_old")
    assert not is_there("hvdbench.catalog.nothing")
    assert is_there("hvdbench.catalog.resolve")
    assert is_there("hvdbench.methods.scheme.Scheme.restore")
    assert unknown_options(["eval", "--methd", "x"]) == ["--methd"]
    assert unknown_options(["leaderboard", "show", "x", "--nothing"]) == ["--nothing"]
    assert unknown_options(["label", "clip.mp4", "--csv", "x"]) == []
    assert unknown_options(["leaderbord"])
