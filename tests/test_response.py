import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hvdbench.errors import InputError, RecipeError
from hvdbench.frames import to_display, to_linear
from hvdbench.response import Response, gamma_response, open_response

LEVELS = np.arange(256, dtype=np.uint8)
NAMES = ("gamma2.2", "gamma1", "gamma2.4", "gamma0.45", "srgb", "linear", "curve.csv")


def curve(folder: Path) -> Path:
    """A film-like curve in 23 points: a toe, a straight part and a soft shoulder."""
    light = np.linspace(0.0, 4.0, 23) ** 1.7
    value = light**0.6 / (light**0.6 + 0.8)
    rows = [f"{255 * v / value[-1]:.9f},{x:.9f}" for v, x in zip(value, light, strict=True)]
    path = folder / "curve.csv"
    path.write_text("\n".join(["value,light", *rows[:-1], f"255,{light[-1]:.9f}"]))
    return path


def opened(name: str, folder: Path) -> Response:
    return open_response(str(curve(folder)) if name == "curve.csv" else name)


def by_formula(name: str, light: NDArray[np.float32], folder: Path) -> NDArray[np.float64]:
    """The value in float64, before rounding, times 255."""
    x = np.clip(light.astype(np.float64), 0.0, 1.0)
    if name == "srgb":
        return 255 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    if name == "curve.csv":
        points = np.loadtxt(curve(folder), delimiter=",", skiprows=1)
        return 255 * np.interp(x, points[:, 1] / points[-1, 1], points[:, 0] / 255)
    return 255 * x ** (1 / (1.0 if name == "linear" else float(name.removeprefix("gamma"))))


@pytest.mark.parametrize("name", NAMES)
def test_levels_are_the_float64_formulas_around_every_boundary(name: str, tmp_path: Path) -> None:
    response = opened(name, tmp_path)
    between = response.decode((np.arange(255) + 0.5) / 255)
    centre = between.astype(np.float32).view(np.int32)[:, None]
    near = (centre + np.arange(-300, 301)).clip(0, 0x3F800000).astype(np.int32).view(np.float32)
    found = response.to_display(near)
    exact = by_formula(name, near, tmp_path)
    tie = np.abs(exact - np.floor(exact) - 0.5) < 1e-11  # beyond float64's own error
    np.testing.assert_array_equal(found[~tie], np.floor(exact + 0.5)[~tie])
    assert tie.mean() < 0.01
    assert (np.diff(found.astype(int), axis=1) >= 0).all()
    np.testing.assert_array_equal(np.ptp(found, axis=1), 1)


@pytest.mark.parametrize("name", NAMES)
def test_levels_are_the_float64_formulas_everywhere(name: str, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    light = np.concatenate([generator.random(200_000), 10.0 ** generator.uniform(-40, 0.2, 200_000), [0.0, 1.0, -3.0]])
    light = light.astype(np.float32)
    found = opened(name, tmp_path).to_display(light)
    np.testing.assert_array_equal(found, np.floor(by_formula(name, light, tmp_path) + 0.5))


@pytest.mark.parametrize("name", NAMES)
def test_every_level_comes_back_from_its_light(name: str, tmp_path: Path) -> None:
    response = opened(name, tmp_path)
    light = response.to_light(LEVELS)
    assert light.dtype == np.float32
    assert (light[0], light[255]) == (0.0, 1.0)
    assert (np.diff(light) > 0).all()
    np.testing.assert_array_equal(response.to_display(light), LEVELS)


@pytest.mark.parametrize(("name", "level"), [("gamma2.2", 186), ("srgb", 188), ("linear", 128)])
def test_black_and_white_meet_at_the_responses_own_gray(name: str, level: int) -> None:
    response = open_response(name)
    light = response.to_light(np.array([0, 255], np.uint8)).mean(dtype=np.float32)
    assert response.to_display(np.array([light]))[0] == level  # 127.5 rounds up


def test_shapes_and_strides_are_kept() -> None:
    response = open_response("srgb")
    frame = np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)[::-1, ::2]
    light = response.to_light(frame)
    assert light.shape == frame.shape
    np.testing.assert_array_equal(response.to_display(light[:, :, ::-1]), frame[:, :, ::-1])
    for shape in ((), (0, 4, 3)):
        assert response.to_light(np.zeros(shape, np.uint8)).shape == shape
        assert response.to_display(np.zeros(shape, np.float32)).shape == shape


