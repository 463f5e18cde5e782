"""The commands of ``hvdbench traj``, and adding sets of camera paths."""

import logging
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from made_kills import killed_before_each

from hvdbench.camera import importing
from hvdbench.camera.formats.rows import read_lines
from hvdbench.camera.formats.trajectory_format import guess_formats, open_format
from hvdbench.camera.importing import ImportRequest, import_set
from hvdbench.camera.index import load_sets, read_index, read_path, read_sets
from hvdbench.catalog import names
from hvdbench.cli.main import main
from hvdbench.errors import TrajectoryError
from hvdbench.frames import write_frame

WHOSE = ("--licence", "CC BY 4.0, N. N.", "--source", 'made "here"')
STILL = "1 0 0 0 0 1 0 0 0 0 1 0\n"


class Answer(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any set yet."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HVDBENCH_HOME", str(folder))
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    monkeypatch.setattr(logging.getLogger("hvdbench"), "level", logging.WARNING)

    def run(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["hvdbench", "traj", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        return Answer(code, *capsys.readouterr())

    return run


def tum_file(folder: Path, name: str = "walk.txt", *, pause_after: int | None = None) -> Path:
    """Two seconds at 30 rows a second; a pause of a second after a row."""
    rows = []
    for row in range(60):
        t_s = 1000.5 + row / 30 + (1.0 if pause_after is not None and row >= pause_after else 0.0)
        half = 0.01 * np.sin(row / 5)
        rows.append(f"{t_s:.6f} {0.01 * row:.4f} 0 0 {np.sin(half):.9f} 0 0 {np.cos(half):.9f}")
    file = folder / name
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return file


def test_a_file_becomes_a_set_that_synth_can_use(run: Callable[..., Answer], tmp_path: Path, home: Path) -> None:
    answer = run("import", tum_file(tmp_path), "--format", "tum", "--name", "walks", *WHOSE, "--metric")
    assert (answer.code, answer.err) == (0, "")
    assert "walks/walk: 60 rows, 1.97 s, 30 Hz" in answer.out
    entry = read_index()["walks"]
    assert (entry.origin, entry.format, entry.metric, entry.fps) == ("measured", "tum", True, None)
    assert (entry.licence, entry.source) == ("CC BY 4.0, N. N.", 'made "here"')
    assert entry.paths == ("walk/walk.txt",)
    (path,) = load_sets("walks")
    assert (path.name, path.scale_m, len(path.t_s)) == ("walks/walk", True, 60)
    assert (home / "trajectories" / "walks" / "walk" / "walk.txt").is_file()


def test_a_new_home_keeps_the_shipped_set_and_its_comments(run: Callable[..., Answer], tmp_path: Path) -> None:
    run("import", tum_file(tmp_path), "--format", "tum", "--name", "walks", *WHOSE)
    answer = run("list")
    assert "handheld_simulated: simulated, 6 path(s) of format monst3r, 60 rows a second" in answer.out
    assert "walks: measured, 1 path(s) of format tum; licence: CC BY 4.0, N. N." in answer.out
    assert len(load_sets("handheld_simulated")) == 6


def test_monst3r_folders_bring_intrinsics_and_the_depth_maps_that_count(
    run: Callable[..., Answer], tmp_path: Path, home: Path
) -> None:
    for name in ("a", "b"):
        folder = tmp_path / "out" / name
        folder.mkdir(parents=True)
        rows = "".join(f"{row} 0 0 {0.01 * row} 1 0 0 0\n" for row in range(40))
        (folder / "pred_traj.txt").write_text(rows, encoding="utf-8")
        (folder / "pred_intrinsics.txt").write_text("400 0 256 0 400 144 0 0 1\n" * 40, encoding="utf-8")
        for row in range(40):
            np.save(folder / f"frame_{row:04d}.npy", np.full((2, 2), 0.5 + 0.01 * row, np.float32))
            np.save(folder / f"conf_{row}.npy", np.ones((2, 2), np.float32))
            write_frame(folder / f"dynamic_mask_{row}.png", np.zeros((2, 2, 3), np.uint8))
    answer = run("import", tmp_path / "out", "--format", "monst3r", "--fps", 30, "--name", "phone", *WHOSE)
    assert answer.code == 0, answer.err
    paths = load_sets("monst3r")
    assert [path.name for path in paths] == ["phone/a", "phone/b"]
    assert paths[0].focal_per_width == pytest.approx(400 / 512)
    assert paths[0].scene_depth == pytest.approx(0.5 + 0.01 * 20, abs=0.03)
    names = {file.name for file in (home / "trajectories" / "phone" / "a").iterdir()}
    kept = [f"frame_{row:04d}.npy conf_{row}.npy dynamic_mask_{row}.png".split() for row in range(0, 40, 5)]
    assert names == {"pred_traj.txt", "pred_intrinsics.txt", *(name for names in kept for name in names)}


def test_the_real_conversion_is_imported_as_a_set(run: Callable[..., Answer], shared: Path) -> None:
    folder = shared / "trajectories" / "monst3r" / "converted_from_tum_fr1_xyz"
    answer = run("import", folder, "--format", "monst3r", "--fps", 30, "--name", "fr1", *WHOSE)
    assert answer.code == 0, answer.err
    assert [path.name for path in load_sets("monst3r")] == ["fr1/converted_from_tum_fr1_xyz"]


@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        ("tum_rgbd", "tum"),
        ("tum_vi", "tum"),
        ("kitti/00_gt_first300.txt", "kitti"),
        ("euroc", "euroc"),
        ("re10k", "re10k"),
        ("arkit_iphone_xs", "arkit"),
        ("camera_shakify", "shakify"),
        ("phone_gyro_412hz/gyro.csv", "gyro"),
    ],
)
def test_real_files_come_back_from_a_set_as_they_were(
    run: Callable[..., Answer], shared: Path, name: str, format_name: str
) -> None:
    source = shared / "trajectories" / name
    answer = run("import", source, "--format", format_name, "--name", "real", *WHOSE)
    assert answer.code == 0, answer.err
    files = importing.find_files((source,), open_format(format_name))
    assert [path.name for path in read_sets("real")] == [f"real/{file.stem}" for file in files]
    for path, file in zip(read_sets("real"), files, strict=True):
        original = read_path(file, format_name=format_name)
        np.testing.assert_array_equal(path.t_s, original.t_s)
        np.testing.assert_allclose(path.quaternion_wxyz, original.quaternion_wxyz, atol=1e-12)
        np.testing.assert_array_equal(path.position_w, original.position_w)
        assert (path.scale_m, path.origin) == (original.scale_m, "measured")


