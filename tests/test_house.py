"""The house around the code: packaging, start-up time, and README's commands."""

import configparser
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hvdbench.video.writer import write_video

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "torchvision", "cv2", "pandas", "skimage", "pyiqa", "numba", "scipy", "matplotlib", "av", "h5py")
COMMAND = "import sys; sys.argv[0] = 'hvdbench'; from hvdbench.cli.main import main; sys.exit(main())"
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_MARKERS = re.compile(r"(?:<!--[^>]*-->\s*)+\Z")


def _setup(section: str, key: str) -> str:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config[section][key]


def _packages() -> list[str]:
    return _setup("options", "packages").split()


def _pairs(text: str) -> dict[str, str]:
    rows = [row.partition("=") for row in text.splitlines() if row.strip()]
    return {left.strip(): right.strip() for left, _, right in rows}


def _folder(package: str) -> Path:
    mapped = _pairs(_setup("options", "package_dir"))
    return ROOT / mapped.get(package, package.replace(".", "/"))


def test_the_packages_listed_are_those_in_the_tree():
    found = {path.parent.relative_to(ROOT).as_posix().replace("/", ".") for path in (ROOT / "hvdbench").rglob("*.py")}
    assert sorted(_packages()) == sorted(found | {"hvdbench.recipes", "hvdbench.trajectories"})


def test_every_python_folder_is_a_package():
    folders = {path.parent for path in (ROOT / "hvdbench").rglob("*.py")}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_every_file_that_is_read_at_run_time_is_packaged():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    patterns = config["options.package_data"]
    left_out = []
    for package in _packages():
        folder = _folder(package)
        shipped = {
            path for pattern in patterns.get(package, "").split(",") for path in folder.glob(pattern.strip() or "-")
        }
        deep = "**/*" if package in {"hvdbench.recipes", "hvdbench.trajectories"} else "*"
        files = [path for path in folder.glob(deep) if path.is_file() and path.suffix not in {".py", ".pyc", ".md"}]
        left_out += [str(path.relative_to(ROOT)) for path in files if path not in shipped]
    assert left_out == []


def test_the_links_between_documents_lead_somewhere():
    broken = []
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
            path = target.partition("#")[0]
            if path and "://" not in path and not (document.parent / path).exists():
                broken.append(f"{document.relative_to(ROOT)}: {target}")
    assert broken == []


def test_the_command_line_starts_without_anything_heavy():
    code = f"import sys, hvdbench.cli.main; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.split() == []


@dataclass(frozen=True)
class Block:
    """A fenced block of README's with the comments right before it."""

    line: int
    markers: str
    commands: tuple[str, ...]


def console_blocks(text: str) -> list[Block]:
    blocks = []
    for match in _BLOCK.finditer(text):
        before = _MARKERS.search(text[: match.start()])
        joined = match[1].replace("\\\n", " ")
        lines = [line.removeprefix("$ ") for line in joined.splitlines() if line.startswith("$ ")]
        commands = tuple(line for line in lines if line.startswith("hvdbench "))
        blocks.append(Block(text.count("\n", 0, match.start()) + 1, before[0] if before else "", commands))
    return blocks


def _readme_blocks() -> list:
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    blocks = [block for block in console_blocks(text) if block.commands and "not-run:" not in block.markers]
    return [
        pytest.param(block, id=f"line {block.line}", marks=[pytest.mark.slow] if "slow" in block.markers else [])
        for block in blocks
    ]


def test_blocks_are_read_with_their_markers_and_commands():
    text = (
        "Intro\n\n<!-- slow -->\n```console\n$ hvdbench demo \\\n    --seed 1\nmade\n$ ls\n```\n"
        "<!-- not-run: needs a GPU -->\n\n```console\n$ hvdbench train\n```\n\ntext\n```console\n$ make\n```\n"
    )
    slow, exempt, other = console_blocks(text)
    assert slow == Block(4, "<!-- slow -->\n", ("hvdbench demo      --seed 1",))
    assert "not-run:" in exempt.markers
    assert (other.markers, other.commands) == ("", ())


def test_readme_shows_commands_and_says_why_a_block_is_not_run():
    blocks = console_blocks((ROOT / "README.md").read_text(encoding="utf-8"))
    assert any(block.commands for block in blocks)
    for block in blocks:
        if "not-run" in block.markers:
            assert re.search(r"<!-- not-run: \w.+ -->", block.markers), f"line {block.line} gives no reason"


@pytest.fixture(scope="module")
def readers_folder(tmp_path_factory) -> Path:
    """A reader's folder: README's blocks run in it one after another; ``clip.mp4`` is 12 moving frames of 96x64."""
    folder = tmp_path_factory.mktemp("reader")
    noise = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    frames = np.stack([np.roll(noise, 2 * index, axis=1) for index in range(12)])
    write_video(folder / "clip.mp4", frames, fps=30.0)
    return folder


@pytest.mark.parametrize("block", _readme_blocks())
def test_readmes_commands_run(block: Block, readers_folder):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for command in block.commands:
        arguments = shlex.split(command, comments=True)[1:]
        assert not {"|", ">", "&&", ";"} & set(arguments), f"write one plain command a line: {command}"
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *arguments],
            cwd=readers_folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}\n{done.stderr}"
