"""What holds of every trajectory format of the catalogue, and of one of a person's own."""

import importlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hvdbench.camera.formats.rows import read_lines
from hvdbench.camera.formats.trajectory_format import (
    OPTIONS,
    TrajectoryFormat,
    all_formats,
    guess_formats,
    open_format,
)
from hvdbench.camera.importing import ImportRequest, find_files, import_set
from hvdbench.camera.index import load_sets, read_target
from hvdbench.catalog import names
from hvdbench.errors import HvdbenchError, InputError, TrajectoryError, UnknownNameError

# Twenty-one rows over a second at 20 rows a second, the camera at rest: written by hand, as each format's page says.
COUNT, RATE_HZ = 21, 20
IDENTITY = "1 0 0 0 0 1 0 0 0 0 1 0"


def lines(row: Callable[[int], str], head: str = "") -> str:
    return head + "".join(row(number) + "\n" for number in range(COUNT))


MADE: dict[str, tuple[str, dict[str, str]]] = {
    "monst3r": (
        "pred_traj.txt",
        {
            "pred_traj.txt": lines(lambda i: f"{i} 0 0 0 1 0 0 0"),
            "pred_intrinsics.txt": lines(lambda i: "400 0 256 0 400 144 0 0 1"),
        },
    ),
    "tum": ("walk.txt", {"walk.txt": lines(lambda i: f"{i / RATE_HZ + 0.01} 0 0 0 0 0 0 1", "# t tx ty tz q\n")}),
    "kitti": (
        "00.txt",
        {"00.txt": lines(lambda i: IDENTITY), "times.txt": lines(lambda i: f"{i / RATE_HZ}")},
    ),
    "euroc": (
        "data.csv",
        {
            "data.csv": lines(lambda i: f"{1403715524907143168 + i * 50_000_000},0,0,0,1,0,0,0"),
            "sensor.yaml": "T_BS:\n  cols: 4\n  data: [1,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0,1]\n",
        },
    ),
    "colmap": (
        "images.txt",
        {
            "images.txt": lines(lambda i: f"{i + 1} 1 0 0 0 0 0 0 1 frame_{i:04d}.png\n1.5 2.5 -1", "# IMAGE_ID, QW\n"),
            "cameras.txt": "1 SIMPLE_PINHOLE 640 480 500 320 240\n",
        },
    ),
    "re10k": (
        "clip.txt",
        {"clip.txt": lines(lambda i: f"{50_000 * i} 0.9 1.6 0.5 0.5 0 0 {IDENTITY}", "https://example.org/v\n")},
    ),
    "arkit": ("ARKit_camera_pose.txt", {"ARKit_camera_pose.txt": lines(lambda i: f"{50_000_000 * i} {IDENTITY}")}),
    "shakify": (
        "shake.csv",
        {
            "shake.csv": lines(
                lambda i: f"{i},{i / RATE_HZ},0,0,0,0,0,0",
                "frame,t_s,loc_x_m,loc_y_m,loc_z_m,rot_x_rad,rot_y_rad,rot_z_rad\n",
            )
        },
    ),
    "gyro": ("log.csv", {"log.csv": lines(lambda i: f"{i / RATE_HZ},0,0,0", "t,gx,gy,gz\n")}),
}
for _name in set(names("trajectory format")) - set(MADE):  # a format that came later brings its sample in its own test
    MADE[_name] = importlib.import_module(f"test_{_name}").SAMPLE


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HVDBENCH_HOME", str(folder))
    return folder


def make(folder: Path, name: str) -> Path:
    """Write a format's files, each path in a folder of its own; the path's file comes back."""
    main, files = MADE[name]
    folder.mkdir(parents=True)
    for file, text in files.items():
        (folder / file).write_text(text, encoding="utf-8")
    return folder / main


def test_every_format_of_the_catalogue_is_made_here() -> None:
    assert sorted(MADE) == names("trajectory format")


