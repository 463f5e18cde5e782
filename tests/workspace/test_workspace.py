"""The workspace: what is usual, what the environment changes, and who may not change it on the way."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from hvdbench.errors import StrictError
from hvdbench.workspace import Workspace


def test_the_usual_workspace_is_the_current_folder_s_and_careful():
    usual = Workspace()
    assert (usual.runs, usual.boards, usual.datasets) == (Path("runs"), Path("leaderboards"), Path("datasets"))
    assert (usual.overwrite, usual.strict, usual.trust) == (False, False, False)
    with pytest.raises(dataclasses.FrozenInstanceError):
        usual.trust = True


@pytest.mark.parametrize(("value", "strict"), [("1", True), ("yes", True), ("0", False), ("", False)])
def test_the_environment_may_make_it_strict_and_never_lax(monkeypatch, value, strict):
    monkeypatch.setenv("HVDBENCH_STRICT", value)
    assert Workspace.from_environment().strict is strict
    assert Workspace.from_environment(strict=True).strict
    assert Workspace.from_environment(trust=True, runs=Path("other")) == Workspace(
        Path("other"), strict=strict, trust=True
    )


def test_its_fallback_raises_where_it_is_strict(caplog):
    with pytest.raises(StrictError, match="nothing is here"):
        Workspace(strict=True).fallback.take("nothing is here", "something")
    Workspace().fallback.take("nothing is here", "something")
    assert "hvdbench uses something" in caplog.text


def test_it_is_there_without_numpy_or_torch():
    code = "import sys, hvdbench.workspace; print({'numpy', 'torch', 'cv2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
