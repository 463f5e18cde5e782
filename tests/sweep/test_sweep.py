"""Suppression curves and sharp shares of stabilisers."""

import base64
import csv
import dataclasses
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from hvdbench.camera.hand import PRESETS
from hvdbench.camera.stabiliser.ois import small_signal_residual
from hvdbench.camera.stabiliser.settings import OisSettings
from hvdbench.catalog import names
from hvdbench.cli.main import cli
from hvdbench.errors import InputError, RecipeError, UnknownNameError
from hvdbench.recipe import load_recipe
from hvdbench.sweep.figures import choose_stabilisers, run_sweep
from hvdbench.sweep.measure import (
    DEFAULT_SET,
    Camera,
    camera_of,
    compare_stabilisers,
    draw_hands,
    hands_of_log,
    measure_suppression,
)
from hvdbench.sweep.rows import SharpRow, write_csv
from hvdbench.sweep.run import sweep
from hvdbench.synth.settings import DatasetSettings

RATE_HZ = 2000.0
OFF = OisSettings(kind="off")


def still_controller(gyro_rad_s: np.ndarray, rate_hz: float) -> np.ndarray:
    return np.zeros_like(gyro_rad_s)


def turning(rate_deg_s: float, seconds: float = 6.0) -> dict[str, np.ndarray]:
    """One clip of a hand that turns evenly about y."""
    omega = np.zeros((1, int(seconds * RATE_HZ) + 1, 2))
    omega[..., 1] = np.radians(rate_deg_s)
    return {"turning": omega}


@pytest.mark.parametrize("kind", ["lens_shift", "sensor_shift", "module_tilt"])
def test_a_small_sinusoid_is_suppressed_as_the_closed_form_says(kind: str) -> None:
    settings = OisSettings(kind=kind, stroke_deg=3.0)
    rows = measure_suppression("it", settings, amplitudes_deg=[0.001], frequencies_hz=[0.2, 1.0, 3.0, 10.0, 20.0])
    for row in rows:
        assert row.residual_db == pytest.approx(row.closed_form_db, abs=0.2), row
        residual = small_signal_residual(np.array([row.frequency_hz]), settings)
        assert row.closed_form_db == pytest.approx(20 * np.log10(abs(residual[0])))


def test_a_swing_past_the_stroke_is_hardly_suppressed() -> None:
    # A clamped integrator leaves the play operator of its stroke.
    clamped = OisSettings(
        stroke_deg=0.5, leak_hz=0, leak_limit_hz=0, highpass_hz=0, gain=1, delay_s=0, natural_frequency_hz=0
    )
    within, past = measure_suppression("it", clamped, amplitudes_deg=[0.4, 2.0], frequencies_hz=[1.0])
    assert within.residual_db < -60
    hand = 2.0 * np.sin(2 * np.pi * np.arange(4000) / 2000)
    play = np.zeros_like(hand)
    for index in range(1, len(hand)):
        play[index] = min(max(play[index - 1], hand[index] - 0.5), hand[index] + 0.5)
    assert past.residual_db == pytest.approx(20 * np.log10(play[2000:].std() / hand.std()), abs=0.01)


@pytest.mark.parametrize("kind", ["off", "eis"])
def test_kinds_that_leave_the_exposure_alone_suppress_nothing(kind: str) -> None:
    (row,) = measure_suppression("it", OisSettings(kind=kind), amplitudes_deg=[1.0], frequencies_hz=[2.0])
    assert row.residual_db == pytest.approx(0.0, abs=1e-9)
    assert row.closed_form_db == 0.0


def test_a_controller_of_ones_own_has_no_closed_form() -> None:
    own = OisSettings(controller="test_sweep:still_controller")
    (row,) = measure_suppression("own", own, amplitudes_deg=[1.0], frequencies_hz=[2.0])
    assert np.isnan(row.closed_form_db)
    assert row.residual_db == pytest.approx(0.0, abs=1e-9)


