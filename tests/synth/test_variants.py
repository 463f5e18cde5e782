"""Variants of a recipe: which clip is which, and what a variant changes."""

import numpy as np
import pytest

from hvdbench.errors import RecipeError
from hvdbench.frames import list_frames, read_frame
from hvdbench.recipe import check
from hvdbench.response import open_response
from hvdbench.sources.photos import PhotoSource
from hvdbench.sources.scene import SourceOptions
from hvdbench.synth.clip_plan import draw_variant
from hvdbench.synth.goproshake import lit, synthesise
from hvdbench.synth.settings import DatasetSettings
from hvdbench.workspace.engine import Engine

TABLE = {
    "title": "two kinds",
    "source": "photos",
    "clips": ["skimage_brick"],
    "trajectories": "none",
    "size": [64, 48],
    "frames_per_clip": 2,
    "hand": "still",
    "variants": {"day": {"share": 3.0}, "night": {"light": 0.25, "readout_s": 0.01}},
}


def test_a_clip_is_always_of_the_same_variant_and_shares_are_kept():
    settings = check("recipe", TABLE, DatasetSettings)
    drawn = [draw_variant(settings, f"clip{k}")[0] for k in range(400)]
    assert drawn == [draw_variant(settings, f"clip{k}")[0] for k in range(400)]
    assert 0.68 < drawn.count("day") / len(drawn) < 0.82


def test_a_variant_changes_what_it_names_and_nothing_else():
    settings = check("recipe", TABLE, DatasetSettings)
    night = settings.as_variant("night")
    assert (night.light, night.readout_s, night.variants) == (0.25, 0.01, {})
    assert night.model_dump(exclude={"light", "readout_s", "variants"}) == settings.model_dump(
        exclude={"light", "readout_s", "variants"}
    )


def test_a_variant_that_cannot_be_is_refused_by_its_name():
    table = TABLE | {"variants": {"dusk": {"exposure_share": [0.9, 0.5]}}}
    with pytest.raises(RecipeError, match=r"variant 'dusk'.*exposure_share must rise"):
        check("recipe", table, DatasetSettings)


def test_less_light_darkens_blurry_frames_and_truth_alike(tmp_path):
    levels = {}
    for light in (1.0, 0.25):
        settings = check("recipe", TABLE | {"variants": {}, "light": light}, DatasetSettings)
        scenes = PhotoSource(SourceOptions(size=(64, 48), names=("skimage_brick",))).scenes()
        out = tmp_path / f"{light}"
        dataset = synthesise(
            settings, "lit", out, scenes=scenes, trajectories=[], origin="simulated", engine=Engine(workers=1)
        )
        clip = dataset.clips()[0].folder
        levels[light] = [
            np.mean(np.asarray(read_frame(list_frames(clip / stream)[0]), np.float64)) for stream in ("blur", "sharp")
        ]
    for bright, dark in zip(levels[1.0], levels[0.25], strict=True):
        assert dark / bright == pytest.approx(0.25 ** (1 / 2.2), abs=0.03)


def test_less_contrast_draws_levels_to_the_middle_and_full_contrast_leaves_the_digest():
    light = np.array([[[0.0, 0.2159, 1.0]]], np.float32)
    settings = check("recipe", TABLE | {"contrast": 0.12}, DatasetSettings)
    seen = lit(light, settings, open_response("gamma2.2"))
    assert np.ptp(seen) == pytest.approx(0.12, abs=1e-6)
    assert seen[0, 0, 1] == pytest.approx(0.2195, abs=2e-3)
    assert "contrast" not in check("recipe", TABLE, DatasetSettings).model_dump()
    assert settings.model_dump()["contrast"] == 0.12
