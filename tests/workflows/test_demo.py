"""The demo at a size of seconds: what it leaves, that it goes on after a kill, that a second run makes nothing."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from hvdbench.errors import DatasetError
from hvdbench.workflows.demo import METHODS, DemoResult, run_demo
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.paths import home_folder

ONE = Engine(1)
QUICK = {
    "stage[12]_steps": 1,
    "channels": 4,
    "blocks": 1,
    "patch_px": 16,
    "batch": 2,
    "size": [96, 64],
    "frames_per_clip": 8,
    "clips": ["coffee", "cup"],
}
COMMAND = [sys.executable, "-c", "from hvdbench.cli.main import main; main()", "demo", "--engine", "local:1", "--out"]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """The installation's recipes at a size of seconds."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(home_folder("recipes"), home / "recipes")
    for path in home.glob("recipes/*/*.toml"):
        if path.stem == "fusion_pretrained":  # the weights that come with hvdbench are of its own size
            continue
        text = path.read_text()
        for key, value in QUICK.items():
            new = json.dumps(value)
            text = re.sub(rf'(?m)^({key}) = [^"\n].*$', lambda found, new=new: f"{found[1]} = {new}", text)
        path.write_text(text)
    return home


@pytest.fixture(autouse=True)
def at_home(home, monkeypatch) -> None:
    monkeypatch.setenv("HVDBENCH_HOME", str(home))


@pytest.fixture(scope="module")
def unbroken(home, tmp_path_factory) -> DemoResult:
    out = tmp_path_factory.mktemp("unbroken") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HVDBENCH_HOME", str(home))
        return run_demo(out, engine=ONE)


def folder_of(result: DemoResult) -> Path:
    return result.page.parent


def finished(out: Path) -> list[Path]:
    return sorted(out.glob("runs/*/demo/test/*/run.json"))


def test_every_method_is_on_the_board_as_a_demo(unbroken):
    board = pd.read_csv(unbroken.board)
    assert unbroken.board == folder_of(unbroken) / "leaderboards/demo.csv"
    assert unbroken.board.with_suffix(".md").is_file()
    assert set(board["method"]) == set(METHODS)
    assert set(board["origin"]) == {"demo"}
    assert set(board["clip"]) == {"*", "coffee", "cup"}
    assert set(board["truth"]) == {"mid", "centroid", "none"}
    assert len(finished(folder_of(unbroken))) == 2 * len(METHODS)
    assert all(name in unbroken.table for name in METHODS)
    assert [line.split(":")[0] for line in unbroken.label_lines] == ["coffee", "cup"]


def test_the_page_shows_what_a_newcomer_needs_and_needs_no_network(unbroken):
    page = unbroken.page.read_text()
    assert unbroken.page.name == "index.html"
    assert all(name in page.replace("<wbr>", "") for name in METHODS)
    assert "Demo rows: simulated trajectories" in page
    assert "warp_average learns nothing" in page
    assert all(line in page for line in unbroken.label_lines)
    for clip in ("coffee", "cup"):
        data = re.search(rf'data-name="{clip}".*?class="clip-data">(.*?)</script>', page, re.DOTALL)
        frames = json.loads(data[1])["frames"]
        assert frames[0]["pictures"]["blurry"].startswith("data:image/webp;base64,")
        assert set(METHODS) <= set(frames[0]["pictures"])
    assert 'href="runs/selfhvd_fusion/demo/test/coffee/run.json"' in page
    assert "What this page does not show" not in page
    loaded = re.sub(r"<a [^>]*>", "", page)  # a link to a method's paper loads nothing
    assert not re.search(r"(?:src|href|url|import)\s*[=(]\s*[\"']?(?:https?:)?//", loaded)
    assert "default-src 'none'" in page
    assert str(folder_of(unbroken)) not in page


def test_a_second_run_makes_nothing_again(unbroken):
    out = folder_of(unbroken)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    board, page = unbroken.board.read_bytes(), unbroken.page.read_bytes()
    said = []
    again = run_demo(out, engine=ONE, progress=lambda done, total, what: said.append(what))
    assert "fit, restore, score" not in said
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.png")} == before
    assert again == unbroken
    assert (unbroken.board.read_bytes(), unbroken.page.read_bytes()) == (board, page)


def test_a_demo_stopped_between_two_clips_goes_on(unbroken, tmp_path):
    def stop(done: int, total: int, what: str) -> None:
        if what == "fit, restore, score" and done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_demo(tmp_path / "demo", engine=ONE, progress=stop)
    kept = {path: path.stat().st_mtime_ns for path in finished(tmp_path / "demo")}
    assert len(kept) == 3
    assert not (tmp_path / "demo/index.html").exists()
    result = run_demo(tmp_path / "demo", engine=ONE)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert result.board.read_bytes() == unbroken.board.read_bytes()


def test_a_demo_that_was_killed_goes_on_to_the_same_board(unbroken, tmp_path):
    out = tmp_path / "demo"
    with subprocess.Popen([*COMMAND, str(out)], stderr=subprocess.DEVNULL, start_new_session=True) as process:
        give_up_s = time.monotonic() + 60
        while not finished(out) and process.poll() is None and time.monotonic() < give_up_s:
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert 1 <= len(finished(out)) < 2 * len(METHODS)
    result = run_demo(out, engine=ONE)
    assert result.board.read_bytes() == unbroken.board.read_bytes()
    assert not [path for path in out.rglob("*") if path.name.startswith(".partial-")]


def test_a_demo_with_another_seed_does_not_take_the_place_of_the_first(unbroken):
    before = unbroken.board.read_bytes()
    with pytest.raises(DatasetError, match="from other settings"):
        run_demo(folder_of(unbroken), engine=ONE, seed=1)
    assert unbroken.board.read_bytes() == before
