from dataclasses import replace

import cv2
import numpy as np
import pytest

from hvdbench.errors import RecipeError
from hvdbench.recipe import check
from hvdbench.response import open_response
from hvdbench.synth.development.isp import Isp, IspSettings, demosaic, mix_colours, mosaic
from hvdbench.synth.development.sensor import Noise

GAMMA = open_response("gamma2.2")
SILENT = Noise(0.0, 0.0, 0.0)
PLAIN = Isp(2.0, 1.6, np.eye(3), sharpen=0.0, sharpen_radius_px=1.0, denoise=0.0)


def drawn(seed: int, **changes: object) -> Isp:
    return replace(IspSettings().draw(np.random.default_rng(seed)), **{"sharpen": 0.0, **changes})  # type: ignore[arg-type]


def smooth_picture(sigma_px: float = 6.0) -> np.ndarray:
    """Colours that change over some pixels, from black to full scale: uint8 (90, 120, 3)."""
    noise = np.random.default_rng(0).standard_normal((90, 120, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma_px)
    return np.rint(255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b.astype(float)) ** 2)))


def develop(isp: Isp, frame: np.ndarray, noise: Noise = SILENT, seed: int = 0) -> np.ndarray:
    return isp.develop(GAMMA.to_light(frame), noise, np.random.default_rng(seed), GAMMA)


@pytest.mark.parametrize("size", [(8, 10), (9, 11)])
def test_measured_colours_survive_demosaicing_exactly(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).random((*size, 3), np.float32)
    found = demosaic(mosaic(picture))
    assert found.shape == picture.shape
    for channel, sites in ((0, (0, 0)), (1, (0, 1)), (1, (1, 0)), (2, (1, 1))):
        place = (slice(sites[0], None, 2), slice(sites[1], None, 2), channel)
        np.testing.assert_allclose(found[place], picture[place], atol=1e-6)


def test_planes_of_three_slopes_come_back_whole() -> None:
    y, x = np.mgrid[:20, :24].astype(np.float32)
    picture = np.dstack([0.1 + 0.02 * x, 0.6 - 0.01 * x + 0.015 * y, 0.9 - 0.03 * y])
    np.testing.assert_allclose(demosaic(mosaic(picture))[2:-2, 2:-2], picture[2:-2, 2:-2], atol=1e-6)


def test_filters_are_those_of_the_paper() -> None:
    # Figure 2, times 8: what one lit green site gives to itself and to its neighbours.
    raw = np.zeros((13, 13), np.float32)
    raw[6, 5] = 8.0  # green on a row of reds
    found = demosaic(raw)
    np.testing.assert_allclose(found[6, 5], [5, 8, 5], atol=1e-6)
    np.testing.assert_allclose(found[6, [4, 6], 1], [2, 2], atol=1e-6)
    np.testing.assert_allclose(found[6, [3, 7], 0], [-1, -1], atol=1e-6)  # along the row of reds
    np.testing.assert_allclose(found[[4, 8], 5, 0], [0.5, 0.5], atol=1e-6)
    np.testing.assert_allclose(found[5, [4, 6]], [[-1, 0, -1]] * 2, atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_a_smooth_picture_comes_back(seed: int) -> None:
    picture = smooth_picture()
    assert psnr(develop(drawn(seed), picture), picture) > 45.0


@pytest.mark.parametrize("seed", range(3))
def test_every_gray_stays_itself_without_a_tint(seed: int) -> None:
    steps = np.repeat(np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16), 8, axis=0), 8, axis=1)
    found = develop(drawn(seed), np.dstack([steps] * 3))
    for level in range(256):
        y, x = divmod(level, 16)
        np.testing.assert_array_equal(found[8 * y + 3 : 8 * y + 5, 8 * x + 3 : 8 * x + 5], level)


def test_saturated_colours_come_back_too() -> None:
    for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (10, 200, 30)):
        flat = np.full((16, 16, 3), colour, np.uint8)
        np.testing.assert_allclose(develop(drawn(1), flat).astype(int), flat, atol=1)


def test_highlights_stay_white_under_any_noise() -> None:
    for light in (1.0, 3.0):
        flat = np.full((32, 32, 3), light, np.float32)
        frame = drawn(2).develop(flat, Noise(1e-2, 1e-3, 0.0), np.random.default_rng(0), GAMMA)
        np.testing.assert_array_equal(frame, 255)


