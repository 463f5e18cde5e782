"""Averaged frames against the mean in float64: every light, windows of 7, 11 and 13, and three published traps."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from hvdbench.cli.main import cli
from hvdbench.errors import DatasetError, InputError, RecipeError
from hvdbench.frames import to_gray, write_frame
from hvdbench.recipe import check, digest_of, load_recipe
from hvdbench.response import open_response
from hvdbench.sources.interpolation import between, estimate_pair
from hvdbench.store import ClipFolder, Dataset
from hvdbench.synth.goproshake import open_scenes, synthesise
from hvdbench.synth.settings import DatasetSettings
from hvdbench.workspace.engine import Engine

Film = NDArray[np.uint8]
CLIP = "GOPR0372_07_00"
CURVE = "value,light\n0,0\n64,3\n128,20\n255,100\n"
QUIET = {"title": "means", "source": "gopro", "blur": "average", "noise": {"read": 0.0}}


def film(frames: int, size: tuple[int, int] = (36, 22), seed: int = 0) -> Film:
    """Draw frames of noise, so that a mean of other frames, or of one frame more, is another picture."""
    return np.random.default_rng(seed).integers(0, 256, (frames, size[1], size[0], 3), dtype=np.uint8)


def write_film(folder: Path, frames: Film) -> Path:
    """Write a film as one clip of GOPRO_Large_all, and return the folder of the release."""
    clip = folder / "train" / CLIP
    clip.mkdir(parents=True)
    for index, frame in enumerate(frames):
        write_frame(clip / f"{index + 1:06d}.png", frame)
    return folder


def made(root: Path, out: Path, **values: object) -> ClipFolder:
    settings = check("means.toml", QUIET | values, DatasetSettings)
    scenes = open_scenes(settings, root)
    dataset = synthesise(settings, "means", out, scenes=scenes, trajectories=[], origin="simulated", engine=Engine(1))
    return dataset.clips()[0]


def tracked(clip: ClipFolder, field: str) -> NDArray[np.float64]:
    values = clip.track(field)
    assert values is not None, field
    return np.asarray(values, np.float64)


def light_of(name: str, frames: Film) -> NDArray[np.float64]:
    """Turn levels into light by the published formulas, in float64."""
    values = frames.astype(np.float64) / 255.0
    if name == "linear":
        return values
    if name == "gamma2.2":
        return values**2.2
    if name == "srgb":
        return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return np.interp(frames.astype(np.float64), [0, 64, 128, 255], [0.0, 0.03, 0.2, 1.0])


def levels_of(name: str, light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn light into levels that are not rounded, in float64."""
    if name == "linear":
        return 255.0 * light
    if name == "gamma2.2":
        return 255.0 * light ** (1.0 / 2.2)
    if name == "srgb":
        return 255.0 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1.0 / 2.4) - 0.055)
    return np.interp(light, [0.0, 0.03, 0.2, 1.0], [0.0, 64.0, 128.0, 255.0])


