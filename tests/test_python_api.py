"""The functions of ``import hvdbench``: their examples, what they promise, and how little the import costs."""

import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_scored import NAME, make_scored, sharp_frames, softened

import hvdbench
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.frames import write_clip
from hvdbench.workflows import verbs

PAGE = Path(__file__).resolve().parents[1] / "docs" / "python.md"
SLOW_EXAMPLES = {"synth"}
HEAVY = ("numpy", "pandas", "torch", "cv2", "h5py", "scipy", "pydantic")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A user's folder with a dataset ``datasets/scored`` and a clip of frames in ``frames``."""
    monkeypatch.chdir(tmp_path)
    make_scored(Path("datasets") / NAME)
    write_clip(Path("frames"), softened(sharp_frames(4, 0), 2.0))
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW_EXAMPLES else []) for name in hvdbench.__all__],
)
def test_the_example_of_a_public_function_runs(here, name):
    function = getattr(verbs, name)
    examples = doctest.DocTestFinder(recurse=False).find(function, name, globs={})
    assert len(examples) == 1
    assert examples[0].examples, f"{name} shows no example"
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    said: list[str] = []
    result = runner.run(examples[0], out=said.append)
    assert result.failed == 0, "".join(said)


@pytest.mark.parametrize("name", hvdbench.__all__)
def test_a_public_function_is_typed_and_says_what_it_takes_returns_and_raises(name):
    function = getattr(verbs, name)
    signature = inspect.signature(function)
    assert all(one.annotation is not inspect.Parameter.empty for one in signature.parameters.values())
    assert signature.return_annotation is not inspect.Signature.empty
    words = inspect.getdoc(function) or ""
    for heading in ("Args:", "Returns:", "Raises:", "Example:"):
        assert f"\n{heading}\n" in words, f"{name} lacks {heading}"
    for parameter in signature.parameters:
        assert re.search(rf"^    {parameter}: ", words, re.MULTILINE), f"{name} does not explain {parameter}"


def test_importing_the_package_loads_nothing_heavy():
    code = f"import sys, hvdbench; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_package_lists_its_functions_and_no_others_answer():
    assert set(hvdbench.__all__) <= set(dir(hvdbench))
    with pytest.raises(AttributeError, match="has no attribute 'deblurr'"):
        hvdbench.deblurr  # noqa: B018


def test_the_room_called_synth_hands_a_call_on_to_the_function():
    code = (
        "import hvdbench, hvdbench.synth.goproshake\n"
        "try:\n    hvdbench.synth('no_such_recipe')\n"
        "except hvdbench.errors.UnknownNameError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "no dataset recipe named 'no_such_recipe'" in done.stdout


def test_an_array_an_opened_clip_and_a_path_are_restored_alike(here):
    frames = hvdbench.open_clip("frames").frames
    restored = hvdbench.deblur(frames, method="warp_average")
    assert restored.shape == frames.shape
    np.testing.assert_array_equal(hvdbench.deblur("frames", method="warp_average"), restored)
    np.testing.assert_array_equal(hvdbench.deblur(hvdbench.open_clip("frames"), method="warp_average"), restored)


def test_a_score_is_the_mean_of_scikit_images_numbers(here):
    from skimage.metrics import peak_signal_noise_ratio

    clip = hvdbench.load_dataset(f"datasets/{NAME}").clips()[1]
    blurry, truth = clip.blurry(), clip.truth("mid")
    expected = np.mean([peak_signal_noise_ratio(a, b) for a, b in zip(truth, blurry, strict=True)])
    rows = hvdbench.score(blurry, clip)
    found = rows[(rows["metric"] == "psnr") & (rows["truth"] == "mid") & (rows["subset"] == "all")]
    assert found["value"].tolist() == pytest.approx([expected] * 2, abs=1e-9)  # of the clip, and over the one clip


def test_a_folder_of_results_has_the_scores_that_the_board_has(here):
    entered = hvdbench.evaluate("warp_average", f"datasets/{NAME}", protocol="basicsr-rgb")
    rows = hvdbench.score(Path("runs") / "warp_average" / NAME, f"datasets/{NAME}", protocol="basicsr-rgb")
    keys = ["split", "clip", "truth", "subset", "metric"]
    joined = entered.merge(rows, on=keys, suffixes=("", "_here"))
    assert len(joined) == len(rows)
    np.testing.assert_allclose(joined["value"], joined["value_here"], atol=1e-12)


def test_what_cannot_be_is_one_sentence(here):
    dataset = hvdbench.load_dataset(f"datasets/{NAME}")
    with pytest.raises(InputError, match="score it against a dataset's clip"):
        hvdbench.score(dataset.clips()[0].blurry(), dataset)
    with pytest.raises(InputError, match="score it against a dataset, not against one clip"):
        hvdbench.score("runs/x", dataset.clips()[0])
    with pytest.raises(InputError, match="has no place on disk"):
        hvdbench.deblur(dataset.clips()[0].blurry(), output="restored")
    with pytest.raises(UnknownNameError, match="no protocol named 'basicsr'"):
        hvdbench.score(dataset.clips()[0].blurry(), dataset.clips()[0], protocol="basicsr")


def page_blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_page_shows_a_script_of_ten_lines_that_makes_no_object_by_hand():
    lines = [line for line in page_blocks()[0].splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) <= 10
    assert set(re.findall(r"hvdbench\.(\w+)\(", page_blocks()[0])) >= {"deblur", "load_dataset", "score", "leaderboard"}
    assert set(re.findall(r"protocol=\"([^\"]+)\"", page_blocks()[0])) or "protocol" in page_blocks()[0]


@pytest.mark.slow
def test_the_pages_blocks_run_one_after_another(here):
    names: dict[str, object] = {}
    for block in page_blocks():
        exec(compile(block, str(PAGE), "exec"), names)
