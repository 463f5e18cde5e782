"""Clips through networks, frame by frame: what comes out, in how many bits, in how much memory, and after a stop."""

import gc
import json
import weakref
from contextlib import contextmanager
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from made_video import made_clip, make_sound
from numpy.typing import NDArray
from safetensors.torch import save_file

from hvdbench.errors import FitError, InputError
from hvdbench.frames import read_clip, write_clip
from hvdbench.labels.temporal_sharpness import map_picture, sharpness_maps
from hvdbench.methods.inference import network_restoration
from hvdbench.methods.inference.options import InferenceOptions
from hvdbench.methods.recipe import load_method
from hvdbench.methods.restoration import Budget
from hvdbench.video.input import open_input
from hvdbench.video.reader import VideoReader, read_video
from hvdbench.video.writer import write_video
from hvdbench.workflows.deblur import deblur_clip
from hvdbench.workflows.deblur import request as requests
from hvdbench.workflows.deblur.request import DeblurRequest, DeblurResult
from hvdbench.workflows.deblur.samples import FrameSamples
from hvdbench.workspace.workspace import Workspace

IDENTITY = "made_networks:Identity"
UNEVEN_S = np.cumsum([0, 0.033, 0.04, 0.1, 0.033, 0.5, 0.02, 0.033])
TRAINED = """
title = "A network of four channels"
scheme = "selfhvd"
[settings]
network = "basicvsrpp"
[settings.network_arguments]
mid_channels = 4
num_blocks = 1
deform_groups = 2
"""


@pytest.fixture
def out(tmp_path) -> Path:
    """A name in an empty folder, so that a test sees everything that is written."""
    return tmp_path / "written" / "restored"


def deblur(source: Path, output: Path, method: str = IDENTITY, *, overwrite: bool = False, **options) -> DeblurResult:
    limits = {name: options.pop(name) for name in ("inference", "minutes", "seed") if name in options}
    request, workspace = DeblurRequest(source, output, method=method, **options), Workspace(overwrite=overwrite)
    return deblur_clip(request, workspace=workspace, budget=Budget(**limits))


def manifest(output: Path) -> dict:
    return json.loads(output.with_suffix(".json").read_text())


def written(output: Path) -> set[str]:
    return {path.name for path in output.parent.iterdir()} if output.parent.exists() else set()


def signals(path: Path, size: tuple[int, int] | None = None) -> tuple[NDArray[np.uint16], NDArray[np.float64]]:
    """Return a video's 16-bit frames and times from the first."""
    with VideoReader(path, size=size) as reader:
        times_s, pictures = zip(*reader.signals(), strict=True)
    return np.stack(pictures), np.array(times_s) - times_s[0]