@pytest.mark.parametrize("form", all_formats(), ids=lambda form: form.name)
def test_the_facts_of_a_format_are_whole(form: TrajectoryFormat) -> None:
    assert open_format(form.name) == form
    assert form.name in names("trajectory format")
    assert form.title
    assert len(form.row.split()) > 1 or "," in form.row
    assert all(ending.startswith(".") and ending == ending.lower() for ending in form.endings)
    assert form.endings
    assert not form.file_name or Path(form.file_name).suffix in form.endings


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_format_finds_its_file_and_leaves_its_companions(tmp_path: Path, name: str) -> None:
    form, file = open_format(name), make(tmp_path / "a", name)
    assert form.files_in(tmp_path / "a") == [file]
    companions = {tmp_path / "a" / other for other in MADE[name][1]} - {file}
    assert set(form.companions(file)) == companions
    (tmp_path / "a" / ".hidden.txt").touch()
    (tmp_path / "a" / "._log.csv").touch()
    assert find_files((tmp_path / "a",), form) == [file]
    if form.file_name:
        assert form.files_in(tmp_path) == [file]  # from one folder above


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_format_claims_its_file_and_no_other_format_does(tmp_path: Path, name: str) -> None:
    head = read_lines(make(tmp_path / "a", name))
    assert [form.name for form in guess_formats(head)] == [name]


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_camera_at_rest_is_read_at_its_rate(tmp_path: Path, name: str) -> None:
    form, file = open_format(name), make(tmp_path / "a", name)
    fps = RATE_HZ if form.needs_fps or name == "colmap" else None
    for path in (form.read(file, fps=fps), form.read(tmp_path / "a" if form.file_name else file, fps=fps)):
        assert path.duration_s == pytest.approx(1.0)
        assert path.origin == form.origin
        np.testing.assert_allclose(path.position_w, 0.0)
        np.testing.assert_allclose(path.rotation_wc @ path.rotation_wc[0].T, np.tile(np.eye(3), (COUNT, 1, 1)))


@pytest.mark.parametrize("name", sorted(MADE))
def test_an_imported_path_brings_what_lies_beside_it(tmp_path: Path, home: Path, name: str) -> None:
    form = open_format(name)
    make(tmp_path / "a", name)
    fps = RATE_HZ if form.needs_fps or name == "colmap" else None
    added = import_set(ImportRequest((tmp_path / "a",), "mine", name, "mine", "made", fps=fps))
    (folder,) = added.folder.iterdir()
    assert {file.name for file in folder.iterdir()} == set(MADE[name][1])
    (path,) = load_sets("mine")
    assert path.duration_s == pytest.approx(1.0)


@pytest.mark.parametrize("name", sorted(MADE))
@pytest.mark.parametrize("other", sorted(MADE))
def test_a_file_of_another_format_is_refused_with_the_right_one(tmp_path: Path, name: str, other: str) -> None:
    if name == other:
        return
    file = make(tmp_path / "a", other)
    with pytest.raises(TrajectoryError, match=rf"looks like format '{other}' .* say --format {other}, or --force"):
        open_format(name).read(file, fps=RATE_HZ)


def test_rows_that_could_be_of_two_formats_are_said_to_be(tmp_path: Path) -> None:
    # Whole seconds or frames, and a camera that begins on its side: neither order of the quaternion is sure.
    file = tmp_path / "path.txt"
    file.write_text("".join(f"{row} 0 0 0 0.5 0.5 0.5 0.5\n" for row in range(9)), encoding="utf-8")
    with pytest.raises(TrajectoryError, match="it looks like format 'monst3r' or 'tum'"):
        read_target(str(file))


