"""A full disk, files that may not grow, a read-only folder, signals and kills, over commands on tiny data."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAY_MOUNT = ("unshare", "-rm")


def can_mount() -> bool:
    try:
        return subprocess.run([*MAY_MOUNT, "true"], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not can_mount(), reason="this system does not let its users mount (unshare -rm)")
def test_a_command_without_room_ends_in_a_sentence_and_goes_on_later(tmp_path: Path) -> None:
    words = [
        *MAY_MOUNT,
        sys.executable,
        "-m",
        "fuzz.limits",
        str(tmp_path),
        "--only",
        "pack ds,export mini --format csv",
    ]
    done = subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith("; 0 of them left a fault")


@pytest.mark.slow
def test_a_killed_command_goes_on_and_leaves_nothing(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "fuzz.kills", str(tmp_path), "--only", "leaderboard", "--kills", "5"]
    done = subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 kills of" in done.stdout
