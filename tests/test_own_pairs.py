"""The page 'Train on your own pairs', run from its first command to its last one."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_house import COMMAND, ROOT, console_blocks

from hvdbench.boards.files import read_board
from hvdbench.frames import list_frames, read_frame, write_clip

PAGE = (ROOT / "docs" / "own-pairs.md").read_text(encoding="utf-8")
CLIPS = ("train/street", "train/park", "test/stairs")
FRAMES, HEIGHT, WIDTH, STEP_PX = 8, 72, 96, 4


def make_pairs(root: Path) -> None:
    """Write clips that pan over noise; every fourth frame is as sharp as its truth."""
    for seed, key in enumerate(CLIPS):
        small = np.random.default_rng(seed).integers(0, 256, (12, 20, 3), dtype=np.uint8)
        wide = cv2.resize(small, (WIDTH + FRAMES * STEP_PX, HEIGHT), interpolation=cv2.INTER_CUBIC)
        soft = cv2.blur(wide, (9, 1))
        sharp = np.stack([wide[:, STEP_PX * i :][:, :WIDTH] for i in range(FRAMES)])
        blur = np.stack([(soft if i % 4 else wide)[:, STEP_PX * i :][:, :WIDTH] for i in range(FRAMES)])
        write_clip(root / key / "sharp", sharp)
        write_clip(root / key / "blur", blur)


@pytest.mark.slow
def test_the_pages_commands_lead_from_folders_of_pairs_to_a_restored_clip(tmp_path: Path) -> None:
    make_pairs(tmp_path / "pairs")
    layout, recipe = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "pairs.toml").write_text(layout)
    (tmp_path / "my_estrnn.toml").write_text(recipe)
    blocks = console_blocks(PAGE)
    assert all(block.commands and "not-run" not in block.markers for block in blocks)
    for command in (command for block in blocks for command in block.commands):
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *shlex.split(command)[1:]],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}\n{done.stderr}"
    board = read_board(tmp_path / "leaderboards" / "mine.csv")
    assert set(board["method"]) == {"blurry", "supervised_estrnn@tiny", "my_estrnn"}
    assert set(board["origin"]) == {"measured"}
    learned = set(board[board["method"] == "my_estrnn"]["source"])
    assert learned == {"trained on this dataset's clips of train, with their truth"}
    for name in ("mine", "imported"):
        clips = sorted((tmp_path / "datasets" / name).glob("t*/*/blur"))
        assert [len(list_frames(clip)) for clip in clips] == [FRAMES] * 3
    restored = [read_frame(path) for path in list_frames(tmp_path / "restored")]
    assert np.stack(restored).shape == (FRAMES, HEIGHT, WIDTH, 3)
    assert (tmp_path / "mine.html").is_file()