REAL = {
    "monst3r": "monst3r/converted_from_tum_fr1_xyz/pred_traj.txt",
    "tum": "tum_rgbd/freiburg1_xyz-ORB_kf_mono.txt",
    "kitti": "kitti/00_gt_first300.txt",
    "euroc": "euroc/V1_02_groundtruth_first1000.csv",
    "re10k": "re10k/0bf152ef84195293.txt",
    "arkit": "arkit_iphone_xs/ARKit_camera_pose.txt",
    "shakify": "camera_shakify/investigation_24fps.csv",
    "gyro": "phone_gyro_412hz/gyro.csv",
}


@pytest.mark.parametrize("format_name", names("trajectory format"))
def test_a_format_takes_its_own_real_file_and_no_other(shared: Path, format_name: str) -> None:
    for written, name in REAL.items():
        file = shared / "trajectories" / name
        fps = 30.0 if format_name in {"monst3r", "colmap"} else None
        if written == format_name:
            assert len(read_path(file, format_name=format_name, fps=fps).t_s) > 10
            assert [one.name for one in guess_formats(read_lines(file))] == [format_name]
        else:
            with pytest.raises(TrajectoryError, match=file.name):
                read_path(file, format_name=format_name, fps=fps)


@pytest.mark.parametrize("format_name", names("trajectory format"))
def test_a_missing_and_an_empty_file_are_refused(tmp_path: Path, format_name: str) -> None:
    (tmp_path / "empty").touch()
    for name in ("absent", "empty"):
        with pytest.raises(TrajectoryError, match=name):
            read_path(tmp_path / name, format_name=format_name, fps=30)


def test_kitti_keeps_its_times(run: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "00.txt").write_text(STILL * 20, encoding="utf-8")
    (tmp_path / "in" / "times.txt").write_text("".join(f"{0.11 * row}\n" for row in range(20)), encoding="utf-8")
    answer = run("import", tmp_path / "in", "--format", "kitti", "--name", "car", *WHOSE)
    assert answer.code == 0, answer.err
    (path,) = load_sets("car")
    assert path.t_s[1] == pytest.approx(0.11)
    assert path.scale_m


def test_a_path_with_a_gap_comes_back_in_parts(run: Callable[..., Answer], tmp_path: Path) -> None:
    file = tum_file(tmp_path, pause_after=31)
    answer = run("import", file, "--format", "tum", "--name", "walks", *WHOSE)
    assert "gaps: 1.033 s after row 31" in answer.out
    # 31 rows are 1 s; the 29 after them are less.
    assert [(path.name, len(path.t_s)) for path in load_sets("walks")] == [("walks/walk+1", 31)]
    assert [len(path.t_s) for path in read_sets("walks")] == [60]