def stored_as(path: Path) -> tuple[str, int, int, int]:
    """Return pixel format, primaries, transfer and matrix of a video's first frame."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    return frame.format.name, int(frame.color_primaries), int(frame.color_trc), int(frame.colorspace)


def test_a_video_goes_through_a_network_with_its_times_and_its_sound(tmp_path, out):
    make_sound(tmp_path / "sound.m4a", "aac")
    write_video(tmp_path / "clip.mp4", made_clip(), fps=25, t_s=UNEVEN_S, audio_from=tmp_path / "sound.m4a")
    result = deblur(tmp_path / "clip.mp4", out.with_suffix(".mp4"))
    assert written(out) == {"restored.mp4", "restored.html", "restored.json"}
    video = read_video(out.with_suffix(".mp4"))
    assert np.abs(video.frames.astype(int) - made_clip()).max() <= 10
    np.testing.assert_allclose(video.t_s, UNEVEN_S, atol=1e-4)
    assert (video.facts.has_audio, video.facts.colour.pixel_format) == (True, "yuv420p")

    facts = manifest(out)
    assert (facts["state"], facts["frame_count"], facts["method"]) == ("done", 8, "Identity")
    assert facts["facts"]["inference"]["precision"] == "float32"
    assert facts["facts"]["frames_per_s"] > 0
    assert facts["facts"]["peak_bytes"] is None or facts["facts"]["peak_bytes"] > 1 << 20
    assert any(line.startswith("8 frames in ") and "frames/s" in line for line in result.lines)
    assert str(tmp_path) not in json.dumps(facts) + out.with_suffix(".html").read_text()


def test_a_folder_goes_through_a_network_under_its_names(tmp_path, out):
    names = [f"IMG_{index}.png" for index in range(7, 15)]
    write_clip(tmp_path / "clip", made_clip(), names)
    deblur(tmp_path / "clip", out)
    assert {path.name for path in out.iterdir()} == set(names)
    np.testing.assert_array_equal(read_clip(out), made_clip())


@pytest.mark.parametrize("count", [1, 8, 27])  # every frame is kept of 8, and every fourth of 27
def test_maps_are_made_while_frames_go_by(count):
    frames = made_clip(27)[:count]
    samples = FrameSamples(None)
    for index, frame in enumerate(frames):
        samples.see(index, frame)
        samples.give(index, frame, None)
    found = samples.agreement
    if count == 1:
        assert found is None
        return
    expected = [map_picture(one) for one in sharpness_maps(frames)]
    assert found is not None
    np.testing.assert_array_equal(
        found, np.stack([expected[index] for index in samples.indices])[..., None].repeat(3, -1)
    )


@pytest.mark.parametrize("window", [3, 5, None])
def test_windows_do_not_change_what_a_network_of_finite_reach_gives(tmp_path, out, window):
    write_clip(tmp_path / "clip", made_clip(12))
    options = InferenceOptions(window=window, tile=40)
    deblur(tmp_path / "clip", out, "made_networks:NeighbourMean", inference=options)
    frames = made_clip(12).astype(float)
    padded = np.concatenate((frames[:1], frames, frames[-1:]))
    expected = np.floor((padded[:-2] + padded[1:-1] + padded[2:]) / 3 + 0.5)
    assert np.abs(read_clip(out) - expected).max() <= 1
    plan = manifest(out)["facts"]["inference"]
    assert (plan["window"], plan["tile"]) == (window, [40, 40])


def test_as_many_frames_are_held_for_a_long_clip_as_for_a_short_one(tmp_path, monkeypatch):
    def most_alive(count: int) -> int:
        alive = [0, 0]

        def leave() -> None:
            alive[0] -= 1

        @contextmanager
        def counting(*arguments, **options):
            with open_input(*arguments, **options) as stream:
                inner = stream.frames

                def counted():
                    for frame in inner:
                        weakref.finalize(frame.picture, leave)
                        alive[0] += 1
                        alive[1] = max(alive)
                        yield frame

                object.__setattr__(stream, "frames", counted())
                yield stream

        monkeypatch.setattr(requests, "open_input", counting)
        write_video(tmp_path / f"{count}.mp4", made_clip(count, 32, 32), fps=25)
        gc.collect()
        deblur(tmp_path / f"{count}.mp4", tmp_path / f"out{count}.mp4", inference=InferenceOptions(window=4))
        assert len(read_video(tmp_path / f"out{count}.mp4").frames) == count
        assert len(manifest(tmp_path / f"out{count}.mp4")["measured"]["frames_measured"]) <= 12
        return alive[1]

    assert most_alive(160) == most_alive(40) <= 8


def test_a_trained_method_takes_its_weights(tmp_path, out):
    (tmp_path / "small.toml").write_text(TRAINED)
    network = load_method(str(tmp_path / "small.toml")).scheme.build()
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    write_clip(tmp_path / "clip", made_clip(4))
    deblur(tmp_path / "clip", out, str(tmp_path / "small.toml"), weights=tmp_path / "weights.safetensors")
    assert read_clip(out).shape == (4, 48, 64, 3)
    assert manifest(out)["weights_sha256"]


def test_ten_bits_come_out_as_ten_bits(shared, out):
    source = shared / "data/hostile/ten_bit_h264_200x200.mp4"
    deblur(source, out.with_suffix(".mp4"), bit_depth=10)
    assert stored_as(source) == ("yuv420p10le", 2, 2, 2)
    assert stored_as(out.with_suffix(".mp4")) == ("yuv420p10le", 2, 2, 6)  # the matrix by which it was read is stated
    (before, before_s), (after, after_s) = signals(source), signals(out.with_suffix(".mp4"))
    np.testing.assert_allclose(after_s, before_s, atol=1 / 90_000)
    assert np.median(np.abs(before.astype(int) - after)) <= 4 * 64  # levels of 10 bits
    assert manifest(out)["bit_depth"] == 10


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("phone_hlg10_colorchart_9f.mp4", (160, 90)),
        pytest.param("apple_hlg10_hevc_portrait_vfr.mp4", (90, 160), marks=pytest.mark.slow),
    ],
)
def test_hdr_stays_hdr_in_ten_bits(shared, out, name, size):
    source = shared / "data/phone" / name
    result = deblur(source, out.with_suffix(".mov"), bit_depth=10, size=size)
    assert stored_as(source) == stored_as(out.with_suffix(".mov")) == ("yuv420p10le", 9, 18, 9)
    (before, before_s), (after, after_s) = signals(source, size), signals(out.with_suffix(".mov"))
    np.testing.assert_allclose(after_s, before_s, atol=1 / 90_000)
    difference = after.astype(int) - before
    assert np.abs(difference).mean() <= 12 * 64  # chroma of a small picture is halved
    assert abs(difference.mean()) <= 64
    assert len(np.unique(after[0] >> 6)) > 256  # more levels than 8 bits have
    (note,) = [line for line in result.lines if line.startswith("note: ")]
    assert "the clip is HDR (HLG) and stays so" in note


def test_hdr_is_tone_mapped_in_eight_bits(shared, out):
    source = shared / "data/phone/phone_hlg10_colorchart_9f.mp4"
    told = deblur(source, out.with_suffix(".mp4"), size=(160, 90)).lines[0]
    assert "the clip is HDR (HLG) and was tone-mapped to SDR" in told
    assert stored_as(out.with_suffix(".mp4")) == ("yuv420p", 1, 1, 1)


def test_sixteen_bit_pictures_come_out_whole_and_others_as_sixteen_bit_ones(tmp_path, out):
    deep = np.random.default_rng(0).integers(0, 65536, (3, 24, 32, 3)).astype(np.uint16)
    (tmp_path / "clip").mkdir()
    for index, picture in enumerate(deep):
        cv2.imwrite(str(tmp_path / f"clip/{index}.png"), picture)
    deblur(tmp_path / "clip", out, bit_depth=10)
    for index, picture in enumerate(deep):
        np.testing.assert_array_equal(cv2.imread(str(out / f"{index}.png"), cv2.IMREAD_UNCHANGED), picture)

    write_clip(tmp_path / "eight", made_clip(2), ["a.bmp", "b.bmp"])
    deblur(tmp_path / "eight", tmp_path / "more", bit_depth=10)
    found = cv2.imread(str(tmp_path / "more/b.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    np.testing.assert_array_equal(found, made_clip(2)[1].astype(np.uint16) * 257)


def test_the_same_command_again_leaves_everything_and_another_is_refused(tmp_path, out):
    write_clip(tmp_path / "clip", made_clip(4))
    deblur(tmp_path / "clip", out)
    before = {path: path.stat().st_mtime_ns for path in out.parent.rglob("*")}
    again = deblur(tmp_path / "clip", out)
    assert again.lines == (f"{out}: already restored by the same command, left as it is",)
    assert {path: path.stat().st_mtime_ns for path in out.parent.rglob("*")} == before
    with pytest.raises(InputError, match="came from something else"):
        deblur(tmp_path / "clip", out, inference=InferenceOptions("bfloat16"))
    deblur(tmp_path / "clip", out, inference=InferenceOptions("bfloat16"), overwrite=True)
    assert manifest(out)["facts"]["inference"]["precision"] == "bfloat16"


def test_what_a_network_draws_hangs_on_the_seed_of_the_command(tmp_path, out):
    write_clip(tmp_path / "clip", made_clip(4))
    results = []
    for number, seed in enumerate((1, 1, 2)):
        deblur(tmp_path / "clip", out.with_name(f"r{number}"), "made_networks:Noisy", seed=seed)
        results.append(read_clip(out.with_name(f"r{number}")))
    np.testing.assert_array_equal(results[0], results[1])
    assert (results[0] != results[2]).any()
    with pytest.raises(InputError, match="came from something else"):
        deblur(tmp_path / "clip", out.with_name("r0"), "made_networks:Noisy", seed=2)


@pytest.mark.parametrize("suffix", ["", ".mp4"])
def test_a_stopped_run_leaves_no_half_output_and_starts_again(tmp_path, out, suffix):
    write_video(tmp_path / "clip.mp4", made_clip(), fps=25)
    output = out.with_suffix(suffix)
    request = DeblurRequest(tmp_path / "clip.mp4", output, method=IDENTITY)
    windows = InferenceOptions(window=2)

    def stop(done: int, total: int, what: str) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deblur_clip(request, budget=Budget(progress=stop, inference=windows))
    assert written(out) == {"restored.json"}
    assert manifest(out)["state"] == "running"
    running = manifest(out) | {"process": 2**30}  # as a killed process leaves it
    out.with_suffix(".json").write_text(json.dumps(running))
    (out.parent / f".partial-999999999-restored{suffix}").write_bytes(b"half a film")
    deblur_clip(request, budget=Budget(inference=windows))
    assert written(out) - {f".partial-999999999-restored{suffix}"} == {
        f"restored{suffix}",
        "restored.html",
        "restored.json",
    }
    assert manifest(out)["state"] == "done"
    assert not list(out.parent.glob(".partial-*.mp4"))


def test_a_network_that_fails_part_way_leaves_nothing(tmp_path, out):
    bright = made_clip(6)
    bright[4] = 255
    write_clip(tmp_path / "clip", bright)
    with pytest.raises(FitError, match="not finite"):
        deblur(tmp_path / "clip", out, "made_networks:NotFinite", inference=InferenceOptions(window=1))
    assert written(out) == set()


def test_a_long_run_is_told_of_before_it_starts(tmp_path, out, monkeypatch):
    write_clip(tmp_path / "clip", made_clip(4))
    told: list[str] = []
    deblur_clip(DeblurRequest(tmp_path / "clip", out, method=IDENTITY), budget=Budget(announce=told.append))
    assert told == []
    monkeypatch.setattr(network_restoration, "LONG_RUN_S", 0.0)
    budget = Budget(announce=told.append)
    deblur_clip(
        DeblurRequest(tmp_path / "clip", out, method=IDENTITY), workspace=Workspace(overwrite=True), budget=budget
    )
    (line,) = told
    assert line.startswith("clip: windows of ")
    assert "4 frames of 64x48 px: about" in line
    assert "MiB" in line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "selfhvd_estrnn@tiny", "bit_depth": 10}, "--bit-depth 10 is for networks"),
        ({"method": "warp_average", "inference": InferenceOptions("float16")}, "has no use for --precision"),
        ({"method": "warp_average", "weights": Path("a.pth")}, "takes no weights"),
        ({"minutes": 1.0}, "has no steps that --minutes could set"),
        ({"method": "made_networks:NeighbourMean", "inference": InferenceOptions(window=2)}, "window"),
        ({"method": "made_networks:NeighbourMean", "inference": InferenceOptions(tile=4)}, "tile"),
    ],
)
def test_options_that_do_not_suit_the_method_are_refused(tmp_path, out, options, words):
    write_clip(tmp_path / "clip", made_clip(4))
    with pytest.raises(InputError, match=words):
        deblur(tmp_path / "clip", out, **options)
    assert not out.parent.exists()
