"""CONTRIBUTING's examples, as they stand: each is one file and one line, and passes its own test and our contracts."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from made_scored import NAME, make_scored

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PARTS = ("A metric", "A network with `@tiny`", "A trajectory format read from a folder", "A labeller", "A scheme")
LAYOUT = "A layout"
MEASURE = """
import sys
from pathlib import Path
import numpy as np
from click.testing import CliRunner
from hvdbench.boards.files import read_board
from hvdbench.boards.ranking.order import ranked
from hvdbench.cli.main import cli
from hvdbench.frames import read_clip

def said(*arguments):
    done = CliRunner().invoke(cli, [*map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output

data = Path(sys.argv[1])
for method in ("blurry", "warp_average"):
    text = said("eval", "--method", method, "--data", data, "--metric", "absolute_error", "--engine", "local:1")
assert "absolute error mid (levels)" in text, text
order = ranked(read_board("scored"), metric="absolute_error", truth="mid", subset="not_selected")
errors = []
for clip, selected in (("one", (1,)), ("two", (0, 4))):
    a, b = (read_clip(data / "test" / clip / name).astype(int) for name in ("blur", "sharp"))
    errors.append(np.mean([np.abs(a[i] - b[i]).mean() for i in range(len(a)) if i not in selected]))
blurry = order[order["method"] == "blurry"].iloc[0]
assert abs(blurry["value"] - np.mean(errors)) < 1e-9
assert order["method"].tolist() == ["warp_average", "blurry"], order
assert order["rank"].tolist() == [1, 2]
print(said("leaderboard", "show", "scored", "--metric", "absolute_error"))
"""


@dataclass(frozen=True)
class Example:
    """A section of CONTRIBUTING with a worked part.

    Attributes:
        files: text by path.
        lines: lines for the catalogue, by table.
    """

    files: dict[str, str]
    lines: dict[str, str]

    @property
    def test(self) -> str:
        (path,) = (path for path in self.files if path.startswith("tests/"))
        return path


def example(title: str) -> Example:
    section = TEXT.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"^```(?:python|toml)\n# (\S+?)(?:, in (\w+))?\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert all((path == "hvdbench/catalog.py") == bool(table) for path, table, _ in blocks)
    return Example(
        {path: body for path, table, body in blocks if not table}, {table: body for _, table, body in blocks if table}
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Path:
    """The repository with all examples added."""
    folder = tmp_path_factory.mktemp("contributing") / "house"
    for name in ("hvdbench", "recipes", "trajectories", "docs", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.cfg", folder)
    catalog = folder / "hvdbench" / "catalog.py"
    for title in (*PARTS, LAYOUT):
        part = example(title)
        for path, body in part.files.items():
            assert not (folder / path).exists(), path
            (folder / path).write_text(body, encoding="utf-8")
        for table, line in part.lines.items():
            text, head = catalog.read_text(encoding="utf-8"), f"{table}: Mapping[str, str] = {{\n"
            assert head in text, table
            catalog.write_text(text.replace(head, head + line), encoding="utf-8")
    return folder


def python(folder: Path, *arguments: str | Path) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pytest_in(folder: Path, *arguments: str) -> str:
    return python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)


@pytest.mark.parametrize("title", PARTS)
def test_a_part_is_one_file_and_one_line_and_a_test(title):
    part = example(title)
    assert [path.split("/")[0] for path in part.files] == ["hvdbench", "tests"]
    ((_, line),) = part.lines.items()
    assert line.count("\n") == 1


def test_a_layout_is_one_toml_file():
    assert list(example(LAYOUT).files) == ["recipes/layouts/night-walks.toml"]
    assert not example(LAYOUT).lines


def test_the_examples_pass_their_own_tests(house):
    tests = [example(title).test for title in PARTS]
    written = sum(example(title).files[test].count("\ndef test_") for title, test in zip(PARTS, tests, strict=True))
    assert f"{written} passed" in pytest_in(house, *tests)


def test_the_examples_keep_to_the_style_of_the_house(house):
    files = [path for title in PARTS for path in example(title).files]
    shutil.copy(ROOT / "pyproject.toml", house)
    python(house, "-m", "ruff", "check", "--no-cache", *files)
    python(house, "-m", "ruff", "format", "--no-cache", "--check", *files)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "word"),
    [
        ("test_catalog.py", ""),
        ("metrics/test_metric_facts.py", ""),
        ("networks/test_network_contract.py", "residual or finite_context or tiny"),
        ("camera/test_format_contract.py", ""),
        ("methods/test_scheme.py", "every_scheme"),
        ("dataset/test_layouts.py", ""),
        ("dataset/test_releases.py", "night-walks and not scored"),
    ],
)
def test_the_contracts_hold_with_the_examples_and_need_no_other_line(house, file, word):
    assert " passed" in pytest_in(house, f"tests/{file}", "-k", word)


@pytest.mark.slow
def test_the_examples_are_typed_as_strictly_as_the_house(house):
    python(house, "-m", "mypy", "--cache-dir", house / ".mypy", "-p", "hvdbench")


def test_the_example_metric_ranks_warp_average_above_blurry(house):
    make_scored(house / "datasets" / NAME)
    shown = python(house, "-c", MEASURE, f"datasets/{NAME}")
    assert re.findall(r"^ *(\d+) .*?(warp_average|blurry) ", shown, re.MULTILINE) == [
        ("1", "warp_average"),
        ("2", "blurry"),
    ]


@pytest.mark.slow
def test_the_example_layout_imports_a_release(house, tmp_path):
    code = (
        "import sys, numpy as np; from pathlib import Path; from hvdbench.frames import write_clip\n"
        "for split in ('learn', 'prove'):\n"
        "    for kind in ('in', 'out'):\n"
        "        write_clip(Path(sys.argv[1], split, 'a', kind), np.zeros((2, 16, 24, 3), np.uint8))\n"
    )
    python(house, "-c", code, tmp_path / "night_walks")
    command = "import sys; sys.argv[0] = 'hvdbench'; from hvdbench.cli.main import main; main()"
    (line,) = re.findall(r"^hvdbench (dataset import .+)$", TEXT, re.MULTILINE)
    words = [str(tmp_path / word) if word in ("night_walks", "datasets/night-walks") else word for word in line.split()]
    python(house, "-c", command, *words)
    made = tmp_path / "datasets" / "night-walks"
    assert (made / "train" / "a" / "blur").is_dir()
    assert "CC BY 4.0" in (made / "dataset.json").read_text(encoding="utf-8")