@pytest.mark.parametrize("response", ["linear", "gamma2.2", "srgb", "curve.csv"])
@pytest.mark.parametrize(("window", "stride"), [(7, 7), (11, 5), (13, 13), (4, 3)])
def test_frames_are_the_mean_in_float64_rounded_in_every_light(
    tmp_path: Path, response: str, window: int, stride: int
) -> None:
    frames = film(2 * window + stride)
    if response.endswith(".csv"):
        (tmp_path / response).write_text(CURVE)
    spec = str(tmp_path / response) if response.endswith(".csv") else response
    clip = made(
        write_film(tmp_path / "all", frames),
        tmp_path / "out",
        response=spec,
        average={"window": window, "stride": stride},
    )
    blurry, truth = clip.blurry(), clip.truth("mid")
    count = (len(frames) - window) // stride + 1
    assert blurry.shape == (count, *frames.shape[1:])
    assert truth is not None
    for index in range(count):
        inside = frames[index * stride : index * stride + window]
        exact = levels_of(response, light_of(response, inside).mean(axis=0))
        assert np.abs(blurry[index] - exact).max() <= 0.5 + 1e-4
        assert (truth[index] == inside[window // 2]).all()


@pytest.mark.parametrize("window", [7, 11, 13])
def test_the_mean_of_levels_is_that_of_gopros_release_bit_for_bit(tmp_path: Path, window: int) -> None:
    frames = film(3 * window, seed=window)
    clip = made(
        write_film(tmp_path / "all", frames),
        tmp_path / "out",
        response="linear",
        average={"window": window, "stride": window},
    )
    sums = frames.astype(np.int64).reshape(3, window, *frames.shape[1:]).sum(axis=1)
    assert (clip.blurry() == (2 * sums + window) // (2 * window)).all()  # no tie, since the window is odd


def test_gamma_is_applied_once(tmp_path: Path) -> None:
    frames = film(11, seed=4)
    clip = made(write_film(tmp_path / "all", frames), tmp_path / "out", response="gamma2.2", average={"stride": 11})
    twice = levels_of("gamma2.2", levels_of("gamma2.2", (light_of("gamma2.2", frames) ** 2.2).mean(axis=0)) / 255.0)
    never = frames.astype(np.float64).mean(axis=0)
    blurry = clip.blurry()[0].astype(np.float64)
    assert np.abs(blurry - levels_of("gamma2.2", light_of("gamma2.2", frames).mean(axis=0))).max() < 0.51
    assert np.abs(blurry - twice).max() > 5
    assert np.abs(blurry - never).max() > 5


@pytest.mark.parametrize("window", [7, 11, 13])
def test_the_first_window_begins_at_the_first_frame_and_no_window_is_off_by_one(tmp_path: Path, window: int) -> None:
    # Frame i alone shows pixel i, so a blurry frame names the source frames that are in it.
    count = 3 * window + window - 1
    frames = np.zeros((count, 22, 36, 3), np.uint8)
    frames.reshape(count, -1)[np.arange(count), 3 * np.arange(count)] = 255
    clip = made(
        write_film(tmp_path / "all", frames),
        tmp_path / "out",
        response="linear",
        average={"window": window, "stride": window},
    )
    seen = [np.flatnonzero(frame.reshape(-1, 3)[:, 0]).tolist() for frame in clip.blurry()]
    assert seen == [list(range(first, first + window)) for first in (0, window, 2 * window)]
    assert np.array_equal(tracked(clip, "average/source_frames"), seen)
    assert np.array_equal(tracked(clip, "average/truth_frame"), [window // 2 + index * window for index in range(3)])


def test_the_camera_of_averaged_frames_does_not_move_at_all(tmp_path: Path) -> None:
    clip = made(write_film(tmp_path / "all", film(22)), tmp_path / "out", average={"stride": 11})
    rotation, times, exposure_s = tracked(clip, "pose/rotation_wc"), tracked(clip, "t_s"), tracked(clip, "exposure_s")
    assert np.array_equal(rotation, np.broadcast_to(np.eye(3), (2, 3, 3)))
    for field in ("pose/position_w_m", "lens_shift_px", "exposure/hand_px", "exposure/residual_px", "path/hand_deg"):
        assert not tracked(clip, field).any(), field
    np.testing.assert_allclose(times, [5.5 / 240, 16.5 / 240])
    np.testing.assert_allclose(exposure_s, 11 / 240)
    facts = clip.attributes()
    assert (facts["blur"], facts["hand"], facts["source_fps"]) == ("average", "still", 240.0)
    assert facts["fps"] == pytest.approx(240 / 11)
    assert clip.truth("centroid") is None


def test_interpolated_pictures_lie_between_the_frames_of_a_window(tmp_path: Path) -> None:
    frames = np.stack([np.full((22, 36, 3), level, np.uint8) for level in (10, 30, 90)])
    clip = made(
        write_film(tmp_path / "all", frames),
        tmp_path / "out",
        response="linear",
        average={"window": 3, "stride": 3, "between": 3},
    )
    places = [10, 15, 20, 25, 30, 45, 60, 75, 90]
    assert (clip.blurry()[0] == round(np.mean(places))).all()
    assert tracked(clip, "exposure/sub_frames") == [9]


def test_a_moving_thing_is_interpolated_along_its_motion(tmp_path: Path) -> None:
    wave = np.random.default_rng(2).normal(size=(60, 200))
    ground = np.clip(128 + 40 * np.cumsum(wave, axis=1) / 4, 0, 255)
    views = np.stack([np.repeat(ground[:48, 40 - 4 * i : 104 - 4 * i, None], 3, axis=2) for i in (0, 1)])
    frames = views.astype(np.uint8)
    clip = made(
        write_film(tmp_path / "all", frames),
        tmp_path / "out",
        average={"window": 2, "stride": 2, "between": 1},
    )
    response = open_response("gamma2.2")
    a, b = (response.to_light(frame) for frame in frames)
    half = between(a, b, estimate_pair(to_gray(frames[0]), to_gray(frames[1])), 0.5)
    exact = response.to_display(((a.astype(np.float64) + half + b) / 3).astype(np.float32))
    assert np.abs(clip.blurry()[0].astype(int) - exact).max() <= 1


def test_the_rate_that_is_asked_for_decides_where_no_stride_is_stated(tmp_path: Path) -> None:
    root = write_film(tmp_path / "all", film(30))
    clip = made(root, tmp_path / "out", fps=30, average={"window": 7})
    sources = tracked(clip, "average/source_frames")
    assert sources[:, 0].tolist() == [0, 8, 16]
    assert clip.attributes()["fps"] == 30
    with pytest.raises(InputError, match="240 is not a whole multiple"):
        made(root, tmp_path / "odd", fps=100)
    with pytest.raises(InputError, match=r"a stride of 11 frames .* gives 21\.8182 fps, and 30 fps were asked for"):
        made(root, tmp_path / "both", fps=30, average={"stride": 11})


def test_a_smaller_size_is_cut_from_the_middle_of_the_shrunk_frames(tmp_path: Path) -> None:
    frames = np.repeat(np.repeat(film(11, (24, 20)), 2, axis=1), 2, axis=2)  # 48x40, each level four times
    clip = made(
        write_film(tmp_path / "all", frames), tmp_path / "out", response="linear", size=(24, 16), average={"stride": 11}
    )
    exact = frames[:, ::2, ::2].astype(np.float64).mean(axis=0)[2:18]
    assert (clip.blurry()[0] == np.rint(exact)).all()


def test_a_film_shorter_than_a_window_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has 10 frames, fewer than the 11"):
        made(write_film(tmp_path / "all", film(10)), tmp_path / "out", average={"stride": 11})


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"hand": "walk"}, "leave out hand"),
        ({"trajectories": "handheld_simulated"}, "leave out trajectories"),
        ({"ois": {"kind": "lens_shift"}}, "leave out ois"),
        ({"exposure_share": [0.5, 0.5], "readout_s": 0.01}, "leave out exposure_share, readout_s"),
        ({"variants": {"dim": {"exposure_share": [0.5, 0.5]}}}, "variant 'dim': .*leave out exposure_share"),
        ({"blur": "shake", "average": {"window": 7}}, "average is set, and blur is 'shake'"),
        ({"average": {"window": 0}}, "greater than or equal to 1"),
    ],
)
def test_settings_of_a_moving_camera_do_not_go_with_averaging(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        check("means.toml", QUIET | values, DatasetSettings)


def test_scenes_that_are_no_film_cannot_be_averaged() -> None:
    settings = check("means.toml", QUIET | {"source": "sample"}, DatasetSettings)
    with pytest.raises(InputError, match="'coffee' of the source 'sample' has none"):
        open_scenes(settings)


def test_recipes_of_shaken_clips_keep_their_digests() -> None:
    values = load_recipe("datasets", "goproshake", DatasetSettings).values.model_dump(mode="json")
    assert not {"blur", "average"} & set(values)
    assert digest_of(values) == digest_of({key: value for key, value in values.items() if key != "blur"})
    averaged = load_recipe("datasets", "averaging", DatasetSettings).values.model_dump(mode="json")
    assert averaged["average"] == {"window": 11, "stride": 11, "between": 0}
    assert not {"fps", "exposure_share", "step_px"} & set(averaged)


def test_the_command_averages_by_its_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HVDBENCH_GOPRO_ROOT", raising=False)
    frames = film(21)
    write_film(tmp_path / "all", frames)

    command = ["synth", "--blur", "average"]
    options = ["--root", "all", "--average", "7", "--stride", "7", "--response", "linear", "-o", "out"]
    answer = CliRunner().invoke(cli, [*command, *options])
    assert answer.exit_code == 0, answer.output
    clip = Dataset.open(tmp_path / "out").clips()[0]
    assert (clip.blurry()[2] == np.rint(frames[14:].astype(np.float64).mean(axis=0))).all()
    assert "nothing stands in for it" in str(CliRunner().invoke(cli, command).exception)
