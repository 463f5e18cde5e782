"""The functions of ``import hvdbench``: their examples, what they promise, and how little the import costs."""

import doctest
import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_model import directly, save_scripted, small_net
from made_scored import NAME, make_scored, sharp_frames, softened

import hvdbench
from hvdbench.errors import FitError, HvdbenchError, InputError, StrictError
from hvdbench.frames import read_clip, read_frame, write_clip, write_frame

PAGE = Path(__file__).resolve().parents[1] / "docs" / "python.md"
HEAVY = ("numpy", "pandas", "torch", "cv2", "h5py", "scipy", "pydantic")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A user's folder with a dataset ``datasets/scored`` and a clip of frames in ``frames``."""
    monkeypatch.chdir(tmp_path)
    make_scored(Path("datasets") / NAME)
    write_clip(Path("frames"), softened(sharp_frames(4, 0), 2.0))
    return tmp_path


@pytest.mark.parametrize("name", hvdbench.__all__)
def test_the_example_of_a_public_function_runs(here, name):
    function = getattr(hvdbench, name)
    examples = doctest.DocTestFinder(recurse=False).find(function, name, globs={})
    assert len(examples) == 1
    assert examples[0].examples, f"{name} shows no example"
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    said: list[str] = []
    result = runner.run(examples[0], out=said.append)
    assert result.failed == 0, "".join(said)


@pytest.mark.parametrize("name", hvdbench.__all__)
def test_a_public_function_is_typed_and_says_what_it_takes_returns_and_raises(name):
    function = getattr(hvdbench, name)
    signature = inspect.signature(function)
    assert all(one.annotation is not inspect.Parameter.empty for one in signature.parameters.values())
    assert signature.return_annotation is not inspect.Signature.empty
    words = inspect.getdoc(function) or ""
    for heading in ("Args:", "Returns:", "Raises:", "Examples:"):
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


