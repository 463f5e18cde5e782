"""The gate of re-blur consistency on made clips: even blur, tremor, rolling shutter; and what its benchmark counts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.reblur_gate import made, measure, uneven
from benchmarks.reblur_null import Errors, crossing, frame
from benchmarks.reblur_tables import change, opens, score
from hvdbench.labels.sharpness import label_paper
from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.blur.exposure_model import fit_exposure_model

FRAMES = 18


def _opened(kind: str, folder: Path) -> float:
    """Return the share of a made clip's asked frames on which the gate opens."""
    blurry = made(kind, 0, folder, FRAMES).blurry
    model = fit_exposure_model(Aligner(blurry), label_paper(blurry).is_selected)
    return float(model.explained[np.isfinite(model.gain)].mean())


def test_the_gate_opens_where_the_camera_moved_evenly(tmp_path):
    assert _opened("even sway", tmp_path) > 0.6


@pytest.mark.parametrize("kind", ["tremor, no stabiliser", "tremor, noise"])
def test_the_gate_stays_shut_where_tremor_bends_the_exposure(tmp_path, kind):
    assert _opened(kind, tmp_path) == 0


def test_a_rolling_shutter_does_not_harm_through_the_gate(tmp_path):
    measured = measure(made("rolling shutter, sway", 0, tmp_path, FRAMES))
    for truth in ("mid", "centroid"):
        gated = np.where(opens(measured), change(measured, "average+", truth), 0.0)
        assert gated.mean() > -0.3
    assert [row["open"] for row in measured["frames"]] == opens(measured).tolist()


def test_an_even_path_is_not_uneven_and_a_bent_one_is():
    share = np.linspace(-0.5, 0.5, 33)
    even = np.stack([7 * share, -3 * share], axis=-1)
    arc = even + np.stack([0 * share, 4 * share**2], axis=-1)  # 1 px high: rms 4 / sqrt(180)
    np.testing.assert_allclose(uneven(np.stack([even + 5, arc])), [0, 4 / np.sqrt(180)], atol=0.03)


def test_the_statistic_falls_as_the_path_bends():
    random = np.random.default_rng(0)
    picture = np.asarray(random.uniform(20, 235, (42, 52)), np.float32).repeat(4, axis=0).repeat(4, axis=1)
    gains = [frame(picture, 6.0, arc, 0.3, 0.8, Errors(), np.random.default_rng(1))[0] for arc in (0.0, 2.0)]
    assert gains[0] > 0.95
    assert gains[1] < 0.7


def test_the_place_where_help_turns_to_harm_is_found_between_samples():
    assert crossing([0, 1, 2], [1.0, 0.5, -0.5]) == pytest.approx(1.5)
    assert crossing([0, 1], [-1.0, -2.0]) is None
    assert crossing([0, 1], [2.0, 1.0]) is None


def _clip(gains: list[float], changes: list[float]) -> dict[str, Any]:
    rows = [
        {"gain": g, "left_over": 4.0, "average_mid": 30.0, "average+_mid": 30.0 + c}
        for g, c in zip(gains, changes, strict=True)
    ]
    return {"kind": "made", "frames": rows}


def test_the_confusion_table_counts_frames_and_means_count_clips():
    good, bad = _clip([0.99, 0.97, 0.8], [1.0, -0.5, 0.7]), _clip([0.5, 0.6], [-3.0, 0.05])
    found = score([good, bad], [opens(good), opens(bad)], "centroid")
    counted = {name: value for name, value in found.items() if not name.endswith("_db")}
    assert counted == {
        "open_helps": 1,
        "open_neither": 0,
        "open_harms": 1,
        "closed_helps": 1,
        "closed_neither": 1,
        "closed_harms": 1,
    }
    assert found["mean_db"] == pytest.approx((0.5 / 3 + 0) / 2, abs=1e-3)
    assert found["worst_frame_db"] == -0.5


def test_a_start_that_leaves_only_noise_over_can_be_left_alone():
    clip = _clip([0.99, 0.99], [1.0, -0.5])
    clip["frames"][1]["left_over"] = 1.2
    assert opens(clip, left_over=2.0).tolist() == [True, False]
