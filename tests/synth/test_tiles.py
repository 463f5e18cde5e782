"""Averaging along a motion against closed forms and a float64 reference of its own."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hvdbench.synth.exposure.tiles import Kernel, average_along, grid_of

SIZE = (150, 90)
Array = NDArray[np.float64]


def scene(width: int = 200, height: int = 130, seed: int = 0) -> NDArray[np.float32]:
    coarse = np.random.default_rng(seed).uniform(0.05, 0.9, (height // 4, width // 4, 3)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def similarity(scale: float, angle: float, x: float, y: float) -> Array:
    """About the frame's centre; to the texture, whose margin is 25 and 20 px."""
    about = np.array([(SIZE[0] - 1) / 2, (SIZE[1] - 1) / 2])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([turn, about - turn @ about + np.array([25.0 + x, 20.0 + y])])


def places_of(maps: list[Array], size: tuple[int, int] = SIZE, tile: tuple[int, int] = (32, 16)) -> Array:
    nodes = grid_of(size, tile)[1]
    return np.stack([nodes @ H[:, :2].T + H[:, 2] for H in maps])


def reflect(index: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    index = np.abs(index) % (2 * size - 2)
    return np.where(index < size, index, 2 * size - 2 - index)


def keys(x: Array, a: float = -0.75) -> Array:
    x = np.abs(x)
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def reference(texture: NDArray[np.float32], maps: list[Array], weights: Array, kernel: Kernel, step: int = 1) -> Array:
    """Sample every ``step``-th row in float64; weights (N,), or (N, H) of the rows."""
    x, y = np.meshgrid(np.arange(SIZE[0], dtype=float), np.arange(0, SIZE[1], step, dtype=float))
    total = np.zeros((*x.shape, 3))
    weights = weights[:, None, None, None] if weights.ndim == 1 else weights[:, ::step, None, None]
    reach = (-1, 3) if kernel == "cubic" else (0, 2)
    for H, weight in zip(maps, weights, strict=True):
        u, v = (H[row, 0] * x + H[row, 1] * y + H[row, 2] for row in (0, 1))
        for j in range(*reach):
            for i in range(*reach):
                column, row = np.floor(u) + i, np.floor(v) + j
                if kernel == "cubic":
                    share = keys(u - column) * keys(v - row)
                else:
                    share = np.clip(1 - np.abs(u - column), 0, 1) * np.clip(1 - np.abs(v - row), 0, 1)
                rows = reflect(row.astype(np.int64), texture.shape[0])
                columns = reflect(column.astype(np.int64), texture.shape[1])
                total += weight * share[..., None] * texture[rows, columns]
    return total


def test_the_grid_reaches_past_the_last_pixel() -> None:
    for size in ((1280, 720), (33, 17), (32, 16), (1, 1)):
        (GX, GY), nodes = grid_of(size, (32, 16))
        assert nodes.shape == (GY, GX, 2)
        assert (nodes[-1, -1] >= np.array(size) - 1).all()
        np.testing.assert_array_equal(nodes[1, 1], [32, 16])


@pytest.mark.parametrize("kernel", ["linear", "cubic"])
def test_an_unmoved_texture_comes_back_exactly(kernel: Kernel) -> None:
    texture = scene()
    result = average_along(texture, places_of([similarity(1, 0, 3, -2)] * 4), np.full(4, 0.25), SIZE, kernel=kernel)
    np.testing.assert_array_equal(result, texture[18:108, 28:178])


def test_one_sub_frame_equals_opencvs_bicubic_warp() -> None:
    H = similarity(1, 0.01, 2.25, -1.5)
    result = average_along(scene(), places_of([H]), np.ones(1), SIZE)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    np.testing.assert_allclose(result, cv2.warpAffine(scene(), H, SIZE, flags=flags), atol=0.01)  # OpenCV: 1/32 px


def test_an_even_yaw_gives_a_box() -> None:
    line = np.zeros((130, 200, 3), np.float32)
    line[:, 100] = 1
    maps = [similarity(1, 0, x, 0) for x in np.arange(-4.0, 5.0)]
    result = average_along(line, places_of(maps), np.full(9, 1 / 9), SIZE, kernel="linear")
    box = np.zeros((90, 150, 3))
    box[:, 71:80] = 1 / 9
    np.testing.assert_allclose(result, box, atol=1e-6)


MOTIONS = {
    "a short shake": [similarity(1, 0, 3 * t, 2 * t * t) for t in np.linspace(-1, 1, 16)],
    "strong roll": [similarity(1, 0.06 * t, 4 * t, t) for t in np.linspace(-1, 1, 24)],
    "a roll held all along": [similarity(1, 0.3, 4 * t, t) for t in np.linspace(-1, 1, 8)],
    "a step forward": [similarity(1.03 + 0.01 * t, 0.002 * t, 2 * t, -3 * t) for t in np.linspace(-1, 1, 16)],
    "a step back": [similarity(0.97, 0, 2 * t, -3 * t) for t in np.linspace(-1, 1, 16)],
    "100 px of travel": [similarity(1, 0.01 * t, 50 * t, 20 * np.sin(3 * t)) for t in np.linspace(-1, 1, 130)],
}


@pytest.mark.parametrize("kernel", ["linear", "cubic"])
@pytest.mark.parametrize("motion", MOTIONS)
def test_it_agrees_with_a_float64_reference(motion: str, kernel: Kernel) -> None:
    maps = MOTIONS[motion]
    weights = np.full(len(maps), 1 / len(maps))
    found = average_along(scene(), places_of(maps), weights, SIZE, kernel=kernel)
    error = np.abs(found[::7] - reference(scene(), maps, weights, kernel, step=7))
    assert error.mean() < 4e-4  # a tenth of an 8-bit level
    assert error.max() < 4e-3  # one


@pytest.mark.parametrize("kernel", ["linear", "cubic"])
def test_few_sub_frames_far_from_a_translation_are_sampled_one_by_one(kernel: Kernel) -> None:
    maps = [similarity(1.02, 0.1, 0.3, 0.4), similarity(1.02, 0.12, 2.3, 0.4)]
    result = average_along(scene(), places_of(maps), np.array([0.3, 0.7]), SIZE, kernel=kernel)
    np.testing.assert_allclose(result, reference(scene(), maps, np.array([0.3, 0.7]), kernel), atol=2e-6)


@pytest.mark.parametrize("kernel", ["linear", "cubic"])
def test_a_single_sub_frame_is_exact_wherever_it_looks(kernel: Kernel) -> None:
    for H in (similarity(1.02, 0.1, 0.3, 0.4), similarity(1, 0.4, -40.3, 33.4), similarity(0.97, 0, 60.5, 0)):
        result = average_along(scene(), places_of([H]), np.ones(1), SIZE, kernel=kernel)
        np.testing.assert_allclose(result[::5], reference(scene(), [H], np.ones(1), kernel, step=5), atol=2e-6)


@pytest.mark.parametrize("motion", ["a short shake", "strong roll"])
def test_weights_may_change_from_row_to_row(motion: str) -> None:
    # A source picture's share in a rolling shutter: none above, each sub-frame later than the one before.
    maps, nodes = MOTIONS[motion], grid_of(SIZE)[1][:, 0, 1]
    late = np.arange(len(maps))[:, None] / len(maps)
    weights = np.clip(nodes / 40 - 0.5 - late, 0, 1) / len(maps)
    by_row = np.array([np.interp(np.arange(SIZE[1]), nodes, each) for each in weights])
    result = average_along(scene(), places_of(maps), weights, SIZE)
    error = np.abs(result[::3] - reference(scene(), maps, by_row, "cubic", step=3))
    assert error.mean() < 4e-4
    assert error.max() < 4e-3
    np.testing.assert_array_equal(result[:16], 0)
    constant = average_along(scene(), places_of(maps), np.full((len(maps), len(nodes)), 0.1), SIZE)
    np.testing.assert_array_equal(constant, average_along(scene(), places_of(maps), np.full(len(maps), 0.1), SIZE))


def test_weights_are_used_as_they_are_and_add_up() -> None:
    places = places_of(MOTIONS["a short shake"])
    one, other = np.random.default_rng(1).uniform(0, 1, (2, 16))
    both = average_along(scene(), places, one + other, SIZE)
    apart = average_along(scene(), places, one, SIZE) + average_along(scene(), places, other, SIZE)
    np.testing.assert_allclose(both, apart, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kernel", ["linear", "cubic"])
def test_past_its_border_the_texture_is_mirrored_as_opencv_does(kernel: Kernel) -> None:
    mirrored = cv2.copyMakeBorder(scene(), 90, 90, 90, 90, cv2.BORDER_REFLECT_101)
    maps = [similarity(1, 0, x - 60, x + 55) for x in (0.0, 0.25, 0.5, 0.75)]
    inner = average_along(scene(), places_of(maps), np.full(4, 0.25), SIZE, kernel=kernel)
    outer = average_along(mirrored, places_of(maps) + 90, np.full(4, 0.25), SIZE, kernel=kernel)
    np.testing.assert_allclose(inner, outer, atol=1e-6)


def test_a_place_far_outside_is_still_mirrored() -> None:
    maps = [similarity(1, 0.0, -1234.5, 5678.25)]
    result = average_along(scene(), places_of(maps), np.ones(1), SIZE)
    np.testing.assert_allclose(result, reference(scene(), maps, np.ones(1), "cubic"), atol=1e-5)


def test_the_same_call_gives_the_same_bytes() -> None:
    maps = MOTIONS["strong roll"]
    results = [average_along(scene(), places_of(maps), np.full(24, 1 / 24), SIZE).tobytes() for _ in range(2)]
    assert results[0] == results[1]


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (33, 17), (47, 31), (64, 48)])
@pytest.mark.parametrize("tile", [(32, 16), (16, 8), (64, 40)])
def test_any_size_of_frame_and_tile_gives_the_same_picture(size: tuple[int, int], tile: tuple[int, int]) -> None:
    maps = MOTIONS["a short shake"]
    whole = average_along(scene(), places_of(maps), np.full(16, 1 / 16), SIZE)
    part = average_along(scene(), places_of(maps, size, tile), np.full(16, 1 / 16), size, tile=tile)
    np.testing.assert_allclose(part, whole[: size[1], : size[0]], atol=1e-6)


def test_what_does_not_fit_is_refused() -> None:
    places = places_of([similarity(1, 0, 0, 0)])
    with pytest.raises(ValueError, match="multiple of 16"):
        average_along(scene(), places, np.ones(1), SIZE, tile=(20, 16))
    with pytest.raises(ValueError, match="weights must be"):
        average_along(scene(), places, np.ones((1, 2)), SIZE)
    with pytest.raises(ValueError, match="2 weights"):
        average_along(scene(), places, np.ones(2), SIZE)
    with pytest.raises(ValueError, match="finite"):
        average_along(scene(), places * np.nan, np.ones(1), SIZE)
    with pytest.raises(ValueError, match="texture"):
        average_along(scene()[..., 0], places, np.ones(1), SIZE)


def test_it_works_where_no_cache_can_be_written(tmp_path) -> None:
    package = tmp_path / "made.py"
    package.write_text(
        "import numpy as np\nfrom numba.core import caching\n"
        "caching.CacheImpl._locator_classes = []\n"
        "from hvdbench.synth.exposure.tile_kernel import _reflect\nassert _reflect(-2, 9) == 2\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", str(package)], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
