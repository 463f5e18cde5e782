import numpy as np
import pytest

from hvdbench.errors import RecipeError
from hvdbench.frames import Frame
from hvdbench.recipe import check
from hvdbench.response import open_response
from hvdbench.synth.development.codec import CodecSettings
from hvdbench.synth.development.developer import Developer
from hvdbench.synth.development.isp import IspSettings
from hvdbench.synth.development.sensor import Noise, SensorSettings, develop, round_values

GAMMA = open_response("gamma2.2")
LINEAR = open_response("linear")
SILENT = SensorSettings(read=0.0)


def flat(level: float, side: int = 250) -> np.ndarray:
    return np.full((side, side, 3), level, np.float32)


def picture() -> np.ndarray:
    return np.random.default_rng(7).random((24, 34, 3), np.float32)


@pytest.mark.parametrize("level", [0.0, 0.02, 0.2, 0.6])
def test_noise_in_light_has_the_mean_and_variance_of_the_formula(level: float) -> None:
    noisy = Noise(shot=4e-3, dark=2e-4, read=0.0).add_to_light(flat(level), np.random.default_rng(0)).astype(float)
    expected = 4e-3 * level + 2e-4
    count = noisy.size
    assert noisy.mean() == pytest.approx(level, abs=4 * np.sqrt(expected / count))
    assert noisy.var() == pytest.approx(expected, rel=4 * np.sqrt(2 / count))
    skew = ((noisy - noisy.mean()) ** 3).mean() / noisy.std() ** 3
    assert abs(skew) < 4 * np.sqrt(6 / count)


@pytest.mark.parametrize("level", [0.1, 0.5])
def test_frames_show_that_noise_and_that_of_rounding(level: float) -> None:
    frame = develop(flat(level), Noise(1e-3, 1e-4, 0.0), np.random.default_rng(1), LINEAR).astype(float)
    assert frame.mean() == pytest.approx(255 * level, abs=0.1)
    assert frame.var() == pytest.approx(255**2 * (1e-3 * level + 1e-4) + 1 / 12, rel=0.02)


@pytest.mark.parametrize("response", ["gamma2.2", "srgb"])
def test_read_noise_is_even_after_the_response(response: str) -> None:
    for level in (60, 128, 200):
        light = open_response(response).decode(flat(level / 255))
        frame = develop(light, Noise(0.0, 0.0, 4 / 255), np.random.default_rng(2), open_response(response))
        assert frame.mean() == pytest.approx(level, abs=0.05)
        assert frame.astype(float).std() == pytest.approx(np.hypot(4, 12**-0.5), rel=0.02)


def test_black_and_white_average_in_light() -> None:
    half = np.stack([flat(0.0, 2), flat(1.0, 2)]).mean(axis=0)
    for response, level in (("gamma2.2", 186), ("srgb", 188)):
        frame = develop(half, SILENT.draw(np.random.default_rng(0)), np.random.default_rng(0), open_response(response))
        np.testing.assert_array_equal(frame, level)


def test_what_is_far_past_full_scale_shows_no_noise_and_nothing_wraps() -> None:
    frame = develop(flat(2.0, 50), Noise(1e-2, 1e-3, 0.0), np.random.default_rng(0), GAMMA)
    np.testing.assert_array_equal(frame, 255)
    dark = develop(flat(0.0, 50), Noise(1e-2, 1e-3, 0.1), np.random.default_rng(0), GAMMA)
    assert (dark < 200).all()


def test_no_noise_is_the_response_alone_and_draws_nothing() -> None:
    generator = np.random.default_rng(3)
    np.testing.assert_array_equal(
        develop(picture(), SILENT.draw(generator), generator, GAMMA), GAMMA.to_display(picture())
    )
    assert generator.random() == np.random.default_rng(3).random()


def test_rounding_is_half_up_and_clips() -> None:
    values = np.array([-1.0, 0.5 / 255 - 1e-7, 0.5 / 255 + 1e-7, 1.0, 7.0], np.float32)
    np.testing.assert_array_equal(round_values(values), [0, 0, 1, 255, 255])


def test_one_generator_gives_one_frame_and_another_gives_another() -> None:
    noise = Noise(1e-3, 1e-5, 1 / 255)

    def frame(seed: int) -> Frame:
        return develop(picture(), noise, np.random.default_rng(seed), GAMMA)

    np.testing.assert_array_equal(frame(1), frame(1))
    assert (frame(1) != frame(2)).mean() > 0.5