def test_a_function_keeps_its_name_when_the_room_of_that_name_is_imported():
    code = (
        "import hvdbench, hvdbench.synth.goproshake\n"
        "from hvdbench.synth import settings\n"
        "print(hvdbench.synth.__module__, settings.DatasetSettings.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["hvdbench.workflows.verbs.datasets", "DatasetSettings"]


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


def test_scoring_writes_nothing_beside_a_run(here):
    hvdbench.evaluate("warp_average", f"datasets/{NAME}")
    before = sorted(path for path in here.rglob("*"))
    hvdbench.score(f"runs/warp_average/{NAME}", f"datasets/{NAME}", protocol="basicsr-y")
    assert sorted(path for path in here.rglob("*")) == before


def test_frames_are_scored_against_true_frames_without_a_dataset(here):
    from skimage.metrics import peak_signal_noise_ratio

    blurry, truth = softened(sharp_frames(4, 0), 2.0), sharp_frames(4, 0)
    write_clip(Path("truth"), truth)
    expected = np.mean([peak_signal_noise_ratio(a, b) for a, b in zip(truth, blurry, strict=True)])
    for rows in (hvdbench.score(blurry, truth), hvdbench.score("frames", "truth"), hvdbench.score(blurry, "truth")):
        found = rows[rows["metric"] == "psnr"]
        assert found["value"].tolist() == pytest.approx([expected] * 2, abs=1e-9)
        assert found["n"].tolist() == [1, 4]  # one clip, and its four frames


def test_a_folder_of_one_clips_frames_has_the_scores_of_the_same_array(here):
    clip = hvdbench.load_dataset(f"datasets/{NAME}").clips()[0]
    pd.testing.assert_series_equal(
        hvdbench.score("frames", clip)["value"], hvdbench.score(hvdbench.open_clip("frames"), clip)["value"]
    )


def test_one_folder_of_frames_does_not_serve_two_clips(here):
    dataset = make_scored(Path("datasets") / "two")
    for clip in dataset.clips():
        (Path("results") / clip.name).mkdir(parents=True)
    write_clip(Path("results"), dataset.clips()[0].blurry())
    with pytest.raises(InputError, match="contains the frames of one clip, but 2 clips"):
        hvdbench.score("results", dataset)


def test_frames_that_were_changed_since_they_were_restored_are_refused(here):
    hvdbench.evaluate("blurry", f"datasets/{NAME}")
    frame = Path("runs") / "blurry" / NAME / "test" / "one" / "00000000.png"
    write_frame(frame, np.zeros_like(read_frame(frame)))
    with pytest.raises(InputError, match="were changed after they were restored"):
        hvdbench.score(f"runs/blurry/{NAME}", f"datasets/{NAME}")


def test_a_frame_without_a_result_is_not_scored_as_the_input_in_its_place(here):
    dataset = hvdbench.load_dataset(f"datasets/{NAME}")
    for clip in dataset.clips():  # results as ESTRNN's program writes them, without the two frames at either end
        count = len(clip.blurry())
        inner = range(2, count - 2) if count > 4 else range(count)
        write_clip(
            Path("results") / clip.name,
            softened(clip.truth("mid"), 1.0)[inner],
            [f"{index:08d}.png" for index in inner],
        )
    hvdbench.evaluate("folder:results", dataset, protocol="estrnn-2020")
    with pytest.raises(InputError, match="has no result for frame 0, 1, 3, 4"):
        hvdbench.score(f"runs/results/{NAME}", dataset, protocol="hvdbench-1")


def test_a_clip_opened_with_a_crop_is_written_with_that_crop(here):
    clip = hvdbench.open_clip("frames", crop=(8, 4, 64, 48), size=(32, 24))
    result = hvdbench.deblur(clip, method="warp_average", output="restored")
    assert read_clip(result.output).shape == (4, 24, 32, 3)
    # the file is restored with a margin round the crop, so only its inside is that of the crop alone
    difference = np.abs(read_clip(result.output).astype(int) - hvdbench.deblur(clip, method="warp_average"))
    assert difference[:, 4:-4, 4:-4].max() <= 12
    assert np.median(difference) == 0


def test_an_array_is_written_as_a_folder_of_frames(here):
    frames = softened(sharp_frames(4, 0), 2.0)
    result = hvdbench.deblur(frames, method="warp_average", output="restored")
    np.testing.assert_array_equal(read_clip(result.output), hvdbench.deblur(frames, method="warp_average"))
    assert hvdbench.deblur(frames, method="warp_average", output="restored").lines[0].endswith("left as it is")


def test_a_network_gives_the_frames_that_the_command_writes(here):
    net = small_net()
    save_scripted(net, Path("net.ts"))
    frames = hvdbench.deblur("frames", method="torchscript:net.ts")
    assert np.abs(frames.astype(int) - directly(net, softened(sharp_frames(4, 0), 2.0))).max() <= 1
    written = hvdbench.deblur("frames", method="torchscript:net.ts", output="restored")
    np.testing.assert_array_equal(read_clip(written.output), frames)


def test_papers_stand_below_the_methods_of_a_board_without_a_rank(here):
    table = hvdbench.leaderboard("goproshake", truth="mid")
    assert set(table["origin"]) == {"published"}
    assert table["rank"].isna().all()
    assert table["value"].notna().all()


def test_a_metric_of_unknown_direction_is_not_ranked_and_the_log_says_so(here, caplog):
    rows = hvdbench.evaluate("blurry", f"datasets/{NAME}", board="mine")
    path = Path("leaderboards") / "mine.csv"
    path.write_text(path.read_text().replace(",ssim,", ",someones_score,"))
    table = hvdbench.leaderboard(path, metric="someones_score")
    assert len(rows) > 0
    assert table["rank"].isna().all()
    assert "it is not stated whether higher or lower values of someones_score are better" in caplog.text


def test_windows_are_loaded_by_pytorch_from_a_dataset(here):
    from torch.utils.data import DataLoader

    with pytest.raises(FitError, match="has no truth 'sharp_centroid'"):
        hvdbench.training_windows(f"datasets/{NAME}", frames=3, crop_px=32, truth="centroid")
    windows = hvdbench.training_windows(f"datasets/{NAME}", frames=3, crop_px=32, length=4, truth="mid")
    (batch,) = DataLoader(windows, batch_size=4)
    assert batch["truth"].shape == (4, 3, 3, 32, 32)


def test_a_strict_environment_is_strict_in_python_too(here, monkeypatch):
    monkeypatch.setenv("HVDBENCH_STRICT", "1")
    monkeypatch.setenv("HVDBENCH_GOPRO", "")
    with pytest.raises(StrictError):
        hvdbench.synth("goproshake", output="made")
    assert not Path("made").exists()


def mistakes() -> dict[str, tuple[Callable[[], object], str]]:
    clip, small = softened(sharp_frames(4, 0), 2.0), np.zeros((4, 8, 8, 3), np.uint8)

    def first():
        return hvdbench.load_dataset(f"datasets/{NAME}").clips()[0]

    return {
        "no path": (lambda: hvdbench.open_clip(3), "the clip is 3: name a path"),
        "no clip": (lambda: hvdbench.open_clip("nowhere"), "nowhere does not exist"),
        "crop of three": (lambda: hvdbench.open_clip("frames", crop=(1, 2, 3)), "name 4 whole numbers of pixels"),
        "crop as text": (lambda: hvdbench.open_clip("frames", crop="1:2:3:4"), "name 4 whole numbers of pixels"),
        "no dataset": (lambda: hvdbench.load_dataset("frames"), "frames is not a dataset"),
        "float frames": (lambda: hvdbench.deblur(clip / 255.0), "an array of float64"),
        "gray frames": (lambda: hvdbench.deblur(clip[..., 0]), r"of shape \(4, 64, 96\)"),
        "small frames": (lambda: hvdbench.deblur(small), "at least 2 frames of 16 pixels a side"),
        "no method": (lambda: hvdbench.deblur(clip, method="nothing"), "no method 'nothing'"),
        "no device": (lambda: hvdbench.deblur(clip, device="gpu"), "device 'gpu' cannot be used here"),
        "seed too large": (
            lambda: hvdbench.deblur(clip, seed=2**63),
            "the seed is 9223372036854775808: name a whole number up to 9223372036854775807",
        ),
        "negative seed": (lambda: hvdbench.deblur(clip, seed=-1), "the seed is -1: name a whole number from 0"),
        "no minutes": (lambda: hvdbench.deblur(clip, minutes=0), "minutes is 0: name a number above 0"),
        "array against dataset": (
            lambda: hvdbench.score(clip, f"datasets/{NAME}"),
            "score them against a dataset's clip",
        ),
        "other size": (lambda: hvdbench.score(clip[:, :32], first()), "the restored frames are 4x32x96x3"),
        "other count": (lambda: hvdbench.score(clip[:3], clip), "3 frames were restored, and the truth has more"),
        "no results": (
            lambda: hvdbench.score("nowhere", f"datasets/{NAME}"),
            "nowhere is not a folder: name the folder",
        ),
        "no protocol": (lambda: hvdbench.score(clip, first(), protocol="basicsr"), "no protocol named 'basicsr'"),
        "no board": (lambda: hvdbench.leaderboard("nothing"), "no board named 'nothing'"),
        "no boards": (lambda: hvdbench.leaderboard(boards="nowhere"), "nowhere contains no board"),
        "no truth": (lambda: hvdbench.training_windows(f"datasets/{NAME}", truth="best"), "no truth 'best'"),
        "no frames": (lambda: hvdbench.training_windows(f"datasets/{NAME}", frames=0), "name a whole number from 1"),
        "no workers": (lambda: hvdbench.synth("demo@tiny", workers=0), "workers is 0: name a whole number from 1"),
    }


@pytest.mark.parametrize("name", mistakes())
def test_a_mistake_is_one_sentence(here, name):
    make, sentence = mistakes()[name]
    with pytest.raises(HvdbenchError, match=sentence) as caught:
        make()
    assert "\n" not in str(caught.value)


def page_blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_page_shows_a_script_of_ten_lines_that_makes_no_object_by_hand():
    lines = [line for line in page_blocks()[0].splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) <= 10
    assert set(re.findall(r"hvdbench\.(\w+)\(", page_blocks()[0])) >= {"deblur", "load_dataset", "score", "leaderboard"}
    assert set(re.findall(r"protocol=\"([^\"]+)\"", page_blocks()[0])) or "protocol" in page_blocks()[0]


def test_the_pages_blocks_run_one_after_another(here):
    names: dict[str, object] = {}
    for block in page_blocks():
        exec(compile(block, str(PAGE), "exec"), names)
