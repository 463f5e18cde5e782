"""docs/models.md: its model is made, and each of its commands names something that can be opened and run."""

import os
import re
import shlex
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from made_model import made_clip, restore

from hvdbench.frames import write_clip
from hvdbench.methods.opening import FORMS, open_method

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "models.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def made(tmp_path, monkeypatch) -> Path:
    """The current folder after the page's Python was run in it."""
    pytest.importorskip("onnx", reason="onnx, which makes the page's file, is not installed")
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.setitem(sys.modules, "twonets", None)
    del sys.modules["twonets"]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`torch\.jit", category=FutureWarning)
        warnings.filterwarnings("ignore", message=r"`torch\.jit", category=DeprecationWarning)
        exec(compile("".join(blocks("python")), "models.md", "exec"), {})
    return tmp_path


def test_every_command_of_the_page_runs(made):
    clip = made_clip(3, 40, 56)
    restored = {}
    for line in blocks("console")[0].splitlines():
        words = shlex.split(line)
        assert words[:2] == ["hvdbench", "eval"]
        options = dict(zip(words[2::2], words[3::2], strict=True))
        if options["--method"].startswith("folder:"):  # what the command before it would have written
            write_clip(Path(options["--method"].partition(":")[2]) / "test" / "a", restored["exported"])
        weights = Path(options["--weights"]) if "--weights" in options else None
        method = open_method(options["--method"], weights=weights, name=options.get("--name"))
        restored[method.name] = restore(method, clip, clip="test/a")
    assert list(restored) == ["Net-twonets", "scripted", "exported", "sharpen", "frames"]
    for name in ("scripted", "exported", "frames"):
        assert np.abs(restored[name].astype(int) - restored["Net-twonets"]).max() <= 1
    assert (restored["sharpen"] != clip).any()


def test_the_page_s_recipe_opens(made):
    (made / "mine.toml").write_text(blocks("toml")[0])
    method = open_method("mine.toml", trust=True)
    assert method.scheme.open().spec.value_range == (0.0, 255.0)
    assert restore(method, made_clip(1)).shape == (1, 37, 53, 3)


def test_the_page_s_scheme_averages_neighbours(made):
    clip = made_clip(3, 8, 8)
    method = open_method("steady:Steady")
    restored = restore(method, clip)
    np.testing.assert_array_equal(restored[1], np.rint(clip.astype(float).mean(axis=0)).astype(np.uint8))
    np.testing.assert_array_equal(restore(open_method("steady:Steady", settings={"frames": 0}), clip), clip)


def test_the_page_shows_every_form():
    for form in FORMS:
        assert re.split(r"[ :]", form.strip("'"))[0] in PAGE
