"""Dataset recipes as shipped: the HVD-like one against the ranges of real clips, the others against each other."""

import functools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from hvdbench.camera.hand import PRESETS
from hvdbench.camera.stabiliser.settings import OisSettings
from hvdbench.cli.data.synth import HANDS
from hvdbench.cli.main import cli
from hvdbench.errors import UnknownNameError
from hvdbench.recipe import load_recipe, recipe_names
from hvdbench.store import Dataset
from hvdbench.sweep.measure import camera_of, compare_stabilisers, draw_hands
from hvdbench.sweep.rows import SharpRow
from hvdbench.synth.settings import DatasetSettings

RATE_HZ = 2000.0
CLIP_S = 12.0
WIDTH_PX = 1920
FOCAL_PX = 1387.0
SEVERITIES = [f"goproshake_severity{step}" for step in range(1, 6)]

# What three real clips of a phone's (85 frames) were measured at, lowest and highest of the three; 15 % of slack.
RANGES = {
    "blur_p10_px": (5.0, 10.0),
    "blur_p50_px": (13.0, 18.0),
    "blur_p90_px": (28.0, 30.0),
    "motion_p10_px": (5.0, 14.0),
    "motion_p50_px": (13.0, 25.0),
    "motion_p90_px": (33.0, 49.0),
}
ACCEPTED = {name: (0.85 * low, 1.15 * high) for name, (low, high) in RANGES.items()} | {
    "sharp_share": (0.04, 0.25),
    "sharp_run": (1.0, 2.0),
    "blurry_run": (3.0, 9.0),
}


def settings_of(name: str) -> DatasetSettings:
    return load_recipe("datasets", name, DatasetSettings).values


@functools.cache
def measured(name: str, seconds: float) -> tuple[SharpRow, SharpRow]:
    """What a recipe of one hand and one exposure gives at the frame's centre: without its stabiliser, and with it."""
    settings = settings_of(name)
    (hand,) = settings.hand
    camera = camera_of(settings)
    hands = draw_hands(
        {hand: PRESETS[hand]}, clips=math.ceil(seconds / CLIP_S), duration_s=CLIP_S, rate_hz=RATE_HZ, seed=1
    )
    off = settings.ois.model_copy(update={"kind": "off"})
    first, second = compare_stabilisers({"off": off, "as it is": settings.ois}, hands, camera=camera, rate_hz=RATE_HZ)
    return first, second


def missed(row: SharpRow) -> dict[str, float]:
    values = {name: getattr(row, name) for name in ACCEPTED}
    return {name: value for name, value in values.items() if not ACCEPTED[name][0] <= value <= ACCEPTED[name][1]}


MINUTES = [pytest.param(120.0, id="two minutes"), pytest.param(600.0, id="ten minutes", marks=pytest.mark.slow)]


@pytest.mark.parametrize("seconds", MINUTES)
def test_the_hvd_like_recipe_lies_within_the_ranges_of_real_clips(seconds: float) -> None:
    row = measured("goproshake_hvd", seconds)[1]
    assert row.frames >= seconds * 30
    assert missed(row) == {}


@pytest.mark.parametrize("seconds", MINUTES)
def test_the_same_hand_without_a_stabiliser_misses_two_of_those_ranges(seconds: float) -> None:
    assert {"blur_p90_px", "blurry_run"} <= set(missed(measured("goproshake_hvd", seconds)[0]))


def test_the_hvd_like_recipe_is_seen_with_the_camera_that_the_ranges_are_of() -> None:
    settings = settings_of("goproshake_hvd")
    assert settings.focal_per_width * WIDTH_PX == pytest.approx(FOCAL_PX, abs=0.5)
    assert (settings.fps, settings.exposure_share, settings.ois.stroke_deg) == (30.0, (0.7, 0.7), 0.5)
    assert settings.stroke_deg is None


def test_blur_and_motion_grow_and_sharp_frames_dwindle_with_severity() -> None:
    rows = [measured(name, 24.0)[1] for name in SEVERITIES]
    for name in ("blur_p50_px", "blur_p90_px", "motion_p50_px"):
        values = [getattr(row, name) for row in rows]
        assert values == sorted(values), name
    shares = [row.sharp_share for row in rows]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.8
    assert shares[-1] < 0.25