def test_noise_in_raw_has_the_formulas_variance_after_white_balance() -> None:
    light = np.full((400, 400, 3), (0.3, 0.4, 0.2), np.float32)
    raw = PLAIN.to_raw(light)
    np.testing.assert_allclose(raw[:2, :2], [[0.15, 0.4], [0.4, 0.125]], rtol=1e-6)
    noise = Noise(shot=2e-3, dark=1e-4, read=0.0)
    found = PLAIN.from_raw(noise.add_to_light(raw, np.random.default_rng(0))).astype(float)
    for sites, channel, gain in (((0, 0), 0, 2.0), ((0, 1), 1, 1.0), ((1, 0), 1, 1.0), ((1, 1), 2, 1.6)):
        measured = found[sites[0] :: 2, sites[1] :: 2, channel]
        level = float(light[0, 0, channel])
        assert measured.mean() == pytest.approx(level, abs=4e-4)
        assert measured.var() == pytest.approx(gain**2 * (2e-3 * level / gain + 1e-4), rel=0.03)


def test_demosaicing_spreads_noise_over_neighbours_and_colours() -> None:
    flat = np.full((200, 200, 3), 120, np.uint8)
    found = develop(drawn(3), flat, Noise(2e-3, 1e-4, 0.0)).astype(float) - 120
    assert np.corrcoef(found[:, 1:, 0].ravel(), found[:, :-1, 0].ravel())[0, 1] > 0.2
    assert found.std() > 3


def test_sharpening_overshoots_edges_by_the_unsharp_formula() -> None:
    flat = np.full((32, 64, 3), 100, np.uint8)
    flat[:, 32:] = 180
    sharp = develop(drawn(0, sharpen=0.5), flat).astype(float)
    plain = develop(drawn(0), flat).astype(float)
    expected = plain + 0.5 * (plain - cv2.GaussianBlur(plain, (0, 0), 1.0, borderType=cv2.BORDER_REFLECT_101))
    np.testing.assert_allclose(sharp, expected, atol=1.5)
    assert sharp.max() > 190
    assert sharp.min() < 90


def test_denoising_evens_noise_out_and_leaves_edges() -> None:
    flat = np.full((64, 64, 3), 60, np.uint8)
    flat[:, 32:] = 200
    noise = Noise(5e-4, 1e-5, 0.0)
    noisy, clean = (develop(drawn(0, denoise=share), flat, noise).astype(float) for share in (0.0, 0.15))
    assert clean[:, :24].std() < 0.6 * noisy[:, :24].std()
    assert clean[:, 34].mean() - clean[:, 29].mean() > 130


def test_a_seed_gives_one_camera_and_one_frame() -> None:
    picture = smooth_picture()
    noise = Noise(1e-3, 1e-5, 1 / 255)
    np.testing.assert_array_equal(develop(drawn(4), picture, noise, 5), develop(drawn(4), picture, noise, 5))
    assert (develop(drawn(4), picture, noise, 5) != develop(drawn(4), picture, noise, 6)).any()
    assert (drawn(4).rgb_to_camera != drawn(5).rgb_to_camera).any()


def test_draws_stay_in_their_ranges_and_keep_white_white() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        isp = IspSettings().draw(generator)
        assert 1.9 <= isp.red_gain <= 2.4
        assert 1.5 <= isp.blue_gain <= 1.9
        assert 0.3 <= isp.sharpen <= 0.8
        np.testing.assert_allclose(isp.rgb_to_camera.sum(axis=1), 1.0, atol=1e-12)
        assert np.linalg.cond(isp.rgb_to_camera) < 10


def test_one_camera_alone_is_its_published_matrix() -> None:
    # The phone's row for green, by hand: (-0.4782, 1.3016, 0.1933) times sRGB to XYZ is (0.0833, 0.7829, 0.1913).
    matrix = mix_colours(np.array([0.0, 0.0, 0.0, 1.0]))
    np.testing.assert_allclose(matrix[1], np.array([0.0833, 0.7829, 0.1913]) / 1.0575, atol=2e-4)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"red_gain": (2.4, 1.9)}, "red_gain must rise, found 2.4 before 1.9"),
        ({"blue_gain": (0.5, 1.9)}, "'blue_gain', entry 1: Input should be greater than or equal to 1"),
        ({"sharpen": (-0.1, 0.5)}, "'sharpen', entry 1: Input should be greater than or equal to 0"),
        ({"sharpen_radius_px": 0.0}, "'sharpen_radius_px': Input should be greater than 0"),
        ({"sharpening": 1}, "unknown key 'sharpening'"),
    ],
)
def test_wrong_values_are_answered(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        check("a.toml", values, IspSettings)