def test_variances_are_drawn_together_within_their_ranges() -> None:
    settings = SensorSettings(shot_range=(1e-3, 1e-2), dark_range=(1e-5, 1e-3))
    generator = np.random.default_rng(0)
    drawn = np.log([(noise.shot, noise.dark) for noise in (settings.draw(generator) for _ in range(3000))])
    assert drawn[:, 0].min() >= np.log(1e-3)
    assert drawn[:, 0].max() <= np.log(1e-2)
    assert drawn[:, 1].min() >= np.log(1e-5) - 1e-9
    assert drawn[:, 1].max() <= np.log(1e-3) + 1e-9
    assert drawn[:, 0].mean() == pytest.approx(np.log(10**-2.5), abs=0.05)  # even on a logarithmic scale
    assert drawn[:, 0].std() == pytest.approx(np.log(10) / np.sqrt(12), rel=0.05)
    slope, start = np.polyfit(drawn[:, 0], drawn[:, 1], 1)
    assert slope == pytest.approx(2.0, abs=0.1)  # as the square of the gain
    assert (drawn[:, 1] - slope * drawn[:, 0] - start).std() == pytest.approx(0.26, abs=0.05)


def test_one_range_alone_leaves_the_other_variance_fixed() -> None:
    noise = SensorSettings(shot_range=(1e-3, 1e-2), dark=5e-4).draw(np.random.default_rng(0))
    assert noise.dark == 5e-4
    assert 1e-3 <= noise.shot <= 1e-2


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"shot_range": (1e-2, 1e-3)}, r"^a\.toml: shot_range must rise, found 0\.01 before 0\.001$"),
        ({"dark_range": (0.0, 1e-3)}, r"'dark_range', entry 1: Input should be greater than 0 \(found 0"),
        ({"shot": -1.0}, "'shot': Input should be greater than or equal to 0"),
        ({"shoot": 1.0}, r"unknown key 'shoot' \(known: dark, dark_range, read, shot, shot_range\)"),
    ],
)
def test_wrong_values_are_answered(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        check("a.toml", values, SensorSettings)


def developer(seed: int = 0, **parts: object) -> Developer:
    return Developer(GAMMA, np.random.default_rng(seed), **{"sensor": SensorSettings(), **parts})  # type: ignore[arg-type]


def test_a_developer_without_options_is_the_sensor_alone() -> None:
    generator = np.random.default_rng(0)
    made = developer()
    for _ in range(2):
        expected = develop(picture(), Noise(0.0, 0.0, 1 / 255), generator, GAMMA)
        np.testing.assert_array_equal(made.frame(picture()), expected)
    frames = [np.zeros((2, 2, 3), np.uint8)]
    assert list(made.clip(frames, fps=30.0)) == frames
    assert made.drawn() == {"response": "gamma2.2", "noise_shot": 0.0, "noise_dark": 0.0, "noise_read": 1 / 255}


def test_truth_gets_no_noise_no_sharpening_and_no_codec() -> None:
    made = developer(sensor=SensorSettings(shot=1e-2), isp=IspSettings(), codec=CodecSettings())
    np.testing.assert_array_equal(made.truth(picture()), GAMMA.to_display(picture()))
    np.testing.assert_array_equal(made.truth(picture() * 3), GAMMA.to_display(np.clip(picture() * 3, 0, 1)))


def test_all_stages_together_are_repeatable_and_say_what_they_drew() -> None:
    parts = {"sensor": SensorSettings(shot_range=(1e-3, 1e-2)), "isp": IspSettings(), "codec": CodecSettings()}

    def clip(seed: int) -> tuple[list[Frame], dict[str, float | str]]:
        made = developer(seed, **parts)
        return list(made.clip((made.frame(picture()) for _ in range(3)), fps=30.0)), made.drawn()

    (one, drawn), (two, again), (other, values) = clip(0), clip(0), clip(1)
    np.testing.assert_array_equal(one, two)
    assert drawn == again != values
    assert (np.stack(one) != np.stack(other)).any()
    assert {"noise_shot", "red_gain", "blue_gain", "sharpen", "codec", "crf"} <= set(drawn)