def differing(name: str, from_name: str) -> set[str]:
    one, other = (settings_of(name).model_dump() for name in (name, from_name))
    return {key for key, value in one.items() if value != other[key]} - {"title", "name"}


def test_variants_of_goproshake_differ_in_what_they_are_named_after() -> None:
    assert differing("goproshake_day", "goproshake") == {"exposure_share"}
    assert differing("goproshake_noois", "goproshake") == {"ois"}
    ois: dict[str, Any] = settings_of("goproshake_noois").ois.model_dump()
    assert ois == settings_of("goproshake").ois.model_dump() | {"kind": "off"}


def test_severities_differ_in_hand_exposure_and_path_alone() -> None:
    for name in SEVERITIES[1:]:
        assert differing(name, SEVERITIES[0]) == {"exposure_share", "hand", "trajectory_gain"}


@pytest.mark.parametrize("name", [name for name in recipe_names("datasets") if name.startswith("goproshake")])
def test_every_goproshake_recipe_has_a_tiny_size(name: str) -> None:
    tiny = load_recipe("datasets", f"{name}@tiny", DatasetSettings).values
    full = settings_of(name)
    assert tiny.frames_per_clip < full.frames_per_clip
    assert tiny.ois == full.ois
    assert isinstance(tiny.ois, OisSettings)


# Values from the command line -----------------------------------------------------------------------------------------


def made(tmp_path: Path, *options: str) -> dict[str, Any]:
    """Make one tiny clip and give the recipe that its manifest holds."""
    arguments = [
        "synth",
        "--recipe",
        "demo@tiny",
        "--clips",
        "1",
        "--engine",
        "local:1",
        "--out",
        str(tmp_path / "out"),
    ]
    done = CliRunner().invoke(cli, [*arguments, *options], catch_exceptions=False)
    assert done.exit_code == 0
    values: dict[str, Any] = json.loads((tmp_path / "out" / "dataset.json").read_text())["recipe"]
    return values


def test_synth_lays_a_kind_of_stabiliser_over_the_recipe(tmp_path: Path) -> None:
    values = made(tmp_path, "--ois", "module_tilt", "--seed", "7")
    assert (values["ois"]["kind"], values["seed"], values["max_clips"]) == ("module_tilt", 7, 1)
    assert values["ois"]["damping"] == settings_of("demo").ois.damping


def test_synth_takes_a_controller_of_ones_own(tmp_path: Path) -> None:
    values = made(tmp_path, "--ois", "made_controller:lazy_controller")
    assert (values["ois"]["kind"], values["ois"]["controller"]) == ("lens_shift", "made_controller:lazy_controller")
    clip = Dataset.open(tmp_path / "out").clips()[0]
    lens_deg = clip.track("path/lens_deg")
    assert lens_deg is not None
    assert not lens_deg.any()


def test_synth_turns_whole_frames_at_the_recipes_own_rate(tmp_path: Path) -> None:
    values = made(tmp_path, "--ois", "eis", "--fps", "24")
    assert (values["ois"]["kind"], values["fps"]) == ("eis", 24.0)
    clip = Dataset.open(tmp_path / "out").clips()[0]
    left, hand = clip.track("exposure/residual_px"), clip.track("exposure/hand_px")
    assert left is not None
    assert hand is not None
    # Frames of another rate would be turned in the middle of an exposure.
    np.testing.assert_allclose(left, hand, atol=0.05 * np.abs(hand).max())


def test_synth_takes_a_hand(tmp_path: Path) -> None:
    assert made(tmp_path, "--hand", "walk")["hand"] == {"walk": 1.0}
    assert Dataset.open(tmp_path / "out").clips()[0].attributes()["hand"] == "walk"


def test_the_commands_hands_are_the_models() -> None:
    assert set(HANDS) == set(PRESETS)


def test_a_misspelt_stabiliser_is_one_sentence(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["synth", "--recipe", "demo@tiny", "--ois", "lens", "--out", str(tmp_path / "out")])
    assert isinstance(done.exception, UnknownNameError)
    assert not (tmp_path / "out").exists()