def test_what_cannot_be_used_leaves_nothing_behind(run: Callable[..., Answer], tmp_path: Path, home: Path) -> None:
    short = tmp_path / "short.txt"
    short.write_text("0.5 0 0 0 0 0 0 1\n0.6 0 0 0 0 0 0 1\n", encoding="utf-8")
    answer = run("import", tum_file(tmp_path), short, "--format", "tum", "--name", "walks", *WHOSE)
    assert answer.code == 1
    assert "too short" in answer.err
    assert list(home.iterdir()) == []


def test_a_failure_while_the_set_is_entered_takes_the_copies_back(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(importing, "atomic_write_text", fail)
    with pytest.raises(OSError, match="disk full"):
        import_set(ImportRequest((tum_file(tmp_path),), "walks", "tum", "mine", "made"))
    assert not (home / "trajectories" / "walks").exists()
    assert "walks" not in read_index()


@pytest.mark.slow  # a kill while the lock is made costs a minute
def test_an_import_that_is_killed_at_any_moment_can_be_typed_again(tmp_path: Path, home: Path) -> None:
    request = ImportRequest((tum_file(tmp_path),), "walks", "tum", "mine", "made")
    kills = 0
    for _ in killed_before_each(partial(import_set, request)):
        kills += 1
        if "walks" not in read_index():
            import_set(request)
        with pytest.raises(TrajectoryError, match="already has a set 'walks'"):
            import_set(request)
        assert [path.name for path in load_sets("walks")] == ["walks/walk"]
        assert [path for path in home.rglob("*") if path.name.startswith(".")] == []
        shutil.rmtree(home / "trajectories")
    assert kills > 20


def test_nothing_that_is_there_is_replaced(run: Callable[..., Answer], tmp_path: Path, home: Path) -> None:
    file = tum_file(tmp_path)
    assert run("import", file, "--format", "tum", "--name", "walks", *WHOSE).code == 0
    before = (home / "trajectories" / "index.toml").read_bytes()
    again = run("import", file, "--format", "tum", "--name", "walks", *WHOSE)
    assert again.code == 1
    assert "already has a set 'walks'" in again.err
    (home / "trajectories" / "stray").mkdir()
    stray = run("import", file, "--format", "tum", "--name", "stray", *WHOSE)
    assert "exists already and is not a set" in stray.err
    assert (home / "trajectories" / "index.toml").read_bytes() == before


def test_into_names_another_folder(run: Callable[..., Answer], tmp_path: Path) -> None:
    target = tmp_path / "other" / "trajectories"
    answer = run("import", tum_file(tmp_path), "--format", "tum", "--name", "walks", *WHOSE, "--into", target)
    assert answer.code == 0, answer.err
    assert len(load_sets("walks", root=target)) == 1
    assert "walks" not in read_index()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thing").touch()
    answer = run("import", tmp_path / "walk.txt", "--format", "tum", "--name", "w", *WHOSE, "--into", tmp_path / "full")
    assert "contains other things and no index.toml" in answer.err


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--format", "tum", "--name", "monst3r"), "cannot name a set"),
        (("--format", "tum", "--name", "a b"), "cannot name a set"),
        (("--format", "tmu", "--name", "a"), "did you mean 'tum'"),
        (("--format", "monst3r", "--name", "a"), "has no times"),
        (("--format", "tum", "--name", "a", "--orientation", "XYZ"), "has no option 'orientation'"),
        (("--format", "gyro", "--name", "a"), "looks like format 'tum'"),
    ],
)
def test_a_wrong_request_is_answered_in_a_sentence(
    run: Callable[..., Answer], tmp_path: Path, more: tuple[str, ...], sentence: str
) -> None:
    answer = run("import", tum_file(tmp_path), *more, *WHOSE)
    assert answer.code == 1
    assert sentence in answer.err
    assert answer.err.count("\n") == 1


def test_missing_inputs_empty_folders_and_equal_names_are_refused(run: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "y").mkdir()
    absent = run("import", tmp_path / "no.txt", "--format", "tum", "--name", "a", *WHOSE)
    empty = run("import", tmp_path / "x", "--format", "tum", "--name", "a", *WHOSE)
    twice = run("import", tum_file(tmp_path / "x"), tum_file(tmp_path / "y"), "--format", "tum", "--name", "a", *WHOSE)
    assert "does not exist" in absent.err
    assert "contains no file of format 'tum'" in empty.err
    assert "two paths would be named 'a/walk'" in twice.err


def test_a_monst3r_file_read_as_tum_is_refused_until_forced(
    run: Callable[..., Answer], shared: Path, tmp_path: Path
) -> None:
    file = shared / "trajectories" / "monst3r" / "converted_from_tum_fr1_xyz" / "pred_traj.txt"
    answer = run("show", file, "--format", "tum")
    assert answer.code == 1
    assert "looks like format 'monst3r'" in answer.err
    assert run("show", file, "--format", "tum", "--force").code == 0


