"""Names that strangers chose, in everything that is written for a spreadsheet, for TeX or for a browser."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from made_dataset import made_frames

from hvdbench.annotate.answers import Answer, AnswerFile
from hvdbench.cli.main import cli
from hvdbench.frames import write_clip
from hvdbench.labels.accuracy import BLURRY, SHARP
from hvdbench.labels.annotations import read_annotations
from hvdbench.labels.sharpness import BELOW, SharpLabels
from hvdbench.labels.stored import write_labels
from hvdbench.store import DatasetWriter

CLIPS = ("=cmd(A1)!x", "@SUM(1+1)", "-2+3", "+1 $x_{1", "a&amp;b_$\\frac$ #1 %d {z} ~ ^".replace("\\", ""))
RUN = "theirs"
METHOD = "=HYPERLINK(x) & $y_{1"
"""What a stranger's board may call the run."""
FORMULA = re.compile(r"[=+\-@\t\r]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset whose clips and name are hostile, and a board of two methods on it, one of a hostile name."""
    root = tmp_path_factory.mktemp("hostile")
    writer = DatasetWriter(root / "ds", name="=ds", origin="simulated", recipe={}, provenance={})
    for number, name in enumerate(CLIPS):
        clip = writer.clip_folder("test", name)
        for place, stream in enumerate(("blur", "sharp")):
            write_clip(clip.folder / stream, made_frames((3, 28, 36), 10 * number + place))
        is_sharp = np.array([False, True, False])
        write_labels(clip, SharpLabels(is_sharp + 1.0, is_sharp, 1.5, (BELOW,) * 3, "paper"))
        writer.finish(clip, clip.digest())
    writer.dataset()
    for options in (["--method", "blurry"], ["--method", "warp_average", "--name", RUN]):
        run(root, "eval", *options, "--data", "ds", "--board", "b", "--engine", "local:1")
    board = root / "leaderboards" / "b.csv"
    assert f",{RUN}," in board.read_text()
    board.write_text(board.read_text().replace(f",{RUN},", f",'{METHOD},"))
    return root


def run(root: Path, *words: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        done = CliRunner().invoke(cli, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def live_cells(text: str) -> list[str]:
    """Return the cells that a spreadsheet would compute."""
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert cells
    return [cell for cell in cells if FORMULA.match(cell) and not NUMBER.fullmatch(cell)]


CSV = {
    "board": (("leaderboard", "show", "b"), "leaderboards/b.csv"),
    "export": (("leaderboard", "export", "b", "--format", "csv", "-o", "e.csv"), "e.csv"),
    "describe": (("dataset", "describe", "ds", "-o", "report"), "report/describe.csv"),
    "labels": (("label", "ds", "--labeller", "paper", "--csv", "l.csv", "--plot", "plots"), "l.csv"),
    "protocols": (
        ("protocols", "diff", f"runs/{RUN}/=ds", "--data", "ds", "--protocol", "hvdbench-1", "--by-clip",
         "--format", "csv", "-o", "p.csv"),
        "p.csv",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CSV)
def test_no_cell_of_a_csv_is_a_formula(lab: Path, name: str) -> None:
    words, file = CSV[name]
    run(lab, *words)
    text = (lab / file).read_text()
    assert METHOD in text or any(clip in text for clip in CLIPS)
    assert live_cells(text) == []


def test_what_a_person_labelled_is_no_formula_and_comes_back(tmp_path: Path) -> None:
    file = AnswerFile(tmp_path / "a.csv")
    given = [Answer(f"test/{CLIPS[0]}", 0, "sharp", "=me"), Answer(CLIPS[0], 1, "blurry", "=me", 2, 1.5)]
    for answer in given:
        file.put(answer)
    text = (tmp_path / "a.csv").read_text()
    assert live_cells(text) == []
    assert file.read() == given
    assert read_annotations(tmp_path / "a.csv").words == {
        "=me": {(f"test/{CLIPS[0]}", 0): SHARP, (CLIPS[0], 1): BLURRY}
    }


def test_a_page_shows_names_as_text(lab: Path) -> None:
    run(lab, "leaderboard", "export", "b", "--format", "html", "--data", "ds", "-o", "b.html")
    page = (lab / "b.html").read_text()
    assert "a&amp;amp;b_" in page
    assert "=HYPERLINK(x) &amp; $y_{1" in page


def test_tex_and_markdown_show_names_as_text(lab: Path) -> None:
    run(lab, "leaderboard", "export", "b", "--format", "latex", "-o", "b.tex")
    assert r"=HYPERLINK(x) \& \$y\_\{1" in (lab / "b.tex").read_text()
    run(lab, "leaderboard", "export", "b", "-o", "out.md")
    assert r"=HYPERLINK(x) & \$y_{1" in (lab / "out.md").read_text()


def test_figures_take_names_as_text(lab: Path) -> None:
    for kind in ("bars", "clips"):
        run(lab, "leaderboard", "figure", "b", "--kind", kind, "-o", f"{kind}.png")
        assert (lab / f"{kind}.png").stat().st_size > 5000


def test_a_study_takes_a_folder_with_an_equals_sign_in_its_path(lab: Path) -> None:
    run(lab, "study", "make", f"+1=runs/{RUN}/=ds", "runs/blurry/=ds", "--crops", "1", "--side", "32", "-o", "study")
    assert set(json.loads((lab / "study" / "study.json").read_text())["methods"]) == {"+1", "blurry"}
