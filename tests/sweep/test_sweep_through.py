"""A sweep over stabilisers carried to restored dB."""

import csv
import math
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from hvdbench.camera.stabiliser.settings import OisSettings
from hvdbench.cli.main import cli
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.store import Dataset
from hvdbench.sweep.figures import as_png, draw_restored
from hvdbench.sweep.rows import RestoredRow
from hvdbench.sweep.run import Through, restore_under, sweep
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.fallback import Fallback

OFF = OisSettings(kind="off")
FOLLOWS_ALL = OisSettings(
    kind="module_tilt",
    stroke_deg=45.0,
    leak_hz=0.0,
    leak_limit_hz=0.0,
    highpass_hz=0.0,
    gain=1.0,
    delay_s=0.0,
    natural_frequency_hz=0.0,
    gyro_noise_mdps=0.0,
)
SMALL = "goproshake_hvd@tiny"
ONE_SCENE = """
title = "One small scene"
source = "sample"
clips = ["coffee"]
size = [96, 64]
hand = { hvd = 1.0 }
exposure_share = [0.7, 0.7]
"""


@pytest.fixture
def one_scene(tmp_path: Path) -> str:
    (tmp_path / "one.toml").write_text(ONE_SCENE)
    return str(tmp_path / "one.toml")


def restored(
    folder: Path, method: str, stabilisers: dict[str, OisSettings], frames: int = 4, recipe: str = SMALL
) -> list[RestoredRow]:
    through = Through(method, recipe, frames, folder / "weights")
    return restore_under(stabilisers, folder, through, engine=Engine(), fallback=Fallback())


@pytest.fixture(scope="module")
def blurry(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[RestoredRow]]:
    """What comes of doing nothing, under no stabiliser and under one that leaves roll and sway alone."""
    folder = tmp_path_factory.mktemp("through")
    return folder, restored(folder, "blurry", {"off": OFF, "follows all": FOLLOWS_ALL})


def test_every_stabiliser_has_a_row_a_scene_and_truth_and_one_over_scenes(
    blurry: tuple[Path, list[RestoredRow]],
) -> None:
    rows = blurry[1]
    assert [(row.stabiliser, row.truth, row.scene) for row in rows] == [
        (name, truth, scene)
        for name in ("off", "follows all")
        for truth in ("mid", "centroid")
        for scene in ("*", "coffee", "motorcycle")
    ]
    over, *scenes = rows[:3]
    assert over.frames == 8
    assert over.input_db == pytest.approx(np.mean([row.input_db for row in scenes]))


def test_doing_nothing_restores_nothing(blurry: tuple[Path, list[RestoredRow]]) -> None:
    for row in blurry[1]:
        assert row.restored_db == row.input_db
        assert row.blurry_restored_db == row.blurry_input_db or math.isnan(row.blurry_input_db)


def test_a_better_stabiliser_leaves_sharper_frames(blurry: tuple[Path, list[RestoredRow]]) -> None:
    mid = {row.stabiliser: row for row in blurry[1] if row.scene == "*" and row.truth == "mid"}
    assert mid["follows all"].input_db > mid["off"].input_db + 2.0
    assert mid["follows all"].sharp_share > mid["off"].sharp_share


def test_all_stabilisers_meet_the_same_hand(blurry: tuple[Path, list[RestoredRow]]) -> None:
    hands = []
    for folder in sorted((blurry[0] / "data").iterdir()):
        clip = Dataset.open(folder).clips()[0]
        angle_deg, t_s = clip.track("path/hand_deg"), clip.track("path/t_s")
        assert angle_deg is not None
        assert t_s is not None
        # The reference view follows what the stabiliser leaves, slowly: rates above it are the hand's.
        rate = np.gradient(angle_deg[:, :2], t_s, axis=0)
        hands.append(rate - rate.mean(axis=0))
    assert np.corrcoef(hands[0].ravel(), hands[1].ravel())[0, 1] > 0.98


def test_a_hand_that_had_to_be_calmed_is_told(
    blurry: tuple[Path, list[RestoredRow]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = {"off": OFF, "follows all": FOLLOWS_ALL}
    shutil.copytree(blurry[0], tmp_path / "again")
    restored(tmp_path / "again", "blurry", names)
    assert not caplog.records
    tracks = next((tmp_path / "again" / "data").glob("01-*/test/coffee/tracks.h5"))
    with h5py.File(tracks, "r+") as file:
        file.attrs["motions_rejected"] = 3
    restored(tmp_path / "again", "blurry", names)
    assert "under 'follows all' the hand had to be calmed" in caplog.text


def test_a_sweep_is_carried_through_a_method_and_taken_up_where_it_was(tmp_path: Path, one_scene: str) -> None:
    arguments = ["ois", "sweep", "--kind", "off", "--seconds", "1", "--through", "warp_average"]
    arguments += ["--data-recipe", one_scene, "--frames", "4", "--engine", "local:1", "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert "warp_average, off: " in done.output
    with (tmp_path / "out" / "restored.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 2 * 2
    assert "Restored by warp_average" in (tmp_path / "out" / "sweep.html").read_text()
    files = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}
    assert CliRunner().invoke(cli, arguments, catch_exceptions=False).exit_code == 0
    assert {path: path.read_bytes() for path in files} == {path: data for path, (_, data) in before.items()}
    frames = [path for path in files if path.parts[-2] in {"coffee", "blur"} and path.suffix == ".png"]
    assert frames
    assert all(path.stat().st_mtime_ns == before[path][0] for path in frames)


def test_other_settings_replace_what_lay_there(tmp_path: Path, one_scene: str) -> None:
    def under(stroke_deg: float) -> list[RestoredRow]:
        return restored(tmp_path, "blurry", {"it": OisSettings(stroke_deg=stroke_deg)}, frames=2, recipe=one_scene)

    first, second = under(0.3), under(2.0)
    assert first[0].input_db != second[0].input_db
    assert second == under(2.0)


def test_a_log_is_not_carried_through(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a log has one lens"):
        sweep({"off": OFF}, tmp_path, log=tmp_path / "phone.csv", through=Through("blurry"))


def test_an_unknown_method_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'warp_average'"):
        restored(tmp_path / "out", "warp_averag", {"off": OFF}, frames=2)
    assert not (tmp_path / "out").exists()


def test_scenes_without_a_blurry_frame_are_drawn_all_the_same() -> None:
    nan = float("nan")
    rows = [RestoredRow("still", "*", truth, 8, 1.0, 40.0, 40.0, nan, nan) for truth in ("mid", "centroid")]
    light, dark = (as_png(draw_restored, rows, dark=dark) for dark in (False, True))
    assert light.startswith(b"\x89PNG")
    assert light != dark