OWN = """
from pathlib import Path
from hvdbench.camera.formats.rows import first_row, read_rows, seconds
from hvdbench.camera.formats.trajectory_format import UNLIKE, TrajectoryFormat, certain
from hvdbench.camera.trajectory import Trajectory

def read_yaw(path, *, fps=None):
    rows = read_rows(path, columns=(2,), layout="t yaw")
    still = [[1.0, 0.0, 0.0, 0.0]] * len(rows)
    return Trajectory(seconds(rows[:, 0], unit="seconds", file=path, fps=fps), still, rows[:, :1] * [[0, 0, 0]])

def looks_like_yaw(head):
    return certain("two columns") if len(first_row(head)) == 2 else UNLIKE

YAW = TrajectoryFormat("yaw", "yaw log", "t yaw", "seconds", read_yaw, looks_like_yaw, endings=(".yaw",),
                       companions=lambda file: [one for one in [file.with_suffix(".json")] if one.is_file()])
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A format of one's own in the current folder, and a folder with two of its files."""
    (tmp_path / "my_yaw_format.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_yaw_format", raising=False)
    for name in ("a", "b"):
        (tmp_path / "logs").mkdir(exist_ok=True)
        (tmp_path / "logs" / f"{name}.yaw").write_text(lines(lambda i: f"{i / RATE_HZ} 0"), encoding="utf-8")
    (tmp_path / "logs" / "a.json").write_text("{}", encoding="utf-8")
    (tmp_path / "logs" / "notes.txt").write_text("not a path", encoding="utf-8")
    return tmp_path / "logs"


def test_a_format_of_ones_own_is_shown_imported_and_found_in_a_folder(own: Path) -> None:
    name = "my_yaw_format:YAW"
    (path,) = read_target(str(own / "a.yaw"), format_name=name)[1]
    assert path.duration_s == pytest.approx(1.0)
    added = import_set(ImportRequest((own,), "yaws", name, "mine", "made"))
    assert sorted(str(file.relative_to(added.folder)) for file in added.folder.rglob("*.*")) == [
        "a/a.json", "a/a.yaw", "b/b.yaw"
    ]  # fmt: skip
    assert [path.name for path in load_sets("yaws")] == ["yaws/a", "yaws/b"]
    (own / "c.yaw").write_text(MADE["tum"][1]["walk.txt"], encoding="utf-8")
    with pytest.raises(TrajectoryError, match=r"'tum' .t tx ty tz qx qy qz qw. and not like 'yaw' .t yaw.: "):
        open_format(name).read(own / "c.yaw")


def test_one_line_of_the_catalogue_makes_a_format_known_everywhere(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hvdbench import catalog

    table = {**catalog.TRAJECTORY_FORMATS, "yaw": "my_yaw_format:YAW"}
    monkeypatch.setattr(catalog, "TRAJECTORY_FORMATS", table)
    kind = replace(catalog._KINDS["trajectory format"], parts=table)
    monkeypatch.setattr(catalog, "_KINDS", {**catalog._KINDS, "trajectory format": kind})
    assert [form.name for form in guess_formats(read_lines(own / "a.yaw"))] == ["yaw"]
    assert len(import_set(ImportRequest((own,), "yaws", "yaw", "mine", "made")).qualities) == 2
    with pytest.raises(TrajectoryError, match="looks like format 'yaw'"):
        open_format("kitti").read(own / "a.yaw", fps=RATE_HZ)


def test_a_mere_reading_function_will_do(own: Path) -> None:
    form = open_format("my_yaw_format:read_yaw")
    assert form.read(own / "a.yaw").duration_s == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("name", "kind", "sentence"),
    [
        ("my_yaw_format:NOTHING", UnknownNameError, "cannot be imported"),
        ("my_yaw_format:looks_like_yaw", TrajectoryError, "takes nothing besides the file: it must take fps"),
        ("json:__all__", InputError, "expected a TrajectoryFormat, or a function"),
        ("tmu", UnknownNameError, "did you mean 'tum'"),
    ],
)
def test_what_is_no_format_is_one_sentence(own: Path, name: str, kind: type[HvdbenchError], sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        open_format(name)


def test_a_reader_with_a_misspelt_keyword_is_refused_where_it_is_written() -> None:
    def read(path: Path, *, fps: float | None = None, orientatoin: str = "") -> None: ...

    with pytest.raises(TypeError, match="takes fps, orientatoin besides the file"):
        TrajectoryFormat("a", "a", "t x", "seconds", read)  # type: ignore[arg-type]
    assert {"fps", "orientation", "force"} == OPTIONS
