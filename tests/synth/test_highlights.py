import numpy as np
import pytest

from hvdbench.catalog import resolve
from hvdbench.errors import RecipeError
from hvdbench.recipe import check
from hvdbench.response import open_response
from hvdbench.sources.scene import Layer, Scene, SourceOptions
from hvdbench.synth.development.highlights import BrightScene, HighlightSettings, expand_highlights

RESPONSE = open_response("gamma2.2")


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((20, 30, 3), np.float32)


def test_full_scale_gets_the_whole_gain_and_the_knee_none() -> None:
    light = np.array([[[0.0, 0.3, 0.8], [0.9, 1.0, 0.8]]], np.float32)
    found = expand_highlights(light, 3.0, 0.8)
    half = (0.9 - 0.8) / 0.2  # smoothstep of a half is a half
    assert half == pytest.approx(0.5)
    np.testing.assert_allclose(found, [[[0.0, 0.3, 0.8], [0.9 * 2.5, 4.0, 0.8]]], rtol=1e-5)


def test_the_rise_is_smooth_at_the_knee_and_never_falls() -> None:
    x = np.linspace(0.7, 1.0, 3001, dtype=np.float32)
    light = np.repeat(x[None, :, None], 3, axis=2)
    found = expand_highlights(light, 5.0, 0.8)[0, :, 0].astype(float)
    slope = np.diff(found) / np.diff(x)
    assert (slope > 0.9).all()
    at_knee = int(np.searchsorted(x, 0.8))
    assert slope[at_knee] == pytest.approx(1.0, abs=0.1)
    assert slope[at_knee + 1] == pytest.approx(1.0, abs=0.1)


def test_a_highlight_that_does_not_move_is_unchanged_once_clipped() -> None:
    light = np.where(picture() > 0.7, np.float32(1.0), np.float32(0.85) * picture(1))
    expanded = expand_highlights(light, 4.0, 0.9)
    assert expanded.max() == pytest.approx(5.0)
    np.testing.assert_array_equal(RESPONSE.to_display(expanded), RESPONSE.to_display(light))


def test_a_moving_lamp_streaks_where_paper_fades() -> None:
    # A lamp that covers a pixel for a quarter of the exposure: 4 + 1 times full scale saturates it all the same.
    lamp = np.zeros((4, 1, 1, 3), np.float32)
    lamp[0] = 1.0
    faded = RESPONSE.to_display(lamp.mean(axis=0))
    streak = RESPONSE.to_display(np.stack([expand_highlights(one, 4.0) for one in lamp]).mean(axis=0))
    assert faded.max() == round(255 * 0.25 ** (1 / 2.2))
    assert streak.min() == 255


def test_colours_of_a_covered_texture_are_those_of_the_uncovered_one() -> None:
    opaque = picture()
    cover = np.random.default_rng(2).random((20, 30, 1), np.float32)
    cover[:5] = 0.0
    layer = np.concatenate([opaque * cover, cover], axis=2)
    found = expand_highlights(layer, 2.0, 0.6)
    np.testing.assert_allclose(found[..., :3], expand_highlights(opaque, 2.0, 0.6) * cover, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found[..., 3:], cover)


def test_the_input_is_left_alone_and_dark_pictures_cost_nothing() -> None:
    light = picture()
    before = light.copy()
    expand_highlights(light, 2.0, 0.5)
    np.testing.assert_array_equal(light, before)
    dark = np.float32(0.5) * light
    assert expand_highlights(dark, 2.0, 0.9) is dark
    assert expand_highlights(light, 0.0, 0.1) is light


def sample_scene() -> Scene:
    scenes: list[Scene] = list(resolve("source", "sample")(SourceOptions(size=(96, 72), names=("cup",))).scenes())
    return scenes[0]


def test_a_bright_scene_is_the_scene_but_for_its_highlights() -> None:
    scene = sample_scene()
    bright = BrightScene(scene, gain=2.0, knee=0.5)
    for name in ("name", "split", "kind", "size", "focal_px", "duration_s", "licence", "provenance"):
        assert getattr(bright, name) == getattr(scene, name)
    assert (bright.key_times(0.0, 0.1) is None) == (scene.key_times(0.0, 0.1) is None)
    for mine, theirs in zip(bright.layers(0.05), scene.layers(0.05), strict=True):
        np.testing.assert_array_equal(mine.texture, expand_highlights(theirs.texture, 2.0, 0.5))
        assert (mine.offset_px, mine.is_object, mine.sampling) == (theirs.offset_px, theirs.is_object, theirs.sampling)
        np.testing.assert_array_equal(mine.K, theirs.K)


def test_a_bright_scene_expands_a_texture_once_and_forgets_old_ones() -> None:
    class Flicker:
        made = 0

        def layers(self, t_s: float) -> tuple[Layer, ...]:
            self.made += 1
            return (Layer(np.full((4, 4, 3), 1.0, np.float32), np.eye(3)),)

    scene = sample_scene()
    held = BrightScene(scene, gain=2.0, knee=0.1)
    first, again = held.layers(0.0)[0], held.layers(0.0)[0]
    assert first.texture is again.texture
    flickering = BrightScene(Flicker(), 2.0, 0.5)  # type: ignore[arg-type]
    for _ in range(50):
        np.testing.assert_allclose(flickering.layers(0.0)[0].texture, 3.0)
    assert len(flickering._kept) <= 16


def test_gains_are_drawn_evenly_from_their_range() -> None:
    generator = np.random.default_rng(0)
    drawn = [HighlightSettings().draw_gain(generator) for _ in range(2000)]
    assert 0.25 <= min(drawn) < 0.3
    assert 4.9 < max(drawn) <= 5.0
    assert np.mean(drawn) == pytest.approx(2.625, abs=0.1)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"gain": (3.0, 1.0)}, "gain must rise, found 3 before 1"),
        ({"gain": (-1.0, 1.0)}, r"'gain', entry 1: Input should be greater than or equal to 0 \(found -1"),
        ({"knee": 1.0}, "'knee': Input should be less than 1"),
        ({"kne": 1.0}, "unknown key 'kne'"),
    ],
)
def test_wrong_values_are_answered(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        check("a.toml", values, HighlightSettings)