def test_an_even_turn_blurs_by_its_length() -> None:
    # L = f Ω τ; 33 samples with both ends make an even line longer than its length by sqrt((33 + 1) / (33 - 1)).
    camera = Camera(floor_px=0.0)
    (row,) = compare_stabilisers({"off": OFF}, turning(30.0), camera=camera)
    length = 1387.0 * np.radians(30.0) * 0.7 / 30.0
    assert row.blur_p50_px == pytest.approx(length * np.sqrt(34 / 32), rel=1e-6)
    assert row.motion_p50_px == pytest.approx(1387.0 * np.radians(30.0) / 30.0, rel=1e-6)
    assert (row.sharp_share, row.frames, row.blurry_run) == (0.0, 60, 60.0)
    assert np.isnan(row.sharp_run)


PHONE = """
title = "A tele lens that reads out slowly"
source = "sample"
size = [1280, 720]
focal_per_width = 2.0
fps = 50
exposure_share = [0.2, 0.4]
readout_s = 0.01
oracle = { sharp_share = 0.002, blurry_share = 0.006 }
"""


def phone(folder: Path, text: str = PHONE) -> Camera:
    (folder / "phone.toml").write_text(text)
    return camera_of(load_recipe("datasets", str(folder / "phone.toml"), DatasetSettings).values)


def test_a_recipes_camera_has_its_size_lens_rate_exposure_and_readout(tmp_path: Path) -> None:
    camera = phone(tmp_path)
    assert camera == Camera(1280, 2560.0, 50.0, (0.2, 0.4), 0.01, floor_px=4.0 * 1280 / 1920, sharp_share=0.002)
    assert str(camera) == (
        "1280 px wide, focal length 2560 px, 50 fps, exposure 0.2 to 0.4 of the frame time, readout 10 ms"
    )
    assert phone(tmp_path, PHONE.replace("size = [1280, 720]", "")).width_px == 1920


def test_an_even_turn_through_a_recipes_camera_blurs_and_skews_by_its_length(tmp_path: Path) -> None:
    camera = phone(tmp_path, PHONE.replace("[0.2, 0.4]", "[0.3, 0.3]"))
    (row,) = compare_stabilisers({"off": OFF}, turning(30.0), camera=camera)
    speed = 2560.0 * np.radians(30.0)  # px/s
    assert row.blur_p50_px == pytest.approx(np.hypot(speed * 0.3 / 50 * np.sqrt(34 / 32), camera.floor_px), rel=1e-6)
    assert row.motion_p50_px == pytest.approx(speed / 50, rel=1e-6)
    assert (row.skew_p50_px, row.skew_p90_px) == (pytest.approx(speed * 0.01), pytest.approx(speed * 0.01))
    assert row.frames == 100


def test_exposures_are_drawn_for_each_clip_and_are_the_same_under_every_stabiliser(tmp_path: Path) -> None:
    camera = phone(tmp_path)
    clip = turning(30.0)["turning"]
    hands = {"turning": np.repeat(clip, 40, axis=0)}
    off, still = compare_stabilisers({"off": OFF, "also off": OFF}, hands, camera=camera, seed=3)
    assert (still.blur_p10_px, still.blur_p90_px) == (off.blur_p10_px, off.blur_p90_px)
    lengths = np.array([off.blur_p10_px, off.blur_p50_px, off.blur_p90_px])
    shares = np.sqrt(lengths**2 - camera.floor_px**2) / np.sqrt(34 / 32) * 50 / (2560.0 * np.radians(30.0))
    np.testing.assert_allclose(shares, [0.22, 0.3, 0.38], atol=0.03)


def test_a_rolling_shutter_asks_all_rows_whether_a_frame_is_sharp() -> None:
    # The hand rests for 3 ms before and after the middle of every frame, and turns otherwise.
    jerky = turning(120.0)["turning"]
    since_middle = (np.arange(jerky.shape[1]) / RATE_HZ - 3.0) % (1 / 30) - 0.5 / 30
    jerky[:, np.abs(since_middle) < 0.003] = 0.0
    camera = Camera(exposure_share=(0.1, 0.1))
    (still,) = compare_stabilisers({"off": OFF}, {"jerky": jerky}, camera=camera)
    (rolled,) = compare_stabilisers({"off": OFF}, {"jerky": jerky}, camera=dataclasses.replace(camera, readout_s=0.02))
    assert (still.sharp_share, rolled.sharp_share) == (1.0, 0.0)
    assert still.skew_p90_px == 0.0
    assert rolled.skew_p50_px == pytest.approx(1387.0 * np.radians(120.0) * 0.014, rel=0.05)


