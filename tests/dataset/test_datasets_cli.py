"""The commands of ``hvdbench dataset``."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner, Result

from hvdbench.cli.data.dataset import dataset
from hvdbench.errors import DatasetError, InputError, UnknownNameError
from hvdbench.frames import write_frame
from hvdbench.store import Dataset


def run(*arguments: object) -> Result:
    return CliRunner().invoke(dataset, [str(argument) for argument in arguments])


@pytest.fixture
def gopro(tmp_path: Path) -> Path:
    for kind in ("blur", "blur_gamma", "sharp"):
        folder = tmp_path / "GOPRO_Large" / "test" / "GOPR0384_11_00" / kind
        folder.mkdir(parents=True)
        for index in range(3):
            write_frame(folder / f"{index + 1:06d}.png", np.full((16, 24, 3), index, np.uint8))
    return tmp_path / "GOPRO_Large"


def test_import_takes_a_release_over_and_says_what_it_did(gopro: Path, tmp_path: Path) -> None:
    result = run("import", gopro, "--layout", "gopro", "--incomplete", "--out", tmp_path / "d")
    assert result.exit_code == 0, result.output
    found = Dataset.open(tmp_path / "d")
    assert result.stdout.splitlines() == [
        "it was read as {split}/{clip}/blur/*.png and {split}/{clip}/sharp/*.png",
        "These are the frames of the folder blur; papers that use blur_gamma have other input.",
        "it is a subset: 10 of the 11 clips of GOPRO_Large, test are missing (GOPR0384_11_05, GOPR0385_11_01, "
        "GOPR0396_11_00, …)",
        "it is a subset: frames of GOPRO_Large, test are missing (GOPR0384_11_00 has 3 of 100)",
        "nothing of train was found",
        f"{tmp_path}/d: 'gopro-subset', 1 clips, measured, digest {found.digest}",
    ]
    assert "import gopro-subset: 1 of 1 done" in result.stderr
    assert (tmp_path / "d/test/GOPR0384_11_00/blur/00000000.png").is_symlink()


def test_import_passes_every_option_on(gopro: Path, tmp_path: Path) -> None:
    run("import", gopro, "--layout", "gopro", "--incomplete", "--out", tmp_path / "d")
    asked = ["--blur", "blur_gamma", "--sharp", "{split}/{clip}/sharp/*", "--copy", "--name", "mine"]
    asked += ["--incomplete", "--overwrite"]
    result = run("import", gopro, "--layout", "gopro", "--out", tmp_path / "d", *asked)
    assert result.exit_code == 0, result.output
    found = Dataset.open(tmp_path / "d")
    assert found.name == "mine"
    assert found.manifest["recipe"]["patterns"] == ["{split}/{clip}/blur_gamma/*.png", "{split}/{clip}/sharp/*"]
    assert not (tmp_path / "d/test/GOPR0384_11_00/blur/00000000.png").is_symlink()


def test_import_leaves_errors_to_the_command_line(gopro: Path, tmp_path: Path) -> None:
    result = run("import", gopro, "--layout", "reds", "--out", tmp_path / "d")
    assert isinstance(result.exception, InputError)
    assert run("import", gopro, "--out", tmp_path / "d").exit_code == 2  # no layout


def test_check_says_what_a_folder_holds_and_what_it_lacks(gopro: Path) -> None:
    result = run("check", gopro, "--layout", "gopro", "--incomplete")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[:2] == [f"{gopro} is GOPRO_Large", "test: 1 clips, 3 paired frames"]
    refused = run("check", gopro, "--layout", "gopro").exception
    assert isinstance(refused, InputError)
    assert "10 of the 11 clips of GOPRO_Large, test are missing" in str(refused)


def test_an_unknown_layout_is_answered_with_all_that_there_are(gopro: Path, tmp_path: Path) -> None:
    answer = run("import", gopro, "--layout", "gorpo", "--out", tmp_path / "d").exception
    assert isinstance(answer, UnknownNameError)
    assert "gopro-gamma, goproshake-official" in str(answer)


def test_describe_echoes_what_the_description_says(
    gopro: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("import", gopro, "--layout", "gopro", "--incomplete", "--out", tmp_path / "d")
    asked = []

    def describe_dataset(found: Dataset, out: Path | None) -> list[str]:
        asked.append((found.name, out))
        return ["one", "two"]

    monkeypatch.setitem(sys.modules, "hvdbench.realism.describe", SimpleNamespace(describe_dataset=describe_dataset))
    assert run("describe", tmp_path / "d").output == "one\ntwo\n"
    run("describe", tmp_path / "d", "--out", tmp_path / "plots")
    assert asked == [("gopro-subset", None), ("gopro-subset", tmp_path / "plots")]
    assert isinstance(run("describe", tmp_path / "nowhere").exception, DatasetError)


def test_listing_the_commands_imports_nothing_heavy() -> None:
    code = "import sys, hvdbench.cli.data.dataset; sys.exit(bool({'cv2', 'numpy', 'torch', 'h5py'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
