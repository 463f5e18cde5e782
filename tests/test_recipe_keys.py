"""The page of all recipe keys, and the ranges that it states."""

import re

import pytest
from made_recipe_keys import PAGE, page

from hvdbench.camera.stabiliser.settings import OisSettings
from hvdbench.errors import RecipeError
from hvdbench.recipe import check
from hvdbench.synth.settings import DatasetSettings

ROWS = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]


def test_the_page_of_all_keys_is_what_the_models_give() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python tests/made_recipe_keys.py"


def test_every_key_is_described_in_a_sentence() -> None:
    assert [row[0] for row in ROWS if not re.match(r"\S.*[.!] \|$", row[-1])] == []


def test_the_rolling_shutter_is_found_with_its_unit_and_range() -> None:
    (row,) = [row for row in ROWS if row[0] == "| `readout_s`"]
    assert row[1:5] == ["number", "`0`", "≥ 0, ≤ 0.05", "s"]
    assert "rolling shutter" in row[5]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fps", 1e300),
        ("fps", 1e-9),
        ("source_fps", 1e-9),
        ("lowpass_hz", 1e-9),
        ("reference_hz", 1e-9),
        ("simulate_hz", 1e12),
        ("sub_frame_hz", 1e-9),
        ("step_px", 1e-9),
        ("focal_per_width", 1e-9),
        ("trajectory_gain", 1e300),
        ("speed_without_scale_m_s", 1e300),
        ("frames_per_clip", 10**12),
        ("size", [1_000_000, 1_000_000]),
        ("size", [15, 64]),
        ("scene_depth_m", [1e-300, 1e300]),
        ("stroke_deg", [1.0, 1e300]),
        ("hand", {"shaky": float("inf")}),
        ("readout_s", float("nan")),
    ],
)
def test_a_value_that_no_camera_has_is_refused_in_one_sentence(key: str, value: object) -> None:
    table = {"title": "absurd", "source": "sample", key: value}
    with pytest.raises(RecipeError, match=rf"^absurd\.toml: .*{key}.*: Input should be .*\(found [^\n]*\)$"):
        check("absurd.toml", table, DatasetSettings)


@pytest.mark.parametrize(
    "key", ["stroke_deg", "leak_hz", "highpass_hz", "natural_frequency_hz", "damping", "pan_hold_s"]
)
def test_a_stabiliser_that_cannot_be_is_refused(key: str) -> None:
    with pytest.raises(RecipeError, match=rf"'{key}': Input should be less than or equal to"):
        check("absurd.toml", {key: 1e300}, OisSettings)