def test_the_command_looks_through_a_recipes_camera(tmp_path: Path) -> None:
    (tmp_path / "phone.toml").write_text(PHONE)
    asked = ["ois", "sweep", "--kind", "off", "--seconds", "2", "--recipe", str(tmp_path / "phone.toml")]
    done = CliRunner().invoke(cli, [*asked, "-o", str(tmp_path / "out")], catch_exceptions=False)
    assert done.output.startswith("camera: 1280 px wide, focal length 2560 px, 50 fps, exposure 0.2 to 0.4 of the")
    page = (tmp_path / "out" / "sweep.html").read_text()
    assert "1280 px wide, focal length 2560 px" in page
    assert "skew 50/90 %" in page
    assert "three HVD clips" not in page  # they were measured at another focal length


def test_a_recipe_of_the_sweep_that_is_missing_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["ois", "sweep", "--recipe", "nowhere.toml", "-o", str(tmp_path / "x")])
    assert isinstance(done.exception, UnknownNameError)
    assert not (tmp_path / "x").exists()


def test_the_floor_adds_in_quadrature_and_does_not_decide() -> None:
    (bare,) = compare_stabilisers({"off": OFF}, turning(5.0), camera=Camera(floor_px=0.0))
    (row,) = compare_stabilisers({"off": OFF}, turning(5.0))
    assert row.blur_p50_px == pytest.approx(np.hypot(bare.blur_p50_px, 4.0))
    assert row.sharp_share == bare.sharp_share == 1.0


def test_electronic_stabilisation_keeps_the_blur_and_shrinks_the_motion() -> None:
    hands = draw_hands({"shaky": PRESETS["shaky"]}, clips=2, duration_s=6.0, rate_hz=RATE_HZ, seed=1)
    off, eis = compare_stabilisers({"off": OFF, "eis": OisSettings(kind="eis")}, hands)
    same = ("blur_p10_px", "blur_p50_px", "blur_p90_px", "sharp_share", "sharp_run", "blurry_run")
    assert [getattr(eis, name) for name in same] == [getattr(off, name) for name in same]
    assert eis.motion_p50_px < 0.5 * off.motion_p50_px


def test_the_shaky_hand_with_half_a_degree_gives_the_shares_of_real_clips() -> None:
    # HVD: sharp .04-.23 in runs of 1-2, blurry runs of 3-9; this model elsewhere: .23, 1.7, 5.5, and off .07, 1.1, 15.
    hands = draw_hands({"shaky": PRESETS["shaky"]}, clips=6, duration_s=12.0, rate_hz=RATE_HZ, seed=0)
    movie = OisSettings(stroke_deg=0.5, leak_limit_hz=1.8)
    off, on = compare_stabilisers({"off": OFF, "movie": movie}, hands)
    assert on.sharp_share == pytest.approx(0.23, abs=0.03)
    assert on.sharp_run == pytest.approx(1.7, abs=0.2)
    assert on.blurry_run == pytest.approx(5.5, abs=0.8)
    assert off.sharp_share == pytest.approx(0.07, abs=0.02)
    assert off.blurry_run == pytest.approx(15, rel=0.2)


def test_rows_do_not_depend_on_which_other_stabilisers_are_compared() -> None:
    hands = draw_hands({"hold": PRESETS["hold"]}, clips=1, duration_s=2.0, rate_hz=RATE_HZ, seed=3)
    alone = compare_stabilisers({"lens": OisSettings()}, hands)
    among = compare_stabilisers({"off": OFF, "lens": OisSettings()}, hands)
    assert among[1] == alone[0]


def test_hands_do_not_depend_on_which_others_are_drawn() -> None:
    few = draw_hands({"walk": PRESETS["walk"]}, clips=1, duration_s=1.0, rate_hz=RATE_HZ, seed=5)
    more = draw_hands(
        {"still": PRESETS["still"], "walk": PRESETS["walk"]}, clips=2, duration_s=1.0, rate_hz=RATE_HZ, seed=5
    )
    np.testing.assert_array_equal(more["walk"][:1], few["walk"])


