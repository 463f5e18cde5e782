import hashlib
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from hvdbench.errors import InputError, RecipeError
from hvdbench.recipe import check
from hvdbench.synth.development import recompress as module
from hvdbench.synth.development.codec import CodecName, CodecSettings
from hvdbench.synth.development.recompress import recompress
from hvdbench.workspace.engine import Engine

CODECS: tuple[CodecName, ...] = ("h264", "hevc")


def clip(width: int = 96, height: int = 64, frames: int = 12, noise: float = 4.0) -> np.ndarray:
    """A smooth colourful pattern that moves 3 px a frame, with grain: uint8 (T, H, W, 3)."""
    generator = np.random.default_rng(0)
    wide = cv2.GaussianBlur(generator.standard_normal((height, width + 3 * frames, 3)).astype(np.float32), (0, 0), 4.0)
    wide = 40 + 170 * (wide - wide.min()) / np.ptp(wide)
    moved = np.stack([wide[:, 3 * index : 3 * index + width] for index in range(frames)])
    return np.rint(moved + noise * generator.standard_normal(moved.shape)).clip(0, 255).astype(np.uint8)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b.astype(float)) ** 2)))


def through(frames: np.ndarray, codec: CodecName = "h264", crf: int = 23) -> np.ndarray:
    settings = CodecSettings(codec=codec, preset="veryfast")
    return np.stack(list(recompress(frames, settings, fps=30.0, crf=crf)))


def digest(job: tuple[CodecName, int]) -> str:
    """A worker's job: the bytes that come back of a clip with ``job[1]`` frames."""
    return hashlib.sha256(through(clip(176, 144, job[1]), job[0]).tobytes()).hexdigest()


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", [(96, 64), (95, 63), (17, 33)])
def test_as_many_frames_of_the_same_size_come_back_in_order(codec: CodecName, size: tuple[int, int]) -> None:
    frames = clip(*size)
    found = through(frames, codec, 20)
    assert found.shape == frames.shape
    assert found.dtype == np.uint8
    for index, frame in enumerate(found):
        assert np.argmax([psnr(frame, other) for other in frames]) == index
        assert 25 < psnr(frame, frames[index]) < 60


@pytest.mark.parametrize("codec", CODECS)
def test_a_larger_crf_costs_more(codec: CodecName) -> None:
    frames = clip()
    fine, coarse = (psnr(through(frames, codec, crf), frames) for crf in (18, 28))
    assert coarse < fine - 1


@pytest.mark.parametrize("codec", CODECS)
def test_flat_colours_keep_their_shade(codec: CodecName) -> None:
    for colour in ((128, 128, 128), (16, 16, 16), (235, 235, 235), (200, 60, 60), (40, 90, 200)):
        frames = np.full((3, 48, 64, 3), colour, np.uint8)
        np.testing.assert_allclose(through(frames, codec, 18).astype(int), frames, atol=3)


def test_colour_has_half_the_resolution_of_light() -> None:
    stripes = np.zeros((2, 64, 64, 3), np.uint8) + 128
    stripes[:, :, ::2] = (188, 98, 128)  # red and green in turn: hardly any change of light
    light = np.zeros((2, 64, 64, 3), np.uint8) + np.uint8(98)
    light[:, :, ::2] = 158
    for frames, least, most in ((stripes, 0.0, 0.6), (light, 0.9, 1.1)):
        contrast = [np.abs(np.diff(one.astype(float), axis=2)).mean() for one in (through(frames, crf=1), frames)]
        assert least <= contrast[0] / contrast[1] <= most


@pytest.mark.parametrize("codec", CODECS)
def test_bytes_repeat_whatever_the_number_of_workers(codec: CodecName) -> None:
    jobs = [(codec, 20), (codec, 8)]
    alone, pool = (dict(Engine(workers).map(digest, jobs)) for workers in (1, 2))
    assert alone == pool
    assert alone[0] == digest(jobs[0])


def test_no_frames_give_none_and_one_gives_one() -> None:
    assert list(recompress([], CodecSettings(), fps=30.0, crf=23)) == []
    assert through(clip(frames=1)).shape == (1, 64, 96, 3)


def test_frames_are_taken_as_they_come() -> None:
    taken = 0

    def counted() -> Iterator[np.ndarray]:
        nonlocal taken
        for frame in clip(32, 32, 120, noise=0):
            taken += 1
            yield frame

    settings = CodecSettings(preset="ultrafast")
    next(recompress(counted(), settings, fps=30.0, crf=23))
    assert taken < 100


def test_crf_is_drawn_with_both_ends() -> None:
    generator = np.random.default_rng(0)
    assert {CodecSettings(crf=(20, 22)).draw_crf(generator) for _ in range(100)} == {20, 21, 22}


def test_a_missing_encoder_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module._ENCODERS, "h264", "libnothing")
    with pytest.raises(InputError, match="this PyAV has no encoder 'libnothing': install av"):
        through(clip(frames=1))


def test_two_sizes_and_frames_too_small_are_answered() -> None:
    frames = [np.zeros((32, 32, 3), np.uint8), np.zeros((32, 30, 3), np.uint8)]
    with pytest.raises(InputError, match="frame 1 is 30x32, and the frames before it are 32x32"):
        list(recompress(frames, CodecSettings(), fps=30.0, crf=23))
    with pytest.raises(InputError, match="hevc cannot take frames of 2x2 px"):
        through(np.zeros((2, 2, 2, 3), np.uint8), "hevc")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"crf": (28, 18)}, "crf must rise, found 28 before 18"),
        ({"crf": (18, 60)}, "less than or equal to 51"),
        ({"codec": "vp9"}, "'codec': Input should be 'h264' or 'hevc'"),
        ({"keyframe_s": 0}, "'keyframe_s': Input should be greater than 0"),
        ({"quality": 1}, "unknown key 'quality'"),
    ],
)
def test_wrong_values_are_answered(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        check("a.toml", values, CodecSettings)