def test_a_tum_file_read_as_monst3r_is_refused_until_forced(run: Callable[..., Answer], tmp_path: Path) -> None:
    answer = run("show", tum_file(tmp_path), "--format", "monst3r", "--fps", 30)
    assert answer.code == 1
    assert "looks like format 'tum'" in answer.err
    assert answer.err.count("\n") == 1
    assert run("show", tmp_path / "walk.txt", "--format", "monst3r", "--fps", 30, "--force").code == 0


def test_an_estimate_of_a_clip_is_shown_and_imported(run: Callable[..., Answer], tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    wall = cv2.GaussianBlur(generator.integers(0, 256, (220, 320, 3)).astype(np.uint8), (0, 0), 2.0)
    wall = cv2.normalize(wall, None, 0, 255, cv2.NORM_MINMAX)
    for row in range(34):
        x = int(40 + 12 * np.sin(row / 3))
        write_frame(tmp_path / "clip" / f"{row:04d}.png", wall[30:190, x : x + 240])
    out = tmp_path / "paths" / "clip"
    answer = run("estimate", tmp_path / "clip", "--fps", 30, "--focal-per-width", 3, "-o", out)
    assert (answer.code, answer.err) == (0, "")
    assert "33 of 33 frame pairs trusted (100 %)" in answer.out
    assert f"hvdbench traj show {out} --format monst3r --fps 30" in answer.out
    shown = run("show", out, "--format", "monst3r", "--fps", 30)
    assert "34 rows, 1.10 s, 30 Hz" in shown.out
    again = run("estimate", tmp_path / "clip", "--fps", 30, "-o", out)
    assert (again.code, again.err.count("\n")) == (1, 1)
    assert "contains an estimate already" in again.err
    given = ("--format", "monst3r", "--fps", 30, "--origin", "measured", "--name", "own", *WHOSE)
    assert run("import", out, *given).code == 0
    assert read_index()["own"].origin == "measured"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("hostile/zero_bytes.mov", "is empty"),
        ("hostile/text_named_mp4.mp4", "cannot be opened as a video"),
        ("hostile/audio_only.mp4", "has no video stream"),
        ("hostile/invalid_bitstream_vp9.webm", "no frame can be decoded"),
        ("hostile/one_pixel_yuv444p.mp4", "at least 16 pixels"),
        ("hostile/absent.mp4", "does not exist"),
        ("hostile", "say how many a second"),
    ],
)
def test_a_clip_that_cannot_be_measured_is_answered_in_a_sentence(
    run: Callable[..., Answer], shared: Path, tmp_path: Path, name: str, sentence: str
) -> None:
    answer = run("estimate", shared / "data" / name, "-o", tmp_path / "out")
    assert answer.code == 1
    assert sentence in answer.err
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_show_reports_on_a_set_one_of_its_paths_and_a_file(run: Callable[..., Answer], tmp_path: Path) -> None:
    whole = run("show", "handheld_simulated")
    assert whole.out.startswith("handheld_simulated: simulated; ")
    assert whole.out.count("window seams: none") == 6
    one = run("show", "handheld_simulated/03")
    assert one.out.count("window seams: none") == 1
    file = run("show", tum_file(tmp_path), "--format", "tum")
    assert "60 rows, 1.97 s, 30 Hz" in file.out
    assert "no path 'handheld_simulated/99'" in run("show", "handheld_simulated/99").err
    assert "looks like format 'tum'" in run("show", tmp_path / "walk.txt").err
    assert "did you mean 'handheld_simulated'" in run("show", "handheld_simulatet").err


def test_plot_writes_a_picture(run: Callable[..., Answer], tmp_path: Path) -> None:
    file = tum_file(tmp_path, pause_after=31)
    answer = run("plot", file, "--format", "tum", "-o", tmp_path / "walk.png")
    assert answer.code == 0, answer.err
    assert (tmp_path / "walk.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert run("plot", file, "--format", "tum", "-o", tmp_path / "walk.pdf").code == 2


def test_one_path_is_exported(run: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HVDBENCH_HOME")  # the shipped sets
    file = tmp_path / "walk.csv"
    answer = run("export", tum_file(tmp_path), "--from", "tum", "--format", "euroc", "-o", file)
    assert answer == (0, f"{file}\n", "")
    assert len(read_path(file, format_name="euroc").t_s) == 60
    several = run("export", "handheld_simulated", "--format", "tum", "-o", tmp_path / "set.txt")
    assert (several.code, several.out) == (2, "")
    assert "has 6 paths: name one of handheld_simulated/" in several.err
    assert not (tmp_path / "set.txt").exists()