def test_a_table_reads_back(tmp_path: Path) -> None:
    row = SharpRow("shaky", "a, b", 60, 1.5, 2.0, 3.25, 1, 2, 3, 0.25, float("nan"), 4.0, 0.5, 0.75, 5.0, 6.0)
    write_csv(tmp_path / "t.csv", [row])
    with (tmp_path / "t.csv").open(newline="") as file:
        (read,) = csv.DictReader(file)
    assert list(read) == [field.name for field in dataclasses.fields(SharpRow)]
    assert (read["stabiliser"], read["blur_p90_px"], read["sharp_run"], read["frames"]) == ("a, b", "3.25", "", "60")


def test_every_kind_meets_every_stroke() -> None:
    chosen = choose_stabilisers(["lens_shift", "module_tilt", "eis"], [0.5, 2.0])
    expected = ["off", "lens_shift 0.5 deg", "lens_shift 2 deg", "module_tilt 0.5 deg", "module_tilt 2 deg", "eis"]
    assert list(chosen) == expected
    assert (chosen["module_tilt 2 deg"].kind, chosen["module_tilt 2 deg"].stroke_deg) == ("module_tilt", 2.0)


def test_a_stroke_alone_means_a_lens() -> None:
    assert list(choose_stabilisers(strokes_deg=[0.4])) == ["off", "lens_shift 0.4 deg"]


@pytest.mark.parametrize(("kinds", "strokes"), [(["lens_shft"], []), (["lens_shift"], [-1.0])])
def test_what_is_no_stabiliser_is_refused(kinds: list[str], strokes: list[float]) -> None:
    with pytest.raises(RecipeError, match=r"ois sweep: '(kind|stroke_deg)'"):
        choose_stabilisers(kinds, strokes)


def write_log(path: Path, seconds: float) -> None:
    t_s = np.arange(int(seconds * 250)) / 250.0
    rate = np.radians(40.0) * np.cos(2 * np.pi * 2 * t_s)
    lens = np.radians(40.0) / (4 * np.pi) * np.sin(2 * np.pi * 2 * t_s)  # all that the hand turns
    rows = [f"{t:.4f},0,{w:.9f},0,{angle:.9f}" for t, w, angle in zip(t_s, rate, lens, strict=True)]
    path.write_text("\n".join(["t,gx,gy,lx,ly", *rows]) + "\n")


def test_a_log_of_a_perfect_lens_is_all_sharp(tmp_path: Path) -> None:
    write_log(tmp_path / "phone.csv", 7.0)
    hands = hands_of_log(tmp_path / "phone.csv", RATE_HZ)
    off, lens = compare_stabilisers(choose_stabilisers(["off"], log=tmp_path / "phone.csv"), hands)
    assert (off.hand, lens.stabiliser) == ("phone.csv", "lens of phone.csv")
    assert off.sharp_share < 0.5
    assert lens.sharp_share == 1.0


def test_a_log_too_short_to_measure_in_is_refused(tmp_path: Path) -> None:
    write_log(tmp_path / "phone.csv", 3.0)
    with pytest.raises(InputError, match="give 5 s or more"):
        hands_of_log(tmp_path / "phone.csv", RATE_HZ)


def test_the_command_writes_tables_and_pictures_twice_the_same(tmp_path: Path) -> None:
    arguments = ["ois", "sweep", "--kind", "eis", "--stroke", "0.5", "--seconds", "1", "-o"]
    for name in ("a", "b"):
        done = CliRunner().invoke(cli, [*arguments, str(tmp_path / name)], catch_exceptions=False)
        assert done.exit_code == 0
    assert "hvd, off: " in done.output
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["sharp_share.csv", "sharp_share.png", "suppression.csv", "suppression.png", "sweep.html"]
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    for name in ("sharp_share.png", "suppression.png"):
        picture = cv2.imread(str(tmp_path / "a" / name))
        assert picture is not None
        assert picture.std() > 5


def page_of(folder: Path) -> tuple[str, list[str], list[list[str]]]:
    """A page's source, its pictures, and the cells of its tables' rows."""
    text = (folder / "sweep.html").read_text(encoding="utf-8")
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)]
    return text, re.findall(r'<img class="[^"]*" src="([^"]*)"', text), rows