def test_light_outside_the_range_is_clipped() -> None:
    outside = np.array([-np.inf, -1.0, -0.0, 1.0, 1.5, np.inf], np.float32)
    np.testing.assert_array_equal(open_response("gamma2.2").to_display(outside), [0, 0, 0, 255, 255, 255])
    np.testing.assert_array_equal(open_response("gamma2.2").encode(outside), [0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_the_float_versions_undo_each_other_in_their_own_precision(name: str, dtype: type, tmp_path: Path) -> None:
    response = opened(name, tmp_path)
    values = np.linspace(0, 1, 1001, dtype=dtype)
    light = response.decode(values)
    assert light.dtype == response.encode(light).dtype == dtype
    np.testing.assert_allclose(response.encode(light), values, atol=3e-6 if dtype is np.float32 else 2e-7)


def test_srgb_is_the_standards_to_its_own_rounding() -> None:
    # IEC 61966-2-1: half of full scale is 0.21404 of the light; the straight part has slope 1/12.92.
    assert open_response("srgb").decode(np.array([0.5]))[0] == pytest.approx(0.2140411, abs=1e-7)
    assert open_response("srgb").decode(np.array([0.02]))[0] == pytest.approx(0.02 / 12.92, rel=1e-12)


def test_frames_use_the_same_gamma() -> None:
    np.testing.assert_array_equal(to_linear(LEVELS, 1.9), open_response("gamma1.9").to_light(LEVELS))
    np.testing.assert_array_equal(to_display(to_linear(LEVELS, 1.9), 1.9), LEVELS)


def test_responses_are_equal_by_name_and_travel_between_processes(tmp_path: Path) -> None:
    made = {opened(name, tmp_path) for name in NAMES} | {open_response("gamma2.20"), open_response("gamma2.2")}
    assert len(made) == len(NAMES)
    for response in made:
        data = pickle.dumps(response)
        assert len(data) < 2000
        copy = pickle.loads(data)
        assert (copy, hash(copy)) == (response, hash(response))
        light = np.linspace(0, 1, 999, dtype=np.float32)
        np.testing.assert_array_equal(copy.to_display(light), response.to_display(light))


def test_a_measured_response_may_have_any_scale_and_other_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("value,light\n0,0\n51,100\n255,1000\n")
    (tmp_path / "b.csv").write_text("Light, note ,VALUE\n0,x,0\n0.4,y,.2\n\n4,z,1\n")
    one, two = (open_response(str(tmp_path / name)) for name in ("a.csv", "b.csv"))
    assert one.to_light(np.array([51], np.uint8))[0] == pytest.approx(0.1)
    assert one.decode(np.array([0.6]))[0] == pytest.approx(0.55)
    assert one.name.startswith("a.csv#")
    assert one.name.removeprefix("a.csv#") == two.name.removeprefix("b.csv#")  # the digest is the curve's alone


def test_a_curve_that_jumps_between_two_levels_keeps_them_apart(tmp_path: Path) -> None:
    path = tmp_path / "steep.csv"
    path.write_text("value,light\n0,0\n100,0.5\n150,0.51\n255,1\n")  # 50 levels within 2 % of the light
    response = open_response(str(path))
    np.testing.assert_array_equal(response.to_display(response.to_light(LEVELS)), LEVELS)
    path.write_text("value,light\n0,0\n100,0.5\n150,0.500001\n255,1\n")
    with pytest.raises(InputError, match=r"steep\.csv.*: two levels .* within 1/16384 of their light"):
        open_response(str(path))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("srbg", "no camera response named 'srbg'; did you mean 'srgb'"),
        ("gamma", "did you mean 'gamma2.2'.*path of a .csv"),
        ("gamma-2", "no camera response named"),
        ("gamma50", "a gamma of 50 is not that of a camera: name one from 0.1 to 10"),
        ("", "no camera response named ''"),
    ],
)
def test_a_wrong_name_is_answered(name: str, sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        open_response(name)


def test_a_gamma_that_is_no_number_is_answered() -> None:
    with pytest.raises(RecipeError, match="a gamma of nan"):
        gamma_response(float("nan"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "its first line is '', expected value,light"),
        ("value;light\n0;0\n255;1\n", "its first line is 'value;light'"),
        ("value,light\n255,1\n", "of 1 rows is too short"),
        ("value,light\n0,0\nhalf,0.2\n255,1\n", "is not two numbers .*'half'"),
        ("value,light\n0,0\n128\n255,1\n", "is not two numbers"),
        ("value,light\n0,0\n128,nan\n255,1\n", "is not finite"),
        ("value,light\n0,0\n128,0.5\n200,0.4\n255,1\n", r"light must rise .* found 0\.4 after 0\.5 \(data row 3\)"),
        ("value,light\n0,0\n128,0.5\n128,0.6\n255,1\n", "value must rise .* found 128 after 128"),
        ("value,light\n0,0\n200,1\n", "value must run from 0 to 255 or from 0 to 1, found 0 to 200"),
        ("value,light\n0,-1\n255,1\n", "light must not be negative, found -1"),
    ],
)
def test_a_file_that_is_no_response_is_answered(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"mine\.csv: .*{sentence}"):
        open_response(str(path))


def test_a_missing_file_is_answered(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv cannot be read as a camera response: .*No such file"):
        open_response(str(tmp_path / "nowhere.csv"))
