"""Tracks that once broke hvdbench, through the command that checks them: a sentence, in little time and memory."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from made_dataset import make_dataset

MOST_MIB = 1000
MOST_S = 2.0
"""Seconds of a core above those of the same command on a good file."""


# The most memory of a child begins with that of its parent, and pytest's is gigabytes, so a small process is between.
MEASURE = """import json, resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=sys.stderr, check=False).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))"""


def run(place: Path, words: str) -> tuple[int, str, float, float]:
    """Run hvdbench in a folder; return its exit code, what it said, its seconds of a core and its most MiB."""
    command = [str(Path(sys.executable).with_name("hvdbench")), *words.split()]
    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, *command], cwd=place, capture_output=True, text=True, check=True
    )
    code, took_s, most_mib = json.loads(measured.stdout)
    return code, measured.stderr, took_s, most_mib


def seconds_of(place: Path, words: str) -> float:
    """Return the seconds of a core that a command takes on good files."""
    code, said, took_s, _ = run(place, words)
    assert code == 0, said
    return took_s


def check_refusal(place: Path, words: str, good_s: float, named: str) -> None:
    """Check that a command refuses in a sentence that names the clip."""
    code, said, took_s, most_mib = run(place, words)
    assert code == 1, said
    assert "Traceback" not in said
    assert named in said
    assert took_s <= good_s + MOST_S
    assert most_mib < MOST_MIB


@pytest.fixture
def cases(shared: Path) -> Path:
    return shared / "cases" / "safety"


def test_the_reported_tracks_are_findings_of_verify(tmp_path: Path, cases: Path) -> None:
    make_dataset(tmp_path / "ds")
    tracks = min((tmp_path / "ds").rglob("tracks.h5"))
    good_s = seconds_of(tmp_path / "ds", "verify .")
    damaged = sorted(cases.glob("crash_tracks_h5_*"))
    assert damaged
    for case in damaged:
        shutil.copyfile(case, tracks)
        check_refusal(tmp_path / "ds", "verify .", good_s, "train/")