def test_the_page_holds_pictures_tables_and_settings_and_loads_nothing(tmp_path: Path) -> None:
    chosen = {"off": OFF, "mine <1>": OisSettings(stroke_deg=0.55, limiter="radial", eis_smoothing_s=0.3)}
    done, restored = sweep(chosen, tmp_path, seconds=1.0)
    text, pictures, rows = page_of(tmp_path)
    assert restored == []
    assert "<script" not in text
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text)
    assert len(pictures) == 4
    assert len(set(pictures)) == 4  # two charts, light and dark
    assert base64.b64decode(pictures[0].partition(",")[2]) == (tmp_path / "sharp_share.png").read_bytes()
    (mine,) = [row for row in rows if row[0] == "mine &lt;1&gt;" and "radial" in row]
    assert {"0.55", "0.3", "lens_shift"} <= set(mine)
    assert len(mine) == 1 + len(OisSettings.model_fields)
    first = next(row for row in done.sharp if row.stabiliser != "off")
    assert f"{first.sharp_share:.0%}" in next(row for row in rows if row[0] == "mine &lt;1&gt;")
    assert any("HVD" in row[0] for row in rows)


def test_a_page_without_curves_says_nothing_of_them(tmp_path: Path) -> None:
    sweep({"off": OFF}, tmp_path, seconds=1.0)
    text, pictures, _ = page_of(tmp_path)
    assert 'id="suppression"' not in text
    assert len(pictures) == 2


def test_the_page_of_a_log_names_it(tmp_path: Path) -> None:
    write_log(tmp_path / "phone.csv", 7.0)
    log = tmp_path / "phone.csv"
    done, _ = sweep(choose_stabilisers(["off"], log=log), tmp_path / "out", log=log)
    assert {row.hand for row in done.sharp} == {"phone.csv"}
    text, _, rows = page_of(tmp_path / "out")
    assert "2 stabilisers, phone.csv, seed 0" in text
    assert any(row[0] == "lens of phone.csv" for row in rows)


def test_the_default_set_shows_every_kind_and_both_limiters() -> None:
    assert {ois.kind for ois in DEFAULT_SET.values()} == set(names("stabiliser"))
    assert {ois.limiter for ois in DEFAULT_SET.values()} == {"box", "radial"}
    assert any(ois.eis_smoothing_s and ois.kind != "eis" for ois in DEFAULT_SET.values())


def test_a_sweep_of_nothing_but_off_has_no_suppression(tmp_path: Path) -> None:
    run_sweep({"off": OFF}, tmp_path / "out", seconds=1.0)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["sharp_share.csv", "sharp_share.png"]


def test_the_command_answers_a_typo_in_one_sentence(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["ois", "sweep", "--kind", "lens", "-o", str(tmp_path / "x")])
    assert isinstance(done.exception, RecipeError)
    assert "no stabiliser named 'lens'" in str(done.exception)
    assert not (tmp_path / "x").exists()


def test_the_command_says_how_a_log_was_read_and_takes_its_axes(tmp_path: Path) -> None:
    write_log(tmp_path / "phone.csv", 7.0)
    arguments = ["ois", "sweep", "--kind", "off", "--log", str(tmp_path / "phone.csv"), "--orientation", "yXZ"]
    done = CliRunner().invoke(cli, [*arguments, "-o", str(tmp_path / "out")], catch_exceptions=False)
    assert done.exit_code == 0
    first = done.output.splitlines()[0]
    assert "phone.csv was read as: times in seconds, column 1, 250 rows a second" in first
    assert first.endswith(
        "follow 1 of the turning; orientation yXZ of the device's x (right), y (up) and z (out of the front)"
    )
    assert "phone.csv, lens of phone.csv: 100%" in done.output
    alone = CliRunner().invoke(cli, ["ois", "sweep", "--orientation", "yXZ", "-o", str(tmp_path / "alone")])
    assert alone.exit_code == 2
    assert "--orientation turns the axes of a log: name one with --log" in alone.output
    synth = CliRunner().invoke(cli, ["synth", "--orientation", "yXZ", "-o", str(tmp_path / "alone")])
    assert (synth.exit_code, "name one with --ois" in synth.output) == (2, True)
